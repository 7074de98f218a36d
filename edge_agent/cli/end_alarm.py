"""`edge-agent end-alarm`: a competent person at the lift ends an incident; the receivers are told by a record.

An alarm stays open after its condition is gone, until somebody says that it is over.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.local_requests import RequestFolder

if TYPE_CHECKING:
    from argparse import _SubParsersAction

WAIT_S = 5.0  # the agent looks once a second


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("end-alarm", help=SUMMARIES["end-alarm"], description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", metavar="FILE", help="settings file of the running agent")
    where.add_argument("--state", metavar="DIR", help="its state folder")
    parser.add_argument("--who", default="", help="your name, for the record")
    parser.add_argument(
        "incident", nargs="?", type=int, help="its number; without one, every alarm whose condition is gone"
    )


def run(args: argparse.Namespace) -> int:
    """Ask the running agent and print what it did; 1 if it ended nothing."""
    folder = Path(args.state) if args.state is not None else Path(load_settings(args.config).state_folder)
    words = RequestFolder(folder).ask_end(args.incident, args.who, WAIT_S)
    print(words)
    return 0 if " ended " in words else 1
