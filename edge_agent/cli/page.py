"""`edge-agent page`: the installer's page, on for 30 minutes, then it ends by itself.

On a phone: state and alarms, live charts, end of an alarm, and the calibration. It is bound to loopback or to the
address of a service port, never to the way out; whoever comes in needs the PIN from the label of the box
(--show-pin). On a box from the package switch it on with: sudo systemctl start lift-edge-page
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.clock import SystemClock, boot_id
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.page.door import pin_in

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from edge_agent.page.calibrating import Opened
    from edge_agent.page.finding import Search
    from edge_agent.settings import Settings

MINUTES_MAX = 30
PORT = 8089
TURN_S = 0.1
OVERDUE_S = 60
"""A page that hangs beyond its time is ended by the kernel's clock: the agent must get its devices back."""
FIRST_HANDED_OVER = 3  # Source: sd_listen_fds(3)
DEVICE_GROUPS = ("i2c", "gpio", "dialout")
NS_PER_S = 1_000_000_000


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("page", help=SUMMARIES["page"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file of the agent")
    parser.add_argument("--address", default="127.0.0.1", help="where it listens: loopback, or that of a service port")
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0: any free one")
    parser.add_argument("--minutes", type=int, default=MINUTES_MAX, help=f"how long, at most {MINUTES_MAX}")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show-pin", action="store_true", help="print the PIN for the label and end; made on first use")
    what.add_argument("--put-settings", action="store_true", help="put what was accepted on the page in place")


def run(args: argparse.Namespace) -> int:
    """0: its time is over, or it was told to stop."""
    settings = load_settings(args.config)
    state_folder = Path(settings.state_folder)
    if args.put_settings:
        return _put_settings(state_folder, Path(args.config))
    if not 1 <= args.minutes <= MINUTES_MAX:
        raise SettingsError(
            f"{args.minutes} is not between 1 and {MINUTES_MAX}", subject="--minutes", hint="Switch it on again later"
        )
    _make(state_folder)
    if args.show_pin:
        return _show_pin(state_folder)
    listener = _listener(args.address, args.port)
    become_owner(state_folder)
    pin = pin_in(state_folder)
    return _serve(settings, Path(args.config), listener, pin, args.minutes)


def _make(state_folder: Path) -> None:
    """A new box has none yet."""
    try:
        state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeAgentError(
            f"the state folder cannot be made: {error.strerror}",
            subject=str(state_folder),
            hint="Run this as root, or look whether the disk can be written",
        ) from error


def _show_pin(state_folder: Path) -> int:
    from edge_agent.request_drop import give_to_owner

    print(pin_in(state_folder))
    give_to_owner(state_folder)
    return 0


def become_owner(state_folder: Path) -> None:
    """Root gives its rights up for those of the agent's user; the groups of the devices stay. Raises EdgeAgentError."""
    if os.geteuid() != 0:
        return
    import grp

    held = state_folder.stat()
    if held.st_uid == 0:
        return
    known = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    os.setgroups([known[name] for name in DEVICE_GROUPS if name in known])
    os.setgid(held.st_gid)
    os.setuid(held.st_uid)
    if not os.access(state_folder, os.R_OK | os.W_OK | os.X_OK):
        raise EdgeAgentError(
            "the state folder is closed to everybody but the service",
            subject=str(state_folder),
            hint="Switch the page on with: sudo systemctl start lift-edge-page",
        )


def _listener(address: str, port: int) -> socket.socket:
    from edge_agent.page.address import handed_over, listening

    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return handed_over(socket.socket(fileno=FIRST_HANDED_OVER))
    return listening(address, port)


def _serve(settings: Settings, config: Path, listener: socket.socket, pin: str, minutes: int) -> int:
    from edge_agent.local_requests import RequestFolder
    from edge_agent.page.app import BoxPage, Changes
    from edge_agent.page.calibrating import Calibrating
    from edge_agent.page.door import Door
    from edge_agent.page.guard import HEADERS, Guard
    from edge_agent.page.live_ear import LiveEar
    from edge_agent.page.web import WebServer

    clock, state_folder = SystemClock(), Path(settings.state_folder)
    address, port = listener.getsockname()[:2]
    signal.alarm(minutes * 60 + OVERDUE_S)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    changes, ear = Changes(RequestFolder(state_folder)), LiveEar(state_folder)
    page = BoxPage(
        state_folder=state_folder,
        lift=settings.lift.lift_id,
        boot=boot_id(),
        guard=Guard(address, port),
        door=Door(state_folder, pin, boot_id()),
        calibrating=Calibrating(
            lambda is_fresh: _open(config, is_fresh=is_fresh), state_folder, ear, changes.tell, _Finder(config)
        ),
        ear=ear,
        tell=changes.tell,
        now_ns=clock.now_ns,
        ends_ns=clock.now_ns() + minutes * 60 * NS_PER_S,
    )
    server = WebServer(listener, page.respond, lambda: clock.now_ns() / NS_PER_S)
    server.always_with(HEADERS)
    changes.tell(f"page on for {minutes} min at {address}:{port}", "")
    shown = f"[{address}]" if ":" in address else address
    print(f"The page is at http://{shown}:{port}/ for {minutes} min; the PIN is on the label of the box.", flush=True)
    try:
        while not stopped and not page.is_over:
            server.turn(TURN_S)
            page.turn()
    finally:
        page.close()
        server.close()
    changes.tell("page off", "")
    if changes.lost_count:
        print(f"{changes.lost_count} changes could not be told to the agent and have no record", file=sys.stderr)
    print("The page is off.")
    return 0


class _Finder:
    """The controller detective; what it needs is loaded when a calibration is open, not with the page."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def may(self, settings: Settings) -> bool:
        """See `edge_agent.page.finding.Finder`."""
        from edge_agent.cli.calibrate_find_page import PageFinder

        return PageFinder(self._config).may(settings)

    def begin(self, settings: Settings, registers: Sequence[str]) -> Search:
        """See `edge_agent.page.finding.Finder`."""
        from edge_agent.cli.calibrate_find_page import PageFinder

        return PageFinder(self._config).begin(settings, registers)


def _open(config: Path, *, is_fresh: bool) -> Opened | None:
    from edge_agent.cli.calibration_setup import open_calibration
    from edge_agent.cli.state_folder import FolderTaken

    try:
        return open_calibration(str(config), is_fresh=is_fresh)
    except FolderTaken:
        return None


def _put_settings(state_folder: Path, config: Path) -> int:
    from edge_agent.cli.calibration_setup import check_settings
    from edge_agent.page.settings_drop import put_settings

    if put_settings(state_folder, config, check_settings):
        print(f"{config} now says what was accepted on the page.")
    else:
        print("Nothing was accepted on the page.")
    return 0
