"""BMP390: barometer of Bosch Sensortec on an I2C bus, quieter than the BMP280.

Device: address 0x76, or 0x77 with SDO high. Units: hPa, 300 to 1250.
Timing: measures by itself 25 times a second (37 ms each); a poll reads 1 and 6 bytes, 0.5 ms at 400 kHz. The chip says
whether a pressure is new. Its own filter is off: what a driver smooths could not be replayed otherwise.
Fault behaviour: `PressureSensor`.
Source: Bosch Sensortec, BMP390 data sheet BST-BMP390-DS002, sections 3.9.2, 4.3, 8.4 to 8.6 (from memory); registers,
ids, codes and powers of two checked against the maker's own BMP3_SensorAPI, bmp3_defs.h and bmp3.c.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus
from drivers.pressure import PressureSensor
from edge_agent.readings import FaultReason

CHIP_ID, ERR_REG, STATUS, DATA, INT_CTRL, PWR_CTRL, OSR, ODR, CONFIG, TRIMMING = (
    0x00,
    0x02,
    0x03,
    0x04,
    0x19,
    0x1B,
    0x1C,
    0x1D,
    0x1F,
    0x31,
)
DEVICE_ID = 0x60
DATA_BYTES, TRIMMING_BYTES = 6, 21
SLEEP, NORMAL = 0x00, 0x33  # both sensors on, normal mode
PRESSURE_X16_TEMPERATURE_X2 = 0b001_100
RATE_25_HZ, NO_FILTER = 0x03, 0x00
FATAL, WRONG_SETTINGS = 0x01, 0x04
PRESSURE_IS_NEW = 0x20
RANGE_HPA = (300.0, 1250.0)  # Source: table 2.


class Bmp390(PressureSensor):
    """The barometer as a source of `PressureSample`s. bus_name: "/dev/i2c-1", "1" or "unix:PATH"."""

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x77,
        rate_hz: float = 5.0,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "pressure",
    ) -> None:
        chip = Bmp390Chip(I2cChip(bus_name, address, open_bus))
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


@dataclass(frozen=True, slots=True)
class Bmp390Trimming:
    """What the maker measured on one chip, scaled. Source: section 8.4, PAR_T1 to PAR_T3 and PAR_P1 to PAR_P11."""

    t: tuple[float, float, float]
    p: tuple[float, ...]

    @classmethod
    def of(cls, raw: bytes) -> Bmp390Trimming:
        """From the 21 bytes at 0x31, low byte first."""
        t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 = struct.unpack("<HHbhhbbHHbbhbb", raw)
        return cls(
            (t1 * 2.0**8, t2 / 2.0**30, t3 / 2.0**48),
            (
                (p1 - 2**14) / 2.0**20,
                (p2 - 2**14) / 2.0**29,
                p3 / 2.0**32,
                p4 / 2.0**37,
                p5 * 2.0**3,
                p6 / 2.0**6,
                p7 / 2.0**8,
                p8 / 2.0**15,
                p9 / 2.0**48,
                p10 / 2.0**48,
                p11 / 2.0**65,
            ),
        )

    def temperature_degc(self, raw_t: int) -> float:
        """Source: section 8.5."""
        t1, t2, t3 = self.t
        difference = raw_t - t1
        return difference * t2 + difference**2 * t3

    def pressure_pa(self, raw_p: int, temperature_degc: float) -> float:
        """Source: section 8.6."""
        p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 = self.p
        t = temperature_degc
        offset = p5 + p6 * t + p7 * t**2 + p8 * t**3
        slope = p1 + p2 * t + p3 * t**2 + p4 * t**3
        curve = raw_p**2 * (p9 + p10 * t) + raw_p**3 * p11
        return float(offset + raw_p * slope + curve)


class Bmp390Chip:
    """The registers of one chip; a `PressureChip`."""

    def __init__(self, device: I2cChip) -> None:
        self._device = device
        self._trimming = Bmp390Trimming((0.0, 0.0, 0.0), (0.0,) * 11)
        self._settings = (
            (PWR_CTRL, SLEEP),
            (INT_CTRL, 0x02),  # as at reset: no interrupt
            (OSR, PRESSURE_X16_TEMPERATURE_X2),
            (ODR, RATE_25_HZ),
            (CONFIG, NO_FILTER),
            (PWR_CTRL, NORMAL),
        )

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        return self._device.subject

    @property
    def range_hpa(self) -> tuple[float, float]:
        """What the chip can measure."""
        return RANGE_HPA

    def start(self) -> None:
        """Open, identify, read the trimming, configure, read back, measure."""
        self._device.open()
        self._device.identify(CHIP_ID, "BMP390", DEVICE_ID, {0x50: "a BMP388"})
        self._trimming = Bmp390Trimming.of(self._device.get(TRIMMING, TRIMMING_BYTES))
        for register, value in self._settings:
            self._device.configure(register, bytes([value]))
        errors = self._device.get(ERR_REG, 1)[0]
        if errors & (FATAL | WRONG_SETTINGS):
            raise ChipTrouble(
                FaultReason.CONFIGURATION,
                f"the barometer refuses its settings (errors {errors:#04x})",
                "Power it off and on; if that does not help, it is broken",
            )

    def pressure_hpa(self) -> float | None:
        """The newest pressure; None if it was read before."""
        if not self._device.get(STATUS, 1)[0] & PRESSURE_IS_NEW:
            return None
        data = self._device.get(DATA, DATA_BYTES)
        raw_p, raw_t = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:], "little")
        return self._trimming.pressure_pa(raw_p, self._trimming.temperature_degc(raw_t)) / 100.0

    def check_settings(self) -> None:
        """Raise ChipTrouble(CONFIGURATION) if a setting is gone."""
        for register, value in dict(self._settings).items():
            self._device.require(register, bytes([value]), "has lost its settings")

    def close(self) -> None:
        """Release the bus."""
        self._device.close()
