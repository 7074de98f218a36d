"""The catalogue is complete, agrees with the words of the core, and ALARMS.md is what it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue import CATALOGUE, RECORDS, CatalogueRow
from edge_agent.catalogue_text import catalogue_markdown
from edge_agent.wire_values import SystemKind

ROOT = Path(__file__).parents[2]
EVIDENCE_UNITS = ("_s", "_ms", "_m", "_mm", "_mps", "_mps2", "_mps3", "_percent", "_bytes", "_count", "_deg", "_v")


def test_every_kind_has_exactly_one_row_in_order_of_numbers() -> None:
    assert list(CATALOGUE) == list(AlarmKind)


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.name)
def test_a_row_tells_a_person_in_both_languages_what_to_do(row: CatalogueRow) -> None:
    for text in (row.title_en, row.title_zh, row.raised_when_en, row.cleared_when_en):
        assert text.strip()
    assert row.first_check_en.endswith(".")
    assert any("\u4e00" <= char <= "\u9fff" for char in row.title_zh)
    assert any("\u4e00" <= char <= "\u9fff" for char in row.first_check_zh)
    assert row.evidence


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.name)
def test_the_unit_of_an_evidence_field_stands_in_its_name(row: CatalogueRow) -> None:
    for field in row.evidence:
        if field.unit not in ("", "yes/no", "name"):
            assert any(f"{unit}_" in f"{field.name}_" for unit in EVIDENCE_UNITS), field.name


def test_people_in_danger_are_critical_and_nothing_else_is() -> None:
    for row in CATALOGUE.values():
        assert (row.severity is Severity.CRITICAL) == (row.number < 32), row.name


# Source: standards note 1.3 and 5.1, core tables; pairs of our number and the foreign code point.
@pytest.mark.parametrize(
    ("kind", "gb", "bacnet"),
    [
        (AlarmKind.SAFETY_CIRCUIT_OPEN, "01", "5"),
        (AlarmKind.DOOR_CLOSE_FAILURE, "02", "6"),
        (AlarmKind.DOOR_OPEN_FAILURE, "03", "7"),
        (AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE, "04", "8"),
        (AlarmKind.RUN_TIME_EXCEEDED, "06", "13"),
        (AlarmKind.POSITION_LOST, "07", "14"),
        (AlarmKind.MAINS_LOST, "41", "4"),
        (AlarmKind.ALARM_BUTTON, "90", "Passenger_Alarm"),
    ],
)
def test_foreign_codes_are_those_of_the_public_tables(kind: AlarmKind, gb: str, bacnet: str) -> None:
    assert (CATALOGUE[kind].gb, CATALOGUE[kind].bacnet) == (gb, bacnet)


def test_the_wire_knows_the_other_records_by_the_same_numbers() -> None:
    names = {record.number: record.name for record in RECORDS}
    for kind in SystemKind:
        assert names[int(kind)] == kind.name.lower()


def test_numbers_of_alarms_and_records_never_meet() -> None:
    numbers = [row.number for row in CATALOGUE.values()] + [record.number for record in RECORDS]
    assert len(numbers) == len(set(numbers))


def test_alarms_md_is_current() -> None:
    written = (ROOT / "ALARMS.md").read_text(encoding="utf-8")
    assert written == catalogue_markdown(), "run `make alarms-doc`"


def test_every_sign_the_core_gives_is_in_the_catalogue() -> None:
    known = {field.name for row in CATALOGUE.values() for field in row.evidence}
    missing = [place for place, name in _signs_in(ROOT / "edge_agent" / "detect") if name not in known]
    assert not missing, "signs without a catalogue field: " + ", ".join(missing)


def test_a_sign_without_a_field_is_found(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text('Evidence("nobody_knows_s", 1.0)\n', encoding="utf-8")
    assert [name for _, name in _signs_in(tmp_path)] == ["nobody_knows_s"]


def _signs_in(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Evidence"), args=[ast.Constant(value=str(name)), *_]):
                    found.append((f"{path.name}:{node.lineno} {name}", name))
    return found
