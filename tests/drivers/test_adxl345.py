"""The ADXL345 driver on a byte-level chip under a virtual clock."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.adxl345 import Adxl345
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import AccelFrame, FaultReason, Reading, SamplesLost, SourceFault
from tests.drivers.fake_adxl345 import NO_ACKNOWLEDGE, TIMED_OUT, FakeAdxl345, FakeBus, numbers_of
from tests.drivers.virtual_clock import VirtualClock

MS = 1_000_000


class Bench:
    """A chip on a bus, and the driver that reads it."""

    def __init__(
        self, *, rate_hz: int = 400, rate_factor: float = 1.0, device_id: int = 0xE5, range_g: int = 16
    ) -> None:
        self.clock = VirtualClock()
        self.chip = FakeAdxl345(self.clock.now_ns, device_id=device_id, rate_factor=rate_factor)
        self.bus = FakeBus(self.chip, self.clock.advance_ns)
        self.driver = Adxl345(
            "1",
            now_ns=self.clock.now_ns,
            rate_hz=rate_hz,
            range_g=range_g,
            wait=self.clock.wait,
            open_bus=self.bus.open,
        )

    def run(self, seconds: float) -> list[Reading]:
        """All readings of this long, the driver read as the agent does."""
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        readings: list[Reading] = []
        while self.clock.now_ns() < end_ns:
            readings.extend(self.driver.read(0.2))
        return readings


def frames(readings: list[Reading]) -> list[AccelFrame]:
    return [reading for reading in readings if isinstance(reading, AccelFrame)]


def faults(readings: list[Reading]) -> list[FaultReason]:
    return [reading.reason for reading in readings if isinstance(reading, SourceFault)]


def losses(readings: list[Reading]) -> list[SamplesLost]:
    return [reading for reading in readings if isinstance(reading, SamplesLost)]


def all_numbers(readings: list[Reading]) -> list[int]:
    return [number for frame in frames(readings) for number in numbers_of(frame.samples_mps2)]


def all_times(readings: list[Reading]) -> list[int]:
    return [int(t_ns) for frame in frames(readings) for t_ns in frame.times_ns]


def test_every_sample_arrives_once_and_in_order() -> None:
    bench = Bench()
    bench.driver.open()
    numbers = all_numbers(bench.run(5.0))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 1985  # 5 s at 400 Hz, less the block still in the FIFO


def test_samples_are_in_metres_per_second_squared() -> None:
    bench = Bench()
    bench.driver.open()
    first = frames(bench.run(0.1))[0].samples_mps2[0]
    # Data sheet, table 1: 256 counts are 1 g. Sample 0 of the fake is (-2048, 0, 256) counts.
    assert first == pytest.approx([-8 * 9.80665, 0.0, 9.80665])


def test_blocks_are_twenty_to_fifty_milliseconds_long() -> None:
    for rate_hz in (100, 200, 400):
        bench = Bench(rate_hz=rate_hz)
        bench.driver.open()
        lengths = [len(frame.times_ns) / rate_hz for frame in frames(bench.run(2.0))[1:]]
        assert min(lengths) >= 0.02
        assert max(lengths) <= 0.05


@pytest.mark.parametrize("rate_factor", [0.95, 0.99, 1.0, 1.03, 1.05])
@pytest.mark.parametrize("rate_hz", [100, 400, 800])
def test_sample_times_follow_the_true_rate_of_the_chip(rate_hz: int, rate_factor: float) -> None:
    bench = Bench(rate_hz=rate_hz, rate_factor=rate_factor)
    bench.driver.open()
    readings = bench.run(8.0)
    period_ns = 1e9 / (rate_hz * rate_factor)
    late = [
        (t_ns - bench.chip.time_of(number)) / period_ns
        for t_ns, number in zip(all_times(readings), all_numbers(readings), strict=True)
        if t_ns > bench.chip.time_of(0) + 2e9
    ]
    assert max(abs(error) for error in late) < 0.75
    assert bench.driver.fitted_rate_hz == pytest.approx(rate_hz * rate_factor, rel=0.003)
    assert losses(readings) == []


def test_times_ascend_strictly_and_never_lie_in_the_future() -> None:
    bench = Bench(rate_factor=1.04)
    bench.driver.open()
    last_ns = 0
    for _ in range(200):
        for reading in bench.driver.read(0.2):
            assert isinstance(reading, AccelFrame)
            assert reading.times_ns[0] > last_ns
            assert np.all(np.diff(reading.times_ns) > 0)
            last_ns = int(reading.times_ns[-1])
            assert last_ns <= bench.clock.now_ns()


def test_the_configuration_is_the_one_of_the_data_sheet() -> None:
    bench = Bench(rate_hz=200, range_g=4)
    bench.driver.open()
    held = {register: bench.chip.read(register, 1)[0] for register in (0x1E, 0x1F, 0x20, 0x2C, 0x2D, 0x2E, 0x31, 0x38)}
    # 200 Hz; measure; no interrupts; full resolution and +-4 g; stream mode with a watermark of 16; no offsets.
    assert held == {0x1E: 0, 0x1F: 0, 0x20: 0, 0x2C: 0x0B, 0x2D: 0x08, 0x2E: 0, 0x31: 0x09, 0x38: 0x90}


def test_another_chip_is_named_with_its_id() -> None:
    bench = Bench(device_id=0x33)
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert "0x33" in caught.value.problem
    assert "0xe5" in caught.value.problem
    assert caught.value.subject == "1 address 0x53"


@pytest.mark.parametrize("device_id", [0x00, 0xFF])
def test_a_bus_that_reads_all_the_same_is_called_a_wiring_fault(device_id: int) -> None:
    with pytest.raises(WrongDevice) as caught:
        Bench(device_id=device_id).driver.open()
    assert "SDA and SCL" in caught.value.hint


def test_an_absent_chip_says_what_to_check() -> None:
    bench = Bench()
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert "i2cdetect -y 1" in caught.value.hint


@pytest.mark.parametrize("register", [0x1F, 0x2C, 0x2D, 0x2E, 0x31, 0x38])
def test_a_register_that_does_not_keep_its_setting_is_found(register: int) -> None:
    bench = Bench()
    bench.chip.stuck[register] = 0x41
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    # The three offset registers are written together, from 0x1e on.
    assert f"register {0x1E if register == 0x1F else register:#04x}" in caught.value.problem


def test_a_reader_that_comes_late_reports_how_many_samples_were_lost() -> None:
    bench = Bench()
    bench.driver.open()
    before = bench.run(2.0)
    bench.clock.advance_ns(500 * MS)  # the FIFO holds 80 ms
    after = bench.run(1.0)
    lost = losses(after)
    missing = all_numbers(after)[0] - all_numbers(before)[-1] - 1
    assert len(lost) == 1
    assert abs(lost[0].count - missing) <= 2
    assert lost[0].t_ns == all_times(after)[0] - 1
    # The time line after the gap is right at once, with the rate known from before it.
    error_ns = all_times(after)[0] - bench.chip.time_of(all_numbers(after)[0])
    assert abs(error_ns) < 1.1 * 1e9 / 400


def test_a_full_fifo_that_lost_two_samples_is_reported() -> None:
    bench = Bench()
    bench.driver.open()
    before = bench.run(2.0)
    last = all_numbers(before)[-1]
    # 34 samples and a half are due at the next look: two more than the FIFO holds.
    next_look_ns = round(bench.chip.time_of(last + 34) + 1.25 * MS)
    bench.clock.advance_ns(next_look_ns - bench.clock.now_ns() - 200_000)
    after = bench.run(0.5)
    assert all_numbers(after)[0] == last + 3
    assert [loss.count for loss in losses(after)] == [2]


def test_a_reader_held_up_in_the_middle_of_a_drain_is_noticed_by_the_count() -> None:
    bench = Bench()
    bench.driver.open()
    before = bench.run(2.0)
    bench.clock.advance_ns(35 * MS)
    real_read = bench.chip.read
    reads = iter(range(10**6))

    def held_up_at_the_third_sample(register: int, count: int) -> bytes:
        if register == 0x32 and next(reads) == 3:
            bench.clock.advance_ns(300 * MS)
        return real_read(register, count)

    bench.chip.read = held_up_at_the_third_sample  # type: ignore[method-assign]
    after = bench.run(1.0)
    gaps = np.diff(all_numbers(before + after))
    missing = int(gaps.max()) - 1
    assert missing > 50
    reported = losses(after)
    assert len(reported) == 1
    assert abs(reported[0].count - missing) <= 3


def test_one_failed_look_costs_nothing() -> None:
    bench = Bench()
    bench.driver.open()
    before = bench.run(1.0)
    bench.bus.fail_next.append(NO_ACKNOWLEDGE)
    readings = before + bench.run(1.0)
    numbers = all_numbers(readings)
    assert numbers == list(range(len(numbers)))
    assert losses(readings) == []
    assert faults(readings) == []


def test_one_failed_read_of_a_sample_loses_that_sample_only() -> None:
    bench = Bench()
    bench.driver.open()
    before = bench.run(1.0)
    bench.bus.fail_next_data.extend([0, 0, 0, NO_ACKNOWLEDGE])
    readings = before + bench.run(1.0)
    assert [loss.count for loss in losses(readings)] == [1]
    assert faults(readings) == []
    numbers = all_numbers(readings)
    assert sorted(set(range(numbers[-1] + 1)) - set(numbers)) == [len(all_numbers(before)) + 3]
    errors = [t - bench.chip.time_of(n) for t, n in zip(all_times(readings), numbers, strict=True) if n > 350]
    assert max(abs(error) for error in errors) < 1.0 * 1e9 / 400


def test_damaged_samples_are_dropped_and_counted() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(0.5)
    bench.chip.damage_counts.add(bench.chip.produced + 4)
    readings = bench.run(0.5)
    lost = losses(readings)
    assert len(lost) == 1
    assert 1 <= lost[0].count <= 16
    assert faults(readings) == []
    highest = max(float(np.abs(frame.samples_mps2).max()) for frame in frames(readings))
    assert highest < 16 * 9.80665 + 0.1


@pytest.mark.parametrize("outage_s", [1.0, 10.0, 600.0])
def test_unplugging_is_said_once_and_replugging_is_found(outage_s: float) -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.bus.is_connected = False
    out = bench.run(outage_s)
    assert faults(out) == [FaultReason.ABSENT]
    assert frames(out) == []
    bench.chip.power_on()
    bench.bus.is_connected = True
    replugged_ns = bench.clock.now_ns()
    back = bench.run(6.0)
    assert faults(back) == []
    assert frames(back)[0].t_ns - replugged_ns < 5.2e9


def test_samples_from_before_an_outage_do_not_come_out_after_it() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.bus.is_connected = False
    bench.run(1.0)
    bench.bus.is_connected = True  # the chip had power all the time and its FIFO is full
    first = all_numbers(bench.run(6.0))[0]
    assert first == bench.chip.begun_number


def test_attempts_of_a_dead_sensor_are_at_most_five_seconds_apart_and_not_more_often() -> None:
    bench = Bench()
    bench.driver.open()
    bench.bus.is_connected = False
    bench.run(30.0)
    opened_before = bench.bus.open_count
    bench.run(600.0)
    assert 120 <= bench.bus.open_count - opened_before <= 170


def test_a_changed_reason_is_said_again() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.bus.is_connected = False
    first = bench.run(10.0)
    bench.bus.is_connected = True
    bench.chip.device_id = 0x33
    second = bench.run(10.0)
    assert faults(first + second) == [FaultReason.ABSENT, FaultReason.WRONG_DEVICE]


def test_a_hanging_bus_is_not_asked_three_times_in_one_read() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.bus.errno_when_gone, bench.bus.is_connected = TIMED_OUT, False
    before = bench.bus.transfer_count
    readings: list[Reading] = []
    while not readings:
        readings.extend(bench.driver.read(0.2))
    assert faults(readings) == [FaultReason.BUS_ERROR]
    assert bench.bus.transfer_count - before == 1


def test_a_dip_of_the_supply_is_called_lost_settings_and_mended() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.chip.power_on()
    readings = bench.run(2.0)
    assert faults(readings) == [FaultReason.CONFIGURATION]
    assert frames(readings)
    assert isinstance(readings[-1], AccelFrame)


def test_a_fifo_that_stays_empty_is_silence() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.chip.is_frozen = True
    readings = bench.run(20.0)
    assert faults(readings) == [FaultReason.SILENT]
    bench.chip.is_frozen = False
    assert frames(bench.run(6.0))


@pytest.mark.parametrize("rate_factor", [0.5, 0.85, 1.15, 2.0])
def test_a_wrong_rate_is_said_once_and_its_samples_are_kept_back(rate_factor: float) -> None:
    bench = Bench(rate_factor=rate_factor)
    bench.driver.open()
    bench.run(2.0)
    readings = bench.run(20.0)
    assert frames(readings) == []
    assert faults(readings) == []
    bench.chip.rate_factor = 1.0
    assert frames(bench.run(8.0))


def test_a_wrong_rate_is_found_within_a_second_and_a_half() -> None:
    bench = Bench(rate_factor=0.8)
    bench.driver.open()
    assert faults(bench.run(1.5)) == [FaultReason.WRONG_RATE]


@pytest.mark.parametrize("rate_factor", [0.92, 1.08])
def test_a_rate_just_inside_the_tolerance_is_no_fault(rate_factor: float) -> None:
    bench = Bench(rate_factor=rate_factor)
    bench.driver.open()
    readings = bench.run(10.0)
    assert faults(readings) == []
    assert losses(readings) == []


def test_a_source_that_could_not_be_opened_recovers_in_read() -> None:
    bench = Bench()
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable):
        bench.driver.open()
    assert faults(bench.run(1.0)) == [FaultReason.ABSENT]
    bench.bus.is_connected = True
    assert frames(bench.run(6.0))


def test_a_fifo_status_that_cannot_be_is_a_bus_error() -> None:
    bench = Bench()
    bench.driver.open()
    bench.run(1.0)
    bench.chip.stuck[0x39] = 0xFF
    assert faults(bench.run(5.0)) == [FaultReason.BUS_ERROR]


def test_no_read_lasts_longer_than_its_time_and_one_drain() -> None:
    bench = Bench()
    bench.driver.open()
    for fault in (False, True):
        bench.bus.is_connected = not fault
        for _ in range(100):
            begun_ns = bench.clock.now_ns()
            bench.driver.read(0.1)
            assert bench.clock.now_ns() - begun_ns <= 130 * MS


def test_a_rate_that_i2c_cannot_carry_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        Bench(rate_hz=1600)
    assert "800" in caught.value.hint
