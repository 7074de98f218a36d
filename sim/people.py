"""What people inside do to a standing car: weight shifts, steps, jumps. The same moves wake a presence sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from sim.lift import Lift
from sim.shakes import Shake
from sim.words import Behaviour


@dataclass(frozen=True, slots=True)
class Manner:
    """How often one person moves, how much a 1000 kg car feels it (vertical peak), and the sway between."""

    moves_per_s: float
    peak_mps2: float
    sway_mps2: float
    spread: float = 0.6  # of the logarithm of the peak


def manner_of(behaviour: Behaviour) -> Manner:
    """Rates and sizes. From memory, unverified: a step is 100-300 N on a car of 600-1600 kg; nobody is a post."""
    match behaviour:
        case Behaviour.STILL:
            return Manner(1 / 45.0, 0.010, 0.0010)
        case Behaviour.CALM:
            return Manner(1 / 9.0, 0.030, 0.0025)
        case Behaviour.RESTLESS:
            return Manner(1 / 1.8, 0.080, 0.006)
        case Behaviour.JUMPING:
            return Manner(1.6, 1.1, 0.02, 0.35)
        case _:
            assert_never(behaviour)


class PeopleMotion:
    """Draws the moves of those inside, one stretch of time after the other."""

    def __init__(self, lift: Lift, rng: np.random.Generator) -> None:
        self._lift = lift
        self._rng = rng

    def moves(self, start_s: float, end_s: float) -> list[Shake]:
        """Moves that begin in [start_s, end_s); consecutive stretches only."""
        people = self._lift.occupants.at(start_s)
        if people == 0:
            return []
        manner = manner_of(self._lift.behaviour.at(start_s))
        count = int(self._rng.poisson(manner.moves_per_s * people * (end_s - start_s)))
        return sorted(self._move(manner, float(self._rng.uniform(start_s, end_s))) for _ in range(count))

    def _move(self, manner: Manner, t_s: float) -> Shake:
        rng = self._rng
        peak = manner.peak_mps2 * float(rng.lognormal(0.0, manner.spread)) * 1000.0 / self._lift.spec.body.mass_kg
        peak = min(peak, 3.0)
        side = float(rng.uniform(0.2, 0.8)) * peak
        across = float(rng.uniform(-1.0, 1.0)) * side
        sign = 1.0 if rng.random() < 0.5 else -1.0
        return Shake(t_s, (across, side, sign * peak), float(rng.uniform(2.0, 9.0)), float(rng.uniform(4.0, 12.0)))
