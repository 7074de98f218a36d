"""Rules about where the car stands and moves."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding

SUSPECT_S = 3.0
JUST_STOPPED_NS = 12_000_000_000
"""A standstill is noticed up to 8 s late where the car might still be creeping. Source: `motion.QUIET_CREEP_FRAMES`."""


class StoppedOutsideDoorZoneRule:
    """Symptom: the car stands between landings, occupied or not.

    Signal: standstill and the door zone (contact, controller, or height against known landings).
    Decision: outside every door zone for 15 s.
    Confused with: a landing not yet learned (the place is then unknown, not outside), inspection operation (muted).
    Source: alarm catalogue row 33.
    """

    kind = AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._outside_since_ns: int | None = None

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        standing = car.standing_since_ns
        if standing is None or car.position.is_outside_zone is not True:
            self._outside_since_ns = None
            return ()
        if self._outside_since_ns is None:
            has_just_stopped = car.t_ns - standing <= JUST_STOPPED_NS
            self._outside_since_ns = max(standing, car.armed_ns) if has_just_stopped else car.t_ns
        still_s = (car.t_ns - max(standing, self._outside_since_ns)) / 1e9
        if still_s < SUSPECT_S:
            return ()
        offset = car.position.offset_m
        return (
            Finding(
                kind=self.kind,
                is_confirmed=still_s >= self._limits.outside_zone_hold_s,
                evidence=(
                    Evidence("standstill_s", round(still_s, 1)),
                    *(() if offset is None else (Evidence("landing_offset_mm", round(offset * 1000.0)),)),
                ),
                witnesses=frozenset({Witness.ACCELEROMETER}),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """It moves, or is found to stand at a landing."""
        return car.motion.is_moving or car.position.is_outside_zone is not True
