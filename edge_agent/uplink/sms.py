"""Short messages to a receiver's gateway: one alarm, and only a sealed receipt that names it counts as an answer.

The same interface as HTTP and MQTT. That the network took a message is worth nothing. Where a secret is shared, the
short form goes to every number first: 39 bytes that say which box, what kind, which landing.
Source: design/wire.md sections 1.4 (sizes), 2.4 (how) and 2.6 (when).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.delivery_steps import AnswerMissing
from edge_agent.errors import SourceError, WireError
from edge_agent.sms_pdu import Joiner, delivered, submits
from edge_agent.wire import AGE_S_MAX, Phase, Short, answer_tag, decode_receipt, decode_record, encode_short
from edge_agent.wire_sealing import MacKey, Use, sealed_in

RECEIPT_S = 60.0  # a network that works brings an answer within seconds; then the next try is decided elsewhere. Ours.
LOOK_S = 3.0
FLOOR_UNKNOWN = -20  # the schema has no other word for it; no landing index is below 0


class MessageModem(Protocol):
    """Sends and collects short messages."""

    def send(self, unit: bytes) -> None:
        """Hand a transport data unit to the network. Raises SourceError."""
        ...

    def inbox(self) -> tuple[bytes, ...]:
        """Messages that came, each with its service centre in front; they are not given again. Raises SourceError."""
        ...


class SmsUplink:
    """One receiver by its gateway's numbers. Used by one thread; blocks for at most `receipt_s` and the sending."""

    def __init__(
        self,
        modem: MessageModem,
        numbers: Sequence[str],
        open_receipt: Callable[[bytes], bytes],
        shared: MacKey | None,
        up_ms: Callable[[], int],
        *,
        receipt_s: float = RECEIPT_S,
        look_s: float = LOOK_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """numbers: the first gets the record. open_receipt: raises `WireError` for a foreign seal. up_ms: now.

        shared: seals the short form, which goes to all numbers; None: it is not sent.
        """
        self._modem = modem
        self._numbers = tuple(numbers)
        self._open_receipt = open_receipt
        self._shared = shared
        self._up_ms = up_ms
        self._receipt_s, self._look_s, self._sleep = receipt_s, look_s, sleep
        self._joiner = Joiner()
        self._reference = 0
        self.ignored_count = 0  # messages that no receiver of ours sealed

    def post(self, body: bytes) -> bytes:
        """Send a sealed record; the answer is a sealed receipt that names it. Raises `AnswerMissing`."""
        tag = answer_tag(body)
        try:
            if self._shared is not None:
                short = self._shared.seal(encode_short(short_of(body, self._up_ms())), Use.SHORT)
                for number in self._numbers:
                    self._send(number, short)
            self._send(self._numbers[0], body)
            return self._awaited(tag)
        except SourceError as error:
            raise AnswerMissing(error.problem, subject=f"sms:{self._numbers[0]}", hint=error.hint) from error

    def close(self) -> None:
        """Nothing is kept open."""

    def _send(self, number: str, data: bytes) -> None:
        self._reference = (self._reference + 1) & 0xFF
        for unit in submits(number, data, self._reference):
            self._modem.send(unit)

    def _awaited(self, tag: bytes) -> bytes:
        until_s = time.monotonic() + self._receipt_s
        while time.monotonic() < until_s:
            self._sleep(self._look_s)
            for pdu in self._modem.inbox():
                message = delivered(pdu)
                answer = None if message is None else self._joiner.take(message)
                if answer is not None and self._names(answer, tag):
                    return answer
        hint = "The network took the message; does the receiver's gateway answer?"
        raise AnswerMissing("no sealed receipt in time", subject=f"sms:{self._numbers[0]}", hint=hint)

    def _names(self, answer: bytes, tag: bytes) -> bool:
        try:
            receipt = decode_receipt(self._open_receipt(answer))
        except WireError:
            self.ignored_count += 1
            return False
        return receipt.answers == tag


def short_of(body: bytes, up_ms: int) -> Short:
    """The short form of a sealed record. up_ms: now. Raises `WireError`."""
    record = decode_record(sealed_in(body).payload)
    floor = None if record.place is None else record.place.floor
    return Short(
        device=record.device,
        log=record.log,
        seqno=record.seqno,
        kind=record.kind,
        phase=record.phase or Phase.RAISED,
        floor=FLOOR_UNKNOWN if floor is None else floor,
        age_s=min(AGE_S_MAX, max(0, up_ms - record.stamp.up_ms) // 1000),
    )
