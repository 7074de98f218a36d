"""The signal arithmetic outside the core, to compare with: in C through ctypes, and with scipy's sosfilt.

Both filter each axis with four biquads, a band-pass of 0.5 to 20 Hz as ride quality needs it, and reduce to features.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.readings import AccelFrame

LOW_HZ, HIGH_HZ = 0.5, 20.0
SOURCE = Path(__file__).with_name("pipeline.c")
SCIPY = Path(__file__).resolve().parents[1] / "build" / "bench"  # `make bench` puts it there, apart from all else
BUILD_S = 60.0
_QUALITIES = (1.0 / (2.0 * math.cos(math.pi / 8.0)), 1.0 / (2.0 * math.cos(3.0 * math.pi / 8.0)))
"""Of the two sections of a Butterworth filter of order four. Source: Butterworth polynomials."""

Floats = npt.NDArray[np.float64]


def sections(rate_hz: float) -> Floats:
    """Four sections (b0 b1 b2 1 a1 a2): high-pass and low-pass of order four each.

    Source: bilinear transform as in R. Bristow-Johnson's audio equaliser cookbook.
    """
    return np.array(
        [_section(LOW_HZ, rate_hz, q, is_high_pass=True) for q in _QUALITIES]
        + [_section(HIGH_HZ, rate_hz, q, is_high_pass=False) for q in _QUALITIES]
    )


def _section(corner_hz: float, rate_hz: float, quality: float, *, is_high_pass: bool) -> list[float]:
    angle = 2.0 * math.pi * corner_hz / rate_hz
    cosine, alpha = math.cos(angle), math.sin(angle) / (2.0 * quality)
    edge = (1.0 + cosine) / 2.0 if is_high_pass else (1.0 - cosine) / 2.0
    middle = -2.0 * edge if is_high_pass else 2.0 * edge
    row = [edge, middle, edge, 1.0 + alpha, -2.0 * cosine, 1.0 - alpha]
    return [value / row[3] for value in row]


class _Features(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("length_of_mean", ctypes.c_double),
        ("mean", ctypes.c_double * 3),
        ("roughness", ctypes.c_double),
        ("low", ctypes.c_double),
        ("high", ctypes.c_double),
        ("spread", ctypes.c_double),
        ("filtered", ctypes.c_double * 3),
    )


class _State(ctypes.Structure):
    _fields_ = (
        ("coefficients", ctypes.c_double * 20),
        ("delays", ctypes.c_double * 24),
        ("index", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("samples", ctypes.c_double * (512 * 3)),
        ("squares", ctypes.c_double * 3),
    )


class CPipeline:
    """The C program, built anew into `folder`. Raises RuntimeError where there is no compiler or it fails."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("no C compiler (cc) on this machine")
        library = folder / "pipeline.so"
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-lm"]
        built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
        if built.returncode != 0:
            raise RuntimeError(f"cc fails: {built.stderr.strip().splitlines()[-1]}")
        self._feed = ctypes.CDLL(str(library)).feed
        self._feed.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
        self._feed.restype = ctypes.c_int64

    def prepared(self, blocks: Sequence[AccelFrame], rate_hz: float) -> CRun:
        """All that is not the arithmetic itself done beforehand: addresses, room for the answers."""
        return CRun(self._feed, blocks, rate_hz)


class CRun:
    """One pass over the blocks; `last_mean_square` and `frames` are there to be checked."""

    def __init__(self, feed: Any, blocks: Sequence[AccelFrame], rate_hz: float) -> None:
        self._feed = feed
        self._blocks = blocks
        self._calls = [
            (block.times_ns.ctypes.data, block.samples_mps2.ctypes.data, len(block.times_ns)) for block in blocks
        ]
        self._rows = (_Features * (1 + max(count for _, _, count in self._calls)))()
        self._rows_at = ctypes.addressof(self._rows)
        self._coefficients = [value for row in sections(rate_hz).tolist() for value in (*row[:3], *row[4:])]

    def run(self) -> int:
        """Frames given out."""
        state = _State()
        state.coefficients[:] = self._coefficients
        at, feed, rows_at = ctypes.addressof(state), self._feed, self._rows_at
        return sum(feed(at, times_at, samples_at, count, rows_at) for times_at, samples_at, count in self._calls)

    def frames(self) -> list[tuple[float, ...]]:
        """Index, count, length of mean, x, y, z, roughness, low, high, spread of each frame."""
        state = _State()
        state.coefficients[:] = self._coefficients
        found = []
        for times_at, samples_at, count in self._calls:
            written = self._feed(ctypes.addressof(state), times_at, samples_at, count, self._rows_at)
            for row in self._rows[:written]:
                found.append(
                    (row.index, row.count, row.length_of_mean, *row.mean, row.roughness, row.low, row.high, row.spread)
                )
        return found


class ScipyPipeline:
    """sosfilt with carried state, then smallest, largest and sum of squares. Raises RuntimeError without scipy."""

    def __init__(self) -> None:
        if SCIPY.is_dir() and str(SCIPY) not in sys.path:
            sys.path.append(str(SCIPY))
        try:
            self._sosfilt: Any = importlib.import_module("scipy.signal").sosfilt
        except ImportError as error:
            raise RuntimeError("scipy is not there; `make bench` fetches it, into build/bench") from error

    def run(self, blocks: Sequence[AccelFrame], rate_hz: float) -> Floats:
        """One pass; smallest, largest, sum of squares of the three filtered axes and of the sample length."""
        sosfilt, rows = self._sosfilt, sections(rate_hz)
        state = np.zeros((len(rows), 2, 3))
        low, high, squares = np.full(4, np.inf), np.full(4, -np.inf), np.zeros(4)
        values = np.empty((max(len(block.times_ns) for block in blocks), 4))
        for block in blocks:
            samples = block.samples_mps2
            now = values[: len(samples)]
            now[:, :3], state = sosfilt(rows, samples, axis=0, zi=state)
            np.sqrt(np.einsum("ij,ij->i", samples, samples), out=now[:, 3])
            np.minimum(low, now.min(axis=0), out=low)
            np.maximum(high, now.max(axis=0), out=high)
            squares += np.einsum("ij,ij->j", now, now)
        return np.array([low, high, squares])
