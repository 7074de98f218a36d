"""How the tables of an older database become those of `receiver/tables.py`, one format after the other.

Formats 1 to 5 were SQLite files of earlier receivers, written down here as they were. Whoever changes a table raises
`tables.FORMAT` and adds the step here; a test compares the outcome with a new database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from receiver import tables

FIRST_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE device (
    dev BLOB PRIMARY KEY, log INTEGER NOT NULL, last_contact_ms INTEGER NOT NULL,
    acted_notice INTEGER NOT NULL DEFAULT 0, heard_notice INTEGER NOT NULL DEFAULT 0,
    lift_no TEXT, firmware TEXT, test_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE record (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    kind INTEGER NOT NULL, phase INTEGER, incident INTEGER,
    digest BLOB NOT NULL, body BLOB NOT NULL, arrived_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID;
CREATE INDEX record_of_incident ON record (dev, log, stream, incident, phase, seqno) WHERE incident IS NOT NULL;
CREATE TABLE conflict (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    digest BLOB NOT NULL, body BLOB NOT NULL, arrived_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno, digest)
) WITHOUT ROWID;
CREATE TABLE span (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, first)
) WITHOUT ROWID;
CREATE TABLE contact (
    dev BLOB NOT NULL, log INTEGER NOT NULL, boot INTEGER NOT NULL,
    first_up_ms INTEGER NOT NULL, first_arrived_ms INTEGER NOT NULL,
    last_up_ms INTEGER NOT NULL, last_arrived_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, boot)
) WITHOUT ROWID;
CREATE TABLE incident (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    is_open INTEGER NOT NULL, is_alarm INTEGER NOT NULL, stored_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID;
CREATE INDEX incident_by_time ON incident (is_open, is_alarm, stored_ms);
CREATE TABLE notice (
    dev BLOB NOT NULL, number INTEGER NOT NULL, act INTEGER NOT NULL,
    log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, who TEXT, eta_min INTEGER,
    PRIMARY KEY (dev, number)
) WITHOUT ROWID;
CREATE INDEX notice_of_incident ON notice (dev, log, stream, seqno);
"""

_TO_2 = """
ALTER TABLE record ADD COLUMN seal BLOB;
CREATE TABLE device_key (dev BLOB PRIMARY KEY, raw BLOB NOT NULL, shared BLOB, since_ms INTEGER NOT NULL) WITHOUT ROWID
"""
_TO_3 = """
CREATE TABLE evidence (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    digest BLOB NOT NULL, size INTEGER NOT NULL, have INTEGER NOT NULL, state INTEGER NOT NULL,
    tries INTEGER NOT NULL, asked_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID;
CREATE TABLE evidence_part (
    dev BLOB NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (dev, digest, at)
)
"""
_TO_4 = "CREATE TABLE join_code (kept BLOB PRIMARY KEY, dev BLOB, until_ms INTEGER NOT NULL) WITHOUT ROWID"
_TO_5 = """
CREATE TABLE chain_break (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL, found_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID
"""
_OLD_INTO_JOURNAL = """
INSERT INTO journal (position, what, dev, log, stream, seqno, number)
SELECT row_number() OVER (ORDER BY at_ms, what, dev, log, stream, seqno, number),
       what, dev, log, stream, seqno, number
FROM (SELECT arrived_ms AS at_ms, 0 AS what, dev, log, stream, seqno, NULL AS number FROM record
      UNION ALL SELECT at_ms, 1, dev, log, stream, seqno, number FROM notice) AS old;
INSERT INTO counter (name, value) SELECT 'feed', coalesce(max(position), 0) FROM journal
"""


_SAME = "o.dev = incident.dev AND o.log = incident.log AND o.stream = incident.stream"
_STAGE_OF_OLD = f"""
UPDATE incident SET stage = 3 WHERE is_open = 0;
UPDATE incident SET stage = 1 WHERE is_open = 1
    AND EXISTS (SELECT 1 FROM notice o WHERE {_SAME} AND o.seqno = incident.seqno AND o.act IN (2, 3, 4));
UPDATE incident SET stage = 3 WHERE is_open = 1 AND 3 = (
    SELECT o.phase FROM record o WHERE {_SAME} AND o.incident = incident.seqno ORDER BY o.seqno DESC LIMIT 1)
"""


def run_script(db: Connection, script: str) -> None:
    """Statements parted by semicolons, inside the transaction of the caller."""
    for statement in script.split(";"):
        if statement.strip():
            db.exec_driver_sql(statement)


def _sqlite_script(script: str) -> Callable[[Connection], None]:
    return lambda db: run_script(db, script)


def _to_6(db: Connection) -> None:
    """The journal: what a feed follows, in the order of the commits."""
    tables.METADATA.create_all(db, [tables.counter, tables.journal])
    run_script(db, _OLD_INTO_JOURNAL)


def _to_7(db: Connection) -> None:
    """People and what they did."""
    tables.METADATA.create_all(db, [tables.person, tables.session, tables.failure, tables.audit])


def _to_8(db: Connection) -> None:
    """The register of lifts and firms."""
    tables.METADATA.create_all(db, [tables.firm, tables.lift, tables.binding])
    run_script(db, "CREATE INDEX device_of_lift ON device (lift_no)")


def _to_9(db: Connection) -> None:
    """Escalation, and what was forgotten. What is over begins as such: an upgrade alarms nobody about the past."""
    tables.METADATA.create_all(db, [tables.step, tables.message, tables.pruned])
    run_script(db, "ALTER TABLE incident ADD COLUMN stage INTEGER NOT NULL DEFAULT 0")
    run_script(db, _STAGE_OF_OLD)


def _to_10(db: Connection) -> None:
    """Boxes that are revoked, and the certificates that were given out."""
    tables.METADATA.create_all(db, [tables.certificate, tables.revoked])


STEPS: Mapping[int, Callable[[Connection], None]] = {
    1: _sqlite_script(_TO_2),
    2: _sqlite_script(_TO_3),
    3: _sqlite_script(_TO_4),
    4: _sqlite_script(_TO_5),
    5: _to_6,
    6: _to_7,
    7: _to_8,
    8: _to_9,
    9: _to_10,
}
"""By the format from which each begins."""


def bring_up_to_date(db: Connection, found: int) -> None:
    """From `found` (0: an empty database) to `tables.FORMAT`, inside the transaction of the caller."""
    if found == 0:
        tables.METADATA.create_all(db)
        db.execute(tables.counter.insert(), {"name": "feed", "value": 0})
        return
    for earlier in range(found, tables.FORMAT):
        STEPS[earlier](db)
