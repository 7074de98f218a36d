"""Lift controllers on the lines that other programs poll: Modbus TCP, RTU frames through TCP, RTU on a serial port.

Several units share a line. What a unit answers is `ModbusUnit`; how answers come wrong is `modbus_frames.Mishap`.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from edge_agent.errors import SourceUnavailable
from sim.buses_pty import PtyPort
from sim.buses_server import CHUNK_BYTES, SocketServer
from sim.modbus_frames import Framing, Question, RtuFraming, Spoiled, TcpFraming, answered
from sim.modbus_unit import ModbusUnit

_LISTEN_S = 0.05
_HALF_FRAME_S = 0.5  # on TCP; a serial line is judged by `_LISTEN_S`
_BROADCAST = 0


class ServedUnit:
    """A unit with what is wrong with it just now."""

    def __init__(self, unit: ModbusUnit) -> None:
        self.unit = unit
        self.spoiled: Spoiled | None = None


class ModbusLine(Protocol):
    """A line with units on it."""

    @property
    def place(self) -> str:
        """Where a program finds it."""
        ...

    def unplug(self) -> None:
        """Pull the cable out."""
        ...

    def plug_in(self) -> None:
        """Put it back. Raises OSError."""
        ...

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        ...


class _Answers:
    """Questions in, answers out, one after the other: a late answer holds up those after it."""

    def __init__(self, units: Mapping[int, ServedUnit]) -> None:
        self._units = units
        self.is_over = threading.Event()

    def to(self, framing: Framing, received: bytes) -> Iterator[bytes]:
        """What goes out for what came in. ValueError: that is no Modbus."""
        for question in framing.questions(received):
            answer = self._to_one(framing, question)
            if answer:
                yield answer

    def _to_one(self, framing: Framing, question: Question) -> bytes:
        served = self._units.get(question.unit)
        if served is None or question.unit == _BROADCAST:
            return b""
        body = served.unit.answer(question.body)
        if body is None:
            return b""
        spoiled = served.spoiled
        if spoiled is not None and spoiled.late_s > 0.0:
            self.is_over.wait(spoiled.late_s)
        return answered(framing, question, body, spoiled)


class ModbusTcpLine(SocketServer):
    """Modbus TCP, or RTU frames through TCP as some gateways pass them. Raises SourceUnavailable."""

    _framing: Callable[[], Framing] = TcpFraming

    def __init__(self, units: Mapping[int, ServedUnit], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._answers = _Answers(units)
        self.host, self.port = host, port
        try:
            super().__init__("modbus")
        except (OSError, OverflowError) as error:
            raise SourceUnavailable(
                f"the simulated controller cannot listen: {getattr(error, 'strerror', None) or error}",
                subject=f"{host}:{port}",
                hint="Another program may hold the port; leave the port out and a free one is taken",
            ) from error

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    def close(self) -> None:
        self._answers.is_over.set()
        super().close()

    def _listen(self) -> socket.socket:
        listener = socket.create_server((self.host, self.port))
        self.port = int(listener.getsockname()[1])
        return listener

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        framing = type(self)._framing()
        heard_s = time.monotonic()
        while received := client.recv(CHUNK_BYTES):
            now_s = time.monotonic()
            if now_s - heard_s > _HALF_FRAME_S:
                framing.pause()
            heard_s = now_s
            try:
                for answer in self._answers.to(framing, received):
                    client.sendall(answer)
            except ValueError as error:
                raise OSError(errno.EPROTO, str(error)) from error


class RtuTcpLine(ModbusTcpLine):
    """RTU frames through TCP."""

    _framing = RtuFraming


class RtuLine:
    """Modbus RTU on a pseudo-terminal. Raises OSError.

    baud_rate: a program that has set another one is not understood; None: it is whatever the program sets.
    """

    def __init__(self, units: Mapping[int, ServedUnit], path: Path, baud_rate: int | None = None) -> None:
        self._answers = _Answers(units)
        self._baud_rate = baud_rate
        self._port = PtyPort(path)
        self._thread = threading.Thread(target=self._run, name="modbus rtu", daemon=True)
        self._thread.start()

    @property
    def place(self) -> str:
        return str(self._port.path)

    @property
    def device(self) -> str:
        """The terminal that `place` leads to."""
        return self._port.device

    def unplug(self) -> None:
        self._port.unplug()

    def plug_in(self) -> None:
        self._port.plug_in()

    def close(self) -> None:
        self._answers.is_over.set()
        self._thread.join(timeout=2.0)
        self._port.close()

    def _run(self) -> None:
        framing = RtuFraming()
        while not self._answers.is_over.is_set():
            received = self._port.read(_LISTEN_S)
            if not received or self._baud_rate not in (None, self._port.baud_rate):
                framing.pause()
                continue
            for answer in self._answers.to(framing, received):
                self._port.write(answer)
