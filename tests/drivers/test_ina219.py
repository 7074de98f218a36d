"""The supply monitor as a source, on a byte-level chip under a virtual clock."""

from __future__ import annotations

import pytest

from drivers.ina219 import Ina219
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, Reading, SourceFault, SupplySample
from tests.drivers.fake_adxl345 import NO_ACKNOWLEDGE, FakeBus
from tests.drivers.fake_barometers import FakeIna219
from tests.drivers.virtual_clock import VirtualClock


class Bench:
    def __init__(self, *, shunt_ohm: float = 0.002, rate_hz: float = 1.0) -> None:
        self.clock = VirtualClock()
        self.chip = FakeIna219()
        self.bus = FakeBus(self.chip, self.clock.advance_ns, address=0x40)
        self.driver = Ina219(
            "1",
            now_ns=self.clock.now_ns,
            shunt_ohm=shunt_ohm,
            rate_hz=rate_hz,
            wait=self.clock.wait,
            open_bus=self.bus.open,
        )

    def run(self, seconds: float) -> list[Reading]:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        readings: list[Reading] = []
        while self.clock.now_ns() < end_ns:
            readings.extend(self.driver.read(0.2))
        return readings

    def first(self) -> SupplySample:
        self.driver.open()
        return samples(self.run(2.0))[0]


def samples(readings: list[Reading]) -> list[SupplySample]:
    return [reading for reading in readings if isinstance(reading, SupplySample)]


def faults(readings: list[Reading]) -> list[FaultReason]:
    return [reading.reason for reading in readings if isinstance(reading, SourceFault)]


def test_voltage_and_current_are_those_of_the_worked_example() -> None:
    # Data sheet, table 8: shunt 0x07D0 is 20 mV, bus 0x5D98 is 11.98 V, with 2 milliohms 10 A (from memory).
    sample = Bench().first()
    assert (sample.voltage_v, sample.current_a) == pytest.approx((11.98, 10.0))


def test_a_current_into_the_battery_is_negative() -> None:
    bench = Bench(shunt_ohm=0.1)
    bench.chip.shunt = -320_00
    assert bench.first().current_a == pytest.approx(-3.2)


def test_flags_beside_the_voltage_are_no_voltage() -> None:
    bench = Bench()
    bench.chip.bus = 0x5D98 | 0x3
    assert bench.first().voltage_v == pytest.approx(11.98)


@pytest.mark.parametrize("rate_hz", [0.2, 1.0, 5.0])
def test_it_is_read_at_the_chosen_rate(rate_hz: float) -> None:
    bench = Bench(rate_hz=rate_hz)
    bench.driver.open()
    readings = bench.run(60.0)
    assert len(samples(readings)) == pytest.approx(60.0 * rate_hz, abs=1)
    assert faults(readings) == []


@pytest.mark.parametrize("rate_hz", [0.1, 5.1])
def test_a_rate_beyond_what_makes_sense_is_refused(rate_hz: float) -> None:
    with pytest.raises(SettingsError, match="a supply monitor is not read"):
        Bench(rate_hz=rate_hz)


def test_it_measures_all_the_time_over_many_conversions() -> None:
    bench = Bench()
    bench.driver.open()
    assert bench.chip.configuration == 0x3FFF


def test_another_chip_is_told_by_what_it_holds_after_a_reset() -> None:
    bench = Bench()
    bench.chip.at_reset = 0x4127  # an INA226
    with pytest.raises(WrongDevice, match="0x4127"):
        bench.driver.open()


def test_an_absent_chip_says_what_to_check() -> None:
    bench = Bench()
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert "i2cdetect -y 1" in caught.value.hint


def test_a_dip_of_the_supply_is_noticed_and_mended() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(2.0)
    bench.chip.power_on()
    readings = bench.run(20.0)
    assert faults(readings) == [FaultReason.CONFIGURATION]
    assert isinstance(readings[-1], SupplySample)
    assert bench.chip.configuration == 0x3FFF


def test_one_failed_transfer_costs_nothing() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(2.0)
    bench.bus.fail_next.append(NO_ACKNOWLEDGE)
    readings = bench.run(5.0)
    assert faults(readings) == []
    assert len(samples(readings)) >= 4


def test_a_voltage_that_would_have_destroyed_the_chip_is_a_bus_error() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(2.0)
    bench.chip.bus = 0xFFFF  # a line that reads all ones
    readings = bench.run(10.0)
    assert faults(readings) == [FaultReason.BUS_ERROR]
    assert samples(readings) == []


@pytest.mark.parametrize("shunt_ohm", [0.0009, 1.1, -0.1])
def test_a_shunt_that_nobody_fits_is_refused(shunt_ohm: float) -> None:
    with pytest.raises(SettingsError):
        Bench(shunt_ohm=shunt_ohm)


@pytest.mark.parametrize("outage_s", [1.0, 10.0, 600.0])
def test_unplugging_is_said_once_and_replugging_is_found(outage_s: float) -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(2.0)
    bench.bus.is_connected = False
    out = bench.run(outage_s + 2.5)  # two polls must fail
    assert faults(out) == [FaultReason.ABSENT]
    assert samples(out) == []
    bench.chip.power_on()
    bench.bus.is_connected = True
    replugged_ns = bench.clock.now_ns()
    back = bench.run(8.0)
    assert faults(back) == []
    assert samples(back)[0].t_ns - replugged_ns < 6.5e9
