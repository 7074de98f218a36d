"""A record of every kind that a box makes, from fixed inputs; `python -m tests.delivery.every_kind` writes golden.txt.

The file is the memory of the format: a change of any byte of it is a change of the format, to be made on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.alarms import (
    Alarm,
    AlarmKind,
    AlarmState,
    DoorState,
    Evidence,
    Place,
    SignalCoverage,
    Trip,
    Witness,
)
from edge_agent.catalogue import CATALOGUE
from edge_agent.readings import Direction
from edge_agent.records import (
    RecordDraft,
    draft_of_alarm,
    draft_of_change,
    draft_of_checkpoint,
    draft_of_clock_fix,
    draft_of_commissioning,
    draft_of_coverage,
    draft_of_damage,
    draft_of_end,
    draft_of_evidence,
    draft_of_heartbeat,
    draft_of_key_change,
    draft_of_lost,
    draft_of_periodic_test,
    draft_of_started,
    draft_of_trip,
    draft_of_visit,
)
from edge_agent.story import kind_name
from edge_agent.wire import (
    Checkpoint,
    ClockFix,
    ClockSource,
    Commissioned,
    Head,
    LostReason,
    Measure,
    Measured,
    Phase,
    Record,
    Stamp,
    Stream,
    Visit,
    VisitAct,
    chain_start,
    digest,
    encode_record,
)

FILE = Path(__file__).with_name("golden.txt")
DEVICE = bytes.fromhex("a1b2c3d4e5f60718")
LOG = 2_654_435_769
S = 1_000_000_000


def _alarm(kind: AlarmKind, state: AlarmState) -> RecordDraft:
    draft = draft_of_alarm(
        Alarm(
            t_ns=S,
            kind=kind,
            state=state,
            severity=CATALOGUE[kind].severity,
            incident=1,
            evidence=(Evidence("standstill_s", 62.0), Evidence("button_s", 2.5)),
            witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
            place=Place(4, True, 13_480, DoorState.CLOSED),
            occupied_percent=93 if kind < 32 else None,
        )
    )
    assert draft is not None
    return draft


def drafts() -> Iterator[tuple[str, RecordDraft]]:
    """What each says, and the draft."""
    for kind in AlarmKind:
        yield f"{kind.public_name} raised between landings near 4", _alarm(kind, AlarmState.RAISED)
    yield "entrapment updated", _alarm(AlarmKind.ENTRAPMENT, AlarmState.UPDATED)
    yield "entrapment, its condition is gone", _alarm(AlarmKind.ENTRAPMENT, AlarmState.CLEARED)
    yield "entrapment ended at the lift by Li", draft_of_end(1, Stream.ALARM, 1, "ended by Li")
    kept = draft_of_evidence(1, 1, bytes(range(32)), 123_456, is_present=True)
    yield "the recording around an entrapment is kept", kept
    yield (
        "started, after a crash",
        draft_of_started("31104403201900012", "0.1.0", bytes(8), "started again after a crash"),
    )
    yield (
        "the wall clock is known from a receiver",
        draft_of_clock_fix(ClockFix(1_795_459_200_123, 350, ClockSource.RECEIVER, -3_600_000)),
    )
    heads = tuple(Head(stream, 41 + stream, bytes([stream]) * 32) for stream in Stream)
    yield "checkpoint over four streams, 17 records wait", draft_of_checkpoint(Checkpoint(heads, 17))
    for reason in LostReason:
        yield f"telemetry 5 to 9 is lost: {reason.name.lower()}", draft_of_lost(Stream.TELEMETRY, 5, 9, reason)
    yield "an outbox was damaged", draft_of_damage("outbox damaged, kept as outbox.damaged-1; 3 taken over")
    yield "periodic test", draft_of_periodic_test()
    yield "another key seals from now on", draft_of_key_change(bytes(range(100, 132)), DEVICE)
    commissioned = draft_of_commissioning(Commissioned(bytes(range(32)), 8, 1, 0, 1), "王建国")
    yield "commissioned by 王建国: 8 steps passed, 1 doubtful, 1 skipped", commissioned
    before = (Evidence("door_close_ms", 2_610.0), Evidence("trips_seen", 18), Evidence("door_open_ms", 1_870))
    started = Visit(3, VisitAct.STARTED, 0, "王建国", bytes(range(8)))
    yield "visit 3 started by 王建国", draft_of_visit(started, before, "", Place(0, False, 0, DoorState.OPEN))
    finished = Visit(3, VisitAct.FINISHED, 2_400, "王建国", bytes(range(8)), b"\xff\x0f", b"\x00\x01")
    yield (
        "visit 3 finished after 40 min, item 9 not in order",
        draft_of_visit(finished, before, "rollers worn", Place(0)),
    )
    forgotten = Visit(3, VisitAct.FORGOTTEN, 7_200, "王建国", bytes(range(8)))
    yield "visit 3 forgotten for 2 h", draft_of_visit(forgotten, (), "", Place())
    yield (
        "a trip up from 1 to 4",
        draft_of_trip(Trip(9 * S, S, 8 * S, Direction.UP, 9.0, 1.6, 0.8, 0.9, 1.1, from_landing=1, to_landing=4)),
    )
    measured = (Measured(Measure.DISK_FREE, 1_048_576), Measured(Measure.CPU_TEMPERATURE, 5_250))
    yield "heartbeat", draft_of_heartbeat(measured)
    yield "signal at landing 2", draft_of_coverage(SignalCoverage(S, Place(2), -79, -96))
    yield "settings were accepted on the page by 李娜", draft_of_change("settings accepted, 3 values", "李娜")


def records() -> Iterator[tuple[str, Record]]:
    """The drafts as one log: numbered and chained by stream; those of phases 2 to 4 name the first record."""
    seqnos = dict.fromkeys(Stream, 0)
    links = {stream: chain_start(DEVICE, LOG, stream)[:8] for stream in Stream}
    for says, draft in drafts():
        stream = draft.stream
        seqnos[stream] += 1
        is_later = draft.phase in (Phase.UPDATED, Phase.CONDITION_GONE, Phase.ENDED)
        record = Record(
            device=DEVICE,
            log=LOG,
            stream=stream,
            seqno=seqnos[stream],
            kind=draft.kind,
            stamp=Stamp(17, 86_412_345, 1_795_459_200_123, 350),
            link=links[stream],
            phase=draft.phase,
            incident=1 if is_later else None,
            place=draft.place,
            measures=draft.measures or None,
            percent=draft.percent,
            evidence=draft.evidence or None,
            note=draft.note or None,
            detail=draft.detail,
        )
        links[stream] = digest(encode_record(record))[:8]
        yield says, record


def golden_lines() -> list[str]:
    """One line a record: kind, its name, what it says, the bytes."""
    return [
        f"{record.kind} {kind_name(record.kind)} | {says} | {encode_record(record).hex()}" for says, record in records()
    ]


if __name__ == "__main__":
    FILE.write_text("\n".join(golden_lines()) + "\n", encoding="utf-8")
