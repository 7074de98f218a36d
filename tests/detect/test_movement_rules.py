"""Unintended movement, overspeed, running too long, a lost position: limits from both sides, clearing, near misses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, AlarmState, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course
from edge_agent.detect.rules.movement import (
    OverspeedRule,
    PositionLostRule,
    RunTimeExceededRule,
    UnintendedMovementRule,
)
from edge_agent.readings import Signal
from tests.detect.physics import ORDINARY, Drive, Piece, change, pause, trip
from tests.detect.scenes import DOORS, Scene
from tests.detect.states import ARRIVED_S, LIMITS, Told, frames, limited, running, standing, told

FRAME_S = 0.05
NEAR = 1.5 * FRAME_S
UNINTENDED = AlarmKind.UNINTENDED_MOVEMENT


# ---- unintended movement


def leaving(pieces: list[Piece], signals: frozenset[Signal] = DOORS) -> Scene:
    """The door stands open, and the car moves so."""
    scene = Scene(signals=signals).stand(5.0)
    for signal in signals - DOORS:
        scene.edge(signal, signal is Signal.DOOR_ZONE)
    scene.open().stand(3.0)
    scene.go(pieces)
    return scene.stand(6.0)


AWAY = Drive(0.28, 0.2, 1.0)  # below the speed limit, so that the way decides


@pytest.mark.parametrize("limit_m", [LIMITS.unintended_m_max, 0.4])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_car_that_leaves_with_its_door_open_is_told_beyond_so_much(limit_m: float, sign: float) -> None:
    for factor, count in ((0.8, 0), (1.25, 1)):
        scene = leaving(trip(sign * factor * limit_m, AWAY))
        assert len(scene.run(limited("unintended_m_max", limit_m)).of(UNINTENDED)) == count


@pytest.mark.parametrize("limit_mps", [LIMITS.unintended_speed_mps_max, 0.5])
def test_a_car_that_is_fast_with_its_door_open_is_told_before_it_is_far(limit_mps: float) -> None:
    """The way limit is moved out of the way; the car stops after half a metre."""
    for factor, count in ((0.85, 0), (1.2, 1)):
        scene = leaving(trip(0.45, Drive(factor * limit_mps, 1.0, 4.0)))
        limits = replace(limited("unintended_speed_mps_max", limit_mps), unintended_m_max=0.5)
        assert len(scene.run(limits).of(UNINTENDED)) == count


def test_a_car_that_falls_away_is_told_within_a_fifth_of_a_second_of_the_limit() -> None:
    """1 m/s2 from rest: 0.3 m/s after 0.3 s, 0.2 m after 0.63 s."""
    scene = Scene().stand(5.0).open().stand(3.0)
    begin_s = scene.t_s
    scene.go([Piece(1.5, -1.0), Piece(0.5, 3.0)])
    (raised_s,) = scene.stand(5.0).run().times_s(UNINTENDED)
    assert begin_s + 0.2 <= raised_s <= begin_s + 0.3 + 0.2


def test_a_zone_that_is_lost_with_the_door_open_is_unintended_movement() -> None:
    scene = Scene(signals=DOORS | {Signal.DOOR_ZONE})
    scene.edge(Signal.DOOR_ZONE, True)
    scene.stand(5.0).open().stand(5.0)
    scene.edge(Signal.DOOR_ZONE, False)
    lost_s = scene.t_s
    (raised_s,) = scene.stand(3.0).run().times_s(UNINTENDED)
    assert raised_s - lost_s <= 0.4


@pytest.mark.parametrize("why", ["never-in-zone", "door-shut", "door-just-open", "for-a-moment", "on-the-way"])
def test_a_zone_contact_that_says_otherwise_is_none_where_the_door_did_not_stand_open_in_it(why: str) -> None:
    def make(t_s: float) -> CarState:
        after_s = t_s - ARRIVED_S
        in_zone = after_s < 5.0 and why != "never-in-zone"
        if why == "for-a-moment":
            in_zone = not 5.0 <= after_s < 5.1
        opened_s = ARRIVED_S + 4.5 if why == "door-just-open" else ARRIVED_S
        state = DoorState.CLOSED if why == "door-shut" or t_s < opened_s else DoorState.OPEN
        still = standing(t_s, door=state, door_since_s=opened_s, outside=not in_zone, motion__is_sure=True)
        car = running(t_s, door=still.door, motion__is_sure=True) if why == "on-the-way" else still
        return replace(car, position=replace(still.position, zone_witness=in_zone))

    assert told(UnintendedMovementRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 20.0, make)).alarms == []


@pytest.mark.parametrize("way_m", [0.018, -0.018])
def test_re_levelling_is_none(way_m: float) -> None:
    """<= 0.08 m/s, within 20 mm. Source: alarm catalogue row 3."""
    drive = Drive(0.075, 0.3, 2.0)
    scene = leaving([*trip(way_m, drive), *pause(3.0), *trip(-way_m, drive)])
    assert scene.run().of(UNINTENDED) == []


def test_a_trip_with_the_door_shut_is_none_and_neither_is_the_door_that_opens_at_its_end() -> None:
    scene = Scene().ordinary_traffic()
    assert scene.run().raised == []


@pytest.mark.parametrize("speed_mps", [0.1, 0.15])
def test_a_car_that_creeps_away_at_an_even_speed_is_told(speed_mps: float) -> None:
    """A brake that slips: one metre, fifty times what re-levelling may do."""
    scene = leaving(trip(1.0, Drive(speed_mps, 0.3, 1.0)))
    assert len(scene.run().of(UNINTENDED)) == 1


def test_a_door_that_is_shut_between_landings_does_not_end_it() -> None:
    scene = leaving(trip(1.5, Drive(0.6, 0.5, 1.0)))
    outcome = scene.close().stand(3.0).run()
    assert len(outcome.of(UNINTENDED)) == 1
    assert outcome.of(UNINTENDED, AlarmState.CLEARED) == []


def test_it_ends_when_the_door_is_shut_at_a_landing() -> None:
    scene = leaving(trip(1.5, Drive(0.6, 0.5, 1.0)))
    scene.close().stand(3.0)
    scene.trip(0)
    scene.stand(1.0).open().stand(3.0).close().stand(3.0)
    outcome = scene.run()
    assert len(outcome.of(UNINTENDED)) == len(outcome.of(UNINTENDED, AlarmState.CLEARED)) == 1


def test_a_technician_may_move_the_car_slowly_with_its_door_open() -> None:
    for speed_mps, count in ((LIMITS.unintended_inspection_speed_mps - 0.1, 0), (0.9, 1)):
        scene = Scene(signals=DOORS | {Signal.INSPECTION}).stand(5.0).open().stand(3.0)
        scene.edge(Signal.INSPECTION, True)
        scene.stand(2.0)
        scene.go([*change(speed_mps, ORDINARY), *pause(1.5), *change(-speed_mps, ORDINARY)])
        assert len(scene.stand(5.0).run().of(UNINTENDED)) == count


# ---- overspeed


RATED_MPS = 2.0


def fast(t_s: float, speed_mps: float, **parts: Any) -> CarState:
    sure: dict[str, Any] = {"motion__is_sure": True, "rated_speed_mps": RATED_MPS}
    return running(t_s, speed_mps=speed_mps, **{**sure, **parts})


def overspeed(speed_mps: float, limits: Any = LIMITS, seconds: float = 3.0, **parts: Any) -> Told:
    cars = frames(ARRIVED_S, ARRIVED_S + seconds, partial(fast, speed_mps=speed_mps, **parts))
    return told(OverspeedRule(limits), cars)


@pytest.mark.parametrize(("name", "value"), [("overspeed_ratio_max", 1.15), ("overspeed_ratio_max", 1.4),
                                              ("overspeed_margin_mps", 0.3)])  # fmt: skip
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_speed_beyond_the_ratio_and_the_margin_is_told(name: str, value: float, sign: float) -> None:
    limits = limited(name, value)
    edge_mps = RATED_MPS * limits.overspeed_ratio_max + limits.overspeed_margin_mps
    assert overspeed(sign * (edge_mps - 0.01), limits).alarms == []
    assert len(overspeed(sign * (edge_mps + 0.01), limits).raised_s) == 1


@pytest.mark.parametrize("hold_s", [LIMITS.overspeed_s_min, 1.0])
def test_it_must_last(hold_s: float) -> None:
    limits = limited("overspeed_s_min", hold_s)
    assert overspeed(3.0, limits, hold_s - 2 * FRAME_S).alarms == []
    assert overspeed(3.0, limits).raised_s == pytest.approx([ARRIVED_S + hold_s], abs=NEAR)


def test_it_must_last_in_one_piece() -> None:
    def flickers(t_s: float) -> CarState:
        return fast(t_s, 3.0 if round(t_s / FRAME_S) % 3 else 2.0)

    assert told(OverspeedRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 20.0, flickers)).alarms == []


@pytest.mark.parametrize(
    "parts", [{"rated_speed_mps": None}, {"motion__is_mounted": False}], ids=lambda p: next(iter(p))
)
def test_without_a_rated_speed_or_a_fixed_box_nothing_is_claimed(parts: dict[str, Any]) -> None:
    assert overspeed(9.0, **parts).alarms == []


def test_the_next_normal_trip_ends_it() -> None:
    scene = Scene(heights_m=(0.0, 30.0), drive=Drive(1.0, 0.7, 1.0)).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.trip(1, Drive(1.5, 0.7, 1.0))
    fast_s = scene.stand(8.0).t_s
    scene.trip(0)
    outcome = scene.stand(8.0).run()
    (cleared_s,) = outcome.times_s(AlarmKind.OVERSPEED, AlarmState.CLEARED)
    assert len(outcome.of(AlarmKind.OVERSPEED)) == 1
    assert cleared_s > fast_s + 20.0


def test_a_lift_that_runs_faster_than_told_is_noticed_from_its_samples() -> None:
    scene = Scene(heights_m=(0.0, 30.0), drive=Drive(1.0, 0.7, 1.0)).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.trip(1, Drive(1.35, 0.7, 1.0))
    assert scene.stand(5.0).run().raised == ["overspeed"]
    scene = Scene(heights_m=(0.0, 30.0), drive=Drive(1.0, 0.7, 1.0)).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.trip(1, Drive(1.15, 0.7, 1.0))
    assert scene.stand(5.0).run().raised == []


# ---- running too long


def long_run(seconds: float, limits: Any = LIMITS, peak_mps: float = 1.0, **parts: Any) -> Told:
    course = Course(round(ARRIVED_S / FRAME_S))
    course.peak_speed = peak_mps
    always: dict[str, Any] = {"course": course, "motion__is_sure": True}

    def make(t_s: float) -> CarState:
        if t_s > ARRIVED_S + seconds:
            return standing(t_s, since_s=ARRIVED_S + seconds)
        return running(t_s, speed_mps=peak_mps, **{**always, **parts})

    return told(RunTimeExceededRule(limits), frames(ARRIVED_S, ARRIVED_S + seconds + 5.0, make))


@pytest.mark.parametrize("limit_s", [LIMITS.run_s_max, 80.0])
def test_where_nothing_is_known_the_longest_time_counts(limit_s: float) -> None:
    limits = limited("run_s_max", limit_s)
    assert long_run(limit_s - 1.0, limits).alarms == []
    said = long_run(limit_s + 5.0, limits)
    assert said.raised_s == pytest.approx([ARRIVED_S + limit_s], abs=NEAR)
    assert said.cleared_s == pytest.approx([ARRIVED_S + limit_s + 5.0], abs=NEAR)


def test_a_short_well_has_a_shorter_limit_and_never_below_the_smallest() -> None:
    """12 m at 1 m/s: less than the general limit, at least the smallest one. Source: alarm catalogue row 35."""
    (raised_s,) = long_run(60.0, travel_max_m=12.0, rated_speed_mps=1.0).raised_s
    assert LIMITS.run_s_min <= raised_s - ARRIVED_S < LIMITS.run_s_max
    (raised_s,) = long_run(60.0, travel_max_m=3.0, rated_speed_mps=1.0).raised_s
    assert raised_s - ARRIVED_S == pytest.approx(LIMITS.run_s_min, abs=NEAR)


@pytest.mark.parametrize(("peak_mps", "limit_s"), [(1.0, 45.0), (0.63, 42.0 / 0.63), (0.5, 84.0), (0.15, 120.0)])
def test_where_the_travel_is_not_known_a_slow_lift_is_given_42_m(peak_mps: float, limit_s: float) -> None:
    """A healthy lift of 0.5 m/s takes 60 s for ten storeys."""
    assert long_run(limit_s - 1.0, peak_mps=peak_mps).raised_s == []
    assert long_run(limit_s + 3.0, peak_mps=peak_mps).raised_s == pytest.approx([ARRIVED_S + limit_s], abs=NEAR)


def test_where_only_the_travel_is_known_the_speed_of_the_trip_counts() -> None:
    """30 m at 0.5 m/s: 66 s by themselves, with 10 % and 10 s more."""
    assert long_run(82.0, peak_mps=0.5, travel_max_m=30.0).raised_s == []
    assert len(long_run(83.5, peak_mps=0.5, travel_max_m=30.0).raised_s) == 1


def test_a_tall_well_with_a_slow_lift_is_given_its_full_travel() -> None:
    assert long_run(105.0, travel_max_m=100.0, rated_speed_mps=1.0).raised_s == []


# ---- a lost position


def test_a_stop_where_no_landing_is_is_told_and_ends_when_the_place_is_known_again() -> None:
    def make(t_s: float) -> CarState:
        lost = ARRIVED_S + 5.0 <= t_s < ARRIVED_S + 20.0
        return standing(t_s, position__error_m=1.7 if lost else None, position__height_m=None if lost else 3.0)

    said = told(PositionLostRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 30.0, make))
    assert said.raised_s == pytest.approx([ARRIVED_S + 5.0], abs=NEAR)
    assert said.cleared_s == pytest.approx([ARRIVED_S + 20.0], abs=NEAR)


def test_an_unknown_place_is_not_a_wrong_one() -> None:
    make = partial(standing, position__height_m=None, position__error_m=None, door=DoorState.OPEN)
    assert told(PositionLostRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 30.0, make)).alarms == []


@pytest.mark.parametrize(("way_m", "count"), [(4.6, 1), (3.3, 0)])
def test_from_the_samples_more_than_half_a_storey_off_is_lost(way_m: float, count: int) -> None:
    """Storeys of 3 m: an open door 1.6 m from the nearest landing cannot be true; 0.3 m is a measuring error."""
    scene = Scene(heights_m=(0.0, 3.0, 6.0)).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.path.height_m = 0.0
    scene.go(trip(6.0 + way_m if count else way_m, ORDINARY))
    assert len(scene.stand(1.0).open().stand(4.0).run().of(AlarmKind.POSITION_LOST)) == count
