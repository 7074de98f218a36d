"""Maintenance visits and commissionings of one lift, out of the records 73 and 74 of its box.

Read from the last commit, bounded: the newest RECORDS_MAX of them, over all logs of the box. A visit is what was told
of one number in one log; a record of it may be here without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from sqlalchemy import Connection, select

from edge_agent.toml_checklist import Checklist, checklist_from, numbers_of
from edge_agent.wire_values import Commissioned, Record, Stream, SystemKind, Visit, VisitAct
from receiver import tables as t
from receiver.decoding import decoded
from receiver.json_view import Json, measures_of

RECORDS_MAX = 100
"""Some two years of half-monthly visits. Ours."""

_R = t.record.c
_SIGN = "door_open_ms="
_STATES = {VisitAct.STARTED: "under_way", VisitAct.FINISHED: "finished", VisitAct.FORGOTTEN: "forgotten"}


@dataclass(frozen=True, slots=True)
class VisitView:
    """One visit. At times in Unix ms, the latest they can have been; `None`: that record is not here."""

    number: int
    person: str
    checklist: bytes
    started_ms: int | None = None
    ended_ms: int | None = None
    act: VisitAct = VisitAct.STARTED  # the last that was told
    lasted_s: int = 0
    done: tuple[int, ...] = ()
    faulty: tuple[int, ...] = ()
    before: Record | None = None
    during: Record | None = None


@dataclass(frozen=True, slots=True)
class CommissionedView:
    """One commissioning. digest: of the sealed report, hexadecimal."""

    at_ms: int
    digest: str
    counts: Commissioned
    note: str | None


def load_visits(
    db: Connection, device: bytes, dated: Callable[[Record, int], int]
) -> tuple[tuple[VisitView, ...], tuple[CommissionedView, ...]]:
    """Newest first. dated: Unix ms of a record that arrived then."""
    asked = (
        select(_R.body, _R.arrived_ms)
        .where(
            _R.dev == device,
            _R.stream == int(Stream.FAULT),
            _R.kind.in_((int(SystemKind.COMMISSIONING), int(SystemKind.MAINTENANCE_VISIT))),
        )
        .order_by(_R.arrived_ms.desc(), _R.seqno.desc())
        .limit(RECORDS_MAX)
    )
    records = [(decoded(bytes(row.body)), row.arrived_ms) for row in db.execute(asked)]
    told = [(record, dated(record, arrived_ms)) for record, arrived_ms in records]
    made = tuple(
        CommissionedView(at_ms, record.detail.report.hex(), record.detail, record.note)
        for record, at_ms in told
        if isinstance(record.detail, Commissioned)
    )
    return visits_of(told), made


def visits_of(newest_first: Iterable[tuple[Record, int]]) -> tuple[VisitView, ...]:
    """The records of each visit put together, the newest visit first. Others are left alone."""
    found: dict[tuple[int, int], VisitView] = {}
    for record, at_ms in newest_first:
        visit = record.detail
        if not isinstance(visit, Visit):
            continue
        key = record.log, visit.number
        view = found.get(key, VisitView(visit.number, visit.person, visit.items))
        if visit.act is VisitAct.STARTED:
            found[key] = replace(view, started_ms=at_ms, before=record)
        elif view.ended_ms is None:
            found[key] = replace(
                view,
                person=visit.person,
                ended_ms=at_ms,
                act=visit.act,
                lasted_s=visit.lasted_s,
                done=numbers_of(visit.done),
                faulty=numbers_of(visit.faulty),
                during=record,
            )
        else:
            found.setdefault(key, view)  # told twice: a box that was cut off between disk and outbox
    return tuple(found.values())


def visit_tree(view: VisitView) -> Json:
    """As JSON. items: of the list, where this receiver knows it, else null; faulty: number, and text where known."""
    known = _known_lists().get(view.checklist)
    return {
        "number": view.number,
        "person": view.person,
        "started_ms": view.started_ms,
        "ended_ms": view.ended_ms,
        "state": _STATES[view.act],
        "lasted_s": view.lasted_s,
        "items": None if known is None else len(known.items),
        "checklist": None if known is None else {"en": known.title[0], "zh": known.title[1]},
        "done": list(view.done),
        "faulty": [_item(number, known) for number in view.faulty],
        "before": _measured(view.before),
        "during": _measured(view.during),
        "remark": _remark(view.during),
    }


def commissioned_tree(view: CommissionedView) -> Json:
    """As JSON."""
    counts = view.counts
    return {
        "at_ms": view.at_ms,
        "digest": view.digest,
        "passed": counts.passed,
        "doubtful": counts.doubtful,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "note": view.note,
    }


def _item(number: int, known: Checklist | None) -> Json:
    if known is None or number > len(known.items):
        return {"number": number, "en": None, "zh": None}
    en, zh = known.items[number - 1]
    return {"number": number, "en": en, "zh": zh}


def _measured(record: Record | None) -> list[Json]:
    """The measures of a record, and how long the door opens, which stands in the note."""
    if record is None:
        return []
    found = measures_of(record)
    opening = [word.removeprefix(_SIGN) for word in (record.note or "").split(" ") if word.startswith(_SIGN)]
    if opening and opening[-1].isdecimal() and len(opening[-1]) < 7:
        found.append({"name": "door_open", "value": int(opening[-1]) / 1000, "unit": "s"})
    return found


def _remark(record: Record | None) -> str | None:
    """What the person wrote; the pairs behind it are no part of it."""
    if record is None or record.note is None:
        return None
    words = [word for word in record.note.split(" ") if not word.startswith(_SIGN)]
    return " ".join(words) or None


@cache
def _known_lists() -> dict[bytes, Checklist]:
    """Those that come with the agent, by digest."""
    folder = files("edge_agent").joinpath("checklists")
    lists = [checklist_from(each.read_bytes(), each.name) for each in folder.iterdir() if each.name.endswith(".toml")]
    return {known.digest: known for known in lists}
