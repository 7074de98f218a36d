"""Each judgement about a word of the controller from both sides of its limit, and when the word is believed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import DoorState
from edge_agent.detect import controller_words as words
from edge_agent.detect.controller_words import ControllerStage
from edge_agent.detect.course import Ride
from edge_agent.detect.doors import DoorView
from edge_agent.detect.inspection import CONTACT, INSPECTION_MPS_MAX, MODE, SELF_OPENED_NS, InspectionStage
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.readings import ControllerDoor, ControllerReport, Direction
from tests.detect.states import BLANK, LIMITS

S = 1_000_000_000
SHUT = replace(BLANK.door, state=DoorState.CLOSED, is_witnessed=True)


def ns(t_s: float) -> int:
    return round(t_s * S)


def ride(start_s: float, end_s: float, distance_m: float = 6.0, speed_mps: float = 1.0) -> Ride:
    return replace(RIDE, start_ns=ns(start_s), end_ns=ns(end_s), distance_m=distance_m, speed_mps=speed_mps)


RIDE = Ride(0, 0, 6.0, 1.0, 0.7, 0.7, 1.0, True)


class Lift:
    """A controller stage and what the sensors show it; `t_s` is now."""

    def __init__(self, *, has_contacts: bool = True) -> None:
        self.stage = ControllerStage(is_wired=True, has_contacts=has_contacts)
        self.t_s = 10.0
        self.stood_s = 0.0
        self.door: DoorView = SHUT

    def say(self, **said: Any) -> None:
        self.stage.take(ControllerReport(ns(self.t_s), **said))

    def frame(self, *, speed_mps: float = 0.0, ride: Ride | None = None, is_link_down: bool = False) -> None:
        phase = Phase.RUNNING if speed_mps else Phase.AT_REST
        moving = MotionState(phase, ns(self.stood_s), 0.0, speed_mps, 0.0, True, True)
        self.stage.step(ns(self.t_s), moving, self.door, ride, is_link_down=is_link_down)

    def trip(self, distance_m: float = 6.0, reports: int = 6, at_mps: float = 1.0, **said: Any) -> None:
        """A whole trip during which the controller says so, `reports` times."""
        begin_s = self.t_s
        self.frame(speed_mps=0.2)
        for _ in range(reports):
            self.t_s += 0.5
            self.frame(speed_mps=at_mps if distance_m > 0.0 else -at_mps)
            self.say(**said)
        self.t_s += 0.5
        self.stood_s = self.t_s
        self.frame(ride=ride(begin_s, self.t_s, distance_m))

    def opens(self, after_s: float, stands_s: float = 3.0) -> None:
        """The door is fully open so long after the stop, and stays so."""
        self.t_s = self.stood_s + after_s
        self.door = replace(SHUT, state=DoorState.OPEN, since_ns=ns(self.t_s))
        self.frame()
        self.t_s += stands_s
        self.frame()

    def shuts(self) -> None:
        self.t_s += 2.0
        self.door = replace(SHUT, since_ns=ns(self.t_s))
        self.frame()

    @property
    def doubted(self) -> set[str]:
        return {each.name.partition(".")[2] for each in self.stage.troubles() if each.fault is not None}


# ---- by whole trips


@pytest.mark.parametrize("said", [{"direction": Direction.NONE}, {"direction": Direction.DOWN}, {"speed_mps": 0.05}])
def test_standing_or_the_other_way_through_three_trips_of_six_is_wrong(said: dict[str, Any]) -> None:
    right: dict[str, Any] = {"direction": Direction.UP} if "direction" in said else {"speed_mps": 1.0}
    lift = Lift()
    for each in (said, right, said):
        lift.trip(**each)
    assert lift.doubted == set()
    lift.trip(**said)
    assert lift.doubted == {"direction"}
    assert (lift.stage.view.direction, lift.stage.view.speed_mps) == (None, None)
    lift.trip(**right)
    assert lift.doubted == set()
    assert (lift.stage.view.direction, lift.stage.view.speed_mps) == (right.get("direction"), right.get("speed_mps"))


@pytest.mark.parametrize(("distance_m", "reports"), [(words.TRIP_M_MIN - 0.1, 6), (6.0, words.REPORTS_MIN - 1)])
def test_short_trips_and_few_words_prove_nothing(distance_m: float, reports: int) -> None:
    lift = Lift()
    for _ in range(6):
        lift.trip(distance_m, reports, direction=Direction.NONE, door_zone=True, floor="1")
    assert lift.doubted == set()


def test_a_floor_that_stays_the_same_over_three_trips_is_wrong() -> None:
    lift = Lift()
    lift.trip(floor="1")
    for _ in range(2):
        lift.trip(floor="1")
    assert lift.stage.view.floor == "1"
    lift.trip(floor="1")
    assert lift.doubted == {"floor"}
    assert lift.stage.view.floor is None
    lift.trip(floor="2")
    assert lift.doubted == set()


# ---- the door zone


def test_in_the_zone_through_a_whole_trip_is_wrong_until_a_trip_leaves_it() -> None:
    lift = Lift()
    lift.trip(door_zone=True)
    assert lift.stage.door_zone is None
    lift.opens(3.0)  # right in this situation, which says nothing about the other
    assert lift.stage.door_zone is None
    lift.shuts()
    lift.trip(door_zone=False)
    assert lift.stage.door_zone is False


@pytest.mark.parametrize(("after_s", "is_wrong"), [(9.0, True), (11.0, False)])
def test_outside_the_zone_where_the_door_opened_by_itself_is_wrong(after_s: float, is_wrong: bool) -> None:
    lift = Lift()
    lift.trip(door_zone=False)
    lift.opens(after_s)
    assert (lift.doubted == {"door_zone"}) is is_wrong
    assert lift.stage.door_zone is (None if is_wrong else False)


def test_a_door_that_was_open_for_a_moment_proves_no_zone() -> None:
    lift = Lift()
    lift.trip(door_zone=False)
    lift.opens(3.0, stands_s=1.5)
    assert lift.doubted == set()


# ---- the door against contacts


@pytest.mark.parametrize(("stands_s", "is_wrong"), [(2.9, False), (3.1, True)])
def test_the_other_end_than_the_contacts_is_wrong_after_three_seconds(stands_s: float, is_wrong: bool) -> None:
    lift = Lift()
    lift.say(door=ControllerDoor.CLOSED)
    lift.stood_s = 60.0
    lift.opens(3.0, stands_s=stands_s)
    assert (not lift.stage.is_door_believed) is is_wrong
    if is_wrong:
        lift.shuts()
        lift.t_s += 10.0
        lift.frame()
        assert not lift.stage.is_door_believed  # closed is closed, but the lie was about open
        lift.say(door=ControllerDoor.OPEN)
        lift.door = replace(SHUT, state=DoorState.OPEN, since_ns=ns(lift.t_s))
        lift.t_s += 5.0
        lift.frame()
        assert lift.stage.is_door_believed


def test_without_contacts_an_open_door_through_two_trips_is_wrong() -> None:
    lift = Lift(has_contacts=False)
    lift.trip(door=ControllerDoor.OPEN)
    assert lift.stage.is_door_believed
    lift.trip(door=ControllerDoor.OPEN)
    assert not lift.stage.is_door_believed


def test_without_contacts_a_door_that_says_nothing_new_over_more_than_five_trips_is_wrong() -> None:
    lift = Lift(has_contacts=False)
    for _ in range(words.TRIPS_DOOR_UNCHANGED):
        lift.trip(door=ControllerDoor.CLOSED)
    assert lift.stage.is_door_believed
    lift.trip(door=ControllerDoor.CLOSED)
    assert not lift.stage.is_door_believed
    lift.say(door=ControllerDoor.OPEN)
    lift.trip(door=ControllerDoor.CLOSED)
    assert lift.stage.is_door_believed


# ---- the safety circuit


@pytest.mark.parametrize(("speed_mps", "open_s", "is_wrong"), [(0.6, 2.9, False), (0.6, 3.1, True), (0.4, 9.0, False)])
def test_open_while_the_car_travels_on_is_wrong(speed_mps: float, open_s: float, is_wrong: bool) -> None:
    lift = Lift()
    lift.say(safety_circuit_closed=False)
    begin_s = lift.t_s
    lift.frame(speed_mps=speed_mps)
    lift.t_s = begin_s + open_s
    lift.frame(speed_mps=speed_mps)
    assert lift.stage.view.safety_circuit_closed == (None if is_wrong else False)
    lift.say(safety_circuit_closed=True)
    lift.frame(speed_mps=1.0)
    assert lift.stage.view.safety_circuit_closed


# ---- what never changes


def test_a_flag_that_stays_over_more_than_four_stops_says_nothing_and_over_twenty_is_told() -> None:
    lift = Lift()
    lift.say(passenger=True, load_percent=40.0)
    for stop in range(1, words.STOPS_UNCHANGED_FAULT + 2):
        lift.opens(3.0)
        lift.shuts()
        is_steady = stop > words.STOPS_UNCHANGED
        assert (lift.stage.passenger, lift.stage.load_percent) == ((None, None) if is_steady else (True, 40.0)), stop
        assert lift.doubted == ({"passenger", "load_percent"} if stop > words.STOPS_UNCHANGED_FAULT else set()), stop
    lift.say(passenger=False, load_percent=0.0)
    assert (lift.stage.passenger, lift.stage.load_percent) == (False, 0.0)
    assert lift.doubted == set()


def test_a_fault_code_under_which_trips_are_made_is_no_sign_of_trouble() -> None:
    lift = Lift()
    lift.trip(fault=7)
    assert lift.stage.view.is_fault_stopping  # it may have ended this trip
    lift.trip(fault=7)
    assert (lift.stage.view.fault, lift.stage.view.is_fault_stopping) == (7, False)
    lift.say(fault=8)
    assert lift.stage.view.is_fault_stopping


def test_while_the_link_is_down_no_word_is_believed() -> None:
    lift = Lift()
    lift.trip(direction=Direction.UP, floor="2", passenger=True, load_percent=9.0, fault=7, safety_circuit_closed=True)
    lift.say(door_zone=True, door=ControllerDoor.OPEN)
    lift.frame(is_link_down=True)
    view = lift.stage.view
    assert (view.direction, view.speed_mps, view.floor, view.safety_circuit_closed) == (None, None, None, None)
    assert (lift.stage.passenger, lift.stage.load_percent, lift.stage.door_zone) == (None, None, None)
    assert not lift.stage.is_door_believed
    assert not view.is_fault_stopping
    lift.frame()
    assert lift.stage.passenger is True
    assert lift.stage.is_door_believed


# ---- inspection operation


@pytest.mark.parametrize("witness", [CONTACT, MODE])
@pytest.mark.parametrize(
    ("speed_mps", "opened_s", "is_wrong"),
    [(INSPECTION_MPS_MAX + 0.01, 9.0, True), (INSPECTION_MPS_MAX - 0.01, 9.0, False), (1.0, 11.0, False)],
)
def test_inspection_on_a_fast_trip_whose_door_opens_is_wrong(
    witness: str, speed_mps: float, opened_s: float, is_wrong: bool
) -> None:
    assert pytest.approx(10.0) == SELF_OPENED_NS / S
    stage = InspectionStage(LIMITS)
    stage.take(witness, ns(1.0), True)
    stage.take_ride(ride(5.0, 15.0, speed_mps=speed_mps))
    stage.take_door(ns(15.0 + opened_s), is_open=True)
    assert stage.is_active(ns(40.0)) is not is_wrong
    stage.take(witness, ns(41.0), True)
    assert stage.is_active(ns(42.0)) is not is_wrong
    stage.take(witness, ns(43.0), False)
    assert not stage.is_active(ns(43.0))
    stage.take(witness, ns(50.0), True)
    assert stage.is_active(ns(51.0))
    assert stage.since_ns == ns(50.0)
    assert [each.fault for each in stage.troubles()] == ([None] if is_wrong else [])


def test_a_trip_that_began_before_inspection_proves_nothing() -> None:
    stage = InspectionStage(LIMITS)
    stage.take(MODE, ns(7.0), True)
    stage.take_ride(ride(5.0, 15.0))
    stage.take_door(ns(18.0), is_open=True)
    assert stage.is_active(ns(20.0))


def test_of_two_witnesses_the_one_that_is_not_wrong_still_counts() -> None:
    stage = InspectionStage(LIMITS)
    stage.take(MODE, ns(1.0), True)
    stage.take_ride(ride(5.0, 15.0))
    stage.take_door(ns(18.0), is_open=True)
    assert not stage.is_active(ns(20.0))
    stage.take(CONTACT, ns(30.0), True)
    assert stage.is_active(ns(31.0))
    assert stage.since_ns == ns(30.0)


def test_a_door_open_for_three_seconds_proves_a_zone_although_it_was_open_for_one_at_first() -> None:
    lift = Lift()
    lift.trip(door_zone=False)
    lift.opens(3.0, stands_s=2.5)
    assert lift.doubted == {"door_zone"}


def test_a_car_that_levels_again_while_its_door_opens_proves_no_zone() -> None:
    lift = Lift()
    lift.trip(door_zone=False)
    lift.opens(3.0, stands_s=1.0)
    lift.t_s += 2.0
    lift.frame(speed_mps=0.1)
    assert lift.doubted == set()


def test_a_controller_that_has_not_spoken_yet_is_not_judged() -> None:
    lift = Lift()
    lift.trip(reports=0)
    lift.opens(3.0, stands_s=30.0)
    assert lift.stage.troubles() == ()
    assert lift.stage.view.last_report_ns is None


def test_a_circuit_that_closes_on_the_way_is_timed_anew() -> None:
    lift = Lift()
    for is_closed in (False, True, False):
        lift.say(safety_circuit_closed=is_closed)
        lift.frame(speed_mps=1.0)
        lift.t_s += 2.0
        lift.frame(speed_mps=1.0)
    assert lift.doubted == set()
