"""Sentences and names of a calibration in one language; a key that the catalogue does not know is shown as it is."""

from __future__ import annotations

from calibration.words import Said


class Wording:
    """language: "zh" for Chinese, English otherwise."""

    def __init__(self, language: str) -> None:
        self._language = language

    def sentence(self, said: Said) -> str:
        """One sentence with its values."""
        values = ", ".join(f"{name} {value}" for name, value in said.values)
        return f"{self.name(said.key)} ({values})" if values else self.name(said.key)

    def name(self, key: str) -> str:
        """Of a measurement, table, column, plot or axis."""
        return key.replace("_", " ")
