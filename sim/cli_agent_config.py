"""The settings file of an agent that is to watch one simulated lift."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge_agent.settings_devices import ACCELEROMETERS
from sim.fifo_chips import CHIPS
from sim.fittings import BAROMETERS, SUPPLY_ADDRESS, SUPPLY_MONITOR
from sim.ina219 import SHUNT_OHM
from sim.live import PINS, LiveLift

_TCP_POLL_HZ, _RTU_POLL_HZ = 10, 2
_BAUD_RATE = 38400


@dataclass(frozen=True, slots=True)
class AgentLink:
    """How the agent is to hear the controller. place: HOST:PORT or the path of a serial port."""

    kind: str  # modbus_tcp, modbus_rtu, modbus_rtu_tcp, serial
    place: str
    unit: int = 1
    name: str = ""  # of the map, or of the protocol of a talker

    def rows(self, *, is_risk_accepted: bool) -> list[str]:
        """[controller] as the settings file has it."""
        rows = ["", "[controller]", f'kind = "{self.kind}"']
        if self.kind in ("modbus_tcp", "modbus_rtu_tcp"):
            host, _, port = self.place.rpartition(":")
            rows += [f"host = {json.dumps(host)}", f"port = {port}"]
        else:
            rows += [f"port = {json.dumps(str(Path(self.place).absolute()))}"]
        if self.kind == "serial":
            return [*rows, f"protocol = {json.dumps(self.name)}"]
        if self.kind == "modbus_rtu":
            rows += [f"baud_rate = {_BAUD_RATE}"]
        if is_risk_accepted:
            rows += ["accept_polling_risk = true   # a simulated lift takes no harm"]
        poll_hz = _TCP_POLL_HZ if self.kind == "modbus_tcp" else _RTU_POLL_HZ
        return [*rows, f"unit = {self.unit}", f"map = {json.dumps(self.name)}", f"poll_hz = {poll_hz}"]


def agent_config(lift: LiveLift, receiver_url: str, folder: Path, link: AgentLink | None) -> str:
    """TOML text; `folder` takes outbox, status and recording. link None: the box has no controller."""
    installation = lift.played.installation
    rows = ["# Written by lift-sim for one run.", "[lift]", f"id = {json.dumps(installation.lift.lift_id[:32])}"]
    if installation.lift.rated_speed_mps is not None:
        rows.append(f"rated_speed_mps = {installation.lift.rated_speed_mps!r}")
    if installation.lift.drive is not None:
        rows.append(f'drive = "{installation.lift.drive.value}"')
    if installation.lift.landing_heights_m:
        rows.append(f"landing_heights_m = {list(installation.lift.landing_heights_m)}")
    rows += ["", "[state]", f"folder = {json.dumps(str(folder.absolute()))}"]
    bus = f"bus = {json.dumps(f'unix:{lift.i2c.path}')}"
    accel = lift.played.box.accel
    if accel is not None:
        name = lift.chips.fittings.accelerometer
        chip, allowed_hz = CHIPS[name], ACCELEROMETERS[name].rates_hz
        rate_hz = min(allowed_hz, key=lambda allowed: abs(allowed - accel.rate_hz))
        rows += ["", "[accelerometer]", f'chip = "{name}"', bus]
        rows += [f"address = {chip.address:#04x}", f"rate_hz = {rate_hz}", f"range_g = {chip.range_g}"]
    if lift.chips.barometer is not None:
        name = lift.chips.barometer_name
        rows += ["", "[pressure]", f'chip = "{name}"', bus, f"address = {BAROMETERS[name][1]:#04x}"]
    if lift.chips.supply is not None:
        rows += ["", "[supply]", f'chip = "{SUPPLY_MONITOR}"', bus, f"address = {SUPPLY_ADDRESS:#04x}"]
        rows += [f"shunt_ohm = {SHUNT_OHM}"]
    if lift.modem is not None:
        rows += ["", "[modem]", f"port = {json.dumps(str(lift.modem.path.absolute()))}"]
    if lift.played.box.signals:
        rows += ["", "[contacts]", f"chip = {json.dumps(f'unix:{lift.gpio.path}')}"]
        rows += [
            f'{signal.value} = {{ pin = {PINS[signal]}, active = "high", pull = "down" }}'
            for signal in sorted(lift.played.box.signals, key=lambda each: each.value)
        ]
    if link is not None:
        rows += link.rows(is_risk_accepted=not lift.served.unit.map.polling_is_safe)
    rows += ["", "[delivery]", f'receivers = [ {{ name = "demo", url = {json.dumps(receiver_url)} }} ]']
    rows += ["", "[recording]", "max_mib = 16"]
    return "\n".join(rows) + "\n"
