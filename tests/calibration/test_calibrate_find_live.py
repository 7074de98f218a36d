"""The `[f]` of `edge-agent calibrate` on a terminal, against a served lift whose controller no map of ours fits."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from edge_agent.cli.settings_file import load_settings
from edge_agent.settings import ModbusSettings
from tests.calibration.installer import Lift, Terminal, do_controller, ride, until
from tests.calibration.nobody_knows import NOBODY_KNOWS, TRUE

pytestmark = [pytest.mark.system, pytest.mark.campaign, pytest.mark.timeout(1_200)]

STORY = """\
format = 1
title = "A lift that is ridden"
story = "The car stands at its lowest landing."

[lift]
landings = 3
start_landing = 0
drive = "vvvf"
rated_speed_mps = 1.6

[box]
signals = ["door_open", "door_closed", "inspection"]
controller = "nice3000plus"
accel_rate_hz = 50

[[step]]
do = "wait"
for_s = 2
"""
STANDS_S = 4.0
"""How long somebody looks at a door or a display: the detective believes what has stood for a second."""
FAULT_STANDS_S = 14.0
"""A stop between landings that stands for less than eight seconds is none to the detective."""
CTRL_C = "\x03"


def stands(terminal: Terminal, for_s: float) -> None:
    """Nothing happens for so long but what the terminal shows."""
    end_s = time.monotonic() + for_s
    until(lambda: time.monotonic() >= end_s, "a stand", terminal=terminal)


def goes_to(lift: Lift, terminal: Terminal, landing: int) -> None:
    """Ride there, look at the open door, shut it."""
    ride(lift, terminal, landing)
    stands(terminal, STANDS_S)
    lift.tell("close_door")
    until(lambda: lift.is_at("door closed,"), "a shut door", terminal=terminal)
    stands(terminal, STANDS_S)


def stops_between(lift: Lift, terminal: Terminal, cause: str) -> None:
    """On the way up from the lowest landing the car stops, stands, is brought down again; the fault is over then."""
    lift.tell(f"travel to=2 stops_with={cause} stops_at=1.5")
    until(lambda: lift.is_at(r"fault (?!0)"), f"a stop by {cause}", terminal=terminal)
    stands(terminal, FAULT_STANDS_S)
    lift.tell("reset")
    lift.tell("creep to=0")
    until(lambda: lift.is_at("floor 1,"), "the lowest landing", terminal=terminal)
    goes_to(lift, terminal, 0)


def inspects(lift: Lift, terminal: Terminal) -> None:
    """The switch is on for some seconds."""
    for word in ("true", "false"):
        lift.tell(f"inspection on={word}")
        stands(terminal, 2 * STANDS_S)


def rides_for_the_detective(lift: Lift, terminal: Terminal) -> None:
    """What the dialogue asks for: every landing, the whole way, two faults, the inspection switch twice."""
    for landing in (1, 2, 0, 2, 1, 0, 2, 0):
        goes_to(lift, terminal, landing)
    for cause in ("brake", "safety_circuit"):
        stops_between(lift, terminal, cause)
    for _ in range(2):
        inspects(lift, terminal)


@pytest.mark.parametrize("link", ["tcp", "rtu"])
def test_registers_are_found_inside_a_calibration_with_the_fault_and_each_value_is_confirmed_then(
    link: str, tmp_path: Path
) -> None:
    unknown = tmp_path / "nobody_knows.toml"
    unknown.write_text(NOBODY_KNOWS, encoding="utf-8")
    lift = Lift(tmp_path / "s", STORY, "--chip", "adxl345", "--agent-link", link, "--map", str(unknown))
    text = lift.config.read_text(encoding="utf-8")
    lift.config.write_text(re.sub(r'map = ".*"', 'map = "nice3000plus"', text), encoding="utf-8")
    terminal = Terminal("--config", str(lift.config), "--step", "controller")
    try:
        terminal.until(r"begin .*leave: ")
        terminal.type()
        ride(lift, terminal, 1)
        terminal.type()
        terminal.until(r"Controller link: FAILED")
        terminal.until(r"\[f\] reads registers while you ride")
        terminal.until(r"leave: ")
        terminal.type("f")
        terminal.until("Which registers")
        terminal.type()
        terminal.until("Meanwhile ride")
        rides_for_the_detective(lift, terminal)
        terminal.press(CTRL_C)
        for word in ("floor", "direction", "door", "mode", "fault"):
            terminal.until(rf"{word}: holding 0x[0-9a-f]{{4}}.*, confidence \d+ %")
        terminal.until(r"Write this into .*\[y/n\]")
        assert "found_controller" not in lift.config.read_text(encoding="utf-8")
        terminal.type("y")
        terminal.until(r"begin .*leave: ")
        terminal.type()
        do_controller(lift, terminal)
        terminal.until(r"Controller link: passed", 150.0)
        assert terminal.ended() == 1  # the other steps are not done
        controller = load_settings(str(lift.config)).controller  # the file goes with the served lift
    finally:
        print(terminal.last())
        lift.close()
    assert isinstance(controller, ModbusSettings)
    found = {field.feeds: field.address for field in load_register_map(controller.map_name).fields}
    assert found == TRUE
