"""A real receiver on loopback inside the test's own loop, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import aiohttp

from edge_agent.wire import BATCH_TYPE, KEY_HEADER, Receipt, decode_receipt
from edge_agent.wire_sealing import PublicKey, SigningKey, Use
from receiver.board import BoardReader
from receiver.connections import PATIENCE, Patience
from receiver.people import People
from receiver.server import Address, start
from receiver.service import Service
from receiver.store import Store
from tests.receiver.making import KEY, NOW_MS

_T = TypeVar("_T")


ANYWHERE = Address("127.0.0.1", 0)


@dataclass
class Clock:
    """Unix time as the test wants it."""

    ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.ms


@dataclass
class FarEnd:
    """A running receiver and a client."""

    url: str
    client: aiohttp.ClientSession
    clock: Clock
    key: PublicKey
    routes: tuple[tuple[str, str], ...]
    service: Service

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def post(
        self, body: bytes, key: SigningKey = KEY, headers: Mapping[str, str] = MappingProxyType({})
    ) -> aiohttp.ClientResponse:
        """POST a body as a batch."""
        sent = {"Content-Type": BATCH_TYPE, KEY_HEADER: key.public.text, **headers}
        return await self.client.post(f"{self.url}/v1/records", data=body, headers=sent)

    async def receipt(self, body: bytes, key: SigningKey = KEY) -> Receipt:
        """POST a body that must be answered with a receipt."""
        answer = await self.post(body, key)
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/vnd.lift-receipt+cbor"
        return decode_receipt(self.key.open(await answer.read(), Use.RECEIPT))

    async def notices(self, query: str) -> Receipt:
        """Ask for notices."""
        answer = await self.client.get(f"{self.url}/v1/notices?{query}")
        assert answer.status == 200, await answer.text()
        return decode_receipt(self.key.open(await answer.read(), Use.RECEIPT))

    async def tell(self, incident: str, notice: object) -> aiohttp.ClientResponse:
        """POST what a person did."""
        return await self.client.post(f"{self.url}/v1/incidents/{incident}/notice", json=notice)


def with_receiver(
    folder: Path,
    story: Callable[[FarEnd], Awaitable[_T]],
    *,
    patience: Patience = PATIENCE,
    make_store: Callable[[Path], Store] = Store,
    tick_s: float = 1.0,
    address: Address = ANYWHERE,
) -> _T:
    """Run a story against a receiver that lives as long as it."""

    async def run() -> _T:
        async with a_receiver(folder, patience, make_store, tick_s, address) as far_end:
            return await story(far_end)

    return asyncio.run(run())


@asynccontextmanager
async def a_receiver(
    folder: Path, patience: Patience, make_store: Callable[[Path], Store], tick_s: float, address: Address
) -> AsyncIterator[FarEnd]:
    """A receiver and a client for it."""
    clock = Clock()
    store = make_store(folder)
    reader = BoardReader(folder)
    people = People(folder)
    service = Service(store, reader, clock.now_ms, tick_s=tick_s)
    running = await start(service, people, address, patience)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            yield FarEnd(running.url, client, clock, store.key, running.routes, service)
    finally:
        await running.stop()
        people.close()
        reader.close()
        store.close()
