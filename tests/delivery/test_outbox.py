"""The durable queue: numbers, chain, cursors, incidents, bounds, restarts."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.delivery import Outcome, RecordKey
from edge_agent.errors import OutboxError
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
    Phase,
    Record,
    Stamp,
    Stream,
    chain_start,
    decode_record,
    digest,
)
from tests.delivery.making import DEVICE, MAIN, alarm, heartbeat, open_outbox

NOW = Stamp(1, 9_000)
ALL = tuple(Stream)


def _append(outbox: Outbox, state: AlarmState, incident: int, kind: AlarmKind = AlarmKind.ENTRAPMENT) -> Record | None:
    draft = draft_of_alarm(alarm(state, incident=incident, kind=kind))
    assert draft is not None
    stored = outbox.append(draft, NOW)
    return None if stored is None else decode_record(stored.body)


def _raise(outbox: Outbox, incident: int, kind: AlarmKind = AlarmKind.ENTRAPMENT) -> Record:
    record = _append(outbox, AlarmState.RAISED, incident, kind)
    assert record is not None
    return record


def _numbers(outbox: Outbox, stream: Stream, destination: str = MAIN) -> list[int]:
    return [record.seqno for record in outbox.pending(destination, (stream,), 10_000, 10_000_000)]


def _lost(outbox: Outbox) -> list[Lost]:
    records = [decode_record(record.body) for record in outbox.pending(MAIN, (Stream.FAULT,), 1_000, 1_000_000)]
    return [record.detail for record in records if isinstance(record.detail, Lost)]


def _stored(outbox: Outbox) -> list[StoredRecord]:
    return list(outbox.pending(MAIN, ALL, 10_000, 10_000_000))


def test_each_stream_is_numbered_and_chained_by_itself(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(3):
        _raise(outbox, n + 1, AlarmKind(n + 1))
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
    assert [record.body for record in _stored(outbox)] == [first.body, second.body]
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
    assert _stored(outbox) == []
    assert [stored.seqno for stored in outbox.append_many([(heartbeat(n), NOW) for n in range(3)])] == [1, 2, 3]


def test_pending_keeps_to_count_and_bytes_but_gives_at_least_one(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(5):
        outbox.append(heartbeat(n, "x" * 40), NOW)
    size = len(_stored(outbox)[0].body) + 3
    assert _numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4, 5]
    assert len(outbox.pending(MAIN, ALL, 2, 10_000)) == 2
    assert len(outbox.pending(MAIN, ALL, 64, 3 * size)) == 3
    assert len(outbox.pending(MAIN, ALL, 64, 3 * size - 1)) == 2
    assert len(outbox.pending(MAIN, ALL, 64, 1)) == 1
    assert outbox.pending(MAIN, (Stream.ALARM,), 64, 10_000) == ()


def test_streams_come_in_the_order_asked_for(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.append(heartbeat(), NOW)
    _raise(outbox, 1, AlarmKind.EMERGENCY_STOP)
    streams = (Stream.FAULT, Stream.TELEMETRY, Stream.DIAGNOSTICS)
    assert [r.stream for r in outbox.pending(MAIN, streams, 64, 2_000)] == [Stream.FAULT, Stream.TELEMETRY]


def test_only_a_mark_moves_a_cursor_and_each_destination_has_its_own(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(MAIN, "city"))
    for n in range(4):
        outbox.append(heartbeat(n), NOW)
    outbox.settle(MAIN, Outcome(stored=(RecordKey(Stream.TELEMETRY, 1),)), NOW)
    assert _numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4]
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 3)])
    assert _numbers(outbox, Stream.TELEMETRY) == [4]
    assert _numbers(outbox, Stream.TELEMETRY, "city") == [1, 2, 3, 4]
    assert (outbox.waiting_count(MAIN), outbox.waiting_count("city")) == (1, 4)


def test_a_mark_never_goes_back_and_never_beyond_what_exists(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in range(4):
        outbox.append(heartbeat(n), NOW)
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 5)])
    assert _numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4]
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 3), Mark(Stream.TELEMETRY, 1)])
    assert _numbers(outbox, Stream.TELEMETRY) == [4]


def test_an_unknown_destination_is_a_programmers_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        open_outbox(tmp_path).pending("nobody", ALL, 1, 100)


def test_acknowledged_records_are_kept_up_to_their_number_and_deleted_in_groups(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=100))
    outbox.append_many([(heartbeat(n), NOW) for n in range(1_000)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 300)])
    assert outbox.sizes()[2].records == 1_000
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    assert outbox.sizes()[2].records == 101
    outbox.append(heartbeat(), NOW)
    assert _numbers(outbox, Stream.TELEMETRY) == [1_001]


def test_a_receiver_that_lost_records_gets_them_again_and_hears_which_are_gone(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=100))
    outbox.append_many([(heartbeat(n), NOW) for n in range(1_000)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 880, 950),)), NOW)
    assert _numbers(outbox, Stream.TELEMETRY) == list(range(900, 1_001))
    assert _lost(outbox) == [Lost(Stream.TELEMETRY, 880, 899, LostReason.TOO_OLD)]
    # Asking for the same again after confirming it fills no disk.
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 1_000)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 880, 950),)), NOW)
    assert len(_lost(outbox)) == 1


def test_a_gap_in_what_was_not_confirmed_yet_changes_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.append_many([(heartbeat(n), NOW) for n in range(5)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 2)])
    outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.TELEMETRY, 3, 4), Gap(Stream.TELEMETRY, 90, 99))), NOW)
    assert _numbers(outbox, Stream.TELEMETRY) == [3, 4, 5]
    assert _lost(outbox) == []


def test_a_refused_record_is_set_aside_for_that_receiver_only_and_named_as_lost(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(MAIN, "city"))
    outbox.append_many([(heartbeat(n), NOW) for n in range(3)])
    outbox.settle(MAIN, Outcome(refused=(RecordKey(Stream.TELEMETRY, 2),)), NOW)
    assert _numbers(outbox, Stream.TELEMETRY) == [1, 3]
    assert _numbers(outbox, Stream.TELEMETRY, "city") == [1, 2, 3]
    assert _lost(outbox) == [Lost(Stream.TELEMETRY, 2, 2, LostReason.REFUSED)]
    assert outbox.counts.refused_count == 1


def test_an_incident_is_named_by_its_opening_record_in_all_its_stages(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 1, AlarmKind.OVERSPEED)
    opener = _raise(outbox, 2)
    updated, gone = (_append(outbox, state, 2) for state in (AlarmState.UPDATED, AlarmState.CLEARED))
    assert (opener.seqno, opener.phase, opener.incident) == (2, Phase.RAISED, None)
    assert updated is not None
    assert (updated.phase, updated.incident) == (Phase.UPDATED, 2)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 2)


def test_the_end_of_a_suspicion_that_was_never_raised_is_no_record(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert _append(outbox, AlarmState.CLEARED, 1) is None
    assert _stored(outbox) == []


def test_open_incidents_survive_a_restart_and_numbers_are_not_used_twice(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert (outbox.open_incidents(), outbox.next_incident(), outbox.has_open_alarm()) == ((), 1, False)
    _raise(outbox, 1)
    _raise(outbox, 4, AlarmKind.SENSOR_FAULT)
    _append(outbox, AlarmState.CLEARED, 1)
    _raise(outbox, 7, AlarmKind.ALARM_BUTTON)
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.SENSOR_FAULT, 4), OpenIncident(AlarmKind.ALARM_BUTTON, 7))
    assert outbox.next_incident() == 8
    assert outbox.has_open_alarm()
    gone = _append(outbox, AlarmState.CLEARED, 7)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 3)
    assert not outbox.has_open_alarm()


def test_an_alarm_of_a_kind_left_open_by_an_earlier_run_goes_on_with_that_incident(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 1)
    outbox.close()
    outbox = open_outbox(tmp_path)  # the core starts anew, without what it knew
    again = _raise(outbox, 2)
    assert (again.phase, again.incident) == (Phase.UPDATED, 1)
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.ENTRAPMENT, 2),)
    gone = _append(outbox, AlarmState.CLEARED, 2)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 1)
    new = _raise(outbox, 3)
    assert (new.phase, new.incident) == (Phase.RAISED, None)


def test_two_sources_may_be_at_fault_at_once_as_two_incidents(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    openers = [_raise(outbox, n, AlarmKind.SENSOR_FAULT) for n in (1, 2)]
    assert [(record.phase, record.incident) for record in openers] == [(Phase.RAISED, None)] * 2
    ended = [_append(outbox, AlarmState.CLEARED, n, AlarmKind.SENSOR_FAULT) for n in (2, 1)]
    assert [record and (record.phase, record.incident) for record in ended] == [
        (Phase.CONDITION_GONE, 2),
        (Phase.CONDITION_GONE, 1),
    ]


def test_two_incidents_of_a_kind_that_the_core_forgot_are_both_gone_on_with(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in (1, 2):
        _raise(outbox, n, AlarmKind.SENSOR_FAULT)
    outbox.close()
    outbox = open_outbox(tmp_path)
    again = [_raise(outbox, n, AlarmKind.SENSOR_FAULT) for n in (3, 4, 5)]
    assert [(record.phase, record.incident) for record in again] == [
        (Phase.UPDATED, 2),
        (Phase.UPDATED, 1),
        (Phase.RAISED, None),
    ]
    assert [incident.incident for incident in outbox.open_incidents()] == [3, 4, 5]


def test_raising_twice_is_an_update(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 1)
    assert _raise(outbox, 1).phase is Phase.UPDATED


def test_a_notice_is_new_once_and_names_our_incident(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 5)
    notices = (
        Notice(2, Act.TAKEN_OVER, IncidentRef(11, Stream.ALARM, 1), 1_795_459_200_123, "Wang Li", 8),
        Notice(1, Act.SHOWN, IncidentRef(11, Stream.ALARM, 1), 1_795_459_200_000),
        Notice(3, Act.CLOSED, IncidentRef(99, Stream.ALARM, 1), 1_795_459_200_000),
    )
    new = outbox.settle(MAIN, Outcome(notices=notices), NOW)
    assert [(n.notice.act, n.kind, n.incident) for n in new] == [
        (Act.SHOWN, 1, 5),
        (Act.TAKEN_OVER, 1, 5),
        (Act.CLOSED, None, None),
    ]
    assert outbox.acted_notice(MAIN) == 3
    assert outbox.settle(MAIN, Outcome(notices=notices), NOW) == ()
    assert outbox.has_open_alarm()  # people cannot end what the lift shows


def test_a_full_class_drops_its_oldest_and_says_so_in_the_same_commit(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=20_000))
    _raise(outbox, 1)
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    kept = _numbers(outbox, Stream.TELEMETRY)
    assert kept == list(range(kept[0], 401))
    assert _lost(outbox) == [Lost(Stream.TELEMETRY, 1, kept[0] - 1, LostReason.NO_ROOM)]
    assert outbox.counts.dropped_count == kept[0] - 1
    assert _numbers(outbox, Stream.ALARM) == [1]
    sizes = outbox.sizes()[Stream.TELEMETRY]
    assert 18_000 < sizes.body_bytes + 40 * sizes.records <= 20_000


def test_dropping_goes_on_for_ever_and_everything_unsent_is_there_or_named(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=6_000, fault_bytes=6_000, total_bytes=14_000))
    for n in range(60):
        outbox.append_many([(heartbeat(n), NOW) for _ in range(20)])
        _raise(outbox, n + 1, AlarmKind.IMPACT)
        _append(outbox, AlarmState.CLEARED, n + 1, AlarmKind.IMPACT)
        size = sum(one.body_bytes + 40 * one.records for one in outbox.sizes())
        assert size <= 14_000
    for stream in (Stream.FAULT, Stream.TELEMETRY):
        present = set(_numbers(outbox, stream))
        for lost in _lost(outbox):
            if lost.stream is stream:
                present |= set(range(lost.first, lost.last + 1))
        assert present == set(range(1, outbox.last(stream) + 1))


def test_alarms_stay_when_everything_is_full(tmp_path: Path) -> None:
    bounds = Bounds(total_bytes=30_000, telemetry_bytes=20_000, fault_bytes=10_000, alarm_count=100)
    outbox = open_outbox(tmp_path, bounds=bounds)
    for n in range(1, 49):
        _raise(outbox, n, AlarmKind.OVERSPEED)
        _append(outbox, AlarmState.CLEARED, n, AlarmKind.OVERSPEED)
        outbox.append_many([(heartbeat(n, "x" * 60), NOW) for _ in range(10)])
    assert _numbers(outbox, Stream.ALARM)[:2] == [1, 2]
    for n in range(49, 300):
        _raise(outbox, n, AlarmKind.OVERSPEED)
        _append(outbox, AlarmState.CLEARED, n, AlarmKind.OVERSPEED)
    alarms = _numbers(outbox, Stream.ALARM)
    assert len(alarms) >= 100
    assert alarms[-1] == 598
    assert alarms[0] > 1
    named = [lost for lost in _lost(outbox) if lost.stream is Stream.ALARM]
    assert (named[0].first, named[-1].last) == (1, alarms[0] - 1)


def test_acknowledged_records_go_before_unsent_ones(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=20_000))
    outbox.append_many([(heartbeat(n), NOW) for n in range(150)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 100)])
    outbox.append_many([(heartbeat(n), NOW) for n in range(100)])
    assert _numbers(outbox, Stream.TELEMETRY) == list(range(101, 251))
    assert _lost(outbox) == []


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
        assert _numbers(outbox, Stream.TELEMETRY, "city") == list(range(390, 401))
        assert _lost(outbox) == [Lost(Stream.TELEMETRY, 1, 389, LostReason.TOO_OLD)]
        outbox.close()


def test_a_destination_that_is_gone_holds_nothing_up(tmp_path: Path) -> None:
    open_outbox(tmp_path, destinations=(MAIN, "city")).close()
    outbox = open_outbox(tmp_path, bounds=Bounds(kept_count=10))
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 400)])
    assert outbox.sizes()[Stream.TELEMETRY].records == 11


def test_a_conflict_moves_what_is_unsent_into_a_new_log(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 1)
    _raise(outbox, 2, AlarmKind.OVERSPEED)
    outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 1)])
    _append(outbox, AlarmState.UPDATED, 1)
    _append(outbox, AlarmState.CLEARED, 2, AlarmKind.OVERSPEED)
    outbox.append(heartbeat(3), NOW)
    outbox.settle(MAIN, Outcome(needs_new_log=True), NOW)
    assert outbox.log_id == 22
    records = [decode_record(stored.body) for stored in outbox.pending(MAIN, ALL, 100, 100_000)]
    assert [(r.stream, r.seqno, r.kind, r.phase, r.incident) for r in records] == [
        (Stream.ALARM, 1, 4, Phase.RAISED, None),
        (Stream.ALARM, 2, 1, Phase.RAISED, None),  # an update of an opener that went out under the earlier log
        (Stream.ALARM, 3, 4, Phase.CONDITION_GONE, 1),
        (Stream.FAULT, 1, 67, None, None),
        (Stream.TELEMETRY, 1, 97, None, None),
    ]
    assert {record.log for record in records} == {22}
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.ENTRAPMENT, 1),)
    gone = _append(outbox, AlarmState.CLEARED, 1)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 2)
    outbox.close()
    assert open_outbox(tmp_path).log_id == 22


def test_a_new_identity_starts_a_new_log_with_what_is_unsent(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _raise(outbox, 1)
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


def test_an_outbox_without_destinations_keeps_records_within_its_bounds(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(), bounds=Bounds(telemetry_bytes=10_000))
    outbox.append_many([(heartbeat(n), NOW) for n in range(400)])
    assert 0 < outbox.sizes()[Stream.TELEMETRY].records < 200


def test_a_draft_without_incident_is_taken_as_it_is(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    stored = outbox.append(RecordDraft(Stream.ALARM, 69, phase=Phase.TEST), NOW)
    assert stored is not None
    assert decode_record(stored.body).phase is Phase.TEST
    assert not outbox.has_open_alarm()


def test_the_newest_record_stays_whatever_the_bound_and_carries_the_chain_on(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(telemetry_bytes=0))
    outbox.append_many([(heartbeat(n), NOW) for n in range(3)])
    assert _numbers(outbox, Stream.TELEMETRY) == [3]
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert outbox.set_aside is None
    assert outbox.append(heartbeat(), NOW) is not None
    assert _numbers(outbox, Stream.TELEMETRY) == [3, 4]


def test_confirmed_alarms_make_room_before_unsent_telemetry_is_dropped(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bounds=Bounds(total_bytes=20_000))
    for n in range(1, 61):
        _raise(outbox, n, AlarmKind.OVERSPEED)
    outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 60)])
    outbox.append_many([(heartbeat(n), NOW) for n in range(180)])
    assert _numbers(outbox, Stream.TELEMETRY) == list(range(1, 181))
    assert outbox.sizes()[Stream.ALARM].records < 60
    assert _lost(outbox) == []
