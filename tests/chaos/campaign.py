"""`make chaos`: kills box and receiver at random behind a bad network; nothing may be lost, doubled or altered.

`--over mqtt`: the same through a real mosquitto and the receiver's bridge, which are killed too; the bad network lies
between box and broker, and cuts each connection after a few seconds.

Property: every record that the box committed is on the receiver's disk once, with the same bytes; the chain of every
stream is whole; nothing is called a conflict or written off. Prints figures as a row of a table.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.wire import LINK_BYTES, Lost, Stream, chain_start, decode_record, digest
from tests.chaos.proxy import Proxy
from tests.delivery.mosquitto import Mosquitto

DRAIN_S = 180.0
START_S = 20.0
LASTS_S = 1.0, 8.0  # a connection to the broker
OVER = ("http", "mqtt")
PARTS = {"http": ("box", "receiver"), "mqtt": ("box", "receiver", "broker", "bridge")}


@dataclass
class Report:
    """What happened. problems: empty where the property holds."""

    kills: Counter[str] = field(default_factory=Counter)
    committed: int = 0
    stored: int = 0
    connections: int = 0
    latencies_ms: list[int] = field(default_factory=list)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table in docs/wire.md."""
        ordered = sorted(self.latencies_ms) or [0]
        quantiles = [ordered[min(len(ordered) - 1, int(len(ordered) * q))] / 1000 for q in (0.5, 0.95, 0.99, 1.0)]
        seconds = " / ".join(f"{value:.2f}" for value in quantiles)
        kills = " / ".join(str(number) for number in self.kills.values())
        return (
            f"| {self.seconds:.0f} s | {kills} | {self.connections} "
            f"| {self.committed} | {self.stored} | {len(self.problems)} | {seconds} s |"
        )


class Campaign:
    """One run in one folder."""

    def __init__(self, folder: Path, seed: int, rate: float, over: str = "http") -> None:
        """over: one of OVER."""
        self._folder = folder
        self._rate = rate
        self._over = over
        self._chance = random.Random(seed)
        self._receiver, self._port = self._start_receiver(0)
        shown = subprocess.run(
            [sys.executable, "-m", "receiver", "key", "--data", str(folder / "firm")],
            check=True,
            capture_output=True,
            text=True,
        )
        self._key = shown.stdout.strip()
        self._broker: Mosquitto | None = None
        self._bridge: subprocess.Popen[str] | None = None
        if over == "mqtt":
            self._broker = Mosquitto(folder)
            self._bridge = self._start_bridge(self._broker)
            self._proxy = Proxy(self._broker.port, seed, lasts_s=LASTS_S)
        else:
            self._proxy = Proxy(self._port, seed)
        self._box = self._start_box()
        self.report = Report(Counter(dict.fromkeys(PARTS[over], 0)))

    def run(self, kills: int, records: int) -> Report:
        """Until so many were killed and so many committed."""
        began_s = time.monotonic()
        report = self.report
        while report.kills.total() < kills or len(self._witness()) < records:
            time.sleep(self._chance.uniform(0.4, 2.0))
            if self._box.poll() is not None:
                report.problems.append(f"the box ended by itself with {self._box.returncode}")
                break
            if report.kills.total() < kills:
                part = self._chance.choice(PARTS[self._over])
                report.kills[part] += 1
                self._kill(part)
        self._drain()
        report.seconds = time.monotonic() - began_s
        report.connections = sum(self._proxy.counts.values())
        self._judge()
        return report

    def close(self) -> None:
        """Leave nothing behind."""
        for process in (self._box, self._receiver, self._bridge):
            if process is not None and process.poll() is None:
                _kill(process)
        if self._broker is not None:
            self._broker.kill()
        self._proxy.close()

    def _kill(self, part: str) -> None:
        """SIGKILL, and start again, what is not the box after a moment."""
        pause_s = self._chance.uniform(0.0, 0.5)
        if part == "box":
            _kill(self._box)
            self._box = self._start_box()
        elif part == "receiver":
            _kill(self._receiver)
            time.sleep(pause_s)
            self._receiver, _ = self._start_receiver(self._port)
        elif part == "broker" and self._broker is not None:
            self._broker.kill()
            time.sleep(pause_s)
            self._broker.start()
        elif self._broker is not None and self._bridge is not None:
            _kill(self._bridge)
            time.sleep(pause_s)
            self._bridge = self._start_bridge(self._broker)

    def _drain(self) -> None:
        self._proxy.is_kind = True
        assert self._box.stdout is not None
        self._box.stdout.readline()  # "ready": it hears signals now
        self._box.send_signal(signal.SIGTERM)
        try:
            code = self._box.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            self.report.problems.append(f"the box was not empty {DRAIN_S:.0f} s after the last fault")
        else:
            if code != 0:
                self.report.problems.append(f"the box ended with {code}")

    def _judge(self) -> None:
        report = self.report
        database = sqlite3.connect(self._folder / "firm" / "receiver.sqlite")
        rows = database.execute("SELECT dev, log, stream, seqno, digest, body, arrived_ms FROM record").fetchall()
        (conflicts,) = database.execute("SELECT count(*) FROM conflict").fetchone()
        (boxes,) = database.execute("SELECT count(*) FROM device").fetchone()
        database.close()
        if conflicts or boxes != 1:
            report.problems.append(f"{conflicts} conflicts, {boxes} boxes")
        stored = {(log, stream, seqno): (body, arrived_ms) for _, log, stream, seqno, _, body, arrived_ms in rows}
        report.stored = len(stored)
        witness = self._witness()
        report.committed = len(witness)
        for key, (hashed, committed_ms) in witness.items():
            found = stored.get(key)
            if found is None:
                report.problems.append(f"{key} is lost")
            elif digest(found[0]).hex() != hashed:
                report.problems.append(f"{key} is altered")
            elif key[1] == Stream.ALARM:
                report.latencies_ms.append(max(0, found[1] - committed_ms))
        streams: dict[tuple[bytes, int, int], dict[int, bytes]] = defaultdict(dict)
        for device, log, stream, seqno, hashed, body, _ in rows:
            if digest(body) != hashed:
                report.problems.append(f"digest and bytes of {(log, stream, seqno)} disagree on the receiver's disk")
            if isinstance(decode_record(body).detail, Lost):
                report.problems.append(f"{(log, stream, seqno)} writes records off")
            streams[device, log, stream][seqno] = body
        for (device, log, stream), bodies in streams.items():
            link = chain_start(device, log, Stream(stream))[:LINK_BYTES]
            for seqno in range(1, max(bodies) + 1):
                if seqno not in bodies or decode_record(bodies[seqno]).link != link:
                    report.problems.append(f"the chain breaks at {(log, stream, seqno)}")
                    break
                link = digest(bodies[seqno])[:LINK_BYTES]

    def _witness(self) -> dict[tuple[int, int, int], tuple[str, int]]:
        path = self._folder / "witness"
        if not path.exists():
            return {}
        found = {}
        for line in path.read_text(encoding="ascii").splitlines():
            words = line.split()
            if len(words) == 5:  # a kill may cut the last line
                log, stream, seqno, hashed, at_ms = words
                found[int(log), int(stream), int(seqno)] = (hashed, int(at_ms))
        return found

    def _start_box(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.chaos.box", "--folder", str(self._folder), "--rate", str(self._rate)]
        command += ["--url", f"{self._over}://127.0.0.1:{self._proxy.port}", "--receiver-key", self._key]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def _start_bridge(self, broker: Mosquitto) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "receiver", "mqtt", "--broker", f"127.0.0.1:{broker.port}"]
        command += ["--receiver", f"http://127.0.0.1:{self._port}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)

    def _start_receiver(self, port: int) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-m", "receiver", "run", "--port", str(port), "--data", str(self._folder / "firm")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        return process, int(line.rpartition(":")[2])


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table row; 1 where the property does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=80.0, help="records a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--over", choices=OVER, default="http", help="what carries the records (default %(default)s)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), asked.seed, asked.rate, asked.over)
        try:
            report = campaign.run(asked.kills, asked.records)
        finally:
            campaign.close()
    kills = f"kills {' / '.join(PARTS[asked.over])}"
    print(f"| time | {kills} | connections | committed | stored | problems | alarm 50 / 95 / 99 / 100 % |")
    print("|---|---|---:|---:|---:|---:|---|")
    print(report.row())
    print("\n".join(report.problems[:20]))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
