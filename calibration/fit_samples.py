"""The accelerometer samples of a recording in one piece, and what is wrong with them as a capture.

Pure. times_ns: int64, shape (n,), strictly ascending; samples: float64, shape (n, 3), m/s2, in the sensor's own axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import acos, degrees

import numpy as np
import numpy.typing as npt

from calibration.words import Said, said
from edge_agent.readings import AccelFrame, Reading, SamplesLost

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Vector = tuple[float, float, float]

NS_PER_S = 1_000_000_000
GRAVITY_MPS2 = 9.80665
GAP_S = 0.25
GAP_PERIODS = 3.0
"""Silence longer than this, and than three usual periods, is a gap: five frames of the detection core."""
GAPS_S_MAX = 1.0
FROZEN_S = 1.0
CLIPPED_SHARE = 0.98
CLIPPED_MPS2_MIN = 14.0
"""No sample of a standing car comes near 1.5 g; a chip at the end of its range of 2 g or more does."""
CLIPPED_COUNT = 5


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """All samples of one accelerometer. lost_count: what the driver says was lost; 0: nothing."""

    times_ns: Times
    mps2: Floats
    lost_count: int

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def span_s(self) -> float:
        """From the first sample to the last."""
        return 0.0 if len(self) < 2 else float(self.times_ns[-1] - self.times_ns[0]) / NS_PER_S

    @property
    def period_s(self) -> float:
        """The usual step from one sample to the next; 0 where there are none."""
        return 0.0 if len(self) < 2 else float(np.median(np.diff(self.times_ns))) / NS_PER_S

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Where samples are missing: last index before and first index after."""
        if len(self) < 2:
            return ()
        longest_ns = max(GAP_S, GAP_PERIODS * self.period_s) * NS_PER_S
        found = np.flatnonzero(np.diff(self.times_ns) > longest_ns)
        return tuple((int(at), int(at) + 1) for at in found)

    def gaps_s(self) -> float:
        """Time without samples, of all gaps together."""
        return sum(float(self.times_ns[b] - self.times_ns[a]) for a, b in self.gaps()) / NS_PER_S

    def between(self, start_ns: int, end_ns: int) -> Samples:
        """Those with start_ns <= t < end_ns."""
        low, high = np.searchsorted(self.times_ns, (start_ns, end_ns))
        return Samples(self.times_ns[low:high], self.mps2[low:high], 0)

    def longest_piece(self) -> Samples:
        """The longest stretch without a gap."""
        cuts = [0, *(after for _, after in self.gaps()), len(self)]
        low, high = max(pairwise(cuts), key=lambda cut: cut[1] - cut[0])
        return Samples(self.times_ns[low:high], self.mps2[low:high], 0)


def samples_of(readings: Iterable[Reading]) -> Samples:
    """The samples of an ordered stream; one that is not newer than the one before it, or no number, is left out."""
    frames: list[AccelFrame] = []
    lost = 0
    for reading in readings:
        if isinstance(reading, AccelFrame):
            frames.append(reading)
        elif isinstance(reading, SamplesLost) and reading.source == "accelerometer":
            lost += max(1, reading.count)
    if not frames:
        return Samples(np.empty(0, dtype=np.int64), np.empty((0, 3)), lost)
    times_ns = np.concatenate([frame.times_ns for frame in frames])
    mps2 = np.concatenate([frame.samples_mps2 for frame in frames])
    newest = np.maximum.accumulate(times_ns)
    is_kept = np.concatenate(([True], times_ns[1:] > newest[:-1])) & np.isfinite(mps2).all(axis=1)
    return Samples(times_ns[is_kept], mps2[is_kept], lost)


def capture_problems(samples: Samples, seconds_min: float, range_mps2: float | None) -> tuple[Said, ...]:
    """Why nothing may be measured in these samples: none, too few, with holes, at the end of the range, frozen.

    range_mps2: full scale of the chip as it was set; None: not known, then a level at which samples pile up tells it.
    """
    if len(samples) < 2:
        return (said("fit.no_samples"),)
    found: list[Said] = []
    if samples.span_s < seconds_min:
        found.append(said("fit.too_short", seconds=round(samples.span_s, 1), needed=seconds_min))
    gaps_s = samples.gaps_s()
    if gaps_s > GAPS_S_MAX:
        found.append(said("fit.gaps", seconds=round(gaps_s, 1), count=len(samples.gaps())))
    clipped = clipped_count(samples, range_mps2)
    if clipped >= CLIPPED_COUNT:
        found.append(said("fit.saturated", count=clipped))
    frozen_s = frozen_seconds(samples)
    if frozen_s >= FROZEN_S and clipped < CLIPPED_COUNT:
        found.append(said("fit.frozen", seconds=round(frozen_s, 1)))
    return tuple(found)


def capture_doubts(samples: Samples) -> tuple[Said, ...]:
    """What is missing without making the capture useless."""
    found: list[Said] = []
    if 0.0 < samples.gaps_s() <= GAPS_S_MAX:
        found.append(said("fit.gaps", seconds=round(samples.gaps_s(), 1), count=len(samples.gaps())))
    if samples.lost_count:
        found.append(said("fit.lost", count=samples.lost_count))
    return tuple(found)


def clipped_count(samples: Samples, range_mps2: float | None) -> int:
    """Samples with an axis at the end of the range."""
    sizes = np.abs(samples.mps2)
    if range_mps2 is not None:
        return int(np.count_nonzero((sizes >= CLIPPED_SHARE * range_mps2).any(axis=1)))
    most = 0
    for axis in range(3):
        top = float(sizes[:, axis].max())
        if top >= CLIPPED_MPS2_MIN:
            most = max(most, int(np.count_nonzero(sizes[:, axis] == top)))
    return most


def frozen_seconds(samples: Samples) -> float:
    """The longest time in which not a bit changed."""
    is_same = (np.diff(samples.mps2, axis=0) == 0.0).all(axis=1)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], is_same, [False])).astype(np.int8)))
    if len(ends) == 0:
        return 0.0
    spans = samples.times_ns[ends[1::2]] - samples.times_ns[ends[0::2]]
    return float(spans.max()) / NS_PER_S


def vector(row: Floats) -> Vector:
    """Three plain numbers."""
    return float(row[0]), float(row[1]), float(row[2])


def length_of(v: Sequence[float]) -> float:
    """Euclidean length."""
    return float(np.sqrt(sum(part * part for part in v)))


def angle_deg(a: Sequence[float], b: Sequence[float]) -> float:
    """Angle between two directions; 0 where one is none."""
    lengths = length_of(a) * length_of(b)
    if lengths == 0.0:
        return 0.0
    return degrees(acos(max(-1.0, min(1.0, sum(x * y for x, y in zip(a, b, strict=True)) / lengths))))


def tidy(value: float) -> float:
    """Six significant digits: far below any noise, the same on every machine."""
    return float(f"{value:.6g}")
