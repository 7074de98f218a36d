"""Changing values of a settings file leaves everything else of it as it is."""

from __future__ import annotations

import tomllib

import pytest

from edge_agent.errors import SettingsError
from edge_agent.toml_edit import with_values

TEXT = """\
# A remark at the top
[lift]
id = "a # b"      # short name
rated_speed_mps = 1.75  # optional
landing_heights_m = [
  0.0,   # ground
  4.2,
]  # measured

[contacts]
chip = "lgpio"
door_open = { pin = 17, active = "low" }    # fully open

# the last remark
"""


def test_a_value_is_changed_and_its_remark_stays() -> None:
    new = with_values(TEXT, [("lift.rated_speed_mps", "1.6")], "box.toml")
    assert new == TEXT.replace("= 1.75  #", "= 1.6  #")


def test_a_value_over_several_lines_is_replaced_as_a_whole() -> None:
    new = with_values(TEXT, [("lift.landing_heights_m", "[0.0, 3.0]")], "box.toml")
    assert "landing_heights_m = [0.0, 3.0]  # measured\n" in new
    assert "ground" not in new


def test_a_new_key_goes_behind_the_last_of_its_section() -> None:
    new = with_values(TEXT, [("lift.drive", '"vvvf"'), ("contacts.presence", "{ pin = 22 }")], "box.toml")
    assert ']  # measured\ndrive = "vvvf"\n\n[contacts]' in new
    assert "# fully open\npresence = { pin = 22 }\n\n# the last remark\n" in new


def test_a_new_section_goes_to_the_end() -> None:
    assert with_values("[lift]\nid = 'x'", [("limits.a", "1")], "f") == "[lift]\nid = 'x'\n\n[limits]\na = 1\n"


def test_what_says_the_same_is_left_as_it_is_written() -> None:
    same = [("lift.rated_speed_mps", "1.750"), ("contacts.door_open", '{active = "low", pin = 17}')]
    assert with_values(TEXT, same, "box.toml") == TEXT


def test_a_hash_in_a_text_is_no_remark() -> None:
    assert with_values(TEXT, [("lift.id", '"c # d"')], "f").splitlines()[2] == 'id = "c # d"      # short name'


@pytest.mark.parametrize(
    "text",
    ["lift.id = 'x'\n", "[contacts.door_open]\npin = 3\n", "lift = { id = 'x' }\n", "[contacts]\ndoor_open.pin = 3\n"],
)
def test_what_is_written_in_another_way_is_refused_and_not_guessed(text: str) -> None:
    name = "lift.drive" if "lift" in text else "contacts.door_open"
    value = '"vvvf"' if "lift" in text else "{ pin = 4 }"
    with pytest.raises(SettingsError, match=r"by hand"):
        with_values(text, [(name, value)], "box.toml")


def test_the_documented_example_can_be_changed_everywhere() -> None:
    from tests.architecture.source_files import ROOT

    text = (ROOT / "docs/example.toml").read_text(encoding="utf-8")
    changes = [(f"{section}.new_key", "1") for section in tomllib.loads(text)]
    changes += [("lift.rated_speed_mps", "2.0"), ("contacts.door_open", '{ pin = 5, active = "high" }')]
    new = with_values(text, changes, "example.toml")
    assert all(table["new_key"] == 1 for table in tomllib.loads(new).values())
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in new.splitlines() if line.startswith("#")
    ]
