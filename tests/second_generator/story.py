"""The tale of one recording: a clock, the verbs of a lift (ride, open, board ...) and what must be noticed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .equip import Equip
from .lifts import Lift
from .motion import Motion, Piece, Profile, ease_stop, length, ride
from .shakes import Shake, burst, door_move, footfall, ring, shock

Rng = np.random.Generator
END = -1.0


@dataclass
class Trip:
    """One movement of the car."""

    start: float
    end: float
    distance: float
    speed: float


@dataclass
class DoorLeg:
    """The door moves evenly between two positions (0 closed, 1 fully open)."""

    t0: float
    t1: float
    p0: float
    p1: float


@dataclass
class Story:
    """One recording in the making."""

    name: str
    rng: Rng
    lift: Lift
    equip: Equip
    floor: int = 0
    t: float = 0.0
    people: int = 0
    door: float = 0.0
    motion: Motion = field(init=False)
    legs: list[DoorLeg] = field(default_factory=list)
    shakes: list[Shake] = field(default_factory=list)
    box_shakes: list[Shake] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)  # what a motion sensor could see
    head_count: list[tuple[float, int]] = field(default_factory=list)
    edges: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    facts: list[tuple[float, str, str]] = field(default_factory=list)  # what the controller says beyond motion
    dead: list[tuple[float, float]] = field(default_factory=list)  # controller silent
    contact_glitches: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    stuck: list[tuple[float, float, str]] = field(default_factory=list)  # accelerometer: "frozen" or "absent"
    turns: list[tuple[float, float]] = field(default_factory=list)  # box turned: time, degrees
    trips: list[Trip] = field(default_factory=list)
    truth: list[tuple[str, float, float, float]] = field(default_factory=list)
    allowed: list[tuple[str, float, float]] = field(default_factory=list)
    hvac: float = 0.0

    def __post_init__(self) -> None:
        self.motion = Motion(self.lift.heights[self.floor] + self._landing_error())
        self.head_count.append((0.0, 0))

    # -- notes ---------------------------------------------------------------------------------------------------

    def must(self, kind: str, start: float, by: float, end: float = END) -> None:
        """An alarm that a detector has to raise."""
        self.truth.append((kind, start, by, end))

    def may(self, kind: str, start: float, end: float = END) -> None:
        """An alarm that nobody would call false."""
        self.allowed.append((kind, start, end))

    def fact(self, name: str, value: str | int, t: float | None = None) -> None:
        """The controller changes what it says."""
        self.facts.append((self.t if t is None else t, name, str(value)))

    def signal(self, name: str, value: int, t: float | None = None) -> None:
        """A wired contact changes."""
        self.edges.setdefault(name, []).append((self.t if t is None else t, value))

    # -- people --------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.t += seconds

    def step(self, t: float, strength: float = 1.0) -> None:
        """One footfall, seen by the motion sensor as well."""
        self.shakes += footfall(self.rng, t, self.lift.lively * strength, self.lift.bounce_hz)
        self.moves.append(t)

    def walk(self, count: int, entering: bool) -> None:
        """People walk in or out one after the other, while the door stands open."""
        for _ in range(count):
            for k in range(int(self.rng.integers(3, 6))):
                self.step(self.t + k * self.rng.uniform(0.4, 0.65), self.rng.uniform(0.7, 1.3))
            self.t += self.rng.uniform(0.9, 2.2)
            self.people += 1 if entering else -1
            self.head_count.append((self.t, self.people))

    def fidget(self, t0: float, t1: float, gap_s: float = 9.0, strength: float = 0.35) -> None:
        """Somebody inside moves now and then."""
        t = t0 + self.rng.exponential(gap_s)
        while t < t1:
            if self.rng.random() < 0.6:
                self.step(t, strength * self.rng.uniform(0.3, 1.5))
            else:
                self.moves.append(t)
            t += self.rng.exponential(gap_s)

    def stay(self, seconds: float) -> None:
        """Wait while those inside, if any, stand about."""
        if self.people:
            self.fidget(self.t, self.t + seconds, 9.0 / min(self.people, 3))
        self.t += seconds

    # -- doors ---------------------------------------------------------------------------------------------------

    def swing(self, target: float, seconds: float | None = None, slam: float | None = None) -> None:
        """Move the door to a position."""
        full = self.lift.opening_s if target > self.door else self.lift.closing_s
        span = max(full * abs(target - self.door), 0.2) if seconds is None else seconds
        hit = self.rng.uniform(0.1, 0.9) if slam is None else slam
        self.legs.append(DoorLeg(self.t, self.t + span, self.door, target))
        self.shakes += door_move(self.rng, self.t, span, self.lift.door_shake, hit)
        self.door = target
        self.t += span

    def open(self) -> None:
        """Open fully."""
        self.swing(1.0)

    def close(self, reversals: int = 0) -> None:
        """Close, perhaps with somebody in the way first."""
        for _ in range(reversals):
            self.swing(self.rng.uniform(0.2, 0.7), slam=0.05)
            self.t += self.rng.uniform(0.2, 0.5)
            self.swing(1.0)
            self.moves.append(self.t)
            self.t += self.rng.uniform(1.0, 3.0)
        self.swing(0.0)

    # -- riding --------------------------------------------------------------------------------------------------

    def _landing_error(self) -> float:
        return float(np.clip(self.rng.normal(0, 0.003), -0.008, 0.008))

    def nearest(self, z: float) -> float:
        """Distance to the nearest landing."""
        return min(abs(z - h) for h in self.lift.heights)

    def log_trip(self, t0: float, z0: float) -> None:
        """Note a movement that has just ended, if it is one."""
        way = self.motion.z - z0
        if abs(way) >= 0.3:
            _, v, _ = self.motion.sample(np.linspace(t0, self.motion.t, 2000))
            self.trips.append(Trip(t0, self.motion.t, way, float(np.max(np.abs(v)))))
            if self.motion.t - t0 > 40.0:
                self.may("run_time_exceeded", t0 + 20.0, self.motion.t + 10.0)

    def move(self, pieces: list[Piece]) -> None:
        """Carry the car along the pieces to standstill."""
        self.motion.rest_until(self.t)
        t0, z0 = self.t, self.motion.z
        self.motion.run(pieces)
        self.arrive(t0, z0)

    def arrive(self, t0: float, z0: float) -> None:
        """Standstill reached: settle the books."""
        self.motion.v = 0.0 if abs(self.motion.v) < 1e-6 else self.motion.v
        self.t = self.motion.t
        self.motion.rest_until(self.t)
        self.log_trip(t0, z0)

    def brake_click(self, t: float, strength: float = 1.0) -> None:
        """The brake opens or falls in."""
        s = strength * float(self.rng.uniform(0.02, 0.15))
        self.shakes.append(burst(t, 0.08, (0.5 * s, 0.5 * s, s), 15.0, 60.0, int(self.rng.integers(2**31))))

    def set_off(self, floor: int, profile: Profile | None = None) -> list[Piece]:
        """Get ready for a trip: the pieces that lead to the floor."""
        self.fact("direction", "up" if floor > self.floor else "down")
        self.brake_click(self.t)
        self.t += self.lift.start_delay_s
        self.motion.rest_until(self.t)
        target = self.lift.heights[floor] + self._landing_error()
        return ride(target - self.motion.z, profile or self.lift.profile)

    def trip(self, floor: int) -> None:
        """A whole trip to another floor, doors shut."""
        pieces = self.set_off(floor)
        start, sign = self.t, math.copysign(1.0, floor - self.floor)
        self.fidget(start, start + length(pieces), 12.0) if self.people else None
        self.move(pieces)
        self.floor = floor
        if self.lift.profile.brake > 0.0:
            self.drive_bumps(start, pieces, sign)
        self.brake_click(self.t + 0.1)
        self.fact("direction", "none", self.t + 0.2)

    def drive_bumps(self, start: float, pieces: list[Piece], sign: float) -> None:
        """Pole change and brake drop of a two-speed machine ring in the ropes."""
        hz = self.lift.bounce_hz
        if len(pieces) >= 7:
            change = start + length(pieces[:4])
            self.shakes.append(ring(change, -sign * self.rng.uniform(0.2, 0.5), hz, 0.12))
        drop = self.lift.profile.brake * self.rng.uniform(0.3, 0.7)
        self.shakes.append(ring(self.t, sign * drop, hz, 0.1))

    def cut_trip(
        self, floor: int, stop: Callable[[Motion], list[Piece]], clear_m: float = 0.6, fast: float = 0.6
    ) -> float:
        """Start for a floor, but stop between landings; returns the moment at which the stop began."""
        pieces = self.set_off(floor)
        start, z0, total = self.t, self.motion.z, length(pieces)
        best, best_gap, cut = self.motion, -1.0, 0.5 * total
        whole = self.motion.fork()
        whole.run(pieces)
        top = float(np.max(np.abs(whole.sample(np.linspace(start, whole.t, 500))[1])))
        for _ in range(200):
            share = self.rng.uniform(0.1, 0.9) * total
            trial = self.motion.fork()
            trial.run(pieces, share)
            speed = abs(trial.v)
            trial.run(stop(trial))
            gap = self.nearest(trial.z) if speed >= fast * top else -0.5
            if gap > best_gap:
                best_gap, cut, best = gap, share, trial
            if gap >= clear_m:
                break
        if best_gap < 0.4:
            raise ValueError(f"no place to stop between landings: {best_gap:.2f} m, {best.z:.2f} m")
        self.motion.run(pieces, cut)
        begun = self.motion.t
        self.motion.run(stop(self.motion))
        if self.people:
            self.fidget(start, begun, 12.0)
        self.arrive(start, z0)
        return begun

    def hard_ring(self, decel: float, sign: float) -> None:
        """After a brake stop the car bounces on its ropes."""
        self.shakes.append(ring(self.t, sign * decel * self.rng.uniform(0.2, 0.5), self.lift.bounce_hz, 0.12))
        clack = (0.3, 0.3, self.rng.uniform(0.3, 1.0))
        self.shakes.append(shock(self.t, self.rng.uniform(0.3, 2.0), 0.01, clack))

    def relevel(self) -> None:
        """Creep back to the landing within its 20 mm."""
        self.motion.rest_until(self.t)
        sag = float(self.rng.choice([-1.0, 1.0]) * self.rng.uniform(0.006, 0.018))
        for way in (sag, -sag):
            slow = self.rng.uniform(0.008, 0.03)
            self.move(ride(way, Profile(slow, 0.05, 0.05, 0.2)))
            self.t += self.rng.uniform(0.5, 6.0)

    def stop_soft(self, motion: Motion) -> list[Piece]:
        """A stop like any other, only at the wrong place."""
        p = self.lift.profile
        return ease_stop(motion.v, motion.a, p.decel, p.jerk)
