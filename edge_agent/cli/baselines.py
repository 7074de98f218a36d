"""`edge-agent baselines`: what the box has learned of its lift and keeps over a restart: show, export or forget it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edge_agent.baselines_file import BaselinesFile
from edge_agent.catalogue_readiness import LEARNED
from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import StateFolder
from edge_agent.detect.baselines import Baselines, tree_of
from edge_agent.detect.trip_memory import TripMemory
from edge_agent.errors import EdgeAgentError

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("baselines", help=SUMMARIES["baselines"], description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", metavar="FILE", help="settings file of the agent")
    where.add_argument("--state", metavar="DIR", help="its state folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="print all of it as one JSON object")
    what.add_argument("--forget", action="store_true", help="delete it; the agent must not be running")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of the sentences")


def run(args: argparse.Namespace) -> int:
    """Print or forget; 1 where there is nothing."""
    folder = Path(args.state) if args.state is not None else Path(load_settings(args.config).state_folder)
    file = BaselinesFile(folder)
    if args.forget:
        return _forget(folder, file, args.lang)
    found = file.read()
    if found.problem:
        raise EdgeAgentError(
            found.problem, subject=str(file.path), hint="The agent sets it aside when it starts, and learns anew"
        )
    if args.json:
        print(json.dumps(None if found.baselines is None else tree_of(found.baselines)))
    elif found.baselines is None:
        print(_words("nothing", args.lang, path=file.path))
    else:
        for name, value in _values(found.baselines):
            print(_words(name, args.lang, value=value))
    return 1 if found.baselines is None else 0


def _forget(folder: Path, file: BaselinesFile, language: str) -> int:
    """A running agent would write it again, so it is kept out meanwhile."""
    is_gone = False
    if folder.is_dir():
        _keep = StateFolder(folder)
        try:
            is_gone = file.forget()
        except OSError as error:
            hint = "Run this as the user of the agent"
            raise EdgeAgentError(f"cannot be deleted: {error.strerror}", subject=str(file.path), hint=hint) from error
    print(_words("forgotten" if is_gone else "nothing", language, path=file.path))
    return 0 if is_gone else 1


def _words(name: str, language: str, **values: object) -> str:
    return LEARNED[name][language == "zh"].format(**values)


def _values(baselines: Baselines) -> Iterator[tuple[str, str]]:
    """What is known, as short text."""
    trips = TripMemory(None)
    trips.recall(baselines.decels_mps2, baselines.speeds_mps)
    if baselines.gravity_mps2 is not None:
        yield "direction", _row(baselines.gravity_mps2)
    yield "trips", str(trips.trip_count)
    if trips.usual_decel_mps2 is not None:
        yield "decel", f"{trips.usual_decel_mps2:.2f}"
    if trips.rated_speed_mps is not None:
        yield "speed", f"{trips.rated_speed_mps:.2f}"
    yield "longest", f"{baselines.run_s_longest:.1f}"
    if baselines.jerks_mps3:
        yield "jerk", f"{median(baselines.jerks_mps3):.2f}"
    if baselines.vibrations_mps2:
        yield "vibration", f"{median(baselines.vibrations_mps2):.3f}"
    if baselines.landings:
        yield "landings", _row([landing.height_m for landing in baselines.landings])
    yield "scale", f"{baselines.accel_scale:.4f}"
    for pace in baselines.door_paces:
        place = "" if pace.landing_index < 0 else f" {pace.landing_index}"
        side = " rear" if pace.is_rear else ""
        yield "doors", f"{pace.name}{side}{place} {median(pace.normal_s):.2f} s"
    if baselines.presence[0] > 0.0:
        yield "presence", f"{baselines.presence[0] - baselines.presence[1]:.0f} / {baselines.presence[0]:.0f}"
    for habit in baselines.habits:
        yield "empty_car", f"{habit.leaving.lower()} {habit.stayed_shut:.0f} / {habit.opened:.0f}"


def _row(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)
