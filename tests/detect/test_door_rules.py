"""Doors that do not open or close, cars outside every zone: limits from both sides, clearing, near misses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Ride
from edge_agent.detect.rules import door as door_rules
from edge_agent.detect.rules.door import DoorCloseFailureRule, DoorOpenFailureRule
from edge_agent.detect.rules.movement import SUSPECT_S as OUTSIDE_SUSPECT_S
from edge_agent.detect.rules.movement import StoppedOutsideDoorZoneRule
from tests.detect.states import ARRIVED_S, LIMITS, At, Told, frames, limited, running, standing, told

FRAME_S = 0.05
NEAR = 1.5 * FRAME_S
ARRIVAL = Ride(At(80.0).ns, At(ARRIVED_S).ns, 6.0, 1.0, 0.7, 0.7, 1.0, True)

Make = Callable[[float], CarState]


def always(**parts: Any) -> Make:
    """The same standing car all the time."""
    return partial(standing, **parts)


def opening(t_s: float, since_s: float = ARRIVED_S + 1.0, **parts: Any) -> CarState:
    return standing(t_s, door=DoorState.OPENING, door_since_s=since_s, door__opening_since_ns=At(since_s).ns, **parts)


def closing(t_s: float, first_s: float = ARRIVED_S + 10.0, **parts: Any) -> CarState:
    return standing(t_s, door=DoorState.CLOSING, door_since_s=first_s, door__closing_since_ns=At(first_s).ns, **parts)


def open_failure(make: Make, seconds: float = 60.0, limits: Any = LIMITS, **rest: Any) -> Told:
    return told(DoorOpenFailureRule(limits), frames(ARRIVED_S, ARRIVED_S + seconds, make), **rest)


def close_failure(make: Make, seconds: float = 120.0, limits: Any = LIMITS) -> Told:
    return told(DoorCloseFailureRule(limits), frames(ARRIVED_S, ARRIVED_S + seconds, make))


# ---- a door that does not open


@pytest.mark.parametrize(
    ("name", "factor"), [("door_open_s_normal", 1.0), ("door_open_s_normal", 1.5), ("door_open_s_extra", 2.0)]
)
def test_an_opening_may_take_twice_the_normal_time_and_some_seconds(name: str, factor: float) -> None:
    limits = limited(name, factor * getattr(LIMITS, name))
    allowed_s = 2.0 * limits.door_open_s_normal + limits.door_open_s_extra
    begun_s = ARRIVED_S + 1.0
    said = open_failure(opening, allowed_s + 30.0, limits)
    assert said.raised_s == pytest.approx([begun_s + allowed_s], abs=NEAR)
    assert open_failure(opening, 1.0 + allowed_s - FRAME_S, limits).raised_s == []


def test_an_opening_that_began_before_the_stop_counts_from_the_stop() -> None:
    said = open_failure(lambda t_s: opening(t_s, since_s=ARRIVED_S - 3.0))
    allowed_s = 2.0 * LIMITS.door_open_s_normal + LIMITS.door_open_s_extra
    assert said.raised_s == pytest.approx([ARRIVED_S + allowed_s], abs=NEAR)


@pytest.mark.parametrize("limit", [LIMITS.door_open_tries_max, 4.0])
def test_so_many_openings_that_fell_back_are_a_failure(limit: float) -> None:
    for tries, count in ((int(limit) - 1, 0), (int(limit), 1)):
        view = {"door__failed_openings": tries, "door__closed_at_ns": At(ARRIVED_S + 3.0).ns}
        said = open_failure(always(**view), 30.0, limited("door_open_tries_max", limit))
        assert len(said.raised_s) == count


def test_a_door_that_opens_in_the_normal_time_is_none() -> None:
    def make(t_s: float) -> CarState:
        if t_s < ARRIVED_S + 1.0 + LIMITS.door_open_s_normal:
            return opening(t_s)
        return standing(t_s, door=DoorState.OPEN, door_since_s=ARRIVED_S + 1.0 + LIMITS.door_open_s_normal)

    assert open_failure(make).alarms == []


def test_a_slow_opening_is_suspected_but_not_raised() -> None:
    opens_s = ARRIVED_S + 2.0 * LIMITS.door_open_s_normal + LIMITS.door_open_s_extra

    def make(t_s: float) -> CarState:
        return opening(t_s) if t_s < opens_s else standing(t_s, door=DoorState.OPEN, door_since_s=opens_s)

    said = open_failure(make)
    assert (len(said.suspected_s), len(said.raised_s), len(said.cleared_s)) == (1, 0, 1)


def test_a_car_that_parks_with_its_door_shut_is_none() -> None:
    assert open_failure(lambda t_s: standing(t_s, percent=5, last_ride=ARRIVAL), 150.0).alarms == []


SIGNS: list[dict[str, Any]] = [
    {"occupancy__presence_seen": True},
    {"occupancy__passenger_flag": True},
    {"occupancy__button_pressed": True},
]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: next(iter(sign)))
def test_people_behind_a_shut_door_after_a_trip_are_a_failure(sign: dict[str, Any]) -> None:
    percent = door_rules.DUE_PERCENT_MIN
    for given, count in ((percent - 1, 0), (percent, 1)):
        said = open_failure(always(percent=given, last_ride=ARRIVAL, **sign))
        assert len(said.raised_s) == count


@pytest.mark.parametrize(
    "miss",
    [
        {},  # nothing but the pattern of boarding says that somebody is inside
        {"occupancy__presence_seen": True, "outside": None},
        {"occupancy__presence_seen": True, "door_since_s": ARRIVED_S + 5.0},  # it has opened and closed since
        {"occupancy__presence_seen": True, "since_s": ARRIVED_S + 20.0},  # the last trip ended long before
    ],
    ids=["no-sign", "place-unknown", "was-open", "no-trip"],
)
def test_a_shut_door_is_none_where_no_opening_is_due(miss: dict[str, Any]) -> None:
    assert open_failure(lambda t_s: standing(t_s, **{"percent": 95, "last_ride": ARRIVAL, **miss}), 15.0).raised_s == []


def test_a_door_that_was_open_and_jams_while_it_closes_is_no_opening_that_failed() -> None:
    """The controller gives the door up; `door_close_failure` tells it after its time."""
    jammed = partial(closing, percent=5, door__is_fault=True)
    assert open_failure(jammed).suspected_s == open_failure(jammed).raised_s == []
    assert close_failure(jammed).raised_s == pytest.approx([ARRIVED_S + 10.0 + LIMITS.door_close_s_max], abs=NEAR)


def test_a_door_that_the_controller_calls_faulty_is_due() -> None:
    said = open_failure(lambda t_s: standing(t_s, percent=5, door__is_fault=True))
    assert len(said.raised_s) == 1


@pytest.mark.parametrize("parts", [{"outside": True}, {"door__is_witnessed": False}], ids=lambda p: next(iter(p)))
def test_between_landings_or_without_a_word_about_the_door_it_is_none(parts: dict[str, Any]) -> None:
    assert open_failure(lambda t_s: opening(t_s, **parts)).alarms == []


def test_after_an_emergency_stop_the_door_is_not_expected_to_open() -> None:
    assert open_failure(opening, beside=[AlarmKind.EMERGENCY_STOP]).alarms == []


def test_a_running_car_is_none() -> None:
    assert open_failure(lambda t_s: running(t_s, door__state=DoorState.OPENING)).alarms == []


def test_it_ends_when_the_door_stands_open_and_not_when_it_falls_shut() -> None:
    fell_s, open_s = ARRIVED_S + 40.0, ARRIVED_S + 60.0

    def make(t_s: float) -> CarState:
        if t_s < fell_s:
            return opening(t_s)
        if t_s < open_s:
            return standing(t_s, door_since_s=fell_s, percent=5)
        return standing(t_s, door=DoorState.OPEN, door_since_s=open_s)

    said = open_failure(make, 90.0)
    assert len(said.raised_s) == 1
    assert said.cleared_s == pytest.approx([open_s], abs=NEAR)


# ---- a door that does not close


@pytest.mark.parametrize("limit", [LIMITS.door_close_tries_max, 6.0])
def test_so_many_closings_that_went_back_are_a_failure(limit: float) -> None:
    limits = limited("door_close_tries_max", limit)
    for tries, count in ((int(limit) - 1, 0), (int(limit), 1)):
        said = close_failure(partial(closing, door__failed_closings=tries), 25.0, limits)
        assert len(said.raised_s) == count


@pytest.mark.parametrize("limit_s", [LIMITS.door_close_s_max, 30.0])
def test_a_closing_that_does_not_end_is_a_failure_after_its_time(limit_s: float) -> None:
    limits = limited("door_close_s_max", limit_s)
    said = close_failure(closing, limit_s + 60.0, limits)
    assert said.raised_s == pytest.approx([ARRIVED_S + 10.0 + limit_s], abs=NEAR)


def test_tries_again_and_again_are_a_failure_after_the_time_of_one() -> None:
    """Two closings went back; the door stands open between tries, never long."""
    first_s = ARRIVED_S + 10.0

    def make(t_s: float) -> CarState:
        phase_s = (t_s - first_s) % 10.0
        parts: dict[str, Any] = {"door__closing_since_ns": At(first_s).ns, "door__failed_closings": 2}
        state = DoorState.CLOSING if phase_s < 2.0 else DoorState.OPEN
        return standing(t_s, door=state, door_since_s=t_s - phase_s + (0.0 if phase_s < 2.0 else 2.0), **parts)

    said = close_failure(make, 100.0)
    assert said.raised_s == pytest.approx([first_s + LIMITS.door_close_s_max], abs=NEAR)


def test_a_door_held_open_after_one_reversal_is_none() -> None:
    """Furniture: no closing is under way."""

    def make(t_s: float) -> CarState:
        return standing(
            t_s,
            door=DoorState.OPEN,
            door_since_s=ARRIVED_S + 12.0,
            door__closing_since_ns=At(ARRIVED_S + 10.0).ns,
            door__failed_closings=1,
        )

    assert close_failure(make, 150.0).raised_s == []


def test_a_door_that_closes_after_three_reversals_is_none() -> None:
    tries = int(LIMITS.door_close_tries_max) - 1
    closed_s = ARRIVED_S + 10.0 + LIMITS.door_close_s_max - 1.0

    def make(t_s: float) -> CarState:
        return closing(t_s, door__failed_closings=tries) if t_s < closed_s else standing(t_s, door_since_s=closed_s)

    said = close_failure(make)
    assert said.raised_s == []
    assert len(said.cleared_s) == 1


def test_a_car_that_moves_has_closed_its_door_well_enough() -> None:
    assert close_failure(lambda t_s: running(t_s, door=closing(t_s, door__failed_closings=9).door)).alarms == []


def test_it_ends_when_the_door_is_closed_and_not_when_it_is_open() -> None:
    open_s, closed_s = ARRIVED_S + 80.0, ARRIVED_S + 100.0

    def make(t_s: float) -> CarState:
        if t_s < open_s:
            return closing(t_s)
        if t_s < closed_s:
            return standing(t_s, door=DoorState.OPEN, door_since_s=open_s)
        return standing(t_s, door_since_s=closed_s)

    said = close_failure(make, 150.0)
    assert len(said.raised_s) == 1
    assert said.cleared_s == pytest.approx([closed_s], abs=NEAR)


# ---- a car that stands outside every door zone


def outside(make: Make, seconds: float = 60.0, limits: Any = LIMITS) -> Told:
    return told(StoppedOutsideDoorZoneRule(limits), frames(ARRIVED_S, ARRIVED_S + seconds, make))


@pytest.mark.parametrize("hold_s", [LIMITS.outside_zone_hold_s, 40.0])
def test_standing_outside_counts_after_its_hold_time(hold_s: float) -> None:
    said = outside(lambda t_s: standing(t_s, outside=True), hold_s + 60.0, limited("outside_zone_hold_s", hold_s))
    assert said.raised_s == pytest.approx([ARRIVED_S + hold_s], abs=NEAR)
    assert said.suspected_s == pytest.approx([ARRIVED_S + OUTSIDE_SUSPECT_S], abs=NEAR)
    assert said.cleared_s == []


@pytest.mark.parametrize("place", [False, None], ids=["in-zone", "unknown"])
def test_standing_in_a_zone_or_at_an_unknown_place_is_none(place: bool | None) -> None:
    assert outside(lambda t_s: standing(t_s, outside=place), 100.0).alarms == []


def test_the_offset_from_the_landing_is_shown() -> None:
    said = outside(lambda t_s: standing(t_s, outside=True, position__offset_m=-1.234))
    assert said.evidence["landing_offset_mm"] == -1234


def test_a_short_stop_between_landings_is_none() -> None:
    moves_s = ARRIVED_S + LIMITS.outside_zone_hold_s - 1.0

    def make(t_s: float) -> CarState:
        return standing(t_s, outside=True) if t_s < moves_s else running(t_s, since_s=moves_s)

    said = outside(make)
    assert said.raised_s == []
    assert len(said.cleared_s) == 1


@pytest.mark.parametrize("ends", ["moves", "landing"])
def test_it_ends_when_the_car_moves_or_is_found_at_a_landing(ends: str) -> None:
    end_s = ARRIVED_S + 40.0

    def make(t_s: float) -> CarState:
        if t_s < end_s:
            return standing(t_s, outside=True)
        return running(t_s, since_s=end_s) if ends == "moves" else standing(t_s, outside=False)

    assert outside(make).cleared_s == pytest.approx([end_s], abs=NEAR)


def test_a_place_that_becomes_known_late_counts_from_then() -> None:
    """A zone contact that drops out at night while the car is parked is no stop that has lasted for hours."""
    lost_s = ARRIVED_S + 60.0
    said = outside(lambda t_s: standing(t_s, outside=t_s > lost_s), 120.0)
    assert said.raised_s == pytest.approx([lost_s + LIMITS.outside_zone_hold_s], abs=NEAR)


@pytest.mark.parametrize(("told_mps", "count"), [(0.15, 0), (-0.15, 0), (0.0, 1), (0.08, 1), (None, 1)])
def test_a_car_of_which_no_standstill_was_seen_stands_unless_the_controller_gives_it_a_speed(
    told_mps: float | None, count: int
) -> None:
    """The core began to look while a slow lift ran evenly; without a word, or at 0 m/s, it is believed to stand."""
    make = partial(standing, outside=True, controller__speed_mps=told_mps)
    assert len(outside(partial(make, motion__is_sure=False)).raised_s) == count
    assert len(outside(partial(make, motion__is_sure=True)).raised_s) == 1


def test_a_place_that_flickers_never_adds_up() -> None:
    """Ten seconds out, a moment in, on and on."""

    def make(t_s: float) -> CarState:
        return standing(t_s, since_s=ARRIVED_S - 60.0, outside=(t_s - ARRIVED_S) % 10.0 > 0.2)

    said = outside(make, 120.0)
    assert said.raised_s == []
