"""The live half of `edge-agent maps find`, which the calibration has too: what may be read, and the reading itself.

It only reads (`drivers/register_sweep.py`). Nothing is opened before poll safety, the agent's lock and the files that
must not be replaced have been looked at. Bounds: 2,000 registers, the minutes asked for, the reads of a log.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from calibration.session_wording import Wording
from drivers.map_files import known_map_names, load_register_map
from drivers.modbus import ModbusLink, SerialLink, TcpLink
from drivers.register_map import ReadBlock, RegisterMap, Table
from drivers.register_sweep import REGISTERS_MAX, Swept, refusal_of, sweep_plan
from drivers.serial_line import Parity
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.maps_find import MINUTES, MINUTES_MAX, MINUTES_MIN, out_of, refuse_existing
from edge_agent.cli.maps_search import Kept, RegisterSearch, SearchPlan
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import FolderTaken, StateFolder
from edge_agent.clock import SystemClock
from edge_agent.errors import SettingsError
from edge_agent.request_drop import give_to_owner
from edge_agent.settings import ModbusSettings, SerialLineSettings, SerialParity, Settings, TcpSettings

LOG = "found_registers.log"
BLOCK = 16
TURN_S = 0.1
_RANGE = re.compile(r"(holding|input):(0x[0-9a-fA-F]{1,4}|\d{1,5})-(0x[0-9a-fA-F]{1,4}|\d{1,5})")


def live(args: argparse.Namespace, screen: Screen) -> Kept | None:
    """Read and record. None: the agent has the devices, which was said. Raises SettingsError, EdgeAgentError."""
    if args.config is None:
        raise _mistake("--config is missing", "Name the settings file, or --from LOG --recording FOLDER")
    settings = load_settings(args.config)
    minutes = MINUTES if args.minutes is None else args.minutes
    if not MINUTES_MIN <= minutes <= MINUTES_MAX:
        raise _mistake(f"--minutes {minutes} cannot be used", f"{MINUTES_MIN} to {MINUTES_MAX}")
    log = args.log or Path(settings.state_folder) / LOG
    controller, register_map = _controller_of(settings)
    plan = plan_of(settings, controller, register_map, args.registers or (), minutes=minutes, log=log)
    out_of(args, log)
    for path in (plan.kept.log, plan.kept.recording):
        refuse_existing(path, is_forced=args.force)
    return swept_alone(plan, screen, Typed())


def _controller_of(settings: Settings) -> tuple[ModbusSettings, RegisterMap]:
    if not isinstance(settings.controller, ModbusSettings):
        raise _mistake("the settings name no controller over Modbus", "Only Modbus has registers to be found")
    return settings.controller, load_register_map(settings.controller.map_name)


def plan_of(
    settings: Settings,
    controller: ModbusSettings,
    register_map: RegisterMap | None,
    asked: Sequence[str],
    *,
    minutes: int,
    log: Path,
) -> SearchPlan:
    """What will be read. register_map: of its family; None: nobody knows it, and its polling was allowed by a person.

    Raises SettingsError where it must not be polled, nothing may be read, or the yardstick is missing.
    """
    refusal = refusal_of(register_map, accept_polling_risk=controller.is_polling_risk_accepted)
    if refusal:
        raise _mistake(refusal, "Nothing was read")
    if settings.accelerometer is None:
        raise _mistake("the settings name no accelerometer", "Registers are held against what it sees")
    blocks = blocks_of(register_map, asked)
    kept = Kept(log, log.with_name(f"{log.name}.recording"))
    return SearchPlan(settings, link_of(controller), controller.unit, blocks, minutes * 60.0, kept)


def swept_alone(plan: SearchPlan, screen: Screen, typed: Typed) -> Kept | None:
    """Read with the state folder locked. None: the agent has the devices, which was said. Raises EdgeAgentError."""
    try:
        state = StateFolder(Path(plan.settings.state_folder))
    except FolderTaken as error:
        print(screen.wording.text("agent_runs", problem=error.problem), file=sys.stderr)
        return None
    try:
        minutes = round(plan.seconds / 60.0)
        screen.say(
            screen.wording.text("find.begin", registers=plan.register_count, link=str(plan.link), minutes=minutes)
        )
        screen.say(screen.wording.text("find.ride"))
        swept = _watched(RegisterSearch(plan, SystemClock()), screen, typed)
        for line in swept_lines(swept, plan.kept, screen.wording):
            screen.say(line)
    finally:
        give_to_owner(state.path)
        state.release()
    return plan.kept


def swept_lines(swept: Swept, kept: Kept, wording: Wording) -> Sequence[str]:
    """How the reading went."""
    text = wording.text
    told = [text("find.kept", reads=len(swept.reads), log=str(kept.log), recording=str(kept.recording))]
    if swept.refused:
        told.append(text("find.refused", count=len(swept.refused)))
    if swept.trouble:
        told.append(text("find.trouble", problem=swept.trouble))
    return told


def _watched(search: RegisterSearch, screen: Screen, typed: Typed) -> Swept:
    """Until the enter key, Ctrl-C, or its end."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.signal(number, lambda _number, _frame: search.stop()) for number in numbers]
    try:
        while not search.is_over:
            search.turn()
            screen.move(search.live(), screen.wording.text("find.keys"), time.monotonic())
            if typed.is_over:
                search.wait(TURN_S)
            elif typed.line(TURN_S) is not None:
                search.stop()
                search.wait(TURN_S)
        screen.say(screen.wording.text("find.judging"))
        return search.finish()
    finally:
        search.close()
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def blocks_of(register_map: RegisterMap | None, asked: Sequence[str]) -> tuple[ReadBlock, ...]:
    """What is read in turn, never what the map forbids. Raises SettingsError for what is out of bounds.

    Without `asked`: the whole sixteens of holding and input registers in which the map has a field. Without a map:
    those of all maps that come with the agent, and never what any of them forbids.
    """
    ranges = [_range_of(each) for each in asked]
    maps = [load_register_map(name) for name in known_map_names()] if register_map is None else [register_map]
    forbidden = tuple(own for each in maps for own in each.forbidden)
    if not ranges:
        starts = {
            (field.table, field.address // BLOCK * BLOCK)
            for each in maps
            for field in each.fields
            if not field.table.is_of_bits
        }
        ordered = sorted(starts, key=lambda each: (each[0].value, each[1]))
        ranges = [(table, range(first, first + BLOCK)) for table, first in ordered]
    blocks: list[ReadBlock] = []
    for table, addresses in ranges:
        if not asked and all(any(address in own for own in forbidden) for address in addresses):
            continue
        try:
            blocks += sweep_plan(table, addresses, forbidden=forbidden, block=BLOCK).blocks
        except ValueError as error:
            subject = f"{table.name.lower()} {addresses.start:#06x} to {addresses.stop - 1:#06x}"
            raise SettingsError(str(error), subject=subject, hint="Name others with --registers") from error
    if not blocks or sum(block.count for block in blocks) > REGISTERS_MAX:
        raise _mistake(f"1 to {REGISTERS_MAX} registers are read in all", "Name them with --registers")
    return tuple(blocks)


def _range_of(text: str) -> tuple[Table, range]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise _mistake(f"--registers {text} cannot be used", "As in holding:0x1000-0x107f or input:0-99")
    return Table[match[1].upper()], range(int(match[2], 0), int(match[3], 0) + 1)


def link_of(settings: ModbusSettings) -> ModbusLink:
    """As the agent opens it."""
    match settings.link:
        case TcpSettings(host, port, is_rtu):
            return TcpLink(host, port, is_rtu)
        case SerialLineSettings(port, baud_rate, parity, stop_bits):
            return SerialLink(port, baud_rate or 9600, Parity[(parity or SerialParity.NONE).name], stop_bits or 1)
        case _:
            assert_never(settings.link)


def _mistake(problem: str, hint: str) -> SettingsError:
    return SettingsError(problem, subject="maps find", hint=hint)
