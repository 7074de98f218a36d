"""What the running agent tells about itself: counters and states, as JSON for programs and as sentences for people."""

from __future__ import annotations

import json
import types
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from edge_agent.alarms import AlarmKind

# Which sources together are enough for a kind of alarm, best first. Kinds without an entry are always on.
# Source: degraded-mode table of the alarm catalogue, for the kinds that exist so far.
ENOUGH_FOR: dict[AlarmKind, tuple[frozenset[str], ...]] = {
    AlarmKind.ENTRAPMENT: (
        frozenset({"accelerometer", "door_contacts"}),
        frozenset({"accelerometer", "controller"}),
    ),
    AlarmKind.DOOR_OPEN_IN_MOTION: (
        frozenset({"accelerometer", "door_contacts"}),
        frozenset({"accelerometer", "controller"}),
    ),
    AlarmKind.EMERGENCY_STOP: (frozenset({"accelerometer"}),),
    AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE: (frozenset({"accelerometer"}),),
    AlarmKind.DOOR_OPEN_FAILURE: (frozenset({"door_contacts"}), frozenset({"controller"})),
    AlarmKind.DOOR_CLOSE_FAILURE: (frozenset({"door_contacts"}), frozenset({"controller"})),
}


class AgentState(Enum):
    """Stage of the agent's life."""

    STARTING = "starting"
    ARMED = "armed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source of readings. `trouble`: "" while it gives readings."""

    name: str
    trouble: str
    reading_age_s: float | None
    readings_count: int
    lost_count: int
    troubles_count: int


@dataclass(frozen=True, slots=True)
class CarStatus:
    """The car as the core sees it."""

    motion: str
    speed_mps: float
    landing_index: int | None
    is_between_landings: bool | None
    height_mm: int | None
    door: str
    occupied_percent: int | None
    is_inspection: bool


@dataclass(frozen=True, slots=True)
class IncidentStatus:
    """One incident that is suspected or open."""

    kind: str
    incident: int
    state: str
    severity: str
    age_s: float | None  # of the latest stage; None: from before the restart


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """One receiver. `trouble`: "" while its last answer was usable; `latency_s`: commit to stored, the last alarm."""

    name: str
    pending_count: int
    stored_count: int
    sent_bytes: int
    answer_age_s: float | None
    latency_s: float | None
    trouble: str


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """Everything `edge-agent status` shows. Ages count from `now_ns`, the writer's monotonic time."""

    version: str
    lift_id: str
    state: str
    boot_id: str
    pid: int
    now_ns: int
    up_s: float
    wall_unix_ms: int | None
    wall_uncertainty_ms: int | None
    sources: tuple[SourceStatus, ...]
    car: CarStatus | None
    incidents: tuple[IncidentStatus, ...]
    destinations: tuple[DestinationStatus, ...]
    records_count: int
    alarms_raised_count: int
    trips_count: int
    late_count: int
    dropped_count: int
    detectable: tuple[str, ...]
    not_detectable: tuple[str, ...]


def still_detectable(
    kinds: tuple[AlarmKind, ...], working_sources: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the kinds that the working sources are enough for, and of those they are not."""
    able = tuple(kind for kind in kinds if _is_enough(kind, working_sources))
    return (
        tuple(kind.public_name for kind in able),
        tuple(kind.public_name for kind in kinds if kind not in able),
    )


def _is_enough(kind: AlarmKind, working: frozenset[str]) -> bool:
    return kind not in ENOUGH_FOR or any(needed <= working for needed in ENOUGH_FOR[kind])


def status_to_json(status: AgentStatus) -> str:
    """One JSON object on one line."""
    return json.dumps(asdict(status), ensure_ascii=False)


def status_from_json(text: str) -> AgentStatus:
    """What `status_to_json` wrote. ValueError for anything else."""
    try:
        built = _built(AgentStatus, json.loads(text))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"no status of this version: {error}") from error
    if not isinstance(built, AgentStatus):
        raise ValueError("no status of this version")
    return built


def status_lines(status: AgentStatus, age_s: float) -> tuple[str, ...]:
    """The status as sentences. `age_s`: how old it is."""
    lines = [
        f"Lift {status.lift_id}: {status.state}, up {_span(status.up_s)}; status {_span(age_s)} old "
        f"(version {status.version})"
    ]
    lines.append(_car_line(status.car))
    for incident in status.incidents:
        since = "" if incident.age_s is None else f", {_span(incident.age_s)} ago"
        lines.append(f"Incident {incident.incident}: {incident.kind} {incident.state}, {incident.severity}{since}")
    if not status.incidents:
        lines.append("No open incident.")
    for source in status.sources:
        age = "nothing yet" if source.reading_age_s is None else f"last {_span(source.reading_age_s)} ago"
        lost = f", {source.lost_count} lost" if source.lost_count else ""
        lines.append(
            f"Source {source.name}: {source.trouble or 'works'}; {source.readings_count} readings{lost}, {age}"
        )
    for destination in status.destinations:
        lines.append(_destination_line(destination))
    lines.append(
        f"Since start: {status.alarms_raised_count} alarms raised, {status.trips_count} trips, "
        f"{status.records_count} records committed, {status.late_count} readings too late."
    )
    lines.append(_clock_line(status))
    if status.not_detectable:
        lines.append("Not detectable now: " + ", ".join(status.not_detectable))
    return tuple(lines)


def _car_line(car: CarStatus | None) -> str:
    if car is None:
        return "Car: nothing known yet."
    where = "place unknown"
    if car.landing_index is not None:
        where = (
            f"landing {car.landing_index}"
            if not car.is_between_landings
            else f"between landings, nearest {car.landing_index}"
        )
    people = f", P(occupied) {car.occupied_percent} %" if car.occupied_percent is not None else ""
    mode = ", inspection operation" if car.is_inspection else ""
    return f"Car: {car.motion} at {car.speed_mps:.2f} m/s, {where}, door {car.door}{people}{mode}"


def _destination_line(destination: DestinationStatus) -> str:
    answer = (
        "no answer yet" if destination.answer_age_s is None else f"last answer {_span(destination.answer_age_s)} ago"
    )
    latency = "" if destination.latency_s is None else f", last alarm stored after {destination.latency_s:.2f} s"
    trouble = f"; {destination.trouble}" if destination.trouble else ""
    return (
        f"Receiver {destination.name}: {destination.pending_count} waiting, {destination.stored_count} stored, "
        f"{destination.sent_bytes} bytes sent, {answer}{latency}{trouble}"
    )


def _clock_line(status: AgentStatus) -> str:
    if status.wall_unix_ms is None or status.wall_uncertainty_ms is None:
        return "Wall clock: not known; records carry time since boot and the receiver dates them."
    return f"Wall clock: known to +-{status.wall_uncertainty_ms} ms."


def _span(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.1f} s"
    if seconds < 7200.0:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _built(kind: Any, value: Any) -> object:
    """`value` as parsed from JSON, made into `kind`."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{field.name: _built(hints[field.name], value[field.name]) for field in fields(kind)})
    origin = get_origin(kind)
    if origin is tuple:
        return tuple(_built(get_args(kind)[0], entry) for entry in value)
    if origin in (Union, types.UnionType):
        inner = next(option for option in get_args(kind) if option is not type(None))
        return None if value is None else _built(inner, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
