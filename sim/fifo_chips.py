"""Byte models of accelerometers with a FIFO beside the ADXL345: LIS3DH, ADXL355 and the MPU-6050 family.

Registers, sample clock, overflow, self-test push. Time and samples come from outside.
Source: ST LIS3DH data sheet DocID17530, Analog Devices ADXL355 data sheet, InvenSense MPU-6000 register map 4.2: as
read by the drivers of the same names, from memory, unverified.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

import numpy as np

from sim.adxl345 import Adxl345Model, SampleAt
from sim.motion import FloatArray

_G_MPS2 = 9.80665
_CATCH_UP_S = 4.0  # longer than any of these FIFOs lasts


class FifoModel(ABC):
    """One chip. Every access tells it the time; it then produces the samples that have come due.

    rate_true: true over nominal sample rate. `is_silent`: it answers but samples no more.
    """

    id_register, device_id = 0, 0
    reset: dict[int, int] = {}  # noqa: RUF012  (register: value)

    def __init__(self, sample_at: SampleAt, rate_true: float = 1.0) -> None:
        self._sample_at, self._rate_true = sample_at, rate_true
        self.is_silent = False
        self.overrun_count = 0  # samples that nobody took in time
        self.power_cycle()

    def power_cycle(self) -> None:
        """Supply gone and back: all settings and samples are lost."""
        self._registers = bytearray(256)
        for register, value in {**self.reset, self.id_register: self.device_id}.items():
            self._registers[register] = value
        self._fifo: deque[int] = deque()  # bytes
        self._next_s: float | None = None
        self._has_overrun = False

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer."""
        self._catch_up(now_s)
        return self._read(register, count)

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer; the id keeps its value."""
        self._catch_up(now_s)
        for address, value in enumerate(data, start=register):
            if address < len(self._registers) and address != self.id_register:
                self._written(address, value)
        rate_hz = self._rate_hz()
        if rate_hz is None:
            self._next_s = None
        elif self._next_s is None:
            self._next_s = now_s + 1.0 / (rate_hz * self._rate_true)

    @property
    @abstractmethod
    def _fifo_bytes(self) -> int:
        """How much fits."""

    @abstractmethod
    def _read(self, register: int, count: int) -> bytes: ...

    @abstractmethod
    def _rate_hz(self) -> float | None:
        """None while it does not measure."""

    @abstractmethod
    def _is_kept(self) -> bool:
        """Whether samples go into the FIFO."""

    @abstractmethod
    def _encoded(self, samples_g: FloatArray) -> bytes: ...

    @property
    @abstractmethod
    def _push_g(self) -> tuple[float, float, float]:
        """What the self-test adds now."""

    def _written(self, address: int, value: int) -> None:
        self._registers[address] = value

    def _taken(self, count: int, empty: int) -> bytes:
        """Bytes out of the FIFO; `empty` where there are none."""
        self._has_overrun = False
        return bytes(self._fifo.popleft() if self._fifo else empty for _ in range(count))

    def _plain(self, register: int, count: int) -> bytes:
        return bytes(self._registers[each % len(self._registers)] for each in range(register, register + count))

    def _catch_up(self, now_s: float) -> None:
        rate_hz = self._rate_hz()
        if self._next_s is None or rate_hz is None or self._next_s > now_s:
            return
        period_s = 1.0 / (rate_hz * self._rate_true)
        count = int((now_s - self._next_s) / period_s) + 1
        skipped = max(0, count - int(_CATCH_UP_S / period_s))
        times_s: FloatArray = self._next_s + period_s * np.arange(skipped, count, dtype=np.float64)
        self._next_s += count * period_s
        if self.is_silent or not self._is_kept():
            return
        encoded = self._encoded(self._sample_at(times_s) / _G_MPS2 + np.array(self._push_g))
        self._fifo.extend(encoded)
        surplus = max(0, len(self._fifo) - self._fifo_bytes)
        for _ in range(surplus):
            self._fifo.popleft()
        self._has_overrun |= surplus > 0
        self.overrun_count += skipped + -(-surplus * len(times_s) // len(encoded))


class Lis3dhModel(FifoModel):
    """12 bits in high resolution, of which the FIFO keeps ten; the address counts up if its top bit is set."""

    id_register, device_id = 0x0F, 0x33
    reset = {0x20: 0x07}  # noqa: RUF012
    _G_PER_COUNT = (0.001, 0.002, 0.004, 0.012)
    _RATES_HZ = {1: 1, 2: 10, 3: 25, 4: 50, 5: 100, 6: 200, 7: 400}  # noqa: RUF012

    @property
    def _fifo_bytes(self) -> int:
        return 32 * 6

    def _read(self, register: int, count: int) -> bytes:
        is_counting, register = bool(register & 0x80), register & 0x7F
        if register == 0x28 and is_counting:
            return self._taken(count, 0)
        if register == 0x2F:
            unread = len(self._fifo) // 6
            full = 0x40 if self._has_overrun or unread >= 32 else 0
            return bytes([full | (0x20 if unread == 0 else 0) | min(unread, 31)])
        return self._plain(register, count) if is_counting else self._plain(register, 1) * count

    def _written(self, address: int, value: int) -> None:
        super()._written(address & 0x7F, value)
        if address & 0x7F == 0x2E and value >> 6 == 0:
            self._fifo.clear()
            self._has_overrun = False

    def _rate_hz(self) -> float | None:
        return self._RATES_HZ.get(self._registers[0x20] >> 4)

    def _is_kept(self) -> bool:
        return self._registers[0x2E] >> 6 == 2 and bool(self._registers[0x24] & 0x40)

    def _encoded(self, samples_g: FloatArray) -> bytes:
        counts = np.round(samples_g / self._G_PER_COUNT[self._registers[0x23] >> 4 & 3] / 4.0) * 4.0
        return (np.clip(counts, -2048, 2044).astype(np.int16) << 4).astype("<i2").tobytes()

    @property
    def _push_g(self) -> tuple[float, float, float]:
        return (0.35, 0.35, 0.35) if self._registers[0x23] >> 1 & 3 == 1 else (0.0, 0.0, 0.0)


class Adxl355Model(FifoModel):
    """20 bits; the FIFO holds 96 entries of one axis each, the x entries marked."""

    id_register, device_id = 0x00, 0xAD
    reset = {0x01: 0x1D, 0x02: 0xED, 0x2C: 0x81, 0x2D: 0x01}  # noqa: RUF012
    _EMPTY = (0x00, 0x00, 0x02)

    @property
    def _fifo_bytes(self) -> int:
        return 96 * 3

    def _read(self, register: int, count: int) -> bytes:
        if register == 0x11:
            held = min(count, len(self._fifo) // 3 * 3)
            return self._taken(held, 0) + bytes(self._EMPTY[at % 3] for at in range(count - held))
        if register == 0x05:
            return bytes([len(self._fifo) // 3])
        return self._plain(register, count)

    def _written(self, address: int, value: int) -> None:
        if address > 0x02:
            super()._written(address, value)

    def _rate_hz(self) -> float | None:
        return None if self._registers[0x2D] & 0x01 else 4000.0 / 2 ** (self._registers[0x28] & 0x0F)

    def _is_kept(self) -> bool:
        return True

    def _encoded(self, samples_g: FloatArray) -> bytes:
        per_g = 512000 >> max(1, self._registers[0x2C] & 0x03)
        words = np.clip(np.round(samples_g * per_g), -0x80000, 0x7FFFF).astype(np.int64) & 0xFFFFF
        words = words << 4
        words[:, 0] |= 0x01
        return b"".join(int(word).to_bytes(3, "big") for word in words.ravel())

    @property
    def _push_g(self) -> tuple[float, float, float]:
        return (0.3, 0.3, 1.5) if self._registers[0x2E] & 3 == 3 else (0.0, 0.0, 0.0)


class Mpu6050Model(FifoModel):
    """16 bits; the FIFO is a row of bytes, and when it runs over the oldest bytes go. Asleep after a reset."""

    id_register, device_id = 0x75, 0x68
    reset = {0x6B: 0x40, 0x0D: 0x60, 0x0E: 0x60, 0x0F: 0x60, 0x10: 0x2A}  # noqa: RUF012
    _TRIM_G = 0.5234  # code 14 of those self-test registers: 0.34 * (0.92 / 0.34)^((14 - 1) / 30)

    @property
    def _fifo_bytes(self) -> int:
        return 1024

    def _read(self, register: int, count: int) -> bytes:
        if register == 0x74:
            return self._taken(count, 0)
        if register == 0x72:
            return len(self._fifo).to_bytes(2, "big")[:count]
        return self._plain(register, count)

    def _written(self, address: int, value: int) -> None:
        if address == 0x6B and value & 0x80:
            self.power_cycle()
            return
        if self._registers[0x6B] & 0x40 and address != 0x6B:
            return  # asleep: only the power register takes anything
        super()._written(address, value)
        if address == 0x6A and value & 0x04:
            if not value & 0x40:
                self._fifo.clear()
            self._registers[0x6A] &= ~0x04  # the bit clears itself

    def _rate_hz(self) -> float | None:
        if self._registers[0x6B] & 0x40 or not self._registers[0x6A] & 0x40:
            return None
        gyro_hz = 1000.0 if 1 <= self._registers[0x1A] & 7 <= 6 else 8000.0
        return gyro_hz / (1 + self._registers[0x19])

    def _is_kept(self) -> bool:
        return bool(self._registers[0x23] & 0x08)

    def _encoded(self, samples_g: FloatArray) -> bytes:
        per_g = 16384 >> (self._registers[0x1C] >> 3 & 3)
        return np.clip(np.round(samples_g * per_g), -0x8000, 0x7FFF).astype(">i2").tobytes()

    @property
    def _push_g(self) -> tuple[float, float, float]:
        push = self._TRIM_G
        return (push, push, push) if self._registers[0x1C] & 0xE0 == 0xE0 else (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ServedChip:
    """A chip that a served lift can have. range_g: what its agent is told to use."""

    model: type[Adxl345Model] | type[FifoModel]
    address: int
    range_g: int


CHIPS: dict[str, ServedChip] = {
    "adxl345": ServedChip(Adxl345Model, 0x53, 16),
    "lis3dh": ServedChip(Lis3dhModel, 0x18, 2),
    "adxl355": ServedChip(Adxl355Model, 0x1D, 2),
    "mpu6050": ServedChip(Mpu6050Model, 0x68, 4),
}
"""By the name that the agent's settings have for them."""
