"""The serial seam on real pseudo-terminals: opening for one program, pulling the plug, and what the errors say."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from drivers.serial_line import Parity, SerialLine
from drivers.serial_port import PortLost, open_serial_port
from edge_agent.errors import SourceUnavailable
from tests.drivers.pty_line import PtyLine


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    line = PtyLine(tmp_path)
    yield line
    line.close()


def test_what_comes_is_read_at_once_and_nothing_is_waited_for_beyond_the_time(line: PtyLine) -> None:
    port = open_serial_port(SerialLine(str(line.path)))
    line.write(b"hello")
    assert port.read(0.5) == b"hello"
    begun_s = time.monotonic()
    assert port.read(0.05) == b""
    assert 0.04 <= time.monotonic() - begun_s < 0.4
    port.close()
    port.close()


def test_two_programs_cannot_have_one_port(line: PtyLine) -> None:
    port = open_serial_port(SerialLine(str(line.path)))
    with pytest.raises(SourceUnavailable) as caught:
        open_serial_port(SerialLine(str(line.path)))
    assert caught.value.problem == "another program has the serial port"
    port.close()
    open_serial_port(SerialLine(str(line.path))).close()


def test_a_port_that_is_not_there_says_how_to_look(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_serial_port(SerialLine(f"{tmp_path}/none"))
    assert "/dev/serial/by-id" in caught.value.hint
    assert caught.value.subject == f"{tmp_path}/none"


def test_a_numbered_port_leads_to_the_name_that_stays() -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_serial_port(SerialLine("/dev/ttyUSB97"))
    assert "belongs to whichever adapter is plugged in first" in caught.value.hint
    assert not SerialLine("/dev/serial/by-id/usb-FTDI_x").is_numbered
    assert SerialLine("/dev/ttyACM0").is_numbered


def test_a_plug_pulled_while_reading_is_a_lost_port(line: PtyLine) -> None:
    port = open_serial_port(SerialLine(str(line.path)))
    hand = threading.Timer(0.05, line.pull_out)
    hand.start()
    begun_s = time.monotonic()
    with pytest.raises(PortLost, match="unplugged or failed"):
        port.read(30.0)
    assert time.monotonic() - begun_s < 15.0  # the wait was not sat out
    hand.join()
    port.close()


def test_a_plug_pulled_before_reading_or_writing_is_a_lost_port(line: PtyLine) -> None:
    port = open_serial_port(SerialLine(str(line.path)))
    line.pull_out()
    for work in (lambda: port.read(0.1), lambda: port.write(b"x")):
        with pytest.raises(PortLost):
            work()
    port.close()
    with pytest.raises(PortLost, match="closed"):
        port.read(0.1)


def test_settings_that_the_adapter_refuses_are_named(line: PtyLine) -> None:
    # Measured: a pseudo-terminal drops parity silently at the first open and raises termios.error at the next.
    even = SerialLine(str(line.path), parity=Parity.EVEN)
    open_serial_port(even).close()
    with pytest.raises(SourceUnavailable) as caught:
        open_serial_port(even)
    assert "parity" in caught.value.hint


def test_a_folder_is_no_port(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        open_serial_port(SerialLine(str(tmp_path)))


def test_rts_and_dtr_are_left_off(line: PtyLine, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[tuple[bool, bool]] = []
    real_open = serial.Serial.open

    def watched(port: serial.Serial) -> None:
        states.append((port.rts, port.dtr))
        real_open(port)

    monkeypatch.setattr(serial.Serial, "open", watched)
    open_serial_port(SerialLine(str(line.path))).close()
    assert states == [(False, False)]


def test_a_served_line_is_read_the_same_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_serial_port(SerialLine(f"socket://127.0.0.1:{server.getsockname()[1]}"))
        far_end, _ = server.accept()
        far_end.sendall(b"abc")
        assert port.read(0.5) == b"abc"
        far_end.close()
        with pytest.raises(PortLost):
            port.read(0.3)
        port.close()
    with pytest.raises(SourceUnavailable, match="served line"):
        open_serial_port(SerialLine(f"socket://127.0.0.1:{free_port()}"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_writing_into_a_line_that_takes_nothing_ends_within_a_second(line: PtyLine) -> None:
    port = open_serial_port(SerialLine(str(line.path)))
    begun_s = time.monotonic()
    with pytest.raises(PortLost, match="nothing can be sent"):
        port.write(os.urandom(1_000_000))
    assert time.monotonic() - begun_s < 1.0
    port.close()
