"""Whether records follow each other as they were made: each names the one before it, a checkpoint names the newest.

In: a record that was just stored. Out: breaks, kept in `chain_break`. A record that does not fit stays where it is: it
is sealed, so its box made it; what is wrong is that something else was made before it than lies here.
Every call is part of the transaction of its caller. Source: design/wire.md section 1.3, rule 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from edge_agent.wire import LINK_BYTES, chain_start, digest
from edge_agent.wire_values import Checkpoint, Record, Stream
from receiver import tables as t
from receiver.decoding import decoded
from receiver.group import Group, Place, place_at, places_of

BREAKS_MAX = 1_000
"""Breaks kept of one box. Our choice: more of them tell nothing new."""


@dataclass(frozen=True, slots=True)
class Break:
    """The record `seqno` does not follow the one before it, or is not the one that a checkpoint names."""

    stream: Stream
    seqno: int


def check(group: Group, record: Record, body: bytes, now_ms: int) -> tuple[Break, ...]:
    """Compare a new record with its neighbours, and a checkpoint with what it names. Returns what was not known yet.

    group: has looked up `named_by` this record.
    """
    found = [*_with_neighbours(group, record, body), *_with_checkpoint(group, record)]
    return tuple(each for each in found if _keep(group.db, record, each, now_ms))


def named_by(record: Record) -> list[Place]:
    """The places that `check` asks about: of the record, its neighbours, what a checkpoint names."""
    places = places_of(record)
    if isinstance(record.detail, Checkpoint):
        places += [place_at(record, head.stream, head.last) for head in record.detail.heads]
    return places


def _with_neighbours(group: Group, record: Record, body: bytes) -> list[Break]:
    found = []
    before = (
        chain_start(record.device, record.log, record.stream)
        if record.seqno == 1
        else group.digest_at(place_at(record, record.stream, record.seqno - 1))
    )
    if before is not None and before[:LINK_BYTES] != record.link:
        found.append(Break(record.stream, record.seqno))
    after = group.body_at(place_at(record, record.stream, record.seqno + 1))
    if after is not None and decoded(after).link != digest(body)[:LINK_BYTES]:
        found.append(Break(record.stream, record.seqno + 1))
    return found


def _with_checkpoint(group: Group, record: Record) -> list[Break]:
    if not isinstance(record.detail, Checkpoint):
        return []
    found = []
    for head in record.detail.heads:
        here = group.digest_at(place_at(record, head.stream, head.last))
        if here is not None and here != head.digest:
            found.append(Break(head.stream, head.last))
    return found


def _keep(db: Connection, record: Record, found: Break, now_ms: int) -> bool:
    """True if it is new."""
    of_box = select(func.count()).select_from(t.chain_break).where(t.chain_break.c.dev == record.device)
    if db.execute(of_box).scalar_one() >= BREAKS_MAX:
        return False
    row = {
        "dev": record.device,
        "log": record.log,
        "stream": int(found.stream),
        "seqno": found.seqno,
        "found_ms": now_ms,
    }
    return db.execute(t.insert_new(t.chain_break), row).rowcount == 1
