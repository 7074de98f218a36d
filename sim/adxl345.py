"""Byte model of an ADXL345: registers, sample clock, FIFO with overflow. Time and the samples come from outside.

Source: Analog Devices, ADXL345 data sheet: register map, tables 7 and 19 to 39, section "FIFO".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from sim.motion import FloatArray

DEVID, OFSX, BW_RATE, POWER_CTL, INT_SOURCE = 0x00, 0x1E, 0x2C, 0x2D, 0x30
DATA_FORMAT, DATAX0, DATAZ1, FIFO_CTL, FIFO_STATUS = 0x31, 0x32, 0x37, 0x38, 0x39
_MEASURE, _FULL_RES, _RANGE_MASK, _RATE_MASK = 0x08, 0x08, 0x03, 0x0F
_DATA_READY, _WATERMARK, _OVERRUN = 0x80, 0x02, 0x01
_FIFO_DEPTH = 32
_BYPASS, _FIFO_UNTIL_FULL = 0, 1
_READ_ONLY = frozenset({DEVID, 0x2B, INT_SOURCE, *range(DATAX0, DATAZ1 + 1), FIFO_STATUS})
_RESET = {DEVID: 0xE5, BW_RATE: 0x0A}
_LAST_REGISTER = 0x39
_G_MPS2 = 9.80665
_OFFSET_G = 0.0156  # a step of the offset registers
_CATCH_UP_S = 2.0  # a chip that nobody looks at for longer only keeps its last samples anyway

SampleAt = Callable[[FloatArray], FloatArray]
"""Specific force in sensor axes, m/s2, at ascending times in seconds."""


class Adxl345Model:
    """One chip. Every access tells it the time; it then produces the samples that have come due.

    rate_true: true over nominal sample rate. `is_silent`: it answers but samples no more.
    """

    def __init__(self, sample_at: SampleAt, rate_true: float = 1.0, device_id: int = _RESET[DEVID]) -> None:
        self._sample_at = sample_at
        self._rate_true = rate_true
        self._registers = bytearray(_LAST_REGISTER + 1)
        for register, value in _RESET.items():
            self._registers[register] = value
        self._registers[DEVID] = device_id
        self._fifo: deque[bytes] = deque()
        self._data = bytes(6)
        self._is_fresh = self._has_overrun = False
        self._next_s: float | None = None
        self.is_silent = False
        self.overrun_count = 0  # samples overwritten or refused because nobody took them

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer; the register counts up."""
        self._catch_up(now_s)
        out = bytearray()
        has_read_data = False
        for address in range(register, register + count):
            if DATAX0 <= address <= DATAZ1:
                out.append(self._oldest()[address - DATAX0])
                has_read_data = True
            elif address == FIFO_STATUS:
                out.append(min(len(self._fifo), _FIFO_DEPTH) if self._mode != _BYPASS else 0)
            elif address == INT_SOURCE:
                out.append(self._interrupts())
            else:
                out.append(self._registers[address] if address <= _LAST_REGISTER else 0)
        if has_read_data:  # the transfer pops its entry, however many of the six bytes it took
            self._data = self._oldest()
            if self._fifo:
                self._fifo.popleft()
            self._is_fresh = self._has_overrun = False
        return bytes(out)

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer; read-only registers keep their value."""
        self._catch_up(now_s)
        for address, value in enumerate(data, start=register):
            if address > _LAST_REGISTER or address in _READ_ONLY:
                continue
            before = self._registers[address]
            self._registers[address] = value
            if address == FIFO_CTL and self._mode == _BYPASS:
                self._fifo.clear()
            is_restart = address == POWER_CTL and (value ^ before) & _MEASURE
            if is_restart or (address == BW_RATE and value != before):
                self._next_s = now_s + self._period_s if self._is_measuring else None

    def power_cycle(self) -> None:
        """Supply gone and back: all settings and samples are lost."""
        device_id = self._registers[DEVID]
        self._registers = bytearray(_LAST_REGISTER + 1)
        for register, value in _RESET.items():
            self._registers[register] = value
        self._registers[DEVID] = device_id
        self._fifo.clear()
        self._next_s = None

    @property
    def _mode(self) -> int:
        return self._registers[FIFO_CTL] >> 6

    @property
    def _is_measuring(self) -> bool:
        return bool(self._registers[POWER_CTL] & _MEASURE)

    @property
    def _period_s(self) -> float:
        nominal_hz = 3200.0 / (1 << (15 - (self._registers[BW_RATE] & _RATE_MASK)))
        return 1.0 / (nominal_hz * self._rate_true)

    def _oldest(self) -> bytes:
        return self._fifo[0] if self._fifo else self._data

    def _interrupts(self) -> int:
        watermark = self._registers[FIFO_CTL] & 0x1F
        bits = _DATA_READY if self._is_fresh or self._fifo else 0
        bits |= _WATERMARK if len(self._fifo) >= watermark else 0
        return bits | (_OVERRUN if self._has_overrun else 0)

    def _catch_up(self, now_s: float) -> None:
        if self._next_s is None or self._next_s > now_s:
            return
        period_s = self._period_s
        count = int((now_s - self._next_s) / period_s) + 1
        skipped = max(0, count - int(_CATCH_UP_S / period_s))
        times_s: FloatArray = self._next_s + period_s * np.arange(skipped, count, dtype=np.float64)
        self._next_s += count * period_s
        if self.is_silent:
            return
        self._lose(skipped)
        for entry in self._encoded(self._sample_at(times_s)):
            self._keep(entry)

    def _keep(self, entry: bytes) -> None:
        self._is_fresh = True
        if self._mode == _BYPASS:
            self._data = entry
            return
        if len(self._fifo) >= _FIFO_DEPTH:
            self._lose(1)
            if self._mode == _FIFO_UNTIL_FULL:
                return
            self._fifo.popleft()
        self._fifo.append(entry)

    def _lose(self, count: int) -> None:
        if count > 0:
            self._has_overrun = True
            self.overrun_count += count

    def _encoded(self, samples_mps2: FloatArray) -> list[bytes]:
        """Counts as they stand in the data registers: 1/256 g in full resolution, else 10 bits over the range."""
        range_g = 2 << (self._registers[DATA_FORMAT] & _RANGE_MASK)
        step_g = 1 / 256 if self._registers[DATA_FORMAT] & _FULL_RES else range_g / 512
        offsets = np.frombuffer(self._registers[OFSX : OFSX + 3], dtype=np.int8) * _OFFSET_G
        limit = round(range_g / step_g)
        counts = np.round((samples_mps2 / _G_MPS2 + offsets) / step_g)
        words = np.clip(counts, -limit, limit - 1).astype("<i2")
        return [row.tobytes() for row in words]
