"""What the installer measured and wired at one lift: frozen values; the file form is read by `settings`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from edge_agent.readings import Signal


class Drive(Enum):
    """Kind of drive: decides how a normal start and stop may look."""

    VVVF = "vvvf"
    TWO_SPEED = "two_speed"
    HYDRAULIC = "hydraulic"


@dataclass(frozen=True, slots=True)
class Lift:
    """The installation itself. `None` and empty: not known, to be learned."""

    lift_id: str
    rated_speed_mps: float | None = None
    drive: Drive | None = None
    landing_heights_m: tuple[float, ...] = ()  # ascending, lowest landing first
    start_landing_index: int | None = None  # where a recording starts; unknown on a live box


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which sources exist at this lift. A source that is wired and silent is a fault; one not wired is not missed."""

    has_accelerometer: bool = True
    accel_rate_hz: float | None = None
    has_pressure: bool = False
    has_controller: bool = False
    signals: frozenset[Signal] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Installation:
    """All that the detection core is told about the lift before the first reading."""

    lift: Lift
    wiring: Wiring = Wiring()
