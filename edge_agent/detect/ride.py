"""Ride quality after ISO 18738-1: remembers the samples of the trip under way and judges them once, at its end.

In: blocks of samples; the end of each trip. Out: a `RideReport`, or None with the reason counted.
State: raw samples, bounded by `ride_memory`; a trip whose beginning was dropped is refused. Delay: none.
Warm-up: none; without a standstill before the trip the noise is not known. After a gap: a trip in which more than
0.2 s is missing is refused. Work: only in `finish`, bounded by `WorkBudget`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_agent.detect.ride_memory import SampleMemory, WorkBudget
from edge_agent.detect.ride_report import (
    SCALE_RATIO,
    WEIGHTING_RATIO,
    AxisVibration,
    InstrumentError,
    PeakToPeak,
    Refusal,
    RideMotion,
    RideReport,
    Unweighted,
)
from edge_agent.detect.weighting import (
    WEIGHTED_RATE_HZ_MIN,
    Section,
    block_form,
    high_pass,
    motion_low_pass,
    wd,
    wk,
)
from edge_agent.readings import AccelFrame, Direction

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

REST_KEPT_NS = 15_000_000_000
REST_USED_NS = 10_000_000_000
"""Standstill before a trip that is kept, and that is used to settle the filters and to measure the noise."""

GRAVITY_MPS2 = 9.80665
RATE_HZ_MIN = 25.0
GAP_NS_MAX = 200_000_000
MISSING_RATIO_MAX = 0.05
EDGE_NS_MAX = 100_000_000
JITTER_RATIO_MAX = 0.25
"""Stamps further from an even step than this are irregular. Source: a quarter step is 45 degrees at half the rate."""

PAD_NS = 500_000_000
"""Before the start the car is taken to stand at least this long; a soft start is found late."""

EDGE_M = 0.5
"""Boundaries 1 and 2. Source: field/standards 3.1, boundaries (memory, unverified)."""

CONSTANT_RATIO = 0.95
"""Share of V95 that counts as constant speed. Source: a third-party implementation (field/standards 3.1, S47)."""

SETTLE_S = 2.0
EARLY_S = 0.5
"""Left out behind the rise to, and ahead of the fall below, `CONSTANT_RATIO`. Source: own calculation: the last 5 % of
speed take 0.3 to 0.5 s, then the 0.4 Hz filter rings for 1.5 s; what is left of a start at 1.2 m/s2 and 1.5 m/s3 is
below 0.03 m/s2 (docs/ride-quality.md)."""

CONSTANT_S_MIN = 1.0
TRAVEL_M_MIN = 0.3
JERK_S = 0.5
"""Length of the best straight line. Source: field/standards 3.1 (memory, unverified)."""

DIRECTIONS = 12
"""Directions tried for the worst horizontal, 15 degrees apart: at most 0.9 % is missed (cosine of 7.5 degrees)."""

BLOCK = 64


class RideStage:
    """See the file's first lines. `nominal_rate_hz`: what the sensor was set to, for the stated rate error."""

    def __init__(self, nominal_rate_hz: float | None = None) -> None:
        self._nominal_rate_hz = nominal_rate_hz
        self._memory = SampleMemory()
        self._budget = WorkBudget()
        self._refused: Counter[Refusal] = Counter()
        self.last_refusal: Refusal | None = None

    @property
    def kept_count(self) -> int:
        """Samples in memory."""
        return len(self._memory)

    @property
    def dropped_count(self) -> int:
        """Samples that went before they were asked for, because memory was full or time went back."""
        return self._memory.dropped_count

    def refused_count(self, refusal: Refusal) -> int:
        """Trips without a report for this reason."""
        return self._refused[refusal]

    def push(self, block: AccelFrame) -> None:
        """Remember a block of any length."""
        self._memory.push(block)

    def forget(self, needed_ns: int) -> None:
        """No trip that began before `needed_ns` will be asked for: the time now at a standstill, else the start of the
        trip that is not given out yet. Keeps `REST_KEPT_NS` before it."""
        self._memory.forget(needed_ns - REST_KEPT_NS)

    def finish(self, start_ns: int, end_ns: int, gravity: tuple[float, float, float]) -> RideReport | None:
        """Judge the trip. `gravity`: specific force at rest in the sensor's axes, m/s2. None: see `last_refusal`."""
        result = self._judge(start_ns, end_ns, gravity)
        if isinstance(result, Refusal):
            self._refused[result] += 1
            self.last_refusal = result
            return None
        self.last_refusal = None
        return result

    def _judge(self, start_ns: int, end_ns: int, gravity: tuple[float, float, float]) -> RideReport | Refusal:
        dropped_ns = self._memory.dropped_until_ns
        if dropped_ns is not None and dropped_ns >= start_ns:
            return Refusal.TOO_LONG
        length = math.sqrt(sum(g * g for g in gravity))
        if length < 0.5 * GRAVITY_MPS2:
            return Refusal.NO_GRAVITY
        times, samples = self._memory.between(start_ns - REST_USED_NS, end_ns)
        if not self._budget.allows(end_ns, len(times)):
            return Refusal.OVER_BUDGET
        values = np.frombuffer(samples, dtype=np.float32).reshape(-1, 3).astype(np.float64)
        signal = _evenly(np.frombuffer(times, dtype=np.int64), values, start_ns, end_ns)
        if isinstance(signal, Refusal):
            return signal
        nominal = self._nominal_rate_hz
        error = InstrumentError(
            scale_ratio=max(SCALE_RATIO, abs(length / GRAVITY_MPS2 - 1.0)),
            rate_ratio=None if nominal is None else abs(signal.rate_hz / nominal - 1.0),
            weighting_ratio=WEIGHTING_RATIO if signal.unweighted_because is None else 0.0,
        )
        return _report(signal, start_ns, end_ns, np.array(gravity) / length, error)


# ---- samples on an even grid


@dataclass(frozen=True, slots=True)
class _Signal:
    """Samples at `start_ns + n / rate_hz`."""

    start_ns: int
    rate_hz: float
    samples: Floats
    sample_count: int  # as they came, before any interpolation
    unweighted_because: Unweighted | None

    def index(self, t_ns: int) -> int:
        """Number of the first sample at or after `t_ns`, within the signal."""
        return min(max(0, math.ceil((t_ns - self.start_ns) * self.rate_hz / 1e9 - 1e-6)), len(self.samples))

    def t_ns(self, index: int) -> int:
        return self.start_ns + round(index * 1e9 / self.rate_hz)


def _evenly(times: Times, samples: Floats, start_ns: int, end_ns: int) -> _Signal | Refusal:
    """The samples of a trip and the standstill before it on an even grid, or why that cannot be had."""
    if len(times) < 3 or int(times[0]) > start_ns + EDGE_NS_MAX or int(times[-1]) < end_ns - EDGE_NS_MAX:
        return Refusal.NOT_COVERED
    steps = np.diff(times)
    step = float(np.median(steps))
    before = np.flatnonzero((steps > 1.5 * step) & (times[1:] <= start_ns - PAD_NS))
    if len(before):  # the standstill counts from its last gap on
        cut = int(before[-1]) + 1
        times, samples, steps = times[cut:], samples[cut:], steps[cut:]
    if 1e9 / step < RATE_HZ_MIN:
        return Refusal.RATE_TOO_LOW
    span = int(times[-1] - times[0])
    count = len(times)
    missing = span - (count - 1) * step
    if int(steps.max()) > GAP_NS_MAX or missing > MISSING_RATIO_MAX * (end_ns - start_ns + PAD_NS):
        return Refusal.GAP
    why: Unweighted | None = None
    if float(np.abs(steps - step).max()) > JITTER_RATIO_MAX * step:
        why = Unweighted.SAMPLES_MISSING if float(steps.max()) > 1.5 * step else Unweighted.IRREGULAR
        grid = np.arange(0.0, span + 0.5, step)
        passed = (times - times[0]).astype(np.float64)
        samples = np.column_stack([np.interp(grid, passed, samples[:, axis]) for axis in range(3)])
        rate = 1e9 / step
    else:
        rate = (count - 1) * 1e9 / span
        if rate < WEIGHTED_RATE_HZ_MIN:
            why = Unweighted.RATE_TOO_LOW
    return _Signal(int(times[0]), rate, samples, count, why)


@lru_cache(maxsize=8)
def _matrices(sections: tuple[Section, ...], length: int) -> tuple[Floats, ...]:
    """The block form as arrays; a rate in four digits lets trips share them."""
    form = block_form(sections, length)
    parts = (form.outputs_from_state, form.outputs_from_inputs, form.state_from_state, form.state_from_inputs)
    return tuple(np.array(part) for part in parts)


def filtered(sections: tuple[Section, ...], values: Floats, length: int = BLOCK) -> Floats:
    """The cascade from rest, `length` samples at a time; the last block is filled up with zeros."""
    from_state, from_inputs, advance, drive = _matrices(sections, length)
    blocks = -(-len(values) // length)
    padded = np.zeros(blocks * length)
    padded[: len(values)] = values
    inputs = padded.reshape(blocks, length)
    driven = inputs @ drive
    states = np.zeros_like(driven)
    for index in range(blocks - 1):
        states[index + 1] = states[index] @ advance + driven[index]
    outputs: Floats = inputs @ from_inputs + states @ from_state
    return outputs.reshape(-1)[: len(values)]


# ---- the report


@dataclass(frozen=True, slots=True)
class _Regions:
    """Sample ranges: standstill, whole run with 0.5 s before it, 0.5 m inside it, constant speed."""

    rest: slice
    run: slice
    inner: slice | None
    constant: slice | None


def _report(signal: _Signal, start_ns: int, end_ns: int, up: Floats, error: InstrumentError) -> RideReport | Refusal:
    rate = signal.rate_hz
    start, pad, end = (signal.index(t) for t in (start_ns, start_ns - PAD_NS, end_ns))
    along, across = _axes(up)
    level = signal.samples - signal.samples[pad:end].mean(axis=0)  # zero speed at both ends
    vertical = level @ up
    speeds = np.cumsum(vertical[pad:end]) / rate
    path = np.cumsum(speeds) / rate
    distance = float(path[-1])
    if abs(distance) < TRAVEL_M_MIN:
        return Refusal.NO_TRAVEL
    sign = math.copysign(1.0, distance)
    speeds, path = sign * speeds[start - pad :], sign * path[start - pad :]
    v95 = _not_exceeded_by_95_percent(np.abs(speeds))
    inner = _inner(path, start)
    constant = _constant(speeds, start, v95, rate, inner)
    regions = _Regions(slice(0, pad), slice(pad, end), inner, constant)
    rounded = float(f"{rate:.4g}")
    upright, flat = (
        (high_pass(rounded), high_pass(rounded)) if signal.unweighted_because else (wk(rounded), wd(rounded))
    )
    felt = filtered(upright, vertical)
    sideways = np.column_stack([filtered(flat, level @ along), filtered(flat, level @ across)])
    noises = [_noise(values, regions.rest, rate) for values in sideways.T]
    noise = max((value for value in noises if value is not None), default=None)
    first, second, worst = _horizontal(sideways, regions, noise, error)
    return RideReport(
        start_ns=start_ns,
        end_ns=end_ns,
        direction=Direction.UP if sign > 0.0 else Direction.DOWN,
        distance_m=abs(distance),
        rate_hz=rate,
        sample_count=signal.sample_count,
        unweighted_because=signal.unweighted_because,
        constant_start_ns=None if constant is None else signal.t_ns(constant.start),
        constant_end_ns=None if constant is None else signal.t_ns(constant.stop),
        vertical=_axis(felt, regions, _noise(felt, regions.rest, rate), error),
        vertical_run=peak_to_peak(felt[regions.run], with_ends=True),
        horizontal_1=first,
        horizontal_2=second,
        horizontal_worst=worst,
        motion=_motion(sign * filtered(motion_low_pass(rounded), vertical), speeds, v95, start, rate),
        error=error,
    )


def _axes(up: Floats) -> tuple[Floats, Floats]:
    """Two directions in the horizontal plane, across each other; their turn about the vertical means nothing."""
    along = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
    along /= np.linalg.norm(along)
    return along, np.cross(up, along)


def _inner(path: Floats, start: int) -> slice | None:
    """From 0.5 m after the start to 0.5 m before the stop; `path` begins at sample `start`."""
    left = np.flatnonzero(path >= EDGE_M)
    right = np.flatnonzero(path <= path[-1] - EDGE_M)
    if not len(left) or not len(right) or left[0] >= right[-1]:
        return None
    return slice(start + int(left[0]), start + int(right[-1]) + 1)


def _constant(speeds: Floats, start: int, v95: float, rate: float, inner: slice | None) -> slice | None:
    """Between the first and the last time at constant speed, without the rise, the fall and what they leave ringing."""
    if inner is None:
        return None
    fast = np.flatnonzero(speeds >= CONSTANT_RATIO * v95)
    first = max(inner.start, start + int(fast[0]) + round(SETTLE_S * rate))
    last = min(inner.stop, start + int(fast[-1]) + 1 - round(EARLY_S * rate))
    return slice(first, last) if last - first >= CONSTANT_S_MIN * rate else None


def peak_to_peak(values: Floats, *, with_ends: bool = False) -> PeakToPeak | None:
    """Half-waves between zero crossings; the sums of the peaks of neighbours. None: less than two half-waves.

    with_ends: the half-waves that the two ends cut off count too; they can only be too small.
    Source: ISO 18738-1 annex A as a third party implements it (field/standards 3.1, S47), which counts the ends.
    """
    is_positive = values >= 0.0
    begins = np.flatnonzero(is_positive[1:] != is_positive[:-1]) + 1
    if with_ends:
        begins = np.concatenate(([0], begins))
    if len(begins) < (2 if with_ends else 3):
        return None
    peaks = np.maximum.reduceat(np.abs(values), begins)
    if not with_ends:
        peaks = peaks[:-1]
    sums = peaks[1:] + peaks[:-1]
    return PeakToPeak(float(sums.max()), _not_exceeded_by_95_percent(sums), len(sums))


def _not_exceeded_by_95_percent(values: Floats) -> float:
    """The smallest of the values that at least 95 % of them do not exceed; 0 for none."""
    if not len(values):
        return 0.0
    place = math.ceil(0.95 * len(values) - 1e-9) - 1
    return float(np.partition(values, place)[place])


def _noise(values: Floats, rest: slice, rate: float) -> float | None:
    """Peak to peak in the quietest second of the standstill."""
    second = round(rate)
    starts = range(0, rest.stop - second + 1, max(1, second // 2))
    return min((float(np.ptp(values[at : at + second])) for at in starts), default=None)


def _axis(values: Floats, regions: _Regions, noise: float | None, error: InstrumentError) -> AxisVibration:
    inner = None if regions.inner is None else peak_to_peak(values[regions.inner])
    constant = None if regions.constant is None else peak_to_peak(values[regions.constant])
    return _with_error(inner, constant, noise, error)


def _with_error(
    inner: PeakToPeak | None, constant: PeakToPeak | None, noise: float | None, error: InstrumentError
) -> AxisVibration:
    largest = max((found.max_mps2 for found in (inner, constant) if found is not None), default=0.0)
    return AxisVibration(inner, constant, noise, error.of_vibration_mps2(largest, noise))


def _horizontal(
    sideways: Floats, regions: _Regions, noise: float | None, error: InstrumentError
) -> tuple[AxisVibration, AxisVibration, AxisVibration]:
    """Along the strongest vibration, across it, and the worst of all directions, each value from its own worst."""
    spread = np.cov(sideways[regions.inner or regions.run], rowvar=False)
    strongest = 0.5 * math.atan2(2.0 * spread[0, 1], spread[0, 0] - spread[1, 1])
    turns = (strongest + math.pi * k / DIRECTIONS for k in range(DIRECTIONS))
    tried = [_axis(sideways @ (math.cos(turn), math.sin(turn)), regions, noise, error) for turn in turns]
    inner, constant = _worst(axis.inner for axis in tried), _worst(axis.constant for axis in tried)
    return tried[0], tried[DIRECTIONS // 2], _with_error(inner, constant, noise, error)


def _worst(values: Iterable[PeakToPeak | None]) -> PeakToPeak | None:
    found = [value for value in values if value is not None]
    if not found:
        return None
    return PeakToPeak(max(v.max_mps2 for v in found), max(v.a95_mps2 for v in found), max(v.count for v in found))


def _motion(accels: Floats, speeds: Floats, v95: float, start: int, rate: float) -> RideMotion:
    """`accels` of the whole signal, `speeds` from sample `start` to the stop, positive in the direction of travel."""
    run = accels[start : start + len(speeds)]
    top = float(speeds.max())
    moving = np.flatnonzero(speeds >= 0.05 * top)
    fast = np.flatnonzero(speeds >= 0.95 * top)
    return RideMotion(
        accel_mps2=max(0.0, float(run.max())),
        accel_mps2_a95=max(0.0, _not_exceeded_by_95_percent(run[moving[0] : fast[0]])),
        decel_mps2=max(0.0, -float(run.min())),
        decel_mps2_a95=max(0.0, _not_exceeded_by_95_percent(-run[fast[-1] + 1 : moving[-1] + 1])),
        jerk_mps3=_steepest(run, rate),
        speed_mps=top,
        speed_mps_v95=v95,
    )


def _steepest(values: Floats, rate: float) -> float:
    """Largest slope of the best straight line through 0.5 s of neighbouring samples."""
    count = max(2, round(JERK_S * rate)) + 1
    if len(values) < count:
        return 0.0
    weights = np.arange(count) - (count - 1) / 2.0
    slopes = np.convolve(values, weights[::-1], mode="valid") * (rate / float(weights @ weights))
    return float(np.abs(slopes).max())
