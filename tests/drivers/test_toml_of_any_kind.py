"""Every reader of TOML files, given what none is: an error with file and line, soon, and no other exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from edge_agent.cli.replay import read_overrides
from edge_agent.cli.settings_file import load_settings
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.recording_meta import Found, read_meta
from edge_agent.toml_text import DEPTH_MAX, KEY_PARTS_MAX, text_of, toml_from
from sim.library import load_scenario

READERS: dict[str, Callable[[Path], object]] = {
    "settings": lambda path: load_settings(str(path)),
    "overrides": read_overrides,
    "register_map": lambda path: load_register_map(str(path)),
    "serial_protocol": lambda path: load_serial_protocol(str(path)),
    "recording": lambda path: read_meta(path, Found(False, False, frozenset())),
    "scenario": lambda path: load_scenario(str(path)),
}

# what is in the file, the line that is named (None: none can be), what is said
BAD: dict[str, tuple[bytes, int | None, str]] = {
    "a number of 5,000 digits": (b"format = 1\nnumber = " + b"9" * 5000, 2, "too many digits"),
    "a number of 400 digits": (b"[lift]\nid = 1" + b"0" * 400, 2, "64 bits"),
    "a hexadecimal number of 5,000 digits": (b"\nx = 0x" + b"f" * 5000, 2, "64 bits"),
    "2,000 nested brackets": (b"format = 1\nx = " + b"[" * 2000 + b"]" * 2000, 2, "nested too deep"),
    "2,000 nested tables": (b"x = " + b"{a=" * 2000 + b"1" + b"}" * 2000, 1, "nested too deep"),
    "40 nested brackets": (b"\n\nx = " + b"[" * 40 + b"]" * 40, 3, "nested too deep"),
    "a key of 60,000 parts": (b"\n" + b".".join([b"a"] * 60_000) + b" = 1", 2, "parts"),
    "a table of 20,000 parts": (b"[" + b" . ".join([b"'a'"] * 20_000) + b"]", 1, "parts"),
    "10 MB of remarks": (b"# nothing\n" * 1_000_000, None, "larger than"),
    "10 MB in one line": (b"x = '" + b"a" * 10_000_000, None, "larger than"),
    "NUL bytes": (b"format = 1\nx = \0\0\0", 2, "no valid TOML"),
    "a NUL byte in a text": (b'format = 1\n\nx = "a\0b"', 3, "no valid TOML"),
    "nothing but NUL bytes": (b"\0" * 100_000, 1, "no valid TOML"),
    "UTF-16": ("format = 1\n".encode("utf-16"), 1, "UTF-16"),
    "Latin-1": ("format = 1\n# Aufzüge\n".encode("latin-1"), 2, "no UTF-8"),
    "GBK": ("format = 1\ntitle = '电梯'\n".encode("gbk"), 2, "no UTF-8"),
    "no date of any calendar": (b"x = 2026-02-31", None, "valid TOML"),
    "half a file": (b'format = 1\nx = """', 2, "no valid TOML"),
}


def refusal(reader: str, path: Path, raw: bytes) -> EdgeAgentError:
    path.write_bytes(raw)
    with pytest.raises(EdgeAgentError) as caught:
        READERS[reader](path)
    return caught.value


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_none_is_refused_with_its_name_and_line(reader: str, bad: str, tmp_path: Path) -> None:
    raw, line, words = BAD[bad]
    path = tmp_path / "any.toml"
    error = refusal(reader, path, raw)
    assert words.lower() in str(error).lower()
    assert f"{path}:{line}: " in str(error) if line is not None else str(path) in str(error)


# as much as is read, of what is allowed and of what is nearly so
LARGE = {
    "many keys": "".join(f"k{number} = {number}\n" for number in range(9_000)),
    "many limits": "[limits]\n" + "".join(f"k{number} = {number}\n" for number in range(9_000)),
    "many tables": "".join(f"[t{number}]\n" for number in range(12_000)),
    "many rows": "[[step]]\ndo = 'wait'\nfor_s = 1\n" * 4_000,
    "one long list": "x = [" + "1," * 60_000 + "]",
    "one long name": "a" * 120_000 + " = 1",
    "one long text": "x = '" + "a" * 120_000 + "'",
    "quotes": "x = " + '"' * 120_001,
    "keys of 30 parts": "".join(f"k{n}." + ".".join("abcdefghijklmnopqrstuvwxyz12") + " = 1\n" for n in range(1_900)),
    "blanks": "a" + " " * 120_000 + ".",
}


@pytest.mark.timeout(120)  # minutes of work are a hang; a second or two on a busy machine are none
@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("reader", [pytest.param(name, marks=pytest.mark.system) for name in READERS] + ["any"])
def test_as_much_nonsense_as_is_read_is_no_hang(reader: str, large: str, tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_text(LARGE[large])
    with suppress(EdgeAgentError):
        if reader == "any":
            toml_from(LARGE[large], "large.toml", "")
        else:
            READERS[reader](tmp_path / "large.toml")


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_never_ends_is_read_no_further_than_its_bound(reader: str, tmp_path: Path) -> None:
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(EdgeAgentError, match="larger than"):
        READERS[reader](tmp_path / "endless.toml")


def test_what_is_just_allowed_is_read() -> None:
    deep = "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1)
    key = ".".join(["k"] * KEY_PARTS_MAX)
    toml = toml_from(f"x = {deep}\ny = {2**63 - 1}\nz = {-(2**63)}\n{key} = 1\n", "f.toml", "")
    assert toml.values["y"] == 2**63 - 1
    assert toml.lines[("z",)] == 3
    with pytest.raises(SettingsError, match=r"f.toml:2: a whole number is larger"):
        toml_from(f"x = 1\ny = {2**63}\n", "f.toml", "")


def test_a_byte_order_mark_and_any_line_ends_are_read_over() -> None:
    assert text_of("\ufeffa = 1\r\nb = 2\rc = 3\n".encode(), "f.toml") == "a = 1\nb = 2\nc = 3\n"


ANY_TEXT = st.text(alphabet="a.[]{}=\"'#\\\n 0_-:Tx,\0é", max_size=120)


@settings(max_examples=300, deadline=None)
@given(raw=st.one_of(st.binary(max_size=300), ANY_TEXT.map(str.encode)))
def test_any_bytes_give_values_or_an_error_of_ours(raw: bytes) -> None:
    subject = "f.toml"
    try:
        json.dumps(toml_from(text_of(raw, subject), subject, "hint").values, default=str)
    except SettingsError as error:
        subject = error.subject
    assert subject.startswith("f.toml")
