"""What may be forgotten, and when: telemetry and diagnostics, old audit lines, messages of escalation. Never an alarm.

The mark of a pruned stream stays, and a box that sends an old record again hears "had it"; journal lines go too.
Bounded: a turn looks at a few pages of the journal, from where the last one ended, so that no commit waits long and no
turn reads what is not old enough. A record that arrived while the clock of the receiver was wrong into the future is
passed over, and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import Connection, and_, bindparam, delete, select, tuple_, update

from edge_agent.wire_values import Stream
from receiver import tables as t
from receiver.database import execute_all
from receiver.outgoing import ADAPTER, MessageState

DAY_MS = 86_400_000
ROWS_MAX = 2_000
PAGES_MAX = 10
"""Rows of each kind in one turn, about; pages of as many journal lines looked through for them. Ours."""

FORGOTTEN = "forgotten"
"""Name of the counter: up to this place in the journal everything old enough is gone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days; 0: for ever. Alarms and faults are always kept for ever."""

    telemetry_days: int = 400
    audit_days: int = 1_100
    message_days: int = 400
    handed_over_days: int = 30  # what other programs have taken; what they refused stays with the other messages


def prune(db: Connection, kept: Kept, now_ms: int) -> int:
    """Forget what is old enough. Returns how many rows; ROWS_MAX or more: there may be more."""
    removed = 0
    if kept.telemetry_days:
        removed += _prune_records(db, now_ms - kept.telemetry_days * DAY_MS, now_ms + DAY_MS)
    if kept.audit_days:
        at = t.audit.c
        old = select(at.at_ms, at.mark).where(at.at_ms < now_ms - kept.audit_days * DAY_MS).order_by(at.at_ms)
        keys = [tuple(row) for row in db.execute(old.limit(ROWS_MAX))]
        if keys:
            removed += db.execute(delete(t.audit).where(tuple_(at.at_ms, at.mark).in_(keys))).rowcount
    if kept.message_days:
        is_old = t.message.c.due_ms < now_ms - kept.message_days * DAY_MS
        removed += db.execute(delete(t.message).where(is_old, t.message.c.state != int(MessageState.WAITING))).rowcount
    if kept.handed_over_days:
        is_old = t.message.c.due_ms < now_ms - kept.handed_over_days * DAY_MS
        is_taken = and_(t.message.c.channel == ADAPTER, t.message.c.state == int(MessageState.SENT))
        removed += db.execute(delete(t.message).where(is_old, is_taken)).rowcount
    return removed


_J, _R = t.journal.c, t.record.c
_NAMES = ("dev", "log", "stream", "seqno")
_PAGE = select(t.journal).where(_J.position > bindparam("after")).order_by(_J.position).limit(ROWS_MAX).subquery()
_LINES = (
    select(*(_PAGE.c[name] for name in ("position", "what", *_NAMES)), _R.arrived_ms)
    .outerjoin(t.record, and_(*(_R[name] == _PAGE.c[name] for name in _NAMES)))
    .order_by(_PAGE.c.position)
)
_STREAMS = (int(Stream.TELEMETRY), int(Stream.DIAGNOSTICS))
_NO_LINE = delete(t.journal).where(_J.position == bindparam("at_position"))
_NO_RECORD = delete(t.record).where(*(_R[name] == bindparam(f"at_{name}") for name in _NAMES))


def _prune_records(db: Connection, before_ms: int, future_ms: int) -> int:
    """The journal is in the order of arrival: what is old enough lies at its head, after what was looked at before."""
    at = t.counter.c.name == FORGOTTEN
    begun = db.execute(select(t.counter.c.value).where(at)).scalar_one_or_none() or 0
    removed, upto = 0, begun
    for _ in range(PAGES_MAX):
        lines = db.execute(_LINES, {"after": upto}).all()
        old = list(takewhile(lambda line: not before_ms <= (line.arrived_ms or 0) < future_ms, lines))
        gone = [
            line
            for line in old
            if line.what == t.JOURNAL_RECORD
            and line.stream in _STREAMS
            and line.arrived_ms is not None
            and line.arrived_ms < before_ms
        ]
        if gone:
            _note_pruned(db, [(bytes(line.dev), line.log, line.stream, line.seqno) for line in gone])
            execute_all(db, _NO_LINE, [{"at_position": line.position} for line in gone])
            execute_all(db, _NO_RECORD, [{f"at_{name}": line._mapping[name] for name in _NAMES} for line in gone])
        removed += len(gone)
        upto = old[-1].position if old else upto
        if len(old) < ROWS_MAX or removed >= ROWS_MAX:
            break
    if upto > begun:
        db.execute(t.insert_new(t.counter), {"name": FORGOTTEN, "value": upto})
        db.execute(update(t.counter).where(at).values(value=upto))
    return removed


def _note_pruned(db: Connection, keys: list[tuple[bytes, int, int, int]]) -> None:
    """Up to where a stream was forgotten, so that "had it" stays true."""
    upto: dict[tuple[bytes, int, int], int] = {}
    for dev, log, stream, seqno in keys:
        upto[dev, log, stream] = max(seqno, upto.get((dev, log, stream), 0))
    at = t.pruned.c
    for (dev, log, stream), last in upto.items():
        row = {"dev": dev, "log": log, "stream": stream, "upto": last}
        if db.execute(t.insert_new(t.pruned), row).rowcount == 0:
            here = (at.dev == dev) & (at.log == log) & (at.stream == stream) & (at.upto < last)
            db.execute(update(t.pruned).where(here).values(upto=last))
