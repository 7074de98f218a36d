"""How much longer than true this sensor measures: several witnesses, each with its doubt, and their weighted mean.

Gravity alone cannot tell: the offset of a cheap chip is two per cent of it, its sensitivity is off by one. So each
witness counts by its doubt, and what the mean is worth is said with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt

from calibration.fit_grades import AccelGrade
from calibration.fit_samples import GRAVITY_MPS2

STANDARD_K = 288.15
WELL_DEGC, WELL_DEGC_SIGMA, TOLD_DEGC_SIGMA = 15.0, 10.0, 1.5
"""Of the air in a well where nobody has measured it, and where somebody has. Source: judgement."""
RAIL_SIGMA = 0.001
TOLD_SIGMA_M = 0.02
DISAGREES_SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Witness:
    """name: "chip", "gravity", "air", "rails" or "told". scale: measured over true, as this one says."""

    name: str
    scale: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Scale:
    """scale: measured over true; sigma: its doubt. disagreeing: names of witnesses that cannot be right with it."""

    scale: float
    sigma: float
    witnesses: tuple[Witness, ...]
    disagreeing: tuple[str, ...]


def scale_of(
    grade: AccelGrade,
    along_mps2: float,
    *,
    common_share: float = 0.0,
    air: tuple[float, float] = (1.0, inf),
    air_degc: float | None = None,
    rails: tuple[float, float] | None = None,
    told: tuple[float, float] | None = None,
) -> Scale:
    """The weighted mean of all witnesses.

    along_mps2: gravity along the axis of travel. common_share: what all trips may have wrong together as a share of
    their heights, beside the chip; it counts against chip and gravity, for the others measure it, too. air: air
    height over measured height, and its doubt. rails: measured length of a rail over its true one, and doubt. told:
    measured travel and the one that somebody has told, in m.
    """
    witnesses = [
        Witness("chip", 1.0, hypot(grade.scale, common_share)),
        Witness("gravity", along_mps2 / GRAVITY_MPS2, hypot(grade.offset_mps2 / GRAVITY_MPS2, common_share)),
    ]
    ratio, ratio_sigma = air
    if ratio_sigma < 0.2 and ratio > 0.5:
        degc, degc_sigma = (WELL_DEGC, WELL_DEGC_SIGMA) if air_degc is None else (air_degc, TOLD_DEGC_SIGMA)
        warmth = (273.15 + degc) / STANDARD_K
        witnesses.append(Witness("air", 1.0 / (ratio * warmth), hypot(ratio_sigma / ratio, degc_sigma / STANDARD_K)))
    if rails is not None:
        witnesses.append(Witness("rails", rails[0], hypot(rails[1], RAIL_SIGMA)))
    if told is not None and told[1] > 2.0:
        witnesses.append(Witness("told", told[0] / told[1], TOLD_SIGMA_M / told[1]))
    return _mean(witnesses)


def _mean(witnesses: Sequence[Witness]) -> Scale:
    weights = [1.0 / (each.sigma * each.sigma) for each in witnesses]
    scale = sum(w * each.scale for w, each in zip(weights, witnesses, strict=True)) / sum(weights)
    sigma = sqrt(1.0 / sum(weights))
    off = tuple(each.name for each in witnesses if abs(each.scale - scale) > DISAGREES_SIGMAS * each.sigma)
    return Scale(scale, sigma, tuple(witnesses), off)
