"""Signal stage: cuts accelerometer blocks into 50 ms frames on an absolute grid and takes their features.

numpy works here and nowhere else in the core: a block of any length is reduced to one row of plain numbers a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from edge_agent.detect.snapshot import snapshot
from edge_agent.readings import AccelFrame

FRAME_NS = 50_000_000
"""Length of a frame. Its mean is a low-pass with -3 dB near 9 Hz, close to the 10 Hz of the motion quantities.
Source: architecture.md section 2; sinc response of a 50 ms mean."""

FRAME_S = FRAME_NS / 1e9

Times = npt.NDArray[np.int64]
Samples = npt.NDArray[np.float64]

_NEVER_NS = 1 << 63
_FIRST = np.zeros(1, dtype=np.intp)


@snapshot
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


LEAP_FRAMES = 3600
"""So much of a long silence is stepped through at its beginning and at its end, 3 min each, and the rest left out: one
reading after a week costs no more than one after ten minutes. Source: longer than the hold times of the catalogue but
those of hours, and those go by capture time."""


def indices_between(start: int, end: int, waiting: Sequence[Frame]) -> Iterable[int]:
    """Numbers of the frames to step through in [start, end); `waiting`: frames with samples, which none may miss."""
    is_felt = bool(waiting) and waiting[-1].index >= start + LEAP_FRAMES
    if is_felt or end - start <= 2 * LEAP_FRAMES:
        return range(start, end)
    return chain(range(start, start + LEAP_FRAMES), range(end - LEAP_FRAMES, end))


class FrameCutter:
    """In: blocks of samples in time order. Out: complete frames in order.

    State: the samples of the frame that is still open, so that each frame is always computed from the same samples in
    one piece, however the input was split. Delay: until a later sample or `complete` closes the frame.
    After a gap: nothing; frames without samples are simply missing. A sample that is not newer than the one before it
    is left out.
    """

    def __init__(self) -> None:
        self._open: list[Samples] = []
        self._open_index = 0
        self._open_end_ns = _NEVER_NS
        self._last_ns = -_NEVER_NS

    def push(self, block: AccelFrame) -> list[Frame]:
        """Add a block; return the frames that are complete because a later frame has begun."""
        times, samples = block.times_ns, block.samples_mps2
        if times[0] <= self._last_ns:
            newer = int(times.searchsorted(self._last_ns, side="right"))
            if newer == len(times):
                return []
            times, samples = times[newer:], samples[newer:]
        self._last_ns = int(times[-1])
        last_index = self._last_ns // FRAME_NS
        frames: list[Frame] = []
        if self._open:
            if last_index == self._open_index:
                self._open.append(samples)
                return frames
            begin = int(times.searchsorted(self._open_end_ns))
            frames.append(_frame(self._open_index, np.concatenate([*self._open, samples[:begin]])))
            times, samples = times[begin:], samples[begin:]
        begin = int(times.searchsorted(last_index * FRAME_NS))
        if begin:
            frames.extend(_frames(times[:begin], samples[:begin]))
        self._open = [samples[begin:].copy()]
        self._open_index = last_index
        self._open_end_ns = (last_index + 1) * FRAME_NS
        return frames

    def complete(self, until_ns: int) -> list[Frame]:
        """Return the open frame if it ends at or before `until_ns`: nothing older than that will follow."""
        if self._open_end_ns > until_ns:
            return []
        samples = np.concatenate(self._open)
        self._open = []
        self._open_end_ns = _NEVER_NS
        return [_frame(self._open_index, samples)]


def _frames(times_ns: Times, samples: Samples) -> list[Frame]:
    """The frames of samples that are not empty."""
    first, last = int(times_ns[0]) // FRAME_NS, int(times_ns[-1]) // FRAME_NS
    if first == last:
        return [_frame(first, samples)]
    indices = times_ns // FRAME_NS
    starts = np.flatnonzero(np.concatenate(([True], indices[1:] != indices[:-1])))
    counts = np.diff(np.concatenate((starts, [len(indices)])))
    table = _with_lengths(samples)
    means = np.add.reduceat(table, starts, axis=0) / counts[:, None]
    offsets = table[:, 3] - np.repeat(means[:, 3], counts)
    roughness = np.sqrt(np.add.reduceat(offsets * offsets, starts) / counts)
    lows = np.minimum.reduceat(table, starts, axis=0)
    highs = np.maximum.reduceat(table, starts, axis=0)
    spreads = (highs - lows)[:, :3].max(axis=1)
    rows = zip(
        indices[starts].tolist(),
        counts.tolist(),
        means.tolist(),
        roughness.tolist(),
        lows[:, 3].tolist(),
        highs[:, 3].tolist(),
        spreads.tolist(),
        strict=True,
    )
    return [
        Frame(index, count, math.sqrt(x * x + y * y + z * z), x, y, z, rough, low, high, spread)
        for index, count, (x, y, z, _), rough, low, high, spread in rows
    ]


def _frame(index: int, samples: Samples) -> Frame:
    """The same for a single frame: the usual case of live blocks, at half the cost."""
    count = len(samples)
    table = _with_lengths(samples)
    ((x, y, z, mean),) = (np.add.reduceat(table, _FIRST, axis=0) / count).tolist()
    offsets = table[:, 3] - mean
    roughness = math.sqrt(np.add.reduceat(offsets * offsets, _FIRST)[0] / count)
    ((x_low, y_low, z_low, low),) = np.minimum.reduceat(table, _FIRST, axis=0).tolist()
    ((x_high, y_high, z_high, high),) = np.maximum.reduceat(table, _FIRST, axis=0).tolist()
    spread = max(x_high - x_low, y_high - y_low, z_high - z_low)
    return Frame(index, count, math.sqrt(x * x + y * y + z * z), x, y, z, roughness, low, high, spread)


def _with_lengths(samples: Samples) -> Samples:
    """x, y, z and the length of each sample."""
    samples = np.ascontiguousarray(samples)
    table = np.empty((len(samples), 4))
    table[:, :3] = samples
    np.sqrt(np.einsum("ij,ij->i", samples, samples), out=table[:, 3])
    return table
