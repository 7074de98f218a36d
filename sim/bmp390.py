"""Byte model of a BMP390: trimming, settings, raw numbers of the air at the car. Time comes from outside.

Source: Bosch Sensortec, BMP390 data sheet BST-BMP390-DS002: section 4.3 (registers), 8.4 to 8.6 (compensation; written
again here in floating point and turned round by halving), from memory, unverified.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from sim.halving import halved

CHIP_ID, ERRORS, STATUS, DATA, EVENT = 0x00, 0x02, 0x03, 0x04, 0x10
INT_CTRL, PWR_CTRL, OSR, ODR, CONFIG, TRIMMING_AT, CMD = 0x19, 0x1B, 0x1C, 0x1D, 0x1F, 0x31, 0x7E
DEVICE_ID, SOFT_RESET = 0x60, 0xB6
TRIMMING = bytes.fromhex("236b5849f65cffcef42300ea636e79f3f6aa4312c4")
"""Of a real chip. Source: published in the tests of elixir-sensors/bmp3xx."""

_READY, _NEW_PRESSURE, _NEW_TEMPERATURE = 0x10, 0x20, 0x40
_WRONG_SETTINGS = 0x04
_BOTH_NORMAL = 0x33
_RAW_MAX = (1 << 24) - 1
_WRITABLE = (INT_CTRL, PWR_CTRL, OSR, ODR, CONFIG)


class Bmp390Model:
    """One chip. pressure_at: hPa at a time in seconds; temp_at: degrees Celsius. `is_silent`: it measures no more."""

    def __init__(self, pressure_at: Callable[[float], float], temp_at: Callable[[float], float]) -> None:
        self._pressure_at, self._temp_at = pressure_at, temp_at
        self.is_silent = False
        self.power_cycle()

    def power_cycle(self) -> None:
        """Supply gone and back: the settings are lost."""
        self._registers = bytearray(256)
        self._registers[CHIP_ID] = DEVICE_ID
        self._registers[INT_CTRL], self._registers[OSR] = 0x02, 0x02
        self._registers[TRIMMING_AT : TRIMMING_AT + len(TRIMMING)] = TRIMMING
        self._registers[STATUS] = _READY
        self._registers[DATA : DATA + 6] = b"\x00\x00\x80" * 2
        self._next_s: float | None = None  # when the next measurement is done

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer; the register counts up. Reading the data takes its "new" away."""
        if self._next_s is not None and now_s >= self._next_s and not self.is_silent:
            self._measure(now_s)
        out = bytes(self._registers[each & 0xFF] for each in range(register, register + count))
        if register <= DATA < register + count:
            self._registers[STATUS] &= ~(_NEW_PRESSURE | _NEW_TEMPERATURE) & 0xFF
        if register <= ERRORS < register + count:
            self._registers[ERRORS] = 0
        return out

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer; what is read-only keeps its value."""
        for address, value in enumerate(data, start=register):
            if address == CMD and value == SOFT_RESET:
                self.power_cycle()
            elif address in _WRITABLE:
                self._registers[address] = value
                if address == PWR_CTRL:
                    self._switch(now_s)

    @property
    def _period_s(self) -> float:
        return 0.005 * 2.0 ** (self._registers[ODR] & 0x1F)

    def _switch(self, now_s: float) -> None:
        if self._registers[PWR_CTRL] & _BOTH_NORMAL != _BOTH_NORMAL:
            self._next_s = None
            return
        # Source: section 3.9.2, from memory: 234 us, 392 us + 2020 us a pressure sample, 163 us + 2020 us a temperature
        oversampling = self._registers[OSR]
        lasts_s = (234 + 392 + 163 + 2020 * (2 ** (oversampling & 7) + 2 ** (oversampling >> 3 & 7))) * 1e-6
        if lasts_s > self._period_s:
            self._registers[ERRORS] |= _WRONG_SETTINGS
            self._next_s = None
        elif self._next_s is None:
            self._next_s = now_s + self._period_s

    def _measure(self, now_s: float) -> None:
        assert self._next_s is not None
        periods = int((now_s - self._next_s) / self._period_s)
        at_s = self._next_s + periods * self._period_s
        self._next_s = at_s + self._period_s
        temp_degc, pressure_pa = self._temp_at(at_s), 100.0 * self._pressure_at(at_s)
        raw_t = halved(lambda raw: temperature_degc(raw) - temp_degc, _RAW_MAX, is_rising=True)
        degc = temperature_degc(raw_t)
        raw_p = halved(lambda raw: pressure_of(raw, degc) - pressure_pa, _RAW_MAX, is_rising=False)
        self._registers[DATA : DATA + 6] = raw_p.to_bytes(3, "little") + raw_t.to_bytes(3, "little")
        self._registers[STATUS] = _READY | _NEW_PRESSURE | _NEW_TEMPERATURE


def _words() -> tuple[int, ...]:
    return struct.unpack("<HHbhhbbHHbbhbb", TRIMMING)


def temperature_degc(raw: int) -> float:
    """Degrees Celsius of a raw temperature."""
    t1, t2, t3 = _words()[:3]
    above = raw - t1 * 256.0
    return above * (t2 / 1073741824.0) + above * above * (t3 / 281474976710656.0)


def pressure_of(raw: int, degc: float) -> float:
    """Pa of a raw pressure at a temperature."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 = _words()[3:]
    offset = p5 * 8.0 + p6 / 64.0 * degc + p7 / 256.0 * degc**2 + p8 / 32768.0 * degc**3
    first = (p1 - 16384) / 1048576.0 + (p2 - 16384) / 536870912.0 * degc
    slope = first + p3 / 4294967296.0 * degc**2 + p4 / 137438953472.0 * degc**3
    bend = (p9 + p10 * degc) / 281474976710656.0
    return float(offset + raw * slope + raw**2 * bend + raw**3 * (p11 / 36893488147419103232.0))
