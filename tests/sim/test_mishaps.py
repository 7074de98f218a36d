"""What no lift should do, and what changes around it: drift, pace, rear door, wind, warmth, rails."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from edge_agent.readings import AccelFrame, PressureSample, Reading, Signal, SignalEdge
from sim.box import BoxSpec, PressureSpec
from sim.lift import Lift
from sim.mishap_steps import MISHAP_VERBS
from sim.mishaps import roughen_rails, set_door_pace, set_drive, storm, strike, ventilate, warm
from sim.scenario import play
from sim.scenario_file import parse_scenario
from sim.sensors import readings
from sim.tell import described, sentence
from sim.tracks import SlopeTrack
from sim.words import Side
from tests.sim.lifts import a_box, plain_lift

STORY = 'format = 1\ntitle = "A mishap"\nstory = "Something happens."\n[lift]\n[box]\n'
REAR = frozenset({Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR})


def sensed(lift: Lift, box: BoxSpec) -> list[Reading]:
    return list(readings(lift, box, np.random.default_rng(1), lift.now_s))


def vertical(lift: Lift, from_s: float, to_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    lengths = [
        float(np.linalg.norm(sample))
        for frame in sensed(lift, a_box())
        if isinstance(frame, AccelFrame)
        for t_ns, sample in zip(frame.times_ns, frame.samples_mps2, strict=True)
        if from_s <= t_ns / 1e9 < to_s
    ]
    return np.array(lengths)


def test_drift_moves_the_car_by_what_the_story_says_and_leaves_the_door_alone() -> None:
    lift = plain_lift()
    lift.open_door()
    before_m = lift.height_m
    start_s = lift.now_s
    lift.drift(-0.5, 0.04, 0.05)
    assert lift.height_m - before_m == pytest.approx(-0.5)
    assert lift.now_s - start_s == pytest.approx(0.5 / 0.04, rel=0.1)
    assert lift.door.opening(lift.now_s) == 1.0
    assert lift.trips == []


def test_pace_is_the_speed_of_the_trip_over_the_normal_one() -> None:
    lift = plain_lift()
    lift.travel(4, pace=1.3)
    lift.travel(0)
    assert [trip.speed_mps for trip in lift.trips] == pytest.approx([1.3, 1.0], abs=0.01)


def test_drive_and_door_settings_hold_from_then_on() -> None:
    lift = plain_lift()
    lift.travel(4)
    set_drive(lift, 0.5, 1.0)
    lift.travel(0)
    # 12 m at 1 m/s: travel time is distance / speed + speed / acceleration + acceleration / jerk
    durations_s = [trip.end_s - trip.start_s for trip in lift.trips]
    assert durations_s == pytest.approx([12.0 + 1.0 + 1.0, 12.0 + 2.0 + 0.5], abs=0.05)
    first_s = lift.now_s
    lift.open_door()
    normal_s = lift.now_s - first_s
    lift.close_door()
    set_door_pace(lift, 1.5)
    second_s = lift.now_s
    lift.open_door()
    assert (lift.now_s - second_s) / normal_s == pytest.approx(1.5, rel=0.12)


def test_rear_door_works_the_rear_contacts_and_lets_people_in() -> None:
    lift = plain_lift()
    lift.wait(1.0)
    lift.open_door(side=Side.REAR)
    lift.enter(1)
    lift.close_door(side=Side.REAR)
    lift.wait(1.0)
    box = replace(a_box(signals=REAR | {Signal.DOOR_OPEN, Signal.DOOR_CLOSED}))
    edges = [each for each in sensed(lift, box) if isinstance(each, SignalEdge)]
    assert {each.is_active for each in edges if each.signal is Signal.DOOR_OPEN_REAR} == {True, False}
    assert {each.is_active for each in edges if each.signal is Signal.DOOR_OPEN} == {False}
    assert lift.people == 1


def test_strike_is_felt_as_hard_as_told_and_is_over_within_half_a_second() -> None:
    lift = plain_lift()
    lift.wait(3.0)
    strike(lift, 30.0)
    lift.wait(3.0)
    assert np.max(np.abs(vertical(lift, 3.0, 3.5) - 9.81)) == pytest.approx(30.0, rel=0.35)
    assert np.max(np.abs(vertical(lift, 3.5, 6.0) - 9.81)) < 0.5


def test_ventilation_shifts_the_pressure_for_good_and_a_storm_shakes_it() -> None:
    lift = plain_lift()
    lift.wait(20.0)
    ventilate(lift, 0.5, 1.0)
    lift.wait(20.0)
    storm(lift, 0.4)
    lift.wait(200.0)
    with_air = replace(a_box(), pressure=PressureSpec(base_hpa=1010.0, noise_hpa=0.0, drift_hpa=0.0))
    values = {r.t_ns / 1e9: r.pressure_hpa for r in sensed(lift, with_air) if isinstance(r, PressureSample)}
    calm = [value for t_s, value in values.items() if t_s < 20.0]
    shifted = [value for t_s, value in values.items() if 21.5 < t_s < 39.0]
    gusty = [value for t_s, value in values.items() if t_s > 41.0]
    assert np.std(calm) < 0.002
    assert np.mean(shifted) - np.mean(calm) == pytest.approx(0.5, abs=0.01)
    assert np.std(gusty) == pytest.approx(0.4, rel=0.3)


def test_warmth_moves_the_offset_of_the_chip_and_not_its_noise() -> None:
    lift = plain_lift()
    warm(lift, -20.0, 1.0)
    lift.wait(6.0)
    box = a_box()
    assert box.accel is not None
    frames = [each for each in sensed(lift, box) if isinstance(each, AccelFrame)]
    cold = np.mean([f.samples_mps2.mean(axis=0) for f in frames if f.t_ns > 2e9], axis=0)
    still = plain_lift()
    still.wait(6.0)
    usual = np.mean(
        [f.samples_mps2.mean(axis=0) for f in sensed(still, box) if isinstance(f, AccelFrame) and f.t_ns > 2e9], axis=0
    )
    assert cold - usual == pytest.approx(-20.0 * box.accel.drift_mps2_per_degc, abs=2e-3)


def test_rough_rails_shake_the_running_car_only() -> None:
    lift = plain_lift()
    body = replace(lift.spec.body, hiss_mps2=0.05)
    lift.spec = replace(lift.spec, body=body)
    roughen_rails(lift, 4.0)
    lift.wait(5.0)
    lift.travel(4)
    times = lift.trips[0]
    middle_s = (times.start_s + times.end_s) / 2
    assert np.std(vertical(lift, middle_s - 2.0, middle_s + 2.0)) == pytest.approx(0.2, rel=0.3)
    assert np.std(vertical(lift, 1.0, 4.0)) < 0.02


def test_slope_goes_in_a_straight_line_and_holds() -> None:
    track = SlopeTrack(1.0)
    track.slope(10.0, 3.0, 4.0)
    track.slope_by(20.0, -1.0, 2.0)
    assert track.sample(np.array([0.0, 10.0, 11.0, 14.0, 19.0, 21.0, 50.0])) == pytest.approx(
        [1.0, 1.0, 1.5, 3.0, 3.0, 2.5, 2.0]
    )
    track.slope(12.0, 1.0, 1.0)  # a new slope takes over where the old one is
    assert track.sample(np.array([11.0, 12.0, 12.5, 13.0, 50.0])) == pytest.approx([1.5, 2.0, 1.5, 1.0, 1.0])
    track.slope(60.0, 3.0, 10.0)
    track.slope_by(65.0, 1.0, 5.0)  # so much further than that one would have led
    assert track.sample(np.array([65.0, 70.0])) == pytest.approx([2.0, 4.0])


@pytest.mark.parametrize("verb", sorted(MISHAP_VERBS))
def test_every_mishap_is_told_in_words(verb: str) -> None:
    first = "true" if verb == "safety_circuit" else "1.5"
    key = fields(MISHAP_VERBS[verb])[0].name
    body = STORY + f'[[step]]\ndo = "{verb}"\n{key} = {first}\n'
    scenario = parse_scenario(body, "mishap.toml", "mishap")
    assert sentence(scenario.steps[0].step) in described(scenario)
    assert play(scenario, 1).duration_s >= 0.0
