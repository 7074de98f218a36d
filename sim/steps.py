"""The commands of a story, one frozen value each, and how a lift carries them out.

The field names are the keys of a scenario file, the class names its verbs: `EnterStep` is `do = "enter"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from edge_agent.readings import Mode
from sim.box_steps import (
    BOX_VERBS,
    AerialStep,
    BatteryStep,
    BoxStep,
    BoxSupplyStep,
    LayBoxStep,
    NetworkStep,
    SimCardStep,
    perform_on_box,
)
from sim.lift import Lift
from sim.mishap_steps import MISHAP_VERBS, MishapStep, perform_mishap
from sim.traffic import run_traffic
from sim.words import Behaviour, Side, StopCause, StoryError


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Let time pass."""

    for_s: float


@dataclass(frozen=True, slots=True)
class EnterStep:
    """People walk in through the open door."""

    people: int


@dataclass(frozen=True, slots=True)
class LeaveStep:
    """People walk out through the open door; without `people`, all."""

    people: int | None = None


@dataclass(frozen=True, slots=True)
class BehaveStep:
    """How those inside stand from now on: still, calm, restless, jumping."""

    how: Behaviour


@dataclass(frozen=True, slots=True)
class OpenDoorStep:
    """Open the car door. `reaches` < 1: it sticks there, `tries` times. `by_hand`: slowly, by a person."""

    reaches: float = 1.0
    tries: int = 1
    by_hand: bool = False
    side: Side = Side.FRONT


@dataclass(frozen=True, slots=True)
class CloseDoorStep:
    """Close the car door; `obstructed_times` reversals first; `jams_at` (opening 0 to 1): it stays there."""

    obstructed_times: int = 0
    obstructed_at: float = 0.4
    jams_at: float | None = None
    side: Side = Side.FRONT


@dataclass(frozen=True, slots=True)
class TravelStep:
    """Travel with the door as it is. `stops_with` and `stops_at` end the trip early; `door_opens` bursts the door.

    `pace`: speed of this trip, 1 is normal.
    """

    to: int
    stops_with: StopCause | None = None
    stops_at: float | None = None
    door_opens: float | None = None
    door_opens_after_s: float = 4.0
    door_opens_for_s: float = 1.0
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class RideStep:
    """One normal trip: close the door if open, travel, open."""

    to: int


@dataclass(frozen=True, slots=True)
class CreepStep:
    """The controller recovers by itself: rescue speed to a landing (default: the nearest), fault gone."""

    to: int | None = None


@dataclass(frozen=True, slots=True)
class WindStep:
    """A technician brings the car to a landing by hand (default: the nearest)."""

    to: int | None = None


@dataclass(frozen=True, slots=True)
class RelevelStep:
    """Sink by `sink_mm` over `over_s`, then correct at re-levelling speed."""

    sink_mm: float = 15.0
    over_s: float = 20.0


@dataclass(frozen=True, slots=True)
class InspectionStep:
    """Switch inspection operation on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class InspectStep:
    """Move under the technician's button to any height (in landings, 2.5 is halfway)."""

    to: float
    speed_mps: float = 0.3


@dataclass(frozen=True, slots=True)
class PowerStep:
    """Supply of lift and controller, on or off; the box has its own battery."""

    on: bool


@dataclass(frozen=True, slots=True)
class ResetStep:
    """The controller forgets its fault and the safety circuit is closed again."""


@dataclass(frozen=True, slots=True)
class FaultStep:
    """The controller reports a fault number."""

    number: int


@dataclass(frozen=True, slots=True)
class ModeStep:
    """The controller changes its mode."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class AlarmButtonStep:
    """Somebody holds the alarm button."""

    for_s: float


@dataclass(frozen=True, slots=True)
class GoodsStep:
    """Goods are rolled in and out through the open door."""

    for_s: float


@dataclass(frozen=True, slots=True)
class KnockBoxStep:
    """Somebody hits the monitoring box; it may stay tilted."""

    tilt_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class TrafficStep:
    """Normal traffic for a while."""

    for_s: float
    trips_per_hour: float = 60.0


Step = (
    WaitStep
    | EnterStep
    | LeaveStep
    | BehaveStep
    | OpenDoorStep
    | CloseDoorStep
    | TravelStep
    | RideStep
    | CreepStep
    | WindStep
    | RelevelStep
    | InspectionStep
    | InspectStep
    | PowerStep
    | ResetStep
    | FaultStep
    | ModeStep
    | AlarmButtonStep
    | GoodsStep
    | KnockBoxStep
    | TrafficStep
    | MishapStep
    | BoxStep
)

VERBS: dict[str, type[Step]] = {
    "wait": WaitStep,
    "enter": EnterStep,
    "leave": LeaveStep,
    "behave": BehaveStep,
    "open_door": OpenDoorStep,
    "close_door": CloseDoorStep,
    "travel": TravelStep,
    "ride": RideStep,
    "creep": CreepStep,
    "wind_by_hand": WindStep,
    "relevel": RelevelStep,
    "inspection": InspectionStep,
    "inspect": InspectStep,
    "power": PowerStep,
    "reset": ResetStep,
    "controller_fault": FaultStep,
    "mode": ModeStep,
    "alarm_button": AlarmButtonStep,
    "goods": GoodsStep,
    "knock_box": KnockBoxStep,
    "traffic": TrafficStep,
    **MISHAP_VERBS,
    **BOX_VERBS,
}
"""Word of the scenario file for each command."""


def perform(lift: Lift, step: Step) -> None:
    """Carry out one command; `lift.now_s` moves to its end. Raises `StoryError` where the lift cannot."""
    match step:
        case WaitStep(for_s):
            lift.wait(for_s)
        case EnterStep(people):
            lift.enter(people)
        case LeaveStep(people):
            lift.leave(people)
        case BehaveStep(how):
            lift.behaviour.set(lift.now_s, how)
        case OpenDoorStep():
            _open(lift, step)
        case CloseDoorStep():
            lift.close_door(
                obstructed_times=step.obstructed_times,
                obstructed_at=step.obstructed_at,
                jams_at=step.jams_at,
                side=step.side,
            )
        case TravelStep():
            _travel(lift, step)
        case RideStep(to):
            _ride(lift, to)
        case GoodsStep(for_s):
            lift.roll_goods(for_s)
        case KnockBoxStep(tilt_deg):
            lift.knock_box(tilt_deg)
        case TrafficStep(for_s, trips_per_hour):
            run_traffic(lift, for_s, trips_per_hour)
        case (
            CreepStep()
            | WindStep()
            | RelevelStep()
            | InspectionStep()
            | InspectStep()
            | PowerStep()
            | ResetStep()
            | FaultStep()
            | ModeStep()
            | AlarmButtonStep()
        ):
            _perform_on_controller(lift, step)
        case BoxSupplyStep() | BatteryStep() | SimCardStep() | NetworkStep() | AerialStep() | LayBoxStep():
            perform_on_box(lift, step)
        case _:
            perform_mishap(lift, step)


def _perform_on_controller(
    lift: Lift,
    step: CreepStep
    | WindStep
    | RelevelStep
    | InspectionStep
    | InspectStep
    | PowerStep
    | ResetStep
    | FaultStep
    | ModeStep
    | AlarmButtonStep,
) -> None:
    match step:
        case CreepStep(to):
            lift.fault.set(lift.now_s, 0)
            lift.creep_to(to)
        case WindStep(to):
            lift.wind_by_hand(to)
        case RelevelStep(sink_mm, over_s):
            lift.sink(sink_mm / 1000.0, over_s)
            lift.relevel()
        case InspectionStep(on):
            lift.mode.set(lift.now_s, Mode.INSPECTION if on else Mode.NORMAL)
        case InspectStep(to, speed_mps):
            if lift.mode.at(lift.now_s) is not Mode.INSPECTION:
                raise StoryError("inspection operation is not on")
            lift.inspect(to, speed_mps)
        case PowerStep(on):
            lift.mains.set(lift.now_s, on)
            lift.controller_is_on.cut(lift.now_s)  # it may have been about to start
            lift.controller_is_on.set(lift.now_s + (8.0 if on else 0.0), on)  # a controller starts for seconds
        case ResetStep():
            lift.fault.set(lift.now_s, 0)
            lift.safety_circuit_closed.set(lift.now_s, True)
        case FaultStep(number):
            lift.fault.set(lift.now_s, number)
        case ModeStep(mode):
            lift.mode.set(lift.now_s, mode)
        case AlarmButtonStep(for_s):
            lift.alarm_button.set(lift.now_s, True)
            lift.alarm_button.set(lift.now_s + for_s, False)
            lift.wait(for_s)
        case _:
            assert_never(step)


def _open(lift: Lift, step: OpenDoorStep) -> None:
    hand_s = float(lift.rng.uniform(3.0, 6.0)) if step.by_hand else None
    lift.open_door(reaches=step.reaches, tries=step.tries, hand_s=hand_s, side=step.side)


def _travel(lift: Lift, step: TravelStep) -> None:
    lift.wait(float(lift.rng.uniform(0.4, 1.2)))  # locks engage, brake lifts
    start_s = lift.now_s
    lift.travel(step.to, stop=step.stops_with, stop_landing=step.stops_at, pace=step.pace)
    if step.door_opens is not None:
        burst_s = start_s + step.door_opens_after_s
        if burst_s > lift.now_s:
            raise StoryError("the trip is over before the door comes open")
        lift.burst_door(burst_s, step.door_opens, step.door_opens_for_s)


def _ride(lift: Lift, to: int) -> None:
    if lift.door.opening(lift.now_s) > 0.0:
        lift.close_door()
    lift.wait(float(lift.rng.uniform(0.3, 1.0)))
    if abs(lift.height_of(to) - lift.height_m) > 0.05:  # a car that is called to where it stands only opens
        lift.travel(to)
        lift.wait(float(lift.rng.uniform(0.1, 0.5)))
    lift.open_door()
