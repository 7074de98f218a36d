"""Any pattern of lost, late, doubled and damaged answers, restarts and forgetful receivers: committed = stored once."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.delivery import AnswerMissing, AnswerRefused, Delivery, Failure, Lane, Poll, Send, Wait
from edge_agent.outbox import Outbox
from edge_agent.records import StoredRecord, draft_of_alarm
from edge_agent.wire import Stamp, Stream, chain_start, decode_record, digest
from tests.delivery.making import DEVICE, MAIN, alarm, folder_in_memory, heartbeat, open_outbox
from tests.delivery.receiver_model import ReceiverModel

S = 1_000_000_000

EVENTS = (
    "alarm",
    "telemetry",
    "step",
    "step",
    "step",
    "lose the request",
    "lose the answer",
    "double the request",
    "damage the answer",
    "answer of an earlier request",
    "busy",
    "refuse as too large",
    "restart the agent",
    "kill the agent in flight",
    "receiver forgets",
)


class World:
    """Agent and receiver with a bad network between them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.now_ns = S
        self.receiver = ReceiverModel()
        self.committed: dict[tuple[Stream, int], bytes] = {}
        self.last_answer = b"\x00"
        self.incidents = 0
        self.outbox: Outbox
        self.deliveries: list[Delivery]
        self.start()

    def start(self) -> None:
        self.outbox = open_outbox(self.folder, boot_id=f"boot-{self.now_ns // (600 * S)}")
        self.deliveries = [Delivery(MAIN, lane, seed=self.seed, start_spread_s=0.0) for lane in Lane]

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.outbox.boot, self.now_ns // 1_000_000)

    def happen(self, event: str) -> None:
        self.now_ns += S
        match event:
            case "alarm":
                self.incidents += 1
                kind = (AlarmKind.ENTRAPMENT, AlarmKind.OVERSPEED, AlarmKind.IMPACT)[self.incidents % 3]
                for state in (AlarmState.RAISED, AlarmState.CLEARED):
                    draft = draft_of_alarm(alarm(state, incident=self.outbox.next_incident(), kind=kind))
                    assert draft is not None
                    self._commit(self.outbox.append(draft, self.stamp))
            case "telemetry":
                for stored in self.outbox.append_many([(heartbeat(n), self.stamp) for n in range(7)]):
                    self._commit(stored)
            case "restart the agent":
                self.outbox.close()
                self.start()
            case "receiver forgets":
                self.receiver.forget(3)
            case _:
                for delivery in self.deliveries:
                    self._step(delivery, event)

    def _commit(self, stored: StoredRecord | None) -> None:
        if stored is not None:
            self.committed[stored.stream, stored.seqno] = stored.body

    def _step(self, delivery: Delivery, event: str) -> None:
        step = delivery.due(self.now_ns, self.stamp, self.outbox)
        if isinstance(step, Wait):
            return
        self.now_ns += S // 10
        if event == "kill the agent in flight":
            if isinstance(step, Send):
                self.receiver.take(step.body)
            self.start()  # not closed: the file is as the kill left it
            return
        error = self._error_of(event, step)
        if error is not None:
            outcome = delivery.failed(self.now_ns, error)
        else:
            outcome = delivery.answered(self.now_ns, self._answer(step, event), self.outbox)
        self.outbox.settle(MAIN, outcome, self.stamp)
        assert not outcome.needs_new_log
        assert outcome.refused == ()

    def _error_of(self, event: str, step: Send | Poll) -> AnswerMissing | AnswerRefused | None:
        match event:
            case "lose the request":
                return AnswerMissing("lost", subject="", hint="")
            case "busy":
                return AnswerMissing("busy", subject="", hint="", failure=Failure.BUSY, retry_after_s=3.0)
            case "refuse as too large" if isinstance(step, Send) and len(step.records) > 1:  # a single one never is
                return AnswerMissing("large", subject="", hint="", failure=Failure.TOO_LARGE)
            case _:
                return None

    def _answer(self, step: Send | Poll, event: str) -> bytes:
        if isinstance(step, Poll):
            return self.receiver.poll(DEVICE, step.after)
        answer = self.receiver.take(step.body)
        if event == "double the request":
            answer = self.receiver.take(step.body)
        before, self.last_answer = self.last_answer, answer
        match event:
            case "lose the answer":
                return b""
            case "damage the answer":
                return answer[: len(answer) // 2]
            case "answer of an earlier request":
                return before
            case _:
                return answer

    def drain(self) -> int:
        """With the faults over: how many rounds until everything is confirmed. Its first heartbeat tells both sides."""
        self.happen("telemetry")
        for rounds in range(60):
            self.now_ns += 30 * S
            for _ in range(40):
                self.happen("step")
            if self.outbox.waiting_count(MAIN) == 0:
                return rounds
        return 60


def _assert_delivered(world: World) -> None:
    """Every committed record is there once, unchanged, and the chain of each stream is whole."""
    assert world.drain() < 60
    stored = {(Stream(key[2]), key[3]): body for key, body in world.receiver.records.items()}
    missing = {key for key, body in world.committed.items() if stored.get(key) != body}
    assert missing == set()
    for stream in Stream:
        link = chain_start(DEVICE, world.outbox.log_id, stream)
        for number in range(1, world.outbox.last(stream) + 1):
            assert decode_record(stored[stream, number]).link == link[:8]
            link = digest(stored[stream, number])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=60), st.integers(0, 1 << 32))
def test_every_committed_record_is_stored_once_whatever_happens_on_the_way(events: list[str], seed: int) -> None:
    with folder_in_memory() as folder:
        world = World(folder, seed)
        for event in events:
            world.happen(event)
        _assert_delivered(world)
        world.outbox.close()


def test_a_long_bad_day_ends_with_everything_stored() -> None:
    with folder_in_memory() as folder:
        world = World(folder, 3)
        for n in range(900):
            world.happen(EVENTS[(n * n + n // 7) % len(EVENTS)])
        assert len(world.committed) > 200
        _assert_delivered(world)
        world.outbox.close()
