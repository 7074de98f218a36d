"""A small HTTP/1.1 server in one thread: every size, count and time is bounded, and nothing is believed unread.

In: a listening socket and a function from request to answer. Out: answers. `turn` does what is due and returns; the
caller calls it again and again, and does its own work between.
Only GET and POST, no chunks, no expectations, no upgrade. Why not `http.server` or asyncio: they cost 10 and 11 MB of
memory more than sockets and selectors (measured: 17.5 and 18.7 MB against 9.2, Python 3.11 on x86-64), the first
needs a thread for each connection, and neither bounds headers, bodies and times together.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

CONNECTIONS_MAX = 16
OF_ONE_ADDRESS_MAX = 8
"""A browser opens six; behind an SSH tunnel everybody has one address."""
HEAD_BYTES_MAX = 8_192
HEADERS_MAX = 48
BODY_BYTES_MAX = 4_096
REQUEST_S = 10.0
"""From the first byte of a request to its last."""
IDLE_S = 15.0
WRITE_S = 20.0
READ_BYTES = 4_096
ACCEPT_EACH_TURN = 8

_LINE = re.compile(r"(GET|POST) (/[!-~]{0,500}) HTTP/1\.1")
_OTHER_METHOD = re.compile(r"(?!GET |POST )[A-Z]{1,20} \S{1,600} HTTP/1\.1")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}):[ \t]*([ -~\t]{0,4000}?)[ \t]*")

REASONS = {
    200: "OK",
    204: "No Content",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. headers: names in lower case, each once."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. headers: beside those of length and connection."""

    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class BadRequest(Exception):
    """These bytes are no request that is answered; the connection ends."""

    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    address: str
    since_s: float  # of the request under way, of the answer under way, or of the silence
    received: bytearray = field(default_factory=bytearray)
    to_send: bytes = b""
    is_last: bool = False


class WebServer:
    """See the module. `respond` must not raise."""

    def __init__(
        self, listener: socket.socket, respond: Callable[[Request], Answer], now_s: Callable[[], float]
    ) -> None:
        self._listener, self._respond, self._now_s = listener, respond, now_s
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._connections: dict[int, _Connection] = {}
        self._always: tuple[tuple[str, str], ...] = ()
        self.refused_count = 0

    @property
    def connections_count(self) -> int:
        """Open now."""
        return len(self._connections)

    def always_with(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Headers of every answer, also of refusals."""
        self._always = headers

    def turn(self, wait_s: float) -> None:
        """Wait for at most so long, then do what is due."""
        for key, events in self._selector.select(wait_s):
            if key.fileobj is self._listener:
                self._accept()
                continue
            connection = self._connections.get(key.fd)
            if connection is not None:
                with contextlib.suppress(BlockingIOError):
                    self._serve(connection, events)
        self._drop_late()

    def close(self) -> None:
        """End everything; the listening socket, too."""
        for connection in tuple(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        self._listener.close()

    # ---- connections

    def _accept(self) -> None:
        for _ in range(ACCEPT_EACH_TURN):
            try:
                accepted, (address, *_) = self._listener.accept()
            except OSError:
                return
            of_this = sum(1 for each in self._connections.values() if each.address == address)
            if of_this >= OF_ONE_ADDRESS_MAX or not self._has_room():
                self.refused_count += 1
                accepted.close()
                continue
            accepted.setblocking(False)
            self._connections[accepted.fileno()] = _Connection(accepted, address, self._now_s())
            self._selector.register(accepted, selectors.EVENT_READ)

    def _has_room(self) -> bool:
        """Connections that say nothing make room."""
        if len(self._connections) < CONNECTIONS_MAX:
            return True
        silent = [each for each in self._connections.values() if not each.received and not each.to_send]
        if silent:
            self._drop(min(silent, key=lambda each: each.since_s))
        return bool(silent)

    def _drop(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()

    def _drop_late(self) -> None:
        now_s = self._now_s()
        for connection in tuple(self._connections.values()):
            bound_s = WRITE_S if connection.to_send else REQUEST_S if connection.received else IDLE_S
            if now_s - connection.since_s < bound_s:
                continue
            if connection.received and not connection.to_send:
                self._answer(connection, Answer(408), is_last=True)
                with contextlib.suppress(OSError):
                    connection.socket.send(connection.to_send)
            self._drop(connection)

    # ---- requests

    def _serve(self, connection: _Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write(connection)
            return
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        if not connection.received:
            connection.since_s = self._now_s()
        connection.received += data
        self._answer_next(connection)

    def _answer_next(self, connection: _Connection) -> None:
        try:
            request, length = request_in(connection.received)
        except BadRequest as bad:
            self._answer(connection, Answer(bad.status, f"{bad}\n".encode("ascii")), is_last=True)
            return
        if request is None:
            return
        del connection.received[:length]
        is_last = request.headers.get("connection", "").lower() == "close"
        self._answer(connection, self._respond(request), is_last=is_last)

    def _answer(self, connection: _Connection, answer: Answer, *, is_last: bool) -> None:
        connection.to_send = _bytes_of(answer, self._always, is_last=is_last)
        connection.is_last = is_last
        connection.since_s = self._now_s()
        self._selector.modify(connection.socket, selectors.EVENT_WRITE)

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.to_send)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        connection.to_send = connection.to_send[sent:]
        if connection.to_send:
            return
        if connection.is_last:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
            self._drop(connection)
            return
        connection.since_s = self._now_s()
        self._selector.modify(connection.socket, selectors.EVENT_READ)
        if connection.received:
            self._answer_next(connection)


def request_in(data: bytes | bytearray) -> tuple[Request | None, int]:
    """The first request in the bytes and its length; None: not whole yet. Raises BadRequest."""
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        if len(data) >= HEAD_BYTES_MAX:
            raise BadRequest(431)
        return None, 0
    first, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    matched = _LINE.fullmatch(first)
    if matched is None:
        raise BadRequest(405 if _OTHER_METHOD.fullmatch(first) else 400)
    headers = _headers_in(lines)
    length = _body_length(headers)
    if len(data) < end + 4 + length:
        return None, 0
    path, _, query = matched[2].partition("?")
    try:
        said = dict(parse_qsl(query, max_num_fields=8, strict_parsing=bool(query)))
    except ValueError:
        raise BadRequest(400) from None
    body = bytes(data[end + 4 : end + 4 + length])
    return Request(matched[1], path, said, headers, body), end + 4 + length


def _headers_in(lines: list[str]) -> dict[str, str]:
    if len(lines) > HEADERS_MAX:
        raise BadRequest(431)
    headers: dict[str, str] = {}
    for line in lines:
        matched = _HEADER.fullmatch(line)
        if matched is None or matched[1].lower() in headers:
            raise BadRequest(400)  # also a header said twice, and one that goes on in the next line
        headers[matched[1].lower()] = matched[2]
    if "transfer-encoding" in headers or "upgrade" in headers or "expect" in headers:
        raise BadRequest(501)
    if "host" not in headers:
        raise BadRequest(400)
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    said = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,9}", said):
        raise BadRequest(400)
    if int(said) > BODY_BYTES_MAX:
        raise BadRequest(413)
    return int(said)


def _bytes_of(answer: Answer, always: tuple[tuple[str, str], ...], *, is_last: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {REASONS[answer.status]}"]
    if answer.status != 204:
        lines += [f"Content-Type: {answer.kind}", f"Content-Length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in (*always, *answer.headers)]
    lines.append(f"Connection: {'close' if is_last else 'keep-alive'}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body
