"""Learning stage: what the core has learned, whether that of an earlier run still holds, and what is still missing.

In: the snapshot of each frame, baselines of an earlier run. Out: baselines for the next run, a `Readiness`.
State: baselines that wait, and how long the direction of gravity has agreed or disagreed with them.
Decision: what was learned before counts once the standing car has shown the same direction for 5 s; a direction that is
off for as long as `box_moved` takes says that the box was moved, perhaps to another lift: all is forgotten and learned
anew. Delay: 5 s of standing. After a gap: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from edge_agent.alarms import DoorState
from edge_agent.catalogue_readiness import Lesson, ReadyState
from edge_agent.detect.baselines import Baselines, BaselinesProblem, LearnedHabit, rounded
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Ride
from edge_agent.detect.doors import FRONT, REAR
from edge_agent.detect.habit import HabitCounts, Leaving
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.mount import LEARN_FRAMES, MountStage
from edge_agent.detect.occupancy import OccupancyStage
from edge_agent.detect.position import PositionStage
from edge_agent.detect.rules.acceleration import ExcessiveJerkRule, ExcessiveVibrationRule
from edge_agent.detect.rules.door_wear import DoorSlowRule
from edge_agent.detect.rules.movement import RunTimeExceededRule
from edge_agent.detect.rules.rule import Rule
from edge_agent.detect.signal import FRAME_S
from edge_agent.detect.trip_memory import LEARN_SPEED_TRIPS, LEARN_TRIPS, TripMemory
from edge_agent.installation import Installation

NS_S = 1_000_000_000
AGREE_NS = 5_000_000_000
AGREE_STEP_NS_MAX = 250_000_000  # from one look to the next; a longer silence agrees with nothing
"""5 s of standing: longer than the 2 s over which the direction is taken. Source: judgement."""

LANDINGS_ENOUGH = 2

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Missing:
    """What the core still has to see: so many of so many."""

    lesson: Lesson
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the core is worth at present; `missing` is empty when it is ready."""

    state: ReadyState
    missing: tuple[Missing, ...]


class Learning:
    """See the file's first lines. It holds the stages and rules that learn, and the memory of trips."""

    def __init__(
        self,
        limits: Limits,
        installation: Installation,
        position: PositionStage,
        occupancy: OccupancyStage,
        mount: MountStage,
        rules: Iterable[Rule],
        baselines: Baselines | None,
    ) -> None:
        rules = tuple(rules)
        wiring = installation.wiring
        self.trips = TripMemory(installation.lift.rated_speed_mps)
        self._limits = limits
        self._position = position
        self._occupancy = occupancy
        self._mount = mount
        self._doors = _the_one(rules, DoorSlowRule)
        self._jerk = _the_one(rules, ExcessiveJerkRule)
        self._vibration = _the_one(rules, ExcessiveVibrationRule)
        self._run_time = _the_one(rules, RunTimeExceededRule)
        self._has_accelerometer = wiring.has_accelerometer
        self._has_door = wiring.has_controller or bool(wiring.signals & {*FRONT, *REAR})
        self._is_speed_told = installation.lift.rated_speed_mps is not None
        self._door_ends: set[DoorState] = set()
        self._waiting: Baselines | None = None
        self._agreeing_ns = 0
        self._tilted_since_ns = 0
        self._looked_ns = 0
        self._has_moved = False
        if baselines is not None and not wiring.has_accelerometer:
            self._take_up(baselines)
        elif baselines is not None and baselines.gravity_mps2 is not None:
            self._waiting = baselines
            mount.recall(baselines.gravity_mps2)

    def add(self, ride: Ride) -> None:
        """One more trip, not of inspection operation."""
        self.trips.add(ride)

    def step(self, car: CarState) -> None:
        """After the rules have judged the frame."""
        passed_ns, self._looked_ns = car.t_ns - self._looked_ns, car.t_ns
        is_end = car.door.state is DoorState.OPEN or car.door.state is DoorState.CLOSED
        if is_end and car.door.is_witnessed and len(self._door_ends) < 2:
            self._door_ends.add(car.door.state)
        if self._has_moved and not self._lessons(car):
            self._has_moved = False
        tilt = car.mount.tilt_deg
        if tilt is None:
            return
        if tilt > self._limits.box_tilt_deg_max:
            self._agreeing_ns = 0
            self._tilted_since_ns = self._tilted_since_ns or car.t_ns
            if (car.t_ns - self._tilted_since_ns) / 1e9 >= self._limits.box_tilt_s_min:
                self._begin_anew()
            return
        self._tilted_since_ns = 0
        if self._waiting is not None and car.motion.phase is Phase.AT_REST:
            self._agreeing_ns += min(passed_ns, AGREE_STEP_NS_MAX)
            if self._agreeing_ns >= AGREE_NS:
                self._take_up(self._waiting)

    def baselines(self) -> Baselines | None:
        """All that is learned, for the next run; None while a later run could not use it.

        The direction is not known yet, or bad samples have made a number that is none.
        """
        if self._waiting is not None:
            return self._waiting
        if self._has_accelerometer and self._mount.reference is None:
            return None
        try:
            return rounded(self._learned())
        except BaselinesProblem:
            return None

    def _learned(self) -> Baselines:
        decels, speeds = self.trips.learned()
        scale, errors = self._position.measuring()
        return Baselines(
            gravity_mps2=self._mount.reference,
            decels_mps2=decels,
            speeds_mps=speeds,
            run_s_longest=self._run_time.longest_s,
            jerks_mps3=self._jerk.learned(),
            vibrations_mps2=self._vibration.learned(),
            landings=self._position.learned(),
            accel_scale=scale,
            trip_errors_m=errors,
            door_paces=self._doors.learned(),
            habits=tuple(
                LearnedHabit(leaving.name, counts.opened, counts.stayed_shut)
                for leaving, counts in self._occupancy.habit.counts().items()
                if counts != HabitCounts()
            ),
            stirring=self._occupancy.stirring.counts(),
            presence=self._occupancy.proof(),
        )

    def readiness(self, car: CarState | None) -> Readiness:
        """How ready the core is after this frame."""
        missing = self._lessons(car)
        if not missing:
            return Readiness(ReadyState.READY, ())
        if missing[0].lesson is Lesson.MOTION:
            return Readiness(ReadyState.NOT_READY, missing)
        return Readiness(ReadyState.RELEARNING if self._has_moved else ReadyState.LEARNING, missing)

    def _lessons(self, car: CarState | None) -> tuple[Missing, ...]:
        """What is missing; whether the sensor speaks at all comes first."""
        lessons: list[Missing] = []
        if self._has_accelerometer:
            is_blind = car is None or car.motion.phase is Phase.BLIND
            direction_s = int(self._mount.learned_s), round(LEARN_FRAMES * FRAME_S)
            if self._waiting is not None:
                direction_s = self._agreeing_ns // NS_S, AGREE_NS // NS_S
            lessons = [
                Missing(Lesson.MOTION, 0 if is_blind else 1, 1),
                Missing(Lesson.DIRECTION, *direction_s),
                Missing(Lesson.TRIPS, self.trips.trip_count, LEARN_TRIPS),
                *(() if self._is_speed_told else (self._speed_lesson(),)),
                Missing(Lesson.LANDINGS, self._position.landing_count, LANDINGS_ENOUGH),
                Missing(Lesson.PLACE, int(self._position.is_placed), 1),
            ]
        if self._has_door:
            lessons.append(Missing(Lesson.DOOR, len(self._door_ends), 2))
        return tuple(lesson for lesson in lessons if lesson.have < lesson.need)

    def _speed_lesson(self) -> Missing:
        return Missing(Lesson.RATED_SPEED, self.trips.even_trip_count, LEARN_SPEED_TRIPS)

    def _begin_anew(self) -> None:
        """The box sits otherwise than before: what was learned may be of another lift."""
        self._take_up(Baselines())
        self._has_moved = True

    def _take_up(self, baselines: Baselines) -> None:
        """Replace all that is learned."""
        self._waiting = None
        self._agreeing_ns = self._tilted_since_ns = 0
        self._mount.recall(baselines.gravity_mps2)
        self.trips.recall(baselines.decels_mps2, baselines.speeds_mps)
        self._run_time.longest_s = baselines.run_s_longest
        self._jerk.recall(baselines.jerks_mps3)
        self._vibration.recall(baselines.vibrations_mps2)
        self._position.recall(baselines.landings, baselines.accel_scale, baselines.trip_errors_m)
        self._doors.recall(baselines.door_paces)
        habits = {Leaving[habit.leaving]: HabitCounts(habit.opened, habit.stayed_shut) for habit in baselines.habits}
        self._occupancy.habit.recall({leaving: habits.get(leaving, HabitCounts()) for leaving in Leaving})
        self._occupancy.stirring.recall(*baselines.stirring)
        self._occupancy.recall_proof(*baselines.presence)


def _the_one(rules: tuple[Rule, ...], kind: type[_Kind]) -> _Kind:
    return next(rule for rule in rules if isinstance(rule, kind))
