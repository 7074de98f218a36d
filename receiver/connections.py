"""Guards connections below the HTTP server: how many there may be, and how long a request head may take."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from receiver.refusals import Refusals

CONNECTIONS_MAX = 4096
CONNECTIONS_PER_ADDRESS_MAX = 200
"""Source of both: design/wire.md section 7.2."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take. Source: design/wire.md section 7.2; the last is ours.

    linger_s: after a refusal, for the client to stop sending and read it.
    """

    head_s: float = 5.0
    body_s: float = 10.0
    linger_s: float = 2.0


PATIENCE = Patience()


@dataclass(slots=True)
class ConnectionCounts:
    """How many connections are open, in all and by address; refused ones are counted."""

    total: int = 0
    refused: int = 0
    by_address: Counter[str] = field(default_factory=Counter)
    refusals: Refusals | None = None

    def note(self, why: str, address: str, what: str) -> None:
        """Count and say it."""
        if self.refusals is not None:
            self.refusals.note(why, address, what)


class GuardedConnection(asyncio.Protocol):
    """Passes a connection to the HTTP protocol inside, or refuses it; closes it when a request head takes too long."""

    def __init__(self, inner: asyncio.Protocol, counts: ConnectionCounts, head_s: float) -> None:
        self._inner = inner
        self._counts = counts
        self._head_s = head_s
        self._address: str | None = None  # None: refused or not yet connected
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else "local"
        counts = self._counts
        if counts.total >= CONNECTIONS_MAX or counts.by_address[address] >= CONNECTIONS_PER_ADDRESS_MAX:
            counts.refused += 1
            counts.note("connections", address, "too many connections")
            transport.abort()
            return
        counts.total += 1
        counts.by_address[address] += 1
        self._address = address
        self._transport = transport
        self._start_deadline()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._address is None:
            return
        if not self._is_answering and self._deadline is None:
            self._start_deadline()
        self._inner.data_received(data)

    def head_complete(self) -> None:
        """The HTTP server has a whole request head and starts to answer."""
        self._is_answering = True
        self._stop_deadline()

    def answered(self) -> None:
        """The answer is made; the next byte begins a new head."""
        self._is_answering = False

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._address is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        if self._address is None:
            return
        self._counts.total -= 1
        self._counts.by_address[self._address] -= 1
        if self._counts.by_address[self._address] <= 0:
            del self._counts.by_address[self._address]
        self._address = None
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def _start_deadline(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._head_s, self._close_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_slow(self) -> None:
        self._deadline = None
        if self._transport is not None:
            self._counts.note("slow_head", self._address or "", f"no whole request within {self._head_s:g} s")
            self._transport.close()


def guarded(
    make_inner: Callable[[], asyncio.Protocol], counts: ConnectionCounts, head_s: float
) -> Callable[[], GuardedConnection]:
    """A protocol factory for `loop.create_server`."""
    return lambda: GuardedConnection(make_inner(), counts, head_s)
