"""Emergency stop, from the samples on: each limit from both sides, how soon it is told, what clears it, near misses."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.readings import Direction
from tests.detect.boxes import POOR
from tests.detect.physics import FAST, ORDINARY, Drive, Piece, braked, change, cut_short, hung, pause, two_speed
from tests.detect.scenes import Outcome, Scene
from tests.detect.states import LIMITS, limited

KIND = AlarmKind.EMERGENCY_STOP
TALL_M = (0.0, 20.0, 40.0, 60.0)
SOFT = Drive(2.5, 1.4, 2.0)
"""Its own braking is so hard that 1.6 times of it lies above the absolute limit."""


def new_scene(drive: Drive = SOFT) -> Scene:
    return Scene(heights_m=TALL_M, drive=drive).stand(6.0)


def stopped(pieces: list[Piece], scene: Scene | None = None) -> tuple[Scene, float]:
    """The pieces and a standstill; returns when the car came to rest."""
    scene = new_scene() if scene is None else scene
    _, end_s = scene.go(pieces)
    return scene.stand(8.0), end_s


def is_raised(scene: Scene, **limit: float) -> bool:
    ((name, value),) = limit.items() if limit else (("emergency_decel_mps2_min", LIMITS.emergency_decel_mps2_min),)
    return bool(scene.run(limited(name, value)).of(KIND))


# ---- limits


@pytest.mark.parametrize("limit_mps2", [LIMITS.emergency_decel_mps2_min, 3.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_deceleration_must_reach_the_limit(limit_mps2: float, sign: float) -> None:
    for factor, expected in ((0.93, False), (1.07, True)):
        scene, _ = stopped(cut_short(sign * 30.0, SOFT, factor * limit_mps2, 3.0))
        assert is_raised(scene, emergency_decel_mps2_min=limit_mps2) is expected


@pytest.mark.parametrize("limit_mps", [LIMITS.emergency_speed_mps_min, 0.8])
def test_the_speed_before_must_reach_the_limit(limit_mps: float) -> None:
    for factor, expected in ((0.85, False), (1.15, True)):
        speed = factor * limit_mps
        scene, _ = stopped([*change(speed, SOFT), *pause(3.0), *braked(speed, 3.0)])
        assert is_raised(scene, emergency_speed_mps_min=limit_mps) is expected


@pytest.mark.parametrize("limit_s", [LIMITS.emergency_stop_s_max, 3.0])
def test_the_car_must_be_at_rest_soon_after_the_hard_braking(limit_s: float) -> None:
    """0.3 s of 3 m/s2 takes 2.5 down to 1.6 m/s; the rest is braked so softly that the whole takes so long."""
    for factor, expected in ((0.85, True), (1.25, False)):
        rest_s = factor * limit_s - 0.3
        scene, _ = stopped([*change(2.5, SOFT), *pause(2.0), Piece(0.3, -3.0), Piece(rest_s, -1.6 / rest_s)])
        assert is_raised(scene, emergency_stop_s_max=limit_s) is expected


def test_a_hard_stop_from_a_high_speed_counts_although_it_takes_longer() -> None:
    scene, rest_s = stopped([*change(6.0, Drive(6.0, 1.2, 1.2)), *pause(2.0), *braked(6.0, 2.5)])
    assert scene.run().times_s(KIND) == pytest.approx([rest_s], abs=0.2)


@pytest.mark.parametrize("decel_mps2", [2.1, 2.3, 2.5, 2.6, 2.7])
@pytest.mark.parametrize("phase_s", [0.0, 0.02, 0.04])
def test_no_moment_is_missed_at_which_a_long_hard_stop_ends(decel_mps2: float, phase_s: float) -> None:
    """3.9 m/s at about 2.6 m/s2 takes 1.5 s: the window must not close in the frame in which the car is at rest."""
    fast = Drive(3.9, 1.0, 1.2)
    scene, rest_s = stopped([*change(3.9, fast), *pause(2.0 + phase_s), *braked(3.9, decel_mps2)], new_scene(fast))
    assert scene.run().times_s(KIND) == pytest.approx([rest_s], abs=0.2)


@pytest.mark.parametrize("ratio", [LIMITS.emergency_decel_ratio_min, 2.2])
def test_a_lift_that_brakes_softly_is_judged_by_its_own_braking(ratio: float) -> None:
    """Seven trips with 0.8 m/s2 teach it; then a stop below the absolute limit counts from the ratio on."""
    own = Drive(1.0, 0.8, 1.2)
    for factor, expected in ((0.93, False), (1.07, True)):
        decel = factor * ratio * own.accel_mps2
        assert decel < LIMITS.emergency_decel_mps2_min
        scene = Scene(heights_m=(0.0, 4.0, 8.0, 20.0), drive=own).stand(6.0)
        for k in range(7):
            scene.serve((1, 0)[k % 2], dwell_s=1.0)
        scene, _ = stopped(cut_short(15.0, own, decel, 3.0), scene)
        assert is_raised(scene, emergency_decel_ratio_min=ratio) is expected


def test_before_it_is_learned_the_ratio_does_not_count() -> None:
    own = Drive(1.0, 0.8, 1.2)
    scene, _ = stopped(cut_short(15.0, own, 1.7, 3.0), new_scene(own))
    assert not is_raised(scene)


# ---- when


@pytest.mark.parametrize("decel_mps2", [2.5, 5.0, 9.0])
@pytest.mark.parametrize("speed_mps", [0.63, 1.0, 2.5])
def test_it_is_told_within_a_fifth_of_a_second_of_the_standstill(decel_mps2: float, speed_mps: float) -> None:
    """Source: alarms.md, hard events within 0.2 s of the deciding sample."""
    scene, rest_s = stopped(cut_short(30.0, Drive(speed_mps, 0.8, 1.2), decel_mps2, 3.0))
    outcome = scene.run()
    assert outcome.raised[:1] == [KIND.public_name]
    (raised_s,) = outcome.times_s(KIND)
    assert -0.15 <= raised_s - rest_s <= 0.2


def test_it_shows_the_peak_and_the_speed_before() -> None:
    scene, _ = stopped(cut_short(30.0, SOFT, 4.0, 3.0))
    (alarm,) = scene.run().of(KIND)
    evidence = {item.name: item.value for item in alarm.evidence}
    assert evidence["decel_mps2_peak"] == pytest.approx(4.0, rel=0.1)
    assert evidence["car_speed_mps"] == pytest.approx(2.5, rel=0.1)


def test_a_poor_sensor_tells_it_too() -> None:
    scene = Scene(heights_m=TALL_M, drive=SOFT, box=POOR).stand(8.0)
    scene, rest_s = stopped(cut_short(-15.0, SOFT, 4.0, 2.0), scene)
    assert scene.run().times_s(KIND) == pytest.approx([rest_s], abs=0.2)


def test_one_stop_is_one_alarm_however_the_car_rings_after_it() -> None:
    scene, rest_s = stopped(cut_short(30.0, SOFT, 4.0, 3.0))
    push = np.zeros(300)
    push[:5] = -4.0
    scene.shakes.append((rest_s, tuple(hung(push, 100.0, damping=0.05).tolist())))
    assert len(scene.run().of(KIND)) == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_place_tells_the_way_the_car_was_going_although_it_springs_back(sign: float) -> None:
    scene = Scene(heights_m=TALL_M, drive=SOFT, start=1).stand(6.0)
    scene, _ = stopped(
        [*cut_short(sign * 15.0, SOFT, 5.0, 2.0), Piece(0.1, -sign * 3.0), Piece(0.1, sign * 3.0)], scene
    )
    (alarm,) = scene.run().of(KIND)
    assert alarm.place.moving is (Direction.UP if sign > 0.0 else Direction.DOWN)


# ---- clearing


def test_the_next_normal_trip_ends_it() -> None:
    scene, _ = stopped(cut_short(60.0, SOFT, 4.0, 3.0))
    _, end_s = scene.trip(1)
    outcome = scene.stand(10.0).run()
    assert len(outcome.of(KIND)) == 1
    (cleared_s,) = outcome.times_s(KIND, AlarmState.CLEARED)
    assert end_s <= cleared_s <= end_s + 6.0


def test_standing_for_minutes_does_not_end_it() -> None:
    scene, _ = stopped(cut_short(30.0, SOFT, 4.0, 3.0))
    assert scene.stand(120.0).run().of(KIND, AlarmState.CLEARED) == []


def test_a_second_emergency_stop_is_a_new_alarm_or_keeps_the_first_standing() -> None:
    scene, _ = stopped(cut_short(30.0, SOFT, 4.0, 3.0))
    scene, second_s = stopped(cut_short(30.0, SOFT, 4.0, 3.0), scene.stand(5.0))
    outcome: Outcome = scene.run()
    stands = 0
    for alarm in outcome.alarms:
        if alarm.kind is KIND and alarm.t_ns / 1e9 <= second_s + 0.5:
            stands += {AlarmState.RAISED: 1, AlarmState.CLEARED: -1}.get(alarm.state, 0)
    assert stands == 1


# ---- near misses


def test_ordinary_trips_are_none() -> None:
    for drive in (ORDINARY, FAST, SOFT):
        scene = new_scene(drive)
        for to in (1, 0):
            scene.serve(to, dwell_s=2.0)
        assert scene.run().raised == []


@pytest.mark.parametrize("drop_mps2", [1.0, 2.5, 4.0])
def test_the_brake_that_drops_out_of_the_creep_is_none(drop_mps2: float) -> None:
    drive = Drive(1.0, 0.8, 2.0)
    scene = new_scene(drive)
    for sign in (1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0):
        scene.go(two_speed(sign * 9.0, drive, creep_mps=0.25, creep_s=1.5, drop_mps2=drop_mps2))
        scene.stand(6.0)
    assert scene.run().of(KIND) == []


def test_people_who_jump_in_a_running_car_are_none() -> None:
    scene = new_scene()
    begin_s, _ = scene.go([*change(2.5, SOFT), *pause(12.0), *change(-2.5, SOFT)])
    jump = np.concatenate((np.full(8, -5.0), np.full(40, 1.6), np.full(15, -4.3), np.zeros(57)))
    scene.stand(8.0).shakes.append((begin_s + 4.0, tuple(hung(np.tile(jump, 6), 100.0).tolist())))
    assert scene.run().of(KIND) == []


def hopping(seconds: float, peak_mps2: float) -> tuple[float, ...]:
    """As much up as down, a tenth of a second each: landing, flight, landing. It leaves no speed."""
    return tuple(([-peak_mps2] * 10 + [peak_mps2] * 10) * round(5.0 * seconds))


@pytest.mark.parametrize(
    ("speed_mps", "peak_mps2"),
    [(0.63, 1.5), (1.0, 1.5), (1.0, 2.5), (1.0, 3.5), (1.75, 1.5), (1.75, 2.5), (1.75, 3.5)],
)
def test_an_ordinary_stop_upon_which_people_jump_is_none(speed_mps: float, peak_mps2: float) -> None:
    """0.7 m/s2, also where the lift's own braking has lowered the limit to 1.1 m/s2; the jumps begin with the stop."""
    own = Drive(speed_mps, 0.7, 1.0)
    scene = Scene(heights_m=(0.0, 4.0, 8.0, 20.0), drive=own).stand(6.0)
    for k in range(7):
        scene.serve((1, 0)[k % 2], dwell_s=1.0)
    _, end_s = scene.go([*change(speed_mps, own), *pause(3.0), *change(-speed_mps, own)])
    scene.shakes.append((end_s - speed_mps / 0.7 - 0.3, hopping(1.2 + speed_mps / 0.7, peak_mps2)))
    assert scene.stand(8.0).run().of(KIND) == []


@pytest.mark.parametrize(("decel_mps2", "peak_mps2"), [(2.4, 2.0), (2.4, 4.0), (4.0, 5.0)])
def test_jumps_before_and_during_it_do_not_hide_the_brake(decel_mps2: float, peak_mps2: float) -> None:
    """They begin a second and a half before the brake, so that their hard moments come first."""
    scene, rest_s = stopped(cut_short(30.0, SOFT, decel_mps2, 3.0))
    scene.shakes.append((rest_s - 2.5 / decel_mps2 - 1.5, hopping(2.4, peak_mps2)))
    assert scene.run().times_s(KIND) == pytest.approx([rest_s], abs=0.25)


def test_a_knock_on_a_standing_car_is_none() -> None:
    scene = new_scene().stand(20.0)
    knock = np.zeros(200)
    knock[:4] = (5.0, 20.0, 20.0, 5.0)
    scene.shakes.append((12.0, tuple(hung(knock, 100.0, bounce_hz=15.0).tolist())))
    assert scene.run().of(KIND) == []


def test_a_hard_brake_that_only_slows_the_car_is_none() -> None:
    """From 2.5 to 1.2 m/s, and on."""
    scene = new_scene()
    pieces = [*change(2.5, SOFT), *pause(2.0), Piece(0.4, -3.0), *pause(4.0), *change(-1.3, SOFT)]
    scene, _ = stopped(pieces, scene)
    assert scene.run().of(KIND) == []
