"""Emergency stops frame by frame: a start of 1 m/s2 to 1 m/s, a second of even speed, and a brake; by hand.

A frame of 1 m/s2 changes the speed by 0.05 m/s. Deceleration is a mean over two frames. Source: alarm catalogue row 32.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.detect.course import Course
from edge_agent.detect.rules.acceleration import EmergencyStopRule
from edge_agent.detect.rules.rule import Finding
from tests.detect.states import LIMITS, At, running, standing
from tests.detect.test_entrapment_edges import RIDE, evidence

UP_M_S = [1.0] * 20 + [0.0] * 20


class Trip:
    """A trip and what the rule says of it. `told`: the number of the frame and the finding."""

    def __init__(self, learned_mps2: float | None = None) -> None:
        self.rule = EmergencyStopRule(LIMITS)
        self.course = Course(2000)
        self.learned_mps2 = learned_mps2
        self.index = 1999
        self.told: list[tuple[int, Finding]] = []

    def feel(self, accels: list[float], *, is_mounted: bool = True) -> Trip:
        for accel in accels:
            self.index += 1
            self.course.add(self.index, accel, is_mounted=is_mounted)
            car = running(
                (self.index + 1) * 0.05,
                speed_mps=self.course.speed,
                course=self.course,
                motion__accel_mps2=accel,
                motion__is_mounted=is_mounted,
                learned_decel_mps2=self.learned_mps2,
            )
            self.told += [(self.index, found) for found in self.rule.step(car, frozenset())]
        return self


def is_told(accels: list[float], learned_mps2: float | None = None) -> bool:
    ways = [bool(Trip(learned_mps2).feel([sign * accel for accel in accels]).told) for sign in (1.0, -1.0)]
    assert ways[0] is ways[1]  # up as down
    return ways[0]


@pytest.mark.parametrize(
    ("learned_mps2", "limit_mps2"),
    [
        (None, 2.0),
        (1.0, 1.6),  # 1.6 times its own
        (0.5, 1.1),  # but never less than what soft drives reach
        (1.5, 2.0),  # and never more than 2
    ],
)
def test_the_deceleration_reaches_the_limit_of_this_lift(learned_mps2: float | None, limit_mps2: float) -> None:
    assert not is_told([*UP_M_S, *[-(limit_mps2 - 0.02)] * 30], learned_mps2)
    assert is_told([*UP_M_S, *[-(limit_mps2 + 0.02)] * 30], learned_mps2)


def test_it_is_told_once_in_the_frame_of_the_standstill_with_its_figures() -> None:
    """3.9 m/s2 take 0.195 m/s a frame: at rest in the fifth."""
    trip = Trip().feel([*UP_M_S, *[-3.9] * 5, 1.0, -1.0, -9.0, -9.0])
    ((index, found),) = trip.told
    assert index == 2000 + 40 + 4
    assert evidence(found) == {"decel_mps2_peak": 3.9, "car_speed_mps": 1.0, "stop_s": 0.25}
    assert found.is_confirmed


def test_ten_centimetres_a_second_are_at_rest() -> None:
    ((index, _),) = Trip().feel([*UP_M_S, *[-3.7] * 5, 0.0]).told  # 1 - 5 x 0.185 = 0.075
    assert index == 2044
    assert Trip().feel([*UP_M_S, *[-3.5] * 5, 0.0, 0.0]).told == []  # 0.125


def test_a_single_hard_frame_is_half_of_one() -> None:
    assert not is_told([*UP_M_S, -3.8, -0.1, *[-1.0] * 20])
    assert is_told([*UP_M_S, -3.8, -0.3, *[-1.0] * 20])


def test_the_speed_before_is_thirty_centimetres_a_second() -> None:
    for frames, expected in ((5, False), (7, True)):  # 0.25 and 0.35 m/s
        assert is_told([1.0] * frames + [0.0] * 20 + [-3.0] * 2) is expected


def test_the_car_is_at_rest_within_a_second_and_a_half_of_the_hard_moment() -> None:
    """Two frames of 3 m/s2 leave 0.7 m/s; 30 frames later it is below 0.1 or not."""
    assert is_told([*UP_M_S, -3.0, -3.0, *[-0.41] * 40])
    assert not is_told([*UP_M_S, -3.0, -3.0, *[-0.395] * 40])


def test_from_a_high_speed_it_may_take_as_long_as_the_limit_takes_and_the_bite() -> None:
    """6 m/s by 2 m/s2 and 0.2 s: 64 frames; two of 3 m/s2 leave 5.7 m/s."""
    fast = [1.5] * 80 + [0.0] * 20
    assert is_told([*fast, -3.0, -3.0, *[-1.76] * 80])
    assert not is_told([*fast, -3.0, -3.0, *[-1.72] * 80])


def test_what_starts_harder_than_any_lift_is_a_box_in_somebodys_hand() -> None:
    for start_mps2, expected in ((2.4, True), (2.6, False)):
        assert is_told([start_mps2] * 8 + [0.0] * 20 + [-4.0] * 8) is expected
    for quiet, expected in ((19, False), (21, True)):  # the fortieth frame, and later
        assert is_told([1.0] * 20 + [0.0] * quiet + [2.6, -2.6] + [0.0] * 20 + [-4.0] * 6) is expected


def test_a_box_that_is_loose_before_the_brake_says_nothing_and_one_that_the_stop_shakes_does() -> None:
    assert Trip().feel(UP_M_S).feel([-4.0] * 6, is_mounted=False).told == []
    assert len(Trip().feel([*UP_M_S, -4.0, -4.0]).feel([-4.0] * 4, is_mounted=False).told) == 1


@pytest.mark.parametrize(("jumps_mps2", "expected"), [(1.5, True), (1.65, False)])
def test_the_lost_speed_is_four_times_what_the_shaking_of_the_second_before_makes(
    jumps_mps2: float, expected: bool
) -> None:
    """Frames of +-j differ by 2 j: 1.41 j of shaking; four times that over five frames is 0.63 j m/s of 1 m/s lost."""
    assert is_told([*UP_M_S, *[-jumps_mps2, jumps_mps2] * 10, *[-4.0] * 5]) is expected
    assert is_told([*UP_M_S, *[-jumps_mps2, jumps_mps2] * 10, *[0.0] * 21, *[-4.0] * 5])


def test_the_next_trip_that_is_not_told_ends_it() -> None:
    rule = Trip().feel([*UP_M_S, *[-4.0] * 5]).rule
    assert not rule.is_over(standing(200.0), "")
    assert not rule.is_over(standing(200.0, ride=replace(RIDE, start_ns=At(100.0).ns)), "")
    assert rule.is_over(standing(200.0, ride=replace(RIDE, start_ns=At(100.05).ns)), "")


def test_without_a_trip_a_hard_moment_is_forgotten() -> None:
    trip = Trip().feel([*UP_M_S, -4.0, -4.0])
    trip.rule.step(standing(103.0), frozenset())
    assert trip.feel([-1.0] * 20).told == []
