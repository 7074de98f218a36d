"""Backup supply under its real load: what the battery gives while the mains of the box is taken away.

In: voltage and current of the battery. Out: load, voltage before, under load and in the end, and for how long.
Nothing is claimed beyond the time that was measured. Decision: a battery that is missing, that is empty before the
time is over, or whose current is never out of it is refused; one whose monitor sits the wrong way round is named.
"""

from __future__ import annotations

from calibration.session import StepCapture
from calibration.session_riding import DISCHARGE_S
from calibration.words import Measured, Plot, Said, StepName, StepResult, Verdict, said, thinned_series
from edge_agent.detect.limits import Limits
from edge_agent.readings import SupplySample

NS_PER_S = 1_000_000_000
REVERSED_S, REVERSED_FALL_V = 30.0, 0.02
SAG_PERCENT_MAX = 12.0
"""Ours: a sound battery sags a few percent under the load of a small computer; above this it is old or too small."""


def fit(capture: StepCapture) -> StepResult:
    """Judge the backup supply."""
    limits = capture.settings.limits
    samples = [each for each in capture.readings if isinstance(each, SupplySample)]
    if not samples:
        return _refused(said("supply.silent"), said("supply.next.wire"))
    if all(each.voltage_v <= limits.battery_absent_v_max for each in samples):
        return _refused(said("supply.no_battery"), said("supply.next.battery"))
    first, last = _longest_discharge(samples, limits)
    if first is None:
        if _is_reversed(samples, limits):
            return _refused(said("supply.reversed"), said("supply.next.swap"))
        return _refused(said("supply.never_carried"), said("supply.next.remove"))
    return _result(samples, first, last, limits)


def _result(samples: list[SupplySample], first: int, last: int, limits: Limits) -> StepResult:
    carried = samples[first : last + 1]
    lasted_s = (carried[-1].t_ns - carried[0].t_ns) / NS_PER_S
    before_v = samples[first - 1].voltage_v if first > 0 else None
    load_w = sum(each.voltage_v * each.current_a for each in carried) / len(carried)
    load_a = sum(each.current_a for each in carried) / len(carried)
    lowest_v = min(each.voltage_v for each in carried)
    reasons: list[Said] = []
    verdict = Verdict.PASSED
    action = None
    if lowest_v <= limits.battery_empty_v:
        verdict, action = Verdict.FAILED, said("supply.next.battery")
        reasons.append(said("supply.empty", seconds=round(lasted_s), volts=round(lowest_v, 2)))
    elif lasted_s < DISCHARGE_S:
        verdict, action = Verdict.DOUBTFUL, said("supply.next.longer")
        reasons.append(said("supply.short", seconds=round(lasted_s), needed=round(DISCHARGE_S)))
    sag = None if before_v is None else 100.0 * (before_v - carried[-1].voltage_v) / before_v
    if sag is not None and sag > SAG_PERCENT_MAX and verdict is not Verdict.FAILED:
        verdict, action = Verdict.DOUBTFUL, said("supply.next.battery")
        reasons.append(said("supply.sags", percent=round(sag, 1)))
    if samples[-1].current_a >= limits.battery_discharge_a_min and verdict is not Verdict.FAILED:
        verdict, action = Verdict.DOUBTFUL, said("supply.next.back")
        reasons.append(said("supply.not_back"))
    measured = [
        Measured("supply.carried", lasted_s, "s", DISCHARGE_S),
        Measured("supply.load", load_w, "W"),
        Measured("supply.current", load_a, "A", limits.battery_discharge_a_min),
        Measured("supply.lowest", lowest_v, "V", limits.battery_empty_v),
    ]
    if sag is not None:
        measured.append(Measured("supply.sag", sag, "%", None, SAG_PERCENT_MAX))
    times_s = [(each.t_ns - samples[0].t_ns) / NS_PER_S for each in samples]
    return StepResult(
        StepName.SUPPLY,
        verdict,
        tuple(reasons) or (said("supply.carries", seconds=round(lasted_s), watts=round(load_w, 1)),),
        action,
        tuple(measured),
        plots=(
            Plot(
                "supply.discharge",
                "time",
                "s",
                "voltage",
                "V",
                (thinned_series("supply.voltage", times_s, [each.voltage_v for each in samples]),),
            ),
        ),
    )


def _longest_discharge(samples: list[SupplySample], limits: Limits) -> tuple[int | None, int]:
    """First and last place of the longest run in which the battery carries the box; None: there is none."""
    best: tuple[int | None, int] = (None, -1)
    best_ns, first = -1, None
    for place, sample in enumerate(samples):
        if sample.current_a < limits.battery_discharge_a_min or sample.voltage_v <= limits.battery_absent_v_max:
            first = None
            continue
        first = place if first is None else first
        if sample.t_ns - samples[first].t_ns > best_ns:
            best, best_ns = (first, place), sample.t_ns - samples[first].t_ns
    return best


def _is_reversed(samples: list[SupplySample], limits: Limits) -> bool:
    """A battery that loses voltage for half a minute while current seems to flow into it."""
    inward = [each for each in samples if each.current_a <= -limits.battery_discharge_a_min]
    if not inward or (inward[-1].t_ns - inward[0].t_ns) / NS_PER_S < REVERSED_S:
        return False
    return inward[0].voltage_v - inward[-1].voltage_v >= REVERSED_FALL_V


def _refused(reason: Said, action: Said) -> StepResult:
    return StepResult(StepName.SUPPLY, Verdict.FAILED, (reason,), action)
