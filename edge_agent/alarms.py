"""Output words: alarms, their kinds and phases, and trips. The table of what each kind means is `catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from edge_agent.readings import Direction


class Severity(Enum):
    """How much an alarm matters to the person who receives it."""

    CRITICAL = "critical"  # people may be in danger
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class AlarmKind(IntEnum):
    """The number is the `kind` of the wire record and is for ever; the lower-case name is public too."""

    ENTRAPMENT = 1
    ALARM_BUTTON = 2
    UNINTENDED_MOVEMENT = 3
    OVERSPEED = 4
    DOOR_OPEN_IN_MOTION = 5
    EMERGENCY_STOP = 32
    STOPPED_OUTSIDE_DOOR_ZONE = 33
    IMPACT = 34
    RUN_TIME_EXCEEDED = 35
    POSITION_LOST = 36
    EXCESSIVE_ACCELERATION = 37
    EXCESSIVE_JERK = 38
    EXCESSIVE_VIBRATION = 39
    MISLEVELLING = 40
    DOOR_OPEN_FAILURE = 44
    DOOR_CLOSE_FAILURE = 45
    DOOR_HELD_OPEN = 46
    DOOR_REVERSALS = 47
    DOOR_SLOW = 48
    DOOR_CONTACTS_DISAGREE = 49
    CONTROLLER_FAULT = 52
    SAFETY_CIRCUIT_OPEN = 53
    MAINS_LOST = 54
    CONTROLLER_LINK_LOST = 55
    SENSOR_FAULT = 56
    STORAGE_LOW = 57
    CLOCK_UNTRUSTED = 58
    BACKUP_SUPPLY_LOW = 59
    BOX_MOVED = 60
    BOX_OPENED = 61
    REPEATED_REBOOT = 62
    CERTIFICATE_NOT_RENEWED = 63

    @property
    def public_name(self) -> str:
        """The name in recordings, status, exports and settings."""
        return self.name.lower()


class AlarmState(Enum):
    """Stages of one incident. Suspected is local (status, recordings); the others are sent."""

    SUSPECTED = "suspected"
    RAISED = "raised"
    UPDATED = "updated"
    CLEARED = "cleared"  # condition gone; also ends a suspicion that was never raised


class Witness(IntEnum):
    """Bit number of an evidence source on the wire. Source: design/alarm.cddl `evidence`."""

    ACCELEROMETER = 0
    DOOR_CONTACT = 1
    CONTROLLER = 2
    PRESSURE = 3
    BUTTON = 4
    PRESENCE = 5
    SOUND = 6
    POWER = 7


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sign and its value. The name carries the unit and is listed in the catalogue row of the alarm."""

    name: str
    value: float | int | bool | str


class DoorState(Enum):
    """Debounced state of the car door as the core sees it. The value is the wire code of `place.door`."""

    UNKNOWN = 0
    CLOSED = 1
    OPENING = 2
    OPEN = 3
    CLOSING = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where the car was. `None`: not known."""

    landing_index: int | None = None  # at this landing; nearest one where `is_between_landings`
    is_between_landings: bool | None = None
    height_mm: int | None = None  # above the lowest known landing
    door: DoorState = DoorState.UNKNOWN
    moving: Direction = Direction.NONE


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stage of an incident, decided at capture time `t_ns`.

    incident: number of the incident within this life of the outbox, the same in all its stages.
    occupied_percent: P(someone inside) where the kind speaks of people, else None.
    """

    t_ns: int
    kind: AlarmKind
    state: AlarmState
    severity: Severity
    incident: int
    evidence: tuple[Evidence, ...] = ()
    witnesses: frozenset[Witness] = frozenset()
    place: Place = Place()
    occupied_percent: int | None = None
    note: str = ""  # at most 80 bytes of UTF-8; empty: none


@dataclass(frozen=True, slots=True)
class Trip:
    """From leaving a landing to standing at another, decided at `t_ns` (>= `end_ns`). Speeds and peaks unsigned."""

    t_ns: int
    start_ns: int
    end_ns: int
    direction: Direction
    distance_m: float
    speed_mps: float  # largest
    accel_mps2: float  # peak while getting faster, 10 Hz-filtered
    decel_mps2: float  # peak while getting slower, 10 Hz-filtered
    jerk_mps3: float
    from_landing: int | None = None
    to_landing: int | None = None


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that was raised and not cleared when the core last stopped."""

    kind: AlarmKind
    incident: int


@dataclass(frozen=True, slots=True)
class SignalCoverage:
    """How strong the mobile signal is where the car stood: medians over some reports. `None`: not known."""

    t_ns: int
    place: Place
    rssi_dbm: int | None
    rsrp_dbm: int | None


Conclusion = Alarm | Trip | SignalCoverage
