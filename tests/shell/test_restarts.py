"""A box that dies again and again: counted over restarts, told, kept in safe mode until an hour has gone well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.agent_restarts import RestartWatch
from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.start_ledger import NAME, Run, Start, StartLedger, judged
from tests.shell.making import S

HOUR = 3600 * S
KIND = AlarmKind.REPEATED_REBOOT


def crashes(count: int, ran_s: int = 0, version: str = "1") -> tuple[Run, ...]:
    return (Run(version, ran_s),) * count


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ((), Start(0, 0, False)),
        (crashes(4), Start(4, 4, False)),
        (crashes(5), Start(5, 5, True)),
        (crashes(5, ran_s=60), Start(5, 5, True)),
        (crashes(5, ran_s=600), Start(5, 0, False)),  # long enough to be of use
        (crashes(4, ran_s=600), Start(4, 0, False)),
        (crashes(3, ran_s=3600), Start(0, 0, False)),  # one an hour, and worse things have happened
        ((*crashes(4), Run("1", 0, is_stopped=True)), Start(4, 4, False)),  # a stop counts for nothing
        ((*crashes(4), Run("1", 0, is_stopped=True), *crashes(1)), Start(5, 5, True)),
        ((*crashes(5), Run("1", 3600), *crashes(4)), Start(4, 4, False)),  # a good hour, and it begins anew
    ],
)
def test_short_runs_on_end_lead_to_safe_mode_and_others_do_not(earlier: tuple[Run, ...], expected: Start) -> None:
    assert judged(earlier, "1") == expected


def test_safe_mode_goes_on_over_a_stop_and_a_crash_and_ends_with_a_good_hour() -> None:
    safe = Run("1", 60, is_safe=True)
    assert judged((safe,), "1").is_safe
    assert judged((Run("1", 600, is_stopped=True, is_safe=True),), "1").is_safe
    assert not judged((Run("1", 3600, is_stopped=True, is_safe=True),), "1").is_safe


def test_another_version_begins_anew() -> None:
    assert judged(crashes(9, version="1"), "2") == Start(9, 0, False)
    assert not judged((Run("1", 60, is_safe=True),), "2").is_safe


def test_the_ledger_remembers_over_restarts(tmp_path: Path) -> None:
    starts = [StartLedger(tmp_path).begin("1") for _ in range(6)]
    assert [start.is_safe for start in starts] == [False] * 5 + [True]
    ledger = StartLedger(tmp_path)
    assert ledger.begin("1").is_safe
    ledger.reached(3600)
    ledger.stopped()
    assert StartLedger(tmp_path).begin("1") == Start(0, 0, False)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": 2, "runs": []}', b'{"format": 1, "runs": [{"version": 1}]}', b"x" * 99_999],
)
def test_a_damaged_ledger_counts_as_empty_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert StartLedger(tmp_path).begin("1") == Start(0, 0, False)
    assert StartLedger(tmp_path).begin("1") == Start(1, 1, False)


def test_where_the_disk_takes_nothing_starts_are_counted_in_memory(tmp_path: Path) -> None:
    away, memory = tmp_path / "away", tmp_path / "run"
    memory.mkdir()
    for count in range(3):
        assert StartLedger(away, memory).begin("1").restarts_count == count
    away.mkdir()
    assert StartLedger(away, memory).begin("1").restarts_count == 3
    assert not (memory / NAME).exists()
    assert StartLedger(away, memory).begin("1").restarts_count == 4


def test_the_ledger_is_bounded(tmp_path: Path) -> None:
    for _ in range(40):
        StartLedger(tmp_path).begin("1")
    assert (tmp_path / NAME).stat().st_size < 4_000


@dataclass
class Told:
    """A watch with what it told; may_end: no alarm is open."""

    folder: Path
    start: Start
    resumed: tuple[OpenIncident, ...] = ()
    may_end: bool = True
    ends_count: int = 0
    watch: RestartWatch = field(init=False)
    ledger: StartLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = StartLedger(self.folder)
        self.ledger.begin("1")
        self.watch = RestartWatch(self.ledger, self.start, 0, 7, self.resumed, self._end)

    def _end(self) -> bool:
        self.ends_count += self.may_end
        return self.may_end

    def at(self, now_ns: int) -> list[tuple[AlarmState, int, object, str]]:
        stages = self.watch.work(now_ns)
        assert all(stage.kind is KIND for stage in stages)
        return [(stage.state, stage.incident, stage.evidence[0].value, stage.note) for stage in stages]


@pytest.fixture
def watch(tmp_path: Path) -> Callable[..., Told]:
    return lambda start, **more: Told(tmp_path, start, **more)


def test_three_restarts_within_an_hour_are_told_and_over_after_an_hour_without(watch: Callable[..., Told]) -> None:
    told = watch(Start(3, 3, False))
    assert told.at(S) == [(AlarmState.RAISED, 7, 3, "")]
    assert told.at(HOUR - S) == []
    assert told.at(HOUR) == [(AlarmState.CLEARED, 7, 0, "")]
    assert (told.at(2 * HOUR), told.ends_count) == ([], 0)


def test_two_restarts_are_not_told(watch: Callable[..., Told]) -> None:
    told = watch(Start(2, 2, False))
    assert told.at(S) == told.at(HOUR) == []


def test_safe_mode_is_told_also_where_the_fault_stands_already(watch: Callable[..., Told]) -> None:
    told = watch(Start(5, 5, True), resumed=(OpenIncident(KIND, 4),))
    assert told.at(S) == [(AlarmState.UPDATED, 4, 5, "safe mode")]
    assert watch(Start(4, 4, False), resumed=(OpenIncident(KIND, 4),)).at(S) == []


def test_safe_mode_ends_after_a_good_hour_and_not_while_an_alarm_is_open(watch: Callable[..., Told]) -> None:
    told = watch(Start(5, 5, True), may_end=False)
    told.at(S)
    assert told.at(HOUR)[0][0] is AlarmState.CLEARED
    assert told.ends_count == 0
    told.may_end = True
    told.at(HOUR + 2 * S)
    assert told.ends_count == 1
    assert not StartLedger(told.folder).begin("1").is_safe


def test_the_age_of_a_run_is_written_down_at_its_marks_only(watch: Callable[..., Told]) -> None:
    told = watch(Start(0, 0, False))
    file = told.folder / NAME
    seen = []
    for second in range(0, 4_000, 10):
        before = file.stat().st_mtime_ns
        told.at(second * S)
        if file.stat().st_mtime_ns != before:
            seen.append(second)
    assert seen == [60, 600, 3600]
