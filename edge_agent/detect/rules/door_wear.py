"""Rules about a door that works, but not as it should: held, reversing, slow, with contacts that disagree."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from edge_agent.alarms import AlarmKind, DoorState, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.doors import Contradiction
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.rules.tally import KEPT

DOOR = frozenset({Witness.DOOR_CONTACT})


class DoorHeldOpenRule:
    """Symptom: the door stands open and the lift serves nobody.

    Signal: time fully open at rest. Decision: 120 s, not while out of service.
    Confused with: an independent or out-of-service lift. Source: alarm catalogue row 46.
    """

    kind = AlarmKind.DOOR_HELD_OPEN
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        if car.door.state is not DoorState.OPEN or car.is_out_of_service or car.motion.is_moving:
            return ()
        open_s = (car.t_ns - max(car.door.since_ns, car.armed_ns)) / 1e9
        if open_s < 0.5 * self._limits.door_held_s_max:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=open_s >= self._limits.door_held_s_max,
                evidence=(Evidence("door_open_s", round(open_s, 1)),),
                witnesses=DOOR,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """It leaves the open position."""
        return car.door.state is not DoorState.OPEN


class DoorReversalsRule:
    """Symptom: the door starts to close and opens again, again and again.

    Signal: reversals in one stop, which ends with the next trip or a door that stood shut for 5 s.
    Decision: 4; one incident however many follow.
    Confused with: people passing one after another (below the limit). Source: alarm catalogue row 47.
    """

    kind = AlarmKind.DOOR_REVERSALS
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clean_stops = 0
        self._was_beyond = False
        self._was_moving = False

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        count = car.door.reversals
        is_beyond = count >= self._limits.door_reversals_max
        if car.motion.is_moving and not self._was_moving:
            self._clean_stops = 0 if self._was_beyond else self._clean_stops + 1
            self._was_beyond = False
        self._was_moving = car.motion.is_moving
        if not is_beyond or car.motion.is_moving:
            return ()
        self._was_beyond = True
        landing = car.position.landing_index
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(
                    Evidence("reversals_count", count),
                    *(() if landing is None else (Evidence("landing_index", landing),)),
                ),
                witnesses=DOOR,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """20 stops without."""
        return self._clean_stops >= KEPT


@dataclass(frozen=True, slots=True)
class LearnedPace:
    """What one door is known to take at one landing, in s. landing_index: -1 where it is not known."""

    name: str  # "door_open_s_mean" or "door_close_s_mean"
    is_rear: bool
    landing_index: int
    normal_s: tuple[float, ...]  # the first times, or only their median once there are enough
    recent_s: tuple[float, ...]


class _Pace:
    """This lift's own door times of one door, landing and direction: a learned normal, and the latest cycles."""

    def __init__(self, cycles: int, normal_s: Sequence[float] = (), recent_s: Sequence[float] = ()) -> None:
        self._normal = list(normal_s)
        self._recent: deque[float] = deque(recent_s, maxlen=cycles)
        self._cycles = cycles
        self._normal_s = self._normal[0] if len(self._normal) == 1 and len(self._recent) > 1 else None

    def add(self, seconds: float) -> None:
        self._recent.append(seconds)
        if self._normal_s is not None:
            return
        self._normal.append(seconds)
        if len(self._normal) >= self._cycles:
            self._normal_s = median(self._normal)
            self._normal = [self._normal_s]

    def ratio(self) -> float:
        """How much slower than learned; 1.0 until both are known."""
        if self._normal_s is None or len(self._recent) < self._cycles:
            return 1.0
        return median(self._recent) / self._normal_s

    def recent_s(self) -> float:
        return median(self._recent) if self._recent else 0.0

    def learned(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return tuple(self._normal), tuple(self._recent)


_Key = tuple[str, bool, int | None]


class DoorSlowRule:
    """Symptom: opening or closing takes longer than it used to at this landing.

    Signal: times of complete movements against the first 20 learned of the same door at the same landing.
    Decision: the median of the last 20 is 1.3 times the learned one. Confused with: one landing door that drags
    (named), reversals (not complete movements), a rear door of another make (learned by itself).
    Source: alarm catalogue row 48.
    """

    kind = AlarmKind.DOOR_SLOW
    outlives_inspection = False
    PACES_MAX = 256

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._paces: dict[_Key, _Pace] = {}
        self._seen: dict[bool, tuple[int, int]] = {}
        self._slow: dict[str, Finding] = {}

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        for cycles in car.door.cycles:
            opened, closed = self._seen.get(cycles.is_rear, (0, 0))
            if (cycles.openings, cycles.closings) == (opened, closed):
                continue
            self._seen[cycles.is_rear] = cycles.openings, cycles.closings
            landing = car.position.landing_index
            if cycles.openings != opened:
                self._judge("door_open_s_mean", cycles.is_rear, landing, cycles.opening_ns / 1e9)
            if cycles.closings != closed:
                self._judge("door_close_s_mean", cycles.is_rear, landing, cycles.closing_ns / 1e9)
        return tuple(self._slow.values())

    def _judge(self, name: str, is_rear: bool, landing: int | None, seconds: float) -> None:
        key = (name, is_rear, landing)
        if key not in self._paces:
            if len(self._paces) >= self.PACES_MAX:
                return
            self._paces[key] = _Pace(round(self._limits.door_slow_cycles))
        pace = self._paces[key]
        pace.add(seconds)
        subject = _subject(key)
        if pace.ratio() <= self._limits.door_slow_ratio:
            self._slow.pop(subject, None)
            return
        place = () if landing is None else (Evidence("landing_index", landing),)
        self._slow[subject] = Finding(
            kind=self.kind,
            is_confirmed=True,
            evidence=(Evidence(name, round(pace.recent_s(), 2)), *place),
            witnesses=DOOR,
            subject=subject,
        )

    def learned(self) -> tuple[LearnedPace, ...]:
        """The times of every door and landing seen so far."""
        return tuple(
            LearnedPace(name, is_rear, -1 if landing is None else landing, *pace.learned())
            for (name, is_rear, landing), pace in self._paces.items()
        )

    def recall(self, paces: Iterable[LearnedPace]) -> None:
        """Replace all by what an earlier run has learned; empty: forget."""
        cycles = round(self._limits.door_slow_cycles)
        self._slow.clear()
        self._paces = {
            (pace.name, pace.is_rear, None if pace.landing_index < 0 else pace.landing_index): _Pace(
                cycles, pace.normal_s, pace.recent_s
            )
            for pace in islice(paces, self.PACES_MAX)
        }

    def is_over(self, car: CarState, subject: str) -> bool:
        """Back in range."""
        return subject not in self._slow


def _subject(key: _Key) -> str:
    name, is_rear, landing = key
    return " ".join((name, *(("rear",) if is_rear else ()), *(() if landing is None else (str(landing),))))


class DoorContactsDisagreeRule:
    """Symptom: the door contacts cannot both be right.

    Signal: both made, neither made at rest, or one that never changes while the lift runs.
    Decision: 0.5 s, 60 s, 20 trips. Confused with: a door that really stands half open (row 44 or 45 tells it too).
    Source: alarm catalogue row 49.
    """

    kind = AlarmKind.DOOR_CONTACTS_DISAGREE
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._good_trips = 0
        self._was_moving = False

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        found = self._contradiction(car)
        if car.motion.is_moving and not self._was_moving:
            self._good_trips += 1
        self._was_moving = car.motion.is_moving
        if found is None:
            return ()
        self._good_trips = 0
        what, since_s = found
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("contradiction", what), Evidence("contradiction_s", round(since_s, 1))),
                witnesses=DOOR,
            ),
        )

    def _contradiction(self, car: CarState) -> tuple[str, float] | None:
        door = car.door
        since_s = (car.t_ns - door.contradiction_since_ns) / 1e9
        if door.contradiction is Contradiction.BOTH_MADE and since_s > self._limits.contacts_both_s_max:
            return door.contradiction.value, since_s
        is_between = door.contradiction is Contradiction.NEITHER_MADE and not car.motion.is_moving
        if is_between and since_s > self._limits.contacts_neither_s_max:
            return door.contradiction.value, since_s
        if door.unchanged_trips > self._limits.contact_unchanged_trips_max:
            return "never_changes", 0.0
        return None

    def is_over(self, car: CarState, subject: str) -> bool:
        """Plausible for 20 trips."""
        return self._good_trips >= KEPT
