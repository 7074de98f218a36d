"""The length of a guide rail as a measure of height: joints are felt across the car, one rail apart.

Rails come in pieces of 5 m as a rule; some makers deliver 4 m, and short ones are cut for the ends (Source: pages of
rail makers, unverified). So the joints that a car runs over tell how much longer than true this sensor measures,
whatever its sensitivity is. Nothing is said unless the joints stand out plainly, at least two of them, at one distance
only, about 5 m apart as this sensor measures; the other witnesses of the scale must agree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from calibration.fit_samples import Floats
from calibration.landings_trips import Course

RAIL_M = 5.0
OFF_MAX = 0.05
STEP_M = 0.01
JOINT_M = 0.04
TEMPLATE_M = 0.2
SHIFT_M = 0.15
FAST_SHARE = 0.6
TEETH_MIN = 2
TOOTH_SIGMAS_MIN = 4.0
ALIKE_MIN = 0.45
RIVAL_MAX = 0.75
COVERED_MIN = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """What is felt across the car at each height. values: (n, 2), noise 1; first_m: of the first row."""

    values: Floats
    first_m: float


def rails_of(courses: Sequence[Course], starts_m: Sequence[float]) -> tuple[float, float] | None:
    """Measured length of a rail over its true one, and the doubt; None where the joints do not say it plainly.

    starts_m: measured height at which each trip began, and one more.
    """
    traces = [_trace(course, start) for course, start in zip(courses, starts_m, strict=False)]
    low = min((trace[0] for trace in traces if trace is not None), default=0.0)
    found = [(round((trace[0] - low) / STEP_M), trace[1]) for trace in traces if trace is not None]
    if len(found) < COVERED_MIN:
        return None
    joint_map = _aligned(found)
    return None if joint_map is None else _spacing(_Map(joint_map, low))


def _trace(course: Course, start_m: float) -> tuple[float, Floats] | None:
    """Height of the first step and the filtered lateral acceleration by height, where the car was fast."""
    speeds = np.abs(course.speeds_mps)
    is_fast = speeds > FAST_SHARE * float(speeds.max())
    heights = start_m + course.heights_m[is_fast]
    if len(heights) < 50 or float(np.ptp(heights)) < 2.0 * TEMPLATE_M:
        return None
    steps = np.floor(heights / STEP_M).astype(np.int64)
    first = int(steps.min())
    size = int(steps.max()) - first + 1
    counts = np.bincount(steps - first, minlength=size)
    binned = np.empty((size, 2))
    for side in range(2):
        sums = np.bincount(steps - first, weights=course.lateral_mps2[is_fast, side], minlength=size)
        known = counts > 0
        binned[:, side] = np.interp(np.arange(size), np.flatnonzero(known), sums[known] / counts[known])
    reach = np.arange(-round(TEMPLATE_M / STEP_M), round(TEMPLATE_M / STEP_M) + 1) * STEP_M
    shape = np.exp(-((reach / JOINT_M) ** 2))
    window = np.hanning(len(reach))
    powers = np.stack([reach**power for power in (0, 1, 2)])
    weighed = powers * window
    shape = shape - weighed.T @ np.linalg.solve(powers @ weighed.T, powers @ shape)  # blind to slow waves
    if len(binned) < len(shape):
        return None
    filtered = np.stack([np.convolve(binned[:, side], shape[::-1], mode="same") for side in range(2)], axis=1)
    edge = len(shape) // 2
    filtered[:edge] = filtered[-edge:] = 0.0
    noise = 1.4826 * np.median(np.abs(filtered[edge:-edge]), axis=0)
    return (first * STEP_M, filtered / np.maximum(noise, 1e-9)) if len(filtered) > 2 * edge + 10 else None


def _aligned(traces: Sequence[tuple[int, Floats]]) -> Floats | None:
    """Sum of all traces, each shifted a little to where it agrees best with the others; noise 1."""
    reach = round(SHIFT_M / STEP_M)
    size = max(first + len(trace) for first, trace in traces) + 2 * reach
    shifts = [0] * len(traces)
    for _ in range(3):
        total, count = _summed(traces, shifts, size, reach)
        for number, (first, trace) in enumerate(traces):
            at = first + reach + shifts[number]
            others = total.copy()
            others[at : at + len(trace)] -= trace
            scores = [
                float(np.sum(others[first + reach + shift : first + reach + shift + len(trace)] * trace))
                for shift in range(-reach, reach + 1)
            ]
            shifts[number] = int(np.argmax(scores)) - reach
        middle = round(float(np.median(shifts)))
        shifts = [int(np.clip(shift - middle, -reach, reach)) for shift in shifts]
    total, count = _summed(traces, shifts, size, reach)
    covered = count >= COVERED_MIN
    if np.count_nonzero(covered) < round(RAIL_M / STEP_M):
        return None
    total[covered] /= np.sqrt(count[covered])[:, None]
    total[~covered] = 0.0
    noise = 1.4826 * np.median(np.abs(total[covered]), axis=0)
    return np.asarray(np.where(covered[:, None], total / np.maximum(noise, 1.0), np.nan))


def _summed(
    traces: Sequence[tuple[int, Floats]], shifts: Sequence[int], size: int, reach: int
) -> tuple[Floats, Floats]:
    total, count = np.zeros((size, 2)), np.zeros(size)
    for (first, trace), shift in zip(traces, shifts, strict=True):
        at = first + reach + shift
        total[at : at + len(trace)] += trace
        count[at : at + len(trace)] += 1.0
    return total, count


def _spacing(joints: _Map) -> tuple[float, float] | None:
    """The distance at which teeth of a comb fit the map best, over that of a rail."""
    size = len(joints.values)
    spacings = np.arange(RAIL_M * (1.0 - OFF_MAX), RAIL_M * (1.0 + OFF_MAX), STEP_M / 4.0)
    scores, fits = np.zeros(len(spacings)), [(0.0, 0.0, 0)] * len(spacings)
    for number, spacing in enumerate(spacings):
        scores[number], fits[number] = _comb(joints.values, spacing / STEP_M, size)
    best = int(np.argmax(scores))
    tooth, least, teeth = fits[best]
    rivals = scores[np.abs(spacings - spacings[best]) > 3.0 * JOINT_M]
    is_plain = tooth >= TOOTH_SIGMAS_MIN and least >= ALIKE_MIN * tooth and teeth >= TEETH_MIN
    if not is_plain or (len(rivals) and float(rivals.max()) > RIVAL_MAX * float(scores[best])):
        return None
    if best in (0, len(spacings) - 1):
        return None
    near = np.abs(spacings - spacings[best]) < JOINT_M
    curve = np.polyfit(spacings[near] - spacings[best], scores[near], 2)
    top = float(spacings[best]) - (float(curve[1] / (2.0 * curve[0])) if curve[0] < 0.0 else 0.0)
    sigma = JOINT_M / tooth * sqrt(12.0 / (teeth * (teeth * teeth - 1)))
    return top / RAIL_M, max(sigma, STEP_M / 2.0) / RAIL_M


def _comb(values: Floats, spacing: float, size: int) -> tuple[float, tuple[float, float, int]]:
    """Best sum over the teeth of a comb: its score, and of one tooth the mean, the least, and how many there are."""
    begins = np.arange(0.0, min(spacing, size))
    places = begins[:, None] + spacing * np.arange(int(size / spacing) + 1)[None, :]
    low = np.minimum(np.floor(places).astype(np.int64), size - 2)
    share = (places - low)[:, :, None]
    taken = values[low] * (1.0 - share) + values[low + 1] * share
    is_there = (places < size - 1) & ~np.isnan(taken).any(axis=2)
    taken = np.where(is_there[:, :, None], taken, 0.0)
    teeth = is_there.sum(axis=1)
    sums = taken.sum(axis=1)
    score = np.where(teeth >= TEETH_MIN, np.sum(sums**2, axis=1) / np.maximum(teeth, 1), 0.0)
    best = int(np.argmax(score))
    length = float(np.linalg.norm(sums[best]))
    if length == 0.0 or teeth[best] < TEETH_MIN:
        return 0.0, (0.0, 0.0, 0)
    each = (taken[best] @ (sums[best] / length))[is_there[best]]
    return float(score[best]), (float(each.mean()), float(each.min()), int(teeth[best]))
