"""A scenario: one lift, one box, a story of commands, faults on the way, and the alarms that must or may come of it.

`play` turns it, with a seed, into a lift that has lived through the story and the readings its sensors gave. Values of
one scenario differ from seed to seed wherever the file does not fix them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from edge_agent.alarms import AlarmKind
from edge_agent.errors import EdgeAgentError
from edge_agent.installation import Drive, Installation, Lift, Wiring
from edge_agent.readings import ControllerDoor, FaultReason, Reading, Signal
from sim import lift as truth
from sim.box import CONTROLLER_FIELDS, NICE_FIELDS, BoxSpec, Chip, draw_box, draw_modem, draw_supply
from sim.chance import branches
from sim.faults import (
    ChatteringContact,
    Dropouts,
    Fault,
    Frozen,
    Gone,
    LyingController,
    Noisy,
    Saturated,
    StuckContact,
    Thinned,
    Window,
    with_faults,
)
from sim.sensors import joined, ordered, raw_readings
from sim.spec import draw_lift
from sim.steps import Step, perform
from sim.words import StoryError

RATED_MPS: Mapping[Drive, tuple[float, ...]] = {
    Drive.VVVF: (0.63, 1.0, 1.0, 1.6, 1.6, 2.0, 2.5),
    Drive.TWO_SPEED: (0.63, 0.7, 1.0),
    Drive.HYDRAULIC: (0.3, 0.4, 0.63),
}
"""Usual rated speeds. Source: from memory, unverified."""

_FULL_SCALE_MPS2 = 39.24
_ACCEL_RATES_HZ = (50.0, 100.0, 200.0)


class ScenarioError(EdgeAgentError):
    """A scenario that cannot be used; `problems` holds all of them, `str` one line each."""

    def __init__(self, problems: tuple[EdgeAgentError, ...], *, subject: str) -> None:
        super().__init__(f"{len(problems)} problems", subject=subject, hint="See docs/simulator.md")
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Knowledge(Enum):
    """What the box is told of its lift before the first reading."""

    EVERYTHING = "everything"
    SPEED = "speed"  # rated speed and drive, no landings
    NOTHING = "nothing"


class ControllerLink(Enum):
    """How much a connected controller tells."""

    NONE = "none"
    NICE3000PLUS = "nice3000plus"
    FULL = "full"


class FaultKind(Enum):
    """What goes wrong with a source; the word in the file."""

    FROZEN = "frozen"
    SATURATED = "saturated"
    NOISY = "noisy"
    THINNED = "thinned"
    SILENT = "silent"
    ABSENT = "absent"
    GAP = "gap"
    DROPOUTS = "dropouts"
    STUCK_ON = "stuck_on"
    STUCK_OFF = "stuck_off"
    CHATTERING = "chattering"
    LYING_DOOR_CLOSED = "lying_door_closed"
    LYING_EMPTY = "lying_empty"


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds after the step that carries `mark` began; without a mark, after the start."""

    mark: str | None
    offset_s: float


@dataclass(frozen=True, slots=True)
class LiftPlan:
    """`[lift]`. `None`: drawn."""

    drive: Drive | None
    rated_mps: float | None
    landings: int
    storey_m: float | None
    heights_m: tuple[float, ...]
    start_landing: int
    told_heights_m: tuple[float, ...]  # empty: the true ones
    knowledge: Knowledge
    first_floor_number: int


@dataclass(frozen=True, slots=True)
class BoxPlan:
    """`[box]`. `None`: drawn."""

    has_accelerometer: bool
    chip: Chip | None
    accel_rate_hz: float | None
    signals: frozenset[Signal]
    controller: ControllerLink
    has_pressure: bool
    has_supply: bool = False
    battery_lasts_min: float | None = None
    has_modem: bool = False
    rssi_dbm: tuple[float, ...] = ()  # one for each landing; empty: drawn


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One `[[step]]` and where it stands in the file."""

    step: Step
    mark: str | None
    subject: str


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One `[[fault]]`."""

    of: str
    kind: FaultKind
    start: Moment
    for_s: float
    amount: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """One `[[expect]]`: raised in [start, raise_by], clear by `clear_by` (None: open end)."""

    kind: AlarmKind
    start: Moment
    raise_by: Moment
    clear_by: Moment | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """One `[[allow]]`: may stand from `start` to `end` (None: open end)."""

    kind: AlarmKind
    start: Moment
    end: Moment | None


@dataclass(frozen=True, slots=True)
class ExpectedSignal:
    """One `[[expect_signal]]`: the signal at a landing is told in [start, told_by], as strong as this."""

    landing: int
    rssi_dbm: float
    within_db: float
    start: Moment
    told_by: Moment


@dataclass(frozen=True, slots=True)
class Scenario:
    """One file of `sim/scenarios`."""

    name: str
    title: str
    story: str
    lift: LiftPlan
    box: BoxPlan
    steps: tuple[PlannedStep, ...]
    faults: tuple[PlannedFault, ...]
    expected: tuple[Expectation, ...]
    allowed: tuple[Allowance, ...]
    signals: tuple[ExpectedSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario with its seed, lived through. Times are seconds of the story."""

    scenario: Scenario
    seed: int
    lift: truth.Lift
    box: BoxSpec
    installation: Installation
    marks: Mapping[str, float]
    step_starts_s: tuple[float, ...]
    duration_s: float

    def time_of(self, moment: Moment) -> float:
        """A moment of the file in seconds of this run."""
        return (0.0 if moment.mark is None else self.marks[moment.mark]) + moment.offset_s

    def raw_readings(self, start_ns: int = 0) -> Iterator[Reading]:
        """What the sensors gave, faults included, in order of capture time, without ticks. The same at each call."""
        _, _, _, sensor_rng, fault_rng = _chances(self.seed)
        clean = raw_readings(self.lift, self.box, sensor_rng, self.duration_s, start_ns)
        return with_faults(clean, self.faults(start_ns), fault_rng)

    def readings(self, start_ns: int = 0) -> Iterator[Reading]:
        """The same with ticks, samples in frames of up to a second: what the core gets."""
        return ordered(joined(self.raw_readings(start_ns)))

    def faults(self, start_ns: int = 0) -> tuple[Fault, ...]:
        """The faults of the file as transforms."""
        return tuple(self._fault(planned, start_ns) for planned in self.scenario.faults)

    def _fault(self, planned: PlannedFault, start_ns: int) -> Fault:
        begin_ns = start_ns + round(self.time_of(planned.start) * 1e9)
        window = Window(begin_ns, begin_ns + round(planned.for_s * 1e9))
        match planned.kind:
            case FaultKind.FROZEN:
                return Frozen(window)
            case FaultKind.SATURATED:
                return Saturated(window, _FULL_SCALE_MPS2 if self.box.accel is None else self.box.accel.range_mps2)
            case FaultKind.NOISY:
                return Noisy(window, planned.amount)
            case FaultKind.THINNED:
                return Thinned(window, max(2, round(planned.amount)))
            case FaultKind.SILENT:
                return Gone(window, planned.of, FaultReason.SILENT)
            case FaultKind.ABSENT:
                return Gone(window, planned.of, FaultReason.ABSENT)
            case FaultKind.GAP:
                return Gone(window, planned.of)
            case FaultKind.DROPOUTS:
                return Dropouts(window, planned.of, planned.amount)
            case FaultKind.STUCK_ON:
                return StuckContact(window, Signal(planned.of), True)
            case FaultKind.STUCK_OFF:
                return StuckContact(window, Signal(planned.of), False)
            case FaultKind.CHATTERING:
                return ChatteringContact(window, Signal(planned.of), planned.amount)
            case FaultKind.LYING_DOOR_CLOSED:
                return LyingController(window, door=ControllerDoor.CLOSED)
            case FaultKind.LYING_EMPTY:
                return LyingController(window, passenger=False)


def play(scenario: Scenario, seed: int) -> Played:
    """Live through the story. Raises `ScenarioError` naming the line of a step that the lift cannot carry out."""
    spec_rng, story_rng, box_rng, _, _ = _chances(seed)
    lift = _lift(scenario.lift, spec_rng, story_rng)
    marks: dict[str, float] = {}
    starts_s: list[float] = []
    for planned in scenario.steps:
        starts_s.append(lift.now_s)
        if planned.mark is not None:
            marks[planned.mark] = lift.now_s
        try:
            perform(lift, planned.step)
        except StoryError as error:
            problem = EdgeAgentError(str(error), subject=planned.subject, hint="Change this step or the one before it")
            raise ScenarioError((problem,), subject=planned.subject) from error
    box = _box(scenario.box, box_rng, len(lift.spec.landing_heights_m))
    return Played(
        scenario=scenario,
        seed=seed,
        lift=lift,
        box=box,
        installation=_installation(scenario, lift, box),
        marks=marks,
        step_starts_s=tuple(starts_s),
        duration_s=lift.now_s,
    )


def _chances(seed: int) -> list[np.random.Generator]:
    return branches(np.random.default_rng(seed), 5)


def _lift(plan: LiftPlan, spec_rng: np.random.Generator, story_rng: np.random.Generator) -> truth.Lift:
    drive = plan.drive if plan.drive is not None else list(Drive)[int(spec_rng.integers(len(Drive)))]
    rated_mps = plan.rated_mps if plan.rated_mps is not None else float(spec_rng.choice(RATED_MPS[drive]))
    heights_m = plan.heights_m
    if not heights_m:
        storey_m = plan.storey_m if plan.storey_m is not None else float(spec_rng.uniform(2.7, 3.6))
        heights_m = _heights(plan.landings, storey_m, spec_rng)
    spec = draw_lift(spec_rng, drive, heights_m, rated_mps, plan.first_floor_number)
    return truth.Lift(spec, story_rng, plan.start_landing)


def _heights(landings: int, storey_m: float, rng: np.random.Generator) -> tuple[float, ...]:
    """Storeys that differ by centimetres, and an entrance storey that is often higher."""
    entrance_m = storey_m * float(rng.choice([1.0, 1.0, rng.uniform(1.1, 1.5)]))
    storeys_m = [entrance_m, *(storey_m + rng.normal(0.0, 0.01, landings - 2))]
    return (0.0, *(round(float(height_m), 3) for height_m in np.cumsum(storeys_m)))


def _box(plan: BoxPlan, rng: np.random.Generator, landings: int) -> BoxSpec:
    chip = plan.chip if plan.chip is not None else list(Chip)[int(rng.integers(len(Chip)))]
    rate_hz = plan.accel_rate_hz if plan.accel_rate_hz is not None else float(rng.choice(_ACCEL_RATES_HZ))
    fields = {
        ControllerLink.NONE: None,
        ControllerLink.NICE3000PLUS: NICE_FIELDS,
        ControllerLink.FULL: CONTROLLER_FIELDS,
    }
    box = draw_box(
        rng,
        chip=chip if plan.has_accelerometer else None,
        accel_rate_hz=rate_hz,
        signals=plan.signals,
        controller_fields=fields[plan.controller],
        has_pressure=plan.has_pressure,
    )
    if plan.has_supply:
        box = replace(box, supply=draw_supply(rng, plan.battery_lasts_min))
    if plan.has_modem:
        box = replace(box, modem=draw_modem(rng, plan.rssi_dbm, landings))
    return box


def _installation(scenario: Scenario, lift: truth.Lift, box: BoxSpec) -> Installation:
    spec, knowledge = lift.spec, scenario.lift.knowledge
    knows_speed = knowledge is not Knowledge.NOTHING
    knows_landings = knowledge is Knowledge.EVERYTHING
    return Installation(
        lift=Lift(
            lift_id=scenario.name,
            rated_speed_mps=spec.rated_mps if knows_speed else None,
            drive=spec.drive if knows_speed else None,
            landing_heights_m=scenario.lift.told_heights_m or spec.landing_heights_m if knows_landings else (),
            start_landing_index=scenario.lift.start_landing if knows_landings else None,
        ),
        wiring=Wiring(
            has_accelerometer=box.accel is not None,
            accel_rate_hz=box.accel.rate_hz if box.accel is not None else None,
            has_pressure=box.pressure is not None,
            has_controller=box.controller is not None,
            signals=box.signals,
        ),
    )
