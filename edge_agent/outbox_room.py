"""What the outbox keeps and what it drops first when it is full. Source: design/wire.md section 3.1.

Unlike there, acknowledged records go before any unsent one: they only serve a receiver that asks for them again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.outbox_file import sound_records
from edge_agent.outbox_log import Log
from edge_agent.records import draft_of_lost
from edge_agent.wire import LostReason, Stamp, Stream, SystemKind

ROW_BYTES = 40
"""What a record costs beyond its body: number, kind, digest, page fill. Source: measured, docs/wire.md."""

PRUNE_GROUP_COUNT = 256
"""Acknowledged records are deleted in groups of at least this many: each deletion is a commit."""

AGED_GROUP_COUNT = 1_024
"""So many too old ones go at once, an hour between: no look at them takes long. Ours."""

_MIB = 1 << 20
_SLACK = 20  # a full class is brought 1/20 below its bound, so that one `lost` record speaks for many


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of records on disk, by class. Source: design/wire.md section 3.1; faults and diagnostics are ours."""

    total_bytes: int = 64 * _MIB
    fault_bytes: int = 32 * _MIB
    telemetry_bytes: int = 20 * _MIB
    diagnostics_bytes: int = 8 * _MIB
    alarm_count: int = 100_000  # alarms beyond these may be dropped when all else is gone
    age_s: int = 30 * 24 * 3_600  # of what is no alarm, sent or not
    kept_count: int = 2_048  # acknowledged records a stream, to answer "send 41 again"

    def of(self, stream: Stream) -> int:
        """The bound of one class in bytes."""
        by_stream = (self.total_bytes, self.fault_bytes, self.telemetry_bytes, self.diagnostics_bytes)
        return by_stream[stream]


class Room:
    """Keeps the log within its bounds. Every call is part of the transaction of its caller."""

    def __init__(self, connection: sqlite3.Connection, log: Log, bounds: Bounds) -> None:
        self._connection = connection
        self._log = log
        self._bounds = bounds

    def is_short(self) -> bool:
        """Some class, or all together, is over its bound."""
        sizes = self._sizes()
        return sum(sizes.values()) > self._bounds.total_bytes or any(
            size > self._bounds.of(stream) for stream, size in sizes.items() if stream is not Stream.ALARM
        )

    def make(self, acknowledged: Callable[[Stream], int], stamp: Stamp) -> int:
        """Drop until all bounds are met. Returns how many unsent records went.

        acknowledged: number up to which every required destination has a stream.
        """
        dropped = 0
        for stream in (Stream.DIAGNOSTICS, Stream.TELEMETRY, Stream.FAULT):
            bound = self._bounds.of(stream)
            if self._sizes()[stream] > bound:
                dropped += self._shrink(stream, bound - bound // _SLACK, acknowledged(stream), stamp)
        total = self._bounds.total_bytes
        if sum(self._sizes().values()) <= total:
            return dropped
        target = total - total // _SLACK
        for stream in Stream:
            self._shrink(stream, self._share(stream, target), acknowledged(stream), stamp, may_lose=False)
        for stream in (Stream.DIAGNOSTICS, Stream.TELEMETRY, Stream.FAULT, Stream.ALARM):
            dropped += self._shrink(stream, self._share(stream, target), acknowledged(stream), stamp)
        return dropped

    def prune(self, acknowledged: Callable[[Stream], int]) -> None:
        """Delete acknowledged records beyond those that are kept, in groups."""
        for stream in Stream:
            last = min(acknowledged(stream), self._log.last(stream) - 1) - self._bounds.kept_count
            (first,) = self._connection.execute("SELECT min(seq) FROM rec WHERE stream = ?", (int(stream),)).fetchone()
            if first is not None and last - first + 1 >= PRUNE_GROUP_COUNT:
                self._log.delete(stream, first, last)

    def drop_old(self, acknowledged: Callable[[Stream], int], now: Stamp) -> int:
        """Drop what is no alarm and too old, the unsent named. Returns how many unsent records went.

        A record of an earlier boot without wall time has no age that anybody knows, and stays.
        """
        dropped = 0
        for stream in (Stream.DIAGNOSTICS, Stream.TELEMETRY, Stream.FAULT):
            rows = self._connection.execute(
                "SELECT seq, kind, digest8, body FROM rec WHERE stream = ? AND seq < ? ORDER BY seq LIMIT ?",
                (int(stream), self._log.last(stream), AGED_GROUP_COUNT),
            ).fetchall()
            old = []
            for seq, kind, digest8, body in rows:
                record = next(sound_records(iter([(digest8, body)])), None)
                if record is None or not _is_older(record.stamp, now, self._bounds.age_s):
                    break
                if seq <= acknowledged(stream) or kind != SystemKind.RECORDS_LOST:
                    old.append(seq)
            for first, last in _runs(old, acknowledged(stream)):
                if last > acknowledged(stream):
                    self._log.write(draft_of_lost(stream, first, last, LostReason.TOO_OLD), now)
                    dropped += last - first + 1
                self._log.delete(stream, first, last)
        return dropped

    def _sizes(self) -> dict[Stream, int]:
        return {size.stream: size.body_bytes + size.records * ROW_BYTES for size in self._log.sizes()}

    def _share(self, stream: Stream, target: int) -> int:
        """How large a stream may stay so that all together meet the target."""
        sizes = self._sizes()
        return max(0, sizes[stream] - max(0, sum(sizes.values()) - target))

    def _shrink(self, stream: Stream, target: int, acknowledged: int, stamp: Stamp, *, may_lose: bool = True) -> int:
        """Delete the oldest records of a stream until it is no larger than `target`; name the unsent ones first.

        The newest record stays (it carries the chain), and so do unsent `records_lost`: without them a receiver
        could never close the gap that they explain.
        """
        excess = self._sizes()[stream] - target
        if excess <= 0:
            return 0
        rows = self._connection.execute(
            "SELECT seq, kind, length(body) FROM rec WHERE stream = ? AND seq < ? ORDER BY seq LIMIT ?",
            (int(stream), self._log.last(stream), self._droppable_count(stream) if may_lose else -1),
        )
        going: list[tuple[int, int]] = []
        for seq, kind, size in rows:
            is_unsent = seq > acknowledged
            if excess <= 0 or (is_unsent and not may_lose):
                break
            if is_unsent and kind == SystemKind.RECORDS_LOST:
                continue
            if going and going[-1][1] == seq - 1 and seq != acknowledged + 1:
                going[-1] = (going[-1][0], seq)
            else:
                going.append((seq, seq))
            excess -= size + ROW_BYTES
        lost = [(first, last) for first, last in going if first > acknowledged]
        for first, last in lost:
            self._log.write(draft_of_lost(stream, first, last, LostReason.NO_ROOM), stamp)
        for first, last in going:
            self._log.delete(stream, first, last)
        return sum(last - first + 1 for first, last in lost)

    def _droppable_count(self, stream: Stream) -> int:
        """-1: no limit. Alarms are untouchable up to their number."""
        if stream is not Stream.ALARM:
            return -1
        records = next(size.records for size in self._log.sizes() if size.stream is Stream.ALARM)
        return max(0, records - self._bounds.alarm_count)


def _is_older(stamp: Stamp, now: Stamp, age_s: int) -> bool:
    if stamp.boot == now.boot:
        return now.up_ms - stamp.up_ms > age_s * 1_000
    if stamp.wall_ms is None or now.wall_ms is None:
        return False
    return now.wall_ms - stamp.wall_ms > age_s * 1_000 + (stamp.unc_ms or 0) + (now.unc_ms or 0)


def _runs(numbers: list[int], border: int) -> list[tuple[int, int]]:
    """Ranges of numbers that follow one another; none crosses from `border` to the next number."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1 and number != border + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
