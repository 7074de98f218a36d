"""Incidents out of the database: the few records that decide each fold, its notices, and when it was raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, union_all

from edge_agent.wire_values import Act, IncidentRef, Notice, Phase, Record, Stream
from receiver import tables as t
from receiver.dating import BootContacts, Contact, Moment, When, when
from receiver.decoding import decoded
from receiver.evidence import EvidenceTable, EvidenceView
from receiver.incidents import Incident, IncidentKey

NOTICES_PER_INCIDENT_MAX = 100
"""What people may say about one incident. Our choice: far above any rescue."""

_R, _N = t.record, t.notice
_OF_LOG = (_R.c.dev == bindparam("dev"), _R.c.log == bindparam("log"), _R.c.stream == bindparam("stream"))


def _ends() -> Select[Any]:
    """Ten look-ups in an index, however many updates an incident has."""
    ends = [
        select(end(_R.c.seqno)).where(*_OF_LOG, _R.c.incident == bindparam("incident"), _R.c.phase == int(phase))
        for phase in Phase
        for end in (func.min, func.max)
    ]
    return select(_R.c.body, _R.c.arrived_ms).where(*_OF_LOG, _R.c.seqno.in_(union_all(*ends)))


_DECIDING_RECORDS = _ends()
_NOTICE_COLUMNS = (_N.c.number, _N.c.act, _N.c.log, _N.c.stream, _N.c.seqno, _N.c.at_ms, _N.c.who, _N.c.eta_min)
NOTICES = select(*_NOTICE_COLUMNS)
"""Rows for `notice_of`."""

_NOTICES_OF = NOTICES.where(
    _N.c.dev == bindparam("dev"),
    _N.c.log == bindparam("log"),
    _N.c.stream == bindparam("stream"),
    _N.c.seqno == bindparam("incident"),
).order_by(_N.c.number)
_BOX = (
    select(t.device.c.lift_no, t.device.c.heard_notice, t.lift.c.firm)
    .outerjoin(t.lift, t.lift.c.lift_no == t.device.c.lift_no)
    .where(t.device.c.dev == bindparam("dev"))
)
_C = t.contact
_CONTACTS = select(_C.c.boot, _C.c.first_up_ms, _C.c.first_arrived_ms, _C.c.last_up_ms, _C.c.last_arrived_ms).where(
    _C.c.dev == bindparam("dev"), _C.c.log == bindparam("log")
)
_CONTACTS_NEAR = (
    _CONTACTS.where(_C.c.boot == bindparam("boot")),
    _CONTACTS.where(_C.c.boot < bindparam("boot")).order_by(_C.c.boot.desc()).limit(1),
    _CONTACTS.where(_C.c.boot > bindparam("boot")).order_by(_C.c.boot).limit(1),
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
    firm: str | None = None  # that looks after the lift
    evidence: EvidenceView | None = None  # the recording around it, if the box has named one

    @property
    def occupied_percent(self) -> int | None:
        """How likely somebody is inside, by the newest record that says so."""
        latest, first = self.incident.latest, self.incident.first
        if latest is not None and latest.percent is not None:
            return latest.percent
        return None if first is None else first.percent

    @property
    def recovered_by_itself(self) -> bool:
        """Its condition went away before anybody went."""
        over = self.gone if self.gone is not None else self.ended
        going = (Act.TAKEN_OVER, Act.HELP_SENT, Act.ON_SITE, Act.REMOTE_RESET)
        return over is not None and all(
            notice.at_ms > over.latest_ms for notice in self.incident.notices if notice.act in going
        )

    @property
    def box_was_told(self) -> bool:
        """The box has heard of everything that people did about this incident."""
        return all(notice.number <= self.heard_notice for notice in self.incident.notices)


def load_incident(db: Connection, key: IncidentKey) -> Incident:
    """The fold over the lowest and highest record of each phase, which is the fold over all of them."""
    return _load(db, key)[0]


def load_view(db: Connection, key: IncidentKey) -> IncidentView | None:
    """One incident as shown; None where none of it is here."""
    incident, arrived_ms = _load(db, key)
    if incident.first is None:
        return None
    row = db.execute(_BOX, {"dev": key.device}).one()
    gone = incident.condition_gone
    return IncidentView(
        incident=incident,
        lift_no=row.lift_no,
        stored_ms=min(arrived_ms.values()),
        raised=_dated(db, incident.first, arrived_ms),
        gone=None if gone is None else _dated(db, gone, arrived_ms),
        ended=None if incident.ended is None else _dated(db, incident.ended, arrived_ms),
        heard_notice=row.heard_notice,
        firm=row.firm,
        evidence=_evidence(db, key),
    )


def _evidence(db: Connection, key: IncidentKey) -> EvidenceView | None:
    """Faults have none."""
    return EvidenceTable(db).view(key) if key.stream is Stream.ALARM else None


def _load(db: Connection, key: IncidentKey) -> tuple[Incident, dict[int, int]]:
    """The fold, and when each record in it arrived, by number."""
    incident = Incident(key)
    arrived_ms: dict[int, int] = {}
    for body, at_ms in db.execute(_DECIDING_RECORDS, _place(key)):
        record = decoded(bytes(body))
        incident = incident.with_record(record)
        arrived_ms[record.seqno] = at_ms
    for notice in notices_of(db, key):
        incident = incident.with_notice(notice)
    return incident, arrived_ms


def notices_of(db: Connection, key: IncidentKey) -> list[Notice]:
    """What people did about one incident, in order of number."""
    return [notice_of(row) for row in db.execute(_NOTICES_OF, _place(key))]


def notice_of(row: Row[Any]) -> Notice:
    """A notice from a row of `NOTICES`."""
    ref = IncidentRef(row.log, Stream(row.stream), row.seqno)
    return Notice(row.number, Act(row.act), ref, row.at_ms, row.who, row.eta_min)


def _place(key: IncidentKey) -> dict[str, object]:
    return {"dev": key.device, "log": key.log, "stream": int(key.stream), "incident": key.seqno}


def _dated(db: Connection, record: Record, arrived_ms: dict[int, int]) -> When:
    stamp = record.stamp
    moment = Moment(stamp.boot, stamp.up_ms, stamp.wall_ms, stamp.unc_ms or 0)
    return when(moment, arrived_ms[record.seqno], contacts_near(db, record.device, record.log, stamp.boot))


def contacts_near(db: Connection, device: bytes, log: int, boot: int) -> list[BootContacts]:
    """The contacts of a boot and of its nearest neighbours, all that dating needs."""
    place = {"dev": device, "log": log, "boot": boot}
    found = [row for asked in _CONTACTS_NEAR for row in db.execute(asked, place)]
    return [
        BootContacts(
            row.boot, Contact(row.first_up_ms, row.first_arrived_ms), Contact(row.last_up_ms, row.last_arrived_ms)
        )
        for row in found
    ]
