"""Receivers under load: each a process of its own, on a SQLite file or on a real PostgreSQL that is started here."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from benchmarks.material import ROOT
from benchmarks.processes import BenchmarkTrouble, Child
from tests.receiver.postgresql import Cluster, program

START_S = 60.0
KIB = 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Engine(Enum):
    """Where a receiver keeps things. The value is its name in tables and on the command line."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Receiver:
    """One `lift-receiver run` on loopback. source: the folder of the project whose code runs."""

    def __init__(self, folder: Path, database: str | None, source: Path = ROOT) -> None:
        """Start it and wait for its port. Raises BenchmarkTrouble."""
        command = ["-m", "receiver", "run", "--port", "0", "--data", str(folder)]
        if database is not None:
            command += ["--database", database]
        environment = {"PYTHONPATH": str(source), "LIFT_RECEIVER_DATABASE": ""}
        self._child = Child(command, source, environment)
        try:
            self.port = int(self._child.line_with("listening on ", START_S).text.rpartition(":")[2])
        except BenchmarkTrouble:
            self._child.stop()
            raise

    @property
    def cpu_s(self) -> float:
        """Processor time so far, its database process not counted."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    @property
    def rss_mib(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self._child.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / KIB
        raise BenchmarkTrouble("the receiver has ended")

    @property
    def thread_count(self) -> int:
        """Threads of the receiver."""
        return sum(1 for _ in Path(f"/proc/{self._child.pid}/task").iterdir())

    def lines(self) -> list[str]:
        """What it said since the last call."""
        return [line.text for line in self._child.lines()]

    def stop(self) -> None:
        """End it."""
        self._child.stop()


@contextlib.contextmanager
def receivers(engine: Engine, count: int, source: Path = ROOT) -> Iterator[list[Receiver]]:
    """Receivers on one new database. More than one only on PostgreSQL. Raises BenchmarkTrouble."""
    if engine is Engine.SQLITE and count != 1:
        raise BenchmarkTrouble("a SQLite file belongs to one receiver")
    folder = Path(tempfile.mkdtemp(prefix="lift-load-"))
    running: list[Receiver] = []
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database = None if engine is Engine.SQLITE else stack.enter_context(server()).new_database()
        for number in range(count):
            receiver = Receiver(folder / str(number), database, source)
            stack.callback(receiver.stop)
            running.append(receiver)
        yield running


@contextlib.contextmanager
def server() -> Iterator[Cluster]:
    """A PostgreSQL on a real disk: a commit that touches none would flatter."""
    if program("postgres") is None or program("initdb") is None:
        raise BenchmarkTrouble("PostgreSQL is not installed (Debian package postgresql)")
    cluster = Cluster(memory=None)
    try:
        yield cluster
    finally:
        cluster.stop()
