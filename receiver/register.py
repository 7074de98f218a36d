"""The register: each lift's own record, the firms, and which firm looks after which lift since when.

Every call is part of the transaction of its caller. A lift is named by its registration code, as its boxes say it.
Handing a lift over changes who sees it and, in the same commit, ends what the firm before could still use: the shared
secret of the lift's boxes and the invitations with which they joined. An alarm needs neither: it is sealed by the box's
own key.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select, update

from receiver import audit
from receiver import tables as t
from receiver.errors import ReceiverError
from receiver.roles import Actor

LIFTS_MAX = 100_000
FIRMS_MAX = 1_000
PAGE_MAX = 500
TEXT_BYTES_MAX = 400
LIFT_NO_BYTES_MAX = 32
"""The last: design/wire.md section 1.3, `lift-no`. The others ours."""

_L, _F, _B, _D = t.lift.c, t.firm.c, t.binding.c, t.device.c


@dataclass(frozen=True, slots=True)
class LiftRecord:
    """What is known of a lift beyond what its box says. Dates as "2019-06-30"; landing_names from the lowest up."""

    lift_no: str
    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    address: str | None = None
    owner: str | None = None
    owner_phone: str | None = None
    lift_phone: str | None = None
    installed_on: str | None = None
    checked_on: str | None = None
    next_check_on: str | None = None
    landings: int | None = None
    landing_names: str | None = None  # parted by commas
    rated_speed_mmps: int | None = None
    rated_load_kg: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A firm looks after a lift. until_ms None: it still does."""

    firm: str
    since_ms: int
    until_ms: int | None
    by: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A lift as it is shown. devices: the boxes that say they are at this lift."""

    record: LiftRecord
    firm: str | None
    changed_ms: int
    changed_by: str
    devices: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Firm:
    """A maintenance firm."""

    name: str
    phone: str | None = None
    mail: str | None = None


_DATES = ("installed_on", "checked_on", "next_check_on")
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "landings": (2, 200),
    "rated_speed_mmps": (1, 30_000),
    "rated_load_kg": (1, 100_000),
}
FIELDS: Mapping[str, type] = {
    field.name: int if field.name in _NUMBERS else str for field in fields(LiftRecord) if field.name != "lift_no"
}
"""What may be written of a lift, and its kind."""


def checked(lift_no: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are kept; an empty text is none. Raises `ReceiverError` for what cannot be."""
    check_lift_no(lift_no)
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, str):
            value = t.storable(value.strip()) or None
        if value is not None and name in _NUMBERS:
            low, high = _NUMBERS[name]
            if not low <= value <= high:
                raise _wrong(name, f"{value} is outside {low}..{high}")
        elif value is not None and name in _DATES:
            try:
                value = datetime.date.fromisoformat(value).isoformat()
            except ValueError as error:
                raise _wrong(name, "no date like 2019-06-30") from error
        elif isinstance(value, str) and len(value.encode()) > TEXT_BYTES_MAX:
            raise _wrong(name, f"longer than {TEXT_BYTES_MAX} bytes")
        kept[name] = value
    return kept


def check_lift_no(lift_no: str) -> None:
    """Raises `ReceiverError` for what no box could say."""
    if not 1 <= len(lift_no.encode()) <= LIFT_NO_BYTES_MAX or not lift_no.isprintable() or "/" in lift_no:
        raise _wrong("lift", "no registration code of 1 to 32 printable bytes")


def put_lift(db: Connection, lift_no: str, values: Mapping[str, Any], by: Actor, now_ms: int) -> Registered:
    """Write what is known of a lift; what is not named stays. Raises `ReceiverError`."""
    kept = checked(lift_no, values)
    stamp = {"changed_ms": now_ms, "changed_by": by.name}
    if db.execute(select(_L.lift_no).where(_L.lift_no == lift_no)).first() is None:
        if db.execute(select(func.count()).select_from(t.lift)).scalar_one() >= LIFTS_MAX:
            raise _wrong("lift", f"{LIFTS_MAX} lifts are known already")
        db.execute(t.lift.insert().values(lift_no=lift_no, firm=None, **stamp))
        if by.firm is not None:
            _bind(db, lift_no, by.firm, by, now_ms)
    db.execute(update(t.lift).where(_L.lift_no == lift_no).values(**stamp, **kept))
    audit.write(db, by, "lift changed", lift_no, now_ms, ", ".join(sorted(kept)))
    found = lift(db, lift_no)
    assert found is not None
    return found


def lift(db: Connection, lift_no: str) -> Registered | None:
    """One lift."""
    row = db.execute(select(t.lift).where(_L.lift_no == lift_no)).one_or_none()
    return None if row is None else _registered(row, devices_of(db, lift_no))


def lifts(db: Connection, firm: str | None, after: str, count: int = PAGE_MAX) -> Sequence[Registered]:
    """Lifts in order of their registration code, those beyond `after`. firm: only the lifts of this one."""
    asked = select(t.lift).where(_L.lift_no > after).order_by(_L.lift_no).limit(min(count, PAGE_MAX))
    if firm is not None:
        asked = asked.where(_L.firm == firm)
    return [_registered(row, devices_of(db, row.lift_no)) for row in db.execute(asked).all()]


def devices_of(db: Connection, lift_no: str) -> tuple[bytes, ...]:
    """The boxes that say they are at this lift."""
    return tuple(bytes(row.dev) for row in db.execute(select(_D.dev).where(_D.lift_no == lift_no).order_by(_D.dev)))


def bind_box(db: Connection, device: bytes, lift_no: str, by: Actor, now_ms: int) -> str:
    """Say at which lift of the register a box is that does not say so itself. What a box says always counts.

    Raises `ReceiverError` for an unknown lift or box, and for a box that says where it is.
    """
    if lift(db, lift_no) is None:
        raise _wrong("lift", "there is no such lift in the register")
    row = db.execute(select(_D.lift_no, _D.firmware).where(_D.dev == device)).one_or_none()
    if row is None:
        raise _wrong("box", "no box of this id has sent anything")
    if row.firmware is not None and row.lift_no != lift_no:
        raise _wrong("box", f"it says itself that it is at lift {row.lift_no}; change its settings")
    db.execute(update(t.device).where(_D.dev == device).values(lift_no=lift_no))
    audit.write(db, by, "box bound to lift", device.hex(), now_ms, lift_no)
    return lift_no


def bindings(db: Connection, lift_no: str) -> Sequence[Bound]:
    """Which firms looked after a lift, the newest first."""
    rows = db.execute(select(t.binding).where(_B.lift_no == lift_no).order_by(_B.since_ms.desc(), _B.firm))
    return [Bound(row.firm, row.since_ms, row.until_ms, row.by) for row in rows]


def hand_over(db: Connection, lift_no: str, firm: str, by: Actor, now_ms: int) -> tuple[bytes, ...]:
    """Give a lift to a firm, and end what the one before could use. Returns the boxes that must join again.

    Raises `ReceiverError` where there is no such lift or firm, or it looks after the lift already.
    """
    found = lift(db, lift_no)
    if found is None or db.execute(select(_F.name).where(_F.name == firm)).first() is None:
        raise _wrong("hand-over", "there is no such lift or no such firm")
    if found.firm == firm:
        raise _wrong("hand-over", f"{firm} looks after this lift already")
    _bind(db, lift_no, firm, by, now_ms)
    for device in found.devices:
        db.execute(update(t.device_key).where(t.device_key.c.dev == device).values(shared=None))
        db.execute(delete(t.join_code).where(t.join_code.c.dev == device))
    audit.write(db, by, "lift handed over", lift_no, now_ms, f"{found.firm or 'nobody'} to {firm}")
    return found.devices


def put_firm(db: Connection, firm: Firm, by: Actor, now_ms: int) -> None:
    """Write down a firm, new or known. Raises `ReceiverError`."""
    if not firm.name.strip() or not firm.name.isprintable() or "/" in firm.name or len(firm.name.encode()) > 100:
        raise _wrong("firm", "no name of 1 to 100 printable bytes")
    if any(len((text or "").encode()) > TEXT_BYTES_MAX for text in (firm.phone, firm.mail)):
        raise _wrong("firm", f"phone or mail is longer than {TEXT_BYTES_MAX} bytes")
    if db.execute(select(func.count()).select_from(t.firm)).scalar_one() >= FIRMS_MAX:
        raise _wrong("firm", f"{FIRMS_MAX} firms are known already")
    db.execute(t.insert_new(t.firm), {**asdict(firm), "since_ms": now_ms})
    db.execute(update(t.firm).where(_F.name == firm.name).values(phone=firm.phone, mail=firm.mail))
    audit.write(db, by, "firm changed", firm.name, now_ms)


def firms(db: Connection) -> Sequence[Firm]:
    """All firms by name."""
    return [Firm(row.name, row.phone, row.mail) for row in db.execute(select(t.firm).order_by(_F.name))]


def seen_by(firm: str) -> Select[tuple[bytes]]:
    """The boxes whose lifts a firm looks after, as a part of another question."""
    return select(_D.dev).join(t.lift, _L.lift_no == _D.lift_no).where(_L.firm == firm)


def may_see(db: Connection, device: bytes, firm: str) -> bool:
    """Whether a firm looks after the lift of a box."""
    return db.execute(seen_by(firm).where(_D.dev == device)).first() is not None


def _bind(db: Connection, lift_no: str, firm: str, by: Actor, now_ms: int) -> None:
    db.execute(update(t.binding).where(_B.lift_no == lift_no, _B.until_ms.is_(None)).values(until_ms=now_ms))
    row = {"lift_no": lift_no, "since_ms": now_ms, "firm": firm, "until_ms": None, "by": by.name}
    db.execute(t.binding.insert(), row)
    db.execute(update(t.lift).where(_L.lift_no == lift_no).values(firm=firm))


def _registered(row: Row[Any], devices: tuple[bytes, ...]) -> Registered:
    record = LiftRecord(**{field.name: getattr(row, field.name) for field in fields(LiftRecord)})
    return Registered(record, row.firm, row.changed_ms, row.changed_by, devices)


def _wrong(subject: str, problem: str) -> ReceiverError:
    return ReceiverError(problem, subject=subject, hint="See docs/receiver.md, the register of lifts")
