"""Ends a run in order when the outbox is the wrong one: the real one refuses for long, or can be used again.

In: whether everything concluded is committed, time; in memory, whether the disk can be written. Out: the wish to end
this run; the service manager starts the next one, which looks where it can keep its records.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge_agent.alarms import Alarm

NS_PER_S = 1_000_000_000
REFUSED_NS = 15 * NS_PER_S
"""Half of what the service manager waits for progress: what waits is then kept in memory, not lost by a kill. Ours."""
PROBE_NS = 600 * NS_PER_S
PROBES_WELL = 2
PROBE_BYTES = 64 * 1024
ROOM_BYTES = 16 << 20
"""More than an outbox asks for before it takes on its ballast. Ours."""


def is_writable(folder: Path) -> bool:
    """A disk with room that takes a file and flushes it. Never raises."""
    probe = folder / ".probe"
    try:
        room = os.statvfs(folder)
        if room.f_bavail * room.f_frsize < ROOM_BYTES:
            return False
        with probe.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return True


class StorageWatch:
    """See the module."""

    def __init__(
        self,
        folder: Path,
        is_well: Callable[[], bool],
        end_run: Callable[[bool], bool],
        *,
        is_in_memory: bool,
        may_go_to_memory: bool,
    ) -> None:
        """is_well: everything concluded is committed. end_run: ends this run in order; told False it does not while an
        alarm is open, and answers False."""
        self._folder = folder
        self._is_well = is_well
        self._end_run = end_run
        self._is_in_memory = is_in_memory
        self._may_go_to_memory = may_go_to_memory
        self._refused_ns: int | None = None
        self._probe_ns: int | None = None
        self._well_count = 0
        self._has_ended = False

    def work(self, now_ns: int) -> tuple[Alarm, ...]:
        """Look; no stage of an alarm ever comes of it."""
        if self._has_ended:
            return ()
        if self._is_in_memory:
            self._look_at_disk(now_ns)
        elif self._may_go_to_memory:
            self._look_at_outbox(now_ns)
        return ()

    def _look_at_outbox(self, now_ns: int) -> None:
        if self._is_well():
            self._refused_ns = None
        elif self._refused_ns is None:
            self._refused_ns = now_ns
        elif now_ns - self._refused_ns >= REFUSED_NS:
            self._has_ended = self._end_run(True)

    def _look_at_disk(self, now_ns: int) -> None:
        if self._probe_ns is not None and now_ns < self._probe_ns:
            return
        is_first = self._probe_ns is None
        self._probe_ns = now_ns + PROBE_NS
        if is_first:
            return
        self._well_count = self._well_count + 1 if is_writable(self._folder) else 0
        if self._well_count >= PROBES_WELL:
            self._has_ended = self._end_run(False)
