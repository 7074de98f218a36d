"""What the database keeps of one box beside its records: notices given out and heard, open incidents, its last contact.

Every call is part of the transaction of its caller, which holds the lock of the box.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from edge_agent.wire import NOTICES_MAX
from edge_agent.wire_values import SEQNO_MAX, Notice, Stream
from receiver import tables as t
from receiver.incident_rows import NOTICES, load_incident, notice_of
from receiver.incidents import IncidentKey

ASK_AGAIN_S = 5
"""While an alarm is open the box asks for notices this often. Source: design/wire.md section 2.6, every 5..10 s."""

CLAIM_MAX = 1 << 31
"""A box that claims to have acted on a notice beyond this is not believed. Our choice: far above any real count."""

_D, _I, _N = t.device, t.incident, t.notice
_OF_BOX = _D.c.dev == bindparam("at_dev")
_DEVICE = select(_D).where(_OF_BOX)
_PLACE = ("dev", "log", "stream", "seqno")
_FOLDED = (
    update(_I)
    .where(*(_I.c[name] == bindparam(f"at_{name}") for name in _PLACE))
    .values({name: bindparam(name) for name in ("is_open", "is_alarm", "stage")})
)
_PENDING = (
    NOTICES.where(_N.c.dev == bindparam("dev"), _N.c.number > bindparam("after"))
    .order_by(_N.c.number)
    .limit(NOTICES_MAX)
)
_GIVEN = select(func.coalesce(func.max(_N.c.number), 0)).where(_N.c.dev == bindparam("dev"))
_OPEN_ALARM = select(_I.c.seqno).where(_I.c.dev == bindparam("dev"), _I.c.is_open == 1, _I.c.is_alarm == 1).limit(1)
_ABOUT = (
    select(_N.c.log, _N.c.stream, _N.c.seqno)
    .where(_N.c.dev == bindparam("dev"), _N.c.number > bindparam("after"), _N.c.number <= bindparam("upto"))
    .distinct()
    .limit(NOTICES_MAX)
)


def device_row(db: Connection, device: bytes) -> Row[Any] | None:
    """What is known of a box; None: it has never sent anything that its key opened."""
    return db.execute(_DEVICE, {"at_dev": device}).one_or_none()


def change_device(db: Connection, device: bytes, **values: object) -> None:
    """Set columns of a box that is known."""
    db.execute(update(_D).where(_D.c.dev == device).values(**values))


def is_believed(claim: int | None, acted: int) -> bool:
    """Whether the box has acted on more notices than was known, as far as it can be believed."""
    return claim is not None and acted < claim <= CLAIM_MAX


def refold(db: Connection, key: IncidentKey, now_ms: int | None = None) -> None:
    """Keep what the database must know of an incident without folding it: is it open, is it an alarm.

    now_ms: given where a record arrived, which may be the first of this incident.
    """
    incident = load_incident(db, key)
    kept = {"is_open": int(incident.is_open), "is_alarm": int(incident.is_alarm), "stage": int(incident.stage)}
    place = {"dev": key.device, "log": key.log, "stream": int(key.stream), "seqno": key.seqno}
    if now_ms is not None:
        row = {**place, **kept, "stored_ms": now_ms}
        if db.execute(t.insert_new(_I), row).rowcount == 1:
            return
    db.execute(_FOLDED, {**{f"at_{name}": value for name, value in place.items()}, **kept})


def pending(db: Connection, device: bytes, after: int) -> tuple[Notice, ...]:
    """Notices beyond `after`, as many as a receipt may hold."""
    return tuple(notice_of(row) for row in db.execute(_PENDING, {"dev": device, "after": after}))


def ask_again_s(db: Connection, device: bytes) -> int | None:
    """How soon the box is to ask again; None: as it likes."""
    return None if db.execute(_OPEN_ALARM, {"dev": device}).first() is None else ASK_AGAIN_S


def given(db: Connection, device: bytes) -> int:
    """The highest notice given out to a box; 0: none."""
    return int(db.execute(_GIVEN, {"dev": device}).scalar_one())


def next_notice(db: Connection, device: bytes) -> int:
    """One beyond all given out and all that the box has acted on (a restored backup must not reuse a number)."""
    acted = db.execute(select(_D.c.acted_notice).where(_D.c.dev == device)).scalar_one()
    return int(min(max(given(db, device), acted) + 1, SEQNO_MAX))


def about(db: Connection, device: bytes, after: int, upto: int) -> tuple[IncidentKey, ...]:
    """Incidents that the notices after+1..upto are about."""
    if upto <= after:
        return ()
    rows = db.execute(_ABOUT, {"dev": device, "after": after, "upto": upto})
    return tuple(IncidentKey(device, log, Stream(stream), seqno) for log, stream, seqno in rows)
