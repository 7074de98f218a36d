"""What waits to be handed over to one adapter: rows of the table `message`, and a durable place in the journal.

Every call is part of a transaction or snapshot of its caller. The journal is looked through in order; what an adapter
wants becomes a row named by (record or notice, adapter), so looking twice writes it once. The place in the journal
moves in the same commit. Alarms have a place of their own, so nothing else delays them; where too much waits, the
place stands still and the journal keeps the rest: nothing is dropped. A row is claimed, sent, marked (`outgoing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from edge_agent.wire_values import Act, Phase, Stream
from receiver import audit
from receiver import tables as t
from receiver.adapters.words import OF_ACT, OF_PHASE, HandoverError, What
from receiver.incidents import FAULT_KIND_MAX
from receiver.journal import ENTRIES_MAX, last_position
from receiver.outgoing import ADAPTER, TRIES_MAX, MessageState, again, is_due, outcome
from receiver.roles import Actor

WAITING_MAX = 2_000
LOOKED_AT_MAX = 1_000
LATER_TRIES_MAX = 300
SHOWN_MAX = 200
AHEAD_MAX = 10
_STEP_MASK = (1 << 31) - 1
"""Rows that may wait of each lane before the journal waits instead; rows looked at to find one whose turn it is; how
often something is tried whose other end asks for patience: a day; periods by which clocks of receivers may differ.
Ours."""

Wants = Callable[[What, int | None], bool]


class Lane(Enum):
    """What has a place in the journal of its own. The value is part of the name of that place."""

    ALARMS = "alarms"
    REST = "rest"
    TELEMETRY = "telemetry"  # handed over without rows, see `runner`


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row: something that one adapter is to be told. seqno: of the record, or of the incident a notice is about."""

    adapter: str
    device: bytes
    log: int
    stream: Stream
    seqno: int
    step: int  # place in the journal, lowest 31 bits: the order in which it is told
    notice: int | None
    state: MessageState
    due_ms: int
    tries: int
    next_ms: int
    sent_ms: int | None
    error: str | None

    @property
    def key(self) -> str:
        """Names what is told: the same for every adapter and every try."""
        place = f"{self.device.hex()}-{self.log}-{int(self.stream)}-{self.seqno}"
        return place if self.notice is None else f"{place}-notice-{self.notice}"

    @property
    def name(self) -> str:
        """Names the row."""
        return f"{self.key}@{self.adapter}"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in a piece of the journal: rows to write, and how far it goes."""

    upto: int
    rows: tuple[dict[str, object], ...]


_J, _R, _N, _M, _C = t.journal.c, t.record.c, t.notice.c, t.message.c, t.counter.c
_SAME_PLACE = ("dev", "log", "stream", "seqno")


def place_of(db: Connection, adapter: str, lane: Lane) -> int | None:
    """How far the journal was looked through; None: this adapter is new."""
    name = _C.name == _counter(adapter, lane)
    value = db.execute(select(_C.value).where(name)).scalar_one_or_none()
    return None if value is None else int(value)


def begin(db: Connection, adapter: str, wants: Wants, now_ms: int) -> int:
    """A new adapter: it is told of the incidents that are open now, and of everything from now on."""
    here = last_position(db)
    at = t.incident.c
    known = select(at.dev, at.log, at.stream, at.seqno, _R.kind).outerjoin(
        t.record, and_(*(_R[name] == at[name] for name in _SAME_PLACE))
    )
    found = 0
    for row in db.execute(known.where(at.is_open == 1).order_by(at.is_alarm.desc(), at.stored_ms).limit(WAITING_MAX)):
        if wants(What.RAISED, row.kind):
            found += db.execute(t.insert_new(t.message), _row(row, adapter, 0, None, now_ms)).rowcount
    for lane in Lane:
        db.execute(t.insert_new(t.counter), {"name": _counter(adapter, lane), "value": here})
    return found


def look(db: Connection, adapter: str, lane: Lane, wants: Wants, now_ms: int) -> Look | None:
    """The next piece of the journal; None: there is nothing new, or enough waits already."""
    after = place_of(db, adapter, lane)
    if after is None or _waiting(db, adapter, lane) >= WAITING_MAX:
        return None
    piece = select(t.journal).where(_J.position > after).order_by(_J.position).limit(ENTRIES_MAX).subquery()
    is_record = piece.c.what == t.JOURNAL_RECORD
    is_notice = and_(~is_record, _N.dev == piece.c.dev, _N.number == piece.c.number)
    asked = (
        select(piece, _R.kind, _R.phase, _N.act)
        .outerjoin(t.record, and_(*(_R[name] == piece.c[name] for name in _SAME_PLACE)))
        .outerjoin(t.notice, is_notice)
        .order_by(piece.c.position)
    )
    upto, rows = after, []
    for row in db.execute(asked):
        upto = row.position
        is_alarm = row.stream == int(Stream.ALARM)
        if row.stream <= int(Stream.FAULT) and is_alarm == (lane is Lane.ALARMS) and _is_wanted(row, wants):
            rows.append(_row(row, adapter, row.position, row.number, now_ms))
    return None if upto == after else Look(upto, tuple(rows))


def write(db: Connection, adapter: str, lane: Lane, found: Look) -> None:
    """The rows and the place, in one commit."""
    for row in found.rows:
        db.execute(t.insert_new(t.message), row)
    move(db, adapter, lane, found.upto)


def move(db: Connection, adapter: str, lane: Lane, upto: int) -> None:
    """Never back, whoever is faster."""
    name = _C.name == _counter(adapter, lane)
    db.execute(update(t.counter).where(name, _C.value < upto).values(value=upto))


def skip(db: Connection, adapter: str, lane: Lane) -> None:
    """What is in the journal now is not wanted."""
    move(db, adapter, lane, last_position(db))


def claim(db: Connection, adapter: str, count: int, now_ms: int) -> tuple[Waiting, ...]:
    """Rows whose turn it is, alarms first; of one incident never a later one before an earlier one."""
    named = and_(_of(adapter), _M.state == int(MessageState.WAITING))
    opener = and_(*(_R[name] == _M[name] for name in _SAME_PLACE))
    incident = func.coalesce(_R.incident, _M.seqno).label("incident")
    asked = (
        select(t.message, incident, is_due(now_ms).label("is_due"))
        .outerjoin(t.record, opener)
        .where(named)
        .order_by(_M.stream, _M.step, _M.seqno, _M.kind)
        .limit(LOOKED_AT_MAX)
    )
    found: list[Waiting] = []
    before = set()
    for row in db.execute(asked).all():
        about = (row.dev, row.log, row.stream, row.incident)
        if about in before:
            continue
        before.add(about)
        if row.is_due and len(found) < count:
            found.append(_waiting_in(row))
    for each in found:
        db.execute(update(t.message).where(_at(each)).values(claimed_ms=now_ms))
    return tuple(found)


def mark(db: Connection, told: Sequence[tuple[Waiting, HandoverError | None]], now_ms: int) -> None:
    """What became of rows that were claimed."""
    for waiting, error in told:
        if error is not None and error.is_away:
            values: dict[str, object] = {"claimed_ms": 0, "error": error.problem[:300]}
        else:
            tries_max = LATER_TRIES_MAX if error is not None and error.is_later else TRIES_MAX
            problem = None if error is None else error.problem[:300]
            is_final = error is not None and error.is_final
            values = outcome(waiting.tries + 1, now_ms, problem, is_final=is_final, tries_max=tries_max)
        db.execute(update(t.message).where(_at(waiting)).values(**values))


def rows_of(db: Connection, adapter: str | None, state: MessageState | None) -> tuple[Waiting, ...]:
    """The newest rows, of one adapter or all, of one state or all."""
    asked = select(t.message).where(_M.channel == ADAPTER).order_by(_M.due_ms.desc(), _M.step.desc(), _M.dev)
    if adapter is not None:
        asked = asked.where(_M.target == adapter)
    if state is not None:
        asked = asked.where(_M.state == int(state))
    return tuple(_waiting_in(row) for row in db.execute(asked.limit(SHOWN_MAX)))


def counts(db: Connection) -> Mapping[tuple[str, MessageState], int]:
    """How many rows of each adapter are in each state."""
    counted = select(_M.target, _M.state, func.count().label("number")).where(_M.channel == ADAPTER)
    rows = db.execute(counted.group_by(_M.target, _M.state))
    return {(row.target, MessageState(row.state)): row.number for row in rows}


def behind(db: Connection, adapter: str) -> Mapping[Lane, int] | None:
    """How many entries of the journal were not looked at yet; None: this adapter never ran here."""
    last = last_position(db)
    places = {lane: place_of(db, adapter, lane) for lane in (Lane.ALARMS, Lane.REST)}
    return None if None in places.values() else {lane: last - (place or 0) for lane, place in places.items()}


def retry(db: Connection, adapter: str, key: str | None, by: Actor, now_ms: int) -> int:
    """Try dead rows of an adapter again: the one of this key, or all. Returns how many."""
    dead = [row for row in _dead(db, adapter) if key is None or row.key == key]
    for row in dead:
        db.execute(update(t.message).where(_at(row)).values(**again(now_ms)))
    if dead:
        audit.write(db, by, "handed over again", adapter, now_ms, f"{len(dead)} messages" if key is None else key)
    return len(dead)


def forget(db: Connection, adapter: str, by: Actor, now_ms: int) -> int:
    """Everything about an adapter: it begins anew. Returns how many rows are gone."""
    removed = db.execute(delete(t.message).where(_of(adapter))).rowcount
    db.execute(delete(t.counter).where(_C.name.startswith(f"adapter:{adapter}:", autoescape=True)))
    audit.write(db, by, "adapter forgotten", adapter, now_ms, f"{removed} messages")
    return removed


def take_turn(db: Connection, adapter: str, duty: str, number: int) -> bool:
    """Whether a duty of this number is ours: of several receivers one does it.

    A number far ahead was taken under a clock that was wrong, and counts for nothing.
    """
    name = f"adapter:{adapter}:{duty}"
    if db.execute(t.insert_new(t.counter), {"name": name, "value": number}).rowcount == 1:
        return True
    is_new = or_(_C.value < number, _C.value > number + AHEAD_MAX)
    return db.execute(update(t.counter).where(_C.name == name, is_new).values(value=number)).rowcount == 1


def _dead(db: Connection, adapter: str) -> Sequence[Waiting]:
    asked = select(t.message).where(_of(adapter), _M.state == int(MessageState.DEAD)).order_by(_M.step)
    return [_waiting_in(row) for row in db.execute(asked)]


def _counter(adapter: str, lane: Lane) -> str:
    return f"adapter:{adapter}:{lane.value}"


def _is_wanted(row: Row[Any], wants: Wants) -> bool:
    """Of a notice `kind` is that of the incident; None: its first record is not here yet."""
    if row.what == t.JOURNAL_NOTICE:
        return row.act is not None and wants(OF_ACT[Act(row.act)], row.kind)
    if row.phase is None:
        return False
    what = OF_PHASE[Phase(row.phase)]
    return (what is What.TEST or (row.kind or 0) <= FAULT_KIND_MAX) and wants(what, row.kind)


def _waiting(db: Connection, adapter: str, lane: Lane) -> int:
    is_alarm = _M.stream == int(Stream.ALARM)
    of_lane = is_alarm if lane is Lane.ALARMS else ~is_alarm
    waits = and_(_of(adapter), _M.state == int(MessageState.WAITING), of_lane)
    return int(db.execute(select(func.count()).select_from(t.message).where(waits)).scalar_one())


def _of(adapter: str) -> ColumnElement[bool]:
    return and_(_M.channel == ADAPTER, _M.target == adapter)


def _kind(adapter: str, notice: int | None) -> str:
    return f"record@{adapter}" if notice is None else f"notice-{notice}@{adapter}"


def _row(row: Row[Any], adapter: str, position: int, notice: int | None, now_ms: int) -> dict[str, object]:
    return {
        "dev": bytes(row.dev),
        "log": row.log,
        "stream": row.stream,
        "seqno": row.seqno,
        "step": position & _STEP_MASK,
        "kind": _kind(adapter, notice),
        "channel": ADAPTER,
        "target": adapter,
        "language": "",
        "state": int(MessageState.WAITING),
        "due_ms": now_ms,
        "tries": 0,
        "next_ms": now_ms,
        "claimed_ms": 0,
        "sent_ms": None,
        "error": None,
    }


def _at(waiting: Waiting) -> ColumnElement[bool]:
    return and_(
        _M.dev == waiting.device,
        _M.log == waiting.log,
        _M.stream == int(waiting.stream),
        _M.seqno == waiting.seqno,
        _M.step == waiting.step,
        _M.kind == _kind(waiting.adapter, waiting.notice),
    )


def _waiting_in(row: Row[Any]) -> Waiting:
    head = row.kind.partition("@")[0]
    return Waiting(
        adapter=row.target,
        device=bytes(row.dev),
        log=row.log,
        stream=Stream(row.stream),
        seqno=row.seqno,
        step=row.step,
        notice=int(head.removeprefix("notice-")) if head.startswith("notice-") else None,
        state=MessageState(row.state),
        due_ms=row.due_ms,
        tries=row.tries,
        next_ms=row.next_ms,
        sent_ms=row.sent_ms,
        error=row.error,
    )
