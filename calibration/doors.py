"""How the door contacts are wired and how long this lift's doors take: polarity, swaps, dead lines, normal times.

In: a recording in which the doors open and close a few times, with trips in it or without. Out: a `DoorsFit`.
Times are from the break of one contact to the make of the other, as the detection core counts them; the way before the
first and behind the second is not seen by any contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from calibration.doors_lines import Line, Pattern, Stretch, between, closed_end, line_of, stretches, time_span
from calibration.fit_motion import movements
from calibration.fit_result import Lines, result_of
from calibration.fit_samples import NS_PER_S, tidy
from calibration.words import Measured, Plot, Said, StepName, StepResult, Table, said, thinned_series
from edge_agent.detect.doors import FRONT, REAR
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading, Signal

CYCLES_MIN = 3
TIME_S_MIN, TIME_S_MAX = 0.5, 12.0
UNEVEN_RATIO = 1.35
FLICKERS_MAX = 2
BOUNCE_MS_MAX = 30.0
CORRECTABLE = ("doors.swapped", "doors.inverted")


@dataclass(frozen=True, slots=True)
class DoorMove:
    """One complete opening or closing. landing: index, None: not known."""

    start_ns: int
    seconds: float
    is_opening: bool
    landing: int | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The car stood at a landing."""

    start_ns: int
    end_ns: int
    landing: int


@dataclass(frozen=True, slots=True)
class LeafFit:
    """One car door. inverted: lines whose level must be turned round. is_swapped: the two lines must change places.

    is_end_proven: a trip has shown which end is the closed one. moves: in order.
    """

    is_rear: bool
    lines: tuple[Line, ...]
    inverted: tuple[Signal, ...]
    is_swapped: bool
    is_end_proven: bool
    moves: tuple[DoorMove, ...]
    states: tuple[tuple[int, int], ...]  # time and 0 closed, 1 between, 2 open; for the picture
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]

    def seconds(self, is_opening: bool, landing: int | None = None) -> tuple[float, ...]:
        """Of all complete movements, or those at one landing."""
        return tuple(
            move.seconds
            for move in self.moves
            if move.is_opening is is_opening and (landing is None or move.landing == landing)
        )


@dataclass(frozen=True, slots=True)
class DoorsFit:
    """All car doors that are wired."""

    leaves: tuple[LeafFit, ...]

    @property
    def problems(self) -> tuple[Said, ...]:
        """Of all doors."""
        return tuple(each for leaf in self.leaves for each in leaf.problems) or (
            () if self.leaves else (said("doors.none_wired"),)
        )

    @property
    def doubts(self) -> tuple[Said, ...]:
        """Of all doors."""
        return tuple(each for leaf in self.leaves for each in leaf.doubts)


def fit_doors(
    readings: Sequence[Reading], limits: Limits, wired: frozenset[Signal], *, stops: Sequence[Stop] = ()
) -> DoorsFit:
    """The doors, by a recording; stops: where the car stood when, if that is known."""
    moves_ns = [(each.start_ns, each.end_ns) for each in movements(readings, limits)]
    debounce_ns = round(limits.door_debounce_ms * 1e6)
    leaves = []
    for pair in (FRONT, REAR):
        lines = tuple(line_of(readings, signal, debounce_ns) for signal in pair if signal in wired)
        if lines:
            leaves.append(_fit_leaf(lines, pair is REAR, time_span(readings), moves_ns, stops))
    return DoorsFit(tuple(leaves))


def _fit_leaf(
    lines: tuple[Line, ...],
    is_rear: bool,
    span_ns: tuple[int, int],
    moves_ns: Sequence[tuple[int, int]],
    stops: Sequence[Stop],
) -> LeafFit:
    problems = _line_problems(lines)
    doubts: list[Said] = []
    if problems:
        return LeafFit(is_rear, lines, (), False, False, (), (), tuple(problems), ())
    for line in lines:
        if line.bounce_ns > BOUNCE_MS_MAX * 1e6:
            doubts.append(said("doors.bounces", line=line.signal.value, ms=round(line.bounce_ns / 1e6)))
    patterns = stretches(lines, *span_ns)
    if len(lines) == 1:
        return _single(lines, is_rear, patterns, moves_ns, doubts)
    middle = between(patterns)
    if middle is None:
        why = said("doors.no_order") if len(patterns) > 2 * CYCLES_MIN else said("doors.too_few", count=0)
        return LeafFit(is_rear, lines, (), False, False, (), (), (why,), tuple(doubts))
    open_made: Pattern = (not middle[0], middle[1])
    closed_made: Pattern = (middle[0], not middle[1])
    closed, is_proven = closed_end(patterns, (open_made, closed_made), moves_ns)
    if closed is None:
        doubts.append(said("doors.moved_open") if is_proven else said("doors.end_unproven"))
        is_proven = False
    is_swapped = closed == open_made
    inverted = tuple(line.signal for line, level in zip(lines, middle, strict=True) if level)
    if is_swapped:
        problems.append(said("doors.swapped", door="rear" if is_rear else "front"))
    problems += [said("doors.inverted", line=signal.value) for signal in inverted]
    end_of = {
        middle: 1,
        (open_made if not is_swapped else closed_made): 2,
        (closed_made if not is_swapped else open_made): 0,
    }
    states = tuple((each.start_ns, end_of.get(each.pattern, 1)) for each in patterns)
    moves = _moves(patterns, [state for _, state in states], stops)
    both = min(sum(move.is_opening for move in moves), sum(not move.is_opening for move in moves))
    if both < CYCLES_MIN:
        doubts.append(said("doors.too_few", count=both))
    doubts += _time_doubts(moves)
    return LeafFit(is_rear, lines, inverted, is_swapped, is_proven, moves, states, tuple(problems), tuple(doubts))


def _line_problems(lines: Sequence[Line]) -> list[Said]:
    """Lines that are dead, never told of, or chatter."""
    found: list[Said] = []
    busiest = max(len(line.changes) for line in lines)
    for line in lines:
        name = line.signal.value
        if line.first is None:
            found.append(said("doors.silent", line=name))
        elif line.flickers > FLICKERS_MAX:
            found.append(said("doors.chatter", line=name, count=line.flickers))
        elif not line.changes and busiest >= 2:
            found.append(said("doors.stuck_made" if line.first else "doors.open_line", line=name))
    if not found and busiest == 0:
        found.append(said("doors.no_movement"))
    return found


def _single(
    lines: tuple[Line, ...],
    is_rear: bool,
    patterns: tuple[Stretch, ...],
    moves_ns: Sequence[tuple[int, int]],
    doubts: list[Said],
) -> LeafFit:
    """One contact: its polarity, and no times, because the other end is seen by nobody."""
    made, open_ = (True,), (False,)
    closed, is_proven = closed_end(patterns, (made, open_), moves_ns)
    is_closed_line = lines[0].signal in (Signal.DOOR_CLOSED, Signal.DOOR_CLOSED_REAR)
    problems: list[Said] = []
    inverted: tuple[Signal, ...] = ()
    if closed is None:
        doubts.append(said("doors.moved_open") if is_proven else said("doors.end_unproven"))
    elif (closed == made) is not is_closed_line:
        inverted = (lines[0].signal,)
        problems.append(said("doors.inverted", line=lines[0].signal.value))
    if len(lines[0].changes) < 2 * CYCLES_MIN:
        doubts.append(said("doors.too_few", count=len(lines[0].changes) // 2))
    doubts.append(said("doors.one_contact", line=lines[0].signal.value))
    ends = tuple((each.start_ns, 0 if each.pattern == closed else 2) for each in patterns)
    return LeafFit(is_rear, lines, inverted, False, is_proven, (), ends, tuple(problems), tuple(doubts))


def _moves(patterns: Sequence[Stretch], states: Sequence[int], stops: Sequence[Stop]) -> tuple[DoorMove, ...]:
    """Stretches between two different ends."""
    found = []
    for number in range(1, len(patterns) - 1):
        if states[number] != 1 or {states[number - 1], states[number + 1]} != {0, 2}:
            continue
        here = patterns[number]
        landing = next((stop.landing for stop in stops if stop.start_ns <= here.start_ns < stop.end_ns), None)
        seconds = (here.end_ns - here.start_ns) / NS_PER_S
        found.append(DoorMove(here.start_ns, seconds, states[number - 1] == 0, landing))
    return tuple(found)


def _time_doubts(moves: Sequence[DoorMove]) -> list[Said]:
    found: list[Said] = []
    for is_opening, word in ((True, "open"), (False, "close")):
        seconds = [move.seconds for move in moves if move.is_opening is is_opening]
        if not seconds:
            continue
        usual = median(seconds)
        if not TIME_S_MIN <= usual <= TIME_S_MAX:
            found.append(said("doors.time", way=word, seconds=round(usual, 2)))
        elif max(seconds) > UNEVEN_RATIO * usual or min(seconds) * UNEVEN_RATIO < usual:
            found.append(said("doors.uneven", way=word, least=round(min(seconds), 2), most=round(max(seconds), 2)))
    return found


def doors_result(fit: DoorsFit, settings: Lines = ()) -> StepResult:
    """The same in the words of a calibration.

    settings: corrected lines of the contacts, where they are wired otherwise than the settings say. A mistake that
    these lines put right is a doubt, not a failure; whoever takes them over repeats the step.
    """
    measured: list[Measured] = []
    rows: list[tuple[str | int | float | None, ...]] = []
    plots: list[Plot] = []
    for leaf in fit.leaves:
        door = "rear" if leaf.is_rear else "front"
        for is_opening, word in ((True, "open"), (False, "close")):
            seconds = leaf.seconds(is_opening)
            if seconds:
                name = f"measured.door_{word}_s_{door}"
                measured.append(Measured(name, tidy(median(seconds)), "s", TIME_S_MIN, TIME_S_MAX))
        for landing in sorted({move.landing for move in leaf.moves if move.landing is not None}):
            times = [leaf.seconds(is_opening, landing) for is_opening in (True, False)]
            cells = [tidy(median(each)) if each else None for each in times]
            rows.append((door, landing, *cells, len(times[0]), len(times[1])))
        if leaf.states:
            start_ns = leaf.states[0][0]
            times_s = [tidy((t_ns - start_ns) / NS_PER_S) for t_ns, _ in leaf.states]
            places = [float(place) for _, place in leaf.states]
            series = (thinned_series(f"series.{door}", times_s, places),)
            plots.append(Plot("plot.door", "axis.time", "s", "axis.door", "", series))
    columns = ("column.door", "column.landing", "column.open_s", "column.close_s", "column.openings", "column.closings")
    tables = (Table("table.doors", columns, tuple(rows)),) if rows else ()
    problems, doubts = fit.problems, fit.doubts
    if settings:
        doubts = (*(each for each in problems if each.key in CORRECTABLE), *doubts)
        problems = tuple(each for each in problems if each.key not in CORRECTABLE)
    return result_of(StepName.DOORS, problems, doubts, measured=measured, tables=tables, plots=plots, settings=settings)
