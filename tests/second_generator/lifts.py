"""The kinds of lift that are imitated: speeds, drives, doors, floors and how lively the car is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .motion import Profile

Rng = np.random.Generator
KINDS = ("hydraulic", "two_speed", "vvvf", "fast_vvvf", "highrise", "home", "goods")


@dataclass
class Lift:
    """One lift as installed."""

    kind: str
    drive: str
    profile: Profile
    heights: list[float]
    opening_s: float
    closing_s: float
    dwell_s: float
    lively: float  # acceleration of the car under one footfall, m/s2
    bounce_hz: float  # rope or oil-column resonance
    rail: float  # rms of guide-rail vibration at rated speed, m/s2
    door_shake: float  # rms of door operator vibration, m/s2
    zone_m: float  # half height of the door zone
    start_delay_s: float

    @property
    def full_travel(self) -> float:
        """Height between the two terminal landings."""
        return self.heights[-1] - self.heights[0]


def _heights(rng: Rng, count: int, low: float, high: float) -> list[float]:
    storey = rng.uniform(low, high)
    steps = np.full(count - 1, storey)
    if count > 2 and rng.random() < 0.7:
        steps[0] = storey * rng.uniform(1.0, 1.5)
    if count > 4 and rng.random() < 0.4:
        steps[rng.integers(1, count - 1)] *= rng.uniform(1.05, 1.4)
    return [round(float(h), 3) for h in np.concatenate([[0.0], np.cumsum(steps)])]


def _profile(rng: Rng, kind: str) -> tuple[str, Profile, list[float]]:
    u = rng.uniform
    if kind == "hydraulic":
        p = Profile(u(0.15, 0.6), u(0.2, 0.5), u(0.2, 0.45), u(0.5, 1.2), u(0.04, 0.08), u(1.0, 3.0))
        return "hydraulic", p, _heights(rng, int(rng.integers(2, 5)), 2.7, 3.4)
    if kind == "two_speed":
        v = float(rng.choice([0.63, 0.8, 1.0]))
        p = Profile(v, u(0.5, 1.0), u(0.6, 1.0), u(1.5, 3.0), v / u(4, 6), u(0.8, 2.0), u(0.7, 1.1))
        return "two_speed", p, _heights(rng, int(rng.integers(3, 9)), 2.7, 3.5)
    if kind == "home":
        p = Profile(u(0.15, 0.3), u(0.15, 0.3), u(0.15, 0.3), u(0.3, 0.8))
        return "hydraulic" if rng.random() < 0.4 else "vvvf", p, _heights(rng, int(rng.integers(2, 4)), 2.6, 3.0)
    if kind == "highrise":
        a = u(0.9, 1.2)
        p = Profile(float(rng.choice([4.0, 5.0, 6.0])), a, a * u(0.9, 1.05), u(0.7, 1.3))
        return "vvvf", p, _heights(rng, int(rng.integers(25, 45)), 3.2, 4.2)
    speeds = {"vvvf": [1.0, 1.0, 1.6], "fast_vvvf": [1.6, 2.5], "goods": [0.3, 0.5, 0.63]}[kind]
    a = u(0.5, 1.0)
    p = Profile(float(rng.choice(speeds)), a, a * u(0.85, 1.1), u(0.6, 1.4))
    if rng.random() < 0.3:
        p = Profile(p.speed, p.accel, p.decel, p.jerk, u(0.04, 0.1), u(0.2, 0.8))
    count = {"vvvf": (4, 12), "fast_vvvf": (8, 22), "goods": (2, 6)}[kind]
    return "vvvf", p, _heights(rng, int(rng.integers(*count)), 2.8, 3.9)


def make_lift(rng: Rng, kind: str) -> Lift:
    """A lift of the kind with everything else drawn by lot."""
    u = rng.uniform
    drive, profile, heights = _profile(rng, kind)
    goods, home = kind == "goods", kind == "home"
    opening = u(3.5, 8.0) if goods else u(3.0, 6.0) if home else u(1.6, 3.2)
    return Lift(
        kind=kind,
        drive=drive,
        profile=profile,
        heights=heights,
        opening_s=opening,
        closing_s=opening * u(1.05, 1.5),
        dwell_s=u(8.0, 20.0) if goods else u(3.0, 7.0),
        lively=u(0.02, 0.06) if goods else u(0.06, 0.2) if home else u(0.04, 0.12),
        bounce_hz=u(5.0, 9.0) if drive == "hydraulic" else u(1.8, 3.0) if kind == "highrise" else u(2.5, 5.5),
        rail=u(0.01, 0.05) * (1.3 if drive == "two_speed" else 1.0),
        door_shake=u(0.01, 0.12),
        zone_m=u(0.1, 0.2),
        start_delay_s=u(0.3, 1.2),
    )
