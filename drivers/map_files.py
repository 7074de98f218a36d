"""Finds and reads the register maps: those that come with the agent, and a file of the installer's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from drivers.register_map import RegisterMap
from drivers.register_map_toml import register_map_from
from edge_agent.errors import SettingsError
from edge_agent.toml_table import nearest_hint
from edge_agent.toml_text import TOML_BYTES_MAX, text_of


def known_map_names() -> tuple[str, ...]:
    """The maps that come with the agent, in order of the alphabet."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in files("drivers").joinpath("maps").iterdir()
            if _is_map(entry.name)
        )
    )


def template_text() -> str:
    """The commented map from which an installer makes one of his own."""
    return files("drivers").joinpath("maps", "_template.toml").read_text(encoding="utf-8")


def load_register_map(name: str) -> RegisterMap:
    """A map by its name ("nice3000plus") or by the path of a file ("/etc/lift-edge-agent/mine.toml").

    Raises SettingsError: no such map, or a map with problems.
    """
    if name in known_map_names():
        toml_text = files("drivers").joinpath("maps", f"{name}.toml").read_text(encoding="utf-8")
        return register_map_from(toml_text, f"maps/{name}.toml")
    if not name.endswith(".toml"):
        raise SettingsError(
            f"no register map is named {name}", subject=name, hint=nearest_hint(name, known_map_names())
        )
    try:
        with Path(name).open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(
            f"the register map cannot be read: {error.strerror}",
            subject=name,
            hint="Check the path and its permissions",
        ) from error
    return register_map_from(text_of(raw, name), name)


def _is_map(file_name: str) -> bool:
    return file_name.endswith(".toml") and not file_name.startswith("_")
