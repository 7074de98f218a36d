"""A lift drawn at random with its box, its building and its habits: what a campaign runs instead of written stories.

Every number here is a guess with a range (from memory, unverified) unless it names a source; a campaign says how the
detection core fares in this world, not in the street.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from edge_agent.installation import Drive, Installation, Wiring
from edge_agent.installation import Lift as KnownLift
from edge_agent.readings import Signal
from sim.box import CONTROLLER_FIELDS, NICE_FIELDS, BoxSpec, Chip, draw_box
from sim.scenario import Knowledge
from sim.spec import LiftSpec, draw_lift

_DOOR = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED})
_NO_FIELDS: frozenset[str] = frozenset()


class SensorSet(Enum):
    """What is fitted; the value is its name in the report."""

    BARE = "two door contacts"
    ONE_CONTACT = "one door contact"
    PRESENCE = "two door contacts, presence"
    ONE_CONTACT_PRESENCE = "one door contact, presence"
    PRESSURE = "two door contacts, presence, pressure"
    ZONE = "two door contacts, presence, door zone, alarm button"
    CONTROLLER = "two door contacts, presence, controller"
    EVERYTHING = "every contact, presence, controller, pressure"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Signals, controller fields and barometer of one sensor set."""

    signals: frozenset[Signal]
    controller_fields: frozenset[str]
    has_pressure: bool


FITTED: dict[SensorSet, Fitted] = {
    SensorSet.BARE: Fitted(_DOOR, _NO_FIELDS, False),
    SensorSet.ONE_CONTACT: Fitted(frozenset({Signal.DOOR_CLOSED}), _NO_FIELDS, False),
    SensorSet.PRESENCE: Fitted(_DOOR | {Signal.PRESENCE}, _NO_FIELDS, False),
    SensorSet.ONE_CONTACT_PRESENCE: Fitted(frozenset({Signal.DOOR_CLOSED, Signal.PRESENCE}), _NO_FIELDS, False),
    SensorSet.PRESSURE: Fitted(_DOOR | {Signal.PRESENCE}, _NO_FIELDS, True),
    SensorSet.ZONE: Fitted(_DOOR | {Signal.PRESENCE, Signal.DOOR_ZONE, Signal.ALARM_BUTTON}, _NO_FIELDS, False),
    SensorSet.CONTROLLER: Fitted(_DOOR | {Signal.PRESENCE}, NICE_FIELDS, False),
    SensorSet.EVERYTHING: Fitted(
        _DOOR | {Signal.PRESENCE, Signal.DOOR_ZONE, Signal.ALARM_BUTTON, Signal.MAINS, Signal.INSPECTION},
        CONTROLLER_FIELDS,
        True,
    ),
}


class Building(Enum):
    """Where the lift stands decides when people ride and from where to where."""

    HOMES = "homes"
    OFFICES = "offices"
    HOTEL = "hotel"


HOURLY: dict[Building, tuple[float, ...]] = {
    Building.HOMES: (1, 0.5, 0.3, 0.3, 0.5, 2, 5, 9, 8, 5, 5, 5, 6, 5, 4, 5, 7, 9, 10, 9, 7, 5, 4, 2),
    Building.OFFICES: (0, 0, 0, 0, 0, 1, 3, 10, 16, 9, 6, 6, 12, 12, 6, 6, 8, 12, 6, 3, 2, 1, 0, 0),
    Building.HOTEL: (3, 2, 1, 1, 1, 2, 4, 8, 9, 8, 6, 5, 5, 5, 7, 8, 7, 7, 8, 8, 7, 7, 6, 5),
}
"""Calls of each hour of a day, as shares: morning peak, lunch, evening, night."""


class Parking(Enum):
    """What the empty car does after the last passenger has left."""

    STAYS = "the car stays where it is"
    AT_ONCE = "the empty car goes home at once"  # as soon as its door has closed
    AFTER_PAUSE = "the empty car goes home after a pause"


@dataclass(frozen=True, slots=True)
class Habits:
    """How this lift is used."""

    building: Building
    calls_per_day: float
    parking: Parking
    parking_pause_s: float
    home_landing: int
    empty_answer_share: float  # calls after which nobody steps in
    stop_between_share: float  # rides with one more stop on the way
    reversal_share: float
    hold_share: float  # somebody holds the door
    linger_share: float  # somebody stands inside behind a closed door before pressing
    sinks: bool  # loses height while parked and re-levels


@dataclass(frozen=True, slots=True)
class LiftLife:
    """One drawn lift with all that was drawn for it."""

    spec: LiftSpec
    box: BoxSpec
    sensors: SensorSet
    habits: Habits
    start_landing: int
    installation: Installation
    knowledge: Knowledge


def draw_life(rng: np.random.Generator, lift_id: str) -> LiftLife:
    """Draw lift, box, building and habits."""
    spec = _spec(rng)
    sensors = list(SensorSet)[int(rng.integers(len(SensorSet)))]
    box = _box(rng, FITTED[sensors])
    landings = len(spec.landing_heights_m)
    start = int(rng.integers(landings))
    knowledge = list(Knowledge)[int(rng.choice(3, p=[0.5, 0.25, 0.25]))]
    return LiftLife(
        spec=spec,
        box=box,
        sensors=sensors,
        habits=_habits(rng, spec, landings),
        start_landing=start,
        installation=_installation(lift_id, spec, box, knowledge, start),
        knowledge=knowledge,
    )


def _spec(rng: np.random.Generator) -> LiftSpec:
    drive = Drive(str(rng.choice(["vvvf", "two_speed", "hydraulic"], p=[0.6, 0.2, 0.2])))
    match drive:
        case Drive.VVVF:
            rated_mps = float(rng.choice([0.5, 0.63, 1.0, 1.0, 1.0, 1.6, 1.6, 1.75, 2.0, 2.5, 4.0]))
            landings = int(rng.integers(2, 7 + int(6 * rated_mps)))
        case Drive.TWO_SPEED:
            rated_mps, landings = float(rng.choice([0.5, 0.63, 0.7, 1.0])), int(rng.integers(3, 9))
        case Drive.HYDRAULIC:
            rated_mps, landings = float(rng.choice([0.15, 0.3, 0.4, 0.63, 0.63])), int(rng.integers(2, 6))
    storey_m = float(rng.uniform(2.7, 4.2))
    entrance_m = storey_m * float(rng.choice([1.0, 1.0, rng.uniform(1.1, 1.6)]))
    storeys_m = [entrance_m, *(storey_m + rng.normal(0.0, 0.02, landings - 2))]
    heights_m = (0.0, *(round(float(height_m), 3) for height_m in np.cumsum(storeys_m)))
    return draw_lift(rng, drive, heights_m, rated_mps)


def _box(rng: np.random.Generator, fitted: Fitted) -> BoxSpec:
    chip = list(Chip)[int(rng.integers(len(Chip)))]
    rate_hz = float(rng.choice([25.0, 50.0, 50.0, 100.0, 100.0, 200.0]))
    box = draw_box(
        rng,
        chip=chip,
        accel_rate_hz=rate_hz,
        signals=fitted.signals,
        controller_fields=fitted.controller_fields or None,
        has_pressure=fitted.has_pressure,
    )
    return replace(box, presence=replace(box.presence, glitches_per_h=float(rng.choice([0.0, 0.1, 1.0]))))


def _habits(rng: np.random.Generator, spec: LiftSpec, landings: int) -> Habits:
    """A call is about two trips. Source: lifts in small houses make some 50 trips a day, usage class 1 of ISO 25745-2;
    in larger ones 125 to 300, classes 2 and 3 (from memory, unverified)."""
    return Habits(
        building=list(Building)[int(rng.choice(3, p=[0.6, 0.25, 0.15]))],
        calls_per_day=float(np.clip(rng.lognormal(np.log(28.0), 0.5), 8.0, 120.0)),
        parking=list(Parking)[int(rng.choice(3, p=[0.5, 0.25, 0.25]))],
        parking_pause_s=float(rng.uniform(10.0, 120.0)),
        home_landing=int(rng.choice([0, 0, landings // 2])),
        empty_answer_share=float(rng.uniform(0.0, 0.06)),
        stop_between_share=float(rng.uniform(0.05, 0.25)),
        reversal_share=float(rng.uniform(0.02, 0.12)),
        hold_share=float(rng.uniform(0.0, 0.04)),
        linger_share=float(rng.uniform(0.0, 0.004)),
        sinks=spec.drive is Drive.HYDRAULIC,
    )


def _installation(lift_id: str, spec: LiftSpec, box: BoxSpec, knowledge: Knowledge, start: int) -> Installation:
    return Installation(
        lift=KnownLift(
            lift_id=lift_id,
            rated_speed_mps=None if knowledge is Knowledge.NOTHING else spec.rated_mps,
            drive=None if knowledge is Knowledge.NOTHING else spec.drive,
            landing_heights_m=spec.landing_heights_m if knowledge is Knowledge.EVERYTHING else (),
            start_landing_index=start if knowledge is Knowledge.EVERYTHING else None,
        ),
        wiring=Wiring(
            has_accelerometer=True,
            accel_rate_hz=box.accel.rate_hz if box.accel is not None else None,
            has_pressure=box.pressure is not None,
            has_controller=box.controller is not None,
            signals=box.signals,
        ),
    )
