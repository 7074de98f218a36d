"""Who is told of an alarm that nobody takes over, when and by what way: lists a lift, and messages with their state.

Every call is part of the transaction of its caller, which holds the turn of escalation. A message is named by incident,
step and kind, so planning twice plans it once. It is claimed before it is sent and marked after: whoever dies in
between leaves it to be sent again a minute later, under the same name. Messages are the durable cursor of each way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, select, update

from edge_agent.wire_values import Stream
from receiver import audit
from receiver import tables as t
from receiver.errors import ReceiverError
from receiver.incidents import IncidentKey, Stage
from receiver.outgoing import (
    ADAPTER,
    AGAIN_MS,
    AGAIN_MS_MAX,
    CLAIM_MS,
    TRIES_MAX,
    MessageState,
    again,
    is_due,
    outcome,
)
from receiver.roles import Actor

__all__ = ["AGAIN_MS", "AGAIN_MS_MAX", "CLAIM_MS", "TRIES_MAX", "MessageState"]

STEPS_MAX = 10
AFTER_S_MAX = 86_400
TARGET_BYTES_MAX = 400
PLANNED_MAX = 2_000
CLAIMED_MAX = 200
"""Messages looked at and taken in one turn. Ours."""
RECOVERED_MS_MAX = 30 * 86_400_000
"""For so long after it was told, people hear that an alarm was over by itself; older messages are not read. Ours."""

DEFAULT_LIST = "*"
"""The list of every lift that has none of its own."""


class Channel(Enum):
    """Ways to tell somebody. The value is its name in the JSON."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"


class MessageKind(Enum):
    """What a message says."""

    RAISED = "raised"
    RECOVERED = "recovered"  # by itself, to those who were told that it was raised


@dataclass(frozen=True, slots=True)
class Step:
    """After so long without anybody taking over, tell this target. language: "en" or "zh"."""

    after_s: int
    channel: Channel
    target: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell one target about one incident."""

    key: IncidentKey
    step: int
    kind: MessageKind
    channel: Channel
    target: str
    language: str
    state: MessageState
    due_ms: int
    tries: int
    next_ms: int
    sent_ms: int | None
    error: str | None

    @property
    def name(self) -> str:
        """The same each time it is sent, so that a receiver can drop the second."""
        return f"{self.key}-{self.step}-{self.kind.value}"


_I, _M, _D = t.incident.c, t.message.c, t.device.c
_TO_PEOPLE = _M.channel != ADAPTER
_TARGETS: Mapping[Channel, re.Pattern[str]] = {
    Channel.MAIL: re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,255}"),
    Channel.SMS: re.compile(r"\+?[0-9]{3,20}"),
    Channel.WEBHOOK: re.compile(r"https?://[^\s\"<>]+"),
}


def put_list(db: Connection, lift_no: str, steps: Sequence[Step], by: Actor, now_ms: int) -> None:
    """The list of a lift, or the default one; empty: the default counts for it. Raises `ReceiverError`."""
    if len(steps) > STEPS_MAX:
        raise _wrong(f"{len(steps)} steps, at most {STEPS_MAX}")
    for step in steps:
        if not 0 <= step.after_s <= AFTER_S_MAX:
            raise _wrong(f"after_s {step.after_s} is outside 0..{AFTER_S_MAX}")
        is_long = len(step.target.encode()) > TARGET_BYTES_MAX
        if is_long or not step.target.isprintable() or _TARGETS[step.channel].fullmatch(step.target) is None:
            raise _wrong(f"{step.target[:60]!r} is no target of {step.channel.value}")
        if step.language not in ("en", "zh"):
            raise _wrong(f"the language {step.language[:10]!r} is neither en nor zh")
    db.execute(t.step.delete().where(t.step.c.lift_no == lift_no))
    rows = [
        {
            "lift_no": lift_no,
            "number": number,
            "after_s": step.after_s,
            "channel": step.channel.value,
            "target": step.target,
            "language": step.language,
        }
        for number, step in enumerate(steps, start=1)
    ]
    if rows:
        db.execute(t.step.insert(), rows)
    audit.write(db, by, "escalation list changed", lift_no, now_ms, f"{len(steps)} steps")


def list_of(db: Connection, lift_no: str) -> tuple[Step, ...]:
    """The list that was written down for a lift."""
    rows = db.execute(select(t.step).where(t.step.c.lift_no == lift_no).order_by(t.step.c.number))
    return tuple(Step(row.after_s, Channel(row.channel), row.target, row.language) for row in rows)


def plan(db: Connection, now_ms: int) -> int:
    """Write down what is due now; drop what is not needed any more. Returns how many messages are new."""
    _begin_again(db, now_ms)
    _drop_needless(db)
    lists: dict[str, tuple[Step, ...]] = {}
    planned = 0
    for row in db.execute(_unattended()).all():
        lift_no = row.lift_no or DEFAULT_LIST
        for name in (lift_no, DEFAULT_LIST):
            if name not in lists:
                lists[name] = list_of(db, name)
        steps = lists[lift_no] or lists[DEFAULT_LIST]
        due = [n for n, step in enumerate(steps, start=1) if row.stored_ms + step.after_s * 1000 <= now_ms]
        if len(due) > row.planned:
            planned += sum(_write(db, _key(row), n, MessageKind.RAISED, steps[n - 1], now_ms) for n in due)
    return planned + _plan_recovered(db, now_ms)


def claim(db: Connection, now_ms: int) -> tuple[Message, ...]:
    """Messages that are to be sent now, for one target; they are nobody else's for a minute."""
    due = and_(is_due(now_ms), _TO_PEOPLE)
    first = db.execute(
        select(_M.channel, _M.target).where(due).order_by(_M.due_ms, _M.dev, _M.seqno, _M.step).limit(1)
    ).one_or_none()
    if first is None:
        return ()
    same = and_(due, _M.channel == first.channel, _M.target == first.target)
    rows = db.execute(select(t.message).where(same).order_by(_M.due_ms).limit(CLAIMED_MAX)).all()
    found = tuple(_message(row) for row in rows)
    for message in found:
        db.execute(update(t.message).where(_at(message)).values(claimed_ms=now_ms))
    return found


def mark(db: Connection, messages: Iterable[Message], now_ms: int, error: str | None, *, is_final: bool) -> None:
    """What became of messages that were claimed. error None: sent. is_final: it makes no sense to try again."""
    for message in messages:
        values = outcome(message.tries + 1, now_ms, error, is_final=is_final)
        db.execute(update(t.message).where(_at(message)).values(**values))


def messages(db: Connection, state: MessageState | None, count: int = 200) -> tuple[Message, ...]:
    """The newest messages, of one state or all."""
    asked = select(t.message).where(_TO_PEOPLE).order_by(_M.due_ms.desc(), _M.dev, _M.seqno, _M.step).limit(count)
    if state is not None:
        asked = asked.where(_M.state == int(state))
    return tuple(_message(row) for row in db.execute(asked))


def counts(db: Connection) -> dict[tuple[Channel, MessageState], int]:
    """How many messages of each way are in each state."""
    counted = select(_M.channel, _M.state, func.count().label("number")).where(_TO_PEOPLE)
    rows = db.execute(counted.group_by(_M.channel, _M.state))
    return {(Channel(row.channel), MessageState(row.state)): row.number for row in rows}


def retry(db: Connection, key: IncidentKey, step: int, kind: MessageKind, by: Actor, now_ms: int) -> bool:
    """Try a dead message again. False: there is no such dead message."""
    named = and_(*_place(key), _M.step == step, _M.kind == kind.value, _M.state == int(MessageState.DEAD))
    is_there = db.execute(update(t.message).where(named).values(**again(now_ms))).rowcount == 1
    if is_there:
        audit.write(db, by, "message tried again", f"{key}-{step}-{kind.value}", now_ms)
    return is_there


def _unattended() -> Any:
    """Open alarms to which nobody goes, with how many steps of them are planned."""
    planned = (
        select(func.count())
        .where(
            *(_M[name] == _I[name] for name in ("dev", "log", "stream", "seqno")), _M.kind == MessageKind.RAISED.value
        )
        .scalar_subquery()
    )
    return (
        select(_I.dev, _I.log, _I.stream, _I.seqno, _I.stored_ms, _D.lift_no, planned.label("planned"))
        .join(t.device, _D.dev == _I.dev)
        .where(_I.is_open == 1, _I.is_alarm == 1, _I.stage == int(Stage.UNATTENDED))
        .order_by(_I.stored_ms)
        .limit(PLANNED_MAX)
    )


def _of_incident() -> ColumnElement[bool]:
    return and_(*(_M[name] == _I[name] for name in ("dev", "log", "stream", "seqno")))


def _begin_again(db: Connection, now_ms: int) -> None:
    """A condition that went away and came back: what was dropped is due, and who was told "recovered" is told again."""
    at_hand = (
        select(_M.dev, _M.log, _M.stream, _M.seqno, _M.step, _M.kind)
        .select_from(t.incident.join(t.message, _of_incident()))
        .where(_I.is_open == 1, _I.stage == int(Stage.UNATTENDED), _TO_PEOPLE)  # those are few: begin with them
    )
    recovered = db.execute(at_hand.where(_M.kind == MessageKind.RECOVERED.value)).all()
    for row in recovered:
        db.execute(delete(t.message).where(*_place(_key(row)), _TO_PEOPLE))
    for row in db.execute(at_hand.where(_M.state == int(MessageState.NOT_NEEDED))).all():
        one = and_(*_place(_key(row)), _M.step == row.step, _M.kind == row.kind)
        db.execute(update(t.message).where(one).values(state=int(MessageState.WAITING), next_ms=now_ms, claimed_ms=0))


def _drop_needless(db: Connection) -> None:
    over = select(_I.seqno).where(_of_incident(), _I.stage != int(Stage.UNATTENDED)).exists()
    is_waiting = and_(_M.state == int(MessageState.WAITING), _M.kind == MessageKind.RAISED.value, _M.tries == 0)
    db.execute(update(t.message).where(is_waiting, _M.claimed_ms == 0, over).values(state=int(MessageState.NOT_NEEDED)))


def _plan_recovered(db: Connection, now_ms: int) -> int:
    other = t.message.alias()
    is_told = select(other.c.seqno).where(
        *(other.c[name] == _M[name] for name in ("dev", "log", "stream", "seqno", "step")),
        other.c.kind == MessageKind.RECOVERED.value,
    )
    rows = db.execute(
        select(t.message)
        .join(t.incident, _of_incident())
        .where(
            _I.stage == int(Stage.RECOVERED),
            _M.kind == MessageKind.RAISED.value,
            _M.state == int(MessageState.SENT),
            _M.next_ms > now_ms - RECOVERED_MS_MAX,
            ~is_told.exists(),
        )
        .limit(PLANNED_MAX)
    ).all()
    for row in rows:
        step = Step(0, Channel(row.channel), row.target, row.language)
        _write(db, _key(row), row.step, MessageKind.RECOVERED, step, now_ms)
    return len(rows)


def _write(db: Connection, key: IncidentKey, number: int, kind: MessageKind, step: Step, now_ms: int) -> int:
    row = {
        "dev": key.device,
        "log": key.log,
        "stream": int(key.stream),
        "seqno": key.seqno,
        "step": number,
        "kind": kind.value,
        "channel": step.channel.value,
        "target": step.target,
        "language": step.language,
        "state": int(MessageState.WAITING),
        "due_ms": now_ms,
        "tries": 0,
        "next_ms": now_ms,
        "claimed_ms": 0,
        "sent_ms": None,
        "error": None,
    }
    return db.execute(t.insert_new(t.message), row).rowcount


def _key(row: Row[Any]) -> IncidentKey:
    return IncidentKey(bytes(row.dev), row.log, Stream(row.stream), row.seqno)


def _place(key: IncidentKey) -> tuple[ColumnElement[bool], ...]:
    return _M.dev == key.device, _M.log == key.log, _M.stream == int(key.stream), _M.seqno == key.seqno


def _at(message: Message) -> ColumnElement[bool]:
    return and_(*_place(message.key), _M.step == message.step, _M.kind == message.kind.value)


def _message(row: Row[Any]) -> Message:
    return Message(
        key=_key(row),
        step=row.step,
        kind=MessageKind(row.kind),
        channel=Channel(row.channel),
        target=row.target,
        language=row.language,
        state=MessageState(row.state),
        due_ms=row.due_ms,
        tries=row.tries,
        next_ms=row.next_ms,
        sent_ms=row.sent_ms,
        error=row.error,
    )


def _wrong(problem: str) -> ReceiverError:
    return ReceiverError(problem, subject="escalation", hint="See docs/receiver.md, escalation")
