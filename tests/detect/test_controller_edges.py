"""Words of the controller and inspection operation: figures of each judgement by hand, from both sides.

Source: docs/detection.md, "Instruments against each other"; alarm catalogue rows 52 and 53.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.controller_words import ControllerStage
from edge_agent.detect.doors import Contradiction
from edge_agent.detect.inspection import CONTACT, MODE, InspectionStage
from edge_agent.detect.rules.controller import ControllerFaultRule, SafetyCircuitOpenRule
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, FaultReason, Mode
from tests.detect.states import LIMITS, At, running, standing
from tests.detect.test_controller_words import SHUT, Lift, ns, ride
from tests.detect.test_entrapment_edges import evidence, is_raised, last

UP, DOWN, NO = Direction.UP, Direction.DOWN, Direction.NONE


# ---- what is kept of the words


def test_each_word_is_kept_until_another_is_said() -> None:
    stage = ControllerStage(is_wired=False, has_contacts=True)
    view = stage.view
    assert (view.is_wired, view.last_report_ns, view.fault_since_ns, view.is_fault_stopping) == (False, None, 0, True)
    stage.take(ControllerReport(ns(1.0), mode=Mode.NORMAL, direction=UP, speed_mps=0.7, fault=3, floor="2",
                                safety_circuit_closed=True))  # fmt: skip
    stage.take(ControllerReport(ns(2.0)))
    view = stage.view
    assert (view.is_wired, view.last_report_ns, view.mode, view.direction) == (True, ns(2.0), Mode.NORMAL, UP)
    assert (view.speed_mps, view.fault, view.fault_since_ns, view.floor) == (0.7, 3, ns(1.0), "2")
    assert view.safety_circuit_closed is True
    stage.take(ControllerReport(ns(3.0), fault=3))
    assert stage.view.fault_since_ns == ns(1.0)
    stage.take(ControllerReport(ns(4.0), mode=Mode.INSPECTION, direction=NO, speed_mps=0.0, fault=4, floor="3",
                                safety_circuit_closed=False))  # fmt: skip
    view = stage.view
    assert (view.mode, view.direction, view.speed_mps, view.fault, view.fault_since_ns, view.floor) == (
        Mode.INSPECTION, NO, 0.0, 4, ns(4.0), "3"
    )  # fmt: skip
    assert view.safety_circuit_closed is False
    assert (stage.door_zone, stage.passenger, stage.load_percent, stage.is_door_believed) == (None, None, None, True)
    stage.take(ControllerReport(ns(5.0), door_zone=True, passenger=False, load_percent=0.0))
    stage.take(ControllerReport(ns(6.0)))
    assert (stage.door_zone, stage.passenger, stage.load_percent) == (True, False, 0.0)


def test_what_is_new_is_told_to_whoever_takes_note() -> None:
    lift = Lift()
    lift.say(door_zone=True)
    lift.frame()
    for is_down, changes in ((False, False), (True, True), (True, False), (False, True)):
        lift.stage.has_changed = False
        lift.frame(is_link_down=is_down)
        assert lift.stage.has_changed is changes
    lift.stage.has_changed = False
    lift.say()
    assert lift.stage.has_changed
    lift.stage.has_changed = False
    lift.opens(3.0)
    assert lift.stage.has_changed


# ---- by whole trips


def wrong_after(trips: int, distance_m: float = 6.0, reports: int = 6, **said: Any) -> set[str]:
    lift = Lift()
    lift.say(floor=said.get("floor"))
    for _ in range(trips):
        lift.trip(distance_m, reports, **said)
    return lift.doubted


def test_two_metres_and_three_words_make_a_trip_that_proves_something() -> None:
    said: dict[str, Any] = {"door_zone": True}
    assert wrong_after(1, 2.0, 3, **said) == {"door_zone"}
    assert wrong_after(9, 1.99, 3, **said) == set()
    assert wrong_after(9, 2.0, 2, **said) == set()
    assert wrong_after(1, -2.0, 3, **said) == {"door_zone"}


def test_words_at_less_than_half_a_metre_a_second_do_not_count() -> None:
    for at_mps, wrong in ((0.5, {"door_zone"}), (0.49, set())):
        lift = Lift()
        lift.trip(at_mps=at_mps, door_zone=True)
        assert lift.doubted == wrong


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_direction_is_wrong_after_three_trips_of_standing_or_the_other_way(sign: float) -> None:
    along, against = (UP, DOWN) if sign > 0.0 else (DOWN, UP)
    for said in ({"direction": NO}, {"direction": against}, {"speed_mps": 0.1}):
        assert wrong_after(2, sign * 6.0, **said) == set()
        assert wrong_after(3, sign * 6.0, **said) == {"direction"}
    for right in ({"direction": along}, {"speed_mps": 0.11}, {"speed_mps": -0.11}, {"direction": NO, "speed_mps": 1.0}):
        assert wrong_after(6, sign * 6.0, **right) == set()


def test_three_of_six_trips_decide() -> None:
    lift = Lift()
    for k in range(11):
        lift.trip(direction=NO if k in (0, 5, 8, 10) else UP)
        assert lift.doubted == (set() if k < 10 else {"direction"}), k  # 5, 8 and 10 are three of six
    early = Lift()
    for k in range(7):
        early.trip(direction=NO if k in (0, 1, 6) else UP)
        assert early.doubted == set()


def test_a_floor_must_change_in_trips_of_two_metres() -> None:
    assert wrong_after(3, floor="1") == set()  # the first trip has nothing to compare with
    assert wrong_after(4, floor="1") == {"floor"}
    lift = Lift()
    for k in range(6):
        lift.trip(floor=str(k))
    assert lift.doubted == set()


def test_in_the_zone_for_part_of_a_trip_is_right() -> None:
    lift = Lift()
    lift.say(door_zone=True)
    lift.trip(reports=3, door_zone=True)
    assert lift.stage.door_zone is None
    lift.frame(speed_mps=1.0)
    lift.say(door_zone=False)
    lift.trip(reports=3)
    assert lift.stage.door_zone is False


# ---- by the door


@pytest.mark.parametrize(("after_s", "stands_s", "wrong"), [
    (10.0, 2.0, {"door_zone"}), (10.05, 2.0, set()), (3.0, 1.95, set()),
])  # fmt: skip
def test_a_door_driven_open_within_ten_seconds_and_for_two_proves_a_zone(
    after_s: float, stands_s: float, wrong: set[str]
) -> None:
    lift = Lift()
    lift.trip(door_zone=False)
    lift.opens(after_s, stands_s=stands_s)
    assert lift.doubted == wrong


def test_the_door_word_is_judged_after_three_seconds_at_one_end() -> None:
    for stood_s, is_believed in ((2.95, True), (3.0, False)):
        for word, state in ((ControllerDoor.CLOSED, DoorState.OPEN), (ControllerDoor.OPEN, DoorState.CLOSED)):
            lift = Lift()
            lift.say(door=word)
            lift.door = replace(SHUT, state=state, since_ns=ns(20.0))
            lift.t_s = 20.0 + stood_s
            lift.frame()
            assert lift.stage.is_door_believed is is_believed
            late = Lift()
            late.door = replace(SHUT, state=state, since_ns=ns(1.0))
            late.t_s = 20.0
            late.say(door=word)
            late.t_s += stood_s
            late.frame()
            assert late.stage.is_door_believed is is_believed


@pytest.mark.parametrize("view", [
    {"state": DoorState.OPENING}, {"state": DoorState.OPEN, "contradiction": Contradiction.BOTH_MADE},
])  # fmt: skip
def test_a_door_between_its_ends_or_with_contacts_that_disagree_proves_nothing(view: dict[str, Any]) -> None:
    lift = Lift()
    lift.say(door=ControllerDoor.CLOSED)
    lift.door = replace(SHUT, since_ns=0, **view)
    lift.t_s = 60.0
    lift.frame()
    assert lift.stage.is_door_believed


def test_without_contacts_only_trips_judge_the_door() -> None:
    lift = Lift(has_contacts=False)
    lift.say(door=ControllerDoor.CLOSED)
    lift.door = replace(SHUT, state=DoorState.OPEN, since_ns=0)
    lift.t_s = 60.0
    lift.frame()
    assert lift.stage.is_door_believed
    for count in range(1, 7):
        lift.trip(door=ControllerDoor.CLOSED)
        assert lift.stage.is_door_believed is (count <= 5)


# ---- by what never changes


def test_a_flag_is_silent_after_four_stops_and_stuck_after_twenty() -> None:
    lift = Lift()
    lift.say(passenger=True)
    for stop in range(1, 23):
        lift.opens(3.0)
        lift.shuts()
        assert lift.stage.passenger is (True if stop <= 4 else None)
        assert lift.doubted == ({"passenger"} if stop > 20 else set())
    (trouble,) = lift.stage.troubles()
    assert (trouble.name, trouble.fault) == ("controller.passenger", FaultReason.BAD_REPLY)
    assert trouble.detail == "controller: its passenger flag never changes"


def test_a_fault_code_is_harmless_only_if_a_trip_began_under_it() -> None:
    lift = Lift()
    lift.say(fault=7)
    begun_s = lift.t_s
    lift.frame(ride=ride(begun_s, begun_s + 5.0))
    assert lift.stage.view.is_fault_stopping
    lift.frame(ride=ride(begun_s + 0.05, begun_s + 5.0))
    assert not lift.stage.view.is_fault_stopping
    lift.t_s += 10.0
    lift.say(fault=0)
    assert lift.stage.view.is_fault_stopping
    lift.frame(ride=ride(begun_s + 20.0, begun_s + 25.0))
    lift.say(fault=7)
    assert lift.stage.view.is_fault_stopping  # trips without it: it is news again


def test_a_circuit_that_is_open_for_three_seconds_of_travel_is_wrong() -> None:
    for speed_mps, open_s, wrong in ((0.5, 2.95, set()), (0.5, 3.0, {"safety_circuit"}), (0.49, 9.0, set())):
        for sign in (1.0, -1.0):
            lift = Lift()
            lift.say(safety_circuit_closed=False)
            lift.frame(speed_mps=sign * speed_mps)
            lift.t_s += open_s
            lift.frame(speed_mps=sign * speed_mps)
            assert lift.doubted == wrong
    lift.say(safety_circuit_closed=None)


# ---- inspection operation


def inspected(speed_mps: float = 0.8, opened_s: float = 25.0, is_open: bool = True, since_s: float = 1.0) -> bool:
    """A trip from 5 to 15 s under inspection, and whether it is still believed after the door."""
    stage = InspectionStage(LIMITS)
    stage.take(CONTACT, ns(since_s), True)
    stage.take_ride(ride(5.0, 15.0, speed_mps=speed_mps))
    stage.take_door(ns(opened_s), is_open=is_open)
    return stage.is_active(ns(30.0))


def test_inspection_is_wrong_on_a_trip_faster_than_75_centimetres_whose_door_opens_within_ten_seconds() -> None:
    assert not inspected()
    assert inspected(0.75)
    assert inspected(opened_s=25.05)
    assert inspected(is_open=False)
    assert inspected(since_s=5.0)
    assert not inspected(since_s=4.95)


def test_inspection_lasts_eight_hours_from_its_last_word() -> None:
    stage = InspectionStage(LIMITS)
    assert (stage.is_active(0), stage.was_seen, stage.since_ns) == (False, False, 0)
    stage.take(MODE, ns(10.0), True)
    stage.take(MODE, ns(100.0), True)
    assert (stage.since_ns, stage.was_seen) == (ns(10.0), True)
    assert stage.is_active(ns(100.0 + 28_800.0))
    assert not stage.is_active(ns(100.1 + 28_800.0))
    stage.take(CONTACT, ns(40_000.0), True)
    stage.take(MODE, ns(40_001.0), False)
    assert stage.is_active(ns(40_002.0))
    stage.take(CONTACT, ns(40_003.0), False)
    assert (stage.is_active(ns(40_003.0)), stage.was_seen) == (False, False)


# ---- the rules


def test_a_fault_code_stands_a_second() -> None:
    def code(t_s: float, fault: int | None = 36) -> CarState:
        return standing(t_s, controller__fault=fault, controller__fault_since_ns=At(100.0).ns)

    assert not is_raised(last(ControllerFaultRule(LIMITS), code(100.95)))
    found = last(ControllerFaultRule(LIMITS), code(101.0))
    assert is_raised(found)
    assert evidence(found) == {"fault_code": 36}
    assert [ControllerFaultRule(LIMITS).is_over(code(102.0, fault), "") for fault in (36, 0, None)] == [
        False, True, True
    ]  # fmt: skip


def circuit(t_s: float, is_closed: bool | None = False, **parts: Any) -> CarState:
    return standing(t_s, controller__safety_circuit_closed=is_closed, **parts)


def riding(t_s: float, is_closed: bool | None, speed_mps: float = 0.4) -> CarState:
    return running(t_s, speed_mps=speed_mps, controller__safety_circuit_closed=is_closed)


def test_a_circuit_that_opens_within_three_seconds_of_a_trip_is_told_after_the_door_had_its_time() -> None:
    for opened_s, expected in ((103.0, True), (103.05, False)):
        rule = SafetyCircuitOpenRule(LIMITS)
        last(rule, riding(100.0, True), circuit(opened_s))
        assert not is_raised(last(rule, circuit(opened_s + 1.2)))
        assert is_raised(last(rule, circuit(opened_s + 1.25))) is expected
    never_moved = SafetyCircuitOpenRule(LIMITS)
    assert last(never_moved, circuit(1.0, True), circuit(1.05), circuit(5.0)) is None


def test_a_circuit_that_opens_at_more_than_half_a_metre_a_second_is_told_at_once() -> None:
    for speed_mps, at_once in ((0.5, False), (0.51, True), (-0.51, True)):
        found = last(SafetyCircuitOpenRule(LIMITS), riding(100.0, True), riding(101.0, False, speed_mps))
        assert is_raised(found) is at_once
        assert evidence(found) == {"car_speed_mps": abs(speed_mps)}


def test_without_a_word_about_the_door_only_a_running_car_tells_of_an_open_circuit() -> None:
    for speed_mps, expected in ((0.5, False), (0.51, True)):
        rule = SafetyCircuitOpenRule(LIMITS)
        nothing: dict[str, Any] = {"door__is_witnessed": False, "door__state": DoorState.UNKNOWN}
        on_the_way = running(101.0, speed_mps=speed_mps, controller__safety_circuit_closed=False, **nothing)
        assert is_raised(last(rule, riding(100.0, True), on_the_way)) is expected
        assert last(rule, circuit(110.0, **nothing)) is None


def test_a_door_that_follows_within_its_time_explains_the_open_circuit() -> None:
    for follows_s, expected in ((102.2, False), (102.25, True)):
        rule = SafetyCircuitOpenRule(LIMITS)
        last(rule, riding(100.0, True), circuit(101.0), circuit(follows_s, door=DoorState.OPENING))
        assert is_raised(last(rule, circuit(103.0))) is expected
    for follows_s, expected in ((109.0, False), (109.05, True)):
        rule = SafetyCircuitOpenRule(LIMITS)
        unseen: dict[str, Any] = {"door__sees_it_leave": False}  # only an open contact
        last(rule, riding(100.0, True), circuit(101.0, **unseen))
        assert not is_raised(last(rule, circuit(108.95, **unseen)))
        last(rule, circuit(follows_s, door=DoorState.OPEN, **unseen))
        assert is_raised(last(rule, circuit(109.1, **unseen))) is expected
    hard = SafetyCircuitOpenRule(LIMITS)
    last(hard, riding(100.0, True), circuit(101.0, **unseen))
    emergency = frozenset({AlarmKind.EMERGENCY_STOP})
    assert is_raised(last(hard, circuit(102.25, **unseen), raised=emergency))
    unknown: dict[str, Any] = {"door": DoorState.UNKNOWN}
    assert is_raised(
        last(SafetyCircuitOpenRule(LIMITS), riding(100.0, True), circuit(101.0, **unknown), circuit(103.0))
    )
    for is_closed, over in ((True, True), (None, True), (False, False)):
        assert SafetyCircuitOpenRule(LIMITS).is_over(circuit(200.0, is_closed), "") is over
