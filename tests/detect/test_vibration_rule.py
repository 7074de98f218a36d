"""Excessive vibration: the limit and this lift's own past from both sides, how many trips, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.detect.car import CarState
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.detect.ride_report import PeakToPeak, RideReport, Unweighted
from edge_agent.detect.rules.acceleration import ExcessiveVibrationRule
from edge_agent.detect.rules.tally import KEPT
from tests.detect.boxes import MG, Box
from tests.detect.scenes import Scene
from tests.detect.states import ARRIVED_S, LIMITS, Told, changed, limited, running, standing, told

LEARN = ExcessiveVibrationRule.LEARN_TRIPS
NEEDED = int(LIMITS.excessive_vibration_trips_min)
LIMIT_MPS2 = LIMITS.excessive_vibration_mps2_a95
USUAL_MPS2 = LIMIT_MPS2 / 2.0


@cache
def a_report() -> RideReport:
    """Of a trip at 400 samples a second, so that its values are weighted."""
    scene = Scene(box=Box(rate_hz=400.0, noise_mps2=0.5 * MG)).stand(5.0)
    scene.trip(4)
    scene.stand(6.0)
    detector = Detector(scene.installation, Limits())
    for reading in scene.readings(sizes=[20]):  # one frame a step
        detector.step(reading)
        if detector.car is not None and detector.car.ride_report is not None:
            return detector.car.ride_report
    raise ValueError("the trip gave no report")


def ridden(
    levels_mps2: list[float],
    *,
    limits: Limits = LIMITS,
    is_horizontal: bool = False,
    is_weighted: bool = True,
    beside: tuple[AlarmKind, ...] = (),
    is_inspection: bool = False,
) -> Told:
    """Trips that vibrated so, A95 in the part at constant speed."""
    quiet, because = PeakToPeak(0.02, 0.01, 50), None if is_weighted else next(iter(Unweighted))

    def cars() -> Iterator[CarState]:
        for k, level in enumerate(levels_mps2):
            t_s = ARRIVED_S + 20.0 * k
            rough = PeakToPeak(level * 1.2, level, 50)
            report = replace(
                a_report(),
                unweighted_because=because,
                vertical=replace(a_report().vertical, constant=quiet if is_horizontal else rough),
                horizontal_worst=replace(a_report().horizontal_worst, constant=rough if is_horizontal else quiet),
            )
            yield running(t_s, is_inspection=is_inspection)
            yield changed(standing(t_s + 5.0), ride_report=report, is_inspection=is_inspection)

    return told(ExcessiveVibrationRule(limits), cars(), beside=beside)


@pytest.mark.parametrize("limit", [LIMIT_MPS2, 0.6])
@pytest.mark.parametrize("is_horizontal", [False, True])
def test_beyond_the_limit_in_some_trips_is_told(limit: float, is_horizontal: bool) -> None:
    """The lift has always been near the limit, so its own past does not decide."""
    limits, usual = limited("excessive_vibration_mps2_a95", limit), [0.9 * limit] * LEARN
    for levels, count in (
        ([1.05 * limit] * NEEDED, 1),
        ([0.95 * limit] * NEEDED, 0),
        ([1.05 * limit] * (NEEDED - 1) + [0.9 * limit] * KEPT, 0),
    ):
        assert len(ridden(usual + levels, limits=limits, is_horizontal=is_horizontal).raised_s) == count


@pytest.mark.parametrize("ratio", [LIMITS.excessive_vibration_ratio, 1.8])
def test_a_lift_that_becomes_rougher_than_it_was_is_told_below_the_limit(ratio: float) -> None:
    limits = limited("excessive_vibration_ratio", ratio)
    usual = LIMIT_MPS2 * 0.5
    for factor, count in ((0.95, 0), (1.05, 1)):
        assert factor * ratio * usual < LIMIT_MPS2
        assert len(ridden([usual] * 2 * LEARN + [factor * ratio * usual] * NEEDED, limits=limits).raised_s) == count


def test_without_weighted_values_only_its_own_past_is_a_measure() -> None:
    rough = [2.0 * LIMIT_MPS2] * (LEARN + NEEDED)
    assert ridden(rough, is_weighted=False).alarms == []
    assert len(ridden(rough).raised_s) == 1
    worse = [USUAL_MPS2] * 2 * LEARN + [2.0 * USUAL_MPS2] * NEEDED
    assert len(ridden(worse, is_weighted=False).raised_s) == 1


def test_a_smooth_lift_may_become_a_little_less_smooth() -> None:
    """Twice of next to nothing is still nothing that a passenger feels."""
    smooth = ExcessiveVibrationRule.OWN_MPS2_MIN / 4.0
    assert ridden([smooth] * 2 * LEARN + [2.0 * smooth] * 2 * NEEDED).alarms == []


def test_before_this_lift_is_known_nothing_is_claimed() -> None:
    assert ridden([3.0 * LIMIT_MPS2] * (LEARN - 1)).alarms == []


@pytest.mark.parametrize(("clean", "cleared"), [(KEPT - 1, 0), (KEPT, 1)])
def test_it_ends_after_twenty_trips_within(clean: int, cleared: int) -> None:
    usual = [USUAL_MPS2] * LEARN
    said = ridden(usual + [2.0 * LIMIT_MPS2] * NEEDED + [USUAL_MPS2] * clean)
    assert (len(said.raised_s), len(said.cleared_s)) == (1, cleared)


def test_trips_of_a_technician_or_after_an_emergency_stop_do_not_count() -> None:
    rough = [USUAL_MPS2] * LEARN + [3.0 * LIMIT_MPS2] * 2 * NEEDED
    assert ridden(rough, is_inspection=True).alarms == []
    assert ridden(rough, beside=(AlarmKind.EMERGENCY_STOP,)).alarms == []
