"""Whether records follow each other as they were made: each names the one before it, a checkpoint names the newest.

In: a record that was just stored. Out: breaks, kept in `chain_break`. A record that does not fit stays where it is: it
is sealed, so its box made it; what is wrong is that something else was made before it than lies here.
Every call is part of the transaction of its caller. Source: design/wire.md section 1.3, rule 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from edge_agent.wire import LINK_BYTES, chain_start, digest
from edge_agent.wire_values import Checkpoint, Record, Stream
from receiver import tables as t
from receiver.decoding import decoded

BREAKS_MAX = 1_000
"""Breaks kept of one box. Our choice: more of them tell nothing new."""


@dataclass(frozen=True, slots=True)
class Break:
    """The record `seqno` does not follow the one before it, or is not the one that a checkpoint names."""

    stream: Stream
    seqno: int


_PLACED = [t.record.c[name] == bindparam(name) for name in ("dev", "log", "stream", "seqno")]
_BODY_AT = select(t.record.c.body).where(*_PLACED)
_DIGEST_AT = select(t.record.c.digest).where(*_PLACED)


def check(db: Connection, record: Record, body: bytes, now_ms: int) -> tuple[Break, ...]:
    """Compare a new record with its neighbours, and a checkpoint with what it names. Returns what was not known yet."""
    found = [*_with_neighbours(db, record, body), *_with_checkpoint(db, record)]
    return tuple(each for each in found if _keep(db, record, each, now_ms))


def _with_neighbours(db: Connection, record: Record, body: bytes) -> list[Break]:
    found = []
    before = (
        chain_start(record.device, record.log, record.stream)
        if record.seqno == 1
        else _digest_at(db, record, record.stream, record.seqno - 1)
    )
    if before is not None and before[:LINK_BYTES] != record.link:
        found.append(Break(record.stream, record.seqno))
    after = db.execute(_BODY_AT, _at(record, record.stream, record.seqno + 1)).scalar_one_or_none()
    if after is not None and decoded(bytes(after)).link != digest(body)[:LINK_BYTES]:
        found.append(Break(record.stream, record.seqno + 1))
    return found


def _with_checkpoint(db: Connection, record: Record) -> list[Break]:
    if not isinstance(record.detail, Checkpoint):
        return []
    found = []
    for head in record.detail.heads:
        here = _digest_at(db, record, head.stream, head.last)
        if here is not None and here != head.digest:
            found.append(Break(head.stream, head.last))
    return found


def _digest_at(db: Connection, record: Record, stream: Stream, seqno: int) -> bytes | None:
    found = db.execute(_DIGEST_AT, _at(record, stream, seqno)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _at(record: Record, stream: Stream, seqno: int) -> dict[str, object]:
    return {"dev": record.device, "log": record.log, "stream": int(stream), "seqno": seqno}


def _keep(db: Connection, record: Record, found: Break, now_ms: int) -> bool:
    """True if it is new."""
    of_box = select(func.count()).select_from(t.chain_break).where(t.chain_break.c.dev == record.device)
    if db.execute(of_box).scalar_one() >= BREAKS_MAX:
        return False
    row = {**_at(record, found.stream, found.seqno), "found_ms": now_ms}
    return db.execute(t.insert_new(t.chain_break), row).rowcount == 1
