"""The detection core as a fold: `Detector.step(reading)`. This file is the table of contents of the core.

A reading at time T first completes every 50 ms frame that ends at or before T (nothing older will follow), then
takes effect itself. For each frame, in fixed order: motion, doors, position, occupancy, snapshot, rules, episodes.
Motion sees every frame. While the car stands and nothing has happened for a second, the rest is done for one frame in
five: what then begins by itself is a hold time running out, and that may be told 0.2 s later.
"""

from __future__ import annotations

from collections import deque
from typing import assert_never

from edge_agent.alarms import AlarmKind, Conclusion, DoorState, OpenIncident, Trip
from edge_agent.detect.air import AirStage
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.car import CarState
from edge_agent.detect.contact import Contact
from edge_agent.detect.controller_words import ControllerStage
from edge_agent.detect.course import Ride
from edge_agent.detect.doors import FRONT, REAR, DoorStage, DoorView
from edge_agent.detect.episodes import Episodes
from edge_agent.detect.inspection import CONTACT, MODE, InspectionStage
from edge_agent.detect.learning import Learning, Readiness
from edge_agent.detect.limits import Limits
from edge_agent.detect.modem import ModemStage
from edge_agent.detect.motion import MotionStage
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.mount import MountStage
from edge_agent.detect.occupancy import OccupancyStage
from edge_agent.detect.position import PositionStage
from edge_agent.detect.ride import RideStage
from edge_agent.detect.ride_report import RideReport
from edge_agent.detect.rules.table import all_rules
from edge_agent.detect.signal import FRAME_NS, Frame, FrameCutter, indices_between
from edge_agent.detect.sources import CONTROLLER, MODEM, PRESSURE, SUPPLY, SourceStage
from edge_agent.detect.supply import SupplyStage
from edge_agent.detect.visit import VisitStage
from edge_agent.installation import Installation
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    Direction,
    MaintenanceWord,
    Mode,
    ModemReport,
    PressureSample,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    SupplySample,
    Tick,
)

CALM_NS = 1_000_000_000
CALM_FRAMES = 5
CALM_SHOCK_MPS2 = 0.5
"""A car at rest is calm when for 1 s no contact, no new word of the controller and no knock came. Source: longer than
every settling time of a contact; a quarter of a second beside hold times of seconds; footsteps stay below 0.5 m/s2."""
FELT_NS_MAX = 500_000_000  # a standstill without samples for longer is none to measure the air by
GRAVITY_MPS2 = 9.80665
OPEN_NS_SURE = 1_500_000_000
STOOD_NS_SURE = 5_000_000_000  # all of a modem's round was asked at this place


class Detector:
    """Fold over readings. No clock, no I/O, no randomness, no logging; the same readings give the same conclusions."""

    def __init__(
        self,
        installation: Installation,
        limits: Limits,
        *,
        first_incident: int = 1,
        resumed: tuple[OpenIncident, ...] = (),
        baselines: Baselines | None = None,
    ) -> None:
        """baselines: what an earlier run at this lift has learned."""
        wiring = installation.wiring
        self._limits = limits
        self._wiring = wiring
        self._cutter = FrameCutter()
        self._frames: deque[Frame] = deque()
        self._next_index: int | None = None
        self._armed_ns = 0
        self._sources = SourceStage(limits, wiring)
        self._motion = MotionStage(limits)
        self._doors = DoorStage(limits, wiring.signals)
        self._position = PositionStage(limits, installation.lift)
        self._occupancy = OccupancyStage(has_presence=Signal.PRESENCE in wiring.signals)
        rules = all_rules(limits)
        self._episodes = Episodes(rules, first_incident, resumed)
        self._moving = MotionState(Phase.BLIND, 0, 0.0, 0.0, 0.0, True, False)
        self._was_open = False
        self._is_placed = False  # this opening has been taken as a landing
        self._was_moving = False
        self._last_ride: Ride | None = None
        self._words = ControllerStage(
            is_wired=wiring.has_controller, has_contacts=bool(wiring.signals & {*FRONT, *REAR})
        )
        self._mount = MountStage()
        self._learning = Learning(limits, installation, self._position, self._occupancy, self._mount, rules, baselines)
        self._button = Contact(int(limits.door_debounce_ms * 1e6))
        self._shock_mps2 = 0.0
        self._ride_quality = RideStage(wiring.accel_rate_hz)
        self._report: RideReport | None = None
        self._last_report: RideReport | None = None
        self._inspection = InspectionStage(limits)
        self._visit = VisitStage()
        self._air = AirStage()
        self._felt_ns = 0
        self._supply = SupplyStage(limits)
        self._modem = ModemStage(limits)
        self._mains_ok: bool | None = None
        self._mains_since_ns = 0
        self._car: CarState | None = None
        self._stirred_ns = 0  # when something last happened
        self._words_heard: ControllerReport | None = None

    @property
    def car(self) -> CarState | None:
        """The latest snapshot; None before the first frame."""
        return self._car

    @property
    def last_ride_report(self) -> RideReport | None:
        """Ride quality of the last trip for which it could be told."""
        return self._last_report

    def baselines(self) -> Baselines | None:
        """All that is learned so far, for the next run; None while nothing can be told of the box's direction."""
        return self._learning.baselines()

    def readiness(self) -> Readiness:
        """How ready the core is, and what it still has to see."""
        return self._learning.readiness(self._car)

    def step(self, reading: Reading) -> tuple[Conclusion, ...]:
        """Take the next reading of the ordered stream; return what it lets the core conclude."""
        conclusions: list[Conclusion] = []
        t_ns = reading.t_ns
        if self._next_index is None:
            self._next_index = t_ns // FRAME_NS
            self._armed_ns = self._stirred_ns = t_ns
        self._frames.extend(self._cutter.complete(t_ns))
        for index in indices_between(self._next_index, t_ns // FRAME_NS, self._frames):
            self._frame(index, conclusions)
            self._next_index = index + 1
        self._take(reading, conclusions)
        return tuple(conclusions)

    # ---- readings

    def _take(self, reading: Reading, conclusions: list[Conclusion]) -> None:
        match reading:
            case AccelFrame():
                self._ride_quality.push(reading)
                self._frames.extend(self._cutter.push(reading))
            case SamplesLost() | Tick():
                pass
            case SignalEdge():
                self._take_edge(reading)
            case ControllerReport():
                self._take_report(reading)
            case PressureSample():
                self._sources.spoke(PRESSURE, reading.t_ns)
                self._air.take(reading.t_ns, reading.pressure_hpa)
            case SupplySample():
                self._sources.spoke(SUPPLY, reading.t_ns)
                self._supply.take(reading)
            case ModemReport():
                self._take_modem(reading, conclusions)
            case MaintenanceWord():
                self._stirred_ns = reading.t_ns
                self._visit.take(reading.t_ns, reading.is_under_way)
            case SourceFault():
                self._stirred_ns = reading.t_ns
                self._sources.failed(reading.source, reading.t_ns, reading.reason, reading.detail)
            case _:
                assert_never(reading)

    def _take_modem(self, report: ModemReport, conclusions: list[Conclusion]) -> None:
        trouble = self._modem.trouble(report)
        if trouble is None:
            self._sources.spoke(MODEM, report.t_ns)
        else:
            self._sources.failed(MODEM, report.t_ns, trouble.reason, trouble.sentence)
        since_ns = None if self._car is None else self._car.standing_since_ns
        stands = self._car is not None and since_ns is not None and report.t_ns - since_ns >= STOOD_NS_SURE
        coverage = self._modem.coverage(report, self._car.place() if self._car is not None and stands else None)
        if coverage is not None:
            conclusions.append(coverage)

    def _take_edge(self, edge: SignalEdge) -> None:
        self._stirred_ns = edge.t_ns
        self._sources.contacts_spoke(edge.t_ns)
        self._doors.take_edge(edge)
        if edge.signal is Signal.PRESENCE:
            self._occupancy.take_presence(edge.t_ns, edge.is_active)
        elif edge.signal is Signal.ALARM_BUTTON:
            self._button.take(edge.t_ns, edge.is_active)
        elif edge.signal is Signal.DOOR_ZONE:
            self._position.take_zone(edge.is_active)
        elif edge.signal is Signal.MAINS:
            if edge.is_active is not self._mains_ok:
                self._mains_since_ns = edge.t_ns
            self._mains_ok = edge.is_active
        elif edge.signal is Signal.INSPECTION:
            self._inspection.take(CONTACT, edge.t_ns, edge.is_active)

    def _take_report(self, report: ControllerReport) -> None:
        if report.is_suspect:
            return
        if self._words_heard is None or not report.says_the_same(self._words_heard):
            self._stirred_ns = report.t_ns
        self._words_heard = report
        self._sources.spoke(CONTROLLER, report.t_ns)
        self._words.take(report)
        if report.door is not None:
            self._doors.take_report(report.t_ns, report.door)
        if report.mode is not None:
            self._inspection.take(MODE, report.t_ns, report.mode is Mode.INSPECTION)
        self._believe()

    def _believe(self) -> None:
        """Hand on what is believed of the controller's words."""
        self._words.has_changed = False
        self._doors.believe_controller(self._words.is_door_believed)
        if Signal.DOOR_ZONE not in self._wiring.signals:
            self._position.take_zone(self._words.door_zone)
        self._occupancy.take_controller(self._words.passenger, self._words.load_percent)

    def _judge_words(self, now_ns: int, door: DoorView, ride: Ride | None) -> None:
        if ride is not None:
            self._inspection.take_ride(ride)
        self._inspection.take_door(now_ns, is_open=door.state is DoorState.OPEN)
        if self._wiring.has_controller:
            is_down = self._sources.is_faulty(CONTROLLER)
            self._words.step(now_ns, self._moving, door, ride, is_link_down=is_down)
            if self._words.has_changed:
                self._believe()

    # ---- one frame

    def _frame(self, index: int, conclusions: list[Conclusion]) -> None:
        end_ns = (index + 1) * FRAME_NS
        ride: Ride | None = None
        self._shock_mps2 = 0.0
        if self._frames and self._frames[0].index == index:
            ride = self._move(self._frames.popleft())
        if not self._is_calm(end_ns) or (index + 1) % CALM_FRAMES == 0:
            self._judge(end_ns, ride, conclusions)

    def _judge(self, end_ns: int, ride: Ride | None, conclusions: list[Conclusion]) -> None:
        """All of a frame but motion. ride: what motion gives out in it."""
        door = self._doors.settle(end_ns)
        self._button.settle(end_ns)
        self._occupancy.take_button(self._button.is_active)
        is_open = door.state is DoorState.OPEN
        is_opening = door.state in (DoorState.OPEN, DoorState.OPENING) and not self._was_open
        if is_opening and not self._is_known_outside():
            ride = self._motion.door_is_opening() or ride
        if is_open and end_ns - door.since_ns >= OPEN_NS_SURE:
            ride = self._motion.door_is_open(door.since_ns) or ride
        if self._motion.has_lost_way:
            self._motion.has_lost_way = False
            self._position.lose()
        self._report = None
        if ride is not None:
            conclusions.append(self._trip(end_ns, ride))
            self._is_placed = self._is_placed and not (is_open and ride.end_ns <= door.since_ns)
            if ride.was_mounted:
                self._report = self._ride_quality.finish(ride.start_ns, ride.end_ns, self._mount.view().gravity)
                self._last_report = self._report or self._last_report
        open_since_ns = self._motion.open_since_ns
        self._ride_quality.forget(end_ns if open_since_ns is None else open_since_ns)
        self._place_by_door(is_open=is_open)
        self._was_open = is_open
        if self._moving.is_moving and not self._was_moving:
            self._doors.trip_began()
        self._was_moving = self._moving.is_moving
        if self._wiring.has_pressure:
            self._place_by_air(end_ns)
        self._judge_words(end_ns, door, ride)
        raised = self._episodes.raised
        is_abnormal = self._is_known_outside() or AlarmKind.EMERGENCY_STOP in raised
        has_failed = AlarmKind.DOOR_OPEN_FAILURE in raised
        occupancy = self._occupancy.step(
            end_ns, self._moving, door, is_abnormal=is_abnormal, has_door_failed=has_failed
        )
        # by position, in the order of the class: by name it takes four times as long (python -m benchmarks stages)
        words = self._words.view
        self._car = CarState(
            end_ns,
            self._armed_ns,
            self._moving,
            self._motion.ride_so_far(),
            ride,
            self._last_ride,
            self._learning.trips.usual_decel_mps2,
            door,
            self._position.now(self._moving.travel_m, self._travel_s(end_ns)),
            occupancy,
            words,
            self._inspection.is_active(end_ns),
            self._inspection.since_ns,
            self._mains_ok,
            self._mains_since_ns,
            self._button.since_ns if self._button.is_active else 0,
            words.mode is Mode.OUT_OF_SERVICE,
            self._shock_mps2,
            self._mount.view(),
            self._report,
            self._learning.trips.rated_speed_mps,
            self._position.travel_max_m(),
            self._sources.step(end_ns) + self._words.troubles() + self._inspection.troubles(),
            self._supply.view,
            self._visit.is_active(end_ns),
        )
        conclusions.extend(self._episodes.step(self._car))
        self._learning.step(self._car)

    def _is_calm(self, now_ns: int) -> bool:
        return now_ns - self._stirred_ns > CALM_NS and self._motion.ride_so_far() is None

    def _move(self, frame: Frame) -> Ride | None:
        """Motion for one frame; when the warm-up ends, for all frames that it held back."""
        finished: Ride | None = None
        self._felt_ns = end_ns = frame.end_ns
        is_frozen = self._sources.take_frame(frame)
        for state, ride in [self._motion.blind(frame)] if is_frozen else self._motion.step(frame):
            if state.phase is Phase.BLIND and self._moving.phase is not Phase.BLIND:
                self._position.lose()
            if state.is_moving or ride is not None or state.phase is not self._moving.phase:
                self._stirred_ns = end_ns
            self._moving = state
            finished = ride or finished
        if not is_frozen:
            self._occupancy.take_frame(frame, self._moving, self._doors.settle(end_ns))
            self._shock_mps2 = max(frame.high_mps2 - GRAVITY_MPS2, GRAVITY_MPS2 - frame.low_mps2)
            if self._shock_mps2 > CALM_SHOCK_MPS2:
                self._stirred_ns = end_ns
            if self._moving.phase is Phase.AT_REST:
                self._mount.take(frame)
        return finished

    def _place_by_door(self, *, is_open: bool) -> None:
        """A car that stands with its door open stands at a landing; each opening says so once."""
        if not is_open:
            self._is_placed = False
        elif not self._is_placed and not self._moving.is_moving:
            self._position.stands_at_landing()
            self._is_placed = True

    def _place_by_air(self, now_ns: int) -> None:
        """Pressure where it is present: the height at a standstill against that at the one before."""
        is_at_rest = self._moving.phase is Phase.AT_REST and now_ns - self._felt_ns <= FELT_NS_MAX
        rest_since_ns = self._moving.since_ns if is_at_rest else None
        height_m, sigma_m = self._position.height
        found = self._air.step(rest_since_ns, height_m, sigma_m, is_at_landing=self._position.is_at_landing)
        if found is not None:
            self._position.take_air(found.height_m, found.sigma_m, found.shared_m)

    def _trip(self, t_ns: int, ride: Ride) -> Trip:
        before = self._position.landing()
        after = self._position.take_ride(ride.distance_m, (ride.end_ns - ride.start_ns) / 1e9)
        self._last_ride = ride
        if not self._inspection.was_seen and not self._visit.is_active(t_ns):
            self._learning.add(ride)
        return Trip(
            t_ns=t_ns,
            start_ns=ride.start_ns,
            end_ns=ride.end_ns,
            direction=Direction.UP if ride.distance_m > 0.0 else Direction.DOWN,
            distance_m=abs(ride.distance_m),
            speed_mps=ride.speed_mps,
            accel_mps2=ride.accel_mps2,
            decel_mps2=ride.decel_mps2,
            jerk_mps3=ride.jerk_mps3,
            from_landing=before,
            to_landing=after,
        )

    def _travel_s(self, now_ns: int) -> float:
        """How long `travel_m` of the motion state has been integrated."""
        return (now_ns - self._moving.since_ns) / 1e9 if self._moving.is_moving else 0.0

    def _is_known_outside(self) -> bool:
        """True if the car was outside every door zone in the frame before: an opening door proves no arrival there."""
        return self._car is not None and self._car.position.is_outside_zone is True
