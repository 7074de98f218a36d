"""Rules that count over many trips or stops: door wear, hard starts, jerk; and the impact that counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, AlarmState, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Ride
from edge_agent.detect.doors import Contradiction, DoorCycles
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.acceleration import ExcessiveAccelerationRule, ExcessiveJerkRule, ImpactRule
from edge_agent.detect.rules.door_wear import (
    DoorContactsDisagreeRule,
    DoorHeldOpenRule,
    DoorReversalsRule,
    DoorSlowRule,
)
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.rules.tally import KEPT
from edge_agent.readings import Signal
from tests.detect.boxes import Box
from tests.detect.physics import Array, hung
from tests.detect.scenes import DOORS, Outcome, Scene
from tests.detect.states import ARRIVED_S, LIMITS, At, Told, changed, frames, limited, running, standing, told

NEAR = 0.08
STOP_S = 10.0


def stops(count: int, **each: Any) -> Iterator[CarState]:
    """Stops of ten seconds, each after a short trip; values may be functions of the number of the stop."""
    last: dict[str, Any] = {}
    for k in range(count):
        begin_s = ARRIVED_S + STOP_S * k
        parts = {name: value(k) if callable(value) else value for name, value in each.items()}
        counted = {name: value for name, value in last.items() if name == "door__cycles"}
        yield running(begin_s, since_s=begin_s - 1.0, **counted)
        last = parts
        yield changed(standing(begin_s + 1.0, since_s=begin_s), **parts)
        yield changed(standing(begin_s + 9.0, since_s=begin_s), **{**parts, "ride": None})


# ---- a door that is held open


@pytest.mark.parametrize("limit_s", [LIMITS.door_held_s_max, 45.0])
def test_an_open_door_is_told_after_its_time_and_ends_when_it_moves(limit_s: float) -> None:
    closes_s = ARRIVED_S + limit_s + 20.0

    def make(t_s: float) -> CarState:
        state = DoorState.OPEN if t_s < closes_s else DoorState.CLOSING
        return standing(t_s, door=state, door_since_s=ARRIVED_S)

    said = told(DoorHeldOpenRule(limited("door_held_s_max", limit_s)), frames(ARRIVED_S, closes_s + 5.0, make))
    assert said.raised_s == pytest.approx([ARRIVED_S + limit_s], abs=NEAR)
    assert said.cleared_s == pytest.approx([closes_s], abs=NEAR)


@pytest.mark.parametrize(
    "parts", [{"is_out_of_service": True}, {"door__state": DoorState.CLOSED}], ids=lambda parts: next(iter(parts))
)
def test_a_lift_out_of_service_or_with_its_door_shut_is_none(parts: dict[str, Any]) -> None:
    def make(t_s: float) -> CarState:
        return changed(standing(t_s, door=DoorState.OPEN), **parts)

    assert told(DoorHeldOpenRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 300.0, make)).alarms == []


# ---- reversals


@pytest.mark.parametrize("limit", [LIMITS.door_reversals_max, 7.0])
def test_so_many_reversals_in_one_stop_are_told(limit: float) -> None:
    for reversals, count in ((int(limit) - 1, 0), (int(limit), 1)):
        rule = DoorReversalsRule(limited("door_reversals_max", limit))
        assert len(told(rule, stops(3, door__reversals=lambda k, n=reversals: n if k == 1 else 0)).raised_s) == count


@pytest.mark.parametrize("landing", [2, None])
def test_the_landing_is_named_where_it_is_known(landing: int | None) -> None:
    for said in (
        told(DoorReversalsRule(LIMITS), stops(1, door__reversals=9, position__landing_index=landing)),
        cycles([2.5] * int(LIMITS.door_slow_cycles) + [5.0] * int(LIMITS.door_slow_cycles), landing),
    ):
        assert len(said.raised_s) == 1
        assert said.evidence.get("landing_index") == landing


def test_five_thousand_reversals_a_day_are_one_incident() -> None:
    said = told(DoorReversalsRule(LIMITS), stops(500, door__reversals=lambda k: 10 if k % 5 == 0 else 0))
    assert len(said.raised_s) == 1
    assert said.cleared_s == []


@pytest.mark.parametrize(("clean", "cleared"), [(KEPT - 2, 0), (KEPT + 2, 1)])
def test_it_ends_after_twenty_stops_without(clean: int, cleared: int) -> None:
    said = told(DoorReversalsRule(LIMITS), stops(2 + clean, door__reversals=lambda k: 9 if k == 1 else 0))
    assert (len(said.raised_s), len(said.cleared_s)) == (1, cleared)


# ---- slow doors


def cycles(times_s: list[float], landing: int | None = None) -> Told:
    """Openings that took so long."""
    many: dict[str, Any] = {
        "door__cycles": lambda k: (DoorCycles(False, k + 1, At(times_s[k]).ns, 0, 0),),
        "position__landing_index": landing,
    }
    return told(DoorSlowRule(LIMITS), stops(len(times_s), **many))


@pytest.mark.parametrize(("factor", "count"), [(0.97, 0), (1.03, 1)])
def test_a_door_that_opens_slower_than_it_used_to_is_told(factor: float, count: int) -> None:
    cycle_count = int(LIMITS.door_slow_cycles)
    slow_s = factor * LIMITS.door_slow_ratio * 2.5
    said = cycles([2.5] * cycle_count + [slow_s] * cycle_count, landing=3)
    assert len(said.raised_s) == count
    if count:
        assert said.evidence["landing_index"] == 3
        assert said.evidence["door_open_s_mean"] == pytest.approx(slow_s, abs=0.01)


def test_it_ends_when_the_door_is_as_fast_as_before() -> None:
    cycle_count = int(LIMITS.door_slow_cycles)
    said = cycles([2.5] * cycle_count + [5.0] * cycle_count + [2.5] * cycle_count)
    assert (len(said.raised_s), len(said.cleared_s)) == (1, 1)


def test_a_few_slow_openings_are_none() -> None:
    """People lean against it now and then."""
    assert cycles([2.5] * 20 + [2.5, 8.0, 2.5] * 20).alarms == []


def test_a_rear_door_that_is_slower_by_nature_is_not_slow() -> None:
    """A through car: the front door is used all morning, the rear door, which takes longer, all afternoon."""
    rear = (Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR)
    scene = Scene(signals=DOORS | set(rear), box=Box(rate_hz=25.0), knows_heights=False).stand(3.0)
    cycle_count = int(LIMITS.door_slow_cycles) + 2
    for _ in range(cycle_count):
        scene.open(1.5).stand(0.5).close(1.5).stand(0.5)
    for _ in range(cycle_count):
        for signal, level, wait_s in (
            (rear[1], False, 2.4),
            (rear[0], True, 0.5),
            (rear[0], False, 2.4),
            (rear[1], True, 0.5),
        ):
            scene.edge(signal, level)
            scene.stand(wait_s)
    assert AlarmKind.DOOR_SLOW.public_name not in scene.run().raised


def test_one_slow_cycle_of_the_front_door_is_not_counted_again_when_the_rear_door_moves() -> None:
    rule = DoorSlowRule(limited("door_slow_cycles", 5.0))
    front, rear = DoorCycles(False, 0, 0, 0, 0), DoorCycles(True, 0, 0, 0, 0)
    for k in range(5):
        front, rear = replace(front, openings=k + 1, opening_ns=At(2.0).ns), replace(rear, openings=k + 1, opening_ns=1)
        rule.step(changed(standing(ARRIVED_S + k), door__cycles=(front, rear)), frozenset())
    front = replace(front, openings=6, opening_ns=At(9.0).ns)
    for k in range(6, 12):
        rear = replace(rear, openings=k)
        assert rule.step(changed(standing(ARRIVED_S + k), door__cycles=(front, rear)), frozenset()) == ()


def test_door_times_learned_before_a_restart_count_after_it() -> None:
    """The door was learned at 2.5 s; after the restart it takes 3.6 s."""
    first, second = DoorSlowRule(LIMITS), DoorSlowRule(LIMITS)
    count = int(LIMITS.door_slow_cycles)
    for k in range(count):
        view = (DoorCycles(False, k + 1, At(2.5).ns, 0, 0),)
        first.step(changed(standing(ARRIVED_S + k), door__cycles=view, position__landing_index=2), frozenset())
    second.recall(first.learned())
    assert second.learned() == first.learned()
    said: tuple[Finding, ...] = ()
    for k in range(count):
        view = (DoorCycles(False, k + 1, At(3.6).ns, 0, 0),)
        said = second.step(changed(standing(ARRIVED_S + k), door__cycles=view, position__landing_index=2), frozenset())
    assert [finding.subject for finding in said] == ["door_open_s_mean 2"]


# ---- contacts that disagree


@pytest.mark.parametrize(
    ("name", "what", "value"),
    [
        ("contacts_both_s_max", Contradiction.BOTH_MADE, LIMITS.contacts_both_s_max),
        ("contacts_both_s_max", Contradiction.BOTH_MADE, 5.0),
        ("contacts_neither_s_max", Contradiction.NEITHER_MADE, LIMITS.contacts_neither_s_max),
        ("contacts_neither_s_max", Contradiction.NEITHER_MADE, 20.0),
    ],
)
def test_a_contradiction_is_told_after_its_time(name: str, what: Contradiction, value: float) -> None:
    def make(t_s: float) -> CarState:
        return standing(t_s, door__contradiction=what, door__contradiction_since_ns=At(ARRIVED_S).ns)

    said = told(DoorContactsDisagreeRule(limited(name, value)), frames(ARRIVED_S, ARRIVED_S + value + 10.0, make))
    assert said.raised_s == pytest.approx([ARRIVED_S + value], abs=0.11)
    assert said.evidence["contradiction"] == what.value


@pytest.mark.parametrize("limit", [LIMITS.contact_unchanged_trips_max, 8.0])
def test_a_contact_that_never_changes_is_told(limit: float) -> None:
    for trips, count in ((int(limit), 0), (int(limit) + 1, 1)):
        rule = DoorContactsDisagreeRule(limited("contact_unchanged_trips_max", limit))
        assert len(told(rule, stops(2, door__unchanged_trips=trips)).raised_s) == count


def test_a_plausible_door_for_twenty_trips_ends_it() -> None:
    def wrong(k: int) -> Contradiction:
        return Contradiction.BOTH_MADE if k == 1 else Contradiction.NONE

    for clean, cleared in ((KEPT - 2, 0), (KEPT + 3, 1)):
        said = told(DoorContactsDisagreeRule(LIMITS), stops(2 + clean, door__contradiction=wrong))
        assert (len(said.raised_s), len(said.cleared_s)) == (1, cleared)


# ---- hard starts and stops, jerk


def ridden(rule: Any, values: list[float], name: str, beside: tuple[AlarmKind, ...] = ()) -> Told:
    def ride(k: int) -> Ride:
        begin_ns = At(ARRIVED_S + STOP_S * k).ns
        changed_part: dict[str, Any] = {name: values[k]}
        return replace(Ride(begin_ns, begin_ns, 6.0, 1.0, 0.7, 0.7, 0.8, True), **changed_part)

    return told(rule, stops(len(values), ride=ride), beside=beside)


@pytest.mark.parametrize("name", ["accel_mps2", "decel_mps2"])
@pytest.mark.parametrize("limit", [LIMITS.excessive_accel_mps2, 1.0])
def test_hard_starts_or_stops_in_some_of_twenty_trips_are_told(name: str, limit: float) -> None:
    needed = int(LIMITS.excessive_trips_min)
    limits = limited("excessive_accel_mps2", limit)
    above, below = limit + 0.05, limit - 0.05
    for values, count in (
        ([above] * needed, 1),
        ([above] * (needed - 1) + [below] * 30, 0),
        ([below] * 60, 0),
        ([above, *[below] * 12] * 5, 0),  # never three within twenty
    ):
        assert len(ridden(ExcessiveAccelerationRule(limits), values, name).raised_s) == count


@pytest.mark.parametrize(("clean", "cleared"), [(KEPT - 1, 0), (KEPT, 1)])
def test_it_ends_after_twenty_trips_within(clean: int, cleared: int) -> None:
    needed = int(LIMITS.excessive_trips_min)
    said = ridden(ExcessiveAccelerationRule(LIMITS), [2.5] * needed + [0.7] * clean, "accel_mps2")
    assert (len(said.raised_s), len(said.cleared_s)) == (1, cleared)


def test_an_emergency_stop_that_stands_is_no_hard_start() -> None:
    said = ridden(ExcessiveAccelerationRule(LIMITS), [4.0] * 10, "decel_mps2", (AlarmKind.EMERGENCY_STOP,))
    assert said.alarms == []


def test_jerk_beyond_the_limit_in_some_trips_is_told_once_this_lift_is_known() -> None:
    usual, needed = [1.0] * ExcessiveJerkRule.LEARN_TRIPS, int(LIMITS.excessive_trips_min)
    for jerk, count in ((LIMITS.excessive_jerk_mps3 + 0.1, 1), (1.2, 0)):
        said = ridden(ExcessiveJerkRule(LIMITS), usual + [jerk] * needed, "jerk_mps3")
        assert len(said.raised_s) == count


def test_a_lift_that_is_rough_by_design_is_judged_by_itself() -> None:
    rough, needed = LIMITS.excessive_jerk_mps3 * 1.6, int(LIMITS.excessive_trips_min)
    assert ridden(ExcessiveJerkRule(LIMITS), [rough] * 60, "jerk_mps3").alarms == []
    worse = rough * (LIMITS.excessive_jerk_ratio + 0.2)
    assert len(ridden(ExcessiveJerkRule(LIMITS), [rough] * 40 + [worse] * needed, "jerk_mps3").raised_s) == 1


# ---- impacts


def shaken(frame_count: int, peak_mps2: float = 20.0, limits: Limits = LIMITS, **parts: Any) -> Told:
    """So many frames with such a shock, from a second after the beginning on."""

    def make(t_s: float) -> CarState:
        is_shock = 1.0 < t_s - ARRIVED_S < 1.0 + (frame_count + 0.5) * 0.05
        car = standing(t_s, shock_mps2=peak_mps2 if is_shock else 0.3, mount__tilt_deg=0.5)
        return changed(car, **parts)

    return told(ImpactRule(limits), frames(ARRIVED_S, ARRIVED_S + 70.0, make))


@pytest.mark.parametrize("limit", [LIMITS.impact_mps2_min, 25.0])
def test_an_impact_must_reach_the_limit(limit: float) -> None:
    limits = limited("impact_mps2_min", limit)
    assert shaken(1, limit - 0.1, limits).alarms == []
    said = shaken(1, limit + 0.1, limits)
    assert (len(said.raised_s), len(said.cleared_s)) == (1, 1)
    assert said.evidence["shock_mps2_peak"] == pytest.approx(limit + 0.1)


@pytest.mark.parametrize("limit_ms", [LIMITS.impact_ms_max, 1000.0])
def test_what_shakes_longer_is_no_impact(limit_ms: float) -> None:
    limits, most = limited("impact_ms_max", limit_ms), round(limit_ms / 50.0)
    assert len(shaken(most, limits=limits).raised_s) == 1
    assert shaken(most + 2, limits=limits).alarms == []


@pytest.mark.parametrize(
    "parts",
    [{"mount__tilt_deg": LIMITS.box_tilt_deg_max + 1.0}, {"mount__tilt_deg": None}, {"motion__is_mounted": False}],
    ids=["tilted", "attitude-unknown", "in-somebodys-hand"],
)
def test_a_box_that_is_taken_down_was_not_struck(parts: dict[str, Any]) -> None:
    assert shaken(1, **parts).alarms == []


def struck(push_mps2: Array, at_s: float = 40.0, bounce_hz: float = 25.0) -> Outcome:
    """Force over mass against a stiff bracket of a car that stands, at 400 samples a second."""
    scene = Scene(box=Box(rate_hz=400.0)).stand(at_s + 70.0)
    whole = np.zeros(800)
    whole[: len(push_mps2)] = push_mps2
    felt = hung(whole, 400.0, bounce_hz, damping=0.3)
    scene.shakes.append((at_s, tuple(np.interp(np.arange(0.0, 2.0, 0.01), np.arange(800) / 400.0, felt).tolist())))
    return scene.run()


@pytest.mark.parametrize(("share", "count"), [(0.7, 0), (1.5, 1)])
def test_a_shock_beyond_the_limit_is_an_impact_and_ends_after_a_minute(share: float, count: int) -> None:
    push = np.zeros(40)
    push[:20] = share * LIMITS.impact_mps2_min * 1.25
    outcome = struck(push)
    assert len(outcome.of(AlarmKind.IMPACT)) == count
    if count:
        (raised_s,), (cleared_s,) = (
            outcome.times_s(AlarmKind.IMPACT),
            outcome.times_s(AlarmKind.IMPACT, AlarmState.CLEARED),
        )
        assert 40.0 <= raised_s <= 41.5
        assert cleared_s - 40.0 == pytest.approx(60.0, abs=2.0)
