"""What a box is equipped with: accelerometer and its faults, contacts, presence, controller link, pressure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .motion import Array

Rng = np.random.Generator
G0 = 9.80665


@dataclass
class Sensor:
    """One accelerometer as soldered and screwed on."""

    nominal_hz: float
    true_hz: float
    jitter: float  # share of the sample interval
    noise: float  # rms of one sample, m/s2
    gravity: float
    mount: Array  # car axes -> sensor axes
    bias: Array
    scale: Array
    drift: Array  # m/s2 per kelvin
    wander: float  # rms of a slow bias walk over an hour, m/s2
    full_scale: float  # m/s2
    gaps: int


@dataclass
class Equip:
    """Everything that is wired."""

    sensor: Sensor
    signals: list[str]
    controller: list[str] = field(default_factory=list)  # fields that are decoded; empty: no link
    polled: bool = False
    poll_s: float = 0.5
    refresh_s: float = 10.0  # on-change links repeat themselves this often; 0: never
    pressure_hz: float = 0.0
    pir_hold_s: float = 4.0
    pir_miss: float = 0.1
    bounce_s: float = 0.01
    knows_rated: bool = True
    knows_heights: bool = True
    knows_start: bool = True


def rotation(rng: Rng) -> Array:
    """A mounting: anything at all, or one of the six sides a little askew."""
    if rng.random() < 0.5:
        q, r = np.linalg.qr(rng.standard_normal((3, 3)))
        m: Array = q * np.sign(np.diag(r))
    else:
        m = np.eye(3)[rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)[:, None]
        m = tilt(rng, rng.uniform(0.0, 5.0)) @ m
    return m if np.linalg.det(m) > 0 else -m


def tilt(rng: Rng, degrees: float, across: Array | None = None) -> Array:
    """Rotation by an angle about a random axis, square to a direction if one is given."""
    k = rng.standard_normal(3)
    if across is not None:
        k = np.cross(k, across)
    k /= np.linalg.norm(k)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    a = np.radians(degrees)
    m: Array = np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross
    return m


def make_sensor(rng: Rng, rates: tuple[float, ...] | None = None) -> Sensor:
    """A sensor between very good and poor."""
    common = (50.0, 100.0, 100.0, 100.0, 125.0, 200.0, 200.0, 200.0, 250.0, 400.0, 400.0, 25.0, 800.0, 1600.0)
    weight = np.array([2, 5, 5, 5, 3, 5, 5, 5, 3, 4, 4, 1, 0.8, 0.5])
    rate = float(rng.choice(rates)) if rates else float(rng.choice(common, p=weight / weight.sum()))
    density = 100e-6 * G0 * np.sqrt(rate / 2)
    noise = float(np.exp(rng.uniform(np.log(density), np.log(max(3e-3 * G0, 1.1 * density)))))
    bias = rng.standard_normal(3)
    bias *= rng.uniform(0.0, 80e-3 * G0) / np.linalg.norm(bias)
    return Sensor(
        nominal_hz=rate,
        true_hz=rate * (1 + rng.uniform(-0.02, 0.02)),
        jitter=float(rng.choice([0.0, 0.01, 0.03])),
        noise=noise,
        gravity=float(rng.uniform(9.78, 9.832)),
        mount=rotation(rng),
        bias=bias,
        scale=1 + rng.uniform(-0.02, 0.02, 3),
        drift=rng.normal(0, 0.25e-3 * G0, 3),
        wander=float(rng.uniform(0.1e-3, 1.5e-3) * G0),
        full_scale=G0 * float(rng.choice([2.0, 2.0, 4.0, 8.0, 16.0])),
        gaps=int(rng.integers(1, 5)) if rng.random() < 0.2 else 0,
    )


CONTROLLER_CORE = ["floor", "direction", "mode", "door"]
CONTROLLER_MORE = ["fault", "safety_circuit", "door_zone", "passenger", "speed_mps", "load_percent"]


def make_equip(
    rng: Rng,
    *,
    presence: bool | None = None,
    controller: bool | None = None,
    contacts: tuple[str, ...] = ("door_open", "door_closed"),
    extra: tuple[str, ...] = (),
    rates: tuple[float, ...] | None = None,
) -> Equip:
    """A box; what is not asked for is drawn by lot."""
    if presence is None:
        presence = bool(rng.random() < 0.5)
    if controller is None:
        controller = bool(rng.random() < 0.35)
    signals = [*contacts, *extra]
    if presence:
        signals.append("presence")
    if contacts and rng.random() < 0.25 and "door_zone" not in signals:
        signals.append("door_zone")
    fields = CONTROLLER_CORE + [f for f in CONTROLLER_MORE if rng.random() < 0.6] if controller else []
    heights = bool(rng.random() < 0.6)
    return Equip(
        sensor=make_sensor(rng, rates),
        signals=signals,
        controller=fields,
        polled=bool(rng.random() < 0.4),
        poll_s=float(rng.choice([0.2, 0.5, 1.0])),
        refresh_s=0.0 if rng.random() < 0.2 else 10.0,
        pressure_hz=float(rng.choice([1.0, 5.0, 10.0, 25.0])) if rng.random() < 0.5 else 0.0,
        pir_hold_s=float(rng.uniform(1.5, 8.0)),
        pir_miss=float(rng.uniform(0.0, 0.25)),
        bounce_s=float(rng.choice([0.0, 0.003, 0.01, 0.02])),
        knows_rated=bool(rng.random() < 0.7),
        knows_heights=heights,
        knows_start=heights and bool(rng.random() < 0.8),
    )
