"""`edge-agent calibrate` on a terminal against served lifts: from unpacked to ready, and each wiring mistake named."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.calibration.installer import (
    Lift,
    Terminal,
    do_controller,
    do_doors,
    do_presence,
    do_trips,
    done,
    ride,
    until,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(1_200)]
LIFT_MINUTES_MAX = 10.0

STORY = """\
format = 1
title = "A lift that waits for its installer"
story = "The car stands at its lowest landing."

[lift]
landings = {landings}
start_landing = 0
drive = "{drive}"
rated_speed_mps = {speed}

[box]
signals = ["door_open", "door_closed", "presence"]
controller = "nice3000plus"
pressure = true

[[step]]
do = "wait"
for_s = 2
"""
KINDS = [
    pytest.param("vvvf", 1.6, 4, "tcp", id="vvvf"),
    pytest.param("hydraulic", 0.63, 3, "rtu", id="hydraulic", marks=pytest.mark.campaign),
    pytest.param("two_speed", 1.0, 5, "rtu_tcp", id="two-speed", marks=pytest.mark.campaign),
    pytest.param("vvvf", 2.5, 8, "talker", id="fast", marks=pytest.mark.campaign),
]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    log = tmp_path / "receiver.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "receiver", "run", "--port", "0", "--data", str(tmp_path / "far")],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    found: list[str] = []

    def is_told() -> bool:
        found[:] = re.findall(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8"))
        return bool(found)

    until(is_told, "the receiver")
    yield found[0]
    process.terminate()
    process.wait(20.0)


def nothing_told_of_the_lift(config: Path) -> None:
    """As an installer begins: what is to be found out is not in the settings."""
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("rated_speed_mps", "landing_heights_m", "drive"))]
    config.write_text("".join(kept), encoding="utf-8")


@pytest.mark.parametrize(("drive", "speed", "landings", "link"), KINDS)
def test_from_unpacked_to_ready_in_ten_minutes_of_lift_time(
    drive: str, speed: float, landings: int, link: str, tmp_path: Path, receiver: str
) -> None:
    story = STORY.format(drive=drive, speed=speed, landings=landings)
    chips = ("--chip", "adxl345", "--chip", "bmp280")
    lift = Lift(tmp_path / "s", story, *chips, "--agent-link", link, receiver=receiver)
    nothing_told_of_the_lift(lift.config)
    terminal = Terminal("--config", str(lift.config))
    try:
        terminal.until("Wiring: passed")
        done(terminal, "Mounting", lambda: None)
        done(terminal, "Noise and sample rate", lambda: None)
        done(terminal, "Doors", lambda: do_doors(lift, terminal))
        done(terminal, "Presence sensor", lambda: do_presence(lift, terminal))
        ride(lift, terminal, 0)
        done(terminal, "Learning trips", lambda: do_trips(lift, terminal, landings))
        done(terminal, "Controller link", lambda: do_controller(lift, terminal))
        terminal.until("Test alarm: passed", 120.0)
        terminal.until(r"Write this into .*\[y/n\]")
        terminal.type("y")
        minutes = float(terminal.until(r"lift was needed: ([\d.]+) min").group(1))
        terminal.until("The lift is ready")
        assert terminal.ended() == 0
    finally:
        print(terminal.last())
        lift.close()
    assert minutes <= LIFT_MINUTES_MAX
    written = lift.config.read_text(encoding="utf-8")
    found = re.search(r"rated_speed_mps = ([\d.]+)", written)
    assert found is not None
    assert abs(float(found.group(1)) / speed - 1.0) < 0.03
