"""Input words: everything that enters the agent is one of these readings, stamped with its capture time.

`t_ns` is monotonic time since boot in nanoseconds; wall-clock time never appears here. Readings are frozen. A
stream of readings is ordered by `t_ns` (of an `AccelFrame`: its first sample), ties in order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt


class Signal(Enum):
    """A two-state line. The value is its name in recordings; `True` is the state that the name states."""

    DOOR_OPEN = "door_open"
    DOOR_CLOSED = "door_closed"
    PRESENCE = "presence"
    DOOR_ZONE = "door_zone"
    ALARM_BUTTON = "alarm_button"
    INSPECTION = "inspection"
    MAINS = "mains"
    LIGHT_CURTAIN = "light_curtain"
    DOOR_OPEN_REAR = "door_open_rear"
    DOOR_CLOSED_REAR = "door_closed_rear"
    LIGHT_CURTAIN_REAR = "light_curtain_rear"


class Direction(Enum):
    """Actual motion of the car, not the indicator."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


class Mode(Enum):
    """Service mode as the controller states it. Source: GB/T 24476-2017 code points as publicly implemented."""

    NORMAL = "normal"
    INSPECTION = "inspection"
    FIRE_RETURN = "fire_return"
    FIREFIGHTER = "firefighter"
    EMERGENCY_POWER = "emergency_power"
    EARTHQUAKE = "earthquake"
    OUT_OF_SERVICE = "out_of_service"
    UNKNOWN = "unknown"


class ControllerDoor(Enum):
    """Car door as the controller states it."""

    OPEN = "open"
    OPENING = "opening"
    CLOSING = "closing"
    CLOSED = "closed"
    FAULT = "fault"


class FaultReason(Enum):
    """Why a source gives no usable readings."""

    ABSENT = "absent"  # nothing answers
    WRONG_DEVICE = "wrong_device"  # something else answers
    BUS_ERROR = "bus_error"  # transfers fail
    SILENT = "silent"  # open, but nothing arrives in time
    BAD_REPLY = "bad_reply"  # replies that fail a check (class, function, count, range)
    DESYNC = "desync"  # replies do not belong to their requests
    CONFIGURATION = "configuration"  # the device does not hold the settings written to it
    WRONG_RATE = "wrong_rate"  # samples arrive faster or slower than the device may
    SIM = "sim"  # the SIM card is missing, locked or broken
    NETWORK = "network"  # the mobile network does not let the modem in


class SimState(Enum):
    """State of the modem's SIM card."""

    READY = "ready"
    ABSENT = "absent"
    PIN_NEEDED = "pin_needed"
    PUK_NEEDED = "puk_needed"
    BROKEN = "broken"
    BUSY = "busy"
    UNKNOWN = "unknown"


class Registration(Enum):
    """Whether the mobile network lets the modem in."""

    HOME = "home"
    ROAMING = "roaming"
    SEARCHING = "searching"
    DENIED = "denied"
    EMERGENCY_ONLY = "emergency_only"
    NOT_SEARCHING = "not_searching"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class AccelFrame:
    """A block of 3-axis samples as drained from a FIFO or read from a recording.

    times_ns: int64, shape (n,), strictly ascending, n >= 1.
    samples_mps2: float64, shape (n, 3), m/s2, specific force in the sensor's own axes (at rest the axis that
    points up reads +9.81). Any block length: the core gives the same answer for any split.
    """

    times_ns: npt.NDArray[np.int64]
    samples_mps2: npt.NDArray[np.float64]

    @property
    def t_ns(self) -> int:
        """Capture time of the first sample."""
        return int(self.times_ns[0])


@dataclass(frozen=True, slots=True)
class SignalEdge:
    """The state of a two-state line at `t_ns`: an edge, or the level repeated by a periodic read. Undebounced."""

    t_ns: int
    signal: Signal
    is_active: bool


@dataclass(frozen=True, slots=True)
class ControllerReport:
    """What the lift controller said in one poll or frame. `None`: not said this time (not the same as unknown)."""

    t_ns: int
    floor: str | None = None  # as the controller names it, up to 4 characters
    direction: Direction | None = None
    mode: Mode | None = None
    door: ControllerDoor | None = None
    fault: int | None = None  # 0: none
    safety_circuit_closed: bool | None = None
    door_zone: bool | None = None
    passenger: bool | None = None
    speed_mps: float | None = None  # unsigned or signed as the controller gives it
    load_percent: float | None = None
    is_suspect: bool = False  # the bus was out of step in this cycle; values are shown, never used to raise

    def says_the_same(self, other: ControllerReport) -> bool:
        """True if only the time differs."""
        return (
            self.floor == other.floor
            and self.direction is other.direction
            and self.mode is other.mode
            and self.door is other.door
            and self.fault == other.fault
            and self.safety_circuit_closed is other.safety_circuit_closed
            and self.door_zone is other.door_zone
            and self.passenger is other.passenger
            and self.speed_mps == other.speed_mps
            and self.load_percent == other.load_percent
            and self.is_suspect is other.is_suspect
        )


@dataclass(frozen=True, slots=True)
class PressureSample:
    """Air pressure in the car. Only differences over minutes mean anything."""

    t_ns: int
    pressure_hpa: float


@dataclass(frozen=True, slots=True)
class SupplySample:
    """The box's battery: its voltage, and the current out of it (negative: it is being charged)."""

    t_ns: int
    voltage_v: float
    current_a: float


@dataclass(frozen=True, slots=True)
class ModemReport:
    """What the mobile modem said in one round of questions. `None`: it does not know, or did not say."""

    t_ns: int
    sim: SimState
    registration: Registration
    rssi_dbm: int | None = None  # strength of all that the aerial hears
    rsrp_dbm: int | None = None  # strength of the cell's own reference signal; LTE only


@dataclass(frozen=True, slots=True)
class SourceFault:
    """A source stopped giving usable readings. It is over when readings of that source arrive again."""

    t_ns: int
    source: str  # the name in settings: "accelerometer", "door_contacts", "controller", "pressure", "supply", "modem"
    reason: FaultReason
    detail: str  # one sentence for the person on the ladder


@dataclass(frozen=True, slots=True)
class SamplesLost:
    """Readings of a source were lost (FIFO overflow, queue full, late). count 0: how many is not known."""

    t_ns: int
    source: str
    count: int


@dataclass(frozen=True, slots=True)
class MaintenanceWord:
    """Whether a maintenance visit is under way, as a person told the agent; repeated every few seconds while it is."""

    t_ns: int
    is_under_way: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has come this far and nothing older will follow."""

    t_ns: int


Reading = (
    AccelFrame
    | SignalEdge
    | ControllerReport
    | PressureSample
    | SupplySample
    | ModemReport
    | SourceFault
    | SamplesLost
    | MaintenanceWord
    | Tick
)
