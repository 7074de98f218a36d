"""What happens, in plain sentences: one for each conclusion of the core, each notice of a person, each answer."""

from __future__ import annotations

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, SignalCoverage, Trip
from edge_agent.catalogue import CATALOGUE, RECORDS
from edge_agent.readings import Direction
from edge_agent.wire_values import Act, Notice, Stream

_STATES = {
    AlarmState.SUSPECTED: "suspected",
    AlarmState.RAISED: "RAISED",
    AlarmState.UPDATED: "updated",
    AlarmState.CLEARED: "condition gone",
}


def alarm_sentence(alarm: Alarm) -> str:
    """One stage of an incident, with place and evidence."""
    row = CATALOGUE[alarm.kind]
    parts = [f"{row.title_en} {_STATES[alarm.state]}, incident {alarm.incident}: {place_words(alarm.place)}"]
    if alarm.occupied_percent is not None:
        parts.append(f"P(occupied) {alarm.occupied_percent} %")
    parts.extend(_sign(evidence) for evidence in alarm.evidence if evidence.name != "occupied_percent")
    sentence = ", ".join(parts)
    if alarm.note:
        sentence += f" ({alarm.note})"
    if alarm.state is AlarmState.RAISED:
        sentence += f". First check: {row.first_check_en}"
    return sentence


def trip_sentence(trip: Trip) -> str:
    """One trip."""
    route = ""
    if trip.from_landing is not None and trip.to_landing is not None:
        route = f" from landing {trip.from_landing} to {trip.to_landing}"
    seconds = (trip.end_ns - trip.start_ns) / 1e9
    how = f"{trip.distance_m:.2f} m in {seconds:.1f} s, up to {trip.speed_mps:.2f} m/s"
    return f"Trip {trip.direction.value}{route}: {how}"


def coverage_sentence(coverage: SignalCoverage) -> str:
    """The mobile signal at one place."""
    levels = (("RSSI", coverage.rssi_dbm), ("RSRP", coverage.rsrp_dbm))
    heard = ", ".join(f"{name} {dbm} dBm" for name, dbm in levels if dbm is not None)
    return f"Mobile signal {place_words(coverage.place)}: {heard}"


_ACTS = {
    Act.SHOWN: "shown to people",
    Act.TAKEN_OVER: "taken over",
    Act.HELP_SENT: "help sent",
    Act.ON_SITE: "help is on site",
    Act.CLOSED: "closed",
    Act.FALSE_ALARM: "called a false alarm",
    Act.REMOTE_RESET: "reset from afar",
}
_RECORD_NAMES = {record.number: record.name for record in RECORDS} | {int(kind): kind.public_name for kind in AlarmKind}


def kind_name(kind: int) -> str:
    """The name of an alarm or record by its number."""
    return str(_RECORD_NAMES.get(kind, kind))


def notice_sentence(notice: Notice, kind: int | None, incident: int | None, destination: str) -> str:
    """What a person did. kind and incident: which of ours it is about; None: an earlier one that is forgotten here."""
    subject = (
        "An earlier incident" if incident is None else f"Incident {incident} ({_RECORD_NAMES.get(kind or 0, kind)})"
    )
    who = f" by {notice.who}" if notice.who else ""
    eta = f", on site in {notice.eta_min} min" if notice.eta_min is not None else ""
    return f"{subject} {_ACTS[notice.act]}{who}{eta}, says {destination}"


def record_words(kind: int, stream: Stream, seqno: int) -> str:
    """A record by name and number, as people see it."""
    return f"Record {int(stream)}/{seqno} ({_RECORD_NAMES.get(kind, kind)})"


def place_words(place: Place) -> str:
    """Where the car was and what its door did."""
    if place.is_between_landings:
        where = "between landings" if place.landing_index is None else f"between landings near {place.landing_index}"
    elif place.landing_index is not None:
        where = f"at landing {place.landing_index}"
    else:
        where = "place unknown"
    if place.moving is not Direction.NONE:
        where += f", moving {place.moving.value}"
    if place.door is not DoorState.UNKNOWN:
        where += f", door {place.door.name.lower()}"
    return where


def _sign(evidence: Evidence) -> str:
    value = evidence.value
    if isinstance(value, bool):
        return f"{evidence.name} {'yes' if value else 'no'}"
    if isinstance(value, float):
        return f"{evidence.name} {value:.3g}"
    return f"{evidence.name} {value}"
