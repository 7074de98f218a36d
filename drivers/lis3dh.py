"""LIS3DH: 3-axis accelerometer of STMicroelectronics on an I2C bus, read through its FIFO.

Device: address 0x18, or 0x19 with SA0 high. The LIS2DH12 has the same id and the same registers here.
Units: m/s2; 1, 2, 4 or 12 mg a count at 2, 4, 8 or 16 g. Offset 40 mg, and the FIFO keeps the upper 10 bits, so a
sample out of it moves in steps of 4, 8, 16 or 48 mg: take the 2 g range where the lift allows it.
Timing: the FIFO holds 32 samples, 80 ms at 400 Hz, read in bursts: with FIFO the address goes back to 0x28 after 0x2D.
Fault behaviour: `FifoAccelerometer`.
Source: STMicroelectronics, LIS3DH data sheet DocID17530 revision 2 (12/2016): table 4, table 11, sections 3.2.2, 5.1
and 8.8 to 8.19 (layout of CTRL_REG1, CTRL_REG4, FIFO_SRC_REG as quoted by public drivers that cite them); application
note AN3308 for bursts (from memory, unverified). Width of the FIFO: a public driver's README, unverified.
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
from drivers.i2c import I2cBus, I2cChip, open_i2c_bus

# Source: data sheet, section 7 "Register mapping" and section 8.
WHO_AM_I, CTRL_REG1, CTRL_REG2, CTRL_REG3, CTRL_REG4, CTRL_REG5 = 0x0F, 0x20, 0x21, 0x22, 0x23, 0x24
OUT_X_L, FIFO_CTRL_REG, FIFO_SRC_REG = 0x28, 0x2E, 0x2F
# Source: section 6.1.1 "I2C operation": the register counts up only if the top bit of its address is set.
COUNTING_UP = 0x80
DEVICE_ID = 0x33
ALL_AXES, BLOCK_UPDATE, HIGH_RESOLUTION, FIFO_ENABLED = 0x07, 0x80, 0x08, 0x40
SELF_TEST_0 = 0x02  # ST1 ST0 = 01, "self-test 0"
FIFO_BYPASS, FIFO_STREAM = 0x00, 0x80
OVERRUN, EMPTY, UNREAD_MASK = 0x40, 0x20, 0x1F
FIFO_SAMPLES = 32
SAMPLE_BYTES = 6
BELOW_10_BITS = 0x0F  # bits under the 12 that the chip has; anything there was damaged on the way

# Source: section 8.8, table "Data rate configuration". 1344 Hz would leave 24 ms to a full FIFO.
RATE_CODES = {25: 0x3, 50: 0x4, 100: 0x5, 200: 0x6, 400: 0x7}
RANGE_CODES = {2: 0x0, 4: 0x1, 8: 0x2, 16: 0x3}
# Source: table 4, sensitivity in high-resolution mode, mg a count of 12 bits.
MG_PER_COUNT = {2: 1, 4: 2, 8: 4, 16: 12}

# Source: table 4, "self-test output change", 17 to 360 counts of 4 mg at 2 g in normal mode (from memory; the lower
# bound as quoted in an ST forum thread). The force pushes each axis one way; which way is not said.
SELF_TEST_RANGE_G = 2
SELF_TEST_MPS2 = (17 * 0.004 * STANDARD_GRAVITY_MPS2, 360 * 0.004 * STANDARD_GRAVITY_MPS2)


class Lis3dh(FifoAccelerometer):
    """The accelerometer as a source.

    bus_name: "/dev/i2c-1", "1" or "unix:PATH". Raises SettingsError for a rate or range that the chip does not have.
    """

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x18,
        rate_hz: int = 400,
        range_g: int = 2,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "accelerometer",
    ) -> None:
        chip = Lis3dhChip(I2cChip(bus_name, address, open_bus), rate_hz, range_g)
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


class Lis3dhChip(RegisterFifoChip):
    """The registers of one chip; a `FifoChip`."""

    def __init__(self, device: I2cChip, rate_hz: int, range_g: int) -> None:
        self._rate_code = code_of(RATE_CODES, rate_hz, "Hz", "LIS3DH")
        settings = self._written(code_of(RANGE_CODES, range_g, "g", "LIS3DH") << 4)
        super().__init__(device, settings, range_g=range_g, self_test_range_g=SELF_TEST_RANGE_G)

    @property
    def fifo_samples(self) -> int:
        """Samples at which the FIFO is full."""
        return FIFO_SAMPLES

    @property
    def sample_format(self) -> SampleFormat:
        """12 bits in the upper part of 16, low byte first."""
        return SampleFormat(
            SAMPLE_BYTES,
            axis_bytes=2,
            is_big_endian=False,
            unused_bits=4,
            mps2_per_count=MG_PER_COUNT[self._range_now_g] * 1e-3 * STANDARD_GRAVITY_MPS2,
        )

    def fill(self) -> int:
        """Samples in the FIFO. The count has five bits: a full FIFO shows by the overrun bit."""
        status = self._device.get(FIFO_SRC_REG, 1)
        if status[0] & OVERRUN and status[0] & EMPTY:
            raise impossible_status(status)
        if status[0] & OVERRUN:
            return FIFO_SAMPLES
        return 0 if status[0] & EMPTY else status[0] & UNREAD_MASK

    def take(self, count: int) -> Taken:
        """Read in bursts."""
        taken = in_bursts(lambda size: self._device.get(COUNTING_UP | OUT_X_L, size), count, SAMPLE_BYTES)
        for at in range(0, len(taken.raw), 2):
            if taken.raw[at] & BELOW_10_BITS:
                whole = at // SAMPLE_BYTES
                spoilt_count = len(taken.raw) // SAMPLE_BYTES - whole + taken.lost_count
                return Taken(taken.raw[: whole * SAMPLE_BYTES], impossible_bytes(), spoilt_count)
        return taken

    def self_test_bounds_mps2(self) -> tuple[Bounds, Bounds, Bounds]:
        """Each axis moves its own way."""
        return (SELF_TEST_MPS2, SELF_TEST_MPS2, SELF_TEST_MPS2)

    def _identify(self) -> None:
        self._device.identify(WHO_AM_I, "LIS3DH", DEVICE_ID, {0x32: "a LIS331DLH", 0x3F: "a LIS3DSH", 0x11: "a LIS3DE"})

    def _self_test_settings(self, is_excited: bool) -> Settings:
        return self._written(RANGE_CODES[SELF_TEST_RANGE_G] << 4 | (SELF_TEST_0 if is_excited else 0))

    def _written(self, full_scale_and_test: int) -> Settings:
        """In the order of writing: off, no filter, no interrupts, FIFO emptied, then the rate, which starts it."""
        return (
            (CTRL_REG1, bytes([0])),
            (CTRL_REG2, bytes([0])),
            (CTRL_REG3, bytes([0])),
            (CTRL_REG4, bytes([BLOCK_UPDATE | HIGH_RESOLUTION | full_scale_and_test])),
            (CTRL_REG5, bytes([FIFO_ENABLED])),
            (FIFO_CTRL_REG, bytes([FIFO_BYPASS])),
            (FIFO_CTRL_REG, bytes([FIFO_STREAM])),
            (CTRL_REG1, bytes([self._rate_code << 4 | ALL_AXES])),
        )
