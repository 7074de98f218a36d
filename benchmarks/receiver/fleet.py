"""The heartbeats of a fleet: every box in its turn, at the pace of the clock, and what each minute looked like."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.processes import BenchmarkTrouble
from benchmarks.receiver.boxes import Box, Load
from benchmarks.receiver.rates import Connection
from benchmarks.receiver.rig import Receiver

FIRST_BOX = 10_000_000
CONNECTIONS = 32
BEHIND_S_MAX = 5.0
"""A client further behind its own clock than this says so: then the machine, not the receiver, is the limit."""

MINUTE_S = 60.0


@dataclass
class Minute:
    """One minute. refused: answers that were no receipt."""

    number: int
    took_s: float
    seconds: list[float]
    refused: int
    rss_mib: float
    cpu_s: float
    behind_s: float

    @property
    def is_kept(self) -> bool:
        """Every heartbeat was answered."""
        return self.refused == 0 and bool(self.seconds)

    @property
    def row(self) -> str:
        """A line of the table."""
        ordered = sorted(self.seconds) or [0.0]
        p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.99)] * 1000
        behind = f" (client {self.behind_s:.0f} s behind its clock)" if self.behind_s > BEHIND_S_MAX else ""
        return (
            f"| {self.number} | {len(self.seconds) / self.took_s:,.0f} | {p50:.1f} | {p99:.1f} | "
            f"{ordered[-1] * 1000:.0f} | {self.refused} | {self.rss_mib:.1f} | {self.cpu_s / self.took_s * 100:.0f} |"
            f"{behind}"
        )


@dataclass
class _Seen:
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    behind_s: float = 0.0


def minutes(receivers: Sequence[Receiver], boxes: int, per_s: float, count: float) -> Iterator[Minute]:
    """Drive the fleet and look once a minute. The boxes are made one after the other, as they get their turn."""
    seen: queue.Queue[_Seen | BaseException] = queue.Queue()
    driver = threading.Thread(target=_drive, args=(receivers, boxes, per_s, count, seen), daemon=True)
    driver.start()
    number, began_s, cpu_s = 0, time.monotonic(), sum(each.cpu_s for each in receivers)
    rss = sum(each.rss_mib for each in receivers)
    yield Minute(0, 1.0, [0.0], 0, rss, 0.0, 0.0)
    while number * MINUTE_S < count * MINUTE_S - 1e-9:
        found = seen.get()
        if isinstance(found, BaseException):
            raise BenchmarkTrouble(f"the client ended: {found}") from found
        number += 1
        now_s, now_cpu_s = time.monotonic(), sum(each.cpu_s for each in receivers)
        rss = sum(each.rss_mib for each in receivers)
        yield Minute(number, now_s - began_s, found.seconds, found.refused, rss, now_cpu_s - cpu_s, found.behind_s)
        began_s, cpu_s = now_s, now_cpu_s
    driver.join()


def _drive(
    receivers: Sequence[Receiver], boxes: int, per_s: float, count: float, told: queue.Queue[_Seen | BaseException]
) -> None:
    try:
        asyncio.run(_fleet(receivers, boxes, per_s, count, told))
    except (OSError, BenchmarkTrouble, TimeoutError, asyncio.IncompleteReadError) as error:
        told.put(error)


async def _fleet(
    receivers: Sequence[Receiver], boxes: int, per_s: float, count: float, told: queue.Queue[_Seen | BaseException]
) -> None:
    """A queue of turns, and connections that take them: one slow answer delays no other box."""
    turns: asyncio.Queue[Box | None] = asyncio.Queue(CONNECTIONS * 4)
    seen = _Seen()
    workers = [
        asyncio.create_task(_worker(receivers[number % len(receivers)].port, turns, lambda: seen))
        for number in range(CONNECTIONS)
    ]
    known: list[Box] = []
    began_s = time.monotonic()
    look_s = began_s + MINUTE_S
    for number in range(int(count * MINUTE_S * per_s)):
        due_s = began_s + number / per_s
        while (now_s := time.monotonic()) < due_s:
            await asyncio.sleep(min(due_s - now_s, 0.05))
        if now_s >= began_s + count * MINUTE_S:  # a client that cannot keep up sends less, not longer
            break
        seen.behind_s = max(seen.behind_s, now_s - due_s)
        if now_s >= look_s:
            told.put(seen)
            seen, look_s = _Seen(), look_s + MINUTE_S
        if len(known) < boxes:
            known.append(Box(FIRST_BOX + number))
        await turns.put(known[number % boxes])
    for _ in workers:
        await turns.put(None)
    await asyncio.gather(*workers)
    told.put(seen)


async def _worker(port: int, turns: asyncio.Queue[Box | None], seen: object) -> None:
    assert callable(seen)
    connection = await Connection.to(port)
    while (box := await turns.get()) is not None:
        try:
            seconds = await connection.post(box.request(Load.HEARTBEAT, 1))
        except BenchmarkTrouble:
            seen().refused += 1
            continue
        seen().seconds.append(seconds)
    connection.close()
