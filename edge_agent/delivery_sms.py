"""Which alarm to send as a short message now, to one receiver that does not answer over its other way.

In: alarms as they are committed, stored, taken over, gone; answers and failures; the time. Out: `Send` or nothing; an
`Outcome` for the outbox. State: the alarms that nobody has answered for. Pure.
An alarm goes out 30 s after its commit if no receiver has stored it, after 90 s if no person has taken it over, and no
more once this receiver has said by SMS that it has it.
Source: design/wire.md section 2.6; the later tries are ours, because each costs money: after 1, 2 and 5 min, then every
15 min until there is an answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.delivery_answers import receipt_in
from edge_agent.delivery_escalation import UNTAKEN_S, WATCHED_MAX, is_answer
from edge_agent.delivery_steps import Envelope, Lane, Outcome, RecordKey, Send
from edge_agent.errors import UplinkError, WireError
from edge_agent.records import StoredRecord
from edge_agent.wire import Notice, Phase, Stream, Verdict, answer_tag, decode_record

UNSTORED_S = 30.0
AGAIN_S = (60.0, 120.0, 300.0, 900.0)  # after the first try, the second ...; the last one repeats
_S_NS = 1_000_000_000
_HAD = (Verdict.STORED, Verdict.HAD_IT)


@dataclass(slots=True)
class _Watched:
    record: StoredRecord
    since_ns: int
    is_stored: bool = False
    tries: int = 0
    next_ns: int = 0


class SmsDelivery:
    """See the module. destination: the receiver whose other way this is; its key must be pinned."""

    def __init__(self, destination: str, device_id: bytes, envelope: Envelope, last: Callable[[Stream], int]) -> None:
        """last: the newest number of a stream."""
        self.destination = destination
        self._device_id = device_id
        self._envelope = envelope
        self._last = last
        self._watched: OrderedDict[int, _Watched] = OrderedDict()  # by number of the opening record
        self._sent: Send | None = None

    def appended(self, now_ns: int, stored: StoredRecord) -> None:
        """A record was committed."""
        if stored.stream is not Stream.ALARM:
            return
        record = decode_record(stored.body)
        match record.phase:
            case Phase.RAISED:
                self.watch(now_ns, stored)
            case Phase.CONDITION_GONE | Phase.ENDED:
                self._watched.pop(record.incident or record.seqno, None)
            case _:
                return

    def watch(self, now_ns: int, stored: StoredRecord) -> None:
        """An alarm that nobody has answered for, from now or from before a restart."""
        self._watched[stored.seqno] = _Watched(stored, now_ns)
        if len(self._watched) > WATCHED_MAX:
            self._watched.popitem(last=False)

    def stored(self, seqno: int) -> None:
        """Some receiver has an alarm on its disk."""
        if seqno in self._watched:
            self._watched[seqno].is_stored = True

    def told(self, notice: Notice) -> None:
        """A person did something."""
        if is_answer(notice):
            self._watched.pop(notice.incident.seqno, None)

    def begin_anew(self) -> None:
        """Another log gives out its numbers anew."""
        self._watched.clear()

    def due(self, now_ns: int) -> Send | None:
        """The next message, if it is time for one."""
        if self._sent is not None:
            return None
        for watched in self._watched.values():
            wait_s = UNTAKEN_S if watched.is_stored else UNSTORED_S
            if now_ns - watched.since_ns >= wait_s * _S_NS and now_ns >= watched.next_ns:
                body = self._envelope.seal(watched.record)
                self._sent = Send(self.destination, Lane.ALARMS, body, (watched.record,))
                return self._sent
        return None

    def answered(self, now_ns: int, answer: bytes) -> Outcome:
        """Judge a receipt: its marks hold for this receiver, whichever way it came."""
        sent = self._landed()
        try:
            receipt = receipt_in(self._envelope.open(answer), self._device_id)
        except WireError as error:
            return self._missed(now_ns, sent, f"the answer is no receipt: {error.subject}: {error.problem}")
        record = decode_record(sent.records[0].body)
        if receipt.answers != answer_tag(sent.body) or receipt.log != record.log or len(receipt.verdicts) != 1:
            return self._missed(now_ns, sent, "the receipt does not answer this message")
        if receipt.verdicts[0] not in _HAD:
            word = receipt.verdicts[0].name.lower().replace("_", " ")
            return self._missed(now_ns, sent, f"the receiver did not take it: {word}")
        self._watched.pop(record.seqno, None)  # the firm knows; to say it again costs money and tells nothing
        last = self._last(Stream.ALARM)
        marks = tuple(mark for mark in receipt.marks if mark.stream is Stream.ALARM and mark.upto <= last)
        return Outcome(marks=marks, stored=(RecordKey(Stream.ALARM, record.seqno),), notices=receipt.notices)

    def failed(self, now_ns: int, error: UplinkError) -> Outcome:
        """What is under way came to nothing."""
        return self._missed(now_ns, self._landed(), str(error))

    def _missed(self, now_ns: int, sent: Send, problem: str) -> Outcome:
        watched = self._watched.get(sent.records[0].seqno)
        if watched is not None:
            self._put_off(now_ns, watched)
        return Outcome(problem=problem)

    def _put_off(self, now_ns: int, watched: _Watched) -> None:
        watched.next_ns = now_ns + round(AGAIN_S[min(watched.tries, len(AGAIN_S) - 1)] * _S_NS)
        watched.tries += 1

    def _landed(self) -> Send:
        sent, self._sent = self._sent, None
        if sent is None:
            raise AssertionError("an answer to a message that was never given out")
        return sent
