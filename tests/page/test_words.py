"""Every text of the page stands in both languages, Chinese is Chinese, and nothing is asked for that is not there."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from edge_agent.catalogue import CATALOGUE
from edge_agent.readings import ControllerDoor, Direction, FaultReason, Mode, Signal
from edge_agent.wire_values import Phase
from receiver.board import TroubleKind
from receiver.evidence import EvidenceState
from receiver.incidents import IncidentState

STATIC = {
    entry.name: entry.read_text(encoding="utf-8")
    for entry in (files("receiver") / "static").iterdir()
    if entry.name.endswith((".js", ".html"))
}
CATALOGUES = [name for name in STATIC if name.startswith("words")]
SAME_IN_BOTH = {"other_language", "comma", "unit_degrees"}
UNITS = r"dBm|dB|mm|KiB"


def words_of(name: str) -> dict[str, dict[str, str]]:
    """One catalogue, read with a pattern that its own form must fit."""
    found: dict[str, dict[str, str]] = {}
    for language, block in re.findall(r"^  (\w+): \{\n(.*?)^  \},\n", STATIC[name], re.MULTILINE | re.DOTALL):
        pairs = re.findall(r'^    (\w+):\s+"([^"]*)",\n', block, re.MULTILINE)
        assert "".join(re.sub(r"\s+", "", f'{key}:"{value}",') for key, value in pairs) == re.sub(r"\s+", "", block)
        assert len(pairs) == len(dict(pairs)), "a key stands twice"
        found[language] = dict(pairs)
    return found


def words() -> dict[str, dict[str, str]]:
    """All catalogues together, as the page joins them."""
    found: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for name in CATALOGUES:
        for language, pairs in words_of(name).items():
            assert not found[language].keys() & pairs.keys(), f"{name} says again what another says"
            found[language].update(pairs)
    return found


@pytest.mark.parametrize("name", CATALOGUES)
def test_both_languages_say_everything_with_the_same_places_for_values(name: str) -> None:
    catalogue = words_of(name)
    assert set(catalogue) == {"en", "zh"}
    assert set(catalogue["en"]) == set(catalogue["zh"])
    for key, english in catalogue["en"].items():
        places = sorted(re.findall(r"\{\w+\}", english))
        assert sorted(re.findall(r"\{\w+\}", catalogue["zh"][key])) == places, key


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_chinese_words_are_chinese(name: str) -> None:
    for key, text in words_of(name)["zh"].items():
        bare = re.sub(rf"\{{\w+\}}|\b(?:{UNITS})\b", "", text)
        if key not in SAME_IN_BOTH and re.search(r"[A-Za-z\u4e00-\u9fff]", bare.replace("s", "")):
            assert re.search(r"[\u4e00-\u9fff]", bare), key
            assert re.search(r"[A-Za-z]{2,}", bare) is None, key


def test_every_word_that_the_page_asks_for_is_there() -> None:
    keys = set(words()["en"])
    asked = {key for text in STATIC.values() for key in re.findall(r"\b(?:say|fact|section|row)\(\"(\w+)\"", text)}
    asked |= set(re.findall(r"data-word=\"(\w+)\"", STATIC["index.html"]))
    assert len(asked) > 60
    assert asked <= keys


def test_no_word_is_kept_that_nothing_asks_for() -> None:
    code = "".join(text for name, text in STATIC.items() if name not in CATALOGUES)
    beginnings = {*re.findall(r"`(\w+_)\$\{", code), "direction_", "mode_", "floor_", "fault_"}  # of the controller
    unused = {
        key
        for key in words()["en"]
        if not re.search(rf"[\"']{key}[\"']", code) and not any(key.startswith(begin) for begin in beginnings)
    }
    assert unused == set()


def test_whatever_a_box_or_the_receiver_may_say_has_words() -> None:
    """Signs of the catalogue, states, stages, controller words: a new one without words would show as a code."""
    keys = set(words()["en"])
    needed = {f"sign_{field.name}" for row in CATALOGUE.values() for field in row.evidence}
    needed |= {f"state_{state.value}" for state in IncidentState}
    needed |= {f"phase_{phase.name.lower()}" for phase in Phase if phase is not Phase.TEST}
    needed |= {f"recording_{state.name.lower()}" for state in EvidenceState}
    needed |= {f"trouble_{kind.value}" for kind in TroubleKind}
    needed |= {f"contact_{signal.value}" for signal in Signal}
    needed |= {f"direction_{word.value}" for word in Direction} | {f"mode_{word.value}" for word in Mode}
    needed |= {f"door_{word.value}" for word in ControllerDoor} | {f"value_{reason.value}" for reason in FaultReason}
    assert needed <= keys
