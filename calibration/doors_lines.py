"""The lines of one car door as they changed, debounced after the fact, and what they tell about how they are wired.

Two contacts see four patterns. Between its ends a door makes neither, and every change of pattern begins or ends there:
so the pattern between is found by itself, and with it which line is inverted. Which end is the closed one is told by
the car, which only moves with its door closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.readings import Reading, Signal, SignalEdge

Pattern = tuple[bool, ...]
NEAR_NS = 150_000_000
"""A flicker this near to a real change is the contact bouncing; farther away it is chatter."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. changes: time of the first edge of each settled change, and the level after it.

    first: level at the beginning; None: never told. flickers: short pulses far from any change. bounce_ns: the longest
    time from the first edge to the last of one change.
    """

    signal: Signal
    first: bool | None
    changes: tuple[tuple[int, bool], ...]
    flickers: int
    bounce_ns: int

    @property
    def last(self) -> bool | None:
        """Level at the end."""
        return self.changes[-1][1] if self.changes else self.first


@dataclass(frozen=True, slots=True)
class Stretch:
    """A pattern of the lines from start_ns to end_ns."""

    start_ns: int
    end_ns: int
    pattern: Pattern


def line_of(readings: Iterable[Reading], signal: Signal, debounce_ns: int) -> Line:
    """One line out of an ordered stream."""
    raw: list[tuple[int, bool]] = []
    end_ns = 0
    for reading in readings:
        end_ns = max(end_ns, reading.t_ns)
        if (
            isinstance(reading, SignalEdge)
            and reading.signal is signal
            and (not raw or raw[-1][1] != reading.is_active)
        ):
            raw.append((reading.t_ns, reading.is_active))
    if not raw:
        return Line(signal, None, (), 0, 0)
    changes, rejected, bounce_ns = _settled(raw, debounce_ns, end_ns)
    times = [t_ns for t_ns, _ in changes]
    away = [t for t in rejected if all(abs(t - change_ns) > NEAR_NS for change_ns in times)]
    return Line(signal, raw[0][1], tuple(changes), (len(away) + 1) // 2, bounce_ns)


def _settled(
    raw: Sequence[tuple[int, bool]], debounce_ns: int, end_ns: int
) -> tuple[list[tuple[int, bool]], list[int], int]:
    """Changes that stood for the debounce time, the times of edges of the others, and the longest bounce."""
    changes: list[tuple[int, bool]] = []
    rejected: list[int] = []
    level, bounce_ns = raw[0][1], 0
    burst: list[int] = []
    for (t_ns, value), until_ns in zip(raw[1:], [t for t, _ in (*raw[2:], (end_ns, level))], strict=False):
        if burst and t_ns - burst[-1] > debounce_ns:
            rejected += burst
            burst = []
        burst.append(t_ns)
        if until_ns - t_ns >= debounce_ns:
            if value is not level:
                changes.append((burst[0], value))
                bounce_ns = max(bounce_ns, burst[-1] - burst[0])
                level = value
            else:
                rejected += burst
            burst = []
    return changes, rejected + burst, bounce_ns


def stretches(lines: Sequence[Line], start_ns: int, end_ns: int) -> tuple[Stretch, ...]:
    """The patterns of the lines in order. Lines of which nothing is known make none."""
    if not lines or any(line.first is None for line in lines):
        return ()
    levels = [bool(line.first) for line in lines]
    events = sorted((t_ns, number, level) for number, line in enumerate(lines) for t_ns, level in line.changes)
    found: list[Stretch] = []
    at_ns = start_ns
    for t_ns, number, level in events:
        if t_ns > at_ns:
            found.append(Stretch(at_ns, t_ns, tuple(levels)))
        at_ns, levels[number] = t_ns, level
    found.append(Stretch(at_ns, max(at_ns, end_ns), tuple(levels)))
    return tuple(found)


def between(patterns: Sequence[Stretch]) -> Pattern | None:
    """The pattern of two lines that every change begins or ends with, seen often; None: there is none, or not one."""
    pairs = [(a.pattern, b.pattern) for a, b in pairwise(patterns) if a.pattern != b.pattern]
    if len(pairs) < 4:
        return None
    found = [each for each in Counter(p for pair in pairs for p in pair) if all(each in pair for pair in pairs)]
    return found[0] if len(found) == 1 else None


def closed_end(
    patterns: Sequence[Stretch], ends: Sequence[Pattern], moves_ns: Sequence[tuple[int, int]]
) -> tuple[Pattern | None, bool]:
    """Which of the ends is the closed one, and whether that is proven.

    Proven: the car moved with it made, and hardly ever with another. Else by habit: the pattern in which the recording
    begins, ends and stays longest, if these agree; None: nothing tells.
    """
    moved: Counter[Pattern] = Counter()
    for start_ns, end_ns in moves_ns:
        inner_ns = (end_ns - start_ns) // 4
        for each in patterns:
            shared = min(each.end_ns, end_ns - inner_ns) - max(each.start_ns, start_ns + inner_ns)
            if shared > 0:
                moved[each.pattern] += shared
    if moved:
        best, best_ns = moved.most_common(1)[0]
        if best in ends and best_ns > 0.9 * sum(moved.values()):
            return best, True
        return None, True
    stayed: Counter[Pattern] = Counter()
    for each in patterns:
        stayed[each.pattern] += each.end_ns - each.start_ns
    longest = max(ends, key=lambda end: stayed[end])
    if patterns and patterns[0].pattern == patterns[-1].pattern == longest:
        return longest, False
    return None, False


def time_span(readings: Sequence[Reading]) -> tuple[int, int]:
    """First and last moment of an ordered stream; (0, 0) of an empty one."""
    return (readings[0].t_ns, max(reading.t_ns for reading in readings[-4:])) if readings else (0, 0)
