"""The form of one record: value to CBOR tree and back, each field checked against `alarm.cddl`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from edge_agent.alarms import DoorState
from edge_agent.schema import array, keyed, octets, one_of, refuse, scalar, text, whole
from edge_agent.wire_values import (
    DEVICE_ID_BYTES,
    DIGEST_BYTES,
    LINK_BYTES,
    SEQNO_MAX,
    Checkpoint,
    ClockFix,
    ClockSource,
    Commissioned,
    Detail,
    Head,
    Identity,
    KeyChange,
    LaterField,
    Lost,
    LostReason,
    Measure,
    Measured,
    Phase,
    Record,
    Stamp,
    Stream,
    Visit,
    VisitAct,
    WirePlace,
)

# Keys and ranges. Source: design/alarm.cddl.
VERSION = 1
KIND_MAX = 255
WORD_MAX = (1 << 32) - 1
UP_MS_MAX = (1 << 48) - 1
UNIX_MS_MIN, UNIX_MS_MAX = 1_500_000_000_000, 4_102_444_800_000
FLOOR_MIN, FLOOR_MAX = -20, 200
HEIGHT_MM_MIN, HEIGHT_MM_MAX = -100_000, 1_000_000
PEOPLE_MAX = 99
MEASURE_MIN, MEASURE_MAX = -(1 << 31), (1 << 31) - 1
PERCENT_MAX = 100
EVIDENCE_MAX = 65_535
NOTE_BYTES_MAX = 80
LIFT_NO_BYTES_MAX = 32
FIRMWARE_BYTES_MAX = 24
HEADS_MAX = 4
STEPS_MAX = 99
PERSON_BYTES_MAX = 32
ITEM_BITS_BYTES_MAX = 16
VISIT_S_MAX = 86_400
KEY_BYTES_MIN, KEY_BYTES_MAX = 32, 33  # Ed25519; a compressed P-256 point

_REQUIRED = frozenset(range(8))
_OPTIONAL = frozenset(range(8, 20))
_LATER = range(16, 20)
_CLOCK_FIX, _LOST, _CHECKPOINT, _IDENTITY, _KEY_CHANGE, _COMMISSIONED, _VISIT = range(1, 8)


def device_id(value: object, what: str) -> bytes:
    """A device id: the first bytes of the digest of its first public key."""
    return octets(value, DEVICE_ID_BYTES, DEVICE_ID_BYTES, what)


def log_id(value: object, what: str) -> int:
    """The random number of one life of an outbox."""
    return whole(value, 0, WORD_MAX, what)


def seqno(value: object, what: str) -> int:
    """A number within a stream, from 1."""
    return whole(value, 1, SEQNO_MAX, what)


def unix_ms(value: object, what: str) -> int:
    """Unix time between 2017 and 2100."""
    return whole(value, UNIX_MS_MIN, UNIX_MS_MAX, what)


def version(value: object, what: str) -> None:
    """The only version there is."""
    whole(value, VERSION, VERSION, what)


def stamp_to_tree(stamp: Stamp) -> list[object]:
    """Two members, or four where wall time is known. Raises `WireError` where only half of it is."""
    if (stamp.wall_ms is None) != (stamp.unc_ms is None):
        refuse("stamp", "wall time and its uncertainty go together")
    if stamp.wall_ms is None:
        return [stamp.boot, stamp.up_ms]
    return [stamp.boot, stamp.up_ms, stamp.wall_ms, stamp.unc_ms]


def stamp_from_tree(tree: object, what: str) -> Stamp:
    """The reverse of `stamp_to_tree`."""
    parts = array(tree, 2, 4, what)
    boot, up_ms = seqno(parts[0], f"{what} boot"), whole(parts[1], 0, UP_MS_MAX, f"{what} up-ms")
    if len(parts) == 2:
        return Stamp(boot, up_ms)
    if len(parts) == 3:
        refuse(what, "3 members, expected 2 or 4")
    return Stamp(boot, up_ms, unix_ms(parts[2], f"{what} wall"), whole(parts[3], 0, WORD_MAX, f"{what} unc"))


def record_to_tree(record: Record) -> dict[int, object]:
    """A map with keys in ascending order; absent fields are left out."""
    tree: dict[int, object] = {
        0: VERSION,
        1: record.device,
        2: record.log,
        3: int(record.stream),
        4: record.seqno,
        5: int(record.kind),
        6: stamp_to_tree(record.stamp),
        7: record.link,
    }
    optional: tuple[tuple[int, object], ...] = (
        (8, None if record.phase is None else int(record.phase)),
        (9, record.incident),
        (10, None if record.place is None else _place_to_tree(record.place)),
        (11, None if record.measures is None else {int(m.measure): m.value for m in record.measures}),
        (12, record.percent),
        (13, record.evidence),
        (14, record.note),
        (15, None if record.detail is None else _detail_to_tree(record.detail)),
        *((later.key, later.value) for later in record.later),
    )
    tree.update((key, value) for key, value in optional if value is not None)
    return tree


def record_from_tree(tree: object) -> Record:
    """Check a decoded tree against the schema. Raises `WireError` naming the field."""
    fields = keyed(tree, _REQUIRED, _OPTIONAL, "record")
    version(fields[0], "record version")
    return Record(
        device=device_id(fields[1], "record device id"),
        log=log_id(fields[2], "record log id"),
        stream=one_of(fields[3], Stream, "record stream"),
        seqno=seqno(fields[4], "record number"),
        kind=whole(fields[5], 1, KIND_MAX, "record kind"),
        stamp=stamp_from_tree(fields[6], "record stamp"),
        link=octets(fields[7], LINK_BYTES, LINK_BYTES, "record link"),
        phase=one_of(fields[8], Phase, "record phase") if 8 in fields else None,
        incident=seqno(fields[9], "record incident") if 9 in fields else None,
        place=_place_from_tree(fields[10]) if 10 in fields else None,
        measures=_measures_from_tree(fields[11]) if 11 in fields else None,
        percent=whole(fields[12], 0, PERCENT_MAX, "record percent") if 12 in fields else None,
        evidence=whole(fields[13], 0, EVIDENCE_MAX, "record evidence") if 13 in fields else None,
        note=text(fields[14], 1, NOTE_BYTES_MAX, "record note") if 14 in fields else None,
        detail=_detail_from_tree(fields[15]) if 15 in fields else None,
        later=tuple(LaterField(key, scalar(fields[key], f"record key {key}")) for key in _LATER if key in fields),
    )


def _place_to_tree(place: WirePlace) -> dict[int, object]:
    door = None if place.door is None else place.door.value
    members = enumerate((place.floor, door, place.moving, place.height_mm, place.people))
    return {key: value for key, value in members if value is not None}


def _place_from_tree(tree: object) -> WirePlace:
    fields = keyed(tree, frozenset(), frozenset(range(5)), "place")
    return WirePlace(
        floor=whole(fields[0], FLOOR_MIN, FLOOR_MAX, "place floor") if 0 in fields else None,
        door=DoorState(whole(fields[1], 0, 4, "place door")) if 1 in fields else None,
        moving=whole(fields[2], -1, 1, "place moving") if 2 in fields else None,
        height_mm=whole(fields[3], HEIGHT_MM_MIN, HEIGHT_MM_MAX, "place height") if 3 in fields else None,
        people=whole(fields[4], 0, PEOPLE_MAX, "place people") if 4 in fields else None,
    )


def _measures_from_tree(tree: object) -> tuple[Measured, ...]:
    fields = keyed(tree, frozenset(), frozenset(int(m) for m in Measure), "measures")
    return tuple(
        Measured(measure, whole(fields[measure], MEASURE_MIN, MEASURE_MAX, f"measure {measure.name.lower()}"))
        for measure in Measure
        if measure in fields
    )


def _detail_to_tree(detail: Detail) -> list[object]:
    match detail:
        case ClockFix():
            return [_CLOCK_FIX, detail.wall_ms, detail.unc_ms, int(detail.source), detail.step_ms]
        case Lost():
            return [_LOST, int(detail.stream), detail.first, detail.last, int(detail.reason)]
        case Checkpoint():
            heads = [[int(head.stream), head.last, head.digest] for head in detail.heads]
            return [_CHECKPOINT, heads, detail.queued]
        case Identity():
            return [_IDENTITY, detail.lift_no, detail.firmware, detail.configuration]
        case KeyChange():
            return [_KEY_CHANGE, detail.key, detail.replaces]
        case Commissioned():
            counts = [detail.passed, detail.doubtful, detail.failed, detail.skipped]
            return [_COMMISSIONED, detail.report, counts]
        case Visit():
            told = [detail.number, int(detail.act), detail.lasted_s, detail.person]
            return [_VISIT, *told, detail.items, detail.done, detail.faulty]
        case _:
            assert_never(detail)


def _detail_from_tree(tree: object) -> Detail:
    parts = array(tree, 3, 8, "detail")
    match whole(parts[0], _CLOCK_FIX, _VISIT, "detail type"):
        case 1:
            _, wall, unc, source, step = array(parts, 5, 5, "clock fix")
            return ClockFix(
                unix_ms(wall, "clock fix wall"),
                whole(unc, 0, WORD_MAX, "clock fix unc"),
                one_of(source, ClockSource, "clock fix source"),
                whole(step, MEASURE_MIN, MEASURE_MAX, "clock fix step"),
            )
        case 2:
            _, stream, first, last, reason = array(parts, 5, 5, "lost")
            return Lost(
                one_of(stream, Stream, "lost stream"),
                seqno(first, "lost first"),
                seqno(last, "lost last"),
                one_of(reason, LostReason, "lost reason"),
            )
        case 3:
            _, heads, queued = array(parts, 3, 3, "checkpoint")
            return Checkpoint(
                tuple(_head_from_tree(head) for head in array(heads, 1, HEADS_MAX, "checkpoint heads")),
                whole(queued, 0, WORD_MAX, "checkpoint queued"),
            )
        case 4:
            _, lift_no, firmware, configuration = array(parts, 4, 4, "identity")
            return Identity(
                text(lift_no, 1, LIFT_NO_BYTES_MAX, "identity lift"),
                text(firmware, 1, FIRMWARE_BYTES_MAX, "identity firmware"),
                octets(configuration, LINK_BYTES, LINK_BYTES, "identity configuration"),
            )
        case 6:
            return _commissioned_from(parts)
        case 7:
            return _visit_from(parts)
        case _:
            _, key, replaces = array(parts, 3, 3, "key change")
            return KeyChange(
                octets(key, KEY_BYTES_MIN, KEY_BYTES_MAX, "changed key"),
                octets(replaces, DEVICE_ID_BYTES, DEVICE_ID_BYTES, "replaced key"),
            )


def _commissioned_from(parts: Sequence[object]) -> Commissioned:
    _, report, counts = array(parts, 3, 3, "commissioning")
    passed, doubtful, failed, skipped = (
        whole(count, 0, STEPS_MAX, "commissioning steps") for count in array(counts, 4, 4, "commissioning steps")
    )
    digest = octets(report, DIGEST_BYTES, DIGEST_BYTES, "commissioning report")
    return Commissioned(digest, passed, doubtful, failed, skipped)


def _visit_from(parts: Sequence[object]) -> Visit:
    _, number, act, lasted_s, person, items, done, faulty = array(parts, 8, 8, "visit")
    return Visit(
        seqno(number, "visit number"),
        one_of(act, VisitAct, "visit act"),
        whole(lasted_s, 0, VISIT_S_MAX, "visit time"),
        text(person, 1, PERSON_BYTES_MAX, "visit person"),
        octets(items, LINK_BYTES, LINK_BYTES, "visit checklist"),
        octets(done, 0, ITEM_BITS_BYTES_MAX, "visit items done"),
        octets(faulty, 0, ITEM_BITS_BYTES_MAX, "visit items faulty"),
    )


def _head_from_tree(tree: object) -> Head:
    stream, last, digest = array(tree, 3, 3, "head")
    return Head(
        one_of(stream, Stream, "head stream"),
        seqno(last, "head number"),
        octets(digest, DIGEST_BYTES, DIGEST_BYTES, "head digest"),
    )
