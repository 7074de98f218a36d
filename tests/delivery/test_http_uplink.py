"""The HTTP uplink against servers on the loopback that cut, drip, talk too much, redirect and refuse."""

from __future__ import annotations

import socket
import ssl
import time

import pytest

from edge_agent.delivery import AnswerMissing, AnswerRefused, Failure
from edge_agent.errors import SettingsError, UplinkRefused, UplinkUnavailable
from edge_agent.uplink.http import HttpUplink
from tests.delivery.making import DEVICE
from tests.delivery.servers import TLS, Talk, answer, drip, flood, hang_up, say, serving


def _lines(request: bytes) -> list[bytes]:
    return request.partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_a_batch_goes_out_whole_and_the_receipt_comes_back() -> None:
    with serving(answer(b"the receipt")) as served:
        uplink = HttpUplink(served.url)
        assert uplink.post(b"the batch") == b"the receipt"
        uplink.close()
    (request,) = served.requests
    assert _lines(request)[0] == b"POST /v1/records HTTP/1.1"
    assert b"Content-Type: application/vnd.lift-batch+cbor" in _lines(request)
    assert b"Content-Length: 9" in _lines(request)
    assert request.endswith(b"\r\n\r\nthe batch")


def test_notices_are_asked_for_by_number_and_box() -> None:
    with serving(answer()) as served:
        uplink = HttpUplink(served.url + "/lifts/")
        assert uplink.notices(DEVICE, 12, 0) == b"receipt"
        uplink.close()
    assert _lines(served.requests[0])[0] == (b"GET /lifts/v1/notices?after=12&wait=0&dev=a1b2c3d4e5f60718 HTTP/1.1")


def test_one_connection_serves_many_requests() -> None:
    with serving(answer(), answer(), answer()) as served:
        uplink = HttpUplink(served.url)
        for _ in range(2):
            uplink.post(b"x")
        uplink.notices(DEVICE, 0, 0)
        uplink.close()
    assert (len(served.requests), served.connections) == (3, 1)


def test_a_kept_connection_that_the_receiver_closed_costs_one_silent_retry() -> None:
    with serving(answer(keeps=False), answer(b"second")) as served:
        uplink = HttpUplink(served.url)
        uplink.post(b"1")
        assert uplink.post(b"2") == b"second"
        uplink.close()
    assert [request[-1:] for request in served.requests] == [b"1", b"2"]


def test_a_kept_connection_cut_in_the_middle_of_a_request_is_asked_again_on_a_new_one() -> None:
    with serving(answer(), hang_up, answer(b"second")) as served:
        uplink = HttpUplink(served.url)
        uplink.post(b"1")
        assert uplink.post(b"2") == b"second"
        uplink.close()
    assert [request[-1:] for request in served.requests] == [b"1", b"2", b"2"]


def test_a_new_connection_that_is_cut_is_not_asked_again_here() -> None:
    with serving(hang_up, answer()) as served:
        uplink = HttpUplink(served.url)
        with pytest.raises(AnswerMissing) as caught:
            uplink.post(b"x")
        assert len(served.requests) == 1
        assert (caught.value.failure, caught.value.status) == (Failure.NO_ANSWER, None)
        assert uplink.post(b"x") == b"receipt"  # the next attempt opens another
        uplink.close()


def test_an_answer_that_says_it_is_the_last_is_followed_by_a_new_connection() -> None:
    with serving(answer(extra="Connection: close\r\n", keeps=False), answer()) as served:
        uplink = HttpUplink(served.url)
        assert [uplink.post(b"x"), uplink.post(b"x")] == [b"receipt", b"receipt"]
        uplink.close()
    assert served.connections == 2


def test_a_chunked_answer_is_read_and_the_connection_kept() -> None:
    def chunked(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrec\r\n4\r\neipt\r\n0\r\n\r\n")
        return True

    with serving(chunked, answer()) as served:
        uplink = HttpUplink(served.url)
        assert [uplink.post(b"x"), uplink.post(b"x")] == [b"receipt", b"receipt"]
        uplink.close()
    assert served.connections == 1


BROKEN: list[tuple[str, Talk]] = [
    ("half a body", say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")),
    ("half a head", say(b"HTTP/1.1 200 OK\r\nContent-Le")),
    ("no HTTP", say(b"220 mail.example ESMTP\r\n")),
    ("a body of 8193 bytes", answer(bytes(8_193), keeps=False)),
    ("a length that is a lie", say(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + bytes(60_000))),
    ("a body without end", say(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(60_000))),
    ("a head without end", say(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000)),
    ("one long header", say(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60_000)),
    ("continue without end", say(b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000)),
    ("broken chunks", say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
]


@pytest.mark.parametrize(("name", "talk"), BROKEN, ids=[name for name, _ in BROKEN])
def test_an_answer_that_is_broken_or_too_long_is_none(name: str, talk: Talk) -> None:
    with serving(talk) as served:
        uplink = HttpUplink(served.url, 5.0)
        with pytest.raises(UplinkUnavailable) as caught:
            uplink.post(b"x")
        uplink.close()
    assert caught.value.subject == served.url
    assert len(served.requests) == 1


def test_an_answer_of_8192_bytes_is_taken() -> None:
    with serving(answer(bytes(8_192))) as served:
        uplink = HttpUplink(served.url)
        assert len(uplink.post(b"x")) == 8_192
        uplink.close()


SLOW: list[tuple[str, Talk]] = [
    ("silence", drip(b"", b"", 30.0)),
    ("a head that drips", drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.02)),
    ("a body that drips", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x", 0.02)),
    ("chunks that drip", drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02)),
]


@pytest.mark.parametrize(("name", "talk"), SLOW, ids=[name for name, _ in SLOW])
def test_no_answer_takes_longer_than_the_time_limit(name: str, talk: Talk) -> None:
    with serving(talk) as served:
        uplink = HttpUplink(served.url, 0.3)
        began_s = time.monotonic()
        with pytest.raises(UplinkUnavailable, match="no answer in time"):
            uplink.post(b"x")
        assert 0.25 < time.monotonic() - began_s < 2.0
        uplink.close()


def test_a_server_that_talks_without_end_is_cut_off_before_the_time_is_up() -> None:
    with serving(flood(b"HTTP/1.1 100 Continue\r\n\r\n")) as served:
        uplink = HttpUplink(served.url, 5.0)
        with pytest.raises(UplinkUnavailable, match="an answer beyond 8192 bytes"):
            uplink.post(b"x")
        uplink.close()


def test_time_that_is_up_before_the_answer_begins_is_said_so() -> None:
    with serving(answer()) as served:
        uplink = HttpUplink(served.url, 0.0)
        with pytest.raises(UplinkUnavailable, match="no answer in time"):
            uplink.post(b"x")
        uplink.close()


def test_a_port_where_nothing_listens_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(AnswerMissing) as caught:
        HttpUplink(f"http://127.0.0.1:{port}").post(b"x")
    assert "Nothing listens there" in str(caught.value)


def test_a_name_that_does_not_exist_is_said_in_words() -> None:
    with pytest.raises(AnswerMissing) as caught:
        HttpUplink("http://receiver.invalid", 2.0).post(b"x")
    assert "name is not known" in str(caught.value)


REFUSALS = [
    ("301 Moved Permanently", Failure.WRONG_ADDRESS),
    ("302 Found", Failure.WRONG_ADDRESS),
    ("404 Not Found", Failure.WRONG_ADDRESS),
    ("405 Method Not Allowed", Failure.WRONG_ADDRESS),
    ("400 Bad Request", Failure.DAMAGED),
    ("401 Unauthorized", Failure.DENIED),
    ("403 Forbidden", Failure.DENIED),
    ("413 Content Too Large", Failure.TOO_LARGE),
]


@pytest.mark.parametrize(("status", "failure"), REFUSALS)
def test_a_refusal_is_told_from_trouble_and_no_redirect_is_followed(status: str, failure: Failure) -> None:
    with serving(answer(b"no", status=status, extra="Location: http://127.0.0.1:1/\r\n"), answer()) as served:
        uplink = HttpUplink(served.url)
        with pytest.raises(UplinkRefused) as caught:
            uplink.post(b"x")
        assert len(served.requests) == 1
        assert isinstance(caught.value, AnswerRefused)
        assert (caught.value.failure, caught.value.status) == (failure, int(status[:3]))
        assert uplink.post(b"x") == b"receipt"  # the connection is still good
        uplink.close()
    assert served.connections == 1


@pytest.mark.parametrize(
    "page",
    [
        b"HTTP/1.1 511 Login\r\nContent-Length: 60000\r\n\r\n" + bytes(9_000),
        b"HTTP/1.0 511 Login\r\n\r\n<html>",
        b"HTTP/1.1 511 Login\r\nContent-Length: 100\r\n\r\n<html>",
    ],
    ids=["long", "without length", "cut"],
)
def test_of_a_page_that_is_no_receipt_only_the_status_counts(page: bytes) -> None:
    with serving(say(page), answer()) as served:
        uplink = HttpUplink(served.url)
        with pytest.raises(AnswerMissing, match="511 Login"):
            uplink.post(b"x")
        assert uplink.post(b"x") == b"receipt"
        uplink.close()


BUSY = [
    ("429 Too Many Requests", "Retry-After: 7\r\n", Failure.BUSY, 7.0),
    ("503 Service Unavailable", "", Failure.BUSY, None),
    ("503 Service Unavailable", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", Failure.BUSY, None),
    ("503 Service Unavailable", "Retry-After: -5\r\n", Failure.BUSY, None),
    ("500 Internal Server Error", "", Failure.NO_ANSWER, None),
    ("502 Bad Gateway", "", Failure.NO_ANSWER, None),
    ("408 Request Timeout", "", Failure.NO_ANSWER, None),
    ("204 No Content", "", Failure.NO_ANSWER, None),
]


@pytest.mark.parametrize(("status", "extra", "failure", "retry_after_s"), BUSY)
def test_trouble_at_the_receiver_is_tried_again(
    status: str, extra: str, failure: Failure, retry_after_s: float | None
) -> None:
    with serving(answer(b"", status=status, extra=extra)) as served:
        uplink = HttpUplink(served.url)
        with pytest.raises(AnswerMissing) as caught:
            uplink.post(b"x")
        uplink.close()
    assert (caught.value.failure, caught.value.retry_after_s) == (failure, retry_after_s)
    assert caught.value.status == int(status[:3])


def test_https_to_a_certificate_that_nobody_vouches_for_sends_nothing() -> None:
    with serving(answer(), tls=True) as served:
        uplink = HttpUplink(f"https://localhost:{served.port}")
        with pytest.raises(AnswerMissing, match="certificate is not accepted"):
            uplink.post(b"secret")
        uplink.close()
    assert served.requests == []


def test_https_with_a_trusted_certificate_works_and_another_name_is_refused() -> None:
    context = ssl.create_default_context(cafile=TLS / "receiver.crt")
    with serving(answer(b"sealed"), tls=True) as served:
        uplink = HttpUplink(f"https://localhost:{served.port}", tls=lambda: context)
        assert uplink.post(b"x") == b"sealed"
        uplink.close()
        with pytest.raises(AnswerMissing, match="certificate is not accepted"):
            HttpUplink(f"https://127.0.0.1:{served.port}", tls=lambda: context).post(b"x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver",
        "ftp://receiver",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://a:b@host",
        "http://h?x=1",
    ],
)
def test_a_url_that_cannot_be_one_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        HttpUplink(url)
    assert caught.value.subject == url
