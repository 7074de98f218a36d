"""Motion of a car from the textbook: pieces of constant jerk, exact at any time.

A trip accelerates with jerk j to the acceleration a, holds it, and takes it back so that the rated speed v is met
without acceleration; it brakes the same way. With v/a >= a/j each change of speed takes v/a + a/j and covers
v/2 (v/a + a/j). Source: any text on S-curve motion; ISO 18738-1 names the same quantities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Piece:
    """So long at constant jerk, from this acceleration on."""

    duration_s: float
    accel_mps2: float
    jerk_mps3: float = 0.0


@dataclass(frozen=True, slots=True)
class Drive:
    """How a drive starts and stops."""

    speed_mps: float
    accel_mps2: float
    jerk_mps3: float


HOME = Drive(0.15, 0.2, 0.4)
SLOW = Drive(0.63, 0.5, 0.8)
ORDINARY = Drive(1.0, 0.7, 1.0)
FAST = Drive(2.5, 1.0, 1.2)
HIGH_RISE = Drive(6.0, 1.1, 1.3)


def change(speed_mps: float, drive: Drive) -> list[Piece]:
    """From rest to `speed_mps` (up positive) or, of the opposite sign, from it to rest."""
    sign, jerk = math.copysign(1.0, speed_mps), drive.jerk_mps3
    accel = min(drive.accel_mps2, math.sqrt(abs(speed_mps) * jerk))  # the acceleration may not be reached
    ramp_s = accel / jerk
    hold_s = abs(speed_mps) / accel - ramp_s
    return [
        Piece(ramp_s, 0.0, sign * jerk),
        Piece(hold_s, sign * accel),
        Piece(ramp_s, sign * accel, -sign * jerk),
    ]


def change_m(speed_mps: float, drive: Drive) -> float:
    """Distance of such a change: half the speed times its duration."""
    return abs(speed_mps) / 2.0 * sum(piece.duration_s for piece in change(speed_mps, drive))


def trip(distance_m: float, drive: Drive) -> list[Piece]:
    """A whole trip; where the way is too short for the rated speed, the peak speed follows from
    v^2/a + v a/j = d (acceleration reached) or v = (d^2 j / 4)^(1/3) (not reached)."""
    way, sign = abs(distance_m), math.copysign(1.0, distance_m)
    speed = drive.speed_mps
    if 2.0 * change_m(speed, drive) > way:
        accel, jerk = drive.accel_mps2, drive.jerk_mps3
        speed = accel / 2.0 * (-accel / jerk + math.sqrt((accel / jerk) ** 2 + 4.0 * way / accel))
        if speed < accel * accel / jerk:
            speed = (way * way * jerk / 4.0) ** (1.0 / 3.0)
    cruise_s = (way - 2.0 * change_m(speed, drive)) / speed
    return [*change(sign * speed, drive), Piece(cruise_s, 0.0), *change(-sign * speed, drive)]


def braked(speed_mps: float, decel_mps2: float) -> list[Piece]:
    """A brake that bites at once and holds until standstill: v/a seconds, v^2/2a metres."""
    return [Piece(abs(speed_mps) / decel_mps2, -math.copysign(decel_mps2, speed_mps))]


def cut_short(distance_m: float, drive: Drive, decel_mps2: float, cruise_s: float) -> list[Piece]:
    """A trip towards `distance_m` whose brake falls in after so long at rated speed."""
    speed = math.copysign(drive.speed_mps, distance_m)
    return [*change(speed, drive), Piece(cruise_s, 0.0), *braked(speed, decel_mps2)]


def pause(seconds: float) -> list[Piece]:
    """No acceleration: a standstill or an even speed."""
    return [Piece(seconds, 0.0)]


def two_speed(distance_m: float, drive: Drive, creep_mps: float, creep_s: float, drop_mps2: float) -> list[Piece]:
    """A pole-change machine: rated speed, a harder change to creep speed, the brake dropping out of the creep."""
    sign, lower = math.copysign(1.0, distance_m), drive.speed_mps - creep_mps
    used = change_m(drive.speed_mps, drive) + creep_mps * creep_s + creep_mps**2 / (2.0 * drop_mps2)
    down_s = sum(piece.duration_s for piece in change(lower, drive))
    used += (drive.speed_mps + creep_mps) / 2.0 * down_s
    return [
        *change(sign * drive.speed_mps, drive),
        Piece((abs(distance_m) - used) / drive.speed_mps, 0.0),
        *change(-sign * lower, drive),
        Piece(creep_s, 0.0),
        *braked(sign * creep_mps, drop_mps2),
    ]


class Path:
    """The course of the car over a whole test. Times in seconds, heights in metres."""

    def __init__(self, height_m: float = 0.0) -> None:
        self._rows: list[tuple[float, float, float, float, float]] = []
        self.end_s = 0.0
        self.height_m = height_m
        self.speed_mps = 0.0

    def run(self, pieces: list[Piece]) -> tuple[float, float]:
        """Append pieces; returns when they begin and end."""
        begin_s = self.end_s
        for piece in pieces:
            d, a, j = piece.duration_s, piece.accel_mps2, piece.jerk_mps3
            self._rows.append((self.end_s, self.height_m, self.speed_mps, a, j))
            self.height_m += self.speed_mps * d + a * d * d / 2.0 + j * d**3 / 6.0
            self.speed_mps += a * d + j * d * d / 2.0
            self.end_s += d
        return begin_s, self.end_s

    def stand(self, seconds: float) -> tuple[float, float]:
        """Append a standstill."""
        if abs(self.speed_mps) > 1e-6:
            raise ValueError(f"the car moves at {self.speed_mps} m/s")
        self.speed_mps = 0.0
        return self.run([Piece(seconds, 0.0)])

    def at(self, times_s: Array) -> tuple[Array, Array, Array]:
        """Acceleration, speed and height at the given times; before and after the path the car rests."""
        rows = np.array([(-1e9, self._rows[0][1], 0.0, 0.0, 0.0), *self._rows, (self.end_s, self.height_m, 0, 0, 0)])
        begin, height, speed, accel, jerk = rows[np.searchsorted(rows[:, 0], times_s, side="right") - 1].T
        d = times_s - begin
        return (
            accel + jerk * d,
            speed + accel * d + jerk * d * d / 2.0,
            height + speed * d + accel * d * d / 2.0 + jerk * d**3 / 6.0,
        )


def hung(force_mps2: Array, rate_hz: float, bounce_hz: float = 4.0, damping: float = 0.1) -> Array:
    """Acceleration of a car that hangs on elastic ropes and is pushed so (force over mass, one value a sample):
    x'' = f - 2 D w x' - w^2 x, ten steps a sample. Whatever the push, it comes back to rest where it hung."""
    omega, step_s = 2.0 * math.pi * bounce_hz, 0.1 / rate_hz
    x = v = 0.0
    accels = []
    for force in np.asarray(force_mps2).tolist():
        speed_before = v
        for _ in range(10):
            v += (force - 2.0 * damping * omega * v - omega * omega * x) * step_s
            x += v * step_s
        accels.append((v - speed_before) * rate_hz)
    return np.array(accels)
