"""Special events of a campaign: how often they happen in a year, and how they go.

Rare events are run more often than they happen, so that there is something to judge; the report divides by how often
they happen. The yearly figures are guesses (from memory, unverified), except that of entrapments: 0.05 to 0.18 for each
lift and year (alarm catalogue, "what a good detector is measured by").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_agent.alarms import AlarmKind
from edge_agent.readings import Mode
from sim.day import Day, Planned, any_time
from sim.entrapments import empty_stop, entrapment, stop_and_recover
from sim.habits import LiftLife
from sim.words import Behaviour

_DOOR_KINDS = (AlarmKind.DOOR_REVERSALS, AlarmKind.DOOR_CLOSE_FAILURE, AlarmKind.DOOR_HELD_OPEN)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of special event: `per_year` in the world, `per_day` in the campaign."""

    name: str
    per_year: float
    per_day: float
    perform: Callable[[Day], None]


def draw_troubles(life: LiftLife, rng: np.random.Generator) -> tuple[Planned, ...]:
    """The special events of one day."""
    return tuple(
        Planned(any_time(life, rng), trouble.name, trouble.perform)
        for trouble in TROUBLES
        if rng.random() < trouble.per_day
    )


def _moving_house(day: Day) -> None:
    """Furniture holds the door, is rolled in, and rides with two people, several times."""
    start_s = day.lift.now_s
    for _ in range(int(day.rng.integers(2, 5))):
        day.fetch()
        if day.chance(0.5):
            day.lift.close_door(obstructed_times=int(day.rng.integers(1, 7)))
            day.lift.open_door()
        day.lift.roll_goods(day.draw(30.0, 200.0))
        day.board(2)
        day.close()
        day.go(day.other_landing())
        day.open()
        day.lift.roll_goods(day.draw(20.0, 90.0))
        day.lift.leave()
        day.close()
    day.diary.allow(_DOOR_KINDS, start_s, day.lift.now_s + 30.0)


def _children(day: Day) -> None:
    """Children ride up and down and jump, also while the car stands and waits."""
    for _ in range(int(day.rng.integers(1, 4))):
        day.fetch()
        day.board(int(day.rng.integers(1, 4)))
        day.lift.behaviour.set(day.lift.now_s, Behaviour.JUMPING)
        day.lift.wait(day.draw(0.0, 15.0))
        day.close()
        day.go(day.other_landing())
        day.open()
        day.lift.leave()
        day.close()


def _cleaning(day: Day) -> None:
    """The cleaner wedges the door, wipes everything including the box, and rides to the next landing."""
    for _ in range(int(day.rng.integers(1, 3))):
        day.fetch()
        day.lift.enter(1)
        for _ in range(int(day.rng.integers(1, 4))):
            day.lift.behaviour.set(day.lift.now_s, Behaviour.RESTLESS)
            day.lift.wait(day.draw(20.0, 120.0))
            if day.chance(0.3):
                day.lift.knock_box(0.0)
                day.diary.allow((AlarmKind.IMPACT,), day.lift.now_s - 3.0, day.lift.now_s + 5.0)
        day.close()
        day.go(day.other_landing())
        day.open()
        day.lift.leave()
        day.close()


def _inspection(day: Day) -> None:
    """A technician on the roof of the car drives it between landings and works there for minutes."""
    lift = day.lift
    lift.wait(day.draw(20.0, 60.0))
    lift.mode.set(lift.now_s, Mode.INSPECTION)
    lift.wait(day.draw(5.0, 20.0))
    for _ in range(int(day.rng.integers(2, 6))):
        place = float(np.clip(day.landing + day.draw(-1.5, 1.5), 0.0, day.landings - 1))
        lift.inspect(place, min(day.draw(0.15, 0.6), day.life.spec.rated_mps))
        work_s = day.draw(10.0, 150.0)
        for _ in range(int(work_s / 8.0)):
            lift.shake(lift.now_s + day.draw(0.0, work_s), (0.05, 0.05, day.draw(0.02, 0.15)), day.draw(4.0, 9.0), 8.0)
        lift.wait(work_s)
    lift.inspect(float(day.landing), min(0.3, day.life.spec.rated_mps))
    lift.wait(day.draw(2.0, 10.0))
    lift.mode.set(lift.now_s, Mode.NORMAL)
    lift.wait(day.draw(5.0, 30.0))


def _power_dip(day: Day) -> None:
    """The supply of the empty, standing lift is away for about a second."""
    _dark(day, day.draw(0.1, 1.6))
    day.lift.wait(day.draw(20.0, 60.0))


def _power_cut(day: Day) -> None:
    """The supply of the empty, standing lift is away for minutes."""
    start_s = day.lift.now_s
    _dark(day, day.draw(60.0, 300.0))
    day.lift.wait(day.draw(60.0, 90.0))
    day.diary.allow((AlarmKind.MAINS_LOST, AlarmKind.CONTROLLER_LINK_LOST), start_s, day.lift.now_s)


def _dark(day: Day, for_s: float) -> None:
    lift = day.lift
    lift.mains.set(lift.now_s, False)
    lift.controller_is_on.set(lift.now_s, False)
    lift.wait(for_s)
    lift.mains.set(lift.now_s, True)
    lift.controller_is_on.set(lift.now_s + 8.0, True)
    lift.wait(10.0)


def _out_of_service(day: Day) -> None:
    """Somebody turns the key: the car stands, open or closed, and serves nobody."""
    if day.chance(0.5):
        day.open()
    day.lift.mode.set(day.lift.now_s, Mode.OUT_OF_SERVICE)
    day.lift.wait(day.draw(100.0, 400.0))
    day.lift.mode.set(day.lift.now_s, Mode.NORMAL)
    day.lift.wait(3.0)
    if day.lift.door.opening(day.lift.now_s) > 0.0:
        day.close()


def _fire_return(day: Day) -> None:
    """The fire alarm brings the car with its passenger to the entrance; it stays there, open."""
    day.fetch()
    day.board(1)
    day.close()
    if day.landing != 0:
        day.lift.mode.set(day.lift.now_s, Mode.FIRE_RETURN)
        day.go(0)
    day.open()
    day.lift.leave()
    day.lift.wait(day.draw(60.0, 300.0))
    day.lift.mode.set(day.lift.now_s, Mode.NORMAL)
    day.close()


def _door_blocked(day: Day) -> None:
    """A bag, a trolley or a long goodbye keeps the door from closing for a while."""
    start_s = day.lift.now_s
    day.fetch()
    day.lift.enter(1)
    times = int(day.rng.integers(1, 9))
    day.lift.close_door(obstructed_times=times)
    if times >= 3:
        day.diary.allow(_DOOR_KINDS, start_s, day.lift.now_s + 5.0)
    day.lift.wait(day.draw(0.3, 1.0))
    day.go(day.other_landing())
    day.open()
    day.lift.leave()
    day.close()


def _box_knock(day: Day) -> None:
    """Somebody hits the box while the car stands."""
    day.lift.wait(day.draw(10.0, 40.0))
    start_s = day.lift.now_s
    day.lift.knock_box(0.0)
    day.diary.allow((AlarmKind.IMPACT,), start_s - 1.0, day.lift.now_s + 5.0)
    day.lift.wait(30.0)


def _button_played_with(day: Day) -> None:
    """Somebody leans on the alarm button at an open door for some seconds."""
    day.fetch()
    day.board(1)
    for_s = day.draw(0.3, 8.0)
    day.lift.alarm_button.set(day.lift.now_s, True)
    day.lift.alarm_button.set(day.lift.now_s + for_s, False)
    day.lift.wait(for_s + 1.0)
    day.close()
    day.go(day.other_landing())
    day.open()
    day.lift.leave()
    day.close()


TROUBLES: tuple[Trouble, ...] = (
    Trouble("entrapment", 0.16, 0.5, entrapment),
    Trouble("stop and recover", 0.5, 0.08, stop_and_recover),
    Trouble("empty stop", 0.1, 0.08, empty_stop),
    Trouble("moving house", 4.0, 0.03, _moving_house),
    Trouble("children jumping", 30.0, 0.08, _children),
    Trouble("cleaning", 52.0, 0.08, _cleaning),
    Trouble("inspection", 8.0, 0.06, _inspection),
    Trouble("power dip", 12.0, 0.05, _power_dip),
    Trouble("power cut", 1.0, 0.03, _power_cut),
    Trouble("out of service", 3.0, 0.03, _out_of_service),
    Trouble("fire return", 0.5, 0.03, _fire_return),
    Trouble("door blocked", 12.0, 0.05, _door_blocked),
    Trouble("box knocked", 2.0, 0.04, _box_knock),
    Trouble("alarm button played with", 5.0, 0.03, _button_played_with),
)
"""All special events."""
