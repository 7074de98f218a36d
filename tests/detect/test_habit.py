"""What this lift does with its empty car: odds from counts, learned only from what ended well."""

from __future__ import annotations

from math import log

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.detect.habit import DOUBT_TRIPS, KEPT_TRIPS, SHUT_SHARE_NORMAL, Habit, Leaving
from edge_agent.readings import Signal
from tests.detect.boxes import MG, Box
from tests.detect.physics import FAST
from tests.detect.scenes import Scene
from tests.detect.states import LIMITS

BELIEVED = LIMITS.entrapment_occupied_percent_min


def percent(habit: Habit, leaving: Leaving) -> float:
    odds = habit.odds(leaving)
    return 100.0 * odds / (1.0 + odds)


@pytest.mark.parametrize("leaving", Leaving)
def test_where_nothing_is_known_the_prior_of_the_leaving_holds(leaving: Leaving) -> None:
    assert percent(Habit(), leaving) == pytest.approx(100.0 * leaving.value)


def test_people_are_believed_in_a_car_that_leaves_at_once_and_not_in_one_that_leaves_later() -> None:
    habit = Habit()
    assert percent(habit, Leaving.AFTER_CALL) > percent(habit, Leaving.AFTER_RIDE) >= BELIEVED
    assert percent(habit, Leaving.AFTER_PAUSE) < BELIEVED


@pytest.mark.parametrize("leaving", [Leaving.AFTER_CALL, Leaving.AFTER_RIDE])
def test_a_lift_that_often_leaves_its_empty_car_shut_makes_a_shut_door_normal(leaving: Leaving) -> None:
    habit = Habit()
    for _ in range(10):
        habit.arrival_opened(leaving)
        habit.stayed_shut(leaving)
    assert percent(habit, leaving) < BELIEVED / 2


@pytest.mark.parametrize("leaving", [Leaving.AFTER_CALL, Leaving.AFTER_RIDE])
def test_an_entrapment_a_year_does_not_make_a_shut_door_normal(leaving: Leaving) -> None:
    """One in some thousand trips, and it is the last thing that happened."""
    habit = Habit()
    for _ in range(5_000):
        habit.arrival_opened(leaving)
    habit.stayed_shut(leaving)
    assert percent(habit, leaving) >= BELIEVED


def test_trips_that_open_make_people_after_a_ride_surer() -> None:
    habit = Habit()
    before = habit.odds(Leaving.AFTER_RIDE)
    for _ in range(60):
        habit.arrival_opened(Leaving.AFTER_RIDE)
    assert habit.odds(Leaving.AFTER_RIDE) > 2.0 * before
    assert percent(habit, Leaving.AFTER_RIDE) <= 85.0


def test_counts_stay_bounded_and_the_last_weeks_outweigh_the_first() -> None:
    habit = Habit()
    for _ in range(5_000):
        habit.stayed_shut(Leaving.AFTER_RIDE)
    for _ in range(5_000):
        habit.arrival_opened(Leaving.AFTER_RIDE)
    counts = habit.counts()[Leaving.AFTER_RIDE]
    assert counts.opened + counts.stayed_shut <= KEPT_TRIPS + 1.0
    share = counts.stayed_shut / (counts.opened + counts.stayed_shut + DOUBT_TRIPS)
    assert share < SHUT_SHARE_NORMAL[Leaving.AFTER_RIDE]


def test_counts_given_back_give_the_same_odds() -> None:
    first, second = Habit(), Habit()
    for _ in range(7):
        first.arrival_opened(Leaving.AFTER_CALL)
        first.stayed_shut(Leaving.AFTER_RIDE)
    second.recall(first.counts())
    for leaving in Leaving:
        assert second.odds(leaving) == first.odds(leaving)
        assert second.log_odds[leaving] == first.log_odds[leaving] == log(first.odds(leaving))


# ---- through the whole core


def home_and_back(rounds: int) -> Scene:
    """Somebody is carried two landings up; the empty car goes home at once and stands shut for 40 s."""
    scene = Scene(drive=FAST, box=Box(rate_hz=100.0, noise_mps2=1.0 * MG))
    scene.stand(5.0).open().stand(3.0).close().stand(15.0)
    for _ in range(rounds):
        scene.open().stand(3.0).close().stand(1.0)
        scene.trip(2)
        scene.stand(0.5).open().stand(3.0).close().stand(1.0)
        scene.trip(0)
        scene.stand(40.0)
    return scene


def test_an_empty_car_that_goes_home_is_less_and_less_believed_occupied() -> None:
    first = home_and_back(1).car().occupancy.percent
    later = home_and_back(4).car().occupancy.percent
    assert later < first
    assert later < BELIEVED / 2


def test_what_is_learned_of_the_empty_car_does_not_hide_those_who_boarded_at_a_call() -> None:
    scene = home_and_back(4)
    scene.open().stand(3.0).close().stand(1.0)
    scene.trip(2)
    assert scene.stand(60.0).car().occupancy.percent >= BELIEVED


@pytest.mark.parametrize("tries", [True, False])
def test_a_door_that_tried_and_failed_to_open_is_not_explained_by_what_the_empty_car_does(tries: bool) -> None:
    scene = home_and_back(4)
    scene.open().stand(3.0).close().stand(1.0)
    scene.trip(2)
    scene.stand(0.5).open().stand(3.0).close().stand(1.0)
    scene.trip(0)
    if tries:
        scene.edge(Signal.DOOR_CLOSED, False, scene.t_s + 1.0)  # a hand's width, and no farther
    said = scene.stand(60.0).run().raised
    assert (AlarmKind.DOOR_OPEN_FAILURE.public_name in said) is tries
    assert (AlarmKind.ENTRAPMENT.public_name in said) is tries


def test_a_standstill_that_has_not_ended_teaches_nothing_about_itself() -> None:
    scene = Scene(box=Box(rate_hz=100.0, noise_mps2=1.0 * MG))
    scene.stand(5.0).open().stand(5.0).close().stand(1.0)
    scene.trip(2)
    before = scene.stand(50.0).car().occupancy.percent
    scene.trip(3)
    assert scene.stand(50.0).car().occupancy.percent >= before
