"""Reads the sections of a settings file that choose sensors and the link to the controller. Pure.

What the chips can do stands here as a table, so that settings are checked without loading a driver; a test holds it
against the drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import TypeVar

from drivers.register_map import ReadBlock, RegisterMap
from drivers.register_map_checks import check_reads
from edge_agent.errors import SettingsError
from edge_agent.settings import (
    AccelerometerSettings,
    ControllerSettings,
    ModbusSettings,
    ModemSettings,
    PressureSettings,
    SerialLineSettings,
    SerialParity,
    SupplySettings,
    TalkerSettings,
    TcpSettings,
)
from edge_agent.toml_table import Check, TomlTable, Unfit, number, one_number_of, one_of, text, truth, whole

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChipRow:
    """What one chip can be set to; the first address is the usual one."""

    addresses: tuple[int, int]
    second_address_with: str
    rates_hz: tuple[int, ...] = ()
    ranges_g: tuple[int, ...] = ()
    rate_hz: int = 0
    range_g: int = 0


_MPU = ChipRow((0x68, 0x69), "AD0 high", (25, 50, 100, 125, 200, 250, 500, 1000), (2, 4, 8, 16), 500, 4)
# Source: the data sheets named in drivers/adxl345.py, lis3dh.py, mpu6050.py and adxl355.py.
ACCELEROMETERS: Mapping[str, ChipRow] = MappingProxyType(
    {
        "adxl345": ChipRow((0x53, 0x1D), "SDO high", (25, 50, 100, 200, 400, 800), (2, 4, 8, 16), 400, 16),
        "lis3dh": ChipRow((0x18, 0x19), "SA0 high", (25, 50, 100, 200, 400), (2, 4, 8, 16), 400, 2),
        "mpu6050": _MPU,
        "mpu6500": _MPU,
        "mpu9250": _MPU,
        "icm20602": _MPU,
        "adxl355": ChipRow((0x1D, 0x53), "ASEL high", (125, 250, 500, 1000), (2, 4, 8), 500, 2),
    }
)
# Source: the data sheets named in drivers/bmp280.py and bmp390.py.
BAROMETERS: Mapping[str, ChipRow] = MappingProxyType(
    {"bmp280": ChipRow((0x76, 0x77), "SDO high"), "bmp390": ChipRow((0x77, 0x76), "SDO low")}
)
PRESSURE_RATE_HZ = (1.0, 10.0)
# Source: the data sheet named in drivers/ina219.py; what the driver allows.
INA219_ADDRESSES = (0x40, 0x4F)
SHUNT_OHM, SUPPLY_RATE_HZ = (0.001, 1.0), (0.2, 5.0)
MODEM_PERIOD_S = (1.0, 3600.0)

# Time one Modbus request may take before polling falls behind. Source: the NICE3000+ answers after 0-20 ms (FD-03),
# design note on public register maps.
REQUEST_MS = 20.0
# Source: an RTU question has 8 bytes, its answer 5 and 2 a register; a byte has 11 bits with parity or second stop bit.
QUESTION_AND_HEAD_BYTES, BITS_PER_BYTE = 13, 11
BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
BAUD_RATE_DEFAULT = 9600

_BUS = text(r"/dev/i2c-\d+|\d+|unix:.+", '"/dev/i2c-1", "1" or "unix:PATH"')
_PORT = text(r"/.+|socket://.+:\d+", '"/dev/serial/by-id/...", another path to a port, or "socket://HOST:PORT"')
_KINDS = ("modbus_tcp", "modbus_rtu", "modbus_rtu_tcp", "serial")


def no_protocol(name: str) -> object:
    """Knows no serial protocol: for readers of settings that have none. Raises SettingsError."""
    raise SettingsError(f"no serial protocol is named {name}", subject=name, hint="None is known here")


def accelerometer_from(table: TomlTable) -> AccelerometerSettings:
    """[accelerometer]"""
    chip = table.need("chip", one_of({name: name for name in ACCELEROMETERS}), "adxl345", 'chip = "adxl345"')
    row = ACCELEROMETERS[chip]
    settings = AccelerometerSettings(
        chip=chip,
        bus=table.take("bus", _BUS, "/dev/i2c-1"),
        address=table.take("address", _address_of(chip, row), row.addresses[0]),
        rate_hz=table.take("rate_hz", one_number_of(row.rates_hz, "Hz"), row.rate_hz),
        range_g=table.take("range_g", one_number_of(row.ranges_g, "g"), row.range_g),
    )
    table.refuse_unknown()
    return settings


def pressure_from(table: TomlTable) -> PressureSettings:
    """[pressure]"""
    chip = table.need("chip", one_of({name: name for name in BAROMETERS}), "bmp280", 'chip = "bmp280"')
    row = BAROMETERS[chip]
    settings = PressureSettings(
        chip=chip,
        bus=table.take("bus", _BUS, "/dev/i2c-1"),
        address=table.take("address", _address_of(chip, row), row.addresses[0]),
        rate_hz=table.take("rate_hz", number(*PRESSURE_RATE_HZ, "Hz"), 5.0),
    )
    table.refuse_unknown()
    return settings


def supply_from(table: TomlTable) -> SupplySettings:
    """[supply]"""
    settings = SupplySettings(
        chip=table.need("chip", one_of({"ina219": "ina219"}), "ina219", 'chip = "ina219"'),
        bus=table.take("bus", _BUS, "/dev/i2c-1"),
        address=table.take("address", whole(*INA219_ADDRESSES), INA219_ADDRESSES[0]),
        shunt_ohm=table.take("shunt_ohm", number(*SHUNT_OHM, "ohm"), 0.1),
        rate_hz=table.take("rate_hz", number(*SUPPLY_RATE_HZ, "Hz"), 1.0),
    )
    table.refuse_unknown()
    return settings


def modem_from(table: TomlTable) -> ModemSettings:
    """[modem]"""
    settings = ModemSettings(
        port=table.need("port", _PORT, "", 'port = "/dev/serial/by-id/usb-..."'),
        baud_rate=table.take("baud_rate", one_number_of(BAUD_RATES, ""), 115200),
        period_s=table.take("period_s", number(*MODEM_PERIOD_S, "s"), 10.0),
    )
    table.refuse_unknown()
    return settings


def controller_from(
    table: TomlTable,
    folder: PurePath,
    load_map: Callable[[str], RegisterMap],
    load_protocol: Callable[[str], object],
) -> ControllerSettings:
    """[controller]"""
    kind = table.need("kind", one_of({name: name for name in _KINDS}), "modbus_tcp", 'kind = "modbus_tcp"')
    settings = _talker(table, folder, load_protocol) if kind == "serial" else _modbus(table, kind, folder, load_map)
    table.refuse_unknown()
    return settings


def _talker(table: TomlTable, folder: PurePath, load_protocol: Callable[[str], object]) -> TalkerSettings:
    kind = 'a name such as "liftsentence", or the path of a .toml file'
    nothing: tuple[str, object | None] = ("", None)
    protocol = table.need("protocol", _loaded(folder, load_protocol, kind), nothing, 'protocol = "liftsentence"')
    return TalkerSettings(_line(table), protocol[0])


def _modbus(table: TomlTable, kind: str, folder: PurePath, load_map: Callable[[str], RegisterMap]) -> ModbusSettings:
    what = 'a name such as "nice3000plus", or the path of a .toml file'
    nothing: tuple[str, RegisterMap | None] = ("", None)
    map_name, register_map = table.need("map", _loaded(folder, load_map, what), nothing, 'map = "nice3000plus"')
    settings = ModbusSettings(
        link=_line(table) if kind == "modbus_rtu" else _tcp(table, is_rtu=kind == "modbus_rtu_tcp"),
        unit=table.take("unit", whole(0, 247), 1),
        map_name=map_name,
        poll_hz=table.take("poll_hz", number(0.1, 50.0, "Hz"), 10.0 if kind == "modbus_tcp" else 2.0),
        is_polling_risk_accepted=table.take("accept_polling_risk", truth(), False),
    )
    if register_map is not None:
        _check_map(table, settings, register_map)
    return settings


def _tcp(table: TomlTable, *, is_rtu: bool) -> TcpSettings:
    return TcpSettings(
        host=table.need("host", text(r"[A-Za-z0-9._:-]{1,253}", "a host name or address"), "", 'host = "10.0.0.5"'),
        port=table.take("port", whole(1, 65535), 502),
        is_rtu=is_rtu,
    )


def _line(table: TomlTable) -> SerialLineSettings:
    return SerialLineSettings(
        port=table.need("port", _PORT, "", 'port = "/dev/serial/by-id/usb-FTDI_..."'),
        baud_rate=table.take("baud_rate", one_number_of(BAUD_RATES, ""), None),
        parity=table.take("parity", one_of({parity.value: parity for parity in SerialParity}), None),
        stop_bits=table.take("stop_bits", one_number_of((1, 2), ""), None),
    )


def _loaded(folder: PurePath, load: Callable[[str], T], meaning: str) -> Check[tuple[str, T | None]]:
    """One that comes with the agent, or the path of a file of one's own; with the name that `load` knows."""

    def check(key: str, value: object) -> tuple[str, T | None]:
        name = text(r"[^\0]+", meaning)(key, value)
        if name.endswith(".toml"):
            name = str(folder / name)
        try:
            return name, load(name)
        except SettingsError as error:
            raise Unfit(error.problem, error.hint) from error

    return check


def _check_map(table: TomlTable, settings: ModbusSettings, register_map: RegisterMap) -> None:
    """The requests of one poll must fit, their answers be told apart, and polling itself be known to be safe."""
    if register_map.is_documentation_only:
        table.problem(
            "map",
            f"map {settings.map_name} only documents registers, there is nothing to poll",
            f"What it says: edge-agent maps {settings.map_name}",
        )
        return
    has_numbers = isinstance(settings.link, TcpSettings) and not settings.link.is_rtu
    checks = check_reads(register_map)
    if not has_numbers and not checks and register_map.canary is None:
        table.problem(
            "map",
            f"with map {settings.map_name} late answers could not be told from right ones on a link with RTU frames",
            "Let the map name a [canary], or read neighbouring registers together",
        )
    budget_ms = 1000.0 / settings.poll_hz
    needed_ms = _poll_ms(settings, register_map)
    if needed_ms > budget_ms:
        table.problem(
            "poll_hz",
            f"poll_hz = {settings.poll_hz:g} leaves {budget_ms:.0f} ms a poll, but map {settings.map_name} "
            f"needs {needed_ms:.0f} ms",
            f"At most poll_hz = {poll_hz_max(settings, register_map):g} with this map",
        )
    if not register_map.polling_is_safe and not settings.is_polling_risk_accepted:
        table.problem(
            "map",
            f"polling with map {settings.map_name} is not known to be safe: {register_map.polling_note}",
            "Where it has been checked at this lift, write accept_polling_risk = true",
        )


def poll_hz_max(settings: ModbusSettings, register_map: RegisterMap) -> float:
    """The most polls a second that this link has time for, in tenths."""
    return int(10_000 / _poll_ms(settings, register_map)) / 10


def _poll_ms(settings: ModbusSettings, register_map: RegisterMap) -> float:
    has_numbers = isinstance(settings.link, TcpSettings) and not settings.link.is_rtu
    own = check_reads(register_map)[-1:] if not has_numbers else ()
    return sum(_request_ms(settings, read) for read in (*register_map.reads, *own))


def _request_ms(settings: ModbusSettings, read: ReadBlock) -> float:
    if isinstance(settings.link, TcpSettings):
        return REQUEST_MS
    bits = (QUESTION_AND_HEAD_BYTES + 2 * read.count) * BITS_PER_BYTE
    return REQUEST_MS + bits / (settings.link.baud_rate or BAUD_RATE_DEFAULT) * 1000.0


def _address_of(chip: str, row: ChipRow) -> Check[int]:
    usual, other = row.addresses

    def check(key: str, value: object) -> int:
        address = whole(0x03, 0x77)(key, value)
        if address not in row.addresses:
            raise Unfit(
                f"{key} = {address:#04x} is no address of an {chip}",
                f"Allowed: {usual:#04x}, or {other:#04x} with {row.second_address_with}",
            )
        return address

    return check
