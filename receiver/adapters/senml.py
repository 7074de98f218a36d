"""Records and boxes as SenML packs (RFC 8428), for whoever reads sensor figures and no incidents. Pure.

Names are the id of the box, "/" and a word; it is a digest of the box's key, so names are global. Units are primary
ones of the SenML registry (RFC 8428 table 1, RFC 8798), whatever the unit on the wire. Times are absolute Unix seconds,
always above 2^28: the box's own stamp where it has one, else when the record arrived here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from edge_agent.wire_values import Measure, Record, SystemKind
from receiver.decoding import decoded
from receiver.journal import Entry
from receiver.lift_view import LiftView

SENML = "application/senml+json"
_Row = dict[str, object]

# Name, unit, factor and summand from the whole number on the wire. dBm is dBW plus 30.
UNITS: Mapping[Measure, tuple[str, str | None, float, float]] = {
    Measure.ACC_X: ("acc_x", "m/s2", 0.001, 0.0),
    Measure.ACC_Y: ("acc_y", "m/s2", 0.001, 0.0),
    Measure.ACC_Z: ("acc_z", "m/s2", 0.001, 0.0),
    Measure.JERK: ("jerk_mps3", None, 0.001, 0.0),  # the registry has no unit of jerk
    Measure.SPEED: ("speed", "m/s", 0.001, 0.0),
    Measure.VIBRATION: ("vibration", "m/s2", 0.001, 0.0),
    Measure.SOUND: ("sound", "dB", 0.1, 0.0),
    Measure.TEMPERATURE: ("temperature", "Cel", 0.01, 0.0),
    Measure.VOLTAGE: ("voltage", "V", 0.001, 0.0),
    Measure.DOOR_MS: ("door", "s", 0.001, 0.0),
    Measure.LEVEL_ERROR: ("level_error", "m", 0.001, 0.0),
    Measure.STILL_S: ("still", "s", 1.0, 0.0),
    Measure.SIGNAL_STRENGTH: ("signal", "dBW", 1.0, -30.0),
    Measure.DISK_FREE: ("disk_free", "B", 1024.0, 0.0),
    Measure.TRIPS: ("trips", "count", 1.0, 0.0),
    Measure.CPU_TEMPERATURE: ("cpu_temperature", "Cel", 0.01, 0.0),
}
_MOVING = {-1: "down", 0: "none", 1: "up"}


def pack_of_record(record: Record, arrived_ms: int) -> list[_Row]:
    """What one record says, its base name and time on the first row."""
    rows: list[_Row] = [{"n": "record", "vs": f"{record.log}-{int(record.stream)}-{record.seqno}"}]
    rows.append({"n": "kind", "v": record.kind})
    if record.phase is not None:
        rows.append({"n": "phase", "vs": record.phase.name.lower()})
    if record.place is not None:
        place = record.place
        rows += [{"n": "landing", "v": place.floor}] if place.floor is not None else []
        rows += [{"n": "height", "u": "m", "v": _round(place.height_mm * 0.001)}] if place.height_mm is not None else []
        rows += [{"n": "car_door", "vs": place.door.name.lower()}] if place.door is not None else []
        rows += [{"n": "moving", "vs": _MOVING[place.moving]}] if place.moving is not None else []
        rows += [{"n": "people", "u": "count", "v": place.people}] if place.people is not None else []
    if record.percent is not None:
        rows.append({"n": "occupied", "u": "/", "v": _round(record.percent * 0.01)})
    rows += [_measured(each.measure, each.value) for each in record.measures or ()]
    stamp = record.stamp
    at_ms = arrived_ms if stamp.wall_ms is None else stamp.wall_ms
    return _based(record.device, at_ms, rows)


def pack_of_entries(entries: Iterable[Entry]) -> list[_Row]:
    """Records of a page of the feed; notices are no figures and are left out."""
    rows: list[_Row] = []
    for entry in entries:
        if entry.body is not None:
            rows += pack_of_record(decoded(entry.body), entry.arrived_ms or 0)
    return rows


def pack_of_box(view: LiftView) -> list[_Row]:
    """A box as it was last heard of: contact, health, signal, its newest trip."""
    rows: list[_Row] = [{"n": "online_contact", "vb": True}]
    rows += [{"n": "open_incidents", "u": "count", "v": sum(each.incident.is_open for each in view.incidents)}]
    found = _based(view.device, view.last_contact_ms, rows)
    if view.health is not None:
        at_ms, beat = view.health
        found += _based(view.device, at_ms, [_measured(each.measure, each.value) for each in beat.measures or ()])
    for landing, dbm in view.signal_dbm:
        found += _based(view.device, view.last_contact_ms, [{"n": f"signal/{landing}", "u": "dBW", "v": dbm - 30}])
    if view.trips:
        trip = view.trips[0]
        values = (("trip_time", "s", trip.time_ms), ("trip_distance", "m", trip.distance_mm))
        figures = (*values, ("trip_speed", "m/s", trip.speed_mmps), ("trip_acc", "m/s2", trip.accel_mmps2))
        trip_rows: list[_Row] = [
            {"n": name, "u": unit, "v": _round(value * 0.001)} for name, unit, value in figures if value is not None
        ]
        found += _based(view.device, trip.at_ms, trip_rows)
    return found


def is_telemetry(kind: int) -> bool:
    """What is worth a message of its own on a broker: figures, not the box's own book-keeping."""
    return kind >= SystemKind.TRIP


def senml_text(rows: Iterable[_Row]) -> str:
    """The pack as JSON."""
    return json.dumps(list(rows), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _measured(measure: Measure, value: int) -> _Row:
    name, unit, factor, summand = UNITS[measure]
    row: _Row = {"n": name}
    if unit is not None:
        row["u"] = unit
    return {**row, "v": _round(value * factor + summand)}


def _based(device: bytes, at_ms: int, rows: list[_Row]) -> list[_Row]:
    if not rows:
        return []
    return [{"bn": f"{device.hex()}/", "bt": at_ms / 1000, **rows[0]}, *rows[1:]]


def _round(value: float) -> float | int:
    """Without the dust of binary fractions."""
    rounded = round(value, 6)
    return int(rounded) if rounded.is_integer() else rounded
