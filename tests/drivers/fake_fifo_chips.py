"""Byte-level accelerometers with a FIFO: registers, a sample clock, overflow, and ways to misbehave.

Written from the data sheets, independently of the drivers. Sample k holds x = k mod 2048 - 1024, y = k div 2048 and
one g on z, in counts, so that a reader can tell which sample it got.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Counts = tuple[int, int, int]
STEP = 2048


class FakeFifoChip(ABC):
    """Produces samples by its own clock. Every access tells it the time first."""

    data_register = 0
    id_register = 0
    device_id = 0
    depth = 32  # samples
    counts_per_g = 1000
    push_counts: Counts = (0, 0, 0)

    def __init__(self, now_ns: Callable[[], int], *, rate_factor: float = 1.0) -> None:
        self._now_ns = now_ns
        self.rate_factor = rate_factor
        self.is_frozen = False
        self.stuck: dict[int, int] = {}
        self.produced = 0
        self.begun_number = 0
        self.dead_axes: set[int] = set()
        self._said_id: int | None = None
        self.power_on()

    def say_id(self, device_id: int) -> None:
        self._said_id = device_id

    def power_on(self) -> None:
        """What a dip of the supply does."""
        self.registers = bytearray(256)
        self.registers[self.id_register] = self.device_id
        self.fifo: deque[int] = deque()
        self._next_ns: float | None = None

    def time_of(self, number: int) -> float:
        """When sample `number` was taken; only for samples since the last start of measuring."""
        return self._begun_ns + (number - self.begun_number + 1) * self._period_ns

    def read(self, register: int, count: int) -> bytes:
        self.sample()
        return self._read(register, count)

    def write(self, register: int, data: bytes) -> None:
        self.sample()
        for address, value in enumerate(data, register):
            self.registers[address] = self.stuck.get(address, value)
            self._written(address, value)
        self._restart()

    def sample(self) -> None:
        while self._next_ns is not None and self._next_ns <= self._now_ns():
            if not self.is_frozen and self._is_fifo_on():
                self._keep(self.produced)
            self.produced += 1
            self._next_ns += self._period_ns

    def counts(self, number: int) -> Counts:
        if self._is_pushed():
            x, y, z = (0 if axis in self.dead_axes else push for axis, push in enumerate(self.push_counts))
            return x, y, z + self.counts_per_g
        if self._is_testing():
            return 0, 0, self.counts_per_g
        return number % STEP - STEP // 2, number // STEP, self.counts_per_g

    def _keep(self, number: int) -> None:
        self.fifo.append(number)
        while len(self.fifo) > self.depth:
            self.fifo.popleft()

    def _restart(self) -> None:
        rate_hz = self._rate_hz()
        if rate_hz is None:
            self._next_ns = None
        elif self._next_ns is None:
            self._period_ns = 1e9 / (rate_hz * self.rate_factor)
            self._begun_ns, self.begun_number = self._now_ns(), self.produced
            self._next_ns = self._begun_ns + self._period_ns

    def _plain(self, register: int, count: int) -> bytes:
        data = bytearray(self.registers[register : register + count])
        if self._said_id is not None and register == self.id_register:
            data[0] = self._said_id
        return bytes(data)

    def _is_testing(self) -> bool:
        """True while samples should stand still, so that a self-test can compare means."""
        return False

    @abstractmethod
    def _read(self, register: int, count: int) -> bytes: ...

    def _written(self, register: int, value: int) -> None:  # noqa: B027
        """What a write does besides."""

    @abstractmethod
    def _rate_hz(self) -> float | None:
        """None while it does not measure."""

    @abstractmethod
    def _is_fifo_on(self) -> bool: ...

    @abstractmethod
    def _is_pushed(self) -> bool: ...


class FakeLis3dh(FakeFifoChip):
    data_register, id_register, device_id = 0xA8, 0x0F, 0x33
    push_counts = (100, 150, 300)
    is_in_test = False
    noise_in_unused_bits = False

    def _read(self, register: int, count: int) -> bytes:
        if register & 0x7F == 0x28 and register & 0x80:
            return b"".join(self._sample() for _ in range(count // 6))
        if register == 0x2F:
            full = len(self.fifo) >= 32
            status = 0x40 | 31 if full else len(self.fifo) or 0x20
            return bytes([self.stuck.get(0x2F, status)])
        assert count == 1 or register & 0x80, "without its top bit the address does not count up"
        return self._plain(register & 0x7F, count)

    def _sample(self) -> bytes:
        number = self.fifo.popleft() if self.fifo else self.produced - 1
        raw = (np.array(self.counts(number)) << 4).astype("<i2")
        return (raw | 0x3 if self.noise_in_unused_bits else raw).tobytes()

    def _written(self, register: int, value: int) -> None:
        if register == 0x2E and value >> 6 == 0:
            self.fifo.clear()

    def _rate_hz(self) -> float | None:
        return {3: 25, 4: 50, 5: 100, 6: 200, 7: 400}.get(self.registers[0x20] >> 4)

    def _is_fifo_on(self) -> bool:
        return self.registers[0x2E] >> 6 == 2 and bool(self.registers[0x24] & 0x40)

    def _is_pushed(self) -> bool:
        return self.registers[0x23] >> 1 & 3 == 1

    def _is_testing(self) -> bool:
        return self.is_in_test


class FakeMpu(FakeFifoChip):
    """The FIFO is a row of bytes; when it runs over, the oldest bytes go, not the oldest sample."""

    data_register, id_register, device_id = 0x74, 0x75, 0x68
    counts_per_g = 8192
    fifo_bytes, has_temperature = 1024, False
    push_counts = (2048, 2048, 2048)
    trim = bytes([0b0110_0000, 0b0110_0000, 0b0110_0000, 0b0010_1010])
    is_in_test = False

    def power_on(self) -> None:
        super().power_on()
        self.registers[0x6B] = 0x40  # asleep
        self.registers[0x0D:0x11] = self.trim
        self.octets: deque[int] = deque()

    def _read(self, register: int, count: int) -> bytes:
        if register == 0x74:
            return bytes(self.octets.popleft() if self.octets else 0xAA for _ in range(count))
        if register == 0x72 and count == 2:
            return self.stuck.get(0x72, len(self.octets)).to_bytes(2, "big")
        return self._plain(register, count)

    def _keep(self, number: int) -> None:
        x, y, z = self.counts(number)
        words = [x, y, z, 1234] if self.has_temperature else [x, y, z]
        self.octets.extend(np.array(words, dtype=">i2").tobytes())
        while len(self.octets) > self.fifo_bytes:
            self.octets.popleft()

    def _written(self, register: int, value: int) -> None:
        if register == 0x6A and value & 0x04:
            if not value & 0x40:
                self.octets.clear()
            self.registers[0x6A] &= ~0x04  # the bit clears itself
        if register not in (0x6B, 0x75) and self.registers[0x6B] & 0x40:
            self.registers[register] = 0  # asleep: only PWR_MGMT_1 takes anything

    def _rate_hz(self) -> float | None:
        if self.registers[0x6B] & 0x40 or not 1 <= self.registers[0x1A] & 7 <= 6 or not self.registers[0x6A] & 0x40:
            return None
        return 1000 / (1 + self.registers[0x19])

    def _is_fifo_on(self) -> bool:
        return bool(self.registers[0x6A] & 0x40) and bool(self.registers[0x23] & 0x08)

    def _is_pushed(self) -> bool:
        return self.registers[0x1C] & 0xE0 == 0xE0

    def _is_testing(self) -> bool:
        return self.is_in_test


class FakeMpu6500(FakeMpu):
    device_id, fifo_bytes = 0x70, 512
    trim = bytes([80, 80, 80, 0])
    push_counts = (1437, 1437, 1437)  # 2620 * 1.01^79 counts of 16384 a g, in counts of 4096 a g


class FakeIcm20602(FakeMpu6500):
    device_id, fifo_bytes, has_temperature = 0x12, 1008, True


class FakeAdxl355(FakeFifoChip):
    """The FIFO holds entries of one axis each."""

    data_register, id_register, device_id = 0x11, 0x00, 0xAD
    counts_per_g = 256000
    push_counts = (76800, 76800, 384000)
    is_in_test = False

    def power_on(self) -> None:
        super().power_on()
        self.registers[0:3] = bytes([0xAD, 0x1D, 0xED])
        self.registers[0x2C], self.registers[0x2D] = 0x81, 0x01
        self.entries: deque[bytes] = deque()

    def _read(self, register: int, count: int) -> bytes:
        if register == 0x11:
            return b"".join(self._entry() for _ in range(count // 3))
        if register == 0x05:
            return bytes([self.stuck.get(0x05, len(self.entries))])
        return self._plain(register, count)

    def counts(self, number: int) -> Counts:
        x, y, z = super().counts(number)
        narrowed = (self.registers[0x2C] & 3) - 1
        return (x, y, z) if narrowed == 0 else (x >> narrowed, y >> narrowed, z >> narrowed)

    def _entry(self) -> bytes:
        return self.entries.popleft() if self.entries else b"\x00\x00\x02"

    def _keep(self, number: int) -> None:
        for axis, count in enumerate(self.counts(number)):
            word = (max(-0x80000, min(count, 0x7FFFF)) & 0xFFFFF) << 4 | (axis == 0)
            self.entries.append(word.to_bytes(3, "big"))
        while len(self.entries) > 96:
            self.entries.popleft()

    def _rate_hz(self) -> float | None:
        return None if self.registers[0x2D] & 0x01 else 4000 / 2 ** (self.registers[0x28] & 0x0F)

    def _is_fifo_on(self) -> bool:
        return True

    def _is_pushed(self) -> bool:
        return self.registers[0x2E] & 3 == 3

    def _is_testing(self) -> bool:
        return self.is_in_test


def numbers_of(samples_mps2: npt.NDArray[np.float64], counts_per_g: int) -> list[int]:
    """Which samples of a fake these are."""
    counts = np.rint(samples_mps2 / 9.80665 * counts_per_g).astype(int)
    return [int(y) * STEP + int(x) + STEP // 2 for x, y, _ in counts]
