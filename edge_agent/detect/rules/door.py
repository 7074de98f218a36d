"""Rules about the car door."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, DoorState, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.pushes import CREEP_END_FRAMES
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.signal import FRAME_NS

SUSPECT_S = 5.0
DUE_PERCENT_MIN = 75
DUE_STIRS_MIN = 4
UNKNOWN_ZONE_SPEED_MPS_MIN = 0.5
LEVELLING_SPEED_MPS_MAX = 0.85
"""Levelling with the door already opening: at most 0.8 m/s, and the last of it below 0.5. Source: door-bridging speed
limits, field/standards 4 (S63)."""

BEFORE_STOP_RATIO = 0.5
CLOSE_TRY_S_MAX = 20.0


def _door_witness(car: CarState) -> frozenset[Witness]:
    return frozenset({Witness.DOOR_CONTACT} if car.controller.last_report_ns is None else {
        Witness.DOOR_CONTACT, Witness.CONTROLLER})  # fmt: skip


def _may_end_a_creep(car: CarState, course: Course) -> bool:
    """What looks like a slow start may be the last brake of the trip before, which was the other way."""
    last = car.last_ride
    if last is None or last.distance_m * course.travel >= 0.0 or car.door.closed_at_ns > last.end_ns:
        return False
    return course.start_index * FRAME_NS - last.end_ns <= CREEP_END_FRAMES * FRAME_NS


class DoorOpenFailureRule:
    """Symptom: the car stands at a landing and its door does not open.

    Signal: door state and failed openings of this standstill; a door fault of the controller; signs of people.
    Decision: an opening that is not complete after twice the normal time and 5 s, or two openings that fell back; with
    the door still shut, only if people are known to be inside or the controller reports the door faulty.
    Confused with: an empty car that parks with its door shut (no sign of people), a chattering contact (an opening
    shorter than 0.5 s is none), a car between landings, a door that has been open here and jams while it closes (row
    45).
    Source: alarm catalogue row 44.
    """

    kind = AlarmKind.DOOR_OPEN_FAILURE
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        standing, door = car.standing_since_ns, car.door
        if standing is None or not door.is_witnessed or door.state is DoorState.OPEN:
            return ()
        if car.position.is_outside_zone is True or AlarmKind.EMERGENCY_STOP in raised:
            return ()
        if door.state is DoorState.CLOSING and door.failed_openings == 0:
            return ()
        tries = door.failed_openings + (door.state is DoorState.OPENING)
        allowed_s = 2.0 * self._limits.door_open_s_normal + self._limits.door_open_s_extra
        if door.state is DoorState.OPENING:
            waiting_s = (car.t_ns - max(door.opening_since_ns, standing)) / 1e9
        elif door.failed_openings > 0 or self._is_due(car):
            waiting_s = (car.t_ns - max(standing, door.closed_at_ns)) / 1e9
        else:
            return ()
        is_confirmed = door.failed_openings >= self._limits.door_open_tries_max or (
            waiting_s >= allowed_s and (door.state is DoorState.OPENING or self._is_due(car))
        )
        if not is_confirmed and waiting_s < SUSPECT_S:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=is_confirmed,
                evidence=(Evidence("waiting_s", round(waiting_s, 1)), Evidence("tries_count", tries)),
                witnesses=_door_witness(car),
            ),
        )

    def _is_due(self, car: CarState) -> bool:
        """The door should have opened: people are known to be inside after a trip, or the controller says fault."""
        if car.door.is_fault:
            return True
        standing = car.standing_since_ns
        arrived = (
            car.last_ride is not None
            and standing is not None
            and car.last_ride.end_ns >= standing - 1_000_000_000
            and car.door.state is DoorState.CLOSED
            and car.door.since_ns <= standing  # it has not opened since
        )
        seen = car.occupancy
        has_sign = (
            seen.presence_seen
            or seen.passenger_flag is True
            or seen.button_pressed
            or seen.stirs_count >= DUE_STIRS_MIN
        )
        return arrived and has_sign and seen.percent >= DUE_PERCENT_MIN and car.position.is_outside_zone is False

    def is_over(self, car: CarState, subject: str) -> bool:
        """It opens fully."""
        return car.door.state is DoorState.OPEN


class DoorCloseFailureRule:
    """Symptom: the door tries to close and cannot; the lift is out of use.

    Signal: failed closings since the door was last closed, the time since the first.
    Decision: 4 failed closings, or 60 s of closing that does not end, or 60 s of repeated tries.
    Confused with: a door held open by people or furniture (fully open, no closing under way: `door_held_open`).
    Source: alarm catalogue row 45.
    """

    kind = AlarmKind.DOOR_CLOSE_FAILURE
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        door = car.door
        if door.closing_since_ns == 0 or door.state is DoorState.CLOSED or car.motion.is_moving:
            return ()
        waiting_s = (car.t_ns - door.closing_since_ns) / 1e9
        is_trying = door.state is DoorState.CLOSING or (
            door.failed_closings >= 2 and (car.t_ns - door.since_ns) / 1e9 <= CLOSE_TRY_S_MAX
        )
        is_confirmed = door.failed_closings >= self._limits.door_close_tries_max or (
            is_trying and waiting_s >= self._limits.door_close_s_max
        )
        if not is_confirmed and (waiting_s < SUSPECT_S or not is_trying or door.failed_closings == 0):
            return ()
        tries = door.failed_closings + (door.state is DoorState.CLOSING)
        return (
            Finding(
                kind=self.kind,
                is_confirmed=is_confirmed,
                evidence=(Evidence("waiting_s", round(waiting_s, 1)), Evidence("tries_count", tries)),
                witnesses=_door_witness(car),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """It closes fully."""
        return car.door.state is DoorState.CLOSED


class DoorOpenInMotionRule:
    """Symptom: the car door opens while the car travels.

    Signal: the closed contact (raw) against the speed.
    Decision: not closed for 20 ms at more than 0.1 m/s outside the door zone, or in it at more than 0.85 m/s, at which
    a landing is passed; where the zone is not known, at more than 0.5 m/s and more than half the speed of this trip
    (0.85 m/s at most), so that opening ahead of the landing is not taken for it. The speed counts less twice its doubt.
    Confused with: a stop that was not noticed (the car has then braked), the door opening ahead during levelling,
    people who jump or walk (they leave a speed of the size of its doubt), the end of a slow trip whose start they hid
    (it looks like a start the other way), the end of a creep whose speed was measured too small (so does that, within
    8 s of the trip and with the door shut since before its end).
    Source: alarm catalogue row 5.
    """

    kind = AlarmKind.DOOR_OPEN_IN_MOTION
    outlives_inspection = False
    DOUBTS = 2.0
    HIDING_DOUBTS = 3.5  # as `pushes.PLAIN_DOUBTS`

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._has_closed = True
        self._shaken_mps = 0.0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        self._watch_shaking(car)
        open_ms, course = car.door.break_ns / 1e6, car.course
        self._has_closed = self._has_closed or open_ms == 0.0
        if open_ms == 0.0 or course is None or not (car.motion.is_mounted and car.motion.is_sure):
            return ()
        speed = abs(car.motion.speed_mps)
        surely = speed - self.DOUBTS * car.motion.doubt_mps
        if open_ms < self._limits.door_motion_ms_min or surely <= self._limits.door_motion_speed_mps_min:
            return ()
        if car.position.is_outside_zone is False and surely <= LEVELLING_SPEED_MPS_MAX:
            return ()  # faster it passes the landing
        may_be_levelling = surely < max(
            UNKNOWN_ZONE_SPEED_MPS_MIN, min(LEVELLING_SPEED_MPS_MAX, BEFORE_STOP_RATIO * course.peak_speed)
        )
        is_witnessed = car.position.zone_witness is not None  # a height measured in a rough ride may be a metre off
        if not is_witnessed and speed < self.HIDING_DOUBTS * self._shaken_mps:
            return ()
        is_ending = course.has_braked or car.motion.phase is not Phase.RUNNING or _may_end_a_creep(car, course)
        if not is_witnessed and may_be_levelling and is_ending:
            return ()
        self._has_closed = False
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("car_speed_mps", round(speed, 2)), Evidence("door_open_ms", round(open_ms))),
                witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def _watch_shaking(self, car: CarState) -> None:
        """What a car that seems to stand with its door closed was shaken by since its last trip or open door."""
        is_at_rest = car.motion.phase is Phase.AT_REST
        if car.ride is not None or (is_at_rest and car.door.state is DoorState.OPEN):
            self._shaken_mps = 0.0
        elif is_at_rest:
            self._shaken_mps = max(self._shaken_mps, car.motion.doubt_mps)

    def is_over(self, car: CarState, subject: str) -> bool:
        """Closed again, and at rest since."""
        return not car.motion.is_moving and self._has_closed
