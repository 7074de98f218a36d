"""The I2C seam: real smbus2 on ioctls answered here, and the served bus on a real socket."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import smbus2.smbus2
from pytest_mock import MockerFixture

from drivers.adxl345 import Adxl345
from drivers.i2c import I2cBus, i2c_fault, open_i2c_bus
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import AccelFrame, FaultReason
from tests.drivers.fake_adxl345 import FakeAdxl345, FakeBus
from tests.drivers.virtual_clock import VirtualClock

# Source: Linux uapi/linux/i2c-dev.h and i2c.h.
I2C_SLAVE, I2C_FUNCS, I2C_RDWR, I2C_SMBUS = 0x0703, 0x0705, 0x0707, 0x0720
I2C_BLOCK_DATA, FUNCTIONS_OF_A_PI = 8, 0x0EFF0009


class KernelAdapter:
    """Answers the ioctls of one /dev/i2c-N as the kernel does, on registers of a chip at 0x53."""

    def __init__(self) -> None:
        self.registers = bytearray(range(64))
        self.address = 0
        self.calls: list[int] = []

    def ioctl(self, _fd: int, request: int, argument: Any) -> int:
        self.calls.append(request)
        match request:
            case 0x0705:
                argument.value = FUNCTIONS_OF_A_PI
            case 0x0703:
                self.address = argument
            case 0x0720:
                self._smbus(argument)
            case 0x0707:
                self._transfer(argument)
            case _:
                raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        return 0

    def _smbus(self, argument: Any) -> None:
        self._acknowledge(self.address)
        assert argument.size == I2C_BLOCK_DATA
        block = argument.data.contents.block
        count = block[0]
        if argument.read_write == 1:
            for i, value in enumerate(self.registers[argument.command : argument.command + count], 1):
                block[i] = value
        else:
            self.registers[argument.command : argument.command + count] = bytes(block[1 : count + 1])

    def _transfer(self, argument: Any) -> None:
        pointer = 0
        for i in range(argument.nmsgs):
            message = argument.msgs[i]
            self._acknowledge(message.addr)
            data = ctypes.cast(message.buf, ctypes.POINTER(ctypes.c_uint8))
            if message.flags & 1:
                for offset in range(message.len):
                    data[offset] = self.registers[pointer + offset]
            else:
                pointer = data[0]
                self.registers[pointer : pointer + message.len - 1] = bytes(data[1 : message.len])

    @staticmethod
    def _acknowledge(address: int) -> None:
        if address != 0x53:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))


@pytest.fixture
def adapter(mocker: MockerFixture) -> KernelAdapter:
    adapter = KernelAdapter()
    mocker.patch.object(smbus2.smbus2, "ioctl", adapter.ioctl)
    return adapter


@pytest.fixture
def device(tmp_path: Path) -> str:
    """A file in the place of /dev/i2c-1."""
    path = tmp_path / "i2c-1"
    path.touch()
    return str(path)


def test_a_short_read_is_one_block_transfer(adapter: KernelAdapter, device: str) -> None:
    bus = open_i2c_bus(device)
    assert bus.read_register(0x53, 0x32, 6) == bytes(range(0x32, 0x38))
    assert adapter.calls.count(I2C_SMBUS) == 1
    assert I2C_RDWR not in adapter.calls
    bus.close()


def test_a_read_of_more_than_32_bytes_is_one_combined_transfer(adapter: KernelAdapter, device: str) -> None:
    bus = open_i2c_bus(device)
    assert bus.read_register(0x53, 0x02, 40) == bytes(range(2, 42))
    assert adapter.calls.count(I2C_RDWR) == 1


def test_a_write_puts_bytes_into_consecutive_registers(adapter: KernelAdapter, device: str) -> None:
    bus = open_i2c_bus(device)
    bus.write_register(0x53, 0x1E, b"\x0a\x0b\x0c")
    assert adapter.registers[0x1D:0x22] == b"\x1d\x0a\x0b\x0c\x21"


def test_nobody_at_an_address_is_the_error_of_the_kernel(adapter: KernelAdapter, device: str) -> None:
    bus = open_i2c_bus(device)
    with pytest.raises(OSError, match="Remote I/O error") as caught:
        bus.read_register(0x1D, 0x00, 1)
    assert i2c_fault(caught.value, "1", 0x1D).reason is FaultReason.ABSENT


@pytest.mark.parametrize("name", ["251", "/dev/i2c-251"])
def test_a_bus_that_is_not_enabled_says_how_to_enable_it(name: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_i2c_bus(name)
    assert "raspi-config" in caught.value.hint
    assert caught.value.subject == "/dev/i2c-251"


@pytest.mark.parametrize(
    ("number", "reason", "word"),
    [
        (errno.EREMOTEIO, FaultReason.ABSENT, "0x53"),
        (errno.ENXIO, FaultReason.ABSENT, "0x53"),
        (errno.ETIMEDOUT, FaultReason.BUS_ERROR, "hangs"),
        (errno.EBUSY, FaultReason.BUS_ERROR, "kernel driver"),
        (errno.EAGAIN, FaultReason.BUS_ERROR, "master"),
        (errno.ENODEV, FaultReason.BUS_ERROR, "gone"),
        (errno.EINVAL, FaultReason.BUS_ERROR, "Invalid argument"),
    ],
)
def test_each_error_is_told_in_words(number: int, reason: FaultReason, word: str) -> None:
    fault = i2c_fault(OSError(number, os.strerror(number)), "1", 0x53)
    assert fault.reason is reason
    assert word in fault.problem
    assert fault.hint


class BusServer:
    """Serves one connection after another on a UNIX socket with a given answer to each line."""

    def __init__(self, path: Path, answer: Callable[[str], bytes | None]) -> None:
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self.lines: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as lines:
                    for raw in lines:
                        self.lines.append(raw.decode())
                        answer = self._answer(raw.decode().strip())
                        if answer is None:
                            break
                        connection.sendall(answer)
        except OSError:
            return


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Callable[[str], bytes | None]], tuple[I2cBus, BusServer]]]:
    servers: list[BusServer] = []

    def start(answer: Callable[[str], bytes | None]) -> tuple[I2cBus, BusServer]:
        servers.append(BusServer(tmp_path / "bus", answer))
        return open_i2c_bus(f"unix:{tmp_path / 'bus'}"), servers[-1]

    yield start
    for server in servers:
        server.close()


Serve = Callable[[Callable[[str], bytes | None]], tuple[I2cBus, BusServer]]


def test_the_served_bus_speaks_hex_lines(serve: Serve) -> None:
    bus, server = serve(lambda line: b"ok 0a0b0c\n" if line.startswith("r") else b"ok \n")
    assert bus.read_register(0x53, 0x32, 3) == b"\x0a\x0b\x0c"
    bus.write_register(0x53, 0x2D, b"\x08")
    assert server.lines == ["r 53 32 3\n", "w 53 2d 08\n"]


def test_the_served_bus_passes_on_the_errno(serve: Serve) -> None:
    bus, _ = serve(lambda _line: b"err 121\n")
    with pytest.raises(OSError, match="Remote I/O") as caught:
        bus.read_register(0x53, 0, 1)
    assert caught.value.errno == errno.EREMOTEIO


@pytest.mark.parametrize(
    "answer",
    [b"ok zz\n", b"what\n", b"err many\n", b"ok 00\n", b"\xff\xfe\n", b"o" * 5000 + b"\n"],
    ids=["no hex", "no word", "no number", "too few bytes", "no ascii", "endless"],
)
def test_an_answer_out_of_protocol_ends_the_connection(serve: Serve, answer: bytes) -> None:
    bus, _ = serve(lambda _line: answer)
    with pytest.raises(OSError, match=r".+") as caught:
        bus.read_register(0x53, 0, 2)
    assert caught.value.errno == errno.EPROTO
    with pytest.raises(OSError, match=r".+") as caught:
        bus.read_register(0x53, 0, 2)
    assert caught.value.errno == errno.EBADF


def test_a_served_bus_that_falls_silent_is_given_up_after_half_a_second(serve: Serve) -> None:
    bus, _ = serve(lambda _line: b"")
    with pytest.raises(OSError, match="no answer") as caught:
        bus.read_register(0x53, 0, 1)
    assert caught.value.errno == errno.ETIMEDOUT


def test_a_served_bus_that_closes_is_gone(serve: Serve) -> None:
    bus, _ = serve(lambda _line: None)
    with pytest.raises(OSError, match="closed") as caught:
        bus.read_register(0x53, 0, 1)
    assert i2c_fault(caught.value, "unix:x", 0x53).reason is FaultReason.BUS_ERROR


def test_nobody_serving_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_i2c_bus(f"unix:{tmp_path}/none")
    assert "Start the program" in caught.value.hint


def test_the_accelerometer_runs_over_a_served_bus(tmp_path: Path) -> None:
    clock = VirtualClock()
    bus = FakeBus(FakeAdxl345(clock.now_ns), clock.advance_ns)

    def answer(line: str) -> bytes:
        word, address, register, rest = line.split(" ")
        if word == "w":
            bus.write_register(int(address, 16), int(register, 16), bytes.fromhex(rest))
            return b"ok \n"
        return b"ok " + bus.read_register(int(address, 16), int(register, 16), int(rest, 16)).hex().encode() + b"\n"

    server = BusServer(tmp_path / "bus", answer)
    driver = Adxl345(f"unix:{tmp_path / 'bus'}", now_ns=clock.now_ns, wait=clock.wait)
    driver.open()
    readings = [reading for _ in range(20) for reading in driver.read(0.2)]
    driver.close()
    server.close()
    assert len(readings) >= 18
    assert all(isinstance(reading, AccelFrame) for reading in readings)
