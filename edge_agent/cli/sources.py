"""The drivers of what the settings say is wired; the part of the composition root that names them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from drivers.modem_turns import ModemTurns
from edge_agent.clock import SystemClock
from edge_agent.settings import (
    AccelerometerSettings,
    ContactsSettings,
    ControllerSettings,
    ModbusSettings,
    ModemSettings,
    PressureSettings,
    SerialLineSettings,
    SerialParity,
    Settings,
    SupplySettings,
    TalkerSettings,
    TcpSettings,
)
from edge_agent.source import Source


def sources_of(settings: Settings, clock: SystemClock, turns: ModemTurns | None = None) -> list[Source]:
    """The drivers of what is wired; only these are loaded. turns: who else may have the modem's port."""
    sources: list[Source] = []
    if settings.accelerometer is not None:
        sources.append(_accelerometer(settings.accelerometer, clock))
    if settings.pressure is not None:
        sources.append(_pressure(settings.pressure, clock))
    if settings.contacts is not None:
        sources.append(_contacts(settings.contacts, clock))
    if settings.controller is not None:
        sources.append(_controller(settings.controller, clock))
    if settings.supply is not None:
        sources.append(_supply(settings.supply, clock))
    if settings.modem is not None:
        sources.append(_modem(settings.modem, clock, turns))
    return sources


def _accelerometer(settings: AccelerometerSettings, clock: SystemClock) -> Source:
    from drivers.adxl345 import Adxl345
    from drivers.adxl355 import Adxl355
    from drivers.lis3dh import Lis3dh
    from drivers.mpu6050 import PARTS, Mpu6050

    makers: dict[str, Callable[..., Source]] = {"adxl345": Adxl345, "lis3dh": Lis3dh, "adxl355": Adxl355}
    makers |= {part: partial(Mpu6050, part=part) for part in PARTS}
    return makers[settings.chip](
        settings.bus,
        now_ns=clock.now_ns,
        address=settings.address,
        rate_hz=settings.rate_hz,
        range_g=settings.range_g,
    )


def _pressure(settings: PressureSettings, clock: SystemClock) -> Source:
    from drivers.bmp280 import Bmp280
    from drivers.bmp390 import Bmp390

    maker = {"bmp280": Bmp280, "bmp390": Bmp390}[settings.chip]
    return maker(settings.bus, now_ns=clock.now_ns, address=settings.address, rate_hz=settings.rate_hz)


def _supply(settings: SupplySettings, clock: SystemClock) -> Source:
    from drivers.ina219 import Ina219

    return Ina219(
        settings.bus,
        now_ns=clock.now_ns,
        address=settings.address,
        shunt_ohm=settings.shunt_ohm,
        rate_hz=settings.rate_hz,
    )


def _modem(settings: ModemSettings, clock: SystemClock, turns: ModemTurns | None) -> Source:
    from drivers.modem import Modem
    from drivers.serial_line import SerialLine

    line = SerialLine(settings.port, settings.baud_rate)
    return Modem(line, now_ns=clock.now_ns, period_s=settings.period_s, turns=turns)


def _contacts(settings: ContactsSettings, clock: SystemClock) -> Source:
    from drivers.door_contacts import ContactLine, DoorContacts
    from drivers.gpio import Pull

    lines = [
        ContactLine(contact.signal, contact.pin, contact.is_active_low, Pull(contact.pull.value))
        for contact in settings.contacts
    ]
    return DoorContacts(settings.chip, lines, now_ns=clock.now_ns)


def _controller(settings: ControllerSettings, clock: SystemClock) -> Source:
    match settings:
        case ModbusSettings():
            return _polled(settings, clock)
        case TalkerSettings():
            return _listened_to(settings, clock)
        case _:
            assert_never(settings)


def _polled(settings: ModbusSettings, clock: SystemClock) -> Source:
    from drivers.map_files import load_register_map
    from drivers.modbus import SerialLink, TcpLink
    from drivers.modbus_controller import ModbusController
    from drivers.serial_line import Parity

    match settings.link:
        case TcpSettings(host, port, is_rtu):
            link: TcpLink | SerialLink = TcpLink(host, port, is_rtu)
        case SerialLineSettings(port, baud_rate, parity, stop_bits):
            link = SerialLink(port, baud_rate or 9600, Parity[(parity or SerialParity.NONE).name], stop_bits or 1)
        case _:
            assert_never(settings.link)
    return ModbusController(
        load_register_map(settings.map_name),
        link,
        now_ns=clock.now_ns,
        unit=settings.unit,
        poll_hz=settings.poll_hz,
        is_risk_accepted=settings.is_polling_risk_accepted,
    )


def _listened_to(settings: TalkerSettings, clock: SystemClock) -> Source:
    from drivers.protocol_files import load_serial_protocol
    from drivers.serial_controller import SerialController
    from drivers.serial_line import Parity, SerialLine

    protocol = load_serial_protocol(settings.protocol_name)
    chosen = settings.line
    line = SerialLine(
        chosen.port,
        chosen.baud_rate or protocol.baud_rate,
        protocol.data_bits,
        Parity[chosen.parity.name] if chosen.parity is not None else protocol.parity,
        chosen.stop_bits or protocol.stop_bits,
    )
    return SerialController(protocol, line, now_ns=clock.now_ns)
