"""The scenarios that come with the simulator, and scenario files of one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.toml_table import nearest_hint
from edge_agent.toml_text import TOML_BYTES_MAX, text_of
from sim.scenario import Scenario, ScenarioError
from sim.scenario_file import parse_scenario


def scenario_names() -> tuple[str, ...]:
    """Names of the shipped scenarios, sorted."""
    folder = files("sim") / "scenarios"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or a file by its path. Raises `ScenarioError`."""
    if name.endswith(".toml") or "/" in name:
        return _load_file(Path(name))
    if name not in scenario_names():
        problem = EdgeAgentError(
            "there is no such scenario", subject=name, hint=nearest_hint(name, scenario_names()) + "; see lift-sim list"
        )
        raise ScenarioError((problem,), subject=name)
    body = (files("sim") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_scenario(body, f"{name}.toml", name)


def _load_file(path: Path) -> Scenario:
    try:
        with path.open("rb") as file:
            body = text_of(file.read(TOML_BYTES_MAX + 1), str(path))
    except OSError as error:
        problem = EdgeAgentError(f"cannot be read: {error}", subject=str(path), hint="Name a scenario file")
        raise ScenarioError((problem,), subject=str(path)) from error
    except SettingsError as broken:
        raise ScenarioError((broken,), subject=str(path)) from None
    return parse_scenario(body, str(path), path.stem)
