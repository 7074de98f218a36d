"""What the receiver does, behind its addresses: takes batches, tells pages, hears people. Knows no HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from edge_agent.errors import WireError
from edge_agent.wire import answer_tag, decode_batch, decode_part, decode_record
from edge_agent.wire_sealing import PublicKey, sealed_in
from edge_agent.wire_values import Act, Batch, Receipt, Stream
from receiver import revocation
from receiver.board import BoardReader
from receiver.committer import Committer
from receiver.database import Turn
from receiver.errors import StoreUnavailable
from receiver.evidence import EvidenceView
from receiver.hub import Hub, PageEvent
from receiver.incident_rows import IncidentView
from receiver.incidents import IncidentKey
from receiver.json_view import beat_text, board_text, boxes_text, incident_text
from receiver.rates import ALARM, ORDINARY, Buckets
from receiver.refusals import Refusals
from receiver.register import may_see
from receiver.retention import ROWS_MAX, Kept, prune
from receiver.roles import Actor
from receiver.store import Store
from receiver.taken import Taken
from receiver.takes_records import TakesRecords

BEAT_TICKS = 3
BOXES_TICKS = 9
"""How often pages hear a sign of life, and the list of boxes, in ticks of a second. The page calls the line lost after
8 s of silence."""

FORGET_TICKS = 600
FORGET_TURNS_MAX = 100
"""How often old rows are looked for, in ticks, and how many turns of 2,000 rows at a time: 29 million a day. Ours."""

COMPLAINT_MS = 10_000
"""A disk that takes nothing is said this often on standard error. Our choice."""

log = logging.getLogger("receiver")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TooMany:
    """This box asks too often. retry_after_s: when to come again."""

    retry_after_s: int


class Service:
    """One running receiver. `now_ms` gives Unix time in ms; `tick_s` is the second of the signs of life."""

    def __init__(
        self,
        store: Store,
        reader: BoardReader,
        now_ms: Callable[[], int],
        *,
        tick_s: float = 1.0,
        kept: Kept | None = None,
        records: TakesRecords | None = None,
    ) -> None:
        """records: what takes batches instead of the store itself (`receiver.takes_records`)."""
        self.now_ms = now_ms
        self._tick_s = tick_s
        self.hub = Hub()
        self._store = store
        self._committer = Committer(store, records)
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="board")
        self._ordinary = Buckets(ORDINARY)
        self._alarms = Buckets(ALARM)
        self._has_box_news = False
        self._complained_ms = 0
        self._followed: int | None = None
        self.refusals = Refusals(now_ms)
        self._kept = Kept() if kept is None else kept

    def sealed(self, receipt: Receipt) -> bytes:
        """A receipt as sent."""
        return self._store.sealed(receipt)

    async def take(self, body: bytes, key: PublicKey | None = None) -> Receipt | TooMany:
        """Store a request body. key: of the box, as it came with the request.

        Raises `WireError` for damaged outer bytes, `BoxRevoked`, `StoreUnavailable`.
        """
        at_ms = self.now_ms()
        batch = decode_batch(body)
        wait_s = self._ordinary.take(batch.device, at_ms)
        if wait_s and _holds_alarm(batch):
            wait_s = self._alarms.take(batch.device, at_ms)
        if wait_s:
            return TooMany(wait_s)
        try:
            taken = await self._committer.take(batch, at_ms, key)
        except StoreUnavailable as error:
            self._complain(error)
            raise
        if taken.is_revoked:
            raise revocation.refusal(batch.device)
        for sentence in taken.said:
            log.info("%s", sentence)
        await self._tell_pages(taken)
        self._has_box_news |= taken.has_box_news
        return replace(taken.receipt, at_ms=self.now_ms(), answers=answer_tag(body))

    async def notices(self, device: bytes, after: int, wait_s: float) -> Receipt | None:
        """Notices beyond `after` that the box has not acted on, waiting for one. None: this box never sent."""
        receipt = await self._poll(device, after)
        if receipt is None or receipt.notices or wait_s <= 0:
            return receipt
        await self.hub.wait_for_notice(device, wait_s)
        return await self._poll(device, after)

    async def notice(
        self, key: IncidentKey, act: Act, who: str | None, eta_min: int | None, by: Actor | None = None
    ) -> IncidentView | None:
        """Store what a person did, and tell box and pages. None: no such incident. Raises `NoticeRefused`."""
        taken = await self._committer.ask(lambda store: store.take_notice(key, act, who, eta_min, self.now_ms(), by))
        if taken is None:
            return None
        if taken.is_new:
            log.info("%s", taken.said)
            self.hub.wake(key.device)
            await self._publish(key)
        return await self.incident(key)

    async def take_record(self, sealed: bytes) -> Receipt | TooMany:
        """Store one sealed record that came as a short message. The receipt names it and is short enough to go back so:
        the mark of its stream, and what a person did last.

        Raises `WireError` for what is none, `BoxRevoked`, `StoreUnavailable`.
        """
        at_ms = self.now_ms()
        record = decode_record(sealed_in(sealed).payload)
        if wait_s := self._alarms.take(record.device, at_ms):
            return TooMany(wait_s)
        taken = await self._committer.take(Batch(record.device, (sealed,), record.stamp), at_ms, None)
        if taken.is_revoked:
            raise revocation.refusal(record.device)
        for sentence in taken.said:
            log.info("By SMS: %s", sentence)
        await self._tell_pages(taken)
        marks = tuple(mark for mark in taken.receipt.marks if mark.stream is record.stream)
        return replace(
            taken.receipt,
            marks=marks,
            gaps=(),
            notices=taken.receipt.notices[-1:],
            ask_again_s=None,
            want=None,
            answers=answer_tag(sealed),
        )

    def hello(self, nonce: bytes) -> bytes:
        """Shows that this receiver has its key."""
        return self._store.hello(nonce, self.now_ms())

    async def join(self, body: bytes) -> bytes:
        """Take a box in that has an invitation. Raises `SealRefused`, `WireError`, `StoreUnavailable`."""
        device, answer = await self._committer.ask(lambda store: store.join(body, self.now_ms()))
        log.info("Box %s has joined", device.hex())
        return answer

    async def renew(self, sealed: bytes) -> bytes:
        """Another certificate for a known box. Raises as `join`."""
        device, answer = await self._committer.ask(lambda store: store.renew(sealed, self.now_ms()))
        log.info("Box %s has a new certificate", device.hex())
        return answer

    async def take_part(self, body: bytes) -> Receipt | TooMany:
        """Keep a part of a recording. Raises `WireError` for one that its box did not seal, `StoreUnavailable`."""
        at_ms = self.now_ms()
        wait_s = self._ordinary.take(decode_part(sealed_in(body).payload).device, at_ms)
        if wait_s:
            return TooMany(wait_s)
        taken = await self._committer.ask(lambda store: store.take_part(body, at_ms))
        for key in taken.touched:
            log.info("The recording of incident %s changed", key)
            await self._publish(key)
        return taken.receipt

    async def ask_evidence(self, key: IncidentKey) -> EvidenceView | None:
        """Want the recording of an incident. None: no record names one. Raises `NoticeRefused`, `StoreUnavailable`."""
        view = await self._committer.ask(lambda store: store.ask_evidence(key, self.now_ms()))
        if view is not None:
            await self._publish(key)
        return view

    async def evidence(self, key: IncidentKey) -> bytes | None:
        """The recording of an incident; None where it is not here."""
        return await self._committer.ask(lambda store: store.evidence(key))

    async def incident(self, key: IncidentKey) -> IncidentView | None:
        """One incident; None where there is none."""
        return await self._read(lambda reader: reader.incident(key))

    async def incidents(self, firm: str | None) -> tuple[IncidentView, ...]:
        """Open incidents and the last ones that are over. firm: only its lifts."""
        now_ms = self.now_ms()
        return (await self._read(lambda reader: reader.board(now_ms, firm))).incidents

    async def is_revoked(self, device: bytes) -> bool:
        """Whether nothing is taken from a box any more."""
        return bool(await self.read(lambda db: revocation.among(db, (device,))))

    async def tell_board(self) -> None:
        """Open pages hear the whole picture again."""
        for firm in self.hub.firms:
            self.hub.publish(await self.board_event(firm), firm, is_for_all=False)

    async def tell_boxes(self) -> None:
        """Something about boxes is another now: open pages hear it at once."""
        if self.hub.listener_count:
            for firm in self.hub.firms:
                self.hub.publish(await self._boxes_event(firm), firm, is_for_all=False)

    async def sees(self, device: bytes, firm: str) -> bool:
        """Whether a firm looks after the lift of a box."""
        return await self.read(lambda db: may_see(db, device, firm))

    async def board_event(self, firm: str | None = None) -> PageEvent:
        """The whole picture, for a page that just opened. firm: only its lifts."""
        now_ms = self.now_ms()
        return PageEvent("board", board_text(await self._read(lambda reader: reader.board(now_ms, firm)), now_ms))

    async def run(self) -> None:
        """Tell open pages that the line lives, and what other receivers have stored, until cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(self._tick_s)
            ticks += 1
            try:
                await self._tick(ticks)
            except StoreUnavailable as error:  # pages go red by themselves where nothing comes
                self._complain(error)

    async def forget(self) -> int:
        """Remove what is old enough, a little at a time. Returns how many rows."""
        removed = 0
        for _ in range(FORGET_TURNS_MAX):
            now_ms = self.now_ms()
            gone = await self.change(lambda db, now_ms=now_ms: prune(db, self._kept, now_ms), Turn.RETENTION)  # type: ignore[misc]
            removed += gone
            if gone < ROWS_MAX:
                break
        return removed

    async def _tick(self, ticks: int) -> None:
        if ticks % FORGET_TICKS == 0:
            await self.forget()
        if self._store.is_shared:
            await self._follow()
        if self.hub.listener_count == 0:
            return
        if self._has_box_news or ticks % BOXES_TICKS == 0:
            self._has_box_news = False
            await self.tell_boxes()
        elif ticks % BEAT_TICKS == 0:
            self.hub.publish(PageEvent("beat", beat_text(self.now_ms())))

    async def _follow(self) -> None:
        """Pass on what other receivers on the same database have stored: to open pages, and to boxes that wait here."""
        is_first = self._followed is None
        found = await self._read(lambda reader: reader.touched_after(self._followed))
        self._followed = found.upto
        if is_first:  # a page that opened before this may have missed what came in between
            await self.tell_board()
        for device in found.told:
            self.hub.wake(device)
        for key in found.incidents:
            await self._publish(key)

    async def stop(self) -> None:
        """Answer what has arrived, let everybody go, and end the threads."""
        self.hub.stop()
        await self._committer.stop()
        self._reading.shutdown()

    def _complain(self, error: StoreUnavailable) -> None:
        """Say that nothing is stored, but not for every request."""
        if self.now_ms() - self._complained_ms >= COMPLAINT_MS:
            self._complained_ms = self.now_ms()
            log.error("NOTHING IS STORED: %s", error)

    async def _poll(self, device: bytes, after: int) -> Receipt | None:
        polled = await self._committer.ask(lambda store: store.notices_after(device, after, self.now_ms()))
        if polled is None:
            return None
        if polled.said:
            log.info("%s", polled.said)
        for key in polled.touched:
            await self._publish(key)
        return polled.receipt

    async def _boxes_event(self, firm: str | None) -> PageEvent:
        now_ms = self.now_ms()
        return PageEvent("boxes", boxes_text(await self._read(lambda reader: reader.boxes(now_ms, firm)), now_ms))

    async def _tell_pages(self, taken: Taken) -> None:
        """What is stored is stored: a page that cannot be told must not cost a box its receipt."""
        try:
            if taken.is_renamed and self.hub.listener_count:
                await self.tell_board()
            for incident in taken.touched:
                await self._publish(incident)
        except StoreUnavailable as error:
            self._complain(error)

    async def _publish(self, key: IncidentKey) -> None:
        if self.hub.listener_count == 0:
            return
        view = await self.incident(key)
        if view is not None:
            self.hub.publish(PageEvent("incident", incident_text(view, self.now_ms())), view.firm)

    @property
    def key(self) -> PublicKey:
        """What boxes pin."""
        return self._store.key

    async def read(self, question: Callable[[Connection], _T]) -> _T:
        """Ask the last commit. Raises `StoreUnavailable`."""
        return await self._read(lambda reader: reader.ask(question))

    async def change(self, act: Callable[[Connection], _T], turn: Turn | None = None) -> _T:
        """Change something in one transaction, between two commits of records. Raises `StoreUnavailable`."""
        return await self._committer.ask(lambda store: store.change(act, turn))

    async def _read(self, question: Callable[[BoardReader], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, question, self._reader)


def _holds_alarm(batch: Batch) -> bool:
    for item in batch.items:
        try:
            record = decode_record(sealed_in(item).payload)
        except WireError:
            continue
        if record.stream is Stream.ALARM and record.device == batch.device:
            return True
    return False
