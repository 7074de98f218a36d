"""Stories in one word, for a lift that is being served: what to do now so that people are trapped, a door is jammed.

Each is a generator of steps: the lift has carried out one before the next is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from edge_agent.readings import Mode
from sim.lift import Lift
from sim.steps import (
    CloseDoorStep,
    CreepStep,
    EnterStep,
    LeaveStep,
    ModeStep,
    OpenDoorStep,
    PowerStep,
    ResetStep,
    Step,
    TravelStep,
    WaitStep,
    WindStep,
)
from sim.words import Side, StopCause, StoryError


@dataclass(frozen=True, slots=True)
class TrapStory:
    """People walk in, the lift leaves, and the brake drops between two landings. Ended by `free`."""

    people: int = 1


@dataclass(frozen=True, slots=True)
class FreeStory:
    """Whatever it was, it is repaired: the car is brought to a landing, everybody walks out, the lift is normal."""


@dataclass(frozen=True, slots=True)
class JamDoorStory:
    """The door closes as far as `jams_at` (0 closed, 1 open) and stays there. Ended by `free`."""

    jams_at: float = 0.4


@dataclass(frozen=True, slots=True)
class PowerCutStory:
    """The supply fails during a trip and comes back after `for_s`; the lift recovers by itself."""

    for_s: float = 30.0


@dataclass(frozen=True, slots=True)
class OverspeedStory:
    """A trip so many times as fast as it should be, and the safety gear grips. Ended by `free`."""

    pace: float = 1.35


Story = TrapStory | FreeStory | JamDoorStory | PowerCutStory | OverspeedStory

STORIES: dict[str, type[Story]] = {
    "trap": TrapStory,
    "free": FreeStory,
    "jam_door": JamDoorStory,
    "power_cut": PowerCutStory,
    "overspeed": OverspeedStory,
}
"""Word of the command for each."""


def steps_of(lift: Lift, story: Story) -> Iterator[Step]:
    """The steps, chosen one after the other. Raises `StoryError` where the lift cannot."""
    match story:
        case TrapStory(people):
            return _trap(lift, people)
        case FreeStory():
            return _free(lift)
        case JamDoorStory(jams_at):
            return _jam_door(lift, jams_at)
        case PowerCutStory(for_s):
            return _power_cut(lift, for_s)
        case OverspeedStory(pace):
            return _overspeed(lift, pace)
        case _:
            assert_never(story)


def _trap(lift: Lift, people: int) -> Iterator[Step]:
    here, goal = _trip(lift)
    if lift.people < people:
        if not _is_open(lift):
            yield OpenDoorStep()
        yield EnterStep(people - lift.people)
    if _is_open(lift):
        yield CloseDoorStep()
    yield TravelStep(goal, stops_with=StopCause.BRAKE, stops_at=_between(here, goal))


def _free(lift: Lift) -> Iterator[Step]:
    yield ResetStep()
    if not lift.mains.at(lift.now_s):
        yield PowerStep(on=True)
        yield WaitStep(10.0)
    if lift.mode.at(lift.now_s) is not Mode.NORMAL:
        yield ModeStep(Mode.NORMAL)
    if _off_level_m(lift) > 0.05:
        if _is_open(lift):
            yield CloseDoorStep()
        yield WindStep()
    if lift.people > 0 or 0.0 < lift.door.opening(lift.now_s) < 0.999:
        yield OpenDoorStep(by_hand=True)
    if lift.people > 0:
        yield LeaveStep()
    if _is_open(lift):
        yield CloseDoorStep()
    if lift.rear_door.opening(lift.now_s) > 0.0:
        yield CloseDoorStep(side=Side.REAR)


def _jam_door(lift: Lift, jams_at: float) -> Iterator[Step]:
    if _off_level_m(lift) > 0.05:
        raise StoryError("the car stands between landings; free it first")
    if lift.door.opening(lift.now_s) <= jams_at:
        yield OpenDoorStep()
        yield WaitStep(2.0)
    yield CloseDoorStep(jams_at=jams_at)


def _power_cut(lift: Lift, for_s: float) -> Iterator[Step]:
    here, goal = _trip(lift)
    if _is_open(lift):
        yield CloseDoorStep()
    yield TravelStep(goal, stops_with=StopCause.POWER_CUT, stops_at=_between(here, goal))
    yield WaitStep(for_s)
    yield PowerStep(on=True)
    yield WaitStep(12.0)
    yield CreepStep()
    yield OpenDoorStep()
    if lift.people > 0:
        yield LeaveStep()
    yield WaitStep(2.0)
    yield CloseDoorStep()


def _overspeed(lift: Lift, pace: float) -> Iterator[Step]:
    here, goal = _trip(lift)
    top = len(lift.spec.landing_heights_m) - 1
    if _is_open(lift):
        yield CloseDoorStep()
    if goal != 0:  # safety gear grips downwards
        if here != top:
            yield TravelStep(top)
        here, goal = top, 0
    yield TravelStep(goal, pace=pace, stops_with=StopCause.SAFETY_GEAR, stops_at=_between(here, goal))


def _trip(lift: Lift) -> tuple[int, int]:
    """Where the car stands, and the end of the well that is further away. StoryError if it cannot leave."""
    if _off_level_m(lift) > 0.05:
        raise StoryError("the car stands between landings; free it first")
    if not lift.mains.at(lift.now_s):
        raise StoryError("there is no power; free the lift first")
    here, top = lift.nearest_landing(lift.height_m), len(lift.spec.landing_heights_m) - 1
    return here, 0 if here > top - here else top


def _between(here: int, goal: int) -> float:
    """Halfway between two landings, about in the middle of the trip."""
    return min(here, goal) + abs(goal - here) // 2 + 0.5


def _off_level_m(lift: Lift) -> float:
    landing_m = lift.spec.landing_heights_m[lift.nearest_landing(lift.height_m)]
    return max(0.0, abs(lift.height_m - landing_m) - abs(lift.level_offset_m))


def _is_open(lift: Lift) -> bool:
    return lift.door.opening(lift.now_s) > 0.0
