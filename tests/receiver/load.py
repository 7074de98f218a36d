"""How many requests a second the receiver answers on this machine: `python -m tests.receiver.load`.

A receiver in a process of its own, one client process here, batches of one record, keep-alive, no TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge_agent.wire import BATCH_TYPE, KEY_HEADER, Batch, Stamp, encode_batch
from edge_agent.wire_sealing import SigningKey
from tests.receiver.making import SENSOR_FAULT, alarm, sealed

HEAD = f"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH_TYPE}\r\n"


@dataclass
class Result:
    """One run: seconds of each answered request."""

    seconds: list[float] = field(default_factory=list)

    def row(self, name: str, took_s: float) -> str:
        """A line of the table."""
        ordered = sorted(self.seconds)
        p99_ms = ordered[int(len(ordered) * 0.99)] * 1000
        return f"| {name} | {len(ordered) / took_s:,.0f} | {ordered[len(ordered) // 2] * 1000:.1f} | {p99_ms:.1f} |"


def bodies(key: SigningKey, records_per_batch: int) -> Iterator[bytes]:
    """Batches of new records of one box, for ever."""
    device = key.public.fingerprint
    seqno = 1
    while True:
        records = [
            sealed(
                alarm(seqno + i, kind=SENSOR_FAULT, device=device, incident=1 if seqno + i > 1 else None, note=None),
                key,
            )
            for i in range(records_per_batch)
        ]
        seqno += records_per_batch
        yield encode_batch(Batch(device, tuple(records), Stamp(3, 600_500)))


async def connection(port: int, first_box: int, boxes: int, records: int, until_s: float, result: Result) -> None:
    """One keep-alive connection that posts as fast as it is answered, for a share of the boxes in turn."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    keys = [SigningKey((first_box + n).to_bytes(32, "big")) for n in range(boxes)]
    sources = [(key.public.text, bodies(key, records)) for key in keys]
    turn = 0
    while time.perf_counter() < until_s:
        key_text, batches = sources[turn % boxes]
        sent = next(batches)
        turn += 1
        head = (
            f"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH_TYPE}\r\n"
            f"{KEY_HEADER}: {key_text}\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        began_s = time.perf_counter()
        writer.write(head.encode() + sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r")[0])
        await reader.readexactly(length)
        if answer.startswith(b"HTTP/1.1 200"):
            result.seconds.append(time.perf_counter() - began_s)
        else:
            raise SystemExit(answer.decode())
    writer.close()


async def measure(port: int, connections: int, records: int, seconds: float, base: int) -> str:
    """One row."""
    result = Result()
    boxes = 2_000 // connections  # many boxes, so that no single one is slowed for asking too often
    began_s = time.perf_counter()
    until_s = began_s + seconds
    await asyncio.gather(
        *(connection(port, base + n * boxes, boxes, records, until_s, result) for n in range(connections))
    )
    return result.row(f"{connections} connections, {records} record(s)", time.perf_counter() - began_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start a receiver and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "receiver", "run", "--port", "0", "--data", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            print("| load | POST/s | median ms | p99 ms |\n|---|---:|---:|---:|")
            for turn, (connections, records) in enumerate([(1, 1), (16, 1), (64, 1), (64, 20)]):
                print(asyncio.run(measure(port, connections, records, asked.seconds, (turn + 1) << 20)), flush=True)
            with open(f"/proc/{process.pid}/status") as status:
                print(next(line for line in status if line.startswith("VmRSS")).strip())
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
