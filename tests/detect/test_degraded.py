"""The degraded-mode table against the stories: every sense is taken away from every story, and the table must be true.

What the table claims to see must be raised; what it says cannot be seen must not be; and nothing is raised for nothing
that the table does not name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Trip
from edge_agent.catalogue import CATALOGUE
from edge_agent.catalogue_sources import CONFUSED, CONTROLLER, NEEDS, SHARPENS, Sight, may_be_confused, sight
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.detect.sources import MODEM, SUPPLY
from edge_agent.installation import Installation, Wiring
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    MaintenanceWord,
    ModemReport,
    PressureSample,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    SupplySample,
    Tick,
)
from edge_agent.recording_truth import Truth, judge, read_truth, standings
from sim.cli_scenarios import truth_of
from sim.library import load_scenario, scenario_names
from sim.scenario import play
from tests.detect.generated import generated
from tests.detect.test_second_generator import SHORT as SHORT_RECORDINGS

SHORT = ("stuck-between-landings", "stuck-at-landing", "door-opens-in-motion", "alarm-button-nearly")
"""These few in every run; all of them with the tests that take their time."""

CONTACTS = "door_contacts"
_CONTACTS = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED, Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR})
_NAMES = {"safety_circuit_closed": "safety_circuit"}


@dataclass(frozen=True)
class Heard:
    """What came of one run."""

    senses: frozenset[str]
    raised: frozenset[AlarmKind]
    missed: frozenset[str]
    false: frozenset[str]


def taken_away(wiring: Wiring) -> Iterator[str]:
    """Each sense that this box has, and both door contacts together."""
    if wiring.has_accelerometer:
        yield "accelerometer"
    if wiring.has_controller:
        yield CONTROLLER
    if wiring.has_pressure:
        yield "pressure"
    yield from sorted(signal.value for signal in wiring.signals)
    if len(wiring.signals & _CONTACTS) > 1:
        yield CONTACTS


def without(installation: Installation, readings: Iterable[Reading], sense: str) -> tuple[Installation, list[Reading]]:
    """The box with this sense not wired, and what it gets then."""
    wiring = installation.wiring
    gone = frozenset(s for s in wiring.signals if s.value == sense or (sense == CONTACTS and s in _CONTACTS))
    left = replace(
        wiring,
        has_accelerometer=wiring.has_accelerometer and sense != "accelerometer",
        has_controller=wiring.has_controller and sense != CONTROLLER,
        has_pressure=wiring.has_pressure and sense != "pressure",
        signals=wiring.signals - gone,
    )
    kept = [reading for reading in readings if _source_of(reading) != sense and _signal_of(reading) not in gone]
    return replace(installation, wiring=left), kept


def _source_of(reading: Reading) -> str:
    match reading:
        case AccelFrame():
            return "accelerometer"
        case ControllerReport():
            return CONTROLLER
        case PressureSample():
            return "pressure"
        case SourceFault() | SamplesLost():
            return reading.source
        case SignalEdge() | SupplySample() | ModemReport() | MaintenanceWord() | Tick():
            return ""


def _signal_of(reading: Reading) -> Signal | None:
    return reading.signal if isinstance(reading, SignalEdge) else None


def senses_of(installation: Installation, readings: Iterable[Reading]) -> frozenset[str]:
    wiring = installation.wiring
    found = {signal.value for signal in wiring.signals}
    found |= {"accelerometer"} if wiring.has_accelerometer else set()
    found |= {CONTROLLER} if wiring.has_controller else set()
    for reading in readings:
        found |= {SUPPLY} if isinstance(reading, SupplySample) else set()
        found |= {MODEM} if isinstance(reading, ModemReport) else set()
        if isinstance(reading, ControllerReport):
            said = (f.name for f in fields(reading) if getattr(reading, f.name) is not None)
            found |= {f"controller.{_NAMES.get(name, name)}" for name in said}
    return frozenset(found)


def heard(truth: Truth, installation: Installation, readings: list[Reading]) -> Heard:
    detector = Detector(installation, Limits())
    said = [conclusion for reading in readings for conclusion in detector.step(reading)]
    alarms = [each for each in said if isinstance(each, Alarm)]
    trips = tuple(each for each in said if isinstance(each, Trip))
    verdict = judge(truth, standings(alarms), trips, readings[0].t_ns / 1e9, readings[-1].t_ns / 1e9)
    return Heard(
        senses_of(installation, readings),
        frozenset(alarm.kind for alarm in alarms if alarm.state is AlarmState.RAISED),
        frozenset(sentence.split()[0] for sentence in verdict.missed),
        frozenset(sentence.split()[0] for sentence in verdict.false),
    )


def untrue(truth: Truth, installation: Installation, readings: list[Reading]) -> Iterator[str]:
    """What the table says otherwise than it is, with each sense taken away."""
    whole = heard(truth, installation, readings)
    for sense in taken_away(installation.wiring):
        left = heard(truth, *without(installation, readings, sense))
        for missed in left.missed - whole.missed:
            kind = AlarmKind[missed.upper()]
            if sight(kind, left.senses) is Sight.FULL and kind is not AlarmKind.SENSOR_FAULT:
                yield f"without {sense}: {missed} is missed, the table says it is seen"
        for kind in left.raised:
            if sight(kind, left.senses) is Sight.NONE:
                yield f"without {sense}: {kind.public_name} is raised, the table says it cannot be seen"
        for false in left.false - whole.false:
            if not may_be_confused(AlarmKind[false.upper()], left.senses):
                yield f"without {sense}: {false} is raised for nothing, the table does not say so"


def _stories() -> list[object]:
    return [
        pytest.param(name, marks=[] if name in SHORT else [pytest.mark.campaign, pytest.mark.timeout(900)])
        for name in scenario_names()
    ]


@pytest.mark.parametrize("name", _stories())
def test_without_each_sense_the_story_gives_what_the_table_says(name: str) -> None:
    played = play(load_scenario(name), 1)
    readings = list(played.readings())
    assert list(untrue(truth_of(played), played.installation, readings)) == []


TOLD_OF_INSPECTION = ("inspection", CONTROLLER)
"""Without either a technician's work may be taken for trouble: the table says so for all kinds at once."""


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("family", sorted(set(SHORT_RECORDINGS)))
@pytest.mark.parametrize("which", [0, 1])
def test_so_it_does_in_recordings_of_the_second_generator(family: str, which: int, tmp_path: Path) -> None:
    recording = generated(family, SHORT_RECORDINGS[family][which], tmp_path)
    wrong = list(untrue(read_truth(recording.path), recording.meta.installation, list(recording.joined())))
    if family == "inspection":
        excused = tuple(f"without {sense}: " for sense in TOLD_OF_INSPECTION)
        wrong = [each for each in wrong if not (each.startswith(excused) and "for nothing" in each)]
    assert wrong == []


# ---- the table itself


def test_every_row_has_words_for_what_is_lost_in_both_languages() -> None:
    for kind, need in NEEDS.items():
        assert kind in CATALOGUE
        assert bool(need.partly) is bool(need.lost_en) is bool(need.lost_zh)
        assert not any(part >= full for full in need.full for part in need.partly), kind
    for words in (*SHARPENS.values(), *((en, zh) for _, en, zh in CONFUSED.values())):
        assert all(words)
        assert not words[1].isascii()


def test_a_kind_is_never_seen_worse_with_one_sense_more() -> None:
    """But for the controller's word about the door, which contacts replace."""
    everything = {sense for need in NEEDS.values() for each in (*need.full, *need.partly) for sense in each}
    order = [Sight.NONE, Sight.PARTLY, Sight.FULL]
    for kind in NEEDS:
        for sense in everything - {"controller.door"}:
            rest = everything - {sense, "controller.door"}
            assert order.index(sight(kind, rest)) <= order.index(sight(kind, rest | {sense}))


@pytest.mark.parametrize(
    ("senses", "kind", "expected"),
    [
        ({"accelerometer", "door_closed", "controller.door"}, AlarmKind.DOOR_OPEN_FAILURE, Sight.PARTLY),
        ({"accelerometer", "controller.door"}, AlarmKind.DOOR_OPEN_FAILURE, Sight.FULL),
        (
            {"accelerometer", "door_open", "door_closed", "door_closed_rear"},
            AlarmKind.DOOR_OPEN_FAILURE,
            Sight.PARTLY,
        ),
        (
            {"accelerometer", "door_open", "door_closed", "door_open_rear", "door_closed_rear"},
            AlarmKind.DOOR_OPEN_FAILURE,
            Sight.FULL,
        ),
        ({"accelerometer", "door_open_rear", "door_closed_rear"}, AlarmKind.DOOR_OPEN_FAILURE, Sight.FULL),
    ],
)
def test_contacts_come_before_the_controllers_word_and_the_door_that_is_seen_worst_decides(
    senses: set[str], kind: AlarmKind, expected: Sight
) -> None:
    assert sight(kind, senses) is expected
