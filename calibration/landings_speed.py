"""The even speed of a trip, with all that makes it unsure, and the one speed that all trips have in common.

While the car runs evenly its acceleration is nought; what is measured all the same, and comes and goes within some
seconds, is the waviness of the rails (and whatever else tilts or shakes the chip). Its integral is a speed that the car
does not have. How large it is can be seen in the even part itself, so nothing is supposed of it: the speed at the end
of the push is unsure by that much, however good the chip is. At one landing it is the same each time, so ten trips
from one landing do not make it smaller; trips from ten landings do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from calibration.fit_samples import Floats

BLOCK_S = 0.25
BLOCKS_MIN = 8
BLOCKS_MAX = 160
BIAS_SIGMA_MPS2 = 0.0005
WAVE_S = 0.5
WAVE_MPS_MIN = 0.001
"""Correlation time and least size of the waves. Source: own simulation; rails of 0.6 to 2 m waves at 0.3 to 2.5 m/s."""


@dataclass(frozen=True, slots=True, eq=False)
class EvenPart:
    """Blocks of the even part of one trip. times_s: since it started; speeds_mps: integrated, positive along the way.

    total_s: until it stood again; end_mps: what the integral says then, where it should be nought.
    """

    times_s: Floats
    speeds_mps: Floats
    total_s: float
    end_mps: float


@dataclass(frozen=True, slots=True)
class EvenSpeed:
    """sigma_mps: all of it; wave_mps: the share of it that is the same for each trip between the same landings."""

    mps: float
    sigma_mps: float
    wave_mps: float


def wave_size(parts: Sequence[EvenPart], density_mps: float) -> float:
    """Rms of what comes and goes in the integrated speed of even parts, m/s, without what noise alone would do."""
    sums = weights = 0.0
    for part in parts:
        if len(part.times_s) < BLOCKS_MIN:
            continue
        line = np.polynomial.Polynomial.fit(part.times_s, part.speeds_mps, 1)
        off = part.speeds_mps - line(part.times_s)
        span_s = float(np.ptp(part.times_s))
        by_noise = density_mps**2 * span_s / 15.0  # of a random walk, beside its best line
        sums += span_s * (float(np.mean(off * off)) - by_noise)
        weights += span_s
    return max(WAVE_MPS_MIN, sqrt(max(0.0, sums / weights))) if weights > 0.0 else WAVE_MPS_MIN * 3.0


def even_speed(part: EvenPart, density_mps: float, wave_mps: float, bias_mps2: float) -> EvenSpeed:
    """The best weighted mean of all blocks, with zero speed at both ends.

    density_mps: of the random walk that noise makes of the speed, a root second. bias_mps2: doubt of the zero.
    """
    step = -(-len(part.times_s) // BLOCKS_MAX)
    times = np.append(part.times_s[::step], part.total_s)
    values = np.append(part.speeds_mps[::step], part.end_mps)
    moves = np.append(np.ones(len(times) - 1), 0.0)
    noise = density_mps**2 * np.minimum(times[:, None], times[None, :]) + bias_mps2**2 * np.outer(times, times)
    apart = (times[:, None] - times[None, :]) / WAVE_S
    wave = wave_mps**2 * (1.0 + np.exp(-apart * apart / 2.0))  # 1: of the landing it starts from, in all blocks
    cov = noise + wave + np.eye(len(times)) * 1e-8
    weights = np.linalg.solve(cov, moves)
    weights /= float(weights @ moves)
    sigma = sqrt(float(weights @ cov @ weights))
    return EvenSpeed(float(weights @ values), sigma, min(sigma, sqrt(max(0.0, float(weights @ wave @ weights)))))


def common_sigma(speeds: Sequence[EvenSpeed], ends: Sequence[tuple[int, int]]) -> float:
    """Doubt of the weighted mean. ends: landings of each trip; the waves are averaged over landings, not over trips."""
    weights = np.array([1.0 / each.sigma_mps**2 for each in speeds])
    weights /= weights.sum()
    noise = sum(
        float(w) ** 2 * max(0.0, each.sigma_mps**2 - each.wave_mps**2) for w, each in zip(weights, speeds, strict=True)
    )
    at: defaultdict[int, float] = defaultdict(float)
    for weight, each, (a, b) in zip(weights, speeds, ends, strict=True):
        at[a] += float(weight) * each.wave_mps / sqrt(2.0)
        at[b] += float(weight) * each.wave_mps / sqrt(2.0)
    return sqrt(noise + sum(each**2 for each in at.values()))
