"""What happens, in plain sentences: one for each conclusion of the core, each notice of a person, each answer."""

from __future__ import annotations

from edge_agent.alarms import Alarm, AlarmState, DoorState, Evidence, Place, Trip
from edge_agent.catalogue import CATALOGUE
from edge_agent.readings import Direction

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
