"""Truth to readings: what the fitted sensors of one lift say, in order of capture time, as the core gets it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from edge_agent.readings import (
    AccelFrame,
    FaultReason,
    PressureSample,
    Reading,
    SourceFault,
)
from edge_agent.timeline import Timeline
from sim.box import AccelSpec, BoxSpec, ControllerSpec, PressureSpec, rotation
from sim.box_sensors import ModemRounds, SupplyMonitor
from sim.chance import branches
from sim.field import CarField
from sim.lift import Lift
from sim.lying import lying
from sim.motion import FloatArray
from sim.report import report_at
from sim.shakes import Shake
from sim.switches import Switches
from sim.words import BoxUp

STRETCH_S = 1.0
"""Readings are made one stretch of time after the other; randomness is drawn per stretch, so this is part of a seed."""

_OVERHANG_S = 0.05  # a bounce or a late stamp reaches at most this far into the next stretch
_SILENCE_REPEAT_S = 5.0
_GUSTS = 6
_TILT_AXIS = np.array([1.0, 0.3, 0.0])


class AccelSensor:
    """One chip: turns the field into sensor axes, adds its own errors, clips and rounds."""

    def __init__(self, lift: Lift, field: CarField, spec: AccelSpec, rng: np.random.Generator) -> None:
        self._lift = lift
        self._field = field
        self._spec = spec
        self._rng = rng

    def sample(self, times_s: FloatArray) -> FloatArray:
        """Samples in m/s2 in sensor axes at true times, shape (n, 3)."""
        spec = self._spec
        mounting = spec.mounting
        tilt_deg = self._lift.box_tilt_deg.at(float(times_s[0]))
        if tilt_deg != 0.0:
            mounting = mounting @ rotation(_TILT_AXIS, tilt_deg)
        force = self._field.force(times_s)
        felt = force @ mounting.T
        for start_s, up in self._lies_in(times_s):
            is_so = times_s >= start_s
            felt[is_so] = force[is_so] @ (mounting if up is BoxUp.MOUNTED else lying(up)).T
        offset = spec.offset_mps2 + np.outer(self._lift.warmth_degc.sample(times_s), spec.drift_mps2_per_degc)
        felt = felt * spec.gain + offset + self._rng.normal(0.0, spec.noise_mps2, felt.shape)
        clipped = np.clip(felt, -spec.range_mps2, spec.range_mps2)
        return np.asarray(np.round(clipped / spec.step_mps2) * spec.step_mps2)

    def _lies_in(self, times_s: FloatArray) -> list[tuple[float, BoxUp]]:
        """How the box lies from which time on; nothing where it is mounted all the time."""
        start_s, lies = float(times_s[0]), self._lift.box_lies
        found = [(start_s, lies.at(start_s)), *lies.changes(start_s, float(times_s[-1]))]
        return [] if all(up is BoxUp.MOUNTED for _, up in found) else found


class _AccelStream:
    """Blocks of samples on the chip's own clock, like a FIFO that is drained now and then."""

    def __init__(self, sensor: AccelSensor, spec: AccelSpec, rng: np.random.Generator) -> None:
        self._sensor = sensor
        self._spec = spec
        self._rng = rng
        self._period_s = 1.0 / (spec.rate_hz * spec.rate_true)
        self._phase_s = float(rng.uniform(0.0, self._period_s))
        self._block = max(1, int(spec.rate_hz * float(rng.uniform(0.02, 0.15))))
        self._next = 0
        self._last_ns = -1

    def frames(self, end_s: float, start_ns: int) -> Iterator[AccelFrame]:
        """Frames of the samples before `end_s` that were not given yet."""
        count = int(np.ceil((end_s - self._phase_s) / self._period_s)) - self._next
        if count <= 0:
            return
        times_s: FloatArray = self._phase_s + (self._next + np.arange(count, dtype=np.float64)) * self._period_s
        self._next += count
        samples = self._sensor.sample(times_s)
        stamps_s = times_s + self._rng.uniform(0.0, min(self._spec.stamp_jitter_s, self._period_s / 4), count)
        stamps_ns = start_ns + np.round(stamps_s * 1e9).astype(np.int64)
        for first in range(0, count, self._block):
            yield AccelFrame(stamps_ns[first : first + self._block], samples[first : first + self._block])


class _ControllerLink:
    """Polls the controller; a dark controller is a `SourceFault`, repeated while it lasts."""

    def __init__(self, lift: Lift, spec: ControllerSpec, rng: np.random.Generator) -> None:
        self._lift = lift
        self._spec = spec
        self._rng = rng
        self._next_s = float(rng.uniform(0.0, 1.0 / spec.poll_hz))
        self._silent_since_s: float | None = None

    def readings(self, end_s: float, start_ns: int) -> Iterator[Reading]:
        while self._next_s < end_s:
            t_s = self._next_s
            self._next_s += (1.0 + float(self._rng.uniform(-0.05, 0.05))) / self._spec.poll_hz
            t_ns = start_ns + round(t_s * 1e9)
            if self._lift.controller_is_on.at(t_s):
                self._silent_since_s = None
                known_s = max(0.0, t_s - self._spec.delay_s)
                yield report_at(self._lift, known_s, t_ns, self._spec.fields)
            elif self._silent_since_s is None or t_s - self._silent_since_s >= _SILENCE_REPEAT_S:
                self._silent_since_s = t_s
                yield SourceFault(t_ns, "controller", FaultReason.SILENT, "The controller does not answer")


class Barometer:
    """The air at the car: height, weather, ventilation, wind, and the noise of the chip."""

    def __init__(self, lift: Lift, spec: PressureSpec, rng: np.random.Generator) -> None:
        self._lift = lift
        self._spec = spec
        self._rng = rng
        self._next = 0
        self._gust_s = rng.uniform(2.0, 40.0, _GUSTS)
        self._gust_phase = rng.uniform(0.0, 2 * np.pi, _GUSTS)

    def readings(self, end_s: float, start_ns: int) -> Iterator[PressureSample]:
        count = int(np.ceil(end_s * self._spec.poll_hz)) - self._next
        if count <= 0:
            return
        times_s = (self._next + np.arange(count)) / self._spec.poll_hz
        self._next += count
        for t_s, value in zip(times_s, self.sample(times_s), strict=True):
            yield PressureSample(start_ns + round(float(t_s) * 1e9), round(float(value), 3))

    def sample(self, times_s: FloatArray) -> FloatArray:
        """Pressure in hPa at ascending times, as the chip would measure it."""
        height, _, _ = self._lift.motion.sample(times_s)
        drift = self._spec.drift_hpa * np.sin(2 * np.pi * times_s / 7200.0)
        # Source: international standard atmosphere, lowest layer
        pressure = self._spec.base_hpa * (1 - 2.25577e-5 * height) ** 5.25588 + drift
        pressure = pressure + self._lift.air_hpa.sample(times_s) + self._gusts(times_s)
        return np.asarray(pressure + self._rng.normal(0.0, self._spec.noise_hpa, len(times_s)))

    def _gusts(self, times_s: FloatArray) -> FloatArray:
        """Wind on the building, rms as the story says at the first moment."""
        size = self._lift.gust_hpa.at(float(times_s[0]))
        if size == 0.0:
            return np.zeros_like(times_s)
        waves = np.sin(2 * np.pi * times_s[:, None] / self._gust_s + self._gust_phase)
        return np.asarray(size * (2.0 / _GUSTS) ** 0.5 * waves.sum(axis=1))


class Sensors:
    """All sensors of one lift. Ask stretch after stretch; time 0 of the story is `start_ns`."""

    def __init__(self, lift: Lift, box: BoxSpec, rng: np.random.Generator, start_ns: int = 0) -> None:
        field_rng, chip_rng, stamp_rng, switch_rng, link_rng, air_rng = branches(rng, 6)
        self.field = CarField(lift, field_rng)
        self.chip = None if box.accel is None else AccelSensor(lift, self.field, box.accel, chip_rng)
        self.switches = Switches(lift, box, switch_rng, start_ns)
        self._accel = None if box.accel is None or self.chip is None else _AccelStream(self.chip, box.accel, stamp_rng)
        self._link = None if box.controller is None else _ControllerLink(lift, box.controller, link_rng)
        self.air = None if box.pressure is None else Barometer(lift, box.pressure, air_rng)
        self._of_box: list[SupplyMonitor | ModemRounds] = []  # their chance is drawn where they are fitted
        if box.supply is not None:
            self._of_box.append(SupplyMonitor(lift, box.supply, branches(rng, 1)[0]))
        if box.modem is not None:
            self._of_box.append(ModemRounds(lift, box.modem, branches(rng, 1)[0]))
        self._start_ns = start_ns
        self._now_s = 0.0

    def advance(self) -> tuple[float, list[Shake]]:
        """Draw the next stretch: its end, and the moves of people in it. For users who sample the parts themselves."""
        start_s, self._now_s = self._now_s, self._now_s + STRETCH_S
        return self._now_s, self.field.advance(start_s, self._now_s)

    def stretch(self) -> list[Reading]:
        """Readings of the next stretch, unordered."""
        start_s = self._now_s
        end_s, moves = self.advance()
        out: list[Reading] = list(self.switches.edges(start_s, end_s, moves))
        if self._accel is not None:
            out.extend(self._accel.frames(end_s, self._start_ns))
        if self._link is not None:
            out.extend(self._link.readings(end_s, self._start_ns))
        if self.air is not None:
            out.extend(self.air.readings(end_s, self._start_ns))
        for part in self._of_box:
            out.extend(part.readings(end_s, self._start_ns))
        return out


def readings(
    lift: Lift, box: BoxSpec, rng: np.random.Generator, duration_s: float, start_ns: int = 0
) -> Iterator[Reading]:
    """The whole story as the core would get it: ordered, ticks included."""
    return ordered(raw_readings(lift, box, rng, duration_s, start_ns))


def raw_readings(
    lift: Lift, box: BoxSpec, rng: np.random.Generator, duration_s: float, start_ns: int = 0
) -> Iterator[Reading]:
    """The whole story in order of capture time, without ticks."""
    sensors = Sensors(lift, box, rng, start_ns)
    held: list[Reading] = []
    for number in range(1, int(np.ceil(duration_s / STRETCH_S)) + 1):
        held = sorted([*held, *sensors.stretch()], key=lambda reading: reading.t_ns)
        safe_ns = start_ns + round((number * STRETCH_S - _OVERHANG_S) * 1e9)
        ready = bisect_left(held, safe_ns, key=lambda reading: reading.t_ns)
        yield from held[:ready]
        held = held[ready:]
    yield from held


def joined(raw: Iterator[Reading], span_ns: int = 1_000_000_000) -> Iterator[Reading]:
    """The same with the samples of up to `span_ns` in one frame, where the first of them was: any split of the samples
    gives the same conclusions, and the core takes long frames in half the time."""
    frames: list[AccelFrame] = []
    others: list[Reading] = []
    for reading in raw:
        if frames and reading.t_ns - frames[0].t_ns >= span_ns:
            yield _as_one(frames)
            yield from others
            frames, others = [], []
        if isinstance(reading, AccelFrame):
            frames.append(reading)
        elif frames:
            others.append(reading)
        else:
            yield reading
    if frames:
        yield _as_one(frames)
    yield from others


def _as_one(frames: list[AccelFrame]) -> AccelFrame:
    times_ns = np.concatenate([frame.times_ns for frame in frames])
    return AccelFrame(times_ns, np.concatenate([frame.samples_mps2 for frame in frames]))


def ordered(raw: Iterator[Reading]) -> Iterator[Reading]:
    """Put ticks between readings that are in order of capture time."""
    timeline = Timeline(lateness_ns=0)
    for reading in raw:
        yield from timeline.release(reading.t_ns - 1)
        timeline.push(reading)
    yield from timeline.flush()
