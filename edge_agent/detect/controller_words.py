"""Controller stage: what the lift controller says, held against what motion, contacts and landings show.

In: reports, and each frame with its finished trip. Out: a `ControllerView` of the words that are believed, the words
for other stages, and a `SourceView` for each field that contradicts the sensors.
State: the last words; for each field how it was judged lately. Decision: a word is judged when the sensors are sure: by
a whole trip, by a door that has stood at one end for 3 s, by a door that opened by itself. A field that is wrong is not
believed until it is right in the same situation. A passenger flag or load that stays the same over several stops, and
a fault code under which the lift makes trips, say nothing about people. While the link is down nothing is believed but
the mode. Delay: one to three trips. After a gap: the words stand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from edge_agent.alarms import DoorState
from edge_agent.detect.car import ControllerView, SourceView
from edge_agent.detect.course import Ride
from edge_agent.detect.doors import Contradiction, DoorView
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.sources import CONTROLLER
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, FaultReason

TRIP_M_MIN = 2.0
REPORTS_MIN = 3
MOVING_MPS = 0.5
STANDING_MPS = 0.1
"""Trips shorter than a storey, or with fewer words than that, prove nothing; slower than that the car may be levelling
with its door opening. Source: judgement; door-bridging limits, field/standards 4."""

DOOR_END_NS = 3_000_000_000
"""Longer than any poll takes. Source: judgement."""

SELF_OPENED_NS = 10_000_000_000
STOOD_OPEN_NS = 2_000_000_000
"""A door that opens so soon after the stop, and fully, was driven, and driven doors open in the door zone only. Source:
EN 81-20 unlocking zone (memory, unverified)."""

BRAKED_NS = 3_000_000_000
"""A car whose safety circuit is open stands by then. Source: emergency braking takes 1 to 2 s (catalogue row 32)."""

STOPS_UNCHANGED = 4
STOPS_UNCHANGED_FAULT = 20
"""Stops with an open door over which a passenger flag or load stays the same: then it says nothing, then it is stuck.
Source: judgement; row 49 of the catalogue for contacts."""

JUDGED_KEPT = 6
TRIPS_WRONG = 3
TRIPS_DOOR_UNCHANGED = 5
"""Of its last trips so many were wrong; a floor may come late, a door may be passed by. Source: judgement."""

_WORDS = {
    "direction": "it says standing while the car travels, or the other way",
    "floor": "the floor it names does not go with the car",
    "door": "its door and the door contacts disagree",
    "door_zone": "its door zone does not fit trips and stops",
    "safety_circuit": "it says open while the car travels on",
    "passenger": "its passenger flag never changes",
    "load_percent": "its load never changes",
}


@dataclass(slots=True)
class _Doubt:
    """How one field was judged lately."""

    judged: deque[bool] = field(default_factory=lambda: deque(maxlen=JUDGED_KEPT))
    since_ns: int = 0  # 0: believed
    situation: str = ""

    def judge(self, t_ns: int, is_wrong: bool, need: int, situation: str) -> None:
        """One more judgement; what is right in another situation does not end a doubt."""
        if self.since_ns > 0:
            if not is_wrong and situation == self.situation:
                self.since_ns = 0
                self.judged.clear()
            return
        self.judged.append(is_wrong)
        if is_wrong and sum(self.judged) >= need:
            self.since_ns, self.situation = t_ns, situation


@dataclass(slots=True)
class _Trip:
    """How many reports came while the car travelled faster than `MOVING_MPS`, and how many of them said what."""

    count: int = 0
    moving: int = 0
    up: int = 0
    down: int = 0
    zone_in: int = 0
    door_open: int = 0


@dataclass(slots=True)
class _Steady:
    """A value that should change now and then."""

    value: float | bool | None = None
    stops: int = 0


class ControllerStage:
    """See the file's first lines."""

    def __init__(self, *, is_wired: bool, has_contacts: bool) -> None:
        """has_contacts: the car door has contacts of our own."""
        self._words = ControllerView(is_wired, None, None, None, None, None, 0, None, None)
        self._has_contacts = has_contacts
        self._door: ControllerDoor | None = None
        self._door_since_ns = 0
        self._door_trips = 0  # since it last said something else
        self._zone: bool | None = None
        self._steady = {"passenger": _Steady(), "load_percent": _Steady()}
        self._doubts: dict[str, _Doubt] = {}
        self._is_link_down = False
        self.has_changed = True  # something, and with it perhaps what is believed; who takes note clears it
        self._trip = _Trip()
        self._speed_mps = 0.0
        self._is_moving = False
        self._floor_before: str | None = None
        self._is_open = False
        self._opened_by_itself = False
        self._stood_ns: int | None = None
        self._circuit_open_ns = 0
        self._harmless_fault: int | None = None

    # ---- what comes in

    def take(self, report: ControllerReport) -> None:
        """A report that is not suspect."""
        self.has_changed = True
        last = self._words
        is_same_fault = report.fault in (None, last.fault)
        self._words = ControllerView(
            is_wired=True,
            last_report_ns=report.t_ns,
            mode=last.mode if report.mode is None else report.mode,
            direction=last.direction if report.direction is None else report.direction,
            speed_mps=last.speed_mps if report.speed_mps is None else report.speed_mps,
            fault=last.fault if report.fault is None else report.fault,
            fault_since_ns=last.fault_since_ns if is_same_fault else report.t_ns,
            safety_circuit_closed=last.safety_circuit_closed
            if report.safety_circuit_closed is None
            else report.safety_circuit_closed,
            floor=last.floor if report.floor is None else report.floor,
        )
        if report.door is not None and report.door is not self._door:
            self._door, self._door_since_ns, self._door_trips = report.door, report.t_ns, 0
        if report.door_zone is not None:
            self._zone = report.door_zone
        for name, value in (("passenger", report.passenger), ("load_percent", report.load_percent)):
            steady = self._steady[name]
            if value is not None and value != steady.value:
                steady.value, steady.stops = value, 0
                self._judge(name, report.t_ns, False)
        self._note()

    def step(self, now_ns: int, moving: MotionState, door: DoorView, ride: Ride | None, *, is_link_down: bool) -> None:
        """Judge the words by this frame. door: of the contacts where there are any."""
        if is_link_down is not self._is_link_down:
            self._is_link_down, self.has_changed = is_link_down, True
        if self._words.last_report_ns is None or is_link_down:
            return
        if moving.is_moving and not self._is_moving:
            self._trip = _Trip()
        self._is_moving = moving.is_moving
        self._speed_mps = abs(moving.speed_mps) if moving.is_moving else 0.0
        self._stood_ns = moving.since_ns if moving.phase is Phase.AT_REST else None
        self._judge_circuit(now_ns)
        if ride is not None:
            self._judge_trip(now_ns, ride)
        self._judge_door(now_ns, door)

    # ---- what is believed

    @property
    def view(self) -> ControllerView:
        """The words that are believed, for the rules."""
        words = self._words
        is_harmless = self._is_link_down or (words.fault is not None and words.fault == self._harmless_fault)
        if not self._doubts and not is_harmless:
            return words
        return replace(
            words,
            is_fault_stopping=not is_harmless,
            direction=words.direction if self._is_believed("direction") else None,
            speed_mps=words.speed_mps if self._is_believed("direction") else None,
            floor=words.floor if self._is_believed("floor") else None,
            safety_circuit_closed=words.safety_circuit_closed if self._is_believed("safety_circuit") else None,
        )

    @property
    def door_zone(self) -> bool | None:
        """Whether the car is in a door zone."""
        return self._zone if self._is_believed("door_zone") else None

    @property
    def is_door_believed(self) -> bool:
        """Its word about the door counts."""
        return self._is_believed("door")

    @property
    def passenger(self) -> bool | None:
        """Whether the car is occupied."""
        value = self._changing("passenger")
        return None if value is None else bool(value)

    @property
    def load_percent(self) -> float | None:
        """The load."""
        value = self._changing("load_percent")
        return None if value is None else float(value)

    def troubles(self) -> tuple[SourceView, ...]:
        """A view for each field that was ever not believed; empty where the controller was always right."""
        if not self._doubts:
            return ()
        last_ns = self._words.last_report_ns
        return tuple(
            SourceView(
                f"{CONTROLLER}.{name}",
                last_ns,
                FaultReason.BAD_REPLY if doubt.since_ns > 0 else None,
                doubt.since_ns,
                f"controller: {_WORDS[name]}",
            )
            for name, doubt in self._doubts.items()
            if doubt.situation
        )

    def _changing(self, name: str) -> float | bool | None:
        steady = self._steady[name]
        return None if self._is_link_down or steady.stops > STOPS_UNCHANGED else steady.value

    def _is_believed(self, name: str) -> bool:
        if self._is_link_down:
            return False
        doubt = self._doubts.get(name)
        return doubt is None or doubt.since_ns == 0

    # ---- judgements

    def _note(self) -> None:
        """Words spoken while the car travels."""
        if self._speed_mps < MOVING_MPS:
            return
        trip, words = self._trip, self._words
        trip.count += 1
        is_fast = words.speed_mps is not None and abs(words.speed_mps) > STANDING_MPS
        trip.moving += is_fast or words.direction in (Direction.UP, Direction.DOWN)
        trip.up += words.direction is Direction.UP
        trip.down += words.direction is Direction.DOWN
        trip.zone_in += self._zone is True
        trip.door_open += self._door is ControllerDoor.OPEN

    def _judge_circuit(self, now_ns: int) -> None:
        if self._words.safety_circuit_closed is not False or self._speed_mps < MOVING_MPS:
            if self._speed_mps >= MOVING_MPS and self._words.safety_circuit_closed:
                self._judge("safety_circuit", now_ns, False)
            self._circuit_open_ns = 0
            return
        self._circuit_open_ns = self._circuit_open_ns or now_ns
        if now_ns - self._circuit_open_ns >= BRAKED_NS:
            self._judge("safety_circuit", now_ns, True)

    def _judge_trip(self, now_ns: int, ride: Ride) -> None:
        trip, words = self._trip, self._words
        floor_before, self._floor_before = self._floor_before, words.floor
        if words.fault and words.fault_since_ns < ride.start_ns:
            self._harmless_fault = words.fault
        elif words.fault != self._harmless_fault:
            self._harmless_fault = None
        self._door_trips += 1
        if abs(ride.distance_m) < TRIP_M_MIN or trip.count < REPORTS_MIN:
            return
        if words.direction is not None or words.speed_mps is not None:
            opposite = trip.down if ride.distance_m > 0.0 else trip.up
            self._judge("direction", now_ns, trip.moving == 0 or opposite == trip.count, need=TRIPS_WRONG)
        if words.floor is not None and floor_before is not None:
            self._judge("floor", now_ns, words.floor == floor_before, need=TRIPS_WRONG)
        if self._zone is not None:
            self._judge("door_zone", now_ns, trip.zone_in == trip.count, situation="travelling")
        if self._door is not None and not self._has_contacts:
            self._judge("door", now_ns, trip.door_open == trip.count, need=2, situation="travelling")
            self._judge("door", now_ns, self._door_trips > TRIPS_DOOR_UNCHANGED, situation="changing")

    def _judge_door(self, now_ns: int, door: DoorView) -> None:
        is_open = door.state is DoorState.OPEN
        if is_open and not self._is_open:
            self._opened_by_itself = self._stood_ns is not None and door.since_ns - self._stood_ns <= SELF_OPENED_NS
            self._count_stop(now_ns)
        self._is_open = is_open
        if is_open and self._opened_by_itself and now_ns - door.since_ns >= STOOD_OPEN_NS:
            self._opened_by_itself = False
            if self._zone is not None and not self._is_moving:
                self._judge("door_zone", now_ns, self._zone is False, situation="stopped")
        if not self._has_contacts or now_ns - max(self._door_since_ns, door.since_ns) < DOOR_END_NS:
            return
        if door.state in (DoorState.OPEN, DoorState.CLOSED) and door.contradiction is Contradiction.NONE:
            opposite, same = ControllerDoor.CLOSED, ControllerDoor.OPEN
            if not is_open:
                opposite, same = same, opposite
            if self._door in (opposite, same):
                self._judge("door", now_ns, self._door is opposite, situation=door.state.name)

    def _count_stop(self, now_ns: int) -> None:
        self.has_changed = True
        for name, steady in self._steady.items():
            if steady.value is not None:
                steady.stops += 1
                if steady.stops > STOPS_UNCHANGED_FAULT:
                    self._judge(name, now_ns, True)

    def _judge(self, name: str, now_ns: int, is_wrong: bool, *, need: int = 1, situation: str = "always") -> None:
        doubt = self._doubts.get(name)
        if doubt is None:
            if not is_wrong and need == 1:
                return
            doubt = self._doubts[name] = _Doubt()
        self.has_changed = True
        doubt.judge(now_ns, is_wrong, need, situation)
