"""Entrapment: people in a standing car whose door does not open."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, DoorState, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding

SUSPECT_S = 10.0
"""A normal stop opens its door within seconds. Source: field/products B2.4, internal suspicion <= 10 s."""

BELIEF_S = 10.0
BELIEF_SLACK_PERCENT = 10
"""P must have been at the limit for so long, and not this far below it since: one sign that comes late, or a door that
has just closed, is no belief yet. Source: engineering judgement, tested against two independent generators."""

UNWITNESSED_PERCENT_MIN = 70
"""With no word about the door, only strong signs of people count."""


class EntrapmentRule:
    """Symptom: the car stands, its door is not open, and somebody is inside.

    Signal: standstill from motion, door state, P(someone inside), door zone, and a second sign of trouble.
    Decision: held 30 s with a second sign, 60 s outside the door zone, 90 s at a landing, between them where the
    place is unknown, if P has been at the limit for 10 s (a lower one after a stop that no empty car makes by itself;
    a pressed alarm button is believed at once). Without
    any word about the door: only outside the zone or after an emergency stop, and with strong P.
    Confused with: a parked empty car (P is low: it left after a pause or parked itself), people waiting behind a
    door that is about to open (hold times), inspection operation (muted).
    Source: alarm catalogue row 1; field/standards 2.1 and 2.2 for what goes wrong elsewhere.
    """

    kind = AlarmKind.ENTRAPMENT
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shut_since_ns: int | None = None
        self._believed_since_ns: int | None = None

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        standing = car.standing_since_ns
        is_open = car.door.state is DoorState.OPEN
        if is_open or standing is None:
            self._shut_since_ns = self._believed_since_ns = None
            return ()
        if self._shut_since_ns is None:
            self._shut_since_ns = standing if standing > car.door.since_ns else car.t_ns
            self._shut_since_ns = max(self._shut_since_ns, car.armed_ns)
        stuck_s = (car.t_ns - max(self._shut_since_ns, standing)) / 1e9
        outside = car.position.is_outside_zone
        is_abnormal = outside is True or AlarmKind.EMERGENCY_STOP in raised
        percent_min = (
            self._limits.entrapment_occupied_percent_abnormal
            if is_abnormal
            else self._limits.entrapment_occupied_percent_min
        )
        believed_s = self._believed_s(car, percent_min)
        if stuck_s < SUSPECT_S or car.occupancy.percent < percent_min:
            return ()
        if not car.door.is_witnessed and not (is_abnormal and car.occupancy.percent >= UNWITNESSED_PERCENT_MIN):
            return ()
        sign = self._second_sign(car, raised)
        return (
            Finding(
                kind=self.kind,
                is_confirmed=stuck_s >= self._hold_s(outside, sign)
                and (believed_s >= BELIEF_S or car.occupancy.button_pressed),
                evidence=(
                    Evidence("standstill_s", round(stuck_s, 1)),
                    Evidence("occupied_percent", car.occupancy.percent),
                    *(() if outside is None else (Evidence("between_landings", outside),)),
                    *(() if sign is None else (Evidence("second_sign", sign),)),
                ),
                witnesses=self._witnesses(car),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def _believed_s(self, car: CarState, percent_min: float) -> float:
        percent = car.occupancy.percent
        if percent < percent_min - BELIEF_SLACK_PERCENT:
            self._believed_since_ns = None
        elif self._believed_since_ns is None and percent >= percent_min:
            self._believed_since_ns = car.t_ns
        return 0.0 if self._believed_since_ns is None else (car.t_ns - self._believed_since_ns) / 1e9

    def _hold_s(self, outside: bool | None, sign: str | None) -> float:
        if sign is not None:
            return self._limits.entrapment_hold_s_second_sign
        if outside is None:
            return self._limits.entrapment_hold_s_place_unknown
        return self._limits.entrapment_hold_s_outside_zone if outside else self._limits.entrapment_hold_s_at_landing

    def _second_sign(self, car: CarState, raised: frozenset[AlarmKind]) -> str | None:
        for kind in (
            AlarmKind.EMERGENCY_STOP,
            AlarmKind.DOOR_OPEN_FAILURE,
            AlarmKind.DOOR_OPEN_IN_MOTION,
            AlarmKind.SAFETY_CIRCUIT_OPEN,
            AlarmKind.MAINS_LOST,
        ):
            if kind in raised:
                return kind.public_name
        if car.occupancy.button_pressed:
            return AlarmKind.ALARM_BUTTON.public_name
        if car.mains_ok is False:
            return AlarmKind.MAINS_LOST.public_name
        if car.controller.safety_circuit_closed is False:
            return AlarmKind.SAFETY_CIRCUIT_OPEN.public_name
        if car.controller.fault and car.controller.is_fault_stopping:
            return AlarmKind.CONTROLLER_FAULT.public_name
        return None

    def _witnesses(self, car: CarState) -> frozenset[Witness]:
        seen = {Witness.ACCELEROMETER}
        if car.door.is_witnessed:
            seen.add(Witness.DOOR_CONTACT)
        if car.occupancy.presence_seen:
            seen.add(Witness.PRESENCE)
        if car.occupancy.button_pressed:
            seen.add(Witness.BUTTON)
        if car.controller.last_report_ns is not None:
            seen.add(Witness.CONTROLLER)
        return frozenset(seen)

    def is_over(self, car: CarState, subject: str) -> bool:
        """The door stands open in a door zone, or, with no word about the door, a normal trip has ended."""
        if not car.door.is_witnessed:
            return car.ride is not None
        if car.door.state is not DoorState.OPEN or car.motion.is_moving or car.position.is_outside_zone is True:
            return False
        return car.t_ns - car.door.since_ns >= self._limits.entrapment_clear_open_s * 1e9


class AlarmButtonRule:
    """Symptom: somebody in the car presses the alarm button.

    Signal: the button contact, debounced. Decision: held 3 s; filtered while the car stands in the door zone with its
    door open, unless held 30 s. Confused with: children playing at an open door (filtered).
    Source: alarm catalogue row 2; EN 81-28 practice, field/standards 1.5.
    """

    kind = AlarmKind.ALARM_BUTTON
    outlives_inspection = True
    RELEASED_S_UNWITNESSED = 60.0
    """With no word about the door nobody sees people leave: a later press is another one's. Source: judgement."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pressed_ns = 0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        if car.button_since_ns == 0:
            return ()
        self._pressed_ns = car.t_ns
        held_s = (car.t_ns - car.button_since_ns) / 1e9
        is_open_at_landing = (
            car.door.state is DoorState.OPEN and not car.motion.is_moving and car.position.is_outside_zone is not True
        )
        passes_all = held_s >= self._limits.alarm_button_s_bypass
        if is_open_at_landing and not passes_all:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=held_s >= self._limits.alarm_button_s_min,
                evidence=(
                    Evidence("button_s", round(held_s, 1)),
                    Evidence("filter_bypassed", is_open_at_landing and passes_all),
                ),
                witnesses=frozenset({Witness.BUTTON}),
                occupied_percent=car.occupancy.percent,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Released, and the door stands open at a landing, or, with no word about the door, a minute has passed.

        The end itself is given at the lift.
        """
        if self._pressed_ns == 0:  # it was pressed before this run began
            self._pressed_ns = car.t_ns
        if not car.door.is_witnessed:
            return car.button_since_ns == 0 and car.t_ns - self._pressed_ns >= self.RELEASED_S_UNWITNESSED * 1e9
        is_free = car.door.state is DoorState.OPEN and car.position.is_outside_zone is not True
        has_stood_open = car.t_ns - car.door.since_ns >= self._limits.entrapment_clear_open_s * 1e9
        return car.button_since_ns == 0 and is_free and has_stood_open and not car.motion.is_moving
