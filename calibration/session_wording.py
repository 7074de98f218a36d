"""The text of a sentence or name of a calibration in one language, from the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibration.words import Cell, Measured, Said, Value
from edge_agent.catalogue_calibrate import INSTRUCTIONS, LIVE, QUESTIONS, STEPS, TALK
from edge_agent.catalogue_calibrate_fits import FIT_NAMES, FIT_REASONS, NEXT_ACTIONS
from edge_agent.catalogue_calibrate_results import NAMES, REASONS
from edge_agent.catalogue_find import FIND

TABLES: tuple[Mapping[str, tuple[str, str]], ...] = (
    STEPS,
    INSTRUCTIONS,
    LIVE,
    QUESTIONS,
    TALK,
    REASONS,
    NAMES,
    FIT_REASONS,
    NEXT_ACTIONS,
    FIT_NAMES,
    FIND,
)


class Wording:
    """language: "zh" for Chinese, English otherwise. A key that the catalogue does not know is shown as it is."""

    def __init__(self, language: str) -> None:
        self._place = 1 if language == "zh" else 0

    def sentence(self, said: Said) -> str:
        """One sentence with its values; a value that is a key of the catalogue is put into words, too."""
        return self.text(said.key, **dict(said.values))

    def text(self, key: str, **values: Value) -> str:
        """The same from its parts. Raises KeyError for a value that is missing."""
        template = self._template(key)
        if template is None:
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            return f"{key} ({shown})" if shown else key
        return template.format(
            **{name: self.name(value) if isinstance(value, str) else value for name, value in values.items()}
        )

    def name(self, key: str) -> str:
        """Of a gauge, measurement, table, column, plot, axis, place or state."""
        template = self._template(key)
        return key if template is None or "{" in template else template

    def cell(self, cell: Cell) -> str:
        """Of a table."""
        match cell:
            case None:
                return "-"
            case str():
                return self.name(cell)
            case float():
                return f"{cell:.6g}"
            case _:
                return str(cell)

    def measured(self, measured: Measured) -> str:
        """One number with its unit and the range that it should lie in."""
        low, high = measured.expected_min, measured.expected_max
        name, unit = self.name(measured.name), f" {measured.unit}" if measured.unit else ""
        if low is None and high is None:
            return self.text("measured", name=name, value=measured.value, unit=unit)
        bounds = {"low": low, "high": high}
        key = "range.between" if None not in bounds.values() else "range.most" if low is None else "range.least"
        span = self.text(key, **{name: value for name, value in bounds.items() if value is not None})
        return self.text("expected", name=name, value=measured.value, unit=unit, range=span)

    def _template(self, key: str) -> str | None:
        return next((table[key][self._place] for table in TABLES if key in table), None)


def keys() -> Iterator[str]:
    """Every key of the catalogue."""
    for table in TABLES:
        yield from table
