"""What the running agent costs: memory, CPU by thread, wake-ups, bytes written, and how soon it is armed.

A real `edge-agent run` against a simulated lift in normal traffic behind byte-level buses: ADXL345 at 400 Hz over a
served I2C bus (one more process and two system calls a transfer, where a Pi has one ioctl), ten Modbus polls a second
over TCP, doors and presence over served GPIO lines, recording on, a receiver on loopback. Rounds are windows of the
same run; CPU, switches and bytes are the kernel's counts for the process. Arming is from exec to READY=1, beside a bare
interpreter and one that only imports numpy, in the same rounds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.material import TRAFFIC
from benchmarks.processes import Memory, Use, memory_of, use_of
from benchmarks.report import Report, Row, Scale, Table, interleaved, ratios
from benchmarks.rig import Rig, RunningAgent, missing_parts

SETTLE_S = 6.0
MAIN = "main loop"


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of an agent's life."""

    seconds: float
    use_before: Use
    use_after: Use
    memory: Memory

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100.0 * (self.use_after.cpu_s - self.use_before.cpu_s) / self.seconds

    def by_thread(self) -> Mapping[str, tuple[float, float]]:
        """CPU in percent of one core and switches a second, by the name of the thread."""
        found = {}
        for number, after in self.use_after.threads.items():
            before = self.use_before.threads.get(number)
            if before is not None:
                cpu = 100.0 * (after.cpu_s - before.cpu_s) / self.seconds
                found[after.name] = (cpu, (after.switches - before.switches) / self.seconds)
        return found


def run(scale: Scale) -> Report:
    """See the module."""
    if missing := missing_parts():
        return Report((), missing)
    with Rig(400, TRAFFIC.format(for_s=600)) as rig:
        starts = _starts(rig, scale.of(5, 1))
        with RunningAgent(rig, has_named_threads=True) as agent:
            time.sleep(scale.of(SETTLE_S, 0.2))
            windows = [watched(agent.child.pid, scale.of(8.0, 0.5)) for _ in range(scale.of(3, 1))]
    return Report((_whole(windows), _threads(windows), starts))


def watched(pid: int, seconds: float) -> Window:
    """Look at a process for a while."""
    begun_s, before = time.monotonic(), use_of(pid)
    time.sleep(seconds)
    after = use_of(pid)
    return Window(time.monotonic() - begun_s, before, after, memory_of(pid))


def _whole(windows: list[Window]) -> Table:
    def per_minute(count: Callable[[Use], int]) -> list[float]:
        return [(count(w.use_after) - count(w.use_before)) / w.seconds * 60 / 1024 for w in windows]

    rows = (
        Row("resident, MiB (RSS)", ([w.memory.rss_mib for w in windows],)),
        Row("share of it, MiB (PSS)", ([w.memory.pss_mib for w in windows],)),
        Row("its own, MiB (USS)", ([w.memory.uss_mib for w in windows],)),
        Row("CPU, % of one core", ([w.cpu_percent for w in windows],)),
        Row("threads", ([len(w.use_after.threads) for w in windows],)),
        Row("context switches/s", ([(w.use_after.switches - w.use_before.switches) / w.seconds for w in windows],)),
        Row("written by write(), KiB/min", (per_minute(lambda use: use.written_bytes),)),
        Row("on the way to storage, KiB/min", (per_minute(lambda use: use.stored_bytes),)),
    )
    return Table(
        "edge-agent run: 400 Hz, 10 polls/s, doors, recording, receiver",
        ("figure",),
        rows,
        ("written: recording, status file (memory on a Pi), outbox, log; storage: as the kernel counts dirtied pages",),
    )


def _threads(windows: list[Window]) -> Table:
    seen = [window.by_thread() for window in windows]
    names = sorted(seen[0], key=lambda name: -seen[0][name][0])
    main = next(name for name in names if name.startswith("python"))
    rows = tuple(
        Row(
            MAIN if name == main else name,
            ([each[name][0] for each in seen if name in each], [each[name][1] for each in seen if name in each]),
        )
        for name in names
    )
    return Table("by thread", ("CPU, % of one core", "switches/s"), rows)


def _starts(rig: Rig, rounds: int) -> Table:
    def agent() -> float:
        with RunningAgent(rig) as running:
            return running.armed_s

    measured = interleaved(
        rounds,
        {
            "edge-agent, until armed": agent,
            "python that imports numpy": lambda: _interpreter("import numpy"),
            "bare python": lambda: _interpreter("pass"),
        },
    )
    bare = measured["bare python"]
    rows = tuple(Row(name, ([1000 * s for s in seconds], ratios(seconds, bare))) for name, seconds in measured.items())
    return Table("from exec", ("ms on the clock", "times bare python"), rows)


def _interpreter(code: str) -> float:
    begun_s = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30.0)
    return time.monotonic() - begun_s
