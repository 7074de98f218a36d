"""Small scenes at one lift: what the car, its doors and its people do, as readings, and what the core concludes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Conclusion, OpenIncident, Severity, Trip
from edge_agent.detect.car import CarState
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import AccelFrame, ControllerReport, Reading, Signal, SignalEdge, Tick
from edge_agent.recording import with_ticks
from tests.detect.boxes import PLAIN, Box, pieces_of
from tests.detect.physics import ORDINARY, Drive, Path, Piece, trip

DOORS = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED})
HEIGHTS_M = (0.0, 3.0, 6.0, 9.0, 12.0)
DOOR_S = 2.5
GRAVE = frozenset({Severity.CRITICAL, Severity.MAJOR})


def at_ns(t_s: float) -> int:
    return round(t_s * 1e9)


@dataclass(frozen=True)
class Outcome:
    """What the core concluded, in order."""

    conclusions: tuple[Conclusion, ...]

    @property
    def alarms(self) -> list[Alarm]:
        return [c for c in self.conclusions if isinstance(c, Alarm)]

    @property
    def trips(self) -> list[Trip]:
        return [c for c in self.conclusions if isinstance(c, Trip)]

    def of(self, kind: AlarmKind, state: AlarmState = AlarmState.RAISED) -> list[Alarm]:
        """Stages of this kind."""
        return [a for a in self.alarms if a.kind is kind and a.state is state]

    def times_s(self, kind: AlarmKind, state: AlarmState = AlarmState.RAISED) -> list[float]:
        """When this kind was raised (or else), in seconds."""
        return [a.t_ns / 1e9 for a in self.of(kind, state)]

    @property
    def raised(self) -> list[str]:
        """Names of all that was raised, in order."""
        return [a.kind.public_name for a in self.alarms if a.state is AlarmState.RAISED]

    @property
    def grave(self) -> list[str]:
        """Names of the critical and major ones that were raised."""
        return [a.kind.public_name for a in self.alarms if a.state is AlarmState.RAISED and a.severity in GRAVE]


def concluded(
    installation: Installation,
    readings: Iterable[Reading],
    limits: Limits | None = None,
    *,
    first_incident: int = 1,
    resumed: tuple[OpenIncident, ...] = (),
) -> Outcome:
    """All conclusions about a stream."""
    detector = Detector(
        installation, Limits() if limits is None else limits, first_incident=first_incident, resumed=resumed
    )
    return Outcome(tuple(c for reading in readings for c in detector.step(reading)))


@dataclass
class Scene:
    """One lift. Verbs move time on; `t_s` is now. At the beginning the car stands at `start` with its door closed."""

    heights_m: tuple[float, ...] = HEIGHTS_M
    drive: Drive = ORDINARY
    signals: frozenset[Signal] = DOORS
    box: Box = PLAIN
    start: int | None = 0
    knows_heights: bool = True
    has_controller: bool = False
    path: Path = field(default_factory=Path)
    others: list[Reading] = field(default_factory=list)
    silences_s: list[tuple[float, float]] = field(default_factory=list)  # no samples from .. until
    shakes: list[tuple[float, tuple[float, ...]]] = field(default_factory=list)  # from, m/s2 every 10 ms

    def __post_init__(self) -> None:
        self.path.height_m = self.heights_m[self.start or 0]
        for signal in sorted(self.signals, key=lambda s: s.value):
            self.edge(signal, signal in (Signal.DOOR_CLOSED, Signal.DOOR_CLOSED_REAR, Signal.MAINS))

    @property
    def installation(self) -> Installation:
        return Installation(
            Lift(
                "scene",
                rated_speed_mps=self.drive.speed_mps,
                landing_heights_m=self.heights_m if self.knows_heights else (),
                start_landing_index=self.start if self.knows_heights else None,
            ),
            Wiring(accel_rate_hz=self.box.rate_hz, has_controller=self.has_controller, signals=self.signals),
        )

    @property
    def t_s(self) -> float:
        return self.path.end_s

    # ---- verbs

    def stand(self, seconds: float) -> Scene:
        self.path.stand(seconds)
        return self

    def go(self, pieces: list[Piece]) -> tuple[float, float]:
        """The car follows the pieces; returns begin and end."""
        return self.path.run(pieces)

    def trip(self, to: int, drive: Drive | None = None) -> tuple[float, float]:
        """A whole trip to a landing."""
        return self.go(trip(self.heights_m[to] - self.path.height_m, self.drive if drive is None else drive))

    def edge(self, signal: Signal, is_active: bool, at_s: float | None = None) -> None:
        """A line changes, now or at another time."""
        if signal in self.signals:
            self.others.append(SignalEdge(at_ns(self.t_s if at_s is None else at_s), signal, is_active))

    def report(self, at_s: float | None = None, **said: Any) -> None:
        """The controller says something."""
        self.others.append(ControllerReport(at_ns(self.t_s if at_s is None else at_s), **said))

    def open(self, seconds: float = DOOR_S) -> Scene:
        """The door opens fully; the car stands."""
        self.edge(Signal.DOOR_CLOSED, False, self.t_s + 0.1)
        self.edge(Signal.DOOR_OPEN, True, self.t_s + seconds)
        return self.stand(seconds)

    def close(self, seconds: float = DOOR_S) -> Scene:
        """The door closes fully; the car stands."""
        self.edge(Signal.DOOR_OPEN, False, self.t_s + 0.1)
        self.edge(Signal.DOOR_CLOSED, True, self.t_s + seconds)
        return self.stand(seconds)

    def serve(self, to: int, dwell_s: float = 4.0, wait_s: float = 1.5) -> Scene:
        """Trip, door open, door closed."""
        self.trip(to)
        return self.stand(1.0).open().stand(dwell_s).close().stand(wait_s)

    def ordinary_traffic(self) -> Scene:
        """A start as on any day: a few trips with people, so that the core knows this lift."""
        self.stand(5.0).open().stand(4.0).close().stand(1.5)
        for to in (2, 1, 3, 0):
            self.serve(to)
        return self

    # ---- what comes of it

    def block(self) -> AccelFrame:
        """All samples in one piece."""
        times_ns = self.box.times_ns(0.0, self.t_s)
        times_s = times_ns / 1e9
        vertical = self.path.at(times_s)[0]
        for from_s, values in self.shakes:
            grid_s = from_s + np.arange(len(values)) * 0.01
            vertical = vertical + np.interp(times_s, grid_s, np.array(values), left=0.0, right=0.0)
        block = AccelFrame(times_ns, self.box.samples(times_s, vertical))
        kept = np.ones(len(times_ns), dtype=bool)
        for from_s, until_s in self.silences_s:
            kept &= (times_s < from_s) | (times_s >= until_s)
        return AccelFrame(block.times_ns[kept], block.samples_mps2[kept])

    def readings(self, sizes: list[int] | None = None, *, has_ticks: bool = True) -> list[Reading]:
        """The stream as the core gets it; blocks of a tenth of a second unless told."""
        blocks = pieces_of(self.block(), [max(1, int(self.box.rate_hz / 10))] if sizes is None else sizes)
        merged: Iterator[Reading] = iter(sorted([*blocks, *self.others], key=lambda reading: reading.t_ns))
        end = [Tick(at_ns(self.t_s) + 1)]
        return [*(with_ticks(merged, "scene") if has_ticks else merged), *end]

    def run(self, limits: Limits | None = None) -> Outcome:
        """What the core concludes."""
        return concluded(self.installation, self.readings(), limits)

    def cars(self, *times_s: float, limits: Limits | None = None) -> list[CarState]:
        """The car as the core sees it at these times, ascending."""
        detector = Detector(self.installation, Limits() if limits is None else limits)
        found: list[CarState] = []
        for reading in self.readings():
            while len(found) < len(times_s) and reading.t_ns > times_s[len(found)] * 1e9 and detector.car is not None:
                found.append(detector.car)
            detector.step(reading)
        if detector.car is None:
            raise ValueError("the scene is too short")
        return found + [detector.car] * (len(times_s) - len(found))

    def car(self) -> CarState:
        """The car at the end of the scene."""
        return self.cars(self.t_s + 1.0)[0]
