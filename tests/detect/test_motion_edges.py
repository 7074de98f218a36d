"""The motion stage, frame by frame in round numbers: warm-up, starts, stops, creep, doors, gaps, drift.

A frame of 1 m/s2 changes the speed by 0.05 m/s; a push is a mean over six frames. Source: hand calculation; the
constants' sources in `motion.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.detect.course import Ride
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion import MotionStage
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.signal import FRAME_NS, Frame

G = 9.80665


def near(value: float, off: float = 1e-9) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value, abs=off)


class Lift:
    """A motion stage and the frames it is given; `k` is the number of the newest one."""

    def __init__(self, quiet_frames: int = 400) -> None:
        self.stage = MotionStage(Limits())
        self.k = -1
        self.state = MotionState(Phase.BLIND, 0, 0.0, 0.0, 0.0, True, False)
        self.rides: list[tuple[int, Ride]] = []
        self.feel(0.0, quiet_frames)

    def feel(self, accel_mps2: float, frames: int = 1, skipped: int = 0) -> Lift:
        self.k += skipped
        for _ in range(frames):
            self.k += 1
            z = G + accel_mps2
            for state, ride in self.stage.step(Frame(self.k, 5, abs(z), 0.0, 0.0, z, 0.0, z, z, 0.0)):
                self.state = state
                if ride is not None:
                    self.rides.append((self.k, ride))
        return self

    @property
    def phase(self) -> Phase:
        return self.state.phase

    def until(self, phase: Phase, at_most: int = 700) -> int:
        """Frames of quiet until it is told so."""
        for count in range(1, at_most + 1):
            if self.feel(0.0).phase is phase:
                return count
        return at_most + 1


def gone(left_mps: float, peak_mps: float = 1.0, accel_mps2: float = 1.0) -> Lift:
    """A start to the peak, a second of even speed, and a braking that leaves so much of it; all at the same rate."""
    step = accel_mps2 * 0.05
    lift = Lift().feel(accel_mps2, round(peak_mps / step)).feel(0.0, 20)
    whole = int((peak_mps - left_mps) / step + 1e-9)
    lift.feel(-accel_mps2, whole)
    rest = peak_mps - left_mps - whole * step
    return lift.feel(-rest / 0.05) if rest > 1e-9 else lift


# ---- warm-up and gaps


def test_a_second_of_stillness_is_warm() -> None:
    lift = Lift(0)
    assert lift.feel(0.0, 19).phase is Phase.BLIND
    assert lift.feel(0.0).phase is Phase.AT_REST


@pytest.mark.parametrize(("half_range_mps2", "warm_after"), [(0.029, 20), (0.031, 100)])
def test_without_stillness_it_takes_five_seconds(half_range_mps2: float, warm_after: int) -> None:
    """Still is a range of less than 0.06 m/s2."""
    lift = Lift(0)
    while lift.phase is Phase.BLIND:
        lift.feel(half_range_mps2 * (1.0 if lift.k % 2 else -1.0))
    assert lift.k + 1 == warm_after


def test_six_frames_may_be_missing_in_a_row() -> None:
    assert Lift().feel(0.0, skipped=5).phase is Phase.AT_REST
    assert Lift().feel(0.0, skipped=6).phase is Phase.BLIND


# ---- starts


def test_a_push_of_0_06_is_a_start_and_less_is_none() -> None:
    assert Lift().feel(0.055, 150).phase is Phase.AT_REST
    assert Lift().feel(0.065, 60).phase is Phase.STARTING


def test_a_start_is_told_when_the_car_is_a_tenth_of_a_metre_away() -> None:
    """0.5 m/s2: 0.025 m/s a frame; 12 frames are 9.75 cm, 13 are 11.4 cm."""
    lift = Lift().feel(0.5, 12)
    assert (lift.phase, lift.state.speed_mps) == (Phase.AT_REST, near(0.3))
    assert lift.state.travel_m == near(0.0975)
    lift.feel(0.5)
    assert (lift.phase, lift.state.speed_mps, lift.state.travel_m) == (Phase.STARTING, near(0.325), near(0.11375))
    assert lift.state.since_ns == 400 * FRAME_NS


def test_a_car_that_is_pushed_slower_than_nine_centimetres_a_second_has_not_started() -> None:
    assert Lift().feel(0.17, 10).feel(0.0, 60).phase is Phase.AT_REST  # 8.5 cm/s
    assert Lift().feel(0.19, 10).feel(0.0, 60).phase is Phase.RUNNING  # 9.5 cm/s


def test_a_push_that_leads_nowhere_is_dropped_after_twelve_quiet_frames() -> None:
    """Its last frame is in the mean of six for five frames more."""
    lift = Lift().feel(0.3, 2).feel(0.0, 5 + 11)
    assert lift.stage.open_since_ns == 400 * FRAME_NS
    assert lift.feel(0.0).stage.open_since_ns is None


def test_a_soft_start_begins_where_the_frames_before_it_lean_the_same_way() -> None:
    """0.02 m/s2 for half a second is no push yet; three of its frames belong to the look back from each frame."""
    lift = Lift().feel(0.02, 10).feel(0.3, 30)
    assert lift.phase is Phase.STARTING
    begun = lift.state.since_ns // FRAME_NS
    assert 400 <= begun <= 402


def test_a_push_that_has_just_begun_shows_its_speed_only_if_it_is_plain() -> None:
    """Speed against 3.5 doubts: 0.3 m/s2 from rest is doubted by 0.0106 m/s; one frame of it is 0.015, three 0.045."""
    lift = Lift().feel(0.5)
    assert (lift.state.speed_mps, lift.state.doubt_mps) == (0.0, near(0.05 * 0.125**0.5))
    assert lift.feel(0.5).state.speed_mps == 0.0  # 0.05 against 0.062
    assert lift.feel(0.5).state.speed_mps == near(0.075)


def test_phases_of_a_trip() -> None:
    lift = Lift().feel(1.0, 19)
    assert lift.phase is Phase.STARTING
    assert lift.feel(0.0, 10).phase is Phase.RUNNING
    assert lift.feel(-1.0, 8).phase is Phase.STOPPING
    down = Lift().feel(-1.0, 19)
    assert (down.phase, down.state.speed_mps) == (Phase.STARTING, near(-0.95))
    assert down.feel(0.0, 10).feel(1.0, 8).phase is Phase.STOPPING


# ---- stops


def test_a_stop_is_told_fourteen_quiet_frames_after_its_last_push_and_counts_from_it() -> None:
    lift = gone(0.0)
    last = lift.k
    assert lift.until(Phase.AT_REST) == 5 + 14
    assert lift.state.since_ns == (last + 1) * FRAME_NS


@pytest.mark.parametrize(
    ("left_mps", "peak_mps", "is_soon"),
    [(0.11, 1.0, True), (0.14, 1.0, False), (0.06, 0.4, True), (0.09, 0.4, False)],
)
def test_12_percent_of_the_peak_or_7_cm_a_second_are_a_stop(left_mps: float, peak_mps: float, is_soon: bool) -> None:
    assert (gone(left_mps, peak_mps).until(Phase.AT_REST) == 19) is is_soon


def test_creep_of_less_than_45_percent_is_a_stop_after_eight_seconds() -> None:
    assert gone(0.4).until(Phase.AT_REST) == 5 + 160
    assert gone(0.5).until(Phase.AT_REST) > 300


def test_a_speed_that_was_never_braked_is_none() -> None:
    assert Lift().feel(1.0, 20).until(Phase.AT_REST, 300) > 300


# ---- what is given out


def test_a_trip_is_given_out_a_second_after_the_stop_if_no_speed_is_left() -> None:
    """Settled is 4 % of the peak or 3 cm/s; with more left it may be creeping, and 4 s are waited."""
    for left_mps, peak_mps, frames in (
        (0.0, 1.0, 20),
        (0.035, 1.0, 20),
        (0.055, 1.0, 80),
        (0.028, 0.4, 20),
        (0.04, 0.4, 80),
    ):
        lift = gone(left_mps, peak_mps)
        last = lift.k
        lift.feel(0.0, 100)
        ((at, ride),) = lift.rides
        assert at - (last + 1) == frames
        assert (ride.start_ns, ride.end_ns) == (400 * FRAME_NS, (last + 1) * FRAME_NS)


def test_less_than_30_cm_is_no_trip() -> None:
    """0.5 m/s2 for so many frames each way, and even between: n steps of 0.025 m/s."""
    short = Lift().feel(0.5, 15).feel(-0.5, 15).feel(0.0, 60)  # 0.05 x 0.025 x 225 = 0.28 m
    assert short.rides == []
    enough = Lift().feel(0.5, 16).feel(-0.5, 16).feel(0.0, 60)  # 0.05 x 0.025 x 256 = 0.32 m
    ((_, ride),) = enough.rides
    assert ride.distance_m == near(0.32)


def test_a_trip_makes_the_stage_sure() -> None:
    assert not Lift().state.is_sure
    lift = gone(0.0)
    assert not lift.state.is_sure
    assert lift.feel(0.0, 30).state.is_sure


def test_a_trip_that_has_stopped_is_given_out_before_a_gap() -> None:
    lift = gone(0.055).feel(0.0, 25)
    assert lift.rides == []
    assert len(lift.feel(0.0, skipped=50).rides) == 1
    under_way = Lift().feel(1.0, 20).feel(0.0, 20)
    assert under_way.feel(0.0, 100, skipped=50).rides == []


def test_the_travel_of_a_stopped_trip_is_shown_until_it_is_given_out() -> None:
    lift = gone(0.0).feel(0.0, 19)
    assert (lift.phase, lift.state.travel_m) == (Phase.AT_REST, near(2.0))  # 1 m in starting and braking, 1 m evenly
    assert lift.feel(0.0, 10).state.travel_m == 0.0


# ---- the door


def test_a_door_that_begins_to_open_ends_a_braked_trip_at_creep_speed() -> None:
    """At most 45 % of the peak and 0.4 m/s, or 7 cm/s."""
    for left_mps, peak_mps, ends in (
        (0.39, 1.0, True),
        (0.41, 1.0, False),
        (0.2, 0.5, True),
        (0.25, 0.5, False),
        (0.06, 0.12, True),
        (0.08, 0.12, False),
    ):
        lift = gone(left_mps, peak_mps, 0.4).feel(0.0, 6)
        assert lift.stage.door_is_opening() is None  # the brake may still take the rest
        at = Phase.AT_REST if ends else Phase.RUNNING
        assert lift.feel(0.0).phase is at
        assert not ends or lift.state.since_ns == lift.k * FRAME_NS


def test_a_door_that_begins_to_open_gives_out_a_trip_with_no_speed_left() -> None:
    """4 % of the peak or 3 cm/s."""
    for left_mps, peak_mps, is_given in (
        (0.0, 1.0, True),
        (0.035, 1.0, True),
        (0.045, 1.0, False),
        (0.028, 0.4, True),
        (0.04, 0.4, False),
    ):
        assert (gone(left_mps, peak_mps).feel(0.0, 6).stage.door_is_opening() is not None) is is_given
        later = gone(left_mps, peak_mps).feel(0.0, 20)  # told as standing, and not yet given out
        assert (later.stage.door_is_opening() is not None) is is_given


def test_a_door_that_begins_to_open_ends_no_trip_that_is_pushed_or_was_never_braked() -> None:
    assert gone(0.2).stage.door_is_opening() is None
    assert gone(0.2).feel(0.0, 5).stage.door_is_opening() is None
    assert Lift().feel(0.3, 20).feel(0.0, 30).stage.door_is_opening() is None
    assert Lift().stage.door_is_opening() is None


def test_a_door_that_stands_open_makes_a_quiet_car_stand() -> None:
    lift = Lift().feel(1.0, 20).feel(0.0, 5 + 13)
    assert lift.stage.door_is_open(0) is None
    assert lift.phase is Phase.RUNNING
    began_before_it = (400 + 1) * FRAME_NS
    assert lift.feel(0.0).stage.door_is_open(began_before_it) is None
    assert lift.feel(0.0).phase is Phase.AT_REST
    assert lift.state.is_sure
    assert lift.stage.has_lost_way  # a movement was dropped unmeasured


def test_a_trip_that_began_with_the_door_open_is_given_eight_seconds() -> None:
    lift = Lift().feel(1.0, 20).feel(0.0, 5 + 158)
    lift.stage.door_is_open(399 * FRAME_NS)
    assert lift.feel(0.0).phase is Phase.RUNNING
    lift.stage.door_is_open(399 * FRAME_NS)
    assert lift.feel(0.0).phase is Phase.RUNNING
    lift.stage.door_is_open(399 * FRAME_NS)
    assert lift.feel(0.0).phase is Phase.AT_REST


def test_a_braked_trip_is_given_out_when_the_door_stands_open() -> None:
    lift = gone(0.45).feel(0.0, 19)
    ride = lift.stage.door_is_open(500 * FRAME_NS)
    assert ride is not None
    assert not lift.stage.has_lost_way


# ---- what cannot be


def test_an_acceleration_of_more_than_twelve_seconds_is_none() -> None:
    lift = Lift().feel(0.5, 240)
    assert lift.phase is Phase.STARTING
    assert lift.feel(0.5).phase is Phase.BLIND


def test_no_lift_is_faster_than_twelve_metres_a_second() -> None:
    assert Lift().feel(2.0, 119).phase is Phase.STARTING  # 11.9 m/s
    assert Lift().feel(2.0, 122).phase is Phase.BLIND


def test_a_start_that_was_never_sure_is_given_up_after_thirty_quiet_seconds() -> None:
    lift = Lift().feel(1.0, 20)
    assert lift.until(Phase.BLIND) == 5 + 601
    sure = gone(0.0).feel(0.0, 60).feel(1.0, 20)
    assert sure.until(Phase.BLIND, 620) > 620


# ---- drift


def test_gravity_is_followed_over_four_seconds_while_nothing_pushes() -> None:
    """0.03 m/s2 off: after 4 s, and 0.4 s of delay, a third of it is left; after 20 s next to nothing."""
    lift = Lift().feel(0.03, 80 + 8)
    assert lift.state.accel_mps2 == near(0.03 / 2.718, 0.002)
    assert lift.feel(0.03, 320).state.accel_mps2 == near(0.0, 0.001)


def test_drift_on_the_way_is_held_back_once_a_second_was_quiet() -> None:
    """0.015 m/s2 of drift: up to 28 quiet frames add 0.00075 m/s each, then nothing more."""
    lift = Lift().feel(1.0, 20).feel(0.015, 5 + 28)
    then = lift.state.speed_mps
    assert then == near(1.0 + 33 * 0.00075 - 0.00075 * 1.0, 0.0515)
    assert abs(lift.feel(0.015, 60).state.speed_mps - then) < 0.02
    strong = Lift().feel(1.0, 20).feel(0.034, 5 + 28)
    assert strong.state.speed_mps == near(1.0 + 33 * 0.0017)


def test_two_trips_in_one_go_are_two() -> None:
    """Up, at rest for no frame at all, and down: the second begins where the brake had the first at rest."""
    lift = gone(0.0).feel(0.0, 60)
    lift.feel(1.0, 20).feel(0.0, 20).feel(-1.0, 40).feel(0.0, 20).feel(1.0, 20).feel(0.0, 60)
    assert [round(ride.distance_m, 1) for _, ride in lift.rides] == [2.0, 2.0, -2.0]


def test_a_late_push_that_takes_the_creep_away_belongs_to_the_trip() -> None:
    """0.1 m/s is left; the brake drops 2 s later. A push the other way that is more than that is a trip of its own."""
    lift = gone(0.1).feel(0.0, 40).feel(-1.0, 2).feel(0.0, 40)
    ((_, ride),) = lift.rides
    assert ride.end_ns == (400 + 20 + 20 + 18 + 40 + 2) * FRAME_NS
    assert lift.state.since_ns == ride.end_ns


# ---- what is told while little is known


def test_a_blind_stage_tells_nothing_but_since_when() -> None:
    assert Lift(0).feel(0.3, 5).state == MotionState(Phase.BLIND, 4 * FRAME_NS, 0.0, 0.0, 0.0, True, False)


def test_the_acceleration_of_the_frame_is_told() -> None:
    assert Lift().feel(0.05).state.accel_mps2 == near(0.05, 1e-6)
    assert Lift().feel(1.0, 20).state.accel_mps2 == near(1.0, 1e-6)


def test_a_door_that_begins_to_open_says_that_an_unsure_start_was_none() -> None:
    """What looked like a start may have been a braking before anything was known; of a sure stage it is a start."""
    lift = Lift().feel(1.0, 20).feel(0.0, 30)
    assert lift.stage.door_is_opening() is None
    assert lift.stage.has_lost_way
    assert lift.feel(0.0).phase is Phase.AT_REST
    assert lift.state.is_sure
    sure = gone(0.0).feel(0.0, 60).feel(1.0, 20).feel(0.0, 30)
    assert sure.stage.door_is_opening() is None
    assert not sure.stage.has_lost_way
    assert sure.feel(0.0).phase is Phase.RUNNING


def test_an_open_door_says_what_gravity_is_after_a_warm_up_without_stillness() -> None:
    """A box that was started in a car that was braking evenly took that for gravity."""
    lift = Lift(0)
    for k in range(100):
        lift.feel(0.5 + (0.15 if k // 10 % 2 else -0.15))
    lift.feel(0.0, 60)
    assert lift.state.accel_mps2 == near(-0.5, 0.05)
    lift.stage.door_is_open(0)
    lift.feel(0.0)
    assert (lift.phase, lift.state.is_sure) == (Phase.AT_REST, True)
    assert lift.state.accel_mps2 == near(0.0, 1e-6)


def test_a_shaken_box_asks_for_a_harder_push() -> None:
    """Noise of 0.06 m/s2: five times that, but at most 0.25."""

    def shaken() -> Lift:
        lift = Lift()
        for k in range(900):
            lift.feel(0.06 if k % 2 else -0.06)
        return lift

    assert shaken().feel(0.22, 60).phase is Phase.AT_REST
    assert shaken().feel(0.27, 60).phase is Phase.STARTING
    calm = shaken().feel(0.0, 400)
    assert calm.feel(0.1, 60).phase is Phase.STARTING


def test_a_brake_ends_with_its_last_frame_of_more_than_six_tenths_of_a_push() -> None:
    for tail_mps2, frames in ((-0.045, 3), (-0.03, 0)):
        lift = gone(0.02)
        last = lift.k
        lift.feel(tail_mps2, 3)
        lift.until(Phase.AT_REST)
        assert lift.state.since_ns == (last + 1 + frames) * FRAME_NS


def test_what_a_box_in_a_hand_feels_is_no_trip() -> None:
    lift = Lift()
    for _ in range(40):
        lift.k += 1
        z, x = G + 1.0, 2.0
        frame = Frame(lift.k, 5, (x * x + z * z) ** 0.5, x, 0.0, z, 0.0, z, z, 0.0)
        for state, _ride in lift.stage.step(frame):
            lift.state = state
    assert not lift.state.is_mounted
    assert not lift.state.is_moving or not lift.state.is_sure


def test_a_sensor_that_repeats_itself_makes_blind_and_gives_out_what_has_stopped() -> None:
    lift = gone(0.055).feel(0.0, 25)
    state, ride = lift.stage.blind(Frame(lift.k + 1, 5, G, 0.0, 0.0, G, 0.0, G, G, 0.0))
    assert (state.phase, state.since_ns, ride is not None) == (Phase.BLIND, (lift.k + 1) * FRAME_NS, True)
    lift.k += 1
    assert lift.feel(0.0, 19).phase is Phase.BLIND
    assert lift.feel(0.0).phase is Phase.AT_REST
