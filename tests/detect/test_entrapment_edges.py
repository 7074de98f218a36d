"""Entrapment and the alarm button, one frame at a time: figures worked out by hand, each from both sides.

Times in seconds; the car has stood since 100 s. Source of the figures: alarm catalogue rows 1 and 2, docs/detection.md.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, DoorState, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Ride
from edge_agent.detect.rules.entrapment import AlarmButtonRule, EntrapmentRule
from edge_agent.detect.rules.rule import Finding, Rule
from tests.detect.states import ARRIVED_S, LIMITS, At, running, standing

NONE: frozenset[AlarmKind] = frozenset()
BRAKED = frozenset({AlarmKind.EMERGENCY_STOP})
RIDE = Ride(At(80.0).ns, At(ARRIVED_S).ns, 6.0, 1.0, 0.7, 0.7, 1.0, True)


def last(rule: Rule, *cars: CarState, raised: frozenset[AlarmKind] = NONE) -> Finding | None:
    """What the rule says of the last of these frames."""
    found: tuple[Finding, ...] = ()
    for car in cars:
        found = rule.step(car, raised)
    return found[0] if found else None


def after(stood_s: float, raised: frozenset[AlarmKind] = NONE, **parts: Any) -> Finding | None:
    """What is said of a car that has stood so long, seen from the first moment on."""
    cars = (standing(t_s, **parts) for t_s in (ARRIVED_S, ARRIVED_S + stood_s))
    return last(EntrapmentRule(LIMITS), *cars, raised=raised)


def is_raised(found: Finding | None) -> bool:
    return found is not None and found.is_confirmed


def evidence(found: Finding | None) -> dict[str, object]:
    assert found is not None
    return {item.name: item.value for item in found.evidence}


def test_it_is_suspected_after_ten_seconds() -> None:
    assert after(9.95) is None
    found = after(10.0)
    assert found is not None
    assert not found.is_confirmed


@pytest.mark.parametrize(("outside", "hold_s"), [(False, 90.0), (True, 60.0), (None, 75.0)])
def test_each_place_has_its_time(outside: bool | None, hold_s: float) -> None:
    assert not is_raised(after(hold_s - 0.05, outside=outside))
    assert is_raised(after(hold_s, outside=outside))


@pytest.mark.parametrize("outside", [False, True, None])
def test_a_second_sign_makes_it_thirty_seconds_wherever_the_car_stands(outside: bool | None) -> None:
    assert not is_raised(after(29.95, outside=outside, mains_ok=False))
    found = after(30.0, outside=outside, mains_ok=False)
    assert is_raised(found)
    assert evidence(found)["second_sign"] == "mains_lost"


def test_a_fault_code_under_which_the_lift_makes_trips_is_no_second_sign() -> None:
    assert is_raised(after(31.0, controller__fault=17, controller__is_fault_stopping=True))
    assert not is_raised(after(31.0, controller__fault=17, controller__is_fault_stopping=False))
    assert not is_raised(after(31.0, controller__fault=0, controller__is_fault_stopping=True))
    assert not is_raised(after(31.0))


def test_a_standstill_that_is_noticed_late_counts_from_its_beginning() -> None:
    """The motion stage may need 8 s to tell a standstill from creep; the door has been shut since before."""
    seen_late = EntrapmentRule(LIMITS)
    first = standing(ARRIVED_S + 8.0)
    assert not is_raised(last(seen_late, first, standing(ARRIVED_S + 89.95)))
    assert is_raised(last(seen_late, standing(ARRIVED_S + 90.0)))


def test_a_door_that_closed_in_the_very_moment_counts_from_when_it_is_seen() -> None:
    """Closed at 100 s at rest, seen at 101 s: 90 s later is 191 s."""
    cars = (standing(t_s, door_since_s=ARRIVED_S) for t_s in (101.0, 190.95))
    rule = EntrapmentRule(LIMITS)
    assert not is_raised(last(rule, *cars))
    assert is_raised(last(rule, standing(191.0, door_since_s=ARRIVED_S)))


def test_a_box_that_could_not_judge_yet_counts_from_when_it_can() -> None:
    armed: dict[str, Any] = {"armed_ns": At(130.0).ns}
    cars = [standing(t_s, **armed) for t_s in (130.0, 219.95, 220.0)]
    rule = EntrapmentRule(LIMITS)
    assert [is_raised(last(rule, car)) for car in cars] == [False, False, True]


def test_a_trip_and_an_open_door_each_begin_it_anew() -> None:
    for between in (running(150.0), standing(150.0, door=DoorState.OPEN, door_since_s=150.0)):
        rule = EntrapmentRule(LIMITS)
        last(rule, standing(100.0), between)
        begun: dict[str, Any] = {"since_s": 160.0, "door_since_s": 155.0}
        assert not is_raised(last(rule, standing(160.0, **begun), standing(249.95, **begun)))
        assert is_raised(last(rule, standing(250.0, **begun)))


# ---- belief


def test_forty_percent_is_believed_and_after_an_abnormal_stop_fifteen() -> None:
    assert (after(95.0, percent=39), is_raised(after(95.0, percent=40))) == (None, True)
    assert (after(95.0, percent=14, outside=True), is_raised(after(95.0, percent=15, outside=True))) == (None, True)
    assert (after(95.0, BRAKED, percent=14), is_raised(after(95.0, BRAKED, percent=15))) == (None, True)


def test_belief_must_have_lasted_ten_seconds() -> None:
    for believed_at_s, expected in ((280.0, True), (280.05, False)):
        rule = EntrapmentRule(LIMITS)
        last(rule, standing(100.0, percent=20), standing(believed_at_s - 0.05, percent=20))
        assert is_raised(last(rule, standing(believed_at_s, percent=40), standing(290.0, percent=40))) is expected


@pytest.mark.parametrize(("dip_percent", "expected"), [(30, True), (29, False)])
def test_a_dip_of_ten_percent_is_forgiven(dip_percent: int, expected: bool) -> None:
    rule = EntrapmentRule(LIMITS)
    cars = [standing(t_s, percent=p) for t_s, p in ((100.0, 40), (185.0, dip_percent), (186.0, 40), (191.0, 40))]
    assert is_raised(last(rule, *cars)) is expected


def test_what_lies_between_the_slack_and_the_limit_begins_no_belief() -> None:
    rule = EntrapmentRule(LIMITS)
    cars = [standing(t_s, percent=p) for t_s, p in ((100.0, 35), (250.0, 35), (255.0, 40), (264.95, 40))]
    assert not is_raised(last(rule, *cars))
    assert is_raised(last(rule, standing(265.0, percent=40)))


def test_a_pressed_button_needs_no_ten_seconds() -> None:
    rule = EntrapmentRule(LIMITS)
    assert is_raised(last(rule, standing(100.0, percent=5), standing(200.0, occupancy__button_pressed=True)))


@pytest.mark.parametrize("outside", [False, None])
def test_with_no_word_about_the_door_it_needs_an_abnormal_stop_and_seventy_percent(outside: bool | None) -> None:
    unseen: dict[str, Any] = {"door": DoorState.UNKNOWN, "door__is_witnessed": False}
    assert after(95.0, outside=outside, percent=99, **unseen) is None
    assert after(95.0, BRAKED, outside=outside, percent=69, **unseen) is None
    assert is_raised(after(95.0, BRAKED, outside=outside, percent=70, **unseen))
    assert after(95.0, outside=True, percent=69, **unseen) is None
    assert is_raised(after(95.0, outside=True, percent=70, **unseen))


# ---- what is shown, and what ends it


def test_what_is_shown() -> None:
    assert evidence(after(61.26, outside=True, percent=77)) == {
        "standstill_s": 61.3,
        "occupied_percent": 77,
        "between_landings": True,
    }
    assert evidence(after(61.0, outside=None)) == {"standstill_s": 61.0, "occupied_percent": 90}
    assert evidence(after(61.0, BRAKED))["between_landings"] is False


def test_the_witnesses_are_those_who_spoke() -> None:
    def seen(**parts: Any) -> frozenset[Witness]:
        found = after(95.0, **parts)
        assert found is not None
        return found.witnesses

    felt = {Witness.ACCELEROMETER, Witness.DOOR_CONTACT}
    assert seen() == felt
    assert seen(occupancy__presence_seen=True) == felt | {Witness.PRESENCE}
    assert seen(occupancy__button_pressed=True) == felt | {Witness.BUTTON}
    assert seen(controller__last_report_ns=5) == felt | {Witness.CONTROLLER}
    assert seen(outside=True, door__is_witnessed=False) == {Witness.ACCELEROMETER}


def opened(open_s: float, **parts: Any) -> CarState:
    return standing(200.0 + open_s, door=DoorState.OPEN, door_since_s=200.0, **parts)


def test_a_door_open_for_two_seconds_in_a_zone_or_an_unknown_place_ends_it() -> None:
    rule = EntrapmentRule(LIMITS)
    assert not rule.is_over(opened(1.95), "")
    assert rule.is_over(opened(2.0), "")
    assert rule.is_over(opened(2.0, outside=None), "")
    assert not rule.is_over(opened(2.0, outside=True), "")
    assert not rule.is_over(standing(210.0, door=DoorState.OPENING, door_since_s=200.0), "")
    assert not rule.is_over(running(210.0, door__state=DoorState.OPEN, door__since_ns=At(200.0).ns), "")


def test_with_no_word_about_the_door_only_a_finished_trip_ends_it() -> None:
    rule = EntrapmentRule(LIMITS)
    assert not rule.is_over(opened(60.0, door__is_witnessed=False), "")
    assert rule.is_over(standing(200.0, door__is_witnessed=False, ride=RIDE), "")
    assert not rule.is_over(standing(200.0, ride=RIDE), "")


# ---- the alarm button


def pressed(held_s: float, **parts: Any) -> Finding | None:
    car = standing(300.0 + held_s, button_since_ns=At(300.0).ns, **parts)
    return last(AlarmButtonRule(LIMITS), car)


def test_the_button_counts_after_three_seconds() -> None:
    assert last(AlarmButtonRule(LIMITS), standing(300.0)) is None
    assert pressed(2.95) is not None
    assert not is_raised(pressed(2.95))
    assert is_raised(pressed(3.0))
    assert evidence(pressed(3.26)) == {"button_s": 3.3, "filter_bypassed": False}


def test_at_an_open_door_the_button_counts_after_thirty_seconds() -> None:
    for outside in (False, None):
        assert pressed(29.95, door=DoorState.OPEN, outside=outside) is None
        assert is_raised(pressed(30.0, door=DoorState.OPEN, outside=outside))
    assert evidence(pressed(30.0, door=DoorState.OPEN)) == {"button_s": 30.0, "filter_bypassed": True}
    assert evidence(pressed(30.0)) == {"button_s": 30.0, "filter_bypassed": False}


def test_the_filter_needs_a_standing_car_an_open_door_and_no_gap_between_landings() -> None:
    assert is_raised(pressed(3.0, door=DoorState.OPENING))
    assert is_raised(pressed(3.0, door=DoorState.OPEN, outside=True))
    moving = running(303.0, door__state=DoorState.OPEN, button_since_ns=At(300.0).ns)
    assert is_raised(last(AlarmButtonRule(LIMITS), moving))


def test_the_button_ends_released_at_a_door_open_for_two_seconds() -> None:
    rule = AlarmButtonRule(LIMITS)
    assert not rule.is_over(opened(1.95), "")
    assert rule.is_over(opened(2.0), "")
    assert rule.is_over(opened(2.0, outside=None), "")
    assert not rule.is_over(opened(2.0, outside=True), "")
    assert not rule.is_over(opened(2.0, button_since_ns=At(190.0).ns), "")
    assert not rule.is_over(standing(202.0, door=DoorState.CLOSED, door_since_s=200.0), "")
    assert not rule.is_over(running(202.0, door__state=DoorState.OPEN, door__since_ns=At(200.0).ns), "")


def test_with_no_word_about_the_door_a_button_released_for_a_minute_is_over_so_that_the_next_press_is_heard() -> None:
    rule = AlarmButtonRule(LIMITS)
    unseen: dict[str, Any] = {"door": DoorState.UNKNOWN, "door__is_witnessed": False}
    last(rule, standing(310.0, button_since_ns=At(300.0).ns, **unseen))
    assert not rule.is_over(standing(369.95, **unseen), "")
    assert not rule.is_over(standing(370.0, button_since_ns=At(369.0).ns, **unseen), "")
    assert rule.is_over(standing(370.0, **unseen), "")


def test_a_press_of_an_earlier_run_is_over_a_minute_after_the_start() -> None:
    rule = AlarmButtonRule(LIMITS)
    unseen: dict[str, Any] = {"door": DoorState.UNKNOWN, "door__is_witnessed": False}
    assert not rule.is_over(standing(400.0, **unseen), "")
    assert not rule.is_over(standing(459.95, **unseen), "")
    assert rule.is_over(standing(460.0, **unseen), "")
