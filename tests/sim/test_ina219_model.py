"""The byte model of an INA219, read by the real driver through the served bus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.ina219 import Ina219
from edge_agent.readings import Reading, SourceFault, SupplySample
from sim.buses import I2cServer
from sim.ina219 import AT_RESET, BUS_VOLTAGE, CONFIGURATION, SHUNT_OHM, SHUNT_VOLTAGE, Ina219Model


class Lead:
    """What the chip measures."""

    volts, amperes = 4.1, 0.35


@pytest.fixture
def chip() -> Ina219Model:
    return Ina219Model(lambda _s: (Lead.volts, Lead.amperes))


@pytest.fixture
def source(tmp_path: Path, chip: Ina219Model) -> Iterator[Ina219]:
    server = I2cServer(tmp_path / "i2c", {0x40: chip}, lambda: time.monotonic_ns() / 1e9, threading.Lock())
    source = Ina219(f"unix:{server.path}", now_ns=time.monotonic_ns, rate_hz=5.0, shunt_ohm=SHUNT_OHM)
    source.open()
    yield source
    source.close()
    server.close()


def next_of(source: Ina219, kind: type[Reading]) -> Reading:
    for _ in range(100):
        for reading in source.read(0.2):
            if isinstance(reading, kind):
                return reading
    raise AssertionError(f"no {kind.__name__}")


@pytest.mark.parametrize(("volts", "amperes"), [(4.152, 0.35), (3.3, -0.4), (12.8, 2.0), (0.0, 0.0)])
def test_driver_reads_what_flows_in_the_lead(
    source: Ina219, monkeypatch: pytest.MonkeyPatch, volts: float, amperes: float
) -> None:
    monkeypatch.setattr(Lead, "volts", volts)
    monkeypatch.setattr(Lead, "amperes", amperes)
    next_of(source, SupplySample)
    sample = next_of(source, SupplySample)
    assert isinstance(sample, SupplySample)
    assert (sample.voltage_v, sample.current_a) == pytest.approx((volts, amperes), abs=0.003)


def test_words_are_those_of_the_worked_example(monkeypatch: pytest.MonkeyPatch, chip: Ina219Model) -> None:
    # Data sheet, table 8: 20 mV at the shunt is 0x07D0, 11.98 V is 0x5D98 (from memory); here with "ready" in bit 1.
    monkeypatch.setattr(Lead, "volts", 11.98)
    monkeypatch.setattr(Lead, "amperes", 0.2)
    assert chip.read(SHUNT_VOLTAGE, 2, 0.0) == b"\x07\xd0"
    assert chip.read(BUS_VOLTAGE, 2, 0.0) == b"\x5d\x9a"
    monkeypatch.setattr(Lead, "amperes", -0.2)
    assert chip.read(SHUNT_VOLTAGE, 2, 0.0) == b"\xf8\x30"
    chip.write(CONFIGURATION, b"\x01\x9f", 0.0)  # gain 1: no more than 40 mV
    monkeypatch.setattr(Lead, "amperes", 3.0)
    assert chip.read(SHUNT_VOLTAGE, 2, 0.0) == (4000).to_bytes(2, "big")


@pytest.mark.system  # the driver looks at its settings every 10 s
def test_chip_that_lost_its_supply_is_noticed_and_set_up_again(source: Ina219, chip: Ina219Model) -> None:
    next_of(source, SupplySample)
    chip.power_cycle()
    assert chip.read(CONFIGURATION, 2, 0.0) == AT_RESET.to_bytes(2, "big")
    assert isinstance(next_of(source, SourceFault), SourceFault)
    next_of(source, SupplySample)
    assert chip.read(CONFIGURATION, 2, 0.0) != AT_RESET.to_bytes(2, "big")
