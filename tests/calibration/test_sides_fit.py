"""Gain and offset of each axis out of six sides: recovered from drawn chips, and bad recordings refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from calibration.chip_errors import ChipErrors
from calibration.sides import (
    DRIFT_MPS2_PER_K,
    WARMER_K,
    SidesFit,
    chip_errors_of,
    fit_sides,
    sides_result,
    still_stretches,
)
from calibration.sides_still import SIDES
from calibration.words import Commissioning, StepName, StepResult, Verdict
from calibration.words_json import from_json, to_json
from edge_agent.readings import AccelFrame, Reading
from sim.box import Chip, rotation
from sim.faults import Frozen, Gone, Saturated, Window, with_fault
from sim.lying import lay_box
from sim.words import BoxUp
from tests.calibration.learning_lifts import START_NS, Learned, drawn
from tests.calibration.lying_box import ALL_SIDES, fit_of, laid

S_NS = 1_000_000_000
SEEDS = range(24)


def errors_of(fit: SidesFit) -> ChipErrors:
    """Of a fit that found some."""
    assert fit.errors is not None, fit.problems
    return fit.errors


def off(found: Learned, errors: ChipErrors) -> tuple[float, float]:
    """Worst gain, as a share, and worst offset in m/s2 against the truth."""
    accel = found.box.accel
    assert accel is not None
    gains = np.abs(np.array(errors.gain) / accel.gain - 1.0)
    return float(gains.max()), float(np.abs(np.array(errors.offset_mps2) - accel.offset_mps2).max())


def keys(result: StepResult) -> set[str]:
    """Of the reasons."""
    return {reason.key for reason in result.reasons}


def altered(readings: Sequence[Reading], gain: float, offset_mps2: float, axis: int = 0) -> list[Reading]:
    """The same of a chip whose axis is off by that much more."""
    factors, offsets = np.ones(3), np.zeros(3)
    factors[axis], offsets[axis] = gain, offset_mps2
    return [
        AccelFrame(each.times_ns, each.samples_mps2 * factors + offsets) if isinstance(each, AccelFrame) else each
        for each in readings
    ]


# ---- recovered


@pytest.mark.parametrize("seed", SEEDS)
def test_gains_within_a_fifth_of_a_percent_and_offsets_within_003_of_a_drawn_chip(seed: int) -> None:
    found = laid(seed)
    fit = fit_of(found)
    errors = errors_of(fit)
    gain_off, offset_off = off(found, errors)
    assert not fit.problems
    assert gain_off < 0.002
    assert offset_off < 0.03
    assert gain_off < 2.0 * errors.gain_sigma
    assert offset_off < 2.0 * errors.offset_sigma_mps2


def test_without_the_warmth_to_come_and_other_places_gravity_the_doubts_still_cover_what_is_off() -> None:
    """Those two are added for what no recording can show; what is left must not be an empty promise either."""
    shares = []
    for seed in SEEDS:
        found = laid(seed)
        fit = fit_of(found)
        accel = found.box.accel
        assert accel is not None
        gravity = 9.81 / 9.80665  # of the simulator over the standard
        errors = errors_of(fit)
        plain = np.sqrt(np.array(fit.gain_sigmas) ** 2 - 0.001**2)
        shares += list(np.abs(np.array(errors.gain) / accel.gain / gravity - 1.0) / plain)
    assert np.mean(np.array(shares) < 2.0) > 0.95


@pytest.mark.parametrize("seed", range(8))
def test_axes_that_lean_on_each_other_by_a_percent_stay_within_the_doubt(seed: int) -> None:
    """Not fitted, but doubted: the sides lie up to eight degrees askew."""
    found = laid(seed, chip=Chip.ADXL345)
    lean = np.eye(3) + np.random.default_rng(seed).normal(0.0, 0.01, (3, 3)) * (1.0 - np.eye(3))
    accel = found.box.accel
    assert accel is not None
    readings = [
        AccelFrame(each.times_ns, (each.samples_mps2 - accel.offset_mps2) @ lean.T + accel.offset_mps2)
        if isinstance(each, AccelFrame)
        else each
        for each in found.readings()
    ]
    fit = fit_sides(readings, chip="adxl345", range_mps2=accel.range_mps2)
    errors = errors_of(fit)
    assert not fit.problems
    gains = np.abs(np.array(errors.gain) / accel.gain - 1.0) / np.array(fit.gain_sigmas)
    cold = np.sqrt(np.array(fit.offset_sigmas_mps2) ** 2 - (WARMER_K * DRIFT_MPS2_PER_K["adxl345"]) ** 2)
    offsets = np.abs(np.array(errors.offset_mps2) - accel.offset_mps2) / cold
    assert max(gains) < 3.0
    assert max(offsets) < 3.0


def test_the_order_of_the_sides_does_not_matter() -> None:
    forth, back = laid(3), laid(3, ALL_SIDES[::-1])
    first, second = errors_of(fit_of(forth)), errors_of(fit_of(back))
    assert first.gain == pytest.approx(second.gain, abs=0.001)
    assert first.offset_mps2 == pytest.approx(second.offset_mps2, abs=0.01)


def test_a_side_that_was_laid_twice_counts_twice() -> None:
    found = laid(4, (*ALL_SIDES, BoxUp.X, BoxUp.MINUS_Z), chip=Chip.ADXL345)
    fit = fit_of(found)
    assert [stretch.side for stretch in fit.stretches] == [*SIDES, "+x", "-z"]
    assert fit.problems == ()
    assert off(found, errors_of(fit))[1] < 0.03


def test_a_box_that_is_carried_about_before_and_after_is_measured_all_the_same() -> None:
    found = drawn(5, chip=Chip.ADXL345)
    for up in ALL_SIDES:
        for _ in range(3):
            lay_box(found.lift, up)
        found.lift.wait(5.0)
    for _ in range(3):
        lay_box(found.lift, BoxUp.X)
    gain_off, offset_off = off(found, errors_of(fit_of(found)))
    assert gain_off < 0.002
    assert offset_off < 0.03


def test_the_same_recording_gives_the_same_result() -> None:
    texts = {to_json(Commissioning("00", "lift", "0", None, (sides_result(fit_of(laid(6))),))) for _ in range(2)}
    assert len(texts) == 1


def test_the_corrected_samples_have_the_length_of_gravity_in_any_direction() -> None:
    found = laid(7, chip=Chip.LIS3DH)
    fit = fit_of(found)
    assert max(abs(before - 9.80665) for before, _ in fit.lengths_mps2) > 0.03
    assert max(abs(after - 9.80665) for _, after in fit.lengths_mps2) < 0.01


# ---- refused


@pytest.mark.parametrize("up", ALL_SIDES)
def test_a_side_that_is_missing_is_named(up: BoxUp) -> None:
    result = sides_result(fit_of(laid(8, [each for each in ALL_SIDES if each is not up], lies_s=6.0)))
    assert result.verdict is Verdict.FAILED
    assert [(reason.key, dict(reason.values)) for reason in result.reasons] == [("sides.missing", {"sides": up.value})]
    assert result.next_action is not None
    assert chip_errors_of((result,)) is None


def test_a_side_that_lay_too_short_is_missing() -> None:
    found = laid(9, ALL_SIDES[:-1])
    lay_box(found.lift, ALL_SIDES[-1])
    found.lift.wait(1.5)
    lay_box(found.lift, BoxUp.X)
    assert fit_of(found).missing == ("-z",)


def test_a_box_that_is_handled_all_the_time_is_refused() -> None:
    found = drawn(10)
    for up in ALL_SIDES * 4:
        lay_box(found.lift, up)
    assert keys(sides_result(fit_of(found))) == {"sides.never_still"}


def test_a_box_that_is_turned_slowly_in_the_hand_lies_on_no_side() -> None:
    found = drawn(11)
    found.lift.wait(40.0)
    turned = [
        AccelFrame(
            each.times_ns,
            np.array(
                [
                    rotation(np.array([1.0, 0.4, 0.7]), 12.0 * (int(t_ns) - START_NS) / 1e9) @ row
                    for t_ns, row in zip(each.times_ns, each.samples_mps2, strict=True)
                ]
            ),
        )
        if isinstance(each, AccelFrame)
        else each
        for each in found.readings()
    ]
    assert still_stretches(turned) == ()


def test_a_box_that_is_screwed_on_already_lacks_five_sides() -> None:
    found = drawn(12)
    assert found.box.accel is not None
    found = replace(found, box=replace(found.box, accel=replace(found.box.accel, mounting=np.eye(3))))
    found.lift.wait(40.0)
    assert fit_of(found).missing == ("+x", "-x", "+y", "-y", "-z")


@pytest.mark.parametrize(
    ("gain", "offset_mps2", "key"),
    [(2.0, 0.0, "sides.gain_off"), (1.08, 0.0, "sides.gain_off"), (1.0, 2.5, "sides.offset_off")],
    ids=["wrong range", "wrong chip", "offset"],
)
def test_errors_that_no_such_chip_has_are_refused_with_the_axis(gain: float, offset_mps2: float, key: str) -> None:
    readings = altered(laid(13, chip=Chip.ADXL345).readings(), gain, offset_mps2, axis=1)
    result = sides_result(fit_sides(readings, chip="adxl345", range_mps2=39.24))
    assert keys(result) == {key}
    assert dict(result.reasons[0].values)["axis"] == "y"
    assert chip_errors_of((result,)) is None


def test_sides_that_contradict_each_other_are_refused() -> None:
    """As on a table in a lift that goes up: 0.3 m/s2 more while one side is up for the second time."""
    found = laid(14, (*ALL_SIDES, BoxUp.Z, BoxUp.Y, BoxUp.MINUS_Y), chip=Chip.ADXL345)
    begin_s = 8 * 6.6
    readings = [
        replace(each, samples_mps2=each.samples_mps2 * 1.03)
        if isinstance(each, AccelFrame) and (int(each.times_ns[0]) - START_NS) / 1e9 > begin_s
        else each
        for each in found.readings()
    ]
    assert keys(sides_result(fit_sides(readings, chip="adxl345", range_mps2=None))) == {"sides.disagree"}


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (Saturated(Window(START_NS + 2 * S_NS, START_NS + 6 * S_NS), 39.24), "fit.saturated"),
        (Frozen(Window(START_NS + 3 * S_NS, START_NS + 6 * S_NS)), "fit.frozen"),
        (Gone(Window(START_NS + 3 * S_NS, START_NS + 6 * S_NS), "accelerometer"), "fit.gaps"),
        (Gone(Window(START_NS + 9 * S_NS, START_NS + 99 * S_NS), "accelerometer"), "fit.too_short"),
        (Gone(Window(0, START_NS + 99 * S_NS), "accelerometer"), "fit.no_samples"),
    ],
    ids=["saturated", "frozen", "gap", "short", "nothing"],
)
def test_bad_samples_are_refused_by_name(fault: Saturated | Frozen | Gone, key: str) -> None:
    clean = laid(15, chip=Chip.ADXL345).readings()
    readings = list(with_fault(clean, fault, np.random.default_rng(1)))
    result = sides_result(fit_sides(readings, chip="adxl345", range_mps2=39.24))
    assert key in keys(result)
    assert result.verdict is Verdict.FAILED


def test_a_box_that_is_put_down_so_hard_that_the_chip_clips_is_measured_all_the_same() -> None:
    found = laid(16, chip=Chip.LIS3DH)
    for number in range(6):
        found.lift.shake(6.6 * number + 1.3, (60.0, 60.0, 60.0), 20.0, 40.0)
    assert found.box.accel is not None
    samples = np.concatenate([each.samples_mps2 for each in found.readings() if isinstance(each, AccelFrame)])
    assert np.count_nonzero(np.abs(samples) >= found.box.accel.range_mps2 * 0.99) > 5
    assert sides_result(fit_of(found)).verdict is Verdict.PASSED


# ---- what later steps read of it


def test_later_steps_read_from_the_result_what_was_fitted() -> None:
    fit = fit_of(laid(17))
    whole = Commissioning("00", "lift", "0", None, (sides_result(fit),))
    read = chip_errors_of(from_json(to_json(whole)).results)
    errors = errors_of(fit)
    assert read is not None
    assert read.gain == pytest.approx(errors.gain, rel=1e-5)
    assert read.offset_mps2 == pytest.approx(errors.offset_mps2, rel=1e-5)
    assert read.gain_sigma == pytest.approx(errors.gain_sigma, rel=1e-5)
    assert read.offset_sigma_mps2 == pytest.approx(errors.offset_sigma_mps2, rel=1e-5)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.SKIPPED])
def test_of_a_step_that_failed_or_was_left_out_nothing_is_read(verdict: Verdict) -> None:
    result = sides_result(fit_of(laid(18)))
    assert chip_errors_of((result,)) is not None
    assert chip_errors_of((replace(result, verdict=verdict),)) is None
    assert chip_errors_of((StepResult(StepName.NOISE, Verdict.PASSED),)) is None


@pytest.mark.parametrize(
    ("latitude_deg", "gravity_mps2"),
    [(0.0, 9.7803), (45.0, 9.8062), (90.0, 9.8322)],  # Source: WGS 84 normal gravity (memory, unverified)
)
def test_the_latitude_says_what_gravity_the_sides_were_measured_by(latitude_deg: float, gravity_mps2: float) -> None:
    readings = laid(3).readings()
    anywhere = errors_of(fit_sides(readings, chip="adxl355", range_mps2=None))
    there = errors_of(fit_sides(readings, chip="adxl355", range_mps2=None, latitude_deg=latitude_deg))
    assert np.array(there.gain) * gravity_mps2 == pytest.approx(np.array(anywhere.gain) * 9.80665, rel=1e-5)
    assert there.gain_sigma < anywhere.gain_sigma
    assert there.offset_mps2 == anywhere.offset_mps2
