"""The byte model of a BMP390, read by the real driver through the served bus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.bmp390 import Bmp390
from edge_agent.readings import PressureSample, Reading, SourceFault
from sim.bmp390 import (
    CHIP_ID,
    CMD,
    DATA,
    ERRORS,
    ODR,
    OSR,
    PWR_CTRL,
    SOFT_RESET,
    STATUS,
    Bmp390Model,
    pressure_of,
    temperature_degc,
)
from sim.buses import I2cServer


class Air:
    """What the chip is in."""

    hpa, degc = 1013.25, 21.0


@pytest.fixture
def chip() -> Bmp390Model:
    return Bmp390Model(lambda _s: Air.hpa, lambda _s: Air.degc)


@pytest.fixture
def source(tmp_path: Path, chip: Bmp390Model) -> Iterator[Bmp390]:
    server = I2cServer(tmp_path / "i2c", {0x77: chip}, lambda: time.monotonic_ns() / 1e9, threading.Lock())
    source = Bmp390(f"unix:{server.path}", now_ns=time.monotonic_ns, rate_hz=10.0)
    source.open()
    yield source
    source.close()
    server.close()


def next_of(source: Bmp390, kind: type[Reading]) -> Reading:
    for _ in range(100):
        for reading in source.read(0.2):
            if isinstance(reading, kind):
                return reading
    raise AssertionError(f"no {kind.__name__}")


def test_formulas_give_the_published_reading_of_that_chip() -> None:
    # Source: tests of elixir-sensors/bmp3xx: these raw numbers are 30.5 degrees and 100,876 Pa there.
    degc = temperature_degc(8771699)
    assert degc == pytest.approx(30.5, abs=0.01)
    assert pressure_of(7184279, degc) == pytest.approx(100876.0, abs=1.0)


@pytest.mark.parametrize("hpa", [700.0, 955.5, 1013.25, 1200.0])
@pytest.mark.parametrize("degc", [-20.0, 21.0, 60.0])
def test_driver_reads_the_air_that_the_chip_is_in(
    source: Bmp390, monkeypatch: pytest.MonkeyPatch, hpa: float, degc: float
) -> None:
    monkeypatch.setattr(Air, "hpa", hpa)
    monkeypatch.setattr(Air, "degc", degc)
    next_of(source, PressureSample)
    sample = next_of(source, PressureSample)
    assert isinstance(sample, PressureSample)
    assert sample.pressure_hpa == pytest.approx(hpa, abs=0.02)


def test_chip_that_lost_its_supply_or_measures_no_more_is_noticed_and_comes_back(
    source: Bmp390, chip: Bmp390Model
) -> None:
    next_of(source, PressureSample)
    chip.power_cycle()
    assert isinstance(next_of(source, SourceFault), SourceFault)
    next_of(source, PressureSample)
    chip.is_silent = True
    assert isinstance(next_of(source, SourceFault), SourceFault)
    chip.is_silent = False
    next_of(source, PressureSample)


def test_registers_keep_reset_and_mark_what_is_new_as_the_chip_does(chip: Bmp390Model) -> None:
    assert chip.read(CHIP_ID, 1, 0.0) == b"\x60"
    chip.write(CHIP_ID, b"\x00", 0.0)
    assert chip.read(CHIP_ID, 1, 0.0) == b"\x60"
    chip.write(OSR, b"\x0c", 0.0)
    chip.write(ODR, b"\x03", 0.0)
    chip.write(PWR_CTRL, b"\x33", 0.0)
    assert chip.read(STATUS, 1, 0.03) == b"\x10"
    assert chip.read(STATUS, 1, 0.05) == b"\x70"
    chip.read(DATA, 6, 0.05)
    assert chip.read(STATUS, 1, 0.06) == b"\x10"  # read, and no newer one yet
    chip.write(CMD, bytes([SOFT_RESET]), 0.07)
    assert chip.read(PWR_CTRL, 1, 0.07) == b"\x00"


def test_settings_that_need_more_time_than_there_is_are_refused(chip: Bmp390Model) -> None:
    chip.write(OSR, b"\x2c", 0.0)  # pressure x16, temperature x32: 97 ms
    chip.write(ODR, b"\x03", 0.0)  # each 40 ms
    chip.write(PWR_CTRL, b"\x33", 0.0)
    assert chip.read(ERRORS, 1, 0.0) == b"\x04"
    assert chip.read(ERRORS, 1, 0.0) == b"\x00"
    assert chip.read(STATUS, 1, 1.0) == b"\x10"
