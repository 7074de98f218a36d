"""Changing what a lift is about to do: its plan is dropped from a quiet moment on, and its past is forgotten. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy

from edge_agent.readings import Mode
from sim.lift import Lift
from sim.motion import MotionTrack
from sim.shakes import ShakeTrack
from sim.tracks import DoorTrack, SlopeTrack, StepTrack

_LOOK_S = 0.1
_GAP_S = 0.05  # a new plan begins so long after the old one was dropped
_START_S = 8.0  # a controller starts for seconds

AnyTrack = StepTrack[object] | SlopeTrack | DoorTrack | MotionTrack | ShakeTrack


def quiet_from(lift: Lift, t_s: float) -> float:
    """The first moment from `t_s` on when neither car nor doors move; the end of the plan is one."""
    while t_s < lift.now_s and not _is_quiet(lift, t_s):
        t_s += _LOOK_S
    return t_s


def drop_plan(lift: Lift, t_s: float) -> None:
    """Forget what the lift would do after `t_s`, a quiet moment; what cannot last for ever is ended there."""
    for track in _tracks(lift):
        track.cut(t_s)
    lift.trips = [trip for trip in lift.trips if trip.end_s <= t_s]
    lift.now_s = t_s + _GAP_S
    if lift.alarm_button.at(t_s):
        lift.alarm_button.set(lift.now_s, False)
    if lift.mains.at(t_s) and not lift.controller_is_on.at(t_s):
        lift.controller_is_on.set(lift.now_s + _START_S, True)


def copy_of(lift: Lift) -> Lift:
    """The same lift once more, chance included, to try something with."""
    twin = copy(lift)
    twin.rng = deepcopy(lift.rng)
    twin.trips = list(lift.trips)
    for name, value in vars(lift).items():
        if isinstance(value, StepTrack | SlopeTrack | DoorTrack | MotionTrack | ShakeTrack):
            track = copy(value)
            for part, held in vars(value).items():
                if isinstance(held, list):  # of frozen values
                    setattr(track, part, list(held))
            setattr(twin, name, track)
    return twin


def forget_past(lift: Lift, t_s: float) -> None:
    """Forget what was before `t_s`, so that a lift that is served for weeks does not grow."""
    for track in _tracks(lift):
        track.forget(t_s)
    lift.trips = [trip for trip in lift.trips if trip.end_s >= t_s]


def is_fit_for_traffic(lift: Lift) -> bool:
    """Whether the lift could serve calls as it stands at the end of its plan."""
    now_s = lift.now_s
    landing_m = lift.spec.landing_heights_m[lift.nearest_landing(lift.height_m)]
    return (
        abs(lift.height_m - landing_m) < 0.05 + abs(lift.level_offset_m)
        and lift.people == 0
        and lift.mode.at(now_s) is Mode.NORMAL
        and lift.fault.at(now_s) == 0
        and lift.mains.at(now_s)
        and lift.safety_circuit_closed.at(now_s)
        and lift.rear_door.opening(now_s) < 0.001
    )


def _is_quiet(lift: Lift, t_s: float) -> bool:
    if lift.motion.state(t_s)[1] != 0.0 or lift.motion.state(t_s + _GAP_S)[1] != 0.0:
        return False
    return not any(door.is_moving_within(t_s - _GAP_S, t_s + _GAP_S) for door in (lift.door, lift.rear_door))


def _tracks(lift: Lift) -> Iterator[AnyTrack]:
    for value in vars(lift).values():
        if isinstance(value, StepTrack | SlopeTrack | DoorTrack | MotionTrack | ShakeTrack):
            yield value
