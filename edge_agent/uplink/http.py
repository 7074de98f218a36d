"""HTTP and HTTPS to a receiver: one kept connection, one request at a time, an end to every wait, no redirects.

Source: design/wire.md sections 2.2 (requests and answers), 2.5 (stdlib on the box) and 7.2 (limits).
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from edge_agent.delivery_steps import AnswerMissing, AnswerRefused, Failure
from edge_agent.enrol import JOIN_TYPE
from edge_agent.errors import SettingsError
from edge_agent.wire import ANSWER_BYTES_MAX, BATCH_TYPE, KEY_HEADER, PART_TYPE

TIMEOUT_S = 10.0
WHOLE_ANSWER_BYTES_MAX = ANSWER_BYTES_MAX + 24_576
"""Head and body together: a server that talks without end is cut off."""

_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)
_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", round(TIMEOUT_S * 1000)),
)


class _TooLong(Exception):
    """The answer is larger than any receipt."""


class _Wire(io.RawIOBase):
    """What arrives on a socket, until a deadline and up to a size. `hold` keeps the socket open as long as this is."""

    def __init__(self, sock: socket.socket, hold: io.BufferedIOBase, deadline_s: float) -> None:
        self._sock = sock
        self._hold = hold
        self._deadline_s = deadline_s
        self._left = WHOLE_ANSWER_BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left_s)
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise _TooLong
        return count

    def close(self) -> None:
        self._hold.close()
        super().close()


class HttpUplink:
    """One receiver. Used by one thread; blocks for at most `timeout_s` (name resolution comes on top)."""

    def __init__(
        self, url: str, timeout_s: float = TIMEOUT_S, *, tls: Callable[[], ssl.SSLContext] | None = None, key: str = ""
    ) -> None:
        """url: "http://host:port" or "https://...", a path in front of /v1 is allowed. Raises `SettingsError`.

        tls: gives the context of each new connection; None: the CAs of this system.
        key: the public key of this box in text, which goes along with every batch.
        """
        self._url = url.rstrip("/")
        self._host, self._port, self._prefix, is_tls = _parts_of(url)
        self._tls = (ssl.create_default_context if tls is None else tls) if is_tls else None
        self._headers = {"Content-Type": BATCH_TYPE} | ({KEY_HEADER: key} if key else {})
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._is_reused = False

    def post(self, body: bytes) -> bytes:
        """Send a batch; the answer is a receipt. Raises `AnswerMissing` or `AnswerRefused`."""
        return self._exchange("POST", "/v1/records", body, self._headers, self._timeout_s)

    def part(self, body: bytes) -> bytes:
        """Send a sealed part of a recording; the answer is a receipt. Raises as `post`."""
        headers = self._headers | {"Content-Type": PART_TYPE}
        return self._exchange("POST", "/v1/evidence", body, headers, self._timeout_s)

    def hello(self, nonce: bytes) -> bytes:
        """Ask the receiver to show its key. Raises as `post`."""
        return self._exchange("GET", f"/v1/hello?nonce={nonce.hex()}", None, {}, self._timeout_s)

    def join(self, body: bytes) -> bytes:
        """Ask to be known. Raises as `post`."""
        return self._exchange("POST", "/v1/join", body, {"Content-Type": JOIN_TYPE}, self._timeout_s)

    def renew(self, sealed: bytes) -> bytes:
        """Ask for another certificate. Raises as `post`."""
        return self._exchange("POST", "/v1/renew", sealed, {"Content-Type": JOIN_TYPE}, self._timeout_s)

    def notices(self, device_id: bytes, after: int, wait_s: int) -> bytes:
        """Ask for notices beyond number `after`, waiting up to `wait_s` for one. Raises as `post`."""
        query = urlencode({"after": after, "wait": wait_s, "dev": device_id.hex()})
        return self._exchange("GET", f"/v1/notices?{query}", None, {}, self._timeout_s + wait_s)

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float) -> bytes:
        deadline_s = time.monotonic() + timeout_s
        try:
            try:
                response, answer = self._ask(method, path, body, headers, deadline_s)
            except _STALE:
                if not self._is_reused:
                    raise
                # The receiver closed a kept connection; asking twice is harmless.
                self.close()
                response, answer = self._ask(method, path, body, headers, deadline_s)
        except _TooLong as error:
            self.close()
            raise self._missing(f"an answer beyond {ANSWER_BYTES_MAX} bytes", "This is no receiver") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._missing(_words_for(error), _hint_for(error)) from error
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        if response.status == http.client.OK:
            return answer
        raise self._refusal(response)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], deadline_s: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._connected(deadline_s)
        connection.response_class = _response_class(deadline_s)
        connection.request(method, self._prefix + path, body, {"User-Agent": "lift-edge-agent", **headers})
        response = connection.getresponse()
        is_receipt = response.status == http.client.OK
        if is_receipt and response.length is None and not response.chunked:
            raise http.client.HTTPException("an answer that does not say how long it is")
        answer = b""
        while piece := response.read(ANSWER_BYTES_MAX + 1 - len(answer)):
            answer += piece
        if is_receipt and len(answer) > ANSWER_BYTES_MAX:
            raise _TooLong
        if is_receipt and response.length:
            raise http.client.IncompleteRead(answer, response.length)
        if not response.isclosed():
            self.close()  # a long page of words: its status says enough
        return response, answer

    def _connected(self, deadline_s: float) -> http.client.HTTPConnection:
        left_s = max(0.001, deadline_s - time.monotonic())
        self._is_reused = self._connection is not None
        if self._connection is None:
            if self._tls is None:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=left_s)
            else:
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=left_s, context=self._tls())
            connection.connect()
            for level, name, value in _OPTIONS:
                if hasattr(socket, name):
                    connection.sock.setsockopt(level, getattr(socket, name), value)
            self._connection = connection
        self._connection.sock.settimeout(left_s)
        return self._connection

    def _missing(self, problem: str, hint: str) -> AnswerMissing:
        return AnswerMissing(problem, subject=self._url, hint=hint)

    def _refusal(self, response: http.client.HTTPResponse) -> AnswerMissing | AnswerRefused:
        status = response.status
        problem = f"the receiver answers {status} {response.reason[:60]}".rstrip()
        match status:
            case 429 | 503:
                return AnswerMissing(
                    problem,
                    subject=self._url,
                    hint="The receiver is busy; the agent comes back by itself",
                    failure=Failure.BUSY,
                    status=status,
                    retry_after_s=_seconds_in(response.headers.get("Retry-After")),
                )
            case 400:
                failure, hint = Failure.DAMAGED, "The record in question is set aside if this goes on"
            case 413:
                failure, hint = Failure.TOO_LARGE, "Smaller requests follow by themselves"
            case 401 | 403:
                failure, hint = Failure.DENIED, "Ask the receiver's operator whether this box is enrolled and allowed"
            case _ if 300 <= status < 500 and status not in (408, 425):
                failure, hint = Failure.WRONG_ADDRESS, "Check the url of this destination; redirects are not followed"
            case _:
                return AnswerMissing(problem, subject=self._url, hint="The agent tries again by itself", status=status)
        return AnswerRefused(problem, subject=self._url, hint=hint, failure=failure, status=status)


def _response_class(deadline_s: float) -> type[http.client.HTTPResponse]:
    class Response(http.client.HTTPResponse):
        """A response that is over when the time is, however slowly it comes."""

        def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
            super().__init__(sock, debuglevel, method, url)
            self.fp = io.BufferedReader(_Wire(sock, self.fp, deadline_s))

    return Response


def _parts_of(url: str) -> tuple[str, int, str, bool]:
    hint = 'Write it like "https://receiver.example:8443"'
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"not a usable url ({error})", subject=url, hint=hint) from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError("not a usable url", subject=url, hint=hint)
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingsError("a url of a receiver has no user, query or fragment", subject=url, hint=hint)
    is_tls = parts.scheme == "https"
    return host, (443 if is_tls else 80) if port is None else port, parts.path.rstrip("/"), is_tls


def _seconds_in(value: str | None) -> float | None:
    """Whole seconds of a Retry-After; its form as a date needs a clock that the box may not have."""
    return float(value) if value is not None and value.strip().isascii() and value.strip().isdigit() else None


def _words_for(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    return f"no usable answer ({error or type(error).__name__})"


def _hint_for(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens there: is the receiver running, is the port right"
    if isinstance(error, socket.gaierror):
        return "The name is not known: check the url and the name server"
    if isinstance(error, ssl.SSLError):
        return "Check the certificates, and the clock of this box"
    return "The agent tries again by itself"
