"""Inside `edge-agent calibrate`: where the settings name no controller, a person tells the line, and it is tried.

Modbus only, and only read. A family of the list is polled with its map where that is known to be safe, or after a yes
to what its map warns of; what nobody knows is asked for registers by the detective (`calibrate_find.py`), after a yes
to that nobody knows what polling does to it. The settings are changed after they were shown and accepted, never before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.map_files import known_map_names, load_register_map
from drivers.register_map import RegisterMap
from edge_agent.cli.calibrate_find import Lines
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.wiring_probe import answers, what_answers
from edge_agent.settings import ModbusSettings, SerialLineSettings, SerialParity, Settings, TcpSettings

KINDS = {"1": "modbus_rtu", "2": "modbus_tcp", "3": "modbus_rtu_tcp"}
BY_ID = Path("/dev/serial/by-id")
PORT, RATE, TCP_PORT, UNIT = "/dev/serial0", 9600, 502, 1
POLL_HZ, RTU_POLL_HZ = 10.0, 2.0
"""As the settings have them where nothing is said."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where the controller is. place: serial port or host. number: baud or TCP port."""

    kind: str
    place: str
    number: int
    unit: int
    parity: SerialParity = SerialParity.NONE

    @property
    def is_serial(self) -> bool:
        """A port of this box, no network."""
        return self.kind == "modbus_rtu"

    def changes(self) -> Lines:
        """[controller] of the settings, without the map."""
        rows = [("kind", json.dumps(self.kind)), ("port" if self.is_serial else "host", json.dumps(self.place))]
        rows.append(("baud_rate" if self.is_serial else "port", str(self.number)))
        if self.parity is not SerialParity.NONE:
            rows.append(("parity", json.dumps(self.parity.value)))
        return tuple((f"controller.{key}", value) for key, value in (*rows, ("unit", str(self.unit))))

    def settings(self, settings: Settings, map_name: str, *, is_risk_accepted: bool) -> Settings:
        """As if it were in the file."""
        link = (
            SerialLineSettings(self.place, self.number, self.parity, None)
            if self.is_serial
            else TcpSettings(self.place, self.number, self.kind == "modbus_rtu_tcp")
        )
        poll_hz = POLL_HZ if self.kind == "modbus_tcp" else RTU_POLL_HZ
        return replace(settings, controller=ModbusSettings(link, self.unit, map_name, poll_hz, is_risk_accepted))


@dataclass(frozen=True, slots=True)
class Wired:
    """What was told. settings: with this controller, of a map "" where nobody knows it. changes: of the file."""

    settings: Settings
    changes: Lines
    is_known: bool


def wired_by(settings: Settings, screen: Screen, typed: Typed) -> Wired | None:
    """Ask for line and family, and try it. None: not now. The devices must be free."""
    line = _line(screen, typed)
    if line is None:
        return None
    name = _family(screen, typed)
    text = screen.wording.text
    if not name:
        screen.say(text("wire.unknown"))
        if not _is_yes(screen, typed, "wire.said_so"):
            return None
        return Wired(line.settings(settings, "", is_risk_accepted=True), line.changes(), is_known=False)
    register_map = load_register_map(name)
    is_risky = not register_map.polling_is_safe
    if is_risky:
        screen.say(text("wire.risk", note=" ".join(register_map.polling_note.split())))
        if not _is_yes(screen, typed, "wire.said_so"):
            return None
    return _tried(line, name, settings, screen, is_risky=is_risky)


def _tried(line: Line, name: str, settings: Settings, screen: Screen, *, is_risky: bool) -> Wired:
    """With the family's map: a line that answers at another rate is told with that."""
    screen.say(screen.wording.text("wire.trying"))
    chosen = line.settings(settings, name, is_risk_accepted=is_risky)
    if answers(chosen, "controller"):
        screen.say(screen.wording.text("wire.answers"))
    else:
        others = what_answers(chosen, "controller")
        if others:
            rate, parity = others[0].split()
            line = replace(line, number=int(rate), parity=SerialParity(parity))
            chosen = line.settings(settings, name, is_risk_accepted=is_risky)
            screen.say(screen.wording.text("wire.other", line=others[0]))
        else:
            screen.say(screen.wording.text("wire.silent"))
    changes = (*line.changes(), ("controller.map", json.dumps(name)))
    if is_risky:
        changes = (*changes, ("controller.accept_polling_risk", "true"))
    return Wired(chosen, changes, is_known=True)


def _line(screen: Screen, typed: Typed) -> Line | None:
    kind = KINDS.get(_asked(screen, typed, "wire.kind"))
    if kind is None:
        return None
    if kind == "modbus_rtu":
        ports = serial_ports(BY_ID)
        for port in ports:
            screen.say(f"      {port}")
        default = ports[0] if ports else PORT
        place = _asked(screen, typed, "wire.port", default=default) or default
        number = _number(screen, typed, "wire.rate", RATE)
    else:
        place = _asked(screen, typed, "wire.host")
        if not place:
            return None
        number = _number(screen, typed, "wire.tcp_port", TCP_PORT)
    return Line(kind, place, number, _number(screen, typed, "wire.unit", UNIT))


def _family(screen: Screen, typed: Typed) -> str:
    """Name of a map; "": none of these."""
    maps = families()
    for place, each in enumerate(maps, 1):
        screen.say(f"      [{place}] {each.name}: {each.maker} {each.model}")
    number = _number(screen, typed, "wire.family", 0)
    return maps[number - 1].name if 1 <= number <= len(maps) else ""


def families() -> Sequence[RegisterMap]:
    """Maps that come with the agent and may be polled at all."""
    maps = [load_register_map(name) for name in known_map_names()]
    return [each for each in maps if not each.is_documentation_only]


def serial_ports(folder: Path) -> Sequence[str]:
    """Adapters by the names that stay, in order."""
    try:
        return sorted(str(path) for path in folder.iterdir())
    except OSError:
        return []


def _number(screen: Screen, typed: Typed, key: str, default: int) -> int:
    while True:
        word = _asked(screen, typed, key, default=default)
        if not word:
            return default
        if word.isdecimal() and len(word) <= 6:
            return int(word)
        screen.say(screen.wording.text("wire.no_number", word=word[:40]))


def _is_yes(screen: Screen, typed: Typed, key: str) -> bool:
    return _asked(screen, typed, key).lower()[:1] == "y"


def _asked(screen: Screen, typed: Typed, key: str, **values: str | int) -> str:
    screen.ask(screen.wording.text(key, **values))
    return typed.waited() or ""
