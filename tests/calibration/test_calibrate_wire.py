"""Where the settings name no controller, `calibrate` asks for the line, tries it, and proposes the section."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibration.session_wording import Wording
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.calibrate_wire import Wired, families, serial_ports, wired_by
from edge_agent.cli.settings_file import load_settings
from edge_agent.settings import ModbusSettings, SerialLineSettings, SerialParity, Settings, TcpSettings
from tests.calibration.installer import Lift, Terminal

Output = pytest.CaptureFixture[str]
BARE = """\
[lift]
id = "a-1"
[accelerometer]
chip = "adxl345"
[delivery]
receivers = [{{ name = "firm", url = "http://127.0.0.1:9" }}]
[state]
folder = "{folder}"
"""
STORY = """\
format = 1
title = "A lift that waits"
story = "The car stands at its lowest landing."

[lift]
landings = 3
start_landing = 0
drive = "vvvf"
rated_speed_mps = 1.6

[box]
controller = "nice3000plus"
accel_rate_hz = 50

[[step]]
do = "wait"
for_s = 2
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "agent.toml"
    config.write_text(BARE.format(folder=tmp_path / "state"), encoding="utf-8")
    return load_settings(str(config))


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """Where a controller would listen; whoever comes is seen."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def told(settings: Settings, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wired | None:
    """What comes of a person who types these lines, separated by spaces; "-" is the enter key alone."""
    file = tmp_path / "typed"
    file.write_text("".join(f"{'' if word == '-' else word}\n" for word in words.split()), encoding="utf-8")
    with file.open("rb") as typed:
        monkeypatch.setattr("edge_agent.cli.calibrate_screen.STDIN", typed.fileno())
        return wired_by(settings, Screen(Wording("en")), Typed())


def nobody_came(door: socket.socket) -> bool:
    try:
        door.accept()
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize("answer", ["n", "-", "x"])
def test_what_nobody_knows_is_not_touched_before_somebody_answers_for_it(
    answer: str,
    settings: Settings,
    door: socket.socket,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = door.getsockname()[1]
    assert told(settings, f"2 127.0.0.1 {port} - - {answer}", tmp_path, monkeypatch) is None
    assert "Nobody knows what this controller does when it is polled" in capsys.readouterr().out
    assert nobody_came(door)


def test_what_somebody_answered_for_is_known_with_its_line_but_without_a_map_and_not_polled_yet(
    settings: Settings, door: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = door.getsockname()[1]
    wired = told(settings, f"3 127.0.0.1 {port} 7 - y", tmp_path, monkeypatch)
    assert wired is not None
    assert wired.settings.controller == ModbusSettings(TcpSettings("127.0.0.1", port, True), 7, "", 2.0, True)
    assert not wired.is_known
    assert "controller.map" not in dict(wired.changes)
    assert nobody_came(door)


def test_the_warning_of_a_family_is_shown_before_it_is_polled(
    settings: Settings, door: socket.socket, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [each.name for each in families()]
    risky = next(place for place, each in enumerate(families(), 1) if not each.polling_is_safe)
    port = door.getsockname()[1]
    assert told(settings, f"2 127.0.0.1 {port} - {risky} n", tmp_path, monkeypatch) is None
    shown = capsys.readouterr().out
    assert " ".join(families()[risky - 1].polling_note.split()) in shown
    assert all(name in shown for name in names)
    assert nobody_came(door)


def test_a_word_that_is_no_number_is_asked_again_and_the_end_of_all_input_ends_it(
    settings: Settings, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired = told(settings, "1 /dev/ttyUSB7 fast 19200 many 3 - y", tmp_path, monkeypatch)
    assert wired is not None
    controller = wired.settings.controller
    assert isinstance(controller, ModbusSettings)
    assert controller.link == SerialLineSettings("/dev/ttyUSB7", 19200, SerialParity.NONE, None)
    assert controller.unit == 3
    assert "fast is no number" in capsys.readouterr().out
    assert told(settings, "1", tmp_path, monkeypatch) is None


def test_serial_adapters_are_offered_by_the_names_that_stay(tmp_path: Path) -> None:
    for name in ("usb-B", "usb-A"):
        (tmp_path / name).touch()
    assert [Path(each).name for each in serial_ports(tmp_path)] == ["usb-A", "usb-B"]
    assert list(serial_ports(tmp_path / "none")) == []


@pytest.mark.system
@pytest.mark.timeout(120)
def test_a_bus_that_is_not_in_the_settings_is_told_found_at_its_true_rate_and_written_after_a_yes(
    tmp_path: Path,
) -> None:
    lift = Lift(tmp_path / "s", STORY, "--chip", "adxl345", "--agent-link", "rtu", "--rtu-baud", "19200")
    text = lift.config.read_text(encoding="utf-8")
    section = re.search(r"\[controller\]\n(?:.+\n)+", text)
    assert section is not None
    port = re.search(r'port = "(.*)"', section[0])
    assert port is not None
    lift.config.write_text(text.replace(section[0], ""), encoding="utf-8")
    family = [each.name for each in families()].index("nice3000plus") + 1
    terminal = Terminal("--config", str(lift.config), "--step", "controller")
    try:
        terminal.until(r"\[w\] tell which")
        terminal.type("w")
        for question, answer in (
            (r"\[1\] Modbus RTU", "1"),
            (r"Serial port \[", port[1]),
            (r"baud \[9600\]", ""),
            (r"Unit number .*\[1\]", ""),
            (rf"\[{family}\] nice3000plus", str(family)),
        ):
            terminal.until(question)
            terminal.type(answer)
        terminal.until("does not answer at this speed, but with 19200 none")
        terminal.until(r"Write this into .*\[y/n\]")
        terminal.type("y")
        terminal.until(r"\[8/11\] Controller link")
        terminal.until(r"begin .*leave: ")
        terminal.type("q")
        assert terminal.ended() == 1
        controller = load_settings(str(lift.config)).controller  # the file goes with the served lift
    finally:
        print(terminal.last())
        lift.close()
    assert isinstance(controller, ModbusSettings)
    assert controller.link == SerialLineSettings(port[1], 19200, None, None)
    assert (controller.map_name, controller.is_polling_risk_accepted) == ("nice3000plus", False)


@pytest.mark.system
@pytest.mark.campaign
@pytest.mark.timeout(240)
def test_a_controller_that_nobody_knows_is_read_after_a_yes_and_leaves_no_section_where_nothing_was_found(
    tmp_path: Path,
) -> None:
    lift = Lift(tmp_path / "s", STORY, "--chip", "adxl345", "--agent-link", "tcp")
    text = lift.config.read_text(encoding="utf-8")
    section = re.search(r"\[controller\]\n(?:.+\n)+", text)
    assert section is not None
    place = re.search(r'host = "(.*)"\nport = (\d+)', section[0])
    assert place is not None
    lift.config.write_text(text.replace(section[0], ""), encoding="utf-8")
    terminal = Terminal("--config", str(lift.config), "--step", "controller")
    try:
        terminal.until(r"\[w\] tell which")
        terminal.type("w")
        for question, answer in (
            (r"\[2\] Modbus TCP", "2"),
            ("Address of controller", place[1]),
            (r"TCP port \[502\]", place[2]),
            (r"Unit number", ""),
            (r"none of them, or not known", ""),
            (r"may be polled\? \[y/n\]", "y"),
            (r"Which registers", "holding:0x1018-0x101f"),
        ):
            terminal.until(question)
            terminal.type(answer)
        terminal.until("Meanwhile ride")
        terminal.until(r"answers [1-9]")
        terminal.type()
        terminal.until("No word was found")
        terminal.until(r"\[w\] tell which")
        terminal.type("q")
        assert terminal.ended() == 1
        assert "[controller]" not in lift.config.read_text(encoding="utf-8")
    finally:
        print(terminal.last())
        lift.close()
