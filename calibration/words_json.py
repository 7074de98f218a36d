"""The JSON form of a commissioning: exact, deterministic, bounded, and strict when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from calibration.words import (
    CalibrationError,
    Cell,
    Commissioning,
    Measured,
    Plot,
    Said,
    Series,
    StepName,
    StepResult,
    Table,
    Value,
    Verdict,
)

JSON_BYTES_MAX = 8 << 20
FORMAT = 1

T = TypeVar("T")


def to_json(commissioning: Commissioning) -> str:
    """Exact and the same for the same content: keys sorted, numbers in their shortest exact form.

    Raises CalibrationError above 8 MiB.
    """
    text = json.dumps({"format": FORMAT, **_plain(commissioning)}, sort_keys=True, ensure_ascii=False, allow_nan=False)
    if len(text.encode("utf-8")) > JSON_BYTES_MAX:
        raise CalibrationError(
            f"it would be larger than {JSON_BYTES_MAX >> 20} MiB", subject="commissioning", hint="Draw fewer points"
        )
    return text


def from_json(text: str) -> Commissioning:
    """The inverse of `to_json`. Raises CalibrationError, whose subject is the place, as in `results[2].measured`."""
    if len(text) > JSON_BYTES_MAX or len(text.encode("utf-8", "replace")) > JSON_BYTES_MAX:
        raise _unusable("commissioning", f"larger than {JSON_BYTES_MAX >> 20} MiB")
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _unusable("commissioning", f"not JSON ({error})") from None
    top = _Object(content, "commissioning", {"format", "device_id", "lift", "agent_version", "made_utc_s", "results"})
    if top.value("format") != FORMAT:
        raise _unusable("format", f"{top.value('format')!r} is not known, only {FORMAT}")
    made_utc_s = top.optional("made_utc_s", _whole)
    return _made(
        "commissioning",
        lambda: Commissioning(
            top.text("device_id"),
            top.text("lift"),
            top.text("agent_version"),
            made_utc_s,
            top.objects("results", _result),
        ),
    )


def _plain(value: object) -> dict[str, object]:
    fields: Sequence[str] = type(value).__slots__  # type: ignore[attr-defined]
    return {name: _plain_value(getattr(value, name)) for name in fields}


def _plain_value(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case tuple():
            return [_plain_value(each) for each in value]
        case None | str() | int() | float():
            return value
        case _:
            return _plain(value)


class _Object:
    """A JSON object whose keys are all known; `place` is its name in errors."""

    def __init__(self, content: object, place: str, names: set[str]) -> None:
        if not isinstance(content, dict):
            raise _unusable(place, "no object")
        if set(content) != names:
            wrong = sorted(map(str, set(content) ^ names))[0]
            raise _unusable(place, f"{wrong[:40]} is {'missing' if wrong in names else 'unknown'}")
        self._content: Mapping[str, object] = content
        self.place = place

    def at(self, name: str) -> str:
        return name if self.place == "commissioning" else f"{self.place}.{name}"

    def value(self, name: str) -> object:
        return self._content[name]

    def text(self, name: str) -> str:
        return _text(self._content[name], self.at(name))

    def items(self, name: str) -> list[object]:
        return _list(self._content[name], self.at(name))

    def objects(self, name: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        return tuple(read(item, f"{self.at(name)}[{number}]") for number, item in enumerate(self.items(name)))

    def optional(self, name: str, read: Callable[[object, str], T]) -> T | None:
        value = self._content[name]
        return None if value is None else read(value, self.at(name))


def _result(content: object, place: str) -> StepResult:
    names = {"step", "verdict", "reasons", "next_action", "measured", "tables", "plots", "settings", "recording"}
    row = _Object(content, place, names)
    return _made(
        place,
        lambda: StepResult(
            StepName(row.text("step")),
            Verdict(row.text("verdict")),
            row.objects("reasons", _said),
            row.optional("next_action", _said),
            row.objects("measured", _measured),
            row.objects("tables", _table),
            row.objects("plots", _plot),
            row.objects("settings", lambda item, at: _pair(item, at, _text)),
            row.optional("recording", _text),
        ),
    )


def _said(content: object, place: str) -> Said:
    row = _Object(content, place, {"key", "values"})
    values = row.objects("values", lambda item, at: _pair(item, at, _value))
    return _made(place, lambda: Said(row.text("key"), values))


def _measured(content: object, place: str) -> Measured:
    row = _Object(content, place, {"name", "value", "unit", "expected_min", "expected_max"})
    low, high = (row.optional(name, _number) for name in ("expected_min", "expected_max"))
    value = _number(row.value("value"), row.at("value"))
    return _made(place, lambda: Measured(row.text("name"), value, row.text("unit"), low, high))


def _table(content: object, place: str) -> Table:
    row = _Object(content, place, {"name", "columns", "rows"})
    columns = row.objects("columns", _text)
    rows = row.objects("rows", lambda item, at: tuple(_cell(cell, at) for cell in _list(item, at)))
    return _made(place, lambda: Table(row.text("name"), columns, rows))


def _plot(content: object, place: str) -> Plot:
    row = _Object(content, place, {"name", "x_name", "x_unit", "y_name", "y_unit", "series"})
    texts = [row.text(name) for name in ("name", "x_name", "x_unit", "y_name", "y_unit")]
    series = row.objects("series", _series)
    return _made(place, lambda: Plot(texts[0], texts[1], texts[2], texts[3], texts[4], series))


def _series(content: object, place: str) -> Series:
    row = _Object(content, place, {"name", "x", "y"})
    return _made(place, lambda: Series(row.text("name"), row.objects("x", _number), row.objects("y", _number)))


def _made(place: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as error:
        raise _unusable(place, str(error)) from None


def _pair(content: object, place: str, read: Callable[[object, str], T]) -> tuple[str, T]:
    items = _list(content, place)
    if len(items) != 2:
        raise _unusable(place, "no pair")
    return _text(items[0], place), read(items[1], place)


def _list(content: object, place: str) -> list[object]:
    if not isinstance(content, list):
        raise _unusable(place, "no list")
    return content


def _text(content: object, place: str) -> str:
    if not isinstance(content, str):
        raise _unusable(place, "no text")
    return content


def _number(content: object, place: str) -> float:
    if isinstance(content, int | float) and not isinstance(content, bool):
        return content
    raise _unusable(place, "no number")


def _value(content: object, place: str) -> Value:
    return content if isinstance(content, str) else _number(content, place)


def _cell(content: object, place: str) -> Cell:
    return None if content is None else _value(content, place)


def _whole(content: object, place: str) -> int:
    if isinstance(content, int) and not isinstance(content, bool):
        return content
    raise _unusable(place, "no whole number")


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _unusable(place: str, problem: str) -> CalibrationError:
    return CalibrationError(problem, subject=place, hint="The file is damaged or of another version: do the step again")
