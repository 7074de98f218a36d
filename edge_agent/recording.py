"""Opens a recording in either form and gives its readings in order, ticks included: what the core was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from edge_agent.errors import RecordingError
from edge_agent.readings import Reading, Tick
from edge_agent.recording_csv import ExchangeForm
from edge_agent.recording_meta import RecordingMeta
from edge_agent.recording_native import SUFFIX, NativeForm, is_last_part
from edge_agent.timeline import Timeline

GAP_NS_MAX = 24 * 3600 * 1_000_000_000  # a longer silence means that two clocks are mixed
_STEP_NS = 600 * 1_000_000_000


class Recording:
    """One recording, either form. Iterating starts from the beginning each time.

    Iterating raises RecordingError (`file:line` or `file:byte N`) behind the last reading before a break.
    """

    def __init__(self, path: Path, form: ExchangeForm | NativeForm) -> None:
        self.path = path
        self._form = form

    @property
    def meta(self) -> RecordingMeta:
        """What the core was told before the first reading."""
        return self._form.meta

    @classmethod
    def open(cls, path: Path | str) -> Recording:
        """Open a folder of the exchange form or a file of the native form. Raises RecordingError."""
        path = Path(path)
        if not path.exists():
            raise RecordingError("is not there", subject=str(path), hint="Name a folder or a .liftrec file")
        return cls(path, ExchangeForm(path) if path.is_dir() else NativeForm(path))

    @property
    def torn_tail_bytes(self) -> int:
        """Bytes of a last block that was not written whole; known after iterating. Such a tail is no break."""
        return self._form.torn_tail_bytes

    def __iter__(self) -> Iterator[Reading]:
        return self._readings(is_joined=False)

    def joined(self) -> Iterator[Reading]:
        """The same with up to a second of samples in one frame: any split of the samples gives the same conclusions,
        and the core takes long frames in half the time."""
        return self._readings(is_joined=True)

    def _readings(self, *, is_joined: bool) -> Iterator[Reading]:
        match self._form:
            case ExchangeForm():
                return with_ticks(self._form.readings(), str(self.path), self.meta.tick_span_ns)
            case NativeForm():
                return self._form.readings(is_joined=is_joined)


def recordings_in(path: Path) -> tuple[Path, ...]:
    """`path` itself where it is a recording, else the recordings in that folder by name. Raises RecordingError."""
    if not path.is_dir() or any((path / name).is_file() for name in ("meta.toml", "accel.csv")):
        return (path,)
    inner = sorted(path.iterdir())
    native = tuple(file for file in inner if file.suffix == SUFFIX and file.is_file())
    found = tuple(
        entry for entry in inner if (entry in native and is_last_part(entry, native)) or (entry / "meta.toml").is_file()
    )
    if not found:
        raise RecordingError("holds no recording", subject=str(path), hint="Expected: meta.toml and accel.csv")
    return found


def with_ticks(
    readings: Iterator[Reading], subject: str, tick_span_ns: tuple[int, int] | None = None
) -> Iterator[Reading]:
    """Ordered readings as the core gets them. An error of `readings` is passed on behind what came before it.

    tick_span_ns: where the ticks begin and end, if that is before the first and behind the last reading.
    """
    timeline = Timeline(lateness_ns=0)
    last_ns: int | None = None
    if tick_span_ns is not None:
        first = next(readings, None)
        readings = iter(()) if first is None else chain((first,), readings)
        if first is None or tick_span_ns[0] < first.t_ns:
            last_ns = tick_span_ns[0]
            yield from timeline.release(last_ns)
    try:
        for reading in readings:
            if last_ns is not None:
                yield from _passing(timeline, last_ns, reading.t_ns - 1, subject)
            last_ns = reading.t_ns
            timeline.push(reading)
    except RecordingError:
        yield from timeline.flush()
        raise
    yield from timeline.flush()
    if tick_span_ns is not None and last_ns is not None:
        yield from _passing(timeline, last_ns, tick_span_ns[1], subject)


def _passing(timeline: Timeline, before_ns: int, until_ns: int, subject: str) -> Iterator[Reading]:
    """Every tick of the time that passes, however long that is."""
    if until_ns - before_ns > GAP_NS_MAX:
        raise RecordingError(
            f"nothing between {before_ns / 1e9:.3f} s and {until_ns / 1e9:.3f} s",
            subject=subject,
            hint="All files of a recording count seconds on one clock",
        )
    for step_ns in range(before_ns + _STEP_NS, until_ns, _STEP_NS):
        yield from timeline.release(step_ns)
    yield from timeline.release(until_ns)


class RecordingSource:
    """A recording as a `Source`: its readings without the ticks, as fast as they are asked for.

    A broken recording ends; `problem` then says where.
    """

    def __init__(self, recording: Recording, batch_count: int = 256) -> None:
        self._recording = recording
        self._batch_count = batch_count
        self._readings: Iterator[Reading] | None = None
        self._has_ended = False
        self.problem: RecordingError | None = None

    @property
    def name(self) -> str:
        """The name used in settings and status."""
        return "recording"

    @property
    def has_ended(self) -> bool:
        """True once the last reading was given out, or after `close`."""
        return self._has_ended

    def open(self) -> None:
        """Start from the beginning."""
        self._readings = (reading for reading in self._recording if not isinstance(reading, Tick))
        self._has_ended = False
        self.problem = None

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """The next readings; never waits."""
        if self._readings is None or self._has_ended:
            return ()
        batch: list[Reading] = []
        try:
            for reading in islice(self._readings, self._batch_count):
                batch.append(reading)
        except RecordingError as error:
            self.problem = error
            self._has_ended = True
        else:
            self._has_ended = len(batch) < self._batch_count
        return batch

    def close(self) -> None:
        """Let go of the files."""
        self._readings = None
        self._has_ended = True
