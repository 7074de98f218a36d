"""Every text of the page stands in both languages, Chinese is Chinese, and nothing is asked for that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState, DoorState
from edge_agent.catalogue_page import PAGE_WORDS
from edge_agent.detect.motion_state import Phase
from edge_agent.page.app import words_for
from edge_agent.page.calibrating import MESSAGES
from edge_agent.readings import (
    ControllerDoor,
    ControllerReport,
    Direction,
    FaultReason,
    Mode,
    Signal,
)
from edge_agent.status import AgentState

STATIC = {
    path.name: path.read_text(encoding="utf-8")
    for path in (Path(__file__).parents[2] / "edge_agent/page/static").iterdir()
    if path.suffix in (".js", ".html")
}
SAME_IN_BOTH = {"other_language", "x", "y", "z", "car_speed", "score"}
LATIN_ALLOWED = r"PIN|SIM|m/s²?|hPa|dBm|\b[AV]\b"


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


def test_both_languages_say_everything_with_the_same_places_for_values() -> None:
    wrong = [key for key, (english, chinese) in PAGE_WORDS.items() if places(english) != places(chinese)]
    assert wrong == []
    assert set(words_for("en")) == set(words_for("zh"))


@pytest.mark.parametrize("key", sorted(PAGE_WORDS))
def test_the_chinese_words_are_chinese(key: str) -> None:
    bare = re.sub(rf"\{{\w+\}}|{LATIN_ALLOWED}", "", PAGE_WORDS[key][1])
    if key not in SAME_IN_BOTH:
        assert re.search(r"[\u4e00-\u9fff]", bare)
        assert re.search(r"[A-Za-z]", bare) is None


ASKED = (
    re.compile(r"\b(?:say|section|button|endButton)\(\s*\"(\w+)\""),
    re.compile(r"data-word=\"(\w+)\""),
    re.compile(r"[?:] \"(cal_\w+)\""),
)
MARKUP = re.compile(r"\beval\(|new Function|insertAdjacentHTML|\.innerHTML\s*=[^=]|document\.write|\son\w+=")


def asked() -> set[str]:
    """Keys that stand whole in the scripts."""
    return {key for text in STATIC.values() for pattern in ASKED for key in pattern.findall(text)}


def test_every_word_that_the_page_asks_for_is_there() -> None:
    found = asked()
    assert len(found) > 50
    assert found <= set(words_for("en"))


def test_no_word_is_kept_that_nothing_asks_for() -> None:
    code = "".join(STATIC.values())
    beginnings = set(re.findall(r"`(\w+_)\$\{", code))
    unused = {
        key
        for key in PAGE_WORDS
        if not re.search(rf"[\"']{key}[\"']", code) and not any(key.startswith(begin) for begin in beginnings)
    }
    assert {key for key in unused if not key.startswith("fault_") and key != "source_not_open"} == set()


def test_whatever_the_agent_may_say_has_words() -> None:
    keys = set(words_for("en"))
    needed = {f"agent_{state.value}" for state in AgentState} | {"agent_calibrating"}
    needed |= {f"phase_{phase.value}" for phase in Phase}
    needed |= {f"car_door_{door.name.lower()}" for door in DoorState if door is not DoorState.UNKNOWN}
    needed |= {f"incident_{state.value}" for state in AlarmState if state is not AlarmState.CLEARED}
    needed |= {f"fault_{reason.value}" for reason in FaultReason}
    needed |= {f"line_{signal.value}" for signal in Signal}
    needed |= {f"bus_{name}" for name in ControllerReport.__dataclass_fields__ if name != "t_ns"}
    needed |= {f"said_{word.value}" for kind in (Direction, Mode, ControllerDoor) for word in kind}
    needed |= {
        f"source_{name}" for name in ("accelerometer", "pressure", "door_contacts", "controller", "supply", "modem")
    }
    needed |= {f"cal_{message}" for message in MESSAGES}
    assert needed - keys == set()


def test_nothing_comes_from_outside_and_nothing_is_written_as_markup() -> None:
    for name, text in STATIC.items():
        found = set(re.findall(r"https?://[^\s\"'<>]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, name
        assert MARKUP.search(text) is None, name
