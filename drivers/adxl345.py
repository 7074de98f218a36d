"""ADXL345: 3-axis accelerometer of Analog Devices on an I2C bus, read through its FIFO.

Device: address 0x53, or 0x1D with SDO/ALT ADDRESS high. Units: m/s2, typical scale 1/256 g a count in every range.
Timing: the FIFO holds 32 samples, 80 ms at 400 Hz; one multi-byte read of 6 bytes a sample, 0.2 ms at 400 kHz.
Fault behaviour: `FifoAccelerometer`.
Source: Analog Devices, ADXL345 data sheet, revision G (5/2022): table 1, table 7, tables 19 to 39, sections "Power
sequencing", "I2C", "FIFO".
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import numpy as np

from drivers.fifo_accelerometer import ChipTrouble, FifoAccelerometer, Taken
from drivers.i2c import I2cBus, i2c_fault, open_i2c_bus
from edge_agent.errors import SettingsError, SourceUnavailable
from edge_agent.readings import FaultReason

# Source: data sheet, table 19 and the register definitions after it.
DEVID, OFSX, BW_RATE, POWER_CTL, INT_ENABLE = 0x00, 0x1E, 0x2C, 0x2D, 0x2E
DATA_FORMAT, DATAX0, FIFO_CTL, FIFO_STATUS = 0x31, 0x32, 0x38, 0x39
DEVICE_ID = 0xE5
STANDBY, MEASURE, FULL_RES, FIFO_BYPASS, FIFO_STREAM = 0x00, 0x08, 0x08, 0x00, 0x80
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

STANDARD_GRAVITY_MPS2 = 9.80665  # Source: ISO 80000-3.
# Source: table 1: 230 / 256 / 282 counts a g in full resolution. Calibration takes what is left.
MPS2_PER_COUNT = STANDARD_GRAVITY_MPS2 / 256


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
        chip = Adxl345Chip(
            bus_name, address, _code(RATE_CODES, rate_hz, "Hz"), _code(RANGE_CODES, range_g, "g"), open_bus
        )
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name)


class Adxl345Chip:
    """The registers of one chip; a `FifoChip`."""

    def __init__(
        self, bus_name: str, address: int, rate_code: int, range_code: int, open_bus: Callable[[str], I2cBus]
    ) -> None:
        self._bus_name, self._address, self._open_bus = bus_name, address, open_bus
        self._bus: I2cBus | None = None
        # In the order of writing. Source: section "Power sequencing": configure in standby, then measure; "Trigger
        # mode": bypass empties the FIFO. Offsets that other software left would shift every sample.
        self._settings: tuple[tuple[int, bytes], ...] = (
            (POWER_CTL, bytes([STANDBY])),
            (INT_ENABLE, bytes([0])),
            (OFSX, bytes(3)),
            (BW_RATE, bytes([rate_code])),
            (DATA_FORMAT, bytes([FULL_RES | range_code])),
            (FIFO_CTL, bytes([FIFO_BYPASS])),
            (FIFO_CTL, bytes([FIFO_STREAM | WATERMARK_SAMPLES])),
            (POWER_CTL, bytes([MEASURE])),
        )

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        return f"{self._bus_name} address {self._address:#04x}"

    @property
    def fifo_samples(self) -> int:
        """Entries at which the FIFO is full."""
        return FIFO_SAMPLES

    def start(self) -> None:
        """Open, identify, configure, read back, measure."""
        try:
            self._bus = self._open_bus(self._bus_name)
        except SourceUnavailable as error:
            raise ChipTrouble(FaultReason.ABSENT, error.problem, error.hint) from error
        device_id = self._get(DEVID, 1)[0]
        if device_id != DEVICE_ID:
            raise ChipTrouble(
                FaultReason.WRONG_DEVICE,
                f"the chip at address {self._address:#04x} says id {device_id:#04x}, an ADXL345 says {DEVICE_ID:#04x}",
                _hint_of_id(device_id),
            )
        for register, data in self._settings:
            self._put(register, data)
            self._require(register, data, "does not keep what is written to it")

    def fill(self) -> int:
        """Entries in the FIFO."""
        status = self._get(FIFO_STATUS, 1)[0]
        entries = status & ENTRIES_MASK
        if status & ALWAYS_0_MASK or entries > ENTRIES_MAX:
            raise ChipTrouble(
                FaultReason.BUS_ERROR,
                f"the FIFO status reads {status:#04x}, which cannot be",
                "Check the cable and the pull-up resistors; lower the bus speed",
                is_worth_retrying=True,
            )
        return entries

    def take(self, count: int) -> Taken:
        """Read `count` entries, each in one transfer: a shorter one would lose the rest of the entry."""
        entries: list[bytes] = []
        trouble: ChipTrouble | None = None
        lost_count = 0
        try:
            for _ in range(count):
                entries.append(self._get(DATAX0, SAMPLE_BYTES))
        except ChipTrouble as error:
            trouble, lost_count = error, 1
        counts = np.frombuffer(b"".join(entries), dtype="<i2").reshape(-1, 3)
        damaged = np.flatnonzero(((counts < -COUNTS_MAX) | (counts >= COUNTS_MAX)).any(axis=1))
        if damaged.size > 0:
            lost_count += len(counts) - int(damaged[0])
            counts = counts[: int(damaged[0])]
            trouble = ChipTrouble(
                FaultReason.BUS_ERROR,
                "samples arrive with bits that the sensor cannot send",
                "Check the cable and the pull-up resistors; lower the bus speed",
                is_worth_retrying=True,
            )
        return Taken(counts * MPS2_PER_COUNT, trouble, lost_count)

    def check_settings(self) -> None:
        """Raise ChipTrouble(CONFIGURATION) if a setting is gone."""
        for register, data in dict(self._settings).items():
            self._require(register, data, "has lost its settings")

    def close(self) -> None:
        """Release the bus."""
        if self._bus is not None:
            self._bus.close()
        self._bus = None

    def _require(self, register: int, data: bytes, what: str) -> None:
        held = self._get(register, len(data))
        if held != data:
            raise ChipTrouble(
                FaultReason.CONFIGURATION,
                f"the sensor {what}: register {register:#04x} holds {held.hex()} instead of {data.hex()}",
                "Check its supply (a dip resets it), and that no other program uses it",
            )

    def _get(self, register: int, count: int) -> bytes:
        assert self._bus is not None, "read before start"
        try:
            return self._bus.read_register(self._address, register, count)
        except OSError as error:
            raise self._trouble(error) from error

    def _put(self, register: int, data: bytes) -> None:
        assert self._bus is not None, "written before start"
        try:
            self._bus.write_register(self._address, register, data)
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> ChipTrouble:
        fault = i2c_fault(error, self._bus_name, self._address)
        # A hanging bus costs a second each time it is asked: open it anew instead.
        return ChipTrouble(fault.reason, fault.problem, fault.hint, is_worth_retrying=error.errno != errno.ETIMEDOUT)


def _code(codes: dict[int, int], wanted: int, unit: str) -> int:
    if wanted not in codes:
        raise SettingsError(
            f"an ADXL345 on I2C cannot be set to {wanted} {unit}",
            subject="accelerometer",
            hint=f"Allowed: {', '.join(map(str, codes))} {unit}",
        )
    return codes[wanted]


def _hint_of_id(device_id: int) -> str:
    match device_id:
        case 0x00 | 0xFF:
            return (
                "Every line reads the same: check that SDA and SCL are not swapped or shorted, and the supply of 3.3 V"
            )
        case _:
            return (
                "Another sensor is fitted, or the wrong address is set: compare the print on the chip with the settings"
            )
