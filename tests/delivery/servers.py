"""Servers on the loopback that say exactly the bytes they are told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TLS = Path(__file__).parent / "tls"  # a key of no value, made for these tests

Talk = Callable[[socket.socket], bool]
"""Answers one request on an open connection; False: the connection ends."""


@dataclass
class Served:
    """What a server saw. Each request: its bytes; `connections`: how many of them carried any."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(
    body: bytes = b"receipt", *, status: str = "200 OK", extra: str = "", keeps: bool = True
) -> Callable[[socket.socket], bool]:
    """A whole answer with a Content-Length."""

    def talk(connection: socket.socket) -> bool:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        connection.sendall(head.encode() + body)
        return keeps

    return talk


def say(data: bytes) -> Talk:
    """These bytes, and then the end."""

    def talk(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return talk


def flood(piece: bytes) -> Talk:
    """The same bytes for ever, as fast as they go."""

    def talk(connection: socket.socket) -> bool:
        while True:
            connection.sendall(piece)

    return talk


def hang_up(connection: socket.socket) -> bool:
    """Nothing at all."""
    return False


def drip(first: bytes, piece: bytes, every_s: float) -> Talk:
    """A beginning, and then a piece of bytes again and again, until the other side has had enough."""

    def talk(connection: socket.socket) -> bool:
        connection.sendall(first)
        connection.settimeout(every_s)
        while True:
            try:
                if connection.recv(1) == b"":
                    return False
            except TimeoutError:
                connection.sendall(piece)

    return talk


@contextmanager
def serving(*talks: Talk, tls: bool | ssl.SSLContext = False) -> Iterator[Served]:
    """A server that answers its n-th request with the n-th talk."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(listener.getsockname()[1])
    context = tls if isinstance(tls, ssl.SSLContext) else None
    if tls is True:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "receiver.crt", TLS / "receiver.key")
    over = threading.Event()
    thread = threading.Thread(target=_serve, args=(listener, served, iter(talks), context, over), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        over.set()
        with suppress(OSError):  # wakes accept() where it waits
            socket.create_connection(("127.0.0.1", served.port), timeout=5.0).close()
        thread.join(timeout=10.0)
        listener.close()
        assert not thread.is_alive()


def _serve(
    listener: socket.socket,
    served: Served,
    script: Iterator[Talk],
    context: ssl.SSLContext | None,
    over: threading.Event,
) -> None:
    while not over.is_set():
        connection, _ = listener.accept()
        connection.settimeout(10.0)
        # A handshake that fails or a peer that leaves is what these tests are about.
        with suppress(OSError), connection:
            talking = connection if context is None else context.wrap_socket(connection, server_side=True)
            with talking:
                _talk(talking, served, script)


def _talk(connection: socket.socket, served: Served, script: Iterator[Talk]) -> None:
    requests = 0
    while True:
        request = _request_of(connection)
        if not request:
            return
        requests += 1
        served.connections += requests == 1
        served.requests.append(request)
        if not next(script, hang_up)(connection):
            return


def _request_of(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
