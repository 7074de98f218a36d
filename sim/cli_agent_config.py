"""The settings file of an agent that is to watch one simulated lift."""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.settings_toml import ADXL345_RATES_HZ
from sim.live import ACCEL_ADDRESS, PINS, LiveLift

_RANGE_G = 16


def agent_config(lift: LiveLift, receiver_url: str, folder: Path, map_name: str) -> str:
    """TOML text; `folder` takes outbox, status and recording."""
    installation = lift.played.installation
    rows = ["# Written by lift-sim for one run.", "[lift]", f"id = {json.dumps(installation.lift.lift_id[:32])}"]
    if installation.lift.rated_speed_mps is not None:
        rows.append(f"rated_speed_mps = {installation.lift.rated_speed_mps!r}")
    if installation.lift.drive is not None:
        rows.append(f'drive = "{installation.lift.drive.value}"')
    if installation.lift.landing_heights_m:
        rows.append(f"landing_heights_m = {list(installation.lift.landing_heights_m)}")
    rows += ["", "[state]", f"folder = {json.dumps(str(folder))}"]
    accel = lift.played.box.accel
    if accel is not None:
        rate_hz = min(ADXL345_RATES_HZ, key=lambda allowed: abs(allowed - accel.rate_hz))
        rows += ["", "[accelerometer]", 'chip = "adxl345"', f"bus = {json.dumps(f'unix:{lift.i2c.path}')}"]
        rows += [f"address = {ACCEL_ADDRESS:#04x}", f"rate_hz = {rate_hz}", f"range_g = {_RANGE_G}"]
    if lift.played.box.signals:
        rows += ["", "[contacts]", f"chip = {json.dumps(f'unix:{lift.gpio.path}')}"]
        rows += [
            f'{signal.value} = {{ pin = {PINS[signal]}, active = "high", pull = "down" }}'
            for signal in sorted(lift.played.box.signals, key=lambda each: each.value)
        ]
    if lift.controller is not None:
        rows += ["", "[controller]", 'kind = "modbus_tcp"', 'host = "127.0.0.1"', f"port = {lift.controller.port}"]
        rows += [f"unit = {lift.controller.unit}", f'map = "{map_name}"', "poll_hz = 10"]
    rows += ["", "[delivery]", f'receivers = [ {{ name = "demo", url = {json.dumps(receiver_url)} }} ]']
    rows += ["", "[recording]", "max_mib = 16"]
    return "\n".join(rows) + "\n"
