"""BMP280: barometer of Bosch Sensortec on an I2C bus.

Device: address 0x76, or 0x77 with SDO high. Units: hPa, 300 to 1100; 0.16 Pa a step, noise 1.3 Pa rms without filter.
Timing: measures by itself about 22 times a second (43 ms and 0.5 ms of rest); a poll reads 6 bytes, 0.3 ms at 400 kHz.
The chip's own filter is off: what a driver smooths could not be replayed otherwise.
Fault behaviour: `PressureSensor`.
Source: Bosch Sensortec, BMP280 data sheet BST-BMP280-DS001, revision 1.23 (11/2020): table 17, appendix 8.1 (both
read in copies); sections 3.3 to 3.8 and 4.3 (registers; from memory, checked against Linux drivers/iio/pressure).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.i2c import I2cBus, I2cChip, open_i2c_bus
from drivers.pressure import PressureSensor

TRIMMING, ID, CTRL_MEAS, CONFIG, DATA = 0x88, 0xD0, 0xF4, 0xF5, 0xF7
DEVICE_ID = 0x58
TRIMMING_BYTES, DATA_BYTES = 24, 6
# Source: section 4.3.4: temperature x2, pressure x16, sleep or normal mode; 4.3.5: 0.5 ms of rest, no filter.
SLEEP, NORMAL = 0b010_101_00, 0b010_101_11
NO_FILTER = 0b000_000_00
NOTHING_YET = 0x80000  # Source: section 4.3.6: the value at reset, and of a skipped measurement
RANGE_HPA = (300.0, 1100.0)  # Source: table 2.


class Bmp280(PressureSensor):
    """The barometer as a source of `PressureSample`s. bus_name: "/dev/i2c-1", "1" or "unix:PATH"."""

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x76,
        rate_hz: float = 5.0,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "pressure",
    ) -> None:
        chip = Bmp280Chip(I2cChip(bus_name, address, open_bus))
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


@dataclass(frozen=True, slots=True)
class Bmp280Trimming:
    """What the maker measured on one chip. Source: table 17, dig_T1 to dig_T3 and dig_P1 to dig_P9."""

    t: tuple[int, int, int]
    p: tuple[int, int, int, int, int, int, int, int, int]

    @classmethod
    def of(cls, raw: bytes) -> Bmp280Trimming:
        """From the 24 bytes at 0x88, low byte first; the first of each group is unsigned."""
        t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9 = struct.unpack("<HhhHhhhhhhhh", raw)
        return cls((t1, t2, t3), (p1, p2, p3, p4, p5, p6, p7, p8, p9))

    def fine_temperature(self, adc_t: int) -> float:
        """Temperature in 1/5120 degrees Celsius. Source: appendix 8.1, bmp280_compensate_T_double."""
        t1, t2, t3 = self.t
        return (adc_t / 16384.0 - t1 / 1024.0) * t2 + (adc_t / 131072.0 - t1 / 8192.0) ** 2 * t3

    def pressure_pa(self, adc_p: int, fine_temperature: float) -> float:
        """Source: appendix 8.1, bmp280_compensate_P_double; as in the worked example of section 3.12 the fine
        temperature is not cut to a whole number."""
        p1, p2, p3, p4, p5, p6, p7, p8, p9 = self.p
        var1 = fine_temperature / 2.0 - 64000.0
        var2 = var1 * var1 * p6 / 32768.0
        var2 += var1 * p5 * 2.0
        var2 = var2 / 4.0 + p4 * 65536.0
        var1 = (p3 * var1 * var1 / 524288.0 + p2 * var1) / 524288.0
        var1 = (1.0 + var1 / 32768.0) * p1
        if var1 == 0.0:
            return 0.0
        pressure = (1048576.0 - adc_p - var2 / 4096.0) * 6250.0 / var1
        return pressure + (p9 * pressure * pressure / 2147483648.0 + pressure * p8 / 32768.0 + p7) / 16.0


class Bmp280Chip:
    """The registers of one chip; a `PressureChip`."""

    def __init__(self, device: I2cChip) -> None:
        self._device = device
        self._trimming = Bmp280Trimming((0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0, 0))
        # In the order of writing. Source: section 4.3.5: writes to "config" may be ignored outside sleep mode.
        self._settings = ((CTRL_MEAS, SLEEP), (CONFIG, NO_FILTER), (CTRL_MEAS, NORMAL))

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
        self._device.identify(ID, "BMP280", DEVICE_ID, {0x60: 'a BME280 or BMP390 (chip = "bmp390")', 0x55: "a BMP180"})
        self._trimming = Bmp280Trimming.of(self._device.get(TRIMMING, TRIMMING_BYTES))
        for register, value in self._settings:
            self._device.configure(register, bytes([value]))

    def pressure_hpa(self) -> float | None:
        """The newest pressure; None before the first one after power-on."""
        data = int.from_bytes(self._device.get(DATA, DATA_BYTES), "big")
        adc_p, adc_t = data >> 28, data >> 4 & 0xFFFFF
        if NOTHING_YET in (adc_p, adc_t):
            return None
        return self._trimming.pressure_pa(adc_p, self._trimming.fine_temperature(adc_t)) / 100.0

    def check_settings(self) -> None:
        """Raise ChipTrouble(CONFIGURATION) if a setting is gone."""
        for register, value in dict(self._settings).items():
            self._device.require(register, bytes([value]), "has lost its settings")

    def close(self) -> None:
        """Release the bus."""
        self._device.close()
