"""Snapshots of the car made by hand, and what the rules say about a row of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState
from edge_agent.detect.car import CarState
from edge_agent.detect.detector import Detector
from edge_agent.detect.episodes import Episodes
from edge_agent.detect.limits import Limits, limits_with
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.rules.rule import Finding, Rule
from edge_agent.detect.signal import FRAME_NS, FRAME_S
from edge_agent.installation import Installation, Lift
from edge_agent.readings import Tick

LIMITS = Limits()
S = 1_000_000_000
ARRIVED_S = 100.0


def _blank() -> CarState:
    """What the core shows before anything came in: so a new field needs no change here."""
    detector = Detector(Installation(Lift("hand-made")), Limits())
    detector.step(Tick(0))
    detector.step(Tick(FRAME_NS))
    if detector.car is None:
        raise ValueError("no frame has passed")
    return detector.car


BLANK = _blank()


@dataclass(frozen=True)
class At:
    """Seconds, written where the core counts nanoseconds."""

    seconds: float

    @property
    def ns(self) -> int:
        return round(self.seconds * S)


def standing(
    t_s: float,
    *,
    since_s: float = ARRIVED_S,
    door: DoorState = DoorState.CLOSED,
    door_since_s: float = 90.0,
    outside: bool | None = False,
    percent: int = 90,
    **parts: Any,
) -> CarState:
    """A car that stands since `since_s`. `parts`: fields of the snapshot, or of one of its views (`door__is_fault`)."""
    car = replace(
        BLANK,
        t_ns=At(t_s).ns,
        armed_ns=0,
        motion=replace(BLANK.motion, phase=Phase.AT_REST, since_ns=At(since_s).ns),
        door=replace(BLANK.door, state=door, since_ns=At(door_since_s).ns, is_witnessed=True),
        position=replace(BLANK.position, is_outside_zone=outside),
        occupancy=replace(BLANK.occupancy, percent=percent),
    )
    return changed(car, **parts)


def running(t_s: float, *, speed_mps: float = 1.0, since_s: float = ARRIVED_S, **parts: Any) -> CarState:
    """A car on the way, doors shut."""
    car = standing(t_s, outside=None)
    motion = replace(car.motion, phase=Phase.RUNNING, since_ns=At(since_s).ns, speed_mps=speed_mps)
    return changed(replace(car, motion=motion), **parts)


def changed(car: CarState, **parts: Any) -> CarState:
    """The snapshot with some fields changed, `view__field` for a field of a view."""
    for name, value in parts.items():
        view, _, field = name.partition("__")
        car = replace(car, **{view: replace(getattr(car, view), **{field: value}) if field else value})
    return car


def frames(from_s: float, until_s: float, make: Callable[[float], CarState]) -> Iterator[CarState]:
    """One snapshot each 50 ms in (from, until]."""
    first, last = round(from_s / FRAME_S) + 1, round(until_s / FRAME_S)
    return (make(index * FRAME_S) for index in range(first, last + 1))


class Standing:
    """A rule of the tests: its kind stands raised from the first frame on, as long as asked."""

    outlives_inspection = True

    def __init__(self, kind: AlarmKind) -> None:
        self.kind = kind

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        return (Finding(self.kind, True, (), frozenset()),)

    def is_over(self, car: CarState, subject: str) -> bool:
        return True


@dataclass(frozen=True)
class Told:
    """The stages that one kind went through, with their times in seconds."""

    alarms: list[Alarm]

    def times_s(self, state: AlarmState) -> list[float]:
        return [alarm.t_ns / S for alarm in self.alarms if alarm.state is state]

    @property
    def raised_s(self) -> list[float]:
        return self.times_s(AlarmState.RAISED)

    @property
    def cleared_s(self) -> list[float]:
        return self.times_s(AlarmState.CLEARED)

    @property
    def suspected_s(self) -> list[float]:
        return self.times_s(AlarmState.SUSPECTED)

    @property
    def evidence(self) -> dict[str, object]:
        """Of the newest stage."""
        return {item.name: item.value for item in self.alarms[-1].evidence}


def told(rule: Rule, cars: Iterable[CarState], *, beside: Iterable[AlarmKind] = ()) -> Told:
    """What an episode stage tells of this rule, with other kinds standing raised beside it."""
    episodes = Episodes((*(Standing(kind) for kind in beside), rule), 1, ())
    return Told([alarm for car in cars for alarm in episodes.step(car) if alarm.kind is rule.kind])


def limited(name: str, value: float) -> Limits:
    """The defaults with one limit changed, and those bound to it moved out of the way."""
    try:
        return limits_with([(name, value)])
    except ValueError:
        return replace(LIMITS, **{name: value})
