"""Figures for Prometheus: what is open, silent, missing and untold. Text format 0.0.4.

Source: Prometheus documentation, "Exposition formats". Labels hold no text of boxes or people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from receiver import escalation
from receiver import tables as t
from receiver.adapters import queue
from receiver.incidents import Stage
from receiver.journal import last_position

SILENT_MS = 900_000
"""Three heartbeats of 300 s missed. Source: design/wire.md section 2.3, rule 4."""

TEST_MS = 72 * 3_600_000
"""Without a test alarm for so long the path is not known to work. Source: design/wire.md section 2.6."""


def metrics_text(db: Connection, now_ms: int, refused: Mapping[str, int]) -> str:
    """Everything, from one commit. refused: by why, since the start of this process."""
    at, box = t.incident.c, t.device.c
    alarms = and_(at.is_open == 1, at.is_alarm == 1)
    counted: tuple[tuple[str, str, Table, ColumnElement[bool]], ...] = (
        ("open_alarms", "Alarms that are not ended", t.incident, alarms),
        (
            "unattended_alarms",
            "Open alarms whose condition lasts and to which nobody goes",
            t.incident,
            and_(alarms, at.stage == int(Stage.UNATTENDED)),
        ),
        ("open_faults", "Faults whose condition lasts", t.incident, and_(at.is_open == 1, at.is_alarm == 0)),
        ("boxes", "Boxes that have sent something", t.device, box.dev.is_not(None)),
        ("silent_boxes", "Boxes not heard for 15 minutes", t.device, box.last_contact_ms < now_ms - SILENT_MS),
        (
            "untested_boxes",
            "Boxes without a test alarm for 72 hours",
            t.device,
            func.coalesce(box.test_ms, 0) < now_ms - TEST_MS,
        ),
        ("revoked_boxes", "Boxes from which nothing is taken any more", t.revoked, t.revoked.c.at_ms > 0),
        ("conflicts", "Numbers under which two different records came", t.conflict, t.conflict.c.seqno > 0),
        ("chain_breaks", "Records that do not follow the one before", t.chain_break, t.chain_break.c.seqno > 0),
    )
    lines = [
        line
        for name, what, table, condition in counted
        for line in _gauge(name, what, [("", _count(db, table, condition))])
    ]
    lines += _gauge("journal_position", "Records and notices ever stored", [("", last_position(db))])
    lines += _gauge("escalation_messages", "Messages to people outside by way and state", _messages(db))
    lines += _gauge("adapter_messages", "Messages to other programs by adapter and state", _handovers(db))
    by_why = [(f'{{why="{why}"}}', number) for why, number in sorted(refused.items())]
    lines += _gauge("refused", "Requests and connections refused by this process, by why", by_why)
    return "\n".join(lines) + "\n"


def _messages(db: Connection) -> list[tuple[str, int]]:
    found = sorted((channel.value, state.name.lower(), n) for (channel, state), n in escalation.counts(db).items())
    return [(f'{{way="{channel}",state="{state}"}}', number) for channel, state, number in found]


def _handovers(db: Connection) -> list[tuple[str, int]]:
    found = sorted((adapter, state.name.lower(), n) for (adapter, state), n in queue.counts(db).items())
    return [(f'{{adapter="{adapter}",state="{state}"}}', number) for adapter, state, number in found]


def _count(db: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return int(db.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _gauge(name: str, what: str, values: Iterable[tuple[str, int]]) -> list[str]:
    full = f"lift_receiver_{name}"
    return [f"# HELP {full} {what}", f"# TYPE {full} gauge", *(f"{full}{labels} {value}" for labels, value in values)]
