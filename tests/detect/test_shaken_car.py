"""People who walk, clean and jump, and a car that rings after its brake: shaking is no movement and hides none.

Steps and jumps are rings of the car on its ropes that leave neither speed nor height. The chip samples them as they
are, without a filter, so that single ones leave an apparent speed: that is what the core has to doubt.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course
from edge_agent.detect.rules.door import DoorOpenInMotionRule
from edge_agent.detect.rules.movement import OverspeedRule, UnintendedMovementRule
from edge_agent.readings import Signal, SignalEdge
from tests.detect.boxes import Box
from tests.detect.physics import Array, Drive, Piece, braked, change, pause
from tests.detect.runs import seen
from tests.detect.scenes import Scene, concluded
from tests.detect.states import ARRIVED_S, LIMITS, changed, frames, running, standing, told

UNINTENDED = AlarmKind.UNINTENDED_MOVEMENT
GRID_HZ = 100.0  # of `Scene.shakes`
COARSE = Box(rate_hz=25.0, noise_mps2=0.01)
FINE = Box(rate_hz=50.0, noise_mps2=0.01)


def ring(peak_mps2: float, hz: float, decay_per_s: float) -> Array:
    """Second derivative of t^2 exp(-d t) sin(w t): begins and ends at rest where it began."""
    t = np.arange(0.0, 8.0 / decay_per_s, 1.0 / GRID_HZ / 10.0)
    way = t * t * np.exp(-decay_per_s * t) * np.sin(2.0 * math.pi * hz * t)
    accel = np.gradient(np.gradient(way, t), t)[::10]
    return np.asarray(peak_mps2 * accel / np.max(np.abs(accel)))


def steps(seconds: float, every_s: float, peak_mps2: float, seed: int) -> tuple[float, ...]:
    """Feet on the floor of the car, one value every 10 ms."""
    rng = np.random.default_rng(seed)
    felt = np.zeros(round((seconds + 3.0) * GRID_HZ))
    t_s = 0.0
    while (t_s := t_s + float(rng.exponential(every_s))) < seconds:
        one = ring(peak_mps2 * float(rng.lognormal(0.0, 0.4)), rng.uniform(3.0, 9.0), rng.uniform(4.0, 12.0))
        first = round(t_s * GRID_HZ)
        felt[first : first + len(one)] += rng.choice([-1.0, 1.0]) * one[: len(felt) - first]
    return tuple(felt.tolist())


def walked_in(box: Box, seed: int, peak_mps2: float = 0.8, every_s: float = 1.5) -> Scene:
    """The door stands open for a minute and a half, and people walk in the car."""
    scene = Scene(box=box).stand(6.0).open().stand(3.0)
    scene.shakes.append((scene.t_s, steps(90.0, every_s, peak_mps2, seed)))
    return scene


# ---- with the door open


@pytest.mark.parametrize("box", [COARSE, FINE], ids=["25-Hz", "50-Hz"])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_people_who_walk_in_the_open_car_are_no_movement(box: Box, seed: int) -> None:
    assert walked_in(box, seed).stand(93.0).run().grave == []


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_people_who_jump_in_the_open_car_are_no_movement(seed: int) -> None:
    assert walked_in(COARSE, seed, peak_mps2=2.0, every_s=0.4).stand(93.0).run().grave == []


@pytest.mark.parametrize("box", [COARSE, FINE], ids=["25-Hz", "50-Hz"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_car_that_slips_away_among_walking_people_is_told_all_the_same(box: Box, seed: int, sign: float) -> None:
    """A brake that holds too little: 0.5 m/s2, 0.3 m/s after 0.6 s, 0.2 m after 0.9 s. Steps of 300 N in 1000 kg."""
    scene = walked_in(box, seed, peak_mps2=0.3).stand(20.0)
    begin_s, _ = scene.go([Piece(2.0, sign * 0.5), Piece(0.5, -sign * 2.0)])
    (raised_s,) = scene.stand(5.0).run().times_s(UNINTENDED)
    assert begin_s + 0.4 <= raised_s <= begin_s + 0.9 + 0.5


DOUBTS: dict[str, tuple[Any, Any, float]] = {
    "unintended": (UnintendedMovementRule, {}, 1.0 / 5.0),
    "overspeed": (OverspeedRule, {"door": "shut", "rated_speed_mps": 0.5}, (1.0 - 0.5 * 1.15 - 0.1) / 2.0),
    "door-open-in-motion": (DoorOpenInMotionRule, {"door__break_ns": 10**9, "position__is_outside_zone": True,
                                                   "position__zone_witness": False}, (1.0 - 0.1) / 2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTS)
def test_a_speed_of_1_mps_counts_up_to_so_much_doubt(name: str) -> None:
    rule, parts, limit_mps = DOUBTS[name]
    shut = parts.get("door") == "shut"

    def make(doubt_mps: float, t_s: float) -> CarState:
        base = standing(t_s, since_s=0.0, motion__is_sure=True)
        door = base.door if shut else replace(base.door, state=DoorState.OPEN, since_ns=0)
        if t_s < ARRIVED_S + 1.0:
            return replace(base, door=door)
        moving = running(
            t_s, door=door, course=Course(0), motion__travel_m=1.0, motion__is_sure=True, motion__doubt_mps=doubt_mps
        )
        return changed(moving, **{key: value for key, value in parts.items() if key != "door"})

    for factor, count in ((0.9, 1), (1.1, 0)):
        cars = frames(ARRIVED_S, ARRIVED_S + 3.0, partial(make, factor * limit_mps))
        assert len(told(rule(LIMITS), cars).raised_s) == count


# ---- with the door closed


def test_a_slow_trip_whose_start_was_hidden_by_jumps_is_no_open_door_in_motion() -> None:
    """0.19 m/s under jumps of 2 m/s2: only its end is felt, and looks like a start the other way."""
    for seed in (1, 2, 3):
        slow = Drive(0.19, 0.2, 0.4)
        scene = Scene(box=FINE, drive=slow, knows_heights=False).stand(6.0).open().stand(3.0).close().stand(4.0)
        scene.shakes.append((scene.t_s - 3.0, steps(6.0, 0.3, 2.0, seed)))
        scene.go([*change(0.19, slow), *pause(13.0), *change(-0.19, slow)])
        assert scene.stand(1.5).open().stand(8.0).run().of(AlarmKind.DOOR_OPEN_IN_MOTION) == []


def test_a_slow_lift_whose_door_opens_on_the_way_is_told_although_people_stepped_in() -> None:
    slow = Drive(0.19, 0.2, 0.4)
    scene = Scene(box=FINE, drive=slow, knows_heights=False).stand(6.0).open()
    scene.shakes.append((scene.t_s, steps(4.0, 1.0, 0.5, 1)))
    begin_s, _ = scene.stand(7.0).close().stand(2.0).go([*change(0.19, slow), *pause(13.0), *change(-0.19, slow)])
    scene.edge(Signal.DOOR_CLOSED, False, begin_s + 6.0)
    scene.edge(Signal.DOOR_CLOSED, True, begin_s + 6.4)
    (raised_s,) = scene.stand(8.0).run().times_s(AlarmKind.DOOR_OPEN_IN_MOTION)
    assert begin_s + 6.0 <= raised_s <= begin_s + 6.2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trip_that_starts_while_people_jump_is_measured_from_its_start(seed: int) -> None:
    drive = Drive(1.0, 0.7, 1.0)
    scene = Scene(box=FINE, drive=drive).stand(12.0)
    scene.shakes.append((scene.t_s - 6.0, steps(8.0, 0.6, 1.0, seed)))
    begin_s, end_s = scene.go([*change(1.0, drive), *pause(6.0), *change(-1.0, drive)])
    (trip,) = scene.stand(8.0).run().trips
    assert trip.distance_m == pytest.approx(scene.path.height_m, abs=0.6)
    assert trip.start_ns / 1e9 == pytest.approx(begin_s, abs=1.5)
    assert trip.end_ns / 1e9 == pytest.approx(end_s, abs=0.5)


# ---- the brake


def rung(speed_mps: float, then: list[Piece], seed: int) -> tuple[Scene, float]:
    """A brake of 3.5 m/s2, after which the car rings at 2 m/s2; returns when it was at rest."""
    drive = Drive(speed_mps, 0.8, 1.2)
    scene = Scene(heights_m=(0.0, 20.0, 40.0), drive=drive, box=COARSE).stand(8.0)
    _, rest_s = scene.go([*change(speed_mps, drive), *pause(6.3), *braked(speed_mps, 3.5)])
    scene.shakes.append((rest_s, tuple(ring(2.0 * (-1.0) ** seed, 3.2 + 0.17 * seed, 1.6).tolist())))
    scene.go(then)
    return scene, rest_s


@pytest.mark.parametrize("speed_mps", [0.63, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_car_that_rings_after_its_brake_stands_where_it_stopped(speed_mps: float, seed: int) -> None:
    scene, rest_s = rung(speed_mps, pause(8.0), seed)
    outcome = scene.run()
    assert outcome.raised[:1] == ["emergency_stop"]
    (trip,) = outcome.trips
    assert trip.distance_m == pytest.approx(scene.path.height_m, abs=0.35)
    assert trip.end_ns / 1e9 == pytest.approx(rest_s, abs=1.5)


def test_a_car_that_goes_on_after_its_brake_is_not_taken_to_stand() -> None:
    """A second of standing and ringing, then on at 0.63 m/s, as after a door contact that chattered."""
    drive = Drive(0.63, 0.5, 0.8)
    scene, _ = rung(0.63, [*pause(1.0), *change(0.63, drive), *pause(12.0)], 1)
    last = scene.car().motion
    assert last.is_moving
    assert last.speed_mps == pytest.approx(0.63, abs=0.2)


def test_a_jumping_passenger_does_not_stop_a_running_car_and_does_not_hide_a_stop() -> None:
    for stops in (False, True):
        drive = Drive(1.0, 0.8, 1.2)
        scene = Scene(heights_m=(0.0, 20.0, 40.0), drive=drive, box=COARSE).stand(8.0)
        scene.shakes.append((scene.t_s + 4.0, steps(10.0, 0.5, 1.5, 3)))
        end = braked(1.0, 3.5) if stops else change(-1.0, drive)
        scene.go([*change(1.0, drive), *pause(11.0), *end])
        assert len(scene.stand(8.0).run().of(AlarmKind.EMERGENCY_STOP)) == stops


def test_trips_on_which_children_jump_say_nothing_of_the_drive() -> None:
    drive = Drive(1.0, 0.7, 1.0)
    for seed, count in ((3, 0), (None, 1)):
        hard = drive if seed is not None else Drive(1.0, 1.9, 6.0)
        scene = Scene(drive=hard, box=FINE).stand(6.0)
        for to in (4, 0, 4, 0):
            if seed is not None:
                scene.shakes.append((scene.t_s, steps(12.0, 0.3, 2.0, seed + to)))
            scene.trip(to)
            scene.stand(3.0).open().stand(2.0).close().stand(2.0)
        assert len(scene.run().of(AlarmKind.EXCESSIVE_ACCELERATION)) == count


def test_a_slow_trip_is_one_trip_although_people_stir_on_the_way() -> None:
    """0.15 m/s for 20 s, softly begun: the beginning must not be learned as gravity, nor drift be taken for braking."""
    drive = Drive(0.15, 0.3, 0.6)
    scene = Scene(box=FINE, drive=drive).stand(10.0)
    scene.shakes.append((4.0, steps(30.0, 0.8, 0.08, 5)))
    scene.go([*change(0.15, drive), *pause(20.0), *change(-0.15, drive)])
    found = seen(scene.stand(8.0).block())
    (ride,) = found.rides
    assert ride.distance_m == pytest.approx(scene.path.height_m, abs=0.5)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_an_agent_that_starts_while_the_car_brakes_finds_its_gravity_at_the_open_door(share: float) -> None:
    """People walk in and out after it: nothing of that is movement, and the next trip is measured right."""
    scene = Scene(box=COARSE, start=None, knows_heights=False).stand(5.0)
    begin_s, end_s = scene.trip(2)
    scene.stand(0.6).open()
    scene.shakes.append((scene.t_s, steps(20.0, 1.0, 0.4, 3)))
    scene.stand(24.0).close().stand(1.5)
    scene.trip(0)
    from_s = begin_s + share * (end_s - begin_s)
    late = [each for each in scene.stand(4.0).readings() if each.t_ns >= from_s * 1e9]
    shut = SignalEdge(round(from_s * 1e9), Signal.DOOR_CLOSED, True)
    outcome = concluded(scene.installation, [shut, *late])
    assert outcome.grave == []
    assert outcome.trips[-1].distance_m == pytest.approx(6.0, abs=0.3)
