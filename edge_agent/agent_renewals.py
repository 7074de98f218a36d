"""Asks the receiver that the box has joined for another certificate, when two thirds of the present one are over.

In: the wall clock, the file of the certificate, answers. Out: requests, at most one a day; with each new certificate
the wish for another record key; the stages of a fault where renewing fails for long. Trouble stops nothing: records are
sealed, and a receiver takes them after the date too. Source: design/wire.md sections 5.1 and 5.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.agent_ways import Errand, Way
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident
from edge_agent.catalogue import CATALOGUE
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
FAULT_SHARE = 3.0 / 4.0  # Source: chosen: a month of failed attempts, and three more before it hurts
WAY = "renewal"


class RenewUplink(Protocol):
    """The way to the receiver."""

    def renew(self, sealed: bytes) -> bytes:
        """A sealed answer. Raises `UplinkError`."""
        ...

    def close(self) -> None:
        """Drop the connection. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of renewals. renewed: at that time. report: a stage of the fault, and when.

    incident: a number that the core will not use. resumed: incidents that an earlier run left open.
    """

    renewed: Callable[[int], None]
    report: Callable[[Alarm, int], None]
    incident: int
    resumed: Sequence[OpenIncident] = ()


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
        listener: Listener,
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
        self._listener = listener
        known = [each.incident for each in listener.resumed if each.kind is AlarmKind.CERTIFICATE_NOT_RENEWED]
        self._incident = known[0] if known else listener.incident
        self._is_fault_raised = bool(known)

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
            self._failed(f"The certificate of this box cannot be renewed: {error}", now_ns)
            return ()
        return ((WAY, Upload(WAY, self._key.seal(encode_join(asked), Use.JOIN))),)

    def answered(self, _way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """Keep the new certificate beside the same key; connections that begin from now on show it."""
        if isinstance(result, UplinkError):
            self._failed(f"The certificate of this box was not renewed: {result}", now_ns)
            return
        try:
            joined = decode_joined(self._receiver.open(result, Use.JOIN))
            if joined.answers != answer_tag(errand.body):
                raise WireError("the answer is for another request", subject="renewal", hint="It is asked for again")
            held = self._identity.read_bytes()
            key_pem = held[: held.index(b"-----BEGIN CERT")]
            replace_file(self._identity, (key_pem + in_pem(joined.certificate)).decode("ascii"))
        except (OSError, WireError) as error:
            self._failed(f"The certificate of this box was not renewed: {error}", now_ns)
            return
        self._tell(logging.INFO, "The certificate of this box was renewed", now_ns)
        if self._is_fault_raised:
            self._is_fault_raised = False
            self._report(AlarmState.CLEARED, (), now_ns)
        self._listener.renewed(now_ns)

    def _failed(self, sentence: str, now_ns: int) -> None:
        """Told in the log each time; a fault once it has gone on for long."""
        self._tell(logging.WARNING, sentence, now_ns)
        wall = self._clock.wall_estimate()
        if self._is_fault_raised or wall is None:
            return
        evidence: tuple[Evidence, ...] = ()
        try:
            begin_s, end_s = validity_of(self._identity.read_bytes())
        except (OSError, WireError):
            pass  # a certificate that cannot be read will not be renewed tomorrow either
        else:
            now_s = wall.unix_ms / 1000.0
            if now_s < begin_s + FAULT_SHARE * (end_s - begin_s):
                return
            evidence = (Evidence("certificate_left_s", max(0, round(end_s - now_s))),)
        self._is_fault_raised = True
        self._report(AlarmState.RAISED, evidence, now_ns)

    def _report(self, state: AlarmState, evidence: tuple[Evidence, ...], now_ns: int) -> None:
        kind = AlarmKind.CERTIFICATE_NOT_RENEWED
        severity = CATALOGUE[kind].severity
        self._listener.report(Alarm(now_ns, kind, state, severity, self._incident, evidence), now_ns)

    def _tell(self, level: int, sentence: str, now_ns: int) -> None:
        self._journal.change(now_ns, level, WAY, sentence)
