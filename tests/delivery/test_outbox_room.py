"""What the outbox keeps, drops and sends again."""

from __future__ import annotations

from pathlib import Path

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.delivery import Outcome
from edge_agent.outbox import Bounds
from edge_agent.wire import (
    Gap,
    Lost,
    LostReason,
    Mark,
    Stream,
)
from tests.delivery.contents import NOW, append_stage, lost_named, numbers, raise_alarm
from tests.delivery.making import MAIN, heartbeat, open_outbox


def test_acknowledged_records_are_kept_up_to_their_number_and_deleted_in_groups(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=100))
    outbox.append_many([(heartbeat(n), NOW) for n in range(1_000)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 300)])
    assert outbox.sizes()[2].records == 1_000
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    assert outbox.sizes()[2].records == 101
    outbox.append(heartbeat(), NOW)
    assert numbers(outbox, Stream.TELEMETRY) == [1_001]


def test_a_receiver_that_lost_records_gets_them_again_and_hears_which_are_gone(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=100))
    outbox.append_many([(heartbeat(n), NOW) for n in range(1_000)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 880, 950),)), NOW)
    assert numbers(outbox, Stream.TELEMETRY) == list(range(900, 1_001))
    assert lost_named(outbox) == [Lost(Stream.TELEMETRY, 880, 899, LostReason.TOO_OLD)]
    # Asking for the same again after confirming it fills no disk.
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 880, 950),)), NOW)
    assert len(lost_named(outbox)) == 1


def test_a_gap_in_what_was_not_confirmed_yet_changes_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.append_many([(heartbeat(n), NOW) for n in range(5)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 2)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 3, 4), Gap(Stream.TELEMETRY, 90, 99))), NOW)
    assert numbers(outbox, Stream.TELEMETRY) == [3, 4, 5]
    assert lost_named(outbox) == []


def test_a_full_class_drops_its_oldest_and_says_so_in_the_same_commit(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=20_000))
    raise_alarm(outbox, 1)
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    kept = numbers(outbox, Stream.TELEMETRY)
    assert kept == list(range(kept[0], 401))
    assert lost_named(outbox) == [Lost(Stream.TELEMETRY, 1, kept[0] - 1, LostReason.NO_ROOM)]
    assert outbox.counts.dropped_count == kept[0] - 1
    assert numbers(outbox, Stream.ALARM) == [1]
    sizes = outbox.sizes()[Stream.TELEMETRY]
    assert 18_000 < sizes.body_bytes + 40 * sizes.records <= 20_000


def test_dropping_goes_on_for_ever_and_everything_unsent_is_there_or_named(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=6_000, fault_bytes=6_000, total_bytes=14_000))
    for n in range(60):
        outbox.append_many([(heartbeat(n), NOW) for _ in range(20)])
        raise_alarm(outbox, n + 1, AlarmKind.IMPACT)
        append_stage(outbox, AlarmState.CLEARED, n + 1, AlarmKind.IMPACT)
        size = sum(one.body_bytes + 40 * one.records for one in outbox.sizes())
        assert size <= 14_000
    for stream in (Stream.FAULT, Stream.TELEMETRY):
        present = set(numbers(outbox, stream))
        for lost in lost_named(outbox):
            if lost.stream is stream:
                present |= set(range(lost.first, lost.last + 1))
        assert present == set(range(1, outbox.last(stream) + 1))


def test_alarms_stay_when_everything_is_full(tmp_path: Path) -> None:
    bounds = Bounds(total_bytes=30_000, telemetry_bytes=20_000, fault_bytes=10_000, alarm_count=100)
    outbox = open_outbox(tmp_path, bounds=bounds)
    for n in range(1, 49):
        raise_alarm(outbox, n, AlarmKind.OVERSPEED)
        append_stage(outbox, AlarmState.CLEARED, n, AlarmKind.OVERSPEED)
        outbox.append_many([(heartbeat(n, "x" * 60), NOW) for _ in range(10)])
    assert numbers(outbox, Stream.ALARM)[:2] == [1, 2]
    for n in range(49, 300):
        raise_alarm(outbox, n, AlarmKind.OVERSPEED)
        append_stage(outbox, AlarmState.CLEARED, n, AlarmKind.OVERSPEED)
    alarms = numbers(outbox, Stream.ALARM)
    assert len(alarms) >= 100
    assert alarms[-1] == 598
    assert alarms[0] > 1
    named = [lost for lost in lost_named(outbox) if lost.stream is Stream.ALARM]
    assert (named[0].first, named[-1].last) == (1, alarms[0] - 1)


def test_acknowledged_records_go_before_unsent_ones(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=20_000))
    outbox.append_many([(heartbeat(n), NOW) for n in range(150)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 100)])
    outbox.append_many([(heartbeat(n), NOW) for n in range(100)])
    assert numbers(outbox, Stream.TELEMETRY) == list(range(101, 251))
    assert lost_named(outbox) == []


def test_the_file_stays_within_its_bound_plus_the_log(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=200_000))
    for _ in range(40):
        outbox.append_many([(heartbeat(n, "x" * 40), NOW) for n in range(200)])
    outbox.close()
    assert (tmp_path / "outbox.db").stat().st_size < 300_000


def test_a_new_destination_hears_what_it_will_never_get(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=10))
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 400)])
    outbox.close()
    for _ in range(2):
        outbox = open_outbox(tmp_path, destinations=(MAIN, "city"), bounds=Bounds(kept_count=10))
        assert numbers(outbox, Stream.TELEMETRY, "city") == list(range(390, 401))
        assert lost_named(outbox) == [Lost(Stream.TELEMETRY, 1, 389, LostReason.TOO_OLD)]
        outbox.close()


def test_a_destination_that_is_gone_holds_nothing_up(tmp_path: Path) -> None:
    open_outbox(tmp_path, destinations=(MAIN, "city")).close()
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=10))
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 400)])
    assert outbox.sizes()[Stream.TELEMETRY].records == 11


def test_an_outbox_without_destinations_keeps_records_within_its_bounds(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(), bounds=Bounds(telemetry_bytes=10_000))
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    assert 0 < outbox.sizes()[Stream.TELEMETRY].records < 200


def test_the_newest_record_stays_whatever_the_bound_and_carries_the_chain_on(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=0))
    outbox.append_many([(heartbeat(n), NOW) for n in range(3)])
    assert numbers(outbox, Stream.TELEMETRY) == [3]
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert outbox.set_aside is None
    assert outbox.append(heartbeat(), NOW) is not None
    assert numbers(outbox, Stream.TELEMETRY) == [3, 4]


def test_confirmed_alarms_make_room_before_unsent_telemetry_is_dropped(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(total_bytes=20_000))
    for n in range(1, 61):
        raise_alarm(outbox, n, AlarmKind.OVERSPEED)
    outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 60)])
    outbox.append_many([(heartbeat(n), NOW) for n in range(180)])
    assert numbers(outbox, Stream.TELEMETRY) == list(range(1, 181))
    assert outbox.sizes()[Stream.ALARM].records < 60
    assert lost_named(outbox) == []
