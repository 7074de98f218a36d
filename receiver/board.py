"""What people look at: incidents, troubles and boxes, read from the last commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, select

from edge_agent.wire_values import Stream
from receiver import tables as t
from receiver.database import Database, Place, open_for_reading, receiver_id
from receiver.incident_rows import IncidentView, load_view
from receiver.incidents import IncidentKey
from receiver.journal import Touched, last_position, touched_after
from receiver.register import seen_by

OPEN_MAX = 2_000
OVER_MAX = 100
TROUBLES_MAX = 50
BOXES_MAX = 500
"""What one board may hold; `left_off` counts the rest. Our choices: a district without power is 1 500 alarms."""

GAP_ALARM_MS = 60_000
"""A gap in the alarm stream is shown from this age. Source: design/wire.md section 3.2."""

_T = TypeVar("_T")


class TroubleKind(Enum):
    """What is wrong with the records of a box. The value is its name in the JSON."""

    GAP = "gap"
    CONFLICT = "conflict"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Numbers first..last of one stream: missing, there twice with different contents, or not following each other."""

    kind: TroubleKind
    device: bytes
    lift_no: str | None
    stream: Stream
    first: int
    last: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Box:
    """A box that has sent something."""

    device: bytes
    lift_no: str | None
    firmware: str | None
    last_contact_ms: int
    test_ms: int | None
    revoked_ms: int | None = None  # since when nothing is taken from it


@dataclass(frozen=True, slots=True)
class Boxes:
    """What there is to say about boxes rather than incidents."""

    troubles: tuple[Trouble, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One picture. incidents: all open ones (oldest alarms first), then those over, newest first."""

    receiver_id: bytes
    incidents: tuple[IncidentView, ...]
    left_off: int
    boxes: Boxes


class BoardReader:
    """Reads a receiver's database, also while receivers write it. Not for two threads at once."""

    def __init__(self, place: Place) -> None:
        """Raises `ReceiverError` when there is no database."""
        self._db: Database = open_for_reading(place)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def incident(self, key: IncidentKey) -> IncidentView | None:
        """One incident; None where there is none."""
        with self._db.snapshot() as db:
            return load_view(db, key)

    def board(self, now_ms: int, firm: str | None = None) -> Board:
        """The whole picture, from one commit. firm: only its lifts."""
        with self._db.snapshot() as db:
            keys, left_off = _keys(db, firm)
            views = [load_view(db, key) for key in keys]
            return Board(
                receiver_id=receiver_id(db),
                incidents=tuple(view for view in views if view is not None),
                left_off=left_off,
                boxes=_boxes_and_troubles(db, now_ms, firm),
            )

    def touched_after(self, position: int | None) -> Touched:
        """What changed after a position of the journal. None: nothing yet, only where the journal ends."""
        with self._db.snapshot() as db:
            return Touched(last_position(db), (), frozenset()) if position is None else touched_after(db, position)

    def ask(self, question: Callable[[Connection], _T]) -> _T:
        """A question of one's own, answered from one commit."""
        with self._db.snapshot() as db:
            return question(db)

    def boxes(self, now_ms: int, firm: str | None = None) -> Boxes:
        """Troubles and boxes only. firm: only its lifts."""
        with self._db.snapshot() as db:
            return _boxes_and_troubles(db, now_ms, firm)


def _inside(device: ColumnElement[bytes], firm: str | None) -> tuple[ColumnElement[bool], ...]:
    """Conditions that leave the lifts of other firms out."""
    return () if firm is None else (device.in_(seen_by(firm)),)


def _boxes_and_troubles(db: Connection, now_ms: int, firm: str | None) -> Boxes:
    troubles = (
        *_numbered(db, TroubleKind.CONFLICT, t.conflict, "arrived_ms", firm),
        *_numbered(db, TroubleKind.BREAK, t.chain_break, "found_ms", firm),
        *_gaps(db, now_ms, firm),
    )
    return Boxes(troubles[:TROUBLES_MAX], _boxes(db, firm))


def _keys(db: Connection, firm: str | None) -> tuple[list[IncidentKey], int]:
    at = t.incident.c
    columns = select(at.dev, at.log, at.stream, at.seqno)
    is_open = and_(at.is_open == 1, *_inside(at.dev, firm))
    rows = list(db.execute(columns.where(is_open).order_by(at.is_alarm.desc(), at.stored_ms).limit(OPEN_MAX)))
    open_count = db.execute(select(func.count()).select_from(t.incident).where(is_open)).scalar_one()
    for is_alarm in (1, 0):
        over = columns.where(at.is_open == 0, at.is_alarm == is_alarm, *_inside(at.dev, firm))
        rows += db.execute(over.order_by(at.stored_ms.desc()).limit(OVER_MAX // 2))
    keys = [IncidentKey(bytes(dev), log, Stream(stream), seqno) for dev, log, stream, seqno in rows]
    return keys, max(0, open_count - OPEN_MAX)


def _numbered(db: Connection, kind: TroubleKind, table: Table, at_name: str, firm: str | None) -> list[Trouble]:
    """Numbers of a stream about which something was written down, one trouble a stream."""
    at, first_ms = table.c, func.min(table.c[at_name])
    rows = db.execute(
        select(at.dev, t.device.c.lift_no, at.stream, func.min(at.seqno).label("first"), func.max(at.seqno), first_ms)
        .join(t.device, t.device.c.dev == at.dev)
        .where(*_inside(at.dev, firm))
        .group_by(at.dev, t.device.c.lift_no, at.log, at.stream)
        .order_by(first_ms.desc())
        .limit(TROUBLES_MAX)
    )
    return [_trouble(kind, row) for row in rows]


def _gaps(db: Connection, now_ms: int, firm: str | None) -> list[Trouble]:
    """Gaps in the alarm stream of the log that each box writes now."""
    at, box = t.span.c, t.device.c
    before = func.coalesce(func.lag(at.last).over(partition_by=at.dev, order_by=at.first), 0).label("before")
    spans = (
        select(at.dev, box.lift_no, at.stream, at.first, at.since_ms, before)
        .join(t.device, (box.dev == at.dev) & (box.log == at.log))
        .where(at.stream == 0, *_inside(at.dev, firm))
        .subquery()
    ).c
    rows = db.execute(
        select(spans.dev, spans.lift_no, spans.stream, spans.before + 1, spans.first - 1, spans.since_ms)
        .where(spans.first > spans.before + 1, spans.since_ms <= now_ms - GAP_ALARM_MS)
        .order_by(spans.since_ms)
        .limit(TROUBLES_MAX)
    )
    return [_trouble(TroubleKind.GAP, row) for row in rows]


def _trouble(kind: TroubleKind, row: Row[Any]) -> Trouble:
    device, lift_no, stream, first, last, since_ms = row
    return Trouble(kind, bytes(device), lift_no, Stream(stream), first, last, since_ms)


def _boxes(db: Connection, firm: str | None) -> tuple[Box, ...]:
    at = t.device.c
    columns = select(at.dev, at.lift_no, at.firmware, at.last_contact_ms, at.test_ms, t.revoked.c.at_ms)
    columns = columns.join(t.revoked, t.revoked.c.dev == at.dev, isouter=True)
    rows = db.execute(columns.where(*_inside(at.dev, firm)).order_by(at.last_contact_ms.desc()).limit(BOXES_MAX))
    return tuple(Box(bytes(dev), *values) for dev, *values in rows)
