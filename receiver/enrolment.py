"""Boxes that join: one-time codes, and the private CA that signs certificates. Inside the caller's transaction.

A code is good for one box and seven days; the same box may come again with it, because an answer can get lost. What is
kept is a digest of the code, from which the secret of the box follows: as secret as the receiver's own key beside it.
"""

from __future__ import annotations

import hmac
import os

from sqlalchemy import Connection, delete, func, select, update

from edge_agent.certificates import new_key
from edge_agent.enrol import CODE_BYTES, Join, Joined, decode_asked, decode_join, keeper_of, proof_of, secret_of
from edge_agent.wire import answer_tag
from edge_agent.wire_sealing import SealRefused, Use, sealed_in
from receiver import revocation
from receiver import tables as t
from receiver.authority import certified, new_ca, revocation_list, serial_and_end, server_certificate
from receiver.errors import ReceiverError
from receiver.keyring import Keyring

CODE_VALID_MS = 7 * 24 * 3_600_000
CERTIFICATES_MAX = 400
"""Valid certificates of one box: one a day while answers get lost. Our choice."""

CODES_OPEN_MAX = 64
"""Codes that wait for a box. Our choice: more than a firm installs in a week, and few enough to try them all."""


class Enrolment:
    """See the module."""

    def __init__(self, db: Connection, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring

    def invite(self, now_ms: int) -> bytes:
        """A new code. Raises `ReceiverError` when too many wait."""
        code_table = t.join_code
        self._db.execute(delete(code_table).where(code_table.c.until_ms < now_ms))
        waiting = select(func.count()).select_from(code_table).where(code_table.c.dev.is_(None))
        count = self._db.execute(waiting).scalar_one()
        if count >= CODES_OPEN_MAX:
            hint = "Use them, or wait until they expire after seven days"
            raise ReceiverError(f"{count} invitations wait already", subject="invite", hint=hint)
        code = os.urandom(CODE_BYTES)
        self._db.execute(code_table.insert().values(kept=keeper_of(code), dev=None, until_ms=now_ms + CODE_VALID_MS))
        return code

    def join(self, body: bytes, now_ms: int) -> Joined:
        """Take a box in. Raises `SealRefused` for a code that is none, used or expired, `WireError` for no request."""
        sealed, proof = decode_asked(body)
        join = decode_join(sealed_in(sealed).payload)
        join.key.open(sealed, Use.JOIN)
        revocation.check(self._db, join.device)
        kept = self._code_of(sealed, proof, join, now_ms)
        certificate, ca = self._certified(join, now_ms)
        self._db.execute(update(t.join_code).where(t.join_code.c.kept == kept).values(dev=join.device))
        self._keyring.learn(join.device, join.key, now_ms)
        self._keyring.share(join.device, secret_of(kept, join))
        return Joined(join.device, answer_tag(body), certificate, ca, now_ms)

    def renew(self, sealed: bytes, now_ms: int) -> Joined:
        """Another certificate for a box that is known. Raises `SealRefused` for another key, `WireError`."""
        join = decode_join(sealed_in(sealed).payload)
        join.key.open(sealed, Use.JOIN)
        revocation.check(self._db, join.device)
        if self._keyring.key_of(join.device) != join.key:
            hint = "It joins first: lift-receiver invite"
            raise SealRefused("this box is not known here", subject="renew", hint=hint)
        certificate, ca = self._certified(join, now_ms)
        return Joined(join.device, answer_tag(sealed), certificate, ca, now_ms)

    def server_identity(self, host: str, now_ms: int) -> tuple[bytes, bytes, bytes]:
        """Key (PEM), certificate and CA (DER) for what speaks TLS in front of this receiver."""
        ca_key, ca = self._ca(now_ms)
        key = new_key()
        return key, server_certificate(key, host, ca_key, ca, now_ms / 1000.0), ca

    def _code_of(self, sealed: bytes, proof: bytes, join: Join, now_ms: int) -> bytes:
        valid = select(t.join_code.c.kept, t.join_code.c.dev).where(t.join_code.c.until_ms >= now_ms)
        for kept, device in self._db.execute(valid):
            if hmac.compare_digest(proof_of(kept, sealed), proof) and device in (None, join.device):
                return bytes(kept)
        hint = "Ask for a new invitation: lift-receiver invite"
        raise SealRefused("no invitation with this code waits for this box", subject="join", hint=hint)

    def _certified(self, join: Join, now_ms: int) -> tuple[bytes, bytes]:
        ca_key, ca = self._ca(now_ms)
        certificate = certified(join.request, join.device.hex(), ca_key, ca, now_ms / 1000.0)
        self._note(join.device, certificate, now_ms)
        return certificate, ca

    def _note(self, device: bytes, certificate: bytes, now_ms: int) -> None:
        """Remember what was given out, so that it can be revoked. Raises `SealRefused` for too many."""
        given, at = t.certificate, t.certificate.c
        self._db.execute(delete(given).where(at.dev == device, at.until_ms < now_ms))
        if self._db.execute(select(func.count()).where(at.dev == device)).scalar_one() >= CERTIFICATES_MAX:
            hint = "One a year is enough: look at the box"
            raise SealRefused(f"box {device.hex()} has {CERTIFICATES_MAX} certificates", subject="renew", hint=hint)
        serial, until_ms = serial_and_end(certificate)
        self._db.execute(given.insert().values(serial=f"{serial:x}", dev=device, until_ms=until_ms))

    def revocation_list(self, now_ms: int) -> bytes:
        """The certificates of revoked boxes, in PEM, signed by the CA."""
        ca_key, ca = self._ca(now_ms)
        return revocation_list(revocation.revoked_certificates(self._db, now_ms), ca_key, ca, now_ms / 1000.0)

    def _ca(self, now_ms: int) -> tuple[bytes, bytes]:
        asked = select(t.meta.c.name, t.meta.c.value).where(t.meta.c.name.in_(("ca_key", "ca")))
        found = {row.name: bytes(row.value) for row in self._db.execute(asked)}
        if "ca" not in found:
            key = new_key()
            found = {"ca_key": key, "ca": new_ca(key, "lift receiver", now_ms / 1000.0)}
            self._db.execute(t.meta.insert(), [{"name": name, "value": value} for name, value in found.items()])
        return found["ca_key"], found["ca"]
