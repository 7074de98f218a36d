"""What the accelerometer source needs of a chip with a sample FIFO, and what such chips have in common.

A chip file says which registers hold what. How samples are stamped and outages are mended is in
`fifo_accelerometer`, which also turns the bytes into numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.i2c import ChipTrouble, I2cChip
from edge_agent.errors import SettingsError
from edge_agent.readings import FaultReason

STANDARD_GRAVITY_MPS2 = 9.80665  # Source: ISO 80000-3.
# Samples in one transfer. Source: chosen: 144 bytes at most, 3.5 ms at 400 kHz; what a failed transfer can spoil.
BURST_SAMPLES = 16

Settings = Sequence[tuple[int, bytes]]
"""Registers in the order of writing."""


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """How one sample stands in the bytes of a FIFO: x, y, z, then perhaps more that is passed over.

    A count is two's complement, `axis_bytes` wide, left-justified by `unused_bits`.
    """

    sample_bytes: int
    axis_bytes: int
    is_big_endian: bool
    unused_bits: int
    mps2_per_count: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Whole samples taken out of a FIFO, oldest first, as they stood there.

    With `trouble` they are the ones before it; `lost_count` were spoilt by it, the rest stayed in the FIFO.
    """

    raw: bytes
    trouble: ChipTrouble | None = None
    lost_count: int = 0


Bounds = tuple[float, float]


class FifoChip(Protocol):
    """What the source needs of a chip. Every method but `close` may raise `ChipTrouble`."""

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        ...

    @property
    def fifo_samples(self) -> int:
        """Samples at which the FIFO is full and older ones are overwritten."""
        ...

    @property
    def sample_format(self) -> SampleFormat:
        """How a sample stands in the FIFO."""
        ...

    def start(self) -> None:
        """Open the bus, check the id, empty the FIFO, write the settings, read every one back, begin to measure."""
        ...

    def fill(self) -> int:
        """Samples waiting in the FIFO."""
        ...

    def take(self, count: int) -> Taken:
        """Take the `count` oldest samples; does not raise for a failed transfer but says so in `Taken`."""
        ...

    def check_settings(self) -> None:
        """Raise `ChipTrouble` if the chip no longer holds what was written to it."""
        ...

    def start_self_test(self, *, is_excited: bool) -> None:
        """Like `start`, set up for the self-test: at rest, or with the chip pushing its own mass."""
        ...

    def self_test_bounds_mps2(self) -> tuple[Bounds, Bounds, Bounds]:
        """By how much x, y and z change in the self-test of a sound chip; to be called after `start_self_test`."""
        ...

    def close(self) -> None:
        """Release the bus. Never raises; calling it twice is allowed."""
        ...


class RegisterFifoChip(ABC):
    """A `FifoChip` that is started by a list of register writes, each read back.

    self_test_range_g: the range at which the self-test is bounded and does not saturate.
    """

    def __init__(self, device: I2cChip, settings: Settings, *, range_g: int, self_test_range_g: int) -> None:
        self._device = device
        self._settings = settings
        self._range_g, self._self_test_range_g = range_g, self_test_range_g
        self._range_now_g = range_g

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        return self._device.subject

    def start(self) -> None:
        """Open, identify, configure, read back, measure."""
        self._range_now_g = self._range_g
        self._begin(self._settings)

    def start_self_test(self, *, is_excited: bool) -> None:
        """Open, identify, configure for the self-test, read back, measure."""
        self._range_now_g = self._self_test_range_g
        self._begin(self._self_test_settings(is_excited))

    def check_settings(self) -> None:
        """Raise ChipTrouble(CONFIGURATION) if a setting is gone."""
        for register, data in dict(self._settings).items():
            self._device.require(register, data, "has lost its settings")

    def close(self) -> None:
        """Release the bus."""
        self._device.close()

    def _begin(self, settings: Settings) -> None:
        self._device.open()
        self._identify()
        for register, data in settings:
            self._device.configure(register, data)

    @abstractmethod
    def _identify(self) -> None: ...

    @abstractmethod
    def _self_test_settings(self, is_excited: bool) -> Settings: ...


def in_bursts(
    read: Callable[[int], bytes], count: int, sample_bytes: int, *, burst_samples: int = BURST_SAMPLES
) -> Taken:
    """Take `count` samples by reads of at most `burst_samples`; how much of a failed read was taken is not known, so
    it counts as lost whole."""
    raw = b""
    while count > 0:
        size = min(count, burst_samples)
        try:
            raw += read(size * sample_bytes)
        except ChipTrouble as trouble:
            return Taken(raw, trouble, size)
        count -= size
    return Taken(raw)


def impossible_bytes() -> ChipTrouble:
    """Bits arrived that the sensor cannot have sent."""
    return ChipTrouble(
        FaultReason.BUS_ERROR,
        "samples arrive with bits that the sensor cannot send",
        "Check the cable and the pull-up resistors; lower the bus speed",
        is_worth_retrying=True,
    )


def impossible_status(status: bytes) -> ChipTrouble:
    """The FIFO says of itself what cannot be."""
    return ChipTrouble(
        FaultReason.BUS_ERROR,
        f"the FIFO status reads 0x{status.hex()}, which cannot be",
        "Check the cable and the pull-up resistors; lower the bus speed",
        is_worth_retrying=True,
    )


def code_of(codes: Mapping[int, int], wanted: int, unit: str, part: str) -> int:
    """The register code of a rate or range. Raises SettingsError with the allowed ones."""
    if wanted not in codes:
        raise SettingsError(
            f"an {part} on I2C cannot be set to {wanted} {unit}",
            subject="accelerometer",
            hint=f"Allowed: {', '.join(map(str, codes))} {unit}",
        )
    return codes[wanted]
