"""The byte models of LIS3DH, ADXL355 and MPU-6050, read by the real drivers under a clock of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_agent.readings import AccelFrame, SamplesLost, SourceFault
from sim.adxl345 import Adxl345Model
from sim.fifo_chips import CHIPS, Adxl355Model, FifoModel, Lis3dhModel, Mpu6050Model
from sim.motion import FloatArray
from tests.drivers.fake_adxl345 import FakeBus
from tests.drivers.fifo_bench import ADXL355, LIS3DH, MPU6050, Kind
from tests.drivers.virtual_clock import VirtualClock

PAIRS: list[tuple[Kind, type[FifoModel]]] = [
    (LIS3DH, Lis3dhModel),
    (ADXL355, Adxl355Model),
    (MPU6050, Mpu6050Model),
]
pairs = pytest.mark.parametrize(("kind", "model"), PAIRS, ids=[kind.name for kind, _ in PAIRS])


def swaying(times_s: FloatArray) -> FloatArray:
    return np.column_stack([0.5 * np.sin(2 * np.pi * 1.5 * times_s), np.full(len(times_s), -0.3), 9.6 + 0.0 * times_s])


class Timed:
    """A model as a chip of the drivers' fake bus."""

    def __init__(self, chip: FifoModel, now_ns: Callable[[], int], data_register: int) -> None:
        self.chip, self._now_ns, self.data_register = chip, now_ns, data_register

    def read(self, register: int, count: int) -> bytes:
        return self.chip.read(register, count, self._now_ns() / 1e9)

    def write(self, register: int, data: bytes) -> None:
        self.chip.write(register, data, self._now_ns() / 1e9)


class Bench:
    def __init__(self, kind: Kind, model: type[FifoModel]) -> None:
        self.clock = VirtualClock()
        self.chip = model(swaying, 1.01)
        timed = Timed(self.chip, self.clock.now_ns, kind.fake.data_register)
        self.bus = FakeBus(timed, self.clock.advance_ns, address=kind.address)
        self.driver = kind.make(self.clock, self.bus.open, 100 if kind is not ADXL355 else 125)
        self.rate_hz = 1.01 * (100 if kind is not ADXL355 else 125)

    def run(self, seconds: float) -> list[object]:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        readings: list[object] = []
        while self.clock.now_ns() < end_ns:
            readings.extend(self.driver.read(0.1))
        return readings


@pairs
def test_driver_reads_what_the_car_feels_at_the_true_rate(kind: Kind, model: type[FifoModel]) -> None:
    bench = Bench(kind, model)
    bench.driver.open()
    frames = [each for each in bench.run(20.0) if isinstance(each, AccelFrame)]
    samples = np.concatenate([frame.samples_mps2 for frame in frames])
    times_s = np.concatenate([frame.times_ns for frame in frames]) / 1e9
    assert len(samples) == pytest.approx(20.0 * bench.rate_hz, rel=0.02)
    late = times_s > times_s[0] + 10.0  # the rate has been fitted
    wanted = swaying(times_s[late])
    assert np.max(np.abs(samples[late] - wanted)) < 0.06  # steps of 4 mg, and stamps within milliseconds
    assert bench.chip.overrun_count == 0


@pairs
def test_bus_that_is_held_up_loses_samples_and_the_driver_tells(kind: Kind, model: type[FifoModel]) -> None:
    bench = Bench(kind, model)
    bench.driver.open()
    bench.run(2.0)
    bench.clock.advance_ns(3_000_000_000)
    readings = bench.run(2.0)
    assert sum(each.count for each in readings if isinstance(each, SamplesLost)) > 50
    assert bench.chip.overrun_count > 50
    assert any(isinstance(each, AccelFrame) for each in readings)


@pairs
def test_chip_that_lost_its_supply_is_noticed_and_set_up_again(kind: Kind, model: type[FifoModel]) -> None:
    bench = Bench(kind, model)
    bench.driver.open()
    bench.run(2.0)
    bench.chip.power_cycle()
    readings = bench.run(30.0)
    assert any(isinstance(each, SourceFault) for each in readings)
    assert isinstance(readings[-1], AccelFrame)


@pairs
def test_self_test_of_a_sound_chip_is_passed(kind: Kind, model: type[FifoModel]) -> None:
    bench = Bench(kind, model)
    bench.chip._sample_at = lambda times_s: np.tile([0.1, 0.2, 9.7], (len(times_s), 1))
    bench.driver.open()
    assert bench.driver.self_test().is_sound


@pairs
def test_silent_chip_gives_no_samples(kind: Kind, model: type[FifoModel]) -> None:
    bench = Bench(kind, model)
    bench.driver.open()
    bench.run(1.0)
    bench.chip.is_silent = True
    bench.run(0.5)
    assert not [each for each in bench.run(2.0) if isinstance(each, AccelFrame)]


def test_every_chip_can_be_served() -> None:
    assert {served.model for served in CHIPS.values()} == {Adxl345Model, Lis3dhModel, Adxl355Model, Mpu6050Model}
