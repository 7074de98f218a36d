"""Opens the receiver's database, a SQLite file or a PostgreSQL server, and gives out transactions and snapshots.

In: a folder, or a URL `postgresql://...`. Out: connections of SQLAlchemy Core inside a transaction. A SQLite file
belongs to one receiver process, held by a lock; in PostgreSQL any number write, kept apart by one lock a box.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, Executable, create_engine, event, inspect, select, text, update
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import QueuePool, StaticPool

from edge_agent.wire_sealing import SEED_BYTES
from receiver import tables as t
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.upgrades import bring_up_to_date

FILE_NAME = "receiver.sqlite"
SEED_NAME = "seed"
LOCK_NAME = "receiver.lock"
FORMAT = t.FORMAT
READABLE_FORMATS = tuple(range(FORMAT + 1))
_FORMAT_NAME = "format"

Place = Path | str
"""Where a receiver keeps things: a folder, or the URL of a PostgreSQL database."""

# No question of ours takes long: what does, waits for a dead disk or a dead peer. Our choices, below the 15 s after
# which a box tries its next destination.
_POSTGRESQL_OPTIONS = (
    "-c synchronous_commit=on -c statement_timeout=12000 -c lock_timeout=8000 "
    "-c idle_in_transaction_session_timeout=30000"
)
_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 5,
    "options": _POSTGRESQL_OPTIONS,
    "application_name": "lift-receiver",
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Turn(IntEnum):
    """What two receivers on one database must not do at the same time, besides the things of one box."""

    TABLES = 1
    ENROLMENT = 2
    EVIDENCE_ROOM = 3
    PEOPLE = 4
    ESCALATION = 5
    RETENTION = 6
    ADAPTERS = 7


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


class Database:
    """One database, open. Any thread may use it, one at a time."""

    def __init__(self, engine: Engine, subject: str) -> None:
        self._engine = engine
        self._subject = subject
        self._lock: FolderLock | None = None

    @property
    def subject(self) -> str:
        """How it is called in an error."""
        return self._subject

    def keep_format(self, db: Connection) -> None:
        """After rows of another database were put in: PostgreSQL keeps its format among them."""
        if self.is_postgresql:
            _note_format(db)

    @property
    def is_postgresql(self) -> bool:
        """A server that several receivers may share."""
        return self._engine.dialect.name == "postgresql"

    def hold(self, lock: FolderLock) -> None:
        """Keep the lock of the folder until closed."""
        self._lock = lock

    def close(self) -> None:
        """Close the connections and let another receiver have the folder."""
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def transaction(self, *devices: bytes, turn: Turn | None = None) -> Iterator[Connection]:
        """All or nothing, on disk when it ends. devices: the boxes whose rows are read and written here.

        Locks are taken in one order everywhere: boxes by id, the turn, and last the row of a counter; so no two wait
        for each other. Raises `StoreUnavailable` where the database will not have it.
        """
        try:
            with self._engine.begin() as db:
                if self.is_postgresql:
                    _take_turns(db, devices, turn)
                yield db
        except (ProgrammingError, IntegrityError, DataError):
            raise
        except DBAPIError as error:
            raise self._unavailable(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One state of the database, read only. Raises `StoreUnavailable`."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.is_postgresql else {}
        try:
            with self._engine.connect().execution_options(**options) as db:
                yield db
        except (ProgrammingError, IntegrityError, DataError):
            raise
        except DBAPIError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: DBAPIError) -> StoreUnavailable:
        if self.is_postgresql:
            hint = "See to the database server; the boxes keep their records and send them again"
        else:
            hint = "Free some room or see to the disk; the boxes keep their records and send them again"
        return StoreUnavailable(f"nothing was stored ({_reason(error)})", subject="database", hint=hint)


def open_for_writing(place: Place, *, is_alone: bool = False) -> Database:
    """Open and bring up to date, or make. is_alone: take the lock of the folder too. Raises `ReceiverError`."""
    if isinstance(place, str):
        return _opened_postgresql(place)
    lock = FolderLock(place) if is_alone else None
    path = place / FILE_NAME
    try:
        _keep_private(path)
        opened = Database(_sqlite_engine(path, "BEGIN IMMEDIATE", *_WRITING), str(path))
        try:
            with opened.transaction() as db:
                _bring_up_to_date(db, db.exec_driver_sql("PRAGMA user_version").scalar_one(), str(path))
                db.exec_driver_sql(f"PRAGMA user_version={FORMAT}")
        except StoreUnavailable as error:
            raise _cannot_open(str(path), str(error)) from error
        except DBAPIError as error:
            raise _cannot_open(str(path), _reason(error)) from error
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    if lock is not None:
        opened.hold(lock)
    return opened


def open_for_reading(place: Place) -> Database:
    """A database that cannot be written here; shows the last commit while others write. Raises `ReceiverError`."""
    if isinstance(place, str):
        return _opened_postgresql(place)
    path = place / FILE_NAME
    if not path.is_file():
        hint = "Give --data the folder a receiver has run on"
        raise ReceiverError("there is no receiver database", subject=str(path), hint=hint)
    opened = Database(_sqlite_engine(path, "BEGIN", "PRAGMA query_only=ON"), str(path))
    try:
        with opened.snapshot() as db:
            found = db.exec_driver_sql("PRAGMA user_version").scalar_one()
            _check_format(found, str(path))
            if found != FORMAT:
                hint = "Run the receiver, or `lift-receiver init`, once on this folder: it brings the file up to date"
                raise ReceiverError(f"database format {found} is an older one", subject=str(path), hint=hint)
    except StoreUnavailable as error:
        opened.close()
        raise _cannot_open(str(path), str(error)) from error
    except DBAPIError as error:
        opened.close()
        raise _cannot_open(str(path), _reason(error)) from error
    except ReceiverError:
        opened.close()
        raise
    return opened


def key_seed(db: Connection) -> bytes:
    """The secret of the receiver's key; it lies in the database so that a backup of one is a backup of both."""
    return bytes(db.execute(select(t.meta.c.value).where(t.meta.c.name == SEED_NAME)).scalar_one())


def receiver_id(db: Connection) -> bytes:
    """The id that receipts carry."""
    return bytes(db.execute(select(t.meta.c.value).where(t.meta.c.name == "receiver")).scalar_one())


def execute_all(db: Connection, statement: Executable, rows: Sequence[dict[str, object]]) -> None:
    """Run a statement for each row. A single row goes without the pipeline that psycopg opens for a list."""
    if rows:
        db.execute(statement, rows[0] if len(rows) == 1 else rows)


def next_positions(db: Connection, count: int) -> range:
    """Numbers for the journal. Called last in a transaction: from here to the commit no other can have any."""
    at = t.counter.c.name == "feed"
    db.execute(update(t.counter).where(at).values(value=t.counter.c.value + count))
    last = db.execute(select(t.counter.c.value).where(at)).scalar_one()
    return range(last - count + 1, last + 1)


_WRITING = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a receipt is a promise: the commit is on disk before it is given
    "PRAGMA journal_size_limit=67108864",
)


def _sqlite_engine(path: Path, begin: str, *pragmas: str) -> Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _opened_postgresql(url: str) -> Database:
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres") or not rest:
        hint = "Write it like postgresql://user@host/name; a folder is given with --data"
        raise ReceiverError("not the URL of a PostgreSQL database", subject=scheme, hint=hint)
    subject = "postgresql://" + rest.rpartition("@")[2]  # never with the password
    try:
        engine = create_engine(
            f"postgresql+psycopg://{rest}",
            poolclass=QueuePool,
            pool_size=2,
            max_overflow=2,
            pool_timeout=8,
            pool_pre_ping=True,
            connect_args=_CONNECT_ARGS,
        )
        opened = Database(engine, subject)
        with opened.transaction(turn=Turn.TABLES) as db:
            _check_promises(db, subject)
            _bring_up_to_date(db, _postgresql_format(db), subject)
            _note_format(db)
    except ModuleNotFoundError as error:
        hint = "pip install 'lift-edge-agent[receiver]'"
        raise ReceiverError(f"{error.name} is not installed", subject=subject, hint=hint) from error
    except (ArgumentError, StoreUnavailable, DBAPIError) as error:
        hint = "See that the server runs, that the database exists and that this user may use it"
        reason = _reason(error) if isinstance(error, DBAPIError) else str(error)
        raise ReceiverError(f"the database cannot be opened ({reason})", subject=subject, hint=hint) from error
    return opened


def _check_promises(db: Connection, subject: str) -> None:
    """A server that answers before its disk has it makes every receipt a lie."""
    for setting in ("fsync", "full_page_writes"):
        if db.exec_driver_sql(f"SHOW {setting}").scalar_one() != "on":
            hint = f"Set {setting} = on in postgresql.conf"
            raise ReceiverError(f"{setting} is off: a commit could be lost", subject=subject, hint=hint)


def _postgresql_format(db: Connection) -> int:
    if not inspect(db).has_table(t.meta.name):
        return 0
    value = db.execute(select(t.meta.c.value).where(t.meta.c.name == _FORMAT_NAME)).scalar_one_or_none()
    return 0 if value is None else int(bytes(value))


def _note_format(db: Connection) -> None:
    value = str(FORMAT).encode()
    db.execute(t.insert_new(t.meta), {"name": _FORMAT_NAME, "value": value})
    db.execute(update(t.meta).where(t.meta.c.name == _FORMAT_NAME).values(value=value))


def _take_turns(db: Connection, devices: Iterable[bytes], turn: Turn | None) -> None:
    numbers = [int.from_bytes(device[:8], "big", signed=True) for device in sorted(set(devices))]
    if numbers:
        db.execute(_DEVICE_LOCKS, {"numbers": numbers})
    if turn is not None:
        db.execute(_TURN_LOCK, {"turn": int(turn)})


# A function in FROM is read row by row in the order of its array: the locks are taken in that order.
_DEVICE_LOCKS = text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:numbers AS bigint[])) AS n")
_TURN_LOCK = text("SELECT pg_advisory_xact_lock(7, CAST(:turn AS int))")


def _keep_private(path: Path) -> None:
    """The receiver's secret key is in there: nobody else may read it."""
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError:
        return  # a file of somebody else, or none: opening it says what is wrong


def _bring_up_to_date(db: Connection, found: int, subject: str) -> None:
    """Make the tables, or those that came later, and the receiver's key where there is none."""
    _check_format(found, subject)
    if found == FORMAT:
        return
    bring_up_to_date(db, found)
    for name, value in (("receiver", os.urandom(8)), (SEED_NAME, os.urandom(SEED_BYTES))):
        db.execute(t.insert_new(t.meta), {"name": name, "value": value})


def _check_format(found: int, subject: str) -> None:
    if found not in READABLE_FORMATS:
        hint = f"This receiver reads format {FORMAT}; run the receiver that wrote the file"
        raise ReceiverError(f"database format {found} is unknown", subject=subject, hint=hint)


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().replace("\n", "; ")


def _cannot_open(subject: str, reason: str) -> ReceiverError:
    hint = "Restore it from a backup, or move it aside to begin anew: boxes send again what they still hold"
    return ReceiverError(f"the database cannot be opened ({reason})", subject=subject, hint=hint)
