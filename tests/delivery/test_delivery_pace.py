"""When what is sent: schedules, waits, sizes of requests, polls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.agent_ends import choose_ends
from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.cose import SEAL_BYTES_MAX
from edge_agent.delivery import Delivery, Failure, Lane, Poll, Send, Wait
from edge_agent.delivery_pace import spread
from edge_agent.errors import UplinkUnavailable
from edge_agent.outbox import Outbox
from edge_agent.records import StoredRecord, draft_of_alarm
from edge_agent.wire import (
    Act,
    IncidentRef,
    Notice,
    Stamp,
    Stream,
    Verdict,
    decode_batch,
)
from tests.delivery.making import DEVICE, MAIN, alarm, heartbeat, open_outbox
from tests.delivery.receiver_model import AT_MS
from tests.delivery.rig import Rig, S, missing, refusal


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
def rest(tmp_path: Path) -> Rig:
    return Rig(tmp_path, Lane.REST)


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
        self.has_unfinished_incident = outbox.has_unfinished_incident

    def pending(
        self, destination: str, streams: Sequence[Stream], max_count: int, max_bytes: int
    ) -> tuple[StoredRecord, ...]:
        self.count += 1
        return self._outbox.pending(destination, streams, max_count, max_bytes)


def test_alarms_are_tried_at_0_1_2_4_8_seconds_and_then_every_15_spread_by_half(rig: Rig) -> None:
    rig.raise_alarm()
    waits = []
    for _ in range(40):
        rig.send()
        rig.fail(missing())
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
        rig.fail(missing())
        rig.now_ns += 30 * S
    rig.send()
    rig.fail(missing())
    assert rig.wait_s() > 7.0
    rig.raise_alarm(2)
    assert [record.seqno for record in rig.send().records] == [1, 2]


def test_a_link_that_comes_up_ends_the_wait(rest: Rig) -> None:
    rest.append(heartbeat())
    for _ in range(8):
        rest.send()
        rest.fail(missing())
        rest.now_ns += 600 * S
    rest.send()
    rest.fail(missing())
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
    rig.fail(missing(Failure.BUSY, asked_s))
    assert rig.wait_s() == waits_s
    rig.raise_alarm(2)
    assert rig.wait_s() == waits_s  # what the receiver asked for holds for new alarms too


def test_a_receiver_that_does_not_know_the_box_is_tried_rarely_and_everything_is_kept(rig: Rig) -> None:
    rig.raise_alarm()
    for _ in range(5):
        rig.send()
        outcome = rig.fail(refusal(Failure.DENIED, 403))
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
    assert len(send.body) + SEAL_BYTES_MAX * 64 < 16_000
    rest = Rig(tmp_path, Lane.REST)
    rest.append(*(heartbeat(n, "x" * 70) for n in range(100)))
    send = rest.send()
    assert 1_700 < len(send.body) + SEAL_BYTES_MAX * len(send.records) <= 2_000 + 60  # here they travel unsealed
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


def test_later_waits_as_long_as_the_receiver_asks_within_bounds(rig: Rig) -> None:
    rig.raise_alarm()
    outcome = rig.answer_with(lambda r: replace(r, verdicts=(Verdict.LATER,), marks=(), ask_again_s=9))
    assert "later" in outcome.problem
    assert rig.wait_s() == 9.0


def test_a_damaged_request_is_halved_until_the_record_to_blame_is_found(rest: Rig) -> None:
    rest.append(*(heartbeat(n) for n in range(8)))
    requests, refused = [], []
    for _ in range(40):
        step = rest.due()
        if isinstance(step, Send):
            numbers = [record.seqno for record in step.records if record.stream is Stream.TELEMETRY]
            requests.append(numbers)
            if 3 in numbers:
                refused += list(rest.fail(refusal(Failure.DAMAGED)).refused)
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
    assert max(sizes) > 12  # requests grow again


def test_a_receiver_that_refuses_every_request_costs_one_record_at_most(rest: Rig) -> None:
    rest.append(*(heartbeat(n) for n in range(8)))
    refused = []
    for _ in range(200):
        step = rest.due()
        if isinstance(step, Send):
            refused += list(rest.fail(refusal(Failure.DAMAGED)).refused)
        rest.now_ns += 100 * S
    assert len(refused) == 1
    # It is mended: all but that one arrive.
    for _ in range(20):
        step = rest.due()
        if isinstance(step, Send):
            rest.answer(rest.receiver.take(step.body))
        rest.now_ns += 600 * S
    assert rest.outbox.waiting_count(MAIN) == 0


def test_notices_are_polled_often_while_an_alarm_is_open_and_ten_minutes_more_then_seldom_until_its_end(
    rig: Rig,
) -> None:
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
    rig.fail(missing())
    assert rig.wait_s() == 5.0
    rig.raise_alarm(1, AlarmState.CLEARED)
    rig.deliver()
    polls = 0
    for _ in range(200):
        rig.now_ns += 5 * S
        if isinstance(rig.due(), Poll):
            polls += 1
            rig.answer(rig.receiver.poll(DEVICE, 1))
    assert 115 <= polls <= 128  # 600 s at 5 s, then every minute until somebody ends it
    for draft in choose_ends(rig.outbox.unended(), None, "").drafts:
        rig.append(draft)
    rig.deliver()
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
    rig.fail(missing(Failure.BUSY, 60.0))
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
