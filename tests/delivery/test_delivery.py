"""What each answer does, on the real outbox with the time passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.delivery import Delivery, Lane, Send, Wait
from edge_agent.outbox import Bounds
from edge_agent.records import RecordDraft
from edge_agent.wire import (
    Gap,
    Lost,
    LostReason,
    Mark,
    Receipt,
    Stream,
    Verdict,
    decode_batch,
    decode_receipt,
    decode_record,
    encode_receipt,
)
from tests.delivery.making import DEVICE, MAIN, heartbeat, open_outbox
from tests.delivery.rig import Rig, S, missing


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
        rig.fail(missing())
        rig.now_ns += 30 * S
    assert len(set(bodies)) == 1


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
