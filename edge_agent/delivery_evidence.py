"""Which part of a recording around an alarm to send now, to one receiver that asked for it; never in an alarm's way.

In: what receipts ask for, the time, a shelf of files, answers and failures. Out: `Upload` or nothing. State: what is
wanted, what is in flight, how long the last part took. Pure: the shell sends, the shelf reads.
No part leaves while an alarm waits for this receiver; one part takes about half a second of a slow link, and the link
rests as long after it. The receiver says from where it wants to go on, so a cut costs one part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.delivery_answers import receipt_in
from edge_agent.delivery_steps import AnswerMissing
from edge_agent.errors import UplinkError, WireError
from edge_agent.wire import PART_BYTES_MAX, Part, Want, answer_tag, encode_part

NS_PER_S = 1_000_000_000
PART_BYTES_MIN = 1_024
SLOW_S, FAST_S = 0.5, 0.25  # a part that took longer halves the next one, a shorter one doubles it: ours
REST_S_MIN = 0.2  # five parts a second at most, half of what a receiver takes from a box: ours
AGAIN_S, AGAIN_S_MAX = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class Upload:
    """Post this body, then call `answered` or `failed`."""

    destination: str
    body: bytes


class Shelf(Protocol):
    """The files around alarms, by digest."""

    def read(self, digest: bytes, offset: int, count: int) -> tuple[int, bytes]:
        """The size of a file and some of its bytes; size 0: it is not kept, or no more."""
        ...


class PartEnvelope(Protocol):
    """Seals parts and opens what comes back."""

    is_pinned: bool

    def seal_part(self, part: bytes) -> bytes:
        """As posted."""
        ...

    def open(self, answer: bytes) -> bytes:
        """The receipt in an answer. Raises `WireError` where its seal is not the receiver's."""
        ...


class PartUplink(Protocol):
    """A way to a receiver for parts, with a connection of its own: blocking, with a time limit, used by one thread."""

    def part(self, body: bytes) -> bytes:
        """Send a sealed part, give back the receipt. Raises `AnswerMissing` or `AnswerRefused`."""
        ...

    def close(self) -> None:
        """Drop the connection. Never raises."""
        ...


class EvidenceDelivery:
    """See the module."""

    def __init__(self, destination: str, device_id: bytes, envelope: PartEnvelope) -> None:
        self.destination = destination
        self._device_id = device_id
        self._envelope = envelope
        self._want: Want | None = None
        self._sent: bytes | None = None  # in flight
        self._sent_ns = 0
        self._next_ns = 0
        self._part_bytes = PART_BYTES_MIN
        self._again_s = AGAIN_S

    def wanted(self, want: Want | None) -> None:
        """What a receipt of this receiver asks for. What is in flight is answered by its own."""
        if self._sent is None:
            self._want = want

    def due(self, now_ns: int, shelf: Shelf, *, is_alarm_waiting: bool) -> Upload | None:
        """The next part, if it is time for one."""
        if self._want is None or self._sent is not None or is_alarm_waiting or now_ns < self._next_ns:
            return None
        size, data = shelf.read(self._want.digest, self._want.offset, self._part_bytes)
        part = Part(self._device_id, self._want.digest, size, self._want.offset, data)
        self._sent, self._sent_ns = self._envelope.seal_part(encode_part(part)), now_ns
        return Upload(self.destination, self._sent)

    def answered(self, now_ns: int, answer: bytes) -> str:
        """The next want is in the answer. Returns what is wrong with it, or ""."""
        sent, took_s = self._landed(now_ns)
        try:
            receipt = receipt_in(self._envelope.open(answer), self._device_id)
        except WireError as error:
            return self._missed(now_ns, f"the answer is no receipt: {error.subject}: {error.problem}")
        if receipt.answers != answer_tag(sent):
            return self._missed(now_ns, "the receipt does not answer this part")
        self._want = receipt.want
        self._again_s = AGAIN_S
        if took_s > SLOW_S:
            self._part_bytes = max(PART_BYTES_MIN, self._part_bytes // 2)
        elif took_s < FAST_S:
            self._part_bytes = min(PART_BYTES_MAX, self._part_bytes * 2)
        self._next_ns = now_ns + round(max(REST_S_MIN, took_s) * NS_PER_S)
        return ""

    def failed(self, now_ns: int, error: UplinkError) -> str:
        """What is in flight came to nothing. Returns what to tell."""
        self._landed(now_ns)
        self._part_bytes = PART_BYTES_MIN
        problem = self._missed(now_ns, str(error))
        if isinstance(error, AnswerMissing) and error.retry_after_s is not None:
            self._next_ns = max(self._next_ns, now_ns + round(min(error.retry_after_s, AGAIN_S_MAX) * NS_PER_S))
        return problem

    def _missed(self, now_ns: int, problem: str) -> str:
        self._next_ns = now_ns + round(self._again_s * NS_PER_S)
        self._again_s = min(AGAIN_S_MAX, self._again_s * 2.0)
        return problem

    def _landed(self, now_ns: int) -> tuple[bytes, float]:
        sent, self._sent = self._sent, None
        if sent is None:
            raise AssertionError("an answer to a part that was never given out")
        return sent, (now_ns - self._sent_ns) / NS_PER_S
