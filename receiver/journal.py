"""The journal: every record and every notice in the order of the commits, for whoever follows this receiver.

Its numbers are given out last in a transaction, under the row of a counter that others wait for: a number is seen only
after all lower ones, so a follower that remembers the highest misses nothing, whatever number of receivers write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, func, select

from edge_agent.wire_values import Notice, Record, Stream
from receiver import tables as t
from receiver.database import execute_all, next_positions
from receiver.incident_rows import notice_of
from receiver.incidents import IncidentKey

ENTRIES_MAX = 1_000
"""Entries read at one time. Our choice: below 1 MB."""

_J, _R, _N = t.journal, t.record, t.notice


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. body, seal, arrived_ms: of a record; notice: what a person did."""

    position: int
    device: bytes
    log: int
    stream: Stream
    seqno: int
    body: bytes | None = None
    seal: bytes | None = None
    arrived_ms: int | None = None
    notice: Notice | None = None


def _of(record: Record) -> dict[str, object]:
    return {
        "what": t.JOURNAL_RECORD,
        "dev": record.device,
        "log": record.log,
        "stream": int(record.stream),
        "seqno": record.seqno,
        "number": None,
    }


def _told(key: IncidentKey, number: int) -> dict[str, object]:
    return {
        "what": t.JOURNAL_NOTICE,
        "dev": key.device,
        "log": key.log,
        "stream": int(key.stream),
        "seqno": key.seqno,
        "number": number,
    }


def write_records(db: Connection, records: Iterable[Record]) -> None:
    """Records that were stored in this transaction, in order. The last thing done before the commit."""
    _write(db, [_of(record) for record in records])


def write_notice(db: Connection, key: IncidentKey, number: int) -> None:
    """A notice that was stored in this transaction. The last thing done before the commit."""
    _write(db, [_told(key, number)])


def _write(db: Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        positions = next_positions(db, len(rows))
        execute_all(db, _J.insert(), [{"position": at, **row} for at, row in zip(positions, rows, strict=True)])


_PAGE = (
    select(_J).where(_J.c.position > bindparam("after")).order_by(_J.c.position).limit(bindparam("count")).subquery()
)
_ENTRIES = (
    select(
        _PAGE.c.position,
        _PAGE.c.what,
        _PAGE.c.dev,
        _PAGE.c.log,
        _PAGE.c.stream,
        _PAGE.c.seqno,
        _R.c.body,
        _R.c.seal,
        _R.c.arrived_ms,
        _N.c.number,
        _N.c.act,
        _N.c.at_ms,
        _N.c.who,
        _N.c.eta_min,
    )
    .select_from(_PAGE)
    .outerjoin(
        _R,
        and_(
            _PAGE.c.what == t.JOURNAL_RECORD,
            *(_R.c[name] == _PAGE.c[name] for name in ("dev", "log", "stream", "seqno")),
        ),
    )
    .outerjoin(_N, and_(_PAGE.c.what == t.JOURNAL_NOTICE, _N.c.dev == _PAGE.c.dev, _N.c.number == _PAGE.c.number))
    .order_by(_PAGE.c.position)
)
_KEYS = (
    select(_J.c.position, _J.c.what, _J.c.dev, _J.c.log, _J.c.stream, _J.c.seqno, _R.c.kind, _R.c.incident)
    .outerjoin(_R, and_(*(_R.c[name] == _J.c[name] for name in ("dev", "log", "stream", "seqno"))))
    .where(_J.c.position > bindparam("after"))
    .order_by(_J.c.position)
    .limit(bindparam("count"))
)


def entries_after(db: Connection, after: int, count: int = ENTRIES_MAX) -> tuple[Entry, ...]:
    """The next entries; those whose record was pruned meanwhile are left out."""
    found = []
    for row in db.execute(_ENTRIES, {"after": after, "count": count}):
        place = (row.position, bytes(row.dev), row.log, Stream(row.stream), row.seqno)
        if row.what == t.JOURNAL_NOTICE and row.number is not None:
            found.append(Entry(*place, notice=notice_of(row)))
        elif row.body is not None:
            seal = None if row.seal is None else bytes(row.seal)
            found.append(Entry(*place, body=bytes(row.body), seal=seal, arrived_ms=row.arrived_ms))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and the position to go on from, which may lie beyond those that were pruned."""

    entries: tuple[Entry, ...]
    upto: int


def page_after(db: Connection, after: int, count: int) -> Page:
    """The next page of the feed."""
    entries = entries_after(db, after, count)
    return Page(entries, entries[-1].position if entries else after)


@dataclass(frozen=True, slots=True)
class Touched:
    """What changed after a position. upto: the position to go on from; told: boxes for which there are notices."""

    upto: int
    incidents: tuple[IncidentKey, ...]
    told: frozenset[bytes]


def touched_after(db: Connection, after: int, count: int = ENTRIES_MAX) -> Touched:
    """Which incidents look different since `after`."""
    upto, incidents, told = after, [], set()
    for row in db.execute(_KEYS, {"after": after, "count": count}):
        upto = row.position
        is_notice = row.what == t.JOURNAL_NOTICE
        number = row.seqno if is_notice else row.incident
        if is_notice:
            told.add(bytes(row.dev))
        if number is not None:
            incidents.append(IncidentKey(bytes(row.dev), row.log, Stream(row.stream), number))
    return Touched(upto, tuple(dict.fromkeys(incidents)), frozenset(told))


def last_position(db: Connection) -> int:
    """The highest number in the journal; 0: it is empty."""
    return int(db.execute(select(func.coalesce(func.max(_J.c.position), 0))).scalar_one())
