"""All trips of a recording held against one speed: a lift has one, more or less, and each trip measures it anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

from calibration.landings_heights import balance
from calibration.landings_speed import EvenSpeed, common_sigma, even_speed, wave_size
from calibration.landings_trips import Course, with_own_speed, with_speed, without_rails
from calibration.landings_waves import SLOW_MPS, Rails, rails_felt

ROUNDS = 2
SPREAD_SHARE = 0.001
"""How much the speed of one trip differs from that of another at the least. Source: judgement."""
SLOW_SHARE = 0.93


@dataclass(frozen=True, slots=True)
class Common:
    """mps: of the trips at full speed; None: no trip ran evenly. sigma_mps: what all trips have wrong together.

    even_share: of all the way, how much was run evenly, so that this error is in it. apart_share: what the mean over
    all trips is unsure because each had a speed of its own, as a share. spread_mps: how much the trips differ.
    """

    mps: float | None
    sigma_mps: float
    even_share: float
    apart_share: float
    spread_mps: float

    @property
    def share(self) -> float:
        """The same doubt as a share of the speed."""
        return 0.0 if self.mps is None else self.sigma_mps / self.mps


def at_common_speed(courses: Sequence[Course], density_mps: float, bias_mps2: float) -> tuple[list[Course], Common]:
    """Each trip anew with a speed that is drawn towards that of the others.

    What the rails add is taken out before, where all trips agree what they do. density_mps: of the random walk that
    noise makes of the speed, a root second. bias_mps2: doubt of the zero.
    """
    wave = wave_size([course.part for course in courses if course.part is not None], density_mps)
    found, common = _drawn(courses, density_mps, bias_mps2, wave, None)
    for _ in range(ROUNDS if common.mps is not None else 0):
        placed = balance([course.trip for course in found])
        starts = [placed.heights_m[stop] for stop in placed.stops[:-1]]
        apart = [_may_differ(course, common) for course in found]
        seen = [replace(each, part=course.part) for each, course in zip(found, courses, strict=True)]
        rails = rails_felt(seen, starts, density_mps, bias_mps2, apart)
        if rails is None:
            break
        freed = [
            without_rails(course, rails.at(start + each.heights_m))
            for course, each, start in zip(courses, found, starts, strict=True)
        ]
        found, common = _drawn(freed, density_mps, bias_mps2, rails.own_mps, rails)
    return found, common


def _may_differ(course: Course, common: Common) -> float:
    """How much the even speed of this trip may differ from that of all; of a slow one nothing is known."""
    own_mps = course.trip.speed_mps
    if own_mps is None or common.mps is None or own_mps < SLOW_SHARE * common.mps - 3.0 * course.trip.speed_sigma_mps:
        return SLOW_MPS
    return common.spread_mps


def _drawn(
    courses: Sequence[Course], density_mps: float, bias_mps2: float, wave_mps: float, rails: Rails | None
) -> tuple[list[Course], Common]:
    speeds = [
        None if course.part is None else even_speed(course.part, density_mps, wave_mps, bias_mps2) for course in courses
    ]
    own = [with_own_speed(course, speed, wave_mps) for course, speed in zip(courses, speeds, strict=True)]
    stops = balance([course.trip for course in own]).stops if own else ()
    even = [(speed, ends) for speed, ends in zip(speeds, pairwise(stops), strict=True) if speed is not None]
    if not even:
        return own, Common(None, 0.0, 0.0, 0.0, 0.0)
    mean, sigma = _mean(even) if rails is None else (rails.even_mps, rails.even_sigma_mps)
    spread = max(SPREAD_SHARE * mean, _spread([speed for speed, _ in even], mean))
    found, apart2 = [], 0.0
    for course, speed in zip(own, speeds, strict=True):
        if speed is None:
            found.append(course)
            continue
        share = spread**2 / (spread**2 + speed.sigma_mps**2)
        drawn = mean + share * (speed.mps - mean)
        apart2 += share * speed.sigma_mps**2
        found.append(with_speed(course, drawn, sqrt(share) * speed.sigma_mps, density_mps, wave_mps))
    way = sum(abs(course.trip.distance_m) for course in found)
    evenly = sum(mean * float(c.times_s[c.even[1]] - c.times_s[c.even[0]]) for c in found if c.even is not None)
    even_share = min(1.0, evenly / way) if way > 0.0 else 0.0
    return found, Common(mean, sigma, even_share, sqrt(apart2) / len(even) / mean, spread)


def _spread(speeds: Sequence[EvenSpeed], mean_mps: float) -> float:
    """How much the trips differ by themselves, beyond their doubts. Source: DerSimonian and Laird, 1986 (memory)."""
    if len(speeds) < 2:
        return 0.0
    weights = [1.0 / speed.sigma_mps**2 for speed in speeds]
    total = sum(weights)
    excess = sum(w * (speed.mps - mean_mps) ** 2 for w, speed in zip(weights, speeds, strict=True)) - len(speeds) + 1
    free = total - sum(w * w for w in weights) / total
    return sqrt(max(0.0, excess) / free)


def _mean(even: Sequence[tuple[EvenSpeed, tuple[int, int]]]) -> tuple[float, float]:
    """Weighted, and its doubt; a trip that was plainly slower than the fastest is of another kind."""
    top = sorted(speed.mps for speed, _ in even)[-min(2, len(even))]
    fast = [(speed, ends) for speed, ends in even if speed.mps > SLOW_SHARE * top - 3.0 * speed.sigma_mps]
    weights = [1.0 / speed.sigma_mps**2 for speed, _ in fast]
    mean = sum(w * speed.mps for w, (speed, _) in zip(weights, fast, strict=True)) / sum(weights)
    return mean, common_sigma([speed for speed, _ in fast], [ends for _, ends in fast])
