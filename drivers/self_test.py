"""The self-test of an accelerometer: it pushes its own mass by electrostatic force, and each axis must answer.

Used by calibration. The agent never runs it: while it lasts, samples are no accelerations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.fifo_chip import Bounds, FifoChip
from drivers.i2c import ChipTrouble
from edge_agent.readings import FaultReason

# Source: chosen: longer than the start-up and settling times of all chips here (ADXL345: 1.1 ms + 1/rate, data sheet
# table 1; MPU-6050: 30 ms; LIS3DH: 7/rate, table 11).
SETTLE_S = 0.2
SAMPLES = 32  # Source: chosen, after the ADXL313 data sheet, "Using self test": 0.1 s of samples is a fair start.
LOOK_S = 0.02
LOOKS_MAX = 100  # 2 s, enough for 32 samples at 25 Hz

Axes = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class AxisTest:
    """How far one axis moved when pushed, and how far that of a sound chip moves."""

    axis: str
    change_mps2: float
    bounds_mps2: Bounds

    @property
    def is_sound(self) -> bool:
        """True if it moved as it should."""
        low, high = self.bounds_mps2
        return low <= self.change_mps2 <= high

    def __str__(self) -> str:
        low, high = self.bounds_mps2
        verdict = "sound" if self.is_sound else "BROKEN"
        return f"{self.axis}: moved {self.change_mps2:+.2f} m/s2, expected {low:+.2f} to {high:+.2f}: {verdict}"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The three axes."""

    axes: tuple[AxisTest, AxisTest, AxisTest]

    @property
    def is_sound(self) -> bool:
        """True if every axis moved as it should."""
        return all(axis.is_sound for axis in self.axes)


def run_self_test(chip: FifoChip, mean_of: Callable[[bytes], Axes], wait: Callable[[float], None]) -> SelfTest:
    """Measure at rest and pushed; the chip is closed afterwards. Raises ChipTrouble.

    mean_of: the mean acceleration of raw samples, m/s2.
    """
    try:
        chip.start_self_test(is_excited=False)
        bounds = chip.self_test_bounds_mps2()
        at_rest = mean_of(_samples(chip, wait))
        chip.close()
        chip.start_self_test(is_excited=True)
        pushed = mean_of(_samples(chip, wait))
    finally:
        chip.close()
    x, y, z = (
        AxisTest(axis, after - before, bound)
        for axis, before, after, bound in zip("xyz", at_rest, pushed, bounds, strict=True)
    )
    return SelfTest((x, y, z))


def _samples(chip: FifoChip, wait: Callable[[float], None]) -> bytes:
    wait(SETTLE_S)
    _take(chip)
    raw = b""
    for _ in range(LOOKS_MAX):
        wait(LOOK_S)
        raw += _take(chip)
        if len(raw) >= SAMPLES * chip.sample_format.sample_bytes:
            return raw
    raise ChipTrouble(
        FaultReason.SILENT,
        "the sensor gives no samples in its self-test",
        "Power it off and on; if that does not help, it is broken",
    )


def _take(chip: FifoChip) -> bytes:
    taken = chip.take(chip.fill())
    if taken.trouble is not None:
        raise taken.trouble
    return taken.raw
