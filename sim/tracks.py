"""Things that change in steps over the time of a story: occupants, mode, fault code, supply; and the door's path."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import numpy as np

from sim.motion import FloatArray

T = TypeVar("T")


class StepTrack(Generic[T]):
    """A value that holds until it is changed."""

    def __init__(self, first: T) -> None:
        self._times_s: list[float] = [float("-inf")]
        self._values: list[T] = [first]

    def set(self, t_s: float, value: T) -> None:
        """Hold `value` from `t_s` on (not before the last change)."""
        if t_s < self._times_s[-1]:
            raise ValueError(f"change at {t_s:.3f} s lies before the last one at {self._times_s[-1]:.3f} s")
        self._times_s.append(t_s)
        self._values.append(value)

    def at(self, t_s: float) -> T:
        """The value at `t_s`."""
        return self._values[bisect_right(self._times_s, t_s) - 1]

    def changes(self, start_s: float, end_s: float) -> Iterator[tuple[float, T]]:
        """Changes in [start_s, end_s), also to the same value."""
        for index in range(bisect_right(self._times_s, start_s - 1e-12), len(self._times_s)):
            if self._times_s[index] >= end_s:
                return
            if self._times_s[index] >= start_s:
                yield self._times_s[index], self._values[index]

    def cut(self, t_s: float) -> None:
        """Forget the changes after `t_s`."""
        kept = bisect_right(self._times_s, t_s)
        del self._times_s[kept:], self._values[kept:]

    def forget(self, t_s: float) -> None:
        """Forget how the value at `t_s` came about; what was before is not asked any more."""
        gone = bisect_right(self._times_s, t_s) - 1
        del self._times_s[:gone], self._values[:gone]
        self._times_s[0] = float("-inf")


class SlopeTrack:
    """A number that moves from one value to the next in straight lines and holds otherwise."""

    def __init__(self, first: float) -> None:
        self._times_s: list[float] = [0.0]
        self._values: list[float] = [first]

    def slope(self, start_s: float, to: float, over_s: float) -> None:
        """Go to `to` from `start_s` on, within `over_s`; a slope that is not at its end is left there."""
        self.cut(start_s)
        self._times_s.extend((start_s, start_s + over_s))
        self._values.extend((self._values[-1], to))

    def slope_by(self, start_s: float, change: float, over_s: float) -> None:
        """Go so much further from where the last slope ends or would have ended."""
        self.slope(start_s, self._values[-1] + change, over_s)

    def sample(self, times_s: FloatArray) -> FloatArray:
        """Values at many moments."""
        return np.asarray(np.interp(times_s, self._times_s, self._values))

    def cut(self, t_s: float) -> None:
        """Hold from `t_s` on what is reached there."""
        if t_s >= self._times_s[-1]:
            return
        reached = float(np.interp(t_s, self._times_s, self._values))
        kept = bisect_right(self._times_s, t_s)
        self._times_s[kept:], self._values[kept:] = [t_s], [reached]

    def forget(self, t_s: float) -> None:
        """Forget the way to the value at `t_s`; what was before is not asked any more."""
        gone = max(0, bisect_right(self._times_s, t_s) - 1)
        del self._times_s[:gone], self._values[:gone]


class DoorMotion(Enum):
    """What the door leaf does."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    STOPPED = "stopped"  # somewhere between


@dataclass(frozen=True, slots=True)
class _Ramp:
    start_s: float
    end_s: float
    from_open: float
    to_open: float


class DoorTrack:
    """Opening of the car door over time, 0 closed to 1 fully open; each movement starts and ends softly."""

    def __init__(self, opening: float = 0.0) -> None:
        self._ramps: list[_Ramp] = []
        self._starts_s: list[float] = []
        self._starts_table = np.empty(0)
        self._first = opening

    @property
    def end_s(self) -> float:
        """When the last movement ends; 0 before any."""
        return self._ramps[-1].end_s if self._ramps else 0.0

    def move(self, start_s: float, duration_s: float, to_open: float) -> float:
        """Move to `to_open` in `duration_s`, from wherever the leaf is then. Returns when it ends."""
        from_open = self.opening(start_s)
        self.cut(start_s)
        self._ramps.append(_Ramp(start_s, start_s + duration_s, from_open, to_open))
        self._starts_s.append(start_s)
        self._starts_table = np.array(self._starts_s)
        return start_s + duration_s

    def cut(self, t_s: float) -> None:
        """Forget the movements that would begin at or after `t_s`."""
        while self._ramps and self._ramps[-1].start_s >= t_s:
            self._ramps.pop()
            self._starts_s.pop()
        self._starts_table = np.array(self._starts_s)

    def forget(self, t_s: float) -> None:
        """Forget the movements before the one that counts at `t_s`; what was before is not asked any more."""
        gone = max(0, bisect_right(self._starts_s, t_s) - 1)
        del self._ramps[:gone], self._starts_s[:gone]
        self._starts_table = np.array(self._starts_s)

    def opening(self, t_s: float) -> float:
        """Opening at one moment."""
        return float(self.sample(np.array([t_s]))[0])

    def sample(self, times_s: FloatArray) -> FloatArray:
        """Opening at many moments."""
        if not self._ramps:
            return np.full(len(times_s), self._first)
        index = np.searchsorted(self._starts_table, times_s, side="right") - 1
        out = np.full(len(times_s), self._first)
        for which in np.unique(index[index >= 0]):
            ramp = self._ramps[int(which)]
            chosen = index == which
            part = np.clip((times_s[chosen] - ramp.start_s) / (ramp.end_s - ramp.start_s), 0.0, 1.0)
            out[chosen] = ramp.from_open + (ramp.to_open - ramp.from_open) * part * part * (3 - 2 * part)
        return out

    def motion(self, t_s: float) -> DoorMotion:
        """What the leaf does at one moment."""
        index = bisect_right(self._starts_s, t_s) - 1
        if index >= 0 and t_s < self._ramps[index].end_s:
            ramp = self._ramps[index]
            if ramp.to_open != ramp.from_open:
                return DoorMotion.OPENING if ramp.to_open > ramp.from_open else DoorMotion.CLOSING
        opening = self.opening(t_s)
        if opening <= 0.001:
            return DoorMotion.CLOSED
        return DoorMotion.OPEN if opening >= 0.999 else DoorMotion.STOPPED

    def is_moving_within(self, start_s: float, end_s: float) -> bool:
        """Whether any movement lies in [start_s, end_s)."""
        index = bisect_right(self._starts_s, end_s) - 1
        return index >= 0 and self._ramps[index].end_s > start_s

    def speed(self, times_s: FloatArray) -> FloatArray:
        """Rate of change of the opening, per second."""
        step_s = 0.005
        return (self.sample(times_s + step_s / 2) - self.sample(times_s - step_s / 2)) / step_s
