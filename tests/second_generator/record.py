"""From a story to streams: accelerometer samples, contact edges and pressure."""

from __future__ import annotations

import numpy as np

from .equip import Sensor, tilt
from .motion import Array
from .shakes import add_shakes, band_noise, soften
from .story import DoorLeg, Story

Edge = tuple[float, str, int]


def clock(story: Story, length_s: float) -> Array:
    """Sample times: a rate that is a little wrong, jitter, and a few lost samples."""
    rng, s = story.rng, story.equip.sensor
    step = 1.0 / s.true_hz
    t = np.arange(rng.uniform(0.0, 0.02), length_s, step)
    if s.jitter:
        t = t + rng.uniform(-0.5, 0.5, len(t)) * s.jitter * step
    keep = np.ones(len(t), dtype=bool)
    for _ in range(s.gaps):
        i = int(rng.integers(10, len(t) - 10))
        keep[i : i + max(1, int(rng.uniform(0.01, 0.08) * s.true_hz))] = False
    for a, b, how in story.stuck:
        if how == "absent":
            keep[(t > a) & (t < b)] = False
    return t[keep]


def _rail(story: Story, t: Array, v: Array, z: Array) -> Array:
    """Guide-rail vibration, joints and machine hum while the car moves."""
    rng, lift, rate = story.rng, story.lift, story.equip.sensor.true_hz
    out = np.zeros((len(t), 3))
    hum_hz, sheave = rng.uniform(20.0, 50.0), rng.uniform(0.3, 0.8)
    joint = rng.uniform(0.5, 3.0) * lift.rail
    for trip in story.trips:
        i, k = np.searchsorted(t, [trip.start, trip.end])
        n = k - i
        if n < 8:
            continue
        share = np.abs(v[i:k]) / lift.profile.speed
        level = lift.rail * np.minimum(np.sqrt(share), 1.3)
        for axis, (low, high, weight) in enumerate([(1.0, 12.0, 0.9), (1.0, 14.0, 1.1), (5.0, 35.0, 1.0)]):
            out[i:k, axis] = band_noise(rng, n, rate, low, high, 1.0) * level * weight
        phase = 2 * np.pi * np.abs(z[i:k] - z[i]) / sheave
        out[i:k, 2] += 0.4 * level * np.sin(phase) * soften(lift.profile.speed / sheave, rate)
        hum = np.sin(2 * np.pi * hum_hz * t[i:k]) * (soften(hum_hz, rate) if hum_hz < 0.45 * rate else 0.0)
        out[i:k, 2] += lift.rail * 0.4 * hum * np.sqrt(share)
        rail = np.mod(z[i:k], 5.0) / np.maximum(np.abs(v[i:k]), 0.05)
        bump = np.where(rail < 0.12, np.sin(np.pi * rail / 0.12), 0.0) * share * joint
        out[i:k, 1] += bump - bump.mean()
    return out


def _slow(rng: np.random.Generator, t: Array, knots_s: float) -> Array:
    """A smooth random course of unit size."""
    n = int(t[-1] / knots_s) + 3
    walk = np.cumsum(rng.standard_normal(n)) / np.sqrt(max(n, 4))
    y: Array = np.interp(t, np.arange(n) * knots_s, walk - walk[0])
    return y


def accel(story: Story, length_s: float) -> tuple[Array, Array]:
    """Times and quantised samples in sensor axes."""
    rng, s = story.rng, story.equip.sensor
    t = clock(story, length_s)
    a, v, z = story.motion.sample(t)
    car = add_shakes(t, s.true_hz, story.shakes) + _rail(story, t, v, z)
    car[:, 2] += a + s.gravity
    car += rng.uniform(0.0005, 0.004) * rng.standard_normal((len(t), 3)) * min(1.0, np.sqrt(s.true_hz / 400))
    box = car @ s.mount.T
    for when, degrees in story.turns:
        later = t >= when
        box[later] = box[later] @ tilt(rng, degrees, s.mount[:, 2]).T
    box += add_shakes(t, s.true_hz, story.box_shakes)
    hours = max(length_s / 3600.0, 0.05)
    kelvin = _slow(rng, t, 120.0) * 3.0 * np.sqrt(hours) + story.hvac * np.sin(2 * np.pi * t / 2700.0)
    box = box * s.scale + s.bias + np.outer(kelvin, s.drift)
    for axis in range(3):
        box[:, axis] += _slow(rng, t, 60.0) * s.wander * np.sqrt(hours)
    box += rng.standard_normal(box.shape) * s.noise
    return t, _digitise(s, t, box, story)


def _digitise(s: Sensor, t: Array, box: Array, story: Story) -> Array:
    lsb = s.full_scale / 32768
    out: Array = np.clip(np.round(box / lsb), -32768, 32767) * lsb
    for a, b, how in story.stuck:
        i, k = np.searchsorted(t, [a, b])
        if how == "frozen" and k > i:
            out[i:k] = out[i]
    return out


def pressure(story: Story, length_s: float) -> tuple[Array, Array] | None:
    """Air pressure in the car: height, weather, ventilation and the doors."""
    rng, hz = story.rng, story.equip.pressure_hz
    if not hz:
        return None
    t = np.arange(rng.uniform(0.0, 1.0 / hz), length_s, 1.0 / hz)
    _, v, z = story.motion.sample(t)
    p = rng.uniform(985.0, 1030.0) - 0.119 * z + _slow(rng, t, 60.0) * rng.uniform(0.05, 0.6)
    p += 0.003 * rng.uniform(-1, 1) * v * np.abs(v)
    if story.hvac:
        p += story.hvac * 0.01 * np.sign(np.sin(2 * np.pi * t / rng.uniform(600, 2400)))
    for leg in story.legs:
        p[(t > leg.t0) & (t < leg.t1)] += rng.normal(0, 0.01)
    p += rng.normal(0, rng.uniform(0.005, 0.03), len(t))
    return t, np.round(p, 2)


def _crossings(legs: list[DoorLeg], level: float) -> list[tuple[float, int]]:
    """When the door position passes a level: 1 upwards, 0 downwards."""
    out = []
    for leg in legs:
        if (leg.p0 > level) != (leg.p1 > level):
            share = (level - leg.p0) / (leg.p1 - leg.p0)
            out.append((leg.t0 + share * (leg.t1 - leg.t0), int(leg.p1 > level)))
    return out


def door_contacts(story: Story) -> dict[str, list[tuple[float, int]]]:
    """Edges of the two door contacts, clean."""
    opened = [(0.0, 0), *_crossings(story.legs, 0.97)]
    closed = [(0.0, 1), *[(t, 1 - up) for t, up in _crossings(story.legs, 0.02)]]
    return {"door_open": opened, "door_closed": closed}


def presence(story: Story) -> list[tuple[float, int]]:
    """A motion sensor: made for a while after each movement it sees, whoever stands still is gone."""
    rng, hold = story.rng, story.equip.pir_hold_s
    seen = [t for t in sorted(story.moves) if rng.random() >= story.equip.pir_miss]
    edges, until = [(0.0, 0)], -1.0
    for t in seen:
        t += 0.15
        if t > until:
            if until > 0:
                edges.append((until, 0))
            edges.append((t, 1))
        until = t + hold
    if until > 0:
        edges.append((until, 0))
    return edges


def door_zone(story: Story) -> list[tuple[float, int]]:
    """Made while the car floor is near a landing."""
    edges = [(0.0, int(story.nearest(story.motion.rows[0][1]) < story.lift.zone_m))]
    heights = np.array(story.lift.heights)
    times = [np.arange(a, a + d + 0.005, 0.005) for a, d in _moving(story)]
    for t in times:
        _, _, z = story.motion.sample(t)
        inside = np.min(np.abs(z[:, None] - heights), axis=1) < story.lift.zone_m
        for i in np.flatnonzero(np.diff(inside.astype(int)) != 0):
            edges.append((float(t[i + 1]), int(inside[i + 1])))
    return edges


def _moving(story: Story) -> list[tuple[float, float]]:
    rows = story.motion.rows
    ends = [r[0] for r in rows[1:]] + [story.motion.t]
    return [(r[0], e - r[0]) for r, e in zip(rows, ends, strict=True) if r[2] or r[3] or r[4]]


def signals(story: Story, length_s: float) -> list[Edge]:
    """All wired contacts with bounce and glitches, in order of time."""
    made = door_contacts(story) | dict(story.edges)
    out: list[Edge] = []
    for name in story.equip.signals:
        if name == "presence":
            clean = presence(story) if name not in story.edges else [(0.0, 0), *story.edges[name]]
        elif name == "door_zone":
            clean = door_zone(story)
        else:
            rest = 1 if name in ("mains", "light_curtain") else 0
            clean = made[name] if name in ("door_open", "door_closed") else [(0.0, rest), *made.get(name, [])]
        out += _bounced(story, name, sorted(clean), length_s)
    out.sort(key=lambda e: e[0])
    return out


def _bounced(story: Story, name: str, clean: list[tuple[float, int]], length_s: float) -> list[Edge]:
    rng, span = story.rng, story.equip.bounce_s
    out: list[Edge] = []
    for t, value in clean:
        if t >= length_s:
            break
        out.append((t, name, value))
        if t > 0 and span > 0 and name != "presence" and rng.random() < 0.8:
            extra = np.sort(rng.uniform(0.0005, span, 2 * int(rng.integers(1, 4))))
            out += [(t + float(d), name, value ^ ((k + 1) & 1)) for k, d in enumerate(extra)]
    for t, span_s in story.contact_glitches.get(name, []):
        before = [v for (at, v) in clean if at <= t]
        out += [(t, name, 1 - before[-1]), (t + span_s, name, before[-1])]
    return out
