"""Learning trips: landings, speed and the axis of travel recovered from drawn lifts; bad captures refused by name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from calibration.doors import fit_doors
from calibration.fit_grades import AccelGrade
from calibration.fit_samples import angle_deg, vector
from calibration.landings import fit_landings
from calibration.landings_heights import balance
from calibration.landings_result import landings_result
from calibration.landings_scale import scale_of
from calibration.landings_trips import MeasuredTrip
from calibration.words import Commissioning, Verdict
from calibration.words_json import to_json
from edge_agent.detect.limits import Limits
from edge_agent.installation import Drive
from edge_agent.readings import AccelFrame, Direction, PressureSample, Reading
from sim.box import Chip, rotation
from sim.faults import Gone, Saturated, Window, with_fault
from sim.traffic import run_traffic
from sim.words import StopCause
from tests.calibration.fit_figures import Ridden, landings_fit, ridden_lift
from tests.calibration.learning_lifts import DOORS, START_NS, Learned, cycle_door, drawn, ride_everywhere, stop_between

LIMITS = Limits()


def keys(readings: list[Reading]) -> set[str]:
    """Of the reasons of the result."""
    return {reason.key for reason in landings_result(fit_landings(readings, LIMITS)).reasons}


def rode(seed: int = 9) -> Learned:
    """A middling lift with a fine chip."""
    found = drawn(seed, chip=Chip.ADXL355, drive=Drive.VVVF, landings=4)
    ride_everywhere(found.lift)
    return found


@pytest.mark.parametrize("seed", [9, 11, 21])
def test_landings_speed_and_axis_of_a_drawn_lift_are_found_with_their_doubts(seed: int) -> None:
    ridden = ridden_lift(seed, has_pressure=False)
    found, fit = ridden.found, landings_fit(ridden)
    true_m = found.lift.spec.landing_heights_m
    assert not fit.problems
    assert len(fit.landings) == len(true_m)
    for landing, height_m in zip(fit.landings, true_m, strict=True):
        assert abs(landing.height_m - height_m) < 0.05
        assert abs(landing.height_m - height_m) < 3.0 * max(landing.sigma_m, 0.005)
    if fit.speed_mps is not None:
        assert fit.speed_mps == pytest.approx(found.lift.spec.style.speed_mps, rel=0.01)
    assert found.box.accel is not None
    axis = vector(found.box.accel.mounting @ np.array([0.0, 0.0, 1.0]))
    assert angle_deg(fit.axis, axis) < 0.5


def test_trips_have_direction_and_landings_and_where_the_box_stands_in_time() -> None:
    fit = fit_landings(rode().readings(), LIMITS, chip="adxl355")
    up, down = Direction.UP, Direction.DOWN
    assert [trip.direction for trip in fit.trips] == 2 * [up, up, up, down, down, down, up, down]
    assert [(trip.from_landing, trip.to_landing) for trip in fit.trips] == 2 * [
        *((0, 1), (1, 2), (2, 3)),
        *((3, 2), (2, 1), (1, 0)),
        *((0, 3), (3, 0)),
    ]


def test_a_stop_between_landings_is_no_landing() -> None:
    found = drawn(9, chip=Chip.ADXL355, drive=Drive.VVVF, landings=4)
    ride_everywhere(found.lift)
    stop_between(found.lift, StopCause.BRAKE, 1.5)
    fit = fit_landings(found.readings(), LIMITS, chip="adxl355")
    assert len(fit.landings) == 4
    assert fit.trips[-2].to_landing is None
    assert fit.trips[-1].to_landing == 0


def test_the_same_recording_gives_the_same_bytes() -> None:
    texts = {
        to_json(Commissioning("00", "lift", "0", None, (landings_result(fit_landings(rode().readings(), LIMITS)),)))
        for _ in range(2)
    }
    assert len(texts) == 1


def test_rated_speed_and_heights_are_proposed_for_the_installation() -> None:
    settings = dict(landings_result(fit_landings(rode().readings(), LIMITS, chip="adxl355")).settings)
    assert float(settings["lift.rated_speed_mps"]) > 0.5
    assert settings["lift.landing_heights_m"].startswith("[0.000, ")


def test_captures_without_trips_or_with_too_few_are_refused() -> None:
    still = drawn(9)
    still.lift.wait(40.0)
    assert keys(still.readings()) == {"trips.none"}
    few = drawn(9, landings=4)
    few.lift.wait(20.0)
    few.lift.travel(1)
    cycle_door(few.lift)
    few.lift.travel(3)
    cycle_door(few.lift)
    few.lift.wait(10.0)
    assert "trips.too_few" in keys(few.readings())
    assert "trips.one_way" in keys(few.readings())


def test_saturation_gaps_and_a_box_that_turned_are_refused_by_name() -> None:
    readings = rode().readings()
    window = Window(START_NS + 20 * 10**9, START_NS + 30 * 10**9)
    saturated = list(with_fault(readings, Saturated(window, 19.62), np.random.default_rng(1)))
    assert keys(saturated) == {"fit.saturated"}
    assert keys(list(with_fault(readings, Gone(window, "accelerometer"), np.random.default_rng(1)))) == {"fit.gaps"}
    turn = rotation(np.array([1.0, 0.2, 0.3]), 2.0)
    half_ns = readings[len(readings) // 2].t_ns
    loose = [
        AccelFrame(each.times_ns, each.samples_mps2 @ turn.T)
        if isinstance(each, AccelFrame) and each.t_ns > half_ns
        else each
        for each in readings
    ]
    assert keys(loose) == {"trips.box_moved"}


def test_a_scale_that_the_chip_cannot_have_is_a_doubt() -> None:
    readings = [
        AccelFrame(each.times_ns, each.samples_mps2 * 1.05) if isinstance(each, AccelFrame) else each
        for each in rode().readings()
    ]
    result = landings_result(fit_landings(readings, LIMITS, chip="adxl355"))
    assert result.verdict is Verdict.DOUBTFUL
    assert {"trips.scale_chip", "trips.scale_gravity"} & {reason.key for reason in result.reasons}


def test_a_told_travel_outweighs_the_chip() -> None:
    found = drawn(9, chip=Chip.ADXL345, drive=Drive.VVVF, landings=4)
    ride_everywhere(found.lift)
    true_m = found.lift.spec.landing_heights_m[-1]
    fit = fit_landings(found.readings(), LIMITS, chip="adxl345", told_travel_m=true_m)
    assert fit.landings[-1].height_m == pytest.approx(true_m, abs=0.04)


def test_every_witness_counts_by_its_doubt() -> None:
    coarse = AccelGrade(0.01, 0.25)
    alone = scale_of(coarse, 9.80665)
    assert alone.scale == pytest.approx(1.0)
    assert alone.sigma == pytest.approx(0.0093, abs=0.0005)
    with_rails = scale_of(coarse, 9.80665, rails=(1.02, 0.001))
    assert with_rails.scale == pytest.approx(1.02, abs=0.001)
    assert with_rails.sigma < 0.002
    assert scale_of(coarse, 9.80665, rails=(1.06, 0.001)).disagreeing == ("chip",)
    cold, warm = (scale_of(coarse, 9.80665, air=(1.0, 0.001), air_degc=degc) for degc in (0.0, 30.0))
    assert cold.scale > 1.03 > warm.scale


def test_many_trips_are_balanced_against_each_other() -> None:
    rng = np.random.default_rng(3)
    true_m, stops = [0.0, 3.1, 6.0, 9.4], [0, 1, 2, 3, 0, 2, 1, 3, 0]
    trips = [
        MeasuredTrip(n, n + 1, true_m[b] - true_m[a] + float(rng.normal(0.0, 0.03)), 0.03, None, 0.0)
        for n, (a, b) in enumerate(pairwise(stops))
    ]
    found = balance(trips)
    assert list(found.stops) == stops
    assert found.heights_m == pytest.approx(true_m, abs=0.06)
    assert 0.3 < found.misfit < 2.0


def test_pressure_makes_the_heights_surer() -> None:
    readings = ridden_lift(4, has_pressure=True, has_sides=False).readings
    with_air = fit_landings(readings, LIMITS, chip="adxl345", air_degc=15.0)
    without = fit_landings([r for r in readings if not isinstance(r, PressureSample)], LIMITS, chip="adxl345")
    assert with_air.landings[-1].sigma_m < without.landings[-1].sigma_m
    assert with_air.scale is not None
    assert without.scale is not None
    assert with_air.scale.sigma < without.scale.sigma


def test_normal_traffic_teaches_the_same_as_a_learning_run() -> None:
    found = drawn(14, landings=5)
    found.lift.wait(40.0)
    run_traffic(found.lift, 900.0, 90.0)
    readings = found.readings()
    fit = landings_fit(Ridden(found, readings, None))
    doors = fit_doors(readings, LIMITS, DOORS, stops=fit.stops)
    assert not fit.problems
    assert [each.height_m for each in fit.landings] == pytest.approx(found.lift.spec.landing_heights_m, abs=0.05)
    assert fit.speed_mps == pytest.approx(found.lift.spec.style.speed_mps, rel=0.01)
    assert not doors.problems
    assert {move.landing for move in doors.leaves[0].moves} >= {0, 1, 2}
