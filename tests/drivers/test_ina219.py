"""The supply monitor on a byte-level chip."""

from __future__ import annotations

import pytest

from drivers.ina219 import Supply, SupplySample
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from tests.drivers.fake_adxl345 import FakeBus
from tests.drivers.fake_barometers import FakeIna219
from tests.drivers.virtual_clock import VirtualClock


class Bench:
    def __init__(self, *, shunt_ohm: float = 0.002) -> None:
        self.clock = VirtualClock()
        self.chip = FakeIna219()
        self.bus = FakeBus(self.chip, self.clock.advance_ns, address=0x40)
        self.supply = Supply("1", now_ns=self.clock.now_ns, shunt_ohm=shunt_ohm, open_bus=self.bus.open)


def test_voltage_and_current_are_those_of_the_worked_example() -> None:
    # Data sheet, table 8: shunt 0x07D0 is 20 mV, bus 0x5D98 is 11.98 V, with 2 milliohms 10 A (from memory).
    bench = Bench()
    sample = bench.supply.read()
    assert sample == SupplySample(bench.clock.now_ns(), sample.voltage_v, sample.current_a)
    assert (sample.voltage_v, sample.current_a) == pytest.approx((11.98, 10.0))


def test_a_current_into_the_battery_is_negative() -> None:
    bench = Bench(shunt_ohm=0.1)
    bench.chip.shunt = -320_00
    assert bench.supply.read().current_a == pytest.approx(-3.2)


def test_flags_beside_the_voltage_are_no_voltage() -> None:
    bench = Bench()
    bench.chip.bus = 0x5D98 | 0x3
    assert bench.supply.read().voltage_v == pytest.approx(11.98)


def test_it_measures_all_the_time_over_many_conversions() -> None:
    bench = Bench()
    bench.supply.open()
    assert bench.chip.configuration == 0x3FFF


def test_another_chip_is_told_by_what_it_holds_after_a_reset() -> None:
    bench = Bench()
    bench.chip.at_reset = 0x4127  # an INA226
    with pytest.raises(WrongDevice, match="0x4127"):
        bench.supply.open()


def test_an_absent_chip_says_what_to_check_and_is_found_again() -> None:
    bench = Bench()
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable) as caught:
        bench.supply.read()
    assert "i2cdetect -y 1" in caught.value.hint
    bench.bus.is_connected = True
    assert bench.supply.read().voltage_v == pytest.approx(11.98)


def test_a_dip_of_the_supply_is_noticed_and_mended_with_the_next_reading() -> None:
    bench = Bench()
    bench.supply.open()
    bench.chip.power_on()
    with pytest.raises(SourceUnavailable, match="lost its settings"):
        bench.supply.read()
    assert bench.supply.read().voltage_v == pytest.approx(11.98)
    assert bench.chip.configuration == 0x3FFF


@pytest.mark.parametrize("shunt_ohm", [0.0009, 1.1, -0.1])
def test_a_shunt_that_nobody_fits_is_refused(shunt_ohm: float) -> None:
    with pytest.raises(SettingsError):
        Bench(shunt_ohm=shunt_ohm)
