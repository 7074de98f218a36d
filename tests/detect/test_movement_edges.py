"""Rules about where the car stands and moves, one frame at a time: figures worked out by hand, from both sides.

Times in seconds; the car has stood, or been on its way, since 100 s. Source: alarm catalogue rows 3, 4, 33, 35 and 36.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.alarms import DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course, Ride
from edge_agent.detect.rules.movement import (
    OverspeedRule,
    PositionLostRule,
    RunTimeExceededRule,
    StoppedOutsideDoorZoneRule,
    UnintendedMovementRule,
)
from tests.detect.states import ARRIVED_S, LIMITS, At, changed, running, standing
from tests.detect.test_entrapment_edges import evidence, is_raised, last

FRAME_S = 0.05
SURE: dict[str, Any] = {"motion__is_sure": True, "motion__is_mounted": True}


def a_ride(start_s: float, end_s: float) -> Ride:
    return Ride(At(start_s).ns, At(end_s).ns, 6.0, 1.0, 0.7, 0.7, 1.0, True)


# ---- stopped outside every door zone


def test_standing_outside_is_suspected_after_three_seconds_and_told_after_fifteen() -> None:
    rule = StoppedOutsideDoorZoneRule(LIMITS)
    found = [last(rule, standing(t_s, outside=True)) for t_s in (100.0, 102.95, 103.0, 114.95, 115.0)]
    assert [each is not None for each in found] == [False, False, True, True, True]
    assert [is_raised(each) for each in found] == [False, False, False, False, True]
    assert evidence(last(rule, standing(115.26, outside=True, position__offset_m=0.5125))) == {
        "standstill_s": 15.3,
        "landing_offset_mm": 512,
    }
    assert "landing_offset_mm" not in evidence(found[-1])


def test_a_stop_that_is_noticed_up_to_twelve_seconds_late_counts_from_its_beginning() -> None:
    for noticed_s, raised_at_s in ((112.0, 115.0), (112.05, 127.05)):
        rule = StoppedOutsideDoorZoneRule(LIMITS)
        last(rule, standing(noticed_s, outside=True))
        assert not is_raised(last(rule, standing(raised_at_s - FRAME_S, outside=True)))
        assert is_raised(last(rule, standing(raised_at_s, outside=True)))


def test_a_place_in_a_zone_or_unknown_and_a_trip_begin_it_anew() -> None:
    for between in (standing(110.0, outside=False), standing(110.0, outside=None), running(110.0)):
        rule = StoppedOutsideDoorZoneRule(LIMITS)
        last(rule, standing(100.0, outside=True), between)
        again: dict[str, Any] = {"since_s": 120.0, "outside": True}
        assert not is_raised(last(rule, standing(120.0, **again), standing(134.95, **again)))
        assert is_raised(last(rule, standing(135.0, **again)))


def test_a_box_that_could_not_judge_yet_counts_standing_outside_from_when_it_can() -> None:
    rule = StoppedOutsideDoorZoneRule(LIMITS)
    parts: dict[str, Any] = {"outside": True, "armed_ns": At(108.0).ns}
    assert not is_raised(last(rule, standing(108.0, **parts), standing(122.95, **parts)))
    assert is_raised(last(rule, standing(123.0, **parts)))


def test_it_ends_with_a_movement_or_at_a_landing_but_not_where_the_place_is_unknown() -> None:
    rule = StoppedOutsideDoorZoneRule(LIMITS)
    assert rule.is_over(running(120.0), "")
    assert rule.is_over(standing(120.0, outside=False), "")
    assert not rule.is_over(standing(120.0, outside=None), "")
    assert not rule.is_over(standing(120.0, outside=True), "")


# ---- unintended movement


def open_car(t_s: float = 110.0, **parts: Any) -> CarState:
    return standing(t_s, door=DoorState.OPEN, **{**SURE, **parts})


def leaving(travel_m: float, speed_mps: float, doubt_mps: float = 0.0, **parts: Any) -> CarState:
    view: dict[str, Any] = {"motion__travel_m": travel_m, "motion__doubt_mps": doubt_mps, "door__state": DoorState.OPEN}
    return running(112.0, speed_mps=speed_mps, **{**SURE, **view, **parts})


def is_told(*cars: CarState) -> bool:
    return is_raised(last(UnintendedMovementRule(LIMITS), *cars))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_twenty_centimetres_are_too_far_however_slow(sign: float) -> None:
    assert not is_told(open_car(), leaving(sign * 0.19, sign * 0.05))
    assert is_told(open_car(), leaving(sign * 0.21, sign * 0.05))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_thirty_centimetres_a_second_are_too_fast_after_three_centimetres(sign: float) -> None:
    assert not is_told(open_car(), leaving(sign * 0.05, sign * 0.30))
    assert is_told(open_car(), leaving(sign * 0.05, sign * 0.31))
    assert not is_told(open_car(), leaving(sign * 0.02, sign * 0.9))
    assert is_told(open_car(), leaving(sign * 0.03, sign * 0.9))


def test_the_way_counts_from_where_the_door_stood_open() -> None:
    assert not is_told(open_car(motion__travel_m=1.0), leaving(1.19, 0.1))
    assert is_told(open_car(motion__travel_m=1.0), leaving(1.21, 0.1))
    assert is_told(open_car(motion__travel_m=1.0), leaving(0.79, 0.1))


def test_the_speed_must_be_five_times_its_doubt() -> None:
    assert not is_told(open_car(), leaving(0.5, 0.49, doubt_mps=0.1))
    assert is_told(open_car(), leaving(0.5, 0.5, doubt_mps=0.1))


def test_a_push_that_is_not_yet_a_trip_counts_by_its_speed_alone() -> None:
    """The motion stage shows the speed of a push before it believes in a trip."""
    pushed: dict[str, Any] = {"motion__speed_mps": 0.4, "motion__travel_m": 0.1}
    assert is_told(open_car(), open_car(112.0, **pushed))
    assert not is_told(open_car(), open_car(112.0, motion__speed_mps=0.2, motion__travel_m=0.5))
    assert is_told(open_car(), leaving(0.5, 0.2))


def test_a_movement_that_began_with_the_door_closed_is_none() -> None:
    shut = standing(110.0, **SURE)
    assert not is_told(shut, leaving(0.5, 0.5))
    assert not is_told(open_car(105.0), shut, leaving(0.5, 0.5))


def test_a_door_that_is_only_assumed_to_be_closing_is_not_seen_open() -> None:
    closing: dict[str, Any] = {"door__state": DoorState.CLOSING, "door__break_ns": 0}
    assert not is_told(standing(110.0, **SURE, **closing), leaving(0.5, 0.5, **closing))
    broken: dict[str, Any] = {**closing, "door__break_ns": 1}
    assert is_told(standing(110.0, **SURE, **broken), leaving(0.5, 0.5, **broken))


@pytest.mark.parametrize(
    "view", [{"door__is_witnessed": False}, {"motion__is_sure": False}, {"motion__is_mounted": False}]
)
def test_without_a_word_about_the_door_a_sure_motion_or_a_fixed_box_nothing_is_claimed(view: dict[str, Any]) -> None:
    assert not is_told(open_car(**view), leaving(0.5, 0.5, **view))
    assert is_told(open_car(), leaving(0.5, 0.5))


def test_a_technician_may_go_at_inspection_speed() -> None:
    assert not is_told(open_car(), leaving(0.5, 0.63, is_inspection=True))
    assert not is_told(open_car(), leaving(0.5, -0.63, is_inspection=True))
    assert is_told(open_car(), leaving(0.5, 0.64, is_inspection=True))


def zone(t_s: float, witness: bool | None, **parts: Any) -> CarState:
    return open_car(t_s, **{"door_since_s": 100.0, "position__zone_witness": witness, **parts})


def test_a_zone_lost_for_a_fifth_of_a_second_under_an_open_door_is_told() -> None:
    rule = UnintendedMovementRule(LIMITS)
    cars = (zone(101.0, True), zone(105.0, False), zone(105.15, False), zone(105.2, False))
    assert [is_raised(last(rule, car)) for car in cars] == [False, False, False, True]
    found = last(rule, zone(105.25, False, motion__travel_m=0.254, motion__speed_mps=0.057))
    assert evidence(found) == {"car_travel_m": 0.25, "car_speed_mps": 0.06}


def test_the_door_must_have_stood_open_for_a_second_in_the_zone() -> None:
    for stood_s, expected in ((0.95, False), (1.0, True)):
        cars = (zone(100.0 + stood_s, True), zone(105.0, False), zone(105.2, False))
        assert is_told(*cars) is expected
    assert not is_told(zone(101.0, None), zone(105.0, False), zone(105.2, False))
    assert not is_told(zone(101.0, True), zone(105.0, False), zone(105.1, True), zone(105.2, False), zone(105.3, False))
    moving = running(105.0, **SURE, door__state=DoorState.OPEN, position__zone_witness=False)
    assert not is_told(zone(101.0, True), moving, changed(moving, t_ns=At(105.3).ns))


def test_unintended_movement_ends_closed_at_rest_and_not_between_landings() -> None:
    rule = UnintendedMovementRule(LIMITS)
    assert rule.is_over(standing(120.0), "")
    assert rule.is_over(standing(120.0, outside=None), "")
    assert not rule.is_over(standing(120.0, outside=True), "")
    assert not rule.is_over(standing(120.0, door=DoorState.OPEN), "")
    assert not rule.is_over(running(120.0), "")


# ---- overspeed: rated 2.0 m/s, so more than 2.0 * 1.15 + 0.1 = 2.4 m/s


def fast(t_s: float, speed_mps: float = 2.5, **parts: Any) -> CarState:
    return running(t_s, speed_mps=speed_mps, **{"rated_speed_mps": 2.0, **SURE, **parts})


def is_fast(speed_mps: float, **parts: Any) -> bool:
    return is_raised(last(OverspeedRule(LIMITS), *(fast(t_s, speed_mps, **parts) for t_s in (110.0, 110.5))))


def test_overspeed_is_more_than_115_percent_and_a_tenth() -> None:
    assert not is_fast(2.39)
    assert is_fast(2.41)
    assert is_fast(-2.41)


def test_twice_the_doubt_of_the_speed_is_taken_off() -> None:
    assert not is_fast(2.59, motion__doubt_mps=0.1)
    assert is_fast(2.61, motion__doubt_mps=0.1)


def test_overspeed_lasts_four_frames() -> None:
    """0.2 s are four frames: the first one seen has itself lasted 0.05 s."""
    rule = OverspeedRule(LIMITS)
    times_s = (110.0, 110.05, 110.1, 110.15)
    assert [is_raised(last(rule, fast(t_s))) for t_s in times_s] == [False, False, False, True]
    for between in (fast(110.2, 2.3), standing(110.2), fast(110.2, door__state=DoorState.OPENING)):
        assert [is_raised(last(rule, each)) for each in (between, fast(110.25), fast(110.35))] == [False] * 3
        assert is_raised(last(rule, fast(110.4)))
    assert evidence(last(rule, fast(110.45, -2.516))) == {"car_speed_mps": 2.52, "rated_speed_mps": 2.0}


def test_overspeed_needs_a_rated_speed_a_sure_trip_a_fixed_box_and_a_shut_door() -> None:
    for view in ({"rated_speed_mps": None}, {"motion__is_sure": False}, {"motion__is_mounted": False}):
        assert not is_fast(9.0, **view)
    assert not is_fast(9.0, door__state=DoorState.OPEN)
    assert is_fast(9.0, door__state=DoorState.UNKNOWN, door__is_witnessed=False)


def test_overspeed_ends_with_a_trip_that_began_later() -> None:
    rule = OverspeedRule(LIMITS)
    assert is_raised(last(rule, fast(110.0), fast(110.5)))
    assert not rule.is_over(standing(130.0), "")
    assert not rule.is_over(standing(130.0, ride=a_ride(ARRIVED_S, 129.0)), "")
    assert rule.is_over(standing(160.0, ride=a_ride(ARRIVED_S + FRAME_S, 159.0)), "")


# ---- running too long


def run_limit_s(peak_mps: float = 1.0, longest_s: float = 0.0, **parts: Any) -> float:
    """The limit that the rule shows once it is exceeded."""
    rule = RunTimeExceededRule(LIMITS)
    rule.longest_s = longest_s
    course = Course(2000)
    course.peak_speed = peak_mps
    found = last(rule, running(1000.0, **{"course": course, **SURE, **parts}))
    limit_s = float(str(evidence(found)["run_s_max"]))
    at = {"course": course, **SURE, **parts}
    assert last(rule, running(ARRIVED_S + limit_s - 0.1, **at)) is None
    assert is_raised(last(rule, running(ARRIVED_S + limit_s + 0.1, **at)))
    return limit_s


@pytest.mark.parametrize(
    ("travel_m", "rated_mps", "limit_s"),
    [
        (3.0, 1.0, 20.0),  # 9 s and 10 s, but never below 20 s
        (20.0, 1.0, 38.6),  # 20 s, and 6 s for start and stop; a tenth and 10 s more
        (20.0, 2.0, 27.6),
        (30.0, 1.0, 49.6),
        (100.0, 1.0, 126.6),
    ],
)
def test_the_limit_follows_from_travel_and_rated_speed(travel_m: float, rated_mps: float, limit_s: float) -> None:
    assert run_limit_s(travel_max_m=travel_m, rated_speed_mps=rated_mps) == limit_s
    assert run_limit_s(peak_mps=rated_mps, travel_max_m=travel_m, rated_speed_mps=None) == limit_s


@pytest.mark.parametrize(("peak_mps", "limit_s"), [(2.0, 45.0), (1.0, 45.0), (0.7, 60.0), (0.35, 120.0), (0.2, 120.0)])
def test_where_the_travel_is_unknown_42_m_count_between_45_and_120_s(peak_mps: float, limit_s: float) -> None:
    assert run_limit_s(peak_mps) == limit_s
    assert run_limit_s(peak_mps, rated_speed_mps=9.0) == limit_s


def test_it_is_never_below_the_longest_trip_and_ten_seconds() -> None:
    assert run_limit_s(longest_s=34.0) == 45.0
    assert run_limit_s(longest_s=52.0) == 62.0
    assert run_limit_s(longest_s=52.0, travel_max_m=3.0, rated_speed_mps=1.0) == 62.0


def test_the_longest_trip_is_that_of_all_trips() -> None:
    rule = RunTimeExceededRule(LIMITS)
    last(rule, *(standing(end_s, ride=a_ride(100.0, end_s)) for end_s in (130.0, 152.0, 120.0)))
    assert rule.longest_s == 52.0


def test_a_run_needs_a_course_a_sure_motion_and_a_speed() -> None:
    course = Course(2000)
    course.peak_speed = 1.0
    parts: dict[str, Any] = {"course": course, **SURE}
    rule = RunTimeExceededRule(LIMITS)
    assert is_raised(last(rule, running(300.0, **parts)))
    assert is_raised(last(rule, running(300.0, speed_mps=-0.09, **parts)))
    assert last(rule, running(300.0, speed_mps=0.089, **parts)) is None
    assert last(rule, running(300.0, **{**parts, "course": None})) is None
    assert last(rule, running(300.0, **{**parts, "motion__is_sure": False})) is None
    assert last(rule, standing(300.0, **parts)) is None
    assert evidence(last(rule, running(163.26, **parts)))["run_s"] == 63.3
    assert rule.is_over(standing(300.0), "")
    assert not rule.is_over(running(300.0), "")


# ---- a lost position


def test_a_lost_position_shows_the_error_and_ends_when_the_height_is_known() -> None:
    rule = PositionLostRule(LIMITS)
    assert last(rule, standing(110.0)) is None
    assert evidence(last(rule, standing(110.0, position__error_m=-1.714))) == {"position_error_m": -1.71}
    assert rule.is_over(standing(110.0, position__height_m=3.0), "")
    assert not rule.is_over(standing(110.0, position__height_m=None), "")
    assert not rule.is_over(standing(110.0, position__height_m=3.0, position__error_m=1.7), "")
