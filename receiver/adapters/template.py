"""Templates of mapping files: text with `{field|filter:word}` in it, compiled once, filled for each message.

A text that is one placeholder and nothing else gives the value itself, a number stays a number; in other text every
value is written out. Nothing but the fields and filters named here can be reached. Pure.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edge_agent.toml_table import nearest_hint
from receiver.adapters.words import Facts, Value

Scalar = str | int | float | bool
Tables = Mapping[str, Mapping[str, Scalar]]
Tree = Value | list["Tree"] | dict[str, "Tree"]
Filter = Callable[[Value], Value]
DEPTH_MAX = 8
TEXT_MAX = 4_000
"""Of one template: levels, characters of one text. Ours."""

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_OTHERWISE = "*"  # the key of a table that stands for every other value


class TemplateError(Exception):
    """What is wrong with a template. hint: what to do; path: where inside a body."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """How values are written. zone: of every time; time_format: "iso", "unix_s", "unix_ms" or as strftime has it."""

    zone: datetime.timezone = datetime.UTC
    time_format: str = "iso"


@dataclass(frozen=True, slots=True)
class _Place:
    """One placeholder: a field and what is done to it."""

    field: str
    filters: tuple[Filter, ...]

    def value(self, facts: Facts) -> Value:
        value = facts.get(self.field)
        for each in self.filters:
            value = each(value)
        return value


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """A compiled text: words and places in turn."""

    parts: tuple[str | _Place, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it names."""
        return frozenset(part.field for part in self.parts if isinstance(part, _Place))

    def value(self, facts: Facts) -> Value:
        """The value of a lone placeholder, or the text."""
        if len(self.parts) == 1 and isinstance(self.parts[0], _Place):
            return self.parts[0].value(facts)
        return self.text(facts)

    def text(self, facts: Facts, quote: Callable[[str], str] = str) -> str:
        """Written out; quote: done to every value, not to the words between."""
        return "".join(part if isinstance(part, str) else quote(written(part.value(facts))) for part in self.parts)


Node = TextTemplate | int | float | bool | list["Node"] | dict[str, "Node"]


def written(value: Value) -> str:
    """A value inside other text; nothing where it is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def compile_text(text: str, fields: Iterable[str], times: Iterable[str], style: Style, tables: Tables) -> TextTemplate:
    """fields: what may be named; times: those of them that are a time, in Unix ms. Raises `TemplateError`."""
    if len(text) > TEXT_MAX:
        raise TemplateError(f"a text of {len(text)} characters", f"At most {TEXT_MAX} are allowed")
    parts: list[str | _Place] = []
    upto = 0
    known, of_time = tuple(fields), frozenset(times)
    for found in _PLACE.finditer(text):
        _add_words(parts, text[upto : found.start()])
        if found[1] is None:
            parts.append(found[0][0])
        else:
            parts.append(_place(found[1], known, of_time, style, tables))
        upto = found.end()
    _add_words(parts, text[upto:])
    return TextTemplate(tuple(parts) or ("",))


def compile_tree(
    tree: object, fields: Iterable[str], times: Iterable[str], style: Style, tables: Tables, depth: int = 0
) -> Node:
    """A body of tables, lists and texts. Raises `TemplateError`."""
    if depth > DEPTH_MAX:
        raise TemplateError("tables are nested too deep", f"At most {DEPTH_MAX} levels")
    match tree:
        case str():
            return compile_text(tree, fields, times, style, tables)
        case bool() | int() | float():
            return tree
        case list():
            return [_inside(at, each, fields, times, style, tables, depth) for at, each in enumerate(tree)]
        case dict():
            return {key: _inside(key, each, fields, times, style, tables, depth) for key, each in tree.items()}
        case _:
            raise TemplateError("a date or time", "Write it as text")


def _inside(
    at: str | int,
    tree: object,
    fields: Iterable[str],
    times: Iterable[str],
    style: Style,
    tables: Tables,
    depth: int,
) -> Node:
    """One value of a table or list; an error names the way to it."""
    try:
        return compile_tree(tree, fields, times, style, tables, depth + 1)
    except TemplateError as error:
        error.path = (at, *error.path)
        raise


def filled(node: Node, facts: Facts, *, leaves_out_null: bool) -> Tree:
    """The body of one message. leaves_out_null: what is not known is not in it, instead of null."""
    match node:
        case TextTemplate():
            return node.value(facts)
        case list():
            return [filled(each, facts, leaves_out_null=leaves_out_null) for each in node]
        case dict():
            found = {key: filled(each, facts, leaves_out_null=leaves_out_null) for key, each in node.items()}
            return {key: each for key, each in found.items() if each is not None or not leaves_out_null}
        case _:
            return node


def _add_words(parts: list[str | _Place], words: str) -> None:
    if "{" in words or "}" in words:
        raise TemplateError("a brace that nothing closes or opens", "Write {field}; a brace of your own is {{ or }}")
    if words:
        parts.append(words)


def _place(inside: str, fields: tuple[str, ...], times: frozenset[str], style: Style, tables: Tables) -> _Place:
    field, *words = (word.strip() for word in inside.split("|"))
    if field not in fields:
        raise TemplateError(f"{{{field}}} is no field", nearest_hint(field, fields))
    filters = [_filter(word, style, tables) for word in words]
    if field in times and not any(word.partition(":")[0] == "time" for word in words):
        filters.insert(0, _time(style.time_format, style))
    return _Place(field, tuple(filters))


FILTERS: Mapping[str, str] = {
    "time": "a time, in the format of the file or in that of the word: iso, unix_s, unix_ms, or as strftime has it",
    "times": "a number times the word: a change of unit",
    "plus": "a number and the word",
    "round": "to so many digits after the point; 0: a whole number",
    "text": "written out as text",
    "in": "what [tables.WORD] says of it; its key * stands for everything else",
    "or": "the word where nothing is known",
    "cut": "the first so many characters",
}
"""Every filter, in words for the docs; a test compares."""


def _filter(word: str, style: Style, tables: Tables) -> Filter:
    name, _, rest = word.partition(":")
    match name:
        case "time":
            return _time(rest or style.time_format, style)
        case "times":
            factor = _number(name, rest)
            return lambda value: _times(value, factor)
        case "plus":
            more = _number(name, rest)
            return lambda value: _plus(value, more)
        case "round":
            digits = _whole(name, rest, 9)
            return lambda value: _rounded(value, digits)
        case "text":
            return lambda value: None if value is None else written(value)
        case "or":
            return lambda value: rest if value is None else value
        case "cut":
            count = _whole(name, rest, TEXT_MAX)
            return lambda value: None if value is None else written(value)[:count]
        case "in":
            if rest not in tables:
                raise TemplateError(f"there is no [tables.{rest}]", nearest_hint(rest, tables))
            table = tables[rest]
            return lambda value: _looked_up(table, value)
        case _:
            raise TemplateError(f"{name} is no filter", nearest_hint(name, FILTERS))


def _looked_up(table: Mapping[str, Scalar], value: Value) -> Value:
    key = "null" if value is None else written(value)
    return table.get(key, table.get(_OTHERWISE))


def _time(form: str, style: Style) -> Filter:
    if form not in ("iso", "unix_s", "unix_ms") and "%" not in form:
        raise TemplateError(f"{form!r} is no format of a time", "Use iso, unix_s, unix_ms, or like %Y-%m-%d %H:%M:%S")

    def write(value: Value) -> Value:
        if not isinstance(value, int) or isinstance(value, bool):
            return value
        if form == "unix_ms":
            return value
        if form == "unix_s":
            return value // 1000
        try:
            moment = datetime.datetime.fromtimestamp(value / 1000, style.zone)
        except (OverflowError, ValueError, OSError):  # no year that a calendar has
            return None
        return moment.isoformat(timespec="milliseconds") if form == "iso" else moment.strftime(form)

    return write


def _times(value: Value, factor: float) -> Value:
    return value * factor if isinstance(value, int | float) and not isinstance(value, bool) else value


def _plus(value: Value, more: float) -> Value:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    total = value + more
    return int(total) if isinstance(value, int) and float(more).is_integer() else total


def _rounded(value: Value, digits: int) -> Value:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    return round(value) if digits == 0 else round(value, digits)


def _number(name: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 1e12:
        raise TemplateError(f"{name}:{word} is no number", f"Write for example {name}:0.001")
    return value


def _whole(name: str, word: str, most: int) -> int:
    if not word.isdecimal() or int(word) > most:
        raise TemplateError(f"{name}:{word} is no whole number from 0 to {most}", f"Write for example {name}:2")
    return int(word)
