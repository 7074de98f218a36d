"""Which numbers of a stream are here, kept as spans without holes: marks and gaps are read off them.

A span counts records and numbers that a `lost` record explains. `since_ms` of a span is when its first piece came,
and so since when the gap before it has been known.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select, update

from edge_agent.wire import GAPS_MAX
from edge_agent.wire_values import Gap, Mark, Stream
from receiver import tables as t
from receiver.database import execute_all

_OF_STREAM = [t.span.c[name] == bindparam(f"at_{name}") for name in ("dev", "log", "stream")]
_ROW = select(t.span.c.first, t.span.c.last, t.span.c.since_ms).where(*_OF_STREAM)
_BEFORE = _ROW.where(t.span.c.first <= bindparam("low")).order_by(t.span.c.first.desc()).limit(1)
_WITHIN = _ROW.where(t.span.c.first > bindparam("low"), t.span.c.first <= bindparam("high"))
_DROPPED = delete(t.span).where(*_OF_STREAM, t.span.c.first == bindparam("at_first"))
_ADDED = t.span.insert()
_CHANGED = (
    update(t.span)
    .where(*_OF_STREAM, t.span.c.first == bindparam("at_first"))
    .values(last=bindparam("last"), since_ms=bindparam("since_ms"))
)
_OF_BOXES = select(t.span).where(t.span.c.dev.in_(bindparam("devs", expanding=True))).limit(bindparam("count"))
_IN_ORDER = _ROW.order_by(t.span.c.first).limit(GAPS_MAX + 1)

IN_MEMORY_MAX = 4_096
"""Spans of one group of boxes held in memory; with more, each is looked up as it is needed. Our choice."""

Span = tuple[int, int, int]
"""(first, last, since_ms)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One stream of one log: its mark and its first gaps, at most as many as a receipt may name."""

    mark: Mark
    gaps: tuple[Gap, ...]


def runs_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending runs (first, last) of the numbers."""
    first = last = None
    for number in sorted(set(numbers)):
        if first is None or last is None:
            first = last = number
        elif number == last + 1:
            last = number
        else:
            yield first, last
            first = last = number
    if first is not None and last is not None:
        yield first, last


def add_span(db: Connection, device: bytes, log: int, stream: Stream, first: int, last: int, now_ms: int) -> None:
    """Count first..last as present, merging with the spans they touch. Inside the caller's transaction."""
    at = {"at_dev": device, "at_log": log, "at_stream": int(stream)}
    touched = [row for row in db.execute(_BEFORE, {**at, "low": first}) if row.last >= first - 1]
    touched += db.execute(_WITHIN, {**at, "low": first, "high": last + 1}).all()
    if len(touched) == 1 and touched[0].first <= first and touched[0].last >= last:
        return
    for row in touched:
        db.execute(_DROPPED, {**at, "at_first": row.first})
    merged = {
        "dev": device,
        "log": log,
        "stream": int(stream),
        "first": min([first, *(row.first for row in touched)]),
        "last": max([last, *(row.last for row in touched)]),
        "since_ms": min([now_ms, *(row.since_ms for row in touched)]),
    }
    db.execute(_ADDED, merged)


def standing(db: Connection, device: bytes, log: int, stream: Stream) -> Standing | None:
    """Mark and gaps; None where nothing of this stream has come."""
    spans = db.execute(_IN_ORDER, {"at_dev": device, "at_log": log, "at_stream": int(stream)}).all()
    return _read_off(stream, [(first, last, since_ms) for first, last, since_ms in spans])


def _read_off(stream: Stream, spans: Sequence[Span]) -> Standing | None:
    if not spans:
        return None
    gaps, upto = [], 0
    for first, last, _ in spans[: GAPS_MAX + 1]:
        if first > upto + 1:
            gaps.append(Gap(stream, upto + 1, first - 1))
        upto = last
    mark = spans[0][1] if spans[0][0] == 1 else 0
    return Standing(Mark(stream, mark), tuple(gaps[:GAPS_MAX]))


class Streams:
    """The spans of some boxes: read once, changed in memory, written at once. Part of its caller's transaction."""

    def __init__(self, db: Connection, devices: Sequence[bytes]) -> None:
        """Read them; where a box has left too many holes, nothing is held, and each call asks the database."""
        self._db = db
        rows = db.execute(_OF_BOXES, {"devs": devices, "count": IN_MEMORY_MAX + 1}).all()
        self._is_held = len(rows) <= IN_MEMORY_MAX
        self._spans: dict[tuple[bytes, int, int], list[Span]] = {}
        self._changed: set[tuple[bytes, int, int]] = set()
        for row in rows if self._is_held else ():
            self._spans.setdefault((bytes(row.dev), row.log, row.stream), []).append(
                (row.first, row.last, row.since_ms)
            )
        for spans in self._spans.values():
            spans.sort()
        self._before = {place: tuple(spans) for place, spans in self._spans.items()}

    def add(self, device: bytes, log: int, stream: Stream, first: int, last: int, now_ms: int) -> None:
        """As `add_span`."""
        if not self._is_held:
            add_span(self._db, device, log, stream, first, last, now_ms)
            return
        place = (device, log, int(stream))
        apart, since_ms = [], now_ms
        for span in self._spans.get(place, ()):
            if span[1] < first - 1 or span[0] > last + 1:
                apart.append(span)
            else:
                first, last, since_ms = min(first, span[0]), max(last, span[1]), min(since_ms, span[2])
        bisect.insort(apart, (first, last, since_ms))
        self._spans[place] = apart
        self._changed.add(place)

    def standing(self, device: bytes, log: int, stream: Stream) -> Standing | None:
        """As the function of this name."""
        if not self._is_held:
            return standing(self._db, device, log, stream)
        return _read_off(stream, self._spans.get((device, log, int(stream)), ()))

    def write(self) -> None:
        """What has changed, into the table."""
        dropped: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        added: list[dict[str, object]] = []
        for place in self._changed:
            dev, log, stream = place
            at = {"at_dev": dev, "at_log": log, "at_stream": stream}
            before = {first: (last, since_ms) for first, last, since_ms in self._before.get(place, ())}
            for first, last, since_ms in self._spans[place]:
                was = before.pop(first, None)
                if was is None:
                    row = {"dev": dev, "log": log, "stream": stream, "first": first, "last": last}
                    added.append({**row, "since_ms": since_ms})
                elif was != (last, since_ms):
                    changed.append({**at, "at_first": first, "last": last, "since_ms": since_ms})
            dropped += [{**at, "at_first": first} for first in before]
            self._before[place] = tuple(self._spans[place])
        self._changed.clear()
        execute_all(self._db, _DROPPED, dropped)
        execute_all(self._db, _CHANGED, changed)
        execute_all(self._db, _ADDED, added)
