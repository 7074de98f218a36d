"""Requests a second: keep-alive connections that post as fast as they are answered, no TLS, ready-made batches."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.processes import BenchmarkTrouble
from benchmarks.receiver.boxes import Box, Load
from benchmarks.receiver.rig import Receiver

EACH_BOX = 20
"""Requests of one box: below the 50 that it may send at once. Its first one is not measured."""

ANSWER_S = 30.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of load."""

    connections: int
    records: int
    load: Load = Load.HEARTBEAT

    @property
    def name(self) -> str:
        """In tables."""
        return f"{self.connections} conn., {self.records} x {self.load.value}"


@dataclass
class Rate:
    """One run. seconds: of each answered request."""

    case: Case
    took_s: float = 0.0
    cpu_s: float = 0.0
    seconds: list[float] = field(default_factory=list)

    @property
    def posts_per_s(self) -> float:
        """Requests answered."""
        return len(self.seconds) / self.took_s

    @property
    def cpu_ms(self) -> float:
        """Processor time of the receivers a request; less noisy on a busy machine than the rate."""
        return self.cpu_s / len(self.seconds) * 1000

    def quantile_ms(self, share: float) -> float:
        """Time of an answer that this share of requests did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Connect to a receiver on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, request: bytes) -> float:
        """Send and read the answer; seconds. Raises BenchmarkTrouble for anything but 200."""
        began_s = time.perf_counter()
        self._writer.write(request)
        async with asyncio.timeout(ANSWER_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
            body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            said = head.partition(b"\r")[0].decode("latin-1")
            raise BenchmarkTrouble(f"{said}: {body[:200]!r}")
        return time.perf_counter() - began_s

    def close(self) -> None:
        """Leave."""
        self._writer.close()


def made(case: Case, requests: int) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """The first requests of new boxes, and those to measure, a list a connection: each box belongs to one of them."""
    first, later = [], []
    each = max(1, requests // case.connections)
    for _ in range(case.connections):
        boxes = [Box(next(_numbers)) for _ in range(-(-each // EACH_BOX))]
        first.append([box.request(case.load, 1) for box in boxes])
        turns = itertools.cycle(boxes)
        later.append([next(turns).request(case.load, case.records) for _ in range(each)])
    return first, later


async def _posted(port: int, requests: Sequence[bytes], rate: Rate) -> None:
    connection = await Connection.to(port)
    for request in requests:
        rate.seconds.append(await connection.post(request))
    connection.close()


async def _run(ports: Sequence[int], lists: Sequence[Sequence[bytes]], rate: Rate) -> None:
    spread = itertools.cycle(ports)
    await asyncio.gather(*(_posted(next(spread), requests, rate) for requests in lists))


def measured(receivers: Sequence[Receiver], case: Case, requests: int) -> Rate:
    """One run over all receivers; connections are spread over them."""
    first, later = made(case, requests)
    ports = [receiver.port for receiver in receivers]
    asyncio.run(_run(ports, first, Rate(case)))
    rate = Rate(case)
    cpu_s, began_s = sum(receiver.cpu_s for receiver in receivers), time.perf_counter()
    asyncio.run(_run(ports, later, rate))
    rate.took_s = time.perf_counter() - began_s
    rate.cpu_s = sum(receiver.cpu_s for receiver in receivers) - cpu_s
    return rate
