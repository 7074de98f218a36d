"""ADXL355: 3-axis accelerometer of low noise of Analog Devices on an I2C bus, read through its FIFO; for ride quality.

Device: address 0x1D, or 0x53 with ASEL high. Units: m/s2; 256000, 128000 or 64000 counts a g at 2, 4 or 8 g, 20 bits.
Timing: the FIFO holds 96 entries of one axis each, so 32 samples, 64 ms at 500 Hz. Each entry says whether it is an x
and whether the FIFO was empty: a reader that lost its step finds it again.
Fault behaviour: `FifoAccelerometer`.
Source: Analog Devices, ADXL354/ADXL355 data sheet, sections "FIFO", "Register map", "Self-test"; registers, ids and
rates checked against Linux, drivers/iio/accel/adxl355_core.c; the marker bits of a FIFO entry and the bits of RANGE
are from memory, unverified.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.fifo_accelerometer import FifoAccelerometer
from drivers.fifo_chip import (
    STANDARD_GRAVITY_MPS2,
    Bounds,
    RegisterFifoChip,
    SampleFormat,
    Settings,
    Taken,
    code_of,
    impossible_bytes,
    impossible_status,
    in_bursts,
)
from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus

DEVID_AD, PARTID, FIFO_ENTRIES, FIFO_DATA, OFFSET_X_H = 0x00, 0x02, 0x05, 0x11, 0x1E
ACT_EN, FILTER, INT_MAP, RANGE, POWER_CTL, SELF_TEST = 0x24, 0x28, 0x2A, 0x2C, 0x2D, 0x2E
MAKER_ID, PART_ID = 0xAD, 0xED
STANDBY, MEASURE = 0x01, 0x00
RANGE_RESET_BITS = 0x80
TEST_MODE, TEST_FORCE = 0x01, 0x02
X_MARK, EMPTY_MARK = 0x01, 0x02
ENTRIES_MAX, ENTRY_BYTES = 96, 3
FIFO_SAMPLES, SAMPLE_BYTES = 32, 9

# Source: data sheet, register 0x28; Linux adxl355_odr_table. Above 1000 Hz a full FIFO is less than 32 ms away.
RATE_CODES = {125: 0x5, 250: 0x4, 500: 0x3, 1000: 0x2}
RANGE_CODES = {2: 0x1, 4: 0x2, 8: 0x3}
COUNTS_PER_G = {2: 256000, 4: 128000, 8: 64000}

# Source: data sheet, table 1, "self-test output change": 0.3 g for x and y, 1.5 g for z, typical, as quoted by the
# maker's support. Bounds of a third to the double are chosen. Beside gravity 1.5 g do not fit into the range of 2 g.
SELF_TEST_RANGE_G = 8
SELF_TEST_G = (0.3, 0.3, 1.5)


class Adxl355(FifoAccelerometer):
    """The accelerometer as a source.

    bus_name: "/dev/i2c-1", "1" or "unix:PATH". Raises SettingsError for a rate or range that the chip does not have.
    """

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x1D,
        rate_hz: int = 500,
        range_g: int = 2,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "accelerometer",
    ) -> None:
        chip = Adxl355Chip(I2cChip(bus_name, address, open_bus), rate_hz, range_g)
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


class Adxl355Chip(RegisterFifoChip):
    """The registers of one chip; a `FifoChip`."""

    def __init__(self, device: I2cChip, rate_hz: int, range_g: int) -> None:
        self._rate_code = code_of(RATE_CODES, rate_hz, "Hz", "ADXL355")
        settings = self._written(code_of(RANGE_CODES, range_g, "g", "ADXL355"), 0)
        super().__init__(device, settings, range_g=range_g, self_test_range_g=SELF_TEST_RANGE_G)

    @property
    def fifo_samples(self) -> int:
        """Samples at which the FIFO is full."""
        return FIFO_SAMPLES

    @property
    def sample_format(self) -> SampleFormat:
        """20 bits in the upper part of 24, high byte first; the marks stand in the unused bits."""
        return SampleFormat(
            SAMPLE_BYTES,
            axis_bytes=ENTRY_BYTES,
            is_big_endian=True,
            unused_bits=4,
            mps2_per_count=STANDARD_GRAVITY_MPS2 / COUNTS_PER_G[self._range_now_g],
        )

    def fill(self) -> int:
        """Whole samples in the FIFO."""
        entries = self._device.get(FIFO_ENTRIES, 1)
        if entries[0] > ENTRIES_MAX:
            raise impossible_status(entries)
        return entries[0] // 3

    def take(self, count: int) -> Taken:
        """Read in bursts; a sample whose marks are wrong ends it, and the step is found again."""
        taken = in_bursts(lambda size: self._device.get(FIFO_DATA, size), count, SAMPLE_BYTES)
        for at in range(0, len(taken.raw), SAMPLE_BYTES):
            if not _is_whole(taken.raw[at : at + SAMPLE_BYTES]):
                spoilt_count = (len(taken.raw) - at) // SAMPLE_BYTES + taken.lost_count
                return Taken(taken.raw[:at], self._in_step(taken.raw) or impossible_bytes(), spoilt_count)
        return taken

    def self_test_bounds_mps2(self) -> tuple[Bounds, Bounds, Bounds]:
        """Around the typical change."""
        x, y, z = ((g * STANDARD_GRAVITY_MPS2 / 3, g * STANDARD_GRAVITY_MPS2 * 2) for g in SELF_TEST_G)
        return x, y, z

    def _in_step(self, raw: bytes) -> ChipTrouble | None:
        """Take entries until the next one is an x."""
        last_bytes = raw[ENTRY_BYTES - 1 :: ENTRY_BYTES]
        since_x = next((back for back, last in enumerate(reversed(last_bytes)) if last & X_MARK), 2)
        try:
            for _ in range((2 - since_x) % 3):
                self._device.get(FIFO_DATA, ENTRY_BYTES)
        except ChipTrouble as trouble:
            return trouble
        return None

    def _begin(self, settings: Settings) -> None:
        super()._begin(settings[:-1])
        for _ in range(ENTRIES_MAX):  # what is left from before; standby adds nothing
            entry_count = self._device.get(FIFO_ENTRIES, 1)[0]
            if entry_count == 0:
                break
            self._device.get(FIFO_DATA, ENTRY_BYTES)
        self._device.configure(*settings[-1])

    def _identify(self) -> None:
        self._device.identify(DEVID_AD, "ADXL355", MAKER_ID, {0xE5: "an ADXL345", 0x33: "a LIS3DH"})
        self._device.identify(PARTID, "ADXL355", PART_ID)

    def _self_test_settings(self, is_excited: bool) -> Settings:
        return self._written(RANGE_CODES[SELF_TEST_RANGE_G], TEST_MODE | TEST_FORCE if is_excited else 0)

    def _written(self, range_code: int, self_test: int) -> Settings:
        """In the order of writing: in standby, measuring last. Offsets that other software left would shift samples."""
        return (
            (POWER_CTL, bytes([STANDBY])),
            (OFFSET_X_H, bytes(6)),
            (ACT_EN, bytes([0])),
            (INT_MAP, bytes([0])),
            (FILTER, bytes([self._rate_code])),
            (RANGE, bytes([RANGE_RESET_BITS | range_code])),
            (SELF_TEST, bytes([self_test])),
            (POWER_CTL, bytes([MEASURE])),
        )


def _is_whole(sample: bytes) -> bool:
    """True if the first entry, and only it, is an x, and none was read from an empty FIFO."""
    x, y, z = sample[ENTRY_BYTES - 1 :: ENTRY_BYTES]
    return bool(x & X_MARK) and not (y | z) & X_MARK and not (x | y | z) & EMPTY_MARK
