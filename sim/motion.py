"""Motion of a car as arcs of constant jerk: how each kind of drive starts, travels, levels and stops.

Everything here is arithmetic on time, without noise: what the car really does. Speeds and accelerations of a
`Style` are unsigned; the track puts the sign on when an arc is laid down.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SHORTEST_M = 1e-5
_SOLVER_STEPS = 60  # halvings: far below a micrometre per second from any start


@dataclass(frozen=True, slots=True)
class Arc:
    """A stretch of constant jerk, along the direction of travel. Speed is continuous, acceleration may jump."""

    duration_s: float
    accel_mps2: float
    jerk_mps3: float

    def gained_mps(self) -> float:
        """Change of speed over the arc."""
        return self.accel_mps2 * self.duration_s + self.jerk_mps3 * self.duration_s**2 / 2

    def gained_m(self, speed_mps: float) -> float:
        """Distance covered, entered at `speed_mps`."""
        t = self.duration_s
        return speed_mps * t + self.accel_mps2 * t**2 / 2 + self.jerk_mps3 * t**3 / 6


@dataclass(frozen=True, slots=True)
class Style:
    """How one drive makes a trip: start, slow down to creep speed, creep to the landing, stop."""

    speed_mps: float
    start_mps2: float
    start_mps3: float
    slow_mps2: float
    slow_mps3: float
    creep_mps: float  # 0: straight to the landing
    creep_m: float
    stop_mps2: float
    stop_mps3: float


def speed_change(from_mps: float, to_mps: float, accel_mps2: float, jerk_mps3: float) -> tuple[Arc, ...]:
    """S-shaped change of speed that keeps both limits. Source: constant-jerk kinematics, any mechanics text."""
    change_mps = abs(to_mps - from_mps)
    if change_mps == 0.0:
        return ()
    sign = 1.0 if to_mps > from_mps else -1.0
    peak_mps2 = min(accel_mps2, sqrt(change_mps * jerk_mps3))
    ramp_s = peak_mps2 / jerk_mps3
    hold_s = change_mps / peak_mps2 - ramp_s
    rise = Arc(ramp_s, 0.0, sign * jerk_mps3)
    fall = Arc(ramp_s, sign * peak_mps2, -sign * jerk_mps3)
    if hold_s <= 1e-9:
        return rise, fall
    return rise, Arc(hold_s, sign * peak_mps2, 0.0), fall


def _laid(arcs: Iterable[Arc], speed_mps: float = 0.0) -> float:
    distance_m = 0.0
    for arc in arcs:
        distance_m += arc.gained_m(speed_mps)
        speed_mps += arc.gained_mps()
    return distance_m


def _at_top_speed(style: Style, top_mps: float) -> tuple[tuple[Arc, ...], tuple[Arc, ...]]:
    creep_mps = min(style.creep_mps, top_mps)
    start = speed_change(0.0, top_mps, style.start_mps2, style.start_mps3)
    slow = speed_change(top_mps, creep_mps, style.slow_mps2, style.slow_mps3)
    creep = (Arc(style.creep_m / creep_mps, 0.0, 0.0),) if creep_mps > 0.0 and style.creep_m > 0.0 else ()
    stop = speed_change(creep_mps, 0.0, style.stop_mps2, style.stop_mps3)
    return start, slow + creep + stop


def trip_arcs(distance_m: float, style: Style) -> tuple[Arc, ...]:
    """Arcs of a trip over exactly `distance_m` from rest to rest; a short trip does not reach full speed."""
    if distance_m < SHORTEST_M:
        raise ValueError(f"{distance_m} m is no movement")

    def spare_m(top_mps: float) -> float:
        start, end = _at_top_speed(style, top_mps)
        return distance_m - _laid(start) - _laid(end, top_mps)

    top_mps = style.speed_mps
    if spare_m(top_mps) < 0.0:
        low_mps, high_mps = 0.0, top_mps
        for _ in range(_SOLVER_STEPS):
            middle_mps = (low_mps + high_mps) / 2
            if spare_m(middle_mps) < 0.0:
                high_mps = middle_mps
            else:
                low_mps = middle_mps
        top_mps = low_mps
    if top_mps < 1e-6 and style.creep_m > 0.0:  # shorter than the creep itself
        hop = Style(style.speed_mps, style.start_mps2, style.start_mps3, style.stop_mps2, style.stop_mps3, 0, 0, 1, 1)
        return trip_arcs(distance_m, hop)
    start, end = _at_top_speed(style, top_mps)
    cruise_s = max(0.0, spare_m(top_mps)) / top_mps
    return (*start, Arc(cruise_s, 0.0, 0.0), *end)


def brake_arcs(
    speed_mps: float, accel_mps2: float, delay_s: float, decel_mps2: float, jerk_mps3: float
) -> tuple[Arc, ...]:
    """A stop by friction from a moving state: delay, build-up, hold; at standstill the deceleration ends at once."""
    arcs: list[Arc] = []
    if accel_mps2 >= 0.0 or speed_mps + accel_mps2 * delay_s > 0.0:
        arcs.append(Arc(delay_s, accel_mps2, 0.0))
        speed_mps += arcs[0].gained_mps()
    ramp = Arc(max(0.0, accel_mps2 + decel_mps2) / jerk_mps3, accel_mps2, -jerk_mps3)
    if speed_mps + ramp.gained_mps() > 0.0:
        arcs.append(ramp)
        speed_mps += ramp.gained_mps()
        arcs.append(Arc(speed_mps / decel_mps2, -decel_mps2, 0.0))
    else:  # at rest before the brake has built up: the positive root of v + a t - j t^2 / 2
        rest_s = (accel_mps2 + sqrt(accel_mps2**2 + 2 * jerk_mps3 * speed_mps)) / jerk_mps3
        arcs.append(Arc(rest_s, accel_mps2, -jerk_mps3))
    return tuple(arcs)


@dataclass(frozen=True, slots=True)
class MotionPiece:
    """One arc laid into time and height, with signs (up is positive)."""

    start_s: float
    duration_s: float
    height_m: float
    speed_mps: float
    accel_mps2: float
    jerk_mps3: float

    def after(self, t_s: float) -> tuple[float, float, float]:
        """Height, speed and acceleration at `t_s` inside the piece."""
        t = t_s - self.start_s
        height_m = self.height_m + self.speed_mps * t + self.accel_mps2 * t**2 / 2 + self.jerk_mps3 * t**3 / 6
        speed_mps = self.speed_mps + self.accel_mps2 * t + self.jerk_mps3 * t**2 / 2
        return height_m, speed_mps, self.accel_mps2 + self.jerk_mps3 * t


class MotionTrack:
    """Height of the car over time. Laid down in order; what lies ahead of a moment can be cut off.

    Bounded by the story: about ten pieces a trip.
    """

    def __init__(self, height_m: float) -> None:
        self._pieces: list[MotionPiece] = []
        self._starts_s: list[float] = []
        self._first_height_m = height_m
        self._table: FloatArray | None = None

    @property
    def end_s(self) -> float:
        """When the last laid motion ends; 0 before any."""
        if not self._pieces:
            return 0.0
        return self._pieces[-1].start_s + self._pieces[-1].duration_s

    def lay(self, start_s: float, arcs: Iterable[Arc], sign: float, speed_mps: float = 0.0) -> float:
        """Append arcs from `start_s` (not before the end so far) and return when they end."""
        if start_s < self.end_s - 1e-9:
            raise ValueError(f"motion at {start_s:.3f} s overlaps motion that ends at {self.end_s:.3f} s")
        t_s, height_m, speed = start_s, self.state(start_s)[0], sign * speed_mps
        for arc in arcs:
            if arc.duration_s <= 0.0:
                continue
            piece = MotionPiece(t_s, arc.duration_s, height_m, speed, sign * arc.accel_mps2, sign * arc.jerk_mps3)
            self._pieces.append(piece)
            self._starts_s.append(t_s)
            t_s += arc.duration_s
            height_m, speed, _ = piece.after(t_s)
        self._table = None
        return t_s

    def cut(self, t_s: float) -> tuple[float, float, float]:
        """Forget all motion after `t_s`; return height, speed and acceleration there."""
        state = self.state(t_s)
        while self._pieces and self._pieces[-1].start_s >= t_s:
            self._pieces.pop()
            self._starts_s.pop()
        if self._pieces and self.end_s > t_s:
            last = self._pieces[-1]
            self._pieces[-1] = MotionPiece(
                last.start_s, t_s - last.start_s, last.height_m, last.speed_mps, last.accel_mps2, last.jerk_mps3
            )
        self._table = None
        return state

    def forget(self, t_s: float) -> None:
        """Forget the motion before the piece that counts at `t_s`; what was before is not asked any more."""
        gone = max(0, bisect_right(self._starts_s, t_s) - 1)
        del self._pieces[:gone], self._starts_s[:gone]
        self._table = None

    def state(self, t_s: float) -> tuple[float, float, float]:
        """Height, speed and acceleration at one moment."""
        index = bisect_right(self._starts_s, t_s) - 1
        if index < 0:
            return self._first_height_m, 0.0, 0.0
        piece = self._pieces[index]
        end_s = piece.start_s + piece.duration_s
        if t_s < end_s:
            return piece.after(t_s)
        return piece.after(end_s)[0], 0.0, 0.0

    def sample(self, times_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Height, speed and acceleration at many moments."""
        if not self._pieces:
            rest = np.zeros_like(times_s)
            return rest + self._first_height_m, rest, rest.copy()
        if self._table is None:
            self._table = np.array(
                [(p.start_s, p.duration_s, p.height_m, p.speed_mps, p.accel_mps2, p.jerk_mps3) for p in self._pieces]
            )
        index = np.searchsorted(self._table[:, 0], times_s, side="right") - 1
        start, duration, z0, v0, a0, j0 = self._table[np.maximum(index, 0)].T
        t = np.clip(times_s - start, 0.0, duration)
        is_moving = (index >= 0) & (times_s - start < duration)
        height = z0 + t * (v0 + t * (a0 / 2 + t * j0 / 6))
        speed = np.where(is_moving, v0 + t * (a0 + t * j0 / 2), 0.0)
        accel = np.where(is_moving, a0 + t * j0, 0.0)
        return np.where(index < 0, self._first_height_m, height), speed, accel
