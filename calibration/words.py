"""The words of a calibration: steps, verdicts, what was measured, drawn and proposed. Frozen, finite, bounded.

A sentence is a `Said`: its key in the catalogue (`edge_agent/catalogue_calibrate*.py`) and its values. Names of
measurements, tables, columns, plots and axes are such keys, too. The JSON form is `words_json.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from edge_agent.errors import EdgeAgentError

Value = str | int | float
Cell = str | int | float | None

POINTS_MAX = 2_000
LIST_MAX = 200
ROWS_MAX = 1_000
TEXT_CHARS_MAX = 1_000


class CalibrationError(EdgeAgentError):
    """A calibration or a file of one cannot be used. `subject` says which part of it."""


class StepName(Enum):
    """The steps of a calibration, in the order in which an installer does them."""

    WIRING = "wiring"
    SIDES = "sides"
    MOUNT = "mount"
    NOISE = "noise"
    DOORS = "doors"
    PRESENCE = "presence"
    TRIPS = "trips"
    CONTROLLER = "controller"
    SIGNAL = "signal"
    SUPPLY = "supply"
    TEST_ALARM = "test_alarm"


class Verdict(Enum):
    """How a step ended."""

    PASSED = "passed"
    DOUBTFUL = "doubtful"  # usable, and a reason says what is not as it should be
    FAILED = "failed"  # refused: nothing of it may be used
    SKIPPED = "skipped"  # not done, with the reason


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of the catalogue with its values."""

    key: str
    values: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a value that is not finite or too long."""
        _check_texts(self.key, *(name for name, _ in self.values))
        _check_length("values", self.values, LIST_MAX)
        for _, value in self.values:
            _check_cell(value)


def said(key: str, **values: Value) -> Said:
    """A sentence; values in the order given."""
    return Said(key, tuple(values.items()))


@dataclass(frozen=True, slots=True)
class Measured:
    """One number and the range that it should lie in. `None`: no bound on that side."""

    name: str
    value: float
    unit: str
    expected_min: float | None = None
    expected_max: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not finite."""
        _check_texts(self.name, self.unit)
        for value in (self.value, self.expected_min, self.expected_max):
            _check_cell(value)

    @property
    def is_expected(self) -> bool:
        """Within its range, bounds included."""
        low, high = self.expected_min, self.expected_max
        return (low is None or self.value >= low) and (high is None or self.value <= high)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `None` is an empty cell. columns: keys, one for each cell of a row."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        """Raises ValueError for a row of another width."""
        _check_texts(self.name, *self.columns)
        _check_length("columns", self.columns, LIST_MAX)
        _check_length("rows", self.rows, ROWS_MAX)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: a row has {len(row)} cells for {len(self.columns)} columns")
            for cell in row:
                _check_cell(cell)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot. x, y: equally long, at most 2,000 points, finite."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for unequal lengths, too many points, or what is not finite."""
        _check_texts(self.name)
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name}: {len(self.x)} x for {len(self.y)} y")
        _check_length(f"points of series {self.name}", self.x, POINTS_MAX)
        for value in (*self.x, *self.y):
            _check_cell(value)


def thinned_series(name: str, x: Sequence[float], y: Sequence[float]) -> Series:
    """A series of at most 2,000 points that keeps the lowest and the highest of each stretch. x, y: equally long."""
    count = len(x)
    if count <= POINTS_MAX:
        return Series(name, tuple(map(float, x)), tuple(map(float, y)))
    stretches = POINTS_MAX // 2
    kept: list[int] = []
    for number in range(stretches):
        places = range(number * count // stretches, (number + 1) * count // stretches)
        lowest = min(places, key=lambda place: float(y[place]))
        highest = max(places, key=lambda place: float(y[place]))
        kept += sorted({lowest, highest})
    return Series(name, tuple(float(x[place]) for place in kept), tuple(float(y[place]) for place in kept))


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture as numbers. Units are printable as they stand ("s", "m/s2")."""

    name: str
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str
    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for too many series."""
        _check_texts(self.name, self.x_name, self.x_unit, self.y_name, self.y_unit)
        _check_length("series", self.series, LIST_MAX)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step found.

    settings: lines proposed for the installation file, as ("section.key", TOML value as text), for example
    ("lift.rated_speed_mps", "1.75") and ("contacts.door_open", '{ pin = 17, active = "low" }').
    recording: name of the file in the state folder that it was computed from.
    """

    step: StepName
    verdict: Verdict
    reasons: tuple[Said, ...] = ()
    next_action: Said | None = None
    measured: tuple[Measured, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    recording: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for lists that are too long."""
        for name in ("reasons", "measured", "tables", "plots", "settings"):
            _check_length(name, getattr(self, name), LIST_MAX)
        _check_texts(*(text for pair in self.settings for text in pair), self.recording or "-")


@dataclass(frozen=True, slots=True)
class Commissioning:
    """Everything one calibration found. device_id: hexadecimal; made_utc_s: None while the clock is not set."""

    device_id: str
    lift: str
    agent_version: str
    made_utc_s: int | None
    results: tuple[StepResult, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for a step that is there twice."""
        _check_texts(self.device_id, self.lift, self.agent_version)
        steps = [result.step for result in self.results]
        if len(set(steps)) != len(steps):
            raise ValueError("a step is there twice")

    def result(self, step: StepName) -> StepResult | None:
        """Of one step; None: not done."""
        return next((result for result in self.results if result.step is step), None)


# ---- bounds


def _check_cell(value: Cell) -> None:
    match value:
        case bool():
            raise ValueError("a truth value is no number; say it in a word")
        case str():
            _check_texts(value)
        case int() | float() if not math.isfinite(value):
            raise ValueError(f"{value} is not finite")


def _check_texts(*texts: str) -> None:
    for text in texts:
        if len(text) > TEXT_CHARS_MAX:
            raise ValueError(f"a text has {len(text)} characters; at most {TEXT_CHARS_MAX}")
        text.encode("utf-8")  # half a character raises a ValueError, too


def _check_length(name: str, items: Sequence[object], most: int) -> None:
    if len(items) > most:
        raise ValueError(f"{len(items)} {name}; at most {most}")
