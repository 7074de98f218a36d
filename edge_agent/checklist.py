"""Finds and reads checklists of maintenance visits: those that come with the agent, and a firm's own files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from edge_agent.errors import SettingsError
from edge_agent.toml_checklist import Checklist, checklist_from
from edge_agent.toml_table import nearest_hint
from edge_agent.toml_text import TOML_BYTES_MAX

DEFAULT = "half_monthly"


def shipped_names() -> tuple[str, ...]:
    """The lists that come with the agent."""
    folder = files("edge_agent").joinpath("checklists")
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def load_checklist(name: str) -> Checklist:
    """A list by its name ("half_monthly") or by the path of a file. Raises SettingsError with the line."""
    if name in shipped_names():
        return checklist_from(files("edge_agent").joinpath("checklists", f"{name}.toml").read_bytes(), name)
    if not name.endswith(".toml"):
        raise SettingsError(f"no checklist is named {name}", subject=name, hint=nearest_hint(name, shipped_names()))
    try:
        with Path(name).open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        hint = "Check the path and its permissions"
        raise SettingsError(f"the checklist cannot be read: {error.strerror}", subject=name, hint=hint) from error
    return checklist_from(raw, name)
