"""Every threshold of the detection core: default, allowed range, unit (in the name) and source, in one table.

Names: what is limited, unit, qualifier. A default is a starting point; an operator may change it within its range.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

CATALOGUE = "alarm catalogue"
PRACTICE = "field practice, see docs/detection.md"


def _limit(default: float, low: float, high: float, source: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "source": source})


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """One row of the table, for documentation and for checking overrides."""

    name: str
    default: float
    low: float
    high: float
    source: str


class LimitProblem(ValueError):
    """An override that cannot be used: `name`, `problem`, `hint`."""

    def __init__(self, name: str, problem: str, hint: str) -> None:
        super().__init__(f"{name}: {problem}. {hint}")
        self.name = name
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds in force. See `LIMITS` for ranges and sources."""

    # motion
    motion_push_mps2_min: float = _limit(0.06, 0.02, 0.3, "softest start of a home lift, about 0.1 m/s2, less noise")
    motion_speed_mps_min: float = _limit(
        0.09, 0.03, 0.3, "above re-levelling (0.08 m/s), below the slowest lift (0.15)"
    )
    trip_distance_m_min: float = _limit(0.3, 0.1, 2.0, "twice the re-levelling range; shorter than any storey")
    # entrapment
    entrapment_hold_s_second_sign: float = _limit(30.0, 10.0, 120.0, CATALOGUE + " row 1")
    entrapment_hold_s_outside_zone: float = _limit(60.0, 20.0, 300.0, CATALOGUE + " row 1")
    entrapment_hold_s_at_landing: float = _limit(90.0, 30.0, 600.0, CATALOGUE + " row 1")
    entrapment_hold_s_place_unknown: float = _limit(75.0, 20.0, 300.0, "between the two rows of the catalogue")
    entrapment_occupied_percent_min: float = _limit(40.0, 5.0, 95.0, "errs towards rescue: below even odds")
    entrapment_occupied_percent_abnormal: float = _limit(
        15.0, 1.0, 95.0, "a stop between landings or by the brake is never a parked car: rescue first"
    )
    entrapment_clear_open_s: float = _limit(2.0, 0.5, 30.0, CATALOGUE + " row 1")
    # emergency stop
    emergency_decel_mps2_min: float = _limit(2.0, 1.2, 6.0, CATALOGUE + " row 32")
    emergency_decel_ratio_min: float = _limit(1.6, 1.2, 4.0, CATALOGUE + " row 32")
    emergency_speed_mps_min: float = _limit(0.3, 0.1, 2.0, CATALOGUE + " row 32")
    emergency_stop_s_max: float = _limit(1.5, 0.5, 4.0, CATALOGUE + " row 32")
    # standing between landings
    outside_zone_hold_s: float = _limit(15.0, 5.0, 120.0, CATALOGUE + " row 33")
    door_zone_m_half: float = _limit(0.35, 0.1, 0.5, "unlocking zone with driven doors <= 0.35 m (memory, unverified)")
    # movement
    unintended_m_max: float = _limit(0.20, 0.05, 0.5, CATALOGUE + " row 3")
    unintended_speed_mps_max: float = _limit(0.30, 0.15, 0.8, CATALOGUE + " row 3")
    unintended_inspection_speed_mps: float = _limit(0.63, 0.3, 1.0, "alarms.md, muting by inspection")
    overspeed_ratio_max: float = _limit(1.15, 1.05, 1.5, CATALOGUE + " row 4")
    overspeed_margin_mps: float = _limit(0.1, 0.0, 0.5, CATALOGUE + " row 4")
    overspeed_s_min: float = _limit(0.2, 0.05, 2.0, CATALOGUE + " row 4")
    run_s_max: float = _limit(45.0, 20.0, 300.0, CATALOGUE + " row 35")
    run_s_extra: float = _limit(10.0, 5.0, 60.0, CATALOGUE + " row 35")
    run_s_min: float = _limit(20.0, 10.0, 60.0, CATALOGUE + " row 35")
    impact_mps2_min: float = _limit(10.0, 5.0, 100.0, CATALOGUE + " row 34")
    impact_ms_max: float = _limit(500.0, 100.0, 2000.0, CATALOGUE + " row 34")
    excessive_accel_mps2: float = _limit(1.5, 0.5, 5.0, CATALOGUE + " row 37")
    excessive_jerk_mps3: float = _limit(2.5, 0.5, 20.0, CATALOGUE + " row 38")
    excessive_jerk_ratio: float = _limit(1.5, 1.1, 5.0, CATALOGUE + " row 38")
    excessive_vibration_mps2_a95: float = _limit(
        0.30,
        0.05,
        2.0,
        "customary 0.20 vertical and 0.15 horizontal (field/standards 3.2, memory, unverified), with room",
    )
    excessive_vibration_ratio: float = _limit(1.5, 1.1, 5.0, CATALOGUE + " row 39")
    excessive_vibration_trips_min: float = _limit(5.0, 1.0, 20.0, CATALOGUE + " row 39")
    excessive_trips_min: float = _limit(3.0, 1.0, 20.0, CATALOGUE + " rows 37 to 39")
    # passengers
    alarm_button_s_min: float = _limit(3.0, 0.5, 10.0, CATALOGUE + " row 2")
    alarm_button_s_bypass: float = _limit(30.0, 10.0, 120.0, CATALOGUE + " row 2")
    # doors
    door_debounce_ms: float = _limit(30.0, 0.0, 100.0, "contact bounce 5-20 ms; door state right within 50 ms")
    door_open_s_normal: float = _limit(3.5, 1.0, 15.0, "until this lift's own times are learned")
    door_open_s_extra: float = _limit(5.0, 1.0, 60.0, CATALOGUE + " row 44")
    door_open_tries_max: float = _limit(2.0, 1.0, 10.0, CATALOGUE + " row 44")
    door_close_tries_max: float = _limit(4.0, 2.0, 20.0, CATALOGUE + " row 45")
    door_close_s_max: float = _limit(60.0, 10.0, 300.0, CATALOGUE + " row 45")
    door_motion_speed_mps_min: float = _limit(0.1, 0.05, 0.5, CATALOGUE + " row 5")
    door_motion_ms_min: float = _limit(20.0, 5.0, 500.0, CATALOGUE + " row 5")
    door_held_s_max: float = _limit(120.0, 30.0, 3600.0, CATALOGUE + " row 46")
    door_reversals_max: float = _limit(4.0, 2.0, 50.0, CATALOGUE + " row 47")
    door_slow_ratio: float = _limit(1.3, 1.05, 3.0, CATALOGUE + " row 48")
    door_slow_cycles: float = _limit(20.0, 5.0, 200.0, CATALOGUE + " row 48")
    contacts_both_s_max: float = _limit(0.5, 0.1, 10.0, CATALOGUE + " row 49")
    contacts_neither_s_max: float = _limit(60.0, 10.0, 600.0, CATALOGUE + " row 49")
    contact_unchanged_trips_max: float = _limit(20.0, 5.0, 200.0, CATALOGUE + " row 49")
    # sources
    controller_silence_s_max: float = _limit(30.0, 5.0, 600.0, CATALOGUE + " row 55")
    sensor_silence_s_max: float = _limit(5.0, 1.0, 60.0, "a FIFO is drained many times a second")
    sensor_frozen_s_max: float = _limit(5.0, 1.0, 60.0, "a live chip is never still to the last bit")
    sensor_plausible_s_min: float = _limit(60.0, 5.0, 600.0, CATALOGUE + " row 56")
    controller_fault_s_min: float = _limit(1.0, 0.0, 10.0, CATALOGUE + " row 52: confirmed by two reads")
    mains_lost_s_min: float = _limit(2.0, 0.5, 60.0, CATALOGUE + " row 54")
    backup_s_min: float = _limit(3600.0, 60.0, 86400.0, CATALOGUE + " row 59")
    battery_discharge_a_min: float = _limit(0.05, 0.001, 5.0, "above the offset of an INA219 with 0.1 ohm, 1 mA; ours")
    battery_empty_v: float = _limit(3.3, 1.0, 26.0, "one Li-ion cell, above its cut-off; 12 V lead: 10.8; ours")
    battery_absent_v_max: float = _limit(1.0, 0.1, 5.0, "no battery in use is so low; ours")
    modem_unregistered_s_max: float = _limit(300.0, 30.0, 86400.0, "longer than any trip through a dead spot; ours")
    box_tilt_deg_max: float = _limit(3.0, 1.0, 20.0, CATALOGUE + " row 60")
    box_tilt_s_min: float = _limit(60.0, 5.0, 600.0, CATALOGUE + " row 60")
    # muting
    inspection_renewal_s_max: float = _limit(28800.0, 600.0, 86400.0, "alarms.md: never outlives 8 h unrenewed")


LIMITS: tuple[LimitSpec, ...] = tuple(
    LimitSpec(f.name, float(f.default), f.metadata["low"], f.metadata["high"], f.metadata["source"])
    for f in fields(Limits)
    if isinstance(f.default, float)
)

_ORDERED = (
    ("entrapment_hold_s_second_sign", "entrapment_hold_s_outside_zone"),
    ("entrapment_hold_s_outside_zone", "entrapment_hold_s_at_landing"),
    ("motion_speed_mps_min", "emergency_speed_mps_min"),
)
"""Pairs that must not change places: the first is at most the second."""


def limits_with(overrides: Iterable[tuple[str, float]]) -> Limits:
    """Return the defaults with `overrides` applied. Raises `LimitProblem` for a wrong name, range or relation."""
    specs = {spec.name: spec for spec in LIMITS}
    chosen: dict[str, float] = {}
    for name, value in overrides:
        if name not in specs:
            raise LimitProblem(name, "no such limit", "`edge-agent alarms --limits` lists them")
        spec = specs[name]
        if not spec.low <= value <= spec.high:
            raise LimitProblem(name, f"{value:g} is out of range", f"Allowed: {spec.low:g} to {spec.high:g}")
        chosen[name] = float(value)
    limits = replace(Limits(), **chosen)
    for smaller, larger in _ORDERED:
        if getattr(limits, smaller) > getattr(limits, larger):
            raise LimitProblem(smaller, f"is larger than {larger}", "Change one of the two")
    return limits
