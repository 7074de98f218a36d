"""Chips for the mocked I2C bus, as bytes behind a register pointer: ADXL345, LIS3DH, BMP280, INA219, and a switchboard.

Written from the data sheets, without the drivers and without numpy, for the Python of the system. Samples come in real
time: sample k holds x = k mod 2048 - 1024, y = k div 2048 mod 2048 and one g on z: a reader can tell which it is.
"""

from __future__ import annotations

import struct
import time
from collections import deque

EREMOTEIO, ETIMEDOUT = 121, 110
STEP = 2048
ADXL345_RATES_HZ = {0x08: 25, 0x09: 50, 0x0A: 100, 0x0B: 200, 0x0C: 400, 0x0D: 800}
LIS3DH_RATES_HZ = {3: 25, 4: 50, 5: 100, 6: 200, 7: 400}


class BusError(Exception):
    """An errno that the kernel would give."""


class Chip:
    """Registers of one byte that count up. A write sets the pointer, and what follows goes into registers."""

    def __init__(self) -> None:
        self.registers = bytearray(256)
        self.pointer = 0

    def write(self, data: bytes) -> None:
        """One write message."""
        if not data:
            return
        self.pointer = data[0]
        for address, value in enumerate(data[1:], self.pointer):
            self.put(address, value)

    def put(self, register: int, value: int) -> None:
        """One register."""
        self.registers[register] = value

    def read(self, count: int) -> bytes:
        """One read message."""
        return bytes(self.registers[self.pointer : self.pointer + count])

    def power_on(self) -> None:
        """What a plug pulled and put back does."""


class Sampling(Chip):
    """A FIFO of 32 samples, filled by the clock of this machine."""

    def __init__(self, counts_per_g: int) -> None:
        super().__init__()
        self.counts_per_g = counts_per_g
        self.fifo: deque[int] = deque(maxlen=32)
        self.produced = 0
        self.next_s: float | None = None
        self.period_s = 1.0

    def start(self, rate_hz: float) -> None:
        self.period_s = 1.0 / rate_hz
        self.next_s = time.monotonic() + self.period_s

    def stop(self) -> None:
        self.next_s = None

    def sample(self) -> None:
        now_s = time.monotonic()
        while self.next_s is not None and self.next_s <= now_s:
            self.fifo.append(self.produced)
            self.produced += 1
            self.next_s += self.period_s

    def taken(self, shift: int) -> bytes:
        number = self.fifo.popleft() if self.fifo else self.produced - 1
        counts = (number % STEP - STEP // 2, number // STEP % STEP, self.counts_per_g)
        return struct.pack("<3h", *(count << shift for count in counts))


class Adxl345(Sampling):
    """Source: ADXL345 data sheet, revision G, table 19."""

    def __init__(self) -> None:
        super().__init__(256)
        self.power_on()

    def power_on(self) -> None:
        self.registers = bytearray(256)
        self.registers[0x00], self.registers[0x2C] = 0xE5, 0x0A
        self.fifo.clear()
        self.stop()

    def put(self, register: int, value: int) -> None:
        self.sample()
        if register != 0x00:
            self.registers[register] = value
        if register == 0x38 and value >> 6 == 0:
            self.fifo.clear()
        if register == 0x2D:
            self.start(ADXL345_RATES_HZ[self.registers[0x2C] & 0x0F]) if value & 0x08 else self.stop()

    def read(self, count: int) -> bytes:
        self.sample()
        if self.pointer == 0x32:
            return self.taken(0)[:count]
        if self.pointer == 0x39:
            return bytes([len(self.fifo)])
        return super().read(count)


class Lis3dh(Sampling):
    """Source: LIS3DH data sheet DocID17530 revision 2."""

    def __init__(self) -> None:
        super().__init__(1000)
        self.power_on()

    def power_on(self) -> None:
        self.registers = bytearray(256)
        self.registers[0x0F] = 0x33
        self.fifo.clear()
        self.stop()

    def put(self, register: int, value: int) -> None:
        self.sample()
        self.registers[register & 0x7F] = value
        if register == 0x2E and value >> 6 == 0:
            self.fifo.clear()
        if register == 0x20:
            self.start(LIS3DH_RATES_HZ[value >> 4]) if value >> 4 in LIS3DH_RATES_HZ else self.stop()

    def read(self, count: int) -> bytes:
        self.sample()
        register = self.pointer & 0x7F
        if register == 0x28:
            return b"".join(self.taken(4) for _ in range(count // 6))
        if register == 0x2F:
            return bytes([0x40 | 31 if len(self.fifo) == 32 else len(self.fifo) or 0x20])
        return bytes(self.registers[register : register + count])


class Bmp280(Chip):
    """Source: BMP280 data sheet, section 3.12: the worked example, 100653.27 Pa."""

    def __init__(self) -> None:
        super().__init__()
        trimming = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
        self.registers[0x88:0xA0] = struct.pack("<HhhHhhhhhhhh", *trimming)
        self.registers[0xD0] = 0x58
        self.registers[0xF7:0xFD] = (415148 << 4).to_bytes(3, "big") + (519888 << 4).to_bytes(3, "big")


class Ina219:
    """Registers of two bytes. Source: INA219 data sheet SBOS448G: 20 mV on the shunt, 11.98 V."""

    def __init__(self) -> None:
        self.words = {0x00: 0x399F, 0x01: 2000, 0x02: 0x5D98}
        self.pointer = 0

    def write(self, data: bytes) -> None:
        if data:
            self.pointer = data[0]
        if len(data) == 3 and data[0] == 0x00:
            value = int.from_bytes(data[1:], "big")
            self.words[0x00] = 0x399F if value & 0x8000 else value

    def read(self, count: int) -> bytes:
        return self.words.get(self.pointer, 0).to_bytes(2, "big")[:count]

    def power_on(self) -> None:
        self.words[0x00] = 0x399F


class Hanging:
    """Pulls the clock line down: every transfer ends in the controller's time-out."""

    def write(self, _data: bytes) -> None:
        raise BusError(ETIMEDOUT)

    def read(self, _count: int) -> bytes:
        raise BusError(ETIMEDOUT)

    def power_on(self) -> None:
        pass


class Switchboard:
    """Not a chip: writing ADDRESS, 0 pulls a chip out, ADDRESS, 1 puts it back as after power-on."""

    def __init__(self, bus: dict[int, object]) -> None:
        self.bus = bus
        self.pulled: dict[int, object] = {}

    def write(self, data: bytes) -> None:
        if len(data) != 2:
            return
        address, is_in = data
        if not is_in and address in self.bus:
            self.pulled[address] = self.bus.pop(address)
        elif is_in and address in self.pulled:
            chip = self.pulled.pop(address)
            chip.power_on()  # type: ignore[attr-defined]
            self.bus[address] = chip

    def read(self, count: int) -> bytes:
        return bytes(count)


def fitted() -> dict[int, object]:
    """What hangs on the bus, by address."""
    bus: dict[int, object] = {0x53: Adxl345(), 0x18: Lis3dh(), 0x76: Bmp280(), 0x40: Ina219(), 0x48: Hanging()}
    bus[0x77] = Switchboard(bus)
    return bus
