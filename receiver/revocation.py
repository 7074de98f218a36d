"""Boxes that are heard no more: stolen, copied, taken out. Inside the caller's transaction.

What a revoked box sends is refused whole (403), never judged record by record: a box keeps what was refused so, and
sends it once somebody has taken the revocation back. It takes effect with the next request, over whatever way it comes,
because every request of a box names it and its seals prove it. For what speaks TLS in front there is a list of revoked
certificates (RFC 5280) too. Source of the rule: design/wire.md section 5.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from edge_agent.wire_sealing import SealRefused
from receiver import audit
from receiver import tables as t
from receiver.errors import ReceiverError
from receiver.roles import Actor

WHY_BYTES_MAX = 400
"""Ours."""

SUBJECT_HEADER = "X-Client-Subject"
"""What speaks TLS in front may pass on the subject of a box's certificate here, "CN=a1b2c3d4e5f60718"."""

_NAME = re.compile(r"CN ?= ?([0-9a-f]{16})(?:,|$)")
_R, _C = t.revoked.c, t.certificate.c
_ASKED: BindParameter[bytes] = bindparam("devs", expanding=True)
_AMONG = select(_R.dev).where(_R.dev.in_(_ASKED))


class BoxRevoked(SealRefused):
    """The box is known, and nothing is taken from it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """One box that is heard no more. by: who did it; why: in that person's words."""

    device: bytes
    lift_no: str | None
    at_ms: int
    by: str
    why: str


def among(db: Connection, devices: Iterable[bytes]) -> frozenset[bytes]:
    """Which of these boxes are revoked."""
    return frozenset(bytes(row.dev) for row in db.execute(_AMONG, {"devs": sorted(set(devices))}))


def check(db: Connection, device: bytes) -> None:
    """Raises `BoxRevoked`."""
    if among(db, (device,)):
        raise refusal(device)


def refusal(device: bytes) -> BoxRevoked:
    """What a revoked box hears."""
    hint = "An administrator can take it back: lift-receiver enrol reinstate"
    return BoxRevoked(f"box {device.hex()} is revoked", subject="box", hint=hint)


def named_in(subject: str) -> bytes | None:
    """The box that the subject of a certificate names; None: it names none."""
    found = _NAME.search(subject[:200])
    return None if found is None else bytes.fromhex(found[1])


def revoke(db: Connection, device: bytes, why: str, by: Actor, now_ms: int) -> Revoked:
    """Hear a box no more; one that is revoked already stays as it was. Raises `ReceiverError` for an unknown box."""
    why = t.storable(why.strip())
    if len(why.encode()) > WHY_BYTES_MAX:
        raise ReceiverError(f"the reason is longer than {WHY_BYTES_MAX} bytes", subject="why", hint="Shorten it")
    known = (select(table.c.dev).where(table.c.dev == device) for table in (t.device_key, t.device))
    if all(db.execute(asked).first() is None for asked in known):
        hint = "The ids of boxes stand on the page; a box that never came here needs no revocation"
        raise ReceiverError("no box of this id has ever come here", subject=device.hex(), hint=hint)
    row = {"dev": device, "at_ms": now_ms, "by": by.name, "why": why}
    if db.execute(t.insert_new(t.revoked), row).rowcount == 1:
        audit.write(db, by, "box revoked", device.hex(), now_ms, why)
    (found,) = [one for one in revocations(db) if one.device == device]
    return found


def reinstate(db: Connection, device: bytes, by: Actor, now_ms: int) -> bool:
    """Hear a box again. False: it was not revoked."""
    was_revoked = db.execute(delete(t.revoked).where(_R.dev == device)).rowcount == 1
    if was_revoked:
        audit.write(db, by, "box reinstated", device.hex(), now_ms)
    return was_revoked


def revocations(db: Connection) -> Sequence[Revoked]:
    """All boxes that are heard no more, the newest first."""
    asked = select(t.revoked, t.device.c.lift_no).join(t.device, t.device.c.dev == _R.dev, isouter=True)
    rows = db.execute(asked.order_by(_R.at_ms.desc(), _R.dev))
    return [Revoked(bytes(row.dev), row.lift_no, row.at_ms, row.by, row.why) for row in rows]


def revoked_certificates(db: Connection, now_ms: int) -> Sequence[tuple[int, int]]:
    """Serial number and time of revocation (Unix ms) of every certificate of a revoked box that is still valid."""
    asked = select(_C.serial, _R.at_ms).join(t.revoked, _R.dev == _C.dev).where(_C.until_ms >= now_ms)
    return [(int(row.serial, 16), row.at_ms) for row in db.execute(asked.order_by(_C.serial))]
