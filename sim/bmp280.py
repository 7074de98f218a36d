"""Byte model of a BMP280: trimming, settings, raw numbers of the air at the car. Time comes from outside.

Source: Bosch Sensortec, BMP280 data sheet BST-BMP280-DS001: section 4.2 and 4.3 (registers, from memory, unverified),
appendix 8.1 (the formulas, written again here in floating point and turned round by halving).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from sim.halving import halved

ID, RESET, STATUS, CTRL_MEAS, CONFIG, DATA = 0xD0, 0xE0, 0xF3, 0xF4, 0xF5, 0xF7
TRIMMING_AT = 0x88
DEVICE_ID = 0x58
# Source: the worked example of the data sheet.
TRIMMING = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
_NORMAL = 3
_NOTHING = 0x80000
_RAW_MAX = (1 << 20) - 1
_SETTLE_S = 0.05


class Bmp280Model:
    """One chip. pressure_at: hPa at a time in seconds; temp_at: degrees Celsius. `is_silent`: it measures no more."""

    def __init__(self, pressure_at: Callable[[float], float], temp_at: Callable[[float], float]) -> None:
        self._pressure_at, self._temp_at = pressure_at, temp_at
        self.is_silent = False
        self._raw = (_NOTHING, _NOTHING)
        self.power_cycle()

    def power_cycle(self) -> None:
        """Supply gone and back: the settings are lost."""
        self._registers = bytearray(256)
        self._registers[TRIMMING_AT : TRIMMING_AT + 24] = struct.pack("<HhhHhhhhhhhh", *TRIMMING)
        self._registers[ID] = DEVICE_ID
        self._begun_s: float | None = None
        self._raw = (_NOTHING, _NOTHING)

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer; the register counts up."""
        if self._begun_s is not None and now_s - self._begun_s >= _SETTLE_S and not self.is_silent:
            self._raw = self._measured(now_s)
        raw_p, raw_t = self._raw
        self._registers[DATA : DATA + 6] = (raw_p << 4).to_bytes(3, "big") + (raw_t << 4).to_bytes(3, "big")
        return bytes(self._registers[each & 0xFF] for each in range(register, register + count))

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer; what is read-only keeps its value, CONFIG is deaf outside sleep mode."""
        for address, value in enumerate(data, start=register):
            if address == CTRL_MEAS:
                is_measuring = value & _NORMAL == _NORMAL
                if is_measuring and self._begun_s is None:
                    self._begun_s = now_s
                elif not is_measuring:
                    self._begun_s = None
                self._registers[CTRL_MEAS] = value
            elif address == CONFIG and self._begun_s is None:
                self._registers[CONFIG] = value
            elif address == RESET and value == 0xB6:
                self.power_cycle()

    def _measured(self, now_s: float) -> tuple[int, int]:
        temp_degc = self._temp_at(now_s)
        raw_t = halved(lambda raw: _fine_temperature(raw) / 5120.0 - temp_degc, _RAW_MAX, is_rising=True)
        fine = _fine_temperature(raw_t)
        pressure_pa = 100.0 * self._pressure_at(now_s)
        raw_p = halved(lambda raw: _pressure_pa(raw, fine) - pressure_pa, _RAW_MAX, is_rising=False)
        return raw_p, raw_t


def _fine_temperature(raw: int) -> float:
    t1, t2, t3 = TRIMMING[:3]
    first = (raw / 16384.0 - t1 / 1024.0) * t2
    return first + (raw / 131072.0 - t1 / 8192.0) ** 2 * t3


def _pressure_pa(raw: int, fine: float) -> float:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = TRIMMING[3:]
    half = fine / 2.0 - 64000.0
    offset = half * half * p6 / 32768.0 + half * p5 * 2.0
    offset = offset / 4.0 + p4 * 65536.0
    gain = (p3 * half * half / 524288.0 + p2 * half) / 524288.0
    gain = (1.0 + gain / 32768.0) * p1
    pressure = (1048576.0 - raw - offset / 4096.0) * 6250.0 / gain
    return pressure + (p9 * pressure * pressure / 2147483648.0 + pressure * p8 / 32768.0 + p7) / 16.0
