"""What it costs to keep a record: commits a second, CPU, bytes and flushes, one by one and in groups.

The real outbox (WAL, synchronous FULL, 1 KiB pages) on the disk of the temporary folder; records are alarms of the kind
that an entrapment makes. "and settled" adds the receipt that lets the record go. Beside it in the same rounds: a plain
SQLite table with default pages in the same mode, and the limit: the same bytes written into a file that has its room
already, then fdatasync. Bytes are those handed to write(); what the file system adds is not in them. Where strace is
installed, a run under it counts the flushes. TMPDIR chooses the disk; on a disk in memory the rates mean nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from benchmarks.material import ROOT
from benchmarks.processes import use_of
from benchmarks.report import Report, Row, Scale, Table, interleaved
from benchmarks.wire import ALARM, DEVICE, STAMP, record_of
from edge_agent.alarms import AlarmState
from edge_agent.delivery_steps import Outcome
from edge_agent.outbox import Outbox
from edge_agent.records import RecordDraft, draft_of_alarm
from edge_agent.wire import Mark, encode_record

MAIN = "main"
STRACE_S = 60.0
MARK = "== "
LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """For one record: time on the clock, CPU, bytes handed to write()."""

    wall_us: float
    cpu_us: float
    written_bytes: float


class _Agents:
    """The outbox of the agent. Each call makes `group` records durable."""

    def __init__(self, folder: Path, *, group: int = 1, is_settled: bool = False) -> None:
        self._outbox = Outbox.open(folder / "outbox.db", DEVICE, boot_id="bench", up_ms=1, destinations=[MAIN])
        self._numbers = count(1)
        self._group = group
        self._is_settled = is_settled

    def __call__(self) -> None:
        stored = self._outbox.append_many((self._draft(), STAMP) for _ in range(self._group))
        if self._is_settled:
            marks = (Mark(stored[-1].stream, stored[-1].seqno),)
            self._outbox.settle(MAIN, Outcome(marks=marks), STAMP)

    def close(self) -> None:
        self._outbox.close()

    def _draft(self) -> RecordDraft:
        """Incidents that come and go, as they do."""
        number = next(self._numbers)
        state = AlarmState.RAISED if number % 2 else AlarmState.CLEARED
        draft = draft_of_alarm(replace(ALARM, state=state, incident=(number + 1) // 2))
        assert draft is not None
        return draft


class _PlainSqlite:
    """A table of blobs, as one would write it without thinking about the card."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rec (seq INTEGER PRIMARY KEY, body BLOB)")
        self._body = encode_record(record_of(draft_of_alarm(ALARM)))

    def __call__(self) -> None:
        self._connection.execute("INSERT INTO rec (body) VALUES (?)", (self._body,))

    def close(self) -> None:
        self._connection.close()


class _Limit:
    """The bytes of a record into a file that is long enough, and down to the disk."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "limit.bin").open("wb+", buffering=0)
        self._file.write(bytes(LIMIT_BYTES))
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self._body = encode_record(record_of(draft_of_alarm(ALARM)))

    def __call__(self) -> None:
        if self._file.tell() + len(self._body) > LIMIT_BYTES:
            self._file.seek(0)
        self._file.write(self._body)
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


Store = _Agents | _PlainSqlite | _Limit
CONTENDERS: dict[str, tuple[int, Callable[[Path], Store]]] = {
    "one commit a record": (1, _Agents),
    "one commit a record, and settled": (1, lambda folder: _Agents(folder, is_settled=True)),
    "groups of 8": (8, lambda folder: _Agents(folder, group=8)),
    "groups of 64, and settled": (64, lambda folder: _Agents(folder, group=64, is_settled=True)),
    "plain SQLite table, WAL FULL": (1, _PlainSqlite),
    "write in place + fdatasync (limit)": (1, _Limit),
}
"""Records a call, and how the store is made."""


def run(scale: Scale) -> Report:
    """See the module."""
    records, rounds = scale.of(192, 8), scale.of(7, 1)
    with tempfile.TemporaryDirectory(prefix="lift-bench-") as name:
        stores = [(title, group, _made(Path(name), title, make)) for title, (group, make) in CONTENDERS.items()]
        measured = interleaved(rounds, {title: _timed(store, records, group) for title, group, store in stores})
        for _, _, store in stores:
            store.close()
    flushes, skipped = _flushes(scale.of(256, 8))
    rows = tuple(
        Row(
            title,
            (
                [1e6 / each.wall_us for each in spent],
                [each.cpu_us for each in spent],
                [each.written_bytes for each in spent],
                [flushes[title]] if title in flushes else [],
            ),
        )
        for title, spent in measured.items()
    )
    columns = ("records/s", "CPU us a record", "bytes written a record", "flushes a record")
    body = len(encode_record(record_of(draft_of_alarm(ALARM))))
    return Report((Table("records kept", columns, rows, (f"a record here has {body} bytes",)),), skipped)


def _made(folder: Path, title: str, make: Callable[[Path], Store]) -> Store:
    own = folder / "".join(letter for letter in title if letter.isalnum())
    own.mkdir()
    return make(own)


def _timed(store: Store, records: int, group: int) -> Callable[[], Spent]:
    calls = -(-records // group)

    def timed() -> Spent:
        written = use_of(os.getpid()).written_bytes
        cpu_s, begun_s = time.process_time(), time.perf_counter()
        for _ in range(calls):
            store()
        wall_s, spent_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        written = use_of(os.getpid()).written_bytes - written
        kept = calls * group
        return Spent(wall_s / kept * 1e6, spent_s / kept * 1e6, written / kept)

    return timed


def _flushes(records: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """fsync and fdatasync a record, by contender, as seen from outside; without strace nothing."""
    strace = shutil.which("strace")
    if strace is None:
        return {}, ("flushes: strace is not installed",)
    command = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", sys.executable, "-m", __name__, str(records)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=STRACE_S, check=False)
    if done.returncode != 0:
        return {}, ("flushes: strace may not look at processes here",)
    found: dict[str, float] = {}
    title = ""
    for line in done.stderr.splitlines():
        if line.startswith(MARK):
            title = line.removeprefix(MARK)
        elif title and "sync(" in line:
            group = CONTENDERS[title][0]
            found[title] = found.get(title, 0.0) + 1.0 / (-(-records // group) * group)
    return found, ()


def main(records: int) -> None:
    """Only the work, to be looked at from outside: what follows a mark on the error output belongs to it."""
    with tempfile.TemporaryDirectory(prefix="lift-bench-") as name:
        for title, (group, make) in CONTENDERS.items():
            store = _made(Path(name), title, make)
            os.write(sys.stderr.fileno(), f"{MARK}{title}\n".encode())
            for _ in range(-(-records // group)):
                store()
            os.write(sys.stderr.fileno(), f"{MARK}\n".encode())
            store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
