"""The seam to I2C buses: the only import of smbus2, and the same bus served by another process over a socket.

A bus is named "/dev/i2c-1" or "1" (Linux, smbus2) or "unix:PATH". The protocol on the socket is lines of ASCII,
numbers in hex without 0x:

    to the server     r ADDR REG COUNT        read COUNT bytes from register REG on
                      w ADDR REG HEXBYTES     put bytes into register REG on
    from the server   ok HEXBYTES             (nothing after "ok " for w)
                      err ERRNO               decimal, as the kernel would say it: 121 no acknowledge, 110 time-out

Errors: opening raises `SourceUnavailable`; a transfer raises OSError with the kernel's errno, and `i2c_fault` says in
words what that means.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import smbus2

from edge_agent.errors import SourceUnavailable
from edge_agent.readings import FaultReason

# Source: Linux uapi/linux/i2c.h, I2C_SMBUS_BLOCK_MAX: what one SMBus block transfer can carry.
BLOCK_BYTES_MAX = 32
# Source: chosen: a 10-register read takes 3 ms at 100 kHz; below the second that a source may block.
SOCKET_TIMEOUT_S = 0.5
LINE_BYTES_MAX = 4096

_LINUX_BUS = re.compile(r"(/dev/i2c-)?\d+")
# What the kernel says when nobody acknowledges depends on the adapter driver: the Pi's i2c-bcm2835 says EREMOTEIO.
# Source: Linux Documentation/i2c/fault-codes.rst.
_NO_ACKNOWLEDGE = frozenset({errno.EREMOTEIO, errno.ENXIO, errno.EIO})


class I2cBus(Protocol):
    """A bus with 7-bit addresses and chips with 8-bit registers that count up within one transfer.

    Timing: blocks for one transfer, 0.2 ms for 6 bytes at 400 kHz; the kernel or the socket ends it within 1 s.
    Errors: OSError with the kernel's errno.
    """

    def read_register(self, address: int, register: int, count: int) -> bytes:
        """`count` bytes from `register` on, in one transfer with a repeated start."""
        ...

    def write_register(self, address: int, register: int, data: bytes) -> None:
        """Put `data` into `register` on, in one transfer."""
        ...

    def close(self) -> None:
        """Release the bus. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class I2cFault:
    """An errno of a transfer, for the person on the ladder."""

    reason: FaultReason
    problem: str
    hint: str


def i2c_fault(error: OSError, bus_name: str, address: int) -> I2cFault:
    """What a failed transfer to a chip means and what to check first."""
    number = error.errno
    if number in _NO_ACKNOWLEDGE:
        return I2cFault(
            FaultReason.ABSENT,
            f"no chip answers at address {address:#04x}",
            f"Check power, SDA and SCL of the sensor; list what answers with: i2cdetect -y {_bus_number(bus_name)}",
        )
    match number:
        case errno.ETIMEDOUT:
            problem, hint = (
                "the bus hangs: the clock line stays low",
                "Power the sensor off and on; check SCL for a short",
            )
        case errno.EBUSY:
            problem = "a kernel driver holds this chip"
            hint = "Remove its dtoverlay from config.txt: two readers would take each other's samples"
        case errno.EAGAIN:
            problem, hint = "another master took the bus", "Only one computer may drive this bus; check the wiring"
        case errno.ENOENT | errno.ENODEV | errno.EBADF | errno.ECONNRESET | errno.EPIPE:
            problem, hint = f"the bus {bus_name} is gone", "Check that I2C is enabled and the adapter is plugged in"
        case errno.EPROTO:
            problem, hint = (
                "the far end of the bus does not speak our protocol",
                "Check which program serves the socket",
            )
        case _:
            problem = f"transfers fail: {error.strerror or error}"
            hint = "Check the cable: length below half a metre, pull-up resistors, a common ground"
    return I2cFault(FaultReason.BUS_ERROR, problem, hint)


def open_i2c_bus(name: str) -> I2cBus:
    """Open a bus by its name. Raises SourceUnavailable."""
    if name.startswith("unix:"):
        return _RemoteBus(name.removeprefix("unix:"))
    return _LinuxBus(name if "/" in name else f"/dev/i2c-{name}")


class ChipTrouble(Exception):
    """Why a chip cannot be used now, in words for the person on the ladder."""

    def __init__(self, reason: FaultReason, problem: str, hint: str, *, is_worth_retrying: bool = False) -> None:
        super().__init__(problem)
        self.reason, self.problem, self.hint = reason, problem, hint
        self.is_worth_retrying = is_worth_retrying


class I2cChip:
    """The registers of one chip on a bus. Every failed transfer is a `ChipTrouble`."""

    def __init__(self, bus_name: str, address: int, open_bus: Callable[[str], I2cBus] = open_i2c_bus) -> None:
        self._bus_name, self._address, self._open_bus = bus_name, address, open_bus
        self._bus: I2cBus | None = None

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        return f"{self._bus_name} address {self._address:#04x}"

    def open(self) -> None:
        """Open the bus."""
        try:
            self._bus = self._open_bus(self._bus_name)
        except SourceUnavailable as error:
            raise ChipTrouble(FaultReason.ABSENT, error.problem, error.hint) from error

    def close(self) -> None:
        """Release the bus. Never raises; calling it twice is allowed."""
        if self._bus is not None:
            self._bus.close()
        self._bus = None

    def get(self, register: int, count: int) -> bytes:
        """`count` bytes from `register` on, in one transfer."""
        assert self._bus is not None, "read before open"
        try:
            return self._bus.read_register(self._address, register, count)
        except OSError as error:
            raise self._trouble(error) from error

    def put(self, register: int, data: bytes) -> None:
        """Put `data` into `register` on, in one transfer."""
        assert self._bus is not None, "written before open"
        try:
            self._bus.write_register(self._address, register, data)
        except OSError as error:
            raise self._trouble(error) from error

    def configure(self, register: int, data: bytes) -> None:
        """Put `data` and read it back."""
        self.put(register, data)
        self.require(register, data, "does not keep what is written to it")

    def require(self, register: int, data: bytes, what: str) -> None:
        """Raise CONFIGURATION, "the sensor `what`", unless `register` on holds `data`."""
        held = self.get(register, len(data))
        if held != data:
            raise ChipTrouble(
                FaultReason.CONFIGURATION,
                f"the sensor {what}: register {register:#04x} holds {held.hex()} instead of {data.hex()}",
                "Check its supply (a dip resets it), and that no other program uses it",
            )

    def identify(self, register: int, part: str, wanted_id: int, others: Mapping[int, str] | None = None) -> None:
        """Raise WRONG_DEVICE unless the chip says `wanted_id`. others: ids of chips that are often fitted instead."""
        said_id = self.get(register, 1)[0]
        if said_id == wanted_id:
            return
        if said_id in (0x00, 0xFF):
            hint = (
                "Every line reads the same: check that SDA and SCL are not swapped or shorted, and the supply of 3.3 V"
            )
        elif others is not None and said_id in others:
            hint = f"That is the id of {others[said_id]}: compare the print on the chip with the settings"
        else:
            hint = (
                "Another sensor is fitted, or the wrong address is set: compare the print on the chip with the settings"
            )
        article = "an" if part[0] in "AEILM" else "a"
        raise ChipTrouble(
            FaultReason.WRONG_DEVICE,
            f"the chip at address {self._address:#04x} says id {said_id:#04x}, {article} {part} says {wanted_id:#04x}",
            hint,
        )

    def _trouble(self, error: OSError) -> ChipTrouble:
        fault = i2c_fault(error, self._bus_name, self._address)
        # A hanging bus costs a second each time it is asked: open it anew instead.
        return ChipTrouble(fault.reason, fault.problem, fault.hint, is_worth_retrying=error.errno != errno.ETIMEDOUT)


class _LinuxBus:
    """An I2C adapter of the kernel."""

    def __init__(self, path: str) -> None:
        try:
            self._bus = smbus2.SMBus(path)
        except OSError as error:
            raise SourceUnavailable(
                f"the I2C bus cannot be opened: {error.strerror}", subject=path, hint=_hint_of_open(error, path)
            ) from error

    def read_register(self, address: int, register: int, count: int) -> bytes:
        if count <= BLOCK_BYTES_MAX:
            return bytes(self._bus.read_i2c_block_data(address, register, count))
        read = smbus2.i2c_msg.read(address, count)
        # One write and one read is all that the Pi's adapter takes in one call.
        # Source: Linux i2c-bcm2835.c: "only one read message supported, has to be last".
        self._bus.i2c_rdwr(smbus2.i2c_msg.write(address, [register]), read)
        return bytes(read)

    def write_register(self, address: int, register: int, data: bytes) -> None:
        if len(data) <= BLOCK_BYTES_MAX:
            self._bus.write_i2c_block_data(address, register, list(data))
        else:
            self._bus.i2c_rdwr(smbus2.i2c_msg.write(address, [register, *data]))

    def close(self) -> None:
        with suppress(OSError):
            self._bus.close()


class _RemoteBus:
    """A bus served over a UNIX socket. After a time-out the connection is given up: a late answer would be taken for
    the next one."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SOCKET_TIMEOUT_S)
        self._received = b""
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise SourceUnavailable(
                f"the served I2C bus cannot be reached: {error.strerror or error}",
                subject=f"unix:{path}",
                hint="Start the program that serves it, and check the path",
            ) from error

    def read_register(self, address: int, register: int, count: int) -> bytes:
        data = self._ask(f"r {address:x} {register:x} {count:x}\n")
        if len(data) != count:
            raise self._given_up(errno.EPROTO, f"{len(data)} bytes answered, {count} asked")
        return data

    def write_register(self, address: int, register: int, data: bytes) -> None:
        self._ask(f"w {address:x} {register:x} {data.hex()}\n")

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()

    def _ask(self, line: str) -> bytes:
        try:
            self._socket.sendall(line.encode("ascii"))
            answer = self._line()
        except TimeoutError as error:
            raise self._given_up(errno.ETIMEDOUT, "no answer in time") from error
        word, _, rest = answer.partition(" ")
        try:
            if word == "ok":
                return bytes.fromhex(rest)
            if word == "err":
                number = int(rest)
                raise OSError(number, os.strerror(number))
        except ValueError:
            pass
        raise self._given_up(errno.EPROTO, f"answered {answer[:40]!r}")

    def _line(self) -> str:
        while b"\n" not in self._received:
            chunk = self._socket.recv(LINE_BYTES_MAX)
            if not chunk:
                raise OSError(errno.ECONNRESET, "the far end closed the bus")
            self._received += chunk
            if len(self._received) > LINE_BYTES_MAX:
                raise self._given_up(errno.EPROTO, "an endless line")
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("ascii", errors="replace").strip("\r")

    def _given_up(self, number: int, problem: str) -> OSError:
        self.close()
        return OSError(number, problem)


def _bus_number(name: str) -> str:
    return name.removeprefix("/dev/i2c-") if _LINUX_BUS.fullmatch(name) else "N"


def _hint_of_open(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT:
            return "Enable I2C (raspi-config, Interface Options, or dtparam=i2c_arm=on) and restart; see: ls /dev/i2c-*"
        case errno.EACCES | errno.EPERM:
            return f"Let the agent's user read and write {path}: add it to the group i2c"
        case _:
            return "Check the name of the bus in the settings"
