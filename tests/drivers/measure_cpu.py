"""CPU that the drivers need, in their own thread: python -m tests.drivers.measure_cpu"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import smbus2.smbus2

from drivers.adxl345 import Adxl345
from drivers.door_contacts import DoorContacts
from drivers.i2c import open_i2c_bus
from drivers.modbus import TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import RegisterImage
from tests.drivers.gpio_server import GpioServer
from tests.drivers.modbus_bench import NICE, honest
from tests.drivers.modbus_servers import LyingServer
from tests.drivers.test_door_contacts import CLOSED, PRESENCE
from tests.drivers.test_i2c import BusServer

DRAINS, SAMPLES = 3000, 13


class QuickBus:
    """A bus that costs nothing: 13 samples at each look, every 32.5 ms."""

    def __init__(self) -> None:
        self.now = 1_000_000_000
        self._registers = bytearray(64)
        self._registers[0] = 0xE5

    def now_ns(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)

    def read_register(self, _address: int, register: int, count: int) -> bytes:
        if register == 0x39:
            self.now += 500_000
            return bytes([SAMPLES])
        return b"\x00\x00\x00\x00\x00\x01" if register == 0x32 else bytes(self._registers[register : register + count])

    def write_register(self, _address: int, register: int, data: bytes) -> None:
        self._registers[register : register + len(data)] = data

    def close(self) -> None:
        pass


def tell(what: str, count: int, work: Callable[[], object]) -> None:
    begun_s = time.thread_time()
    for _ in range(count):
        work()
    spent_us = (time.thread_time() - begun_s) / count * 1e6
    print(f"{what:58} {spent_us:8.1f} us")


def main() -> None:
    """Print one line for each kind of work."""
    bus = QuickBus()
    driver = Adxl345("1", now_ns=bus.now_ns, wait=bus.wait, open_bus=lambda _name: bus)
    driver.open()
    tell(f"drain of {SAMPLES} samples, driver alone", DRAINS, lambda: driver.read(0.2))

    with tempfile.TemporaryDirectory() as folder:
        _with_sockets(Path(folder))


def _with_sockets(folder: Path) -> None:
    (folder / "i2c-1").touch()
    vars(smbus2.smbus2)["ioctl"] = lambda *_: 0  # what is left is the library's own work
    linux_bus = open_i2c_bus(str(folder / "i2c-1"))
    tell("read of 6 bytes, smbus2 without the kernel", DRAINS, lambda: linux_bus.read_register(0x53, 0x32, 6))
    served = BusServer(folder / "bus", lambda _line: b"ok 000000000001\n")
    unix_bus = open_i2c_bus(f"unix:{folder / 'bus'}")
    tell("read of 6 bytes over a served bus", DRAINS, lambda: unix_bus.read_register(0x53, 0x32, 6))
    served.close()

    server = LyingServer(honest)
    controller = ModbusController(NICE, TcpLink("127.0.0.1", server.port), now_ns=time.monotonic_ns, poll_hz=50.0)
    controller.open()
    tell(f"poll of {NICE.name} over TCP ({len(NICE.reads)} reads, report)", 150, lambda: controller.read(1.0))
    controller.close()
    server.close()
    image = RegisterImage()
    for block in NICE.reads:
        image.store(block, [7] * block.count)
    tell(f"decoding of {NICE.name} alone", DRAINS, lambda: NICE.decode(image, 0))

    gpio = GpioServer(folder / "gpio", {17: 1, 27: 0})
    contacts = DoorContacts(gpio.chip, [CLOSED, PRESENCE], now_ns=time.monotonic_ns)
    contacts.open()
    stop = threading.Event()

    def change() -> None:
        level = 0
        while not stop.is_set():
            gpio.set(17, level := 1 - level, time.monotonic_ns())
            time.sleep(0.001)

    threading.Thread(target=change, daemon=True).start()
    tell("read of contacts with an edge", 500, lambda: contacts.read(0.2))
    stop.set()
    contacts.close()


if __name__ == "__main__":
    main()
