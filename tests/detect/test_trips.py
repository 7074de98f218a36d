"""Trips whose true course is known from the textbook: found whole, measured right, in any mounting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.detect.course import Ride
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion import MotionStage
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.signal import FRAME_NS, FrameCutter
from tests.detect.boxes import MG, PLAIN, POOR, Box, turned
from tests.detect.physics import (
    FAST,
    HIGH_RISE,
    HOME,
    ORDINARY,
    SLOW,
    Drive,
    Path,
    braked,
    change,
    pause,
    trip,
    two_speed,
)
from tests.detect.runs import travelled


def allowed_m(distance_m: float, duration_s: float) -> float:
    """2 % scale of the sensor, 0.02 m/s that a soft start hides in the noise of 3 mg, and 5 cm."""
    return 0.02 * abs(distance_m) + 0.02 * duration_s + 0.05


def check(ride: Ride, drive: Drive, distance_m: float, begin_s: float, end_s: float) -> None:
    assert ride.distance_m * distance_m > 0.0, "direction"
    assert abs(ride.distance_m - distance_m) <= allowed_m(distance_m, end_s - begin_s)
    assert ride.start_ns / 1e9 == pytest.approx(begin_s, abs=0.5)
    assert ride.end_ns / 1e9 == pytest.approx(end_s, abs=0.3)
    assert ride.accel_mps2 == pytest.approx(drive.accel_mps2, rel=0.1, abs=0.05)
    assert ride.decel_mps2 == pytest.approx(drive.accel_mps2, rel=0.1, abs=0.05)
    assert ride.was_mounted


TRIPS = [(HOME, 3.0), (SLOW, 2.8), (SLOW, 11.2), (ORDINARY, 2.8), (ORDINARY, 25.0), (FAST, 12.0), (HIGH_RISE, 150.0)]


@pytest.mark.parametrize(("drive", "distance_m"), TRIPS, ids=lambda value: str(getattr(value, "speed_mps", value)))
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["up", "down"])
@pytest.mark.parametrize("box", [PLAIN, POOR], ids=["plain", "poor"])
def test_a_trip_is_measured_right(drive: Drive, distance_m: float, sign: float, box: Box) -> None:
    _, begin_s, end_s, found = travelled(trip(sign * distance_m, drive), box)
    (ride,) = found.rides
    check(ride, drive, sign * distance_m, begin_s, end_s)
    assert ride.speed_mps == pytest.approx(drive.speed_mps, rel=0.03, abs=0.03)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    drive=st.sampled_from([SLOW, ORDINARY, FAST]),
    distance_m=st.floats(2.5, 12.0),
    sign=st.sampled_from([1.0, -1.0]),
    rate_hz=st.sampled_from([25.0, 50.0, 100.0, 400.0]),
    bias_mg=st.floats(0.0, 80.0),
    scale=st.floats(0.98, 1.02),
    noise_mg=st.floats(0.1, 3.0),
    seed=st.integers(0, 1000),
)
def test_any_mounting_bias_scale_and_noise_gives_the_same_trip(
    drive: Drive,
    distance_m: float,
    sign: float,
    rate_hz: float,
    bias_mg: float,
    scale: float,
    noise_mg: float,
    seed: int,
) -> None:
    box = Box(rate_hz, turned(seed), bias_mg * MG, scale, noise_mg * MG, jitter=0.03, seed=seed)
    _, begin_s, end_s, found = travelled(trip(sign * distance_m, drive), box)
    (ride,) = found.rides
    assert ride.distance_m * sign > 0.0
    assert abs(ride.distance_m - sign * distance_m) <= allowed_m(distance_m, end_s - begin_s)
    assert begin_s - 1.5 <= ride.start_ns / 1e9 <= begin_s + 0.5  # traced back as far as the frames lean that way
    assert ride.end_ns / 1e9 == pytest.approx(end_s, abs=0.4)


def test_the_speed_on_the_way_is_the_true_speed() -> None:
    path, begin_s, end_s, found = travelled(trip(15.0, FAST), PLAIN)
    times_s = np.array([t_ns / 1e9 for t_ns in found.states if begin_s + 1.0 <= t_ns / 1e9 <= end_s - 0.5])
    _, speeds_mps, heights_m = path.at(times_s)
    assert np.min(heights_m) > 0.15  # a push of 0.1 m is no trip yet
    states = [found.state_at(t_s + 1e-6) for t_s in times_s]
    assert all(state.is_moving for state in states)
    assert [state.speed_mps for state in states] == pytest.approx(speeds_mps.tolist(), abs=0.08)
    assert [state.travel_m for state in states] == pytest.approx(heights_m.tolist(), abs=0.35)


def test_phases_follow_the_trip() -> None:
    _, begin_s, end_s, found = travelled(trip(20.0, ORDINARY), PLAIN)
    ramp_s = sum(piece.duration_s for piece in change(1.0, ORDINARY))
    assert found.state_at(begin_s - 0.1).phase is Phase.AT_REST
    assert found.state_at(begin_s + 0.7 * ramp_s).phase is Phase.STARTING
    assert found.state_at((begin_s + end_s) / 2.0).phase is Phase.RUNNING
    assert found.state_at(end_s - 0.4 * ramp_s).phase is Phase.STOPPING
    assert found.state_at(end_s + 2.0).phase is Phase.AT_REST


def test_standstill_is_counted_from_the_stop_and_a_trip_from_its_start() -> None:
    _, begin_s, end_s, found = travelled(trip(12.0, ORDINARY), PLAIN)
    assert found.state_at((begin_s + end_s) / 2.0).since_ns / 1e9 == pytest.approx(begin_s, abs=0.4)
    assert found.state_at(end_s + 5.0).since_ns / 1e9 == pytest.approx(end_s, abs=0.3)
    assert found.state_at(begin_s).since_ns / 1e9 == pytest.approx(0.0, abs=FRAME_NS / 1e9)


def test_a_stop_is_told_within_a_second_and_its_trip_within_six() -> None:
    _, _, end_s, found = travelled(trip(12.0, ORDINARY), PLAIN)
    assert found.state_at(end_s + 1.0).phase is Phase.AT_REST
    cutter, stage = FrameCutter(), MotionStage(Limits())
    path = Path()
    path.stand(5.0)
    path.run(trip(12.0, ORDINARY))
    path.stand(10.0)
    block = PLAIN.block(path)
    told_ns = [f.end_ns for f in cutter.push(block) for _, ride in stage.step(f) if ride is not None]
    assert len(told_ns) == 1
    assert told_ns[0] / 1e9 - path.end_s + 10.0 <= 6.0


def test_two_trips_a_few_seconds_apart_are_two() -> None:
    pieces = [*trip(6.0, ORDINARY), *pause(3.0), *trip(-3.0, ORDINARY)]
    _, _, _, found = travelled(pieces, POOR)
    assert [round(ride.distance_m / 3.0) for ride in found.rides] == [2, -1]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("creep_s", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("drop_mps2", [0.6, 1.8])
def test_a_two_speed_machine_with_creep_and_brake_drop_makes_one_trip(
    sign: float, creep_s: float, drop_mps2: float
) -> None:
    drive = Drive(1.0, 0.8, 2.0)
    pieces = two_speed(sign * 6.5, drive, creep_mps=0.25, creep_s=creep_s, drop_mps2=drop_mps2)
    path, begin_s, end_s, found = travelled(pieces, replace(POOR, seed=3))
    assert path.height_m == pytest.approx(sign * 6.5)
    (ride,) = found.rides
    assert abs(ride.distance_m - sign * 6.5) <= allowed_m(6.5, end_s - begin_s) + 0.1
    assert ride.speed_mps == pytest.approx(1.0, rel=0.05)
    assert ride.end_ns / 1e9 == pytest.approx(end_s, abs=0.4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("creep_s", [1.0, 2.5])
def test_a_hydraulic_lift_that_creeps_to_its_landing_makes_one_trip(sign: float, creep_s: float) -> None:
    """0.6 m/s, a soft change to a levelling speed of 0.06 m/s, a soft end. Source: EN 81-20 hydraulic levelling."""
    fast, soft = Drive(0.6, 0.5, 0.6), Drive(0.06, 0.2, 0.5)
    pieces = [*change(sign * 0.6, fast), *pause(4.0), *change(-sign * 0.54, fast), *pause(creep_s)]
    pieces += change(-sign * 0.06, soft)
    path, begin_s, end_s, found = travelled(pieces, PLAIN)
    (ride,) = found.rides
    assert abs(ride.distance_m - path.height_m) <= allowed_m(path.height_m, end_s - begin_s) + 0.06 * creep_s
    assert ride.end_ns / 1e9 == pytest.approx(end_s, abs=creep_s + 0.5)


@pytest.mark.parametrize("decel_mps2", [1.0, 2.5, 6.0])
def test_a_trip_that_the_brake_ends_is_a_trip_to_where_it_stopped(decel_mps2: float) -> None:
    pieces = [*change(2.5, FAST), *pause(2.0), *braked(2.5, decel_mps2)]
    path, begin_s, end_s, found = travelled(pieces, POOR)
    (ride,) = found.rides
    assert abs(ride.distance_m - path.height_m) <= allowed_m(path.height_m, end_s - begin_s)
    assert ride.end_ns / 1e9 == pytest.approx(end_s, abs=0.3)
    assert ride.decel_mps2 == pytest.approx(decel_mps2, rel=0.15)
    assert ride.accel_mps2 == pytest.approx(FAST.accel_mps2, rel=0.1)
