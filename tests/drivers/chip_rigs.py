"""What a rig is, and the chips as rigs: byte-level fakes under a virtual clock, on a bus that can be pulled out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivers.adxl345 import Adxl345
from drivers.bmp280 import Bmp280
from drivers.bmp390 import Bmp390
from drivers.fifo_accelerometer import FifoAccelerometer
from drivers.i2c import I2cBus
from drivers.ina219 import Ina219
from edge_agent.readings import AccelFrame, PressureSample, Reading, SupplySample
from edge_agent.source import Source
from tests.drivers.fake_adxl345 import FakeAdxl345, FakeBus, RegisterChip
from tests.drivers.fake_barometers import FakeBmp280, FakeBmp390, FakeIna219
from tests.drivers.fifo_bench import Kind
from tests.drivers.virtual_clock import VirtualClock


class Rig(ABC):
    """A source and what it hangs on. within_s: how soon its readings come after a start or a mend."""

    source: Source
    name = ""
    kind: type[Reading]
    within_s = 6.0
    watch_s = 20.0  # how long an outage is watched
    ends = False  # a recording does; nothing can break it

    @abstractmethod
    def now_ns(self) -> int: ...

    def break_off(self) -> None:  # noqa: B027
        """Take the far end away."""

    def mend(self) -> None:  # noqa: B027
        """Put it back."""

    def take_apart(self) -> None:
        self.source.close()

    def is_plausible(self, reading: Reading) -> bool:
        """The scale is right: what the far end says comes out in the unit of the reading."""
        return isinstance(reading, self.kind)


class ChipRig(Rig):
    """A byte-level chip on a fake bus under a virtual clock."""

    def __init__(
        self,
        chip_of: Callable[[Callable[[], int]], RegisterChip],
        source_of: Callable[[VirtualClock, Callable[[str], I2cBus]], Source],
        address: int,
    ) -> None:
        self.clock = VirtualClock()
        self.bus = FakeBus(chip_of(self.clock.now_ns), self.clock.advance_ns, address=address)
        self.source = source_of(self.clock, self.bus.open)

    def now_ns(self) -> int:
        return self.clock.now_ns()

    def break_off(self) -> None:
        self.bus.is_connected = False

    def mend(self) -> None:
        self.bus.is_connected = True


class AccelRig(ChipRig):
    """The fakes hold one g on z."""

    name = "accelerometer"
    kind = AccelFrame

    def is_plausible(self, reading: Reading) -> bool:
        assert isinstance(reading, AccelFrame)
        return bool(np.allclose(reading.samples_mps2[:, 2], 9.80665))


def adxl345(_folder: Path) -> Rig:
    def source(clock: VirtualClock, open_bus: Callable[[str], I2cBus]) -> FifoAccelerometer:
        return Adxl345("1", now_ns=clock.now_ns, wait=clock.wait, open_bus=open_bus)

    return AccelRig(FakeAdxl345, source, 0x53)


def fifo_chip(kind: Kind) -> Callable[[Path], Rig]:
    return lambda _folder: AccelRig(
        kind.fake, lambda clock, open_bus: kind.make(clock, open_bus, kind.rate_hz), kind.address
    )


class PressureRig(ChipRig):
    name = "pressure"
    kind = PressureSample

    def is_plausible(self, reading: Reading) -> bool:
        assert isinstance(reading, PressureSample)
        return 1006.0 < reading.pressure_hpa < 1009.0  # the worked examples


def bmp280(_folder: Path) -> Rig:
    return PressureRig(
        FakeBmp280, lambda clock, bus: Bmp280("1", now_ns=clock.now_ns, wait=clock.wait, open_bus=bus), 0x76
    )


def bmp390(_folder: Path) -> Rig:
    return PressureRig(
        FakeBmp390, lambda clock, bus: Bmp390("1", now_ns=clock.now_ns, wait=clock.wait, open_bus=bus), 0x77
    )


class SupplyRig(ChipRig):
    name = "supply"
    kind = SupplySample
    watch_s = 20.0

    def is_plausible(self, reading: Reading) -> bool:
        assert isinstance(reading, SupplySample)
        return bool(np.allclose((reading.voltage_v, reading.current_a), (11.98, 10.0)))  # the worked example


def ina219(_folder: Path) -> Rig:
    return SupplyRig(
        lambda _now_ns: FakeIna219(),
        lambda clock, bus: Ina219("1", now_ns=clock.now_ns, wait=clock.wait, open_bus=bus, shunt_ohm=0.002),
        0x40,
    )
