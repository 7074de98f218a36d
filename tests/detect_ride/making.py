"""Rides worked out by hand: jerk-limited travel, sinusoids, any mounting, any rate, any split into blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_agent.detect.ride import RideStage
from edge_agent.detect.ride_report import RideReport
from edge_agent.readings import AccelFrame

Floats = npt.NDArray[np.float64]
Wave = Callable[[Floats], Floats]

G = 9.80665
S = 1_000_000_000


def sine(amplitude_mps2: float, frequency_hz: float, phase: float = 0.0) -> Wave:
    return lambda t: amplitude_mps2 * np.sin(2.0 * math.pi * frequency_hz * t + phase)


def silence(t: Floats) -> Floats:
    return np.zeros_like(t)


@dataclass(frozen=True)
class Ride:
    """Up (or down) `distance_m` after a standstill; waves are vertical and along two horizontal directions."""

    rate_hz: float = 400.0
    speed_mps: float = 1.6
    accel_mps2: float = 0.8
    brake_mps2: float = 0.8
    jerk_mps3: float = 1.0
    distance_m: float = 24.0
    sign: float = 1.0
    rest_s: float = 12.0
    vertical: Wave = silence
    across: Wave = silence
    along: Wave = silence
    noise_mps2: float = 0.0
    mounting: Floats = field(default_factory=lambda: np.eye(3))

    @property
    def rise_s(self) -> float:
        """Time from standing to full speed: a/j more than v/a."""
        return self.speed_mps / self.accel_mps2 + self.accel_mps2 / self.jerk_mps3

    @property
    def fall_s(self) -> float:
        return self.speed_mps / self.brake_mps2 + self.brake_mps2 / self.jerk_mps3

    @property
    def cruise_s(self) -> float:
        """What is left of the distance; rise and fall go at half the speed on average."""
        return self.distance_m / self.speed_mps - (self.rise_s + self.fall_s) / 2.0

    @property
    def start_ns(self) -> int:
        return round(self.rest_s * S)

    @property
    def end_ns(self) -> int:
        return round((self.rest_s + self.rise_s + self.cruise_s + self.fall_s) * S)

    @property
    def gravity(self) -> tuple[float, float, float]:
        x, y, z = self.mounting @ np.array([0.0, 0.0, G])
        return float(x), float(y), float(z)

    def times_s(self) -> Floats:
        return np.arange(0.0, self.end_ns / S + 3.0, 1.0 / self.rate_hz)

    def _push(self, t: Floats, height_mps2: float, length_s: float) -> Floats:
        ramp = height_mps2 / self.jerk_mps3
        push: Floats = np.interp(t, [0.0, ramp, length_s - ramp, length_s], [0.0, height_mps2, height_mps2, 0.0])
        return push

    def samples(self, t: Floats) -> Floats:
        """Specific force in the sensor's axes at the times `t`."""
        since = t - self.rest_s
        travel = self._push(since, self.accel_mps2, self.rise_s)
        travel -= self._push(since - self.rise_s - self.cruise_s, self.brake_mps2, self.fall_s)
        is_riding = (since >= 0.0) & (t <= self.end_ns / S)
        level = np.column_stack(
            (
                np.where(is_riding, self.along(t), 0.0),
                np.where(is_riding, self.across(t), 0.0),
                G + self.sign * travel + np.where(is_riding, self.vertical(t), 0.0),
            )
        )
        level += self.noise_mps2 * np.random.default_rng(7).standard_normal(level.shape)
        turned: Floats = level @ self.mounting.T
        return turned

    def blocks(self, length: int = 16, keep: npt.NDArray[np.bool_] | None = None) -> Iterator[AccelFrame]:
        """The whole recording in blocks of `length` samples; `keep` says which samples arrive."""
        t = self.times_s()
        samples = self.samples(t)
        times = np.round(t * S).astype(np.int64)
        if keep is not None:
            times, samples = times[keep], samples[keep]
        for begin in range(0, len(times), length):
            yield AccelFrame(times[begin : begin + length], samples[begin : begin + length])


def judged(ride: Ride, stage: RideStage | None = None, length: int = 16) -> RideReport:
    """The report of a ride that must have one."""
    stage = stage or RideStage()
    for block in ride.blocks(length):
        stage.push(block)
    report = stage.finish(ride.start_ns, ride.end_ns, ride.gravity)
    assert report is not None, stage.last_refusal
    return report


def turned(roll: float, pitch: float, yaw: float) -> Floats:
    """A rotation by three angles in radians."""
    cr, sr, cp, sp, cy, sy = (
        math.cos(roll),
        math.sin(roll),
        math.cos(pitch),
        math.sin(pitch),
        math.cos(yaw),
        math.sin(yaw),
    )
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    rotation: Floats = about_x @ about_y @ about_z
    return rotation
