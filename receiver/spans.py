"""Which numbers of a stream are here, kept as spans without holes: marks and gaps are read off them.

A span counts records and numbers that a `lost` record explains. `since_ms` of a span is when its first piece came,
and so since when the gap before it has been known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_agent.wire import GAPS_MAX
from edge_agent.wire_values import Gap, Mark, Stream


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


def add_span(
    db: sqlite3.Connection, device: bytes, log: int, stream: Stream, first: int, last: int, now_ms: int
) -> None:
    """Count first..last as present, merging with the spans they touch. Inside the caller's transaction."""
    place = (device, log, int(stream))
    touched = db.execute(
        "SELECT first, last, since_ms FROM span WHERE dev=? AND log=? AND stream=? AND first<=? "
        "ORDER BY first DESC LIMIT 1",
        (*place, first),
    ).fetchall()
    touched = [row for row in touched if row[1] >= first - 1]
    touched += db.execute(
        "SELECT first, last, since_ms FROM span WHERE dev=? AND log=? AND stream=? AND first>? AND first<=?",
        (*place, first, last + 1),
    ).fetchall()
    if len(touched) == 1 and touched[0][0] <= first and touched[0][1] >= last:
        return
    for row in touched:
        db.execute("DELETE FROM span WHERE dev=? AND log=? AND stream=? AND first=?", (*place, row[0]))
    merged = (
        min([first, *(row[0] for row in touched)]),
        max([last, *(row[1] for row in touched)]),
        min([now_ms, *(row[2] for row in touched)]),
    )
    db.execute("INSERT INTO span VALUES (?,?,?,?,?,?)", (*place, *merged))


def standing(db: sqlite3.Connection, device: bytes, log: int, stream: Stream) -> Standing | None:
    """Mark and gaps; None where nothing of this stream has come."""
    spans = db.execute(
        "SELECT first, last FROM span WHERE dev=? AND log=? AND stream=? ORDER BY first LIMIT ?",
        (device, log, int(stream), GAPS_MAX + 1),
    ).fetchall()
    if not spans:
        return None
    gaps, upto = [], 0
    for first, last in spans:
        if first > upto + 1:
            gaps.append(Gap(stream, upto + 1, first - 1))
        upto = last
    mark = spans[0][1] if spans[0][0] == 1 else 0
    return Standing(Mark(stream, mark), tuple(gaps[:GAPS_MAX]))
