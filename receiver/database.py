"""The receiver's SQLite file: its tables, how it is opened, and the lock that lets one process write it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from edge_agent.wire_sealing import SEED_BYTES
from receiver.errors import ReceiverError

FILE_NAME = "receiver.sqlite"
SEED_NAME = "seed"
LOCK_NAME = "receiver.lock"
FORMAT = 5
READABLE_FORMATS = tuple(range(FORMAT + 1))

_TABLES = """
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

# From each format to the next.
_UPGRADES = {
    1: """
ALTER TABLE record ADD COLUMN seal BLOB;
CREATE TABLE device_key (dev BLOB PRIMARY KEY, raw BLOB NOT NULL, shared BLOB, since_ms INTEGER NOT NULL) WITHOUT ROWID
""",
    2: """
CREATE TABLE evidence (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL,
    digest BLOB NOT NULL, size INTEGER NOT NULL, have INTEGER NOT NULL, state INTEGER NOT NULL,
    tries INTEGER NOT NULL, asked_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID;
CREATE TABLE evidence_part (
    dev BLOB NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (dev, digest, at)
)
""",
    3: "CREATE TABLE join_code (kept BLOB PRIMARY KEY, dev BLOB, until_ms INTEGER NOT NULL) WITHOUT ROWID",
    4: """
CREATE TABLE chain_break (
    dev BLOB NOT NULL, log INTEGER NOT NULL, stream INTEGER NOT NULL, seqno INTEGER NOT NULL, found_ms INTEGER NOT NULL,
    PRIMARY KEY (dev, log, stream, seqno)
) WITHOUT ROWID
""",
}


class FolderLock:
    """Held while a receiver runs on a folder, so that two never write one database."""

    def __init__(self, folder: Path) -> None:
        """Raises `ReceiverError` when the folder cannot be used or another receiver holds it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = (folder / LOCK_NAME).open("a")
        except OSError as error:
            hint = "Give --data a folder that this user may write"
            raise ReceiverError(error.strerror or str(error), subject=str(folder), hint=hint) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            hint = "Stop that one first, or give this one its own folder with --data"
            raise ReceiverError("another receiver runs on this folder", subject=str(folder), hint=hint) from error

    def release(self) -> None:
        """Let another receiver have the folder."""
        self._file.close()


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the tables when there are none. Raises `ReceiverError`."""
    path = folder / FILE_NAME
    try:
        _keep_private(path)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # a receipt is a promise: the commit is on disk before it is given
        db.execute("PRAGMA journal_size_limit=67108864")
        _check_format(db, path)
        _bring_up_to_date(db)
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error
    return db


def _keep_private(path: Path) -> None:
    """The receiver's secret key is in there: nobody else may read it."""
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError:
        return  # a file of somebody else, or none: opening it says what is wrong


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    """Make the tables, or those that came later, in one transaction; and the receiver's key where there is none."""
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found == FORMAT:
        return
    db.execute("BEGIN IMMEDIATE")
    if found == 0:
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES ('receiver', ?)", (os.urandom(8),))
    for earlier in range(max(1, found), FORMAT):
        for statement in _UPGRADES[earlier].split(";"):
            db.execute(statement)
    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (SEED_NAME, os.urandom(SEED_BYTES)))
    db.execute(f"PRAGMA user_version={FORMAT}")
    db.execute("COMMIT")


def key_seed(db: sqlite3.Connection) -> bytes | None:
    """The secret of the receiver's key; it lies in the database so that a backup of one is a backup of both."""
    row = db.execute("SELECT value FROM meta WHERE name=?", (SEED_NAME,)).fetchone()
    return None if row is None else bytes(row[0])


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """A connection that cannot write; sees the last commit while another process writes. Raises `ReceiverError`."""
    path = folder / FILE_NAME
    if not path.is_file():
        hint = "Give --data the folder a receiver has run on"
        raise ReceiverError("there is no receiver database", subject=str(path), hint=hint)
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA query_only=ON")
        _check_format(db, path)
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error
    return db


def _check_format(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found not in READABLE_FORMATS:
        db.close()
        hint = f"This receiver reads format {FORMAT}; run the receiver that wrote the file"
        raise ReceiverError(f"database format {found} is unknown", subject=str(path), hint=hint)


def _cannot_open(path: Path, error: sqlite3.Error) -> ReceiverError:
    hint = "Restore it from a backup, or move it aside to begin anew: boxes send again what they still hold"
    return ReceiverError(f"the database cannot be opened ({error})", subject=str(path), hint=hint)
