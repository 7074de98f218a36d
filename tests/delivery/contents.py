"""What is put into an outbox in these tests, and what is read back out of it."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.outbox import Outbox
from edge_agent.records import StoredRecord, draft_of_alarm
from edge_agent.wire import Lost, Record, Stamp, Stream, decode_record
from tests.delivery.making import MAIN, alarm

NOW = Stamp(1, 9_000)
ALL = tuple(Stream)


def append_stage(
    outbox: Outbox, state: AlarmState, incident: int, kind: AlarmKind = AlarmKind.ENTRAPMENT
) -> Record | None:
    """Commit one stage of an incident. None: there was nothing to tell."""
    draft = draft_of_alarm(alarm(state, incident=incident, kind=kind))
    assert draft is not None
    stored = outbox.append(draft, NOW)
    return None if stored is None else decode_record(stored.body)


def raise_alarm(outbox: Outbox, incident: int, kind: AlarmKind = AlarmKind.ENTRAPMENT) -> Record:
    """Commit the first stage of an incident."""
    record = append_stage(outbox, AlarmState.RAISED, incident, kind)
    assert record is not None
    return record


def numbers(outbox: Outbox, stream: Stream, destination: str = MAIN) -> list[int]:
    """The numbers of a stream that wait for a destination."""
    return [record.seqno for record in outbox.pending(destination, (stream,), 10_000, 10_000_000)]


def lost_named(outbox: Outbox) -> list[Lost]:
    """What unsent records name as lost, in order."""
    records = [decode_record(record.body) for record in outbox.pending(MAIN, (Stream.FAULT,), 1_000, 1_000_000)]
    return [record.detail for record in records if isinstance(record.detail, Lost)]


def unsent(outbox: Outbox) -> list[StoredRecord]:
    """Everything that waits, by stream and number."""
    return list(outbox.pending(MAIN, ALL, 10_000, 10_000_000))
