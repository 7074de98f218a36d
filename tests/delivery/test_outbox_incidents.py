"""Incidents, notices and new logs in the outbox."""

from __future__ import annotations

from pathlib import Path

from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.delivery import Outcome
from edge_agent.records import RecordDraft
from edge_agent.wire import (
    Act,
    IncidentRef,
    Mark,
    Notice,
    Phase,
    Stream,
    decode_record,
)
from tests.delivery.contents import ALL, NOW, append_stage, raise_alarm, unsent
from tests.delivery.making import MAIN, heartbeat, open_outbox


def test_an_incident_is_named_by_its_opening_record_in_all_its_stages(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1, AlarmKind.OVERSPEED)
    opener = raise_alarm(outbox, 2)
    updated, gone = (append_stage(outbox, state, 2) for state in (AlarmState.UPDATED, AlarmState.CLEARED))
    assert (opener.seqno, opener.phase, opener.incident) == (2, Phase.RAISED, None)
    assert updated is not None
    assert (updated.phase, updated.incident) == (Phase.UPDATED, 2)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 2)


def test_the_end_of_a_suspicion_that_was_never_raised_is_no_record(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert append_stage(outbox, AlarmState.CLEARED, 1) is None
    assert unsent(outbox) == []


def test_open_incidents_survive_a_restart_and_numbers_are_not_used_twice(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert (outbox.open_incidents(), outbox.next_incident(), outbox.has_open_alarm()) == ((), 1, False)
    raise_alarm(outbox, 1)
    raise_alarm(outbox, 4, AlarmKind.SENSOR_FAULT)
    append_stage(outbox, AlarmState.CLEARED, 1)
    raise_alarm(outbox, 7, AlarmKind.ALARM_BUTTON)
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.SENSOR_FAULT, 4), OpenIncident(AlarmKind.ALARM_BUTTON, 7))
    assert outbox.next_incident() == 8
    assert outbox.has_open_alarm()
    gone = append_stage(outbox, AlarmState.CLEARED, 7)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 3)
    assert not outbox.has_open_alarm()


def test_an_alarm_of_a_kind_left_open_by_an_earlier_run_goes_on_with_that_incident(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    outbox.close()
    outbox = open_outbox(tmp_path)  # the core starts anew, without what it knew
    again = raise_alarm(outbox, 2)
    assert (again.phase, again.incident) == (Phase.UPDATED, 1)
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.ENTRAPMENT, 2),)
    gone = append_stage(outbox, AlarmState.CLEARED, 2)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 1)
    new = raise_alarm(outbox, 3)
    assert (new.phase, new.incident) == (Phase.RAISED, None)


def test_two_sources_may_be_at_fault_at_once_as_two_incidents(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    openers = [raise_alarm(outbox, n, AlarmKind.SENSOR_FAULT) for n in (1, 2)]
    assert [(record.phase, record.incident) for record in openers] == [(Phase.RAISED, None)] * 2
    ended = [append_stage(outbox, AlarmState.CLEARED, n, AlarmKind.SENSOR_FAULT) for n in (2, 1)]
    assert [record and (record.phase, record.incident) for record in ended] == [
        (Phase.CONDITION_GONE, 2),
        (Phase.CONDITION_GONE, 1),
    ]


def test_two_incidents_of_a_kind_that_the_core_forgot_are_both_gone_on_with(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for n in (1, 2):
        raise_alarm(outbox, n, AlarmKind.SENSOR_FAULT)
    outbox.close()
    outbox = open_outbox(tmp_path)
    again = [raise_alarm(outbox, n, AlarmKind.SENSOR_FAULT) for n in (3, 4, 5)]
    assert [(record.phase, record.incident) for record in again] == [
        (Phase.UPDATED, 2),
        (Phase.UPDATED, 1),
        (Phase.RAISED, None),
    ]
    assert [incident.incident for incident in outbox.open_incidents()] == [3, 4, 5]


def test_raising_twice_is_an_update(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    assert raise_alarm(outbox, 1).phase is Phase.UPDATED


def test_a_notice_is_new_once_and_names_our_incident(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 5)
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


def test_a_conflict_moves_what_is_unsent_into_a_new_log(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    raise_alarm(outbox, 2, AlarmKind.OVERSPEED)
    outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 1)])
    append_stage(outbox, AlarmState.UPDATED, 1)
    append_stage(outbox, AlarmState.CLEARED, 2, AlarmKind.OVERSPEED)
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
    gone = append_stage(outbox, AlarmState.CLEARED, 1)
    assert gone is not None
    assert (gone.phase, gone.incident) == (Phase.CONDITION_GONE, 2)
    outbox.close()
    assert open_outbox(tmp_path).log_id == 22


def test_a_draft_without_incident_is_taken_as_it_is(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    stored = outbox.append(RecordDraft(Stream.ALARM, 69, phase=Phase.TEST), NOW)
    assert stored is not None
    assert decode_record(stored.body).phase is Phase.TEST
    assert not outbox.has_open_alarm()
