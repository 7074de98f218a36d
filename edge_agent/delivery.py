"""What to send now, to whom, when to wake, and what an answer means, for one destination and one lane of records.

In: the time, the outbox as a `Queue`, answers and failures. Out: `Send`, `Poll` or `Wait`; an `Outcome` for the outbox.
State: where the retry schedule stands, what is in flight, which records were refused how often. Pure: the shell does
the sending and passes the time in; the only chance is a spread drawn from the seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import assert_never

from edge_agent.delivery_answers import clock_of, gaps_in, key_of, reach_of, words_on
from edge_agent.delivery_pace import Pacing
from edge_agent.delivery_seals import Unsealed
from edge_agent.delivery_steps import (
    AnswerMissing,
    AnswerRefused,
    Envelope,
    Failure,
    Lane,
    Outcome,
    Poll,
    Queue,
    ReceiverClock,
    RecordKey,
    Send,
    Uplink,
    Wait,
)
from edge_agent.errors import UplinkError, WireError
from edge_agent.records import StoredRecord
from edge_agent.wire import (
    BATCH_ITEMS_MAX,
    Batch,
    Receipt,
    Stamp,
    Stream,
    Verdict,
    answer_tag,
    decode_receipt,
    encode_batch,
)

__all__ = [
    "AnswerMissing",
    "AnswerRefused",
    "Delivery",
    "Envelope",
    "Failure",
    "Lane",
    "Outcome",
    "Poll",
    "Queue",
    "ReceiverClock",
    "RecordKey",
    "Send",
    "Uplink",
    "Wait",
]

_S_NS = 1_000_000_000
_MS_NS = 1_000_000

REFUSALS_MAX = 3  # Source: design/wire.md section 3.2
POLL_S = 5.0  # Source: design/wire.md section 2.6, 5..10 s
POLL_S_MAX = 10.0
POLL_TAIL_S = 600.0  # polling goes on at this pace after the last open alarm: ours
POLL_SLOW_S = 60.0  # for as long as any incident is unfinished: ours


@dataclass(frozen=True, slots=True)
class _Flight:
    """What was asked and not answered yet."""

    step: Send | Poll
    log_id: int
    sent_ns: int
    confirmed: tuple[int, ...]  # by stream, when it was asked: an answer must not say less


class Delivery:
    """One destination, one lane. Call `due` after every append, answer and wake-up."""

    def __init__(
        self,
        destination: str,
        lane: Lane,
        *,
        seed: int,
        start_spread_s: float | None = None,
        envelope: Envelope | None = None,
    ) -> None:
        """seed: any number that differs between boxes. start_spread_s: up to this long before the first request.

        envelope: seals and opens; None for what stays within one process.
        """
        self.destination = destination
        self.lane = lane
        self._envelope: Envelope = Unsealed() if envelope is None else envelope
        self._pacing = Pacing(lane, seed)
        self._start_spread_s = self._pacing.pace.start_spread_s if start_spread_s is None else start_spread_s
        self._flight: _Flight | None = None
        self._log_id: int | None = None
        self._sent: dict[Stream, int] = {}
        self._newest = 0
        self._count_max = BATCH_ITEMS_MAX
        self._empty_at: tuple[int, ...] = ()
        self._refusals: Counter[RecordKey] = Counter()
        self._may_set_aside = True
        self._poll_s = POLL_S
        self._poll_ns = 0
        self._poll_until_ns = 0
        self._poll_floor_s = 0.0

    @property
    def failed_attempts(self) -> int:
        """Attempts since the receiver last moved a mark; 0: all is well."""
        return self._pacing.attempts

    @property
    def is_pinned(self) -> bool:
        """What this receiver says can come from nobody else."""
        return self._envelope.is_pinned

    def link_is_up(self, now_ns: int) -> None:
        """A network appeared: try at once, and begin the schedule anew."""
        self._pacing.restart(now_ns)

    def due(self, now_ns: int, stamp: Stamp, queue: Queue) -> Send | Poll | Wait:
        """The next step. stamp: of now, for the body."""
        if self._flight is not None:
            return Wait(None)
        self._follow(now_ns, queue)
        records = self._pending(queue)
        if records and now_ns >= self._pacing.next_ns:
            return self._send(now_ns, stamp, records, queue)
        is_polling = self._is_polling(now_ns, queue)
        if is_polling and not records and now_ns >= self._poll_ns:
            poll = Poll(self.destination, self.lane, queue.acted_notice(self.destination))
            self._flight = self._departed(poll, now_ns, queue)
            return poll
        if records:
            return Wait(self._pacing.next_ns)
        return Wait(self._poll_ns if is_polling else None)

    def answered(self, now_ns: int, answer: bytes, queue: Queue) -> Outcome:
        """Judge the answer to what is in flight."""
        flight = self._landed()
        try:
            receipt = decode_receipt(self._envelope.open(answer))
        except WireError as error:
            return self._unusable(now_ns, flight, f"the answer is no receipt: {error.subject}: {error.problem}")
        if receipt.device != queue.device_id:
            return self._unusable(now_ns, flight, "the answer is for another box")
        match flight.step:
            case Poll():
                self._pace_polls(now_ns, receipt)
                clock = clock_of(flight.sent_ns, receipt, now_ns)
                return Outcome(notices=receipt.notices, clock=clock, want=receipt.want)
            case Send():
                return self._judged(now_ns, flight, flight.step, receipt, queue)
            case _:
                assert_never(flight.step)

    def failed(self, now_ns: int, error: UplinkError) -> Outcome:
        """What is in flight came to nothing."""
        flight = self._landed()
        if isinstance(flight.step, Poll):
            asked_s = error.retry_after_s if isinstance(error, AnswerMissing) else None
            self._poll_after(now_ns, max(self._poll_s, min(asked_s or 0.0, POLL_TAIL_S)))
            return Outcome(problem=str(error))
        failure = error.failure if isinstance(error, AnswerMissing | AnswerRefused) else Failure.NO_ANSWER
        match failure:
            case Failure.NO_ANSWER:
                self._pacing.missed(now_ns)
            case Failure.BUSY:
                self._pacing.missed(now_ns)
                if isinstance(error, AnswerMissing) and error.retry_after_s is not None:
                    self._pacing.asked_to_wait(now_ns, error.retry_after_s)
            case Failure.DENIED | Failure.WRONG_ADDRESS:
                self._pacing.hold_off(now_ns)
                return Outcome(needs_attention=True, problem=str(error))
            case Failure.DAMAGED | Failure.TOO_LARGE:
                return self._divided(now_ns, flight.step, str(error))
            case _:
                assert_never(failure)
        return Outcome(problem=str(error))

    def _follow(self, now_ns: int, queue: Queue) -> None:
        """Notice a new log, and new alarms: these are tried at once, whatever the schedule says."""
        newest = queue.last(self.lane.streams[0])
        if self._log_id is None:
            self._pacing.begin(now_ns, self._start_spread_s)
            # What lies in the log already may have been sent by an earlier run of the agent.
            self._sent = {stream: queue.last(stream) for stream in self.lane.streams}
        elif queue.log_id != self._log_id:
            self._sent.clear()
            self._refusals.clear()
            self._empty_at = ()
        elif self.lane is Lane.ALARMS and newest > self._newest:
            self._pacing.hurry(now_ns)
        self._log_id = queue.log_id
        self._newest = newest

    def _pending(self, queue: Queue) -> tuple[StoredRecord, ...]:
        """The next records; the disk is not asked again while nothing was added to an empty lane."""
        newest = tuple(
            number
            for stream in self.lane.streams
            for number in (queue.last(stream), queue.confirmed(self.destination, stream))
        )
        if newest == self._empty_at:
            return ()
        records = queue.pending(self.destination, self.lane.streams, self._count_max, self._pacing.pace.bytes_max)
        self._empty_at = () if records else newest
        return records

    def _send(self, now_ns: int, stamp: Stamp, records: tuple[StoredRecord, ...], queue: Queue) -> Send:
        items = tuple(self._envelope.seal(record) for record in records)
        body = encode_batch(Batch(queue.device_id, items, stamp, queue.acted_notice(self.destination)))
        for record in records:
            for stream, upto in reach_of(record):
                self._sent[stream] = max(self._sent.get(stream, 0), upto)
        send = Send(self.destination, self.lane, body, records)
        self._flight = self._departed(send, now_ns, queue)
        return send

    def _judged(self, now_ns: int, flight: _Flight, sent: Send, receipt: Receipt, queue: Queue) -> Outcome:
        problem = self._objection(flight, sent, receipt, queue)
        if problem:
            return self._unusable(now_ns, flight, problem)
        clock = clock_of(flight.sent_ns, receipt, now_ns)
        if Verdict.CONFLICT in receipt.verdicts:
            self._pacing.missed(now_ns)
            return Outcome(
                notices=receipt.notices,
                needs_new_log=True,
                clock=clock,
                needs_attention=True,
                problem="the receiver has other records under our numbers: a restored or cloned card",
            )
        problem = self._objection_to_marks(receipt)
        if problem:
            return self._unusable(now_ns, flight, problem)
        verdicts = tuple(zip((key_of(record) for record in sent.records), receipt.verdicts, strict=True))
        marks = tuple(mark for mark in receipt.marks if mark.stream in self.lane.streams)
        if any(verdict in (Verdict.NOT_ALLOWED, Verdict.LATER) for verdict in receipt.verdicts):
            self._envelope.doubted()
        refused = self._refused(verdicts)
        self._pace_polls(now_ns, receipt)
        self._may_set_aside = True
        upto = {mark.stream: mark.upto for mark in marks}
        if refused or any(record.seqno <= upto.get(record.stream, 0) for record in sent.records):
            self._moved_on(now_ns)
        else:
            self._pacing.missed(now_ns)
            if receipt.ask_again_s is not None and Verdict.LATER in receipt.verdicts:
                self._pacing.asked_to_wait(now_ns, float(receipt.ask_again_s))
        return Outcome(
            marks=marks,
            gaps=gaps_in(receipt, flight.confirmed),
            refused=refused,
            stored=tuple(key for key, verdict in verdicts if verdict in (Verdict.STORED, Verdict.HAD_IT)),
            notices=receipt.notices,
            clock=clock,
            want=receipt.want,
            needs_attention=bool(refused),
            problem=words_on(verdicts),
        )

    def _departed(self, step: Send | Poll, now_ns: int, queue: Queue) -> _Flight:
        confirmed = tuple(queue.confirmed(self.destination, stream) for stream in Stream)
        return _Flight(step, queue.log_id, now_ns, confirmed)

    def _landed(self) -> _Flight:
        flight, self._flight = self._flight, None
        if flight is None:
            raise AssertionError("an answer to a request that was never given out")
        return flight

    def _objection(self, flight: _Flight, sent: Send, receipt: Receipt, queue: Queue) -> str:
        """Why this receipt does not answer this batch, or ""."""
        if receipt.log != flight.log_id or receipt.log != queue.log_id:
            return "the receipt is for another log"
        if receipt.answers is None and self._envelope.is_pinned:
            return "the receipt does not say which batch it answers"
        if receipt.answers is not None and receipt.answers != answer_tag(sent.body):
            return "the receipt answers another batch"
        if len(receipt.verdicts) != len(sent.records):
            return f"{len(receipt.verdicts)} verdicts on {len(sent.records)} records"
        return ""

    def _objection_to_marks(self, receipt: Receipt) -> str:
        """Why its marks cannot be true, or "". Marks of the other lane's streams are left to that lane."""
        upto: dict[Stream, int] = {}
        for mark in receipt.marks:
            if mark.stream in upto:
                return f"two marks for stream {int(mark.stream)}"
            upto[mark.stream] = mark.upto
            if mark.stream in self.lane.streams and mark.upto > self._sent.get(mark.stream, 0):
                return f"a mark at {mark.upto} of stream {int(mark.stream)}, beyond what was sent"
        for gap in receipt.gaps:
            if gap.last < gap.first or gap.first <= upto.get(gap.stream, 0):
                return f"a gap at {gap.first} of stream {int(gap.stream)} that its own mark denies"
        return ""

    def _refused(self, verdicts: tuple[tuple[RecordKey, Verdict], ...]) -> tuple[RecordKey, ...]:
        """Records refused for the last time that is waited for."""
        done = []
        for key, verdict in verdicts:
            if verdict not in (Verdict.MALFORMED, Verdict.NOT_ALLOWED):
                self._refusals.pop(key, None)
                continue
            self._refusals[key] += 1
            if self._refusals[key] >= REFUSALS_MAX:
                del self._refusals[key]
                done.append(key)
        return tuple(done)

    def _divided(self, now_ns: int, sent: Send, problem: str) -> Outcome:
        """A request was refused as a whole: find the record that is to blame by halving.

        A single one refused three times is set aside, but never two in a row without an accepted request between:
        then it is the receiver or the way that is at fault, and everything is kept.
        """
        if len(sent.records) > 1:
            self._count_max = len(sent.records) // 2
            self._pacing.restart(now_ns)
            return Outcome(problem=problem)
        key = key_of(sent.records[0])
        self._refusals[key] += 1
        if self._refusals[key] < REFUSALS_MAX:
            self._pacing.missed(now_ns)
            return Outcome(problem=problem)
        if not self._may_set_aside:
            self._pacing.hold_off(now_ns)
            return Outcome(needs_attention=True, problem=problem)
        del self._refusals[key]
        self._may_set_aside = False
        self._moved_on(now_ns)
        return Outcome(refused=(key,), needs_attention=True, problem=problem)

    def _unusable(self, now_ns: int, flight: _Flight, problem: str) -> Outcome:
        if isinstance(flight.step, Poll):
            self._poll_after(now_ns, self._poll_s)
        else:
            self._pacing.missed(now_ns)
        return Outcome(problem=problem)

    def _moved_on(self, now_ns: int) -> None:
        self._pacing.restart(now_ns)
        self._count_max = min(BATCH_ITEMS_MAX, self._count_max * 2)

    def _is_polling(self, now_ns: int, queue: Queue) -> bool:
        """While an alarm is open, and for a while after, a person's act must reach the car soon; later it may take a
        minute."""
        if self.lane is not Lane.ALARMS:
            return False
        if queue.has_open_alarm():
            self._poll_until_ns = now_ns + round(POLL_TAIL_S * _S_NS)
        floor_s = 0.0 if now_ns < self._poll_until_ns else POLL_SLOW_S
        if floor_s < self._poll_floor_s:
            self._poll_ns = min(self._poll_ns, now_ns + round(POLL_S * _S_NS))
        self._poll_floor_s = floor_s
        return floor_s == 0.0 or queue.has_unfinished_incident()

    def _pace_polls(self, now_ns: int, receipt: Receipt) -> None:
        self._poll_s = POLL_S if receipt.ask_again_s is None else min(POLL_S_MAX, float(receipt.ask_again_s))
        self._poll_after(now_ns, self._poll_s)

    def _poll_after(self, now_ns: int, delay_s: float) -> None:
        self._poll_ns = now_ns + round(max(delay_s, self._poll_floor_s) * _S_NS)
