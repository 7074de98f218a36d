"""Short shakes of car or box: footfalls, door ends, brake drop, knocks. They move nothing for good.

A shake is the second derivative of `t^2 exp(-d t) sin(w t)`: it starts and ends at rest at the place where it
began, so that adding it never falsifies a distance.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import pi

import numpy as np

from sim.motion import FloatArray

_LASTS_DECAYS = 12.0  # after this many time constants nothing is left: 144 * e^-12 < 1e-3


@dataclass(frozen=True, slots=True, order=True)
class Shake:
    """One damped swing. Peaks are along the car's axes x (across), y (to the door), z (up)."""

    start_s: float
    peak_mps2: tuple[float, float, float]
    hz: float
    decay_per_s: float
    lasts_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lasts_s", _LASTS_DECAYS / self.decay_per_s)

    def wave(self, times_s: FloatArray) -> FloatArray:
        """Unit waveform (largest excursion 1) at `times_s`."""
        shape = _shape(times_s - self.start_s, self.hz, self.decay_per_s)
        grid = np.linspace(0.0, self.lasts_s, 400)
        return shape / float(np.max(np.abs(_shape(grid, self.hz, self.decay_per_s))))


def _shape(t: FloatArray, hz: float, decay_per_s: float) -> FloatArray:
    t = np.maximum(t, 0.0)
    w = 2 * pi * hz
    decay = np.exp(-np.minimum(decay_per_s * t, 60.0))
    p, p1, p2 = t * t, 2 * t - decay_per_s * t * t, 2 - 4 * decay_per_s * t + (decay_per_s * t) ** 2
    sine = np.sin(w * t)
    return decay * (p2 * sine + 2 * w * p1 * np.cos(w * t) - w * w * p * sine)


def shaken(times_s: FloatArray, shakes: Iterable[Shake]) -> FloatArray:
    """Sum of shakes at ascending `times_s`, shape (n, 3)."""
    total = np.zeros((len(times_s), 3))
    for shake in shakes:
        first = int(np.searchsorted(times_s, shake.start_s))
        last = int(np.searchsorted(times_s, shake.start_s + shake.lasts_s))
        if last > first:
            total[first:last] += np.outer(shake.wave(times_s[first:last]), shake.peak_mps2)
    return total


class ShakeTrack:
    """Shakes of a story ordered by start, found again by time."""

    def __init__(self) -> None:
        self._shakes: list[Shake] = []
        self._longest_s = 0.0

    def add(self, shake: Shake) -> None:
        """Take a shake in, at any time."""
        insort(self._shakes, shake)
        self._longest_s = max(self._longest_s, shake.lasts_s)

    def cut(self, t_s: float) -> None:
        """Forget the shakes that would start at or after `t_s`."""
        del self._shakes[self._index(t_s) :]

    def forget(self, t_s: float) -> None:
        """Forget the shakes that nobody feels any more at `t_s`; what was before is not asked any more."""
        del self._shakes[: self._index(t_s - self._longest_s)]

    def within(self, start_s: float, end_s: float) -> list[Shake]:
        """Shakes that are felt somewhere in [start_s, end_s)."""
        return self._shakes[self._index(start_s - self._longest_s) : self._index(end_s)]

    def _index(self, t_s: float) -> int:
        return bisect_left(self._shakes, t_s, key=lambda shake: shake.start_s)
