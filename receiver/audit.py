"""The audit log: who did what from where, and what was refused. Rows are only ever added, and pruned by age.

Inside the transaction of the caller, so that what was done and the line about it are one commit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from receiver import tables as t
from receiver.roles import Actor

LINES_MAX = 500
WORDS_MAX = 300
"""Lines read at one time; characters kept of a subject or a detail. Our choices."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. outcome: "done" or "refused"; mark: tells lines of one millisecond apart."""

    at_ms: int
    mark: bytes
    who: str | None
    role: str | None
    address: str
    what: str
    subject: str
    outcome: str
    detail: str


def write(db: Connection, actor: Actor, what: str, subject: str, now_ms: int, detail: str = "") -> None:
    """Something was done."""
    write_line(db, Line(now_ms, b"", actor.name, actor.role.word, actor.address, what, subject, "done", detail))


def write_line(db: Connection, line: Line) -> None:
    """Any line; its mark is drawn here."""
    db.execute(
        t.audit.insert(),
        {
            "at_ms": line.at_ms,
            "mark": os.urandom(8),
            "who": None if line.who is None else t.storable(line.who[:WORDS_MAX]),
            "role": line.role,
            "address": t.storable(line.address[:WORDS_MAX]),
            "what": line.what,
            "subject": t.storable(line.subject[:WORDS_MAX]),
            "outcome": line.outcome,
            "detail": t.storable(line.detail[:WORDS_MAX]),
        },
    )


def lines(db: Connection, before: tuple[int, bytes] | None, count: int) -> Sequence[Line]:
    """The newest lines first; before: place of the last line of the page before."""
    at = t.audit.c
    asked = select(t.audit).order_by(at.at_ms.desc(), at.mark.desc()).limit(min(count, LINES_MAX))
    if before is not None:
        asked = asked.where(or_(at.at_ms < before[0], and_(at.at_ms == before[0], at.mark < before[1])))
    return [
        Line(r.at_ms, bytes(r.mark), r.who, r.role, r.address, r.what, r.subject, r.outcome, r.detail)
        for r in db.execute(asked)
    ]
