"""The file of the outbox: opened, checked, set aside where it is damaged, and what can still be read of a damaged one.

Source for the pragmas: design/wire.md section 3.1 (WAL, synchronous FULL); SQLite documentation of both.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.errors import OutboxError, WireError
from edge_agent.outbox_salvage import salvaged
from edge_agent.record_form import WORD_MAX
from edge_agent.wire import DEVICE_ID_BYTES, LINK_BYTES, Record, Stream, decode_record, digest

FORMAT = 1
DAMAGED_KEPT_COUNT = 3
BUSY_MS = 1_000
PAGE_BYTES = 1_024  # an alarm writes 5 kB to the card with these, 14 kB with pages of 4 KiB: measured, docs/wire.md
CHECKPOINT_PAGES = 4_000  # about 4 MiB of log before it is written back
RESCUED_COUNT_MAX = 2_000  # records a stream, the newest; streams other than alarms
RESCUED_BLIND_COUNT = 64  # alarms taken over where the cursors cannot be read: rather again than never

# The checks are read by integrity_check too, so that a flipped bit in a number is found at the next start.
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE rec (stream INTEGER, seq INTEGER, kind INTEGER, digest8 BLOB NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (stream, seq), CHECK (typeof(stream) || typeof(seq) || typeof(kind) = 'integerintegerinteger'),
  CHECK (stream BETWEEN 0 AND 3 AND seq > 0)) WITHOUT ROWID;
CREATE TABLE head (stream INTEGER PRIMARY KEY, seq INTEGER, hash BLOB, records INTEGER, bytes INTEGER,
  CHECK (stream BETWEEN 0 AND 3 AND typeof(seq) = 'integer' AND seq >= 0 AND length(hash) = 32),
  CHECK (typeof(hash) || typeof(records) || typeof(bytes) = 'blobintegerinteger'));
CREATE TABLE cur (dest TEXT, stream INTEGER, upto INTEGER, PRIMARY KEY (dest, stream),
  CHECK (stream BETWEEN 0 AND 3 AND typeof(upto) = 'integer' AND upto >= 0)) WITHOUT ROWID;
CREATE TABLE refused (dest TEXT, stream INTEGER, seq INTEGER, PRIMARY KEY (dest, stream, seq)) WITHOUT ROWID;
CREATE TABLE noticed (dest TEXT PRIMARY KEY, upto INTEGER, CHECK (typeof(upto) = 'integer')) WITHOUT ROWID;
CREATE TABLE incident (number INTEGER PRIMARY KEY, kind INTEGER, stream INTEGER, opening INTEGER, state INTEGER,
  life INTEGER, act INTEGER, who TEXT, eta_min INTEGER,
  CHECK (typeof(kind) || typeof(state) || typeof(life) = 'integerintegerinteger' AND stream BETWEEN 0 AND 3),
  CHECK (number > 0 AND (opening IS NULL OR (typeof(opening) = 'integer' AND opening > 0))));
"""
META_TYPES = {"device": bytes, "log": int, "boot": int, "boot_id": str, "life": int, "destinations": str}
BROKEN = (sqlite3.Error, UnicodeDecodeError, MemoryError)
"""What reading a damaged file raises: the second where an error message quotes the damage, the third where a damaged
schema speaks of gigabytes."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident as the outbox remembers it. opening: number of its opening record, None: not in this log."""

    number: int
    kind: int
    stream: int
    opening: int | None
    state: int
    life: int


@dataclass(frozen=True, slots=True)
class Rescue:
    """What goes over from one log into the next. boot 0: not known."""

    records: tuple[Record, ...] = ()
    incidents: tuple[IncidentRow, ...] = ()
    boot: int = 0
    boot_id: str = ""


class _Damaged(Exception):
    """The file is no sound outbox; the message says why."""


def open_file(path: Path) -> sqlite3.Connection:
    """The open database; a damaged one is set aside first. Raises `OutboxError` where nothing can be written."""
    try:
        _sweep_orphans(path)
        try:
            return _opened(path)
        except _Damaged:
            _set_aside(path)
            return _opened(path)
    except (*BROKEN, OSError, _Damaged) as error:
        raise outbox_error(path, error) from error


def outbox_error(path: Path, error: Exception) -> OutboxError:
    """What the database or the system said, with what to do about it."""
    text = str(error)
    if "full" in text or "No space" in text:
        hint = "Free some space on this disk"
    elif "readonly" in text or "Read-only" in text:
        hint = "Make the file and its folder writable for the agent; a worn card turns read-only: replace it"
    elif "locked" in text:
        hint = "Another agent uses this outbox: stop it"
    elif "unable to open" in text or "denied" in text or "directory" in text:
        hint = "The folder must exist and be writable for the agent"
    elif "malformed" in text or "not a database" in text:
        hint = "Restart the agent: it sets a damaged outbox aside and goes on"
    else:
        hint = "Check the disk or the card"
    return OutboxError(f"the outbox cannot be used ({text})", subject=str(path), hint=hint)


def is_for_want_of_room(error: OutboxError) -> bool:
    """The disk is full."""
    return _tells_full(error.__cause__)


def _tells_full(error: BaseException | None) -> bool:
    """Where the index of the log cannot grow for want of room, SQLite says I/O error."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE)


def _opened(path: Path) -> sqlite3.Connection:
    _check_head_of_file(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000.0, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        _prepare(connection)
    except BROKEN as error:
        connection.close()
        if _tells_damage(error):
            raise _Damaged(str(error)) from error
        raise
    except _Damaged:
        connection.close()
        raise
    return connection


def _check_head_of_file(path: Path) -> None:
    """A damaged version byte makes SQLite call a writable file read-only, and a file of one byte is empty to it.

    Source: SQLite file format, offset 18; the one byte: tried with SQLite 3.40.1.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) == 1 or (len(head) == 20 and not {head[18], head[19]} <= {1, 2}):
        raise _Damaged("the head of the file is damaged")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a new file; an existing one keeps its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute("PRAGMA synchronous=FULL")
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise _Damaged(verdict)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = _tables_of(connection)
    if version == 0 and not tables:
        # One transaction: a power cut leaves all of it or nothing.
        connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")
        return
    if version != FORMAT or tables != _sound_tables():
        raise _Damaged("tables of another make")
    _check_meta(connection)
    _check_heads(connection)


def _tables_of(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _sound_tables() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        return _tables_of(connection)


def _check_meta(connection: sqlite3.Connection) -> None:
    meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    kinds = {name: type(value) for name, value in meta.items()}
    if meta and kinds != META_TYPES:
        raise _Damaged("the outbox does not know who it is")
    if meta and not (len(meta["device"]) == DEVICE_ID_BYTES and 0 <= meta["log"] <= WORD_MAX and meta["boot"] >= 1):
        raise _Damaged("the outbox does not know who it is")


def _check_heads(connection: sqlite3.Connection) -> None:
    """The newest record of each stream is the one that the head names: numbers are never given out twice."""
    for stream, seq, hashed in connection.execute("SELECT stream, seq, hash FROM head").fetchall():
        newest = connection.execute(
            "SELECT seq, body FROM rec WHERE stream = ? ORDER BY seq DESC LIMIT 1", (stream,)
        ).fetchone()
        if newest is None:
            if seq != 0:
                raise _Damaged("records are missing")
            continue
        newest_seq, body = newest
        if newest_seq != seq or type(body) is not bytes or digest(body) != hashed:
            raise _Damaged("heads and records disagree")


def _tells_damage(error: Exception) -> bool:
    if not isinstance(error, sqlite3.Error):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def _set_aside(path: Path) -> None:
    """Rename the damaged files; of earlier ones the newest few are kept for support."""
    earlier = _earlier_asides(path)
    aside = path.with_name(f"{path.name}.damaged-{earlier[-1][0] + 1 if earlier else 1}")
    for _, old in earlier[: max(0, len(earlier) - DAMAGED_KEPT_COUNT + 1)]:
        for name in (old, *_companions(old)):
            name.unlink(missing_ok=True)
    path.rename(aside)
    _move_companions(path, aside)


def _sweep_orphans(path: Path) -> None:
    """Power may have failed while a damaged file was set aside: its log must never be read into a new database."""
    if not path.exists():
        earlier = _earlier_asides(path)
        _move_companions(path, earlier[-1][1] if earlier else path.with_name(f"{path.name}.damaged-1"))


def _earlier_asides(path: Path) -> list[tuple[int, Path]]:
    pattern = re.compile(re.escape(path.name) + r"\.damaged-([0-9]+)")
    matches = ((pattern.fullmatch(found.name), found) for found in path.parent.glob("*.damaged-*"))
    return sorted((int(match[1]), found) for match, found in matches if match is not None)


def _move_companions(path: Path, aside: Path) -> None:
    for source, target in zip(_companions(path), _companions(aside), strict=True):
        if source.exists():
            source.rename(target)


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def rescue_from(path: Path, destinations: tuple[str, ...]) -> tuple[Path | None, Rescue]:
    """The damaged outbox that was set aside last, if any, and what can still be read of it.

    That is: unsent alarms and faults, open incidents, the boot counter. Raises `sqlite3.Error` on a full disk.
    """
    earlier = _earlier_asides(path)
    return (earlier[-1][1], rescued(earlier[-1][1], destinations)) if earlier else (None, Rescue())


def rescued(aside: Path, destinations: tuple[str, ...]) -> Rescue:
    """What can still be read of an outbox that is no longer used. Raises `sqlite3.Error` on a full disk."""
    try:
        connection = sqlite3.connect(aside, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
    except sqlite3.Error:
        return Rescue()
    try:
        meta = dict(_rows(connection, "SELECT name, value FROM meta"))
        boot, boot_id = meta.get("boot"), meta.get("boot_id")
        cursors = {
            (dest, stream): upto
            for dest, stream, upto in _rows(connection, "SELECT dest, stream, upto FROM cur")
            if type(upto) is int
        }
        pieces = _pieces(aside, meta.get("log"))
        records: list[Record] = []
        for stream in (Stream.ALARM, Stream.FAULT):
            of_stream = [cursors.get((dest, stream)) for dest in destinations]
            records += _unsent(connection, stream, of_stream, pieces)
        highest = max((record.stamp.boot for record in records), default=0)
        return Rescue(
            tuple(records),
            tuple(_incidents(connection)),
            boot if type(boot) is int and boot >= highest else highest,
            boot_id if type(boot_id) is str else "",
        )
    finally:
        connection.close()


def _incidents(connection: sqlite3.Connection) -> Iterator[IncidentRow]:
    for row in _rows(connection, "SELECT number, kind, stream, opening, state, life FROM incident"):
        found = IncidentRow(*row)
        numbers = (found.number, found.kind, found.stream, found.state, found.life, found.opening or 0)
        if all(type(value) is int for value in numbers):
            yield found


def _pieces(aside: Path, log: object) -> list[Record]:
    """What is found page by page, of one log: the one that is named, or else that of the newest record."""
    found = list(salvaged(aside, PAGE_BYTES))
    if type(log) is not int and found:
        log = max(found, key=lambda record: (record.stamp.boot, record.stamp.up_ms)).log
    return [record for record in found if record.log == log]


def _unsent(
    connection: sqlite3.Connection, stream: Stream, cursors: list[int | None], pieces: list[Record]
) -> list[Record]:
    """Whole records of a stream, oldest first: what SQLite can still read, and what lies in pages that it cannot."""
    known = [cursor for cursor in cursors if cursor is not None]
    is_blind = bool(cursors) and not known
    if is_blind and stream is not Stream.ALARM:
        return []
    limit = RESCUED_BLIND_COUNT if is_blind else -1 if stream is Stream.ALARM else RESCUED_COUNT_MAX
    after = min(known, default=0)
    rows = _rows(
        connection,
        "SELECT digest8, body FROM rec WHERE stream = ? AND seq > ? ORDER BY seq DESC LIMIT ?",
        (int(stream), after, limit),
    )
    found = {record.seqno: record for record in pieces if record.stream is stream and record.seqno > after}
    found.update((record.seqno, record) for record in sound_records(rows))
    numbers = sorted(found)
    return [found[number] for number in (numbers if limit < 0 else numbers[-limit:])]


def sound_records(rows: Iterator[tuple[Any, ...]]) -> Iterator[Record]:
    """The records among (first bytes of the digest, body) that are as they were written."""
    for digest8, body in rows:
        if type(body) is bytes and digest(body)[:LINK_BYTES] == digest8:
            try:
                yield decode_record(body)
            except WireError:
                continue


def _rows(connection: sqlite3.Connection, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Rows until the damage begins. Raises `sqlite3.Error` on a full disk: then nothing is known of them."""
    try:
        yield from connection.execute(query, values)
    except BROKEN as error:
        if _tells_full(error):
            raise
        return
