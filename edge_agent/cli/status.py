"""`edge-agent status`: reads what the running agent last wrote about itself, for people or as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import STATUS_FILE
from edge_agent.clock import SystemClock, boot_id
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.status import AgentStatus, status_from_json, status_lines

if TYPE_CHECKING:
    from argparse import _SubParsersAction


STALE_S = 10.0  # the agent writes every second


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("status", help=SUMMARIES["status"], description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", metavar="FILE", help="settings file of the running agent")
    where.add_argument("--state", metavar="DIR", help="its state folder")
    parser.add_argument("--json", action="store_true", help="print the status as one JSON object")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of states and alarm names")


def run(args: argparse.Namespace) -> int:
    """Print the status; 1 if the agent has stopped writing it or is not armed."""
    folder = Path(args.state) if args.state is not None else Path(load_settings(args.config).state_folder)
    path = folder / STATUS_FILE
    try:
        text = path.read_text(encoding="utf-8")
        status = status_from_json(text)
    except FileNotFoundError:
        raise SettingsError(
            "no agent has written its status here", subject=str(path), hint="Is it running, and with this state folder?"
        ) from None
    except (OSError, ValueError) as error:
        raise EdgeAgentError(
            f"the status cannot be read: {error}", subject=str(path), hint="Is it written by this version?"
        ) from error
    age_s = age_of(status, SystemClock().now_ns(), boot_id())
    if args.json:
        print(text.strip())
    elif age_s is None:
        print(f"The agent does not run: it last wrote before this machine was started ({path}).")
    else:
        print("\n".join(status_lines(status, age_s, args.lang)))
        if age_s > STALE_S:
            print(f"The agent does not run, or hangs: its status is {age_s:.0f} s old.")
    return 0 if age_s is not None and age_s <= STALE_S and status.state == "armed" else 1


def age_of(status: AgentStatus, now_ns: int, this_boot: str) -> float | None:
    """Seconds since the status was written; None if that was before the last reboot."""
    if status.boot_id != this_boot or now_ns < status.now_ns:
        return None
    return (now_ns - status.now_ns) / 1e9
