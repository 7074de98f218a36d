"""The course of one trip: speed and travel frame by frame, and the measurement when it is over."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from edge_agent.detect.signal import FRAME_NS, FRAME_S

COURSE_FRAMES_MAX = 6000
"""Longest course kept, 300 s. Source: 45 m at 0.15 m/s; a run-time limiter acts within 45 s (field/standards 4)."""

BRAKE_MPS_MIN = 0.08  # below, noise at the start of a trip would pass for braking

SHAKEN_FRAMES_MIN = 40
SAME_STOP_FRAMES = 6

JERK_FRAMES = 10
"""Best straight line over 0.5 s. Source: field/standards 3.1, jerk (memory, unverified)."""


@dataclass(frozen=True, slots=True)
class Ride:
    """A finished trip as measured: `distance_m` signed (up positive), the others unsigned."""

    start_ns: int
    end_ns: int
    distance_m: float
    speed_mps: float
    accel_mps2: float
    decel_mps2: float
    jerk_mps3: float
    was_mounted: bool
    shaking_mps2: float = 0.0  # rms of what a frame differs from its neighbours by shaking


class Course:
    """Accumulates frames from the first push on; `index` of a frame is its number on the absolute grid."""

    def __init__(self, start_index: int) -> None:
        self.start_index = start_index
        self.stop_index: int | None = None
        self.last_push_index = start_index
        self.speed = 0.0
        self.travel = 0.0
        self.peak_speed = 0.0
        self.has_braked = False
        self._indices: list[int] = []
        self._accels: list[float] = []
        self._speeds: list[float] = []  # the plain sum, from which `measure` takes an even drift out
        self._drifts: list[float] = []  # what was held back of it by each frame
        self._drift = 0.0
        self._handled_frames = 0
        self._pushed_mps = 0.0
        self._scatter = 0.0
        self.rest_index = start_index
        self._rest: tuple[float, float] | None = None  # speed and doubt when braking had first brought it to rest

    @property
    def is_full(self) -> bool:
        """Longer than any trip: the baseline must be wrong."""
        return len(self._indices) >= COURSE_FRAMES_MAX

    def add(self, index: int, accel: float, *, is_mounted: bool) -> None:
        """Integrate one frame; frames missing in between are taken to be like this one."""
        missing = index - self._indices[-1] if self._indices else 1
        self.speed += accel * FRAME_S * missing
        self.travel += self.speed * FRAME_S * missing
        self._pushed_mps += abs(accel) * FRAME_S * missing
        self.peak_speed = max(self.peak_speed, abs(self.speed))
        before = self._accels[-1] if self._accels else 0.0  # it stood
        self._scatter += 0.5 * (accel - before) ** 2
        self._indices.append(index)
        self._accels.append(accel)
        self._speeds.append(self.speed + self._drift)
        self._drifts.append(self._drift)
        self._handled_frames += not is_mounted

    @property
    def one_way_share(self) -> float:
        """How much of all the pushing went one way: near 1 for a start, small for people jumping."""
        return abs(self.speed) / self._pushed_mps if self._pushed_mps > 0.0 else 0.0

    @property
    def doubt_mps(self) -> float:
        """How large a speed shaking alone would leave: frames that jump up and down add up like a random walk.

        Half the mean square of the steps between neighbours is the variance of a frame, whatever smooth motion lies
        below it. Source: von Neumann's mean square successive difference.
        """
        return FRAME_S * sqrt(self._scatter)

    def doubt_since(self, earlier_mps: float) -> float:
        """What has been added to a doubt of `earlier_mps`."""
        return sqrt(max(0.0, self.doubt_mps**2 - earlier_mps**2))

    def mark_push(self, push: float, *, threshold: float) -> None:
        """The car is being pushed so; the newest frame belongs to the push if it is itself above `threshold`."""
        if abs(self._accels[-1]) > threshold:
            self.last_push_index = self._indices[-1]
        is_against = self.speed * push < 0.0 or self.speed * self._accels[-1] < 0.0
        if is_against and self.peak_speed > BRAKE_MPS_MIN and abs(self.speed) < 0.75 * self.peak_speed:
            self.has_braked = True

    def mark_rest(self) -> None:
        """Braking has brought the speed to nearly nothing in the newest frame.

        The first such moment counts, unless speed was left that a later braking has plainly taken.
        """
        if self._rest is not None:
            speed, doubt = self._rest
            taken = abs(speed) - abs(self.speed)
            is_same_stop = self._indices[-1] - self.rest_index <= SAME_STOP_FRAMES
            if taken <= (0.0 if is_same_stop else 2.0 * self.doubt_since(doubt)):
                return
        self._rest, self.rest_index = (self.speed, self.doubt_mps), self._indices[-1]

    def rang_since_rest(self, doubts: float, *, at_least_mps: float) -> bool:
        """All that the speed has done since the brake had it at rest may be the car ringing on its ropes."""
        if self._rest is None:
            return False
        speed, doubt = self._rest
        since = self.doubt_since(doubt)
        return since >= at_least_mps and abs(self.speed - speed) <= doubts * since

    def hold(self, frames: int) -> None:
        """So many quiet frames have passed: what the oldest of them added to the speed was drift."""
        drift = self._accels[-frames] * FRAME_S
        self.speed -= drift
        self._drift += drift

    def since_standing(self) -> Course | None:
        """The part after the speed last passed through zero; None if that is all or nothing of it.

        It is doubted as if it had been shaken for 2 s at least, like the whole.
        """
        begin = len(self._speeds) - 1
        while begin > 0 and self._speeds[begin] * self._speeds[begin - 1] > 0.0:
            begin -= 1
        if not 0 < begin < len(self._speeds) - 1:
            return None
        part = self._part(begin)
        part._scatter = self._scatter / len(self._accels) * max(len(part._accels), SHAKEN_FRAMES_MIN)
        return part

    def _part(self, begin: int) -> Course:
        part = Course(self._indices[begin])
        for index, accel in zip(self._indices[begin:], self._accels[begin:], strict=True):
            part.add(index, accel, is_mounted=True)
        part.last_push_index = max(part.start_index, self.last_push_index)
        return part

    def turned(self, speed_mps: float, doubts: float) -> Course | None:
        """The trip the other way that has begun since the brake had this one at rest, once it is plainly so fast."""
        if self._rest is None or self.speed * self.travel >= 0.0 or abs(self.speed) < speed_mps:
            return None
        speed, doubt = self._rest
        if abs(self.speed - speed) < doubts * self.doubt_since(doubt):
            return None
        return self._part(bisect_right(self._indices, self.rest_index))

    def extend(self, late: Course) -> None:
        """Add a late push that ended what was left of the speed, with the creep before it."""
        held = self.speed + self._drift
        for index, accel, speed in zip(late._indices, late._accels, late._speeds, strict=True):
            self._indices.append(index)
            self._accels.append(accel)
            self._speeds.append(held + speed)
            self._drifts.append(self._drift)
        self.speed += late.speed
        self.stop_index = self.last_push_index = late.last_push_index

    def accel_until(self, index: int) -> float:
        """Largest acceleration along the direction of travel in the frames up to `index`."""
        sign = 1.0 if self.travel >= 0.0 else -1.0
        return max((sign * a for i, a in zip(self._indices, self._accels, strict=True) if i <= index), default=0.0)

    def shaking_before(self, index: int, frames: int) -> float:
        """How much a frame differs from its neighbours by shaking, in m/s2 rms, in the `frames` up to `index`."""
        end = bisect_right(self._indices, index)
        last = self._accels[max(0, end - frames) : end]
        if len(last) < 2:
            return 0.0
        return sqrt(sum((b - a) ** 2 for a, b in pairwise(last)) / (2.0 * (len(last) - 1)))

    def one_way_between(self, begin: int, end: int) -> float:
        """How much of the pushing in the frames after `begin` up to `end` went against the travel, from 0 to 1."""
        sign = 1.0 if self.travel >= 0.0 else -1.0
        part = self._accels[bisect_right(self._indices, begin) : bisect_right(self._indices, end)]
        pushed = sum(abs(accel) for accel in part)
        return max(0.0, -sign * sum(part)) / pushed if pushed > 0.0 else 0.0

    def speed_at(self, index: int) -> float:
        """Speed at the end of frame `index`, or of the nearest one before it; 0 before the start."""
        end = bisect_right(self._indices, index)
        return self._speeds[end - 1] - self._drifts[end - 1] if end > 0 else 0.0

    def measure(self) -> Ride:
        """Distance, peaks and jerk up to the stop, with the drift that speed zero at the end gives away taken out."""
        stop = self.stop_index if self.stop_index is not None else self._indices[-1]
        count = sum(1 for i in self._indices if i <= stop)
        indices, accels, speeds = self._indices[:count], self._accels[:count], self._speeds[:count]
        start, length = self.start_index, max(1, stop + 1 - self.start_index)
        drift = speeds[-1] / length
        distance, peak, last = 0.0, 0.0, start - 1
        for index, speed in zip(indices, speeds, strict=True):
            corrected = speed - drift * (index + 1 - start)
            distance += corrected * FRAME_S * (index - last)
            peak = max(peak, abs(corrected))
            last = index
        sign = 1.0 if distance >= 0.0 else -1.0
        pushes = [sign * (a - drift / FRAME_S) for a in accels]
        return Ride(
            start_ns=start * FRAME_NS,
            end_ns=(stop + 1) * FRAME_NS,
            distance_m=distance,
            speed_mps=peak,
            accel_mps2=max(0.0, max(pushes)),
            decel_mps2=max(0.0, -min(pushes)),
            jerk_mps3=_steepest_slope(pushes),
            was_mounted=self._handled_frames <= 0.1 * count,
            shaking_mps2=sqrt(self._scatter / len(self._accels)),
        )


def _steepest_slope(values: list[float]) -> float:
    """Largest slope of a best straight line through `JERK_FRAMES` neighbours, per second."""
    n = JERK_FRAMES
    if len(values) < n:
        return 0.0
    centre = (n - 1) / 2.0
    weights = [k - centre for k in range(n)]
    scale = sum(w * w for w in weights) * FRAME_S
    slopes = (
        abs(sum(w * v for w, v in zip(weights, values[i : i + n], strict=True))) for i in range(len(values) - n + 1)
    )
    return max(slopes) / scale
