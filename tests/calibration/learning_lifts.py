"""Drawn lifts that are learned as an installer would: every landing once, then the whole way; and what came in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_agent.installation import Drive
from edge_agent.readings import Mode, Reading, Signal
from sim import lift as truth
from sim.box import BoxSpec, Chip, draw_box
from sim.scenario import RATED_MPS
from sim.sensors import joined, ordered, raw_readings
from sim.spec import draw_lift
from sim.words import StopCause

START_NS = 100_000_000_000
FEW_LANDINGS = 4
DOORS = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED})


@dataclass(frozen=True, slots=True)
class Learned:
    """A lift that has lived through its story, and its box."""

    seed: int
    lift: truth.Lift
    box: BoxSpec
    chip: Chip

    def readings(self) -> list[Reading]:
        """What the sensors gave, ticks included; the same at each call."""
        rng = np.random.default_rng([self.seed, 3])
        return list(ordered(joined(raw_readings(self.lift, self.box, rng, self.lift.now_s, START_NS))))


def drawn(
    seed: int,
    *,
    chip: Chip | None = None,
    drive: Drive | None = None,
    landings: int | None = None,
    has_pressure: bool = False,
    signals: frozenset[Signal] = DOORS,
) -> Learned:
    """A lift and a box that stand at the lowest landing."""
    rng = np.random.default_rng(seed)
    drive = drive or list(Drive)[int(rng.integers(len(Drive)))]
    rated_mps = float(rng.choice(RATED_MPS[drive]))
    count = landings or int(rng.integers(3, 9))
    storeys_m = float(rng.uniform(2.7, 3.6)) + rng.normal(0.0, 0.01, count - 1)
    storeys_m[0] *= float(rng.choice([1.0, 1.0, 1.3]))
    heights_m = (0.0, *(round(float(height_m), 3) for height_m in np.cumsum(storeys_m)))
    lift = truth.Lift(draw_lift(rng, drive, heights_m, rated_mps), np.random.default_rng([seed, 1]))
    chip = chip or list(Chip)[int(rng.integers(len(Chip)))]
    box = draw_box(
        np.random.default_rng([seed, 2]),
        chip=chip,
        accel_rate_hz=float(rng.choice([100.0, 200.0, 400.0])),
        signals=signals,
        controller_fields=None,
        has_pressure=has_pressure,
    )
    return Learned(seed, lift, box, chip)


def cycle_door(lift: truth.Lift, dwell_s: float = 3.0) -> None:
    """Open and close."""
    lift.wait(0.5)
    lift.open_door()
    lift.wait(dwell_s)
    lift.close_door()
    lift.wait(1.5)


def ride_everywhere(lift: truth.Lift, times: int = 1) -> None:
    """As the step asks: up and down with a stop at each landing, then the whole way both ways; few landings: twice."""
    lift.wait(8.0)
    cycle_door(lift)
    top = len(lift.spec.landing_heights_m) - 1
    for _ in range(times * (2 if top < FEW_LANDINGS else 1)):
        for landing in (*range(1, top + 1), *range(top - 1, -1, -1), top, 0):
            lift.travel(landing)
            cycle_door(lift)
    lift.wait(4.0)


def stop_between(lift: truth.Lift, cause: StopCause, place: float) -> None:
    """The car is stopped on its way up, stands, and is brought to a landing; the fault is over then."""
    lift.travel(len(lift.spec.landing_heights_m) - 1, stop=cause, stop_landing=place)
    lift.wait(14.0)
    lift.fault.set(lift.now_s, 0)
    lift.safety_circuit_closed.set(lift.now_s, True)
    lift.creep_to(0)
    cycle_door(lift)


def inspect_shortly(lift: truth.Lift) -> None:
    """The inspection switch is on for some seconds."""
    lift.mode.set(lift.now_s, Mode.INSPECTION)
    lift.wait(9.0)
    lift.mode.set(lift.now_s, Mode.NORMAL)
    lift.wait(9.0)
