"""A served lift against the real drivers, and the demo as a whole. Real time: run by `make test-system`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drivers.adxl345 import Adxl345
from drivers.gpio import LineRequest, Pull, open_lines
from drivers.map_files import load_register_map
from edge_agent.clock import SystemClock
from edge_agent.readings import AccelFrame, Signal
from sim.library import load_scenario
from sim.live import PINS, LiveLift
from sim.scenario import play

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sim", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_served_lift_is_seen_by_the_real_drivers(tmp_path: Path) -> None:
    clock = SystemClock()
    played = play(load_scenario("emergency-stop"), 1)
    lift = LiveLift(played, tmp_path, load_register_map("nice3000plus"), clock.now_ns)
    lift.start()
    source = Adxl345(f"unix:{lift.i2c.path}", now_ns=clock.now_ns, rate_hz=200)
    source.open()
    lines = open_lines(f"unix:{lift.gpio.path}", [LineRequest(PINS[Signal.DOOR_CLOSED], Pull.DOWN)], clock.now_ns)
    count = 0
    end_s = time.monotonic() + 3.0
    while time.monotonic() < end_s:
        count += sum(len(r.times_ns) for r in source.read(0.1) if isinstance(r, AccelFrame))
    assert count == pytest.approx(3.0 * 200, rel=0.1)
    assert lines.levels() == {PINS[Signal.DOOR_CLOSED]: True}
    assert lift.chips.accelerometer is not None
    assert lift.chips.accelerometer.overrun_count == 0
    source.close()
    lines.close()
    lift.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(240)
def test_demo_tells_the_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        command("demo"), cwd=tmp_path, env={**environment(), "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # the car: entrapment, emergency stop, outside the door zone; the controller: its fault and the open safety circuit
    for words in ("Entrapment RAISED", "takes over: Entrapment", "Entrapment, condition gone", "the same 5 alarms"):
        assert words in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_stops_its_children_and_removes_its_folder(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        command("demo"), cwd=tmp_path, env={**environment(), "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Armed" in line:
            break
    children = children_of(demo.pid)
    assert len(children) == 2
    demo.send_signal(number)
    assert demo.wait(20) == 130
    demo.stdout.close()
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list(tmp_path.iterdir())
