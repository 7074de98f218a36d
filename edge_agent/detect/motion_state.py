"""What the motion stage says of one frame."""

from __future__ import annotations

from dataclasses import field
from enum import Enum

from edge_agent.detect.snapshot import snapshot


class Phase(Enum):
    """What the car is doing as far as acceleration can tell."""

    BLIND = "blind"
    AT_REST = "at_rest"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@snapshot
class MotionState:
    """Motion at the end of a frame; up is positive. `since_ns`: when this standstill or trip began."""

    phase: Phase
    since_ns: int
    accel_mps2: float
    speed_mps: float
    travel_m: float
    is_mounted: bool  # nothing says that the box is being carried or shaken
    is_sure: bool  # the car has been seen to stand since the stage was last blind: what looks like a start is one
    doubt_mps: float = 0.0  # what shaking alone may have added to the speed
    is_moving: bool = field(init=False)  # a trip is under way; worked out once, as it is asked twenty times a frame

    def __post_init__(self) -> None:
        is_moving = self.phase is not Phase.AT_REST and self.phase is not Phase.BLIND
        object.__setattr__(self, "is_moving", is_moving)
