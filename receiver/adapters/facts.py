"""The facts of one thing to hand over, by name: what templates may say. Read from one commit.

Every name and what it means stands in `fields`. None: not known. Times are Unix ms of
the receiver, the latest that the moment can have been (see docs/receiver.md, when did it happen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from edge_agent.alarms import DoorState
from edge_agent.records import BETWEEN_LANDINGS
from edge_agent.wire_values import Notice, Phase, Record, Stream, SystemKind, WirePlace
from receiver import register
from receiver import tables as t
from receiver.adapters.codes import BACNET, kind_of
from receiver.adapters.queue import Waiting
from receiver.adapters.words import OF_ACT, OF_PHASE, Facts, Telling, Value, What
from receiver.dating import Moment, When, when
from receiver.decoding import decoded
from receiver.incident_rows import IncidentView, contacts_near, load_view
from receiver.incidents import IncidentKey
from receiver.json_view import catalogue_row, measures_of
from receiver.metrics import SILENT_MS
from receiver.sentences import printable

LIFTS_AT_ONCE = 200
NEWEST_MAX = 20
OCCUPIED_PERCENT = 50
"""Lifts of one page of a snapshot; records looked at for the newest place; from where on "somebody is inside" is said
where a platform knows only yes and no. The last: ours, a false yes costs a look and a false no a person."""

_MEASURES = {
    "speed": "speed_mps",
    "still": "still_s",
    "acc_z": "accel_mps2",
    "jerk": "jerk_mps3",
    "vibration": "vibration_mps2",
    "door": "door_s",
    "level_error": "level_error_mm",
    "volt": "supply_v",
}
_MOVING = {-1: "down", 0: "none", 1: "up"}
_TEXT = {
    "en": (", lift {}", ", landing {}", ", between landings", ", someone inside {} %"),
    "zh": ("，电梯 {}", "，{} 层站", "，层间", "，轿内有人 {} %"),
}
_R, _D, _I = t.record.c, t.device.c, t.incident.c


def telling_of(db: Connection, waiting: Waiting, now_ms: int, language: str) -> Telling | None:
    """Everything about a row of the queue; None where what it tells of is not here any more."""
    at = (_R.dev == waiting.device, _R.log == waiting.log, _R.stream == int(waiting.stream))
    row = db.execute(select(_R.body, _R.arrived_ms).where(*at, _R.seqno == waiting.seqno)).one_or_none()
    record = None if row is None else decoded(bytes(row.body))
    arrived_ms = 0 if row is None else row.arrived_ms
    if record is not None and record.phase is Phase.TEST:
        facts = _of_test(db, record, arrived_ms, now_ms)
        return Telling(What.TEST, waiting.key, record.kind, {**facts, "key": waiting.key, "what": "test"}, record)
    number = waiting.seqno if record is None or record.incident is None or waiting.notice else record.incident
    view = load_view(db, IncidentKey(waiting.device, waiting.log, waiting.stream, number))
    if view is None or view.incident.first is None:
        return None
    notice = None
    if waiting.notice is not None:
        found = [each for each in view.incident.notices if each.number == waiting.notice]
        if not found:
            return None
        notice = found[0]
    shown = record if record is not None and notice is None else view.incident.latest or view.incident.first
    what = _what(notice, record)
    facts = {
        **_of_lift(db, view.lift_no),
        **_of_incident(view, language),
        **_of_place(shown if shown.place is not None else view.incident.first),
        **_of_measures(shown),
        **_of_notice(notice),
        "key": waiting.key,
        "what": what.value,
        "now": now_ms,
        "device": waiting.device.hex(),
        "happened": _happened(db, view, notice, record, arrived_ms),
    }
    facts |= _bacnet(view.incident.first.kind, facts["between_landings"])
    facts["landing_name"] = _landing_name(db, view.lift_no, facts["landing"])
    facts["text"] = _text(facts, language)
    return Telling(what, waiting.key, view.incident.first.kind, facts, None if notice else record)


def snapshots(
    db: Connection, after: bytes, period: int, now_ms: int, code_of: Callable[[int], Value], language: str
) -> tuple[Telling, ...]:
    """Every box that knows its lift, in order of id, a page at a time: as it is now, as far as it is known."""
    boxes = select(t.device).where(_D.dev > after, _D.lift_no.is_not(None)).order_by(_D.dev).limit(LIFTS_AT_ONCE)
    return tuple(_snapshot(db, row, period, now_ms, code_of, language) for row in db.execute(boxes).all())


def online(receiver: str, period: int, now_ms: int) -> Telling:
    """This receiver lives."""
    key = f"{receiver}-online-{period}"
    return Telling(What.ONLINE, key, None, {"key": key, "what": What.ONLINE.value, "now": now_ms})


def _snapshot(
    db: Connection, row: Row[Any], period: int, now_ms: int, code_of: Callable[[int], Value], language: str
) -> Telling:
    device = bytes(row.dev)
    key = f"{device.hex()}-snapshot-{period}"
    open_views = list(_open_incidents(db, device))
    kinds = [view.incident.first.kind for view in open_views if view.incident.first is not None]
    codes = [str(code) for code in dict.fromkeys(map(code_of, kinds)) if code is not None]
    alarms = [view for view in open_views if view.incident.is_alarm]
    occupied = max((view.occupied_percent for view in alarms if view.occupied_percent is not None), default=None)
    placed = _newest_place(db, device, row.log)
    facts: dict[str, Value] = {
        **_of_lift(db, row.lift_no),
        **_of_place(None if placed is None else placed[0]),
        "key": key,
        "what": What.SNAPSHOT.value,
        "now": now_ms,
        "happened": now_ms,
        "device": device.hex(),
        "online": row.last_contact_ms >= now_ms - SILENT_MS,
        "last_contact": row.last_contact_ms,
        "tested": row.test_ms,
        "firmware": row.firmware,
        "place_at": None if placed is None else placed[1],
        "occupied_percent": occupied,
        "occupied": None if occupied is None else occupied >= OCCUPIED_PERCENT,
        "open_alarms": len(alarms),
        "open_faults": len(open_views) - len(alarms),
        "open_names": [_name(kind) for kind in dict.fromkeys(kinds)],
        "open_codes": codes,
    }
    facts["landing_name"] = _landing_name(db, row.lift_no, facts["landing"])
    facts["text"] = _text({**facts, "title": None}, language)
    return Telling(What.SNAPSHOT, key, None, facts)


def _what(notice: Notice | None, record: Record | None) -> What:
    if notice is not None:
        return OF_ACT[notice.act]
    return What.RAISED if record is None or record.phase is None else OF_PHASE[record.phase]


def _of_test(db: Connection, record: Record, arrived_ms: int, now_ms: int) -> dict[str, Value]:
    lift_no = db.execute(select(_D.lift_no).where(_D.dev == record.device)).scalar_one_or_none()
    found = _dated(db, record, arrived_ms).latest_ms
    return {
        **_of_lift(db, lift_no),
        "device": record.device.hex(),
        "kind": record.kind,
        "now": now_ms,
        "happened": found,
    }


def _of_lift(db: Connection, lift_no: str | None) -> dict[str, Value]:
    found = None if lift_no is None else register.lift(db, lift_no)
    facts: dict[str, Value] = {"lift": lift_no, "firm": None if found is None else found.firm}
    for name in ("maker", "model", "serial", "address", "owner", "owner_phone", "lift_phone", "landings"):
        facts[name] = None if found is None else getattr(found.record, name)
    return facts


def _of_incident(view: IncidentView, language: str) -> dict[str, Value]:
    incident = view.incident
    assert incident.first is not None
    row = catalogue_row(incident.first.kind)
    takeover = incident.takeover
    return {
        "incident": str(incident.key),
        "kind": incident.first.kind,
        "name": _name(incident.first.kind),
        "title": _title(incident.first.kind, language),
        "severity": None if row is None else row.severity.value,
        "is_alarm": incident.is_alarm,
        "state": incident.state.value,
        "raised": view.raised.latest_ms,
        "stored": view.stored_ms,
        "gone": None if view.gone is None else view.gone.latest_ms,
        "ended": None if view.ended is None else view.ended.latest_ms,
        "occupied_percent": view.occupied_percent,
        "occupied": None if view.occupied_percent is None else view.occupied_percent >= OCCUPIED_PERCENT,
        "taken_over_by": None if takeover is None else takeover.who,
        "eta_min": None if takeover is None else takeover.eta_min,
    }


def _of_place(record: Record | None) -> dict[str, Value]:
    place = WirePlace() if record is None or record.place is None else record.place
    door = None if place.door in (None, DoorState.UNKNOWN) else place.door
    note = None if record is None else record.note
    said = {word.partition("=")[0]: word.partition("=")[2] for word in (note or "").split(" ")}
    return {
        "landing": place.floor,
        "between_landings": {"yes": True, "no": False}.get(said.get(BETWEEN_LANDINGS, "")),
        "door": (door or DoorState.UNKNOWN).name.lower(),
        "door_closed": None if door is None else door is DoorState.CLOSED,
        "moving": None if place.moving is None else _MOVING[place.moving],
        "height_mm": place.height_mm,
        "people": place.people,
    }


def _of_measures(record: Record) -> dict[str, Value]:
    facts: dict[str, Value] = {"note": record.note}
    for measured in measures_of(record):
        name, value = _MEASURES.get(str(measured["name"])), measured["value"]
        if name is not None and isinstance(value, int | float):
            facts[name] = value
    return facts


def _of_notice(notice: Notice | None) -> dict[str, Value]:
    if notice is None:
        return {"act": None, "who": None, "acted": None}
    said: dict[str, Value] = {"act": notice.act.name.lower(), "who": notice.who, "acted": notice.at_ms}
    return said if notice.eta_min is None else {**said, "eta_min": notice.eta_min}


def _bacnet(kind: int, between: Value) -> dict[str, Value]:
    known = kind_of(kind)
    if known is None:
        return {"bacnet_fault": None, "passenger_alarm": None}
    code = BACNET[known]
    fault = None if code.passenger_alarm and between is not True else code.fault
    return {"bacnet_fault": fault, "passenger_alarm": code.passenger_alarm}


def _happened(db: Connection, view: IncidentView, notice: Notice | None, record: Record | None, arrived_ms: int) -> int:
    if notice is not None:
        return notice.at_ms
    if record is None:
        return view.raised.latest_ms
    return _dated(db, record, arrived_ms).latest_ms


def _dated(db: Connection, record: Record, arrived_ms: int) -> When:
    stamp = record.stamp
    moment = Moment(stamp.boot, stamp.up_ms, stamp.wall_ms, stamp.unc_ms or 0)
    return when(moment, arrived_ms, contacts_near(db, record.device, record.log, stamp.boot))


def _landing_name(db: Connection, lift_no: str | None, landing: Value) -> str | None:
    found = None if lift_no is None else register.lift(db, lift_no)
    names = [] if found is None or not found.record.landing_names else found.record.landing_names.split(",")
    return names[landing].strip() if isinstance(landing, int) and 0 <= landing < len(names) else None


def _text(facts: Facts, language: str) -> str:
    lift, landing, between, people = _TEXT[language]
    where = facts["landing_name"] if facts["landing_name"] is not None else facts["landing"]
    parts = [str(facts["title"] or ""), lift.format(facts["lift"] or facts["device"])]
    parts += [landing.format(where)] if where is not None else []
    parts += [between] if facts["between_landings"] is True else []
    parts += [people.format(facts["occupied_percent"])] if facts["occupied_percent"] is not None else []
    return printable("".join(parts).removeprefix(", ").removeprefix("，"))


def _name(kind: int) -> str:
    row = catalogue_row(kind)
    return f"kind_{kind}" if row is None else row.name


def _title(kind: int, language: str) -> str:
    row = catalogue_row(kind)
    if row is None:
        return f"kind {kind}"
    return row.title_zh if language == "zh" else row.title_en


def _open_incidents(db: Connection, device: bytes) -> Iterator[IncidentView]:
    asked = select(_I.log, _I.stream, _I.seqno).where(_I.dev == device, _I.is_open == 1).order_by(_I.stored_ms)
    for row in db.execute(asked.limit(NEWEST_MAX)).all():
        view = load_view(db, IncidentKey(device, row.log, Stream(row.stream), row.seqno))
        if view is not None:
            yield view


def _newest_place(db: Connection, device: bytes, log: int) -> tuple[Record, int] | None:
    """Of the newest records of each stream the one that arrived last and names a place."""
    found: list[tuple[int, Record]] = []
    for stream in (Stream.ALARM, Stream.FAULT, Stream.TELEMETRY):
        of_stream = (_R.dev == device, _R.log == log, _R.stream == int(stream))
        newest = db.execute(select(func.max(_R.seqno)).where(*of_stream)).scalar_one()
        asked = select(_R.body, _R.arrived_ms).where(*of_stream, _R.seqno > (newest or 0) - NEWEST_MAX)
        for row in db.execute(asked):
            record = decoded(bytes(row.body))
            if record.place is not None:
                if record.kind == SystemKind.TRIP:  # it tells which way the car went; now it stands
                    record = replace(record, place=replace(record.place, moving=0))
                found.append((row.arrived_ms, record))
    if not found:
        return None
    at_ms, record = max(found, key=lambda each: (each[0], each[1].stamp.boot, each[1].stamp.up_ms))
    return record, at_ms
