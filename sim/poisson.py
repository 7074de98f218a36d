"""Upper bounds of rates from counts, exactly: how often something may really happen that was seen so often.

Source: Garwood (1936) for one Poisson count; Fay and Feuer (1997), gamma intervals for weighted sums of Poisson counts,
which is the same where all weights are equal (both from memory, checked against tabled values in the tests).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

CONFIDENCE = 0.95
_STEPS = 200
_TERMS = 10_000


@dataclass(frozen=True, slots=True)
class Stratum:
    """`count` events in `exposure` units of exposure."""

    count: int
    exposure: float


def rate(strata: Sequence[Stratum]) -> float:
    """Events in one unit of exposure: the sum over strata that all happen side by side."""
    return sum(each.count / each.exposure for each in strata if each.exposure > 0.0)


def rate_upper(strata: Sequence[Stratum], confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of `rate`. Infinite without any exposure."""
    met = [each for each in strata if each.exposure > 0.0]
    if not met:
        return float("inf")
    weight_max = max(1.0 / each.exposure for each in met)
    mean = rate(met) + weight_max
    variance = sum(each.count / each.exposure**2 for each in met) + weight_max**2
    return gamma_quantile(mean * mean / variance, confidence) * variance / mean


def gamma_quantile(shape: float, probability: float) -> float:
    """The value below which a gamma variable of this shape and scale 1 lies with this probability."""
    low, high = 0.0, max(1.0, shape)
    while gamma_below(shape, high) < probability:
        high *= 2.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if gamma_below(shape, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def gamma_below(shape: float, value: float) -> float:
    """Regularised lower incomplete gamma function, by its power series."""
    if value <= 0.0:
        return 0.0
    term = total = 1.0 / shape
    for n in range(1, _TERMS):
        term *= value / (shape + n)
        total += term
        if term < total * 1e-15:
            break
    return min(1.0, total * exp(-value + shape * log(value) - lgamma(shape)))
