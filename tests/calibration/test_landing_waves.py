"""What rails add to the measured speed, known beforehand: trips over them give it back, and the even speed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import pi

import numpy as np
import pytest

from calibration.fit_samples import Floats
from calibration.landings_speed import EvenPart
from calibration.landings_trips import Course, MeasuredTrip, without_rails
from calibration.landings_waves import rails_felt

EVEN_MPS = 0.3
LANDINGS_M = (0.0, 3.2, 6.5, 9.6)
WAY = (0, 1, 2, 3, 2, 1, 0, 3, 0)
DENSITY = 0.0005
PUSH_S, AFTER_S = 1.0, 2.0
Felt = Callable[[Floats], Floats]


def waves(heights_m: Floats) -> Floats:
    """6 mm/s on 0.3 m/s: two per cent."""
    return np.asarray(0.006 * np.cos(2.0 * pi * heights_m / 1.3 + 1.0))


def none(heights_m: Floats) -> Floats:
    """Straight rails."""
    return np.zeros(len(heights_m))


def course(begin_m: float, end_m: float, felt: Felt, rng: np.random.Generator) -> Course:
    """As such a chip tells a trip: even at once, with the rails in it and a random walk."""
    way = 1.0 if end_m > begin_m else -1.0
    drive_s = abs(end_m - begin_m) / EVEN_MPS
    times_s = np.arange(0.0, drive_s + AFTER_S, 0.02)
    heights_m = way * np.clip(times_s, 0.0, drive_s) * EVEN_MPS
    added = felt(begin_m + heights_m) - felt(np.array([begin_m]))[0]
    walk = np.cumsum(rng.normal(0.0, DENSITY * 0.02**0.5, len(times_s)))
    speeds = np.where(times_s < drive_s, EVEN_MPS, 0.0) + added + walk
    is_even = (times_s > PUSH_S) & (times_s < drive_s - PUSH_S)
    blocks = np.flatnonzero(is_even)[::12]
    trip = MeasuredTrip(0, round(times_s[-1] * 1e9), end_m - begin_m, 0.006, EVEN_MPS, 0.003)
    part = EvenPart(
        times_s[blocks], speeds[blocks], float(times_s[-1]), float(np.mean(speeds[times_s > drive_s + 1.0]))
    )
    even = int(np.flatnonzero(is_even)[0]), int(np.flatnonzero(is_even)[-1])
    accel = way * np.gradient(speeds, times_s)
    return Course(trip, times_s, way * speeds, heights_m, accel, even, part, np.zeros((len(times_s), 2)))


def ridden(felt: Felt, seed: int) -> tuple[list[Course], list[float]]:
    """All trips, and where each begins."""
    rng = np.random.default_rng(seed)
    ends = [(LANDINGS_M[a], LANDINGS_M[b]) for a, b in pairwise(WAY)]
    return [course(a, b, felt, rng) for a, b in ends], [a for a, _ in ends]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("felt", [waves, none])
def test_the_even_speed_is_found_within_its_doubt_with_rails_and_without(felt: Felt, seed: int) -> None:
    courses, starts_m = ridden(felt, seed)
    rails = rails_felt(courses, starts_m, DENSITY, 0.0005, [0.0003] * len(courses))
    assert rails is not None
    assert abs(rails.even_mps - EVEN_MPS) < 3.0 * rails.even_sigma_mps
    assert rails.even_sigma_mps < 0.01 * EVEN_MPS


def test_the_course_of_the_rails_comes_back_but_for_a_line_as_a_wrong_zero_makes_it() -> None:
    courses, starts_m = ridden(waves, 1)
    rails = rails_felt(courses, starts_m, DENSITY, 0.0005, [0.0003] * len(courses))
    assert rails is not None
    heights_m = np.arange(1.0, 8.6, 0.05)
    off = rails.at(heights_m) - waves(heights_m)
    off -= np.polynomial.Polynomial.fit(heights_m, off, 1)(heights_m)
    assert float(np.std(off)) < 0.25 * float(np.std(waves(heights_m)))


def test_a_trip_without_its_rails_runs_evenly() -> None:
    courses, starts_m = ridden(waves, 2)
    longest = max(range(len(courses)), key=lambda number: len(courses[number].times_s))
    raw, start_m = courses[longest], starts_m[longest]
    freed = without_rails(raw, waves(start_m + raw.heights_m))
    assert raw.part is not None
    assert freed.part is not None
    assert float(np.std(freed.part.speeds_mps)) < 0.5 * float(np.std(raw.part.speeds_mps))


def test_where_no_trip_runs_evenly_nothing_is_said() -> None:
    assert rails_felt([], [], DENSITY, 0.0005, []) is None


def test_a_recording_of_many_trips_is_judged_by_as_many_as_a_small_computer_can_hold() -> None:
    courses, starts_m = ridden(waves, 3)
    many = 200 * courses
    rails = rails_felt(many, 200 * starts_m, DENSITY, 0.0005, [0.0003] * len(many))
    assert rails is not None
    assert abs(rails.even_mps - EVEN_MPS) < 3.0 * rails.even_sigma_mps
