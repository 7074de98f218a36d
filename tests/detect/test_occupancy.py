"""P(someone inside): how people and empty cars leave, presence, the controller's word, the button, small movements."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.detect.limits import Limits
from edge_agent.detect.occupancy import OccupancyView
from edge_agent.readings import Signal
from tests.detect.boxes import MG, Box
from tests.detect.physics import FAST, ORDINARY, cut_short, hung
from tests.detect.scenes import DOORS, Scene

LIMITS = Limits()
BELIEVED = LIMITS.entrapment_occupied_percent_min
WITH_PRESENCE = DOORS | {Signal.PRESENCE}
QUIET_BOX = Box(rate_hz=100.0, noise_mps2=1.0 * MG)


def shut(wait_s: float, signals: frozenset[Signal] = DOORS) -> Scene:
    """Door open and closed again, so long a wait, and a trip of two landings."""
    scene = Scene(signals=signals, box=QUIET_BOX)
    scene.stand(5.0).open().stand(5.0).close().stand(wait_s)
    scene.trip(2)
    return scene


def seen(scene: Scene, after_s: float = 15.0) -> OccupancyView:
    """So long after the last verb, nothing having happened since."""
    return scene.stand(after_s).car().occupancy


@cache
def plain_percent(wait_s: float, after_s: float = 15.0) -> int:
    """Nothing happens but the trip."""
    return seen(shut(wait_s), after_s).percent


def blink(scene: Scene, at_s: float, seconds: float = 2.0) -> None:
    """The presence sensor fires once."""
    scene.edge(Signal.PRESENCE, True, at_s)
    scene.edge(Signal.PRESENCE, False, at_s + seconds)


def footfalls(scene: Scene, from_s: float, until_s: float, every_s: float) -> None:
    """Somebody shifts his weight: 8 % of the car's mass, a fifth of it for 0.2 s, and the ropes give."""
    force = np.zeros(int((until_s - from_s) * 100))
    for k in range(0, len(force), round(every_s * 100)):
        force[k : k + 20] = 0.2 * 0.08 * 9.81
    scene.shakes.append((from_s, tuple(hung(force, 100.0).tolist())))


# ---- how the car left


def test_people_leave_at_once_and_an_empty_car_is_called_after_a_pause() -> None:
    boarded, hesitant, called = (plain_percent(wait_s) for wait_s in (1.0, 8.0, 25.0))
    assert boarded > hesitant > called
    assert boarded >= 70
    assert called <= 20


def test_a_car_that_parks_itself_is_taken_for_empty() -> None:
    assert plain_percent(25.0, 60.0) < BELIEVED


def test_people_who_boarded_are_still_inside_a_minute_after_a_stop_without_opening() -> None:
    assert seen(shut(1.0), 60.0).percent >= BELIEVED


def test_a_second_trip_with_the_door_shut_does_not_make_the_car_empty() -> None:
    scene = shut(1.0).stand(60.0)
    scene.trip(4)
    assert seen(scene).percent >= 70


def test_a_second_trip_of_an_empty_car_does_not_fill_it() -> None:
    scene = shut(25.0).stand(2.0)
    scene.trip(4)
    assert seen(scene).percent < BELIEVED


def test_a_car_that_stands_shut_and_goes_nowhere_becomes_less_likely_occupied() -> None:
    scene = Scene(box=QUIET_BOX)
    scene.stand(5.0).open().stand(5.0).close()
    closed_s = scene.t_s
    soon, later, much_later = (
        car.occupancy.percent for car in scene.stand(130.0).cars(closed_s + 2.0, closed_s + 40.0, closed_s + 125.0)
    )
    assert soon > later > much_later
    assert much_later <= 5


def test_an_open_door_starts_anew() -> None:
    scene = shut(1.0, WITH_PRESENCE)
    blink(scene, scene.t_s - 3.0)
    scene.stand(1.0).open().stand(4.0)
    view = scene.car().occupancy
    assert not view.presence_seen
    assert view.percent <= 60
    left = scene.close().stand(40.0)
    left.trip(0)
    assert seen(left).percent < BELIEVED


def test_without_any_word_about_the_door_the_odds_stay_even() -> None:
    scene = Scene(signals=frozenset(), box=QUIET_BOX)
    scene.stand(60.0)
    scene.trip(2)
    assert 30 <= seen(scene, 2.0).percent <= 70


# ---- presence


def test_somebody_seen_twice_in_a_called_car_is_believed() -> None:
    scene = shut(25.0, WITH_PRESENCE)
    blink(scene, scene.t_s - 4.0)
    blink(scene, scene.t_s + 6.0)
    view = seen(scene)
    assert view.presence_seen
    assert view.percent >= BELIEVED


def test_more_signs_of_presence_make_it_surer() -> None:
    def with_signs(count: int) -> int:
        scene = shut(20.0, WITH_PRESENCE)
        for k in range(count):
            blink(scene, scene.t_s + 2.0 + 8.0 * k)
        return seen(scene, 40.0).percent

    none, one, three = with_signs(0), with_signs(1), with_signs(3)
    assert none < one < three
    assert three >= 90


def test_one_glitch_in_a_car_that_has_been_parked_long_is_nobody() -> None:
    scene = Scene(signals=WITH_PRESENCE, box=QUIET_BOX)
    scene.stand(5.0).open().stand(5.0).close().stand(40.0)
    scene.trip(2)
    glitch_s = scene.t_s + 120.0
    blink(scene, glitch_s, 0.1)
    cars = scene.stand(210.0).cars(glitch_s + 5.0, glitch_s + 85.0)
    assert all(car.occupancy.presence_seen for car in cars)
    assert all(car.occupancy.percent < BELIEVED for car in cars)


def test_an_output_that_is_still_held_from_before_the_door_closed_is_nobody() -> None:
    """Somebody left; the sensor's output falls 6 s after his last movement."""
    scene = Scene(signals=WITH_PRESENCE, box=QUIET_BOX)
    scene.stand(5.0).open().stand(3.0)
    scene.edge(Signal.PRESENCE, True)
    scene.stand(1.0).close()
    scene.edge(Signal.PRESENCE, False, scene.t_s + 3.0)
    view = seen(scene, 40.0)
    assert not view.presence_seen
    assert view.percent < BELIEVED


def test_an_output_that_stays_on_is_somebody() -> None:
    scene = shut(20.0, WITH_PRESENCE)
    scene.edge(Signal.PRESENCE, True, scene.t_s - 5.0)
    assert seen(scene, 40.0).presence_seen


def test_a_still_passenger_disappears_from_the_sensor_but_not_from_the_car() -> None:
    """Absence of presence is no evidence of nobody. Source: alarm catalogue row 1."""
    assert seen(shut(1.0, WITH_PRESENCE), 60.0).percent >= BELIEVED


@cache
def after_many_trips(sees: bool) -> int:
    """Six calls of people whom the sensor sees or not, then one in which it sees nobody."""
    scene = Scene(signals=WITH_PRESENCE, drive=FAST, box=QUIET_BOX)
    scene.stand(5.0).open().stand(2.0).close().stand(1.0)
    for k in range(6):
        scene.trip(2 - k % 2)
        if sees:
            blink(scene, scene.t_s - 2.0)
        scene.stand(0.5).open().stand(2.0).close().stand(12.0).open().stand(2.0).close().stand(1.0)
    scene.trip(4)
    return seen(scene, 30.0).percent


def test_a_sensor_that_has_proved_itself_counts_more_when_it_is_silent() -> None:
    assert after_many_trips(True) < after_many_trips(False)


def test_even_a_proven_sensor_does_not_prove_nobody_after_an_abnormal_stop() -> None:
    assert after_many_trips(True) >= LIMITS.entrapment_occupied_percent_abnormal


def test_a_sensor_that_never_saw_anybody_is_taken_for_dead_and_not_for_nobody() -> None:
    assert after_many_trips(False) >= plain_percent(1.0, 30.0) - 10


def test_a_sensor_that_is_not_wired_says_nothing() -> None:
    scene = shut(25.0)
    blink(scene, scene.t_s - 4.0)
    assert not seen(scene).presence_seen


# ---- the controller and the button


@pytest.mark.parametrize(("wait_s", "said", "higher"), [(25.0, True, True), (1.0, False, False)])
def test_the_controllers_passenger_flag_moves_the_odds(wait_s: float, said: bool, higher: bool) -> None:
    told = shut(wait_s)
    told.report(told.t_s + 1.0, passenger=said)
    with_flag = seen(told)
    assert with_flag.passenger_flag is said
    assert (with_flag.percent > plain_percent(wait_s)) is higher
    if higher:
        assert with_flag.percent >= BELIEVED


def test_a_load_in_the_car_is_a_sign_and_an_empty_scale_is_none() -> None:
    loaded, empty = shut(25.0), shut(25.0)
    loaded.report(loaded.t_s + 1.0, load_percent=25.0)
    empty.report(empty.t_s + 1.0, load_percent=0.0)
    assert seen(loaded).percent > plain_percent(25.0)
    assert seen(empty).percent == plain_percent(25.0)


def test_a_suspect_report_moves_nothing() -> None:
    scene = shut(25.0)
    scene.report(scene.t_s + 1.0, passenger=True, is_suspect=True)
    assert seen(scene).passenger_flag is None


def test_whoever_presses_the_alarm_button_is_inside() -> None:
    scene = shut(25.0, DOORS | {Signal.ALARM_BUTTON})
    scene.edge(Signal.ALARM_BUTTON, True, scene.t_s + 5.0)
    scene.edge(Signal.ALARM_BUTTON, False, scene.t_s + 6.0)
    view = seen(scene, 60.0)
    assert view.button_pressed
    assert view.percent >= 80


def test_a_button_contact_that_bounces_for_a_moment_is_no_press() -> None:
    scene = shut(25.0, DOORS | {Signal.ALARM_BUTTON})
    scene.edge(Signal.ALARM_BUTTON, True, scene.t_s + 5.0)
    scene.edge(Signal.ALARM_BUTTON, False, scene.t_s + 5.0 + LIMITS.door_debounce_ms / 2000.0)
    assert not seen(scene, 60.0).button_pressed


# ---- small movements


@cache
def stuck(every_s: float | None, wait_s: float = 1.0) -> OccupancyView:
    """A stop without opening, with somebody shifting his weight so often; a long quiet spell before shows the floor."""
    scene = Scene(box=QUIET_BOX)
    scene.stand(30.0).open().stand(4.0).close().stand(wait_s)
    scene.trip(2)
    at_s = scene.t_s
    scene.stand(70.0)
    if every_s is not None:
        footfalls(scene, at_s + 4.0, scene.t_s, every_s)
    return scene.car().occupancy


def test_a_passenger_who_shifts_his_weight_shows_in_the_standing_car() -> None:
    still, restless = stuck(None), stuck(5.0)
    assert still.stirs_count <= 2
    assert restless.stirs_count >= 6
    assert restless.percent > still.percent


def test_a_restless_car_that_was_called_empty_is_believed_occupied() -> None:
    assert stuck(None, wait_s=30.0).percent < BELIEVED
    assert stuck(5.0, wait_s=30.0).percent >= BELIEVED


def test_two_jolts_in_a_minute_are_nobody() -> None:
    """A landing door slams, a neighbour lift passes."""
    assert stuck(40.0, wait_s=30.0).percent < BELIEVED


@pytest.mark.parametrize(
    ("rate_hz", "seed"),
    [(25.0, 2), (50.0, 0), (100.0, 0), (400.0, 0)],
)
def test_the_noise_of_the_sensor_is_nobody(rate_hz: float, seed: int) -> None:
    scene = Scene(box=Box(rate_hz=rate_hz, noise_mps2=1.0 * MG, seed=seed))
    scene.stand(5.0).open().stand(3.0).close().stand(30.0)
    scene.trip(1)
    at_s = scene.t_s
    cars = scene.stand(100.0).cars(*(at_s + 20.0 * k for k in range(1, 6)))
    assert max(car.occupancy.percent for car in cars) < BELIEVED


def test_stillness_does_not_make_a_boarded_car_empty() -> None:
    assert stuck(None).percent >= BELIEVED


def test_small_movements_with_the_door_open_or_under_way_do_not_count() -> None:
    scene = Scene(box=QUIET_BOX)
    scene.stand(60.0).open()
    footfalls(scene, scene.t_s, scene.t_s + 40.0, 2.0)
    scene.stand(40.0).close().stand(1.0)
    scene.trip(3)
    assert seen(scene, 2.0).stirs_count == 0


def test_a_door_that_tries_to_open_shakes_the_car_but_is_nobody() -> None:
    """Three tries that get nowhere, each with a blow; the car was called empty."""
    scene = shut(30.0)
    at_s = scene.t_s
    for k in range(3):
        scene.edge(Signal.DOOR_CLOSED, False, at_s + 2.0 + 6.0 * k)
        footfalls(scene, at_s + 2.0 + 6.0 * k, at_s + 5.0 + 6.0 * k, 1.0)
        scene.edge(Signal.DOOR_CLOSED, True, at_s + 5.0 + 6.0 * k)
        footfalls(scene, at_s + 5.0 + 6.0 * k, at_s + 6.0 + 6.0 * k, 0.5)
    view = seen(scene, 60.0)
    assert view.stirs_count <= 1
    assert view.percent < BELIEVED


@pytest.mark.parametrize("started_s", [4.0, 8.0, 14.0])
def test_a_box_that_starts_just_before_the_car_leaves_behind_a_shut_door_does_not_take_it_for_empty(
    started_s: float,
) -> None:
    """Nobody has seen who boarded: even odds, which do not run down as those of a parked car do."""
    scene = Scene(box=Box(noise_mps2=1.0 * MG)).stand(started_s)
    scene.go(cut_short(12.0, ORDINARY, 3.0, 3.0))
    stopped_s = scene.t_s
    outcome = scene.stand(150.0).run()
    (told_s,) = outcome.times_s(AlarmKind.ENTRAPMENT)
    assert told_s - stopped_s == pytest.approx(30.0, abs=1.0)
