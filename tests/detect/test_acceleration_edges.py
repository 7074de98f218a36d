"""Impact, hard starts and stops, jerk, vibration, the tally: figures by hand, each from both sides.

Times in seconds. Source: alarm catalogue rows 34 and 37 to 39.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.detect.car import CarState, SourceView
from edge_agent.detect.rules.acceleration import ExcessiveAccelerationRule, ExcessiveJerkRule, ImpactRule
from edge_agent.detect.rules.rule import Finding, Rule
from edge_agent.detect.rules.tally import Tally
from edge_agent.readings import FaultReason
from tests.detect.states import LIMITS, At, standing
from tests.detect.test_entrapment_edges import BRAKED, NONE, RIDE, evidence, is_raised, last


def test_a_tally_looks_back_on_twenty() -> None:
    tally = Tally()
    assert (tally.count, tally.is_clean) == (0, False)
    for k in range(25):
        tally.add(k < 3)
        assert tally.count == min(k + 1, 3) - max(0, min(3, k - 19))
        assert tally.is_clean is (k - 2 >= 20)


def test_a_tally_of_clean_trips_is_clean_after_twenty() -> None:
    tally = Tally()
    for k in range(20):
        assert not tally.is_clean
        tally.add(False)
        assert tally.is_clean is (k == 19)


# ---- impact


def shock(t_s: float, mps2: float = 0.0, **parts: Any) -> CarState:
    return standing(t_s, **{"shock_mps2": mps2, "mount__tilt_deg": 0.5, **parts})


def struck(*cars: CarState) -> Finding | None:
    return last(ImpactRule(LIMITS), shock(9.0), *cars)


def test_ten_metres_a_second_squared_are_an_impact_told_a_second_later() -> None:
    assert struck(shock(10.0, 9.9), shock(12.0)) is None
    assert struck(shock(10.0, 10.0), shock(10.95)) is None
    found = struck(shock(10.0, 10.0), shock(11.0))
    assert is_raised(found)
    assert evidence(found) == {"shock_mps2_peak": 10.0, "shock_ms": 50}


def test_the_largest_shock_is_shown_and_the_time_of_all() -> None:
    found = struck(shock(10.0, 14.0), shock(10.05, 33.26), shock(10.1, 12.0), shock(11.1))
    assert evidence(found) == {"shock_mps2_peak": 33.3, "shock_ms": 150}
    rule = ImpactRule(LIMITS)
    last(rule, shock(9.0), shock(10.0, 40.0), shock(11.0))
    assert evidence(last(rule, shock(80.0, 12.0), shock(81.0))) == {"shock_mps2_peak": 12.0, "shock_ms": 50}


def test_shocks_over_more_than_half_a_second_are_none() -> None:
    for last_s, expected in ((10.45, True), (10.5, False)):
        assert is_raised(struck(shock(10.0, 20.0), shock(last_s, 20.0), shock(12.0))) is expected


def test_a_box_that_is_carried_turned_or_faulty_was_not_struck() -> None:
    hit = shock(10.0, 20.0)
    assert is_raised(struck(hit, shock(11.0, mount__tilt_deg=3.0)))
    assert struck(hit, shock(11.0, mount__tilt_deg=3.1)) is None
    assert struck(hit, shock(11.0, mount__tilt_deg=None)) is None
    loose = {"motion__is_mounted": False}
    assert struck(shock(9.5, **loose), hit, shock(11.0)) is None
    assert is_raised(struck(shock(10.0, 20.0, **loose), shock(11.0, **loose)))  # the blow itself shakes the box
    fault = SourceView("accelerometer", 0, FaultReason.SILENT, 0, "")
    assert struck(hit, shock(11.0, sources=(fault,))) is None
    assert is_raised(struck(hit, shock(11.0, sources=(replace(fault, name="presence"),))))
    assert is_raised(struck(hit, shock(11.0, sources=(replace(fault, fault=None),))))


def test_an_impact_stands_for_a_minute() -> None:
    rule = ImpactRule(LIMITS)
    assert is_raised(last(rule, shock(9.0), shock(10.0, 20.0), shock(11.0)))
    assert not rule.is_over(shock(69.95), "")
    assert rule.is_over(shock(70.0), "")


# ---- hard starts and stops, jerk


def trips(rule: Rule, *values: dict[str, Any], raised: frozenset[AlarmKind] = NONE, **parts: Any) -> Finding | None:
    """Trips measured so; the finding after the last one."""
    cars = (standing(200.0, ride=replace(RIDE, **each), **parts) for each in values)
    return last(rule, *cars, raised=raised)


HARD, SOFT = {"accel_mps2": 1.51}, {"accel_mps2": 1.5}


def test_three_hard_trips_of_twenty_are_told() -> None:
    assert trips(ExcessiveAccelerationRule(LIMITS), HARD, HARD) is None
    found = trips(ExcessiveAccelerationRule(LIMITS), HARD, HARD, {"decel_mps2": 1.516})
    assert is_raised(found)
    assert evidence(found) == {"accel_mps2_peak": 1.52, "trips_count": 3}
    assert trips(ExcessiveAccelerationRule(LIMITS), HARD, HARD, SOFT) is None
    assert is_raised(trips(ExcessiveAccelerationRule(LIMITS), HARD, *[SOFT] * 17, HARD, HARD))
    assert trips(ExcessiveAccelerationRule(LIMITS), HARD, *[SOFT] * 18, HARD, HARD) is None


@pytest.mark.parametrize("rule", [ExcessiveAccelerationRule, ExcessiveJerkRule])
def test_trips_that_were_shaken_carried_inspected_or_braked_do_not_count(rule: Any) -> None:
    """Jumps leave 0.5 m/s2 rms and more between neighbouring frames."""
    learned = [{"jerk_mps3": 1.0}] * 20
    hard = {**HARD, "jerk_mps3": 9.0}
    assert is_raised(trips(rule(LIMITS), *learned, *[{**hard, "shaking_mps2": 0.5}] * 3))
    assert trips(rule(LIMITS), *learned, *[{**hard, "shaking_mps2": 0.51}] * 3) is None
    assert trips(rule(LIMITS), *learned, *[{**hard, "was_mounted": False}] * 3) is None
    assert trips(rule(LIMITS), *[hard] * 30, is_inspection=True) is None
    assert trips(rule(LIMITS), *[hard] * 30, raised=BRAKED) is None
    assert last(rule(LIMITS), standing(200.0)) is None


@pytest.mark.parametrize(
    ("usual_mps3", "limit_mps3"),
    [
        (0.5, 1.5),  # 1.5 times its own is less than nothing that a passenger feels
        (1.2, 1.8),
        (1.8, 2.5),  # 2.7, but 2.5 is the limit of all lifts
        (3.0, 4.5),  # a two-speed machine stands for itself
    ],
)
def test_jerk_is_judged_by_this_lifts_own_and_by_the_limit_of_all(usual_mps3: float, limit_mps3: float) -> None:
    usual = [{"jerk_mps3": usual_mps3}] * 40
    assert trips(ExcessiveJerkRule(LIMITS), *usual, *[{"jerk_mps3": limit_mps3 - 0.01}] * 3) is None
    found = trips(ExcessiveJerkRule(LIMITS), *usual, *[{"jerk_mps3": limit_mps3 + 0.01}] * 3)
    assert is_raised(found)
    assert evidence(found)["trips_count"] == 3


def test_jerk_is_judged_from_the_twentieth_trip_on() -> None:
    jolts = [{"jerk_mps3": 1.0}] * 16 + [{"jerk_mps3": 9.0}] * 6
    assert trips(ExcessiveJerkRule(LIMITS), *jolts[:21]) is None
    assert is_raised(trips(ExcessiveJerkRule(LIMITS), *jolts))


def test_jerk_of_the_last_hundred_trips_is_learned_kept_and_forgotten() -> None:
    rule = ExcessiveJerkRule(LIMITS)
    trips(rule, *({"jerk_mps3": float(k)} for k in range(120)))
    assert rule.learned() == tuple(float(k) for k in range(20, 120))
    rule.recall([1.0] * 150)
    assert rule.learned() == (1.0,) * 100
    rule.recall(())
    assert rule.learned() == ()


def test_each_ends_after_twenty_trips_within() -> None:
    for rule, clean in ((ExcessiveAccelerationRule(LIMITS), SOFT), (ExcessiveJerkRule(LIMITS), {"jerk_mps3": 1.0})):
        trips(rule, *[{"jerk_mps3": 1.0}] * 20, *[{**HARD, "jerk_mps3": 9.0}] * 3)
        trips(rule, *[clean] * 19)
        assert not rule.is_over(standing(At(300.0).seconds), "")
        trips(rule, clean)
        assert rule.is_over(standing(300.0), "")
