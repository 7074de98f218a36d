"""Bodies that never end: thousands of connections that stop in the middle of a batch, and one alarm among them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.receiver.boxes import Box, Load
from benchmarks.receiver.rates import Connection
from benchmarks.receiver.rig import Receiver

RECEIPT_S_MAX = 1.0
"""How long an alarm may wait among them. Source: issue of the receiver, "Load"."""

PER_ADDRESS = 150
"""Below the limit of connections of one address (200)."""

PATIENCE_S = 30.0
FIRST_BOX = 50_000_000
ALARMS = 10


@dataclass(frozen=True, slots=True)
class Held:
    """What was seen. dropped: half-sent bodies that the receiver itself ended, after `dropped_s`."""

    held: int
    worst_s: float
    idle_worst_s: float
    dropped: int
    dropped_s: float
    rss_mib: tuple[float, float]
    threads: int

    @property
    def is_kept(self) -> bool:
        """The alarm was answered in time, and nobody is held for ever."""
        return self.worst_s < RECEIPT_S_MAX and self.dropped == self.held

    @property
    def line(self) -> str:
        """For people."""
        return (
            f"{self.held:,} half-sent bodies held open; slowest of {ALARMS} alarms {self.worst_s * 1000:.0f} ms "
            f"(before: {self.idle_worst_s * 1000:.0f} ms); RSS {self.rss_mib[0]:.0f} MiB before, "
            f"{self.rss_mib[1]:.0f} MiB meanwhile, {self.threads} threads; "
            f"{self.dropped:,} ended by the receiver within {self.dropped_s:.1f} s"
        )


def measured(receiver: Receiver, bodies: int) -> Held:
    """Hold them, send alarms, wait until all were ended."""
    return asyncio.run(_held(receiver, bodies))


async def _held(receiver: Receiver, bodies: int) -> Held:
    box = Box(FIRST_BOX)
    idle_s = await _slowest(receiver.port, box)
    before_mib = receiver.rss_mib
    half = Box(FIRST_BOX + 1).request(Load.HEARTBEAT, 20)[:-200]
    began_s = time.monotonic()
    open_ones = []
    for number in range(bodies):
        address = f"127.0.{1 + number // PER_ADDRESS}.1"
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port, local_addr=(address, 0))
        writer.write(half)
        open_ones.append((reader, writer))
    slowest_s = await _slowest(receiver.port, box)
    still = [reader for reader, _ in open_ones if not reader.at_eof()]
    meanwhile_mib, threads = receiver.rss_mib, receiver.thread_count
    endings = await asyncio.gather(*(_ended(reader) for reader, _ in open_ones))
    ended_s = time.monotonic() - began_s
    for _, writer in open_ones:
        writer.close()
    dropped = sum(endings) if len(still) == bodies else 0
    return Held(len(still), slowest_s, idle_s, dropped, ended_s, (before_mib, meanwhile_mib), threads)


async def _slowest(port: int, box: Box) -> float:
    """Each alarm over a new connection, as from a box that only now has something to say."""
    slowest_s = 0.0
    for _ in range(ALARMS):
        request = box.request(Load.ALARM, 1)
        began_s = time.perf_counter()
        connection = await Connection.to(port)
        await connection.post(request)
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        connection.close()
    return slowest_s


async def _ended(reader: asyncio.StreamReader) -> bool:
    """True: the other end closed the connection."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await reader.read()
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True
