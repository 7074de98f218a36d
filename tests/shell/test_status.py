"""The status: there and back as JSON, in sentences, and what is still detectable."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from edge_agent.catalogue_readiness import Lesson, ReadyState
from edge_agent.catalogue_sources import NEEDS, SHARPENS
from edge_agent.status import (
    AgentStatus,
    CarStatus,
    DestinationStatus,
    Detectability,
    IncidentStatus,
    SourceStatus,
    detectability,
    readiness_score,
    readiness_status,
    status_from_json,
    status_lines,
    status_to_json,
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
    readiness=readiness_status(ReadyState.LEARNING, ((Lesson.TRIPS, 3, 5), (Lesson.LANDINGS, 1, 2))),
    detectability=Detectability(
        ("emergency_stop",), ("entrapment",), ("door_slow", "mains_lost"), ("door_held_open",), ("presence",)
    ),
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
    assert "Detection: learning; seen so far: 3 of 5 trips, to know how this lift brakes, 1 of 2 landings" in text
    assert "Cannot see: door_slow, mains_lost" in text
    assert "Sees entrapment: not behind a door" in text
    assert "Sees door_held_open: without an open contact a door that stands half open is taken for open" in text
    assert "Less sure: without a presence sensor" in text


def test_states_and_alarm_names_are_there_in_chinese() -> None:
    text = "\n".join(status_lines(STATUS, 0.5, "zh"))
    assert "检测：学习中；目前已有：3/5 次运行，以了解本梯的制动，1/2 个层站" in text
    assert "无法发现：" in text
    assert "较不确定：没有人体传感器时" in text
    assert CATALOGUE[AlarmKind.MAINS_LOST].title_zh in text
    assert CATALOGUE[AlarmKind.ENTRAPMENT].title_zh + "：门只离开关闭位" in text


def test_a_box_that_is_ready_says_only_that() -> None:
    assert readiness_score(STATUS.readiness) == 84
    assert "Learned so far: 84 of 100" in status_lines(STATUS, 0.5)
    assert readiness_score(readiness_status(ReadyState.NOT_READY, ((Lesson.MOTION, 0, 1),))) == 0
    assert readiness_score(readiness_status(ReadyState.READY, ())) == 100
    text = status_lines(with_changes(STATUS, readiness=readiness_status(ReadyState.READY, ())), 0.5)
    assert "Detection: ready" in text


def test_an_agent_that_knows_nothing_yet_says_so() -> None:
    text = "\n".join(status_lines(with_changes(STATUS, car=None, incidents=()), 0.0))
    assert "Car: nothing known yet." in text
    assert "No open incident." in text


@pytest.mark.parametrize(
    ("senses", "how"),
    [
        ({"accelerometer", "door_open", "door_closed", "controller"}, "detectable"),
        ({"accelerometer", "door_open"}, "detectable"),
        ({"accelerometer", "door_closed"}, "partly_detectable"),
        ({"accelerometer", "controller", "controller.door"}, "partly_detectable"),
        ({"accelerometer", "controller"}, "partly_detectable"),
        ({"accelerometer"}, "partly_detectable"),
        ({"door_open", "door_closed", "controller", "controller.door"}, "not_detectable"),
        (set(), "not_detectable"),
    ],
)
def test_an_entrapment_needs_motion_and_a_word_about_the_door(senses: set[str], how: str) -> None:
    seen = asdict(detectability(senses))
    assert [name for name, kinds in seen.items() if name.endswith("detectable") and "entrapment" in kinds] == [how]


def test_with_all_senses_nothing_is_confused_and_nothing_less_sure() -> None:
    senses = {sense for need in NEEDS.values() for each in need.full for sense in each} | set(SHARPENS)
    seen = detectability(senses - {"controller.door"})
    assert (seen.partly_detectable, seen.not_detectable, seen.confused, seen.less_sure_without) == ((), (), (), ())
    blunt = detectability(senses - {"controller.door", "door_open", "presence"})
    assert (blunt.confused, blunt.less_sure_without) == (("door_held_open",), ("presence",))
    assert "entrapment" in detectability({"accelerometer", "controller", "controller.door"}).confused


def test_a_sensor_fault_is_always_seen_and_a_link_only_where_there_is_a_controller() -> None:
    blind = detectability(frozenset())
    assert blind.detectable == ("sensor_fault",)
    assert "controller_link_lost" not in blind.not_detectable
    assert "controller_link_lost" in detectability(frozenset({"controller"})).detectable
