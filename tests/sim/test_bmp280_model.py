"""The byte model of a BMP280, read by the real driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.bmp280 import Bmp280
from edge_agent.readings import PressureSample, Reading, SourceFault
from sim.bmp280 import CONFIG, CTRL_MEAS, DATA, ID, RESET, Bmp280Model, _fine_temperature, _pressure_pa
from sim.buses import I2cServer


class Air:
    """What the chip is in."""

    hpa, degc = 1013.25, 21.0


@pytest.fixture
def chip() -> Bmp280Model:
    return Bmp280Model(lambda _s: Air.hpa, lambda _s: Air.degc)


@pytest.fixture
def source(tmp_path: Path, chip: Bmp280Model) -> Iterator[Bmp280]:
    server = I2cServer(tmp_path / "i2c", {0x76: chip}, lambda: time.monotonic_ns() / 1e9, threading.Lock())
    source = Bmp280(f"unix:{server.path}", now_ns=time.monotonic_ns, rate_hz=10.0)
    source.open()
    yield source
    source.close()
    server.close()


def next_of(source: Bmp280, kind: type[Reading]) -> Reading:
    for _ in range(100):
        for reading in source.read(0.2):
            if isinstance(reading, kind):
                return reading
    raise AssertionError(f"no {kind.__name__}")


def test_formulas_give_the_worked_example_of_the_data_sheet() -> None:
    fine = _fine_temperature(519888)
    assert fine / 5120.0 == pytest.approx(25.08, abs=0.01)
    assert _pressure_pa(415148, fine) == pytest.approx(100653.27, abs=1.0)


@pytest.mark.parametrize("hpa", [700.0, 955.5, 1013.25, 1080.0])
@pytest.mark.parametrize("degc", [-20.0, 21.0, 60.0])
def test_driver_reads_the_air_that_the_chip_is_in(
    source: Bmp280, monkeypatch: pytest.MonkeyPatch, hpa: float, degc: float
) -> None:
    monkeypatch.setattr(Air, "hpa", hpa)
    monkeypatch.setattr(Air, "degc", degc)
    next_of(source, PressureSample)
    sample = next_of(source, PressureSample)
    assert isinstance(sample, PressureSample)
    assert sample.pressure_hpa == pytest.approx(hpa, abs=0.02)


def test_chip_that_lost_its_supply_is_noticed_and_set_up_again(source: Bmp280, chip: Bmp280Model) -> None:
    next_of(source, PressureSample)
    chip.power_cycle()
    assert isinstance(next_of(source, SourceFault), SourceFault)
    next_of(source, PressureSample)


def test_settings_are_kept_as_the_chip_keeps_them(chip: Bmp280Model) -> None:
    assert chip.read(ID, 1, 0.0) == b"\x58"
    chip.write(ID, b"\x00", 0.0)
    assert chip.read(ID, 1, 0.0) == b"\x58"
    chip.write(CTRL_MEAS, b"\x57", 1.0)
    chip.write(CONFIG, b"\x10", 1.0)
    assert chip.read(CONFIG, 1, 1.0) == b"\x00"  # deaf while it measures
    assert chip.read(DATA, 1, 1.0) == b"\x80"  # nothing yet
    assert chip.read(DATA, 1, 1.2) != b"\x80"
    chip.write(RESET, b"\xb6", 2.0)
    assert chip.read(CTRL_MEAS, 1, 2.0) == b"\x00"
