"""The outbox of a box whose disk cannot be written: a small one in memory, until the real one can be used again.

In: the place of the real outbox and a folder in memory. Out: the outbox to work with, and why it is not the real one.
A record in it outlives a crash and a restart of the agent, no power cut. What the real one still holds unsent, alarms
and faults, is taken over where it can be read; what is unsent in memory goes into the real one as soon as that takes
it. Both ways a record may reach a receiver a second time, under another number: rather again than never.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import OutboxError
from edge_agent.outbox import Bounds, Outbox
from edge_agent.outbox_ballast import Ballast
from edge_agent.outbox_file import Rescue, rescued
from edge_agent.records import RecordDraft
from edge_agent.wire import Stamp

NAME = "outbox-in-memory.sqlite"
MIB = 1 << 20
BOUNDS = Bounds(
    total_bytes=8 * MIB, fault_bytes=4 * MIB, telemetry_bytes=2 * MIB, diagnostics_bytes=MIB, alarm_count=2_000
)
"""A day of heartbeats and trips, and more alarms than a person reads; the unit may use 256 MiB in all. Ours."""
COPY_BYTES_MAX = 80 * MIB


@dataclass(frozen=True, slots=True)
class Life:
    """Whose outbox it is, and in which life of the machine; as `Outbox.open` wants them."""

    device_id: bytes
    boot_id: str
    up_ms: int
    destinations: tuple[str, ...]

    def open(self, path: Path, bounds: Bounds | None = None, rescue: Rescue | None = None) -> Outbox:
        """An outbox of this life. Raises `OutboxError`."""
        return Outbox.open(
            path,
            self.device_id,
            boot_id=self.boot_id,
            up_ms=self.up_ms,
            destinations=self.destinations,
            bounds=bounds,
            rescue=rescue,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """trouble: why the outbox is in memory; "" for the real one. taken_count: records that came back from memory."""

    outbox: Outbox
    trouble: str = ""
    taken_count: int = 0


class Places:
    """Where the outbox is, and where it may be instead."""

    def __init__(self, disk: Path, volatile: Path | None) -> None:
        """volatile: a folder in memory; None: nowhere."""
        self.disk = disk
        self.memory = None if volatile is None else volatile / NAME

    def open(self, life: Life) -> Opened:
        """The real outbox, or the one in memory. Raises `OutboxError` where neither can be had."""
        try:
            outbox = life.open(self.disk)
        except OutboxError as error:
            if self.memory is None:
                raise
            return self._in_memory(self.memory, life, str(error))
        if self.memory is None or not self.memory.exists():
            return Opened(outbox)
        try:
            taken_count = self._take_back(self.memory, life, outbox)
        except OutboxError as error:
            outbox.close()
            return self._in_memory(self.memory, life, str(error))
        return Opened(outbox, taken_count=taken_count)

    def keep_in_memory(self, entries: Sequence[tuple[RecordDraft, Stamp]], life: Life) -> bool:
        """Keep what the real outbox refuses at the end of a run for the next one; False: there is no place for it."""
        if self.memory is None:
            return False
        try:
            outbox = self._in_memory(self.memory, life, "").outbox
            try:
                outbox.append_many(entries)
            finally:
                outbox.close()
        except OutboxError:
            return False
        return True

    def _take_back(self, memory: Path, life: Life, outbox: Outbox) -> int:
        if not Ballast(self.disk).is_aboard:
            raise OutboxError("the disk is full", subject=str(self.disk), hint="Free some space on this disk")
        with_memory = life.open(memory, BOUNDS)
        try:
            taken = with_memory.unsent(count_max=-1)
        finally:
            with_memory.close()
        outbox.take_over(taken)
        _remove(memory)
        return len(taken.records)

    def _in_memory(self, memory: Path, life: Life, trouble: str) -> Opened:
        rescue = None if memory.exists() else _left_on_disk(self.disk, memory, life.destinations)
        return Opened(life.open(memory, BOUNDS, rescue), trouble)


def _left_on_disk(disk: Path, memory: Path, destinations: tuple[str, ...]) -> Rescue | None:
    """What can still be read of the real outbox: from a copy in memory, because SQLite writes beside what it reads."""
    copy = memory.with_name("outbox-copy.sqlite")
    parts = {disk: copy, disk.with_name(f"{disk.name}-wal"): copy.with_name(f"{copy.name}-wal")}
    try:
        there = [part for part in parts if part.exists()]
        if not there or sum(part.stat().st_size for part in there) > COPY_BYTES_MAX:
            return None
        for part in there:
            shutil.copyfile(part, parts[part])
        return rescued(copy, destinations)
    except (OSError, sqlite3.Error):
        return None
    finally:
        _remove(copy)


def _remove(database: Path) -> None:
    for ending in ("", "-wal", "-shm", ".ballast"):
        with suppress(OSError):
            database.with_name(database.name + ending).unlink(missing_ok=True)
