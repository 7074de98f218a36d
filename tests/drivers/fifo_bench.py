"""A fake accelerometer on a bus, the driver that reads it, and what to look for in the readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.adxl355 import Adxl355
from drivers.fifo_accelerometer import FifoAccelerometer
from drivers.i2c import I2cBus
from drivers.lis3dh import Lis3dh
from drivers.mpu6050 import Mpu6050
from edge_agent.readings import AccelFrame, FaultReason, Reading, SamplesLost, SourceFault
from tests.drivers.fake_adxl345 import FakeBus
from tests.drivers.fake_fifo_chips import (
    FakeAdxl355,
    FakeFifoChip,
    FakeIcm20602,
    FakeLis3dh,
    FakeMpu,
    FakeMpu6500,
    numbers_of,
)
from tests.drivers.virtual_clock import VirtualClock

MS = 1_000_000
Make = Callable[[VirtualClock, Callable[[str], I2cBus], int], FifoAccelerometer]


@dataclass(frozen=True)
class Kind:
    """One chip: its fake, its driver, address, a rate, and the count of a g at the range used."""

    name: str
    fake: type[FakeFifoChip]
    make: Make
    address: int
    rate_hz: int
    counts_per_g: int
    status_register: int
    impossible_status: int
    setting_register: int


def _lis3dh(clock: VirtualClock, open_bus: Callable[[str], I2cBus], rate_hz: int) -> FifoAccelerometer:
    return Lis3dh("1", now_ns=clock.now_ns, rate_hz=rate_hz, wait=clock.wait, open_bus=open_bus)


def _mpu(part: str) -> Make:
    def make(clock: VirtualClock, open_bus: Callable[[str], I2cBus], rate_hz: int) -> FifoAccelerometer:
        return Mpu6050("1", now_ns=clock.now_ns, part=part, rate_hz=rate_hz, wait=clock.wait, open_bus=open_bus)

    return make


def _adxl355(clock: VirtualClock, open_bus: Callable[[str], I2cBus], rate_hz: int) -> FifoAccelerometer:
    return Adxl355("1", now_ns=clock.now_ns, rate_hz=rate_hz, wait=clock.wait, open_bus=open_bus)


LIS3DH = Kind("lis3dh", FakeLis3dh, _lis3dh, 0x18, 400, 1000, 0x2F, 0x60, 0x23)
MPU6050 = Kind("mpu6050", FakeMpu, _mpu("mpu6050"), 0x68, 500, 8192, 0x72, 2000, 0x1C)
MPU6500 = Kind("mpu6500", FakeMpu6500, _mpu("mpu6500"), 0x68, 500, 8192, 0x72, 2000, 0x1D)
ICM20602 = Kind("icm20602", FakeIcm20602, _mpu("icm20602"), 0x68, 500, 8192, 0x72, 2000, 0x19)
ADXL355 = Kind("adxl355", FakeAdxl355, _adxl355, 0x1D, 500, 256000, 0x05, 97, 0x2C)
KINDS = (LIS3DH, MPU6050, MPU6500, ICM20602, ADXL355)


class Bench:
    """A chip on a bus, and the driver that reads it."""

    def __init__(self, kind: Kind, *, rate_hz: int | None = None, rate_factor: float = 1.0) -> None:
        self.kind = kind
        self.clock = VirtualClock()
        self.chip = kind.fake(self.clock.now_ns, rate_factor=rate_factor)
        self.bus = FakeBus(self.chip, self.clock.advance_ns, address=kind.address)
        self.driver = kind.make(self.clock, self.bus.open, rate_hz or kind.rate_hz)

    def run(self, seconds: float) -> list[Reading]:
        """All readings of this long, the driver read as the agent does."""
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        readings: list[Reading] = []
        while self.clock.now_ns() < end_ns:
            readings.extend(self.driver.read(0.2))
        return readings

    def numbers(self, readings: list[Reading]) -> list[int]:
        return [n for frame in frames(readings) for n in numbers_of(frame.samples_mps2, self.kind.counts_per_g)]


def frames(readings: list[Reading]) -> list[AccelFrame]:
    return [reading for reading in readings if isinstance(reading, AccelFrame)]


def faults(readings: list[Reading]) -> list[FaultReason]:
    return [reading.reason for reading in readings if isinstance(reading, SourceFault)]


def lost_count(readings: list[Reading]) -> int:
    return sum(reading.count for reading in readings if isinstance(reading, SamplesLost))


def times(readings: list[Reading]) -> list[int]:
    return [int(t_ns) for frame in frames(readings) for t_ns in frame.times_ns]
