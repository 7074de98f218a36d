"""Barometers: compensation against published numbers, and the source on byte-level chips under a virtual clock."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.bmp280 import Bmp280, Bmp280Trimming
from drivers.bmp390 import Bmp390, Bmp390Trimming
from drivers.i2c import I2cBus
from drivers.pressure import PressureSensor
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, PressureSample, Reading, SourceFault
from tests.drivers.fake_adxl345 import NO_ACKNOWLEDGE, TIMED_OUT, FakeBus
from tests.drivers.fake_barometers import (
    BMP280_ADC_P,
    BMP280_ADC_T,
    BMP280_TRIMMING,
    BMP390_RAW_P,
    BMP390_RAW_T,
    BMP390_TRIMMING,
    FakeBmp280,
    FakeBmp390,
)
from tests.drivers.virtual_clock import VirtualClock

OpenBus = Callable[[str], I2cBus]


@dataclass(frozen=True)
class Kind:
    name: str
    fake: type[FakeBmp280] | type[FakeBmp390]
    make: Callable[[VirtualClock, OpenBus, float], PressureSensor]
    address: int
    first_hpa: float
    low_adc_p: int  # a raw value that compensates to a pressure that cannot be


def _bmp280(clock: VirtualClock, open_bus: OpenBus, rate_hz: float) -> PressureSensor:
    return Bmp280("1", now_ns=clock.now_ns, rate_hz=rate_hz, wait=clock.wait, open_bus=open_bus)


def _bmp390(clock: VirtualClock, open_bus: OpenBus, rate_hz: float) -> PressureSensor:
    return Bmp390("1", now_ns=clock.now_ns, rate_hz=rate_hz, wait=clock.wait, open_bus=open_bus)


BMP280 = Kind("bmp280", FakeBmp280, _bmp280, 0x76, 1006.5327, 0xFFFFF)
BMP390 = Kind("bmp390", FakeBmp390, _bmp390, 0x77, 1008.760063, 0xFFFFFF)
each_chip = pytest.mark.parametrize("kind", [BMP280, BMP390], ids=lambda kind: kind.name)


class Bench:
    def __init__(self, kind: Kind, *, rate_hz: float = 5.0) -> None:
        self.clock = VirtualClock()
        self.chip = kind.fake(self.clock.now_ns)
        self.bus = FakeBus(self.chip, self.clock.advance_ns, address=kind.address)
        self.driver = kind.make(self.clock, self.bus.open, rate_hz)

    def run(self, seconds: float) -> list[Reading]:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        readings: list[Reading] = []
        while self.clock.now_ns() < end_ns:
            readings.extend(self.driver.read(0.2))
        return readings


def samples(readings: list[Reading]) -> list[PressureSample]:
    return [reading for reading in readings if isinstance(reading, PressureSample)]


def faults(readings: list[Reading]) -> list[FaultReason]:
    return [reading.reason for reading in readings if isinstance(reading, SourceFault)]


def test_the_bmp280_is_compensated_as_in_the_worked_example_of_its_data_sheet() -> None:
    # Data sheet, section 3.12: 25.08 degrees Celsius (t_fine 128422) and 100653.27 Pa.
    trimming = Bmp280Trimming.of(struct.pack("<HhhHhhhhhhhh", *BMP280_TRIMMING))
    fine = trimming.fine_temperature(BMP280_ADC_T)
    assert int(fine) == 128422
    assert fine / 5120 == pytest.approx(25.08, abs=0.005)
    assert trimming.pressure_pa(BMP280_ADC_P, fine) == pytest.approx(100653.27, abs=0.005)


@pytest.mark.parametrize(
    ("raw_p", "raw_t", "degc", "pa"),
    [
        # The data sheet has no worked numbers. The first is a real chip's, from the tests of elixir-sensors/bmp3xx; the
        # others were computed with the maker's BMP3_SensorAPI (double precision) for the same trimming.
        (BMP390_RAW_P, BMP390_RAW_T, 30.499314, 100876.0063),
        (7900000, 8200000, 20.561785, 87237.8422),
        (6000000, 8900000, 32.726310, 120717.5614),
    ],
)
def test_the_bmp390_is_compensated_as_by_its_maker(raw_p: int, raw_t: int, degc: float, pa: float) -> None:
    trimming = Bmp390Trimming.of(BMP390_TRIMMING)
    temperature_degc = trimming.temperature_degc(raw_t)
    assert temperature_degc == pytest.approx(degc, abs=1e-5)
    # The maker's power function rounds to single precision on the way.
    assert trimming.pressure_pa(raw_p, temperature_degc) == pytest.approx(pa, abs=0.02)


def test_trimming_that_would_divide_by_zero_gives_a_pressure_that_cannot_be() -> None:
    assert Bmp280Trimming((0, 0, 0), (0,) * 9).pressure_pa(BMP280_ADC_P, 0.0) == 0.0


@each_chip
def test_pressures_come_at_the_chosen_rate_in_hectopascals(kind: Kind) -> None:
    bench = Bench(kind, rate_hz=4.0)
    bench.driver.open()
    found = samples(bench.run(10.0))
    assert found[0].pressure_hpa == pytest.approx(kind.first_hpa, abs=0.0005)
    assert len(found) == pytest.approx(40, abs=1)
    assert [sample.t_ns for sample in found] == sorted({sample.t_ns for sample in found})
    assert found[-1].t_ns <= bench.clock.now_ns()


@pytest.mark.parametrize("rate_hz", [0.9, 11.0])
@each_chip
def test_a_rate_outside_one_to_ten_is_refused(kind: Kind, rate_hz: float) -> None:
    with pytest.raises(SettingsError) as caught:
        Bench(kind, rate_hz=rate_hz)
    assert caught.value.hint == "Allowed: 1 to 10 Hz"
    Bench(kind, rate_hz=1.0)
    Bench(kind, rate_hz=10.0)


def test_the_bmp280_is_configured_asleep_and_measures_with_all_its_resolution() -> None:
    bench = Bench(BMP280)
    bench.chip.registers[0xF4] = 0x57  # left running by another program
    bench.chip.registers[0xF5] = 0x1C  # with a filter
    bench.driver.open()
    assert (bench.chip.registers[0xF4], bench.chip.registers[0xF5]) == (0x57, 0x00)


def test_the_bmp390_measures_twenty_five_times_a_second_without_filter() -> None:
    bench = Bench(BMP390)
    bench.driver.open()
    held = {register: bench.chip.registers[register] for register in (0x1B, 0x1C, 0x1D, 0x1F)}
    assert held == {0x1B: 0x33, 0x1C: 0x0C, 0x1D: 0x03, 0x1F: 0x00}


@each_chip
def test_another_chip_is_named_with_its_id(kind: Kind) -> None:
    bench = Bench(kind)
    bench.chip.device_id = 0x61
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert "0x61" in caught.value.problem


def test_a_sibling_is_named_with_the_word_for_the_settings() -> None:
    bench = Bench(BMP280)
    bench.chip.device_id = 0x60
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert 'chip = "bmp390"' in caught.value.hint


@each_chip
def test_an_absent_chip_says_what_to_check(kind: Kind) -> None:
    bench = Bench(kind)
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert "i2cdetect -y 1" in caught.value.hint


@pytest.mark.parametrize(("kind", "register"), [(BMP280, 0xF4), (BMP280, 0xF5), (BMP390, 0x1C), (BMP390, 0x1D)])
def test_a_register_that_does_not_keep_its_setting_is_found(kind: Kind, register: int) -> None:
    bench = Bench(kind)
    bench.chip.stuck[register] = 0x41
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert f"register {register:#04x}" in caught.value.problem


@pytest.mark.parametrize("outage_s", [1.0, 10.0, 600.0])
@each_chip
def test_unplugging_is_said_once_and_replugging_is_found(kind: Kind, outage_s: float) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.is_connected = False
    out = bench.run(outage_s)
    assert faults(out) == [FaultReason.ABSENT]
    assert samples(out) == []
    bench.chip.power_on()
    bench.bus.is_connected = True
    replugged_ns = bench.clock.now_ns()
    back = bench.run(6.0)
    assert faults(back) == []
    assert samples(back)[0].t_ns - replugged_ns < 5.5e9


@each_chip
def test_one_failed_poll_costs_nothing(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.fail_next_data.append(NO_ACKNOWLEDGE)
    readings = bench.run(2.0)
    assert faults(readings) == []
    assert len(samples(readings)) >= 9


@each_chip
def test_a_poll_that_fails_three_times_costs_that_poll_and_is_no_outage(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.fail_next.extend([NO_ACKNOWLEDGE] * 3)
    readings = bench.run(2.0)
    assert faults(readings) == []
    assert len(samples(readings)) == pytest.approx(9, abs=1)
    assert bench.bus.open_count == 1


@each_chip
def test_a_dip_of_the_supply_is_called_lost_settings_and_mended(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.power_on()
    readings = bench.run(4.0)
    assert faults(readings) == [FaultReason.CONFIGURATION]
    assert isinstance(readings[-1], PressureSample)


def test_a_bmp280_put_to_sleep_by_another_program_is_found_although_its_last_value_stands() -> None:
    bench = Bench(BMP280)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.write(0xF4, b"\x54")
    bench.chip.is_stopped = False
    real_read = bench.chip.read
    held = real_read(0xF7, 6)

    def repeating(register: int, count: int) -> bytes:
        return (
            (415148 << 4).to_bytes(3, "big") + (519888 << 4).to_bytes(3, "big")
            if register == 0xF7
            else real_read(register, count)
        )

    assert held[:3] == b"\x80\x00\x00"
    bench.chip.read = repeating  # type: ignore[method-assign]
    assert FaultReason.CONFIGURATION in faults(bench.run(12.0))


@each_chip
def test_a_chip_that_stops_measuring_is_silent(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.is_stopped = True
    assert faults(bench.run(10.0)) == [FaultReason.SILENT]
    bench.chip.is_stopped = False
    assert samples(bench.run(6.0))


@each_chip
def test_a_pressure_that_cannot_be_is_a_bus_error(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.adc_p = kind.low_adc_p
    readings = bench.run(5.0)
    assert faults(readings) == [FaultReason.BUS_ERROR]
    assert samples(readings) == []


@each_chip
def test_a_hanging_bus_is_asked_once(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.errno_when_gone, bench.bus.is_connected = TIMED_OUT, False
    before = bench.bus.transfer_count
    readings: list[Reading] = []
    while not readings:
        readings.extend(bench.driver.read(0.3))
    assert faults(readings) == [FaultReason.BUS_ERROR]
    assert bench.bus.transfer_count - before == 1


def test_a_bmp390_that_refuses_its_settings_says_so() -> None:
    bench = Bench(BMP390)
    assert isinstance(bench.chip, FakeBmp390)
    real_read = bench.chip.read
    bench.chip.read = lambda register, count: (  # type: ignore[method-assign]
        b"\x04" if register == 0x02 else real_read(register, count)
    )
    with pytest.raises(SourceUnavailable, match="refuses its settings"):
        bench.driver.open()
