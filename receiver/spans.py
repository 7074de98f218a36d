"""Which numbers of a stream are here, kept as spans without holes: marks and gaps are read off them.

A span counts records and numbers that a `lost` record explains. `since_ms` of a span is when its first piece came,
and so since when the gap before it has been known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from edge_agent.wire import GAPS_MAX
from edge_agent.wire_values import Gap, Mark, Stream
from receiver import tables as t

_OF_STREAM = [t.span.c[name] == bindparam(f"at_{name}") for name in ("dev", "log", "stream")]
_ROW = select(t.span.c.first, t.span.c.last, t.span.c.since_ms).where(*_OF_STREAM)
_BEFORE = _ROW.where(t.span.c.first <= bindparam("low")).order_by(t.span.c.first.desc()).limit(1)
_WITHIN = _ROW.where(t.span.c.first > bindparam("low"), t.span.c.first <= bindparam("high"))
_DROPPED = delete(t.span).where(*_OF_STREAM, t.span.c.first == bindparam("at_first"))
_ADDED = t.span.insert()
_IN_ORDER = _ROW.order_by(t.span.c.first).limit(GAPS_MAX + 1)


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
    if not spans:
        return None
    gaps, upto = [], 0
    for first, last, _ in spans:
        if first > upto + 1:
            gaps.append(Gap(stream, upto + 1, first - 1))
        upto = last
    mark = spans[0].last if spans[0].first == 1 else 0
    return Standing(Mark(stream, mark), tuple(gaps[:GAPS_MAX]))
