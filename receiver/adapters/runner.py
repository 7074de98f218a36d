"""Hands over what waits: one task for each adapter, so that a slow platform delays no other.

A turn looks through the journal, claims what is due, sends it, and marks it; then what goes by the clock. A crash
between sending and marking repeats the sending under the same key. Telemetry goes without rows: a page of the journal
is sent whole before the place in it moves. Where nobody answers, the adapter pauses, doubling to a minute, and no
message is counted as tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from edge_agent.wire_values import Stream
from receiver import journal
from receiver.adapters import queue
from receiver.adapters.facts import online, snapshots, telling_of
from receiver.adapters.queue import Lane, Waiting
from receiver.adapters.senml import is_telemetry
from receiver.adapters.words import Adapter, HandoverError, Telling, What
from receiver.database import Turn
from receiver.decoding import decoded
from receiver.errors import StoreUnavailable
from receiver.sentences import printable
from receiver.service import Service

TURN_S = 1.0
PIECES_MAX = 20
BATCHES_MAX = 50
BATCH = 8
BEGIN_S = 25.0
TELEMETRY_AT_ONCE = 200
PAUSE_MS_MAX = 60_000
STOP_S = 5.0
RESTART_S = 60.0
"""Pieces of the journal and batches of messages in one turn; a batch, in multiples of what may be on its way at once;
when its last message is begun at the latest, so that it is over before its claim is; telemetry records of one page.
Ours."""

log = logging.getLogger("receiver")


class AdapterLoop:
    """One adapter. `turn` may be called by hand, with the clock of the service."""

    def __init__(self, service: Service, adapter: Adapter) -> None:
        self._service = service
        self._adapter = adapter
        self._resume_ms = 0
        self._pause_ms = 0
        self._has_begun = False
        self._said = ""
        self._periods: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Of the adapter."""
        return self._adapter.name

    async def run_later(self, pause_s: float) -> None:
        """`run` after a pause."""
        await asyncio.sleep(pause_s)
        await self.run()

    async def run(self) -> None:
        """A turn a second until cancelled."""
        try:
            while True:
                await asyncio.sleep(TURN_S)
                try:
                    await self.turn()
                except StoreUnavailable as error:
                    log.error("%s: NOTHING IS HANDED OVER: %s", self._adapter.name, error)
        finally:
            await self._adapter.close()

    async def turn(self) -> int:
        """Look, hand over, do what is due by the clock. Returns how many messages were taken by the other end."""
        now_ms = self._service.now_ms()
        await self._look(now_ms)
        if self._is_pausing(now_ms):
            return 0
        taken = 0
        for _ in range(BATCHES_MAX):
            batch = await self._service.change(
                lambda db: queue.claim(db, self._adapter.name, BATCH * self._adapter.at_once, self._service.now_ms()),
                Turn.ADAPTERS,
            )
            if not batch:
                break
            good = await self._hand_over(batch)
            taken += good
            if not good:
                break
        if not self._is_pausing(self._service.now_ms()):
            await self._by_the_clock()
        return taken

    def _is_pausing(self, now_ms: int) -> bool:
        """A pause that would last longer than any was begun under a clock that was wrong."""
        return now_ms < self._resume_ms <= now_ms + PAUSE_MS_MAX

    async def _look(self, now_ms: int) -> None:
        name, wants = self._adapter.name, self._adapter.wants
        if not self._has_begun:
            if await self._service.read(lambda db: queue.place_of(db, name, Lane.ALARMS)) is None:
                await self._service.change(lambda db: queue.begin(db, name, wants, now_ms), Turn.ADAPTERS)
            elif not self._adapter.wants_telemetry:  # nobody wants the past when it is switched on some day
                await self._service.change(lambda db: queue.skip(db, name, Lane.TELEMETRY), Turn.ADAPTERS)
            self._has_begun = True
        for lane in (Lane.ALARMS, Lane.REST):
            for _ in range(PIECES_MAX):
                found = await self._service.read(lambda db, lane=lane: queue.look(db, name, lane, wants, now_ms))  # type: ignore[misc]
                if found is None:
                    break
                await self._write(lane, found)

    async def _write(self, lane: Lane, found: queue.Look) -> None:
        name = self._adapter.name
        await self._service.change(lambda db: queue.write(db, name, lane, found), Turn.ADAPTERS)

    async def _move(self, lane: Lane, upto: int) -> None:
        name = self._adapter.name
        await self._service.change(lambda db: queue.move(db, name, lane, upto), Turn.ADAPTERS)

    async def _hand_over(self, batch: Sequence[Waiting]) -> int:
        now_ms, language = self._service.now_ms(), self._adapter.language
        tellings = await self._service.read(lambda db: [telling_of(db, waiting, now_ms, language) for waiting in batch])
        errors = await self._told_in_time(tellings)
        told = list(zip(batch, errors, strict=True))
        await self._service.change(lambda db: queue.mark(db, told, self._service.now_ms()), Turn.ADAPTERS)
        for waiting, error in told:
            if error is not None and error.is_final:
                log.error("%s: REFUSED FOR GOOD: %s: %s", self.name, waiting.key, printable(error.problem))
        good = errors.count(None)
        self._pace(errors, bool(good))
        return good

    async def _told_in_time(self, tellings: Sequence[Telling | None]) -> list[HandoverError | None]:
        """As many at once as the adapter wants. What could not be begun well before its claim ends, or after somebody
        has found that nobody is there, is given back untried."""
        free = asyncio.Semaphore(self._adapter.at_once)
        clock = asyncio.get_running_loop().time
        until_s = clock() + BEGIN_S
        away: HandoverError | None = None

        async def one(telling: Telling | None) -> HandoverError | None:
            nonlocal away
            async with free:
                if away is not None:
                    return away
                if clock() > until_s:
                    return HandoverError("the ones before it took too long", is_away=True)
                error = await self._told(telling)
                away = error if error is not None and error.is_away else away
                return error

        return list(await asyncio.gather(*(one(telling) for telling in tellings)))

    async def _told(self, telling: Telling | None) -> HandoverError | None:
        """None: the other end has it, or there is nothing to tell any more."""
        if telling is None:
            return None
        try:
            await self._adapter.hand_over(telling)
        except HandoverError as error:
            return error
        return None

    def _pace(self, errors: Sequence[HandoverError | None], has_good: bool) -> None:
        """Pause where nothing went through, longer each time; say once what is wrong and once that it is over."""
        failed = [error for error in errors if error is not None]
        words = failed[0].problem if failed else ""
        if words != self._said:
            self._said = words
            if words:
                log.warning("%s: NOT HANDED OVER: %s", self._adapter.name, printable(words))
            else:
                log.info("%s: handed over again", self._adapter.name)
        if has_good or not any(error.is_away or error.is_later for error in failed):
            self._pause_ms = 0
            return
        first_ms = round(max(error.pause_s for error in failed) * 1000)
        self._pause_ms = min(max(first_ms, 2 * self._pause_ms), PAUSE_MS_MAX)
        self._resume_ms = self._service.now_ms() + self._pause_ms

    async def _by_the_clock(self) -> None:
        if self._adapter.wants_telemetry:
            await self._telemetry()
        now_ms = self._service.now_ms()
        every_s = self._adapter.online_s
        if every_s is not None and await self._is_ours("online", now_ms // (every_s * 1000)):
            await self._online(now_ms // (every_s * 1000), now_ms)
        every_s = self._adapter.snapshot_s
        if every_s is not None and await self._is_ours("snapshot", now_ms // (every_s * 1000)):
            await self._snapshots(now_ms // (every_s * 1000), now_ms)

    async def _is_ours(self, duty: str, number: int) -> bool:
        if self._periods.get(duty) == number:
            return False
        self._periods[duty] = number
        name = self._adapter.name
        return await self._service.change(lambda db: queue.take_turn(db, name, duty, number), Turn.ADAPTERS)

    async def _online(self, period: int, now_ms: int) -> None:
        error = await self._told(online(self._service.key.fingerprint.hex(), period, now_ms))
        self._pace([error], error is None)

    async def _snapshots(self, period: int, now_ms: int) -> None:
        """Every lift, some at a time; what fails is told again with the next period."""
        after, adapter = b"", self._adapter
        while True:
            page = await self._service.read(
                lambda db, after=after: snapshots(db, after, period, now_ms, adapter.code_of, adapter.language)  # type: ignore[misc]
            )
            for first in range(0, len(page), self._adapter.at_once):
                some = page[first : first + self._adapter.at_once]
                errors = await asyncio.gather(*(self._told(telling) for telling in some))
                self._pace(errors, None in errors)
                if self._is_pausing(self._service.now_ms()):
                    return
            if not page:
                return
            after = bytes.fromhex(str(page[-1].facts["device"]))

    async def _telemetry(self) -> None:
        """A page whole, then the place moves: what was sent before a crash is sent again."""
        name = self._adapter.name
        for _ in range(PIECES_MAX):
            page = await self._service.read(lambda db: _page(db, name))
            if page is None:
                return
            tellings = [_figures(entry) for entry in page.entries if entry.stream is Stream.TELEMETRY]
            errors = await asyncio.gather(*(self._told(each) for each in tellings if each is not None))
            self._pace(errors, None in errors or not errors)
            if any(error is not None for error in errors):
                return
            await self._move(Lane.TELEMETRY, page.upto)


def _page(db: Connection, name: str) -> journal.Page | None:
    after = queue.place_of(db, name, Lane.TELEMETRY)
    if after is None or journal.last_position(db) == after:
        return None
    page = journal.page_after(db, after, TELEMETRY_AT_ONCE)
    return page if page.upto > after else None


def _figures(entry: journal.Entry) -> Telling | None:
    if entry.body is None:
        return None
    record = decoded(entry.body)
    if not is_telemetry(record.kind):
        return None
    key = f"{entry.device.hex()}-{entry.log}-{int(entry.stream)}-{entry.seqno}"
    facts = {"key": key, "device": entry.device.hex(), "happened": entry.arrived_ms}
    return Telling(What.FIGURES, key, record.kind, facts, record)


async def run_all(loops: Sequence[AdapterLoop]) -> None:
    """Until cancelled. A programmer's error in one adapter is said loudly and ends neither the others nor the intake:
    that adapter begins anew after a minute, from its durable place."""
    running = {asyncio.create_task(loop.run()): loop for loop in loops}
    try:
        while running:
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                loop = running.pop(task)
                log.critical("%s: ADAPTER ENDED BY AN ERROR OF THIS PROGRAM", loop.name, exc_info=task.exception())
                running[asyncio.create_task(loop.run_later(RESTART_S))] = loop
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_S)
