"""What this lift does with its empty car: told by itself, from stops whose door stayed shut and nothing came of it.

In: departures with the pause before them, arrivals whose door opened, standstills with the door shut that ended well.
Out: prior odds that somebody is inside. State: two counts for each way to leave. Decision: an empty car that goes home
as soon as its door has closed leaves like one with people in it; on a lift that has been seen to do so, and to go on
undisturbed afterwards, a shut door at a landing is no sign of trouble by itself. Where nothing has been seen yet the
odds err towards rescue. Delay: none. After a restart the counts begin anew unless they are given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import log

BOARD_S = 4.0
CALL_S = 15.0
"""People press before or while the door closes, so a trip with people starts within seconds; hall-call and most parking
trips of an empty car follow a pause. Source: engineering judgement, tested against two independent generators."""


class Leaving(Enum):
    """How the car left when its door had closed; the value is P(somebody inside) where nothing is known of the lift."""

    AFTER_CALL = 0.85
    """At once, from a landing to which the car had been called empty or where it had stood: those who called are in."""
    AFTER_RIDE = 0.5
    """At once, from a landing to which it had brought people: they may have left it, and an empty car goes home."""
    AFTER_PAUSE = 0.10


ODDS_MAX = 0.85 / 0.15
SHUT_SHARE_NORMAL: dict[Leaving, float] = {
    Leaving.AFTER_CALL: 0.002,
    Leaving.AFTER_RIDE: 0.01,
    Leaving.AFTER_PAUSE: 0.1,
}
"""A share of shut arrivals like this does not make them normal. Source: judgement; real ones with people inside are
some 0.1 in a lift-year of 10,000 to 100,000 trips (field/products): even the smallest share is chance, not trouble."""

DOUBT_TRIPS = 20.0
"""The shares are taken as if so many more trips had opened their door."""

TRUST_TRIPS = 20.0
KEPT_TRIPS = 600.0
"""Above this number both counts are halved, so that the habits of the last weeks count. Source: judgement."""


@dataclass(frozen=True, slots=True)
class HabitCounts:
    """Of one way to leave: arrivals whose door opened, and standstills with a shut door that ended well."""

    opened: float = 0.0
    stayed_shut: float = 0.0


class Habit:
    """Counts by the way of leaving."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Leaving, HabitCounts())
        self.log_odds = {leaving: log(self.odds(leaving)) for leaving in Leaving}
        """Logarithm of `odds`, kept because it is asked in every frame and changes with a trip."""

    def counts(self) -> dict[Leaving, HabitCounts]:
        """What was counted so far."""
        return dict(self._counts)

    def recall(self, counts: dict[Leaving, HabitCounts]) -> None:
        """Take up counts of an earlier run."""
        self._counts.update(counts)
        for leaving in counts:
            self.log_odds[leaving] = log(self.odds(leaving))

    def arrival_opened(self, leaving: Leaving) -> None:
        """A trip begun like this ended and the door opened."""
        self._add(leaving, 1.0, 0.0)

    def stayed_shut(self, leaving: Leaving) -> None:
        """A trip begun like this ended, the door stayed shut, and the lift went on as if nothing were wrong."""
        self._add(leaving, 0.0, 1.0)

    def odds(self, leaving: Leaving) -> float:
        """Odds that a car that left like this and now stands shut at a landing has people in it."""
        counts = self._counts[leaving]
        odds = leaving.value / (1.0 - leaving.value)
        if leaving is Leaving.AFTER_RIDE:
            odds = min(ODDS_MAX, odds * (1.0 + counts.opened / TRUST_TRIPS))
        share = counts.stayed_shut / (counts.opened + counts.stayed_shut + DOUBT_TRIPS)
        return odds / (1.0 + share / SHUT_SHARE_NORMAL[leaving])

    def _add(self, leaving: Leaving, opened: float, stayed_shut: float) -> None:
        old = self._counts[leaving]
        scale = 0.5 if old.opened + old.stayed_shut >= KEPT_TRIPS else 1.0
        self._counts[leaving] = HabitCounts(old.opened * scale + opened, old.stayed_shut * scale + stayed_shut)
        self.log_odds[leaving] = log(self.odds(leaving))
