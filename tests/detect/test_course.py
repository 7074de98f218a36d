"""The course of one trip, by hand: integration, drift taken out, peaks, jerk, gaps."""

from __future__ import annotations

import pytest

from edge_agent.detect.course import COURSE_FRAMES_MAX, Course
from edge_agent.detect.signal import FRAME_NS, FRAME_S


def course(accels: list[float], start: int = 100) -> Course:
    one = Course(start)
    for k, accel in enumerate(accels):
        one.add(start + k, accel, is_mounted=True)
    return one


def stopped(accels: list[float], start: int = 100) -> Course:
    one = course(accels, start)
    one.stop_index = start + len(accels) - 1
    return one


def test_speed_and_travel_are_the_sums_of_the_frames() -> None:
    one = course([1.0] * 20 + [0.0] * 20)
    assert one.speed == pytest.approx(1.0)
    # 0.05 (0.05 + 0.10 + ... + 1.00) + 1.0 m = 0.525 + 1.0
    assert one.travel == pytest.approx(1.525)
    assert one.peak_speed == pytest.approx(1.0)


def test_speed_at_a_frame_is_that_at_its_end() -> None:
    one = course([1.0] * 4)
    assert [one.speed_at(index) for index in (99, 100, 103, 200)] == pytest.approx([0.0, 0.05, 0.2, 0.2])


def test_a_symmetrical_trip_is_measured_by_hand() -> None:
    ride = stopped([1.0] * 20 + [0.0] * 40 + [-1.0] * 20).measure()
    # 1 m/s2 for 1 s, 2 s of 1 m/s, 1 s of braking: 0.5 + 2 + 0.5 m; sums of frames add half a frame of 1 m/s
    # at the start (0.025) and take as much off at the end.
    assert ride.distance_m == pytest.approx(3.0)
    assert ride.speed_mps == pytest.approx(1.0)
    assert (ride.accel_mps2, ride.decel_mps2) == pytest.approx((1.0, 1.0))
    assert (ride.start_ns, ride.end_ns) == (100 * FRAME_NS, 180 * FRAME_NS)


def test_a_downward_trip_is_the_mirror_image() -> None:
    up = stopped([0.5] * 20 + [0.0] * 10 + [-1.0] * 10).measure()
    down = stopped([-0.5] * 20 + [0.0] * 10 + [1.0] * 10).measure()
    assert down.distance_m == pytest.approx(-up.distance_m)
    assert down.distance_m < 0.0
    assert (down.speed_mps, down.accel_mps2, down.decel_mps2, down.jerk_mps3) == pytest.approx(
        (up.speed_mps, up.accel_mps2, up.decel_mps2, up.jerk_mps3)
    )
    assert (up.accel_mps2, up.decel_mps2) == pytest.approx((0.5, 1.0))


def test_a_wrong_baseline_is_taken_out_because_a_car_at_rest_has_no_speed() -> None:
    true = [0.8] * 20 + [0.0] * 60 + [-0.8] * 20
    clean = stopped(true).measure()
    biased = stopped([a + 0.05 for a in true]).measure()
    assert biased.distance_m == pytest.approx(clean.distance_m, abs=1e-9)
    assert biased.speed_mps == pytest.approx(clean.speed_mps, abs=1e-9)
    assert biased.accel_mps2 == pytest.approx(clean.accel_mps2, abs=1e-9)


def test_frames_after_the_stop_do_not_count() -> None:
    one = course([1.0] * 20 + [-1.0] * 20 + [0.0] * 14)
    one.stop_index = 139
    with_tail = one.measure()
    assert with_tail.distance_m == pytest.approx(stopped([1.0] * 20 + [-1.0] * 20).measure().distance_m)
    assert with_tail.end_ns == 140 * FRAME_NS


def test_frames_that_are_missing_are_taken_to_be_like_the_next() -> None:
    whole = course([1.0] * 10 + [0.0] * 10)
    holed = Course(100)
    for k, accel in enumerate([1.0] * 10 + [0.0] * 10):
        if k not in (4, 5, 14):
            holed.add(100 + k, accel, is_mounted=True)
    assert holed.speed == pytest.approx(whole.speed)
    assert holed.travel == pytest.approx(whole.travel, abs=0.01)


def test_jerk_is_the_slope_of_the_best_line_over_half_a_second() -> None:
    ramp = [0.1 * k for k in range(11)]  # 1 m/s2 in ten frames of 50 ms: 2 m/s3
    ride = stopped([*ramp, *[1.0] * 10, *reversed(ramp), *[0.0] * 10, *[-0.5] * 42]).measure()
    assert ride.jerk_mps3 == pytest.approx(2.0, rel=0.05)


def test_a_single_jolt_is_no_jerk_of_its_full_height() -> None:
    accels = [0.0] * 30
    accels[15] = 2.0  # 2 m/s2 in one frame would be 40 m/s3 from frame to frame
    assert 0.5 < stopped(accels).measure().jerk_mps3 < 8.0


def test_braking_shows_once_a_quarter_of_the_speed_is_gone() -> None:
    one = course([1.0] * 20)
    assert not one.has_braked
    for k in range(4):
        one.add(120 + k, -1.0, is_mounted=True)
        one.mark_push(-1.0, threshold=0.04)
    assert not one.has_braked  # 0.8 m/s of 1.0
    for k in range(2):
        one.add(124 + k, -1.0, is_mounted=True)
        one.mark_push(-1.0, threshold=0.04)
    assert one.has_braked


def test_speed_that_is_lost_without_a_push_is_drift_and_no_braking() -> None:
    one = course([1.0] * 20 + [-0.02] * 300)
    assert one.speed < 0.75 * one.peak_speed
    assert not one.has_braked


def test_getting_faster_downwards_is_not_braking() -> None:
    assert not course([-1.0] * 40).has_braked


def test_a_late_push_takes_the_rest_of_the_speed_and_belongs_to_the_trip() -> None:
    one = course([1.0] * 20 + [-1.0] * 16)  # 0.2 m/s left
    one.last_push_index = one.stop_index = 135
    late = Course(136)
    for k in range(30):
        late.add(136 + k, 0.0, is_mounted=True)  # 1.5 s of creep
    for k in range(4):
        late.add(166 + k, -1.0, is_mounted=True)
    late.last_push_index = 169
    one.extend(late)
    assert one.speed == pytest.approx(0.0, abs=1e-9)
    ride = one.measure()
    assert ride.end_ns == 170 * FRAME_NS
    # 0.525 + (1 - 0.2) ... by the trapezoid: 0.5 + (1.0 + 0.2)/2 * 0.8 + 0.2 * 1.5 + 0.2^2 / 2
    assert ride.distance_m == pytest.approx(0.5 + 0.48 + 0.3 + 0.02, abs=0.01)


def test_the_largest_acceleration_so_far_counts_along_the_direction_of_travel() -> None:
    up, down = course([0.4, 0.9, 0.2, -3.0]), course([-0.4, -0.9, -0.2, 0.3])
    assert up.accel_until(102) == pytest.approx(0.9)
    assert down.accel_until(103) == pytest.approx(0.9)


def test_a_box_that_was_handled_most_of_the_time_was_not_mounted() -> None:
    one = Course(0)
    for k in range(40):
        one.add(k, 0.5 if k < 20 else -0.5, is_mounted=k % 2 == 0)
    one.stop_index = 39
    assert not one.measure().was_mounted
    assert stopped([0.5] * 20 + [-0.5] * 20).measure().was_mounted


def test_a_course_has_a_bound() -> None:
    one = Course(0)
    for k in range(COURSE_FRAMES_MAX):
        assert not one.is_full
        one.add(k, 0.0, is_mounted=True)
    assert one.is_full
    assert pytest.approx(300.0) == COURSE_FRAMES_MAX * FRAME_S  # 45 m at 0.15 m/s


def test_a_push_ends_with_the_last_frame_that_is_itself_above_the_threshold() -> None:
    one = Course(100)
    for index, accel in ((100, 0.5), (101, -0.5), (102, 0.02)):
        one.add(index, accel, is_mounted=True)
        one.mark_push(accel, threshold=0.04)
    assert one.last_push_index == 101


# ---- doubt


def test_a_smooth_start_leaves_no_doubt_and_shaking_leaves_the_speed_of_a_random_walk() -> None:
    smooth, shaken = course([0.05 * k for k in range(20)]), course([0.5, -0.5] * 10)
    # 20 steps of 0.05 m/s2: 0.05 s sqrt(20 * 0.05^2 / 2)
    assert smooth.doubt_mps == pytest.approx(0.05 * (19 * 0.00125) ** 0.5)
    # the first frame steps by 0.5, 19 more by 1.0: 0.05 s sqrt(0.125 + 19 * 0.5)
    assert shaken.doubt_mps == pytest.approx(0.05 * (0.125 + 9.5) ** 0.5)
    assert smooth.speed > 20.0 * smooth.doubt_mps
    assert abs(shaken.speed) < shaken.doubt_mps


def test_shaking_before_a_moment_is_that_of_the_frames_up_to_it() -> None:
    one = course([0.5, -0.5] * 10 + [0.0] * 20)
    assert one.shaking_before(119, 10) == pytest.approx(0.5**0.5)
    assert one.shaking_before(139, 10) == 0.0
    assert one.shaking_before(99, 10) == 0.0


def test_drift_of_a_quiet_second_is_held_back_from_the_speed_but_not_from_the_measurement() -> None:
    one = course([1.0] * 20 + [0.02] * 40)
    for k in range(10):
        one.add(one.start_index + 60 + k, 0.02, is_mounted=True)
        one.hold(20)
    assert one.speed == pytest.approx(1.0 + 40 * 0.02 * FRAME_S)
    assert one.speed_at(one.start_index + 59) == pytest.approx(one.speed)
    # The measurement sees the plain sum, 1.05 m/s at the end, and takes it out evenly over 70 frames.
    assert one.measure().speed_mps == pytest.approx(1.0 - 1.05 * 20 / 70)


def test_what_remains_of_a_push_is_the_part_since_the_speed_was_zero() -> None:
    part = course([0.4] * 5 + [-0.4] * 6 + [0.5] * 10).since_standing()
    assert part is not None
    assert part.speed == pytest.approx(0.25, abs=0.03)
    assert course([0.4] * 10).since_standing() is None


def test_a_trip_the_other_way_is_told_from_one_that_rings() -> None:
    def after(tail: list[float]) -> Course | None:
        one = course([1.0] * 20 + [-1.0] * 20)
        one.mark_rest()
        for k, accel in enumerate(tail):
            one.add(140 + k, accel, is_mounted=True)
        return one.turned(0.4, 5.0)

    later = after([-0.8] * 12)
    assert later is not None
    assert later.start_index == 140
    assert later.speed == pytest.approx(-0.48)
    assert after([-0.8] * 9) is None  # 0.36 m/s
    assert after([4.0, -4.8] * 12) is None  # 0.48 m/s, but rung


def test_a_car_that_rings_at_rest_is_told_from_one_that_goes_on() -> None:
    for tail, is_ringing in (([2.0, -1.9] * 10, True), ([0.3] * 20, False)):
        one = course([1.0] * 20 + [-1.0] * 20)
        one.mark_rest()
        for k, accel in enumerate(tail):
            one.add(140 + k, accel, is_mounted=True)
        assert one.rang_since_rest(2.0, at_least_mps=0.05) is is_ringing
        assert one.rest_index == 139
