"""How rough a trip really was, against hand calculation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.alarms import AlarmKind
from sim.mishaps import set_drive
from sim.motion import Style
from sim.roughness import rough_from, roughness
from tests.sim.lifts import plain_lift

HARSH = Style(1.0, 1.8, 20.0, 1.8, 20.0, 0.0, 0.0, 1.0, 20.0)


def test_peak_acceleration_and_jerk_of_a_smooth_trip_are_those_of_its_style() -> None:
    lift = plain_lift(style=Style(2.0, 1.0, 0.8, 1.0, 0.8, 0.0, 0.0, 1.0, 0.8))
    lift.travel(4)
    lift.shakes.cut(0.0)
    found = roughness(lift, lift.trips[0])
    assert found.accel_mps2 == pytest.approx(1.0, abs=0.01)
    assert found.jerk_mps3 == pytest.approx(0.8, abs=0.02)


def test_step_of_acceleration_is_a_jerk_of_1_5_times_its_height_over_the_half_second() -> None:
    lift = plain_lift(style=replace(HARSH, start_mps2=1.0, start_mps3=1e4, slow_mps2=0.3, slow_mps3=0.3))
    lift.travel(4)
    lift.shakes.cut(0.0)
    # best straight line through a step in the middle of a window of length T: slope 1.5 * height / T
    assert roughness(lift, lift.trips[0]).jerk_mps3 == pytest.approx(1.5 * 1.0 / 0.5, rel=0.03)


def test_lift_that_became_jerky_may_be_called_so_and_one_that_always_was_may_not() -> None:
    lift = plain_lift()
    for number in range(28):
        if number == 24:
            set_drive(lift, 0.7, 20.0)
        lift.travel(2 if number % 2 == 0 else 0)
        lift.wait(5.0)
    assert rough_from(lift) == {AlarmKind.EXCESSIVE_JERK: lift.trips[26].start_s}


def test_harsh_lift_may_be_called_so_from_its_third_trip_on_and_a_smooth_one_never() -> None:
    harsh, smooth = plain_lift(style=HARSH), plain_lift()
    for lift in (harsh, smooth):
        for landing in (2, 0, 2, 0):
            lift.travel(landing)
            lift.wait(5.0)
    allowed = rough_from(harsh)
    assert allowed == {AlarmKind.EXCESSIVE_ACCELERATION: harsh.trips[2].start_s}
    assert not rough_from(smooth)
