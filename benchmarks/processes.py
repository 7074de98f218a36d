"""Child processes of the benchmarks, and what the kernel has counted for them."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.material import ROOT
from edge_agent.clock import SystemClock

STOP_S = 5.0
LINES_MAX = 20_000
KIB = 1024


class BenchmarkTrouble(Exception):
    """A part that a benchmark needs does not come up; the message says what it said instead."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a child said, and when it arrived on the clock of the agent."""

    t_ns: int
    text: str


class Child:
    """One process with its lines. `with` ends it."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.started_ns = SystemClock().now_ns()
        self._lines: queue.Queue[Line] = queue.Queue(LINES_MAX)
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def line_with(self, words: str, timeout_s: float) -> Line:
        """Wait for a line that contains `words`, passing over others. Raises BenchmarkTrouble."""
        heard: list[str] = []
        until_ns = SystemClock().now_ns() + round(timeout_s * 1e9)
        while (left_s := (until_ns - SystemClock().now_ns()) / 1e9) > 0.0:
            try:
                line = self._lines.get(timeout=min(left_s, 0.2))
            except queue.Empty:
                if self._process.poll() is not None:
                    break
                continue
            if words in line.text:
                return line
            heard.append(line.text)
        raise BenchmarkTrouble(f"waited for {words!r} and heard: {' / '.join(heard[-4:]) or 'nothing'}")

    def lines(self) -> list[Line]:
        """What was said since the last call."""
        found = []
        while not self._lines.empty():
            found.append(self._lines.get_nowait())
        return found

    def stop(self) -> None:
        """Ask it to end, then make it end. Calling it twice is allowed."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_S)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, stream: IO[str] | None) -> None:
        clock = SystemClock()
        for text in stream or ():
            line = Line(clock.now_ns(), text.rstrip("\n"))
            try:
                self._lines.put_nowait(line)
            except queue.Full:
                continue


@dataclass(frozen=True, slots=True)
class ThreadUse:
    """One thread so far. name: as the kernel has it, at most 15 characters."""

    name: str
    cpu_s: float
    switches: int


@dataclass(frozen=True, slots=True)
class Use:
    """One process so far. written_bytes: by write() and the like, not to sockets; stored_bytes: to storage."""

    threads: Mapping[int, ThreadUse]
    cpu_s: float
    switches: int
    written_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, MiB: resident, resident with shared pages divided by their users, its own alone."""

    rss_mib: float
    pss_mib: float
    uss_mib: float


def use_of(pid: int) -> Use:
    """What a process has used. Raises OSError where it is gone."""
    threads = {int(task.name): _thread_use(task) for task in Path(f"/proc/{pid}/task").iterdir()}
    counters = _numbers(Path(f"/proc/{pid}/io").read_text(encoding="ascii"))
    return Use(
        threads=threads,
        cpu_s=sum(thread.cpu_s for thread in threads.values()),
        switches=sum(thread.switches for thread in threads.values()),
        written_bytes=counters["wchar"],
        stored_bytes=counters["write_bytes"],
    )


def memory_of(pid: int) -> Memory:
    """The memory of a process now. Raises OSError where it is gone."""
    kib = _numbers(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    return Memory(
        kib["Rss"] / KIB,
        kib["Pss"] / KIB,
        (kib["Private_Clean"] + kib["Private_Dirty"]) / KIB,
    )


def _thread_use(task: Path) -> ThreadUse:
    counters = _numbers((task / "status").read_text(encoding="utf-8", errors="replace"))
    cpu_ns = int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return ThreadUse(
        name=(task / "comm").read_text(encoding="utf-8", errors="replace").strip(),
        cpu_s=cpu_ns / 1e9,
        switches=counters["voluntary_ctxt_switches"] + counters["nonvoluntary_ctxt_switches"],
    )


def _numbers(text: str) -> dict[str, int]:
    """The `name: number` lines of a file of the kernel."""
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s*(\d+)", text, re.MULTILINE)}
