"""Regions and figures of a ride on a few samples that can be counted by hand.

Source: field/standards 3.1 for boundaries, regions and jerk; constants of `ride.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_agent.detect import ride
from edge_agent.detect.ride_report import PeakToPeak
from edge_agent.detect.weighting import high_pass, run


def near(value: float, off: float = 1e-9) -> Any:
    return pytest.approx(value, abs=off)


def ramp(*values: float) -> ride.Floats:
    return np.array(values)


def test_the_inner_part_is_half_a_metre_from_both_ends() -> None:
    path = ramp(0.0, 0.4, 0.5, 1.0, 1.5, 1.6, 2.0)
    assert ride._inner(path, 100) == slice(102, 105)  # 0.5 to 1.5 m, both in it
    assert ride._inner(ramp(0.0, 0.49, 0.51, 0.52, 1.0), 0) is None
    assert ride._inner(ramp(0.0, 0.4), 0) is None
    assert ride._inner(ramp(0.0, 0.5, 0.6, 1.1), 0) == slice(1, 3)


def test_constant_speed_begins_two_seconds_after_the_rise_and_ends_half_a_second_before_the_fall() -> None:
    """Ten samples a second; 95 % of 1 m/s from sample 10 to 59."""
    speeds = np.concatenate((np.linspace(0.0, 0.94, 10), np.full(50, 0.951), np.linspace(0.94, 0.0, 10)))
    assert ride._constant(speeds, 1000, 1.0, 10.0, slice(1000, 1070)) == slice(1030, 1055)
    assert ride._constant(speeds, 1000, 1.0, 10.0, slice(1035, 1050)) == slice(1035, 1050)
    assert ride._constant(speeds, 1000, 1.0, 10.0, slice(1045, 1070)) == slice(1045, 1055)  # a second is enough
    assert ride._constant(speeds, 1000, 1.0, 10.0, slice(1046, 1070)) is None
    assert ride._constant(speeds, 1000, 1.0, 10.0, None) is None


@pytest.mark.parametrize(("count", "value"), [(1, 1.0), (19, 19.0), (20, 19.0), (21, 20.0), (40, 38.0), (100, 95.0)])
def test_95_percent_of_the_values_do_not_exceed_it(count: int, value: float) -> None:
    assert ride._not_exceeded_by_95_percent(np.arange(count, 0.0, -1.0)) == value
    assert ride._not_exceeded_by_95_percent(ramp()) == 0.0


def test_noise_is_that_of_the_quietest_second_at_rest() -> None:
    """Ten samples a second; looked at each half second."""
    loud, quiet = [3.0, -3.0] * 5, [1.0, -1.0] * 5
    assert ride._noise(ramp(*loud, *quiet, *loud), slice(0, 30), 10.0) == 2.0
    assert ride._noise(ramp(*loud[:5], *quiet, *loud), slice(0, 25), 10.0) == 2.0
    assert ride._noise(ramp(*loud, *quiet), slice(0, 19), 10.0) == 6.0
    assert ride._noise(ramp(*quiet), slice(0, 10), 10.0) == 2.0
    assert ride._noise(ramp(*quiet), slice(0, 9), 10.0) is None


def test_peak_to_peak_needs_two_half_waves_between_crossings() -> None:
    wave = ramp(1.0, -2.0, 3.0, -4.0, 5.0)
    assert ride.peak_to_peak(wave) == PeakToPeak(7.0, 7.0, 2)
    assert ride.peak_to_peak(wave, with_ends=True) == PeakToPeak(9.0, 9.0, 4)
    assert ride.peak_to_peak(wave[:3]) is None
    assert ride.peak_to_peak(wave[:4]) == PeakToPeak(5.0, 5.0, 1)
    assert ride.peak_to_peak(wave[:1], with_ends=True) is None
    assert ride.peak_to_peak(wave[:2], with_ends=True) == PeakToPeak(3.0, 3.0, 1)


def test_the_worst_direction_gives_each_value_by_itself() -> None:
    assert ride._worst([PeakToPeak(3.0, 1.0, 5), None, PeakToPeak(2.0, 1.5, 4)]) == PeakToPeak(3.0, 1.5, 5)
    assert ride._worst([None, None]) is None


def test_jerk_is_the_slope_over_half_a_second() -> None:
    """Ten samples a second: a line through six."""
    line = [0.2 * k for k in range(12)]
    assert ride._steepest(ramp(*line), 10.0) == near(2.0)
    assert ride._steepest(ramp(*reversed(line)), 10.0) == near(2.0)
    assert ride._steepest(ramp(*line[:6]), 10.0) == near(2.0)
    assert ride._steepest(ramp(*line[:5]), 10.0) == 0.0
    assert ride._steepest(ramp(0.0, 2.0, 4.0), 2.0) == near(4.0)


def test_acceleration_and_braking_are_those_between_5_and_95_percent_of_the_top_speed() -> None:
    speeds = ramp(0.0, 0.04, 0.05, 0.5, 0.94, 0.95, 1.0, 0.95, 0.94, 0.5, 0.05, 0.04)
    accels = ramp(9.0, 8.0, 1.0, 2.0, 1.5, 7.0, 0.0, -7.0, -1.0, -3.0, -1.5, -8.0)
    motion = ride._motion(np.concatenate((np.zeros(100), accels)), speeds, 0.96, 100, 10.0)
    assert (motion.accel_mps2, motion.accel_mps2_a95) == (9.0, 2.0)
    assert (motion.decel_mps2, motion.decel_mps2_a95) == (8.0, 3.0)
    assert (motion.speed_mps, motion.speed_mps_v95) == (1.0, 0.96)
    still = ride._motion(np.full(5, 1.0), ramp(0.0, 0.5, 1.0, 1.0, 1.0), 1.0, 0, 10.0)
    assert (still.decel_mps2, still.decel_mps2_a95) == (0.0, 0.0)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 200])
def test_filtering_by_blocks_gives_the_same_as_sample_by_sample(count: int) -> None:
    values = np.sin(np.arange(count) * 0.3)
    expected, _ = run(high_pass(400.0), values.tolist())
    assert np.abs(ride.filtered(high_pass(400.0), values) - np.array(expected)).max() < 1e-9


def test_two_directions_across_each_other_lie_in_the_horizontal() -> None:
    for up in (ramp(0.0, 0.0, 1.0), ramp(1.0, 0.0, 0.0), ramp(0.6, 0.0, 0.8), ramp(-0.48, 0.6, 0.64)):
        along, across = ride._axes(up)
        assert max(abs(along @ up), abs(across @ up), abs(along @ across)) < 1e-12
        assert (along @ along, across @ across) == (near(1.0), near(1.0))
