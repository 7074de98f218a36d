"""One thread that writes: what arrives during a commit shares the next one, so a disk flush serves many boxes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from edge_agent.wire_sealing import PublicKey
from edge_agent.wire_values import Batch
from receiver.errors import StoreUnavailable
from receiver.store import Store
from receiver.taken import Arrival, Taken
from receiver.takes_records import TakesRecords

WAITING_MAX = 1_024
GROUP_MAX = 64
"""Batches waiting for a commit (64 MiB at the most), and how many share one. Our choices."""

_T = TypeVar("_T")


class Committer:
    """The only user of a `Store` while the server runs."""

    def __init__(self, store: Store, records: TakesRecords | None = None) -> None:
        """records: what takes batches instead of the store itself, for example a stream in front of it."""
        self._store = store
        self._records: TakesRecords = store if records is None else records
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._waiting: deque[tuple[Arrival, asyncio.Future[Taken]]] = deque()
        self._draining: asyncio.Task[None] | None = None

    async def take(self, batch: Batch, at_ms: int, key: PublicKey | None) -> Taken:
        """Store a batch; returns after the commit. Raises `StoreUnavailable`, also when too many wait."""
        if len(self._waiting) >= WAITING_MAX:
            hint = "The disk is slower than the boxes; they send again by themselves"
            raise StoreUnavailable(f"{WAITING_MAX} batches wait already", subject="database", hint=hint)
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append((Arrival(batch, at_ms, key), future))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def ask(self, question: Callable[[Store], _T]) -> _T:
        """Do something else with the store, in its thread and between two commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._store)

    async def stop(self) -> None:
        """Wait until everything that arrived is answered, and end the thread."""
        if self._draining is not None:
            await asyncio.wait([self._draining])
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
            commit = loop.run_in_executor(self._thread, self._records.take_all, [arrival for arrival, _ in group])
            await asyncio.wait([commit])
            error = commit.exception()
            for index, (_, future) in enumerate(group):
                if future.done():  # whoever asked is gone; the records are stored all the same
                    continue
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(commit.result()[index])
        self._draining = None
