"""Looks at what else answers where a source does not: a chip at its other address, a controller at another rate.

Reads only, with the drivers of the agent: a chip must name itself, a controller must answer a poll of its own map.
Bound: 16 addresses or 20 rates, each at most `TRY_S`; only when the installer asks for the wiring check.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from edge_agent.cli.sources import sources_of
from edge_agent.clock import SystemClock
from edge_agent.errors import EdgeAgentError
from edge_agent.readings import ControllerReport
from edge_agent.settings import ModbusSettings, SerialLineSettings, SerialParity, Settings, TalkerSettings
from edge_agent.settings_devices import ACCELEROMETERS, BAROMETERS, INA219_ADDRESSES

TRY_S = 1.2
READ_S = 0.2
USUAL_RATES = (9600, 19200, 38400, 115200, 57600, 4800)
"""Source: what the maps and protocols that come with the agent name, most usual first (judgement)."""


def what_answers(settings: Settings, source: str) -> Sequence[str]:
    """The first address ("0x1d"), chip ("lis3dh 0x18") or line ("19200 even") that answers; empty: none."""
    for words, changed in _others(settings, source):
        if answers(changed, source):
            return (words,)
    return ()


def _others(settings: Settings, source: str) -> Iterator[tuple[str, Settings]]:
    if source == "accelerometer" and settings.accelerometer is not None:
        accel = settings.accelerometer
        for address in ACCELEROMETERS[accel.chip].addresses:
            if address != accel.address:
                yield f"{address:#04x}", replace(settings, accelerometer=replace(accel, address=address))
        for chip, row in ACCELEROMETERS.items():
            for address in row.addresses if chip != accel.chip else ():
                other = replace(accel, chip=chip, address=address, rate_hz=row.rate_hz, range_g=row.range_g)
                yield f"{chip} {address:#04x}", replace(settings, accelerometer=other)
    elif source == "pressure" and settings.pressure is not None:
        pressure = settings.pressure
        for address in BAROMETERS[pressure.chip].addresses:
            if address != pressure.address:
                yield f"{address:#04x}", replace(settings, pressure=replace(pressure, address=address))
        for chip, row in BAROMETERS.items():
            for address in row.addresses if chip != pressure.chip else ():
                yield (
                    f"{chip} {address:#04x}",
                    replace(settings, pressure=replace(pressure, chip=chip, address=address)),
                )
    elif source == "supply" and settings.supply is not None:
        supply = settings.supply
        for address in range(INA219_ADDRESSES[0], INA219_ADDRESSES[1] + 1):
            if address != supply.address:
                yield f"{address:#04x}", replace(settings, supply=replace(supply, address=address))
    elif source == "controller":
        yield from _other_lines(settings)


def _other_lines(settings: Settings) -> Iterator[tuple[str, Settings]]:
    match settings.controller:
        case ModbusSettings(link=SerialLineSettings() as line) as chosen:
            for rate, parity in _rates(line, (SerialParity.NONE, SerialParity.EVEN, SerialParity.ODD)):
                other = replace(line, baud_rate=rate, parity=parity, stop_bits=None)
                yield f"{rate} {parity.value}", replace(settings, controller=replace(chosen, link=other))
        case TalkerSettings(line=line) as talker:
            for rate, parity in _rates(line, (line.parity or SerialParity.NONE,)):
                other = replace(line, baud_rate=rate, parity=parity)
                yield f"{rate} {parity.value}", replace(settings, controller=replace(talker, line=other))


def _rates(line: SerialLineSettings, parities: Sequence[SerialParity]) -> Iterator[tuple[int, SerialParity]]:
    for parity in parities:
        for rate in USUAL_RATES:
            if (rate, parity) != (line.baud_rate or USUAL_RATES[0], line.parity or SerialParity.NONE):
                yield rate, parity


def answers(settings: Settings, source: str) -> bool:
    """Whether the source opens with these settings; a controller must also have said something."""
    found = next(each for each in sources_of(settings, SystemClock()) if each.name == source)
    try:
        found.open()
        if source != "controller":
            return True
        until_s = time.monotonic() + TRY_S
        while time.monotonic() < until_s:
            if any(isinstance(reading, ControllerReport) for reading in found.read(READ_S)):
                return True
        return False
    except EdgeAgentError:
        return False
    finally:
        found.close()
