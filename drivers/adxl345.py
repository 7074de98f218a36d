"""ADXL345: 3-axis accelerometer of Analog Devices on an I2C bus, read through its FIFO.

Device: address 0x53, or 0x1D with SDO/ALT ADDRESS high. Units: m/s2, typical scale 1/256 g a count in every range.
Timing: the FIFO holds 32 samples, 80 ms at 400 Hz; one multi-byte read of 6 bytes a sample, 0.2 ms at 400 kHz.
Fault behaviour: `FifoAccelerometer`.
Source: Analog Devices, ADXL345 data sheet, revision G (5/2022): table 1, table 7, tables 19 to 39, sections "Power
sequencing", "I2C", "FIFO", "Self-test".
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
from edge_agent.readings import FaultReason

# Source: data sheet, table 19 and the register definitions after it.
DEVID, OFSX, BW_RATE, POWER_CTL, INT_ENABLE = 0x00, 0x1E, 0x2C, 0x2D, 0x2E
DATA_FORMAT, DATAX0, FIFO_CTL, FIFO_STATUS = 0x31, 0x32, 0x38, 0x39
DEVICE_ID = 0xE5
STANDBY, MEASURE, FULL_RES, SELF_TEST, FIFO_BYPASS, FIFO_STREAM = 0x00, 0x08, 0x08, 0x80, 0x00, 0x80
WATERMARK_SAMPLES = 16  # no interrupt pin is used; 0 would set the watermark bit for ever
ENTRIES_MASK, ALWAYS_0_MASK = 0x3F, 0x40
# Source: section "FIFO": 32 levels, in stream mode the oldest is overwritten; one more may wait at the filter.
FIFO_SAMPLES, ENTRIES_MAX = 32, 33
SAMPLE_BYTES = 6
COUNTS_MAX = 4096  # 13 bits, two's complement; a larger value was damaged on the way

# Source: table 7; section "I2C": at most 800 Hz with a 400 kHz bus, scaling linearly, so 200 Hz with 100 kHz.
RATE_CODES = {25: 0x08, 50: 0x09, 100: 0x0A, 200: 0x0B, 400: 0x0C, 800: 0x0D}
# Source: table 35. In full resolution the widest range costs nothing: the scale stays 256 counts a g.
RANGE_CODES = {2: 0x00, 4: 0x01, 8: 0x02, 16: 0x03}

# Source: table 1: 230 / 256 / 282 counts a g in full resolution. Calibration takes what is left.
MPS2_PER_COUNT = STANDARD_GRAVITY_MPS2 / 256
FORMAT = SampleFormat(SAMPLE_BYTES, axis_bytes=2, is_big_endian=False, unused_bits=0, mps2_per_count=MPS2_PER_COUNT)

# Source: table 15, counts at 2.5 V, times table 14, the factors for 3.3 V; section "Self-test": 100 to 800 Hz.
SELF_TEST_RATE_HZ_MIN, SELF_TEST_RANGE_G = 100, 16
SELF_TEST_BOUNDS_MPS2: tuple[Bounds, Bounds, Bounds] = (
    (50 * 1.77 * MPS2_PER_COUNT, 540 * 1.77 * MPS2_PER_COUNT),
    (-540 * 1.77 * MPS2_PER_COUNT, -50 * 1.77 * MPS2_PER_COUNT),
    (75 * 1.47 * MPS2_PER_COUNT, 875 * 1.47 * MPS2_PER_COUNT),
)


class Adxl345(FifoAccelerometer):
    """The accelerometer as a source.

    bus_name: "/dev/i2c-1", "1" or "unix:PATH". Raises SettingsError for a rate or range that the chip does not have.
    """

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x53,
        rate_hz: int = 400,
        range_g: int = 16,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "accelerometer",
    ) -> None:
        chip = Adxl345Chip(I2cChip(bus_name, address, open_bus), rate_hz, range_g)
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


class Adxl345Chip(RegisterFifoChip):
    """The registers of one chip; a `FifoChip`."""

    def __init__(self, device: I2cChip, rate_hz: int, range_g: int) -> None:
        self._rate_hz = rate_hz
        self._rate_code = code_of(RATE_CODES, rate_hz, "Hz", "ADXL345")
        settings = self._written(FULL_RES | code_of(RANGE_CODES, range_g, "g", "ADXL345"))
        super().__init__(device, settings, range_g=range_g, self_test_range_g=SELF_TEST_RANGE_G)

    @property
    def fifo_samples(self) -> int:
        """Entries at which the FIFO is full."""
        return FIFO_SAMPLES

    @property
    def sample_format(self) -> SampleFormat:
        """13 bits in 16, low byte first."""
        return FORMAT

    def fill(self) -> int:
        """Entries in the FIFO."""
        status = self._device.get(FIFO_STATUS, 1)
        entries = status[0] & ENTRIES_MASK
        if status[0] & ALWAYS_0_MASK or entries > ENTRIES_MAX:
            raise impossible_status(status)
        return entries

    def take(self, count: int) -> Taken:
        """Read `count` entries, each in one transfer: a shorter one would lose the rest of the entry."""
        taken = in_bursts(lambda size: self._device.get(DATAX0, size), count, SAMPLE_BYTES, burst_samples=1)
        for at in range(0, len(taken.raw), SAMPLE_BYTES):
            if not _is_possible(taken.raw[at : at + SAMPLE_BYTES]):
                spoilt_count = (len(taken.raw) - at) // SAMPLE_BYTES + taken.lost_count
                return Taken(taken.raw[:at], impossible_bytes(), spoilt_count)
        return taken

    def self_test_bounds_mps2(self) -> tuple[Bounds, Bounds, Bounds]:
        """As the data sheet says for a supply of 3.3 V."""
        return SELF_TEST_BOUNDS_MPS2

    def _identify(self) -> None:
        self._device.identify(DEVID, "ADXL345", DEVICE_ID)

    def _self_test_settings(self, is_excited: bool) -> Settings:
        if self._rate_hz < SELF_TEST_RATE_HZ_MIN:
            raise ChipTrouble(
                FaultReason.CONFIGURATION,
                f"the self-test of an ADXL345 says nothing at {self._rate_hz} Hz",
                f"Set rate_hz to {SELF_TEST_RATE_HZ_MIN} or more for the test",
            )
        return self._written(FULL_RES | RANGE_CODES[SELF_TEST_RANGE_G] | (SELF_TEST if is_excited else 0))

    def _written(self, data_format: int) -> Settings:
        """In the order of writing. Source: section "Power sequencing": configure in standby, then measure; "Trigger
        mode": bypass empties the FIFO. Offsets that other software left would shift every sample."""
        return (
            (POWER_CTL, bytes([STANDBY])),
            (INT_ENABLE, bytes([0])),
            (OFSX, bytes(3)),
            (BW_RATE, bytes([self._rate_code])),
            (DATA_FORMAT, bytes([data_format])),
            (FIFO_CTL, bytes([FIFO_BYPASS])),
            (FIFO_CTL, bytes([FIFO_STREAM | WATERMARK_SAMPLES])),
            (POWER_CTL, bytes([MEASURE])),
        )


def _is_possible(sample: bytes) -> bool:
    counts = (int.from_bytes(sample[at : at + 2], "little", signed=True) for at in (0, 2, 4))
    return all(-COUNTS_MAX <= count < COUNTS_MAX for count in counts)
