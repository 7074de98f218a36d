"""Signal stage: cuts accelerometer blocks into 50 ms frames on an absolute grid and takes their features.

numpy works here and nowhere else in the core: a block of any length is reduced to one row of plain numbers a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.readings import AccelFrame

FRAME_NS = 50_000_000
"""Length of a frame. Its mean is a low-pass with -3 dB near 9 Hz, close to the 10 Hz of the motion quantities.
Source: architecture.md section 2; sinc response of a 50 ms mean."""

FRAME_S = FRAME_NS / 1e9


@dataclass(frozen=True, slots=True)
class Frame:
    """Features of the samples with `index * FRAME_NS <= t < (index + 1) * FRAME_NS`, all in m/s2.

    accel_mps2: length of the mean vector (gravity and vertical acceleration, whatever the mounting).
    x, y, z: the mean vector. roughness_mps2: standard deviation of the sample length within the frame.
    low_mps2, high_mps2: smallest and largest sample length. spread_mps2: largest range of a single axis.
    """

    index: int
    sample_count: int
    accel_mps2: float
    x_mps2: float
    y_mps2: float
    z_mps2: float
    roughness_mps2: float
    low_mps2: float
    high_mps2: float
    spread_mps2: float

    @property
    def end_ns(self) -> int:
        """Capture time at which the frame is complete."""
        return (self.index + 1) * FRAME_NS


class FrameCutter:
    """In: blocks of samples in time order. Out: complete frames in order.

    State: the raw samples of the frame that is still open, so that each frame is always computed from the same
    samples in one piece, however the input was split. Delay: until a later sample or `complete` closes the frame.
    After a gap: nothing; frames without samples are simply missing.
    """

    def __init__(self) -> None:
        self._times: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._samples: npt.NDArray[np.float64] = np.empty((0, 3))

    def push(self, block: AccelFrame) -> list[Frame]:
        """Add a block; return the frames that are complete because a later frame has begun."""
        if self._times.size:
            times = np.concatenate((self._times, block.times_ns))
            samples = np.concatenate((self._samples, block.samples_mps2))
        else:
            times, samples = block.times_ns, np.ascontiguousarray(block.samples_mps2)
        indices = times // FRAME_NS
        last_start = int(np.searchsorted(indices, indices[-1], side="left"))
        self._times = times[last_start:].copy()
        self._samples = samples[last_start:].copy()
        if last_start == 0:
            return []
        return _features(indices[:last_start], samples[:last_start])

    def complete(self, until_ns: int) -> list[Frame]:
        """Return the open frame if it ends at or before `until_ns`: nothing older than that will follow."""
        if not self._times.size:
            return []
        index = int(self._times[0]) // FRAME_NS
        if (index + 1) * FRAME_NS > until_ns:
            return []
        frames = _features(self._times // FRAME_NS, self._samples)
        self._times = self._times[:0]
        self._samples = self._samples[:0]
        return frames


def _features(indices: npt.NDArray[np.int64], samples: npt.NDArray[np.float64]) -> list[Frame]:
    """One `Frame` for each run of equal `indices`; the arrays are not empty."""
    starts = np.flatnonzero(np.concatenate(([True], indices[1:] != indices[:-1])))
    counts = np.diff(np.concatenate((starts, [len(indices)])))
    lengths = np.sqrt(np.einsum("ij,ij->i", samples, samples))
    means = np.add.reduceat(samples, starts, axis=0) / counts[:, None]
    length_means = np.add.reduceat(lengths, starts) / counts
    offsets = lengths - np.repeat(length_means, counts)
    roughness = np.sqrt(np.add.reduceat(offsets * offsets, starts) / counts)
    lows = np.minimum.reduceat(lengths, starts)
    highs = np.maximum.reduceat(lengths, starts)
    axis_ranges = np.maximum.reduceat(samples, starts, axis=0) - np.minimum.reduceat(samples, starts, axis=0)
    spreads = axis_ranges.max(axis=1)
    rows = zip(
        indices[starts].tolist(),
        counts.tolist(),
        means.tolist(),
        roughness.tolist(),
        lows.tolist(),
        highs.tolist(),
        spreads.tolist(),
        strict=True,
    )
    return [
        Frame(index, count, math.sqrt(x * x + y * y + z * z), x, y, z, rough, low, high, spread)
        for index, count, (x, y, z), rough, low, high, spread in rows
    ]
