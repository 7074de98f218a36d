"""What may be forgotten, and when: telemetry and diagnostics, old audit lines, messages of escalation. Never an alarm.

The mark of a pruned stream stays, and a box that sends an old record again hears "had it"; journal lines go too.
Bounded: each turn removes at most ROWS_MAX rows of each kind, so that no commit waits long.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, select, tuple_, update

from edge_agent.wire_values import Stream
from receiver import tables as t
from receiver.outgoing import ADAPTER, MessageState

DAY_MS = 86_400_000
ROWS_MAX = 2_000


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
        removed += _prune_records(db, now_ms - kept.telemetry_days * DAY_MS)
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


def _prune_records(db: Connection, before_ms: int) -> int:
    at = t.record.c
    of_streams = at.stream.in_((int(Stream.TELEMETRY), int(Stream.DIAGNOSTICS)))
    old = select(at.dev, at.log, at.stream, at.seqno).where(of_streams, at.arrived_ms < before_ms).limit(ROWS_MAX)
    keys = [(bytes(row.dev), row.log, row.stream, row.seqno) for row in db.execute(old)]
    if not keys:
        return 0
    _note_pruned(db, keys)
    for table in (t.journal, t.record):
        names = tuple_(table.c.dev, table.c.log, table.c.stream, table.c.seqno)
        db.execute(delete(table).where(names.in_(keys)))
    return len(keys)


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
