"""What the rails do to the measured speed, as a function of height: the same each time, so all trips tell it together.

Where the car runs evenly, its acceleration is nought; what is measured all the same is rails that tilt or shake the
chip, and its integral is a speed that the car does not have. A trip measures the even speed plus what the rails say
here less what they say at the landing it came from; at its end the car stands, so it measures that difference alone.
One trip cannot part the two; a trip that runs evenly past a landing at which another began can. So the course of the
rails over the height is estimated from all trips at once, together with the even speed, and taken out of each. How
large and how quick it is, and how much of it is of one trip alone, is not known: many answers are tried, and each
counts by the likelihood of the recording. Source: Gaussian processes, Rasmussen and Williams 2006, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from calibration.fit_samples import Floats
from calibration.landings_speed import WAVE_S
from calibration.landings_trips import Course

LENGTHS_M = (0.12, 0.2, 0.35, 0.6, 1.0)
SIZES_MPS = (0.0, 0.001, 0.002, 0.004, 0.008, 0.016)
OWN_MPS = (0.0005, 0.0015, 0.004)
"""Candidates: how long and how large the waves of the rails are, and how large those that each trip has for itself."""
SLOW_MPS = 1.0
"""So unsure is the even speed of a trip that was slower than others."""
STEP_M = 0.1
ROWS_MAX, TRIPS_MAX = 400, 100
"""So much of a long recording is taken, evenly spread: time grows with the third power of it."""
GRID_M = 0.02
UNLIKELY = 6.0
"""Candidates that are less likely than the best by so much, natural logarithm, do not count."""
NUGGET = 1e-8
DOUBT = 1.5
"""The even speed scatters so much more than the candidates say: rails are waves, not the smooth noise that they are
taken for. Source: own simulation, 50 draws of six lifts."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Speeds, all shape (n,): of which trip, when since it began, where, begun where, running evenly (1) or not (0)."""

    trip: Floats
    times_s: Floats
    heights_m: Floats
    begun_m: Floats
    is_even: Floats
    speeds_mps: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rails:
    """felt_mps: what the rails add to the measured speed at heights_m, but for a constant.

    even_mps: of all trips that were not slower than others; even_sigma_mps: its doubt. own_mps: waves of a trip alone.
    """

    heights_m: Floats
    felt_mps: Floats
    even_mps: float
    even_sigma_mps: float
    own_mps: float

    def at(self, heights_m: Floats) -> Floats:
        """In m/s; beyond the ends as at the ends."""
        return np.asarray(np.interp(heights_m, self.heights_m, self.felt_mps))


def rails_felt(
    courses: Sequence[Course],
    starts_m: Sequence[float],
    density_mps: float,
    bias_mps2: float,
    speed_sigmas_mps: Sequence[float],
) -> Rails | None:
    """What all trips together say of the rails, over all candidates by their likelihood; None: no trip ran evenly.

    starts_m: height at which each trip began. density_mps: of the random walk of the speed, a root second. bias_mps2:
    doubt of the zero. speed_sigmas_mps: how much the even speed of each trip may differ from the common one.
    """
    step = max(1, -(-len(courses) // TRIPS_MAX))
    rows = _rows(courses[::step], starts_m[::step])
    if not rows.is_even.any():
        return None
    noise = _noise(rows, density_mps, bias_mps2, np.array(speed_sigmas_mps[::step]))
    own = _own(rows)
    found: list[tuple[float, Rails]] = []
    best = -np.inf
    grid = _grid(rows)
    for length_m in LENGTHS_M:
        shape = _rails(rows, length_m)
        across = _kernel(grid, rows.heights_m, length_m) - _kernel(grid, rows.begun_m, length_m)
        for size_mps in SIZES_MPS if length_m == LENGTHS_M[0] else SIZES_MPS[1:]:
            for own_mps in OWN_MPS:
                cov = noise + own_mps**2 * own + size_mps**2 * shape
                likely, rails = _judged(rows, cov, grid, size_mps**2 * across, own_mps)
                best = max(best, likely)
                found.append((likely, rails))
    kept = [(likely, rails) for likely, rails in found if likely > best - UNLIKELY]
    return _mixed([np.exp(likely - best) for likely, _ in kept], [rails for _, rails in kept])


def _rows(courses: Sequence[Course], starts_m: Sequence[float]) -> _Rows:
    found: list[tuple[float, ...]] = []
    for number, (course, begun) in enumerate(zip(courses, starts_m, strict=True)):
        part = course.part
        if part is None:
            continue
        heights = begun + np.interp(part.times_s, course.times_s, course.heights_m)
        last = -np.inf
        for t_s, height, speed in zip(part.times_s, heights, part.speeds_mps, strict=True):
            if abs(height - last) >= STEP_M:
                last = height
                found.append((number, t_s, height, begun, 1.0, speed))
        found.append((number, part.total_s, begun + float(course.heights_m[-1]), begun, 0.0, part.end_mps))
    step = -(-len(found) // ROWS_MAX) if found else 1
    kept = [row for number, row in enumerate(found) if number % step == 0 or row[4] == 0.0]
    columns = np.array(kept, dtype=np.float64).reshape(-1, 6).T
    return _Rows(*columns)


def _noise(rows: _Rows, density_mps: float, bias_mps2: float, speed_sigmas_mps: Floats) -> Floats:
    """Of the chip: a random walk and a wrong zero, each trip by itself; and of its speed."""
    same = rows.trip[:, None] == rows.trip[None, :]
    t = rows.times_s
    walk = density_mps**2 * np.minimum(t[:, None], t[None, :]) + bias_mps2**2 * np.outer(t, t)
    speeds = rows.is_even * speed_sigmas_mps[rows.trip.astype(np.int64)]
    return np.asarray(same * (walk + np.outer(speeds, speeds)) + np.eye(len(t)) * NUGGET)


def _own(rows: _Rows) -> Floats:
    """Waves of each trip alone, of size 1."""
    same = rows.trip[:, None] == rows.trip[None, :]
    apart = (rows.times_s[:, None] - rows.times_s[None, :]) / WAVE_S
    return np.asarray(same * (1.0 + np.exp(-apart * apart / 2.0)))


def _kernel(a: Floats, b: Floats, length_m: float) -> Floats:
    apart = (a[:, None] - b[None, :]) / length_m
    return np.asarray(np.exp(-apart * apart / 2.0))


def _rails(rows: _Rows, length_m: float) -> Floats:
    """Of the rails here less the rails where the trip began, of size 1."""
    here, begun = rows.heights_m, rows.begun_m
    across = _kernel(here, begun, length_m)
    return np.asarray(_kernel(here, here, length_m) - across - across.T + _kernel(begun, begun, length_m))


def _grid(rows: _Rows) -> Floats:
    every = np.concatenate((rows.heights_m, rows.begun_m))
    return np.arange(float(every.min()), float(every.max()) + GRID_M, GRID_M)


def _judged(rows: _Rows, cov: Floats, grid: Floats, across: Floats, own_mps: float) -> tuple[float, Rails]:
    """Logarithm of the likelihood, the even speed taken as it fits best; and what the rails are then."""
    chol = np.linalg.cholesky(cov)
    solved = np.linalg.solve(chol, np.column_stack((rows.speeds_mps, rows.is_even)))
    values, moves = solved[:, 0], solved[:, 1]
    weight = float(moves @ moves)
    mean = float(values @ moves) / weight
    off = values - mean * moves
    likely = -0.5 * float(off @ off) - float(np.sum(np.log(np.diag(chol)))) - 0.5 * log(weight)
    felt = across @ np.linalg.solve(chol.T, off)
    return likely, Rails(grid, np.asarray(felt), mean, 1.0 / sqrt(weight), own_mps)


def _mixed(weights: Sequence[float], every: Sequence[Rails]) -> Rails:
    """The mean over the candidates, each by its likelihood, and what they differ."""
    shares = np.array(weights) / sum(weights)
    means = np.array([rails.even_mps for rails in every])
    mean = float(shares @ means)
    spread = shares @ (np.array([rails.even_sigma_mps for rails in every]) ** 2 + (means - mean) ** 2)
    felt = shares @ np.stack([rails.felt_mps for rails in every])
    own = sqrt(float(shares @ np.array([rails.own_mps for rails in every]) ** 2))
    return Rails(every[0].heights_m, np.asarray(felt), mean, DOUBT * sqrt(float(spread)), own)
