"""Mobile signal by landing: what the modem heard while the car stood at each stop.

In: modem reports, and the trips that the detection core makes of the acceleration. Out: medians for each stop, the
lowest first. A stop that was heard fewer than three times says nothing. Decision: a landing is weak below the levels
named here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from calibration.session import StepCapture
from calibration.session_riding import SAME_STOP_M, blank_installation
from calibration.words import Cell, Measured, Plot, Said, Series, StepName, StepResult, Table, Verdict, said
from edge_agent.alarms import Trip
from edge_agent.detect.detector import Detector
from edge_agent.detect.modem import trouble_of
from edge_agent.readings import Direction, ModemReport

REPORTS_MIN = 3
RSSI_WEAK_DBM, RSRP_WEAK_DBM = -100.0, -110.0
"""Ours: some 10 dB above what a modem needs to keep a connection (from memory, unverified)."""


@dataclass(slots=True)
class _Stop:
    height_m: float
    rssi_dbm: list[int] = field(default_factory=list)
    rsrp_dbm: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return max(len(self.rssi_dbm), len(self.rsrp_dbm))


def fit(capture: StepCapture) -> StepResult:
    """Judge the mobile signal."""
    reports = [each for each in capture.readings if isinstance(each, ModemReport)]
    if not reports:
        return StepResult(StepName.SIGNAL, Verdict.FAILED, (said("signal.silent"),), said("signal.next.modem"))
    trouble = trouble_of(reports[-1])
    if trouble is not None:
        reason = said(
            f"signal.trouble.{reports[-1].sim.value}" if trouble.reason.value == "sim" else "signal.no_network"
        )
        return StepResult(StepName.SIGNAL, Verdict.FAILED, (reason,), said("signal.next.modem"))
    stops = [stop for stop in _stops(capture) if stop.count >= REPORTS_MIN]
    if not stops:
        return StepResult(StepName.SIGNAL, Verdict.FAILED, (said("signal.too_few"),), said("signal.next.stay"))
    return _result(stops)


def _stops(capture: StepCapture) -> list[_Stop]:
    """Where the car stood, the lowest first; heights above the place where the recording began."""
    detector = Detector(blank_installation(capture.settings), capture.settings.limits)
    at_m = 0.0
    stops = [_Stop(0.0)]
    for reading in capture.readings:
        for trip in detector.step(reading):
            if isinstance(trip, Trip):
                at_m += trip.distance_m if trip.direction is Direction.UP else -trip.distance_m
        car = detector.car
        if not isinstance(reading, ModemReport) or car is None or car.motion.is_moving:
            continue
        stop = next((each for each in stops if abs(each.height_m - at_m) <= SAME_STOP_M), None)
        if stop is None:
            stop = _Stop(at_m)
            stops.append(stop)
        if reading.rssi_dbm is not None:
            stop.rssi_dbm.append(reading.rssi_dbm)
        if reading.rsrp_dbm is not None:
            stop.rsrp_dbm.append(reading.rsrp_dbm)
    return sorted(stops, key=lambda each: each.height_m)


def _result(stops: list[_Stop]) -> StepResult:
    rows: list[tuple[Cell, ...]] = []
    heights, weak = [], []
    for number, stop in enumerate(stops):
        rssi = float(median(stop.rssi_dbm)) if stop.rssi_dbm else None
        rsrp = float(median(stop.rsrp_dbm)) if stop.rsrp_dbm else None
        heights.append(round(stop.height_m - stops[0].height_m, 1))
        rows.append((number, heights[-1], rssi, rsrp, stop.count))
        if (rsrp if rsrp is not None else rssi or 0.0) < (RSRP_WEAK_DBM if rsrp is not None else RSSI_WEAK_DBM):
            weak.append(number)
    reasons: tuple[Said, ...] = tuple(said("signal.weak", landing=number) for number in weak)
    is_only_one = len(stops) == 1
    if is_only_one:
        reasons += (said("signal.one_landing"),)
    has_rsrp = all(stop.rsrp_dbm for stop in stops)
    levels = tuple(float(median(heard)) for stop in stops if (heard := stop.rsrp_dbm if has_rsrp else stop.rssi_dbm))
    name = "signal.rsrp" if has_rsrp else "signal.rssi"
    series = (Series(name, tuple(heights), levels),) if len(levels) == len(heights) else ()
    low = RSRP_WEAK_DBM if has_rsrp else RSSI_WEAK_DBM
    return StepResult(
        StepName.SIGNAL,
        Verdict.DOUBTFUL if reasons else Verdict.PASSED,
        reasons or (said("signal.heard", landings=len(stops)),),
        said("signal.next.aerial") if weak else said("signal.next.stay") if is_only_one else None,
        measured=(Measured(f"{name}_weakest", min(levels), "dBm", low),) if levels else (),
        tables=(Table("signal.landings", ("landing", "height_m", "rssi_dbm", "rsrp_dbm", "reports"), tuple(rows)),),
        plots=(Plot("signal.by_landing", "height", "m", "level", "dBm", series),) if series else (),
    )
