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
    do_sides,
    do_trips,
    done,
    leave_out,
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
accel_rate_hz = 100

[[step]]
do = "wait"
for_s = 2
"""
KINDS = [
    pytest.param("vvvf", 1.6, 4, "tcp", id="vvvf"),
    pytest.param("hydraulic", 0.63, 3, "rtu", id="hydraulic"),
    pytest.param("two_speed", 1.0, 5, "rtu_tcp", id="two-speed"),
    pytest.param("vvvf", 2.5, 8, "talker", id="fast"),
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


@pytest.mark.campaign
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
        if link == "tcp":
            done(terminal, "Six sides of the box", lambda: do_sides(lift, terminal))
        else:  # as where the box is screwed on already
            leave_out(terminal, "Six sides of the box")
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
        written = lift.config.read_text(encoding="utf-8")
    finally:
        print(terminal.last())
        lift.close()
    print(f"{drive}: {minutes:.1f} minutes of lift time")
    assert minutes <= LIFT_MINUTES_MAX
    found = re.search(r"rated_speed_mps = ([\d.]+)", written)
    if found is None:  # then it must have said why
        assert re.search("speed", "".join(re.findall(r"Learning trips: doubtful.*?->", terminal.shown, re.DOTALL)))
    else:
        assert abs(float(found.group(1)) / speed - 1.0) < 0.03


# ---- mistakes


def changed(config: Path, *replacements: tuple[str, str]) -> None:
    """A mistake in the wiring is, to the box, settings that do not fit it."""
    text = config.read_text(encoding="utf-8")
    for old, new in replacements:
        assert re.search(old, text), f"{old} in\n{text}"
        text = re.sub(old, new, text)
    config.write_text(text, encoding="utf-8")


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lift]:
    story = STORY.format(drive="vvvf", speed=1.6, landings=3)
    arguments = getattr(request, "param", ())
    lift = Lift(tmp_path / "s", story, "--chip", "adxl345", "--chip", "bmp280", *arguments)
    yield lift
    lift.close()


def shown_by(lift: Lift, step: str, act: object = None) -> str:
    """What the step says, up to the question that follows a step that did not pass."""
    terminal = Terminal("--config", str(lift.config), "--step", step)
    try:
        if step not in ("wiring", "test_alarm"):
            terminal.until(r"begin .*leave: ")
            terminal.type()
        if callable(act):
            act(terminal)
        terminal.until(r"(FAILED|doubtful|passed) \(after", 120.0)
        terminal.until(r"repeat .*leave: |Write this into|was needed")
        return terminal.last()
    finally:
        terminal.kill()


@pytest.mark.campaign
def test_a_wrong_chip_address_is_named_and_put_right_at_once(served: Lift) -> None:
    changed(served.config, ("address = 0x53", "address = 0x1d"))
    terminal = Terminal("--config", str(served.config), "--step", "wiring")
    try:
        terminal.until("does not answer at its address, but one answers at 0x53")
        terminal.until(r"Write this into .*\[y/n\]")
        terminal.type("y")
        terminal.until("Wiring: passed")
        assert terminal.ended() == 1  # the other steps are not done
    finally:
        print(terminal.last())
    assert "address = 0x53" in served.config.read_text(encoding="utf-8")


@pytest.mark.parametrize("served", [("--agent-link", "rtu", "--rtu-baud", "19200")], indirect=True)
def test_a_wrong_baud_rate_is_named_with_the_right_one(served: Lift) -> None:
    shown = shown_by(served, "wiring")
    assert "it does with 19200 none: wrong baud rate or parity" in shown
    assert "+baud_rate = 19200" in shown


@pytest.mark.campaign
@pytest.mark.parametrize("served", [("--agent-link", "rtu")], indirect=True)
def test_a_pair_that_answers_at_no_rate_is_said_to_be_swapped(served: Lift) -> None:
    served.tell("fault of=controller is=silent")
    shown = shown_by(served, "wiring")
    assert "A and B of the pair are swapped" in shown
    assert "Swap A and B at one end first" in shown


@pytest.mark.campaign
def test_a_chip_that_is_not_there_is_named_with_what_to_check(served: Lift) -> None:
    served.tell("fault of=pressure is=absent")
    shown = shown_by(served, "wiring")
    assert "The barometer is not found" in shown
    assert "Check 3.3 V, ground, SDA and SCL" in shown


@pytest.mark.campaign
def test_swapped_door_contacts_are_named_and_the_right_lines_proposed(served: Lift) -> None:
    changed(served.config, ("door_open = { pin = 17", "door_open = { pin = 99"))
    changed(served.config, ("door_closed = { pin = 27", "door_closed = { pin = 17"), ("pin = 99", "pin = 27"))
    shown = shown_by(served, "doors", lambda terminal: do_doors(served, terminal))
    assert re.search(r"Doors: (doubtful|FAILED)", shown)
    assert "swapped" in shown
    assert "+door_open = { pin = 17" in shown
    assert "+door_closed = { pin = 27" in shown


@pytest.mark.campaign
def test_an_inverted_door_contact_finds_its_polarity_by_itself(served: Lift) -> None:
    changed(served.config, (r'door_open = { pin = 17, active = "high"', 'door_open = { pin = 17, active = "low"'))
    shown = shown_by(served, "doors", lambda terminal: do_doors(served, terminal))
    assert '+door_open = { pin = 17, active = "high"' in shown


@pytest.mark.campaign
def test_an_open_line_of_a_door_contact_is_named(served: Lift) -> None:
    served.tell("fault of=door_open is=stuck_off")
    shown = shown_by(served, "doors", lambda terminal: do_doors(served, terminal))
    assert "Doors: FAILED" in shown
    assert re.search(r"door.open.*(open line|never|broken)", shown, re.IGNORECASE)


@pytest.mark.campaign
def test_a_loose_box_is_refused(served: Lift) -> None:
    def shakes(terminal: Terminal) -> None:
        for tilt in (4, -4, 4, -4):
            served.tell(f"knock_box tilt_deg={tilt}")
            until(lambda: served.is_at("door"), "the knock", terminal=terminal)

    shown = shown_by(served, "mount", shakes)
    assert "Mounting: FAILED" in shown
    assert "loose" in shown


@pytest.mark.campaign
def test_an_interrupted_calibration_goes_on_where_it_stopped(served: Lift) -> None:
    first = Terminal("--config", str(served.config))
    first.until("Wiring: passed")
    first.until(r"begin .*leave: ")
    first.kill()  # as a power cut ends it
    again = Terminal("--config", str(served.config), "--resume")
    try:
        again.until(r"\[2/11\] Six sides of the box")
        again.until(r"begin .*leave: ")
        again.type("q")
        assert again.ended() == 1
    finally:
        print(again.last())
    assert "[1/11]" not in again.shown


# ---- what the box itself is made of: modem and battery, down to their bytes


@pytest.fixture
def with_box(tmp_path: Path) -> Iterator[Lift]:
    own = "[box]\nmodem = true\nsupply = true\nbattery_lasts_min = 120\nrssi_dbm = [-103, -85, -71]"
    story = STORY.format(drive="vvvf", speed=1.6, landings=3).replace("[box]", own)
    lift = Lift(tmp_path / "s", story, "--chip", "adxl345")
    yield lift
    lift.close()


def stands(terminal: Terminal, shown_times: int = 120) -> None:
    """Ten seconds and more, as the level of the signal is shown ten times a second."""
    begin = len(terminal.shown)
    until(
        lambda: len(re.findall(r"RSSI\)[^\r]* -\d+ dBm", terminal.shown[begin:])) >= shown_times,
        "the signal at a landing",
        terminal=terminal,
    )


@pytest.mark.campaign
def test_the_signal_of_each_landing_is_heard_while_somebody_rides_and_the_weak_one_named(with_box: Lift) -> None:
    terminal = Terminal("--config", str(with_box.config), "--step", "signal")
    try:
        terminal.until(r"begin .*leave: ")
        terminal.type()
        stands(terminal)
        for landing in (1, 2):
            ride(with_box, terminal, landing)
            stands(terminal)
        terminal.until("100 %")
        terminal.type()
        terminal.until(r"Mobile signal: doubtful \(after", 120.0)
        terminal.until(r"repeat .*leave: ")
        shown = terminal.last()
    finally:
        terminal.kill()
    assert "The signal at landing 0 (0: lowest) is weak" in shown
    assert not re.search(r"signal at landing [12]", shown)


@pytest.mark.campaign
def test_the_battery_carries_the_box_while_its_mains_is_away_and_what_was_measured_is_said(with_box: Lift) -> None:
    terminal = Terminal("--config", str(with_box.config), "--step", "supply")
    try:
        terminal.until(r"begin .*leave: ")
        terminal.type()
        with_box.tell("box_supply gives=nothing")
        terminal.until("The battery carries the box. Wait")
        terminal.until("Enough: give the mains back", 240.0)
        with_box.tell("box_supply gives=enough")
        terminal.until(r"-\d[\d.]* A", 30.0)  # the battery is charged again
        terminal.type()
        terminal.until(r"Backup supply: passed \(after", 120.0)
        watts = float(terminal.until(r"carried the box for \d+ s at ([\d.]+) W").group(1))
    finally:
        terminal.kill()
    assert 0.5 < watts < 10.0
