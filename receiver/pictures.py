"""The picture of an alarm: what the sensors said in the minutes around it, small enough for a phone.

In: the readings of a recording (design/recording.md), the moments to mark. Out: `Picture`, and its JSON tree.
Pure. Nothing is hidden by making it small: each column of the picture keeps the lowest and the highest sample that
falls into it. Bounded whatever the recording holds: COLUMNS columns, CHANGES_MAX changes a line, TROUBLES_MAX troubles,
SAMPLES_MAX samples; what does not fit is counted in `left_out_count`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edge_agent.readings import AccelFrame, ControllerReport, Reading, SamplesLost, Signal, SignalEdge, SourceFault
from receiver.picture_motion import Motion, motion_of

COLUMNS = 1_200
SAMPLES_MAX = 1 << 20
CHANGES_MAX = 400
TROUBLES_MAX = 100
ACCEL_MPS2_MAX = 1_000.0
"""Two minutes at a tenth of a second; ten minutes at the highest rate of a chip; a flickering contact; ours. A sample
beyond 100 g is none: the widest chip measures 16 g. Source: ADXL345 data sheet, range."""

BOUNCE_NS = 30_000_000  # as `door_debounce_ms` of `edge_agent/detect/limits.py`
DOORS = ((Signal.DOOR_CLOSED, Signal.DOOR_OPEN), (Signal.DOOR_CLOSED_REAR, Signal.DOOR_OPEN_REAR))
NS_PER_S = 1e9

Tree = dict[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """From `t_ns` on the line says this."""

    t_ns: int
    value: str | float | bool


@dataclass(frozen=True, slots=True)
class DoorSpan:
    """A car door between two times. state: closed, opening, open, closing or unknown; is_whole: both ends were seen."""

    from_ns: int
    to_ns: int
    state: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that gave nothing. what: a `FaultReason`, or `samples_lost` with their number (0: not known)."""

    t_ns: int
    source: str
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn. The columns divide from_ns..to_ns evenly; None: nothing fell into that column.

    accel_*_mps2: along gravity, which is taken off; speed_mps: at the middle of a column; unsure_ns: stretches whose
    speed is known from one end only. doors: of the car door and of the rear one. words: the controller's, by field.
    """

    from_ns: int
    to_ns: int
    accel_low_mps2: tuple[float | None, ...] = ()
    accel_high_mps2: tuple[float | None, ...] = ()
    speed_mps: tuple[float | None, ...] = ()
    unsure_ns: tuple[tuple[int, int], ...] = ()
    gravity_mps2: float | None = None
    contacts: tuple[tuple[Signal, tuple[Change, ...]], ...] = ()
    doors: tuple[tuple[DoorSpan, ...], ...] = ()
    words: tuple[tuple[str, tuple[Change, ...]], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    left_out_count: int = 0


@dataclass(slots=True)
class _Line:
    """Changes only; what repeats is dropped, what is too much is counted."""

    changes: list[Change] = field(default_factory=list)
    last: str | float | bool | None = None

    def say(self, t_ns: int, value: str | float | bool) -> int:
        """How many were left out: 0 or 1."""
        if self.changes and self.last == value:
            return 0
        self.last = value
        if len(self.changes) >= CHANGES_MAX:
            return 1
        self.changes.append(Change(t_ns, value))
        return 0


def picture_of(readings: Iterable[Reading], columns: int = COLUMNS) -> Picture | None:
    """Draw a recording. None: it holds no reading."""
    sheet = _Sheet()
    for reading in readings:
        sheet.take(reading)
    return sheet.picture(columns)


class _Sheet:
    """Collects what is drawn, bounded."""

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._last_ns = 0
        self._times: list[npt.NDArray[np.int64]] = []
        self._samples: list[npt.NDArray[np.float64]] = []
        self._sample_count = 0
        self._contacts: dict[Signal, _Line] = {}
        self._words: dict[str, _Line] = {}
        self._troubles: list[Trouble] = []
        self._left_out = 0

    def take(self, reading: Reading) -> None:
        """One reading, in order of time."""
        if self._first_ns is None:
            self._first_ns = reading.t_ns
        self._last_ns = max(self._last_ns, reading.t_ns)
        match reading:
            case AccelFrame():
                self._take_frame(reading)
            case SignalEdge():
                line = self._contacts.setdefault(reading.signal, _Line())
                self._left_out += line.say(reading.t_ns, reading.is_active)
            case ControllerReport() if not reading.is_suspect:
                for name, value in _words_of(reading):
                    self._left_out += self._words.setdefault(name, _Line()).say(reading.t_ns, value)
            case SourceFault():
                self._trouble(Trouble(reading.t_ns, reading.source, reading.reason.value, 0))
            case SamplesLost():
                self._trouble(Trouble(reading.t_ns, reading.source, "samples_lost", reading.count))
            case _:
                pass

    def picture(self, columns: int) -> Picture | None:
        """Everything that was taken."""
        if self._first_ns is None:
            return None
        from_ns, to_ns = self._first_ns, max(self._last_ns, self._first_ns + 1)
        contacts = tuple((signal, tuple(line.changes)) for signal, line in self._contacts.items())
        doors = tuple(_door(dict(contacts), closed, opened, to_ns) for closed, opened in DOORS)
        picture = Picture(
            from_ns=from_ns,
            to_ns=to_ns,
            contacts=contacts,
            doors=tuple(door for door in doors if door),
            words=tuple((name, tuple(line.changes)) for name, line in self._words.items()),
            troubles=tuple(self._troubles),
            left_out_count=self._left_out,
        )
        if not self._times:
            return picture
        times_ns, samples = np.concatenate(self._times), np.concatenate(self._samples)
        open_ns = [(span.from_ns, span.to_ns) for door in doors for span in door if span.state == "open"]
        motion = motion_of(times_ns, samples, open_ns)
        return picture if motion is None else _with_motion(picture, times_ns, motion, columns)

    def _take_frame(self, frame: AccelFrame) -> None:
        samples = frame.samples_mps2
        good = (np.isfinite(samples) & (np.abs(samples) < ACCEL_MPS2_MAX)).all(axis=1)
        room = SAMPLES_MAX - self._sample_count
        times_ns, kept = frame.times_ns[good][:room], samples[good][:room]
        self._left_out += len(samples) - len(kept)
        if len(kept):
            self._times.append(times_ns)
            self._samples.append(kept)
            self._sample_count += len(kept)
            self._last_ns = max(self._last_ns, int(times_ns[-1]))

    def _trouble(self, trouble: Trouble) -> None:
        if len(self._troubles) >= TROUBLES_MAX:
            self._left_out += 1
        else:
            self._troubles.append(trouble)


def _with_motion(picture: Picture, times_ns: npt.NDArray[np.int64], motion: Motion, columns: int) -> Picture:
    edges = picture.from_ns + np.linspace(0.0, float(picture.to_ns - picture.from_ns), columns + 1)
    column = np.clip(np.searchsorted(edges, times_ns, side="right") - 1, 0, columns - 1)
    firsts = np.flatnonzero(np.concatenate(([True], np.diff(column) > 0)))
    at = column[firsts]
    low: list[float | None] = [None] * columns
    high, speed = low.copy(), low.copy()
    lasts = np.concatenate((firsts[1:], [len(column)]))
    middles = motion.speed_mps[(firsts + lasts) // 2]
    lows = np.minimum.reduceat(motion.along_mps2, firsts)
    highs = np.maximum.reduceat(motion.along_mps2, firsts)
    for where, lowest, highest, middle in zip(at, lows, highs, middles, strict=True):
        low[where], high[where] = _rounded(lowest), _rounded(highest)
        speed[where] = _rounded(middle)
    return replace(
        picture,
        accel_low_mps2=tuple(low),
        accel_high_mps2=tuple(high),
        speed_mps=tuple(speed),
        unsure_ns=_unsure(times_ns, motion),
        gravity_mps2=_rounded(motion.gravity_mps2),
    )


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3) + 0.0


def _unsure(times_ns: npt.NDArray[np.int64], motion: Motion) -> tuple[tuple[int, int], ...]:
    """Stretches, at most CHANGES_MAX, whose speed has one known end."""
    marks = np.diff(np.concatenate(([False], ~motion.is_sure, [False])).astype(np.int8))
    spans = zip(np.flatnonzero(marks == 1), np.flatnonzero(marks == -1), strict=True)
    return tuple((int(times_ns[first]), int(times_ns[last - 1])) for first, last in spans)[:CHANGES_MAX]


def _words_of(report: ControllerReport) -> Iterable[tuple[str, str | float | bool]]:
    said = (
        ("floor", report.floor),
        ("direction", None if report.direction is None else report.direction.value),
        ("mode", None if report.mode is None else report.mode.value),
        ("door", None if report.door is None else report.door.value),
        ("fault", report.fault),
        ("safety_circuit_closed", report.safety_circuit_closed),
        ("door_zone", report.door_zone),
        ("passenger", report.passenger),
    )
    return ((name, value) for name, value in said if value is not None)


def _door(
    contacts: dict[Signal, tuple[Change, ...]], closed: Signal, opened: Signal, to_ns: int
) -> tuple[DoorSpan, ...]:
    """A door out of its two contacts, or of the closed one: between the two it moves away from the one it left."""
    edges = [(change, signal) for signal in (closed, opened) for change in _settled(contacts.get(signal, ()))]
    edges.sort(key=lambda edge: edge[0].t_ns)
    spans: list[DoorSpan] = []
    said: dict[Signal, bool] = {} if opened in contacts else {opened: False}
    state, since_ns = "unknown", edges[0][0].t_ns if edges else 0
    for change, signal in edges:
        said[signal] = bool(change.value)
        now = _door_state(state, said.get(closed), said.get(opened), has_both=opened in contacts)
        if now != state:
            if change.t_ns > since_ns:
                spans.append(DoorSpan(since_ns, change.t_ns, state, is_whole=bool(spans)))
            state, since_ns = now, change.t_ns
    if edges:
        spans.append(DoorSpan(since_ns, max(to_ns, since_ns), state, is_whole=False))
    return tuple(spans)


def _settled(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Without bouncing: a level counts from when it lasts. The line of the contact itself shows every edge."""
    kept: list[Change] = []
    for index, change in enumerate(changes):
        is_lasting = index + 1 == len(changes) or changes[index + 1].t_ns - change.t_ns >= BOUNCE_NS
        if is_lasting and (not kept or kept[-1].value != change.value):
            kept.append(change)
    return tuple(kept)


def _door_state(before: str, is_closed: bool | None, is_open: bool | None, *, has_both: bool) -> str:
    if is_closed and is_open:
        return "unknown"  # both at once: a contact lies
    if is_closed:
        return "closed"
    if is_open:
        return "open"
    if is_closed is None or is_open is None:
        return "unknown"
    if not has_both:
        return "open"  # one contact only: not closed is open
    return {"closed": "opening", "opening": "opening", "open": "closing", "closing": "closing"}.get(before, "unknown")


def picture_tree(picture: Picture, zero_ns: int, marks: Sequence[Tree] = ()) -> Tree:
    """As JSON: times in seconds from `zero_ns`, the alarm."""

    def at_s(t_ns: int) -> float:
        return round((t_ns - zero_ns) / NS_PER_S, 3)

    def line(changes: Sequence[Change]) -> list[list[object]]:
        return [[at_s(change.t_ns), change.value] for change in changes]

    return {
        "from_s": at_s(picture.from_ns),
        "to_s": at_s(picture.to_ns),
        "gravity_mps2": picture.gravity_mps2,
        "accel_low_mps2": picture.accel_low_mps2,
        "accel_high_mps2": picture.accel_high_mps2,
        "speed_mps": picture.speed_mps,
        "speed_unsure_s": [[at_s(first), at_s(last)] for first, last in picture.unsure_ns],
        "contacts": {signal.value: line(changes) for signal, changes in picture.contacts},
        "doors": [
            [{"from_s": at_s(s.from_ns), "to_s": at_s(s.to_ns), "state": s.state, "is_whole": s.is_whole} for s in door]
            for door in picture.doors
        ],
        "controller": {name: line(changes) for name, changes in picture.words},
        "troubles": [
            {"t_s": at_s(each.t_ns), "source": each.source, "what": each.what, "count": each.count}
            for each in picture.troubles
        ],
        "marks": list(marks),
        "left_out": picture.left_out_count,
    }
