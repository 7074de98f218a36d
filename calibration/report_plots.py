"""Plots as lines and words on a sheet of fixed size, the same for the same numbers, for the page and for the PDF."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 26, 38
TICKS = 6
COLOURS = ("#1f5fa8", "#c2410c", "#2f7d32", "#7b2f8f", "#8a6d00", "#444444")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "12 3")
"""Colours that stay apart in print; the dash tells lines apart where there is no colour. Ours."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points; one point is a dot. dash: lengths of line and gap, "" for none."""

    points: tuple[Point, ...]
    colour: str
    width: float
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A text. anchor: "start", "middle" or "end" of it stands at the point; is_upright False: it is read from below."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    is_upright: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """Strokes and words on a sheet of WIDTH by HEIGHT; y grows downwards."""

    strokes: tuple[Stroke, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line in the units of the axes."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def drawing_of(curves: Sequence[Curve], x_label: str, y_label: str) -> Drawing:
    """Axes with round numbers, the curves, their names above where there are several."""
    x_ticks = _ticks(_span(x for curve in curves for x in curve.x))
    y_ticks = _ticks(_span(y for curve in curves for y in curve.y))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    strokes: list[Stroke] = []
    words: list[Word] = []
    for value in x_ticks:
        at = _place(value, x_ticks, LEFT, right)
        strokes.append(Stroke(((at, TOP), (at, bottom)), "#dddddd", 0.6))
        words.append(Word(at, bottom + 14, _number(value, x_ticks), "middle"))
    for value in y_ticks:
        at = _place(value, y_ticks, bottom, TOP)
        strokes.append(Stroke(((LEFT, at), (right, at)), "#dddddd", 0.6))
        words.append(Word(LEFT - 6, at + 4, _number(value, y_ticks), "end"))
    strokes.append(Stroke(((LEFT, TOP), (LEFT, bottom), (right, bottom)), "#444444", 1.0))
    words.append(Word((LEFT + right) / 2, HEIGHT - 8, x_label, "middle"))
    words.append(Word(14, (TOP + bottom) / 2, y_label, "middle", is_upright=False))
    beside = float(LEFT)
    for number, curve in enumerate(curves):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        points = tuple(
            (_place(x, x_ticks, LEFT, right), _place(y, y_ticks, bottom, TOP))
            for x, y in zip(curve.x, curve.y, strict=True)
        )
        strokes.append(Stroke(points, colour, 1.2, dash))
        if len(curves) > 1 and beside < right - 60:
            strokes.append(Stroke(((beside, 12), (beside + 18, 12)), colour, 1.6, dash))
            words.append(Word(beside + 22, 16, curve.name))
            beside += 34 + _width(curve.name)
    return Drawing(tuple(strokes), tuple(words))


def _width(text: str) -> float:
    return sum(12.0 if ord(each) > 0x2E80 else 6.5 for each in text)


def _span(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        room = max(abs(low) * 0.1, 0.5)
        return low - room, high + room
    return low, high


def _ticks(span: tuple[float, float]) -> tuple[float, ...]:
    """Round numbers that hold the span between them: steps of 1, 2 or 5 times a power of ten."""
    low, high = span
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= rough * 0.999999), 10.0 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(number * step, 12) for number in range(first, max(last, first + 1) + 1))


def _place(value: float, ticks: Sequence[float], first: float, last: float) -> float:
    return round(first + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (last - first), 2)


def _number(value: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    if max(abs(ticks[0]), abs(ticks[-1])) >= 1e6 or step < 1e-5:
        return f"{value:.3g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−") if value else "0"
