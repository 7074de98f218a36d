"""A certificate that cannot be renewed for long is a fault of the box, and a renewed one brings another record key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.agent_renewals import LOOK_NS, Listener, Renewals
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.delivery import AnswerMissing
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Phase, Stream
from receiver.store import Store
from tests.receiver.making import NOW_MS
from tests.receiver.test_enrolment import Known, held_identity, renewals

DAY_MS = 86_400_000
KIND = AlarmKind.CERTIFICATE_NOT_RENEWED
INCIDENT = 7
SILENCE = AnswerMissing("no answer", subject="https://firm", hint="Look")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "receiver")
    yield opened
    opened.close()


class Heard:
    """What the renewals of one box say, at a wall clock set by hand."""

    def __init__(self, store: Store, folder: Path, days: float, resumed: tuple[OpenIncident, ...] = ()) -> None:
        self.alarms: list[Alarm] = []
        self.renewed_ns: list[int] = []
        self.identity = folder / "box.pem"
        if not self.identity.exists():
            held_identity(store, self.identity)
        self.clock = Known(NOW_MS)
        listener = Listener(self.renewed_ns.append, lambda alarm, _now_ns: self.alarms.append(alarm), INCIDENT, resumed)
        self.box: Renewals = renewals(store, self.identity, self.clock, now_ms=NOW_MS, listener=listener)
        self.now_ns = 0
        self.at(days)

    def at(self, days: float) -> None:
        self.clock.unix_ms = NOW_MS + round(days * DAY_MS)
        self.now_ns += 2 * LOOK_NS

    def fail(self) -> None:
        for way, errand in self.box.due(self.now_ns):
            self.box.answered(way, errand, SILENCE, self.now_ns)

    def succeed(self) -> None:
        ((way, errand),) = self.box.due(self.now_ns)
        self.box.answered(way, errand, self.box.ways()[way].ask(errand.body), self.now_ns)


def test_a_month_of_failed_renewals_is_one_fault_with_the_time_that_is_left(store: Store, tmp_path: Path) -> None:
    box = Heard(store, tmp_path, 266.0)  # two thirds of 398 days are over
    box.fail()
    box.at(297.0)
    box.fail()
    assert box.alarms == []
    box.at(299.0)  # three quarters
    box.fail()
    box.at(310.0)
    box.fail()
    (alarm,) = box.alarms
    assert (alarm.kind, alarm.state, alarm.incident) == (KIND, AlarmState.RAISED, INCIDENT)
    assert alarm.severity is CATALOGUE[KIND].severity
    assert alarm.evidence == (Evidence("certificate_left_s", 99 * 86_400),)
    assert {sign.name for sign in alarm.evidence} == {field.name for field in CATALOGUE[KIND].evidence}
    draft = draft_of_alarm(alarm)
    assert draft is not None
    assert (draft.stream, draft.phase) == (Stream.FAULT, Phase.RAISED)


def test_a_new_certificate_ends_the_fault_and_brings_another_key(store: Store, tmp_path: Path) -> None:
    box = Heard(store, tmp_path, 300.0)
    box.fail()
    box.at(301.0)
    box.succeed()
    assert [alarm.state for alarm in box.alarms] == [AlarmState.RAISED, AlarmState.CLEARED]
    assert box.renewed_ns == [box.now_ns]


def test_a_renewal_in_time_is_no_fault(store: Store, tmp_path: Path) -> None:
    box = Heard(store, tmp_path, 266.0)
    box.succeed()
    assert box.alarms == []
    assert len(box.renewed_ns) == 1


def test_a_fault_that_an_earlier_run_raised_is_ended_under_its_number_and_not_raised_again(
    store: Store, tmp_path: Path
) -> None:
    box = Heard(store, tmp_path, 350.0, (OpenIncident(AlarmKind.MAINS_LOST, 3), OpenIncident(KIND, 4)))
    box.fail()
    assert box.alarms == []
    box.at(351.0)
    box.succeed()
    assert [(alarm.state, alarm.incident) for alarm in box.alarms] == [(AlarmState.CLEARED, 4)]


def test_a_certificate_that_has_ended_says_that_nothing_is_left(store: Store, tmp_path: Path) -> None:
    box = Heard(store, tmp_path, 500.0)
    box.fail()
    assert box.alarms[0].evidence == (Evidence("certificate_left_s", 0),)


def test_a_certificate_that_cannot_be_read_is_a_fault_at_once(store: Store, tmp_path: Path) -> None:
    box = Heard(store, tmp_path, 10.0)
    box.identity.write_bytes(os.urandom(64))
    box.fail()
    assert [(alarm.state, alarm.evidence) for alarm in box.alarms] == [(AlarmState.RAISED, ())]
