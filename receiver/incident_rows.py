"""Incidents out of the database: the few records that decide each fold, its notices, and when it was raised."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.wire_values import Act, IncidentRef, Notice, Phase, Record, Stream
from receiver.dating import BootContacts, Contact, Moment, When, when
from receiver.decoding import decoded
from receiver.evidence import EvidenceTable, EvidenceView
from receiver.incidents import Incident, IncidentKey

NOTICES_PER_INCIDENT_MAX = 100
"""What people may say about one incident. Our choice: far above any rescue."""

# Ten look-ups in an index, however many updates an incident has.
_DECIDING_RECORDS = (
    "SELECT body, arrived_ms FROM record WHERE dev=:dev AND log=:log AND stream=:stream AND seqno IN ("
    + " UNION ALL ".join(
        f"SELECT {end}(seqno) FROM record WHERE dev=:dev AND log=:log AND stream=:stream AND incident=:incident "
        f"AND phase={int(phase)}"
        for phase in Phase
        for end in ("min", "max")
    )
    + ")"
)


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with what only the database knows: dates, the lift, what the box has heard."""

    incident: Incident
    lift_no: str | None
    stored_ms: int
    raised: When
    gone: When | None
    ended: When | None
    heard_notice: int  # the box has heard of notices up to this number
    evidence: EvidenceView | None = None  # the recording around it, if the box has named one

    @property
    def box_was_told(self) -> bool:
        """The box has heard of everything that people did about this incident."""
        return all(notice.number <= self.heard_notice for notice in self.incident.notices)


def load_incident(db: sqlite3.Connection, key: IncidentKey) -> Incident:
    """The fold over the lowest and highest record of each phase, which is the fold over all of them."""
    return _load(db, key)[0]


def load_view(db: sqlite3.Connection, key: IncidentKey) -> IncidentView | None:
    """One incident as shown; None where none of it is here."""
    incident, arrived_ms = _load(db, key)
    if incident.first is None:
        return None
    row = db.execute("SELECT lift_no, heard_notice FROM device WHERE dev=?", (key.device,)).fetchone()
    gone = incident.condition_gone
    return IncidentView(
        incident=incident,
        lift_no=row[0],
        stored_ms=min(arrived_ms.values()),
        raised=_dated(db, incident.first, arrived_ms),
        gone=None if gone is None else _dated(db, gone, arrived_ms),
        ended=None if incident.ended is None else _dated(db, incident.ended, arrived_ms),
        heard_notice=row[1],
        evidence=_evidence(db, key),
    )


def _evidence(db: sqlite3.Connection, key: IncidentKey) -> EvidenceView | None:
    """Faults have none, and neither has a database that an earlier receiver wrote and none has opened since."""
    if key.stream is not Stream.ALARM:
        return None
    is_known = db.execute("SELECT 1 FROM sqlite_master WHERE name='evidence'").fetchone() is not None
    return EvidenceTable(db).view(key) if is_known else None


def _load(db: sqlite3.Connection, key: IncidentKey) -> tuple[Incident, dict[int, int]]:
    """The fold, and when each record in it arrived, by number."""
    place = {"dev": key.device, "log": key.log, "stream": int(key.stream), "incident": key.seqno}
    rows = db.execute(_DECIDING_RECORDS, place).fetchall()
    incident = Incident(key)
    arrived_ms: dict[int, int] = {}
    for body, at_ms in rows:
        record = decoded(body)
        incident = incident.with_record(record)
        arrived_ms[record.seqno] = at_ms
    for notice in notices_of(db, key):
        incident = incident.with_notice(notice)
    return incident, arrived_ms


def notices_of(db: sqlite3.Connection, key: IncidentKey) -> list[Notice]:
    """What people did about one incident, in order of number."""
    rows = db.execute(
        "SELECT number, act, log, stream, seqno, at_ms, who, eta_min FROM notice "
        "WHERE dev=? AND log=? AND stream=? AND seqno=? ORDER BY number",
        (key.device, key.log, int(key.stream), key.seqno),
    )
    return [notice_of(row) for row in rows]


def notice_of(row: Sequence[int | str | None]) -> Notice:
    """A notice from its row: number, act, log, stream, seqno, at_ms, who, eta_min."""
    number, act, log, stream, seqno, at_ms, who, eta_min = row
    assert isinstance(number, int)
    assert isinstance(act, int)
    assert isinstance(stream, int)
    assert isinstance(log, int)
    assert isinstance(seqno, int)
    assert isinstance(at_ms, int)
    assert who is None or isinstance(who, str)
    assert eta_min is None or isinstance(eta_min, int)
    return Notice(number, Act(act), IncidentRef(log, Stream(stream), seqno), at_ms, who, eta_min)


def _dated(db: sqlite3.Connection, record: Record, arrived_ms: dict[int, int]) -> When:
    stamp = record.stamp
    moment = Moment(stamp.boot, stamp.up_ms, stamp.wall_ms, stamp.unc_ms or 0)
    return when(moment, arrived_ms[record.seqno], contacts_near(db, record.device, record.log, stamp.boot))


def contacts_near(db: sqlite3.Connection, device: bytes, log: int, boot: int) -> list[BootContacts]:
    """The contacts of a boot and of its nearest neighbours, all that dating needs."""
    columns = "boot, first_up_ms, first_arrived_ms, last_up_ms, last_arrived_ms"
    found = []
    for condition in ("boot=?", "boot<? ORDER BY boot DESC LIMIT 1", "boot>? ORDER BY boot LIMIT 1"):
        found += db.execute(
            f"SELECT {columns} FROM contact WHERE dev=? AND log=? AND {condition}", (device, log, boot)
        ).fetchall()
    return [BootContacts(row[0], Contact(row[1], row[2]), Contact(row[3], row[4])) for row in found]
