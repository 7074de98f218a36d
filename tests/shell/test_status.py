"""The status: there and back as JSON, in sentences, and what is still detectable."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.status import (
    AgentStatus,
    CarStatus,
    DestinationStatus,
    IncidentStatus,
    SourceStatus,
    status_from_json,
    status_lines,
    status_to_json,
    still_detectable,
)

STATUS = AgentStatus(
    version="0.1.0",
    lift_id="north",
    state="armed",
    boot_id="boot",
    pid=7,
    now_ns=5_000_000_000,
    up_s=300.0,
    wall_unix_ms=None,
    wall_uncertainty_ms=None,
    sources=(
        SourceStatus("accelerometer", "", 0.04, 120_000, 0, 0),
        SourceStatus("controller", "silent", None, 0, 3, 1),
    ),
    car=CarStatus("at_rest", 0.0, 4, True, 13_400, "closed", 85, False),
    incidents=(IncidentStatus("entrapment", 3, "raised", "critical", 61.0),),
    destinations=(DestinationStatus("firm", 0, 12, 1_830, 4.0, 0.21, ""),),
    records_count=12,
    alarms_raised_count=1,
    trips_count=8,
    late_count=0,
    dropped_count=0,
    detectable=("entrapment",),
    not_detectable=("controller_link_lost",),
)


def with_changes(status: AgentStatus, **changes: Any) -> AgentStatus:
    return replace(status, **changes)


def test_a_status_comes_back_from_json_as_it_was() -> None:
    assert status_from_json(status_to_json(STATUS)) == STATUS


@pytest.mark.parametrize(
    "damage",
    [
        lambda tree: tree.pop("state"),
        lambda tree: tree.update(up_s="long"),
        lambda tree: tree["sources"][0].pop("name"),
        lambda tree: tree.update(car=[1]),
    ],
)
def test_a_damaged_status_is_refused(damage: Any) -> None:
    tree = json.loads(status_to_json(STATUS))
    damage(tree)
    with pytest.raises(ValueError, match="no status of this version"):
        status_from_json(json.dumps(tree))


def test_half_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="no status of this version"):
        status_from_json(status_to_json(STATUS)[:100])


def test_the_sentences_say_where_the_car_is_and_who_is_told() -> None:
    text = "\n".join(status_lines(STATUS, 0.5))
    assert "between landings, nearest 4, door closed, P(occupied) 85 %" in text
    assert "Incident 3: entrapment raised, critical, 61.0 s ago" in text
    assert "Source controller: silent; 0 readings, 3 lost, nothing yet" in text
    assert (
        "Receiver firm: 0 waiting, 12 stored, 1830 bytes sent, last answer 4.0 s ago, last alarm stored after 0.21 s"
        in text
    )
    assert "Not detectable now: controller_link_lost" in text


def test_an_agent_that_knows_nothing_yet_says_so() -> None:
    text = "\n".join(status_lines(with_changes(STATUS, car=None, incidents=()), 0.0))
    assert "Car: nothing known yet." in text
    assert "No open incident." in text


@pytest.mark.parametrize(
    ("working", "able"),
    [
        ({"accelerometer", "door_contacts", "controller"}, True),
        ({"accelerometer", "door_contacts"}, True),
        ({"accelerometer", "controller"}, True),
        ({"accelerometer"}, False),
        ({"door_contacts", "controller"}, False),
        (set(), False),
    ],
)
def test_an_entrapment_needs_motion_and_a_word_about_the_door(working: set[str], able: bool) -> None:
    detectable, not_detectable = still_detectable((AlarmKind.ENTRAPMENT,), frozenset(working))
    assert (detectable, not_detectable) == ((("entrapment",), ()) if able else ((), ("entrapment",)))


def test_a_sensor_fault_is_always_detectable() -> None:
    assert still_detectable((AlarmKind.SENSOR_FAULT,), frozenset()) == (("sensor_fault",), ())
