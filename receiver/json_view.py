"""Incidents and boards as JSON text for the page and for other programs. The form is described in docs/receiver.md."""

from __future__ import annotations

import json

from edge_agent.alarms import AlarmKind, DoorState, Severity, Witness
from edge_agent.catalogue import CATALOGUE, CatalogueRow
from edge_agent.records import BETWEEN_LANDINGS
from edge_agent.wire_values import Measure, Notice, Record, WirePlace
from receiver.board import Board, Box, Boxes, Trouble
from receiver.common_cause import Occasion, occasions
from receiver.dating import When
from receiver.evidence import EvidenceView
from receiver.incident_rows import IncidentView
from receiver.incidents import ALARM_KIND_MAX

Json = dict[str, object]

# Name, unit and divisor from the whole number on the wire. Source: design/alarm.cddl `measures`.
_MEASURES: dict[Measure, tuple[str, str, int]] = {
    Measure.ACC_X: ("acc_x", "m/s²", 1000),
    Measure.ACC_Y: ("acc_y", "m/s²", 1000),
    Measure.ACC_Z: ("acc_z", "m/s²", 1000),
    Measure.JERK: ("jerk", "m/s³", 1000),
    Measure.SPEED: ("speed", "m/s", 1000),
    Measure.VIBRATION: ("vibration", "m/s²", 1000),
    Measure.SOUND: ("sound", "dB", 10),
    Measure.TEMPERATURE: ("temp", "°C", 100),
    Measure.VOLTAGE: ("volt", "V", 1000),
    Measure.DOOR_MS: ("door", "s", 1000),
    Measure.LEVEL_ERROR: ("level_error", "mm", 1),
    Measure.STILL_S: ("still", "s", 1),
    Measure.SIGNAL_STRENGTH: ("rssi", "dBm", 1),
    Measure.DISK_FREE: ("disk", "KiB", 1),
    Measure.TRIPS: ("trips", "", 1),
    Measure.CPU_TEMPERATURE: ("cpu_temp", "°C", 100),
}
_MOVING = {-1: "down", 0: "none", 1: "up"}
_BETWEEN = BETWEEN_LANDINGS  # any alarm may say so, in its note


def incident_text(view: IncidentView, now_ms: int) -> str:
    """One incident."""
    return _text({"now_ms": now_ms, "incident": incident_tree(view)})


def board_text(board: Board, now_ms: int) -> str:
    """The whole picture."""
    return _text(
        {
            "now_ms": now_ms,
            "receiver": board.receiver_id.hex(),
            "incidents": [incident_tree(view) for view in board.incidents],
            "left_off": board.left_off,
            "occasions": [_occasion(each) for each in occasions(board.incidents)],
            **_boxes(board.boxes),
        }
    )


def boxes_text(boxes: Boxes, now_ms: int) -> str:
    """Troubles and boxes only."""
    return _text({"now_ms": now_ms, **_boxes(boxes)})


def beat_text(now_ms: int) -> str:
    """A sign of life."""
    return _text({"now_ms": now_ms})


def problem_text(problem: str, hint: str) -> str:
    """An answer that refuses."""
    return _text({"problem": problem, "hint": hint})


def _text(tree: Json) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def incident_tree(view: IncidentView) -> Json:
    """As it stands in every answer that holds one."""
    incident = view.incident
    first = incident.first
    latest = incident.latest
    assert first is not None
    assert latest is not None
    row = catalogue_row(first.kind)
    takeover = incident.takeover
    signs = signs_of(latest, row) or signs_of(first, row)
    note = latest.note if latest.note is not None else first.note
    return {
        "id": str(incident.key),
        "device": incident.key.device.hex(),
        "lift": view.lift_no,
        "log": incident.key.log,
        "stream": int(incident.key.stream),
        "number": incident.key.seqno,
        "kind": first.kind,
        "name": f"kind_{first.kind}" if row is None else row.name,
        "title": _both(f"Alarm kind {first.kind}", f"报警类型 {first.kind}") if row is None else _title(row),
        "severity": _severity(first.kind, row).value,
        "first_check": None if row is None else _both(row.first_check_en, row.first_check_zh),
        "raised": _when(view.raised),
        "stored_ms": view.stored_ms,
        "place": _place(latest.place or first.place, signs),
        "occupied_percent": latest.percent if latest.percent is not None else first.percent,
        "evidence": _witnesses((latest.evidence or 0) | (first.evidence or 0)),
        "measures": measures_of(latest) or measures_of(first),
        "signs": signs,
        "note": None if signs else note,
        "state": incident.state.value,
        "is_open": incident.is_open,
        "needs_taking_over": incident.needs_taking_over,
        "recovered_by_itself": view.recovered_by_itself,
        "taken_over_by": None if takeover is None else takeover.who,
        "taken_over_ms": None if takeover is None else takeover.at_ms,
        "eta_min": None if takeover is None else takeover.eta_min,
        "due_ms": None if takeover is None else takeover.due_ms,
        "box_was_told": view.box_was_told,
        "condition_gone": None if view.gone is None else _when(view.gone),
        "ended": None if view.ended is None else _when(view.ended),
        "notices": [_notice(notice, view.heard_notice) for notice in incident.journal],
        "recording": None if view.evidence is None else _recording(view.evidence),
    }


def _recording(evidence: EvidenceView) -> Json:
    return {"state": evidence.state.name.lower(), "bytes": evidence.size, "bytes_here": evidence.have}


def catalogue_row(kind: int) -> CatalogueRow | None:
    """None: a kind that this receiver does not know yet."""
    try:
        return CATALOGUE.get(AlarmKind(kind))
    except ValueError:
        return None


def _severity(kind: int, row: CatalogueRow | None) -> Severity:
    if row is not None:
        return row.severity
    return Severity.CRITICAL if kind <= ALARM_KIND_MAX else Severity.MAJOR


def _title(row: CatalogueRow) -> Json:
    return _both(row.title_en, row.title_zh)


def _both(en: str, zh: str) -> Json:
    return {"en": en, "zh": zh}


def _when(found: When) -> Json:
    return {"earliest_ms": found.earliest_ms, "latest_ms": found.latest_ms}


def _place(place: WirePlace | None, signs: list[Json]) -> Json:
    place = WirePlace() if place is None else place
    said = [sign["value"] for sign in signs if sign["name"] == _BETWEEN]
    return {
        "landing": place.floor,
        "is_between_landings": said[0] == "yes" if said else None,
        "height_mm": place.height_mm,
        "door": (place.door or DoorState.UNKNOWN).name.lower(),
        "moving": None if place.moving is None else _MOVING[place.moving],
        "people": place.people,
    }


def _witnesses(bits: int) -> list[str]:
    return [witness.name.lower() for witness in Witness if bits >> witness & 1]


def measures_of(record: Record) -> list[Json]:
    """Name, value and unit of each measured value."""
    found: list[Json] = []
    for measured in record.measures or ():
        name, unit, divisor = _MEASURES[measured.measure]
        value = measured.value if divisor == 1 else measured.value / divisor
        found.append({"name": name, "value": value, "unit": unit})
    return found


def signs_of(record: Record, row: CatalogueRow | None) -> list[Json]:
    """`name=value` pairs of a note, where every name is a sign that the catalogue lists for this kind; else none."""
    if record.note is None or row is None:
        return []
    units = {_BETWEEN: "yes/no"} | {evidence.name: evidence.unit for evidence in row.evidence}
    pairs = [word.partition("=") for word in record.note.split(" ")]
    if any(not equals or name not in units for name, equals, _ in pairs):
        return []
    return [{"name": name, "value": value, "unit": units[name]} for name, _, value in pairs]


def _notice(notice: Notice, heard: int) -> Json:
    return {
        "number": notice.number,
        "act": notice.act.name.lower(),
        "at_ms": notice.at_ms,
        "who": notice.who,
        "eta_min": notice.eta_min,
        "box_was_told": notice.number <= heard,
    }


def _occasion(occasion: Occasion) -> Json:
    return {
        "cause": occasion.cause,
        "since_ms": occasion.since_ms,
        "lifts": occasion.lifts,
        "occupied": occasion.occupied,
        "recovered": occasion.recovered,
        "incidents": [str(key) for key in occasion.keys],
    }


def _boxes(boxes: Boxes) -> Json:
    return {
        "troubles": [_trouble(trouble) for trouble in boxes.troubles],
        "devices": [_box(box) for box in boxes.boxes],
    }


def _trouble(trouble: Trouble) -> Json:
    return {
        "kind": trouble.kind.value,
        "device": trouble.device.hex(),
        "lift": trouble.lift_no,
        "stream": int(trouble.stream),
        "first": trouble.first,
        "last": trouble.last,
        "since_ms": trouble.since_ms,
    }


def _box(box: Box) -> Json:
    return {
        "device": box.device.hex(),
        "lift": box.lift_no,
        "firmware": box.firmware,
        "last_contact_ms": box.last_contact_ms,
        "test_ms": box.test_ms,
        "revoked_ms": box.revoked_ms,
    }
