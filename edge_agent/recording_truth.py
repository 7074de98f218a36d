"""Compares what the core concluded with what really happened: `truth.csv`, `allowed.csv` and `trips.csv`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Trip
from edge_agent.readings import Direction
from edge_agent.recording_accel import number_of
from edge_agent.recording_csv import Row, rows_of
from edge_agent.toml_table import nearest_hint

TRUTH_COLUMNS = "kind,t_start_s,raise_by_s,t_end_s"
ALLOWED_COLUMNS = "kind,t_start_s,t_end_s"
TRIPS_COLUMNS = "start_s,end_s,direction,distance_m,speed_mps"
_OPEN_END = -1.0
_NS = 1e9


@dataclass(frozen=True, slots=True)
class ExpectedAlarm:
    """Must be raised in [start_s, raise_by_s] and be clear by end_s (None: open end)."""

    kind: AlarmKind
    start_s: float
    raise_by_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class AllowedAlarm:
    """May stand in [start_s, end_s] (None: open end)."""

    kind: AlarmKind
    start_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class TrueTrip:
    """A trip that was made. `None`: not known."""

    start_s: float | None
    end_s: float | None
    direction: Direction | None
    distance_m: float | None
    speed_mps: float | None


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened. `trips` None: nobody wrote them down."""

    expected: tuple[ExpectedAlarm, ...] = ()
    allowed: tuple[AllowedAlarm, ...] = ()
    trips: tuple[TrueTrip, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One raised incident. cleared_s None: it still stood at the end."""

    kind: AlarmKind
    incident: int
    raised_s: float
    cleared_s: float | None


@dataclass(frozen=True, slots=True)
class TripErrors:
    """Found less true, of one matched trip; `None` where the truth is not known."""

    is_direction_wrong: bool
    start_s: float | None
    end_s: float | None
    distance_m: float | None
    speed_mps: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison; verdicts of several recordings are summed with `+`. Lists hold one sentence each."""

    duration_s: float = 0.0
    expected_count: int = 0
    raise_delays_s: tuple[float, ...] = ()  # one for each expected alarm that was found
    missed: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    overstayed: tuple[str, ...] = ()
    trips_expected_count: int = 0
    trip_errors: tuple[TripErrors, ...] = ()  # one for each trip that was found
    trips_missed: tuple[str, ...] = ()
    trips_false: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Nothing missed, nothing false, nothing stood too long, no direction wrong."""
        faults = (self.missed, self.false, self.overstayed, self.trips_missed, self.trips_false)
        return not any(faults) and not any(errors.is_direction_wrong for errors in self.trip_errors)

    def labelled(self, name: str) -> Verdict:
        """The same with each sentence behind the name of its recording."""

        def behind_name(sentences: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(f"{name}: {sentence}" for sentence in sentences)

        return replace(
            self,
            missed=behind_name(self.missed),
            false=behind_name(self.false),
            overstayed=behind_name(self.overstayed),
            trips_missed=behind_name(self.trips_missed),
            trips_false=behind_name(self.trips_false),
        )

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.duration_s + other.duration_s,
            self.expected_count + other.expected_count,
            self.raise_delays_s + other.raise_delays_s,
            self.missed + other.missed,
            self.false + other.false,
            self.overstayed + other.overstayed,
            self.trips_expected_count + other.trips_expected_count,
            self.trip_errors + other.trip_errors,
            self.trips_missed + other.trips_missed,
            self.trips_false + other.trips_false,
        )


def read_truth(folder: Path) -> Truth:
    """The truth files of a recording; those that are absent expect nothing. Raises RecordingError with the line."""
    expected: tuple[ExpectedAlarm, ...] = ()
    allowed: tuple[AllowedAlarm, ...] = ()
    trips: tuple[TrueTrip, ...] | None = None
    if (folder / "truth.csv").is_file():
        expected = tuple(
            ExpectedAlarm(_kind(row), row.number(1), row.number(2), _end(row, 3))
            for row in rows_of(folder / "truth.csv", TRUTH_COLUMNS)
        )
    if (folder / "allowed.csv").is_file():
        allowed = tuple(
            AllowedAlarm(_kind(row), row.number(1), _end(row, 2))
            for row in rows_of(folder / "allowed.csv", ALLOWED_COLUMNS)
        )
    if (folder / "trips.csv").is_file():
        trips = tuple(_trip(row) for row in rows_of(folder / "trips.csv", TRIPS_COLUMNS))
    return Truth(expected, allowed, trips)


def standings(alarms: Iterable[Alarm]) -> tuple[Standing, ...]:
    """Raised incidents with the time of their end, in order of raising. Suspicions do not count."""
    raised: dict[tuple[AlarmKind, int], Standing] = {}
    for alarm in alarms:
        key = (alarm.kind, alarm.incident)
        if alarm.state is AlarmState.RAISED:
            raised[key] = Standing(alarm.kind, alarm.incident, alarm.t_ns / _NS, None)
        elif alarm.state is AlarmState.CLEARED and key in raised:
            before = raised[key]
            raised[key] = Standing(before.kind, before.incident, before.raised_s, alarm.t_ns / _NS)
    return tuple(raised.values())


def judge(truth: Truth, stood: tuple[Standing, ...], trips: tuple[Trip, ...], start_s: float, end_s: float) -> Verdict:
    """Compare the conclusions about a recording from `start_s` to `end_s` with the truth.

    A raised alarm fits an expected one of its kind in [start, raise_by]; raised later, before the end, it is late:
    the expected one is missed. One that fits neither an expected nor an allowed window is false. One that stands
    beyond the end of its window has overstayed, if the recording goes on so long.
    """
    delays: list[float] = []
    missed: list[str] = []
    overstayed: list[str] = []
    explained: set[int] = set()
    for expected in truth.expected:
        in_time = [
            index
            for index, alarm in enumerate(stood)
            if alarm.kind is expected.kind and expected.start_s <= alarm.raised_s <= expected.raise_by_s
        ]
        explained.update(in_time)
        if in_time:
            delays.append(stood[in_time[0]].raised_s - expected.start_s)
            overstayed.extend(_overstayed(stood[index], expected.end_s, end_s) for index in in_time)
            continue
        late = _late(expected, stood)
        explained.update(late)
        when = f"raised {stood[late[0]].raised_s:.2f} s" if late else "not raised"
        missed.append(
            f"{expected.kind.public_name} from {expected.start_s:.2f} s, by {expected.raise_by_s:.2f} s: {when}"
        )
    false: list[str] = []
    for index, alarm in enumerate(stood):
        window = _window(alarm, truth.allowed)
        if index in explained:
            continue
        if window is None:
            false.append(f"{alarm.kind.public_name} raised {alarm.raised_s:.2f} s")
        else:
            overstayed.append(_overstayed(alarm, window.end_s, end_s))
    alarms = Verdict(
        duration_s=end_s - start_s,
        expected_count=len(truth.expected),
        raise_delays_s=tuple(delays),
        missed=tuple(missed),
        false=tuple(false),
        overstayed=tuple(sentence for sentence in overstayed if sentence),
    )
    return alarms if truth.trips is None else alarms + _judge_trips(truth.trips, trips)


def _late(expected: ExpectedAlarm, stood: tuple[Standing, ...]) -> list[int]:
    return [
        index
        for index, alarm in enumerate(stood)
        if alarm.kind is expected.kind
        and alarm.raised_s > expected.raise_by_s
        and (expected.end_s is None or alarm.raised_s <= expected.end_s)
    ][:1]


def _overstayed(alarm: Standing, end_s: float | None, recording_end_s: float) -> str:
    gone_s = recording_end_s if alarm.cleared_s is None else alarm.cleared_s
    if end_s is None or gone_s <= end_s:
        return ""
    until = "the end" if alarm.cleared_s is None else f"{alarm.cleared_s:.2f} s"
    return f"{alarm.kind.public_name} raised {alarm.raised_s:.2f} s stood until {until}, not {end_s:.2f} s"


def _window(alarm: Standing, allowed: tuple[AllowedAlarm, ...]) -> AllowedAlarm | None:
    """The allowed window around the raise that ends last."""
    fits = [
        window
        for window in allowed
        if window.kind is alarm.kind
        and window.start_s <= alarm.raised_s
        and (window.end_s is None or alarm.raised_s <= window.end_s)
    ]
    return max(fits, key=lambda window: (window.end_s is None, window.end_s or 0.0), default=None)


def _judge_trips(true: tuple[TrueTrip, ...], found: tuple[Trip, ...]) -> Verdict:
    pairs = dict(_pairs(true, found))
    taken = set(pairs.values())
    return Verdict(
        trips_expected_count=len(true),
        trip_errors=tuple(_trip_errors(true[index], found[other]) for index, other in sorted(pairs.items())),
        trips_missed=tuple(_trip_sentence(trip) for index, trip in enumerate(true) if index not in pairs),
        trips_false=tuple(
            f"trip {trip.start_ns / _NS:.2f} s to {trip.end_ns / _NS:.2f} s {trip.direction.value} "
            f"{trip.distance_m:.2f} m"
            for index, trip in enumerate(found)
            if index not in taken
        ),
    )


def _pairs(true: tuple[TrueTrip, ...], found: tuple[Trip, ...]) -> Iterator[tuple[int, int]]:
    """True and found trips that belong together, each used once, the surest pairs first."""
    ranked = sorted(
        (rank, index, other)
        for index, trip in enumerate(true)
        for other, candidate in enumerate(found)
        if (rank := _rank(trip, candidate)) is not None
    )
    used_true: set[int] = set()
    used_found: set[int] = set()
    for _, index, other in ranked:
        if index not in used_true and other not in used_found:
            used_true.add(index)
            used_found.add(other)
            yield index, other


def _rank(true: TrueTrip, found: Trip) -> tuple[int, float] | None:
    """Both times known: longest overlap first; then one time known: nearest first; then no time: any."""
    start_s, end_s = found.start_ns / _NS, found.end_ns / _NS
    if true.start_s is not None and true.end_s is not None:
        overlap_s = min(true.end_s, end_s) - max(true.start_s, start_s)
        return (0, -overlap_s) if overlap_s > 0.0 else None
    if true.start_s is not None:
        return (1, abs(start_s - true.start_s)) if end_s > true.start_s else None
    if true.end_s is not None:
        return (1, abs(end_s - true.end_s)) if start_s < true.end_s else None
    return 2, start_s


def _trip_errors(true: TrueTrip, found: Trip) -> TripErrors:
    return TripErrors(
        is_direction_wrong=true.direction is not None and found.direction is not true.direction,
        start_s=None if true.start_s is None else found.start_ns / _NS - true.start_s,
        end_s=None if true.end_s is None else found.end_ns / _NS - true.end_s,
        distance_m=None if true.distance_m is None else found.distance_m - true.distance_m,
        speed_mps=None if true.speed_mps is None else found.speed_mps - true.speed_mps,
    )


def _trip_sentence(trip: TrueTrip) -> str:
    times = ("?" if time_s is None else f"{time_s:.2f} s" for time_s in (trip.start_s, trip.end_s))
    direction = "" if trip.direction is None else f" {trip.direction.value}"
    distance = "" if trip.distance_m is None else f" {trip.distance_m:.2f} m"
    return f"trip {' to '.join(times)}{direction}{distance}"


def _kind(row: Row) -> AlarmKind:
    names = {kind.public_name: kind for kind in AlarmKind}
    if row.cells[0] not in names:
        raise row.error(f'"{row.cells[0][:40]}" is no alarm', nearest_hint(row.cells[0], names))
    return names[row.cells[0]]


def _end(row: Row, index: int) -> float | None:
    value = row.number(index)
    return None if value == _OPEN_END else value


def _trip(row: Row) -> TrueTrip:
    direction = row.cells[2]
    if direction not in ("up", "down", ""):
        raise row.error(f'"{direction[:40]}" is no direction of a trip', "Known: up, down, or empty")
    return TrueTrip(
        start_s=_known(row, 0),
        end_s=_known(row, 1),
        direction=Direction(direction) if direction else None,
        distance_m=_known(row, 3),
        speed_mps=_known(row, 4),
    )


def _known(row: Row, index: int) -> float | None:
    if not row.cells[index]:
        return None
    value = number_of(row.cells[index])
    return row.number(index) if value is None else value
