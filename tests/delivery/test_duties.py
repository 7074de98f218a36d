"""What the agent does by the clock, over restarts, reboots, and with clocks that come, jump and stay away."""

from __future__ import annotations

from pathlib import Path

from edge_agent.agent_duties import CHECKPOINT_S, HEARTBEAT_S, STEP_MS, TEST_S, UNKNOWN_S, Duties
from edge_agent.box_health import box_health
from edge_agent.clock import WallSource, WallTime
from edge_agent.outbox import Outbox
from edge_agent.records import RecordDraft
from edge_agent.wire import Checkpoint, ClockFix, ClockSource, Measure, Measured, Phase, Stamp, Stream, SystemKind
from tests.delivery.making import heartbeat, open_outbox

S = 1_000_000_000
WALL_MS = 1_795_459_200_000


class HandClock:
    """Monotonic and wall time as the test wants them."""

    def __init__(self) -> None:
        self.now = 1_000 * S
        self.wall: WallTime | None = None

    def now_ns(self) -> int:
        return self.now

    def wall_estimate(self) -> WallTime | None:
        return self.wall

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        raise AssertionError


class Day:
    """Duties on a real outbox, second by second or in leaps."""

    def __init__(self, outbox: Outbox, clock: HandClock) -> None:
        self.outbox = outbox
        self.clock = clock
        self.duties = Duties(outbox, clock, clock.now, lambda: (Measured(Measure.TRIPS, 4),), lambda: 17)

    def after(self, seconds: float) -> list[RecordDraft]:
        """What falls due then; committed."""
        self.clock.now += round(seconds * S)
        drafts = list(self.duties.due(self.clock.now))
        wall = self.clock.wall
        stamp = Stamp(self.outbox.boot, self.clock.now // 1_000_000)
        if wall is not None:
            stamp = Stamp(stamp.boot, stamp.up_ms, wall.unix_ms, wall.uncertainty_ms)
        for draft in drafts:
            self.outbox.append(draft, stamp)
        return drafts

    def kinds_after(self, seconds: float) -> list[int]:
        return [int(draft.kind) for draft in self.after(seconds)]


def test_a_heartbeat_comes_every_five_minutes_with_what_was_measured(tmp_path: Path) -> None:
    day = Day(open_outbox(tmp_path), HandClock())
    assert day.after(HEARTBEAT_S - 1) == []
    (draft,) = day.after(1)
    assert (draft.kind, draft.stream, draft.measures) == (
        SystemKind.HEARTBEAT,
        Stream.TELEMETRY,
        (Measured(Measure.TRIPS, 4),),
    )
    assert day.after(HEARTBEAT_S - 1) == []


def test_the_path_of_an_alarm_is_walked_daily_also_over_restarts(tmp_path: Path) -> None:
    clock = HandClock()
    day = Day(open_outbox(tmp_path), clock)
    first = [draft for draft in day.after(UNKNOWN_S) if draft.kind == SystemKind.PERIODIC_TEST]
    assert [(draft.stream, draft.phase) for draft in first] == [(Stream.ALARM, Phase.TEST)]
    day.after(TEST_S / 2)
    day.outbox.close()
    day = Day(open_outbox(tmp_path), clock)  # the agent restarts, the box does not
    assert SystemKind.PERIODIC_TEST not in day.kinds_after(TEST_S / 2 - 1)
    assert SystemKind.PERIODIC_TEST in day.kinds_after(1)


def test_after_a_reboot_without_a_clock_the_test_comes_soon_and_with_one_when_it_is_due(tmp_path: Path) -> None:
    clock = HandClock()
    clock.wall = WallTime(WALL_MS, 10, WallSource.NTP)
    day = Day(open_outbox(tmp_path, boot_id="one"), clock)
    assert SystemKind.PERIODIC_TEST in day.kinds_after(UNKNOWN_S)
    day.outbox.close()
    clock.now = 20 * S
    clock.wall = WallTime(WALL_MS + 3_600_000, 10, WallSource.NTP)
    day = Day(open_outbox(tmp_path, boot_id="two"), clock)
    assert SystemKind.PERIODIC_TEST not in day.kinds_after(TEST_S - 3_601)
    assert SystemKind.PERIODIC_TEST in day.kinds_after(2)
    day.outbox.close()
    clock.now, clock.wall = 20 * S, None
    day = Day(open_outbox(tmp_path, boot_id="three"), clock)
    assert SystemKind.PERIODIC_TEST in day.kinds_after(UNKNOWN_S)


def test_a_checkpoint_names_every_head_and_an_empty_log_has_none(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    day = Day(outbox, HandClock())
    assert day.duties.checkpoint(day.clock.now) == ()
    outbox.append(heartbeat(), Stamp(1, 1))
    heads = outbox.heads()
    (draft,) = (draft for draft in day.after(CHECKPOINT_S) if draft.kind == SystemKind.CHECKPOINT)
    assert draft.detail == Checkpoint(heads, 17)
    assert SystemKind.CHECKPOINT not in day.kinds_after(CHECKPOINT_S - 1)


def fixes(drafts: list[RecordDraft]) -> list[ClockFix]:
    return [draft.detail for draft in drafts if isinstance(draft.detail, ClockFix)]


def test_the_first_time_the_wall_clock_is_known_is_told_and_then_only_steps(tmp_path: Path) -> None:
    clock = HandClock()
    day = Day(open_outbox(tmp_path), clock)
    assert fixes(day.after(1)) == []
    clock.wall = WallTime(WALL_MS, 300, WallSource.RECEIVER)
    assert fixes(day.after(1)) == [ClockFix(WALL_MS, 300, ClockSource.RECEIVER, 0)]
    clock.wall = WallTime(WALL_MS + 61_000 + STEP_MS + 600, 300, WallSource.RECEIVER)
    assert fixes(day.after(61)) == []
    clock.wall = WallTime(WALL_MS + 62_000 - 3_600_000, 300, WallSource.RECEIVER)
    (fix,) = fixes(day.after(1))
    assert fix.step_ms == -3_600_000 - STEP_MS - 600
    clock.wall = WallTime(WALL_MS + 123_000 - 3_600_000, 5, WallSource.NTP)
    assert [fix.source for fix in fixes(day.after(61))] == [ClockSource.NTP]


def test_a_clock_that_jumps_about_is_told_once_a_minute_with_the_whole_step(tmp_path: Path) -> None:
    clock = HandClock()
    day = Day(open_outbox(tmp_path), clock)
    clock.wall = WallTime(WALL_MS, 5, WallSource.NTP)
    assert len(fixes(day.after(1))) == 1
    told = []
    for second in range(1, 121):
        clock.wall = WallTime(WALL_MS + second * 1_000 + second * 10_000, 5, WallSource.NTP)
        told += fixes(day.after(1))
    assert [fix.step_ms for fix in told] == [600_000, 600_000]


def test_health_has_what_the_board_has(tmp_path: Path) -> None:
    thermometer = tmp_path / "temp"
    thermometer.write_text("48312\n")
    found = {measured.measure: measured.value for measured in box_health(tmp_path, thermometer)}
    assert found[Measure.CPU_TEMPERATURE] == 4_831
    assert found[Measure.DISK_FREE] > 0
    assert box_health(tmp_path / "absent", tmp_path / "absent") == ()
