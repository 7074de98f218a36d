"""Rules about what others say: the alarm button, the controller's fault and safety circuit, the mains, the mounting."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, AlarmState, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.rules.controller import ControllerFaultRule, SafetyCircuitOpenRule
from edge_agent.detect.rules.entrapment import AlarmButtonRule
from edge_agent.detect.rules.health import BoxMovedRule
from edge_agent.detect.rules.supply import MainsLostRule
from edge_agent.readings import AccelFrame, Reading
from tests.detect.boxes import Box, turned
from tests.detect.scenes import Scene, concluded
from tests.detect.states import ARRIVED_S, LIMITS, At, changed, frames, limited, running, standing, told

NEAR = 0.08
PRESSED_S = ARRIVED_S + 5.0


# ---- the alarm button


def pressing(t_s: float, seconds: float = 1e6, **parts: Any) -> CarState:
    held = PRESSED_S <= t_s < PRESSED_S + seconds
    return standing(t_s, button_since_ns=At(PRESSED_S).ns if held else 0, **parts)


@pytest.mark.parametrize("limit_s", [LIMITS.alarm_button_s_min, 6.0])
def test_the_button_must_be_held(limit_s: float) -> None:
    limits = limited("alarm_button_s_min", limit_s)
    for held_s, count in ((limit_s - 0.1, 0), (limit_s + 0.1, 1)):
        cars = frames(ARRIVED_S, PRESSED_S + 20.0, partial(pressing, seconds=held_s))
        assert len(told(AlarmButtonRule(limits), cars).raised_s) == count


@pytest.mark.parametrize("limit_s", [LIMITS.alarm_button_s_bypass, 15.0])
def test_at_an_open_door_it_is_filtered_unless_it_is_held_very_long(limit_s: float) -> None:
    limits = limited("alarm_button_s_bypass", limit_s)
    cars = frames(ARRIVED_S, PRESSED_S + limit_s + 5.0, partial(pressing, door=DoorState.OPEN))
    said = told(AlarmButtonRule(limits), cars)
    assert said.raised_s == pytest.approx([PRESSED_S + limit_s], abs=NEAR)
    assert said.evidence["filter_bypassed"] is True


def test_an_open_door_between_landings_filters_nothing() -> None:
    cars = frames(ARRIVED_S, PRESSED_S + 10.0, partial(pressing, door=DoorState.OPEN, outside=True))
    said = told(AlarmButtonRule(LIMITS), cars)
    assert said.raised_s == pytest.approx([PRESSED_S + LIMITS.alarm_button_s_min], abs=NEAR)
    assert said.evidence["filter_bypassed"] is False


def test_held_very_long_where_nothing_filters_it_bypasses_nothing() -> None:
    cars = frames(ARRIVED_S, PRESSED_S + 40.0, pressing)
    button = AlarmButtonRule(LIMITS)
    last = [found for car in cars for found in button.step(car, frozenset())][-1]
    assert {item.name: item.value for item in last.evidence}["filter_bypassed"] is False


def test_it_ends_when_it_is_released_and_the_door_stands_open_at_a_landing() -> None:
    released_s, opens_s = PRESSED_S + 10.0, PRESSED_S + 40.0

    def make(t_s: float) -> CarState:
        car = pressing(t_s, released_s - PRESSED_S)
        return changed(car, door__state=DoorState.OPEN, door__since_ns=At(opens_s).ns) if t_s >= opens_s else car

    said = told(AlarmButtonRule(LIMITS), frames(ARRIVED_S, opens_s + 10.0, make))
    assert len(said.raised_s) == 1
    assert said.cleared_s == pytest.approx([opens_s + LIMITS.entrapment_clear_open_s], abs=NEAR)


# ---- the controller


@pytest.mark.parametrize("limit_s", [LIMITS.controller_fault_s_min, 4.0])
def test_a_fault_code_must_stand_and_ends_when_it_is_gone(limit_s: float) -> None:
    gone_s = ARRIVED_S + limit_s + 5.0

    def make(t_s: float) -> CarState:
        code = 36 if t_s < gone_s else 0
        return standing(t_s, controller__fault=code, controller__fault_since_ns=At(ARRIVED_S).ns)

    said = told(ControllerFaultRule(limited("controller_fault_s_min", limit_s)), frames(ARRIVED_S, gone_s + 5.0, make))
    assert said.raised_s == pytest.approx([ARRIVED_S + limit_s], abs=NEAR)
    assert said.cleared_s == pytest.approx([gone_s], abs=NEAR)
    assert said.evidence["fault_code"] == 36


@pytest.mark.parametrize("code", [None, 0])
def test_no_code_is_no_fault(code: int | None) -> None:
    cars = frames(ARRIVED_S, ARRIVED_S + 60.0, partial(standing, controller__fault=code))
    assert told(ControllerFaultRule(LIMITS), cars).alarms == []


def circuit(opens_s: float, door: DoorState = DoorState.CLOSED) -> list[float]:
    """Rides until ARRIVED_S + 10 s, stands then; the safety circuit opens at `opens_s` and closes a minute later."""
    stops_s = ARRIVED_S + 10.0

    def make(t_s: float) -> CarState:
        car = running(t_s, since_s=ARRIVED_S) if t_s < stops_s else standing(t_s, since_s=stops_s)
        is_closed = not opens_s <= t_s < opens_s + 60.0
        return changed(car, controller__safety_circuit_closed=is_closed, door__state=door)

    said = told(SafetyCircuitOpenRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 120.0, make))
    assert len(said.cleared_s) == len(said.raised_s)
    return said.raised_s


def test_a_safety_circuit_that_opens_on_the_way_is_told_at_once() -> None:
    assert circuit(ARRIVED_S + 5.0) == pytest.approx([ARRIVED_S + 5.0], abs=NEAR)


def test_a_safety_circuit_that_stopped_the_car_may_be_read_after_the_stop() -> None:
    assert len(circuit(ARRIVED_S + 10.0 + SafetyCircuitOpenRule.LATE_NS / 1e9 - 0.5)) == 1
    assert circuit(ARRIVED_S + 10.0 + SafetyCircuitOpenRule.LATE_NS / 1e9 + 1.0) == []


def test_the_circuit_that_opens_with_the_door_is_everyday() -> None:
    assert circuit(ARRIVED_S + 11.0, DoorState.OPENING) == []


@pytest.mark.parametrize("limit_s", [LIMITS.mains_lost_s_min, 8.0])
def test_a_lost_supply_must_stay_away(limit_s: float) -> None:
    for away_s, count in ((limit_s - 0.2, 0), (limit_s + 0.2, 1)):

        def make(t_s: float, away_s: float = away_s) -> CarState:
            is_away = ARRIVED_S + 1.0 <= t_s < ARRIVED_S + 1.0 + away_s
            return standing(t_s, mains_ok=not is_away, mains_since_ns=At(ARRIVED_S + 1.0).ns)

        said = told(MainsLostRule(limited("mains_lost_s_min", limit_s)), frames(ARRIVED_S, ARRIVED_S + 30.0, make))
        assert (len(said.raised_s), len(said.cleared_s)) == (count, 1)


def test_a_supply_that_nobody_watches_is_not_lost() -> None:
    cars = frames(ARRIVED_S, ARRIVED_S + 30.0, partial(standing, mains_ok=None))
    assert told(MainsLostRule(LIMITS), cars).alarms == []


# ---- the box


@pytest.mark.parametrize(("share", "count"), [(0.9, 0), (1.1, 1)])
def test_a_box_that_tilts_beyond_the_limit_is_told_after_its_time(share: float, count: int) -> None:
    tilt = share * LIMITS.box_tilt_deg_max
    back_s = ARRIVED_S + LIMITS.box_tilt_s_min + 20.0

    def make(t_s: float) -> CarState:
        return standing(t_s, mount__tilt_deg=tilt if t_s < back_s else 0.1)

    said = told(BoxMovedRule(LIMITS), frames(ARRIVED_S, back_s + 5.0, make))
    assert len(said.raised_s) == len(said.cleared_s) == count
    if count:
        assert said.raised_s == pytest.approx([ARRIVED_S + LIMITS.box_tilt_s_min], abs=NEAR)


@pytest.mark.parametrize("degrees", [1.5, 8.0])
def test_from_the_samples_a_turned_box_is_told_in_any_mounting(degrees: float) -> None:
    for seed in (1, 2):
        mount = turned(seed)
        angle = np.radians(degrees)
        tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        scene = Scene(box=Box(rate_hz=25.0, mount=mount)).stand(160.0)
        before = scene.block()
        after = Box(rate_hz=25.0, mount=mount @ tilt).block(scene.path)
        early = before.times_ns < 60_000_000_000
        samples = np.where(early[:, None], before.samples_mps2, after.samples_mps2)
        blocks: list[Reading] = [
            AccelFrame(before.times_ns[k : k + 5], samples[k : k + 5]) for k in range(0, len(samples), 5)
        ]
        readings = sorted([*blocks, *scene.others], key=lambda reading: reading.t_ns)
        outcome = concluded(scene.installation, readings)
        assert len(outcome.of(AlarmKind.BOX_MOVED)) == (degrees > LIMITS.box_tilt_deg_max)
        assert [a for a in outcome.alarms if a.kind is not AlarmKind.BOX_MOVED and a.state is AlarmState.RAISED] == []
