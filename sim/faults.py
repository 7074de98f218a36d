"""Faults of sensors and links as transforms of a reading stream; simulated and recorded streams take them alike.

Every transform keeps the order of capture time, passes ticks on, and leaves what lies outside its window untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from typing import assert_never

import numpy as np

from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    FaultReason,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from edge_agent.timeline import source_of
from sim.chance import branches


@dataclass(frozen=True, slots=True)
class Window:
    """When a fault lasts: [start_ns, end_ns)."""

    start_ns: int
    end_ns: int

    def holds(self, t_ns: int) -> bool:
        """Whether `t_ns` lies inside."""
        return self.start_ns <= t_ns < self.end_ns


@dataclass(frozen=True, slots=True)
class Frozen:
    """The accelerometer repeats its last sample to the bit."""

    window: Window


@dataclass(frozen=True, slots=True)
class Saturated:
    """The accelerometer sits at the end of its range on all axes."""

    window: Window
    range_mps2: float


@dataclass(frozen=True, slots=True)
class Noisy:
    """The accelerometer shows noise of `rms_mps2` on top."""

    window: Window
    rms_mps2: float


@dataclass(frozen=True, slots=True)
class Thinned:
    """Only one of `keep_one_of` samples arrives: the chip runs at another rate than it was told."""

    window: Window
    keep_one_of: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing arrives from a source; with `reason`, its driver says so every `repeat_s`."""

    window: Window
    source: str
    reason: FaultReason | None = None
    repeat_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Dropouts:
    """A part of the readings of a source is lost at random and counted as lost."""

    window: Window
    source: str
    share: float


@dataclass(frozen=True, slots=True)
class StuckContact:
    """A contact keeps one level whatever the door does."""

    window: Window
    signal: Signal
    level: bool


@dataclass(frozen=True, slots=True)
class ChatteringContact:
    """A contact flickers around its true level, `bursts_hz` times a second, some milliseconds each."""

    window: Window
    signal: Signal
    bursts_hz: float


@dataclass(frozen=True, slots=True)
class LyingController:
    """The controller says something wrong: these fields replace the true ones. None: the true one stands."""

    window: Window
    floor: str | None = None
    door: ControllerDoor | None = None
    passenger: bool | None = None
    door_zone: bool | None = None
    speed_mps: float | None = None


Fault = Frozen | Saturated | Noisy | Thinned | Gone | Dropouts | StuckContact | ChatteringContact | LyingController


def with_faults(stream: Iterable[Reading], faults: Iterable[Fault], rng: np.random.Generator) -> Iterator[Reading]:
    """The stream with all faults applied, first fault innermost."""
    out = iter(stream)
    for fault in faults:
        out = with_fault(out, fault, branches(rng, 1)[0])
    return out


def with_fault(stream: Iterable[Reading], fault: Fault, rng: np.random.Generator) -> Iterator[Reading]:
    """The stream with one fault applied."""
    match fault:
        case Frozen():
            return _frozen(stream, fault)
        case Saturated() | Noisy():
            return (_altered(reading, fault, rng) for reading in stream)
        case Thinned():
            return _thinned(stream, fault)
        case Gone():
            return _gone(stream, fault)
        case Dropouts():
            return _dropouts(stream, fault, rng)
        case StuckContact():
            return _stuck(stream, fault)
        case ChatteringContact():
            return _chattering(stream, fault, rng)
        case LyingController():
            return (_lied(reading, fault) for reading in stream)
        case _:
            assert_never(fault)


def _frozen(stream: Iterable[Reading], fault: Frozen) -> Iterator[Reading]:
    last = np.array([0.0, 0.0, 9.81])
    for reading in stream:
        if not isinstance(reading, AccelFrame):
            yield reading
            continue
        inside = (reading.times_ns >= fault.window.start_ns) & (reading.times_ns < fault.window.end_ns)
        before = np.flatnonzero(reading.times_ns < fault.window.start_ns)
        if len(before):
            last = reading.samples_mps2[before[-1]]
        if inside.any():
            samples = np.where(inside[:, None], last, reading.samples_mps2)
            yield AccelFrame(reading.times_ns, samples)
        else:
            yield reading


def _altered(reading: Reading, fault: Saturated | Noisy, rng: np.random.Generator) -> Reading:
    if not isinstance(reading, AccelFrame):
        return reading
    inside = (reading.times_ns >= fault.window.start_ns) & (reading.times_ns < fault.window.end_ns)
    if not inside.any():
        return reading
    samples = reading.samples_mps2.copy()
    if isinstance(fault, Saturated):
        samples[inside] = fault.range_mps2  # a chip in this state stays at one end
    else:
        samples[inside] += rng.normal(0.0, fault.rms_mps2, samples[inside].shape)
    return AccelFrame(reading.times_ns, samples)


def _thinned(stream: Iterable[Reading], fault: Thinned) -> Iterator[Reading]:
    seen = 0
    late: AccelFrame | None = None  # a block that lost its first samples may begin behind the readings after it
    for reading in stream:
        if late is not None and late.t_ns <= reading.t_ns:
            yield late
            late = None
        if not isinstance(reading, AccelFrame):
            yield reading
            continue
        inside = (reading.times_ns >= fault.window.start_ns) & (reading.times_ns < fault.window.end_ns)
        number = seen + np.arange(len(reading.times_ns))
        seen += len(reading.times_ns)
        kept = ~inside | (number % fault.keep_one_of == 0)
        if kept.any():
            late = AccelFrame(reading.times_ns[kept], reading.samples_mps2[kept])
    if late is not None:
        yield late


def _gone(stream: Iterable[Reading], fault: Gone) -> Iterator[Reading]:
    def left() -> Iterator[Reading]:
        for reading in stream:
            is_its = not isinstance(reading, Tick) and source_of(reading) == fault.source
            if not (is_its and fault.window.holds(reading.t_ns)):
                yield reading

    if fault.reason is None:
        return left()
    step_ns = round(fault.repeat_s * 1e9)
    said = (
        SourceFault(t_ns, fault.source, fault.reason, f"{fault.source}: {fault.reason.value} (simulated)")
        for t_ns in range(fault.window.start_ns, fault.window.end_ns, step_ns)
    )
    return _until_last(left(), said)


def _dropouts(stream: Iterable[Reading], fault: Dropouts, rng: np.random.Generator) -> Iterator[Reading]:
    for reading in stream:
        is_its = not isinstance(reading, Tick | SourceFault | SamplesLost) and source_of(reading) == fault.source
        if is_its and fault.window.holds(reading.t_ns) and rng.random() < fault.share:
            count = len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
            yield SamplesLost(reading.t_ns, fault.source, count)
        else:
            yield reading


def _stuck(stream: Iterable[Reading], fault: StuckContact) -> Iterator[Reading]:
    true_level: bool | None = None
    begun = ended = False
    for reading in stream:
        if not begun and reading.t_ns >= fault.window.start_ns:
            begun = True
            if true_level is not None and true_level is not fault.level:
                yield SignalEdge(fault.window.start_ns, fault.signal, fault.level)
        if not ended and reading.t_ns >= fault.window.end_ns:
            ended = True
            if true_level is not None and true_level is not fault.level:
                yield SignalEdge(fault.window.end_ns, fault.signal, true_level)
        if isinstance(reading, SignalEdge) and reading.signal is fault.signal:
            true_level = reading.is_active
            if fault.window.holds(reading.t_ns):
                yield replace(reading, is_active=fault.level)
                continue
        yield reading


def _chattering(stream: Iterable[Reading], fault: ChatteringContact, rng: np.random.Generator) -> Iterator[Reading]:
    span_ns = fault.window.end_ns - fault.window.start_ns
    count = int(rng.poisson(fault.bursts_hz * span_ns / 1e9))
    starts_ns = fault.window.start_ns + rng.integers(0, span_ns, count)
    ends_ns = np.minimum(starts_ns + rng.integers(500_000, 8_000_000, count), fault.window.end_ns)
    times_ns = np.concatenate([starts_ns, ends_ns])
    is_away = np.arange(2 * count) < count
    order = np.lexsort((is_away, times_ns))
    times_ns, is_away = times_ns[order], is_away[order]
    level, at = False, 0
    for reading in stream:
        while at < 2 * count and times_ns[at] <= reading.t_ns:
            yield SignalEdge(int(times_ns[at]), fault.signal, level is not bool(is_away[at]))
            at += 1
        if isinstance(reading, SignalEdge) and reading.signal is fault.signal:
            level = reading.is_active
        yield reading


def _lied(reading: Reading, fault: LyingController) -> Reading:
    if not isinstance(reading, ControllerReport) or not fault.window.holds(reading.t_ns):
        return reading
    return replace(
        reading,
        floor=reading.floor if fault.floor is None else fault.floor,
        door=reading.door if fault.door is None else fault.door,
        passenger=reading.passenger if fault.passenger is None else fault.passenger,
        door_zone=reading.door_zone if fault.door_zone is None else fault.door_zone,
        speed_mps=reading.speed_mps if fault.speed_mps is None else fault.speed_mps,
    )


def _until_last(stream: Iterator[Reading], said: Iterator[SourceFault]) -> Iterator[Reading]:
    """Both in order; what would be said after the stream has ended is not said."""
    marked = merge(
        ((reading.t_ns, 1, reading) for reading in stream),
        ((said.t_ns, 0, said) for said in said),
        key=lambda entry: entry[:2],
    )
    pending: list[Reading] = []
    for _, rank, reading in marked:
        if rank == 0:
            pending.append(reading)
        else:
            yield from pending
            pending.clear()
            yield reading
