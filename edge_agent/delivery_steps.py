"""The words of delivery: lanes, failures, what to do next, what an answer means, and what it asks of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edge_agent.errors import UplinkRefused, UplinkUnavailable
from edge_agent.records import StoredRecord
from edge_agent.wire import Gap, Mark, Notice, Stream, Want


class Lane(Enum):
    """A class of records with a connection of its own, so that nothing delays an alarm."""

    ALARMS = "alarms"
    REST = "rest"

    @property
    def streams(self) -> tuple[Stream, ...]:
        """In the order in which they are sent."""
        if self is Lane.ALARMS:
            return (Stream.ALARM,)
        return (Stream.FAULT, Stream.TELEMETRY, Stream.DIAGNOSTICS)


class Failure(Enum):
    """How a request failed, as far as delivery cares."""

    NO_ANSWER = "no usable answer"
    BUSY = "the receiver asks to wait"
    DENIED = "the receiver does not know or accept this box"
    WRONG_ADDRESS = "there is no receiver at this address"
    DAMAGED = "the receiver cannot read the request"
    TOO_LARGE = "the request is too large for the receiver"


class AnswerMissing(UplinkUnavailable):
    """No usable answer, or one that asks to wait: send again later. status: of HTTP, None: there was no answer."""

    def __init__(
        self,
        problem: str,
        *,
        subject: str,
        hint: str,
        failure: Failure = Failure.NO_ANSWER,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(problem, subject=subject, hint=hint)
        self.failure = failure
        self.status = status
        self.retry_after_s = retry_after_s


class AnswerRefused(UplinkRefused):
    """The receiver refuses the request as it stands. status: of HTTP."""

    def __init__(self, problem: str, *, subject: str, hint: str, failure: Failure, status: int) -> None:
        super().__init__(problem, subject=subject, hint=hint)
        self.failure = failure
        self.status = status


class Queue(Protocol):
    """What delivery reads of the outbox."""

    @property
    def device_id(self) -> bytes:
        """This box."""
        ...

    @property
    def log_id(self) -> int:
        """The present log; it changes when a receiver finds two boxes under one number."""
        ...

    def last(self, stream: Stream) -> int:
        """The newest number of a stream; 0: none."""
        ...

    def pending(
        self, destination: str, streams: Sequence[Stream], max_count: int, max_bytes: int
    ) -> tuple[StoredRecord, ...]:
        """The next records to send, in order; at least one if there is any, however large."""
        ...

    def confirmed(self, destination: str, stream: Stream) -> int:
        """The number up to which this destination has said that it has a stream."""
        ...

    def acted_notice(self, destination: str) -> int:
        """The highest notice taken in from this destination."""
        ...

    def has_open_alarm(self) -> bool:
        """An incident on the alarm stream is raised and not cleared."""
        ...

    def has_unfinished_incident(self) -> bool:
        """A person may still say something about an incident."""
        ...


class Envelope(Protocol):
    """Seals what goes out and opens what comes back."""

    is_pinned: bool  # only one receiver can have sealed what opens; then a receipt must name the batch it answers

    def seal(self, record: StoredRecord) -> bytes:
        """The record as a batch item, the same bytes on every retry."""
        ...

    def open(self, answer: bytes) -> bytes:
        """The receipt in an answer. Raises `WireError` where its seal is not the receiver's."""
        ...

    def doubted(self) -> None:
        """The receiver did not believe a seal: go on with what it has always believed."""
        ...


class Uplink(Protocol):
    """One way to a receiver: blocking, with a time limit of its own, used by one thread."""

    def post(self, body: bytes) -> bytes:
        """Send a batch, give back the receipt. Raises `AnswerMissing` or `AnswerRefused`."""
        ...

    def notices(self, device_id: bytes, after: int, wait_s: int) -> bytes:
        """Ask for notices beyond number `after`; the answer is a receipt without verdicts. Raises as `post`."""
        ...

    def close(self) -> None:
        """Drop the connection. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Post this body, then call `answered` or `failed`."""

    destination: str
    lane: Lane
    body: bytes
    records: tuple[StoredRecord, ...]


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for notices beyond `after`, then call `answered` or `failed`."""

    destination: str
    lane: Lane
    after: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until_ns`, or (None) before something is appended or answered."""

    until_ns: int | None


@dataclass(frozen=True, slots=True)
class RecordKey:
    """A record of the present log."""

    stream: Stream
    seqno: int


@dataclass(frozen=True, slots=True)
class ReceiverClock:
    """The receiver's wall clock read at `t_ns`, known within +-`unc_ms`: half the time the exchange took."""

    t_ns: int
    wall_ms: int
    unc_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means. The outbox settles it; the rest is for status and people. problem: one sentence, or ""."""

    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()  # confirmed before, and missing there now: to be sent again
    refused: tuple[RecordKey, ...] = ()  # to be set aside: they would block their stream
    stored: tuple[RecordKey, ...] = ()  # the receiver has them on its disk
    notices: tuple[Notice, ...] = ()
    needs_new_log: bool = False  # the same number exists with other bytes: a restored or cloned card
    clock: ReceiverClock | None = None
    want: Want | None = None  # a recording that the receiver asks for
    needs_attention: bool = False  # waiting alone will not cure it
    problem: str = ""
