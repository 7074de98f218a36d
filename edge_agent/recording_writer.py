"""Writes the native form while the agent runs: cheap, never in the way of an alarm, within a byte cap."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path

from edge_agent.alarms import OpenIncident
from edge_agent.detect.baselines import Baselines
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation
from edge_agent.readings import AccelFrame, Reading
from edge_agent.recording_blocks import READINGS_MAX, SAMPLES_MAX, block_bytes
from edge_agent.recording_meta import RecordingMeta, meta_text
from edge_agent.recording_native import Header, earlier_files, frame_bytes, part_path

BLOCK_NS = 1_000_000_000
PARTS_OF_CAP = 8  # a full file is an eighth of the cap, so at least seven eighths are kept
MAX_BYTES_MIN = 64 * 1024
FILES_MAX = 64  # short runs make short files; more of them are dropped although they would fit


class RecordingWriter:
    """Appends readings, as the core gets them, to a `.liftrec` file.

    In: readings in order of time, ticks included. They are kept for at most a second, then written as one block
    without waiting for the disk: a killed process loses the block under way, a power cut what the system had not
    yet written out.
    Bound: `max_bytes` over this file and the earlier ones beside it (`NAME-000001.liftrec` ...), the oldest are
    deleted; None: no bound and no earlier files. A file that is there already becomes an earlier one.
    Trouble while writing (disk full) raises nothing: readings that found no place are counted in `lost_count`, and
    the next block is tried again; `problem` tells the last trouble.
    """

    def __init__(
        self,
        path: Path | str,
        installation: Installation,
        max_bytes: int | None,
        *,
        limits: tuple[tuple[str, float], ...] = (),
        first_incident: int = 1,
        resumed: tuple[OpenIncident, ...] = (),
        start_utc: datetime | None = None,
        baselines: Baselines | None = None,
    ) -> None:
        """Raises RecordingError where the file cannot be made, or exists and `max_bytes` is None."""
        if max_bytes is not None and max_bytes < MAX_BYTES_MIN:
            raise ValueError(f"max_bytes {max_bytes} is below {MAX_BYTES_MIN}")
        self._path = Path(path)
        self._max_bytes = max_bytes
        meta = RecordingMeta(installation, start_utc, limits, first_incident, resumed, baselines=baselines)
        self._meta_text = meta_text(meta)
        self._run = os.urandom(8)
        self._part = 0
        self._size = 0
        self._descriptor = -1
        self._pending: list[Reading] = []
        self._pending_samples = 0
        self.lost_count = 0
        self.problem: RecordingError | None = None
        try:
            self._begin_file()
        except OSError as error:
            raise self._trouble(error) from error

    def write(self, reading: Reading) -> None:
        """Take one reading; now and then a block is written."""
        if isinstance(reading, AccelFrame) and len(reading.times_ns) > SAMPLES_MAX:
            for start in range(0, len(reading.times_ns), SAMPLES_MAX):
                end = start + SAMPLES_MAX
                self.write(AccelFrame(reading.times_ns[start:end], reading.samples_mps2[start:end]))
            return
        samples = len(reading.times_ns) if isinstance(reading, AccelFrame) else 0
        is_full = self._pending and (
            reading.t_ns - self._pending[0].t_ns >= BLOCK_NS
            or len(self._pending) >= READINGS_MAX
            or self._pending_samples + samples > SAMPLES_MAX
        )
        if is_full:
            self.flush()
        self._pending.append(reading)
        self._pending_samples += samples

    def flush(self) -> None:
        """Write what is kept."""
        if not self._pending:
            return
        readings, self._pending, self._pending_samples = self._pending, [], 0
        frame = frame_bytes(block_bytes(readings))
        try:
            self._append(frame)
        except OSError as error:
            self.problem = self._trouble(error)
            self.lost_count += len(readings)

    def close(self) -> None:
        """Write what is kept and let go of the file. Calling it twice is allowed."""
        self.flush()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, frame: bytes) -> None:
        if self._descriptor >= 0 and self._size + len(frame) > self._part_bytes:
            os.close(self._descriptor)
            self._descriptor = -1
            self._part += 1
        if self._descriptor < 0:
            self._begin_file(len(frame))
        self._write_whole(frame)

    @property
    def _part_bytes(self) -> float:
        return math.inf if self._max_bytes is None else self._max_bytes // PARTS_OF_CAP

    def _begin_file(self, needed_bytes: int = 0) -> None:
        header = frame_bytes(Header(self._meta_text, self._run, self._part).content())
        if self._max_bytes is not None:
            _set_aside(self._path)
            room = self._max_bytes - max(self._max_bytes // PARTS_OF_CAP, len(header) + needed_bytes)
            _drop_oldest(self._path, room)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self._size = 0
        try:
            self._write_whole(header)
        except OSError:
            os.close(self._descriptor)
            self._descriptor = -1
            self._path.unlink()
            raise

    def _write_whole(self, frame: bytes) -> None:
        """All of the frame or nothing of it."""
        rest = memoryview(frame)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(frame)

    def _trouble(self, error: OSError) -> RecordingError:
        hint = "Check the path, its rights and the free space"
        if isinstance(error, FileExistsError):
            hint = "Name a file that is not there yet"
        return RecordingError(f"cannot be written: {error.strerror}", subject=str(self._path), hint=hint)


def _set_aside(path: Path) -> None:
    """Make the file that stands at `path` the youngest of the earlier ones."""
    if path.exists():
        numbers = [number for number, _ in earlier_files(path)]
        path.rename(part_path(path, max(numbers, default=0) + 1))


def _drop_oldest(path: Path, room_bytes: int) -> None:
    """Delete the oldest of the earlier files until the others fit into the room."""
    earlier = [other for _, other in earlier_files(path)]
    sizes = [other.stat().st_size for other in earlier]
    while earlier and (sum(sizes) > room_bytes or len(earlier) >= FILES_MAX):
        earlier.pop(0).unlink()
        sizes.pop(0)
