"""The bounds of ride quality: samples remembered of the trip under way, and samples worked on in a second."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from edge_agent.readings import AccelFrame

SAMPLES_MAX = 288_000
"""180 s at 1600 samples a second, 720 s at 400; 20 bytes each, 5.8 MB. Source: run-time limiters act within 45 s
(field/standards 4), 45 m at 0.3 m/s take 150 s."""

PART_SAMPLES = SAMPLES_MAX // 16
FORGET_SHARE = 4
"""When full, a sixteenth goes at once; at rest, memory moves when a quarter of it is not needed any more."""

WORK_SAMPLES_PER_S = 6_400
"""Refill of the work budget: four times the highest rate. About 2 ms of work a second (docs/ride-quality.md)."""

WORK_SAMPLES_MAX = SAMPLES_MAX + 16_000
"""One longest trip with 10 s of standstill before it, at 1600 samples a second."""


class SampleMemory:
    """Samples in order of time; what does not fit goes oldest first and is counted.

    Kept as 32-bit floats: steps of 1e-6 m/s2 at 1 g, a hundredth of any noise.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._samples = array("f")
        self.dropped_count = 0
        self.dropped_until_ns: int | None = None

    def __len__(self) -> int:
        return len(self._times)

    def push(self, block: AccelFrame) -> None:
        """Add a block. One that does not begin after the last sample starts the memory anew, the old ones counted."""
        if self._times and block.t_ns <= self._times[-1]:
            self._drop(len(self._times))
            self.dropped_until_ns = None
        if len(block.times_ns) <= PART_SAMPLES:
            self._add(block)
            return
        for begin in range(0, len(block.times_ns), PART_SAMPLES):
            end = begin + PART_SAMPLES
            self._add(AccelFrame(block.times_ns[begin:end], block.samples_mps2[begin:end]))

    def _add(self, block: AccelFrame) -> None:
        if len(self._times) + len(block.times_ns) > SAMPLES_MAX:
            self._drop(PART_SAMPLES)
        self._times.frombytes(block.times_ns.tobytes())
        self._samples.frombytes(block.samples_mps2.astype("f").tobytes())  # 32 bits

    def forget(self, before_ns: int) -> None:
        """Samples before `before_ns` are not needed."""
        quarter = -(-len(self._times) // FORGET_SHARE)
        if quarter and self._times[quarter - 1] < before_ns:
            self._remove(bisect_left(self._times, before_ns))

    def between(self, begin_ns: int, end_ns: int) -> tuple[array[int], array[float]]:
        """Copies of times and samples (three numbers each) with `begin_ns` <= t <= `end_ns`."""
        begin = bisect_left(self._times, begin_ns)
        end = bisect_left(self._times, end_ns + 1)
        return self._times[begin:end], self._samples[3 * begin : 3 * end]

    def _drop(self, count: int) -> None:
        self.dropped_until_ns = self._times[count - 1]
        self.dropped_count += count
        self._remove(count)

    def _remove(self, count: int) -> None:
        del self._times[:count]
        del self._samples[: 3 * count]


class WorkBudget:
    """A bucket of samples, refilled by capture time, so that no stream of trips can hold up the core."""

    def __init__(self) -> None:
        self._left = float(WORK_SAMPLES_MAX)
        self._at_ns: int | None = None

    def allows(self, now_ns: int, count: int) -> bool:
        """Take `count` samples out if they are there."""
        if self._at_ns is not None:
            self._left += WORK_SAMPLES_PER_S * max(0, now_ns - self._at_ns) / 1e9
            self._left = min(self._left, WORK_SAMPLES_MAX)
        self._at_ns = now_ns
        if count > self._left:
            return False
        self._left -= count
        return True
