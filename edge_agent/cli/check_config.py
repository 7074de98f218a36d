"""`edge-agent check-config`: says what is wrong with a settings file, or what it would start."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, assert_never

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.errors import SettingsError
from edge_agent.settings import (
    ControllerSettings,
    ModbusSettings,
    SerialLineSettings,
    Settings,
    TalkerSettings,
    TcpSettings,
)

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("check-config", help=SUMMARIES["check-config"], description=__doc__)
    parser.add_argument("file", nargs="?", metavar="FILE", help="settings file (TOML)")
    parser.add_argument("--config", metavar="FILE", help="the same, as `run` takes it")


def run(args: argparse.Namespace) -> int:
    """Print what the file would start. Problems are raised, one line each."""
    file_name = args.config if args.config is not None else args.file
    if file_name is None:
        raise SettingsError("no file was named", subject="check-config", hint="Write: edge-agent check-config FILE")
    settings = load_settings(file_name)
    print(f"{file_name} is valid. It describes:")
    for line in what_it_starts(settings):
        print(f"  {line}")
    return 0


def what_it_starts(settings: Settings) -> tuple[str, ...]:
    """One line for the lift and each source and duty."""
    lift = settings.lift
    speed = f"{lift.rated_speed_mps:g} m/s" if lift.rated_speed_mps is not None else "speed to be learned"
    landings = f"{len(lift.landing_heights_m)} landings" if lift.landing_heights_m else "landings to be learned"
    drive = lift.drive.value if lift.drive is not None else "drive not said"
    lines = [f"lift {lift.lift_id}: {speed}, {landings}, {drive}"]
    if (chip := settings.accelerometer) is not None:
        lines.append(
            f"accelerometer: {chip.chip} at {chip.address:#04x} on {chip.bus}, {chip.rate_hz} Hz, +-{chip.range_g} g"
        )
    if (barometer := settings.pressure) is not None:
        lines.append(
            f"pressure: {barometer.chip} at {barometer.address:#04x} on {barometer.bus}, {barometer.rate_hz:g} Hz"
        )
    if settings.contacts is not None:
        pins = ", ".join(
            f"{contact.signal.value} on GPIO {contact.pin} ({'low' if contact.is_active_low else 'high'} = made)"
            for contact in settings.contacts.contacts
        )
        lines.append(f"contacts on {settings.contacts.chip}: {pins}")
    if settings.controller is not None:
        lines.append(f"controller: {_controller(settings.controller)}")
    if (lamps := settings.lamps) is not None:
        yellow, green = lamps.alarm_sent, lamps.help_is_coming
        lines.append(f"lamps on {lamps.chip}: alarm sent on GPIO {yellow.pin}, help is coming on GPIO {green.pin}")
    if (lid := settings.lid) is not None:
        level = "low" if lid.is_active_low else "high"
        lines.append(f"lid of the box on {lid.chip}: GPIO {lid.pin} ({level} = open)")
    if (monitor := settings.supply) is not None:
        lines.append(
            f"supply: {monitor.chip} at {monitor.address:#04x} on {monitor.bus}, {monitor.shunt_ohm:g} ohm, "
            f"{monitor.rate_hz:g} Hz"
        )
    if (modem := settings.modem) is not None:
        lines.append(f"modem: on {modem.port}, asked every {modem.period_s:g} s")
    lines.extend(f"receiver {receiver.name}: {receiver.url}" for receiver in settings.delivery.receivers)
    lines.append(f"outbox: {settings.delivery.outbox}")
    if settings.recording is not None:
        mib = settings.recording.max_bytes // (1024 * 1024)
        lines.append(f"recording: {settings.recording.path}, a ring of {mib} MiB")
    lines.append(f"state folder: {settings.state_folder}")
    return tuple(lines)


def _controller(settings: ControllerSettings) -> str:
    match settings:
        case TalkerSettings(line, protocol_name):
            return f"{protocol_name} on {_line(line)}, listened to"
        case ModbusSettings(link, unit, map_name, poll_hz):
            match link:
                case SerialLineSettings():
                    way = f"Modbus RTU on {_line(link)}"
                case TcpSettings(host, port, is_rtu):
                    way = f"Modbus {'RTU over ' if is_rtu else ''}TCP at {host}:{port}"
                case _:
                    assert_never(link)
            return f"{map_name} over {way}, unit {unit}, {poll_hz:g} polls a second, read only"
        case _:
            assert_never(settings)


def _line(line: SerialLineSettings) -> str:
    chosen = [f"{line.baud_rate} baud" if line.baud_rate is not None else ""]
    chosen += [f"parity {line.parity.value}" if line.parity is not None else ""]
    chosen += [f"{line.stop_bits} stop bits" if line.stop_bits is not None else ""]
    return ", ".join([line.port, *filter(None, chosen)])
