"""The truth of one lift: commands and their effects."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.readings import ControllerDoor, Direction, Mode
from sim.steps import (
    BehaveStep,
    CloseDoorStep,
    CreepStep,
    EnterStep,
    InspectionStep,
    InspectStep,
    KnockBoxStep,
    LeaveStep,
    OpenDoorStep,
    PowerStep,
    RelevelStep,
    ResetStep,
    RideStep,
    TrafficStep,
    TravelStep,
    WindStep,
    perform,
)
from sim.tracks import DoorMotion
from sim.words import FAULT_DOOR_OPEN, FAULT_SAFETY_CIRCUIT, Behaviour, StopCause, StoryError
from tests.sim.lifts import plain_lift


def test_ride_takes_the_car_to_its_landing_and_leaves_the_door_open() -> None:
    lift = plain_lift()
    perform(lift, RideStep(3))
    assert lift.height_m == pytest.approx(9.0, abs=1e-6)
    assert lift.door.motion(lift.now_s) is DoorMotion.OPEN
    [trip] = lift.trips
    assert trip.direction is Direction.UP
    assert trip.distance_m == pytest.approx(9.0, abs=1e-6)
    assert trip.end_s - trip.start_s == pytest.approx(11.0)
    assert trip.speed_mps == pytest.approx(1.0)


def test_people_cannot_walk_through_a_closed_door() -> None:
    with pytest.raises(StoryError, match="door is not open"):
        perform(plain_lift(), EnterStep(1))


def test_more_people_cannot_leave_than_are_inside() -> None:
    lift = plain_lift()
    perform(lift, OpenDoorStep())
    perform(lift, EnterStep(2))
    with pytest.raises(StoryError, match="there are 2 inside"):
        perform(lift, LeaveStep(3))


def test_brake_stops_the_car_where_the_story_says_with_the_safety_circuit_open() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, stops_with=StopCause.SAFETY_CIRCUIT, stops_at=2.5))
    assert lift.height_m == pytest.approx(7.5, abs=0.02)
    assert lift.motion.state(lift.now_s)[1] == 0.0
    assert not lift.safety_circuit_closed.at(lift.now_s)
    assert lift.fault.at(lift.now_s) == FAULT_SAFETY_CIRCUIT
    assert not lift.is_in_door_zone(lift.height_m)
    assert not lift.trips[-1].ended_at_landing


def test_brake_decelerates_as_hard_as_it_is_said_to() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, stops_with=StopCause.BRAKE, stops_at=2.5))
    _, _, accel_mps2 = lift.motion.sample(np.arange(0.0, lift.now_s, 0.005))
    assert accel_mps2.min() == pytest.approx(-3.0)


def test_power_cut_darkens_the_controller_until_power_returns() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, stops_with=StopCause.POWER_CUT, stops_at=2.5))
    assert not lift.mains.at(lift.now_s)
    assert not lift.controller_is_on.at(lift.now_s)
    perform(lift, PowerStep(True))
    assert lift.mains.at(lift.now_s)
    assert not lift.controller_is_on.at(lift.now_s + 5.0)
    assert lift.controller_is_on.at(lift.now_s + 9.0)


def test_car_cannot_stop_where_its_trip_does_not_lead() -> None:
    with pytest.raises(StoryError, match="cannot stop at that place"):
        perform(plain_lift(), TravelStep(2, stops_with=StopCause.BRAKE, stops_at=3.5))


def test_technician_winds_the_car_to_the_nearest_landing_in_pulls() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, stops_with=StopCause.BRAKE, stops_at=2.4))
    trips_before = len(lift.trips)
    perform(lift, WindStep())
    assert lift.height_m == pytest.approx(6.0, abs=0.011)
    assert len(lift.trips) - trips_before >= 2


def test_self_recovery_creeps_to_the_nearest_landing_and_forgets_the_fault() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, stops_with=StopCause.BRAKE, stops_at=2.6))
    perform(lift, ResetStep())
    perform(lift, CreepStep())
    assert lift.height_m == pytest.approx(9.0, abs=1e-6)
    assert lift.fault.at(lift.now_s) == 0
    assert lift.trips[-1].speed_mps <= 0.15 + 1e-9


def test_inspection_moves_only_with_the_key_turned_and_stops_anywhere() -> None:
    lift = plain_lift()
    with pytest.raises(StoryError, match="inspection operation is not on"):
        perform(lift, InspectStep(1.5))
    perform(lift, InspectionStep(True))
    perform(lift, InspectStep(1.5, speed_mps=2.0))
    assert lift.mode.at(lift.now_s) is Mode.INSPECTION
    assert lift.height_m == pytest.approx(4.5, abs=1e-6)
    assert lift.trips[-1].speed_mps <= 0.63 + 1e-9


def test_obstructed_door_reverses_as_often_as_said_and_then_closes() -> None:
    lift = plain_lift()
    perform(lift, OpenDoorStep())
    start_s = lift.now_s
    perform(lift, CloseDoorStep(obstructed_times=3))
    opening = lift.door.sample(np.arange(start_s, lift.now_s, 0.01))
    turns = np.flatnonzero((opening[1:-1] < opening[:-2]) & (opening[1:-1] <= opening[2:]) & (opening[1:-1] > 0.05))
    assert len(turns) == 3
    assert lift.door.motion(lift.now_s) is DoorMotion.CLOSED
    assert lift.controller_door.at(lift.now_s) is ControllerDoor.CLOSED


def test_door_that_sticks_is_reported_as_a_fault_after_its_tries() -> None:
    lift = plain_lift()
    perform(lift, OpenDoorStep(reaches=0.1, tries=2))
    assert lift.door.opening(lift.now_s) == pytest.approx(0.1)
    assert lift.controller_door.at(lift.now_s) is ControllerDoor.FAULT
    assert lift.fault.at(lift.now_s) == FAULT_DOOR_OPEN


def test_jammed_door_stays_where_it_jams() -> None:
    lift = plain_lift()
    perform(lift, OpenDoorStep())
    perform(lift, CloseDoorStep(jams_at=0.45))
    lift.wait(100.0)
    assert lift.door.opening(lift.now_s) == pytest.approx(0.45)
    assert lift.door.motion(lift.now_s) is DoorMotion.STOPPED


def test_door_bursts_open_in_the_middle_of_a_trip() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4, door_opens=0.3, door_opens_after_s=4.0, door_opens_for_s=1.0))
    times_s = np.arange(0.0, lift.now_s, 0.01)
    _, speed_mps, _ = lift.motion.sample(times_s)
    is_open = lift.door.sample(times_s) > 0.25
    assert is_open.any()
    assert np.abs(speed_mps[is_open]).min() > 0.9
    assert lift.door.opening(lift.now_s) == 0.0


def test_sinking_car_levels_itself_again() -> None:
    lift = plain_lift()
    perform(lift, RelevelStep(sink_mm=15.0, over_s=30.0))
    assert lift.motion.state(30.0)[0] == pytest.approx(-0.015, abs=1e-6)
    assert lift.height_m == pytest.approx(0.0, abs=1e-6)
    assert lift.trips == []


def test_knocked_box_stays_askew() -> None:
    lift = plain_lift()
    perform(lift, KnockBoxStep(tilt_deg=4.0))
    assert lift.box_tilt_deg.at(lift.now_s) == 4.0
    assert lift.box_tilt_deg.at(-1.0) == 0.0


def test_traffic_ends_empty_with_the_door_closed_and_every_trip_at_a_landing() -> None:
    lift = plain_lift(seed=5)
    perform(lift, TrafficStep(1200.0, 120.0))
    assert lift.now_s >= 1200.0
    assert lift.people == 0
    assert lift.door.motion(lift.now_s) is DoorMotion.CLOSED
    assert len(lift.trips) > 15
    assert all(trip.ended_at_landing for trip in lift.trips)


def test_same_seed_lives_the_same_life_and_another_seed_another() -> None:
    lives = []
    for seed in (7, 7, 8):
        lift = plain_lift(seed=seed)
        perform(lift, BehaveStep(Behaviour.RESTLESS))
        perform(lift, TrafficStep(300.0, 120.0))
        lives.append(tuple(lift.trips))
    assert lives[0] == lives[1]
    assert lives[0] != lives[2]
