"""What is sent when, and what each answer does, on the real outbox with the time passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.delivery import AnswerMissing, AnswerRefused, Delivery, Failure, Lane, Outcome, Poll, Send, Wait
from edge_agent.delivery_pace import spread
from edge_agent.errors import UplinkError, UplinkUnavailable
from edge_agent.outbox import Bounds, Outbox
from edge_agent.records import RecordDraft, StoredRecord, draft_of_alarm
from edge_agent.wire import (
    Act,
    Gap,
    IncidentRef,
    Lost,
    LostReason,
    Mark,
    Notice,
    Receipt,
    Stamp,
    Stream,
    Verdict,
    decode_batch,
    decode_receipt,
    decode_record,
    encode_receipt,
)
from tests.delivery.making import DEVICE, MAIN, alarm, heartbeat, open_outbox
from tests.delivery.receiver_model import AT_MS, ReceiverModel

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


class _Counting:
    """The outbox, counting how often it is asked for records."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.count = 0
        self.device_id = outbox.device_id
        self.log_id = outbox.log_id
        self.last = outbox.last
        self.confirmed = outbox.confirmed
        self.acted_notice = outbox.acted_notice
        self.has_open_alarm = outbox.has_open_alarm

    def pending(
        self, destination: str, streams: Sequence[Stream], max_count: int, max_bytes: int
    ) -> tuple[StoredRecord, ...]:
        self.count += 1
        return self._outbox.pending(destination, streams, max_count, max_bytes)


def _missing(failure: Failure = Failure.NO_ANSWER, retry_after_s: float | None = None) -> AnswerMissing:
    return AnswerMissing("no", subject="url", hint="", failure=failure, retry_after_s=retry_after_s)


def _refused(failure: Failure, status: int = 400) -> AnswerRefused:
    return AnswerRefused("no", subject="url", hint="", failure=failure, status=status)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
def rest(tmp_path: Path) -> Rig:
    return Rig(tmp_path, Lane.REST)


def test_with_nothing_to_send_there_is_nothing_to_wake_for(rig: Rig) -> None:
    assert rig.due() == Wait(None)


def test_an_alarm_is_sent_at_once_as_stored_and_freed_by_the_mark(rig: Rig) -> None:
    rig.raise_alarm()
    send = rig.send()
    batch = decode_batch(send.body)
    assert batch.items == tuple(record.body for record in send.records)
    assert (batch.device, batch.stamp, batch.acted_notice) == (DEVICE, rig.stamp, 0)
    outcome = rig.answer(rig.receiver.take(send.body))
    assert outcome.marks == (Mark(Stream.ALARM, 1),)
    assert [(key.stream, key.seqno) for key in outcome.stored] == [(Stream.ALARM, 1)]
    assert (outcome.problem, rig.delivery.failed_attempts) == ("", 0)
    assert rig.outbox.waiting_count(MAIN) == 0


def test_while_a_request_is_in_flight_nothing_else_is_given_out(rig: Rig) -> None:
    rig.raise_alarm()
    rig.send()
    rig.raise_alarm(2)
    assert rig.due() == Wait(None)


def test_an_answer_that_nobody_asked_for_is_a_programmers_error(rig: Rig) -> None:
    with pytest.raises(AssertionError):
        rig.answer(b"")


def test_records_are_byte_identical_on_every_retry(rig: Rig) -> None:
    rig.raise_alarm()
    bodies = []
    for _ in range(4):
        bodies.append(decode_batch(rig.send().body).items)
        rig.fail(_missing())
        rig.now_ns += 30 * S
    assert len(set(bodies)) == 1


def test_alarms_are_tried_at_0_1_2_4_8_seconds_and_then_every_15_spread_by_half(rig: Rig) -> None:
    rig.raise_alarm()
    waits = []
    for _ in range(40):
        rig.send()
        rig.fail(_missing())
        waits.append(rig.wait_s())
        rig.now_ns += round(waits[-1] * S)
    assert waits[:4] == [1.0, 1.0, 2.0, 4.0]
    assert all(7.5 <= wait <= 22.5 for wait in waits[4:])
    assert max(waits[4:]) - min(waits[4:]) > 8.0


def test_the_rest_doubles_from_1_second_to_300_spread_by_half(rest: Rig) -> None:
    rest.append(heartbeat())
    for attempt in range(20):
        rest.send()
        rest.fail(UplinkUnavailable("gone", subject="url", hint=""))
        wait_s = rest.wait_s()
        nominal_s = min(300.0, 2.0**attempt)
        assert nominal_s * 0.5 <= wait_s <= nominal_s * 1.5
        rest.now_ns += round(wait_s * S)


def test_spreads_differ_between_boxes_and_attempts_and_stay_in_range() -> None:
    drawn = [spread(seed, step) for seed in range(50) for step in range(50)]
    assert all(0.5 <= value < 1.5 for value in drawn)
    assert len(set(drawn)) == 2_500
    assert abs(sum(drawn) / 2_500 - 1.0) < 0.02
    assert spread(3, 4) == spread(3, 4)


def test_after_a_power_cut_the_rest_waits_up_to_30_seconds_and_alarms_do_not(tmp_path: Path) -> None:
    for lane, longest_s in ((Lane.ALARMS, 0.0), (Lane.REST, 30.0)):
        waits = []
        for seed in range(20):
            folder = tmp_path / f"{lane.value}{seed}"
            folder.mkdir()
            outbox = open_outbox(folder)
            draft = draft_of_alarm(alarm())
            assert draft is not None
            outbox.append_many([(draft, Stamp(1, 1)), (heartbeat(), Stamp(1, 1))])
            step = Delivery(MAIN, lane, seed=seed).due(5 * S, Stamp(1, 5_000), outbox)
            waits.append((step.until_ns or 0) / S - 5.0 if isinstance(step, Wait) else 0.0)
        assert all(0.0 <= wait <= longest_s for wait in waits)
        assert max(waits) >= longest_s / 2


def test_a_new_alarm_is_tried_at_once_in_the_middle_of_a_long_wait(rig: Rig) -> None:
    rig.raise_alarm()
    for _ in range(6):
        rig.send()
        rig.fail(_missing())
        rig.now_ns += 30 * S
    rig.send()
    rig.fail(_missing())
    assert rig.wait_s() > 7.0
    rig.raise_alarm(2)
    assert [record.seqno for record in rig.send().records] == [1, 2]


def test_a_link_that_comes_up_ends_the_wait(rest: Rig) -> None:
    rest.append(heartbeat())
    for _ in range(8):
        rest.send()
        rest.fail(_missing())
        rest.now_ns += 600 * S
    rest.send()
    rest.fail(_missing())
    rest.delivery.link_is_up(rest.now_ns)
    assert isinstance(rest.due(), Send)


@pytest.mark.parametrize(("lane", "asked_s", "waits_s"), [(Lane.ALARMS, 120.0, 15.0), (Lane.REST, 120.0, 120.0)])
def test_retry_after_is_kept_but_an_alarm_waits_15_seconds_at_most(
    tmp_path: Path, lane: Lane, asked_s: float, waits_s: float
) -> None:
    rig = Rig(tmp_path, lane)
    rig.raise_alarm()
    rig.append(heartbeat())
    rig.send()
    rig.fail(_missing(Failure.BUSY, asked_s))
    assert rig.wait_s() == waits_s
    rig.raise_alarm(2)
    assert rig.wait_s() == waits_s  # what the receiver asked for holds for new alarms too


def test_a_receiver_that_does_not_know_the_box_is_tried_rarely_and_everything_is_kept(rig: Rig) -> None:
    rig.raise_alarm()
    for _ in range(5):
        rig.send()
        outcome = rig.fail(_refused(Failure.DENIED, 403))
        assert outcome.needs_attention
        wait_s = rig.wait_s()
        assert 30.0 <= wait_s <= 90.0
        rig.now_ns += round(wait_s * S)
    assert rig.outbox.waiting_count(MAIN) == 1


def test_requests_hold_64_records_and_16_kilobytes_of_alarms_or_2_of_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    rig = Rig(tmp_path / "a")
    for n in range(1, 200):
        rig.raise_alarm(n)
    send = rig.send()
    assert len(send.records) == 64
    assert len(send.body) < 16_000
    rest = Rig(tmp_path, Lane.REST)
    rest.append(*(heartbeat(n, "x" * 70) for n in range(100)))
    send = rest.send()
    assert 1_700 < len(send.body) <= 2_000 + 60
    assert len(send.records) < 64


def test_alarms_and_the_rest_do_not_share_a_lane(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.raise_alarm()
    rig.append(heartbeat())
    rest = Delivery(MAIN, Lane.REST, seed=1, start_spread_s=0.0)
    assert {record.stream for record in rig.send().records} == {Stream.ALARM}
    step = rest.due(rig.now_ns, rig.stamp, rig.outbox)
    assert isinstance(step, Send)
    assert {record.stream for record in step.records} == {Stream.TELEMETRY}


BAD_RECEIPTS: list[tuple[str, Callable[[Receipt], Receipt], str]] = [
    ("another box", lambda r: replace(r, device=b"otherbox"), "another box"),
    ("another log", lambda r: replace(r, log=99), "another log"),
    ("another batch", lambda r: replace(r, answers=bytes(8)), "another batch"),
    ("too few verdicts", lambda r: replace(r, verdicts=()), "0 verdicts on 1"),
    ("too many verdicts", lambda r: replace(r, verdicts=(Verdict.STORED,) * 2), "2 verdicts on 1"),
    ("two marks", lambda r: replace(r, marks=(Mark(Stream.ALARM, 1), Mark(Stream.ALARM, 2))), "two marks"),
    ("a gap below its mark", lambda r: replace(r, gaps=(Gap(Stream.ALARM, 1, 1),)), "its own mark denies"),
    ("a gap at its mark", lambda r: replace(r, gaps=(Gap(Stream.ALARM, 2, 2),)), "its own mark denies"),
    ("a gap backwards", lambda r: replace(r, gaps=(Gap(Stream.FAULT, 5, 4),)), "its own mark denies"),
]


@pytest.mark.parametrize(("name", "change", "problem"), BAD_RECEIPTS, ids=[name for name, _, _ in BAD_RECEIPTS])
def test_a_receipt_that_cannot_be_true_frees_nothing(
    rig: Rig, name: str, change: Callable[[Receipt], Receipt], problem: str
) -> None:
    rig.raise_alarm()
    rig.deliver()
    rig.raise_alarm(2)
    outcome = rig.answer_with(change)
    assert problem in outcome.problem
    assert rig.outbox.waiting_count(MAIN) == 1
    assert rig.wait_s() == 1.0
    rig.now_ns += S
    rig.deliver()
    assert rig.outbox.waiting_count(MAIN) == 0


def test_a_mark_beyond_what_was_sent_frees_nothing_though_such_a_record_exists(rig: Rig) -> None:
    rig.raise_alarm()
    rig.deliver()
    rig.raise_alarm(2)
    send = rig.send()
    rig.raise_alarm(3)  # committed while the request was on its way
    honest = decode_receipt(rig.receiver.take(send.body))
    outcome = rig.answer(encode_receipt(replace(honest, marks=(Mark(Stream.ALARM, 3),))))
    assert "beyond what was sent" in outcome.problem
    assert rig.outbox.waiting_count(MAIN) == 2


def test_a_mark_at_what_an_earlier_run_sent_is_believed(rig: Rig) -> None:
    rig.append(*(replace(heartbeat(n), stream=Stream.ALARM) for n in range(100)))
    earlier = Delivery(MAIN, Lane.ALARMS, seed=1)
    for _ in range(2):  # everything was stored, but the last receipt was lost with the process
        step = earlier.due(rig.now_ns, rig.stamp, rig.outbox)
        assert isinstance(step, Send)
        answer = rig.receiver.take(step.body)
        if len(rig.receiver.records) < 100:
            rig.outbox.settle(MAIN, earlier.answered(rig.now_ns, answer, rig.outbox), rig.stamp)
    rig.outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 10)])
    rig.delivery = Delivery(MAIN, Lane.ALARMS, seed=1)
    outcome = rig.deliver()
    assert (outcome.problem, outcome.marks[0].upto) == ("", 100)


def test_marks_of_the_other_lane_are_left_to_it(rig: Rig) -> None:
    rig.append(heartbeat())
    rig.raise_alarm()
    outcome = rig.answer_with(lambda r: replace(r, marks=(*r.marks[:1], Mark(Stream.TELEMETRY, 1))))
    assert outcome.marks == (Mark(Stream.ALARM, 1),)
    assert rig.outbox.waiting_count(MAIN) == 1


@pytest.mark.parametrize("answer", [b"", b"<html>captive portal</html>", b"\xa0", bytes(9_000)])
def test_an_answer_that_is_no_receipt_counts_as_none(rig: Rig, answer: bytes) -> None:
    rig.raise_alarm()
    rig.send()
    outcome = rig.answer(answer)
    assert outcome.problem.startswith("the answer is no receipt")
    assert (rig.wait_s(), rig.delivery.failed_attempts) == (1.0, 1)
    assert rig.outbox.waiting_count(MAIN) == 1


def test_verdicts_alone_move_nothing(rig: Rig) -> None:
    rig.raise_alarm()
    outcome = rig.answer_with(lambda r: replace(r, marks=()))
    assert outcome.stored
    assert rig.outbox.waiting_count(MAIN) == 1
    assert rig.wait_s() == 1.0


def test_a_record_refused_three_times_is_set_aside_and_does_not_block_the_others(rest: Rig) -> None:
    rest.receiver.refuses = frozenset({98})
    rest.append(heartbeat(1), RecordDraft(Stream.TELEMETRY, 98), heartbeat(2))
    refused, sent = [], []
    for _ in range(8):
        step = rest.due()
        if isinstance(step, Send):
            sent += [record.seqno for record in step.records if record.kind == 98]
            refused += list(rest.answer(rest.receiver.take(step.body)).refused)
        rest.now_ns += 10 * S
    assert sent == [2, 2, 2]
    assert [(key.stream, key.seqno) for key in refused] == [(Stream.TELEMETRY, 2)]
    assert rest.outbox.waiting_count(MAIN) == 0
    stored = [decode_record(body) for body in rest.receiver.records.values()]
    assert [record.detail for record in stored if record.kind == 67] == [
        Lost(Stream.TELEMETRY, 2, 2, LostReason.REFUSED)
    ]
    assert {record.seqno for record in stored if record.stream is Stream.TELEMETRY} == {1, 3}


def test_two_refusals_are_forgiven_when_the_third_time_it_is_taken(rig: Rig) -> None:
    rig.raise_alarm()
    rig.receiver.refuses = frozenset({1})
    for _ in range(2):
        assert rig.deliver().refused == ()
        rig.now_ns += 10 * S
    rig.receiver.refuses = frozenset()
    assert rig.deliver().problem == ""
    assert rig.outbox.waiting_count(MAIN) == 0


def test_later_waits_as_long_as_the_receiver_asks_within_bounds(rig: Rig) -> None:
    rig.raise_alarm()
    outcome = rig.answer_with(lambda r: replace(r, verdicts=(Verdict.LATER,), marks=(), ask_again_s=9))
    assert "later" in outcome.problem
    assert rig.wait_s() == 9.0


def test_a_conflict_asks_for_a_new_log_under_which_the_alarm_arrives(rig: Rig, tmp_path: Path) -> None:
    rig.raise_alarm()
    rig.deliver()
    rig.outbox.close()
    copy = (tmp_path / "outbox.db").read_bytes()  # the card as it was
    rig.outbox = open_outbox(tmp_path)
    rig.raise_alarm(2)
    rig.now_ns += S
    rig.deliver()
    rig.outbox.close()
    (tmp_path / "outbox.db").write_bytes(copy)
    rig.outbox = open_outbox(tmp_path, logs=(77,))
    rig.delivery = Delivery(MAIN, Lane.ALARMS, seed=7)
    rig.raise_alarm(3)  # another entrapment gets number 2 again
    outcome = rig.deliver()
    assert outcome.needs_new_log
    assert rig.outbox.log_id == 77
    rig.now_ns += S
    rig.deliver()
    assert rig.outbox.waiting_count(MAIN) == 1  # the report of the new log goes on the other lane
    kept = {(key[1], key[3]): decode_record(body).kind for key, body in rig.receiver.records.items()}
    assert kept == {(11, 1): 1, (11, 2): 2, (77, 1): 3}


def test_a_receiver_restored_from_a_backup_gets_again_what_it_lost(rig: Rig) -> None:
    for n in range(1, 6):
        rig.raise_alarm(n)
    rig.deliver()
    before = dict(rig.receiver.records)
    rig.receiver.forget(3)
    rig.raise_alarm(6)
    for _ in range(3):
        step = rig.due()
        if isinstance(step, Send):
            rig.answer(rig.receiver.take(step.body))
        rig.now_ns += 2 * S
    assert {key: rig.receiver.records[key] for key in before} == before
    assert len(rig.receiver.records) == 6
    assert rig.outbox.waiting_count(MAIN) == 0


def test_a_receiver_set_back_on_the_alarm_stream_is_noticed_by_the_next_heartbeat(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for n in range(1, 4):
        rig.raise_alarm(n)
    rig.deliver()
    rig.receiver.forget(2)
    alarms, rig.delivery = rig.delivery, Delivery(MAIN, Lane.REST, seed=1, start_spread_s=0.0)
    rig.append(heartbeat())
    assert rig.deliver().gaps == (Gap(Stream.ALARM, 2, 3),)
    rig.delivery = alarms
    assert [record.seqno for record in rig.send().records] == [2, 3]


def test_a_mark_that_is_older_than_the_question_sets_nothing_back(rig: Rig) -> None:
    rig.raise_alarm()
    rig.append(heartbeat())
    honest = decode_receipt(rig.receiver.take(rig.send().body))
    rig.outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1)])  # the other lane was faster
    outcome = rig.answer(encode_receipt(honest))
    assert outcome.gaps == ()
    assert rig.outbox.waiting_count(MAIN) == 0


def test_what_was_dropped_for_room_does_not_hold_up_what_follows(tmp_path: Path) -> None:
    rest = Rig(tmp_path, Lane.REST, Bounds(telemetry_bytes=5_000))
    rest.append(*(heartbeat(n) for n in range(5)))
    rest.deliver()
    rest.append(*(heartbeat(n) for n in range(400)))
    assert rest.outbox.counts.dropped_count > 300
    for _ in range(60):
        step = rest.due()
        if isinstance(step, Send):
            assert rest.answer(rest.receiver.take(step.body)).problem == ""
    assert rest.outbox.waiting_count(MAIN) == 0


def test_a_record_that_names_others_as_lost_lets_the_mark_come_up_to_them(tmp_path: Path) -> None:
    rest = Rig(tmp_path, Lane.REST, Bounds(telemetry_bytes=5_000))
    rest.append(heartbeat())
    rest.deliver()
    rest.append(*(heartbeat(n) for n in range(400)))
    rest.append(*(RecordDraft(Stream.FAULT, 68, note="x" * 80) for _ in range(30)))
    step = rest.send()
    assert {record.stream for record in step.records} == {Stream.FAULT}
    outcome = rest.answer(rest.receiver.take(step.body))
    assert outcome.problem == ""
    assert rest.outbox.confirmed(MAIN, Stream.TELEMETRY) > 300


def test_in_a_new_log_a_mark_is_measured_by_what_was_sent_of_that_log(rig: Rig) -> None:
    for n in range(1, 6):
        rig.raise_alarm(n)
    rig.deliver()
    rig.raise_alarm(6)
    rig.answer_with(lambda r: replace(r, verdicts=(Verdict.CONFLICT,)))
    rig.now_ns += S
    send = rig.send()
    assert [record.seqno for record in send.records] == [1]
    rig.raise_alarm(7)
    honest = decode_receipt(rig.receiver.take(send.body))
    outcome = rig.answer(encode_receipt(replace(honest, marks=(Mark(Stream.ALARM, 2),))))
    assert "beyond what was sent" in outcome.problem


def test_a_gap_is_answered_as_far_as_it_was_confirmed_and_once(rig: Rig) -> None:
    rig.raise_alarm()
    rig.deliver()
    rig.raise_alarm(2)
    outcome = rig.answer_with(
        lambda r: replace(r, marks=(Mark(Stream.ALARM, 0),), gaps=(Gap(Stream.ALARM, 1, 9), Gap(Stream.FAULT, 1, 3)))
    )
    assert outcome.gaps == (Gap(Stream.ALARM, 1, 1),)
    rig.now_ns += S
    assert [record.seqno for record in rig.send().records] == [1, 2]


def test_a_damaged_request_is_halved_until_the_record_to_blame_is_found(rest: Rig) -> None:
    rest.append(*(heartbeat(n) for n in range(8)))
    requests, refused = [], []
    for _ in range(40):
        step = rest.due()
        if isinstance(step, Send):
            numbers = [record.seqno for record in step.records if record.stream is Stream.TELEMETRY]
            requests.append(numbers)
            if 3 in numbers:
                refused += list(rest.fail(_refused(Failure.DAMAGED)).refused)
            else:
                rest.answer(rest.receiver.take(step.body))
        rest.now_ns += 20 * S
    assert requests[:3] == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [1, 2]]
    assert [key.seqno for key in refused] == [3]
    assert rest.outbox.waiting_count(MAIN) == 0
    rest.append(*(heartbeat(n) for n in range(200)))
    sizes = []
    for _ in range(6):
        step = rest.send()
        sizes.append(len(step.records))
        rest.answer(rest.receiver.take(step.body))
    assert max(sizes) > 30  # requests grow again


def test_a_receiver_that_refuses_every_request_costs_one_record_at_most(rest: Rig) -> None:
    rest.append(*(heartbeat(n) for n in range(8)))
    refused = []
    for _ in range(200):
        step = rest.due()
        if isinstance(step, Send):
            refused += list(rest.fail(_refused(Failure.DAMAGED)).refused)
        rest.now_ns += 100 * S
    assert len(refused) == 1
    # It is mended: all but that one arrive.
    for _ in range(20):
        step = rest.due()
        if isinstance(step, Send):
            rest.answer(rest.receiver.take(step.body))
        rest.now_ns += 600 * S
    assert rest.outbox.waiting_count(MAIN) == 0


def test_notices_are_polled_while_an_alarm_is_open_and_ten_minutes_more(rig: Rig) -> None:
    rig.raise_alarm()
    rig.deliver()
    assert rig.wait_s() == 5.0
    rig.now_ns += 5 * S
    assert rig.due() == Poll(MAIN, Lane.ALARMS, 0)
    taken = Notice(1, Act.TAKEN_OVER, IncidentRef(11, Stream.ALARM, 1), AT_MS, "Wang Li", 8)
    rig.receiver.notices.append(taken)
    outcome = rig.answer(rig.receiver.poll(DEVICE, 0))
    assert outcome.notices == (taken,)
    assert rig.outbox.acted_notice(MAIN) == 1
    rig.now_ns += 5 * S
    assert rig.due() == Poll(MAIN, Lane.ALARMS, 1)
    rig.fail(_missing())
    assert rig.wait_s() == 5.0
    rig.raise_alarm(1, AlarmState.CLEARED)
    rig.deliver()
    polls = 0
    for _ in range(200):
        rig.now_ns += 5 * S
        if isinstance(rig.due(), Poll):
            polls += 1
            rig.answer(rig.receiver.poll(DEVICE, 1))
    assert 110 <= polls <= 121
    assert rig.due() == Wait(None)


def test_a_poll_never_goes_before_an_alarm_and_keeps_to_what_the_receiver_asks(rig: Rig) -> None:
    rig.raise_alarm()
    rig.deliver()
    rig.now_ns += 60 * S
    rig.raise_alarm(2)
    rig.answer_with(lambda r: replace(r, ask_again_s=2))
    assert rig.wait_s() == 2.0
    rig.now_ns += 2 * S
    assert isinstance(rig.due(), Poll)
    rig.fail(_missing(Failure.BUSY, 60.0))
    assert rig.wait_s() == 60.0


def test_faults_are_not_polled_for(rest: Rig) -> None:
    draft = draft_of_alarm(alarm(kind=AlarmKind.EMERGENCY_STOP))
    assert draft is not None
    rest.append(draft)
    rest.deliver()
    assert rest.due() == Wait(None)


def test_notices_also_ride_in_receipts_and_the_next_request_confirms_them(rig: Rig) -> None:
    rig.raise_alarm()
    rig.receiver.notices.append(Notice(4, Act.SHOWN, IncidentRef(11, Stream.ALARM, 1), AT_MS))
    assert [notice.number for notice in rig.deliver().notices] == [4]
    rig.raise_alarm(2)
    assert decode_batch(rig.send().body).acted_notice == 4


def test_a_receipt_tells_the_receivers_clock_within_half_the_exchange(rig: Rig) -> None:
    rig.raise_alarm()
    send = rig.send()
    rig.now_ns += 300_000_000
    outcome = rig.answer(rig.receiver.take(send.body))
    assert outcome.clock is not None
    assert (outcome.clock.t_ns, outcome.clock.wall_ms) == (100 * S + 150_000_000, AT_MS)
    assert 150 <= outcome.clock.unc_ms <= 151


def test_an_empty_lane_does_not_ask_the_disk_again(rig: Rig) -> None:
    rig.raise_alarm()
    rig.deliver()
    asked = _Counting(rig.outbox)
    for _ in range(10):
        assert isinstance(rig.delivery.due(rig.now_ns, rig.stamp, asked), Wait)
    assert asked.count == 1
    rig.raise_alarm(2)
    assert isinstance(rig.delivery.due(rig.now_ns, rig.stamp, asked), Send)
