"""Rides with round numbers for the pictures: what a sensor feels in them can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.readings import AccelFrame, Signal, SignalEdge

G_MPS2 = 9.81
RATE_HZ = 100
S_NS = 1_000_000_000
UPRIGHT = (0.0, 0.0, 1.0)


def felt(
    *stretches: tuple[float, float], up: Sequence[float] = UPRIGHT, bias_mps2: float = 0.0, rate_hz: int = RATE_HZ
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Times and samples of stretches (seconds, acceleration of the car upwards). up: the axis that points up."""
    along = np.concatenate([np.full(round(seconds * rate_hz), mps2) for seconds, mps2 in stretches])
    times_ns = (np.arange(along.size) * (S_NS // rate_hz)).astype(np.int64)
    return times_ns, (along + G_MPS2 + bias_mps2)[:, None] * np.asarray(up)


def frames(times_ns: npt.NDArray[np.int64], samples: npt.NDArray[np.float64], size: int = 25) -> list[AccelFrame]:
    """The same cut into frames as a chip gives them."""
    return [AccelFrame(times_ns[i : i + size], samples[i : i + size]) for i in range(0, len(times_ns), size)]


def edge(t_s: float, signal: Signal, is_active: bool) -> SignalEdge:
    """A contact says something."""
    return SignalEdge(round(t_s * S_NS), signal, is_active)
