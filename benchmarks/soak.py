"""Whether the whole running agent stays flat for hours of real time: memory, threads, open files, disk, what waits.

`python -m benchmarks.soak MINUTES` (120 if not said). A real `edge-agent run` with accelerometer at 400 Hz, ten Modbus
polls a second, doors and presence, recording, against a simulated lift in steady traffic and a receiver. Every ten
minutes the controller has a fault for half a minute, while the receiver is frozen (a network that swallows everything);
every record must be through at the end. Everything is the kernel's count for the process of the agent.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import TRAFFIC
from benchmarks.processes import BenchmarkTrouble, memory_of, use_of
from benchmarks.report import machine_line
from benchmarks.rig import Rig, RunningAgent, missing_parts

LOOK_S = 300.0
ROUND_S, FROZEN_S = 600.0, 90.0
RING_MIB = 4  # small enough to have gone round several times at the end
SETTLE_S = 90.0
FAULT = """
[[step]]
do = "controller_fault"
number = 20
[[step]]
do = "wait"
for_s = 30
[[step]]
do = "reset"
"""
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """The agent at one moment. ring_mib: the recording; rest_mib: everything else in its folder."""

    minutes: float
    rss_mib: float
    uss_mib: float
    threads: int
    open_files: int
    ring_mib: float
    rest_mib: float
    stored_mib: float
    cpu_s: float
    records: int
    waiting: int
    trips: int
    lost: int


def soaked(minutes: float, *, look_s: float = LOOK_S, round_s: float = ROUND_S, frozen_s: float = FROZEN_S) -> int:
    """Run, print a line for each look and return how many records had not left at the end."""
    rounds = int(minutes * 60.0 / round_s) + 2
    with Rig(400, (TRAFFIC.format(for_s=round(round_s * 0.9)) + FAULT) * rounds) as rig:
        _make_ring_small(rig.config)
        with RunningAgent(rig) as agent:
            begun_s = time.monotonic()
            next_look_s, next_freeze_s = 0.0, round_s * 0.9 - frozen_s / 3
            print(
                "minutes    RSS    USS threads files   ring   rest stored   CPU s records waiting trips lost",
                flush=True,
            )
            while (passed_s := time.monotonic() - begun_s) < minutes * 60.0:
                if passed_s >= next_look_s:
                    _tell(_look(rig, agent.child.pid, passed_s))
                    next_look_s += look_s
                if passed_s >= next_freeze_s:
                    _freeze(rig, frozen_s)
                    next_freeze_s += round_s
                time.sleep(min(1.0, look_s / 10))
            last = _settled(rig, agent.child.pid, begun_s)
            _tell(last)
            return last.waiting


def _make_ring_small(config: Path) -> None:
    written = config.read_text(encoding="utf-8")
    ring = f"[recording]\nmax_mib = {RING_MIB}\n"
    parts = re.split(r"(?m)^\[recording\]\n(?:[^\[\n][^\n]*\n)*", written)
    config.write_text(ring.join(parts) if len(parts) == 2 else f"{written}\n{ring}", encoding="utf-8")


def _freeze(rig: Rig, frozen_s: float) -> None:
    """The receiver answers nothing for a while."""
    os.kill(rig.receiver.pid, signal.SIGSTOP)
    try:
        time.sleep(frozen_s)
    finally:
        os.kill(rig.receiver.pid, signal.SIGCONT)


def _settled(rig: Rig, pid: int, begun_s: float) -> Look:
    """The last look: when nothing waits any more, or after `SETTLE_S`."""
    until_s = time.monotonic() + SETTLE_S
    while True:
        look = _look(rig, pid, time.monotonic() - begun_s)
        if not look.waiting or time.monotonic() > until_s:
            return look
        time.sleep(1.0)


def _look(rig: Rig, pid: int, passed_s: float) -> Look:
    memory, use, files = memory_of(pid), use_of(pid), len(os.listdir(f"/proc/{pid}/fd"))
    ring, rest = 0, 0
    for file in rig.state_folder.rglob("*"):
        try:
            size = file.stat().st_blocks * 512 if file.is_file() else 0
        except FileNotFoundError:  # the ring goes on meanwhile
            continue
        is_ring = file.name.startswith("ring.")
        ring, rest = (ring + size, rest) if is_ring else (ring, rest + size)
    return Look(
        passed_s / 60.0,
        memory.rss_mib,
        memory.uss_mib,
        len(use.threads),
        files,
        ring / MIB,
        rest / MIB,
        use.stored_bytes / MIB,
        use.cpu_s,
        *_counted(rig.state_folder),
    )


def _counted(folder: Path) -> tuple[int, int, int, int]:
    """Records made and waiting, trips, readings lost: as the status says."""
    status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    waiting = sum(each["pending_count"] for each in status["destinations"])
    lost = sum(each["lost_count"] for each in status["sources"])
    return status["records_count"], waiting, status["trips_count"], lost


def _tell(look: Look) -> None:
    print(
        f"{look.minutes:7.1f} {look.rss_mib:6.1f} {look.uss_mib:6.1f} {look.threads:7} {look.open_files:5} "
        f"{look.ring_mib:6.1f} {look.rest_mib:6.1f} {look.stored_mib:6.1f} {look.cpu_s:7.1f} "
        f"{look.records:7} {look.waiting:7} {look.trips:5} {look.lost:4}",
        flush=True,
    )


def main() -> int:
    """Run and print. Exit: 0; 1 a part did not come up, or records had not left at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", nargs="?", type=float, default=120.0)
    asked = parser.parse_args()
    for reason in missing_parts():
        print(reason)
        return 1
    print(f"$ python -m benchmarks.soak {asked.minutes:g}\n{machine_line()}", flush=True)
    try:
        left = soaked(asked.minutes)
    except BenchmarkTrouble as trouble:
        print(f"FAILED: {trouble}")
        return 1
    print(f"{left} records had not left at the end")
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
