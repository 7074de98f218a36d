"""The table of limits: what may be overridden, how far, and which limits must not change places."""

from __future__ import annotations

import pytest

from edge_agent.detect.limits import LIMITS as TABLE
from edge_agent.detect.limits import LimitProblem, Limits, LimitSpec, limits_with

CONTRACT = """
motion_push_mps2_min                   0.06   0.02    0.3
motion_speed_mps_min                   0.09   0.03    0.3
trip_distance_m_min                     0.3    0.1      2
entrapment_hold_s_second_sign            30     10    120
entrapment_hold_s_outside_zone           60     20    300
entrapment_hold_s_at_landing             90     30    600
entrapment_hold_s_place_unknown          75     20    300
entrapment_occupied_percent_min          40      5     95
entrapment_occupied_percent_abnormal     15      1     95
entrapment_clear_open_s                   2    0.5     30
emergency_decel_mps2_min                  2    1.2      6
emergency_decel_ratio_min               1.6    1.2      4
emergency_speed_mps_min                 0.3    0.1      2
emergency_stop_s_max                    1.5    0.5      4
outside_zone_hold_s                      15      5    120
door_zone_m_half                       0.35    0.1    0.5
unintended_m_max                        0.2   0.05    0.5
unintended_speed_mps_max                0.3   0.15    0.8
unintended_inspection_speed_mps        0.63    0.3      1
overspeed_ratio_max                    1.15   1.05    1.5
overspeed_margin_mps                    0.1      0    0.5
overspeed_s_min                         0.2   0.05      2
run_s_max                                45     20    300
run_s_extra                              10      5     60
run_s_min                                20     10     60
impact_mps2_min                          10      5    100
impact_ms_max                           500    100   2000
excessive_accel_mps2                    1.5    0.5      5
excessive_jerk_mps3                     2.5    0.5     20
excessive_jerk_ratio                    1.5    1.1      5
excessive_vibration_mps2_a95            0.3   0.05      2
excessive_vibration_ratio               1.5    1.1      5
excessive_vibration_trips_min             5      1     20
excessive_trips_min                       3      1     20
alarm_button_s_min                        3    0.5     10
alarm_button_s_bypass                    30     10    120
door_debounce_ms                         30      0    100
door_open_s_normal                      3.5      1     15
door_open_s_extra                         5      1     60
door_open_tries_max                       2      1     10
door_close_tries_max                      4      2     20
door_close_s_max                         60     10    300
door_motion_speed_mps_min               0.1   0.05    0.5
door_motion_ms_min                       20      5    500
door_held_s_max                         120     30   3600
door_reversals_max                        4      2     50
door_slow_ratio                         1.3   1.05      3
door_slow_cycles                         20      5    200
contacts_both_s_max                     0.5    0.1     10
contacts_neither_s_max                   60     10    600
contact_unchanged_trips_max              20      5    200
controller_silence_s_max                 30      5    600
sensor_silence_s_max                      5      1     60
sensor_frozen_s_max                       5      1     60
sensor_plausible_s_min                   60      5    600
controller_fault_s_min                    1      0     10
mains_lost_s_min                          2    0.5     60
backup_s_min                           3600     60  86400
battery_discharge_a_min                0.05  0.001      5
battery_empty_v                         3.3      1     26
battery_absent_v_max                      1    0.1      5
modem_unregistered_s_max                300     30  86400
box_tilt_deg_max                          3      1     20
box_tilt_s_min                           60      5    600
inspection_renewal_s_max              28800    600  86400
"""
"""Name, default, lowest and highest value allowed. Source: alarm catalogue for the defaults of its rows; the ranges are
a contract with operators: a wider one lets a setting switch an alarm off, a narrower one refuses settings in use."""


def test_defaults_and_ranges_are_those_agreed() -> None:
    agreed = {name: [float(value) for value in values] for name, *values in map(str.split, CONTRACT.split("\n")[1:-1])}
    assert {spec.name: [spec.default, spec.low, spec.high] for spec in TABLE} == agreed


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
