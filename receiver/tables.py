"""The tables of the receiver, the same in SQLite and in PostgreSQL.

In: nothing. Out: `Table` objects for SQLAlchemy Core. Times are Unix milliseconds, digests and ids bytes. What belongs
to a box begins with (dev, log, stream, number); nothing is ordered by time.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeEngine

FORMAT = 10
"""Raised with every change of a table; `receiver/upgrades.py` brings an older database here."""

METADATA = MetaData()
_DEVICE_PLACE = ("dev", "log", "stream", "seqno")


def _key(name: str, kind: type[TypeEngine[Any]] = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


def _must(name: str, kind: type[TypeEngine[Any]] = BigInteger, default: str | None = None) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=None if default is None else text(default))


def _may(name: str, kind: type[TypeEngine[Any]] = BigInteger) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _place() -> list[Column[Any]]:
    return [_key("dev", LargeBinary), _key("log"), _key("stream", Integer), _key("seqno")]


def _table(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, METADATA, *columns, sqlite_with_rowid=False)


meta = _table("meta", _key("name", Text), _must("value", LargeBinary))
device = _table(
    "device",
    _key("dev", LargeBinary),
    _must("log"),
    _must("last_contact_ms"),
    _must("acted_notice", default="0"),
    _must("heard_notice", default="0"),
    _may("lift_no", Text),
    _may("firmware", Text),
    _may("test_ms"),
)
record = _table(
    "record",
    *_place(),
    _must("kind", Integer),
    _may("phase", Integer),
    _may("incident"),
    _must("digest", LargeBinary),
    _must("body", LargeBinary),
    _must("arrived_ms"),
    _may("seal", LargeBinary),
)
Index(
    "record_of_incident",
    *(record.c[name] for name in ("dev", "log", "stream", "incident", "phase", "seqno")),
    sqlite_where=record.c.incident.is_not(None),
    postgresql_where=record.c.incident.is_not(None),
)
conflict = _table(
    "conflict",
    *_place(),
    _key("digest", LargeBinary),
    _must("body", LargeBinary),
    _must("arrived_ms"),
)
span = _table(
    "span",
    _key("dev", LargeBinary),
    _key("log"),
    _key("stream", Integer),
    _key("first"),
    _must("last"),
    _must("since_ms"),
)
contact = _table(
    "contact",
    _key("dev", LargeBinary),
    _key("log"),
    _key("boot"),
    _must("first_up_ms"),
    _must("first_arrived_ms"),
    _must("last_up_ms"),
    _must("last_arrived_ms"),
)
incident = _table(
    "incident",
    *_place(),
    _must("is_open", Integer),
    _must("is_alarm", Integer),
    _must("stored_ms"),
    _must("stage", Integer, "0"),
)
Index("incident_by_time", incident.c.is_open, incident.c.is_alarm, incident.c.stored_ms)
notice = _table(
    "notice",
    _key("dev", LargeBinary),
    _key("number"),
    _must("act", Integer),
    _must("log"),
    _must("stream", Integer),
    _must("seqno"),
    _must("at_ms"),
    _may("who", Text),
    _may("eta_min", Integer),
)
Index("notice_of_incident", *(notice.c[name] for name in _DEVICE_PLACE))
device_key = _table(
    "device_key",
    _key("dev", LargeBinary),
    _must("raw", LargeBinary),
    _may("shared", LargeBinary),
    _must("since_ms"),
)
evidence = _table(
    "evidence",
    *_place(),
    _must("digest", LargeBinary),
    _must("size"),
    _must("have"),
    _must("state", Integer),
    _must("tries", Integer),
    _must("asked_ms"),
)
evidence_part = Table(  # its rows are long: SQLite keeps those better by row number
    "evidence_part",
    METADATA,
    _key("dev", LargeBinary),
    _key("digest", LargeBinary),
    _key("at"),
    _must("data", LargeBinary),
)
join_code = _table("join_code", _key("kept", LargeBinary), _may("dev", LargeBinary), _must("until_ms"))
certificate = _table("certificate", _key("serial", Text), _must("dev", LargeBinary), _must("until_ms"))
"""Certificates of boxes that are not over. serial: hexadecimal; known from format 10 on."""

Index("certificate_of_box", certificate.c.dev)
revoked = _table("revoked", _key("dev", LargeBinary), _must("at_ms"), _must("by", Text), _must("why", Text))
chain_break = _table("chain_break", *_place(), _must("found_ms"))
counter = _table("counter", _key("name", Text), _must("value"))
"""Counters that are raised at the end of a transaction, so that the order of their values is that of the commits."""

journal = _table(
    "journal",
    _key("position"),
    _must("what", Integer),  # JOURNAL_RECORD or JOURNAL_NOTICE
    _must("dev", LargeBinary),
    _must("log"),
    _must("stream", Integer),
    _must("seqno"),  # of the record, or of the incident that a notice is about
    _may("number"),  # of the notice
)
Index("journal_of_record", *(journal.c[name] for name in _DEVICE_PLACE))
person = _table(
    "person",
    _key("name", Text),
    _must("shown", Text),
    _must("role", Integer),
    _must("digest", Text),
    _must("is_disabled", Integer),
    _must("since_ms"),
    _may("firm", Text),
)
session = _table(
    "session",
    _key("kept", LargeBinary),
    _must("person", Text),
    _must("label", Text),
    _must("is_token", Integer),
    _must("since_ms"),
    _must("seen_ms"),
    _must("until_ms"),
)
Index("session_of_person", session.c.person)
failure = _table("failure", _key("person", Text), _key("address", Text), _must("wrong", Integer), _must("last_ms"))
audit = _table(
    "audit",
    _key("at_ms"),
    _key("mark", LargeBinary),
    _may("who", Text),
    _may("role", Text),
    _must("address", Text),
    _must("what", Text),
    _must("subject", Text),
    _must("outcome", Text),
    _must("detail", Text),
)
firm = _table("firm", _key("name", Text), _may("phone", Text), _may("mail", Text), _must("since_ms"))
lift = _table(
    "lift",
    _key("lift_no", Text),
    *(
        _may(name, Text)
        for name in (
            "maker",
            "model",
            "serial",
            "address",
            "owner",
            "owner_phone",
            "lift_phone",
            "installed_on",
            "checked_on",
            "next_check_on",
            "landing_names",
            "note",
            "firm",
        )
    ),
    *(_may(name, Integer) for name in ("landings", "rated_speed_mmps", "rated_load_kg")),
    _must("changed_ms"),
    _must("changed_by", Text),
)
Index("lift_of_firm", lift.c.firm)
Index("device_of_lift", device.c.lift_no)
binding = _table(
    "binding",
    _key("lift_no", Text),
    _key("since_ms"),
    _key("firm", Text),
    _may("until_ms"),
    _must("by", Text),
)
step = _table(
    "step",
    _key("lift_no", Text),
    _key("number", Integer),
    _must("after_s", Integer),
    _must("channel", Text),
    _must("target", Text),
    _must("language", Text),
)
message = _table(
    "message",
    *_place(),
    _key("step", Integer),
    _key("kind", Text),
    _must("channel", Text),
    _must("target", Text),
    _must("language", Text),
    _must("state", Integer),
    _must("due_ms"),
    _must("tries", Integer),
    _must("next_ms"),
    _must("claimed_ms"),
    _may("sent_ms"),
    _may("error", Text),
)
Index("message_by_state", message.c.state, message.c.next_ms)
pruned = _table("pruned", _key("dev", LargeBinary), _key("log"), _key("stream", Integer), _must("upto"))
"""Up to which number records of a stream were here and are forgotten: a box that sends one again had it stored."""

JOURNAL_RECORD = 0
JOURNAL_NOTICE = 1


class _InsertNew(Insert):
    """An INSERT that leaves a row that is there alone; `rowcount` says whether it was new."""

    inherit_cache = True


@compiles(_InsertNew)
def _insert_new(element: _InsertNew, compiler: SQLCompiler, **options: Any) -> str:
    plain: str = compiler.visit_insert(element, **options)  # type: ignore[no-untyped-call]
    return plain + " ON CONFLICT DO NOTHING"


@cache
def insert_new(table: Table) -> Insert:
    """Insert a row unless one with its key is there."""
    return _InsertNew(table).inline().execution_options(preserve_rowcount=True)


def storable(words: str) -> str:
    """Text as every engine takes it: PostgreSQL has no place for U+0000."""
    return words.replace("\x00", "�")
