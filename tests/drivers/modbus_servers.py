"""Two far ends for the Modbus driver: a real pymodbus server, and one written by hand that lies.

The hand-written one knows nothing of the driver: it takes a request apart after the Modbus specification and hands
its fields to a script, which says what bytes to send and when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.register_map import RegisterImage, RegisterMap, Table

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


class PymodbusServer:
    """A real Modbus TCP server on loopback that holds the registers of a map."""

    def __init__(self, register_map: RegisterMap, image: RegisterImage) -> None:
        self._map = register_map
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        blocks = [
            SimData(block.address, values=list(image.words(block)), datatype=DataType.REGISTERS)
            for block in sorted(register_map.reads, key=lambda block: block.address)
            if block.table is Table.HOLDING
        ]
        self._device = SimDevice(id=1, simdata=blocks)
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_up.wait(5)

    def put(self, address: int, words: list[int]) -> None:
        asyncio.run_coroutine_threadsafe(self._server.async_setValues(1, 16, address, words), self._loop).result(5)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)  # type: ignore[no-untyped-call]
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._is_up.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        self.port = free_port()
        self._server = ModbusTcpServer(self._device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Request:
    """The fields of one read request, and how many came before it on all connections."""

    index: int
    number: int  # transaction number; 0 with RTU frames
    unit: int
    function: int
    address: int
    count: int


@dataclass(frozen=True)
class Say:
    """Send these bytes after a while; `then_close` hangs up afterwards."""

    raw: bytes
    after_s: float = 0.0
    then_close: bool = False


Script = Callable[[Request], Iterable[Say]]


class LyingServer:
    """A Modbus server on TCP, byte by byte.

    With TCP frames answers are sent by a thread each, so that a late one does not hold up the next. With RTU frames
    they come one after the other, as on a bus: a late one makes all questions behind it wait.
    """

    def __init__(self, script: Script, *, is_rtu: bool = False, port: int = 0) -> None:
        self.script, self._is_rtu = script, is_rtu
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    @property
    def functions(self) -> set[int]:
        return {request.function for request in self.requests}

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while raw := connection.recv(8 if self._is_rtu else 12):
                request = self._request(raw)
                self.requests.append(request)
                says = list(self.script(request))
                if self._is_rtu:
                    self._answer(connection, says)
                else:
                    threading.Thread(target=self._answer, args=(connection, says), daemon=True).start()

    def _request(self, raw: bytes) -> Request:
        if self._is_rtu:
            assert crc(raw[:6]) == raw[6:]
            return Request(len(self.requests), 0, *struct.unpack(">BBHH", raw[:6]))
        number, protocol, length, unit, function, address, count = struct.unpack(">HHHBBHH", raw)
        assert (protocol, length) == (0, 6)
        return Request(len(self.requests), number, unit, function, address, count)

    @staticmethod
    def _answer(connection: socket.socket, says: list[Say]) -> None:
        with contextlib.suppress(OSError):
            for say in says:
                if say.after_s > 0:
                    time.sleep(say.after_s)
                connection.sendall(say.raw)
                if say.then_close:
                    connection.shutdown(socket.SHUT_RDWR)


def reply(
    request: Request,
    words: list[int],
    *,
    number: int | None = None,
    unit: int | None = None,
    function: int | None = None,
) -> bytes:
    """A TCP answer with registers, or with something in it changed."""
    pdu = struct.pack(f">BB{len(words)}H", function or request.function, 2 * len(words), *words)
    return framed(request, pdu, number=number, unit=unit)


def refusal(request: Request, code: int, *, function: int | None = None) -> bytes:
    """A TCP answer with an exception code."""
    return framed(request, bytes([(function or request.function) | 0x80, code]))


def framed(request: Request, pdu: bytes, *, number: int | None = None, unit: int | None = None) -> bytes:
    head = struct.pack(
        ">HHHB",
        request.number if number is None else number,
        0,
        len(pdu) + 1,
        request.unit if unit is None else unit,
    )
    return head + pdu


def rtu_reply(request: Request, words: list[int], *, function: int | None = None) -> bytes:
    """An answer with registers in an RTU frame."""
    body = struct.pack(f">BBB{len(words)}H", request.unit, function or request.function, 2 * len(words), *words)
    return body + crc(body)


def crc(frame: bytes) -> bytes:
    """CRC-16 of Modbus: polynomial 0xA001 reflected, start 0xFFFF, low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")
