"""Normal traffic: people call, ride and leave at random landings; now and then somebody stops the closing door."""

from __future__ import annotations

from sim.lift import Lift

_REVERSAL_CHANCE = 0.07
_RIDERS = (1, 1, 1, 1, 2, 2, 3, 5)


def run_traffic(lift: Lift, duration_s: float, trips_per_hour: float) -> None:
    """Serve calls for `duration_s`; ends empty, with the door closed, after the last call that began in time."""
    end_s = lift.now_s + duration_s
    if lift.door.opening(lift.now_s) > 0.0:
        lift.close_door()
    while True:
        pause_s = float(lift.rng.exponential(3600.0 / trips_per_hour))
        if lift.now_s + pause_s >= end_s:
            lift.now_s = max(end_s, lift.now_s)
            return
        lift.wait(pause_s)
        _serve_call(lift)


def _serve_call(lift: Lift) -> None:
    landings = range(len(lift.spec.landing_heights_m))
    caller, goal = (int(landing) for landing in lift.rng.choice(landings, size=2, replace=False))
    if lift.rng.random() < 0.4 and 0 not in (caller, goal):  # most rides begin or end at the entrance
        caller, goal = (0, goal) if lift.rng.random() < 0.5 else (caller, 0)
    if caller != lift.nearest_landing(lift.height_m):
        lift.travel(caller)
        lift.wait(float(lift.rng.uniform(0.1, 0.5)))
    lift.open_door()
    lift.wait(float(lift.rng.uniform(0.3, 1.5)))
    lift.enter(int(lift.rng.choice(_RIDERS)))
    _close(lift)
    lift.travel(goal)
    lift.wait(float(lift.rng.uniform(0.1, 0.5)))
    lift.open_door()
    lift.wait(float(lift.rng.uniform(0.2, 1.0)))
    lift.leave()
    _close(lift)


def _close(lift: Lift) -> None:
    lift.wait(lift.spec.door.dwell_s * float(lift.rng.uniform(0.5, 1.5)))
    reversals = 1 if lift.rng.random() < _REVERSAL_CHANCE else 0
    lift.close_door(obstructed_times=reversals)
    lift.wait(float(lift.rng.uniform(0.3, 1.2)))
