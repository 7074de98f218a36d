"""Whether records follow each other as they were made: each names the one before it, a checkpoint names the newest.

In: a record that was just stored. Out: breaks, kept in `chain_break`. A record that does not fit stays where it is: it
is sealed, so its box made it; what is wrong is that something else was made before it than lies here.
Every call is part of the transaction of its caller. Source: design/wire.md section 1.3, rule 1.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.wire import LINK_BYTES, chain_start, digest
from edge_agent.wire_values import Checkpoint, Record, Stream
from receiver.decoding import decoded

BREAKS_MAX = 1_000
"""Breaks kept of one box. Our choice: more of them tell nothing new."""


@dataclass(frozen=True, slots=True)
class Break:
    """The record `seqno` does not follow the one before it, or is not the one that a checkpoint names."""

    stream: Stream
    seqno: int


def check(db: sqlite3.Connection, record: Record, body: bytes, now_ms: int) -> tuple[Break, ...]:
    """Compare a new record with its neighbours, and a checkpoint with what it names. Returns what was not known yet."""
    found = [*_with_neighbours(db, record, body), *_with_checkpoint(db, record)]
    return tuple(each for each in found if _keep(db, record, each, now_ms))


def _with_neighbours(db: sqlite3.Connection, record: Record, body: bytes) -> list[Break]:
    found = []
    before = (
        chain_start(record.device, record.log, record.stream)
        if record.seqno == 1
        else _digest_at(db, record, record.stream, record.seqno - 1)
    )
    if before is not None and before[:LINK_BYTES] != record.link:
        found.append(Break(record.stream, record.seqno))
    row = db.execute(
        "SELECT body FROM record WHERE dev=? AND log=? AND stream=? AND seqno=?",
        (record.device, record.log, int(record.stream), record.seqno + 1),
    ).fetchone()
    if row is not None and decoded(row[0]).link != digest(body)[:LINK_BYTES]:
        found.append(Break(record.stream, record.seqno + 1))
    return found


def _with_checkpoint(db: sqlite3.Connection, record: Record) -> list[Break]:
    if not isinstance(record.detail, Checkpoint):
        return []
    found = []
    for head in record.detail.heads:
        here = _digest_at(db, record, head.stream, head.last)
        if here is not None and here != head.digest:
            found.append(Break(head.stream, head.last))
    return found


def _digest_at(db: sqlite3.Connection, record: Record, stream: Stream, seqno: int) -> bytes | None:
    row = db.execute(
        "SELECT digest FROM record WHERE dev=? AND log=? AND stream=? AND seqno=?",
        (record.device, record.log, int(stream), seqno),
    ).fetchone()
    return None if row is None else bytes(row[0])


def _keep(db: sqlite3.Connection, record: Record, found: Break, now_ms: int) -> bool:
    """True if it is new."""
    (count,) = db.execute("SELECT count(*) FROM chain_break WHERE dev=?", (record.device,)).fetchone()
    if count >= BREAKS_MAX:
        return False
    place = (record.device, record.log, int(found.stream), found.seqno, now_ms)
    return db.execute("INSERT OR IGNORE INTO chain_break VALUES (?,?,?,?,?)", place).rowcount == 1
