"""`edge-agent wipe`: removes what makes this box this box: keys, enrolment, outbox, recordings, what it learned."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import LOCK_FILE, StateFolder
from edge_agent.errors import EdgeAgentError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

AGREED = "wipe"


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("wipe", help=SUMMARIES["wipe"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file (TOML)")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Remove it all, after asking. 1: the person does not want it."""
    settings = load_settings(args.config)
    folder = StateFolder(Path(settings.state_folder))  # an agent that runs keeps us out
    outside = [Path(settings.delivery.outbox)]
    if settings.recording is not None:
        outside.append(Path(settings.recording.path))
    found = found_in(folder.path, outside)
    if not found:
        print("There is nothing to wipe.")
        return 0
    print("This removes for good, with alarms that no receiver has stored yet:")
    for path in found:
        print(f"  {path}")
    if not args.yes:
        print(f"Type {AGREED} to go on: ", end="", flush=True)
        if sys.stdin.readline().strip() != AGREED:
            print("Nothing was removed.")
            return 1
    remove(found)
    print("Removed. A card keeps traces of what was written: destroy it if that matters. The next start is a new box.")
    return 0


def found_in(state_folder: Path, outside: list[Path]) -> list[Path]:
    """Everything in the state folder but its lock, and the outbox and recording with their side files elsewhere."""
    found = [path for path in sorted(state_folder.iterdir()) if path.name != LOCK_FILE]
    for path in outside:
        if path.parent != state_folder and path.parent.is_dir():
            found += sorted(each for each in path.parent.iterdir() if each.name.startswith(path.stem))
    return found


def remove(paths: list[Path]) -> None:
    """Delete files and folders; links are removed, not followed. Raises `EdgeAgentError`."""
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            hint = "Wipe as the user who owns the file"
            raise EdgeAgentError(f"it cannot be removed ({error.strerror})", subject=str(path), hint=hint) from error
