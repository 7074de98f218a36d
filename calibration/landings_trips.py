"""One trip measured after the fact: distance and even speed out of the samples from standstill to standstill.

The detection core says roughly when the car moved; here the samples before and after are known, too. The speed is
zero at both ends, so what an even bias of the sensor adds cancels out of the distance whatever it is. What noise leaves
grows with the length of the trip to the power of 3/2 (a random walk tied down at both ends, integrated); so where the
car ran evenly its speed is held, and only the pushes are integrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, radians, sqrt

import numpy as np

from calibration.fit_grades import AccelGrade
from calibration.fit_motion import Moved
from calibration.fit_samples import NS_PER_S, Floats, Samples, Vector, length_of, vector
from calibration.landings_speed import BLOCK_S, EvenPart, EvenSpeed
from edge_agent.detect.position import STOREY_M_MIN
from edge_agent.readings import Direction

BEFORE_S = 1.0
AFTER_S = 6.0
"""A hydraulic car creeps the last 0.25 m at 0.05 m/s; the core may call it standing before. Source: own simulation."""
SMOOTH_S = 0.3
STANDS_MPS = 0.025
MARGIN_S = 0.3
RING_S = 1.3
TIE_S = 0.9
"""So long behind the stop the car still rings on its ropes; its speed is nought as a mean over the last 0.9 s of it. A
longer wait would let noise walk: its share in the distance grows with the third power of time. Source: simulation."""
EVEN_S_MIN = 1.0
PUSH_SHARE = 0.25
REST_S_MIN = 1.0
REST_AWAY_S = 1.5
AXIS_MPS2_MIN = 0.15
LEAN_DEG = 0.4
"""What rails push alike on every trip, in each of two directions. A choice: without it the axis of 36 simulated lifts
was off by 0.25 degrees rms and 0.9 at most, which the scatter of the trips did not show.
"""
SMOOTHNESS = 1.2
"""Rails, ropes and machine add to the noise of a standing car. Source: own simulation."""
SEGMENT_S, SEGMENTS_MIN, FLOOR_HZ = 2.0, 4, 5.0
WAVE_SHARE = 0.25
"""Of the size of the waves, by which a push is unsure for its whole time although its speed is known at both ends."""
TRIP_SIGMA_M = 0.006
"""A car stops within some millimetres of its landing, and sags when it is loaded. Source: level accuracy +-10 mm (GB/T
10058, memory, unverified)."""


@dataclass(frozen=True, slots=True)
class MeasuredTrip:
    """distance_m: up positive. sigma_m: of noise alone, without the scale. speed_mps: even speed; None: never even."""

    start_ns: int
    end_ns: int
    distance_m: float
    sigma_m: float
    speed_mps: float | None
    speed_sigma_mps: float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The course of a trip, for pictures and rails. times_s from start_ns; speeds and heights above the start."""

    trip: MeasuredTrip
    times_s: Floats
    speeds_mps: Floats
    heights_m: Floats
    accel_mps2: Floats  # along the axis of travel, without what it is at rest
    even: tuple[int, int] | None  # first and last index of even speed
    part: EvenPart | None  # the same in blocks
    lateral_mps2: Floats  # shape (n, 2): across the axis of travel


@dataclass(frozen=True, slots=True)
class Rest:
    """A standstill between two trips: mean specific force, and rms around it of one axis."""

    start_ns: int
    end_ns: int
    mean_mps2: Vector
    noise_mps2: float


def rests_between(samples: Samples, moved: Sequence[Moved]) -> tuple[Rest, ...]:
    """The standstills before, between and after the trips that are long enough to be measured; in order."""
    edges = [int(samples.times_ns[0]), *(t for each in moved for t in (each.start_ns, each.end_ns))]
    edges.append(int(samples.times_ns[-1]))
    found = []
    for number in range(0, len(edges), 2):
        away_ns = round(REST_AWAY_S * NS_PER_S)
        start_ns = edges[number] + (away_ns if number else 0)
        end_ns = edges[number + 1] - (away_ns if number + 2 < len(edges) else 0)
        inner = samples.between(start_ns, end_ns)
        if inner.span_s < REST_S_MIN or inner.gaps():
            continue
        off = np.diff(inner.mps2, axis=0)
        noise = float(np.median(np.sqrt(np.mean(off * off, axis=0) / 2.0)))
        found.append(Rest(start_ns, end_ns, vector(inner.mps2.mean(axis=0)), noise))
    return tuple(found)


def mean_force(rests: Sequence[Rest]) -> Vector:
    """Over all standstills, each by its length."""
    weights = np.array([each.end_ns - each.start_ns for each in rests], dtype=np.float64)
    return vector(np.average(np.array([each.mean_mps2 for each in rests]), axis=0, weights=weights))


def window_of(samples: Samples, moved: Sequence[Moved], number: int, opened_ns: Sequence[int]) -> Samples:
    """The samples of one trip from standstill to standstill; opened_ns: when the car door began to open."""
    here = moved[number]
    after_ns = here.end_ns + round(AFTER_S * NS_PER_S)
    if number + 1 < len(moved):
        after_ns = min(after_ns, moved[number + 1].start_ns)
    middle_ns = (here.start_ns + here.end_ns) // 2
    doors = [t_ns for t_ns in opened_ns if middle_ns < t_ns <= after_ns]
    if doors:
        after_ns = min(after_ns, max(min(doors), here.end_ns) + round(RING_S * NS_PER_S))
    before_ns = here.start_ns - round(BEFORE_S * NS_PER_S)
    if number > 0:
        before_ns = max(before_ns, moved[number - 1].end_ns)
    return samples.between(before_ns, after_ns)


def axis_of_travel(
    samples: Samples, moved: Sequence[Moved], rests: Sequence[Rest], gravity: Vector, grade: AccelGrade
) -> tuple[Vector, float]:
    """The direction in which the car accelerates, in the axes of the box, pointing up, and its doubt: rms degrees.

    The offset of the chip, which tilts the direction of gravity, has no part in it; rails that push sideways have. It
    is weighed against the direction of gravity: by how much the trips differ, and by the usual offset of such a chip.
    At one landing the rails push alike each time, so landings count, not trips. What the three sensitivities of the
    chip differ turns both directions alike.
    """
    up = np.array(gravity) / length_of(gravity)
    leans: list[Floats] = []
    weights: list[float] = []
    step = max(1, round(0.05 / max(samples.period_s, 1e-4)))
    for trip in moved:
        part = samples.between(trip.start_ns - NS_PER_S, trip.end_ns + NS_PER_S)
        count = len(part) // step
        if count < 4:
            continue
        blocks = part.mps2[: count * step].reshape(count, step, 3).mean(axis=1)
        rest = min(rests, key=lambda each: abs(each.start_ns - trip.start_ns))
        off = blocks - np.array(rest.mean_mps2)
        along = off @ up
        is_pushed = np.abs(along) > AXIS_MPS2_MIN
        weight = float(np.sum(along[is_pushed] ** 2))
        if weight > 0.0:
            pull = (off[is_pushed] * along[is_pushed, None]).sum(axis=0) / weight
            leans.append(np.asarray(pull - up * float(pull @ up)))
            weights.append(weight)
    gravity_doubt = grade.offset_mps2 / length_of(gravity)
    turned = grade.scale * sqrt(max(0.0, 1.0 - float(np.sum(up**4))))
    if len(leans) < 2:
        return vector(up), float(np.degrees(hypot(sqrt(2.0) * gravity_doubt, turned)))
    lean = np.average(np.array(leans), axis=0, weights=weights)
    shares = np.array(weights) / sum(weights)
    scatter = float(np.sum(shares**2 * np.sum((np.array(leans) - lean) ** 2, axis=1))) / 2.0
    scatter *= len(leans) / (len(leans) - 1) * max(1.0, 2.0 * len(moved) / _place_count(moved))
    scatter += radians(LEAN_DEG) ** 2
    share = gravity_doubt**2 / (gravity_doubt**2 + scatter) if gravity_doubt > 0.0 else 0.0
    axis = up + share * lean
    return vector(axis / np.linalg.norm(axis)), float(np.degrees(hypot(sqrt(2.0 * share * scatter), turned)))


def _place_count(moved: Sequence[Moved]) -> int:
    """At how many heights the car stood, by what the core says of its movements."""
    ways = [each.distance_m if each.direction is Direction.UP else -each.distance_m for each in moved]
    heights = np.sort(np.concatenate(([0.0], np.cumsum(ways))))
    return 1 + int(np.count_nonzero(np.diff(heights) > STOREY_M_MIN / 2.0))


def measure(window: Samples, axis: Vector, bias_mps2: float, noise_mps2: float) -> Course | None:
    """The trip in a window of samples, or None where it never gets going.

    bias_mps2: specific force along the axis at rest. noise_mps2: rms of one sample at rest.
    """
    if len(window) < 10 or window.span_s < 2.0 * TIE_S:
        return None
    density = noise_mps2 * sqrt(window.period_s) * SMOOTHNESS  # of the random walk of the speed
    window = _going(window, axis, bias_mps2, density)
    if len(window) < 10 or window.span_s < 2.0 * TIE_S:
        return None
    times_s = (window.times_ns - window.times_ns[0]) / NS_PER_S
    accel = window.mps2 @ np.array(axis) - bias_mps2
    speeds = _tied(times_s, accel)
    heights = _integral(times_s, speeds)
    sigma = sqrt(density**2 * float(times_s[-1]) ** 3 / 12.0 + TRIP_SIGMA_M**2)
    even = _even_part(times_s, accel, speeds)
    end_ns = int(window.times_ns[-1]) - round((RING_S - MARGIN_S) * NS_PER_S)
    trip = MeasuredTrip(int(window.times_ns[0]), end_ns, float(heights[-1]), sigma, None, 0.0)
    part = None if even is None else _blocks(times_s, accel, speeds, even)
    return Course(trip, times_s, speeds, heights, accel, even, part, _lateral(window.mps2, axis))


def without_rails(course: Course, felt_mps: Floats) -> Course:
    """The same trip without what the rails add to its speed. felt_mps: shape (n,), along the way."""
    way = 1.0 if course.trip.distance_m > 0.0 else -1.0
    accel = course.accel_mps2 - way * np.gradient(felt_mps, course.times_s)
    speeds = _tied(course.times_s, accel)
    heights = _integral(course.times_s, speeds)
    trip = replace(course.trip, distance_m=float(heights[-1]))
    part = None if course.even is None else _blocks(course.times_s, accel, speeds, course.even)
    return replace(course, trip=trip, speeds_mps=speeds, heights_m=heights, accel_mps2=accel, part=part)


def with_own_speed(course: Course, own: EvenSpeed | None, wave_mps: float) -> Course:
    """The same trip, its even speed told; without one, the waves make the whole way unsure."""
    if own is not None:
        return replace(course, trip=replace(course.trip, speed_mps=own.mps, speed_sigma_mps=own.sigma_mps))
    unsure_m = 2.0 * WAVE_SHARE * wave_mps * float(course.times_s[-1])
    return replace(course, trip=replace(course.trip, sigma_m=sqrt(course.trip.sigma_m**2 + unsure_m**2)))


def with_speed(course: Course, speed_mps: float, spread_mps: float, density_mps: float, wave_mps: float) -> Course:
    """The same trip, its even part run at this speed: only the pushes before and behind it are integrated.

    spread_mps: how much one trip may differ from another. density_mps: of the random walk of the speed, a root second.
    wave_mps: rms of what the rails add to the speed.
    """
    if course.even is None:
        return course
    way = 1.0 if course.trip.distance_m > 0.0 else -1.0
    begin, end = course.even
    times_s, speed = course.times_s, way * speed_mps
    plain = _integral(times_s, course.accel_mps2)
    begin_s, end_s, last_s = float(times_s[begin]), float(times_s[end]), float(times_s[-1])
    speeds = np.full(len(times_s), speed)
    early = plain[: begin + 1]
    speeds[: begin + 1] = early + (speed - early[-1]) * times_s[: begin + 1] / max(begin_s, 1e-9)
    is_end = times_s >= last_s - TIE_S
    late = plain[end:] - plain[end]
    slope = (float(np.mean(plain[is_end])) - plain[end] + speed) / (float(np.mean(times_s[is_end])) - end_s)
    speeds[end:] = speed + late - slope * (times_s[end:] - end_s)
    heights = _integral(times_s, speeds)
    pushes = (begin_s**3 + (last_s - end_s) ** 3) / 12.0
    by_waves = WAVE_SHARE * wave_mps * (begin_s + last_s - end_s)
    sigma = sqrt(density_mps**2 * pushes + (spread_mps * (end_s - begin_s)) ** 2 + by_waves**2 + TRIP_SIGMA_M**2)
    trip = replace(course.trip, distance_m=float(heights[-1]), sigma_m=sigma)
    return replace(course, trip=trip, speeds_mps=speeds, heights_m=heights)


def density_of(samples: Samples, noise_mps2: float, courses: Sequence[Course]) -> float:
    """Of the random walk that noise makes of the speed, m/s a root second: of the car that runs evenly, else at rest.

    The median over the frequencies above FLOOR_HZ of the power of all even parts: a tone of the machine is left out.
    """
    length = round(SEGMENT_S / max(samples.period_s, 1e-4))
    window = np.hanning(length)
    powers = []
    for course in courses:
        begin, end = course.even or (0, 0)
        for at in range(begin, end - length, length // 2):
            piece = course.accel_mps2[at : at + length]
            powers.append(np.abs(np.fft.rfft((piece - piece.mean()) * window)) ** 2)
    if len(powers) < SEGMENTS_MIN:
        return noise_mps2 * sqrt(samples.period_s) * SMOOTHNESS
    is_floor = np.fft.rfftfreq(length, samples.period_s) > FLOOR_HZ
    power = float(np.median(np.mean(powers, axis=0)[is_floor])) * samples.period_s / float(np.sum(window**2))
    return sqrt(power)


def _going(window: Samples, axis: Vector, bias_mps2: float, density: float) -> Samples:
    """The part in which the car goes, with a little standstill before and the ringing behind."""
    for _ in range(2):
        times_s = (window.times_ns - window.times_ns[0]) / NS_PER_S
        speeds = _tied(times_s, window.mps2 @ np.array(axis) - bias_mps2)
        near_s = np.minimum(times_s, times_s[-1] - times_s)
        limits = np.maximum(STANDS_MPS, 2.0 * density * np.sqrt(near_s))
        going = np.flatnonzero(np.abs(_smoothed(speeds, times_s)) > limits)
        if len(going) < 4:
            return window.between(0, 0)
        start_ns = int(window.times_ns[0])
        first_ns = start_ns + round((float(times_s[going[0]]) - MARGIN_S) * NS_PER_S)
        last_ns = start_ns + round((float(times_s[going[-1]]) + RING_S) * NS_PER_S)
        window = window.between(first_ns, last_ns + 1)
    return window


def _integral(times_s: Floats, values: Floats) -> Floats:
    steps = np.diff(times_s) * (values[1:] + values[:-1]) / 2.0
    return np.concatenate(([0.0], np.cumsum(steps)))


def _tied(times_s: Floats, accel: Floats) -> Floats:
    """Speed that is zero at the beginning and, on the whole, at the end."""
    speeds = _integral(times_s, accel)
    is_end = times_s >= times_s[-1] - TIE_S
    return np.asarray(speeds - float(np.mean(speeds[is_end])) * times_s / float(np.mean(times_s[is_end])))


def _smoothed(values: Floats, times_s: Floats, over_s: float = SMOOTH_S) -> Floats:
    width = max(1, round(over_s / max(float(np.median(np.diff(times_s))), 1e-4)))
    kernel = np.full(width, 1.0 / width)
    return np.asarray(np.convolve(np.pad(values, width, mode="edge"), kernel, mode="same")[width:-width])


def _even_part(times_s: Floats, accel: Floats, speeds: Floats) -> tuple[int, int] | None:
    """First and last index between the first push and the first braking; None where hardly anything is between."""
    smooth = _smoothed(accel, times_s, 0.5)
    way = 1.0 if float(np.sum(speeds)) > 0.0 else -1.0
    half = _half_way(times_s, speeds)
    push, brake = way * smooth[:half], -way * smooth[half:]
    if push.max(initial=0.0) <= 0.0 or brake.max(initial=0.0) <= 0.0:
        return None
    pushed = np.flatnonzero(push > PUSH_SHARE * push.max())
    braked = np.flatnonzero(brake > PUSH_SHARE * brake.max())
    begin_s = float(times_s[pushed[-1]]) + 2.0 * MARGIN_S
    end_s = float(times_s[half + braked[0]]) - 2.0 * MARGIN_S
    if end_s - begin_s < EVEN_S_MIN:
        return None
    return int(np.searchsorted(times_s, begin_s)), int(np.searchsorted(times_s, end_s)) - 1


def _blocks(times_s: Floats, accel: Floats, speeds: Floats, even: tuple[int, int]) -> EvenPart:
    """The even part as means over a quarter of a second each; the sign is that of the way."""
    total = _integral(times_s, accel) * (1.0 if float(np.sum(speeds)) > 0.0 else -1.0)
    begin, end = even
    number = ((times_s[begin : end + 1] - times_s[begin]) / BLOCK_S).astype(np.int64)
    counts = np.maximum(np.bincount(number), 1)
    is_end = times_s >= times_s[-1] - TIE_S
    kept = np.bincount(number) > 0
    return EvenPart(
        (np.bincount(number, times_s[begin : end + 1]) / counts)[kept],
        (np.bincount(number, total[begin : end + 1]) / counts)[kept],
        float(np.mean(times_s[is_end])),
        float(np.mean(total[is_end])),
    )


def _half_way(times_s: Floats, speeds: Floats) -> int:
    """Index at which the car is half-way."""
    heights = np.abs(_integral(times_s, speeds))
    return int(np.clip(np.searchsorted(heights, heights[-1] / 2.0), 1, len(heights) - 1))


def _lateral(mps2: Floats, axis: Vector) -> Floats:
    """The two components across the axis, shape (n, 2)."""
    up = np.array(axis)
    least = int(np.argmin(np.abs(up)))
    first = np.cross(up, np.eye(3)[least])
    first /= np.linalg.norm(first)
    second = np.cross(up, first)
    return np.asarray(mps2 @ np.stack((first, second), axis=1))
