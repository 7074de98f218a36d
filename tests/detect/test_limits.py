"""The table of limits: what may be overridden, how far, and which limits must not change places."""

from __future__ import annotations

import pytest

from edge_agent.detect.limits import LIMITS as TABLE
from edge_agent.detect.limits import LimitProblem, Limits, LimitSpec, limits_with


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.name)
def test_each_limit_lies_in_its_range_and_says_where_it_comes_from(spec: LimitSpec) -> None:
    assert spec.low <= spec.default <= spec.high
    assert spec.low < spec.high
    assert len(spec.source) > 5
    assert getattr(Limits(), spec.name) == spec.default


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.name)
def test_a_value_beyond_its_range_is_refused_with_the_range(spec: LimitSpec) -> None:
    for value, is_allowed in ((spec.low - 0.01, False), (spec.high * 1.01, False), (spec.default, True)):
        if is_allowed:
            assert getattr(limits_with([(spec.name, value)]), spec.name) == value
            continue
        with pytest.raises(LimitProblem) as caught:
            limits_with([(spec.name, value)])
        assert caught.value.name == spec.name
        assert f"{spec.low:g}" in caught.value.hint
        assert f"{spec.high:g}" in caught.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(LimitProblem):
        limits_with([("run_s_max", value)])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(LimitProblem) as caught:
        limits_with([("entrapment_hold", 30.0)])
    assert caught.value.name == "entrapment_hold"


def test_others_keep_their_defaults_and_the_last_word_counts() -> None:
    limits = limits_with([("outside_zone_hold_s", 20.0), ("outside_zone_hold_s", 30.0)])
    assert limits.outside_zone_hold_s == 30.0
    assert limits.entrapment_hold_s_at_landing == Limits().entrapment_hold_s_at_landing
    assert limits_with([]) == Limits()


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("entrapment_hold_s_second_sign", "entrapment_hold_s_outside_zone"),
        ("entrapment_hold_s_outside_zone", "entrapment_hold_s_at_landing"),
        ("motion_speed_mps_min", "emergency_speed_mps_min"),
    ],
)
def test_a_stronger_sign_may_not_wait_longer_than_a_weaker_one(smaller: str, larger: str) -> None:
    specs = {spec.name: spec for spec in TABLE}
    low, high = specs[larger].low, specs[smaller].high
    with pytest.raises(LimitProblem):
        limits_with([(larger, low), (smaller, high)])
    equal = max(low, specs[smaller].low)
    others = [("entrapment_hold_s_second_sign", specs["entrapment_hold_s_second_sign"].low)]
    assert getattr(limits_with([*others, (larger, equal), (smaller, equal)]), smaller) == equal


def test_units_are_in_the_names() -> None:
    units = ("_s_", "_ms_", "_m_", "_mps_", "_mps2_", "_mps3_", "_percent_", "_ratio_", "_deg_", "_tries_", "_trips_",
             "_cycles_", "_reversals_", "_a_", "_v_")  # fmt: skip
    assert [spec.name for spec in TABLE if not any(unit in f"{spec.name}_" for unit in units)] == []
