"""`CarState`: the immutable snapshot of the car at the end of a frame, and all that a rule may read."""

from __future__ import annotations

from edge_agent.alarms import DoorState, Place
from edge_agent.detect.course import Course, Ride
from edge_agent.detect.doors import DoorView
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.mount import MountView
from edge_agent.detect.occupancy import OccupancyView
from edge_agent.detect.position import Position
from edge_agent.detect.ride_report import RideReport
from edge_agent.detect.snapshot import snapshot
from edge_agent.detect.supply import SupplyView
from edge_agent.readings import Direction, FaultReason, Mode


@snapshot
class ControllerView:
    """The controller's last words that were not suspect. `None`: never said."""

    is_wired: bool
    last_report_ns: int | None
    mode: Mode | None
    direction: Direction | None
    speed_mps: float | None
    fault: int | None
    fault_since_ns: int
    safety_circuit_closed: bool | None
    floor: str | None
    is_fault_stopping: bool = True  # False: the lift makes trips under this fault code, so it is no sign of trouble


@snapshot
class SourceView:
    """Health of one source: when it last gave readings, and the fault that stands."""

    name: str
    last_ns: int | None
    fault: FaultReason | None
    fault_since_ns: int
    detail: str


@snapshot
class CarState:
    """The car at `t_ns`."""

    t_ns: int
    armed_ns: int  # since when the core has been able to judge
    motion: MotionState
    course: Course | None  # the trip under way
    ride: Ride | None  # the trip given out in this frame
    last_ride: Ride | None
    learned_decel_mps2: float | None  # this lift's own braking, once enough trips are known
    door: DoorView
    position: Position
    occupancy: OccupancyView
    controller: ControllerView
    is_inspection: bool
    inspection_since_ns: int
    mains_ok: bool | None
    mains_since_ns: int  # since when `mains_ok` has been so
    button_since_ns: int  # since when the alarm button has been held; 0: not held
    is_out_of_service: bool
    shock_mps2: float  # largest departure of a sample's length from gravity in this frame
    mount: MountView
    ride_report: RideReport | None  # ride quality of the trip given out in this frame
    rated_speed_mps: float | None  # told, or learned from this lift's own trips
    travel_max_m: float | None  # from the lowest to the highest known landing
    sources: tuple[SourceView, ...]
    supply: SupplyView = SupplyView()
    is_visited: bool = False  # a maintenance visit is under way

    @property
    def is_worked_on(self) -> bool:
        """In inspection operation, or during a maintenance visit."""
        return self.is_inspection or self.is_visited

    @property
    def standing_since_ns(self) -> int | None:
        """Since when the car has stood; None while it moves or nothing can tell."""
        return self.motion.since_ns if self.motion.phase is Phase.AT_REST else None

    def place(self) -> Place:
        """Where the car is, for an alarm."""
        moving = Direction.NONE
        if self.motion.is_moving:  # by the way covered: a car that is stopped hard springs back
            way = self.motion.travel_m or self.motion.speed_mps
            moving = Direction.UP if way > 0.0 else Direction.DOWN
        height = self.position.height_m
        return Place(
            landing_index=self.position.landing_index,
            is_between_landings=self.position.is_outside_zone,
            height_mm=None if height is None else round(height * 1000.0),
            door=self.door.state if self.door.is_witnessed else DoorState.UNKNOWN,
            moving=moving,
        )
