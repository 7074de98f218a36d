"""Rules about what the controller says."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, DoorState, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding

TOO_FAST_MPS = 0.5  # no door opens yet at this speed. Source: door-bridging limits, field/standards 4


class ControllerFaultRule:
    """Symptom: the controller reports a fault code.

    Signal: the code, standing. Decision: the same code for a second, so that at least two reads agree.
    Confused with: one register read out of step (suspect reports never come this far). Source: alarm catalogue row 52.
    """

    kind = AlarmKind.CONTROLLER_FAULT
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        code = car.controller.fault
        if not code:
            return ()
        stands_s = (car.t_ns - car.controller.fault_since_ns) / 1e9
        return (
            Finding(
                kind=self.kind,
                is_confirmed=stands_s >= self._limits.controller_fault_s_min,
                evidence=(Evidence("fault_code", code),),
                witnesses=frozenset({Witness.CONTROLLER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """The code is gone."""
        return not car.controller.fault


class SafetyCircuitOpenRule:
    """Symptom: the safety circuit opens while the car moves.

    Signal: the controller's word and the car's own motion, which a stop cuts short within a second.
    Decision: reported open during a trip or within 3 s of its end, and the door does not follow within 1.2 s; within
    8 s where only an open contact tells of it and the car did not stop hard. Where nothing tells of the door, only
    while the car runs too fast for one to open.
    Confused with: the circuit opening with the door at a landing, which is its everyday use. Source: catalogue row 53.
    """

    kind = AlarmKind.SAFETY_CIRCUIT_OPEN
    outlives_inspection = False
    LATE_NS = 3_000_000_000
    DOOR_NS = 1_200_000_000
    OPENED_NS = 8_000_000_000
    """Source: judgement; a slow door is open after 6 s."""

    def __init__(self, limits: Limits) -> None:
        self._moved_ns = 0
        self._opened_ns = 0
        self._is_open = False
        self._began_moving = False

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        if car.motion.is_moving:
            self._moved_ns = car.t_ns
        is_open = car.controller.safety_circuit_closed is False
        if is_open and not self._is_open:
            just_moved = self._moved_ns > 0 and car.t_ns - self._moved_ns <= self.LATE_NS
            self._began_moving, self._opened_ns = just_moved, car.t_ns
        self._is_open = is_open
        door = car.door
        is_told_soon = door.sees_it_leave or AlarmKind.EMERGENCY_STOP in raised
        is_settling = car.t_ns - self._opened_ns <= (self.DOOR_NS if is_told_soon else self.OPENED_NS)
        if is_settling and door.state not in (DoorState.CLOSED, DoorState.UNKNOWN):
            self._began_moving = False  # the circuit opened because the door did
        if not (is_open and self._began_moving):
            return ()
        is_running = car.motion.is_moving and abs(car.motion.speed_mps) > TOO_FAST_MPS
        if not (door.is_witnessed or is_running):
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=is_running or not is_settling,
                evidence=(Evidence("car_speed_mps", round(abs(car.motion.speed_mps), 2)),),
                witnesses=frozenset({Witness.CONTROLLER, Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Closed again."""
        return car.controller.safety_circuit_closed is not False
