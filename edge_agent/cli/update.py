"""`edge-agent update`: put a signed package in place, and go back by itself where the box is not well with it.

Only for boxes installed from the Debian package, and for root. The work is done by a small program beside the package,
which goes on over a power cut: docs/update.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.errors import EdgeAgentError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

PROGRAM = Path(__file__).parents[3] / "update" / "updater_machine.py"
FLAGS = ("force", "allow_older", "status", "health", "resume")


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("update", help=SUMMARIES["update"], description=__doc__)
    parser.add_argument("package", metavar="FILE.deb", nargs="?", help="the package to update to")
    parser.add_argument("--signature", metavar="FILE", help="its signature; FILE.deb.sig if it is not named")
    parser.add_argument("--watch-s", metavar="S", help="how long the new version must run on; 600")
    parser.add_argument("--receipt-s", metavar="S", help="within which a receiver must have stored a record; 1800")
    parser.add_argument("--force", action="store_true", help="also while an incident is open or nobody answers")
    parser.add_argument("--allow-older", action="store_true", help="also to a version that is older")
    parser.add_argument("--status", action="store_true", help="say what became of the last update; 1: not kept")
    parser.add_argument("--health", action="store_true", help="only judge the version that runs, for image updates")
    parser.add_argument("--resume", action="store_true", help="go on with what a power cut interrupted; the unit does")


def run(args: argparse.Namespace) -> int:
    """Hand over to the program; its exit code is the answer."""
    if not PROGRAM.exists():
        raise EdgeAgentError(
            "this agent was not installed from the Debian package",
            subject=str(PROGRAM),
            hint="Update it as it was installed, or install the package: docs/box.md",
        )
    words = [] if args.package is None else [args.package]
    for name in ("signature", "watch_s", "receipt_s"):
        value = getattr(args, name)
        words += [] if value is None else [f"--{name.replace('_', '-')}", value]
    words += [f"--{name.replace('_', '-')}" for name in FLAGS if getattr(args, name)]
    sys.stdout.flush()
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-sE", str(PROGRAM), *words])
