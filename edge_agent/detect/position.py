"""Position stage: height of the car, the landings it knows, and whether it stands in a door zone.

In: finished rides, travel of the ride under way, standstills with the door open, a door-zone witness.
Out: a `Position`. State: height with its uncertainty, landings given by the installation or learned from stops with an
open door. Decision: distance to the nearest landing against the door zone widened by twice the uncertainty; where that
does not decide, the answer is None, never a guess. After a gap or a restart: the landings stay, and the car may be at
any of them; once it has stood at one, what all of them say alike is believed, and trips narrow them down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, sqrt

from edge_agent.detect.limits import Limits
from edge_agent.detect.snapshot import snapshot
from edge_agent.installation import Lift

TRIP_SIGMA_M = 0.04
SCALE_SIGMA = 0.012
SPEED_SIGMA_MPS = 0.02
"""Uncertainty of a measured trip: 4 cm, 1.2 % of its length and 0.02 m/s over its time. Source: 14 trips of the
Melbourne recording, largest error 0.05 m in 3.7 m; accelerometer data sheets give 1 to 2 % scale error; the speed that
a soft start hides below the push threshold. None of the three has to do with the others: they add up by squares."""

SCALE_SIGMA_LEARNED = 0.004
SCALE_ERROR_MAX = 0.06
SCALE_TRIP_M_MIN = 2.0
ERRORS_KEPT = 20
ERRORS_ENOUGH = 4
DOUBT_TRIPS = 2.0
"""Before enough errors are known, the feared doubt counts like so many trips, and each trip whose error was seen
against its own doubt counts beside it. Source: judgement; a doubt of 0.8 m at 0.15 m/s hides a car in mid-storey."""

SAME_LANDING_M = 0.6
NEW_LANDING_SIGMA_M = 0.3
"""A landing seen once may be a measuring error; each further visit halves the doubt. Source: judgement."""

STOREY_M_MIN = 2.2
"""Two landings of one door side are never closer, so a stop within half of it is at a landing that is known already,
and one farther off is not, however large the doubt. Source: clear entrance heights of 2.0 m (memory, unverified)."""

OVERRUN_M_MAX = 2.0
"""A car that seems farther than this beyond the last landing is not there: pit and headroom end. Source: judgement."""

AIR_SIGMA_M_MAX = 1.0
AIR_OFF_SIGMAS = 3.0
"""Air pressure finds a lost car only where its doubt is well below half a storey; where it contradicts the measured
way, both are doubted. Source: judgement."""

LANDINGS_MAX = 128
VISITS_ENOUGH = 2
FOUND_TRIPS = 2
"""A learned landing is worth keeping after two visits. Among learned landings the car is found by two trips that fit
one of them only: a landing never visited may still be missing. Source: judgement."""


@snapshot
class Position:
    """Where the car is. `None`: not known. `is_outside_zone`: at rest here, no door could be opened to a landing."""

    height_m: float | None
    sigma_m: float
    landing_index: int | None
    offset_m: float | None
    is_outside_zone: bool | None
    zone_witness: bool | None  # what a contact or the controller says of the door zone; None: nobody does
    error_m: float | None  # a stop with open door this far from every given landing; None: no disagreement


@dataclass(frozen=True, slots=True)
class LearnedLanding:
    """A landing as learned from stops: height above the first one ever seen, how often visited, the doubt."""

    height_m: float
    visits: int
    sigma_m: float


@dataclass(slots=True)
class _Landing:
    height_m: float
    visits: int
    sigma_m: float = 0.0


class PositionStage:
    """Fold over rides and standstills; see the file's first lines.

    While the car stands nothing of its place changes: `now` gives the same `Position` again until one of the methods
    that change something has cleared `_at_rest`.
    """

    def __init__(self, limits: Limits, lift: Lift) -> None:
        self._half_m = limits.door_zone_m_half
        self._is_given = len(lift.landing_heights_m) >= 2
        self._landings = [_Landing(h, 0) for h in lift.landing_heights_m] if self._is_given else []
        self._height: float | None = None
        self._sigma = 0.0
        self._guesses: list[float] | None = None  # heights where the car may be while that is not known
        self._has_stood = False  # with its door open, since then: until then the car may be between landings
        self._guess_trips = 0
        self._is_at_landing = False  # since the last open door there was no trip
        self._stood_at: _Landing | None = None  # where the door was open last, wherever that is
        self._way_sigma = 0.0  # the doubt of the way since then
        start = lift.start_landing_index
        if self._is_given:
            if start is not None and 0 <= start < len(self._landings):
                self._height = self._landings[start].height_m
            else:
                self._guesses = [landing.height_m for landing in self._landings]
        self._zone_contact: bool | None = None
        self._from_m: float | None = None  # the landing height at which the last trip began, where it is certain
        self._last_trip_m = 0.0
        self._scale = 1.0
        self._errors_m: deque[float] = deque(maxlen=ERRORS_KEPT)
        self._shares: list[float] = []  # of the first errors: squared, over the doubt feared for them
        self._error_m: float | None = None
        self._at_rest: Position | None = None
        self._at_rest_travel_m = 0.0

    def take_zone(self, is_in_zone: bool | None) -> None:
        """A door-zone contact, or the controller, says whether the car is in a door zone; None: nobody is believed."""
        if is_in_zone is self._zone_contact:
            return
        self._zone_contact = is_in_zone
        self._at_rest = None

    def lose(self) -> None:
        """Something moved unseen: the height is not known any more."""
        self._at_rest = None
        self._height = self._stood_at = None
        self._is_at_landing = False
        if not self._is_given:
            self._landings = [landing for landing in self._landings if landing.visits >= VISITS_ENOUGH]
            if len(self._landings) < 2:
                self._landings.clear()
        self._guess_anew()

    def _guess_anew(self) -> None:
        self._guesses = [landing.height_m for landing in self._landings] or None
        self._has_stood = False
        self._guess_trips = 0

    @property
    def landing_count(self) -> int:
        """Landings given, or learned so far."""
        return len(self._landings)

    @property
    def is_placed(self) -> bool:
        """The car is known to be at, or on its way from, a known landing, be it not known which."""
        return self._height is not None or (self._guesses is not None and self._has_stood)

    def learned(self) -> tuple[LearnedLanding, ...]:
        """The landings learned from stops; empty where they are given."""
        if self._is_given:
            return ()
        return tuple(LearnedLanding(each.height_m, each.visits, each.sigma_m) for each in self._landings)

    def measuring(self) -> tuple[float, tuple[float, ...]]:
        """What the stops have shown of this sensor: its scale, and the errors of the last trips in m."""
        return self._scale, tuple(self._errors_m)

    def recall(self, landings: Sequence[LearnedLanding], scale: float, errors_m: Sequence[float]) -> None:
        """Replace all by what an earlier run has learned; empty: forget. It does not tell where the car is."""
        self._at_rest = None
        self._scale = scale
        self._errors_m = deque(errors_m, maxlen=ERRORS_KEPT)
        self._shares.clear()
        if not self._is_given:
            stands = self._is_at_landing
            self._landings = [_Landing(each.height_m, each.visits, each.sigma_m) for each in landings]
            self.lose()
            self._is_at_landing = self._has_stood = stands

    @property
    def height(self) -> tuple[float | None, float]:
        """Height at the last standstill and its doubt."""
        return self._height, self._sigma

    @property
    def is_at_landing(self) -> bool:
        """Since the last open door there was no trip."""
        return self._is_at_landing

    def take_air(self, height_m: float, sigma_m: float, shared_m: float = 0.0) -> None:
        """Where the car stands by the difference of air pressures; it makes the doubt smaller, or finds a lost car.

        shared_m: what of `sigma_m` is the doubt of the height at the last standstill, from which both air and way go.
        Air says nothing about that: two ways that begin at one wrong place end at the same wrong place.
        """
        if self._height is None:
            if sigma_m > AIR_SIGMA_M_MAX:
                return
            self._height, self._sigma, self._guesses = height_m, sigma_m, None
            self._at_rest = None
            if self._is_at_landing:
                self.stands_at_landing()
            return
        if self._is_at_landing or self._sigma == 0.0:
            return
        self._at_rest = None
        shared_m2 = min(shared_m, self._sigma, sigma_m) ** 2
        way_m2, air_m2 = self._sigma**2 - shared_m2, sigma_m**2 - shared_m2
        off_m, both_m2 = height_m - self._height, way_m2 + air_m2
        if off_m * off_m > AIR_OFF_SIGMAS**2 * both_m2:
            self._sigma = max(self._sigma, 0.5 * abs(off_m))
            self._way_sigma = max(self._way_sigma, 0.5 * abs(off_m))
        elif both_m2 > 0.0:
            self._height += off_m * way_m2 / both_m2
            self._sigma = sqrt(shared_m2 + way_m2 * air_m2 / both_m2)
            self._way_sigma = min(self._way_sigma, self._sigma)

    def take_ride(self, distance_m: float, duration_s: float) -> int | None:
        """A trip has ended; returns the landing reached, if known."""
        self._at_rest = None
        self._is_at_landing = False
        step_sigma = self._trip_sigma(distance_m, duration_s)
        self._way_sigma = hypot(self._way_sigma, step_sigma)
        self._from_m = self._height if self._sigma == 0.0 else None  # given landings only
        self._last_trip_m = distance_m
        if self._height is not None:
            self._height += self._scale * distance_m
            self._sigma = (self._sigma**2 + step_sigma**2) ** 0.5
        elif self._guesses is not None:
            self._guess_trips += 1
            self._guesses = [g + self._scale * distance_m for g in self._guesses]
            self._sigma = (self._sigma**2 + step_sigma**2) ** 0.5
        return self.landing()

    def stands_at_landing(self) -> int | None:
        """The car stands with its door open: it is at a landing, whichever. Returns it, if known."""
        self._at_rest = None
        self._is_at_landing = True
        if self._guesses is not None:
            self._narrow()
        if self._height is not None:
            self._error_m = None
        if self._height is None:
            if not self._landings:
                self._height, self._sigma = 0.0, 0.0
                self._landings.append(_Landing(0.0, 1))
                self._stand_at(self._landings[0])
            return self.landing()
        nearest = self._nearest(self._height)
        if nearest is not None and abs(nearest.height_m - self._height) <= self._same_m():
            if self._sigma > nearest.sigma_m:
                self._learn(self._height - nearest.height_m, nearest.height_m)
            if not self._is_given:
                nearest.visits += 1
                nearest.height_m += (self._height - nearest.height_m) / min(nearest.visits, 20)
                nearest.sigma_m *= 0.5
            self._height, self._sigma = nearest.height_m, nearest.sigma_m
            self._stand_at(nearest)
        elif not self._is_given and len(self._landings) < LANDINGS_MAX:
            self._sigma += NEW_LANDING_SIGMA_M
            landing = _Landing(self._height, 1, self._sigma)
            self._landings.append(landing)
            self._landings.sort(key=lambda landing: landing.height_m)
            self._stand_at(landing)
        elif self._is_given:
            off_m = 0.0 if nearest is None else self._height - nearest.height_m
            self.lose()
            self._error_m = off_m if abs(off_m) > self._half_storey_m() else None
        return self.landing()

    def _stand_at(self, landing: _Landing) -> None:
        self._stood_at, self._way_sigma = landing, 0.0

    def _learn(self, error_m: float, height_m: float) -> None:
        """How far off the last trip was; at given landings also the scale of this sensor."""
        self._errors_m.append(error_m)
        if len(self._shares) < ERRORS_ENOUGH:
            self._shares.append(error_m * error_m / max(self._sigma, TRIP_SIGMA_M) ** 2)
        if self._is_given and self._from_m is not None and abs(self._last_trip_m) >= SCALE_TRIP_M_MIN:
            ratio = (height_m - self._from_m) / self._last_trip_m
            if abs(ratio - 1.0) <= SCALE_ERROR_MAX:
                self._scale += (ratio - self._scale) * 0.3

    def _trip_sigma(self, distance_m: float, duration_s: float) -> float:
        if len(self._errors_m) < ERRORS_ENOUGH:
            feared = hypot(TRIP_SIGMA_M, SCALE_SIGMA * distance_m, SPEED_SIGMA_MPS * duration_s)
            seen = (DOUBT_TRIPS + sum(self._shares)) / (DOUBT_TRIPS + len(self._shares))
            return max(TRIP_SIGMA_M, feared * sqrt(seen))
        recent = (sum(e * e for e in self._errors_m) / len(self._errors_m)) ** 0.5
        return float(max(TRIP_SIGMA_M, 1.5 * recent)) + SCALE_SIGMA_LEARNED * abs(distance_m)

    def _half_storey_m(self) -> float:
        heights = [landing.height_m for landing in self._landings]
        return 0.5 * min(b - a for a, b in pairwise(heights))

    def travel_max_m(self) -> float | None:
        """From the lowest to the highest given landing."""
        return self._landings[-1].height_m - self._landings[0].height_m if self._is_given else None

    def _same_m(self) -> float:
        """A stop so near to a known landing is at it."""
        same_m = max(SAME_LANDING_M, 2.0 * self._sigma)
        return same_m if self._is_given else min(same_m, 0.5 * STOREY_M_MIN)

    def _narrow(self) -> None:
        """Keep the guesses that stand at a landing now; one left is the truth."""
        tolerance = self._same_m()
        kept = []
        for guess in self._guesses or ():
            nearest = self._nearest(guess)
            if nearest is not None and abs(nearest.height_m - guess) <= tolerance:
                kept.append(nearest.height_m)
        distinct = sorted(set(kept))
        self._sigma = 0.0
        if len(distinct) == 1 and (self._is_given or self._guess_trips >= FOUND_TRIPS):
            self._height, self._guesses = distinct[0], None
        elif distinct:
            self._guesses = distinct
        elif self._is_given:
            self._guess_anew()
        else:  # what was learned is of another lift, or of one that has changed
            self._landings.clear()
            self._guesses = None
        self._has_stood = True

    def _nearest(self, height_m: float) -> _Landing | None:
        at = bisect_left(self._landings, height_m, key=lambda landing: landing.height_m)
        beside = self._landings[max(0, at - 1) : at + 1]
        return min(beside, key=lambda landing: abs(landing.height_m - height_m), default=None)

    def landing(self) -> int | None:
        """Index of the nearest landing where the landings are given; learned ones may still be renumbered."""
        if self._height is None or not self._is_given:
            return None
        nearest = self._nearest(self._height)
        return None if nearest is None else self._landings.index(nearest)

    def now(self, travel_m: float, travel_s: float) -> Position:
        """The position with `travel_m` in `travel_s` of the ride under way added; at rest `travel_s` is 0."""
        if travel_s > 0.0:
            return self._position(travel_m, travel_s)
        if self._at_rest is None or travel_m != self._at_rest_travel_m:
            self._at_rest, self._at_rest_travel_m = self._position(travel_m, 0.0), travel_m
        return self._at_rest

    def _position(self, travel_m: float, travel_s: float) -> Position:
        height = None if self._height is None else self._height + self._scale * travel_m
        nearest = None if height is None else self._nearest(height)
        offset = None if height is None or nearest is None else height - nearest.height_m
        index = self._landings.index(nearest) if nearest is not None and self._is_given else None
        more = self._trip_sigma(travel_m, travel_s) if travel_s > 0.0 else 0.0
        outside = self._outside(self._scale * travel_m, more)
        return Position(height, self._sigma + more, index, offset, outside, self._zone_contact, self._error_m)

    def _outside(self, way_m: float, more: float) -> bool | None:
        """The witness of the door zone decides, then the height, then all guesses if they agree.

        more: the doubt of `way_m`, the way of the trip under way.
        """
        if self._zone_contact is not None:
            return not self._zone_contact
        if self._height is not None:
            return self._is_outside(self._height + way_m, more)
        if self._guesses is None or not self._has_stood:
            return None
        verdict = self._is_outside(self._guesses[0] + way_m, more)
        others = (self._is_outside(guess + way_m, more) for guess in self._guesses[1:])
        return verdict if verdict is None or all(other is verdict for other in others) else None

    def _is_outside(self, height: float, more: float) -> bool | None:
        """From the landing at which it stood last the car is as far as the way since, wherever that landing is."""
        nearest = self._nearest(height)
        if nearest is None:
            return None
        sigma = more + (self._way_sigma if nearest is self._stood_at else self._sigma)
        distance, margin = abs(height - nearest.height_m), 2.0 * sigma
        if self._is_given:
            low_m, high_m = self._landings[0].height_m, self._landings[-1].height_m
            if not low_m - OVERRUN_M_MAX <= height <= high_m + OVERRUN_M_MAX:
                return None
            if distance > self._half_m + margin:
                return True
        elif self._half_m + margin < distance and self._has_no_room(height):
            return True
        return False if distance + margin <= self._half_m + 0.15 else None

    def _has_no_room(self, height: float) -> bool:
        """No further landing fits here between those already learned."""
        return any(abs(landing.height_m - height) < STOREY_M_MIN - 0.3 for landing in self._landings)
