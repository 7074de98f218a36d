"""The course of a trip, frame by frame in round numbers: braking, rest, ringing, turning, doubt, measurement.

A frame of 1 m/s2 changes the speed by 0.05 m/s. Source: hand calculation; the constants' sources in `course.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.detect.course import Course
from edge_agent.detect.signal import FRAME_NS
from tests.detect.test_course import course, stopped


def near(value: float) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value, abs=1e-9)


def go_on(one: Course, accels: list[float], start: int) -> Course:
    for k, accel in enumerate(accels):
        one.add(start + k, accel, is_mounted=True)
    return one


def at_rest(accels: list[float]) -> Course:
    """A course that braking has just brought to rest in its last frame."""
    one = course(accels)
    one.mark_rest()
    return one


# ---- what a course is made of


def test_a_course_is_full_after_300_seconds() -> None:
    one = course([0.0] * 5999)
    assert not one.is_full
    one.add(100 + 5999, 0.0, is_mounted=True)
    assert one.is_full


def test_the_first_frame_counts_once_and_a_gap_as_often_as_frames_are_missing() -> None:
    one = Course(100)
    one.add(103, 1.0, is_mounted=True)
    assert (one.speed, one.travel) == (near(0.05), near(0.0025))
    one.add(106, 1.0, is_mounted=True)
    assert (one.speed, one.travel) == (near(0.2), near(0.0025 + 0.2 * 0.15))
    assert one.one_way_share == near(1.0)


def test_a_share_of_pushing_one_way_is_what_is_left_over_of_all() -> None:
    assert Course(100).one_way_share == 0.0
    assert course([1.0] * 3 + [-1.0]).one_way_share == near(0.5)
    assert course([-1.0] * 3 + [1.0]).one_way_share == near(0.5)


def test_doubt_is_that_of_a_random_walk_from_standstill_on() -> None:
    """Steps 2, 4 and 4 m/s2: half their squares are 18, and 0.05 s times the root of it is 0.212 m/s."""
    one = course([2.0, -2.0, 2.0])
    assert one.doubt_mps == near(0.05 * 18.0**0.5)
    assert one.doubt_since(0.0) == near(one.doubt_mps)
    assert one.doubt_since(0.05 * 10.0**0.5) == near(0.05 * 8.0**0.5)
    assert one.doubt_since(9.0) == 0.0
    assert one.measure().shaking_mps2 == near((18.0 / 3.0) ** 0.5)


# ---- braking


def braked(accels: list[float], push: float) -> bool:
    one = course(accels)
    one.mark_push(push, threshold=0.06)
    return one.has_braked


def test_braking_needs_a_speed_of_8_cm_a_second_before() -> None:
    assert not braked([0.5] * 3 + [-0.5] * 2, -0.5)  # 7.5 cm/s
    assert braked([0.5] * 4 + [-0.5] * 2, -0.5)  # 10 cm/s


def test_braking_has_taken_a_quarter_of_the_speed() -> None:
    assert not braked([1.0] * 20 + [-1.0] * 4, -1.0)  # 0.8 of 1.0 m/s left
    assert braked([1.0] * 20 + [-1.0] * 6, -1.0)  # 0.7
    assert braked([-1.0] * 20 + [1.0] * 6, 1.0)


def test_the_mean_push_or_the_newest_frame_must_be_against_the_speed() -> None:
    slowed = [1.0] * 20 + [-1.0] * 8
    assert braked([*slowed, 0.1], -0.5)
    assert braked(slowed, 0.5)
    assert not braked([*slowed, 0.1], 0.5)


def test_a_push_lasts_until_its_last_frame_above_the_threshold() -> None:
    for accel, index in ((0.07, 103), (-0.07, 103), (0.05, 100)):
        one = course([1.0])
        go_on(one, [0.0, 0.0, accel], 101)
        one.mark_push(1.0, threshold=0.06)
        assert one.last_push_index == index


# ---- rest


def test_rest_moves_with_the_brake_for_six_frames_and_later_only_for_what_is_plainly_taken() -> None:
    """0.1 m/s is left. One more frame of 1 m/s2 takes 0.05: the shaking of it alone is 0.05, twice that more."""
    slowed = [1.0] * 20 + [-1.0] * 18
    assert at_rest(slowed).rest_index == 137
    for quiet, index in ((0, 138), (5, 143), (6, 137)):
        one = go_on(at_rest(slowed), [0.0] * quiet + [-1.0], 138)
        one.mark_rest()
        assert one.rest_index == index


def test_rest_is_the_first_moment_where_nothing_more_is_taken() -> None:
    one = go_on(at_rest([1.0] * 20 + [-1.0] * 18), [0.0, 0.0], 138)
    one.mark_rest()
    assert one.rest_index == 137


@pytest.mark.parametrize(("accel", "index"), [(-1.2, 159), (-0.7, 137)])
def test_a_later_braking_takes_over_with_twice_its_doubt(accel: float, index: int) -> None:
    """0.4 m/s left, 1 s of quiet, two frames: 0.12 m/s taken against 2 x 0.055; 0.07 against 2 x 0.043."""
    one = go_on(at_rest([1.0] * 26 + [-1.0] * 12 + [-1.0] * 6), [0.0] * 20 + [accel] * 2, 144)
    assert one.rest_index == 143
    one.mark_rest()
    assert one.rest_index == (165 if index == 159 else 143)


def test_ringing_is_what_its_doubt_explains() -> None:
    """After the brake two frames of 1 m/s2 the other way: 0.1 m/s, and a doubt of 0.0707."""
    assert not course([1.0] * 3).rang_since_rest(9.0, at_least_mps=0.0)
    one = go_on(at_rest([1.0] * 20 + [-1.0] * 18), [1.0, 1.0], 138)
    assert not one.rang_since_rest(1.4, at_least_mps=0.05)
    assert one.rang_since_rest(1.45, at_least_mps=0.05)
    assert one.rang_since_rest(1.45, at_least_mps=0.07)
    assert not one.rang_since_rest(1.45, at_least_mps=0.072)


# ---- drift


def test_drift_of_the_oldest_quiet_frame_is_taken_from_the_speed_and_given_back_to_the_measurement() -> None:
    one = course([0.5, 0.1, 0.2])
    one.hold(2)
    assert one.speed == near(0.04 - 0.005)
    go_on(one, [0.0], 103)
    assert one.speed_at(103) == near(0.035)
    assert one.speed_at(102) == near(0.04)
    plain = course([0.5, 0.1, 0.2, 0.0])
    assert one.measure().distance_m == near(plain.measure().distance_m)


# ---- parts of a course


def test_the_part_since_it_stood_begins_where_the_speed_changes_its_sign() -> None:
    """Down to -0.2 m/s, up from there by 0.075 a frame: above zero in the third frame of it."""
    one = course([-1.0] * 4 + [1.5] * 8)
    part = one.since_standing()
    assert part is not None
    assert (part.start_index, part.speed, part.last_push_index) == (106, near(6 * 0.075), 106)
    # doubted as for 40 frames at the rate of the whole: (0.5 + 3.125) / 12 a frame
    assert part.doubt_mps == near(0.05 * (3.625 / 12.0 * 40.0) ** 0.5)
    assert part.travel == near(0.05 * 0.075 * 21.0)


def test_a_long_part_is_doubted_for_its_own_length() -> None:
    one = course([-1.0] * 4 + [1.5] * 56)
    part = one.since_standing()
    assert part is not None
    assert part.doubt_mps == near(0.05 * (3.625 / 60.0 * 54.0) ** 0.5)


def test_all_of_a_course_or_its_last_frame_alone_is_no_part() -> None:
    assert course([1.0] * 5).since_standing() is None
    assert course([-1.0, -1.0, 3.0]).since_standing() is None
    assert course([-1.0, -1.0, 3.0, 1.0]).since_standing() is not None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_trip_the_other_way_begins_after_the_rest(sign: float) -> None:
    there = [sign] * 20 + [-sign] * 20
    back = go_on(at_rest(there), [-sign] * 10, 140)
    turned = back.turned(0.4, 5.0)
    assert turned is not None
    assert (turned.start_index, turned.speed) == (140, near(-0.5 * sign))
    assert back.turned(0.51, 5.0) is None
    assert course(there + [-sign] * 10).turned(0.4, 5.0) is None  # it was never at rest
    assert go_on(at_rest(there), [sign] * 10, 140).turned(0.4, 5.0) is None  # it goes on
    shaken = go_on(at_rest(there), [0.0] + [-sign] * 10, 140)  # 0.5 m/s with a doubt of 0.05
    assert shaken.turned(0.4, 9.0) is not None
    assert shaken.turned(0.4, 11.0) is None


def test_the_largest_acceleration_counts_up_to_the_frame_asked_for() -> None:
    one = course([1.0, 2.0, 3.0, -9.0, 4.0])
    one.travel = 1.0
    assert [one.accel_until(index) for index in (99, 100, 101, 102, 103, 104)] == [0.0, 1.0, 2.0, 3.0, 3.0, 4.0]
    one.travel = -1.0
    assert [one.accel_until(index) for index in (102, 103)] == [-1.0, 9.0]


def test_shaking_is_that_of_so_many_frames_up_to_one() -> None:
    """A frame differs from its neighbour by 2 m/s2: 2 / sqrt(2) of it is shaking."""
    one = course([0.0] * 5 + [1.0, -1.0, 1.0, -1.0])
    assert one.shaking_before(108, 4) == near(2.0**0.5)
    assert one.shaking_before(108, 2) == near(2.0**0.5)
    assert one.shaking_before(108, 1) == 0.0
    assert one.shaking_before(104, 5) == 0.0
    assert one.shaking_before(106, 3) == near((5.0 / 4.0) ** 0.5)  # steps of 1 and 2
    assert one.shaking_before(101, 9) == 0.0
    assert one.shaking_before(99, 9) == 0.0


def test_pushing_against_the_travel_is_counted_between_two_frames() -> None:
    """Of the frames after the first up to the second one; none at all is none against."""
    one = course([1.0, 1.0, -3.0, 1.0, -2.0])
    one.travel = 1.0
    assert one.one_way_between(101, 104) == near(4.0 / 6.0)
    assert one.one_way_between(101, 102) == near(1.0)
    assert one.one_way_between(99, 101) == 0.0
    assert one.one_way_between(104, 104) == 0.0
    one.travel = -1.0
    assert one.one_way_between(99, 101) == near(1.0)
    assert one.one_way_between(101, 104) == 0.0
    assert course([0.0] * 4).one_way_between(99, 103) == 0.0


# ---- the measurement


@pytest.mark.parametrize(("handled", "was_mounted"), [(2, True), (3, False)])
def test_a_tenth_of_a_trip_may_be_handled(handled: int, was_mounted: bool) -> None:
    one = Course(100)
    for k in range(20):
        one.add(100 + k, 0.0, is_mounted=k >= handled)
    assert one.measure().was_mounted is was_mounted


def test_jerk_needs_half_a_second() -> None:
    """Acceleration that grows by 0.1 m/s2 a frame: 2 m/s3."""
    assert course([0.1 * k for k in range(9)]).measure().jerk_mps3 == 0.0
    assert course([0.1 * k for k in range(10)]).measure().jerk_mps3 == near(2.0)
    assert course([0.1 * k for k in range(12, 0, -1)]).measure().jerk_mps3 == near(2.0)
    assert course([0.0] * 20 + [0.1 * k for k in range(10)] + [0.9] * 20).measure().jerk_mps3 == near(2.0)


def test_a_trip_is_measured_up_to_its_stop_with_speed_zero_at_both_ends() -> None:
    """Four frames up, two even, four down, then a knock that does not count."""
    one = course([1.0] * 4 + [0.0] * 2 + [-1.0] * 4 + [7.0])
    one.stop_index = 109
    ride = one.measure()
    # speeds at the ends of the frames: 5, 10, 15, 20, 20, 20, 15, 10, 5, 0 cm/s
    assert ride.distance_m == near(0.05 * 1.2)
    assert (ride.speed_mps, ride.accel_mps2, ride.decel_mps2) == (near(0.2), near(1.0), near(1.0))
    assert (ride.start_ns, ride.end_ns) == (100 * FRAME_NS, 110 * FRAME_NS)


def test_an_even_drift_is_taken_out_of_speed_way_and_pushes() -> None:
    ride = stopped([1.1] * 4 + [0.1] * 2 + [-0.9] * 4).measure()
    assert ride.distance_m == near(0.05 * 1.2)
    assert (ride.speed_mps, ride.accel_mps2, ride.decel_mps2) == (near(0.2), near(1.0), near(1.0))


def test_missing_frames_count_in_the_measured_way() -> None:
    one = Course(100)
    for index, accel in ((100, 1.0), (101, 1.0), (104, 0.0), (105, -1.0), (106, -1.0)):
        one.add(index, accel, is_mounted=True)
    one.stop_index = 106
    # 5, 10, then 10 for three frames, 5, 0 cm/s
    assert one.measure().distance_m == near(0.05 * (0.05 + 0.1 + 0.3 + 0.05))


def test_a_late_push_ends_the_creep_it_found() -> None:
    """0.2 m/s is left; a push of the same size takes it away 0.3 s later."""
    one = stopped([1.0] * 8 + [-1.0] * 4)
    late = course([0.0] * 2 + [-1.0] * 4, start=112)
    late.last_push_index = 117
    one.extend(late)
    assert (one.speed, one.stop_index, one.last_push_index) == (near(0.0), 117, 117)
    # 5 .. 40 by fives, 35, 30, 25, 20, then 20, 20, 15, 10, 5, 0 cm/s
    assert one.measure().distance_m == near(0.05 * (1.8 + 1.1 + 0.7))
