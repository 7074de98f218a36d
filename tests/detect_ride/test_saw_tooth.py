"""Every row of the saw-tooth burst tables of the standard, by running the digital filters in the time domain."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest

from edge_agent.detect import weighting
from edge_agent.detect.ride import filtered
from tests.detect_ride import tables
from tests.detect_ride.making import Floats

FINE_HZ = 12_800
RECORD_S = 60
FILTERS = {"band": weighting.band_limit, "wd": weighting.wd, "wk": weighting.wk}


@lru_cache(maxsize=1)
def spectrum(cycles: int | None) -> np.typing.NDArray[np.complex128]:
    """60 s of a bipolar saw-tooth of 1 m/s2 peak, rising ramp and vertical fall, each burst from zero to zero."""
    t = np.arange(RECORD_S * FINE_HZ) / FINE_HZ
    since = t if cycles is None else (t - 1.0) % 10.0
    phase = since * tables.REFERENCE_HZ
    is_on = np.ones(len(t), dtype=bool) if cycles is None else (t >= 1.0) & (phase < cycles)
    found: np.typing.NDArray[np.complex128] = np.fft.rfft(np.where(is_on, 2.0 * ((phase + 0.5) % 1.0) - 1.0, 0.0))
    return found


def sampled(cycles: int | None, rate_hz: int) -> Floats:
    """The same minute as a sensor with an ideal filter at half the rate would sample it."""
    count = RECORD_S * rate_hz
    kept = spectrum(cycles)[: count // 2 + 1].copy()
    kept[-1] = 0.0
    values: Floats = np.fft.irfft(kept, count) * (count / (RECORD_S * FINE_HZ))
    return values


def indications(values: Floats, rate_hz: int) -> tuple[float, float, float]:
    """r.m.s. and VDV over the record, and the largest running r.m.s. over a second."""
    squares = values**2
    sums = np.cumsum(np.concatenate(([0.0], squares)))
    running = (sums[rate_hz:] - sums[:-rate_hz]) / rate_hz
    return (
        math.sqrt(float(squares.mean())),
        float((squares**2).sum() / rate_hz) ** 0.25,
        math.sqrt(float(running.max())),
    )


@pytest.mark.parametrize(
    "cycles", list(tables.BURSTS), ids=lambda cycles: "continuous" if cycles is None else str(cycles)
)
def test_every_burst_indication_is_within_tolerance_at_every_rate(cycles: int | None) -> None:
    for rate_hz in (320, 400, 800, 1600):
        values = sampled(cycles, rate_hz)
        for name, expected in tables.BURSTS[cycles].items():
            found = indications(filtered(FILTERS[name](float(rate_hz)), values), rate_hz)
            for value, printed, tolerance in zip(found, expected, tables.BURST_TOLERANCE, strict=True):
                assert value == pytest.approx(printed, rel=tolerance), f"{name} at {rate_hz} Hz"


def test_the_burst_itself_is_what_the_standard_describes() -> None:
    """By hand: one cycle of a 1 m/s2 saw-tooth holds 1/3 of its length; six of them in a minute."""
    values = sampled(1, 1600)
    energy = 6 * (1.0 / tables.REFERENCE_HZ) / 3.0 / RECORD_S
    assert float((values**2).mean()) == pytest.approx(energy, rel=0.05)
    assert float(np.abs(values[:1500]).max()) < 0.01
    assert float(values.max()) == pytest.approx(1.0, abs=0.15)
