"""How late the core was, and how much of that was the machine: judged beside witnesses in the same run.

Three witnesses do nothing but wait for the period of the core: a thread in the core's process, which shares its
interpreter and its processors; a process of its own, which shares the processors only; and the kernel, which tells for
how long each thread was ready and did not run (Source: Linux, Documentation/scheduler/sched-stats.rst).

- The core may be later than the thread beside it, or than the kernel kept it waiting, by no more than a frame: more is
  the core's own, such as waiting for a bus.
- The thread beside it may be later than the process and the kernel explain, by no more than a frame: more is a driver
  that holds the interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.agent import PERIOD_S

FRAME_S = 0.05

_SLEEPER = f"""
import time
now_s = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
while True:
    due_s = now_s() + {PERIOD_S}
    time.sleep({PERIOD_S})
    print(due_s, now_s(), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """One time somebody came round: when it was due and when it was, and how long threads were kept waiting by then.

    waited_s: all the time, so far, for which the kernel had the thread (or all threads) ready and not running.
    """

    due_s: float
    at_s: float
    waited_s: float = 0.0

    @property
    def late_s(self) -> float:
        return self.at_s - self.due_s


def waited_s(folder: Path) -> float:
    """Time ready and not running, of the thread with this folder; 0 where it ended or the kernel does not say."""
    try:
        return int((folder / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def excess_s(wakes: Sequence[Wake], witness: Sequence[Wake]) -> list[tuple[float, float]]:
    """For each wake how late it was, and by how much more than the machine explains.

    The machine explains the latest of the witness among its wakes that were under way at the same time, or what the
    kernel kept the sleeper itself waiting since the wake before the one before, whichever is more.
    """
    ends = [wake.at_s for wake in witness]
    out: list[tuple[float, float]] = []
    for index, wake in enumerate(wakes):
        excuse_s = wake.waited_s - wakes[max(0, index - 2)].waited_s
        for other in witness[bisect_left(ends, wake.due_s) :]:
            if other.due_s > wake.at_s:
                break
            excuse_s = max(excuse_s, other.late_s)
        out.append((wake.late_s, wake.late_s - max(0.0, excuse_s)))
    return out


@dataclass
class Witnesses:
    """The thread and the process that only wait. `stop` ends both."""

    thread: list[Wake] = field(default_factory=list)
    process: list[Wake] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._child = subprocess.Popen([sys.executable, "-c", _SLEEPER], stdout=subprocess.PIPE, text=True)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._wait, self._listen)]
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        self._is_over.set()
        self._child.kill()
        self._child.wait()
        for each in self._threads:
            each.join(10)
        assert self._child.stdout is not None
        self._child.stdout.close()

    def _wait(self) -> None:
        own = threading.Event()  # nobody sets it: it waits as the core does
        while not self._is_over.is_set():
            due_s = now_s() + PERIOD_S
            own.wait(PERIOD_S)
            at_s = now_s()
            # Which thread held up which is not known: all of them count.
            waited = sum(waited_s(task) for task in Path("/proc/self/task").iterdir())
            self.thread.append(Wake(due_s, at_s, waited))

    def _listen(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            due_s, at_s = map(float, line.split())
            self.process.append(Wake(due_s, at_s))


def now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Pace:
    """Worst of a stretch of time, in seconds: late, beyond the machine; of the core and of the interpreter."""

    core_late_s: float
    core_own_s: float
    thread_late_s: float
    interpreter_own_s: float
    count: int

    @property
    def is_kept(self) -> bool:
        return self.core_own_s <= FRAME_S and self.interpreter_own_s <= FRAME_S

    def __str__(self) -> str:
        return (
            f"of {self.count} ticks the latest {self.core_late_s * 1e3:.0f} ms, {self.core_own_s * 1e3:.0f} ms beyond a"
            f" thread that only waits; that one up to {self.thread_late_s * 1e3:.0f} ms late, "
            f"{self.interpreter_own_s * 1e3:.0f} ms beyond what the machine explains; load {os.getloadavg()[0]:.1f}"
        )


def pace_of(core: Sequence[Wake], witnesses: Witnesses, from_s: float, until_s: float) -> Pace:
    """Judge the wakes of the core that were due in [from_s, until_s)."""
    beside, outside = list(witnesses.thread), list(witnesses.process)
    ticks = [wake for wake in core if from_s <= wake.due_s < until_s]
    waits = [wake for wake in beside if from_s <= wake.due_s < until_s]
    of_core, of_thread = excess_s(ticks, beside), excess_s(waits, outside)
    return Pace(
        core_late_s=max(late_s for late_s, _ in of_core),
        core_own_s=max(own_s for _, own_s in of_core),
        thread_late_s=max(late_s for late_s, _ in of_thread),
        interpreter_own_s=max(own_s for _, own_s in of_thread),
        count=len(of_core),
    )
