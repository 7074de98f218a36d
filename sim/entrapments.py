"""Trips of a campaign that do not end at an open door: people caught, an empty car stopped, a lift that recovers."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from edge_agent.alarms import AlarmKind
from edge_agent.readings import Signal
from sim.day import Day
from sim.diary import Due
from sim.scenario import Knowledge
from sim.words import Behaviour, StopCause, StoryError

OUTSIDE_S = 90.0
AT_LANDING_S = 120.0
"""Source: alarm catalogue, "raise within 90 s of standstill (120 s at a landing)"."""

_STOP_KINDS = (
    AlarmKind.EMERGENCY_STOP,
    AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE,
    AlarmKind.CONTROLLER_FAULT,
    AlarmKind.SAFETY_CIRCUIT_OPEN,
    AlarmKind.MAINS_LOST,
    AlarmKind.CONTROLLER_LINK_LOST,
)
_STUCK_DOOR_KINDS = (
    AlarmKind.DOOR_OPEN_FAILURE,
    AlarmKind.DOOR_CONTACTS_DISAGREE,
    AlarmKind.CONTROLLER_FAULT,
)
_CAUSES = (
    StopCause.BRAKE,
    StopCause.BRAKE,
    StopCause.SAFETY_CIRCUIT,
    StopCause.SAFETY_CIRCUIT,
    StopCause.POWER_CUT,
    StopCause.SOFT,
    StopCause.SAFETY_GEAR,
)
_HARD_MPS2 = 2.3
_HARD_FROM_MPS = 0.5


def entrapment(day: Day) -> None:
    """People are caught between landings, or at a landing whose door does not open, until a technician comes."""
    _board_some(day)
    if day.chance(0.7) and _stop_between(day, _CAUSES[int(day.rng.integers(len(_CAUSES)))]):
        _caught_between(day)
    else:
        _caught_at_landing(day)


def stop_and_recover(day: Day) -> None:
    """The car stops between landings with people inside and goes on by itself within seconds."""
    _board_some(day)
    start_s = day.lift.now_s
    cause = _CAUSES[int(day.rng.integers(4))]
    if not _stop_between(day, cause):
        day.go(day.other_landing())
    else:
        day.lift.wait(day.draw(3.0, 18.0))
        _reset(day)
        day.lift.creep_to(None)
    day.open()
    day.lift.leave()
    day.close()
    day.diary.allow(_STOP_KINDS, start_s, day.lift.now_s + 60.0)


def empty_stop(day: Day) -> None:
    """A car that left empty after a pause stops between landings; nobody is inside, and nobody comes for minutes."""
    day.lift.wait(day.draw(20.0, 90.0))
    start_s = day.lift.now_s
    if not _stop_between(day, _CAUSES[int(day.rng.integers(len(_CAUSES)))]):
        return
    stop_s = day.lift.now_s
    day.lift.wait(day.draw(120.0, 260.0))
    _reset(day)
    day.lift.creep_to(None)
    day.open()
    day.close()
    day.diary.allow(_STOP_KINDS, start_s, day.lift.now_s + 60.0)
    day.diary.allow((AlarmKind.IMPACT,), start_s, stop_s + 10.0)
    _owe_outside(day, "empty stop", stop_s)


def _board_some(day: Day) -> None:
    day.fetch()
    day.board(int(day.rng.choice([1, 1, 1, 2, 3, 4])))
    day.lift.behaviour.set(
        day.lift.now_s,
        [Behaviour.STILL, Behaviour.CALM, Behaviour.CALM, Behaviour.RESTLESS][int(day.rng.integers(4))],
    )
    day.close()


def _caught_between(day: Day) -> None:
    lift, stop_s = day.lift, day.lift.now_s
    start_s = lift.trips[-1].start_s
    day.diary.allow((AlarmKind.IMPACT,), start_s, stop_s + 10.0)
    _owe_outside(day, "entrapment", stop_s)
    for_s = day.draw(130.0, 260.0)
    _press_button(day, for_s)
    lift.now_s = stop_s + for_s
    day.diary.dues.append(Due(AlarmKind.ENTRAPMENT, "entrapment", stop_s, stop_s + OUTSIDE_S, lift.now_s))
    _reset(day)
    lift.wind_by_hand(None)
    lift.open_door(hand_s=day.draw(3.0, 6.0))
    lift.wait(day.draw(1.0, 4.0))
    lift.leave()
    day.close()
    day.diary.allow((*_STOP_KINDS, AlarmKind.DOOR_OPEN_FAILURE), start_s, lift.now_s + 60.0)


def _caught_at_landing(day: Day) -> None:
    lift = day.lift
    day.go(day.other_landing())
    stop_s = lift.now_s
    lift.open_door(reaches=float(day.rng.choice([0.0, 0.05, 0.2])), tries=int(day.rng.integers(1, 4)))
    for_s = max(day.draw(150.0, 260.0), lift.now_s - stop_s + 5.0)
    _press_button(day, stop_s + for_s - lift.now_s)
    lift.now_s = stop_s + for_s
    day.diary.dues.append(Due(AlarmKind.ENTRAPMENT, "entrapment", stop_s, stop_s + AT_LANDING_S, lift.now_s))
    _reset(day)
    lift.open_door(hand_s=day.draw(3.0, 6.0))
    lift.wait(day.draw(1.0, 4.0))
    lift.leave()
    day.close()
    day.diary.allow(_STUCK_DOOR_KINDS, stop_s, lift.now_s + 60.0)


def _press_button(day: Day, within_s: float) -> None:
    lift = day.lift
    if not day.chance(0.6) or within_s < 20.0:
        return
    press_s = lift.now_s + day.draw(2.0, within_s - 15.0)
    held_s = day.draw(0.5, 8.0)
    lift.alarm_button.set(press_s, True)
    lift.alarm_button.set(press_s + held_s, False)
    day.diary.allow((AlarmKind.ALARM_BUTTON,), press_s, press_s + held_s + 1.0)


def _stop_between(day: Day, cause: StopCause) -> bool:
    """Travel and stop far from every landing; False if this lift cannot do so from here."""
    here, goal = day.landing, day.other_landing()
    if cause is StopCause.SAFETY_GEAR:
        if here == 0:
            cause = StopCause.BRAKE
        else:
            goal = int(day.rng.integers(0, here))
    low, high = min(here, goal), max(here, goal)
    storey = int(day.rng.integers(low, high))
    place = storey + day.draw(0.35, 0.65)
    day.lift.wait(day.draw(0.4, 1.2))
    try:
        deepcopy(day.lift).travel(goal, stop=cause, stop_landing=place)
    except StoryError:
        return False
    start_s = day.lift.now_s
    day.lift.travel(goal, stop=cause, stop_landing=place)
    if cause is not StopCause.SOFT and _is_hard(day, start_s, day.lift.now_s):
        stop_s = day.lift.now_s
        day.diary.dues.append(Due(AlarmKind.EMERGENCY_STOP, "stop", stop_s, stop_s + 3.0, stop_s + 30.0))
    return True


def _is_hard(day: Day, start_s: float, stop_s: float) -> bool:
    """Beyond doubt an emergency stop by catalogue row 32."""
    times_s = np.arange(max(start_s, stop_s - 1.3), stop_s, 0.01)
    _, speed, accel = day.lift.motion.sample(times_s)
    smooth = np.convolve(accel, np.full(10, 0.1), mode="valid")
    return bool(np.max(np.abs(smooth)) > _HARD_MPS2 and np.max(np.abs(speed)) > _HARD_FROM_MPS)


def _owe_outside(day: Day, event: str, stop_s: float) -> None:
    """The box can know where it stands: from a zone witness or from given landings."""
    box = day.life.box
    says_zone = box.controller is not None and "door_zone" in box.controller.fields
    if Signal.DOOR_ZONE in box.signals or says_zone or day.life.knowledge is Knowledge.EVERYTHING:
        due = Due(AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE, event, stop_s, stop_s + 25.0, day.lift.now_s + 100.0)
        day.diary.dues.append(due)


def _reset(day: Day) -> None:
    lift = day.lift
    lift.fault.set(lift.now_s, 0)
    lift.safety_circuit_closed.set(lift.now_s, True)
    if not lift.mains.at(lift.now_s):
        lift.mains.set(lift.now_s, True)
        lift.controller_is_on.set(lift.now_s + 8.0, True)
        lift.wait(8.0)
    lift.wait(day.draw(1.0, 4.0))
