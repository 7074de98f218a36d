"""What the page shows of the running agent: its status file as words and numbers for the browser.

Ages of the status decide whether anybody watches: a file that is old tells of an agent that hangs or is gone.
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE, RECORDS
from edge_agent.live_points import Unended
from edge_agent.readings import FaultReason
from edge_agent.status import AgentState, AgentStatus, IncidentStatus, SourceStatus, readiness_score, status_from_json

STATUS_FILE = "status.json"
STALE_S = 10.0
"""The agent writes every second."""
_REASON = re.compile(r"([a-z_]+): (.*)", re.DOTALL)
_REASONS = frozenset(reason.value for reason in FaultReason)
_BEFORE = "raised before the restart"
_ENDED = re.compile(r"Incident (\d+) \([^)]*\) ended ")
_STILL = re.compile(r"Incident (\d+) \([^)]*\) is not ended")


def read_status(state_folder: Path, now_ns: int, boot: str) -> tuple[AgentStatus | None, float]:
    """The status and its age in seconds; None where there is none of this boot."""
    try:
        status = status_from_json((state_folder / STATUS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, 0.0
    if status.boot_id != boot or now_ns < status.now_ns:
        return None, 0.0
    return status, (now_ns - status.now_ns) / 1e9


def agent_word(status: AgentStatus | None, age_s: float) -> str:
    """ "armed", "starting" or "stopped"."""
    if status is None or age_s > STALE_S:
        return AgentState.STOPPED.value
    return status.state


def status_view(status: AgentStatus, unended: tuple[Unended, ...], language: str) -> dict[str, object]:
    """For the browser. Names of alarms and what to check first stand in its language, the rest are keys and numbers."""
    place = 1 if language == "zh" else 0
    ready, visit = status.readiness, status.visit
    return {
        "up_s": round(status.up_s),
        "car": None if status.car is None else _car_view(status),
        "incidents": _incidents(status.incidents, unended, place),
        "sources": [_source_view(source) for source in status.sources],
        "receivers": [
            {
                "name": each.name,
                "waiting": each.pending_count,
                "stored": each.stored_count,
                "answer_s": each.answer_age_s,
                "trouble": each.trouble,
            }
            for each in status.destinations
        ],
        "readiness": (ready.sentence_en, ready.sentence_zh)[place],
        "score": readiness_score(ready),
        "visit": None
        if visit is None
        else {"person": visit.person, "lasted": int(visit.elapsed_s // 60), "minutes": visit.minutes},
        "is_safe_mode": status.safe_without is not None,
        "is_in_memory": bool(status.storage_trouble),
    }


def ends_in(sentences: str) -> dict[str, list[int]]:
    """Which incidents the agent says it has ended, and which not because their condition is still there."""
    return {
        "ended": [int(number) for number in _ENDED.findall(sentences)],
        "still": [int(number) for number in _STILL.findall(sentences)],
    }


def _car_view(status: AgentStatus) -> dict[str, object] | None:
    car = status.car
    if car is None:
        return None
    return {
        "phase": car.motion,
        "speed_mps": car.speed_mps,
        "landing": car.landing_index,
        "is_between": bool(car.is_between_landings),
        "door": car.door,
        "occupied": car.occupied_percent,
        "is_inspection": car.is_inspection,
    }


def _incidents(
    open_ones: tuple[IncidentStatus, ...], unended: tuple[Unended, ...], place: int
) -> list[dict[str, object]]:
    """Those that the agent sees, then those that only wait for their end."""
    rows = []
    shown = set()
    for each in open_ones:
        shown.add(each.incident)
        state = "before" if each.state == _BEFORE else each.state
        rows.append(
            _incident(each.incident, each.kind, state, place) | {"age_s": each.age_s, "severity": each.severity}
        )
    for waiting in unended:
        if waiting.number not in shown:
            state = "raised" if waiting.is_present else "gone"
            rows.append(_incident(waiting.number, waiting.kind, state, place) | {"age_s": None, "severity": "minor"})
    return rows


def _incident(number: int, kind: str, state: str, place: int) -> dict[str, object]:
    try:
        row = CATALOGUE[AlarmKind[kind.upper()]]
        title, check = (row.title_en, row.title_zh)[place], (row.first_check_en, row.first_check_zh)[place]
    except KeyError:
        found = next((record for record in RECORDS if record.name == kind), None)
        title, check = kind if found is None else (found.title_en, found.title_zh)[place], ""
    return {"number": number, "title": title, "check": check, "state": state, "can_end": state != "suspected"}


def _source_view(source: SourceStatus) -> dict[str, object]:
    """reason: a key of the page's words; detail: what the driver says, in English."""
    matched = _REASON.fullmatch(source.trouble)
    reason, detail = "", source.trouble
    if matched is not None and matched[1] in _REASONS:
        reason, detail = f"fault_{matched[1]}", matched[2]
    elif source.trouble == "not open yet":
        reason, detail = "source_not_open", ""
    return {"name": source.name, "reason": reason, "detail": detail, "lost": source.lost_count}
