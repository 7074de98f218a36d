"""Scenarios and lifts in sentences, for people: `lift-sim describe` and the story of the demo."""

from __future__ import annotations

from typing import assert_never

from edge_agent.readings import Mode
from sim.box_steps import AerialStep, BatteryStep, BoxSupplyStep, LayBoxStep, NetworkStep, SimCardStep, box_sentence
from sim.mishap_steps import mishap_sentence
from sim.scenario import BoxPlan, ControllerLink, LiftPlan, Moment, Scenario
from sim.steps import (
    AlarmButtonStep,
    BehaveStep,
    CloseDoorStep,
    CreepStep,
    EnterStep,
    FaultStep,
    GoodsStep,
    InspectionStep,
    InspectStep,
    KnockBoxStep,
    LeaveStep,
    ModeStep,
    OpenDoorStep,
    PowerStep,
    RelevelStep,
    ResetStep,
    RideStep,
    Step,
    TrafficStep,
    TravelStep,
    WaitStep,
    WindStep,
)
from sim.words import Side, StopCause

_STOP_WORDS = {
    StopCause.BRAKE: "the drive fails and the brake drops",
    StopCause.SAFETY_CIRCUIT: "a safety contact opens and the brake drops",
    StopCause.POWER_CUT: "the supply fails and the brake drops",
    StopCause.SAFETY_GEAR: "the safety gear grips the rails",
    StopCause.SOFT: "the controller gives up and stops the car softly",
}


def described(scenario: Scenario) -> str:
    """The whole scenario: what it is about, the lift, the box, the steps, what must and may come of it."""
    lines = [f"{scenario.name}: {scenario.title}", "", scenario.story, "", _lift(scenario.lift), _box(scenario.box), ""]
    for number, planned in enumerate(scenario.steps, start=1):
        mark = f"   <- {planned.mark}" if planned.mark else ""
        lines.append(f"{number:3}. {sentence(planned.step)}{mark}")
    lines.extend(
        f"     fault: {fault.of} is {fault.kind.value.replace('_', ' ')} from {_moment(fault.start)}"
        for fault in scenario.faults
    )
    lines.append("")
    for each in scenario.expected:
        clear = "" if each.clear_by is None else f", clear by {_moment(each.clear_by)}"
        lines.append(f"must raise {each.kind.public_name} by {_moment(each.raise_by)}{clear}")
    for heard in scenario.signals:
        level = f"{heard.rssi_dbm:g} dBm, give or take {heard.within_db:g} dB"
        lines.append(f"must tell the signal at landing {heard.landing} by {_moment(heard.told_by)}: {level}")
    lines.extend(f"may raise {each.kind.public_name}" for each in scenario.allowed)
    if not scenario.expected:
        lines.append("must raise nothing" if not scenario.allowed else "must raise nothing else")
    return "\n".join(lines)


def _lift(plan: LiftPlan) -> str:
    drive = "any drive" if plan.drive is None else f"{plan.drive.value} drive"
    speed = "a usual speed" if plan.rated_mps is None else f"{plan.rated_mps:g} m/s"
    return f"The lift: {plan.landings} landings, {drive}, {speed}; the installer knows {plan.knowledge.value}."


def _box(plan: BoxPlan) -> str:
    parts = []
    if plan.has_accelerometer:
        parts.append("accelerometer" if plan.chip is None else f"accelerometer {plan.chip.value}")
    parts.extend(sorted(signal.value for signal in plan.signals))
    if plan.controller is not ControllerLink.NONE:
        parts.append(f"controller link ({plan.controller.value})")
    if plan.has_pressure:
        parts.append("barometer")
    if plan.has_supply:
        lasts = "" if plan.battery_lasts_min is None else f" that lasts {plan.battery_lasts_min:g} minutes"
        parts.append(f"supply monitor at a battery{lasts}")
    if plan.has_modem:
        parts.append("modem")
    return "The box: " + ", ".join(parts) + "."


def _moment(moment: Moment) -> str:
    return f"{moment.offset_s:g} s" if moment.mark is None else f'{moment.offset_s:g} s after "{moment.mark}"'


def sentence(step: Step) -> str:
    """One step as a person would say it."""
    match step:
        case WaitStep(for_s):
            return f"{for_s:g} seconds pass"
        case EnterStep(people):
            return f"{_people(people)} in"
        case LeaveStep(people):
            return "everybody walks out" if people is None else f"{_people(people)} out"
        case BehaveStep(how):
            return f"those inside are {how.value}"
        case OpenDoorStep(reaches, tries, by_hand, side):
            door = _door(side)
            if reaches < 1.0:
                return f"{door} tries to open {tries} times and sticks at {100 * reaches:.0f} %"
            return f"{door} is pulled open by hand" if by_hand else f"{door} opens"
        case CloseDoorStep():
            return _close(step)
        case TravelStep():
            return _travel(step)
        case RideStep(to):
            return f"the lift goes to landing {to} and opens"
        case GoodsStep(for_s):
            return f"goods are moved in and out for {for_s:g} seconds"
        case KnockBoxStep(tilt_deg):
            return "somebody knocks the box" + (f", which stays {tilt_deg:g} degrees askew" if tilt_deg else "")
        case TrafficStep(for_s, trips_per_hour):
            return f"normal traffic for {for_s:g} seconds, about {trips_per_hour:g} calls an hour"
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
            return _of_controller(step)
        case BoxSupplyStep() | BatteryStep() | SimCardStep() | NetworkStep() | AerialStep() | LayBoxStep():
            return box_sentence(step)
        case _:
            return mishap_sentence(step)


def _of_controller(
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
) -> str:
    match step:
        case CreepStep(to):
            return f"the lift recovers by itself and creeps to {_landing(to)}"
        case WindStep(to):
            return f"a technician winds the car by hand to {_landing(to)}"
        case RelevelStep(sink_mm, over_s):
            return f"the car sinks {sink_mm:g} mm in {over_s:g} seconds and levels itself again"
        case InspectionStep(on):
            return f"inspection operation is switched {'on' if on else 'off'}"
        case InspectStep(to, speed_mps):
            return f"the technician drives the car to {to:g} (in landings) at {speed_mps:g} m/s"
        case PowerStep(on):
            return "the supply comes back" if on else "the supply fails"
        case ResetStep():
            return "the controller is reset"
        case FaultStep(number):
            return f"the controller reports fault {number}"
        case ModeStep(mode):
            word = "normal operation" if mode is Mode.NORMAL else mode.value.replace("_", " ")
            return f"the controller changes to {word}"
        case AlarmButtonStep(for_s):
            return f"somebody holds the alarm button for {for_s:g} seconds"
        case _:
            assert_never(step)


def _close(step: CloseDoorStep) -> str:
    door = _door(step.side)
    start = f"{door} closes"
    if step.obstructed_times:
        start = f"{door} meets something and reopens {step.obstructed_times} times, then closes"
    if step.jams_at is not None:
        return f"{door} begins to close and jams {100 * step.jams_at:.0f} % open"
    return start


def _door(side: Side) -> str:
    return "the door" if side is Side.FRONT else "the rear door"


def _travel(step: TravelStep) -> str:
    text = f"the lift leaves for landing {step.to}"
    if step.pace != 1.0:
        text += f" at {100 * step.pace:.0f} % of its speed"
    if step.stops_with is not None:
        text += "; " + stop_sentence(step)
    if step.door_opens is not None:
        text += f"; after {step.door_opens_after_s:g} s the door comes {100 * step.door_opens:.0f} % open"
    return text


def stop_sentence(step: TravelStep) -> str:
    """How a trip ends before its landing."""
    if step.stops_with is None or step.stops_at is None:
        return "the lift arrives"
    low = int(step.stops_at)
    place = f"at landing {low}" if step.stops_at == low else f"between landings {low} and {low + 1}"
    return f"{place} {_STOP_WORDS[step.stops_with]}"


def _people(count: int) -> str:
    return "one person walks" if count == 1 else f"{count} people walk"


def _landing(to: int | None) -> str:
    return "the nearest landing" if to is None else f"landing {to}"
