"""Byte model of an INA219 in the lead of the box's battery. Time comes from outside.

Source: Texas Instruments, INA219 data sheet SBOS448G: section 8.6.2.1 and table 4 (reset value, PGA), 8.6.3.1 (shunt
voltage, 10 uV a count), 8.6.3.2 (bus voltage, 4 mV a count from bit 3, conversion ready in bit 1).
"""

from __future__ import annotations

from collections.abc import Callable

CONFIGURATION, SHUNT_VOLTAGE, BUS_VOLTAGE, CALIBRATION = 0x00, 0x01, 0x02, 0x05
AT_RESET, RESET_BIT = 0x399F, 0x8000
SHUNT_OHM = 0.1
_SHUNT_COUNTS_MAX = 32_000  # 320 mV, the widest range of the amplifier
_BUS_COUNTS_MAX = 0x1FFF
_READY = 0x0002


class Ina219Model:
    """One chip with a shunt of `SHUNT_OHM`. supply_at: V and A out of the battery at a time in seconds.

    `is_silent` is of no meaning to it: the chip has no word for "no new value".
    """

    def __init__(self, supply_at: Callable[[float], tuple[float, float]]) -> None:
        self._supply_at = supply_at
        self.is_silent = False
        self.power_cycle()

    def power_cycle(self) -> None:
        """Supply gone and back: the settings are lost."""
        self._words = {CONFIGURATION: AT_RESET, CALIBRATION: 0}

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer: the word of a register, high byte first, again and again."""
        voltage_v, current_a = self._supply_at(now_s)
        match register:
            case _ if register == SHUNT_VOLTAGE:
                limit = _SHUNT_COUNTS_MAX >> (3 - (self._words[CONFIGURATION] >> 11 & 3))
                word = max(-limit, min(limit, round(current_a * SHUNT_OHM / 10e-6))) & 0xFFFF
            case _ if register == BUS_VOLTAGE:
                word = max(0, min(_BUS_COUNTS_MAX, round(voltage_v / 0.004))) << 3 | _READY
            case _:
                word = self._words.get(register, 0)
        return (word.to_bytes(2, "big") * (count // 2 + 1))[:count]

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer of a word; measured values and half words are not taken."""
        if register in self._words and len(data) == 2:
            word = int.from_bytes(data, "big")
            if register == CONFIGURATION and word & RESET_BIT:
                self.power_cycle()
            else:
                self._words[register] = word
