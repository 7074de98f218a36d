"""What a record costs on the wire: bytes, and microseconds of CPU to encode and to decode it with all checks.

Beside it in the same rounds: bare cbor2 on the same tree, which checks nothing, and compact JSON with words for keys.
The agent encodes a record once, when it is committed, and decodes only receipts; the receiver decodes every record.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2

from benchmarks.report import Report, Row, Scale, Table, interleaved
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, Severity, Trip, Witness
from edge_agent.readings import Direction
from edge_agent.records import RecordDraft, draft_of_alarm, draft_of_trip
from edge_agent.wire import (
    Batch,
    Mark,
    Receipt,
    Record,
    Stamp,
    Stream,
    Verdict,
    decode_batch,
    decode_receipt,
    decode_record,
    encode_batch,
    encode_receipt,
    encode_record,
)

DEVICE = bytes.fromhex("a1b2c3d4e5f60718")
STAMP = Stamp(17, 86_412_345, 1_795_459_200_123, 350)
ALARM = Alarm(
    t_ns=86_412_345_000_000,
    kind=AlarmKind.ENTRAPMENT,
    state=AlarmState.RAISED,
    severity=Severity.CRITICAL,
    incident=1,
    evidence=(Evidence("standstill_s", 61.2),),
    witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT, Witness.CONTROLLER}),
    place=Place(landing_index=4, is_between_landings=True, height_mm=13_400, door=DoorState.CLOSED),
    occupied_percent=97,
)
TRIP = Trip(
    t_ns=86_412_345_000_000,
    start_ns=86_400_000_000_000,
    end_ns=86_411_000_000_000,
    direction=Direction.UP,
    distance_m=9.61,
    speed_mps=1.58,
    accel_mps2=0.81,
    decel_mps2=0.78,
    jerk_mps3=0.92,
    from_landing=1,
    to_landing=4,
)


@dataclass(frozen=True, slots=True)
class _Contender:
    size: int
    encode: Callable[[], object]
    decode: Callable[[], object]


def run(scale: Scale) -> Report:
    """See the module."""
    loops, rounds = scale.of(1_500, 5), scale.of(7, 1)
    contenders = _contenders()
    work: dict[str, Callable[[], tuple[float, float]]] = {
        name: _timed(each, loops) for name, each in contenders.items()
    }
    measured = interleaved(rounds, work)
    rows = tuple(
        Row(name, ([contenders[name].size], [e for e, _ in spent_us], [d for _, d in spent_us]))
        for name, spent_us in measured.items()
    )
    notes = ("CPU time; records are not signed yet",)
    return Report((Table("records, requests, answers", ("bytes", "encode us", "decode us"), rows, notes),))


def record_of(draft: RecordDraft | None) -> Record:
    """The record that an outbox would make of it."""
    if draft is None:
        raise ValueError("nothing is sent of this")
    return Record(
        device=DEVICE,
        log=2_654_435_769,
        stream=draft.stream,
        seqno=41,
        kind=draft.kind,
        stamp=STAMP,
        link=bytes(8),
        phase=draft.phase,
        place=draft.place,
        measures=draft.measures or None,
        percent=draft.percent,
        evidence=draft.evidence or None,
        note=draft.note or None,
    )


def _contenders() -> dict[str, _Contender]:
    alarm, trip = record_of(draft_of_alarm(ALARM)), record_of(draft_of_trip(TRIP))
    alarm_body, trip_body = encode_record(alarm), encode_record(trip)
    small, large = (Batch(DEVICE, (alarm_body,) * count, STAMP) for count in (1, 64))
    receipt = Receipt(
        device=DEVICE,
        log=2_654_435_769,
        verdicts=(Verdict.STORED,),
        marks=(Mark(Stream.ALARM, 41), Mark(Stream.FAULT, 17), Mark(Stream.TELEMETRY, 1_733)),
        at_ms=1_795_459_200_200,
        receiver=b"receiver",
        answers=bytes(8),
    )
    small_body, large_body, receipt_body = encode_batch(small), encode_batch(large), encode_receipt(receipt)
    tree = cbor2.loads(alarm_body)
    words = _worded(tree)
    text = json.dumps(words, separators=(",", ":"))
    return {
        "alarm": _Contender(len(alarm_body), lambda: encode_record(alarm), lambda: decode_record(alarm_body)),
        "  the same, bare cbor2": _Contender(
            len(alarm_body), lambda: cbor2.dumps(tree), lambda: cbor2.loads(alarm_body)
        ),
        "  the same, compact JSON": _Contender(
            len(text), lambda: json.dumps(words, separators=(",", ":")), lambda: json.loads(text)
        ),
        "trip": _Contender(len(trip_body), lambda: encode_record(trip), lambda: decode_record(trip_body)),
        "request with 1 alarm": _Contender(
            len(small_body), lambda: encode_batch(small), lambda: decode_batch(small_body)
        ),
        "request with 64 alarms": _Contender(
            len(large_body), lambda: encode_batch(large), lambda: decode_batch(large_body)
        ),
        "receipt": _Contender(len(receipt_body), lambda: encode_receipt(receipt), lambda: decode_receipt(receipt_body)),
    }


def _worded(tree: object) -> Any:
    """As JSON would carry it: words of eight letters for keys, bytes as hexadecimal digits."""
    match tree:
        case dict():
            return {f"field_{key:02}": _worded(value) for key, value in tree.items()}
        case list() | tuple():
            return [_worded(value) for value in tree]
        case bytes():
            return tree.hex()
        case _:
            return tree


def _timed(contender: _Contender, loops: int) -> Callable[[], tuple[float, float]]:
    def spent_us(work: Callable[[], object]) -> float:
        begun_s = time.process_time()
        for _ in range(loops):
            work()
        return (time.process_time() - begun_s) / loops * 1e6

    return lambda: (spent_us(contender.encode), spent_us(contender.decode))
