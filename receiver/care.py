"""Looks after a receiver's database: a copy of it, a check of every record in it, everything about one lift as lines.

In: an open database. Out: another one, figures, lines. Nothing changes what is read; a copy comes from one snapshot.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import Connection, func, select

from edge_agent.cose import encode_sealed
from edge_agent.errors import WireError
from edge_agent.wire import LINK_BYTES, chain_start, digest
from edge_agent.wire_sealing import sealed_in
from edge_agent.wire_values import Record, Stream
from receiver import feed, journal, register
from receiver import tables as t
from receiver.decoding import decoded
from receiver.incident_rows import load_incident
from receiver.incidents import IncidentKey
from receiver.keyring import Keyring, KeyUnknown

ROWS_AT_ONCE = 500
PROBLEMS_SHOWN_MAX = 20
_R = t.record.c


@dataclass(slots=True)
class Found:
    """What a check has found. unsealed: records whose key or shared secret is not here any more."""

    records: int = 0
    unsealed: int = 0
    incidents: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)

    def wrong(self, problem: str) -> None:
        """Count a problem and keep the first ones."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_SHOWN_MAX:
            self.problems.append(problem)


def copy_all(source: Connection, target: Connection) -> int:
    """Every row of every table into a database that has just been made. Returns how many."""
    copied = 0
    for table in t.METADATA.sorted_tables:
        target.execute(table.delete())
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)).mappings()
        for part in rows.partitions(ROWS_AT_ONCE):
            target.execute(table.insert(), [dict(row) for row in part])
            copied += len(part)
    return copied


def is_empty(db: Connection) -> bool:
    """No box has sent anything here, and no people are known."""
    return all(db.execute(select(table).limit(1)).first() is None for table in (t.record, t.device, t.person))


def check_all(db: Connection) -> Found:
    """Digest, place, seal and chain of every record; the journal; the state that is kept of every incident."""
    found = Found()
    before: Record | None = None
    before_digest = b""
    order = select(t.record).order_by(_R.dev, _R.log, _R.stream, _R.seqno)
    for row in db.execution_options(yield_per=ROWS_AT_ONCE).execute(order):
        found.records += 1
        name = f"record {bytes(row.dev).hex()}-{row.log}-{row.stream}-{row.seqno}"
        body = bytes(row.body)
        if digest(body) != bytes(row.digest):
            found.wrong(f"{name}: its bytes are not those that were stored")
            continue
        try:
            record = decoded(body)
        except WireError as error:
            found.wrong(f"{name}: {error}")
            continue
        if (record.device, record.log, int(record.stream), record.seqno) != (
            bytes(row.dev), row.log, row.stream, row.seqno
        ):  # fmt: skip
            found.wrong(f"{name}: it stands in the place of another")
        _check_seal(db, record, body, row.seal, name, found)
        _check_link(record, before, before_digest, name, found)
        before, before_digest = record, bytes(row.digest)
    _check_journal(db, found)
    _check_incidents(db, found)
    return found


def lines_of_lift(db: Connection, lift_no: str) -> Iterator[bytes]:
    """Everything about one lift: its record, the firms, then its records and notices as the feed gives them."""
    lift = register.lift(db, lift_no)
    devices = set(register.devices_of(db, lift_no))
    head: dict[str, object] = {"type": "lift", "lift_no": lift_no, "devices": sorted(d.hex() for d in devices)}
    if lift is not None:
        head |= {"record": asdict(lift.record), "firms": [asdict(bound) for bound in register.bindings(db, lift_no)]}
    yield json.dumps(head, ensure_ascii=False).encode() + b"\n"
    for entry in all_entries(db):
        if entry.device in devices:
            yield feed.json_line(entry)


def all_entries(db: Connection) -> Iterator[journal.Entry]:
    """The whole journal."""
    upto = 0
    while entries := journal.entries_after(db, upto):
        yield from entries
        upto = entries[-1].position


def _check_seal(db: Connection, record: Record, body: bytes, seal: bytes | None, name: str, found: Found) -> None:
    if seal is None:  # stored by a receiver that knew no seals yet
        found.unsealed += 1
        return
    try:
        whole = encode_sealed(replace(sealed_in(bytes(seal)), payload=body))
        Keyring(db).opener(record.device)(whole)
    except KeyUnknown:
        found.unsealed += 1
    except WireError as error:
        found.wrong(f"{name}: {error}")


def _check_link(record: Record, before: Record | None, before_digest: bytes, name: str, found: Found) -> None:
    follows = before is not None and (before.device, before.log, before.stream, before.seqno + 1) == (
        record.device,
        record.log,
        record.stream,
        record.seqno,
    )
    if record.seqno == 1:
        before_digest = chain_start(record.device, record.log, record.stream)
    elif not follows:
        return
    if before_digest[:LINK_BYTES] != record.link:
        found.wrong(f"{name}: it does not follow the record before it")


def _check_journal(db: Connection, found: Found) -> None:
    at = t.journal.c
    named = (at.dev, at.log, at.stream, at.seqno)
    is_record = at.what == t.JOURNAL_RECORD
    lines = db.execute(select(func.count()).select_from(t.journal).where(is_record)).scalar_one()
    places = select(*named).where(is_record).distinct().subquery()
    distinct = db.execute(select(func.count()).select_from(places)).scalar_one()
    if lines != distinct or distinct != found.records:
        found.wrong(f"the journal has {lines} lines about {distinct} records, and there are {found.records}")
    notices = db.execute(select(func.count()).select_from(t.notice)).scalar_one()
    told = db.execute(select(func.count()).select_from(t.journal).where(~is_record)).scalar_one()
    if notices != told:
        found.wrong(f"the journal has {told} notices, and there are {notices}")


def _check_incidents(db: Connection, found: Found) -> None:
    for row in db.execute(select(t.incident)).all():
        found.incidents += 1
        key = IncidentKey(bytes(row.dev), row.log, Stream(row.stream), row.seqno)
        try:
            incident = load_incident(db, key)
        except WireError as error:
            found.wrong(f"incident {key}: {error}")
            continue
        if bool(row.is_open) != incident.is_open or bool(row.is_alarm) != incident.is_alarm:
            found.wrong(f"incident {key}: what is kept of it is not what its records say")
