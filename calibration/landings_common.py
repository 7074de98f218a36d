"""All trips of a recording held against one speed: a lift has one, more or less, and each trip measures it anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from calibration.landings_heights import balance
from calibration.landings_speed import EvenSpeed, common_sigma, even_speed, wave_size
from calibration.landings_trips import Course, with_own_speed, with_speed

SPREAD_SHARE = 0.001
"""How much the speed of one trip differs from that of another at the least. Source: judgement."""
SLOW_SHARE = 0.93


@dataclass(frozen=True, slots=True)
class Common:
    """mps: of the trips at full speed; None: no trip ran evenly. sigma_mps: what all trips have wrong together.

    even_share: of all the way, how much was run evenly, so that this error is in it. apart_share: what the mean over
    all trips is unsure because each had a speed of its own, as a share.
    """

    mps: float | None
    sigma_mps: float
    even_share: float
    apart_share: float

    @property
    def share(self) -> float:
        """The same doubt as a share of the speed."""
        return 0.0 if self.mps is None else self.sigma_mps / self.mps


def at_common_speed(courses: Sequence[Course], density_mps: float, bias_mps2: float) -> tuple[list[Course], Common]:
    """Each trip anew with a speed that is drawn towards that of the others.

    density_mps: of the random walk that noise makes of the speed, a root second. bias_mps2: doubt of the zero.
    """
    wave = wave_size([course.part for course in courses if course.part is not None], density_mps)
    speeds = [
        None if course.part is None else even_speed(course.part, density_mps, wave, bias_mps2) for course in courses
    ]
    own = [with_own_speed(course, speed, wave) for course, speed in zip(courses, speeds, strict=True)]
    stops = balance([course.trip for course in own]).stops if own else ()
    even = [(speed, ends) for speed, ends in zip(speeds, pairwise(stops), strict=True) if speed is not None]
    if not even:
        return own, Common(None, 0.0, 0.0, 0.0)
    mean, sigma = _mean(even)
    spread = max(SPREAD_SHARE * mean, _spread([speed for speed, _ in even], mean))
    found, apart2 = [], 0.0
    for course, speed in zip(own, speeds, strict=True):
        if speed is None:
            found.append(course)
            continue
        share = spread**2 / (spread**2 + speed.sigma_mps**2)
        drawn = mean + share * (speed.mps - mean)
        apart2 += share * speed.sigma_mps**2
        found.append(with_speed(course, drawn, sqrt(share) * speed.sigma_mps, density_mps, wave))
    way = sum(abs(course.trip.distance_m) for course in found)
    evenly = sum(mean * float(c.times_s[c.even[1]] - c.times_s[c.even[0]]) for c in found if c.even is not None)
    return found, Common(mean, sigma, min(1.0, evenly / way) if way > 0.0 else 0.0, sqrt(apart2) / len(even) / mean)


def _spread(speeds: Sequence[EvenSpeed], mean_mps: float) -> float:
    """How much the trips differ by themselves, beyond their doubts. Source: DerSimonian and Laird, 1986 (memory)."""
    weights = [1.0 / speed.sigma_mps**2 for speed in speeds]
    total = sum(weights)
    excess = sum(w * (speed.mps - mean_mps) ** 2 for w, speed in zip(weights, speeds, strict=True)) - len(speeds) + 1
    free = total - sum(w * w for w in weights) / total
    return sqrt(max(0.0, excess) / free) if free > 0.0 else 0.0


def _mean(even: Sequence[tuple[EvenSpeed, tuple[int, int]]]) -> tuple[float, float]:
    """Weighted, and its doubt; a trip that was plainly slower than the fastest is of another kind."""
    top = sorted(speed.mps for speed, _ in even)[-min(2, len(even))]
    fast = [(speed, ends) for speed, ends in even if speed.mps > SLOW_SHARE * top - 3.0 * speed.sigma_mps]
    weights = [1.0 / speed.sigma_mps**2 for speed, _ in fast]
    mean = sum(w * speed.mps for w, (speed, _) in zip(weights, fast, strict=True)) / sum(weights)
    return mean, common_sigma([speed for speed, _ in fast], [ends for _, ends in fast])
