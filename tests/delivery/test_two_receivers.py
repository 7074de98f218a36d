"""Two receivers of one box, one of them dead for longer than anything is kept."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from edge_agent.delivery import Outcome
from edge_agent.outbox import Bounds
from edge_agent.records import RecordDraft
from edge_agent.wire import Lost, LostReason, Mark, Stamp, Stream, SystemKind, decode_record
from tests.delivery.contents import numbers, raise_alarm
from tests.delivery.making import MAIN, folder_in_memory, heartbeat, open_outbox

DEAD = "dead"
DAY_MS = 24 * 3_600_000
HOUR_MS = 3_600_000
DAYS = 35
STEP_H = 4
A_STEP = 24  # heartbeats of four hours, as one commit


def fault(n: int) -> RecordDraft:
    return RecordDraft(Stream.FAULT, SystemKind.CLOCK_FIX, note=f"day {n}")


def test_a_receiver_that_is_dead_for_a_month_holds_the_other_up_in_nothing_and_hears_what_it_lost() -> None:
    bounds = Bounds(kept_count=256)
    with folder_in_memory() as folder:
        outbox = open_outbox(folder, destinations=(MAIN, DEAD), bounds=bounds)
        held: list[int] = []
        for hour in range(0, DAYS * 24, STEP_H):
            now = Stamp(1, hour * HOUR_MS)
            outbox.append_many([(heartbeat(n), now) for n in range(A_STEP)])
            if hour % 24 == 0:
                outbox.append(fault(hour // 24), now)
                raise_alarm(outbox, 1 + hour // 24)
            marks = tuple(Mark(stream, outbox.last(stream)) for stream in Stream if outbox.last(stream))
            outbox.settle(MAIN, Outcome(marks=marks), now)
            assert outbox.waiting_count(MAIN) <= 1  # a record that names others as lost may have come since
            if hour % (7 * 24) == 0:
                gc.collect()
                held.append(sys.getallocatedblocks())
        assert max(held[1:]) - held[1] < 2_000  # of Python's blocks, from the second week on
        total = DAYS * 24 // STEP_H * A_STEP
        kept = numbers(outbox, Stream.TELEMETRY, DEAD)
        assert kept == list(range(kept[0], total + 1))
        oldest_hour = (kept[0] - 1) // A_STEP * STEP_H
        assert abs(DAYS * 24 - STEP_H - oldest_hour - 30 * 24) <= STEP_H
        faults = outbox.pending(DEAD, (Stream.FAULT,), 10_000, 10_000_000)
        details = [decode_record(record.body).detail for record in faults]
        lost = [each for each in details if isinstance(each, Lost) and each.stream is Stream.TELEMETRY]
        named = [number for each in lost for number in range(each.first, each.last + 1)]
        assert named == list(range(1, kept[0]))  # each once, none beside
        assert {each.reason for each in lost} == {LostReason.TOO_OLD}
        assert numbers(outbox, Stream.ALARM, DEAD) == list(range(1, DAYS + 1))  # alarms never grow old
        assert outbox.confirmed(DEAD, Stream.ALARM) == 0
        assert _size(folder) < 8 * 1024 * 1024
        outbox.close()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if "ballast" not in file.name)


def test_a_lost_boot_counter_begins_again_in_another_log_so_that_no_boot_is_taken_for_an_earlier_one(
    tmp_path: Path,
) -> None:
    outbox = open_outbox(tmp_path, boot_id="a")
    outbox.close()
    outbox = open_outbox(tmp_path, boot_id="b")
    assert (outbox.boot, outbox.log_id) == (2, 11)
    outbox.close()
    for file in tmp_path.iterdir():
        file.unlink()
    outbox = open_outbox(tmp_path, boot_id="c", logs=(22,))
    assert (outbox.boot, outbox.log_id) == (1, 22)  # dated by device, log and boot
    outbox.close()


def test_what_a_lost_record_says_is_what_a_receiver_reads() -> None:
    with folder_in_memory() as folder:
        outbox = open_outbox(folder, destinations=(DEAD,))
        outbox.append(heartbeat(), Stamp(1, 0))
        outbox.append(heartbeat(), Stamp(1, 31 * DAY_MS))
        (record,) = outbox.pending(DEAD, (Stream.FAULT,), 64, 16_000)
        assert decode_record(record.body).detail == Lost(Stream.TELEMETRY, 1, 1, LostReason.TOO_OLD)
        outbox.close()
