"""What accelerometer and contacts say of the moments at which registers were read: the yardstick of the detective.

Near a change nothing is said: a controller knows it earlier or later than the sensors, and a sweep takes its time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from calibration.doors import DoorsFit
from calibration.fit_samples import NS_PER_S
from calibration.landings import LandingsFit
from edge_agent.readings import Direction, Reading, Signal, SignalEdge

NEAR_S = 1.0
AFTER_STOP_S = 1.0
FAULT_STAND_S = 8.0


@dataclass(frozen=True, slots=True)
class Span:
    """Something was so from start_ns to end_ns. event: number of the trip, stop or door movement it belongs to."""

    start_ns: int
    end_ns: int
    label: str
    event: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Spans by what they speak of; what is not covered is not known. travelling: ("a>b") for multi-storey trips."""

    landings: tuple[Span, ...]
    travelling: tuple[Span, ...]
    directions: tuple[Span, ...]
    doors: tuple[Span, ...]
    modes: tuple[Span, ...]
    faults: tuple[Span, ...]


def truth_of(readings: Sequence[Reading], landings: LandingsFit, doors: DoorsFit) -> Truth:
    """The yardstick of one recording."""
    near_ns = round(NEAR_S * NS_PER_S)
    after_ns = round(AFTER_STOP_S * NS_PER_S)
    stops = [Span(s.start_ns + near_ns, s.end_ns - near_ns, str(s.landing), n) for n, s in enumerate(landings.stops)]
    directions: list[Span] = []
    travelling: list[Span] = []
    faults: list[Span] = []
    last_ns = readings[-1].t_ns if readings else 0
    ends = [*(trip.start_ns for trip in landings.trips[1:]), last_ns][: len(landings.trips)]
    before_ns = readings[0].t_ns if readings else 0
    for number, (trip, next_ns) in enumerate(zip(landings.trips, ends, strict=True)):
        directions.append(Span(before_ns, trip.start_ns - near_ns, Direction.NONE.value, number))
        directions.append(Span(trip.start_ns + near_ns, trip.end_ns - after_ns, trip.direction.value, number))
        before_ns = trip.end_ns + near_ns
        is_between = trip.to_landing is None and next_ns - trip.end_ns >= FAULT_STAND_S * NS_PER_S
        if is_between:
            faults.append(Span(trip.end_ns + after_ns, next_ns - round(FAULT_STAND_S / 2 * NS_PER_S), "fault", number))
        elif trip.from_landing is None and trip.to_landing is not None:
            faults.append(Span(trip.end_ns + near_ns, next_ns - near_ns, "none", number))  # it is over by then
        elif trip.from_landing is not None and trip.to_landing is not None:
            faults.append(Span(trip.start_ns + near_ns, next_ns - near_ns, "none", number))
            middle_ns, third_ns = (trip.start_ns + trip.end_ns - after_ns // 2) // 2, (trip.end_ns - trip.start_ns) // 8
            label = f"{trip.from_landing}>{trip.to_landing}"
            travelling.append(Span(middle_ns - third_ns, middle_ns + third_ns, label, number))
    if landings.trips:  # else nobody knows when the car stood
        directions.append(Span(before_ns, last_ns, Direction.NONE.value, len(ends)))
    return Truth(
        _real(stops),
        _real(travelling),
        _real(directions),
        _real(_doors(doors, near_ns)),
        _modes(readings),
        _real(faults),
    )


def _real(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.end_ns > span.start_ns)


def _doors(doors: DoorsFit, near_ns: int) -> list[Span]:
    """Of the front door, where it was understood."""
    if not doors.leaves or not doors.leaves[0].states:
        return []
    states = doors.leaves[0].states
    spans: list[Span] = []
    for number, ((start_ns, place), (end_ns, _)) in enumerate(pairwise(states)):
        before = states[number - 1][1] if number else None
        after = states[number + 1][1]
        if place == 1:
            word = {(0, 2): "opening", (2, 0): "closing"}.get((before if before is not None else 1, after))
            if word is not None:
                spans.append(Span(start_ns + near_ns // 2, end_ns - near_ns // 2, word, number))
        else:
            spans.append(Span(start_ns + near_ns, end_ns - near_ns, "open" if place == 2 else "closed", number))
    return spans


def _modes(readings: Sequence[Reading]) -> tuple[Span, ...]:
    """By the inspection switch, where one is wired."""
    near_ns = round(NEAR_S * NS_PER_S)
    edges = [r for r in readings if isinstance(r, SignalEdge) and r.signal is Signal.INSPECTION]
    kept: list[SignalEdge] = []
    for edge in edges:
        if not kept or kept[-1].is_active is not edge.is_active:
            kept.append(edge)
    if len(kept) < 2:
        return ()
    ends = [*(edge.t_ns for edge in kept[1:]), readings[-1].t_ns]
    return _real(
        [
            Span(edge.t_ns + near_ns, end_ns - near_ns, "inspection" if edge.is_active else "normal", number)
            for number, (edge, end_ns) in enumerate(zip(kept, ends, strict=True))
        ]
    )


def labelled(times_ns: Sequence[int], spans: Sequence[Span]) -> list[int]:
    """For each time the index of its span, or -1. spans: in order, not overlapping."""
    starts = [span.start_ns for span in spans]
    found = []
    for t_ns in times_ns:
        at = bisect_right(starts, t_ns) - 1
        found.append(at if at >= 0 and t_ns < spans[at].end_ns else -1)
    return found
