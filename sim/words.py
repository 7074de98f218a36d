"""Words that stories and lifts share: how people stand, what stops a trip, what a trip was, fault numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.readings import Direction

FAULT_SAFETY_CIRCUIT = 41
FAULT_DOOR_OPEN = 48
FAULT_DOOR_CLOSE = 49
FAULT_DRIVE = 33
"""Source: NICE3000+ fault numbers E41, E48, E49, E33 (field/standards 5.2a)."""


class StoryError(ValueError):
    """A command that this lift cannot carry out now; the text says why."""


class SupplyGives(Enum):
    """What the supply unit of the box gives."""

    ENOUGH = "enough"
    TOO_LITTLE = "too_little"
    NOTHING = "nothing"


class BoxUp(Enum):
    """Which axis of the monitoring box points up while it lies about; mounted: as it hangs in the car."""

    X = "+x"
    MINUS_X = "-x"
    Y = "+y"
    MINUS_Y = "-y"
    Z = "+z"
    MINUS_Z = "-z"
    MOUNTED = "mounted"


class Side(Enum):
    """Which car door."""

    FRONT = "front"
    REAR = "rear"


class Behaviour(Enum):
    """How people stand in the car."""

    STILL = "still"
    CALM = "calm"
    RESTLESS = "restless"
    JUMPING = "jumping"


class StopCause(Enum):
    """What ends a trip before its landing."""

    BRAKE = "brake"  # drive fault, brake drops
    SAFETY_CIRCUIT = "safety_circuit"  # a safety contact opened, brake drops
    POWER_CUT = "power_cut"  # supply of the lift gone, brake drops, controller dark
    SAFETY_GEAR = "safety_gear"  # car gripped on its rails; downwards only
    SOFT = "soft"  # controller gives up and slows down normally


@dataclass(frozen=True, slots=True)
class TripTruth:
    """A trip as it was made, for `trips.csv`."""

    start_s: float
    end_s: float
    direction: Direction
    distance_m: float
    speed_mps: float
    ended_at_landing: bool
