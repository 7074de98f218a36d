"""What a perfect accelerometer in the car's own axes would feel: gravity, the trip, rails, door, people, building.

Axes: x across the car, y towards the door, z up.
"""

from __future__ import annotations

from math import pi

import numpy as np

from sim.lift import Lift
from sim.motion import FloatArray
from sim.people import PeopleMotion, manner_of
from sim.shakes import Shake, ShakeTrack, shaken

GRAVITY_MPS2 = 9.81
"""Source: recording format, "at rest the axis pointing up reads +9.81"."""

_SWAY_HZ = ((0.4, 0.9), (0.9, 1.7), (1.7, 3.0), (3.0, 5.0))
_BUILDING_HZ = ((0.5, 2.0), (6.0, 12.0), (12.0, 25.0))
_PASSING_PER_S = 1 / 150.0
_JOINT_HALF_M = 0.04


class CarField:
    """Specific force over time. `advance` one stretch, then ask within it.

    State: moves of people and passing lifts still felt. The broadband part is drawn anew at each call.
    """

    def __init__(self, lift: Lift, rng: np.random.Generator) -> None:
        self._lift = lift
        self._rng = rng
        self._people = PeopleMotion(lift, rng)
        self._moves = ShakeTrack()
        self._sway_hz = [float(rng.uniform(low, high)) for low, high in _SWAY_HZ]
        self._building_hz = [float(rng.uniform(low, high)) for low, high in _BUILDING_HZ]
        self._phases = rng.uniform(0.0, 2 * pi, size=16)

    def advance(self, start_s: float, end_s: float) -> list[Shake]:
        """Draw what happens in [start_s, end_s) and return the moves of people that begin in it."""
        moves = self._people.moves(start_s, end_s)
        for move in moves:
            self._moves.add(move)
        if self._rng.random() < _PASSING_PER_S * (end_s - start_s):
            peak = self._lift.spec.body.background_mps2 * float(self._rng.uniform(1.0, 5.0))
            self._moves.add(Shake(start_s, (peak, 0.7 * peak, 0.4 * peak), float(self._rng.uniform(3, 10)), 2.0))
        return moves

    def force(self, times_s: FloatArray) -> FloatArray:
        """Specific force in m/s2 at ascending times, shape (n, 3)."""
        height, speed, accel = self._lift.motion.sample(times_s)
        out = self._standing(times_s)
        out[:, 2] += GRAVITY_MPS2 + accel
        if np.any(speed != 0.0):
            roughness = self._lift.rail_roughness.at(float(times_s[0]))
            out += roughness * self._running(height, np.abs(speed) / self._lift.spec.rated_mps)
        start_s, end_s = float(times_s[0]), float(times_s[-1]) + 1e-6
        for leaf in (self._lift.door, self._lift.rear_door):
            if leaf.is_moving_within(start_s, end_s):
                spec = self._lift.spec.door
                pace = np.abs(leaf.speed(times_s)) * spec.open_s
                out += self._rng.normal(size=(len(times_s), 3)) * (spec.run_shake_mps2 * pace)[:, None]
        felt = [*self._lift.shakes.within(start_s, end_s), *self._moves.within(start_s, end_s)]
        return out + shaken(times_s, felt) if felt else out

    def _standing(self, times_s: FloatArray) -> FloatArray:
        lift = self._lift
        out = np.zeros((len(times_s), 3))
        people = lift.occupants.at(float(times_s[0]))
        if people > 0:
            manner = manner_of(lift.behaviour.at(float(times_s[0])))
            size = manner.sway_mps2 * people**0.5 * 1000.0 / lift.spec.body.mass_kg
            for index, hz in enumerate(self._sway_hz):
                wave = np.sin(2 * pi * hz * times_s + self._phases[index])
                out[:, index % 3] += 0.7 * size * wave
                out[:, 2] += 0.5 * size * wave
        for index, hz in enumerate(self._building_hz):
            out[:, index] += lift.spec.body.background_mps2 * np.sin(2 * pi * hz * times_s + self._phases[8 + index])
        return out

    def _running(self, height: FloatArray, pace: FloatArray) -> FloatArray:
        body, phases = self._lift.spec.body, self._phases
        out = self._rng.normal(size=(len(height), 3)) * (body.hiss_mps2 * pace)[:, None]
        wave = 2 * pi * height / body.rail_wave_m
        joint = np.mod(height, body.rail_joint_m) - body.rail_joint_m / 2
        bump = body.rail_joint_mps2 * np.exp(-((joint / _JOINT_HALF_M) ** 2))
        out[:, 0] += pace * (body.rail_mps2 * np.sin(wave + phases[12]) + bump)
        out[:, 1] += pace * (0.6 * body.rail_mps2 * np.sin(1.7 * wave + phases[13]) - 0.5 * bump)
        hum_per_m = body.hum_hz / self._lift.spec.rated_mps
        out[:, 2] += pace * body.hum_mps2 * np.sin(2 * pi * hum_per_m * height + phases[14])
        out[:, 2] += pace * 0.5 * body.rail_mps2 * np.sin(2.3 * wave + phases[15])
        return out
