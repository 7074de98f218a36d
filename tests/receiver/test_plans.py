"""With a million records in it, what the receiver asks its database at every batch and every second goes by an index.

The plan is asked, not the time: a full scan of a large table is wrong on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from edge_agent.wire import Act, Phase, Stream, SystemKind
from receiver import escalation
from receiver import tables as t
from receiver.board import BoardReader
from receiver.database import Place, open_for_writing
from receiver.incidents import IncidentKey
from receiver.journal import page_after
from receiver.retention import DAY_MS, Kept, prune
from receiver.store import Store
from receiver.taken import Arrival
from tests.receiver.making import (
    DEVICE,
    KEY,
    LOG,
    NOW_MS,
    OTHER_DEVICE,
    OTHER_KEY,
    alarm,
    batch,
    identity,
    known_to,
    system,
)

pytestmark = [pytest.mark.system, pytest.mark.campaign, pytest.mark.timeout(600)]
RECORDS, EACH = 1_000_000, 100
INCIDENT = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)
LARGE = (t.record, t.journal, t.device, t.device_key, t.span, t.contact, t.incident, t.message)
"""Tables that grow with the fleet or with time, all of them filled."""

_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count}) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series(0, {count} - 1)) ",
}
_DEV = {
    "sqlite": "CAST(printf('%08x', {i}) AS BLOB)",
    "postgresql": "convert_to(lpad(to_hex({i}), 8, '0'), 'UTF8')",
}
_BLOB = {"sqlite": "zeroblob({n})", "postgresql": "decode(repeat('00', {n}), 'hex')"}


@dataclass(frozen=True)
class Asked:
    """One statement as it went to the database."""

    statement: str
    parameters: Any


def filled(db: Connection) -> None:
    """Ten thousand boxes with a hundred records each, a twentieth of them of incidents that are over."""
    kind = db.dialect.name
    if kind == "postgresql":
        db.exec_driver_sql("SET LOCAL statement_timeout = 0")
    box, old = _DEV[kind].format(i=f"(i / {EACH})"), NOW_MS - 10 * DAY_MS
    digest, body, key = (_BLOB[kind].format(n=n) for n in (32, 120, 32))
    of_each = _NUMBERS[kind].format(count=RECORDS // EACH)
    dev = _DEV[kind].format(i="i")
    dropped = int(escalation.MessageState.NOT_NEEDED)
    of_all = _NUMBERS[kind].format(count=RECORDS)
    remainder = f"i - i / {EACH} * {EACH} + 1"
    for into, values in (
        (
            "record (dev, log, stream, seqno, kind, digest, body, arrived_ms)",
            f"{box}, 1, 2, {remainder}, 97, {digest}, {body}, {old} + i",
        ),
        ("journal (position, what, dev, log, stream, seqno)", f"i + 1, 0, {box}, 1, 2, {remainder}"),
    ):
        db.exec_driver_sql(f"INSERT INTO {into} {of_all} SELECT {values} FROM n")
    for into, values in (
        ("device (dev, log, last_contact_ms)", f"{dev}, 1, {old}"),
        ("device_key (dev, raw, since_ms)", f"{dev}, {key}, {old}"),
        ("span (dev, log, stream, first, last, since_ms)", f"{dev}, 1, 2, 1, {EACH}, {old}"),
        (
            "contact (dev, log, boot, first_up_ms, first_arrived_ms, last_up_ms, last_arrived_ms)",
            f"{dev}, 1, 1, 0, {old}, 1, {old}",
        ),
        ("incident (dev, log, stream, seqno, is_open, is_alarm, stored_ms, stage)", f"{dev}, 1, 0, 1, 0, 1, {old}, 3"),
        (
            "message (dev, log, stream, seqno, step, kind, channel, target, language, "
            "state, due_ms, tries, next_ms, claimed_ms)",
            f"{dev}, 1, 0, 1, 1, 'raised', 'mail', 'a@b.example', 'en', {dropped}, {old}, 0, {old}, 0",
        ),
    ):
        db.exec_driver_sql(f"INSERT INTO {into} {of_each} SELECT {values} FROM n")
    db.exec_driver_sql(f"UPDATE counter SET value = {RECORDS} WHERE name = 'feed'")
    if kind == "postgresql":  # it counts its rows by itself; a receiver never has SQLite do so
        db.exec_driver_sql("ANALYZE")


@contextmanager
def listening() -> Iterator[list[Asked]]:
    """What goes to any database meanwhile, each statement once."""
    heard: dict[str, Asked] = {}

    def hear(_db: object, _cursor: object, statement: str, parameters: Any, _context: object, is_many: bool) -> None:
        heard.setdefault(statement, Asked(statement, parameters[0] if is_many else parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    found: list[Asked] = []
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
        found += heard.values()


def plan_of(db: Connection, asked: Asked) -> list[str]:
    """The plan as the engine tells it, a line a step."""
    word = "EXPLAIN" if db.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return [str(row[-1]) for row in db.exec_driver_sql(f"{word} {asked.statement}", asked.parameters)]


def scans_in(plan: list[str]) -> list[str]:
    """Lines that read a large table from one end to the other."""
    names = "|".join(table.name for table in LARGE)
    return [line for line in plan if re.search(rf"\b(?:SCAN|Seq Scan on) (?:{names})\b", line)]


def busy_hour(store: Store, place: Place) -> None:
    """Everything that happens at every batch and at every second."""
    heartbeat, trouble = system(2, SystemKind.HEARTBEAT, stream=Stream.TELEMETRY), alarm(1)
    group = [
        Arrival(batch(identity(1), trouble, heartbeat), NOW_MS, KEY.public),
        Arrival(batch(alarm(1, device=OTHER_DEVICE), device=OTHER_DEVICE), NOW_MS, OTHER_KEY.public),
        Arrival(batch(alarm(1, percent=1), alarm(3, phase=Phase.UPDATED, incident=1), acted=1), NOW_MS, KEY.public),
    ]
    store.take_all(group)
    store.take_notice(INCIDENT, Act.SHOWN, None, None, NOW_MS)
    store.take_all(group[2:])
    store.take_notice(INCIDENT, Act.TAKEN_OVER, "Li", 5, NOW_MS)
    store.notices_after(DEVICE, 1, NOW_MS + 120_000)
    reader = BoardReader(place)
    reader.incident(INCIDENT)
    reader.touched_after(RECORDS - 10)
    reader.ask(lambda db: page_after(db, RECORDS // 2, 1_000))
    reader.close()
    turns: list[Callable[[Connection], object]] = [
        lambda db: escalation.plan(db, NOW_MS),
        lambda db: escalation.claim(db, NOW_MS),
        lambda db: prune(
            db, Kept(telemetry_days=10, audit_days=0, message_days=0, handed_over_days=0), NOW_MS + 50_000
        ),
    ]
    for turn in turns:
        store.change(turn)


def test_no_hot_question_reads_a_large_table_from_end_to_end(place: Place) -> None:
    known_to(store := Store(place))
    opened = open_for_writing(place)
    with opened.transaction() as db:
        filled(db)
    with listening() as asked:
        busy_hour(store, place)
    questions = [one for one in asked if re.match(r"(SELECT|WITH|UPDATE|DELETE)\b", one.statement.lstrip())]
    assert len(questions) > 30, "nothing was heard"
    with opened.transaction() as db:
        wrong = {one.statement: found for one in questions if (found := scans_in(plan_of(db, one)))}
    opened.close()
    store.close()
    assert not wrong


def test_a_scan_is_recognised(place: Place) -> None:
    store = Store(place)
    question = Asked("SELECT count(*) FROM record WHERE kind = 97", ())
    assert store.change(lambda db: scans_in(plan_of(db, question)))
    store.close()
