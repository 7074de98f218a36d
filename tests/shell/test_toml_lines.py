"""Lines of keys: every form in which TOML lets a key be written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.toml_lines import KeyPath, key_lines


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("# a = 1\n\na = 1", ("a",), 3),
        ("[lift]\nid = 'x' # [other]\n[state]\nfolder = '#'\nage = 3", ("state", "age"), 5),
        ("[a.b]\nc.d = 1", ("a", "b", "c", "d"), 2),
        ("[ a . 'b c' ]\n\"d\\u0065\" = 1", ("a", "b c", "de"), 2),
        ("x = { a = 1, b = { c = '}' } }", ("x", "b", "c"), 1),
        ("x = [\n  { a = 1 },\n  # b\n  { a = 2 }, ]", ("x", 1, "a"), 4),
        ("[[r]]\nn = 1\n[[r]]\nn = 2", ("r", 1, "n"), 4),
        ("[[r]]\n[r.s]\nn = 1\n[[r]]\n[r.s]\nn = 2", ("r", 1, "s", "n"), 6),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ('a = """ends in a quote""""\nb = 2', ("b",), 2),
        ("a = '''\n[t]\n'''\nb = 2", ("b",), 4),
        ('a = "with \\" and ]"\nb = 2', ("b",), 2),
        ("a = [1,\n 2,\n 3]\nb = 1979-05-27T07:32:00Z", ("b",), 4),
        ("a = [[1], [\n2]]\nb = 1", ("a", 1, 0), 2),
        ("a = 1\r\nb = 2\r\n", ("b",), 2),
    ],
)
def test_a_key_is_found_on_its_line(text: str, path: KeyPath, line: int) -> None:
    tomllib.loads(text)
    assert key_lines(text)[path] == line


@given(
    st.lists(st.tuples(st.text(alphabet="ab\"'#[]{}=,.\\\n é", max_size=6), st.integers(0, 3)), max_size=6, unique=True)
)
def test_keys_are_found_whatever_stands_in_the_strings(entries: list[tuple[str, int]]) -> None:
    lines = []
    for number, (content, blank_lines) in enumerate(entries):
        escaped = "".join(f"\\u{ord(char):04x}" if char in '"\\\n' else char for char in content)
        lines.append("# [x] = '\n" * blank_lines + f'key{number} = "{escaped}"')
    text = "\n".join(lines)
    values = tomllib.loads(text)
    found = key_lines(text)
    assert {path[0] for path in found} == set(values)
    for number in range(len(entries)):
        assert text.splitlines()[found[(f"key{number}",)] - 1].startswith(f"key{number} =")
