"""What the running agent tells about itself: counters and states, as JSON for programs and as sentences for people."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin, get_type_hints

from edge_agent.alarms import Alarm, AlarmKind, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.catalogue_readiness import LESSONS, STATES, STATUS_WORDS, Lesson, ReadyState
from edge_agent.catalogue_sources import CONFUSED, CONTROLLER, NEEDS, SHARPENS, Sight, may_be_confused, sight
from edge_agent.catalogue_visit import visit_words


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
class LessonStatus:
    """One thing that the core still has to see: so many of so many."""

    lesson: str
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class ReadinessStatus:
    """What the core is worth at present. `state`: a name of `ReadyState`; the sentences say all of it."""

    state: str
    missing: tuple[LessonStatus, ...]
    sentence_en: str
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class Detectability:
    """Names of alarm kinds: seen, seen only partly, not seen with the senses that work now, raised for nothing now and
    then; and the senses that are missing without which all of it is less sure."""

    detectable: tuple[str, ...]
    partly_detectable: tuple[str, ...]
    not_detectable: tuple[str, ...]
    confused: tuple[str, ...]
    less_sure_without: tuple[str, ...]


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
class VisitStatus:
    """The maintenance visit under way."""

    number: int
    person: str
    elapsed_s: float
    minutes: int
    checklist: str


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
    readiness: ReadinessStatus
    detectability: Detectability
    visit: VisitStatus | None = None
    safe_without: tuple[str, ...] | None = None  # safe mode: what is left out; None: a whole run
    storage_trouble: str = ""  # why records are kept in memory only; "": they are on the disk


def readiness_status(state: ReadyState, missing: tuple[tuple[Lesson, int, int], ...]) -> ReadinessStatus:
    """The state with what is missing, in words of both languages."""
    lessons = tuple(LessonStatus(lesson.value, have, need) for lesson, have, need in missing)
    return ReadinessStatus(state.value, lessons, *(_readiness_sentence(state, missing, zh) for zh in (False, True)))


LESSON_POINTS: Mapping[Lesson, int] = MappingProxyType(
    {
        Lesson.MOTION: 10,
        Lesson.DIRECTION: 10,
        Lesson.TRIPS: 20,
        Lesson.RATED_SPEED: 20,
        Lesson.LANDINGS: 15,
        Lesson.PLACE: 10,
        Lesson.DOOR: 15,
    }
)
"""Of 100; a lesson that this lift does not need counts as learned. Source: judgement."""


def readiness_score(ready: ReadinessStatus) -> int:
    """0 to 100 by what was seen; 100 only where nothing is missing, 0 without a usable accelerometer."""
    if ready.state == ReadyState.NOT_READY.value:
        return 0
    lost = sum(LESSON_POINTS[Lesson(each.lesson)] * (1.0 - each.have / each.need) for each in ready.missing)
    return min(99, int(100.0 - lost)) if ready.missing else 100


def _readiness_sentence(state: ReadyState, missing: tuple[tuple[Lesson, int, int], ...], is_chinese: bool) -> str:
    words = STATES[state][is_chinese]
    parts = [
        STATUS_WORDS["lesson"][is_chinese].format(have=have, need=need, what=LESSONS[lesson][is_chinese])
        for lesson, have, need in missing
    ]
    if not parts:
        return words
    return STATUS_WORDS["missing"][is_chinese].format(state=words, parts=STATUS_WORDS["comma"][is_chinese].join(parts))


def incident_status(incident: Alarm | OpenIncident, now_ns: int) -> IncidentStatus:
    """An incident as its latest stage tells it, or as it was found at the start."""
    if isinstance(incident, OpenIncident):
        severity = CATALOGUE[incident.kind].severity.value
        return IncidentStatus(incident.kind.public_name, incident.incident, "raised before the restart", severity, None)
    age_s = max(0.0, (now_ns - incident.t_ns) / 1e9)
    return IncidentStatus(
        incident.kind.public_name, incident.incident, incident.state.value, incident.severity.value, age_s
    )


def detectability(senses: Set[str]) -> Detectability:
    """Which kinds of alarm can be seen with these senses, in the order of the catalogue."""
    sights = {kind: sight(kind, senses) for kind in (*NEEDS, AlarmKind.SENSOR_FAULT)}
    kinds = sorted(sights)
    if CONTROLLER not in senses:
        kinds = [kind for kind in kinds if kind is not AlarmKind.CONTROLLER_LINK_LOST]  # nobody misses it
    full, partly, none = (
        tuple(kind.public_name for kind in kinds if sights[kind] is wanted)
        for wanted in (Sight.FULL, Sight.PARTLY, Sight.NONE)
    )
    confused = tuple(kind.public_name for kind in kinds if may_be_confused(kind, senses))
    return Detectability(full, partly, none, confused, tuple(sense for sense in SHARPENS if sense not in senses))


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


def status_lines(status: AgentStatus, age_s: float, language: str = "en") -> tuple[str, ...]:
    """The status as sentences. `age_s`: how old it is. language: "zh": what comes from the catalogue in Chinese."""
    is_chinese = language == "zh"
    lines = [
        f"Lift {status.lift_id}: {status.state}, up {_span(status.up_s)}; status {_span(age_s)} old "
        f"(version {status.version})"
    ]
    lines += _loud_lines(status, is_chinese)
    ready = status.readiness
    lines.append(STATUS_WORDS["readiness"][is_chinese].format(ready.sentence_zh if is_chinese else ready.sentence_en))
    if ready.missing:
        lines.append(STATUS_WORDS["score"][is_chinese].format(readiness_score(ready)))
    if status.visit is not None:
        lines.append(_visit_line(status.visit, language))
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
    lines.extend(_blind_lines(status.detectability, is_chinese))
    return tuple(lines)


def _visit_line(visit: VisitStatus, language: str) -> str:
    lasted = int(visit.elapsed_s // 60)
    return visit_words(
        "under_way", language, number=visit.number, person=visit.person, lasted=lasted, minutes=visit.minutes
    )


def _blind_lines(seen: Detectability, is_chinese: bool) -> Iterator[str]:
    comma = STATUS_WORDS["comma"][is_chinese]
    if seen.not_detectable:
        names = comma.join(_title(name, is_chinese) for name in seen.not_detectable)
        yield STATUS_WORDS["cannot_see"][is_chinese].format(names)
    for name in seen.partly_detectable:
        need = NEEDS[AlarmKind[name.upper()]]
        lost = need.lost_zh if is_chinese else need.lost_en
        yield STATUS_WORDS["sees_partly"][is_chinese].format(_title(name, is_chinese), lost)
    for name in seen.confused:
        words = CONFUSED[AlarmKind[name.upper()]][1 + is_chinese]
        yield STATUS_WORDS["sees_partly"][is_chinese].format(_title(name, is_chinese), words)
    if seen.less_sure_without:
        words = STATUS_WORDS["comma"][is_chinese].join(SHARPENS[sense][is_chinese] for sense in seen.less_sure_without)
        yield STATUS_WORDS["less_sure"][is_chinese].format(words)


def _title(name: str, is_chinese: bool) -> str:
    row = CATALOGUE[AlarmKind[name.upper()]]
    return row.title_zh if is_chinese else name


def _loud_lines(status: AgentStatus, is_chinese: bool) -> Iterator[str]:
    """What a person must not overlook."""
    if status.storage_trouble:
        yield STATUS_WORDS["in_memory"][is_chinese].format(status.storage_trouble)
    if status.safe_without is not None:
        names = STATUS_WORDS["comma"][is_chinese].join(status.safe_without) or STATUS_WORDS["nothing"][is_chinese]
        yield STATUS_WORDS["safe"][is_chinese].format(names)


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
