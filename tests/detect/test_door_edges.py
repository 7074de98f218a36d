"""Rules about the car door, one frame at a time: figures worked out by hand, each from both sides.

Times in seconds; the car has stood, or been on its way, since 100 s. Source: alarm catalogue rows 5, 44 and 45.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, DoorState, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.rules.door import DoorCloseFailureRule, DoorOpenFailureRule, DoorOpenInMotionRule
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.signal import FRAME_S
from tests.detect.states import ARRIVED_S, LIMITS, At, running, standing
from tests.detect.test_entrapment_edges import BRAKED, NONE, RIDE, evidence, is_raised, last

# ---- a door that does not open: twice 3.5 s and 5 s are 12 s


def not_open(t_s: float, raised: frozenset[AlarmKind] = NONE, **parts: Any) -> Finding | None:
    return last(DoorOpenFailureRule(LIMITS), standing(t_s, **parts), raised=raised)


def opening(t_s: float, since_s: float, raised: frozenset[AlarmKind] = NONE, **parts: Any) -> Finding | None:
    view = {"door": DoorState.OPENING, "door__opening_since_ns": At(since_s).ns}
    return not_open(t_s, raised, **{**view, **parts})


def test_an_opening_is_suspected_after_five_seconds_and_told_after_twelve() -> None:
    assert opening(106.95, 102.0) is None
    assert not is_raised(opening(107.0, 102.0))
    assert opening(107.0, 102.0) is not None
    assert not is_raised(opening(113.95, 102.0))
    assert is_raised(opening(114.0, 102.0))
    assert evidence(opening(114.26, 102.0)) == {"waiting_s": 12.3, "tries_count": 1}
    assert evidence(opening(114.0, 102.0, door__failed_openings=1)) == {"waiting_s": 12.0, "tries_count": 2}


def test_an_opening_that_began_before_the_stop_counts_from_it() -> None:
    assert not is_raised(opening(111.95, 90.0))
    assert is_raised(opening(112.0, 90.0))


def test_two_openings_that_fell_back_are_told_at_once() -> None:
    fell: dict[str, Any] = {"door__failed_openings": 2, "door__closed_at_ns": At(104.0).ns}
    assert is_raised(not_open(104.0, **fell))
    assert evidence(not_open(104.0, **fell)) == {"waiting_s": 0.0, "tries_count": 2}


def test_one_that_fell_back_is_suspected_and_told_only_if_people_are_known_to_be_inside() -> None:
    once: dict[str, Any] = {"door__failed_openings": 1, "door__closed_at_ns": At(104.0).ns}
    assert not_open(108.95, **once) is None
    assert not_open(109.0, **once) is not None
    assert not is_raised(not_open(150.0, **once))
    known: dict[str, Any] = {**once, "last_ride": RIDE, "occupancy__presence_seen": True}
    assert not is_raised(not_open(115.95, **known))
    assert is_raised(not_open(116.0, **known))


DUE: dict[str, Any] = {"last_ride": RIDE, "occupancy__presence_seen": True, "percent": 75}


def is_due(**parts: Any) -> bool:
    return is_raised(not_open(130.0, **{**DUE, **parts}))


def test_with_the_door_shut_people_must_be_known_to_be_inside() -> None:
    assert is_due()
    assert not is_due(percent=74)
    assert not is_due(occupancy__presence_seen=False)
    assert not is_due(outside=None)
    assert not is_due(outside=True)
    assert not is_due(last_ride=None)
    unsigned = {"occupancy__presence_seen": False}
    assert is_due(**unsigned, occupancy__passenger_flag=True)
    assert not is_due(**unsigned, occupancy__passenger_flag=False)
    assert is_due(**unsigned, occupancy__button_pressed=True)
    assert is_due(**unsigned, occupancy__stirs_count=4)
    assert not is_due(**unsigned, occupancy__stirs_count=3)


def test_with_the_door_shut_it_is_told_after_twelve_seconds() -> None:
    assert not is_raised(not_open(111.95, **DUE))
    assert is_raised(not_open(112.0, **DUE))


def test_an_opening_is_due_only_after_a_trip_and_only_if_the_door_has_not_opened_since() -> None:
    """The trip ended at 100 s; the standstill may have been found up to a second later."""
    assert is_due(since_s=101.0)
    assert not is_due(since_s=101.05)
    assert is_due(door_since_s=100.0)
    assert not is_due(door_since_s=100.05)
    assert not is_due(door=DoorState.CLOSING)


def test_a_door_that_the_controller_calls_faulty_is_due_for_nobody_in_particular() -> None:
    assert is_due(percent=0, last_ride=None, door__is_fault=True)


def test_no_opening_is_missed_where_the_car_is_not_at_a_landing_or_the_door_is_not_seen() -> None:
    assert opening(130.0, 102.0, outside=None) is not None
    assert opening(130.0, 102.0, outside=True) is None
    assert opening(130.0, 102.0, BRAKED) is None
    assert opening(130.0, 102.0, door__is_witnessed=False) is None
    assert opening(130.0, 102.0, door=DoorState.OPEN) is None
    moving = running(130.0, door__state=DoorState.OPENING, door__opening_since_ns=At(102.0).ns)
    assert last(DoorOpenFailureRule(LIMITS), moving) is None


def test_the_controller_is_a_witness_if_it_has_spoken() -> None:
    def seen(**parts: Any) -> frozenset[Witness]:
        found = opening(130.0, 102.0, **parts)
        assert found is not None
        return found.witnesses

    assert seen() == {Witness.DOOR_CONTACT}
    assert seen(controller__last_report_ns=5) == {Witness.DOOR_CONTACT, Witness.CONTROLLER}


def test_each_failure_ends_at_the_end_of_the_door() -> None:
    for state in DoorState:
        car = standing(200.0, door=state)
        assert DoorOpenFailureRule(LIMITS).is_over(car, "") is (state is DoorState.OPEN)
        assert DoorCloseFailureRule(LIMITS).is_over(car, "") is (state is DoorState.CLOSED)


# ---- a door that does not close


def not_closed(t_s: float, tries: int, state: DoorState = DoorState.CLOSING, **parts: Any) -> Finding | None:
    """The first closing began at 110 s."""
    view = {"door__closing_since_ns": At(110.0).ns, "door__failed_closings": tries}
    return last(DoorCloseFailureRule(LIMITS), standing(t_s, door=state, **{**view, **parts}))


def test_four_closings_that_went_back_are_told_at_once() -> None:
    assert not is_raised(not_closed(120.0, 3))
    assert is_raised(not_closed(120.0, 4))
    assert is_raised(not_closed(111.0, 4, DoorState.OPEN, door_since_s=90.0))
    assert evidence(not_closed(120.26, 4)) == {"waiting_s": 10.3, "tries_count": 5}
    assert evidence(not_closed(120.0, 4, DoorState.OPEN)) == {"waiting_s": 10.0, "tries_count": 4}


def test_a_closing_that_does_not_end_is_told_after_sixty_seconds() -> None:
    assert not is_raised(not_closed(169.95, 0))
    assert is_raised(not_closed(170.0, 0))


def test_after_two_that_went_back_the_door_may_stand_open_for_twenty_seconds_between_tries() -> None:
    for tries, opened_s, expected in ((2, 160.0, True), (2, 159.95, False), (1, 179.0, False)):
        assert is_raised(not_closed(180.0, tries, DoorState.OPEN, door_since_s=opened_s)) is expected


def test_it_is_suspected_after_five_seconds_and_one_that_went_back() -> None:
    assert not_closed(114.95, 1) is None
    assert not_closed(115.0, 1) is not None
    assert not_closed(140.0, 0) is None
    assert not_closed(140.0, 1, DoorState.OPEN, door_since_s=139.0) is None
    assert not_closed(140.0, 2, DoorState.OPEN, door_since_s=139.0) is not None


def test_without_a_closing_or_in_motion_or_closed_there_is_none() -> None:
    assert not_closed(200.0, 9, door__closing_since_ns=0) is None
    assert not_closed(200.0, 9, DoorState.CLOSED) is None
    moving = running(200.0, door__state=DoorState.OPEN, door__closing_since_ns=At(110.0).ns, door__failed_closings=9)
    assert last(DoorCloseFailureRule(LIMITS), moving) is None


# ---- a door that opens in motion


def course(peak_mps: float = 1.0, *, has_braked: bool = False) -> Course:
    one = Course(2000)
    one.peak_speed, one.has_braked = peak_mps, has_braked
    return one


def riding(
    speed_mps: float = 1.0, open_ms: float = 50.0, one: Course | None = None, t_s: float = 110.0, **parts: Any
) -> CarState:
    view: dict[str, Any] = {
        "course": course() if one is None else one,
        "door__break_ns": round(open_ms * 1e6),
        "motion__is_sure": True,
    }
    return running(t_s, speed_mps=speed_mps, **{**view, **parts})


def is_told(*cars: CarState) -> bool:
    return is_raised(last(DoorOpenInMotionRule(LIMITS), *cars))


OUT: dict[str, Any] = {"position__zone_witness": False, "position__is_outside_zone": True}


def test_the_contact_is_open_for_twenty_milliseconds() -> None:
    assert not is_told(riding(open_ms=19.9))
    assert is_told(riding(open_ms=20.0))
    assert not is_told(riding(open_ms=0.0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_car_is_faster_than_ten_centimetres_a_second_and_twice_its_doubt(sign: float) -> None:
    assert not is_told(riding(sign * 0.10, **OUT))
    assert is_told(riding(sign * 0.11, **OUT))
    assert not is_told(riding(sign * 0.29, motion__doubt_mps=0.1, **OUT))
    assert is_told(riding(sign * 0.31, motion__doubt_mps=0.1, **OUT))


def test_in_the_zone_no_door_is_told_up_to_0_85_mps_and_where_it_is_unknown_it_is() -> None:
    assert not is_told(riding(0.85, position__is_outside_zone=False))
    assert is_told(riding(0.86, position__is_outside_zone=False))
    assert is_told(riding(position__is_outside_zone=None))
    assert is_told(riding(position__is_outside_zone=True))


def test_a_box_that_is_carried_a_motion_that_is_not_sure_or_no_trip_is_none() -> None:
    assert not is_told(riding(motion__is_mounted=False))
    assert not is_told(riding(motion__is_sure=False))
    no_trip: dict[str, Any] = {"course": None}
    assert not is_told(riding(**no_trip))


@pytest.mark.parametrize(
    ("peak_mps", "speed_mps", "expected"),
    [
        (0.8, 0.49, False),  # half the peak is 0.4 m/s: 0.5 m/s decides
        (0.8, 0.51, True),
        (1.4, 0.69, False),  # half the peak
        (1.4, 0.71, True),
        (3.0, 0.84, False),  # 0.85 m/s at most: no door opens ahead above that
        (3.0, 0.86, True),
    ],
)
def test_after_braking_a_slow_car_may_be_opening_ahead_of_its_landing(
    peak_mps: float, speed_mps: float, expected: bool
) -> None:
    braked = course(peak_mps, has_braked=True)
    assert is_told(riding(speed_mps, one=braked)) is expected
    stopping = riding(speed_mps, one=course(peak_mps), motion__phase=Phase.STOPPING)
    assert is_told(stopping) is expected
    assert is_told(riding(speed_mps, one=course(peak_mps)))  # it runs evenly and has not braked
    assert is_told(riding(speed_mps, one=braked, **OUT))  # a witness says that it is outside the zone


def test_a_slow_start_the_other_way_after_a_trip_may_be_the_last_of_its_creep() -> None:
    def after_a_trip(start_s: float, speed_mps: float = 0.12, shut_s: float = 70.0, **parts: Any) -> bool:
        start = course(0.2)
        start.start_index, start.travel = round(start_s / FRAME_S), -0.1
        seen: dict[str, Any] = {"last_ride": RIDE, "door__closed_at_ns": At(shut_s).ns, **parts}
        return is_told(riding(speed_mps, one=start, **seen))

    assert RIDE.distance_m > 0.0
    assert not after_a_trip(ARRIVED_S + 8.0)
    assert after_a_trip(ARRIVED_S + 8.1)
    assert after_a_trip(ARRIVED_S + 2.0, speed_mps=0.51)
    assert after_a_trip(ARRIVED_S + 2.0, shut_s=ARRIVED_S + 1.0)
    assert after_a_trip(ARRIVED_S + 2.0, last_ride=replace(RIDE, distance_m=-6.0))
    assert after_a_trip(ARRIVED_S + 2.0, last_ride=None)
    assert after_a_trip(ARRIVED_S + 2.0, **OUT)


def test_a_start_that_people_hide_is_none_until_it_is_plain() -> None:
    """The standing car was shaken by 0.3 m/s; a speed of less than 3.5 times that may be the end of a hidden trip."""
    shaken = standing(105.0, motion__doubt_mps=0.3)
    assert not is_told(shaken, riding(1.04))
    assert is_told(shaken, riding(1.06))
    assert is_told(shaken, riding(0.5, **OUT))
    assert not is_told(shaken, standing(106.0, motion__doubt_mps=0.1), riding(1.04))
    for ends in (standing(106.0, door=DoorState.OPEN), standing(106.0, ride=RIDE), running(106.0, ride=RIDE)):
        assert is_told(shaken, ends, riding(1.04))
    assert not is_told(shaken, running(106.0), riding(1.04))
    in_motion = running(106.0, motion__doubt_mps=0.9, door__state=DoorState.OPEN)
    assert is_told(in_motion, riding(1.04))


def test_it_shows_speed_and_time_and_ends_at_rest_once_the_contact_has_closed() -> None:
    rule = DoorOpenInMotionRule(LIMITS)
    found = last(rule, riding(-0.956, 45.4))
    assert evidence(found) == {"car_speed_mps": 0.96, "door_open_ms": 45}
    assert not rule.is_over(standing(120.0), "")
    last(rule, standing(120.0, door__break_ns=500))
    assert not rule.is_over(standing(120.0), "")
    last(rule, standing(121.0, door__break_ns=0))
    assert rule.is_over(standing(121.0), "")
    assert not rule.is_over(running(121.0), "")
    assert ARRIVED_S < 120.0
