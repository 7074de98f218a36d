"""Independent streams of chance from one seed, so that leaving one part out does not change the others."""

from __future__ import annotations

import numpy as np


def branches(rng: np.random.Generator, count: int) -> list[np.random.Generator]:
    """New generators, seeded by numbers drawn from `rng`."""
    return [np.random.default_rng(int(seed)) for seed in rng.integers(0, 1 << 62, size=count)]
