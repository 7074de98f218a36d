"""Vertical motion of the car as pieces of constant jerk (exact at any time) and speed profiles of real drives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Piece = tuple[float, float, float]  # duration s, acceleration at its start m/s2, jerk m/s3


@dataclass(frozen=True)
class Profile:
    """How one drive starts, runs and stops."""

    speed: float
    accel: float
    decel: float
    jerk: float
    creep: float = 0.0  # speed of the last stretch; 0: direct landing
    creep_s: float = 0.0
    brake: float = 0.0  # deceleration of the brake that drops out of the creep; 0: stopped by the drive


def speed_change(v0: float, v1: float, a_max: float, jerk: float) -> list[Piece]:
    """S-shaped change of speed, starting and ending without acceleration."""
    dv = v1 - v0
    if abs(dv) < 1e-9:
        return []
    sign = math.copysign(1.0, dv)
    ramp = a_max / jerk
    flat = abs(dv) / a_max - ramp
    if flat < 0.0:
        ramp, flat = math.sqrt(abs(dv) / jerk), 0.0
    top = sign * jerk * ramp
    return [(ramp, 0.0, sign * jerk), (flat, top, 0.0), (ramp, top, -sign * jerk)]


def brake_stop(v: float, a: float, decel: float, ramp_s: float) -> list[Piece]:
    """A brake that bites within ramp_s and holds until standstill, where the acceleration vanishes at once."""
    sign = math.copysign(1.0, v)
    speed, acc = abs(v), a * sign
    jerk = (-decel - acc) / ramp_s
    after = speed + (acc - decel) / 2 * ramp_s
    if after <= 0.0:
        root = math.sqrt(max(acc * acc - 2 * jerk * speed, 0.0))
        return [((-acc - root) / jerk, sign * acc, sign * jerk)]
    return [(ramp_s, sign * acc, sign * jerk), (after / decel, -sign * decel, 0.0)]


def ease_stop(v: float, a: float, decel: float, jerk: float) -> list[Piece]:
    """A smooth stop from any state: first the acceleration is taken back, then the speed."""
    first: list[Piece] = []
    if abs(a) > 1e-9:
        back = abs(a) / jerk
        first = [(back, a, -math.copysign(jerk, a))]
        v = v + a * back / 2
    return first + speed_change(v, 0.0, decel, jerk)


def travel(pieces: list[Piece], v: float = 0.0) -> float:
    """Distance covered by the pieces from speed v."""
    z = 0.0
    for d, a, j in pieces:
        z += v * d + a * d * d / 2 + j * d**3 / 6
        v += a * d + j * d * d / 2
    return z


def _legs(p: Profile, v: float) -> tuple[list[Piece], list[Piece]]:
    start = speed_change(0.0, v, p.accel, p.jerk)
    low, slow = v, []
    if p.creep > 0.0 and v > p.creep:
        low = p.creep
        slow = [*speed_change(v, low, p.decel, p.jerk), (p.creep_s, 0.0, 0.0)]
    end = brake_stop(low, 0.0, p.brake, 0.12) if p.brake > 0.0 else speed_change(low, 0.0, p.decel, p.jerk)
    return start, slow + end


def ride(distance: float, p: Profile) -> list[Piece]:
    """Pieces of one complete trip over the signed distance; the top speed is lowered when the way is short."""
    way, sign = abs(distance), math.copysign(1.0, distance)

    def used(v: float) -> float:
        start, end = _legs(p, v)
        return travel(start) + travel(end, v)

    lo, hi = 0.0, p.speed
    if used(hi) <= way:
        lo = hi
    for _ in range(50 if lo < hi else 0):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if used(mid) <= way else (lo, mid)
    start, end = _legs(p, lo)
    cruise: list[Piece] = [((way - used(lo)) / lo, 0.0, 0.0)]
    return [(d, sign * a, sign * j) for d, a, j in start + cruise + end]


def length(pieces: list[Piece]) -> float:
    """Duration of the pieces in seconds."""
    return sum(d for d, _, _ in pieces)


@dataclass
class Motion:
    """The path of the car over the whole recording."""

    z: float
    t: float = 0.0
    v: float = 0.0
    a: float = 0.0
    rows: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    def fork(self) -> Motion:
        """A scratch copy of the present state, to try something out."""
        return Motion(self.z, self.t, self.v, self.a)

    def run(self, pieces: list[Piece], limit_s: float = math.inf) -> None:
        """Append pieces, at most limit_s of them."""
        left = limit_s
        for d, a, j in pieces:
            d = min(d, left)
            if d <= 0.0:
                continue
            left -= d
            self.rows.append((self.t, self.z, self.v, a, j))
            self.z += self.v * d + a * d * d / 2 + j * d**3 / 6
            self.v += a * d + j * d * d / 2
            self.a = a + j * d
            self.t += d

    def rest_until(self, t: float) -> None:
        """Stand still up to t."""
        if abs(self.v) > 1e-6:
            raise ValueError(f"the car moves at {self.v} m/s and cannot rest")
        self.v = self.a = 0.0
        if t > self.t:
            self.rows.append((self.t, self.z, 0.0, 0.0, 0.0))
            self.t = t

    def sample(self, t: Array) -> tuple[Array, Array, Array]:
        """Acceleration, speed and position at the given times."""
        rows = np.array([*self.rows, (self.t, self.z, self.v, 0.0, 0.0)])
        i = np.clip(np.searchsorted(rows[:, 0], t, side="right") - 1, 0, len(rows) - 1)
        t0, z0, v0, a0, j = rows[i].T
        d = np.maximum(t - t0, 0.0)
        return a0 + j * d, v0 + a0 * d + j * d**2 / 2, z0 + v0 * d + a0 * d**2 / 2 + j * d**3 / 6
