"""Travel against hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from sim.motion import Arc, MotionTrack, Style, brake_arcs, speed_change, trip_arcs
from tests.sim.lifts import PLAIN_STYLE

TWO_SPEED = Style(1.0, 1.0, 5.0, 1.2, 10.0, 0.25, 0.3, 1.5, 30.0)


def laid(arcs: tuple[Arc, ...], speed_mps: float = 0.0) -> MotionTrack:
    track = MotionTrack(0.0)
    track.lay(0.0, arcs, 1.0, speed_mps)
    return track


def test_speed_change_that_reaches_its_acceleration_takes_change_over_accel_plus_accel_over_jerk() -> None:
    # 2 m/s at 1 m/s2 and 2 m/s3: 2/1 + 1/2 = 2.5 s
    assert sum(arc.duration_s for arc in speed_change(0.0, 2.0, 1.0, 2.0)) == pytest.approx(2.5)


def test_small_speed_change_never_reaches_its_acceleration() -> None:
    # 0.5 m/s at 2 m/s3: peak sqrt(0.5 * 2) = 1 m/s2, two ramps of 0.5 s
    arcs = speed_change(0.0, 0.5, 5.0, 2.0)
    assert len(arcs) == 2
    assert arcs[1].accel_mps2 == pytest.approx(1.0)
    assert sum(arc.duration_s for arc in arcs) == pytest.approx(1.0)


def test_long_trip_takes_distance_over_speed_plus_one_speed_change() -> None:
    # 9 m at 1 m/s, 1 m/s2, 1 m/s3: each change takes 2 s and covers 1 m; 7 m of cruise; 2 + 7 + 2 = 11 s
    track = laid(trip_arcs(9.0, PLAIN_STYLE))
    assert track.end_s == pytest.approx(11.0)
    height_m, speed_mps, accel_mps2 = track.state(5.0)
    assert (height_m, speed_mps, accel_mps2) == pytest.approx((4.0, 1.0, 0.0))


def test_short_trip_stays_below_its_speed_and_still_arrives_exactly() -> None:
    # jerk-bound hop: four ramps of t with 2 j t^3 = d, so d = 0.25 m at 1 m/s3 gives t = 0.5 s, top speed j t^2 = 0.25
    track = laid(trip_arcs(0.25, PLAIN_STYLE))
    assert track.end_s == pytest.approx(2.0, abs=1e-6)
    assert track.state(1.0)[1] == pytest.approx(0.25, abs=1e-6)
    assert track.state(10.0)[0] == pytest.approx(0.25, abs=1e-9)


@pytest.mark.parametrize("distance_m", [0.003, 0.2, 0.31, 0.9, 3.0, 20.0])
def test_every_trip_ends_at_rest_at_its_distance(distance_m: float) -> None:
    for style in (PLAIN_STYLE, TWO_SPEED):
        track = laid(trip_arcs(distance_m, style))
        height_m, speed_mps, accel_mps2 = track.state(track.end_s + 0.001)
        assert height_m == pytest.approx(distance_m, abs=1e-6)
        assert (speed_mps, accel_mps2) == (0.0, 0.0)
        before = track.state(track.end_s - 1e-6)
        assert before[1] == pytest.approx(0.0, abs=1e-4)


def test_two_speed_trip_creeps_to_its_landing_at_a_quarter_of_its_speed() -> None:
    track = laid(trip_arcs(10.0, TWO_SPEED))
    times_s = np.arange(0.0, track.end_s, 0.001)
    _, speed_mps, _ = track.sample(times_s)
    creeping_s = np.sum(np.abs(speed_mps - 0.25) < 1e-6) * 0.001
    assert creeping_s == pytest.approx(0.3 / 0.25, abs=0.01)


def test_acceleration_and_jerk_keep_their_limits() -> None:
    track = laid(trip_arcs(30.0, Style(2.5, 1.1, 1.4, 0.9, 1.2, 0.06, 0.05, 0.3, 0.8)))
    times_s = np.arange(0.0, track.end_s, 0.002)
    height_m, speed_mps, accel_mps2 = track.sample(times_s)
    assert accel_mps2.max() == pytest.approx(1.1, abs=1e-9)
    assert accel_mps2.min() == pytest.approx(-0.9, abs=1e-9)
    assert np.abs(np.diff(accel_mps2)).max() <= 1.4 * 0.002 + 1e-9
    assert np.abs(np.gradient(height_m, times_s) - speed_mps)[1:-1].max() < 1e-4


def test_brake_stops_within_delay_and_speed_over_deceleration() -> None:
    # 1.6 m/s, 0.1 s delay, 3 m/s2 built up at 30 m/s3 within 0.1 s: 0.1 + 0.05 + 1.6/3 = 0.683 s
    track = laid(brake_arcs(1.6, 0.0, 0.1, 3.0, 30.0), 1.6)
    assert track.end_s == pytest.approx(0.1 + 0.05 + 1.6 / 3.0, abs=1e-6)
    assert track.state(track.end_s + 0.01)[1] == 0.0
    # 0.16 m in the delay, 0.155 m in the ramp (1.6*0.1 - 30*0.1^3/6), the rest from 1.45 m/s at 3 m/s2
    assert track.state(9.0)[0] == pytest.approx(0.16 + 0.155 + 1.45**2 / 6.0, abs=1e-6)


def test_brake_that_stops_before_it_has_built_up_never_reverses() -> None:
    track = laid(brake_arcs(0.05, 0.0, 0.0, 5.0, 10.0), 0.05)
    _, speed_mps, _ = track.sample(np.linspace(0.0, 1.0, 2000))
    assert speed_mps.min() >= -1e-9


def test_cut_keeps_what_was_and_forgets_what_would_be() -> None:
    track = laid(trip_arcs(9.0, PLAIN_STYLE))
    assert track.cut(5.0) == pytest.approx((4.0, 1.0, 0.0))
    assert track.end_s == pytest.approx(5.0)
    assert track.state(8.0)[0] == pytest.approx(4.0)


def test_motion_cannot_overlap_itself() -> None:
    track = laid(trip_arcs(3.0, PLAIN_STYLE))
    with pytest.raises(ValueError, match="overlaps"):
        track.lay(1.0, trip_arcs(1.0, PLAIN_STYLE), 1.0)


def test_sampling_a_block_equals_asking_moment_by_moment() -> None:
    track = MotionTrack(7.0)
    track.lay(2.0, trip_arcs(3.0, PLAIN_STYLE), -1.0)
    track.lay(10.0, trip_arcs(0.5, TWO_SPEED), 1.0)
    times_s = np.linspace(0.0, 14.0, 701)
    block = np.stack(track.sample(times_s), axis=1)
    assert block == pytest.approx(np.array([track.state(float(t)) for t in times_s]), abs=1e-9)
    assert len(block) == 701
