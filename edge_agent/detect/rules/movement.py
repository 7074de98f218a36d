"""Rules about where the car stands and moves."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, DoorState, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.signal import FRAME_NS

SUSPECT_S = 3.0
JUST_STOPPED_NS = 12_000_000_000
"""A standstill is noticed up to 8 s late where the car might still be creeping. Source: `motion.QUIET_CREEP_FRAMES`."""


class StoppedOutsideDoorZoneRule:
    """Symptom: the car stands between landings, occupied or not.

    Signal: standstill and the door zone (contact, controller, or height against known landings).
    Decision: outside every door zone for 15 s.
    Confused with: a landing not yet learned (the place is then unknown, not outside), inspection operation (muted), a
    car that ran evenly when the core began to look (the controller's speed tells).
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
        if standing is None or car.position.is_outside_zone is not True or self._may_run_evenly(car):
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

    def _may_run_evenly(self, car: CarState) -> bool:
        """No standstill has been seen since the core was last blind, and the controller says that the car runs."""
        told_mps = car.controller.speed_mps
        is_told = told_mps is not None and abs(told_mps) >= self._limits.motion_speed_mps_min
        return is_told and not car.motion.is_sure

    def is_over(self, car: CarState, subject: str) -> bool:
        """It moves, or is found to stand at a landing; a place that is not known any more is no landing."""
        return car.motion.is_moving or car.position.is_outside_zone is False


class UnintendedMovementRule:
    """Symptom: the car leaves a landing with its door open.

    Signal: travel and speed since the door was last seen open at rest; the door-zone witness.
    Decision: more than 0.20 m, or faster than 0.3 m/s after at least 0.03 m, while a movement that began with the door
    not closed goes on; or the door zone lost with the door fully open.
    Either counts only with a speed that is five times what the shaking may have left.
    Confused with: re-levelling (within 0.02 m), people who walk, clean or jump in the open car (their steps leave a
    speed of the size of its doubt), a door that opens during a trip (row 5).
    Source: alarm catalogue row 3; field/standards 4 for re-levelling in practice.
    """

    kind = AlarmKind.UNINTENDED_MOVEMENT
    outlives_inspection = True
    TRAVEL_M_MIN = 0.03
    DOUBTS = 5.0
    ZONE_NS = 200_000_000

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._zone_lost_ns = 0
        self._had_zone = False
        self._began_open = False
        self._origin_m = 0.0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        is_seen_open = car.door.state is DoorState.OPEN or car.door.break_ns > 0  # not only assumed to be closing
        is_open = car.door.is_witnessed and car.door.state is not DoorState.CLOSED and is_seen_open
        is_moving = car.motion.is_moving or car.motion.speed_mps != 0.0
        if not is_open:
            self._began_open = False
        elif not is_moving:
            self._began_open = True
            self._origin_m = car.motion.travel_m
        self._watch_zone(car)
        if not is_open or not (car.motion.is_mounted and car.motion.is_sure):
            return ()
        speed = abs(car.motion.speed_mps)
        travel = abs(car.motion.travel_m - self._origin_m)
        if car.is_inspection and speed <= self._limits.unintended_inspection_speed_mps:
            return ()
        has_left = (car.motion.is_moving and travel > self._limits.unintended_m_max) or (
            speed > self._limits.unintended_speed_mps_max and travel >= self.TRAVEL_M_MIN
        )
        has_lost_zone = self._zone_lost_ns > 0 and car.t_ns - self._zone_lost_ns >= self.ZONE_NS
        has_left = has_left and speed >= self.DOUBTS * car.motion.doubt_mps
        if not (self._began_open and is_moving and has_left) and not has_lost_zone:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("car_travel_m", round(travel, 2)), Evidence("car_speed_mps", round(speed, 2))),
                witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def _watch_zone(self, car: CarState) -> None:
        """The door-zone witness goes away while the door stands fully open."""
        is_steady = car.door.state is DoorState.OPEN and car.t_ns - car.door.since_ns >= 1_000_000_000
        if not is_steady or car.position.zone_witness is not False or car.motion.is_moving:
            self._zone_lost_ns = 0
        elif self._zone_lost_ns == 0 and self._had_zone:
            self._zone_lost_ns = car.t_ns
        self._had_zone = car.position.zone_witness is True and is_steady

    def is_over(self, car: CarState, subject: str) -> bool:
        """Door closed and the car at rest in a door zone."""
        is_closed = car.door.state is DoorState.CLOSED
        return is_closed and not car.motion.is_moving and car.position.is_outside_zone is not True


class OverspeedRule:
    """Symptom: the car runs faster than it may.

    Signal: speed against the rated speed, told or learned from this lift's own trips.
    Decision: more than 115 % and 0.1 m/s more, and twice the doubt of the speed more, for 0.2 s. Confused with: a rated
    speed that was typed in wrong, people who jump (the doubt grows with each jump).
    Source: alarm catalogue row 4; governor tripping at 115 %, field/standards 4.
    """

    kind = AlarmKind.OVERSPEED
    outlives_inspection = False

    DOUBTS = 2.0

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since_ns = 0
        self._told_start_ns = 0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        speed, rated = abs(car.motion.speed_mps), car.rated_speed_mps
        is_trip = car.motion.is_moving and car.motion.is_mounted and car.motion.is_sure
        if rated is None or not is_trip or (car.door.state is not DoorState.CLOSED and car.door.is_witnessed):
            self._since_ns = 0
            return ()
        surely = speed - self.DOUBTS * car.motion.doubt_mps
        if surely <= rated * self._limits.overspeed_ratio_max + self._limits.overspeed_margin_mps:
            self._since_ns = 0
            return ()
        if self._since_ns == 0:
            self._since_ns = car.t_ns
        if car.t_ns - self._since_ns < self._limits.overspeed_s_min * 1e9 - FRAME_NS:
            return ()
        self._told_start_ns = car.motion.since_ns
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("car_speed_mps", round(speed, 2)), Evidence("rated_speed_mps", round(rated, 2))),
                witnesses=frozenset({Witness.ACCELEROMETER}),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """The next normal trip has ended."""
        return car.ride is not None and car.ride.start_ns > self._told_start_ns


class RunTimeExceededRule:
    """Symptom: the car runs and does not arrive.

    Signal: time since the trip began. Decision: the full travel at rated speed, a tenth and 10 s more, at least 20 s;
    where the travel is not known, 42 m at the speed of this trip, between 45 s and 120 s; never below the longest trip
    seen and 10 s.
    Confused with: slow lifts in tall wells. Source: alarm catalogue row 35.
    """

    kind = AlarmKind.RUN_TIME_EXCEEDED
    outlives_inspection = False
    TRAVEL_M = 42.0
    """Travel of lifts that are slower than 1 m/s, with room. Source: 14 storeys of 3 m; judgement."""

    UNKNOWN_S_MAX = 120.0

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.longest_s = 0.0
        """The longest trip of this lift, whole or of an earlier run."""

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        if car.ride is not None:
            self.longest_s = max(self.longest_s, (car.ride.end_ns - car.ride.start_ns) / 1e9)
        course = car.course
        if course is None or not (car.motion.is_moving and car.motion.is_sure):
            return ()
        run_s = (car.t_ns - car.motion.since_ns) / 1e9
        limit_s = self._limit_s(car, course.peak_speed)
        if run_s < limit_s or abs(car.motion.speed_mps) < self._limits.motion_speed_mps_min:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("run_s", round(run_s, 1)), Evidence("run_s_max", round(limit_s, 1))),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def _limit_s(self, car: CarState, peak_speed: float) -> float:
        usual = self.longest_s + self._limits.run_s_extra
        speed = car.rated_speed_mps or peak_speed
        if car.travel_max_m is not None and speed > 0.0:
            full_s = car.travel_max_m / speed + 6.0
            return max(self._limits.run_s_min, full_s * 1.1 + self._limits.run_s_extra, usual)
        unknown_s = min(self.UNKNOWN_S_MAX, self.TRAVEL_M / max(peak_speed, 0.01))
        return max(self._limits.run_s_max, unknown_s, usual)

    def is_over(self, car: CarState, subject: str) -> bool:
        """At rest."""
        return not car.motion.is_moving


class PositionLostRule:
    """Symptom: the car stands with its door open where no landing should be.

    Signal: measured height against the given landings. Decision: more than half a landing off.
    Confused with: a sensor gap (then the height is unknown, not wrong). Source: alarm catalogue row 36.
    """

    kind = AlarmKind.POSITION_LOST
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        error = car.position.error_m
        if error is None:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("position_error_m", round(error, 2)),),
                witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """The height is known again."""
        return car.position.error_m is None and car.position.height_m is not None
