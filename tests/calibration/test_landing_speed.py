"""The even speed of trips: the waves of the rails are measured and doubted, and one landing is one witness."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest

from calibration.landings_heights import balance
from calibration.landings_speed import EvenPart, EvenSpeed, common_sigma, even_speed, wave_size
from calibration.landings_trips import MeasuredTrip

DENSITY_MPS, BIAS_MPS2 = 0.0002, 0.0005


def part(wave_mps: float, phase: float = 0.0, mps: float = 0.6, seconds: float = 20.0) -> EvenPart:
    """An even part between two pushes of 2 s; the wave is that of rails, nought at the start as a trip begins."""
    times = np.arange(2.0, seconds, 0.25)
    wave = wave_mps * sqrt(2.0)
    speeds = mps + wave * (np.sin(2 * pi * times / 3.0 + phase) - np.sin(phase))
    end = wave * (np.sin(2 * pi * (seconds + 2.0) / 3.0 + phase) - np.sin(phase))
    return EvenPart(times, speeds, seconds + 2.0, float(end))


@pytest.mark.parametrize("size_mps", [0.003, 0.02])
def test_the_size_of_the_waves_is_seen_in_the_even_part(size_mps: float) -> None:
    assert wave_size([part(size_mps, phase) for phase in (0.0, 1.0, 2.0)], DENSITY_MPS) == pytest.approx(
        size_mps, rel=0.1
    )


def test_what_noise_does_to_the_speed_is_no_wave() -> None:
    rng = np.random.default_rng(5)
    density = 0.004
    times = np.arange(2.0, 40.0, 0.25)
    walks = [np.cumsum(rng.normal(0.0, density * sqrt(0.25), len(times))) for _ in range(200)]
    assert wave_size([EvenPart(times, 0.6 + walk, 42.0, 0.0) for walk in walks], density) < 0.8 * density


def test_the_doubt_of_a_speed_covers_what_waves_of_any_phase_do_to_it() -> None:
    size = 0.01
    speeds = [even_speed(part(size, phase), DENSITY_MPS, size, BIAS_MPS2) for phase in np.linspace(0.0, 6.0, 40)]
    errors = np.array([each.mps - 0.6 for each in speeds])
    assert float(np.sqrt(np.mean(errors**2))) < 1.2 * speeds[0].sigma_mps
    calm = even_speed(part(0.0), DENSITY_MPS, 0.001, BIAS_MPS2)
    assert calm.sigma_mps < 0.3 * speeds[0].sigma_mps


def test_ten_trips_between_two_landings_are_no_surer_of_the_waves_than_one() -> None:
    waves = [EvenSpeed(0.6, 0.01, 0.01)] * 10
    same = common_sigma(waves, [(0, 1), (1, 0)] * 5)
    others = common_sigma(waves, [(n, n + 1) for n in range(10)])
    assert same == pytest.approx(0.01, rel=0.01)
    assert others < 0.6 * same
    noise = [EvenSpeed(0.6, 0.01, 0.0)] * 10
    assert common_sigma(noise, [(0, 1), (1, 0)] * 5) == pytest.approx(0.01 / sqrt(10.0))


def test_trips_that_contradict_each_other_make_the_heights_unsure() -> None:
    def sigma(off_m: float) -> float:
        ways = [3.0, 3.0, -6.0, 6.0 + off_m, -6.0 + off_m]
        return balance([MeasuredTrip(n, n + 1, way, 0.01, None, 0.0) for n, way in enumerate(ways)]).sigmas_m[-1]

    assert sigma(0.2) > 3.0 * sigma(0.0)
