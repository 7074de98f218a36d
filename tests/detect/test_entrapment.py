"""Entrapment: every hold time and every limit from both sides, what clears it, and what is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind, DoorState, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.rules.entrapment import (
    BELIEF_S,
    BELIEF_SLACK_PERCENT,
    SUSPECT_S,
    UNWITNESSED_PERCENT_MIN,
    EntrapmentRule,
)
from tests.detect.scenes import Scene
from tests.detect.states import ARRIVED_S, LIMITS, changed, frames, limited, running, standing, told

FRAME_S = 0.05


def stuck(until_s: float, **parts: Any) -> Iterator[CarState]:
    """Arrived, and nothing happens."""
    return frames(ARRIVED_S, ARRIVED_S + until_s, lambda t_s: standing(t_s, **parts))


def raised_after_s(limits: Any, cars: Iterator[CarState], *beside: AlarmKind) -> list[float]:
    return [t_s - ARRIVED_S for t_s in told(EntrapmentRule(limits), cars, beside=beside).raised_s]


# ---- hold times

PLACES = [
    ("entrapment_hold_s_at_landing", False),
    ("entrapment_hold_s_outside_zone", True),
    ("entrapment_hold_s_place_unknown", None),
]


@pytest.mark.parametrize(("name", "outside"), PLACES)
@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_it_is_raised_when_the_hold_time_of_the_place_has_passed(
    name: str, outside: bool | None, factor: float
) -> None:
    hold_s = factor * getattr(LIMITS, name)
    limits = limited(name, hold_s)
    assert raised_after_s(limits, stuck(hold_s - FRAME_S, outside=outside)) == []
    assert raised_after_s(limits, stuck(hold_s + 60.0, outside=outside)) == pytest.approx([hold_s], abs=1.5 * FRAME_S)


BESIDE = (
    AlarmKind.EMERGENCY_STOP,
    AlarmKind.DOOR_OPEN_FAILURE,
    AlarmKind.DOOR_OPEN_IN_MOTION,
    AlarmKind.SAFETY_CIRCUIT_OPEN,
    AlarmKind.MAINS_LOST,
)


@pytest.mark.parametrize("beside", BESIDE, ids=lambda kind: kind.public_name)
def test_an_alarm_that_stands_is_a_second_sign_of_trouble(beside: AlarmKind) -> None:
    hold_s = LIMITS.entrapment_hold_s_second_sign
    said = told(EntrapmentRule(LIMITS), stuck(hold_s + 5.0), beside=[beside])
    assert said.raised_s == pytest.approx([ARRIVED_S + hold_s], abs=1.5 * FRAME_S)
    assert said.evidence["second_sign"] == beside.public_name


SIGNS: list[dict[str, Any]] = [
    {"occupancy__button_pressed": True},
    {"mains_ok": False},
    {"controller__safety_circuit_closed": False},
    {"controller__fault": 17},
]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: next(iter(sign)))
def test_a_sign_from_another_source_is_a_second_sign_of_trouble(sign: dict[str, Any]) -> None:
    hold_s = LIMITS.entrapment_hold_s_second_sign
    assert raised_after_s(LIMITS, stuck(hold_s - FRAME_S, **sign)) == []
    assert raised_after_s(LIMITS, stuck(hold_s + 5.0, **sign)) == pytest.approx([hold_s], abs=1.5 * FRAME_S)


GOOD_NEWS: list[dict[str, Any]] = [
    {"mains_ok": True},
    {"controller__safety_circuit_closed": True},
    {"controller__fault": 0},
]


@pytest.mark.parametrize("news", GOOD_NEWS, ids=lambda news: next(iter(news)))
def test_what_is_in_order_is_no_second_sign(news: dict[str, Any]) -> None:
    assert raised_after_s(LIMITS, stuck(LIMITS.entrapment_hold_s_outside_zone - 1.0, **news)) == []


def test_an_alarm_that_says_nothing_about_people_is_no_second_sign() -> None:
    cars = stuck(LIMITS.entrapment_hold_s_outside_zone - 1.0)
    assert raised_after_s(LIMITS, cars, AlarmKind.SENSOR_FAULT, AlarmKind.CONTROLLER_LINK_LOST) == []


def test_a_second_sign_that_comes_late_raises_at_once() -> None:
    late_s = LIMITS.entrapment_hold_s_second_sign + 10.0

    def pressed(t_s: float) -> CarState:
        return standing(t_s, occupancy__button_pressed=t_s > ARRIVED_S + late_s)

    cars = frames(ARRIVED_S, ARRIVED_S + late_s + 5.0, pressed)
    assert raised_after_s(LIMITS, cars) == pytest.approx([late_s], abs=1.5 * FRAME_S)


# ---- belief


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_somebody_must_be_believed_inside(factor: float) -> None:
    percent = round(factor * LIMITS.entrapment_occupied_percent_min)
    limits = limited("entrapment_occupied_percent_min", float(percent))
    until_s = LIMITS.entrapment_hold_s_at_landing + 5.0
    assert raised_after_s(limits, stuck(until_s, percent=percent - 1)) == []
    assert len(raised_after_s(limits, stuck(until_s, percent=percent))) == 1


@pytest.mark.parametrize("after", ["outside", "emergency_stop"])
def test_after_an_abnormal_stop_less_is_enough(after: str) -> None:
    percent = round(LIMITS.entrapment_occupied_percent_abnormal)
    beside = (AlarmKind.EMERGENCY_STOP,) if after == "emergency_stop" else ()
    until_s = LIMITS.entrapment_hold_s_outside_zone + 5.0
    for given, count in ((percent - 1, 0), (percent, 1)):
        cars = stuck(until_s, percent=given, outside=after == "outside")
        assert len(raised_after_s(LIMITS, cars, *beside)) == count


def test_the_odds_travel_with_the_alarm_and_the_signs_are_shown() -> None:
    rule = EntrapmentRule(LIMITS)
    said = told(rule, stuck(65.0, percent=77, outside=True, occupancy__presence_seen=True))
    alarm = said.alarms[-1]
    assert alarm.occupied_percent == 77
    assert {Witness.ACCELEROMETER, Witness.DOOR_CONTACT, Witness.PRESENCE} <= alarm.witnesses
    assert not {Witness.BUTTON, Witness.CONTROLLER} & alarm.witnesses
    heard = {"controller__last_report_ns": 1, "occupancy__button_pressed": True}
    others = told(EntrapmentRule(LIMITS), stuck(35.0, outside=True, **heard)).alarms[-1]
    assert {Witness.BUTTON, Witness.CONTROLLER} <= others.witnesses
    assert Witness.PRESENCE not in others.witnesses
    assert said.evidence["between_landings"] is True
    assert "second_sign" not in said.evidence
    assert said.evidence["occupied_percent"] == 77
    assert said.evidence["standstill_s"] == pytest.approx(LIMITS.entrapment_hold_s_outside_zone, abs=0.2)


# ---- suspicion


def test_it_is_suspected_before_it_is_raised_and_raised_once() -> None:
    said = told(EntrapmentRule(LIMITS), stuck(150.0))
    assert said.suspected_s == pytest.approx([ARRIVED_S + SUSPECT_S], abs=1.5 * FRAME_S)
    assert len(said.raised_s) == 1
    assert said.cleared_s == []


def test_a_stop_that_opens_its_door_in_time_is_not_even_suspected() -> None:
    def opens(t_s: float) -> CarState:
        if t_s < ARRIVED_S + SUSPECT_S - 1.0:
            return standing(t_s)
        return standing(t_s, door=DoorState.OPEN, door_since_s=ARRIVED_S + SUSPECT_S - 1.0)

    assert told(EntrapmentRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 60.0, opens)).alarms == []


def test_a_door_that_opens_just_before_the_hold_time_ends_the_suspicion() -> None:
    opens_s = ARRIVED_S + LIMITS.entrapment_hold_s_at_landing - 1.0

    def opens(t_s: float) -> CarState:
        is_open = t_s >= opens_s
        return standing(
            t_s, door=DoorState.OPEN if is_open else DoorState.CLOSED, door_since_s=opens_s if is_open else 9
        )

    said = told(EntrapmentRule(LIMITS), frames(ARRIVED_S, opens_s + 60.0, opens))
    assert said.raised_s == []
    assert len(said.suspected_s) == len(said.cleared_s) == 1


# ---- what is none


@pytest.mark.parametrize("state", [DoorState.OPENING, DoorState.CLOSING], ids=lambda state: state.name)
def test_a_door_that_is_not_open_is_not_open(state: DoorState) -> None:
    assert len(raised_after_s(LIMITS, stuck(100.0, door=state))) == 1


def test_an_open_door_lets_people_out() -> None:
    assert told(EntrapmentRule(LIMITS), stuck(130.0, door=DoorState.OPEN)).alarms == []


def test_a_car_on_the_way_has_not_trapped_anybody() -> None:
    assert told(EntrapmentRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 130.0, running)).alarms == []


def test_where_motion_is_unknown_nothing_is_claimed() -> None:
    assert told(EntrapmentRule(LIMITS), stuck(130.0, motion__phase=Phase.BLIND)).alarms == []


def test_each_stop_has_its_own_hold_time() -> None:
    """A car that moves on a little every minute: each standstill counts for itself."""
    hold_s = LIMITS.entrapment_hold_s_at_landing

    def moves(t_s: float) -> CarState:
        since_s = ARRIVED_S + (t_s - ARRIVED_S) // 60.0 * 60.0 + 5.0
        return running(t_s) if t_s < since_s else standing(t_s, since_s=since_s)

    assert hold_s > 60.0
    assert told(EntrapmentRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 300.0, moves)).raised_s == []


def test_a_door_that_closes_at_rest_starts_the_hold_time_anew() -> None:
    closed_s = ARRIVED_S + 60.0

    def closes(t_s: float) -> CarState:
        is_open = t_s < closed_s
        state = DoorState.OPEN if is_open else DoorState.CLOSED
        return standing(t_s, door=state, door_since_s=ARRIVED_S + 2.0 if is_open else closed_s)

    said = told(EntrapmentRule(LIMITS), frames(ARRIVED_S, closed_s + 110.0, closes))
    assert said.raised_s == pytest.approx([closed_s + LIMITS.entrapment_hold_s_at_landing], abs=0.2)


def test_a_restart_of_the_agent_starts_the_hold_time_anew() -> None:
    armed_s = ARRIVED_S + 500.0
    cars = frames(armed_s, armed_s + 110.0, lambda t_s: standing(t_s, armed_ns=round(armed_s * 1e9)))
    said = told(EntrapmentRule(LIMITS), cars)
    assert said.raised_s == pytest.approx([armed_s + LIMITS.entrapment_hold_s_at_landing], abs=0.2)


# ---- no word about the door


def blind_to_the_door(until_s: float, **parts: Any) -> Iterator[CarState]:
    return stuck(until_s, door=DoorState.UNKNOWN, door__is_witnessed=False, **parts)


@pytest.mark.parametrize("outside", [False, None])
def test_without_any_word_about_the_door_a_stop_at_a_landing_is_none(outside: bool | None) -> None:
    assert told(EntrapmentRule(LIMITS), blind_to_the_door(130.0, outside=outside, percent=99)).alarms == []


@pytest.mark.parametrize(("percent", "count"), [(UNWITNESSED_PERCENT_MIN - 1, 0), (UNWITNESSED_PERCENT_MIN, 1)])
def test_without_any_word_about_the_door_only_strong_belief_counts_outside_the_zone(percent: int, count: int) -> None:
    assert len(raised_after_s(LIMITS, blind_to_the_door(100.0, outside=True, percent=percent))) == count


def test_without_any_word_about_the_door_an_emergency_stop_counts() -> None:
    cars = blind_to_the_door(100.0, outside=None, percent=90)
    assert len(raised_after_s(LIMITS, cars, AlarmKind.EMERGENCY_STOP)) == 1


# ---- clearing


def raised_then(after: Any, seconds: float = 30.0) -> tuple[list[float], float]:
    """Cleared times after a raise, and when the new state began."""
    begin_s = ARRIVED_S + 100.0

    def make(t_s: float) -> CarState:
        return standing(t_s) if t_s <= begin_s else after(t_s, begin_s)

    said = told(EntrapmentRule(LIMITS), frames(ARRIVED_S, begin_s + seconds, make))
    assert len(said.raised_s) == 1
    return said.cleared_s, begin_s


def test_it_ends_when_the_door_has_stood_open_in_a_door_zone() -> None:
    def is_open(t_s: float, begin_s: float) -> CarState:
        return standing(t_s, door=DoorState.OPEN, door_since_s=begin_s)

    cleared_s, begin_s = raised_then(is_open)
    assert cleared_s == pytest.approx([begin_s + LIMITS.entrapment_clear_open_s], abs=1.5 * FRAME_S)


def test_a_door_that_opens_for_a_moment_does_not_end_it() -> None:
    def is_open(t_s: float, begin_s: float) -> CarState:
        if t_s > begin_s + LIMITS.entrapment_clear_open_s - 0.3:
            return standing(t_s, door_since_s=begin_s + LIMITS.entrapment_clear_open_s - 0.3)
        return standing(t_s, door=DoorState.OPEN, door_since_s=begin_s)

    assert raised_then(is_open)[0] == []


def test_a_door_forced_open_between_landings_does_not_end_it() -> None:
    def is_open(t_s: float, begin_s: float) -> CarState:
        return standing(t_s, outside=True, door=DoorState.OPEN, door_since_s=begin_s)

    assert raised_then(is_open)[0] == []


def test_a_car_that_moves_again_with_its_door_shut_does_not_end_it() -> None:
    def moves(t_s: float, begin_s: float) -> CarState:
        return running(t_s, since_s=begin_s) if t_s < begin_s + 10.0 else standing(t_s, since_s=begin_s + 10.0)

    assert raised_then(moves)[0] == []


def test_belief_that_fades_does_not_end_it() -> None:
    """The people become still; the lift has not let them out."""

    def fades(t_s: float, begin_s: float) -> CarState:
        return standing(t_s, percent=3)

    assert raised_then(fades)[0] == []


def test_without_any_word_about_the_door_a_trip_that_ends_normally_ends_it() -> None:
    scene = Scene().stand(5.0)
    scene.trip(2)
    finished = scene.stand(8.0).car().last_ride
    assert finished is not None
    (unseen,) = blind_to_the_door(FRAME_S, outside=True, percent=99)
    rule = EntrapmentRule(LIMITS)
    assert not rule.is_over(unseen, "")
    assert rule.is_over(changed(unseen, ride=finished), "")


# ---- a belief that lasts


def believed_from(believed_s: float, t_s: float, **parts: Any) -> CarState:
    """P is just below the slack until then, and high from then on."""
    low = round(LIMITS.entrapment_occupied_percent_min) - BELIEF_SLACK_PERCENT - 1
    return standing(t_s, percent=80 if t_s >= ARRIVED_S + believed_s else low, **parts)


def test_a_sign_that_comes_after_the_hold_time_must_last() -> None:
    late_s = LIMITS.entrapment_hold_s_at_landing + 60.0
    until_s = ARRIVED_S + late_s + BELIEF_S
    too_short = frames(ARRIVED_S, until_s - 2 * FRAME_S, lambda t_s: believed_from(late_s, t_s))
    assert raised_after_s(LIMITS, too_short) == []
    cars = frames(ARRIVED_S, until_s + 5.0, lambda t_s: believed_from(late_s, t_s))
    assert raised_after_s(LIMITS, cars) == pytest.approx([late_s + BELIEF_S], abs=1.5 * FRAME_S)


def test_a_dip_of_less_than_the_slack_does_not_begin_the_belief_anew() -> None:
    hold_s = LIMITS.entrapment_hold_s_at_landing
    limit = round(LIMITS.entrapment_occupied_percent_min)

    def dips(t_s: float) -> CarState:
        is_dip = hold_s - 3.0 < t_s - ARRIVED_S < hold_s - 1.0
        return standing(t_s, percent=limit - BELIEF_SLACK_PERCENT if is_dip else limit)

    cars = frames(ARRIVED_S, ARRIVED_S + hold_s + 5.0, dips)
    assert raised_after_s(LIMITS, cars) == pytest.approx([hold_s], abs=1.5 * FRAME_S)


def test_a_pressed_button_is_believed_at_once() -> None:
    late_s = LIMITS.entrapment_hold_s_at_landing + 60.0
    cars = frames(
        ARRIVED_S,
        ARRIVED_S + late_s + 5.0,
        lambda t_s: believed_from(late_s, t_s, occupancy__button_pressed=t_s >= ARRIVED_S + late_s),
    )
    assert raised_after_s(LIMITS, cars) == pytest.approx([late_s], abs=1.5 * FRAME_S)
