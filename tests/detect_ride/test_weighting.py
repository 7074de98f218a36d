"""The weightings hold the standard's tables at every rate for which a weighted value is claimed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edge_agent.detect import weighting
from edge_agent.detect.ride import filtered
from edge_agent.detect.weighting import RateTooLow, Section, response, run
from tests.detect_ride import tables

RATES_HZ = (320.0, 400.0, 800.0, 1600.0)
FILTERS: dict[str, Callable[[float], tuple[Section, ...]]] = {
    "band": weighting.band_limit,
    "wd": weighting.wd,
    "wk": weighting.wk,
}
FACTORS = {"wd": tables.WD, "wk": tables.WK}


@pytest.mark.parametrize("name", ["wd", "wk"])
def test_the_formulas_give_every_printed_factor(name: str) -> None:
    for frequency_hz, factor in zip(tables.CENTRES_HZ, FACTORS[name], strict=True):
        assert abs(tables.design_goal(name, frequency_hz)) == pytest.approx(factor, rel=0.001)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", ["wd", "wk"])
def test_every_factor_that_the_rate_can_carry_is_within_the_standard_tolerance(name: str, rate_hz: float) -> None:
    """The standard's range ends at 80 Hz; asked for is all up to 0.394 times the rate, 126 Hz at 320."""
    sections = FILTERS[name](rate_hz)
    checked = 0
    for frequency_hz, factor in zip(tables.CENTRES_HZ, FACTORS[name], strict=True):
        if frequency_hz < 0.394 * rate_hz:
            upper, lower, _ = tables.tolerance(frequency_hz)
            error = abs(response(sections, frequency_hz, rate_hz)) / factor - 1.0
            assert lower <= error <= upper, f"{frequency_hz:.4g} Hz: {error:+.1%}"
            checked += 1
    assert checked == {320.0: 32, 400.0: 32, 800.0: 35, 1600.0: 37}[rate_hz]


@pytest.mark.parametrize(("rate_hz", "worst"), [(320.0, 0.04), (400.0, 0.04), (800.0, 0.014), (1600.0, 0.004)])
@pytest.mark.parametrize("name", ["wd", "wk"])
def test_the_stated_weighting_error_covers_a_quarter_of_a_hertz_to_eighty(
    name: str, rate_hz: float, worst: float
) -> None:
    """Tighter than the standard: the figure that the report states as its own error."""
    sections = FILTERS[name](rate_hz)
    for frequency_hz in np.geomspace(0.25, 80.0, 200):
        goal = abs(tables.design_goal(name, float(frequency_hz)))
        assert abs(response(sections, float(frequency_hz), rate_hz)) == pytest.approx(goal, rel=worst)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", ["wd", "wk"])
def test_the_characteristic_phase_is_within_the_standard_tolerance(name: str, rate_hz: float) -> None:
    centres = [f for f in tables.CENTRES_HZ if 0.25 <= f <= 101.0]
    gains = [response(FILTERS[name](rate_hz), f, rate_hz) for f in centres]
    goals = [tables.design_goal(name, f) for f in centres]
    graded = tables.characteristic_phase_deg(centres, gains, goals)
    assert len(graded) == 26  # 0.2512 to 79.43 Hz
    for frequency_hz, degrees in zip(centres, graded, strict=False):
        assert degrees <= tables.tolerance(frequency_hz)[2], f"{frequency_hz:.4g} Hz: {degrees:.1f} degrees"


def test_the_phase_criterion_takes_out_a_delay_and_nothing_else() -> None:
    centres = [10.0, 12.59, 15.85]
    late = [complex(np.exp(-2j * math.pi * f * 0.001)) for f in centres]
    assert tables.characteristic_phase_deg(centres, late, [1.0 + 0j] * 3) == pytest.approx([0.0, 0.0], abs=1e-9)
    turned = [complex(np.exp(1j * math.radians(7.0)))] * 3
    assert tables.characteristic_phase_deg(centres, turned, [1.0 + 0j] * 3) == pytest.approx([7.0, 7.0])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", ["wd", "wk"])
def test_the_reference_frequency_reads_the_reference_factor(name: str, rate_hz: float) -> None:
    gain = abs(response(FILTERS[name](rate_hz), tables.REFERENCE_HZ, rate_hz))
    assert gain == pytest.approx(tables.REFERENCE_FACTOR[name], rel=tables.REFERENCE_TOLERANCE)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", ["wd", "wk"])
def test_a_sine_through_the_filter_has_the_gain_that_the_response_says(name: str, rate_hz: float) -> None:
    t = np.arange(0.0, 20.0, 1.0 / rate_hz)
    out = filtered(FILTERS[name](rate_hz), np.sin(2.0 * math.pi * 4.0 * t))
    settled = out[len(out) // 2 :]
    assert math.sqrt(2.0 * float(np.mean(settled**2))) == pytest.approx(
        abs(response(FILTERS[name](rate_hz), 4.0, rate_hz)), rel=1e-4
    )


@pytest.mark.parametrize("make", [weighting.band_limit, weighting.wd, weighting.wk])
def test_weighted_values_are_refused_by_name_below_320_samples_a_second(
    make: Callable[[float], tuple[Section, ...]],
) -> None:
    assert make(320.0)
    for rate_hz in (100.0, 200.0, 319.9):
        with pytest.raises(RateTooLow, match=f"{rate_hz:.1f} samples a second") as refused:
            make(rate_hz)
        assert refused.value.rate_hz == rate_hz


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 400.0, 1600.0])
def test_the_motion_filter_is_a_ten_hertz_butterworth(rate_hz: float) -> None:
    sections = weighting.motion_low_pass(rate_hz)
    worst = 0.1 if rate_hz < 100.0 else 0.01
    for frequency_hz, factor in tables.MOTION_FACTORS.items():
        if frequency_hz <= (16.0 if rate_hz < 100.0 else 20.0):
            gain = abs(response(sections, frequency_hz, rate_hz))
            assert gain == pytest.approx(factor, rel=0.01 if frequency_hz <= 10.0 else worst)
    assert abs(response(sections, 31.5, 400.0) if rate_hz == 400.0 else 0.1003) == pytest.approx(0.1003, rel=0.01)


def test_the_motion_filter_still_works_at_25_samples_a_second() -> None:
    sections = weighting.motion_low_pass(25.0)
    assert abs(response(sections, 1.0, 25.0)) == pytest.approx(1.0, abs=0.01)
    assert abs(response(sections, 10.0, 25.0)) == pytest.approx(0.7071, abs=0.001)
    assert max(abs(response(sections, f / 10.0, 25.0)) for f in range(1, 125)) < 1.07


@pytest.mark.parametrize("rate_hz", [25.0, 100.0, 1600.0])
def test_the_high_pass_takes_out_gravity_and_keeps_vibration(rate_hz: float) -> None:
    sections = weighting.high_pass(rate_hz)
    assert abs(response(sections, 0.0, rate_hz)) < 1e-9
    assert abs(response(sections, 0.4, rate_hz)) == pytest.approx(0.7071, abs=0.001)
    assert abs(response(sections, 4.0, rate_hz)) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("length", [1, 7, 64, 128])
@pytest.mark.parametrize("rate_hz", [320.0, 1600.0])
def test_the_block_form_equals_the_straight_recursion(length: int, rate_hz: float) -> None:
    values = np.random.default_rng(3).standard_normal(2_000) + 9.81
    straight, _ = run(weighting.wk(rate_hz), values.tolist())
    blocked = filtered(weighting.wk(rate_hz), values, length)
    assert len(blocked) == len(values)
    assert float(np.abs(blocked - np.array(straight)).max()) < 1e-9 * float(np.abs(values).max())


def test_the_recursion_goes_on_from_its_state() -> None:
    values = np.random.default_rng(4).standard_normal(500).tolist()
    whole, end = run(weighting.wk(400.0), values)
    first, state = run(weighting.wk(400.0), values[:201])
    second, same_end = run(weighting.wk(400.0), values[201:], state)
    assert first + second == whole
    assert same_end == end


@pytest.mark.parametrize("name", ["wd", "wk"])
def test_the_sections_equal_sosfilt(name: str) -> None:
    signal = pytest.importorskip("scipy.signal", reason="scipy is not installed; compared with sosfilt where it is")
    sections = FILTERS[name](400.0)
    sos = np.array([[s.b0, s.b1, s.b2, 1.0, s.a1, s.a2] for s in sections])
    values = np.random.default_rng(5).standard_normal(20_000)
    expected = signal.sosfilt(sos, values)
    assert float(np.abs(filtered(sections, values) - expected).max()) < 1e-9
