"""What the agent does by the clock: heartbeat, daily test of the alarm path, daily checkpoint, news of the wall clock.

Pure but for the clock that is passed in: `due` gives drafts, the core commits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.clock import Clock, WallTime
from edge_agent.records import (
    RecordDraft,
    draft_of_checkpoint,
    draft_of_clock_fix,
    draft_of_heartbeat,
    draft_of_periodic_test,
)
from edge_agent.wire import Checkpoint, ClockFix, ClockSource, Head, Measured, Stamp, Stream, SystemKind

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
LOOK_NS = NS_PER_S
HEARTBEAT_S = 300.0  # Source: wire design, section 2.2
TEST_S = 24 * 3600.0  # Source: wire design, section 2.6: daily, 72 h at most
CHECKPOINT_S = 24 * 3600.0  # Source: wire design, section 1.3, rule 1
UNKNOWN_S = 600.0  # after a start that cannot tell when the last one was: ours
STEP_MS = 500  # a step is news from here on, beyond what both uncertainties allow: ours
FIX_PAUSE_NS = 60 * NS_PER_S  # a clock that jumps about fills no stream: ours


class Past(Protocol):
    """What duties ask of the outbox."""

    @property
    def boot(self) -> int:
        """The boot counter."""
        ...

    def heads(self) -> tuple[Head, ...]:
        """The newest record of each stream that has any."""
        ...

    def newest_stamp(self, stream: Stream, kind: int) -> Stamp | None:
        """When the last record of a kind was made that is still here."""
        ...


@dataclass(frozen=True, slots=True)
class _Fix:
    at_ns: int
    wall: WallTime


class Duties:
    """State: when each duty is due next, and what the wall clock was thought to be."""

    def __init__(
        self,
        past: Past,
        clock: Clock,
        now_ns: int,
        health: Callable[[], Iterable[Measured]],
        queued: Callable[[], int],
    ) -> None:
        """health: what a heartbeat tells. queued: how many records wait. Raises `OutboxError`."""
        self._past = past
        self._clock = clock
        self._health = health
        self._queued = queued
        self._look_ns = 0
        self._heartbeat_ns = now_ns + round(HEARTBEAT_S * NS_PER_S)
        self._test_ns = self._first_due(now_ns, Stream.ALARM, SystemKind.PERIODIC_TEST, TEST_S)
        self._checkpoint_ns = self._first_due(now_ns, Stream.FAULT, SystemKind.CHECKPOINT, CHECKPOINT_S)
        self._fix: _Fix | None = None
        self._fix_told_ns: int | None = None

    def due(self, now_ns: int) -> tuple[RecordDraft, ...]:
        """What is to be committed now; looks once a second."""
        if now_ns < self._look_ns:
            return ()
        self._look_ns = now_ns + LOOK_NS
        found = self._news_of_the_clock(now_ns)
        if now_ns >= self._test_ns:
            self._test_ns = now_ns + round(TEST_S * NS_PER_S)
            found.append(draft_of_periodic_test())
        if now_ns >= self._checkpoint_ns:
            found += self.checkpoint(now_ns)
        if now_ns >= self._heartbeat_ns:
            self._heartbeat_ns = now_ns + round(HEARTBEAT_S * NS_PER_S)
            found.append(draft_of_heartbeat(self._health()))
        return tuple(found)

    def checkpoint(self, now_ns: int) -> tuple[RecordDraft, ...]:
        """The heads of all streams; nothing where there is no record at all. For every day and for the stop."""
        self._checkpoint_ns = now_ns + round(CHECKPOINT_S * NS_PER_S)
        heads = self._past.heads()
        return (draft_of_checkpoint(Checkpoint(heads, self._queued())),) if heads else ()

    def _first_due(self, now_ns: int, stream: Stream, kind: SystemKind, period_s: float) -> int:
        elapsed_s = self._elapsed_s(now_ns, self._past.newest_stamp(stream, kind))
        wait_s = UNKNOWN_S if elapsed_s is None else max(0.0, period_s - elapsed_s)
        return now_ns + round(wait_s * NS_PER_S)

    def _elapsed_s(self, now_ns: int, last: Stamp | None) -> float | None:
        if last is None:
            return None
        if last.boot == self._past.boot:
            return max(0.0, now_ns / NS_PER_S - last.up_ms / 1000.0)
        wall = self._clock.wall_estimate()
        if wall is None or last.wall_ms is None:
            return None
        return max(0.0, (wall.unix_ms - last.wall_ms) / 1000.0)

    def _news_of_the_clock(self, now_ns: int) -> list[RecordDraft]:
        wall = self._clock.wall_estimate()
        if wall is None:
            return []
        before, self._fix = self._fix, _Fix(now_ns, wall)
        step_ms = 0
        if before is not None:
            step_ms = wall.unix_ms - before.wall.unix_ms - (now_ns - before.at_ns) // NS_PER_MS
            allowed_ms = STEP_MS + before.wall.uncertainty_ms + wall.uncertainty_ms
            if before.wall.source is wall.source and abs(step_ms) <= allowed_ms:
                return []
        if self._fix_told_ns is not None and now_ns - self._fix_told_ns < FIX_PAUSE_NS:
            self._fix = before  # looked at again after the pause, with all of the step
            return []
        self._fix_told_ns = now_ns
        return [draft_of_clock_fix(ClockFix(wall.unix_ms, wall.uncertainty_ms, ClockSource(int(wall.source)), step_ms))]
