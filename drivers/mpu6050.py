"""MPU-6050 and register-compatible chips of InvenSense: the accelerometer in them, on an I2C bus, through the FIFO.

Device: address 0x68, or 0x69 with AD0 high. `PARTS` says which parts are known: MPU-6050 (also MPU-6000, MPU-9150,
which say the same id), MPU-6500, MPU-9250 and ICM-20602. The gyroscopes are switched off.
Units: m/s2; 16384, 8192, 4096 or 2048 counts a g at 2, 4, 8 or 16 g.
Timing: 1 kHz divided by a whole number, the low-pass filter set below half of it. The FIFO holds 170, 85 or 126
samples, so at 500 Hz at least 170 ms. It is a row of bytes: when it has run over, or a read of it broke off, nobody
knows where a sample begins. Then it is emptied, and what was in it counts as lost.
Fault behaviour: `FifoAccelerometer`.
Source: InvenSense, MPU-6000/MPU-6050 register map RM-MPU-6000A-00 revision 4.2: sections 4.1 (self-test), 4.2 to 4.6,
4.29 to 4.32; ids, FIFO sizes and registers of the other parts: Linux, drivers/iio/imu/inv_mpu6050 (inv_mpu_core.c,
inv_mpu_iio.h). That the ICM-20602 puts the temperature behind every sample: from memory, unverified.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.fifo_accelerometer import FifoAccelerometer
from drivers.fifo_chip import (
    STANDARD_GRAVITY_MPS2,
    Bounds,
    RegisterFifoChip,
    SampleFormat,
    Settings,
    Taken,
    code_of,
    impossible_status,
    in_bursts,
)
from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus
from edge_agent.readings import FaultReason

SELF_TEST_X, SELF_TEST_A = 0x0D, 0x10
SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG, ACCEL_CONFIG_2, FIFO_EN = 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x23
INT_ENABLE, USER_CTRL, PWR_MGMT_1, PWR_MGMT_2 = 0x38, 0x6A, 0x6B, 0x6C
FIFO_COUNT_H, FIFO_R_W, WHO_AM_I = 0x72, 0x74, 0x75
ACCEL_INTO_FIFO, FIFO_RESET, FIFO_ON, GYROS_OFF = 0x08, 0x04, 0x40, 0x07
PUSH_ALL_AXES = 0xE0
WAKE_WAIT_S = 0.035  # Source: Linux, inv_mpu_iio.h: 20 ms (MPU-6050) and 30 ms (MPU-6500) until the accelerometer runs.

# Source: register map 4.2: 1 kHz / (1 + divider) while the low-pass filter is on.
DIVIDERS = {25: 39, 50: 19, 100: 9, 125: 7, 200: 4, 250: 3, 500: 1, 1000: 0}
RANGE_CODES = {2: 0, 4: 1, 8: 2, 16: 3}
COUNTS_PER_G = {2: 16384, 4: 8192, 8: 4096, 16: 2048}
# (highest rate, filter code): the widest filter below half the rate. Source: register map 4.3: 184, 94, 44, 21, 10 Hz.
FILTERS = ((25, 5), (50, 4), (125, 3), (250, 2), (1000, 1))
SELF_TEST_RANGE_G = 8
FIFO_MARGIN_SAMPLES = 1


@dataclass(frozen=True, slots=True)
class Part:
    """What differs between the parts."""

    name: str
    device_id: int
    fifo_bytes: int
    sample_bytes: int
    clock: int  # of PWR_MGMT_1: internal, or the best there is
    has_own_filter: bool  # of the accelerometer, ACCEL_CONFIG_2
    has_trim_of_5_bits: bool  # form of the self-test registers

    @property
    def fifo_samples(self) -> int:
        """Whole samples that fit."""
        return self.fifo_bytes // self.sample_bytes


PARTS = {
    "mpu6050": Part("MPU-6050", 0x68, 1024, 6, clock=0, has_own_filter=False, has_trim_of_5_bits=True),
    "mpu6500": Part("MPU-6500", 0x70, 512, 6, clock=1, has_own_filter=True, has_trim_of_5_bits=False),
    "mpu9250": Part("MPU-9250", 0x71, 512, 6, clock=1, has_own_filter=True, has_trim_of_5_bits=False),
    "icm20602": Part("ICM-20602", 0x12, 1008, 8, clock=1, has_own_filter=True, has_trim_of_5_bits=False),
}


class Mpu6050(FifoAccelerometer):
    """The accelerometer as a source.

    bus_name: "/dev/i2c-1", "1" or "unix:PATH". part: one of `PARTS`. Raises SettingsError for a rate or range that the
    chip does not have.
    """

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        part: str = "mpu6050",
        address: int = 0x68,
        rate_hz: int = 500,
        range_g: int = 4,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "accelerometer",
    ) -> None:
        chip = Mpu6050Chip(I2cChip(bus_name, address, open_bus), PARTS[part], rate_hz, range_g, wait)
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


class Mpu6050Chip(RegisterFifoChip):
    """The registers of one chip; a `FifoChip`."""

    def __init__(self, device: I2cChip, part: Part, rate_hz: int, range_g: int, wait: Callable[[float], None]) -> None:
        self._part, self._wait = part, wait
        self._divider = code_of(DIVIDERS, rate_hz, "Hz", part.name)
        self._filter = next(code for rate_max_hz, code in FILTERS if rate_hz <= rate_max_hz)
        self._is_misaligned = False
        settings = self._written(code_of(RANGE_CODES, range_g, "g", part.name) << 3)
        super().__init__(device, settings, range_g=range_g, self_test_range_g=SELF_TEST_RANGE_G)

    @property
    def fifo_samples(self) -> int:
        """Samples at which the FIFO counts as run over: a further one might not fit."""
        return self._part.fifo_samples - FIFO_MARGIN_SAMPLES

    @property
    def sample_format(self) -> SampleFormat:
        """16 bits, high byte first."""
        return SampleFormat(
            self._part.sample_bytes,
            axis_bytes=2,
            is_big_endian=True,
            unused_bits=0,
            mps2_per_count=STANDARD_GRAVITY_MPS2 / COUNTS_PER_G[self._range_now_g],
        )

    def fill(self) -> int:
        """Whole samples in the FIFO. Source: register map 4.30: the high byte is read first and latches the low one."""
        count = self._device.get(FIFO_COUNT_H, 2)
        byte_count = int.from_bytes(count, "big")
        if byte_count > self._part.fifo_bytes:
            raise impossible_status(count)
        samples = byte_count // self._part.sample_bytes
        if samples >= self.fifo_samples:
            self._is_misaligned = True
            return self.fifo_samples
        return samples

    def take(self, count: int) -> Taken:
        """Read in bursts; or empty the FIFO where nobody knows any more where a sample begins."""
        size = self._part.sample_bytes
        if not self._is_misaligned:
            taken = in_bursts(lambda byte_count: self._device.get(FIFO_R_W, byte_count), count, size)
            self._is_misaligned = taken.trouble is not None
            return taken
        try:
            self._empty()
        except ChipTrouble as trouble:
            return Taken(b"", trouble, count)
        return Taken(b"", lost_count=count)

    def self_test_bounds_mps2(self) -> tuple[Bounds, Bounds, Bounds]:
        """What the maker measured on this chip, and how far from it a sound one may be.

        Source: register map 4.1: 14 %; of the newer parts 50 % (InvenSense AN-MPU-9250A-03, from memory, unverified).
        """
        x, y, z = self._device.get(SELF_TEST_X, 3)
        if self._part.has_trim_of_5_bits:
            low_bits = self._device.get(SELF_TEST_A, 1)[0]
            codes = [(upper >> 3 & 0x1C) | (low_bits >> shift & 0x03) for upper, shift in ((x, 4), (y, 2), (z, 0))]
            return _three([_bounds(_trim_of_5_bits(code), 0.14) for code in codes])
        return _three([_bounds(_trim_of_8_bits(code), 0.50) for code in (x, y, z)])

    def _empty(self) -> None:
        self._device.put(USER_CTRL, bytes([0]))  # the reset works while the FIFO is off
        self._device.put(USER_CTRL, bytes([FIFO_RESET]))
        self._device.configure(USER_CTRL, bytes([FIFO_ON]))
        self._is_misaligned = False

    def _begin(self, settings: Settings) -> None:
        self._device.open()
        self._identify()
        self._device.configure(PWR_MGMT_1, bytes([self._part.clock]))  # awake: nothing else can be written before
        self._wait(WAKE_WAIT_S)
        for register, data in settings:
            self._device.configure(register, data)
        self._empty()

    def _identify(self) -> None:
        others = {part.device_id: f'an {part.name} (chip = "{name}")' for name, part in PARTS.items()}
        self._device.identify(WHO_AM_I, self._part.name, self._part.device_id, others)

    def _self_test_settings(self, is_excited: bool) -> Settings:
        return self._written(RANGE_CODES[SELF_TEST_RANGE_G] << 3 | (PUSH_ALL_AXES if is_excited else 0))

    def _written(self, accel_config: int) -> Settings:
        own_filter: Settings = ((ACCEL_CONFIG_2, bytes([self._filter])),) if self._part.has_own_filter else ()
        return (
            (PWR_MGMT_1, bytes([self._part.clock])),
            (PWR_MGMT_2, bytes([GYROS_OFF])),
            (INT_ENABLE, bytes([0])),
            (SMPLRT_DIV, bytes([self._divider])),
            (CONFIG, bytes([self._filter])),
            (GYRO_CONFIG, bytes([0])),
            (ACCEL_CONFIG, bytes([accel_config])),
            *own_filter,
            (FIFO_EN, bytes([ACCEL_INTO_FIFO])),
        )


def _three(bounds: list[Bounds]) -> tuple[Bounds, Bounds, Bounds]:
    x, y, z = bounds
    return x, y, z


def _bounds(trim_g: float, tolerance: float) -> Bounds:
    trim_mps2 = trim_g * STANDARD_GRAVITY_MPS2
    return (trim_mps2 * (1 - tolerance), trim_mps2 * (1 + tolerance))


def _trim_of_5_bits(code: int) -> float:
    """g. Source: register map 4.1, factory trim: 4096 * 0.34 * (0.92 / 0.34)^((code - 1) / (2^5 - 2)) counts at 8 g."""
    return 0.34 * math.pow(0.92 / 0.34, (_trimmed(code) - 1) / 30)


def _trim_of_8_bits(code: int) -> float:
    """g. Source: InvenSense AN-MPU-9250A-03: 2620 * 1.01^(code - 1) counts of 16384 a g (from memory, unverified)."""
    return 2620 / 16384 * math.pow(1.01, _trimmed(code) - 1)


def _trimmed(code: int) -> int:
    """Source: register map 4.1: the trim is 0 where the maker left none."""
    if code == 0:
        raise ChipTrouble(
            FaultReason.CONFIGURATION,
            "the chip holds no factory trim, so its self-test says nothing",
            "It may be a copy: compare its readings on all six sides instead",
        )
    return code
