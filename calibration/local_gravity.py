"""Gravity where the lift stands: what it is by the latitude, and what remains unknown of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians, sin, sqrt

from calibration.fit_samples import GRAVITY_MPS2

ANYWHERE_SIGMA = 0.001
"""9.780 m/s2 at the equator, 9.832 at the poles."""
BY_LATITUDE_SIGMA = 0.0003
"""Height above the sea takes 0.03 % a kilometre; rocks beneath less. Source: free-air gradient 3.086e-6 1/s2."""
EQUATOR_MPS2, GROWTH, SQUARED_ECCENTRICITY = 9.7803253359, 0.00193185265241, 0.00669437999014
"""Source: Somigliana's formula with the constants of WGS 84 (NIMA TR8350.2, from memory, unverified)."""


@dataclass(frozen=True, slots=True)
class Gravity:
    """sigma: doubt as a share."""

    mps2: float
    sigma: float


def gravity_at(latitude_deg: float | None) -> Gravity:
    """At sea level; None: nobody has said where."""
    if latitude_deg is None:
        return Gravity(GRAVITY_MPS2, ANYWHERE_SIGMA)
    sine2 = sin(radians(latitude_deg)) ** 2
    mps2 = EQUATOR_MPS2 * (1.0 + GROWTH * sine2) / sqrt(1.0 - SQUARED_ECCENTRICITY * sine2)
    return Gravity(mps2, BY_LATITUDE_SIGMA)
