"""The small server: every size, count and time is bounded, and bytes that are no request are refused."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.page.web import (
    BODY_BYTES_MAX,
    CONNECTIONS_MAX,
    HEAD_BYTES_MAX,
    IDLE_S,
    OF_ONE_ADDRESS_MAX,
    REQUEST_S,
    Answer,
    BadRequest,
    Request,
    request_in,
)
from tests.box_page.making import Served, read


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    page = Served(tmp_path)
    yield page
    page.close()


def status_of(served: Served, data: bytes) -> int | None:
    answer = served.raw(data)
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"hello\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1), 413),
        (b"GET /" + b"a" * 600 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 60 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES_MAX, 431),
        (b"GET /?a=%ff&a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_for_this_page_is_refused(served: Served, data: bytes, status: int) -> None:
    assert status_of(served, data) == status
    assert served.server.connections_count == 0  # and the connection ends


def test_random_bytes_are_refused_or_wait(served: Served) -> None:
    rng = random.Random(7)
    whole = b"POST /api/enter?lang=zh HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(3_000):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            request, length = request_in(data)
        except BadRequest:
            continue
        assert request is None or (length <= len(data) and len(request.body) <= BODY_BYTES_MAX)


def test_a_request_in_many_pieces_is_answered_and_the_next_one_on_the_same_connection(served: Served) -> None:
    client = served.connect()
    data = f"GET /api/words HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
    for number in range(0, len(data), 7):
        client.sendall(data[number : number + 7])
        served.turn(1)
    first = read(client, served.turn)
    client.sendall(data + data)  # two at once
    second, third = read(client, served.turn), None
    third = read(client, served.turn)
    assert {said.status for said in (first, second, third) if said is not None} == {200}
    client.close()


def test_a_request_that_trickles_in_is_ended_after_its_time(served: Served) -> None:
    client = served.connect()
    client.sendall(b"GET / HTTP/1.1\r\nX: ")
    served.turn()
    for _ in range(int(REQUEST_S) + 1):
        served.time.pass_s(1.0)
        served.turn(1)
        try:
            client.sendall(b"y")  # a byte a second does not buy more time
        except OSError:
            break
    served.turn()
    assert served.server.connections_count == 0
    client.close()


def test_silent_connections_are_ended(served: Served) -> None:
    client = served.connect()
    served.time.pass_s(IDLE_S - 1)
    served.turn()
    assert served.server.connections_count == 1
    served.time.pass_s(1)
    served.turn()
    assert served.server.connections_count == 0
    assert client.recv(10) == b""
    client.close()


def test_one_address_holds_a_bounded_number_of_connections(served: Served) -> None:
    clients = [served.connect() for _ in range(CONNECTIONS_MAX + 4)]
    assert served.server.connections_count == OF_ONE_ADDRESS_MAX
    assert served.server.refused_count == len(clients) - OF_ONE_ADDRESS_MAX
    served.time.pass_s(IDLE_S)
    served.turn()
    assert status_of(served, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()) == 200
    for client in clients:
        client.close()


def test_somebody_who_does_not_read_is_dropped(served: Served) -> None:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", served.port))
    request = f"GET /api/words HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
    client.setblocking(False)
    answered = [0]
    whole = served.server._respond

    def counted(asked: Request) -> Answer:
        answered[0] += 1
        return whole(asked)

    served.server._respond = counted
    history: list[int] = []
    while (len(history) < 4_000 and len(set(history[-10:])) != 1) or len(history) < 20:
        with contextlib.suppress(BlockingIOError):
            client.send(request)
        served.turn(1)
        history.append(answered[0])
    assert len(set(history[-10:])) == 1  # the kernel takes no more
    served.time.pass_s(60.0)
    served.turn()
    assert served.server.connections_count == 0
    client.close()
