"""Everything a calibration can say stands in the catalogue, in both languages, with the same values."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator

import pytest

from calibration.session_watchers import PRESENCE_PLACES
from calibration.session_wording import TABLES, Wording, keys
from calibration.sides_still import SIDES
from calibration.words import Measured, StepName, said
from tests.architecture.source_files import ROOT

FILES = [path for path in (ROOT / "calibration").glob("*.py") if "report" not in path.name]
SAYING = {"said", "Measured", "Gauge", "Plot", "Series", "thinned_series"}


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: next(iter(table)))
def test_both_languages_name_the_same_values(table: dict[str, tuple[str, str]]) -> None:
    wrong = [key for key, (en, zh) in table.items() if fields_of(en) != fields_of(zh) or not en or not zh]
    assert wrong == []


def test_no_key_has_two_meanings() -> None:
    every = list(keys())
    assert sorted({key for key in every if every.count(key) > 1}) == []


def said_in_the_code() -> Iterator[tuple[str, str]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if not isinstance(node.func, ast.Name) or node.func.id not in SAYING:
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield path.name, first.value


def test_every_sentence_and_name_in_the_code_is_in_the_catalogue() -> None:
    known = set(keys())
    missing = sorted({f"{file}: {key}" for file, key in said_in_the_code() if key not in known})
    assert missing == []


def test_names_that_are_put_together_are_in_the_catalogue() -> None:
    known = set(keys())
    made = [f"{step.value}.do" for step in StepName] + [f"step.{step.value}" for step in StepName]
    made += [f"{step.value}.not_wired" for step in StepName if step is not StepName.WIRING]
    made += [f"side.{side}" for side in SIDES] + ["side_done", "side_up", "side_open", "mount.gravity_changed"]
    made += [f"presence.{what}.{place}" for place in PRESENCE_PLACES for what in ("do", "ask")]
    made += [
        f"controller.{what}{name}" for name in ("floor", "direction", "door", "mode", "fault") for what in ("", "ask.")
    ]
    assert [key for key in made if key not in known] == []


def test_a_value_that_is_a_key_is_put_into_words() -> None:
    sentence = said("wiring.no_chip", source="source.pressure", problem="nothing answers")
    assert Wording("en").sentence(sentence) == "The barometer is not found: nothing answers"
    assert Wording("zh").sentence(sentence) == "未找到气压计：nothing answers"


def test_a_key_that_nobody_knows_is_shown_with_its_values() -> None:
    assert Wording("en").sentence(said("later.key", number=3)) == "later.key (number 3)"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(None, None, "load: 4.5 W"), (1.0, None, "at least 1"), (None, 5.0, "at most 5"), (1.0, 5.0, "1 to 5")],
)
def test_a_measurement_is_said_with_its_range(low: float | None, high: float | None, words: str) -> None:
    assert words in Wording("en").measured(Measured("supply.load", 4.5, "W", low, high))
