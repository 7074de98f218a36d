"""What the sensors saw a minute before and after an alarm, kept as a recording of its own and named by its digest.

In: every reading, and each alarm raised. Out: files, a little at a time, so that no alarm waits for them.
Bounds: readings of two minutes in memory, files by number and bytes; the oldest go. What a power cut takes within that
minute is still in the ring of raw readings.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import RecordingError
from edge_agent.readings import Reading
from edge_agent.recording_writer import RecordingWriter
from edge_agent.wire import FILE_DIGEST_BYTES

NS_PER_S = 1_000_000_000
BEFORE_S, AFTER_S = 60.0, 60.0  # Source: issue of this part, point 8
WINDOW_NS = round((BEFORE_S + AFTER_S + 2.0) * NS_PER_S)
READINGS_MAX = 20_000  # in memory: 25 frames a second and as many signals again, for two minutes, with room
FILES_MAX, BYTES_MAX = 32, 64 << 20
JOBS_MAX = 8
READINGS_A_TURN = 64
"""Ours: a turn of 50 ms writes two seconds of frames, so a file is done in three."""


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """A whole file. digest: SHA-256 over its bytes."""

    incident: int
    kind: int
    path: Path
    digest: bytes
    byte_count: int


@dataclass(slots=True)
class _Job:
    incident: int
    kind: int
    t_ns: int
    waiting: deque[Reading]
    writer: RecordingWriter | None = None
    path: Path = Path()


class EvidenceKeeper:
    """See the module. Trouble with the disk loses evidence, never an alarm: `problem` tells the last one."""

    def __init__(self, folder: Path, make_writer: Callable[[Path], RecordingWriter]) -> None:
        """make_writer: a recording without bound at a path; raises RecordingError."""
        self._folder = folder
        self._make_writer = make_writer
        self._readings: deque[Reading] = deque(maxlen=READINGS_MAX)
        self._jobs: deque[_Job] = deque()
        self.problem: RecordingError | None = None
        self.dropped_count = 0  # alarms without evidence, because too many came at once

    def write(self, reading: Reading) -> None:
        """Take one reading."""
        self._readings.append(reading)
        while self._readings[0].t_ns < reading.t_ns - WINDOW_NS:
            self._readings.popleft()

    def begin(self, incident: int, kind: int, t_ns: int) -> None:
        """An alarm was raised: its minutes are to be kept."""
        if len(self._jobs) >= JOBS_MAX:
            self.dropped_count += 1
            return
        self._jobs.append(_Job(incident, kind, t_ns, deque()))

    def work(self) -> KeptEvidence | None:
        """A little of the oldest file that is due; the file once it is whole."""
        if not self._jobs or not self._readings:
            return None
        job = self._jobs[0]
        if job.writer is None and self._readings[-1].t_ns < job.t_ns + round(AFTER_S * NS_PER_S):
            return None
        try:
            if job.writer is None:
                self._start(job)
            return self._continue(job)
        except (RecordingError, OSError) as error:
            self._jobs.popleft()
            hint = "Free some space on this disk"
            self.problem = RecordingError(f"evidence could not be kept ({error})", subject=str(job.path), hint=hint)
            return None

    def close(self) -> None:
        """Keep what there is of the alarms under way, as far as the readings go; nobody is told of these files."""
        while self._jobs:
            job = self._jobs[0]
            try:
                if job.writer is None:
                    self._start(job)
                while self._continue(job) is None:
                    pass
            except (RecordingError, OSError):
                self._jobs.popleft()

    def _start(self, job: _Job) -> None:
        first, last = job.t_ns - round(BEFORE_S * NS_PER_S), job.t_ns + round(AFTER_S * NS_PER_S)
        job.waiting.extend(reading for reading in self._readings if first <= reading.t_ns <= last)
        self._folder.mkdir(parents=True, exist_ok=True)
        number = max((_number_of(path) for path in self._files()), default=0) + 1
        job.path = self._folder / f"alarm-{number:06d}-incident-{job.incident}.liftrec"
        self._drop_oldest()
        job.writer = self._make_writer(job.path)

    def _continue(self, job: _Job) -> KeptEvidence | None:
        assert job.writer is not None
        for _ in range(min(READINGS_A_TURN, len(job.waiting))):
            job.writer.write(job.waiting.popleft())
        if job.waiting:
            return None
        job.writer.close()
        self._jobs.popleft()
        if job.writer.problem is not None:
            raise job.writer.problem
        content = job.path.read_bytes()
        found = hashlib.sha256(content).digest()
        path = job.path.with_name(f"{job.path.stem}-{_short(found)}.liftrec")
        job.path.replace(path)
        return KeptEvidence(job.incident, job.kind, path, found, len(content))

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("alarm-*.liftrec"))

    def _drop_oldest(self) -> None:
        files = self._files()
        sizes = [path.stat().st_size for path in files]
        while files and (len(files) >= FILES_MAX or sum(sizes) > BYTES_MAX):
            files.pop(0).unlink()
            sizes.pop(0)


class EvidenceShelf:
    """Reads the files that the keeper has finished, by the beginning of their digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, digest: bytes, offset: int, count: int) -> tuple[int, bytes]:
        """The size of a file and at most `count` of its bytes; size 0: it is not kept, or no more, or unreadable."""
        for path in self._folder.glob(f"alarm-*-{_short(digest)}.liftrec"):
            try:
                with path.open("rb") as file:
                    file.seek(offset)
                    return path.stat().st_size, file.read(count)
            except OSError:
                continue
        return 0, b""


def _short(digest: bytes) -> str:
    return digest[:FILE_DIGEST_BYTES].hex()


def _number_of(path: Path) -> int:
    digits = path.name.split("-")[1]
    return int(digits) if digits.isdecimal() else 0
