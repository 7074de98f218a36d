"""The store: records in, receipts out, both from the same commit; and what people did, for the box to hear.

`Store.take` gives an answer only after its transaction is on disk, so a receipt never promises more than a power cut
leaves behind. A record's place is (device, log, stream, number); nothing is ordered by time. Over SQLite one receiver
writes; over PostgreSQL any number does, and a lock a box makes their transactions about one box follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from edge_agent.enrol import Hello, decode_asked, decode_join, encode_hello, encode_joined
from edge_agent.wire import answer_tag, decode_part, encode_receipt
from edge_agent.wire_sealing import PublicKey, SigningKey, Use, sealed_in
from edge_agent.wire_values import Act, Batch, Notice, Receipt
from receiver import audit, journal, revocation, sentences
from receiver import device_rows as rows
from receiver import tables as t
from receiver.database import Database, Place, Turn, key_seed, open_for_writing, receiver_id
from receiver.enrolment import Enrolment
from receiver.errors import NoticeRefused
from receiver.evidence import EvidenceTable, EvidenceView
from receiver.incident_rows import NOTICES_PER_INCIDENT_MAX, load_view, notices_of
from receiver.incidents import IncidentKey
from receiver.keyring import Keyring
from receiver.roles import Actor
from receiver.taken import Arrival, NoticeTaken, PartTaken, Polled, Taken
from receiver.taking import take_group

_T = TypeVar("_T")

POLL_NOTED_MS = 60_000
"""A poll counts as contact, noted no more often than this, since each note is a disk flush. Our choice."""

SAME_WORD_MS = 60_000
"""The same notice within this time is one notice. Our choice: longer than any retry of the page."""


class Store:
    """Everything that was received, in one folder or one PostgreSQL database. Not for two threads at once."""

    def __init__(self, place: Place) -> None:
        """Open the place, or make it. Raises `ReceiverError`."""
        self._db: Database = open_for_writing(place, is_alone=True)
        with self._db.snapshot() as db:
            self._key = SigningKey(key_seed(db))
            self.receiver_id: bytes = receiver_id(db)

    def close(self) -> None:
        """Close the database and let another receiver have the folder."""
        self._db.close()

    @property
    def is_shared(self) -> bool:
        """Other receivers may write beside this one."""
        return self._db.is_postgresql

    @property
    def key(self) -> PublicKey:
        """What boxes pin: every receipt is sealed with its other half."""
        return self._key.public

    def sealed(self, receipt: Receipt) -> bytes:
        """A receipt as sent. Touches no database: any thread may call it."""
        return self._key.seal(encode_receipt(receipt), Use.RECEIPT)

    def learn(self, device: bytes, key: PublicKey, now_ms: int) -> None:
        """Pin the first key of a box; one that does not give its id changes nothing."""
        with self._db.transaction(device) as db:
            Keyring(db).learn(device, key, now_ms)

    def share(self, device: bytes, shared: bytes) -> bool:
        """Keep the secret shared with a box, for Mac0 seals. False: its key is not known yet."""
        with self._db.transaction(device) as db:
            return Keyring(db).share(device, shared)

    def hello(self, nonce: bytes, now_ms: int) -> bytes:
        """Shows that this receiver has its key. Touches no database: any thread may call it."""
        return self._key.seal(encode_hello(Hello(nonce, now_ms)), Use.HELLO)

    def invite(self, now_ms: int) -> bytes:
        """A code for one box. Raises `ReceiverError`."""
        with self._db.transaction(turn=Turn.ENROLMENT) as db:
            return Enrolment(db, Keyring(db)).invite(now_ms)

    def join(self, body: bytes, now_ms: int) -> tuple[bytes, bytes]:
        """The id of a box that joined, and the sealed answer. Raises `SealRefused`, `WireError`."""
        device = decode_join(sealed_in(decode_asked(body)[0]).payload).device
        with self._db.transaction(device, turn=Turn.ENROLMENT) as db:
            joined = Enrolment(db, Keyring(db)).join(body, now_ms)
        return joined.device, self._key.seal(encode_joined(joined), Use.JOIN)

    def renew(self, sealed: bytes, now_ms: int) -> tuple[bytes, bytes]:
        """The id of a box that wants another certificate, and the sealed answer. Raises as `join`."""
        with self._db.transaction(turn=Turn.ENROLMENT) as db:
            joined = Enrolment(db, Keyring(db)).renew(sealed, now_ms)
        return joined.device, self._key.seal(encode_joined(joined), Use.JOIN)

    def server_identity(self, host: str, now_ms: int) -> tuple[bytes, bytes, bytes]:
        """Key (PEM), certificate and CA (DER) for what speaks TLS in front of this receiver."""
        with self._db.transaction(turn=Turn.ENROLMENT) as db:
            return Enrolment(db, Keyring(db)).server_identity(host, now_ms)

    def take(self, batch: Batch, now_ms: int) -> Receipt:
        """Store one batch. Raises `StoreUnavailable`, and then nothing of it is stored."""
        return self.take_all([Arrival(batch, now_ms)])[0].receipt

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        """Store several batches in one commit. Raises `StoreUnavailable`, and then nothing of any is stored."""
        with self._db.transaction(*(arrival.batch.device for arrival in arrivals)) as db:
            taken = self._take(db, arrivals)
            journal.write_records(db, (record for one in taken for record in one.new))
        return taken

    def take_notice(
        self,
        key: IncidentKey,
        act: Act,
        who: str | None,
        eta_min: int | None,
        now_ms: int,
        by: Actor | None = None,
    ) -> NoticeTaken | None:
        """Store what a person did; None where there is no such incident. Saying the same twice stores it once.

        by: who is signed in, for the audit log.

        Raises `NoticeRefused` when too much was said, `StoreUnavailable` when nothing was stored.
        """
        who = None if who is None else t.storable(who)
        with self._db.transaction(key.device) as db:
            view = load_view(db, key)
            if view is None:
                return None
            first = view.incident.first
            assert first is not None
            before = notices_of(db, key)
            same = _already_said(before, act, who, eta_min, now_ms)
            if same is not None:
                return NoticeTaken(same, False, "")
            if len(before) >= NOTICES_PER_INCIDENT_MAX:
                problem = f"{len(before)} notices were given already"
                raise NoticeRefused(problem, subject=str(key), hint="Close the incident")
            notice = Notice(rows.next_notice(db, key.device), act, key.ref, now_ms, who, eta_min)
            _write_down(db, key, notice)
            rows.refold(db, key)
            if by is not None:
                audit.write(db, by, f"notice {act.name.lower()}", str(key), now_ms)
            journal.write_notice(db, key, notice.number)
            return NoticeTaken(notice, True, sentences.told(notice, first.kind, key.device, view.lift_no))

    def change(self, act: Callable[[Connection], _T], turn: Turn | None = None) -> _T:
        """Anything that is not about the records of a box, in one transaction. Raises `StoreUnavailable`."""
        with self._db.transaction(turn=turn) as db:
            return act(db)

    def take_part(self, body: bytes, now_ms: int) -> PartTaken:
        """Keep a sealed part of a recording. Raises `WireError` for one that its box did not seal."""
        part = decode_part(sealed_in(body).payload)
        with self._db.transaction(part.device) as db:
            revocation.check(db, part.device)
            Keyring(db).opener(part.device, Use.PART)(body)
            evidence = EvidenceTable(db)
            touched = evidence.take(part)
            rows.change_device(db, part.device, last_contact_ms=now_ms)
            row, want = rows.device_row(db, part.device), evidence.want(part.device)
        log, tag = 0 if row is None else row.log, answer_tag(body)
        return PartTaken(Receipt(part.device, log, (), (), now_ms, self.receiver_id, answers=tag, want=want), touched)

    def ask_evidence(self, key: IncidentKey, now_ms: int) -> EvidenceView | None:
        """Want the recording of an incident. None: no record names one. Raises `NoticeRefused`."""
        with self._db.transaction(key.device, turn=Turn.EVIDENCE_ROOM) as db:
            return EvidenceTable(db).ask(key, now_ms)

    def evidence(self, key: IncidentKey) -> bytes | None:
        """The recording of an incident; None where it is not here."""
        with self._db.transaction() as db:
            return EvidenceTable(db).content(key)

    def notices_after(self, device: bytes, after: int, now_ms: int) -> Polled | None:
        """Answer a box that asks for notices beyond `after`: a receipt without verdicts. None: this box never sent.

        A box asks beyond what it has heard of, so `after` is shown to people as "the box knows"; only the number in
        a batch takes a notice out of what is sent. Raises `StoreUnavailable`.
        """
        touched: tuple[IncidentKey, ...] = ()
        said = ""
        with self._db.transaction(device) as db:
            revocation.check(db, device)
            row = rows.device_row(db, device)
            if row is None:
                return None
            has_heard = row.heard_notice < after <= rows.given(db, device)
            if has_heard:
                rows.change_device(db, device, last_contact_ms=now_ms, heard_notice=after)
                touched = rows.about(db, device, row.heard_notice, after)
                said = sentences.heard(device, row.lift_no, after)
            elif now_ms - row.last_contact_ms > POLL_NOTED_MS:
                rows.change_device(db, device, last_contact_ms=now_ms)
            receipt = Receipt(
                device=device,
                log=row.log,
                verdicts=(),
                marks=(),
                at_ms=now_ms,
                receiver=self.receiver_id,
                notices=rows.pending(db, device, max(after, row.acted_notice)),
                ask_again_s=rows.ask_again_s(db, device),
                want=EvidenceTable(db).want(device),
            )
        return Polled(receipt, touched, said)

    def _take(self, db: Connection, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        return take_group(db, self.receiver_id, arrivals)


def _write_down(db: Connection, key: IncidentKey, notice: Notice) -> None:
    db.execute(
        t.notice.insert(),
        {
            "dev": key.device,
            "number": notice.number,
            "act": int(notice.act),
            "log": key.log,
            "stream": int(key.stream),
            "seqno": key.seqno,
            "at_ms": notice.at_ms,
            "who": notice.who,
            "eta_min": notice.eta_min,
        },
    )


def _already_said(
    before: Sequence[Notice], act: Act, who: str | None, eta_min: int | None, now_ms: int
) -> Notice | None:
    """The same word again: a double tap, a retry, or the second page that shows an incident."""
    if not before:
        return None
    last = before[-1]
    if act is Act.SHOWN:
        return last
    is_same = (last.act, last.who, last.eta_min) == (act, who, eta_min)
    return last if is_same and abs(now_ms - last.at_ms) < SAME_WORD_MS else None
