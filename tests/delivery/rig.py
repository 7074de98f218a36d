"""One lane of delivery on a real outbox, under a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.delivery import AnswerMissing, AnswerRefused, Delivery, Failure, Lane, Outcome, Poll, Send, Wait
from edge_agent.errors import UplinkError
from edge_agent.outbox import Bounds, Outbox
from edge_agent.records import RecordDraft, draft_of_alarm
from edge_agent.wire import (
    Receipt,
    Stamp,
    decode_receipt,
    encode_receipt,
)
from tests.delivery.making import MAIN, alarm, open_outbox
from tests.delivery.receiver_model import ReceiverModel

S = 1_000_000_000


class Rig:
    """One lane on a real outbox, under a clock of its own."""

    def __init__(self, folder: Path, lane: Lane = Lane.ALARMS, bounds: Bounds | None = None) -> None:
        self.folder = folder
        self.outbox: Outbox = open_outbox(folder, bounds=bounds)
        self.delivery = Delivery(MAIN, lane, seed=7, start_spread_s=0.0)
        self.receiver = ReceiverModel()
        self.now_ns = 100 * S

    @property
    def stamp(self) -> Stamp:
        return Stamp(1, self.now_ns // 1_000_000)

    def raise_alarm(self, incident: int = 1, state: AlarmState = AlarmState.RAISED) -> None:
        kind = AlarmKind(1 + (incident - 1) % 5)
        draft = draft_of_alarm(alarm(state, incident=incident, kind=kind))
        assert draft is not None
        self.outbox.append(draft, self.stamp)

    def append(self, *drafts: RecordDraft) -> None:
        self.outbox.append_many([(draft, self.stamp) for draft in drafts])

    def due(self) -> Send | Poll | Wait:
        return self.delivery.due(self.now_ns, self.stamp, self.outbox)

    def send(self) -> Send:
        step = self.due()
        assert isinstance(step, Send)
        return step

    def wait_s(self) -> float:
        step = self.due()
        assert isinstance(step, Wait)
        assert step.until_ns is not None
        return (step.until_ns - self.now_ns) / S

    def answer(self, answer: bytes) -> Outcome:
        outcome = self.delivery.answered(self.now_ns, answer, self.outbox)
        self.outbox.settle(MAIN, outcome, self.stamp)
        return outcome

    def fail(self, error: UplinkError) -> Outcome:
        outcome = self.delivery.failed(self.now_ns, error)
        self.outbox.settle(MAIN, outcome, self.stamp)
        return outcome

    def deliver(self) -> Outcome:
        return self.answer(self.receiver.take(self.send().body))

    def answer_with(self, change: Callable[[Receipt], Receipt]) -> Outcome:
        """The receiver's answer to what is due, altered."""
        honest = decode_receipt(self.receiver.take(self.send().body))
        return self.answer(encode_receipt(change(honest)))


def missing(failure: Failure = Failure.NO_ANSWER, retry_after_s: float | None = None) -> AnswerMissing:
    return AnswerMissing("no", subject="url", hint="", failure=failure, retry_after_s=retry_after_s)


def refusal(failure: Failure, status: int = 400) -> AnswerRefused:
    return AnswerRefused("no", subject="url", hint="", failure=failure, status=status)
