"""Recordings around alarms, asked for by people here and sent by boxes in parts; kept in the database, bounded.

In: incidents whose records name a recording, parts of it. Out: what to ask a box for next, the recording once whole.
A part counts only where it continues what is here, and the whole only under the digest that the sealed record named.
Every call is part of the transaction of its caller.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal_column, select, update

from edge_agent.wire import FILE_BYTES_MAX, FILE_DIGEST_BYTES
from edge_agent.wire_values import Part, Stream, Want
from receiver import tables as t
from receiver.decoding import decoded
from receiver.errors import NoticeRefused
from receiver.incidents import IncidentKey

KEPT_BYTES_MAX = 1 << 30
TRIES_MAX = 3
ASKED_MAX = 8
"""Recordings kept in all; how often one that came damaged is asked for; how many of one box at a time. Ours."""

_NAMED = re.compile(r"(?:^| )evidence_sha256=([0-9a-f]{32}) evidence_bytes=([0-9]{1,8})(?: |$)")
_MARK = b"evidence_sha256="
_E, _P = t.evidence, t.evidence_part


class EvidenceState(IntEnum):
    """How far the fetching of a recording is."""

    ON_BOX = 0  # nobody has asked for it
    ASKED = 1
    HERE = 2
    GONE = 3  # the box does not keep it any more
    DAMAGED = 4  # what came was never what the alarm named


_WANTED = (
    select(_E.c.digest, _E.c.have)
    .where(_E.c.dev == bindparam("dev"), _E.c.state == int(EvidenceState.ASKED))
    .order_by(_E.c.asked_ms, _E.c.digest)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The recording of one incident. have: bytes that are here."""

    state: EvidenceState
    size: int
    have: int


class EvidenceTable:
    """See the module."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def view(self, key: IncidentKey) -> EvidenceView | None:
        """None: no record of this incident names a recording."""
        row = self._db.execute(select(_E.c.state, _E.c.size, _E.c.have).where(*_at(key))).one_or_none()
        if row is not None:
            return EvidenceView(EvidenceState(row.state), row.size, row.have)
        named = self._named(key)
        return None if named is None else EvidenceView(EvidenceState.ON_BOX, named[1], 0)

    def ask(self, key: IncidentKey, now_ms: int) -> EvidenceView | None:
        """Want the recording of an incident; asking again begins a failed one anew. None: no record names one.

        Raises `NoticeRefused` where too many are asked for.
        """
        named = self._named(key)
        if named is None:
            return None
        known = self.view(key)
        if known is not None and known.state in (EvidenceState.ASKED, EvidenceState.HERE):
            return known
        asked = select(func.count()).where(_E.c.dev == key.device, _E.c.state == int(EvidenceState.ASKED))
        waiting = self._db.execute(asked).scalar_one()
        if waiting >= ASKED_MAX:
            problem = f"{waiting} recordings of this box are asked for already"
            raise NoticeRefused(problem, subject=str(key), hint="Wait until one of them is here")
        digest, size = named
        self._make_room(size)
        self._drop_parts(key.device, digest)
        self._db.execute(delete(_E).where(*_at(key)))
        self._db.execute(
            _E.insert().values(
                dev=key.device,
                log=key.log,
                stream=int(key.stream),
                seqno=key.seqno,
                digest=digest,
                size=size,
                have=0,
                state=int(EvidenceState.ASKED),
                tries=0,
                asked_ms=now_ms,
            )
        )
        return EvidenceView(EvidenceState.ASKED, size, 0)

    def want(self, device: bytes) -> Want | None:
        """What a box is to send next: the recording that was asked for first."""
        row = self._db.execute(_WANTED, {"dev": device}).one_or_none()
        return None if row is None else Want(bytes(row.digest), row.have)

    def take(self, part: Part) -> tuple[IncidentKey, ...]:
        """Keep a part that is wanted and continues what is here. Returns the incidents that look different now."""
        row = self._db.execute(
            select(_E.c.log, _E.c.stream, _E.c.seqno, _E.c.size, _E.c.have, _E.c.tries)
            .where(_E.c.dev == part.device, _E.c.digest == part.digest, _E.c.state == int(EvidenceState.ASKED))
            .limit(1)
        ).one_or_none()
        if row is None:
            return ()
        log, stream, seqno, size, have, tries = row
        key = IncidentKey(part.device, log, Stream(stream), seqno)
        if part.size == 0:
            self._set(key, EvidenceState.GONE, 0, tries)
            self._drop_parts(part.device, part.digest)
            return (key,)
        if part.offset != have:
            return ()  # a repeated part, or one from before a power cut here: the answer says where to go on
        if part.size != size or not part.data or have + len(part.data) > size:
            return self._begin_anew(key, part.digest, tries)
        self._db.execute(_P.insert().values(dev=part.device, digest=part.digest, at=have, data=part.data))
        have += len(part.data)
        if have < size:
            self._set(key, EvidenceState.ASKED, have, tries)
            return ()
        if hashlib.sha256(self._joined(part.device, part.digest)).digest()[:FILE_DIGEST_BYTES] != part.digest:
            return self._begin_anew(key, part.digest, tries)
        self._set(key, EvidenceState.HERE, have, tries)
        return (key,)

    def content(self, key: IncidentKey) -> bytes | None:
        """The whole recording; None where it is not here."""
        row = self._db.execute(select(_E.c.digest, _E.c.state).where(*_at(key))).one_or_none()
        return None if row is None or row.state != EvidenceState.HERE else self._joined(key.device, row.digest)

    def _begin_anew(self, key: IncidentKey, digest: bytes, tries: int) -> tuple[IncidentKey, ...]:
        state = EvidenceState.DAMAGED if tries + 1 >= TRIES_MAX else EvidenceState.ASKED
        self._drop_parts(key.device, digest)
        self._set(key, state, 0, tries + 1)
        return (key,)

    def _set(self, key: IncidentKey, state: EvidenceState, have: int, tries: int) -> None:
        self._db.execute(update(_E).where(*_at(key)).values(state=int(state), have=have, tries=tries))

    def _named(self, key: IncidentKey) -> tuple[bytes, int] | None:
        """Digest and size in the newest record of the incident that names a recording of a possible size."""
        of_incident = (
            t.record.c.dev == key.device,
            t.record.c.log == key.log,
            t.record.c.stream == int(key.stream),
            t.record.c.incident == key.seqno,
        )
        is_named = self._holds_mark()
        newest = select(t.record.c.body).where(*of_incident, is_named).order_by(t.record.c.seqno.desc()).limit(1)
        for (body,) in self._db.execute(newest):
            found = _NAMED.search(decoded(bytes(body)).note or "")
            if found is not None and 0 < int(found[2]) <= FILE_BYTES_MAX:
                return bytes.fromhex(found[1]), int(found[2])
        return None

    def _holds_mark(self) -> ColumnElement[bool]:
        """The record names a recording, looked for by the engine so that not every body travels."""
        if self._db.dialect.name == "postgresql":
            return literal_column("position('evidence_sha256='::bytea IN record.body)") > 0
        return func.instr(t.record.c.body, _MARK) > 0

    def _make_room(self, size: int) -> None:
        """The oldest recordings go; those under way stay."""
        while True:
            holding = select(func.coalesce(func.sum(_E.c.size), 0)).where(_E.c.state.in_((1, 2)))
            if int(self._db.execute(holding).scalar_one()) + size <= KEPT_BYTES_MAX:
                return
            here = select(_E.c.dev, _E.c.digest).where(_E.c.state == int(EvidenceState.HERE))
            oldest = self._db.execute(here.order_by(_E.c.asked_ms).limit(1)).one_or_none()
            if oldest is None:
                hint = "Wait until one of them is here"
                raise NoticeRefused("too many recordings are under way", subject="recordings", hint=hint)
            self._drop_parts(oldest.dev, oldest.digest)
            self._db.execute(delete(_E).where(_E.c.dev == oldest.dev, _E.c.digest == oldest.digest))

    def _drop_parts(self, device: bytes, digest: bytes) -> None:
        self._db.execute(delete(_P).where(_P.c.dev == device, _P.c.digest == digest))

    def _joined(self, device: bytes, digest: bytes) -> bytes:
        pieces = select(_P.c.data).where(_P.c.dev == device, _P.c.digest == digest).order_by(_P.c.at)
        return b"".join(bytes(data) for (data,) in self._db.execute(pieces))


def _at(key: IncidentKey) -> tuple[ColumnElement[bool], ...]:
    stream = int(key.stream)
    return _E.c.dev == key.device, _E.c.log == key.log, _E.c.stream == stream, _E.c.seqno == key.seqno
