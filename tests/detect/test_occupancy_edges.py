"""P(someone inside) by numbers worked out by hand: how the car left, what was seen since, and what that teaches.

Source of the figures: docs/detection.md, "How it knows that somebody is inside". P is shown in whole percent.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.alarms import DoorState
from edge_agent.detect.doors import UNWITNESSED, DoorView
from edge_agent.detect.habit import HabitCounts, Leaving
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.occupancy import OccupancyStage, OccupancyView
from edge_agent.detect.signal import FRAME_NS, Frame

S = 1_000_000_000


def ns(t_s: float) -> int:
    return round(t_s * S)


class Car:
    """A car seen by an occupancy stage; times in s. It stands with its door open from 10 s on."""

    def __init__(self, *, has_presence: bool = False) -> None:
        self.stage = OccupancyStage(has_presence=has_presence)
        self._door = DoorView(DoorState.CLOSED, 0, True, 0, 0, 0, 0, 0, 0, False)
        self._motion = MotionState(Phase.AT_REST, 0, 0.0, 0.0, 0.0, True, True)
        self.is_abnormal = False
        self.at(1.0)
        self.opens(10.0)

    def at(self, t_s: float) -> OccupancyView:
        return self.stage.step(ns(t_s), self._motion, self._door, is_abnormal=self.is_abnormal)

    def percent(self, t_s: float) -> int:
        return self.at(t_s).percent

    def opens(self, t_s: float) -> Car:
        self._door = DoorView(DoorState.OPEN, ns(t_s), True, self._door.closed_at_ns, 0, 0, 0, 0, 0, False)
        self.at(t_s)
        return self

    def closes(self, t_s: float, state: DoorState = DoorState.CLOSED) -> Car:
        closed_at = ns(t_s) if state is DoorState.CLOSED else self._door.closed_at_ns
        self._door = DoorView(state, ns(t_s), True, closed_at, 0, 0, 0, 0, 0, False)
        self.at(t_s)
        return self

    def goes(self, from_s: float, until_s: float) -> Car:
        self._motion = MotionState(Phase.RUNNING, ns(from_s), 0.0, 1.0, 1.0, True, True)
        self.at(from_s)
        self._motion = MotionState(Phase.AT_REST, ns(until_s), 0.0, 0.0, 0.0, True, True)
        self.at(until_s)
        return self

    def presence(self, t_s: float, seconds: float = 1.0) -> Car:
        """The sensor fires, and is asked while it does."""
        self.stage.take_presence(ns(t_s), True)
        self.at(t_s)
        self.stage.take_presence(ns(t_s + seconds), False)
        return self

    def frames(self, from_s: float, count: int, accel_mps2: float = 9.8) -> Car:
        for k in range(count):
            end = ns(from_s) + (k + 1) * FRAME_NS
            self.stage.take_frame(
                Frame(end // FRAME_NS - 1, 5, accel_mps2, 0.0, 0.0, accel_mps2, 0.01, 9.8, 9.8, 0.0),
                self._motion,
                self._door,
            )
        return self


def left_after(wait_s: float, *, has_presence: bool = False) -> Car:
    """The door closed at 20 s; so long after it the car left, for a trip of 10 s."""
    return Car(has_presence=has_presence).closes(20.0).goes(20.0 + wait_s, 30.0 + wait_s)


def called(**parts: Any) -> Car:
    """It left after 15 s: odds of one to nine. It arrived at 45 s."""
    return left_after(15.0, **parts)


# ---- how the car left


@pytest.mark.parametrize(
    ("wait_s", "percent"),
    [(0.0, 85), (4.0, 85), (4.6, 82), (9.5, 44), (14.4, 12), (15.0, 10), (60.0, 10)],
)
def test_the_longer_the_car_waited_with_its_door_closed_the_less_likely_it_is_occupied(
    wait_s: float, percent: int
) -> None:
    """85 % up to 4 s, 10 % from 15 s; between them in proportion, in the logarithm of the odds."""
    assert left_after(wait_s).percent(100.0) == percent


def test_after_an_abnormal_stop_the_shares_themselves_count() -> None:
    """6.2 s are a fifth of the way from 4 to 15: 0.8 x 85 % + 0.2 x 10 % = 70 %."""
    car = left_after(6.2)
    assert car.percent(50.0) == 72
    car.is_abnormal = True
    assert car.percent(51.0) == 70


def test_a_landing_to_which_people_were_just_brought_makes_it_even() -> None:
    car = left_after(2.0).opens(41.9).closes(50.0).goes(52.0, 60.0)
    assert car.percent(61.0) == 50


def test_a_door_that_opens_ten_seconds_after_the_stop_opens_for_somebody_new() -> None:
    for opened_s, percent in ((41.95, 50), (42.0, 85)):
        assert left_after(2.0).opens(opened_s).closes(50.0).goes(52.0, 60.0).percent(61.0) == percent


def test_those_who_called_an_empty_car_have_boarded_where_it_came_to() -> None:
    assert left_after(15.0).opens(46.0).closes(52.0).goes(54.0, 60.0).percent(61.0) == 85


def test_a_door_that_opens_again_within_ten_seconds_changes_nothing_and_later_it_is_for_somebody_new() -> None:
    for again_s, percent in ((60.0, 50), (60.05, 85)):
        car = left_after(2.0).opens(33.0).closes(50.0).opens(again_s).closes(70.0).goes(72.0, 80.0)
        assert car.percent(81.0) == percent


def test_a_second_trip_with_the_door_shut_changes_nothing() -> None:
    car = left_after(2.0).goes(60.0, 70.0)
    assert car.percent(71.0) == 85
    assert called().goes(46.0, 60.0).percent(61.0) == 10


def ridden(wait_s: float = 2.0, *, has_presence: bool = False) -> Car:
    """People were brought to a landing, and the car left it at once; it came to rest at 60 s."""
    return left_after(2.0, has_presence=has_presence).opens(33.0).closes(50.0 - wait_s).goes(50.0, 60.0)


def test_a_car_that_may_have_gone_home_empty_stood_shut_and_left_again_is_a_third_as_likely_occupied() -> None:
    """Even odds before, one to three after half a minute: 25 %. Whoever boarded at a call is inside as before."""
    for again_s, percent in ((89.9, 50), (90.0, 25)):
        assert ridden().goes(again_s, 99.0).percent(100.0) == percent
    assert left_after(2.0).goes(70.0, 80.0).percent(81.0) == 85
    half = ridden(9.5).goes(90.0, 99.0)  # half of it as after a pause
    half.is_abnormal = True
    assert half.percent(100.0) == 20  # odds of 3 to 7, by the root of 3


@pytest.mark.parametrize("sign", ["twice seen", "button", "passenger"])
def test_whoever_gave_a_sign_while_it_stood_shut_is_as_likely_as_before(sign: str) -> None:
    car = ridden(has_presence=sign == "twice seen")
    if sign == "twice seen":
        car.presence(70.0).presence(80.0)
    elif sign == "button":
        car.stage.take_button(True)
    else:
        car.stage.take_controller(True, None)
    before = car.percent(95.0)
    assert before > 90
    assert car.goes(96.0, 99.0).percent(100.0) == before


def test_where_the_leaving_was_not_seen_it_is_even_odds() -> None:
    car = Car().closes(20.0)
    car.stage = OccupancyStage(has_presence=False)
    assert car.goes(21.0, 30.0).percent(40.0) == 85  # the door was seen closed at 20 s
    unseen = Car()
    unseen._door = UNWITNESSED
    assert unseen.goes(21.0, 30.0).percent(300.0) == 50


def test_a_door_closed_since_before_the_start_tells_of_the_leaving_after_fifteen_seconds() -> None:
    for left_s, percent in ((15.95, 50), (16.0, 10)):
        car = Car()
        car.stage = OccupancyStage(has_presence=False)
        car._door = DoorView(DoorState.CLOSED, 0, True, 0, 0, 0, 0, 0, 0, False)
        car.at(1.0)
        car._motion = MotionState(Phase.RUNNING, ns(left_s), 0.0, 1.0, 1.0, True, True)
        assert car.percent(left_s + 1.0) == percent


@pytest.mark.parametrize(("waited_s", "percent"), [(0.0, 50), (2.5, 33), (7.5, 20), (30.0, 7), (90.0, 3)])
def test_a_car_that_goes_nowhere_is_believed_empty_by_and_by(waited_s: float, percent: int) -> None:
    """Odds of 1 : 1 + t / 2.5 s."""
    assert Car().closes(20.0).percent(20.0 + waited_s) == percent


# ---- signs


def test_the_signs_multiply_the_odds() -> None:
    """One to nine: 30 times for the passenger flag, 12 for a load, 200 for the button; 0.15 against."""
    car = called()
    for passenger, load_percent, percent in (
        (True, None, 77),
        (None, 4.0, 57),
        (None, 3.9, 10),
        (True, 50.0, 98),
        (False, None, 2),
        (False, 50.0, 17),
        (None, None, 10),
    ):
        car.stage.take_controller(passenger, load_percent)
        assert car.percent(60.0) == percent
        assert car.at(60.0).passenger_flag is passenger
    car.stage.take_button(False)
    assert (car.percent(60.0), car.at(60.0).button_pressed) == (10, False)
    car.stage.take_button(True)
    car.stage.take_button(False)
    assert (car.percent(60.0), car.at(60.0).button_pressed) == (96, True)
    assert not car.opens(70.0).closes(75.0).at(76.0).button_pressed


def test_signs_against_never_make_it_less_than_fifteen_hundredths() -> None:
    car = left_after(2.0, has_presence=True)
    car.stage.take_controller(False, None)
    assert car.percent(60.0) == 46  # 5.67 x 0.15


# ---- the presence sensor


def test_one_edge_counts_six_times_and_late_ones_less_down_to_a_half() -> None:
    """Closed at 20 s. After two minutes half of 6; after four 2; after a quarter of an hour 0.72; then 0.5."""
    for fired_s, percent in ((46.4, 35), (80.0, 31), (140.0, 25), (260.0, 18), (900.0, 7), (1500.0, 5), (9000.0, 5)):
        car = called(has_presence=True).presence(fired_s)
        assert (car.percent(fired_s + 1.0), car.at(fired_s + 1.0).presence_seen) == (percent, True)


def test_each_further_edge_counts_up_to_eight_times_at_most_one_in_five_seconds() -> None:
    """The first counts 2, one after two minutes 4, one after a quarter of an hour or more 1."""
    for again_s, percent in ((264.95, 18), (265.0, 63), (380.0, 47), (1160.0, 18), (2000.0, 18)):
        assert called(has_presence=True).presence(260.0).presence(again_s).percent(again_s) == percent
    car = called(has_presence=True)
    for k in range(8):
        car.presence(260.0 + 10.0 * k)
    assert car.percent(400.0) == 100
    car.stage.take_controller(False, None)
    assert car.percent(400.0) == 97  # 2000 at most: 2000 x 0.15 / 9


def test_an_edge_within_a_second_and_a_half_of_the_door_may_be_somebody_who_left() -> None:
    for fired_s, is_seen in ((21.45, False), (21.55, True)):
        assert Car(has_presence=True).closes(20.0).presence(fired_s).at(23.0).presence_seen is is_seen


def test_a_level_that_lasts_twelve_seconds_after_the_door_is_no_echo() -> None:
    car = Car(has_presence=True)
    car.stage.take_presence(ns(19.0), True)
    car.closes(20.0)
    assert not car.at(32.0).presence_seen
    assert car.at(32.05).presence_seen
    late = Car(has_presence=True).closes(20.0)
    late.stage.take_presence(ns(21.0), True)
    assert not late.at(33.0).presence_seen
    assert late.at(33.05).presence_seen


def test_while_the_door_closes_or_is_open_people_may_still_leave() -> None:
    car = Car(has_presence=True).presence(15.0)
    car.closes(20.0, DoorState.CLOSING).presence(22.0)
    assert not car.closes(23.0).at(24.0).presence_seen
    assert car.presence(25.0).at(25.0).presence_seen
    assert not car.opens(30.0).at(30.0).presence_seen


@pytest.mark.parametrize(
    ("trips", "silent", "percent", "abnormal_percent"),
    [
        (0.0, 0.0, 59, 59),  # as if it had been silent in one of four
        (2.0, 0.0, 49, 49),  # one of six
        (4.0, 0.0, 41, 46),  # one of eight; where nothing is normal not below 0.15
        (96.0, 0.0, 31, 46),  # never below 0.08
        (96.0, 96.0, 85, 85),  # a dead sensor's silence: 97 of 100
    ],
)
def test_silence_counts_as_the_share_of_trips_in_which_this_sensor_was_silent(
    trips: float, silent: float, percent: int, abnormal_percent: int
) -> None:
    car = left_after(2.0, has_presence=True)
    car.stage.recall_proof(trips, silent)
    assert car.percent(60.0) == percent
    car.is_abnormal = True
    assert car.percent(60.0) == abnormal_percent
    assert left_after(2.0).percent(60.0) == 85  # none is wired


# ---- what is learned


def counts(car: Car, leaving: Leaving = Leaving.AFTER_CALL) -> HabitCounts:
    return car.stage.habit.counts()[leaving]


def test_an_arrival_whose_door_opens_within_thirty_seconds_is_counted() -> None:
    """It arrived at 32 s."""
    assert counts(left_after(2.0).opens(61.95)) == HabitCounts(opened=1.0)
    assert counts(left_after(2.0).opens(62.0)) == HabitCounts(stayed_shut=1.0)
    assert counts(called().opens(50.0), Leaving.AFTER_PAUSE) == HabitCounts(opened=1.0)


def test_a_shut_standstill_of_thirty_seconds_counts_once_it_has_ended_well() -> None:
    for gone_s, stayed in ((61.95, 0.0), (62.0, 1.0)):
        car = left_after(2.0).goes(gone_s, 80.0)
        assert counts(car) == HabitCounts()
        assert counts(car.opens(82.0)) == HabitCounts(stayed_shut=stayed)


def test_only_the_first_standstill_of_a_period_counts() -> None:
    car = left_after(2.0).goes(70.0, 80.0).goes(150.0, 160.0).opens(161.0)
    assert counts(car) == HabitCounts(stayed_shut=1.0)


@pytest.mark.parametrize("sign", ["button", "passenger", "presence", "abnormal", "one_edge"])
def test_a_standstill_with_signs_of_people_or_after_an_abnormal_stop_is_no_habit(sign: str) -> None:
    car = left_after(2.0, has_presence=True)
    if sign == "button":
        car.stage.take_button(True)
    elif sign == "passenger":
        car.stage.take_controller(True, None)
    elif sign == "abnormal":
        car.is_abnormal = True
    else:
        for k in range(2 if sign == "presence" else 1):
            car.presence(40.0 + 6.0 * k)
    assert counts(car.opens(70.0)) == HabitCounts(stayed_shut=float(sign == "one_edge"))


def test_whoever_waits_where_a_car_has_stood_shut_is_new() -> None:
    """A car that stood shut after its first trip, and came on: it brought nobody, or it would be 50 %.

    One such stand of none that opened: 1 of 21 against 0.2 %, so that odds of 5.67 become 5.67 / 24.8.
    """
    car = left_after(2.0).goes(70.0, 80.0).opens(81.0).closes(90.0).goes(92.0, 100.0)
    assert car.percent(101.0) == 19


def test_a_trip_with_people_proves_the_sensor() -> None:
    assert left_after(2.0, has_presence=True).opens(40.0).stage.proof() == (1.0, 1.0)
    assert left_after(2.0, has_presence=True).presence(33.0).opens(40.0).stage.proof() == (1.0, 0.0)
    assert left_after(6.0, has_presence=True).opens(40.0).stage.proof() == (0.0, 0.0)
    assert left_after(2.0).opens(40.0).stage.proof() == (0.0, 0.0)
    assert left_after(2.0, has_presence=True).opens(70.0).stage.proof() == (0.0, 0.0)


def test_after_four_hundred_trips_the_older_half_counts_half() -> None:
    for trips, expected in ((399.0, (400.0, 101.0)), (400.0, (201.0, 51.0))):
        car = left_after(2.0, has_presence=True)
        car.stage.recall_proof(trips, 100.0)
        assert car.opens(40.0).stage.proof() == expected


# ---- small movements


def test_a_beat_of_two_seconds_begins_four_seconds_after_car_and_door_have_come_to_rest() -> None:
    """The car stands since 32 s; frames from 36 s on count, 40 to a beat."""
    assert left_after(2.0).frames(35.9, 40).stage.stirring.floor == 0.0
    assert left_after(2.0).frames(35.95, 39).stage.stirring.floor == 0.0
    assert left_after(2.0).frames(35.95, 40).stage.stirring.floor > 0.0
    assert left_after(2.0).closes(36.0).frames(39.9, 40).stage.stirring.floor == 0.0
    assert left_after(2.0).opens(40.0).frames(50.0, 100).stage.stirring.floor == 0.0


def test_a_surely_empty_car_teaches_what_an_empty_car_does() -> None:
    """Below 10 % and at rest for more than a minute."""
    empty = Car().closes(20.0)
    assert empty.percent(100.0) == 3
    assert empty.frames(60.0, 360).stage.stirring.counts()[1] == 0.0  # until 78 s; the last beat ends at 78
    assert empty.frames(79.95, 41).stage.stirring.counts()[1] == 1.0
    believed = called()
    assert believed.percent(110.0) == 10
    assert believed.frames(200.0, 80).stage.stirring.counts()[1] == 0.0
