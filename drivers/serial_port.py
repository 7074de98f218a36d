"""The seam to serial ports: the only import of pyserial. Opens a port for this program alone and reads what comes.

A port is a path (best one of /dev/serial/by-id) or "socket://HOST:PORT" for a line served by another process.
RTS and DTR are left off: on some RS-485 adapters they switch the sender on, and a listener must not hold the line.
Errors: `open_serial_port` raises `SourceUnavailable`; reading and writing raise `PortLost`. An unplugged adapter shows
in four ways (SerialException, OSError 5, TypeError inside pyserial when closed, termios.error): all become `PortLost`.
Source: pyserial 3.5, measured on pseudo-terminals; pyserial issues 86, 331, 341.
"""

from __future__ import annotations

import errno
import termios
from contextlib import suppress
from typing import Any, Protocol

import serial

from drivers.serial_line import SerialLine
from edge_agent.errors import SourceUnavailable

READ_BYTES_MAX = 4096
WRITE_S_MAX = 0.5  # below the second that a source may block
_GONE = (serial.SerialException, OSError, termios.error, TypeError)


class PortLost(OSError):
    """The port went away while it was open. The text says how."""


class SerialPort(Protocol):
    """An open port."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, at least one byte if any comes within `timeout_s`; empty otherwise. Raises PortLost."""
        ...

    def write(self, data: bytes) -> None:
        """Send. Only for devices of the box's own, such as its modem: never for a line of the lift. Raises PortLost."""
        ...

    def close(self) -> None:
        """Release the port. Never raises; calling it twice is allowed."""
        ...


def open_serial_port(line: SerialLine) -> SerialPort:
    """Open a port for this program alone. Raises SourceUnavailable."""
    return _PyserialPort(line)


class _PyserialPort:
    """A port through pyserial."""

    def __init__(self, line: SerialLine) -> None:
        self._line = line
        self._port: Any = None
        try:
            if "://" in line.port:
                self._port = serial.serial_for_url(line.port, timeout=0, write_timeout=WRITE_S_MAX)
            else:
                self._port = serial.Serial()
                self._port.port = line.port
                self._port.baudrate, self._port.bytesize = line.baud_rate, line.data_bits
                self._port.parity, self._port.stopbits = line.parity.value, line.stop_bits
                self._port.timeout, self._port.write_timeout = 0, WRITE_S_MAX
                self._port.exclusive = True
                self._port.rts = self._port.dtr = False
                self._port.open()
        except (*_GONE, ValueError) as error:
            self.close()
            raise _unavailable(line, error) from error

    def read(self, timeout_s: float) -> bytes:
        if self._port is None:
            raise PortLost(errno.EBADF, "the port is closed")
        try:
            self._port.timeout = timeout_s
            first = self._port.read(1)
            if not first:
                return b""
            self._port.timeout = 0
            rest = self._port.read(READ_BYTES_MAX - 1)
        except _GONE as error:
            raise self._lost(error) from error
        return bytes(first) + bytes(rest or b"")

    def write(self, data: bytes) -> None:
        if self._port is None:
            raise PortLost(errno.EBADF, "the port is closed")
        try:
            self._port.write(data)
        except _GONE as error:
            raise self._lost(error) from error

    def close(self) -> None:
        if self._port is not None:
            with suppress(*_GONE):
                self._port.close()
        self._port = None

    def _lost(self, error: Exception) -> PortLost:
        return PortLost(errno.EIO, f"the serial port {self._line} was unplugged or failed ({_words(error)})")


def _words(error: Exception) -> str:
    match error:
        case serial.SerialTimeoutException():
            return "nothing can be sent"
        case termios.error():
            return str(error.args[-1])
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error).partition(":")[0] or type(error).__name__


def _unavailable(line: SerialLine, error: Exception) -> SourceUnavailable:
    if "://" in line.port:
        return SourceUnavailable(
            f"the served line cannot be reached ({_words(error)})",
            subject=line.port,
            hint="Start the program that serves it, and check the address",
        )
    number = error.errno if isinstance(error, OSError) else None
    match number:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            problem, hint = "the serial port is not there", "Plug the adapter in; see: ls -l /dev/serial/by-id"
        case errno.EACCES | errno.EPERM:
            problem, hint = "the serial port may not be used", "Add the agent's user to the group dialout"
        case errno.EAGAIN | errno.EBUSY:
            problem, hint = "another program has the serial port", "Stop it: two readers would take each other's bytes"
        case errno.ECONNREFUSED | errno.ETIMEDOUT | errno.EHOSTUNREACH:
            problem, hint = (
                "the served line cannot be reached",
                "Start the program that serves it, and check the address",
            )
        case _:
            problem = f"the serial port cannot be opened ({_words(error)})"
            hint = "Check baud rate, parity and bits in the settings: not every adapter can do all of them"
    if line.is_numbered:
        hint += f"; name the port by its id, {line} belongs to whichever adapter is plugged in first"
    return SourceUnavailable(problem, subject=line.port, hint=hint)
