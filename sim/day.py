"""One day in the life of a simulated lift: people ride, the car parks, and now and then something special happens.

The clock of the day has 24 hours; the story that is simulated is shorter, because a parked car is watched for a while
after each ride only. What was left out is counted in the diary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_agent.alarms import AlarmKind
from sim.diary import Diary, Span
from sim.habits import HOURLY, Building, LiftLife, Parking
from sim.lift import Lift
from sim.tracks import DoorMotion
from sim.words import Behaviour

DAY_S = 86_400.0
WATCH_S = (110.0, 170.0)
"""How long a parked car is simulated after a ride: longer than the longest hold time of the catalogue, 90 s."""

LONG_WATCH_SHARE = 0.005
LONG_WATCH_S = 1800.0
LINGER_S_MAX = 80.0
"""Longer behind a closed door at a landing is an entrapment by the catalogue's own words, whatever people intend."""

HELD_S = 120.0
"""Source: alarm catalogue row 46."""

_RIDERS = (1, 1, 1, 1, 1, 2, 2, 3, 4)
_BEHAVIOURS = (Behaviour.STILL, Behaviour.CALM, Behaviour.CALM, Behaviour.CALM, Behaviour.RESTLESS)


class Day:
    """The lift, its diary and the commands that traffic and special events share."""

    def __init__(self, life: LiftLife, rng: np.random.Generator) -> None:
        self.life = life
        self.rng = rng
        self.diary = Diary()
        self.lift = Lift(life.spec, rng, life.start_landing)

    @property
    def clock_s(self) -> float:
        """Time of day."""
        return self.lift.now_s + self.diary.skipped_s

    @property
    def landing(self) -> int:
        """Where the car is."""
        return self.lift.nearest_landing(self.lift.height_m)

    @property
    def landings(self) -> int:
        """How many there are."""
        return len(self.life.spec.landing_heights_m)

    def draw(self, low: float, high: float) -> float:
        """A number in between."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return bool(self.rng.random() < share)

    # ---- commands

    def go(self, to: int) -> None:
        """Travel with the door closed, unless the car is there."""
        if to != self.landing:
            self.lift.wait(self.draw(0.4, 1.2))
            self.lift.travel(to)
            self.lift.wait(self.draw(0.1, 0.5))

    def open(self) -> None:
        """Open the door; the air of landing and well mix."""
        if self.life.box.pressure is not None and self.chance(0.2):
            self.lift.air_hpa.slope(self.lift.now_s, self.draw(-0.4, 0.4), self.draw(0.5, 1.5))
        self.lift.open_door()
        self.lift.wait(self.draw(0.3, 1.5))

    def board(self, people: int) -> None:
        """People walk in and stand as they do."""
        self.lift.enter(people)
        self.lift.behaviour.set(self.lift.now_s, _BEHAVIOURS[int(self.rng.integers(len(_BEHAVIOURS)))])

    def close(self) -> None:
        """Close after the usual time; sometimes somebody stops the door or holds it."""
        habits = self.life.habits
        self.lift.wait(self.life.spec.door.dwell_s * self.draw(0.4, 1.5))
        if self.chance(habits.hold_share):
            self.lift.wait(self.draw(5.0, 60.0))
        self.lift.close_door(obstructed_times=1 if self.chance(habits.reversal_share) else 0)
        self.lift.wait(self.draw(0.3, 1.2))

    def riders(self) -> int:
        """How many ride together."""
        return int(self.rng.choice(_RIDERS))

    def fetch(self) -> None:
        """The empty car comes to where somebody waits, and opens."""
        self.go(int(self.rng.integers(self.landings)))
        self.open()

    def other_landing(self) -> int:
        """Any landing but this one."""
        return int(self.rng.choice([each for each in range(self.landings) if each != self.landing]))

    def park(self, until_clock_s: float) -> None:
        """Stand closed and empty until then, as far as it is watched; a hydraulic car sinks and levels itself."""
        left_s = until_clock_s - self.clock_s
        if left_s <= 0.0:
            return
        watch_s = LONG_WATCH_S if self.chance(LONG_WATCH_SHARE) else self.draw(*WATCH_S)
        run_s = min(left_s, watch_s)
        if self.life.habits.sinks and run_s > 60.0:
            self.lift.sink(self.draw(0.004, 0.018), run_s - 10.0)
            self.lift.relevel()
            run_s = max(0.0, until_clock_s - self.clock_s) if left_s <= watch_s else 5.0
        self.lift.wait(run_s)
        self.diary.parked_s += min(left_s, watch_s)
        self.diary.skipped_s += max(0.0, until_clock_s - self.clock_s)


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that begins at a time of the day."""

    clock_s: float
    event: str
    perform: Callable[[Day], None]


def live_day(life: LiftLife, rng: np.random.Generator, special: tuple[Planned, ...]) -> Day:
    """Live through one day with the special events given; ends with the car parked."""
    day = Day(life, rng)
    _weather(day)
    day.lift.wait(day.draw(5.0, 40.0))
    calls = tuple(Planned(t_s, "", _serve) for t_s in _call_times(life, rng))
    for planned in sorted((*calls, *special), key=lambda each: each.clock_s):
        _idle(day, planned.clock_s)
        start_s = day.lift.now_s
        planned.perform(day)
        if planned.event:
            day.diary.spans.append(Span(planned.event, start_s, day.lift.now_s))
        else:
            day.diary.calls += 1
    _idle(day, DAY_S)
    _allow_held_open(day)
    return day


def any_time(life: LiftLife, rng: np.random.Generator) -> float:
    """A time of day at which people are about."""
    weights = np.array(HOURLY[life.habits.building])
    return (int(rng.choice(24, p=weights / weights.sum())) + float(rng.random())) * 3600.0


def _call_times(life: LiftLife, rng: np.random.Generator) -> list[float]:
    return sorted(any_time(life, rng) for _ in range(int(rng.poisson(life.habits.calls_per_day))))


def _weather(day: Day) -> None:
    """Temperature of the box over the day; wind on the building on one day of twelve."""
    day.lift.warmth_degc.slope(0.0, day.draw(-8.0, 8.0), 1.0)
    day.lift.warmth_degc.slope(10.0, day.draw(-12.0, 12.0), 4000.0)
    if day.chance(1 / 12):
        day.lift.gust_hpa.set(0.0, day.draw(0.05, 0.4))


def _idle(day: Day, until_clock_s: float) -> None:
    habits = day.life.habits
    left_s = until_clock_s - day.clock_s
    match habits.parking:
        case Parking.AT_ONCE if left_s > 3.0:
            day.go(habits.home_landing)
        case Parking.AFTER_PAUSE if left_s > habits.parking_pause_s:
            day.park(day.clock_s + habits.parking_pause_s)
            day.go(habits.home_landing)
        case _:
            pass
    day.park(until_clock_s)


def _route(day: Day) -> tuple[int, int]:
    """From where to where: up from the entrance in the morning of an office, down in that of homes, both at noon."""
    hour = int(day.clock_s / 3600.0) % 24
    top = int(day.rng.integers(1, day.landings))
    is_morning, is_evening = 5 <= hour < 10, 16 <= hour < 21
    up_share = 0.5
    if day.life.habits.building is Building.OFFICES:
        up_share = 0.85 if is_morning else 0.15 if is_evening else 0.5
    elif is_morning or is_evening:
        up_share = 0.2 if is_morning else 0.75
    if day.chance(0.15) and day.landings > 2:
        other = int(day.rng.choice([each for each in range(day.landings) if each != top]))
        return top, other
    return (0, top) if day.chance(up_share) else (top, 0)


def _serve(day: Day) -> None:
    lift, habits = day.lift, day.life.habits
    caller, goal = _route(day)
    day.go(caller)
    day.open()
    if day.chance(habits.empty_answer_share):
        day.close()
        return
    day.board(day.riders())
    day.close()
    if day.chance(habits.linger_share):
        lift.wait(min(LINGER_S_MAX, float(day.rng.lognormal(np.log(15.0), 0.7))))
    between = list(range(min(caller, goal) + 1, max(caller, goal)))
    if between and day.chance(habits.stop_between_share):
        day.go(int(day.rng.choice(between)))
        day.open()
        if lift.people > 1 and day.chance(0.5):
            lift.leave(1)
        else:
            lift.enter(1)
        day.close()
    day.go(goal)
    day.open()
    lift.leave()
    day.close()


def _allow_held_open(day: Day) -> None:
    """Catalogue row 46 wherever the door really stood open so long, whoever held it."""
    open_since_s: float | None = None
    for t_s in np.arange(0.0, day.lift.now_s, 1.0):
        if day.lift.door.motion(float(t_s)) is not DoorMotion.OPEN:
            open_since_s = None
        elif open_since_s is None:
            open_since_s = float(t_s)
        elif t_s - open_since_s > HELD_S - 3.0:
            day.diary.allow((AlarmKind.DOOR_HELD_OPEN,), float(t_s), float(t_s) + 5.0)
