"""The served I2C and GPIO buses, spoken to by the real drivers' seams."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.gpio import LineRequest, Pull, open_lines
from drivers.i2c import open_i2c_bus
from sim.adxl345 import Adxl345Model
from sim.buses import GpioServer, I2cServer
from sim.motion import FloatArray

ADDRESS = 0x53


def upright(times_s: FloatArray) -> FloatArray:
    return np.tile([0.0, 0.0, 9.80665], (len(times_s), 1))


@pytest.fixture
def i2c(tmp_path: Path) -> Iterator[I2cServer]:
    server = I2cServer(tmp_path / "i2c", {ADDRESS: Adxl345Model(upright)}, lambda: 1.0, threading.Lock())
    yield server
    server.close()


def test_served_chip_is_read_and_written_through_the_drivers_seam(i2c: I2cServer) -> None:
    bus = open_i2c_bus(f"unix:{i2c.path}")
    bus.write_register(ADDRESS, 0x2C, b"\x0c")
    assert bus.read_register(ADDRESS, 0x00, 1) == b"\xe5"
    assert bus.read_register(ADDRESS, 0x2C, 2) == b"\x0c\x00"
    assert i2c.transfer_count == 3
    bus.close()


def test_empty_address_and_broken_bus_fail_as_the_kernel_says_it(i2c: I2cServer) -> None:
    bus = open_i2c_bus(f"unix:{i2c.path}")
    with pytest.raises(OSError, match=r".") as caught:
        bus.read_register(0x1D, 0x00, 1)
    assert caught.value.errno == errno.EREMOTEIO
    i2c.broken_errno = errno.ETIMEDOUT
    with pytest.raises(OSError, match=r".") as caught:
        bus.read_register(ADDRESS, 0x00, 1)
    assert caught.value.errno == errno.ETIMEDOUT
    bus.close()


@pytest.mark.parametrize("line", ["", "r", "r 53 0", "x 53 0 1", "r zz 0 1", "w 53 2c 0g", "r 53 0 ffff", "r 53 0 0"])
def test_line_that_is_no_question_is_answered_with_invalid_and_the_next_is_served(i2c: I2cServer, line: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        client.connect(str(i2c.path))
        client.sendall(f"{line}\nr 53 0 1\n".encode())
        answers = b""
        while answers.count(b"\n") < 2:
            answers += client.recv(100)
    assert answers.decode().splitlines() == [f"err {errno.EINVAL}", "ok e5"]


def test_closed_server_leaves_no_socket_behind(tmp_path: Path) -> None:
    server = I2cServer(tmp_path / "bus", {}, lambda: 0.0, threading.Lock())
    bus = open_i2c_bus(f"unix:{server.path}")
    server.close()
    server.close()
    assert not server.path.exists()
    with pytest.raises(OSError, match=r"."):
        bus.read_register(ADDRESS, 0x00, 1)


def test_served_lines_tell_levels_on_connecting_and_every_change_with_its_time(tmp_path: Path) -> None:
    now = [1_000_000_000]
    server = GpioServer(tmp_path / "gpio", {17: False, 27: True}, lambda: now[0])
    lines = open_lines(
        f"unix:{server.path}", [LineRequest(17, Pull.DOWN), LineRequest(27, Pull.DOWN)], lambda: 2_000_000_000
    )
    assert lines.levels() == {17: False, 27: True}
    server.change(17, True, 1_500_000_000)
    server.change(17, True, 1_600_000_000)  # the same again is no change
    server.change(27, False, 1_700_000_000)
    told: list[tuple[int, bool, int]] = []
    for _ in range(100):
        lines.wait(0.1)
        told.extend((edge.pin, edge.is_high, edge.t_ns) for edge in lines.take_edges().edges)
        if len(told) >= 2:
            break
    assert told == [(17, True, 1_500_000_000), (27, False, 1_700_000_000)]
    lines.close()
    server.close()


def test_unplugged_bus_is_gone_and_comes_back_at_the_same_place(tmp_path: Path) -> None:
    server = I2cServer(tmp_path / "bus", {ADDRESS: Adxl345Model(upright)}, lambda: 0.0, threading.Lock())
    bus = open_i2c_bus(f"unix:{server.path}")
    server.unplug()
    with pytest.raises(OSError, match=r"."):
        bus.read_register(ADDRESS, 0x00, 1)
    assert not server.path.exists()
    server.plug_in()
    bus.close()
    again = open_i2c_bus(f"unix:{server.path}")
    assert again.read_register(ADDRESS, 0x00, 1) == b"\xe5"
    again.close()
    server.close()
    server.plug_in()  # closed for good
    assert not server.path.exists()


def test_socket_of_a_killed_server_is_taken_over_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "bus"))
    server = I2cServer(tmp_path / "bus", {ADDRESS: Adxl345Model(upright)}, lambda: 0.0, threading.Lock())
    with pytest.raises(OSError, match="in use"):
        I2cServer(tmp_path / "bus", {}, lambda: 0.0, threading.Lock())
    bus = open_i2c_bus(f"unix:{server.path}")
    assert bus.read_register(ADDRESS, 0x00, 1) == b"\xe5"
    bus.close()
    server.close()
    (tmp_path / "file").write_text("no socket")
    with pytest.raises(OSError, match="in use"):
        I2cServer(tmp_path / "file", {}, lambda: 0.0, threading.Lock())
    assert (tmp_path / "file").read_text() == "no socket"
