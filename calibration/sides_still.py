"""Where the box lies still while somebody lays it on one side after the other, and which axis points up then.

Works on the 50 ms frames of the detection core, one after the other, so that the screen counts the same stretches as
the fit does afterwards. State: the sums of the stretch that is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot, sqrt

import numpy as np

from calibration.fit_samples import Floats, Vector, angle_deg, length_of, vector
from edge_agent.detect.signal import FRAME_NS, Frame

AXES = ("x", "y", "z")
SIDES = tuple(sign + axis for axis in AXES for sign in "+-")
"""The six sides by the axis that points up."""
STILL_S_MIN = 2.5
UPRIGHT_DEG_MAX = 35.0
"""Of the up axis to the vertical. Gain and offset of an axis want it upright; more askew than that is no side."""
BLOCK_FRAMES = 5
"""0.25 s: the mean of an ADXL345 (0.035 m/s2 rms in a sample at 100 Hz) is known within 0.007 m/s2."""
ROUGH_MPS2_MAX = 0.25
"""Rms inside frames of 50 ms. Source: three times the noise of the poorest chip at 400 Hz; hands shake it more."""
TURN_MPS2_MAX = 0.12
"""Of a block to the mean of its stretch: 0.7 degrees. Hands do not hold a box so still for long."""
FLOOR_MPS2 = 0.003
"""Doubt of any mean: steps of the converter. A guess."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the box lay still. mean_mps2: specific force, axes of the box. sigma_mps2: doubt of its length.

    side: the axis that points up, such as "-z"; "" where none stands upright. tilt_deg: of the nearest axis.
    """

    start_ns: int
    end_ns: int
    mean_mps2: Vector
    sigma_mps2: float
    side: str
    tilt_deg: float

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def is_long(self) -> bool:
        """Long enough to be counted."""
        return self.seconds >= STILL_S_MIN - 1e-6


@dataclass(slots=True)
class _Sums:
    """Of the blocks of one stretch. offs, squares: of their lengths against that of the first, m/s2."""

    start_ns: int
    first_mps2: float
    count: int = 0
    vectors: Floats = field(default_factory=lambda: np.zeros(3))
    offs: float = 0.0
    squares: float = 0.0
    end_ns: int = 0

    def add(self, mean: Floats, end_ns: int) -> None:
        off = length_of(vector(mean)) - self.first_mps2
        self.count, self.vectors, self.end_ns = self.count + 1, self.vectors + mean, end_ns
        self.offs, self.squares = self.offs + off, self.squares + off * off

    def stretch(self) -> Stretch:
        mean = vector(self.vectors / self.count)
        scatter = TURN_MPS2_MAX
        if self.count > 1:
            variance = (self.squares - self.offs**2 / self.count) / (self.count - 1)
            scatter = sqrt(max(0.0, variance) / self.count)
        return Stretch(self.start_ns, self.end_ns, mean, hypot(scatter, FLOOR_MPS2), *side_of(mean))


class StillFinder:
    """Cuts frames into still stretches."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._sums: _Sums | None = None

    def push(self, frame: Frame) -> Stretch | None:
        """Take the next frame. Returns the stretch that it has ended, if that was long enough."""
        if self._frames and frame.index - self._frames[-1].index > BLOCK_FRAMES:
            self._frames.clear()
        is_after_gap = self._sums is not None and frame.end_ns - self._sums.end_ns > 2 * BLOCK_FRAMES * FRAME_NS
        ended = self.end() if is_after_gap else None
        self._frames.append(frame)
        if len(self._frames) < BLOCK_FRAMES:
            return ended
        block, self._frames = self._frames, []
        return self._take(block) or ended

    def end(self) -> Stretch | None:
        """Nothing more of it comes: the stretch under way, if it was long enough."""
        found, self._sums = self.under_way(), None
        return found if found is not None and found.is_long else None

    def under_way(self) -> Stretch | None:
        """The stretch under way, however short; None: the box is moved just now."""
        return None if self._sums is None else self._sums.stretch()

    def _take(self, block: list[Frame]) -> Stretch | None:
        rough = (sum(frame.roughness_mps2**2 for frame in block) / len(block)) ** 0.5
        if rough > ROUGH_MPS2_MAX:
            return self.end()
        counts = np.array([frame.sample_count for frame in block], dtype=np.float64)
        means = np.array([(frame.x_mps2, frame.y_mps2, frame.z_mps2) for frame in block])
        mean: Floats = counts @ means / counts.sum()
        ended, sums = None, self._sums
        if sums is not None and length_of(vector(mean - sums.vectors / sums.count)) > TURN_MPS2_MAX:
            ended, sums = self.end(), None
        if sums is None:
            sums = _Sums(block[0].index * FRAME_NS, length_of(vector(mean)))
        sums.add(mean, block[-1].end_ns)
        self._sums = sums
        return ended


def side_of(mean: Vector) -> tuple[str, float]:
    """The side that is up in a specific force, "" where none is upright enough; tilt of the nearest axis in degrees."""
    largest = max(range(3), key=lambda axis: abs(mean[axis]))
    sign = "+" if mean[largest] >= 0.0 else "-"
    up = tuple((1.0 if sign == "+" else -1.0) if axis == largest else 0.0 for axis in range(3))
    if length_of(mean) == 0.0:
        return "", 0.0
    tilt_deg = angle_deg(mean, up)
    return (sign + AXES[largest] if tilt_deg <= UPRIGHT_DEG_MAX else ""), tilt_deg
