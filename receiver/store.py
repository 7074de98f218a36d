"""The store: records in, receipts out, both from the same commit; and what people did, for the box to hear.

One thread writes. `Store.take` gives an answer only after its transaction is on disk, so a receipt never promises
more than a power cut leaves behind. A record's place is (device, log, stream, number); nothing is ordered by time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_agent.enrol import Hello, encode_hello, encode_joined
from edge_agent.wire import GAPS_MAX, NOTICES_MAX, answer_tag, decode_part, encode_receipt
from edge_agent.wire_sealing import PublicKey, SigningKey, Use, sealed_in
from edge_agent.wire_values import SEQNO_MAX, Act, Batch, Notice, Receipt, Stream
from receiver import sentences
from receiver.database import FolderLock, key_seed, open_for_writing
from receiver.enrolment import Enrolment
from receiver.errors import NoticeRefused, StoreUnavailable
from receiver.evidence import EvidenceTable, EvidenceView
from receiver.incident_rows import NOTICES_PER_INCIDENT_MAX, load_incident, load_view, notice_of, notices_of
from receiver.incidents import IncidentKey
from receiver.intake import Items, take_items
from receiver.keyring import Keyring
from receiver.spans import standing
from receiver.taken import Arrival, NoticeTaken, PartTaken, Polled, Taken

ASK_AGAIN_S = 5
"""While an alarm is open the box asks for notices this often. Source: design/wire.md section 2.6, every 5..10 s."""

POLL_NOTED_MS = 60_000
"""A poll counts as contact, noted no more often than this, since each note is a disk flush. Our choice."""

CLAIM_MAX = 1 << 31
"""A box that claims to have acted on a notice beyond this is not believed. Our choice: far above any real count."""

SAME_WORD_MS = 60_000
"""The same notice within this time is one notice. Our choice: longer than any retry of the page."""


class Store:
    """Everything that was received, in one folder. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it. Raises `ReceiverError`."""
        self._lock = FolderLock(folder)
        try:
            self._db = open_for_writing(folder)
        except BaseException:
            self._lock.release()
            raise
        self._key = SigningKey(key_seed(self._db) or b"")
        self._keyring = Keyring(self._db)
        self._evidence = EvidenceTable(self._db)
        self._enrolment = Enrolment(self._db, self._keyring)
        self.receiver_id: bytes = self._db.execute("SELECT value FROM meta WHERE name='receiver'").fetchone()[0]

    def close(self) -> None:
        """Close the database and let another receiver have the folder."""
        self._db.close()
        self._lock.release()

    @property
    def key(self) -> PublicKey:
        """What boxes pin: every receipt is sealed with its other half."""
        return self._key.public

    def sealed(self, receipt: Receipt) -> bytes:
        """A receipt as sent. Touches no database: any thread may call it."""
        return self._key.seal(encode_receipt(receipt), Use.RECEIPT)

    def learn(self, device: bytes, key: PublicKey, now_ms: int) -> None:
        """Pin the first key of a box; one that does not give its id changes nothing."""
        with self._transaction():
            self._keyring.learn(device, key, now_ms)

    def share(self, device: bytes, shared: bytes) -> bool:
        """Keep the secret shared with a box, for Mac0 seals. False: its key is not known yet."""
        with self._transaction():
            return self._keyring.share(device, shared)

    def hello(self, nonce: bytes, now_ms: int) -> bytes:
        """Shows that this receiver has its key. Touches no database: any thread may call it."""
        return self._key.seal(encode_hello(Hello(nonce, now_ms)), Use.HELLO)

    def invite(self, now_ms: int) -> bytes:
        """A code for one box. Raises `ReceiverError`."""
        with self._transaction():
            return self._enrolment.invite(now_ms)

    def join(self, body: bytes, now_ms: int) -> tuple[bytes, bytes]:
        """The id of a box that joined, and the sealed answer. Raises `SealRefused`, `WireError`."""
        with self._transaction():
            joined = self._enrolment.join(body, now_ms)
        return joined.device, self._key.seal(encode_joined(joined), Use.JOIN)

    def renew(self, sealed: bytes, now_ms: int) -> tuple[bytes, bytes]:
        """The id of a box that wants another certificate, and the sealed answer. Raises as `join`."""
        with self._transaction():
            joined = self._enrolment.renew(sealed, now_ms)
        return joined.device, self._key.seal(encode_joined(joined), Use.JOIN)

    def server_identity(self, host: str, now_ms: int) -> tuple[bytes, bytes, bytes]:
        """Key (PEM), certificate and CA (DER) for what speaks TLS in front of this receiver."""
        with self._transaction():
            return self._enrolment.server_identity(host, now_ms)

    def take(self, batch: Batch, now_ms: int) -> Receipt:
        """Store one batch. Raises `StoreUnavailable`, and then nothing of it is stored."""
        return self.take_all([Arrival(batch, now_ms)])[0].receipt

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        """Store several batches in one commit. Raises `StoreUnavailable`, and then nothing of any is stored."""
        with self._transaction():
            return tuple(self._take(arrival.batch, arrival.at_ms, arrival.key) for arrival in arrivals)

    def take_notice(
        self, key: IncidentKey, act: Act, who: str | None, eta_min: int | None, now_ms: int
    ) -> NoticeTaken | None:
        """Store what a person did; None where there is no such incident. Saying the same twice stores it once.

        Raises `NoticeRefused` when too much was said, `StoreUnavailable` when nothing was stored.
        """
        with self._transaction():
            view = load_view(self._db, key)
            if view is None:
                return None
            first = view.incident.first
            assert first is not None
            before = notices_of(self._db, key)
            same = _already_said(before, act, who, eta_min, now_ms)
            if same is not None:
                return NoticeTaken(same, False, "")
            if len(before) >= NOTICES_PER_INCIDENT_MAX:
                problem = f"{len(before)} notices were given already"
                raise NoticeRefused(problem, subject=str(key), hint="Close the incident")
            number = self._next_notice(key.device)
            notice = Notice(number, act, key.ref, now_ms, who, eta_min)
            self._db.execute(
                "INSERT INTO notice VALUES (?,?,?,?,?,?,?,?,?)",
                (key.device, number, int(act), key.log, int(key.stream), key.seqno, now_ms, who, eta_min),
            )
            self._refold(key)
            return NoticeTaken(notice, True, sentences.told(notice, first.kind, key.device, view.lift_no))

    def take_part(self, body: bytes, now_ms: int) -> PartTaken:
        """Keep a sealed part of a recording. Raises `WireError` for one that its box did not seal."""
        part = decode_part(sealed_in(body).payload)
        self._keyring.opener(part.device, Use.PART)(body)
        with self._transaction():
            touched = self._evidence.take(part)
            self._db.execute("UPDATE device SET last_contact_ms=? WHERE dev=?", (now_ms, part.device))
        row = self._db.execute("SELECT log FROM device WHERE dev=?", (part.device,)).fetchone()
        log, want = (0 if row is None else row[0]), self._evidence.want(part.device)
        tag = answer_tag(body)
        return PartTaken(Receipt(part.device, log, (), (), now_ms, self.receiver_id, answers=tag, want=want), touched)

    def ask_evidence(self, key: IncidentKey, now_ms: int) -> EvidenceView | None:
        """Want the recording of an incident. None: no record names one. Raises `NoticeRefused`."""
        with self._transaction():
            return self._evidence.ask(key, now_ms)

    def evidence(self, key: IncidentKey) -> bytes | None:
        """The recording of an incident; None where it is not here."""
        return self._evidence.content(key)

    def notices_after(self, device: bytes, after: int, now_ms: int) -> Polled | None:
        """Answer a box that asks for notices beyond `after`: a receipt without verdicts. None: this box never sent.

        A box asks beyond what it has heard of, so `after` is shown to people as "the box knows"; only the number in
        a batch takes a notice out of what is sent. Raises `StoreUnavailable`.
        """
        row = self._db.execute(
            "SELECT log, acted_notice, heard_notice, last_contact_ms, lift_no FROM device WHERE dev=?", (device,)
        ).fetchone()
        if row is None:
            return None
        log, acted, heard, last_contact_ms, lift_no = row
        touched: tuple[IncidentKey, ...] = ()
        said = ""
        if heard < after <= self._given(device) or now_ms - last_contact_ms > POLL_NOTED_MS:
            with self._transaction():
                self._db.execute("UPDATE device SET last_contact_ms=? WHERE dev=?", (now_ms, device))
                if heard < after <= self._given(device):
                    self._db.execute("UPDATE device SET heard_notice=? WHERE dev=?", (after, device))
                    touched = self._about(device, heard, after)
                    said = sentences.heard(device, lift_no, after)
        receipt = Receipt(
            device=device,
            log=log,
            verdicts=(),
            marks=(),
            at_ms=now_ms,
            receiver=self.receiver_id,
            notices=self._pending(device, max(after, acted)),
            ask_again_s=self._ask_again_s(device),
            want=self._evidence.want(device),
        )
        return Polled(receipt, touched, said)

    def _take(self, batch: Batch, now_ms: int, key: PublicKey | None) -> Taken:
        db = self._db
        if key is not None:
            self._keyring.learn(batch.device, key, now_ms)
        before = db.execute(
            "SELECT lift_no, acted_notice, heard_notice, log FROM device WHERE dev=?", (batch.device,)
        ).fetchone()
        lift_no_before, acted, heard, log_before = (None, 0, 0, 0) if before is None else before
        items = take_items(db, batch, now_ms, self._keyring.opener(batch.device))
        log = items.log if items.log is not None else log_before
        if items.log is not None:  # only a right seal shows that this box has spoken at all
            self._note_contact(batch, log, now_ms, items, is_known=before is not None)
        for incident in items.touched:
            self._refold(incident, now_ms)
        batch_acted = acted if items.log is None else self._note_acted(batch, acted)
        found = [standing(db, batch.device, log, stream) for stream in Stream]
        standings = [one for one in found if one is not None]
        receipt = Receipt(
            device=batch.device,
            log=log,
            verdicts=items.verdicts,
            marks=tuple(one.mark for one in standings),
            at_ms=now_ms,
            receiver=self.receiver_id,
            gaps=tuple(gap for one in standings for gap in one.gaps)[:GAPS_MAX],
            notices=self._pending(batch.device, max(acted, batch_acted)),
            ask_again_s=self._ask_again_s(batch.device),
            want=self._evidence.want(batch.device),
        )
        lift_no = items.lift_no or lift_no_before
        touched = items.touched + self._about(batch.device, heard, batch_acted)
        return Taken(
            receipt,
            tuple(dict.fromkeys(touched)),
            tuple(
                self._said(
                    batch,
                    before is None and items.log is not None,
                    items,
                    lift_no,
                    batch_acted if batch_acted > heard else None,
                )
            ),
            is_renamed=items.lift_no is not None and items.lift_no != lift_no_before,
            has_box_news=(before is None and items.log is not None)
            or bool(items.conflicts or items.breaks or receipt.gaps),
        )

    def _said(
        self, batch: Batch, is_first: bool, items: Items, lift_no: str | None, heard: int | None
    ) -> Iterator[str]:
        device = batch.device
        if is_first:
            yield sentences.first_contact(device)
        for record in items.incident_records:
            yield sentences.stored(record, lift_no)
        for record in items.tests:
            yield sentences.tested(record, lift_no)
        for stream, seqno in items.conflicts:
            yield sentences.conflict(device, lift_no, stream, seqno)
        for broken in items.breaks:
            yield sentences.broken(device, lift_no, broken.stream, broken.seqno)
        if items.problems:
            yield sentences.refused(device, lift_no, len(items.problems), items.problems[0])
        if heard is not None:
            yield sentences.heard(device, lift_no, heard)

    def _note_contact(self, batch: Batch, log: int, now_ms: int, items: Items, *, is_known: bool) -> None:
        db, stamp = self._db, batch.stamp
        if is_known:
            db.execute("UPDATE device SET log=?, last_contact_ms=? WHERE dev=?", (log, now_ms, batch.device))
        else:
            db.execute("INSERT INTO device (dev, log, last_contact_ms) VALUES (?,?,?)", (batch.device, log, now_ms))
        if items.lift_no is not None:
            db.execute(
                "UPDATE device SET lift_no=?, firmware=? WHERE dev=?", (items.lift_no, items.firmware, batch.device)
            )
        if items.tests:
            db.execute("UPDATE device SET test_ms=? WHERE dev=?", (now_ms, batch.device))
        db.execute(
            "INSERT INTO contact VALUES (?,?,?,?,?,?,?) ON CONFLICT (dev, log, boot) DO UPDATE SET "
            "last_up_ms=excluded.last_up_ms, last_arrived_ms=excluded.last_arrived_ms "
            "WHERE excluded.last_up_ms > last_up_ms",
            (batch.device, log, stamp.boot, stamp.up_ms, now_ms, stamp.up_ms, now_ms),
        )

    def _note_acted(self, batch: Batch, acted: int) -> int:
        """The highest notice that the box acted on, as far as it can be believed."""
        claim = batch.acted_notice
        if claim is None or claim <= acted or claim > CLAIM_MAX:
            return acted
        self._db.execute(
            "UPDATE device SET acted_notice=?, heard_notice=max(heard_notice, ?) WHERE dev=?",
            (claim, claim, batch.device),
        )
        return claim

    def _about(self, device: bytes, after: int, upto: int) -> tuple[IncidentKey, ...]:
        rows = self._db.execute(
            "SELECT DISTINCT log, stream, seqno FROM notice WHERE dev=? AND number>? AND number<=? LIMIT ?",
            (device, after, upto, NOTICES_MAX),
        )
        return tuple(IncidentKey(device, log, Stream(stream), seqno) for log, stream, seqno in rows)

    def _refold(self, key: IncidentKey, now_ms: int | None = None) -> None:
        """Keep what the database must know of an incident without folding it: is it open, is it an alarm."""
        incident = load_incident(self._db, key)
        place = (key.device, key.log, int(key.stream), key.seqno)
        if now_ms is not None:
            self._db.execute("INSERT OR IGNORE INTO incident VALUES (?,?,?,?,1,0,?)", (*place, now_ms))
        self._db.execute(
            "UPDATE incident SET is_open=?, is_alarm=? WHERE dev=? AND log=? AND stream=? AND seqno=?",
            (incident.is_open, incident.is_alarm, *place),
        )

    def _pending(self, device: bytes, after: int) -> tuple[Notice, ...]:
        rows = self._db.execute(
            "SELECT number, act, log, stream, seqno, at_ms, who, eta_min FROM notice "
            "WHERE dev=? AND number>? ORDER BY number LIMIT ?",
            (device, after, NOTICES_MAX),
        )
        return tuple(notice_of(row) for row in rows)

    def _ask_again_s(self, device: bytes) -> int | None:
        row = self._db.execute(
            "SELECT 1 FROM incident WHERE dev=? AND is_open=1 AND is_alarm=1 LIMIT 1", (device,)
        ).fetchone()
        return None if row is None else ASK_AGAIN_S

    def _next_notice(self, device: bytes) -> int:
        """One beyond all given out and all that the box has acted on (a restored backup must not reuse a number)."""
        acted: int = self._db.execute("SELECT acted_notice FROM device WHERE dev=?", (device,)).fetchone()[0]
        return min(max(self._given(device), acted) + 1, SEQNO_MAX)

    def _given(self, device: bytes) -> int:
        """The highest notice given out to a box; 0: none."""
        highest: int | None = self._db.execute("SELECT max(number) FROM notice WHERE dev=?", (device,)).fetchone()[0]
        return highest or 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, on disk when it ends. Raises `StoreUnavailable` where the disk will not have it."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            self._roll_back()
            raise
        except sqlite3.Error as error:
            self._roll_back()
            hint = "Free some room or see to the disk; the boxes keep their records and send them again"
            raise StoreUnavailable(f"nothing was stored ({error})", subject="database", hint=hint) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


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
