"""Accelerometers screwed to the car in any way: what they say while the car follows a path."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_agent.readings import AccelFrame
from tests.detect.physics import Array, Path

G_MPS2 = 9.80665
MG = G_MPS2 / 1000.0


def turned(seed: int) -> Array:
    """A random rotation: the quaternion of four normal numbers is even over all orientations."""
    w, x, y, z = (v := np.random.default_rng(seed).standard_normal(4)) / np.linalg.norm(v)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass(frozen=True)
class Box:
    """One accelerometer: sensor axes, bias along a random direction, scale, noise of one sample, steps of one count."""

    rate_hz: float = 100.0
    mount: Array = field(default_factory=lambda: np.eye(3))
    bias_mps2: float = 0.0
    scale: float = 1.0
    noise_mps2: float = 2.0 * MG
    step_mps2: float = 0.0
    jitter: float = 0.0  # share of the sample interval
    seed: int = 1

    def times_ns(self, from_s: float, until_s: float) -> npt.NDArray[np.int64]:
        """Capture times, strictly ascending, irregular by the jitter."""
        rng = np.random.default_rng([self.seed, 1])
        count = int((until_s - from_s) * self.rate_hz)
        steps = np.arange(count) + self.jitter * rng.uniform(-0.45, 0.45, count)
        return np.asarray(np.round((from_s + (steps + 0.5) / self.rate_hz) * 1e9), dtype=np.int64)

    def samples(self, times_s: Array, vertical_mps2: Array, sideways_mps2: Array | None = None) -> Array:
        """Specific force in the sensor's own axes, of a car that accelerates so."""
        rng = np.random.default_rng([self.seed, 2])
        force = np.zeros((len(times_s), 3))
        force[:, 2] = G_MPS2 + vertical_mps2
        if sideways_mps2 is not None:
            force[:, :2] = sideways_mps2
        bias = rng.standard_normal(3)
        bias *= self.bias_mps2 / np.linalg.norm(bias)
        read = force @ self.mount.T * self.scale + bias + rng.standard_normal(force.shape) * self.noise_mps2
        return np.asarray(np.round(read / self.step_mps2) * self.step_mps2 if self.step_mps2 else read)

    def block(self, path: Path, until_s: float | None = None, shake: Array | None = None) -> AccelFrame:
        """Everything from 0 to the end of the path as one block; `shake`: more vertical acceleration, one a sample."""
        times_ns = self.times_ns(0.0, path.end_s if until_s is None else until_s)
        times_s = times_ns / 1e9
        vertical = path.at(times_s)[0]
        return AccelFrame(times_ns, self.samples(times_s, vertical if shake is None else vertical + shake))


PLAIN = Box()
"""A good sensor, mounted straight."""

POOR = Box(mount=turned(7), bias_mps2=80.0 * MG, scale=1.02, noise_mps2=3.0 * MG, step_mps2=3.9 * MG, jitter=0.03)
"""The worst that is allowed: 80 mg bias, 2 % scale, 3 mg rms noise, steps of an ADXL345 (3.9 mg)."""


def pieces_of(block: AccelFrame, sizes: list[int]) -> list[AccelFrame]:
    """The block split into pieces of the given sizes, again and again until it is used up."""
    found, start, turn = [], 0, 0
    while start < len(block.times_ns):
        end = start + sizes[turn % len(sizes)]
        found.append(AccelFrame(block.times_ns[start:end], block.samples_mps2[start:end]))
        start, turn = end, turn + 1
    return found
