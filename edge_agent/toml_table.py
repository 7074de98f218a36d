"""Reads one TOML table strictly: typed values, unknown keys refused with the nearest name, all problems kept."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from edge_agent.errors import SettingsError
from edge_agent.toml_lines import KeyPath

T = TypeVar("T")
Check = Callable[[str, object], T]

_DIGITS_END = 10**18  # a whole number of the file may have thousands of digits
_NUMBER_WITH_UNIT = re.compile(r"\s*([-+]?[0-9]*\.?[0-9]+)\s*[A-Za-z/%²0-9]*\s*")


class Unfit(Exception):
    """A value that its key cannot take."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


class ProblemList:
    """Collects every problem of one file, each with the line it stands on."""

    def __init__(self, file_name: str, lines: Mapping[KeyPath, int]) -> None:
        self._file_name = file_name
        self._lines = lines
        self._problems: list[tuple[int, SettingsError]] = []

    def add(self, path: KeyPath, problem: str, hint: str) -> None:
        """Note one problem of the key at `path`, or of the nearest enclosing table where the key is absent."""
        line = self._line_of(path)
        self._problems.append((line, SettingsError(problem, subject=f"{self._file_name}:{line}", hint=hint)))

    def in_order_of_lines(self) -> tuple[SettingsError, ...]:
        """All problems noted so far, top of the file first."""
        return tuple(error for _, error in sorted(self._problems, key=lambda entry: entry[0]))

    def _line_of(self, path: KeyPath) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


class TomlTable:
    """One table of the file. A key that nobody has asked for when `refuse_unknown` is called is an error."""

    def __init__(self, values: Mapping[str, object], path: KeyPath, problems: ProblemList) -> None:
        self._values = values
        self._path = path
        self._problems = problems
        self._known: dict[str, None] = {}  # in the order of asking

    @property
    def is_present(self) -> bool:
        """True if the table holds any key."""
        return bool(self._values)

    @property
    def title(self) -> str:
        """The table as a person would name it: "[lift]", "[delivery] receivers 1"."""
        if not self._path:
            return "the top of the file"
        section, *rest = self._path
        inner = " ".join(str(part + 1) if isinstance(part, int) else part for part in rest)
        return f"[{section}] {inner}".strip()

    def has(self, key: str) -> bool:
        """True if the file gives this key. Asking makes it a known key."""
        self._know(key)
        return key in self._values

    def take(self, key: str, check: Check[T], default: T) -> T:
        """The checked value, or `default` where the key is absent (or unfit, which is noted)."""
        self._know(key)
        if key not in self._values:
            return default
        try:
            return check(key, self._values[key])
        except Unfit as unfit:
            self.problem(key, unfit.problem, unfit.hint)
            return default

    def need(self, key: str, check: Check[T], stand_in: T, example: str) -> T:
        """The checked value; a missing key is noted with `example`, and `stand_in` lets the reading go on."""
        if not self.has(key):
            self.problem(key, f"{self.title} lacks {key}", f"Write for example: {example}")
            return stand_in
        return self.take(key, check, stand_in)

    def table(self, key: str) -> TomlTable:
        """The table below `key`; empty where absent or no table (which is noted)."""
        path = (*self._path, key)
        nothing: Mapping[str, object] = {}
        return TomlTable(self.take(key, _a_table, nothing), path, self._problems)

    def tables(self, key: str, maximum: int) -> tuple[TomlTable, ...]:
        """The array of tables below `key`; empty where absent or of another type (which is noted)."""
        nothing: list[Mapping[str, object]] = []
        rows = self.take(key, _an_array_of_tables(maximum), nothing)
        return tuple(TomlTable(row, (*self._path, key, index), self._problems) for index, row in enumerate(rows))

    def given_keys(self) -> Iterable[str]:
        """The keys given in the file, for tables whose keys are data; each becomes known."""
        for key in self._values:
            self._know(key)
        return tuple(self._values)

    def problem(self, key: str, problem: str, hint: str) -> None:
        """Note a problem of one key of this table."""
        self._problems.add((*self._path, key), problem, hint)

    def refuse_unknown(self) -> None:
        """Note every key that no caller has asked for, with the nearest known name."""
        for key in self._values:
            if key not in self._known:
                self.problem(key, f"{key} is no key of {self.title}", nearest_hint(key, self._known))

    def _know(self, key: str) -> None:
        self._known.setdefault(key)


def nearest_hint(given: str, known: Iterable[str]) -> str:
    """One sentence that leads from a wrong name to the right one."""
    names = list(known)
    stem = given.rpartition("_")[0]
    same_quantity = [name for name in names if stem and name.rpartition("_")[0] == stem]
    if same_quantity:
        return f"Did you mean {same_quantity[0]}? Mind the unit in the name"
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.55)
    if near:
        return f"Did you mean {near[0]}?"
    return "Known here: " + ", ".join(sorted(names))


def number(minimum: float, maximum: float, unit: str, *, thousandth_of: str = "") -> Check[float]:
    """A finite number between two bounds, both allowed. `thousandth_of`: the unit written by mistake ("mm/s")."""

    def check(key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _not_a_bare_number(key, value, unit)
        if minimum <= value <= maximum:
            return float(value)
        hint = f"Allowed: {_plain(minimum)} to {_plain(maximum)} {unit}".rstrip()
        if thousandth_of and 1000 * minimum <= value <= 1000 * maximum:
            hint = f"This looks like {thousandth_of}; the unit is {unit}: {key} = {_plain(value / 1000)}"
        raise Unfit(f"{key} = {_plain(value)} is impossible", hint)

    return check


def whole(minimum: int, maximum: int, unit: str = "") -> Check[int]:
    """A whole number between two bounds, both allowed."""

    def check(key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _not_a_bare_number(key, value, unit, whole_number=True)
        if not minimum <= value <= maximum:
            raise Unfit(f"{key} = {_whole(value)} is impossible", f"Allowed: {minimum} to {maximum} {unit}".rstrip())
        return value

    return check


def truth() -> Check[bool]:
    """True or false."""

    def check(key: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise Unfit(f"{key} must be true or false, not {_kind_of(value)}", f"Write {key} = true")
        return value

    return check


def one_of(choices: Mapping[str, T]) -> Check[T]:
    """One of a few words."""

    def check(key: str, value: object) -> T:
        if isinstance(value, str) and value in choices:
            return choices[value]
        if not isinstance(value, str):
            raise Unfit(f"{key} must be text, not {_kind_of(value)}", "Allowed: " + _quoted(choices))
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5)
        hint = f'Did you mean "{near[0]}"?' if near else "Allowed: " + _quoted(choices)
        raise Unfit(f'{key} = "{value}" is not known', hint)

    return check


def one_number_of(choices: tuple[int, ...], unit: str) -> Check[int]:
    """One of a few whole numbers, such as the rates of a chip."""
    allowed = ", ".join(str(choice) for choice in choices)

    def check(key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _not_a_bare_number(key, value, unit)
        if value not in choices:
            nearest = min(choices, key=lambda choice: abs(choice - value))
            raise Unfit(f"{key} = {_plain(value)} is impossible", f"Allowed: {allowed} {unit}; nearest: {nearest}")
        return int(value)

    return check


def text(pattern: str, meaning: str) -> Check[str]:
    """Text that matches `pattern` from end to end; `meaning` says in words what is expected."""
    expected = re.compile(pattern)

    def check(key: str, value: object) -> str:
        if not isinstance(value, str):
            raise Unfit(f"{key} must be text, not {_kind_of(value)}", f"Expected: {meaning}")
        if expected.fullmatch(value) is None:
            raise Unfit(f'{key} = "{value}" cannot be used', f"Expected: {meaning}")
        return value

    return check


def ascending_numbers(minimum: float, maximum: float, unit: str, most: int) -> Check[tuple[float, ...]]:
    """A list of numbers, each larger than the one before."""
    each = number(minimum, maximum, unit, thousandth_of="mm")

    def check(key: str, value: object) -> tuple[float, ...]:
        if not isinstance(value, list):
            raise Unfit(f"{key} must be a list, not {_kind_of(value)}", f"Write for example: {key} = [0.0, 3.0, 6.0]")
        if len(value) > most:
            raise Unfit(f"{key} has {len(value)} entries", f"At most {most} are allowed")
        numbers = tuple(each(key, entry) for entry in value)
        for lower, upper in itertools.pairwise(numbers):
            if upper <= lower:
                raise Unfit(
                    f"{key} does not ascend: {_plain(lower)} is followed by {_plain(upper)}",
                    "Start with the lowest landing and count upwards",
                )
        return numbers

    return check


def _a_table(key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Unfit(
            f"{key} must be a table, not {_kind_of(value)}", f"Write [{key}] on a line of its own, or {{ ... }}"
        )
    return value


def _an_array_of_tables(maximum: int) -> Check[list[Mapping[str, object]]]:
    def check(key: str, value: object) -> list[Mapping[str, object]]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise Unfit(f"{key} must be a list of tables", f"Write {key} = [ {{ ... }}, {{ ... }} ]")
        if not value:
            raise Unfit(f"{key} is empty", f"At least one is needed: {key} = [ {{ ... }} ]")
        if len(value) > maximum:
            raise Unfit(f"{key} has {len(value)} entries", f"At most {maximum} are allowed")
        return value

    return check


def _not_a_bare_number(key: str, value: object, unit: str, *, whole_number: bool = False) -> Unfit:
    kind = "a whole number" if whole_number else "a number"
    if isinstance(value, str) and (found := _NUMBER_WITH_UNIT.fullmatch(value)) is not None:
        unit_note = f"; its unit is {unit}" if unit else ""
        return Unfit(f'{key} = "{value}" must be {kind}, not text', f"Write {key} = {found.group(1)}{unit_note}")
    return Unfit(f"{key} must be {kind}, not {_kind_of(value)}", f"Its unit is {unit}" if unit else "Write digits only")


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _plain(value: float) -> str:
    return _whole(value) if isinstance(value, int) and abs(value) >= _DIGITS_END else f"{value:.10g}"


def _whole(value: int) -> str:
    return str(value) if abs(value) < _DIGITS_END else "a number of many digits"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
