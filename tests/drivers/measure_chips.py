"""Each chip at its highest rate in real time, in a process of its own: python -m tests.drivers.measure_chips

Printed for each: what came, what was lost, and the CPU of the driver's thread. The bus is a served one (a UNIX socket),
which costs the driver about what the kernel's does; the chip's process is not counted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.adxl345 import Adxl345
from drivers.adxl355 import Adxl355
from drivers.bmp280 import Bmp280
from drivers.bmp390 import Bmp390
from drivers.ina219 import Ina219
from drivers.lis3dh import Lis3dh
from drivers.mpu6050 import Mpu6050
from edge_agent.readings import AccelFrame, Reading, SamplesLost, SourceFault
from edge_agent.source import Source
from sim.buses import I2cServer
from tests.drivers.fake_adxl345 import FakeAdxl345, RegisterChip
from tests.drivers.fake_barometers import FakeBmp280, FakeBmp390, FakeIna219
from tests.drivers.fake_fifo_chips import FakeAdxl355, FakeIcm20602, FakeLis3dh, FakeMpu, FakeMpu6500

SECONDS = 5.0
Trouble = SamplesLost | SourceFault
Now = Callable[[], int]


@dataclass(frozen=True)
class Measured:
    """A chip, its driver, and its highest rate."""

    chip: Callable[[Now], RegisterChip]
    source: Callable[[str, Now], Source]
    address: int
    rate_hz: float


def mpu(part: str) -> Callable[[str, Now], Source]:
    return lambda bus, now: Mpu6050(bus, now_ns=now, part=part, rate_hz=1000)


CHIPS = {
    "adxl345": Measured(FakeAdxl345, lambda bus, now: Adxl345(bus, now_ns=now, rate_hz=800), 0x53, 800),
    "lis3dh": Measured(FakeLis3dh, lambda bus, now: Lis3dh(bus, now_ns=now, rate_hz=400), 0x18, 400),
    "mpu6050": Measured(FakeMpu, mpu("mpu6050"), 0x68, 1000),
    "mpu6500": Measured(FakeMpu6500, mpu("mpu6500"), 0x68, 1000),
    "icm20602": Measured(FakeIcm20602, mpu("icm20602"), 0x68, 1000),
    "adxl355": Measured(FakeAdxl355, lambda bus, now: Adxl355(bus, now_ns=now, rate_hz=1000), 0x1D, 1000),
    "bmp280": Measured(FakeBmp280, lambda bus, now: Bmp280(bus, now_ns=now, rate_hz=10.0), 0x76, 10),
    "bmp390": Measured(FakeBmp390, lambda bus, now: Bmp390(bus, now_ns=now, rate_hz=10.0), 0x77, 10),
    "ina219": Measured(lambda _now: FakeIna219(), lambda bus, now: Ina219(bus, now_ns=now, rate_hz=5.0), 0x40, 5),
}


class Timed:
    """A chip that keeps its own time, on a bus that tells it."""

    def __init__(self, chip: RegisterChip) -> None:
        self._chip = chip

    def read(self, register: int, count: int, _now_s: float) -> bytes:
        return self._chip.read(register, count)

    def write(self, register: int, data: bytes, _now_s: float) -> None:
        self._chip.write(register, data)


def serve(path: str, name: str) -> None:
    """Until the other end of standard input closes."""
    measured = CHIPS[name]
    chip = Timed(measured.chip(time.monotonic_ns))
    server = I2cServer(Path(path), {measured.address: chip}, time.monotonic, threading.Lock())
    print("ready", flush=True)
    sys.stdin.read()
    server.close()


def measure(name: str, folder: Path) -> None:
    """One line."""
    path, measured = str(folder / name), CHIPS[name]
    words = [sys.executable, "-m", "tests.drivers.measure_chips", path, name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as chip:
        assert chip.stdin is not None
        assert chip.stdout is not None
        chip.stdout.readline()
        source = measured.source(f"unix:{path}", time.monotonic_ns)
        source.open()
        readings: list[Reading] = []
        begun_s, cpu_s = time.monotonic(), time.thread_time()
        while time.monotonic() - begun_s < SECONDS:
            readings.extend(source.read(0.2))
        cpu_percent = (time.thread_time() - cpu_s) / (time.monotonic() - begun_s) * 100.0
        source.close()
        chip.stdin.close()
    samples = sum(len(r.times_ns) if isinstance(r, AccelFrame) else 1 for r in readings if not isinstance(r, Trouble))
    lost = sum(reading.count for reading in readings if isinstance(reading, SamplesLost))
    faults = [reading.reason.value for reading in readings if isinstance(reading, SourceFault)]
    print(
        f"{name:9} {measured.rate_hz:5.0f} Hz {samples:6d} readings {lost:4d} lost {cpu_percent:5.1f} % of a core "
        + " ".join(faults),
        flush=True,
    )


def main() -> None:
    """All chips, one after the other, or as a chip's own process."""
    if len(sys.argv) == 3:
        serve(sys.argv[1], sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in CHIPS:
            measure(name, Path(folder))


if __name__ == "__main__":
    main()
