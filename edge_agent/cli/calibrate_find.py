"""The controller detective inside `edge-agent calibrate`: where no map fits, registers are read while somebody rides.

Only where a person says yes to it, and only what `edge-agent maps find` would read: functions that read, slowly, over
Modbus, where the map in the settings allows polling. A passive line is never asked anything. What is found goes into a
map file of its own; the settings name it after a second yes, and the controller step, done again with it, shows each
decoded value to be confirmed. Nothing that is there is replaced. The page uses the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from calibration.guided import Proposal, proposal_for
from calibration.session_wording import Wording
from drivers.map_files import load_register_map
from drivers.register_sweep import refusal_of
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.calibration_setup import check_settings
from edge_agent.cli.maps_find import MINUTES, Proposed, lines, proposal, write_map
from edge_agent.cli.maps_search import Kept, SearchPlan
from edge_agent.cli.maps_sweep import plan_of, swept_alone
from edge_agent.errors import EdgeAgentError
from edge_agent.settings import ModbusSettings, Settings
from edge_agent.settings_devices import poll_hz_max

NAME = "found_controller"
TRIES_MAX = 99
Lines = tuple[tuple[str, str], ...]


def may_be_asked(settings: Settings) -> bool:
    """Whether this controller's registers may be read at all, and there is a yardstick to hold them against."""
    controller = settings.controller
    if not isinstance(controller, ModbusSettings) or settings.accelerometer is None:
        return False
    register_map = load_register_map(controller.map_name)
    return not refusal_of(register_map, accept_polling_risk=controller.is_polling_risk_accepted)


def plan_for(settings: Settings, asked: Sequence[str] = ()) -> SearchPlan:
    """What is read, into files under which nothing is there yet. asked: registers; else those near the map's fields.

    Raises EdgeAgentError.
    """
    controller = settings.controller
    assert isinstance(controller, ModbusSettings), "ask `may_be_asked` first"
    out = free_file(Path(settings.state_folder))
    register_map = load_register_map(controller.map_name) if controller.map_name else None
    return plan_of(settings, controller, register_map, asked, minutes=MINUTES, log=out.with_suffix(".log"))


def found_map(settings: Settings, screen: Screen, typed: Typed) -> Path | None:
    """Read while somebody rides, judge, write the map. None: nothing proved itself, or nothing was read; both are said.

    The devices must be free: it takes the lock itself. Raises EdgeAgentError where files cannot be kept.
    """
    asked = registers_asked(screen, typed)
    plan = plan_for(settings, asked)
    kept = swept_alone(plan, screen, typed)
    return None if kept is None else judged(kept, screen)


def registers_asked(screen: Screen, typed: Typed) -> tuple[str, ...]:
    """Which registers the person wants to be read; empty: the usual ones."""
    screen.ask(screen.wording.text("find.registers"))
    return tuple((typed.waited() or "").replace(",", " ").split())


def judged(kept: Kept, screen: Screen) -> Path | None:
    """Say what was found, and write the map where there is one."""
    out, found = judgement(kept)
    for line in told(found, out, screen.wording):
        screen.say(f"   {line}")
    if found.text is None:
        return None
    write_map(out, found.text, is_forced=False)
    return out


def judgement(kept: Kept) -> tuple[Path, Proposed]:
    """Where the map goes, and what it is. Raises RecordingError."""
    out = kept.log.with_suffix(".toml")
    return out, proposal(kept.log, kept.recording, out.stem)


def told(found: Proposed, out: Path, wording: Wording) -> Iterator[str]:
    """Each word with its confidence, and the map."""
    yield from lines(found, wording)
    yield wording.text("find.no_map") if found.text is None else wording.text("find.map", path=str(out))


def settings_with(config: str, settings: Settings, found: Path, line: Lines = ()) -> Proposal:
    """What the settings would say: this map, and that it may be polled though nobody vouches for it.

    line: where the controller is, if that is not in the settings yet. Raises EdgeAgentError where the agent could not
    start with them.
    """
    controller = settings.controller
    assert isinstance(controller, ModbusSettings), "registers were found over Modbus"
    name = str(found.absolute())
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    changes = (*line, ("controller.map", quoted), ("controller.accept_polling_risk", "true"))
    most_hz = poll_hz_max(replace(controller, map_name=name), load_register_map(name))
    if controller.poll_hz > most_hz:
        changes = (*changes, ("controller.poll_hz", f"{most_hz:g}"))
    return proposal_for(Path(config), changes, check_settings)


def offer(wording: Wording) -> str:
    """What can be done, and the key for it."""
    return wording.text("find.offer", minutes=MINUTES)


def free_file(folder: Path) -> Path:
    """A name for the map under which nothing is there yet, nor a log beside it. Raises EdgeAgentError."""
    for number in range(1, TRIES_MAX + 1):
        path = folder / f"{NAME}_{number}.toml"
        log = path.with_suffix(".log")
        if not any(each.exists() for each in (path, log, log.with_name(f"{log.name}.recording"))):
            return path
    raise EdgeAgentError(
        f"{TRIES_MAX} maps were found already", subject=str(folder), hint=f"Remove {NAME}_*.toml that nobody needs"
    )
