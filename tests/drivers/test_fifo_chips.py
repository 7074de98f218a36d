"""LIS3DH, MPU-6050 and its kin, and ADXL355: the same demands on all, on byte-level chips under a virtual clock."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.adxl345 import Adxl345
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, Reading
from tests.drivers import fake_adxl345
from tests.drivers.fake_adxl345 import NO_ACKNOWLEDGE, TIMED_OUT, FakeAdxl345, FakeBus
from tests.drivers.fake_fifo_chips import FakeAdxl355, FakeLis3dh, FakeMpu
from tests.drivers.fifo_bench import (
    ADXL355,
    ICM20602,
    KINDS,
    LIS3DH,
    MPU6050,
    MPU6500,
    MS,
    Bench,
    Kind,
    faults,
    frames,
    lost_count,
    times,
)
from tests.drivers.virtual_clock import VirtualClock

every_chip = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@every_chip
def test_every_sample_arrives_once_and_in_order(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    numbers = bench.numbers(bench.run(5.0))
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] - bench.chip.begun_number <= 2
    assert len(numbers) >= 4.9 * kind.rate_hz


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Sample 0 of the fakes is (-1024, 0, 1 g) counts. By hand from the data sheets: LIS3DH at 2 g 1 mg a count;
        # MPU at 4 g 8192 counts a g; ADXL355 at 2 g 256000 counts a g.
        (LIS3DH, (-1.024 * 9.80665, 0.0, 9.80665)),
        (MPU6050, (-0.125 * 9.80665, 0.0, 9.80665)),
        (ICM20602, (-0.125 * 9.80665, 0.0, 9.80665)),
        (ADXL355, (-0.004 * 9.80665, 0.0, 9.80665)),
    ],
    ids=["lis3dh", "mpu6050", "icm20602", "adxl355"],
)
def test_samples_are_in_metres_per_second_squared(kind: Kind, expected: tuple[float, float, float]) -> None:
    bench = Bench(kind)
    bench.driver.open()
    assert frames(bench.run(0.1))[0].samples_mps2[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rate_factor", [0.95, 1.0, 1.05])
@every_chip
def test_sample_times_follow_the_true_rate_of_the_chip(kind: Kind, rate_factor: float) -> None:
    bench = Bench(kind, rate_factor=rate_factor)
    bench.driver.open()
    readings = bench.run(6.0)
    period_ns = 1e9 / (kind.rate_hz * rate_factor)
    errors = [
        (t_ns - bench.chip.time_of(number)) / period_ns
        for t_ns, number in zip(times(readings), bench.numbers(readings), strict=True)
        if number - bench.chip.begun_number > 2 * kind.rate_hz
    ]
    assert max(map(abs, errors)) < 1.0
    assert bench.driver.fitted_rate_hz == pytest.approx(kind.rate_hz * rate_factor, rel=0.003)
    assert lost_count(readings) == 0


@every_chip
def test_times_ascend_strictly_and_never_lie_in_the_future(kind: Kind) -> None:
    bench = Bench(kind, rate_factor=1.04)
    bench.driver.open()
    all_times: list[int] = []
    for _ in range(100):
        all_times += times(list(bench.driver.read(0.2)))
        assert all_times == [] or all_times[-1] <= bench.clock.now_ns()
    assert np.all(np.diff(all_times) > 0)


HELD = {
    # LIS3DH: 400 Hz with all axes; block update, 2 g, high resolution; FIFO on, in stream mode.
    LIS3DH: {0x20: 0x77, 0x21: 0, 0x22: 0, 0x23: 0x88, 0x24: 0x40, 0x2E: 0x80},
    # MPU: awake, gyros off, 1 kHz / 2, filter 1, 4 g, the accelerometer into the FIFO, FIFO on.
    MPU6050: {0x6B: 0, 0x6C: 0x07, 0x19: 1, 0x1A: 1, 0x1C: 0x08, 0x23: 0x08, 0x38: 0, 0x6A: 0x40},
    MPU6500: {0x6B: 1, 0x6C: 0x07, 0x19: 1, 0x1A: 1, 0x1C: 0x08, 0x1D: 1, 0x23: 0x08, 0x38: 0, 0x6A: 0x40},
    # ADXL355: no offsets, 500 Hz without high pass, 2 g, no self-test, measuring.
    ADXL355: {0x1E: 0, 0x23: 0, 0x24: 0, 0x28: 0x03, 0x2A: 0, 0x2C: 0x81, 0x2D: 0, 0x2E: 0},
}


@pytest.mark.parametrize(("kind", "held"), HELD.items(), ids=[kind.name for kind in HELD])
def test_the_configuration_is_the_one_of_the_data_sheet(kind: Kind, held: dict[int, int]) -> None:
    bench = Bench(kind)
    bench.driver.open()
    assert {register: bench.chip.registers[register] for register in held} == held


@every_chip
def test_another_chip_is_named_with_its_id(kind: Kind) -> None:
    bench = Bench(kind)
    bench.chip.say_id(0x5C)
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert "0x5c" in caught.value.problem
    assert f"{kind.fake.device_id:#04x}" in caught.value.problem
    assert "print on the chip" in caught.value.hint


@every_chip
def test_a_bus_that_reads_all_the_same_is_called_a_wiring_fault(kind: Kind) -> None:
    bench = Bench(kind)
    bench.chip.say_id(0xFF)
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert "SDA and SCL" in caught.value.hint


def test_a_sibling_is_named_with_the_word_for_the_settings() -> None:
    bench = Bench(MPU6050)
    bench.chip.say_id(0x70)
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert 'an MPU-6500 (chip = "mpu6500")' in caught.value.hint


def test_an_adxl345_in_the_place_of_an_adxl355_is_recognised() -> None:
    bench = Bench(ADXL355)
    bench.chip.say_id(0xE5)
    with pytest.raises(WrongDevice) as caught:
        bench.driver.open()
    assert "an ADXL345" in caught.value.hint


@every_chip
def test_an_absent_chip_says_what_to_check(kind: Kind) -> None:
    bench = Bench(kind)
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert "i2cdetect -y 1" in caught.value.hint


@every_chip
def test_a_register_that_does_not_keep_its_setting_is_found(kind: Kind) -> None:
    bench = Bench(kind)
    bench.chip.stuck[kind.setting_register] = 0x7F
    with pytest.raises(SourceUnavailable) as caught:
        bench.driver.open()
    assert f"register {kind.setting_register:#04x}" in caught.value.problem


@every_chip
def test_a_reader_that_comes_late_reports_how_many_samples_were_lost(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    before = bench.run(2.0)
    bench.clock.advance_ns(700 * MS)  # the largest FIFO here holds 340 ms
    after = bench.run(1.0)
    missing = bench.numbers(after)[0] - bench.numbers(before)[-1] - 1
    assert missing > 100
    assert abs(lost_count(after) - missing) <= 3
    assert faults(after) == []
    # What was read after the gap stands where it belongs in time.
    error_ns = times(after)[-1] - bench.chip.time_of(bench.numbers(after)[-1])
    assert abs(error_ns) < 1.5e9 / kind.rate_hz


@every_chip
def test_one_failed_read_costs_at_most_what_is_reported(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    before = bench.run(1.0)
    bench.bus.fail_next_data.append(NO_ACKNOWLEDGE)
    readings = before + bench.run(1.0)
    numbers = bench.numbers(readings)
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert numbers == sorted(set(numbers))
    assert faults(readings) == []
    assert 1 <= missing <= lost_count(readings) + 2
    assert lost_count(readings) <= 45  # two drains of 40 ms at 500 Hz


@pytest.mark.parametrize("outage_s", [1.0, 10.0, 600.0])
@every_chip
def test_unplugging_is_said_once_and_replugging_is_found(kind: Kind, outage_s: float) -> None:
    bench = Bench(kind)
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
    assert frames(back)[0].t_ns - replugged_ns < 5.3e9


@every_chip
def test_samples_from_before_an_outage_do_not_come_out_after_it(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.is_connected = False
    bench.run(1.0)
    gone = bench.chip.produced
    bench.bus.is_connected = True  # the chip had power all the time and its FIFO is full
    assert bench.numbers(bench.run(6.0))[0] >= gone


@every_chip
def test_a_dip_of_the_supply_is_called_lost_settings_and_mended(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.power_on()
    readings = bench.run(3.0)
    assert faults(readings) == [FaultReason.CONFIGURATION]
    assert frames(readings[-1:])


@every_chip
def test_a_fifo_that_stays_empty_is_silence(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.is_frozen = True
    assert faults(bench.run(20.0)) == [FaultReason.SILENT]
    bench.chip.is_frozen = False
    assert frames(bench.run(6.0))


@every_chip
def test_a_hanging_bus_is_asked_once(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.bus.errno_when_gone, bench.bus.is_connected = TIMED_OUT, False
    before = bench.bus.transfer_count
    readings: list[Reading] = []
    while not readings:
        readings.extend(bench.driver.read(0.2))
    assert faults(readings) == [FaultReason.BUS_ERROR]
    assert bench.bus.transfer_count - before == 1


@every_chip
def test_a_fifo_status_that_cannot_be_is_a_bus_error(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.stuck[kind.status_register] = kind.impossible_status
    assert faults(bench.run(5.0)) == [FaultReason.BUS_ERROR]


@every_chip
def test_a_wrong_rate_is_found(kind: Kind) -> None:
    bench = Bench(kind, rate_factor=0.8)
    bench.driver.open()
    assert faults(bench.run(1.6)) == [FaultReason.WRONG_RATE]


@every_chip
def test_a_rate_that_the_chip_does_not_have_is_refused(kind: Kind) -> None:
    with pytest.raises(SettingsError) as caught:
        Bench(kind, rate_hz=333)
    assert "Allowed: " in caught.value.hint


# What is particular to a chip.


def test_the_fifo_of_an_mpu_that_ran_over_is_emptied_because_nobody_knows_where_a_sample_begins() -> None:
    bench = Bench(MPU6050)
    bench.driver.open()
    bench.run(1.0)
    bench.clock.advance_ns(700 * MS)
    # 1024 bytes are no whole number of samples: read on as they stand, x would be taken for y.
    after = bench.run(1.0)
    z_mps2 = np.concatenate([frame.samples_mps2[:, 2] for frame in frames(after)])
    assert np.allclose(z_mps2, 9.80665)


def test_a_read_of_an_mpu_that_broke_off_never_shifts_the_axes() -> None:
    bench = Bench(MPU6050)
    bench.driver.open()
    bench.run(1.0)
    for _ in range(4):
        assert isinstance(bench.chip, FakeMpu)
        bench.clock.advance_ns(20 * MS)
        bench.chip.sample()
        bench.chip.octets.popleft()  # a byte went with the failed transfer
        bench.bus.fail_next_data.append(NO_ACKNOWLEDGE)
        after = bench.run(0.5)
        z_mps2 = np.concatenate([frame.samples_mps2[:, 2] for frame in frames(after)])
        assert np.allclose(z_mps2, 9.80665)


def test_an_adxl355_that_is_out_of_step_is_brought_back_into_it() -> None:
    bench = Bench(ADXL355)
    bench.driver.open()
    before = bench.run(1.0)
    assert isinstance(bench.chip, FakeAdxl355)
    bench.clock.advance_ns(20 * MS)
    bench.chip.sample()
    bench.chip.entries.popleft()
    after = bench.run(1.0)
    assert faults(after) == []
    assert all(np.allclose(frame.samples_mps2[:, 2], 9.80665) for frame in frames(after))
    numbers = bench.numbers(before + after)
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert 1 <= missing <= lost_count(after) + 2


def test_an_entry_of_an_adxl355_that_was_read_from_an_empty_fifo_is_no_sample() -> None:
    bench = Bench(ADXL355)
    bench.driver.open()
    bench.run(1.0)
    assert isinstance(bench.chip, FakeAdxl355)
    bench.chip.stuck[0x05] = 30  # says ten samples, whatever is there
    zeros = [frame for frame in frames(bench.run(1.0)) if np.any(np.all(frame.samples_mps2 == 0.0, axis=1))]
    assert zeros == []


def test_bits_that_a_lis3dh_does_not_have_are_called_damage() -> None:
    bench = Bench(LIS3DH)
    bench.driver.open()
    bench.run(1.0)
    assert isinstance(bench.chip, FakeLis3dh)
    bench.chip.noise_in_unused_bits = True
    readings = bench.run(1.0)
    assert frames(readings) == []
    assert faults(readings) == [FaultReason.BUS_ERROR]


@pytest.mark.parametrize(
    ("rate_hz", "filter_code"), [(25, 5), (50, 4), (100, 3), (125, 3), (200, 2), (250, 2), (500, 1), (1000, 1)]
)
def test_the_filter_of_an_mpu_lies_below_half_the_rate(rate_hz: int, filter_code: int) -> None:
    # Register map, section 4.3: codes 1 to 5 are 184, 94, 44, 21 and 10 Hz. At 1000 Hz the widest there is.
    bench = Bench(MPU6500, rate_hz=rate_hz)
    bench.driver.open()
    assert bench.chip.registers[0x1A] == bench.chip.registers[0x1D] == filter_code
    bandwidth_hz = {1: 184, 2: 94, 3: 44, 4: 21, 5: 10}[filter_code]
    assert bandwidth_hz < rate_hz / 2


def test_a_full_fifo_of_a_lis3dh_that_lost_two_samples_is_reported() -> None:
    bench = Bench(LIS3DH)
    bench.driver.open()
    last = bench.numbers(bench.run(2.0))[-1]
    # 34 samples and a half are due at the next look: two more than the FIFO holds.
    next_look_ns = round(bench.chip.time_of(last + 34) + 1.25 * MS)
    bench.clock.advance_ns(next_look_ns - bench.clock.now_ns() - 200_000)
    after = bench.run(0.5)
    assert bench.numbers(after)[0] == last + 3
    assert lost_count(after) == 2


def test_samples_lost_in_the_middle_of_a_slow_drain_are_told_at_the_next_one() -> None:
    clock = VirtualClock()
    chip = FakeAdxl345(clock.now_ns)
    bus = FakeBus(chip, clock.advance_ns)
    driver = Adxl345("1", now_ns=clock.now_ns, rate_hz=400, wait=clock.wait, open_bus=bus.open)
    driver.open()
    readings: list[Reading] = []
    for look in range(400):
        if look % 40 == 39:
            # 13 wait, 4 are taken, 23 more have room: the program stands still for 26 or 27.
            bus.stall_next_data.extend([0, 0, 0, 0, 66 * MS])
        readings.extend(driver.read(0.2))
    read = [n for frame in frames(readings) for n in fake_adxl345.numbers_of(frame.samples_mps2)]
    missing = read[-1] + 1 - len(read)
    assert missing > 20
    assert abs(lost_count(readings) - missing) <= 3
    assert faults(readings) == []
    assert np.all(np.diff(times(readings)) > 0)
