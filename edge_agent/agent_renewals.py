"""Asks the receiver that the box has joined for another certificate, when two thirds of the present one are over.

In: the wall clock, the file of the certificate, answers. Out: requests, at most one a day. Trouble is told and stops
nothing: records are sealed, and a receiver takes them after the date too. Source: design/wire.md section 5.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.agent_ways import Errand, Way
from edge_agent.certificates import in_pem, request_for, validity_of
from edge_agent.clock import Clock
from edge_agent.delivery_evidence import Upload
from edge_agent.durable_file import replace_file
from edge_agent.enrol import NONCE_BYTES, Join, decode_joined, encode_join
from edge_agent.errors import UplinkError, WireError
from edge_agent.journal import Journal
from edge_agent.wire import answer_tag
from edge_agent.wire_sealing import PublicKey, SigningKey, Use

NS_PER_S = 1_000_000_000
LOOK_NS = 24 * 3600 * NS_PER_S
SHARE = 2.0 / 3.0  # Source: design/wire.md section 5.2
WAY = "renewal"


class RenewUplink(Protocol):
    """The way to the receiver."""

    def renew(self, sealed: bytes) -> bytes:
        """A sealed answer. Raises `UplinkError`."""
        ...

    def close(self) -> None:
        """Drop the connection. Never raises."""
        ...


class Renewals:
    """See the module."""

    def __init__(
        self,
        receiver: PublicKey,
        key: SigningKey,
        identity: Path,
        uplink: RenewUplink,
        clock: Clock,
        draw: Callable[[int], bytes],
        journal: Journal,
    ) -> None:
        """receiver: its pinned key. identity: the file with key and certificate. draw: random bytes."""
        self._receiver = receiver
        self._key = key
        self._identity = identity
        self._uplink = uplink
        self._clock = clock
        self._draw = draw
        self._journal = journal
        self._look_ns = 0

    def ways(self) -> Mapping[str, Way]:
        """One."""
        return {WAY: Way(self._uplink.renew, self._uplink.close)}

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        """A request, if it is time for one; looks once a day, and as soon as the wall clock is known."""
        wall = self._clock.wall_estimate()
        if wall is None or now_ns < self._look_ns:
            return ()
        self._look_ns = now_ns + LOOK_NS
        try:
            held = self._identity.read_bytes()
            begin_s, end_s = validity_of(held)
            if wall.unix_ms / 1000.0 < begin_s + SHARE * (end_s - begin_s):
                return ()
            device = self._key.public.fingerprint
            asked = Join(device, self._key.public, request_for(held, device.hex()), self._draw(NONCE_BYTES))
        except (OSError, WireError) as error:
            self._tell(logging.WARNING, f"The certificate of this box cannot be renewed: {error}", now_ns)
            return ()
        return ((WAY, Upload(WAY, self._key.seal(encode_join(asked), Use.JOIN))),)

    def answered(self, _way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """Keep the new certificate beside the same key; connections that begin from now on show it."""
        if isinstance(result, UplinkError):
            self._tell(logging.WARNING, f"The certificate of this box was not renewed: {result}", now_ns)
            return
        try:
            joined = decode_joined(self._receiver.open(result, Use.JOIN))
            if joined.answers != answer_tag(errand.body):
                raise WireError("the answer is for another request", subject="renewal", hint="It is asked for again")
            held = self._identity.read_bytes()
            key_pem = held[: held.index(b"-----BEGIN CERT")]
            replace_file(self._identity, (key_pem + in_pem(joined.certificate)).decode("ascii"))
        except (OSError, WireError) as error:
            self._tell(logging.WARNING, f"The certificate of this box was not renewed: {error}", now_ns)
            return
        self._tell(logging.INFO, "The certificate of this box was renewed", now_ns)

    def _tell(self, level: int, sentence: str, now_ns: int) -> None:
        self._journal.change(now_ns, level, WAY, sentence)
