"""Doors that wear, trips that teach, habits and small movements: figures by hand, each from both sides.

Times in seconds. Source: alarm catalogue rows 46 to 49; constants of `trip_memory.py`, `habit.py` and `stirring.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.doors import Contradiction, DoorCycles
from edge_agent.detect.habit import Habit, HabitCounts, Leaving
from edge_agent.detect.rules.door_wear import (
    DoorContactsDisagreeRule,
    DoorHeldOpenRule,
    DoorReversalsRule,
    DoorSlowRule,
    LearnedPace,
)
from edge_agent.detect.stirring import Stirring
from edge_agent.detect.trip_memory import TripMemory
from tests.detect.states import LIMITS, At, running, standing
from tests.detect.test_entrapment_edges import RIDE, evidence, is_raised, last


def near(value: float, off: float = 1e-9) -> Any:
    return pytest.approx(value, abs=off)


# ---- a door that is held open


def held(open_s: float, **parts: Any) -> CarState:
    return standing(200.0 + open_s, door=DoorState.OPEN, door_since_s=200.0, **parts)


def test_a_door_open_for_two_minutes_is_told_and_suspected_after_one() -> None:
    rule = DoorHeldOpenRule(LIMITS)
    assert last(rule, held(59.95)) is None
    assert not is_raised(last(rule, held(119.95)))
    assert is_raised(last(rule, held(120.0)))
    assert evidence(last(rule, held(60.26))) == {"door_open_s": 60.3}
    armed: dict[str, Any] = {"armed_ns": At(230.0).ns}
    assert not is_raised(last(rule, held(149.95, **armed)))
    assert is_raised(last(rule, held(150.0, **armed)))
    assert last(rule, held(300.0, is_out_of_service=True)) is None
    assert last(rule, running(500.0, door__state=DoorState.OPEN)) is None
    assert last(rule, standing(500.0, door=DoorState.CLOSING)) is None
    assert rule.is_over(standing(500.0, door=DoorState.CLOSING), "")
    assert not rule.is_over(held(500.0), "")


# ---- reversals


def turned(count: int, landing: int | None = None) -> CarState:
    return standing(200.0, door__reversals=count, position__landing_index=landing)


def test_four_reversals_in_a_stop_are_told_with_the_landing() -> None:
    rule = DoorReversalsRule(LIMITS)
    assert last(rule, turned(3)) is None
    assert evidence(last(rule, turned(4, 2))) == {"reversals_count": 4, "landing_index": 2}
    assert evidence(last(rule, turned(5))) == {"reversals_count": 5}
    assert last(rule, running(210.0, door__reversals=9)) is None


def test_reversals_end_after_twenty_stops_without() -> None:
    rule = DoorReversalsRule(LIMITS)
    for stops in (25, 20):
        last(rule, running(190.0), turned(4))
        last(rule, running(205.0), turned(0))
        for stop in range(1, stops + 1):
            assert rule.is_over(turned(0), "") is (stop > 20)
            last(rule, running(210.0), running(211.0), turned(0))
        assert rule.is_over(turned(0), "")


# ---- slow doors


def cycles(rule: DoorSlowRule, times_s: list[float], *, landing: int | None = None, closes: bool = False,
           is_rear: bool = False, first: int = 1) -> list[str]:  # fmt: skip
    """Complete movements that took so long; the subjects that stand after the last one."""
    said: list[str] = []
    for number, seconds in enumerate(times_s, first):
        opened, closed = (0, number) if closes else (number, 0)
        view = DoorCycles(is_rear, opened, At(seconds).ns, closed, At(seconds).ns)
        car = standing(200.0, door__cycles=(view,), position__landing_index=landing)
        for _ in range(2):
            said = [found.subject for found in rule.step(car, frozenset())]
    return said


@pytest.mark.parametrize(("ratio", "slow"), [(1.29, False), (1.31, True)])
@pytest.mark.parametrize("closes", [False, True])
def test_the_median_of_twenty_is_slow_at_one_and_three_tenths_of_the_first_twenty(
    ratio: float, slow: bool, closes: bool
) -> None:
    name = "door_close_s_mean" if closes else "door_open_s_mean"
    rule = DoorSlowRule(LIMITS)
    assert cycles(rule, [2.0] * 20 + [2.0 * ratio] * 10, closes=closes) == []  # the median lies between both
    assert cycles(rule, [2.0 * ratio] * 1, closes=closes, first=31) == ([name] if slow else [])
    assert rule.is_over(standing(200.0), name) is not slow
    assert cycles(rule, [2.0] * 12, closes=closes, first=32) == []
    assert rule.is_over(standing(200.0), name)


def test_a_slow_door_is_told_with_its_landing_and_its_time() -> None:
    rule = DoorSlowRule(LIMITS)
    assert cycles(rule, [2.0] * 20 + [3.0] * 20, landing=4, is_rear=True) == ["door_open_s_mean rear 4"]
    view = DoorCycles(True, 40, At(3.0).ns, 0, 0)
    found = last(rule, standing(200.0, door__cycles=(view,)))
    assert is_raised(found)
    assert evidence(found) == {"door_open_s_mean": 3.0, "landing_index": 4}
    assert rule.learned() == (LearnedPace("door_open_s_mean", True, 4, (2.0,), (3.0,) * 20),)


def test_nineteen_cycles_are_not_yet_learned() -> None:
    rule = DoorSlowRule(LIMITS)
    cycles(rule, [2.0] * 19)
    assert rule.learned()[0].normal_s == (2.0,) * 19
    cycles(rule, [2.0], first=20)
    assert rule.learned()[0].normal_s == (2.0,)
    again = DoorSlowRule(LIMITS)
    again.recall(rule.learned())
    assert cycles(again, [2.7] * 11) == ["door_open_s_mean"]


def test_no_more_than_256_doors_and_landings_are_learned() -> None:
    rule = DoorSlowRule(LIMITS)
    pace = LearnedPace("door_open_s_mean", False, -1, (2.0,), (2.0,))
    rule.recall([replace(pace, landing_index=k - 1) for k in range(300)])
    assert [learned.landing_index for learned in rule.learned()] == [k - 1 for k in range(256)]
    rule.recall([replace(pace, landing_index=k - 1) for k in range(255)])
    cycles(rule, [2.0], landing=400)
    cycles(rule, [2.0], landing=401, first=2)
    assert [learned.landing_index for learned in rule.learned()][254:] == [253, 400]


# ---- contacts that disagree


def contacts(what: Contradiction, since_s: float, **parts: Any) -> CarState:
    view = {"door__contradiction": what, "door__contradiction_since_ns": At(200.0 - since_s).ns}
    return standing(200.0, **{**view, **parts})


def test_both_made_count_after_half_a_second_and_neither_after_a_minute() -> None:
    rule = DoorContactsDisagreeRule(LIMITS)
    assert last(rule, contacts(Contradiction.BOTH_MADE, 0.5)) is None
    assert evidence(last(rule, contacts(Contradiction.BOTH_MADE, 0.55))) == {
        "contradiction": "both_made", "contradiction_s": 0.6
    }  # fmt: skip
    assert last(rule, contacts(Contradiction.NEITHER_MADE, 60.0)) is None
    assert is_raised(last(rule, contacts(Contradiction.NEITHER_MADE, 60.05)))
    assert last(rule, contacts(Contradiction.NONE, 99.0)) is None
    moving = running(200.0, door__contradiction=Contradiction.NEITHER_MADE)
    assert last(rule, moving) is None
    assert last(rule, contacts(Contradiction.NONE, 0.0, door__unchanged_trips=20)) is None
    assert evidence(last(rule, contacts(Contradiction.NONE, 0.0, door__unchanged_trips=21))) == {
        "contradiction": "never_changes", "contradiction_s": 0.0
    }  # fmt: skip


def test_contacts_are_plausible_again_after_twenty_trips() -> None:
    rule = DoorContactsDisagreeRule(LIMITS)
    good = contacts(Contradiction.NONE, 0.0)
    last(rule, running(100.0), good, contacts(Contradiction.BOTH_MADE, 9.0))
    for trip in range(20):
        assert not rule.is_over(good, ""), trip
        last(rule, running(210.0), running(211.0), good)
    assert rule.is_over(good, "")


# ---- what trips teach


def test_five_trips_tell_the_braking_and_twenty_even_ones_the_speed() -> None:
    """The second largest: the largest may be the fault."""
    memory = TripMemory(None)
    even = replace(RIDE, start_ns=0, end_ns=At(10.0).ns)
    for k in range(1, 21):
        assert (memory.usual_decel_mps2 is None, memory.rated_speed_mps) == (k <= 5, None)
        memory.add(replace(even, speed_mps=1.0 + 0.01 * k, distance_m=9.0, decel_mps2=0.1 * k))
    assert (memory.trip_count, memory.even_trip_count) == (20, 20)
    assert (memory.usual_decel_mps2, memory.rated_speed_mps) == (near(1.05), near(1.19))
    for _ in range(60):
        memory.add(even)
    assert (memory.trip_count, memory.learned()[0]) == (50, (0.7,) * 50)
    memory.recall([0.5] * 70, [2.0] * 70)
    assert (memory.trip_count, memory.even_trip_count, memory.rated_speed_mps) == (50, 50, 2.0)
    told = TripMemory(1.6)
    told.recall([0.5] * 4, [2.0] * 70)
    assert (told.rated_speed_mps, told.usual_decel_mps2) == (1.6, None)


@pytest.mark.parametrize(("distance_m", "is_even"), [(5.24, False), (5.26, True), (-5.26, True)])
def test_an_even_speed_of_half_a_second_counts(distance_m: float, is_even: bool) -> None:
    """2 d / v - T: of 10 s at 1 m/s, 5.25 m are half a second."""
    memory = TripMemory(None)
    memory.add(replace(RIDE, start_ns=At(1.0).ns, end_ns=At(11.0).ns, distance_m=distance_m, speed_mps=1.0))
    assert memory.even_trip_count == is_even


# ---- habits: odds that somebody is inside


@pytest.mark.parametrize(
    ("leaving", "opened", "shut", "odds"),
    [
        (Leaving.AFTER_CALL, 0.0, 0.0, 0.85 / 0.15),
        (Leaving.AFTER_CALL, 500.0, 0.0, 0.85 / 0.15),
        (Leaving.AFTER_CALL, 79.0, 1.0, 0.85 / 0.15 / (1.0 + 0.01 / 0.002)),
        (Leaving.AFTER_RIDE, 0.0, 0.0, 1.0),
        (Leaving.AFTER_RIDE, 20.0, 0.0, 2.0),
        (Leaving.AFTER_RIDE, 500.0, 0.0, 0.85 / 0.15),
        (Leaving.AFTER_RIDE, 0.0, 5.0, 1.0 / (1.0 + 0.2 / 0.01)),
        (Leaving.AFTER_PAUSE, 0.0, 5.0, (0.1 / 0.9) / (1.0 + 0.2 / 0.1)),
    ],
)
def test_shut_arrivals_are_held_against_opened_ones(leaving: Leaving, opened: float, shut: float, odds: float) -> None:
    habit = Habit()
    habit.recall({leaving: HabitCounts(opened, shut)})
    assert habit.odds(leaving) == near(odds)


def test_counts_of_six_hundred_are_halved() -> None:
    for opened, expected in ((499.0, HabitCounts(500.0, 100.0)), (500.0, HabitCounts(251.0, 50.0))):
        habit = Habit()
        habit.recall({Leaving.AFTER_CALL: HabitCounts(opened, 100.0)})
        habit.arrival_opened(Leaving.AFTER_CALL)
        assert habit.counts()[Leaving.AFTER_CALL] == expected
    habit = Habit()
    habit.stayed_shut(Leaving.AFTER_RIDE)
    assert habit.counts()[Leaving.AFTER_RIDE] == HabitCounts(0.0, 1.0)


# ---- small movements


def beats(stirring: Stirring, *levels: float, is_surely_empty: bool = False) -> Stirring:
    """Beats of 40 frames whose acceleration changes by so much from frame to frame."""
    for level in levels:
        for _ in range(40):
            stirring.take(level, 0.0, is_surely_empty=is_surely_empty)
    return stirring


def test_the_floor_goes_two_percent_down_and_half_a_percent_up() -> None:
    assert beats(Stirring(), 0.1).floor == near(0.01)
    assert beats(Stirring(), 0.1, 0.05).floor == near(0.01 * 0.98)
    assert beats(Stirring(), 0.1, 0.2).floor == near(0.01 * 1.005)
    assert beats(Stirring(), 0.0).floor == 1e-8
    rough = Stirring()
    for _ in range(40):
        rough.take(0.0, 0.2, is_surely_empty=False)
    assert rough.floor == near(0.01)


def test_a_beat_stands_out_at_one_and_seven_tenths_of_the_floor() -> None:
    """The floor has gone up by half a percent of its square by then."""
    edge = 0.1 * 1.7 * 1.005**0.5
    assert beats(Stirring(), 0.1, edge * 0.999).count == 0
    assert beats(Stirring(), 0.1, edge * 1.001).count == 1


def test_thirty_beats_are_looked_back_on() -> None:
    stirring = beats(Stirring(), 0.1, 0.5, *[0.1] * 29)
    assert stirring.count == 1
    assert beats(stirring, 0.1).count == 0


def test_an_empty_car_teaches_how_often_it_stands_out_by_itself() -> None:
    stirring = beats(Stirring(), 0.1, 0.1, 0.5, is_surely_empty=True)
    assert stirring.counts()[1:] == (3.0, 1.0)
    beats(stirring, 0.5)
    assert stirring.counts()[1:] == (3.0, 1.0)
    stirring.recall(0.01, 3000.0, 60.0)
    beats(stirring, 0.5, is_surely_empty=True)
    assert stirring.counts()[1:] == (1501.0, 31.0)
    stirring.recall(0.01, 2999.0, 60.0)
    beats(stirring, 0.05, is_surely_empty=True)
    assert stirring.counts()[1:] == (3000.0, 60.0)
