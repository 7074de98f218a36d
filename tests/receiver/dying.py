"""A receiver that is killed at its worst moment: right after a commit, before the answer (or `--early`: inside it)."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from receiver.board import BoardReader
from receiver.people import People
from receiver.server import Address, start
from receiver.service import Service
from receiver.store import Store
from receiver.taken import Arrival, Taken


def die() -> None:
    """As a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


class DiesAfterCommit(Store):
    """The records are on disk, nobody has been told."""

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        super().take_all(arrivals)
        die()
        return ()


class DiesBeforeCommit(Store):
    """The records are in a transaction that never ends."""

    def _take(self, db: Connection, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        taken = super()._take(db, arrivals)
        die()
        return taken


async def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--early", action="store_true")
    asked = parser.parse_args()
    store = DiesBeforeCommit(asked.data) if asked.early else DiesAfterCommit(asked.data)
    service = Service(store, BoardReader(asked.data), lambda: time.time_ns() // 1_000_000)
    running = await start(service, People(asked.data), Address("127.0.0.1", asked.port))
    print(f"listening on {running.url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
