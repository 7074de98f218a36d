"""The durable queue: numbers, chain, cursors, restarts."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.delivery import Outcome, RecordKey
from edge_agent.errors import OutboxError
from edge_agent.outbox import ITEM_HEAD_BYTES, Outbox
from edge_agent.wire import (
    Lost,
    LostReason,
    Mark,
    Stamp,
    Stream,
    chain_start,
    decode_record,
    digest,
)
from tests.delivery.contents import ALL, NOW, lost_named, numbers, raise_alarm, unsent
from tests.delivery.making import DEVICE, MAIN, heartbeat, open_outbox


def test_each_stream_is_numbered_and_chained_by_itself(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(3):
        raise_alarm(outbox, n + 1, AlarmKind(n + 1))
        outbox.append(heartbeat(n), NOW)
    for stream in (Stream.ALARM, Stream.TELEMETRY):
        link = chain_start(DEVICE, 11, stream)
        bodies = [record.body for record in outbox.pending(MAIN, (stream,), 10, 10_000)]
        for number, body in enumerate(bodies, start=1):
            record = decode_record(body)
            assert (record.seqno, record.log, record.device) == (number, 11, DEVICE)
            assert record.link == link[:8]
            link = digest(body)
        assert outbox.heads()[0 if stream is Stream.ALARM else 1].digest == link


def test_an_appended_record_is_there_after_reopening_and_the_chain_goes_on(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    first = outbox.append(heartbeat(), NOW)
    assert first is not None
    outbox.close()
    outbox = open_outbox(tmp_path)
    second = outbox.append(heartbeat(), NOW)
    assert second is not None
    assert [record.body for record in unsent(outbox)] == [first.body, second.body]
    assert decode_record(second.body).link == digest(first.body)[:8]
    assert outbox.log_id == 11


def test_the_boot_counter_tells_a_reboot_from_a_restart(tmp_path: Path) -> None:
    boots = []
    for boot_id in ("a", "a", "b", "c", "c"):
        outbox = open_outbox(tmp_path, boot_id=boot_id)
        boots.append(outbox.boot)
        outbox.close()
    assert boots == [1, 1, 2, 3, 3]


def test_a_wall_clock_that_cannot_be_right_is_left_out_of_the_stamp(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    stored = outbox.append(heartbeat(), Stamp(1, 5, 86_400_000, 10))
    assert stored is not None
    assert decode_record(stored.body).stamp == Stamp(1, 5)


def test_all_of_a_group_is_committed_or_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    too_long = replace(heartbeat(), note="x" * 81)
    with pytest.raises(Exception, match="81 bytes of text"):
        outbox.append_many([(heartbeat(1), NOW), (too_long, NOW)])
    assert unsent(outbox) == []
    assert [stored.seqno for stored in outbox.append_many([(heartbeat(n), NOW) for n in range(3)])] == [1, 2, 3]


def test_pending_keeps_to_count_and_bytes_but_gives_at_least_one(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(5):
        outbox.append(heartbeat(n, "x" * 40), NOW)
    size = len(unsent(outbox)[0].body) + ITEM_HEAD_BYTES
    assert numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4, 5]
    assert len(outbox.pending(MAIN, ALL, 2, 10_000)) == 2
    assert len(outbox.pending(MAIN, ALL, 64, 3 * size)) == 3
    assert len(outbox.pending(MAIN, ALL, 64, 3 * size - 1)) == 2
    assert len(outbox.pending(MAIN, ALL, 64, 1)) == 1
    assert outbox.pending(MAIN, (Stream.ALARM,), 64, 10_000) == ()


def test_streams_come_in_the_order_asked_for(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.append(heartbeat(), NOW)
    raise_alarm(outbox, 1, AlarmKind.EMERGENCY_STOP)
    streams = (Stream.FAULT, Stream.TELEMETRY, Stream.DIAGNOSTICS)
    assert [r.stream for r in outbox.pending(MAIN, streams, 64, 2_000)] == [Stream.FAULT, Stream.TELEMETRY]


def test_only_a_mark_moves_a_cursor_and_each_destination_has_its_own(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(MAIN, "city"))
    for n in range(4):
        outbox.append(heartbeat(n), NOW)
    outbox.settle(MAIN, Outcome(stored=(RecordKey(Stream.TELEMETRY, 1),)), NOW)
    assert numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4]
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 3)])
    assert numbers(outbox, Stream.TELEMETRY) == [4]
    assert numbers(outbox, Stream.TELEMETRY, "city") == [1, 2, 3, 4]
    assert (outbox.waiting_count(MAIN), outbox.waiting_count("city")) == (1, 4)


def test_a_mark_never_goes_back_and_never_beyond_what_exists(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(4):
        outbox.append(heartbeat(n), NOW)
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 5)])
    assert numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4]
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 3), Mark(Stream.TELEMETRY, 1)])
    assert numbers(outbox, Stream.TELEMETRY) == [4]


def test_an_unknown_destination_is_a_programmers_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        open_outbox(tmp_path).pending("nobody", ALL, 1, 100)


def test_a_refused_record_is_set_aside_for_that_receiver_only_and_named_as_lost(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(MAIN, "city"))
    outbox.append_many([(heartbeat(n), NOW) for n in range(3)])
    outbox.settle(MAIN, Outcome(refused=(RecordKey(Stream.TELEMETRY, 2),)), NOW)
    assert numbers(outbox, Stream.TELEMETRY) == [1, 3]
    assert numbers(outbox, Stream.TELEMETRY, "city") == [1, 2, 3]
    assert lost_named(outbox) == [Lost(Stream.TELEMETRY, 2, 2, LostReason.REFUSED)]
    assert outbox.counts.refused_count == 1


def test_a_new_identity_starts_a_new_log_with_what_is_unsent(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    outbox.close()
    other = b"new-id!!"
    outbox = open_outbox(tmp_path, device=other, logs=(22,))
    (stored,) = outbox.pending(MAIN, (Stream.ALARM,), 10, 1_000)
    record = decode_record(stored.body)
    assert (record.device, record.log, record.seqno) == (other, 22, 1)
    assert record.link == chain_start(other, 22, Stream.ALARM)[:8]


@pytest.mark.parametrize("where", ["missing/outbox.db", "folder"])
def test_a_path_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutboxError) as caught:
        Outbox.open(tmp_path / where, DEVICE, boot_id="a", up_ms=0)
    assert caught.value.subject == str(tmp_path / where)
    assert "folder must exist" in caught.value.hint


def test_an_outbox_in_use_is_named_as_such(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxError, match="locked") as caught:
        outbox.append(heartbeat(), NOW)
    assert "Another agent" in caught.value.hint
    other.execute("ROLLBACK")
    assert outbox.append(heartbeat(), NOW) is not None
