"""The controller detective inside `edge-agent calibrate`: where no map fits, registers are read while somebody rides.

Only where a person says yes to it, and only what `edge-agent maps find` would read: functions that read, slowly, over
Modbus, where the map in the settings allows polling. A passive line is never asked anything. What is found goes into a
map file of its own; the settings name it after a second yes, and the controller step, done again with it, shows each
decoded value to be confirmed. Nothing that is there is replaced.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from calibration.guided import Proposal, proposal_for
from calibration.session_wording import Wording
from drivers.map_files import load_register_map
from drivers.register_sweep import refusal_of
from edge_agent.cli.calibrate_screen import Screen
from edge_agent.cli.calibration_setup import check_settings
from edge_agent.cli.maps_find import MINUTES, Proposed, lines, proposal, write_map
from edge_agent.cli.maps_sweep import Kept, live
from edge_agent.errors import EdgeAgentError
from edge_agent.settings import ModbusSettings, Settings

NAME = "found_controller"
TRIES_MAX = 99


def may_be_asked(settings: Settings) -> bool:
    """Whether this controller's registers may be read at all, and there is a yardstick to hold them against."""
    controller = settings.controller
    if not isinstance(controller, ModbusSettings) or settings.accelerometer is None:
        return False
    register_map = load_register_map(controller.map_name)
    return not refusal_of(register_map, accept_polling_risk=controller.is_polling_risk_accepted)


def found_map(config: str, settings: Settings, screen: Screen) -> Path | None:
    """Read while somebody rides, judge, write the map. None: nothing proved itself, which was said.

    The devices must be free: it takes the lock itself. Raises EdgeAgentError where files cannot be kept.
    """
    out = free_file(Path(settings.state_folder))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        kept = live(_arguments(config, out), screen.wording)
    except EdgeAgentError as error:
        screen.say(f"   {error.subject}: {error.problem}. {error.hint}")
        return None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return None if kept is None else judged(kept, out, screen)


def judged(kept: Kept, out: Path, screen: Screen) -> Path | None:
    """Say what was found, and write the map where there is one."""
    found: Proposed = proposal(kept.log, kept.recording, out.stem)
    for line in lines(found, screen.wording):
        screen.say(f"   {line}")
    if found.text is None:
        screen.say(f"   {screen.wording.text('find.no_map')}")
        return None
    write_map(out, found.text, is_forced=False)
    screen.say(f"   {screen.wording.text('find.map', path=str(out))}")
    return out


def settings_with(config: str, found: Path) -> Proposal:
    """What the settings would say: this map, and that it may be polled though nobody vouches for it.

    Raises EdgeAgentError where the agent could not start with them.
    """
    quoted = '"' + str(found.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'
    changes = (("controller.map", quoted), ("controller.accept_polling_risk", "true"))
    return proposal_for(Path(config), changes, check_settings)


def offer(wording: Wording) -> str:
    """What can be done, and the key for it."""
    return wording.text("find.offer", minutes=MINUTES)


def free_file(folder: Path) -> Path:
    """A name for the map under which nothing is there yet, nor a log beside it. Raises EdgeAgentError."""
    for number in range(1, TRIES_MAX + 1):
        path = folder / f"{NAME}_{number}.toml"
        if not path.exists() and not path.with_suffix(".log").exists():
            return path
    raise EdgeAgentError(
        f"{TRIES_MAX} maps were found already", subject=str(folder), hint=f"Remove {NAME}_*.toml that nobody needs"
    )


def _arguments(config: str, out: Path) -> argparse.Namespace:
    return argparse.Namespace(
        config=config, minutes=None, registers=None, log=out.with_suffix(".log"), out=out, force=False
    )
