"""The live half of `edge-agent maps find`: reads registers in one thread while the sensors are recorded in the other.

It only reads (`drivers/register_sweep.py`). Nothing is opened before poll safety, the agent's lock and the files that
must not be replaced have been looked at. Bounds: 2,000 registers, the minutes asked for, the reads of a log.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

from calibration.session_wording import Wording
from drivers.map_files import load_register_map
from drivers.modbus import ModbusLink, SerialLink, TcpLink
from drivers.register_map import ReadBlock, RegisterMap, Table
from drivers.register_map_log import log_lines
from drivers.register_reading import RegisterReading
from drivers.register_sweep import REGISTERS_MAX, Swept, refusal_of, sweep_plan
from drivers.serial_line import Parity
from edge_agent.cli.maps_find import MINUTES, MINUTES_MAX, MINUTES_MIN, out_of, refuse_existing
from edge_agent.cli.record import record
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.sources import sources_of
from edge_agent.cli.state_folder import FolderTaken, StateFolder
from edge_agent.clock import SystemClock
from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.recording import Recording
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from edge_agent.request_drop import give_to_owner
from edge_agent.settings import ModbusSettings, SerialLineSettings, SerialParity, Settings, TcpSettings

LOG = "found_registers.log"
BLOCK = 16
_RANGE = re.compile(r"(holding|input):(0x[0-9a-fA-F]{1,4}|\d{1,5})-(0x[0-9a-fA-F]{1,4}|\d{1,5})")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a judgement is made of."""

    log: Path
    recording: Path


def live(args: argparse.Namespace, wording: Wording) -> Kept | None:
    """Read and record. None: the agent has the devices, which was said. Raises SettingsError, EdgeAgentError."""
    settings, controller, register_map = _settings(args)
    minutes = MINUTES if args.minutes is None else args.minutes
    if not MINUTES_MIN <= minutes <= MINUTES_MAX:
        raise _mistake(f"--minutes {minutes} cannot be used", f"{MINUTES_MIN} to {MINUTES_MAX}")
    blocks = blocks_of(register_map, args.registers or ())
    log = args.log or Path(settings.state_folder) / LOG
    kept = Kept(log, log.with_name(f"{log.name}.recording"))
    out_of(args, log)
    for path in (kept.log, kept.recording):
        refuse_existing(path, is_forced=args.force)
    try:
        state = StateFolder(Path(settings.state_folder))
    except FolderTaken as error:
        print(wording.text("agent_runs", problem=error.problem), file=sys.stderr)
        return None
    try:
        count = sum(block.count for block in blocks)
        link = link_of(controller)
        print(wording.text("find.begin", registers=count, link=str(link), minutes=minutes))
        print(wording.text("find.ride"), flush=True)
        swept = _swept(settings, kept, link, controller.unit, blocks, minutes * 60.0)
        print(wording.text("find.kept", reads=len(swept.reads), log=str(kept.log), recording=str(kept.recording)))
        if swept.refused:
            print(wording.text("find.refused", count=len(swept.refused)))
        if swept.trouble:
            print(wording.text("find.trouble", problem=swept.trouble))
    finally:
        give_to_owner(state.path)
        state.release()
    return kept


def _settings(args: argparse.Namespace) -> tuple[Settings, ModbusSettings, RegisterMap]:
    """Raises SettingsError where this controller must not be polled, or the yardstick is missing."""
    if args.config is None:
        raise _mistake("--config is missing", "Name the settings file, or --from LOG --recording FOLDER")
    settings = load_settings(args.config)
    controller = settings.controller
    if not isinstance(controller, ModbusSettings):
        raise _mistake("the settings name no controller over Modbus", "Only Modbus has registers to be found")
    register_map = load_register_map(controller.map_name)
    refusal = refusal_of(register_map, accept_polling_risk=controller.is_polling_risk_accepted)
    if refusal:
        raise _mistake(refusal, "Nothing was read")
    if settings.accelerometer is None:
        raise _mistake("the settings name no accelerometer", "Registers are held against what it sees")
    return settings, controller, register_map


def blocks_of(register_map: RegisterMap, asked: Sequence[str]) -> tuple[ReadBlock, ...]:
    """What is read in turn, never what the map forbids. Raises SettingsError for what is out of bounds.

    Without `asked`: the whole sixteens of holding and input registers in which the map has a field.
    """
    ranges = [_range_of(each) for each in asked]
    if not ranges:
        starts = {
            (field.table, field.address // BLOCK * BLOCK) for field in register_map.fields if not field.table.is_of_bits
        }
        ordered = sorted(starts, key=lambda each: (each[0].value, each[1]))
        ranges = [(table, range(first, first + BLOCK)) for table, first in ordered]
    blocks: list[ReadBlock] = []
    for table, addresses in ranges:
        try:
            blocks += sweep_plan(table, addresses, forbidden=register_map.forbidden, block=BLOCK).blocks
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


def _swept(
    settings: Settings, kept: Kept, link: ModbusLink, unit: int, blocks: tuple[ReadBlock, ...], seconds: float
) -> Swept:
    clock = SystemClock()
    reading = RegisterReading(link, unit, blocks, seconds, clock.now_ns)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: reading.stop())
    sensors = replace(settings, controller=None, modem=None, supply=None)
    if kept.recording.is_dir():  # --force was given
        Recording.open(kept.recording)  # what is no recording is not ours to remove
        shutil.rmtree(kept.recording)
    wall = clock.wall_estimate()
    start_utc = None if wall is None else datetime.fromtimestamp((wall.unix_ms - clock.now_ns() // 10**6) // 1000, UTC)
    writer = ExchangeWriter(kept.recording, RecordingMeta(sensors.installation(), start_utc, settings.limit_overrides))
    reading.start()
    try:
        record(
            sources_of(sensors, clock),
            writer,
            now_ns=clock.now_ns,
            is_over=lambda: not reading.is_alive(),
        )
    finally:
        reading.stop()
        reading.join()
    swept = reading.result()
    try:
        replace_file(kept.log, "".join(f"{line}\n" for line in log_lines(swept.reads)), 0o644)
    except OSError as error:
        raise EdgeAgentError(
            f"cannot be written: {error.strerror}", subject=str(kept.log), hint="Name another with --log"
        ) from error
    return swept


def _mistake(problem: str, hint: str) -> SettingsError:
    return SettingsError(problem, subject="maps find", hint=hint)
