"""Recordings around alarms, asked for by people here and sent by boxes in parts; kept in the database, bounded.

In: incidents whose records name a recording, parts of it. Out: what to ask a box for next, the recording once whole.
A part counts only where it continues what is here, and the whole only under the digest that the sealed record named.
Every call is part of the transaction of its caller.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from enum import IntEnum

from edge_agent.wire import FILE_BYTES_MAX, FILE_DIGEST_BYTES
from edge_agent.wire_values import Part, Want
from receiver.decoding import decoded
from receiver.errors import NoticeRefused
from receiver.incidents import IncidentKey

KEPT_BYTES_MAX = 1 << 30
TRIES_MAX = 3
ASKED_MAX = 8
"""Recordings kept in all; how often one that came damaged is asked for; how many of one box at a time. Ours."""

_NAMED = re.compile(r"(?:^| )evidence_sha256=([0-9a-f]{32}) evidence_bytes=([0-9]{1,8})(?: |$)")
_MARK = b"evidence_sha256="
_AT = "dev=? AND log=? AND stream=? AND seqno=?"


class EvidenceState(IntEnum):
    """How far the fetching of a recording is."""

    ON_BOX = 0  # nobody has asked for it
    ASKED = 1
    HERE = 2
    GONE = 3  # the box does not keep it any more
    DAMAGED = 4  # what came was never what the alarm named


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The recording of one incident. have: bytes that are here."""

    state: EvidenceState
    size: int
    have: int


class EvidenceTable:
    """See the module."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def view(self, key: IncidentKey) -> EvidenceView | None:
        """None: no record of this incident names a recording."""
        row = self._db.execute(f"SELECT state, size, have FROM evidence WHERE {_AT}", _place(key)).fetchone()
        if row is not None:
            return EvidenceView(EvidenceState(row[0]), row[1], row[2])
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
        (waiting,) = self._db.execute(
            "SELECT count(*) FROM evidence WHERE dev=? AND state=?", (key.device, EvidenceState.ASKED)
        ).fetchone()
        if waiting >= ASKED_MAX:
            problem = f"{waiting} recordings of this box are asked for already"
            raise NoticeRefused(problem, subject=str(key), hint="Wait until one of them is here")
        digest, size = named
        self._make_room(size)
        self._drop_parts(key.device, digest)
        self._db.execute(
            "INSERT OR REPLACE INTO evidence VALUES (?,?,?,?,?,?,0,?,0,?)",
            (*_place(key), digest, size, EvidenceState.ASKED, now_ms),
        )
        return EvidenceView(EvidenceState.ASKED, size, 0)

    def want(self, device: bytes) -> Want | None:
        """What a box is to send next: the recording that was asked for first."""
        row = self._db.execute(
            "SELECT digest, have FROM evidence WHERE dev=? AND state=? ORDER BY asked_ms, digest LIMIT 1",
            (device, EvidenceState.ASKED),
        ).fetchone()
        return None if row is None else Want(row[0], row[1])

    def take(self, part: Part) -> tuple[IncidentKey, ...]:
        """Keep a part that is wanted and continues what is here. Returns the incidents that look different now."""
        row = self._db.execute(
            "SELECT log, stream, seqno, size, have, tries FROM evidence WHERE dev=? AND digest=? AND state=?",
            (part.device, part.digest, EvidenceState.ASKED),
        ).fetchone()
        if row is None:
            return ()
        log, stream, seqno, size, have, tries = row
        key = IncidentKey(part.device, log, stream, seqno)
        if part.size == 0:
            self._set(key, EvidenceState.GONE, 0, tries)
            self._drop_parts(part.device, part.digest)
            return (key,)
        if part.offset != have:
            return ()  # a repeated part, or one from before a power cut here: the answer says where to go on
        if part.size != size or not part.data or have + len(part.data) > size:
            return self._begin_anew(key, part.digest, tries)
        self._db.execute("INSERT INTO evidence_part VALUES (?,?,?,?)", (part.device, part.digest, have, part.data))
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
        row = self._db.execute(f"SELECT digest, state FROM evidence WHERE {_AT}", _place(key)).fetchone()
        return None if row is None or row[1] != EvidenceState.HERE else self._joined(key.device, row[0])

    def _begin_anew(self, key: IncidentKey, digest: bytes, tries: int) -> tuple[IncidentKey, ...]:
        state = EvidenceState.DAMAGED if tries + 1 >= TRIES_MAX else EvidenceState.ASKED
        self._drop_parts(key.device, digest)
        self._set(key, state, 0, tries + 1)
        return (key,)

    def _set(self, key: IncidentKey, state: EvidenceState, have: int, tries: int) -> None:
        self._db.execute(
            f"UPDATE evidence SET state=?, have=?, tries=? WHERE {_AT}", (state, have, tries, *_place(key))
        )

    def _named(self, key: IncidentKey) -> tuple[bytes, int] | None:
        """Digest and size in the newest record of the incident that names a recording of a possible size."""
        rows = self._db.execute(
            "SELECT body FROM record WHERE dev=? AND log=? AND stream=? AND incident=? AND instr(body, ?) > 0 "
            "ORDER BY seqno DESC LIMIT 1",
            (*_place(key), _MARK),
        ).fetchall()
        for (body,) in rows:
            found = _NAMED.search(decoded(body).note or "")
            if found is not None and 0 < int(found[2]) <= FILE_BYTES_MAX:
                return bytes.fromhex(found[1]), int(found[2])
        return None

    def _make_room(self, size: int) -> None:
        """The oldest recordings go; those under way stay."""
        while True:
            (kept,) = self._db.execute("SELECT coalesce(sum(size), 0) FROM evidence WHERE state IN (1, 2)").fetchone()
            if kept + size <= KEPT_BYTES_MAX:
                return
            oldest = self._db.execute(
                "SELECT dev, digest FROM evidence WHERE state=? ORDER BY asked_ms LIMIT 1", (EvidenceState.HERE,)
            ).fetchone()
            if oldest is None:
                hint = "Wait until one of them is here"
                raise NoticeRefused("too many recordings are under way", subject="recordings", hint=hint)
            self._drop_parts(*oldest)
            self._db.execute("DELETE FROM evidence WHERE dev=? AND digest=?", oldest)

    def _drop_parts(self, device: bytes, digest: bytes) -> None:
        self._db.execute("DELETE FROM evidence_part WHERE dev=? AND digest=?", (device, digest))

    def _joined(self, device: bytes, digest: bytes) -> bytes:
        rows = self._db.execute("SELECT data FROM evidence_part WHERE dev=? AND digest=? ORDER BY at", (device, digest))
        return b"".join(data for (data,) in rows)


def _place(key: IncidentKey) -> tuple[bytes, int, int, int]:
    return key.device, key.log, int(key.stream), key.seqno
