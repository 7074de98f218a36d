"""What the core concluded, as a record still without number and chain: alarms, trips and the agent's own records.

A record must come of every alarm: values beyond the range of their field are held at its end, never refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from edge_agent import record_form as form
from edge_agent.alarms import Alarm, AlarmState, Conclusion, DoorState, Evidence, Place, SignalCoverage, Trip, Witness
from edge_agent.readings import Direction
from edge_agent.wire_values import (
    Checkpoint,
    ClockFix,
    Commissioned,
    Detail,
    Identity,
    KeyChange,
    Lost,
    LostReason,
    Measure,
    Measured,
    Phase,
    Stream,
    SystemKind,
    Visit,
    WirePlace,
)


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """A record before the outbox gives it a number, a stamp and its link. incident: the core's number of it."""

    stream: Stream
    kind: int
    phase: Phase | None = None
    incident: int | None = None
    place: WirePlace | None = None
    measures: tuple[Measured, ...] = ()
    percent: int | None = None
    evidence: int = 0  # bit n: witness n; 0: none named
    note: str = ""
    detail: Detail | None = None


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A committed record: its place in the log and the bytes that are sent, the same on every retry."""

    stream: Stream
    seqno: int
    kind: int
    body: bytes


# Signs that have a measure of their own, and what to multiply by for its unit. The first of an alarm that maps to a
# measure takes it; every other sign travels in the note. Source: design/alarm.cddl `measures`, the catalogue's names.
_MEASURES: dict[str, tuple[Measure, float]] = {
    "accel_mps2_peak": (Measure.ACC_Z, 1000.0),
    "decel_mps2_peak": (Measure.ACC_Z, 1000.0),
    "shock_mps2_peak": (Measure.ACC_Z, 1000.0),
    "jerk_mps3_peak": (Measure.JERK, 1000.0),
    "car_speed_mps": (Measure.SPEED, 1000.0),
    "vibration_mps2_a95": (Measure.VIBRATION, 1000.0),
    "supply_v": (Measure.VOLTAGE, 1000.0),
    "door_time_s": (Measure.DOOR_MS, 1000.0),
    "door_open_ms": (Measure.DOOR_MS, 1.0),
    "door_open_s": (Measure.DOOR_MS, 1000.0),
    "door_open_s_mean": (Measure.DOOR_MS, 1000.0),
    "door_close_s_mean": (Measure.DOOR_MS, 1000.0),
    "door_close_ms": (Measure.DOOR_MS, 1.0),
    "trips_seen": (Measure.TRIPS, 1.0),
    "level_error_mm": (Measure.LEVEL_ERROR, 1.0),
    "landing_offset_mm": (Measure.LEVEL_ERROR, 1.0),
    "standstill_s": (Measure.STILL_S, 1.0),
    "still_s": (Measure.STILL_S, 1.0),
}

BETWEEN_LANDINGS = "between_landings"
_IN_OTHER_FIELDS = frozenset({"occupied_percent"})
_MOVING = {Direction.DOWN: -1, Direction.NONE: 0, Direction.UP: 1}


def stream_of(kind: int) -> Stream:
    """The stream a kind belongs to. Source: design/alarms.md; the periodic test walks the path of an alarm."""
    if kind < 32 or kind == SystemKind.PERIODIC_TEST:
        return Stream.ALARM
    return Stream.FAULT if kind < 96 else Stream.TELEMETRY


def draft_of(conclusion: Conclusion) -> RecordDraft | None:
    """The record of what the core concluded; None for what is not sent (a suspicion)."""
    match conclusion:
        case Alarm():
            return draft_of_alarm(conclusion)
        case Trip():
            return draft_of_trip(conclusion)
        case SignalCoverage():
            return draft_of_coverage(conclusion)
        case _:
            assert_never(conclusion)


def draft_of_alarm(alarm: Alarm) -> RecordDraft | None:
    """The record of one stage of an incident; None for a suspicion, which stays on the box."""
    phase = _phase_of(alarm.state)
    if phase is None:
        return None
    measures, rest = _measures_of((*alarm.evidence, *_where_it_stands(alarm)))
    return RecordDraft(
        stream=stream_of(alarm.kind),
        kind=int(alarm.kind),
        phase=phase,
        incident=alarm.incident,
        place=_place_of(alarm.place),
        measures=measures,
        percent=None if alarm.occupied_percent is None else _held(alarm.occupied_percent, 0, form.PERCENT_MAX),
        evidence=_bits_of(alarm.witnesses),
        note=_pairs(rest, _cut(alarm.note, form.NOTE_BYTES_MAX)),
    )


def draft_of_trip(trip: Trip) -> RecordDraft:
    """The record of a trip: where it ended, largest speed, peaks; what has no field travels in the note."""
    measures, _ = _measures_of(
        (
            Evidence("accel_mps2_peak", trip.accel_mps2),
            Evidence("jerk_mps3_peak", trip.jerk_mps3),
            Evidence("car_speed_mps", trip.speed_mps),
        )
    )
    note = [
        Evidence("distance_mm", _round(trip.distance_m * 1000.0)),
        Evidence("time_ms", _round((trip.end_ns - trip.start_ns) / 1e6)),
        Evidence("decel_mmps2", _round(trip.decel_mps2 * 1000.0)),
    ]
    if trip.from_landing is not None:
        note.insert(0, Evidence("from", trip.from_landing))
    return RecordDraft(
        stream=Stream.TELEMETRY,
        kind=SystemKind.TRIP,
        place=WirePlace(floor=_floor_of(trip.to_landing), moving=_MOVING[trip.direction]),
        measures=measures,
        note=_pairs(note),
    )


def draft_of_coverage(coverage: SignalCoverage) -> RecordDraft:
    """Signal strength at a landing; where only LTE's own measure is known, that one stands alone in the note."""
    rssi_dbm = coverage.rssi_dbm
    return RecordDraft(
        stream=Stream.TELEMETRY,
        kind=SystemKind.SIGNAL_COVERAGE,
        place=_place_of(coverage.place),
        measures=() if rssi_dbm is None else (Measured(Measure.SIGNAL_STRENGTH, rssi_dbm),),
        note="" if coverage.rsrp_dbm is None else f"rsrp_dbm={coverage.rsrp_dbm}",
    )


def draft_of_started(lift_no: str, firmware: str, configuration: bytes, cause: str = "") -> RecordDraft:
    """The agent began to run. configuration: digest of what it runs with; cause: one short sentence."""
    identity = Identity(
        _cut(lift_no, form.LIFT_NO_BYTES_MAX) or "?",
        _cut(firmware, form.FIRMWARE_BYTES_MAX) or "?",
        configuration[:8].ljust(8, b"\0"),
    )
    note = _cut(cause, form.NOTE_BYTES_MAX)
    return RecordDraft(Stream.FAULT, SystemKind.STARTED, note=note, detail=identity)


def draft_of_lost(stream: Stream, first: int, last: int, reason: LostReason, note: str = "") -> RecordDraft:
    """Records first..last of a stream of this log will not come."""
    detail = Lost(stream, first, last, reason)
    return RecordDraft(Stream.FAULT, SystemKind.RECORDS_LOST, note=_cut(note, form.NOTE_BYTES_MAX), detail=detail)


def draft_of_damage(note: str) -> RecordDraft:
    """An outbox was found damaged: how many records are lost, and which, is not known."""
    return RecordDraft(Stream.FAULT, SystemKind.RECORDS_LOST, note=_cut(note, form.NOTE_BYTES_MAX))


def draft_of_periodic_test() -> RecordDraft:
    """The path of an alarm is walked without one, from the outbox to the receiver's disk."""
    return RecordDraft(Stream.ALARM, SystemKind.PERIODIC_TEST, Phase.TEST)


def draft_of_heartbeat(measures: Iterable[Measured], note: str = "") -> RecordDraft:
    """The box is well, or says what ails it."""
    found = {measured.measure: measured for measured in measures}
    ascending = tuple(found[measure] for measure in sorted(found))
    return RecordDraft(Stream.TELEMETRY, SystemKind.HEARTBEAT, measures=ascending, note=_cut(note, form.NOTE_BYTES_MAX))


def draft_of_clock_fix(fix: ClockFix) -> RecordDraft:
    """The wall clock became known, or is another than was thought."""
    step_ms = _held(fix.step_ms, form.MEASURE_MIN, form.MEASURE_MAX)
    return RecordDraft(Stream.FAULT, SystemKind.CLOCK_FIX, detail=replace(fix, step_ms=step_ms))


def draft_of_checkpoint(checkpoint: Checkpoint) -> RecordDraft:
    """The newest record of each stream, signed: it proves what went before, and shows a cut-off tail."""
    return RecordDraft(Stream.FAULT, SystemKind.CHECKPOINT, detail=checkpoint)


def draft_of_key_change(key: bytes, replaces: bytes) -> RecordDraft:
    """Another key seals from now on; sealed with the one before. Source: design/wire.md section 5.1."""
    return RecordDraft(Stream.FAULT, SystemKind.KEY_CHANGED, detail=KeyChange(key, replaces))


def draft_of_commissioning(commissioned: Commissioned, person: str) -> RecordDraft:
    """The lift was commissioned, and this is the digest of the sealed report. person: who, as they call themselves."""
    note = _cut(f"by {person}", form.NOTE_BYTES_MAX) if person else ""
    return RecordDraft(Stream.FAULT, SystemKind.COMMISSIONING, note=note, detail=commissioned)


def draft_of_visit(visit: Visit, signs: Iterable[Evidence], remark: str, place: Place) -> RecordDraft:
    """One stage of a maintenance visit. signs: what was measured, before it or during it."""
    measures, rest = _measures_of(signs)
    note = _cut(_plain(remark), form.NOTE_BYTES_MAX)
    return RecordDraft(
        Stream.FAULT,
        SystemKind.MAINTENANCE_VISIT,
        place=_place_of(place),
        measures=measures,
        note=_pairs(rest, note),
        detail=replace(visit, person=_cut(_plain(visit.person), form.PERSON_BYTES_MAX) or "?"),
    )


def draft_of_change(what: str, who: str) -> RecordDraft:
    """A person changed something on the box. who: as they call themselves, or ""."""
    note = _cut(_plain(f"{what}, by {who}" if who else what), form.NOTE_BYTES_MAX)
    return RecordDraft(Stream.FAULT, SystemKind.CONFIGURATION_CHANGED, note=note)


def draft_of_end(kind: int, stream: Stream, incident: int, note: str) -> RecordDraft:
    """A person ended an incident, at the lift or from afar. incident: the core's number of it."""
    return RecordDraft(stream, kind, Phase.ENDED, incident, note=_cut(note, form.NOTE_BYTES_MAX))


def draft_of_evidence(kind: int, incident: int, digest: bytes, byte_count: int, *, is_present: bool) -> RecordDraft:
    """The raw readings around an alarm are kept on the box under this digest. is_present: its condition is there."""
    phase = Phase.UPDATED if is_present else Phase.CONDITION_GONE
    note = f"evidence_sha256={digest.hex()[:32]} evidence_bytes={byte_count}"
    return RecordDraft(stream_of(kind), kind, phase, incident, note=_cut(note, form.NOTE_BYTES_MAX))


def _where_it_stands(alarm: Alarm) -> tuple[Evidence, ...]:
    """That the car stands between landings has no field of its own: it travels as a sign."""
    is_said = any(sign.name == BETWEEN_LANDINGS for sign in alarm.evidence)
    return (Evidence(BETWEEN_LANDINGS, True),) if alarm.place.is_between_landings and not is_said else ()


def _phase_of(state: AlarmState) -> Phase | None:
    match state:
        case AlarmState.SUSPECTED:
            return None
        case AlarmState.RAISED:
            return Phase.RAISED
        case AlarmState.UPDATED:
            return Phase.UPDATED
        case AlarmState.CLEARED:
            return Phase.CONDITION_GONE
        case _:
            assert_never(state)


def _place_of(place: Place) -> WirePlace | None:
    """None where nothing at all is known."""
    if place == Place():
        return None
    height_mm = place.height_mm
    return WirePlace(
        floor=_floor_of(place.landing_index),
        door=None if place.door is DoorState.UNKNOWN else place.door,
        moving=_MOVING[place.moving],
        height_mm=None if height_mm is None else _held(height_mm, form.HEIGHT_MM_MIN, form.HEIGHT_MM_MAX),
    )


def _floor_of(landing_index: int | None) -> int | None:
    return None if landing_index is None else _held(landing_index, form.FLOOR_MIN, form.FLOOR_MAX)


def _measures_of(evidence: Iterable[Evidence]) -> tuple[tuple[Measured, ...], tuple[Evidence, ...]]:
    """The signs that have a measure, ascending, and the others."""
    found: dict[Measure, int] = {}
    rest = []
    for sign in evidence:
        if sign.name in _IN_OTHER_FIELDS:
            continue
        measure, factor = _MEASURES.get(sign.name, (None, 1.0))
        value = sign.value
        if measure is None or measure in found or isinstance(value, bool | str) or not math.isfinite(value):
            rest.append(sign)
            continue
        found[measure] = round(max(form.MEASURE_MIN, min(form.MEASURE_MAX, value * factor)))
    return tuple(Measured(measure, found[measure]) for measure in sorted(found)), tuple(rest)


def _bits_of(witnesses: Iterable[Witness]) -> int:
    return sum(1 << witness for witness in witnesses)


def _pairs(signs: Iterable[Evidence], note: str = "") -> str:
    """A note followed by `name=value` pairs, as many whole ones as fit."""
    for sign in signs:
        longer = f"{note} {sign.name}={_shown(sign.value)}".strip()
        if len(longer.encode()) <= form.NOTE_BYTES_MAX:
            note = longer
    return note


def _shown(value: float | int | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _cut(text: str, bytes_max: int) -> str:
    """The longest beginning of whole characters that fits."""
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


def _plain(text: str) -> str:
    """On one line."""
    return " ".join(text.split())


def _round(value: float) -> int:
    return round(value) if math.isfinite(value) else 0


def _held(value: int, low: int, high: int) -> int:
    return max(low, min(high, int(value)))
