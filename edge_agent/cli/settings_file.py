"""Reads the settings file from disk and checks it against what the drivers know."""

from __future__ import annotations

import difflib
from pathlib import Path

from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from edge_agent.enrolment_folder import enrolled
from edge_agent.errors import SettingsError
from edge_agent.settings import Settings
from edge_agent.settings_toml import settings_from
from edge_agent.toml_text import TOML_BYTES_MAX, text_of


def load_settings(file_name: str) -> Settings:
    """The settings in the file. Raises SettingsError (missing file) or SettingsProblems (all that is wrong in it)."""
    path = Path(file_name)
    try:
        with path.open("rb") as file:
            toml_text = text_of(file.read(TOML_BYTES_MAX + 1), file_name)
    except FileNotFoundError:
        raise SettingsError("there is no such file", subject=file_name, hint=_hint_for_missing(path)) from None
    except OSError as error:
        raise SettingsError(
            f"the file cannot be read: {error.strerror}", subject=file_name, hint="Check the path and its permissions"
        ) from None
    return settings_from(toml_text, file_name, load_register_map, load_serial_protocol, enrolled)


def _hint_for_missing(path: Path) -> str:
    try:
        there = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix == ".toml")
    except OSError:
        return f"There is no folder {path.parent} either: check the path"
    near = difflib.get_close_matches(path.name, there, n=1, cutoff=0.4)
    if near:
        return f"Did you mean {path.parent / near[0]}?"
    return "A documented example is docs/example.toml"
