"""Every accelerometer at the highest rate that the settings allow: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.adxl345 import Adxl345
from drivers.fifo_accelerometer import FifoAccelerometer
from drivers.i2c import I2cBus
from edge_agent.readings import Reading
from edge_agent.settings_devices import ACCELEROMETERS
from tests.drivers.fake_adxl345 import FakeAdxl345, FakeBus
from tests.drivers.fake_adxl345 import numbers_of as adxl345_numbers_of
from tests.drivers.fifo_bench import KINDS, Bench, Kind, faults, frames, lost_count
from tests.drivers.virtual_clock import VirtualClock

SECONDS = 10.0


def adxl345(clock: VirtualClock, open_bus: Callable[[str], I2cBus]) -> FifoAccelerometer:
    return Adxl345("1", now_ns=clock.now_ns, rate_hz=800, wait=clock.wait, open_bus=open_bus)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_chip_with_bursts_loses_nothing_at_its_highest_rate(kind: Kind) -> None:
    rate_hz = max(ACCELEROMETERS[kind.name].rates_hz)
    bench = Bench(kind, rate_hz=rate_hz)
    bench.driver.open()
    readings = bench.run(SECONDS)
    numbers = bench.numbers(readings)
    assert (faults(readings), lost_count(readings)) == ([], 0)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) == pytest.approx(rate_hz * SECONDS, rel=0.02)


def test_an_adxl345_loses_nothing_at_its_highest_rate() -> None:
    clock = VirtualClock()
    chip = FakeAdxl345(clock.now_ns)
    bus = FakeBus(chip, clock.advance_ns)
    driver = adxl345(clock, bus.open)
    driver.open()
    readings: list[Reading] = []
    end_ns = clock.now_ns() + round(SECONDS * 1e9)
    while clock.now_ns() < end_ns:
        readings.extend(driver.read(0.2))
    numbers = [number for frame in frames(readings) for number in adxl345_numbers_of(frame.samples_mps2)]
    assert (faults(readings), lost_count(readings)) == ([], 0)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
