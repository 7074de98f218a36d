"""A byte-level ADXL345 on a bus: registers, FIFO in stream mode, and ways to misbehave.

Written from the data sheet (revision G), independently of the driver: register 0x39 counts the entries, a read that
ends at 0x37 takes the oldest entry, a full FIFO loses the oldest, standby stops the sampling, a reset clears all.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

NO_ACKNOWLEDGE, TIMED_OUT = 121, 110
TRANSFER_NS = 200_000
RATE_OF_CODE = {0x08: 25, 0x09: 50, 0x0A: 100, 0x0B: 200, 0x0C: 400, 0x0D: 800}


class RegisterChip(Protocol):
    """What can hang on a fake bus."""

    data_register: int

    def read(self, register: int, count: int) -> bytes: ...

    def write(self, register: int, data: bytes) -> None: ...


class FakeAdxl345:
    """The chip. Sample k holds x = k mod 4096 - 2048, y = k div 4096, z = 256: a reader can tell which it got."""

    data_register = 0x32

    def __init__(self, now_ns: Callable[[], int], *, device_id: int = 0xE5, rate_factor: float = 1.0) -> None:
        self._now_ns = now_ns
        self.device_id = device_id
        self.rate_factor = rate_factor
        self.is_frozen = False
        self.stuck: dict[int, int] = {}
        self.damage_counts: set[int] = set()
        self.produced = 0  # samples taken since power-on
        self.taken: list[int] = []  # the numbers of the samples read out, in order
        self.power_on()

    def power_on(self) -> None:
        """What a dip of the supply does: registers at their reset values, FIFO empty, standby."""
        self._registers = bytearray(0x3A)
        self._registers[0x2C] = 0x0A
        self._fifo: deque[int] = deque()
        self._next_ns: float | None = None

    def time_of(self, number: int) -> float:
        """When sample `number` was taken; only for samples since the last start of measuring."""
        return self._begun_ns + (number - self.begun_number + 1) * self._period_ns

    def read(self, register: int, count: int) -> bytes:
        self._sample()
        if register == 0x32:
            return self._data()[:count]
        out = bytearray()
        for address in range(register, register + count):
            out.append(self._register(address))
        return bytes(out)

    def write(self, register: int, data: bytes) -> None:
        self._sample()
        for address, value in enumerate(data, register):
            was_measuring = bool(self._registers[0x2D] & 0x08)
            self._registers[address] = self.stuck.get(address, value)
            if address == 0x38 and value >> 6 == 0:
                self._fifo.clear()
            if address == 0x2D and value & 0x08 and not was_measuring:
                self._begin()
            if address == 0x2D and not value & 0x08:
                self._next_ns = None

    def _begin(self) -> None:
        self._period_ns = 1e9 / (RATE_OF_CODE[self._registers[0x2C] & 0x0F] * self.rate_factor)
        self._begun_ns, self.begun_number = self._now_ns(), self.produced
        self._next_ns = self._begun_ns + self._period_ns

    def _sample(self) -> None:
        while self._next_ns is not None and self._next_ns <= self._now_ns():
            if not self.is_frozen and self._registers[0x38] >> 6 == 2:
                self._fifo.append(self.produced)
            while len(self._fifo) > 32:
                self._fifo.popleft()
            self.produced += 1
            self._next_ns += self._period_ns

    def _register(self, address: int) -> int:
        if address == 0x00:
            return self.device_id
        if address == 0x39:
            return self.stuck.get(0x39, len(self._fifo))
        return self._registers[address]

    def _data(self) -> bytes:
        number = self._fifo.popleft() if self._fifo else self.produced - 1
        self.taken.append(number)
        counts = [number % 4096 - 2048, number // 4096, 256]
        if number in self.damage_counts:
            counts[1] = 0x5A5A
        return np.array(counts, dtype="<i2").tobytes()


class FakeBus:
    """The bus with one chip; a transfer takes 0.2 ms of the clock, and may fail as the kernel says it."""

    def __init__(self, chip: RegisterChip, advance_ns: Callable[[int], None], *, address: int = 0x53) -> None:
        self.chip, self._advance_ns, self._address = chip, advance_ns, address
        self.is_connected = True
        self.errno_when_gone = NO_ACKNOWLEDGE
        self.fail_next: deque[int] = deque()  # errnos of the next transfers
        self.fail_next_data: deque[int] = deque()  # errnos (0: none) of the next reads of a sample; the entry is gone
        self.stall_next_data: deque[int] = deque()  # ns by which the next reads of a sample are held up
        self.open_count = 0
        self.transfer_count = 0

    def open(self, _name: str) -> FakeBus:
        self.open_count += 1
        return self

    def read_register(self, address: int, register: int, count: int) -> bytes:
        self._transfer(address)
        if register == self.chip.data_register and self.stall_next_data:
            self._advance_ns(self.stall_next_data.popleft())
        data = self.chip.read(register, count)
        number = self.fail_next_data.popleft() if register == self.chip.data_register and self.fail_next_data else 0
        if number:
            raise OSError(number, os.strerror(number))
        return data

    def write_register(self, address: int, register: int, data: bytes) -> None:
        self._transfer(address)
        self.chip.write(register, data)

    def close(self) -> None:
        pass

    def _transfer(self, address: int) -> None:
        self._advance_ns(TRANSFER_NS)
        self.transfer_count += 1
        number = self.fail_next.popleft() if self.fail_next else 0
        if not self.is_connected or address != self._address:
            number = self.errno_when_gone
        if number:
            raise OSError(number, os.strerror(number))


def numbers_of(samples_mps2: npt.NDArray[np.float64]) -> list[int]:
    """Which samples of the fake these are."""
    counts = np.rint(samples_mps2 / (9.80665 / 256)).astype(int)
    return [int(y) * 4096 + int(x) + 2048 for x, y, _ in counts]
