"""Short disturbances of the car in car axes (x front-back, y sideways, z up): footfalls, knocks, rings, doors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .motion import Array

Rng = np.random.Generator
Vec = tuple[float, float, float]


@dataclass
class Shake:
    """Something that shakes the car (or the box) from t0 for span seconds."""

    t0: float
    span: float
    make: Callable[[Array, float], Array]  # time since t0, sample rate -> (n, 3)
    even: bool = True  # leaves no speed behind


def soften(hz: float, rate: float) -> float:
    """What the sensor's low pass leaves of a vibration of this frequency."""
    return 1.0 / math.sqrt(1.0 + (hz / (0.4 * rate)) ** 4)


def band_noise(rng: Rng, n: int, rate: float, low: float, high: float, rms: float) -> Array:
    """Noise between two frequencies; what lies beyond the sensor's band is lost, not folded."""
    top = min(high, 0.45 * rate)
    if n < 8 or top <= low:
        return np.zeros(n)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.fft.rfftfreq(n, 1.0 / rate)
    spectrum[(f < low) | (f > top)] = 0.0
    y: Array = np.fft.irfft(spectrum, n)
    scale = float(np.std(y))
    return y * (rms * math.sqrt((top - low) / (high - low)) / scale) if scale > 0 else y


def ring(t0: float, amp: float, hz: float, damping: float, axis: Vec = (0.0, 0.0, 1.0)) -> Shake:
    """A resonance struck once: decaying, and without net change of speed."""
    w = 2 * math.pi * hz
    g = damping * w
    phase = -math.atan2(w, g)

    def make(t: Array, rate: float) -> Array:
        y = amp * soften(hz, rate) * np.exp(-g * t) * np.sin(w * t + phase)
        return np.outer(y, axis)

    return Shake(t0, 5.0 / g, make)


def shock(t0: float, peak: float, width: float, axis: Vec, even: bool = True) -> Shake:
    """A short push of half a sine with a rebound; a slow sensor sees it lower and wider."""

    def make(t: Array, rate: float) -> Array:
        wide = max(width, 1.25 / rate)
        y = np.where(t < wide, np.sin(np.pi * t / wide), 0.0) * peak * width / wide
        return np.outer(y, axis)

    return Shake(t0, max(width * 4, 0.25), make, even)


def burst(t0: float, span: float, rms: Vec, low: float, high: float, seed: int) -> Shake:
    """Band noise that swells and dies away."""

    def make(t: Array, rate: float) -> Array:
        rng = np.random.default_rng(seed)
        taper = np.clip(np.minimum(t, span - t) / min(0.1, span / 4), 0.0, 1.0)
        cols = [band_noise(rng, len(t), rate, low, high, r) * taper for r in rms]
        return np.column_stack(cols)

    return Shake(t0, span, make)


def footfall(rng: Rng, t0: float, strength: float, bounce_hz: float) -> list[Shake]:
    """One step on the car floor: the car dips on its ropes and the floor sheet thumps."""
    s = strength * rng.uniform(0.5, 1.4)
    side = (float(rng.normal(0, 0.25)), float(rng.normal(0, 0.35)), 1.0)
    heel = burst(t0, 0.12, (0.1 * s, 0.15 * s, 0.8 * s), 12.0, 45.0, int(rng.integers(2**31)))
    return [ring(t0, -s, bounce_hz * rng.uniform(0.95, 1.05), rng.uniform(0.08, 0.2), side), heel]


def jump(rng: Rng, t0: float, peak: float, bounce_hz: float) -> list[Shake]:
    """Somebody comes down with both feet."""
    side = (float(rng.normal(0, 0.2)), float(rng.normal(0, 0.2)), 1.0)
    thump = burst(t0, 0.2, (0.06 * peak, 0.06 * peak, 0.15 * peak), 10.0, 40.0, int(rng.integers(2**31)))
    return [ring(t0, -peak, bounce_hz * rng.uniform(0.9, 1.05), rng.uniform(0.1, 0.25), side), thump]


def door_move(rng: Rng, t0: float, span: float, level: float, slam: float) -> list[Shake]:
    """A door panel under way: reaction of the car, rattle of the operator, a thump at the end."""
    push = level * rng.uniform(0.2, 0.8)

    def sway(t: Array, rate: float) -> Array:
        return np.outer(push * np.sin(2 * np.pi * t / span), (0.1, 1.0, 0.05))

    hum = burst(t0, span, (0.5 * level, level, 0.6 * level), 12.0, 60.0, int(rng.integers(2**31)))
    end = shock(t0 + span, slam * rng.uniform(0.5, 1.5), 0.012, (0.3, 1.0, 0.4))
    tail = burst(t0 + span, 0.15, (0.2 * slam, 0.4 * slam, 0.3 * slam), 15.0, 70.0, int(rng.integers(2**31)))
    return [Shake(t0, span, sway), hum, end, tail]


def add_shakes(t: Array, rate: float, shakes: list[Shake]) -> Array:
    """Sum of all disturbances at the sample times."""
    out = np.zeros((len(t), 3))
    for s in shakes:
        i, k = np.searchsorted(t, [s.t0, s.t0 + s.span])
        if k - i < 2:
            continue
        y = s.make(t[i:k] - s.t0, rate)
        if s.even:
            window = np.hanning(k - i + 2)[1:-1]
            y = y - np.outer(window, y.sum(axis=0) / window.sum())
        out[i:k] += y
    return out
