"""A controller that lies or falls silent hides and invents no entrapment, and is told as an instrument fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.installation import Installation
from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    Direction,
    Mode,
    Reading,
    Signal,
    SignalEdge,
)
from edge_agent.recording import with_ticks
from tests.detect.boxes import Box, pieces_of
from tests.detect.physics import ORDINARY, cut_short
from tests.detect.scenes import DOORS, Outcome, Scene, at_ns, concluded
from tests.detect.states import LIMITS

POLL_S = 0.5
ZONE_M = 0.2
PEOPLE = frozenset({Signal.PRESENCE})
Lie = Callable[[ControllerReport], ControllerReport]


@dataclass
class Story:
    """A scene, when people were in the car, and when they were trapped."""

    scene: Scene
    inside_s: list[tuple[float, float]] = field(default_factory=list)
    trapped_s: float | None = None

    def board(self) -> None:
        self.inside_s.append((self.scene.t_s, float("inf")))

    def alight(self) -> None:
        self.inside_s[-1] = (self.inside_s[-1][0], self.scene.t_s)

    def stir(self, seconds: float) -> None:
        """People stand in the car, seen by the presence sensor now and then."""
        until_s = self.scene.t_s + seconds
        while self.scene.t_s < until_s:
            self.scene.edge(Signal.PRESENCE, True)
            self.scene.stand(4.0)
            self.scene.edge(Signal.PRESENCE, False)
            self.scene.stand(8.0)

    def ride(self, to: int) -> None:
        """Somebody boards, rides and leaves."""
        scene = self.scene
        scene.open().stand(1.0)
        self.board()
        scene.edge(Signal.PRESENCE, True)
        scene.stand(2.5).close().stand(1.0)
        scene.trip(to)
        scene.edge(Signal.PRESENCE, False)
        scene.stand(1.0).open().stand(2.0)
        self.alight()
        scene.stand(2.0).close().stand(3.0)

    @cached_property
    def blocks(self) -> list[AccelFrame]:
        """The samples, a second each."""
        return pieces_of(self.scene.block(), [25])

    @cached_property
    def truth(self) -> list[ControllerReport]:
        """What an honest controller says, twice a second."""
        times_s = np.arange(0.25, self.scene.t_s, POLL_S)
        _, speeds, heights = self.scene.path.at(times_s)
        doors = self._doors(times_s)
        return [
            self._said(float(t_s), float(speed), float(height), door)
            for t_s, speed, height, door in zip(times_s, speeds, heights, doors, strict=True)
        ]

    def _doors(self, times_s: np.ndarray) -> list[ControllerDoor]:
        edges = sorted((e for e in self.scene.others if isinstance(e, SignalEdge)), key=lambda edge: edge.t_ns)
        states: list[ControllerDoor] = []
        level: dict[Signal, bool] = {}
        for t_s in times_s:
            while edges and edges[0].t_ns <= t_s * 1e9:
                edge = edges.pop(0)
                level[edge.signal] = edge.is_active
            is_open, is_closed = level.get(Signal.DOOR_OPEN, False), level.get(Signal.DOOR_CLOSED, True)
            last = states[-1] if states else ControllerDoor.CLOSED
            between = last
            if last is ControllerDoor.CLOSED:
                between = ControllerDoor.OPENING
            elif last is ControllerDoor.OPEN:
                between = ControllerDoor.CLOSING
            states.append(ControllerDoor.OPEN if is_open else ControllerDoor.CLOSED if is_closed else between)
        return states

    def _said(self, t_s: float, speed: float, height: float, door: ControllerDoor) -> ControllerReport:
        off_m = min(abs(height - each) for each in self.scene.heights_m)
        is_inside = any(begin <= t_s < end for begin, end in self.inside_s)
        moving = Direction.UP if speed > 0.05 else Direction.DOWN if speed < -0.05 else Direction.NONE
        is_trapped = self.trapped_s is not None and t_s > self.trapped_s
        return ControllerReport(
            t_ns=at_ns(t_s),
            floor=str(min(range(5), key=lambda k: abs(self.scene.heights_m[k] - height))),
            direction=moving,
            mode=Mode.NORMAL,
            door=door,
            fault=36 if is_trapped else 0,
            safety_circuit_closed=door is ControllerDoor.CLOSED and not is_trapped,
            door_zone=off_m <= ZONE_M,
            passenger=is_inside,
            speed_mps=abs(round(speed, 2)),
            load_percent=round(20.0 + 0.3 * (t_s % 7.0), 1) if is_inside else round(0.5 * (t_s % 3.0), 1),
        )

    def run(self, lie: Lie | None = None, *, has_contacts: bool = True, silent_from_s: float = 1e9) -> Outcome:
        """What the core concludes with these words of the controller."""
        words = [said if lie is None else lie(said) for said in self.truth]
        words = [said for said in words if said.t_ns < silent_from_s * 1e9]
        wired = self.scene.signals if has_contacts else PEOPLE
        edges = [e for e in self.scene.others if not isinstance(e, SignalEdge) or e.signal in wired]
        merged: list[Reading] = sorted([*self.blocks, *edges, *words], key=lambda reading: reading.t_ns)
        return concluded(self._installation(wired), with_ticks(iter(merged), "story"))

    def _installation(self, wired: frozenset[Signal]) -> Installation:
        here = self.scene.installation
        return replace(here, wiring=replace(here.wiring, has_controller=True, signals=wired))


def begun(trips: int) -> Story:
    story = Story(Scene(signals=DOORS | PEOPLE, box=Box(rate_hz=25.0)))
    story.scene.stand(6.0)
    for k in range(trips):
        story.ride((2, 4, 1, 3, 0)[k % 5])
    return story


@cache
def parked() -> Story:
    """A day without trouble: five rides, then the empty car stands with its door shut for minutes."""
    story = begun(5)
    story.scene.stand(150.0)
    return story


@cache
def stuck_between() -> Story:
    """Four rides, then the brake drops between landings with two people inside."""
    story = begun(4)
    scene = story.scene
    scene.open().stand(1.0)
    story.board()
    scene.edge(Signal.PRESENCE, True)
    scene.stand(2.5).close().stand(1.0)
    scene.go(cut_short(9.0, ORDINARY, 3.0, 2.8))
    scene.edge(Signal.PRESENCE, False)
    story.trapped_s = scene.t_s
    story.stir(85.0)
    return story


@cache
def stuck_at_landing() -> Story:
    """Four rides, then the door does not open at the landing where two people have arrived."""
    story = begun(4)
    scene = story.scene
    scene.open().stand(1.0)
    story.board()
    scene.edge(Signal.PRESENCE, True)
    scene.stand(2.5).close().stand(1.0)
    scene.trip(3)
    scene.edge(Signal.PRESENCE, False)
    story.trapped_s = scene.t_s
    story.stir(110.0)
    return story


LIES: dict[str, tuple[str, Lie]] = {
    "stands": ("direction", lambda said: replace(said, direction=Direction.NONE, speed_mps=0.0)),
    "always up": ("", lambda said: replace(said, direction=Direction.UP)),
    "floor 2": ("floor", lambda said: replace(said, floor="2")),
    "door closed": ("door", lambda said: replace(said, door=ControllerDoor.CLOSED)),
    "door open": ("door", lambda said: replace(said, door=ControllerDoor.OPEN)),
    "door faulty": ("", lambda said: replace(said, door=ControllerDoor.FAULT)),
    "never in the zone": ("door_zone", lambda said: replace(said, door_zone=False)),
    "always in the zone": ("door_zone", lambda said: replace(said, door_zone=True)),
    "circuit open": ("safety_circuit", lambda said: replace(said, safety_circuit_closed=False)),
    "circuit closed": ("", lambda said: replace(said, safety_circuit_closed=True)),
    "occupied": ("", lambda said: replace(said, passenger=True)),
    "empty": ("", lambda said: replace(said, passenger=False)),
    "heavy": ("", lambda said: replace(said, load_percent=60.0)),
    "light": ("", lambda said: replace(said, load_percent=0.0)),
    "occupied and heavy": ("", lambda said: replace(said, passenger=True, load_percent=60.0)),
    "inspection": ("mode", lambda said: replace(said, mode=Mode.INSPECTION)),
    "out of service": ("", lambda said: replace(said, mode=Mode.OUT_OF_SERVICE)),
    "fault 36": ("", lambda said: replace(said, fault=36)),
    "no fault": ("", lambda said: replace(said, fault=0)),
}


def told_sources(outcome: Outcome) -> set[str]:
    return {
        str({item.name: item.value for item in alarm.evidence}["source"])
        for alarm in outcome.of(AlarmKind.SENSOR_FAULT)
    }


def test_an_honest_controller_is_never_doubted() -> None:
    for story in (parked(), stuck_between(), stuck_at_landing()):
        outcome = story.run()
        assert told_sources(outcome) == set()
        assert bool(outcome.of(AlarmKind.ENTRAPMENT)) is (story.trapped_s is not None)


@pytest.mark.parametrize("name", LIES)
def test_a_lie_invents_no_entrapment_and_is_told_where_the_sensors_show_it(name: str) -> None:
    source, lie = LIES[name]
    outcome = parked().run(lie)
    assert outcome.of(AlarmKind.ENTRAPMENT) == []
    assert told_sources(outcome) == ({f"controller.{source}"} if source else set())


STORIES: dict[str, tuple[Callable[[], Story], float]] = {
    "between": (stuck_between, LIMITS.entrapment_hold_s_outside_zone),
    "landing": (stuck_at_landing, LIMITS.entrapment_hold_s_at_landing),
}
SOON = {
    *(("between", name) for name in ("door open", "empty", "always in the zone", "inspection")),
    *(("landing", name) for name in ("door open", "empty", "light", "inspection", "no fault")),
}
"""Those that could hide most; the others with the tests that take their time."""


@pytest.mark.parametrize(
    ("where", "name"),
    [
        pytest.param(where, name, marks=[] if (where, name) in SOON else [pytest.mark.system])
        for where in STORIES
        for name in LIES
    ],
)
def test_a_lie_hides_no_entrapment(where: str, name: str) -> None:
    make, hold_s = STORIES[where]
    story = make()
    assert story.trapped_s is not None
    times_s = [t_s - story.trapped_s for t_s in story.run(LIES[name][1]).times_s(AlarmKind.ENTRAPMENT)]
    assert len(times_s) == 1
    assert 20.0 <= times_s[0] <= hold_s + 10.0


@pytest.mark.parametrize("has_contacts", [True, False])
def test_a_controller_that_falls_silent_hides_and_invents_nothing(has_contacts: bool) -> None:
    """Without contacts an open door was its last word when the two who are trapped boarded."""
    story = stuck_between()
    assert story.trapped_s is not None
    boarding_s = story.inside_s[-1][0] + 1.0
    outcome = story.run(silent_from_s=boarding_s, has_contacts=has_contacts)
    assert len(outcome.of(AlarmKind.ENTRAPMENT)) == 1
    quiet = parked().run(silent_from_s=parked().scene.t_s - 140.0, has_contacts=has_contacts)
    assert quiet.of(AlarmKind.ENTRAPMENT) == []
    assert quiet.raised == ["controller_link_lost"]


def test_a_door_that_is_always_open_by_the_controllers_word_alone_is_not_believed_after_two_trips() -> None:
    _, lie = LIES["door open"]
    outcome = stuck_between().run(lie, has_contacts=False)
    assert told_sources(outcome) == {"controller.door"}
    assert len(outcome.of(AlarmKind.ENTRAPMENT)) == 1


def test_what_was_doubted_is_believed_again_when_it_is_right() -> None:
    story = begun(4)
    lied_until_s = story.scene.t_s
    for to in (2, 4, 1, 3):
        story.ride(to)
    story.scene.stand(70.0)
    _, lie = LIES["never in the zone"]
    outcome = story.run(lambda said: lie(said) if said.t_ns < lied_until_s * 1e9 else said)
    assert told_sources(outcome) == {"controller.door_zone"}
    assert len(outcome.times_s(AlarmKind.SENSOR_FAULT)) == 1
    assert [alarm.kind for alarm in outcome.alarms if alarm.state.value == "cleared"][-1] is AlarmKind.SENSOR_FAULT


def test_a_contact_that_says_inspection_while_the_lift_runs_normally_mutes_nothing() -> None:
    story = stuck_at_landing()
    scene = story.scene
    wired = replace(scene, signals=scene.signals | {Signal.INSPECTION}, others=list(scene.others))
    wired.edge(Signal.INSPECTION, True, 0.5)
    outcome = Story(wired, story.inside_s, story.trapped_s).run(lambda said: replace(said, mode=None))
    assert len(outcome.of(AlarmKind.ENTRAPMENT)) == 1
    assert told_sources(outcome) == {"inspection"}
