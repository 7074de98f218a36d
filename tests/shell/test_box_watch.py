"""Faults of the box itself: room on the disk, records dropped, a clock that nobody has set; each from both sides."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edge_agent.agent_box_watch import BoxWatch
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, OpenIncident
from edge_agent.clock import WallSource, WallTime
from tests.shell.making import S

STORAGE, CLOCK = AlarmKind.STORAGE_LOW, AlarmKind.CLOCK_UNTRUSTED
RAISED, CLEARED = AlarmState.RAISED, AlarmState.CLEARED
MIB = 1 << 20
MINUTE, HOUR = 60 * S, 3600 * S


@dataclass
class Machine:
    """What the watch looks at."""

    free_bytes: int | None = 5000 * MIB
    dropped: int = 0
    is_clock_set: bool = True
    resumed: tuple[OpenIncident, ...] = ()
    watch: BoxWatch = field(init=False)

    def __post_init__(self) -> None:
        sizes = (lambda: self.free_bytes, lambda: 4096, lambda: self.dropped)
        self.watch = BoxWatch(self, *sizes, (5, 6), self.resumed)

    def now_ns(self) -> int:
        raise AssertionError("time is passed in")

    def wall_estimate(self) -> WallTime | None:
        return WallTime(0, 1, WallSource.NTP) if self.is_clock_set else None

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        return

    def at(self, now_ns: int) -> list[tuple[AlarmKind, AlarmState]]:
        return [(alarm.kind, alarm.state) for alarm in self.watch.work(now_ns)]


def only(alarms: tuple[Alarm, ...]) -> Alarm:
    (alarm,) = alarms
    return alarm


def test_a_box_that_is_well_says_nothing() -> None:
    machine = Machine()
    assert all(machine.at(hour * HOUR) == [] for hour in range(1, 50))


@pytest.mark.parametrize(("free_mib", "stages"), [(100, []), (99, [(STORAGE, RAISED)])])
def test_too_little_room_is_told(free_mib: int, stages: list[tuple[AlarmKind, AlarmState]]) -> None:
    assert Machine(free_bytes=free_mib * MIB).at(HOUR) == stages


def test_it_is_over_when_there_is_clearly_more_and_not_at_the_mark() -> None:
    machine = Machine(free_bytes=99 * MIB)
    alarm = only(machine.watch.work(HOUR))
    assert (alarm.incident, [(item.name, item.value) for item in alarm.evidence]) == (
        5,
        [("outbox_bytes", 4096), ("dropped_count", 0)],
    )
    machine.free_bytes = 149 * MIB
    assert machine.at(HOUR + MINUTE) == []
    machine.free_bytes = 150 * MIB
    assert machine.at(HOUR + 2 * MINUTE) == [(STORAGE, CLEARED)]


def test_what_was_dropped_is_told_and_over_an_hour_after_the_last() -> None:
    machine = Machine()
    assert machine.at(HOUR) == []
    machine.dropped = 3
    assert machine.at(2 * HOUR) == [(STORAGE, RAISED)]
    machine.dropped = 4
    assert machine.at(2 * HOUR + 30 * MINUTE) == []
    assert machine.at(3 * HOUR + 29 * MINUTE) == []
    assert machine.at(3 * HOUR + 30 * MINUTE) == [(STORAGE, CLEARED)]


def test_a_disk_of_which_nothing_is_known_is_not_called_full() -> None:
    assert Machine(free_bytes=None).at(HOUR) == []


def test_a_clock_that_is_unset_for_a_day_is_told_and_over_when_it_is_set() -> None:
    machine = Machine(is_clock_set=False)
    assert machine.at(HOUR) == []
    assert machine.at(25 * HOUR - S) == []
    alarm = only(machine.watch.work(25 * HOUR + MINUTE))
    assert (alarm.kind, alarm.state, alarm.incident) == (CLOCK, RAISED, 6)
    assert alarm.evidence[0].value == 24 * 3600 + 60
    machine.is_clock_set = True
    assert machine.at(26 * HOUR) == [(CLOCK, CLEARED)]
    machine.is_clock_set = False
    assert machine.at(27 * HOUR) == [], "the day begins anew"


def test_what_an_earlier_run_raised_goes_on_under_its_number_until_it_is_over() -> None:
    resumed = (OpenIncident(STORAGE, 41), OpenIncident(CLOCK, 42))
    machine = Machine(free_bytes=10 * MIB, is_clock_set=False, resumed=resumed)
    assert machine.at(HOUR) == []
    machine.free_bytes, machine.is_clock_set = 5000 * MIB, True
    stages = machine.watch.work(2 * HOUR)
    assert [(alarm.incident, alarm.state) for alarm in stages] == [(41, CLEARED), (42, CLEARED)]


def test_it_looks_once_a_minute() -> None:
    machine = Machine(free_bytes=10 * MIB)
    assert machine.at(HOUR) == [(STORAGE, RAISED)]
    machine.free_bytes = 5000 * MIB
    assert machine.at(HOUR + 59 * S) == []
    assert machine.at(HOUR + 60 * S) == [(STORAGE, CLEARED)]


def test_records_in_memory_only_are_told_whatever_room_there_is_and_over_when_they_are_on_the_disk() -> None:
    sizes = (lambda: 5000 * MIB, lambda: 4096, lambda: 0)
    alarm = only(BoxWatch(Machine(), *sizes, (5, 6), trouble="records wait in memory").work(HOUR))
    assert (alarm.kind, alarm.state, alarm.note) == (STORAGE, RAISED, "records wait in memory")
    next_run = BoxWatch(Machine(), *sizes, (7, 8), (OpenIncident(STORAGE, 5),))
    assert [(each.incident, each.state, each.note) for each in next_run.work(HOUR)] == [(5, CLEARED, "")]
