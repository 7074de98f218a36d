"""The keys of boxes: learned with their first batch, pinned for good, because the id of a box is the digest of its key.

Nobody can claim another's id: a key that does not give the id is not learned. A later key is learned from a record
`key_changed` that a known key has sealed, and named by its seals; the first one stays good, so that a card restored
from a backup is heard. What a key cannot open yet is asked for again, not refused: a box must never write an alarm off
because a receiver has forgotten it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import Connection, bindparam, func, select, update

from edge_agent.cose import Seal, Sealed, encode_sealed
from edge_agent.errors import WireError
from edge_agent.wire_sealing import Direction, MacKey, PublicKey, Use, sealed_in
from receiver import tables as t

KEYS_REMEMBERED_MAX = 4_096
"""Parsed keys of that many boxes are kept in memory. Our choice, about 2 MB."""
LATER_KEYS_MAX = 64
"""Later keys of one box, one a year: more are not learned, and the box goes on with its first key. Our choice."""


class KeyUnknown(WireError):
    """The seal may be right, but the key of this box has not come yet."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A record whose seal is right. seal: the container without the record, kept as proof of who said so."""

    body: bytes
    seal: bytes


Opener = Callable[[bytes], Opened]

_KEYS = select(t.device_key.c.raw, t.device_key.c.shared).where(t.device_key.c.dev == bindparam("dev"))


class Keyring:
    """Reads and writes `device_key`, inside the transaction of its caller."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def learn(self, device: bytes, key: PublicKey, now_ms: int) -> None:
        """Pin the first key of a box; one that does not give its id, and any later one, changes nothing."""
        if key.fingerprint == device:
            row = {"dev": device, "raw": key.raw, "since_ms": now_ms}
            self._db.execute(t.insert_new(t.device_key), row)

    def learn_later(self, device: bytes, raw: bytes) -> None:
        """Take in what a sealed record of the box introduces; a key that is none, or one too many, changes nothing."""
        try:
            key = PublicKey(raw)
        except WireError:
            return
        name = t.meta.c.name
        known = self._db.execute(select(func.count()).where(name.startswith(_later(device)))).scalar_one()
        if known < LATER_KEYS_MAX:
            self._db.execute(t.insert_new(t.meta), {"name": _later(device, key.fingerprint), "value": key.raw})

    def key_of(self, device: bytes) -> PublicKey | None:
        """The pinned key of a box; None: it is not known."""
        row = self._db.execute(_KEYS, {"dev": device}).one_or_none()
        return None if row is None else PublicKey(row.raw)

    def share(self, device: bytes, shared: bytes) -> bool:
        """Keep the secret shared with a box, for Mac0. False: its key is not known yet."""
        found = self._db.execute(update(t.device_key).where(t.device_key.c.dev == device).values(shared=shared))
        return found.rowcount == 1

    def opener(self, device: bytes, use: Use = Use.RECORD) -> Opener:
        """What opens the items of one box. Its calls raise `KeyUnknown`, `SealRefused`, `WireError`."""
        row = self._db.execute(_KEYS, {"dev": device}).one_or_none()
        raw, shared = (None, None) if row is None else (row.raw, row.shared)
        return self.opener_with(device, raw, shared, use)

    def opener_with(self, device: bytes, raw: bytes | None, shared: bytes | None, use: Use = Use.RECORD) -> Opener:
        """As `opener`, where key and shared secret of the box were read already."""

        def open_item(item: bytes) -> Opened:
            sealed = sealed_in(item)
            match sealed.seal:
                case Seal.SIGN1:
                    if raw is None:
                        raise _unknown("the key of this box has not come with its batch")
                    body = self._named(device, PublicKey(raw), sealed).check(sealed, use)
                case Seal.MAC0:
                    if shared is None:
                        raise _unknown("no secret is shared with this box")
                    body = _mac(shared).check(sealed, use)
            return Opened(body, encode_sealed(replace(sealed, payload=b"")))

        return open_item

    def _named(self, device: bytes, first: PublicKey, sealed: Sealed) -> PublicKey:
        """The key that a seal names; the first one where it names none. Raises `KeyUnknown`."""
        name = sealed.header.key_id
        if name is None or name == first.fingerprint:
            return first
        wanted = select(t.meta.c.value).where(t.meta.c.name == _later(device, name))
        raw = self._db.execute(wanted).scalar_one_or_none()
        if raw is None:
            raise _unknown("the record that introduces this key of the box has not come")
        return PublicKey(bytes(raw))


def _later(device: bytes, fingerprint: bytes = b"") -> str:
    """Under this name of `meta` lies a later key of a box."""
    return f"later-key {device.hex()} {fingerprint.hex()}"


@lru_cache(KEYS_REMEMBERED_MAX)
def _mac(shared: bytes) -> MacKey:
    return MacKey(shared, Direction.UP)


def _unknown(problem: str) -> KeyUnknown:
    return KeyUnknown(problem, subject="seal", hint="It is asked for again")
