"""One commit of the outbox: all or nothing, on the disk when it ends, also after the disk has failed once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.outbox_file import outbox_error


class Commits:
    """The transactions of one open outbox."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._is_doubtful = False

    @contextmanager
    def transaction(self, *, is_durable: bool = True) -> Iterator[None]:
        """All or nothing; durable: on the disk when it ends. Raises `OutboxError` for what the database says."""
        try:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if is_durable or self._is_doubtful else 'NORMAL'}")
            if self._is_doubtful:
                self._write_back()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_FSYNC:
                self._is_doubtful = True
            raise outbox_error(self._path, error) from error

    def _write_back(self) -> None:
        """Put everything that is in the log into the database, synced, and begin the log anew.

        After a flush that failed the kernel takes for written what is not, and the next flush says well: what an
        earlier commit without a flush left in the log would be a hole before every later one. Source: fsync(2), Linux,
        EIO; seen in `labs/power` with a disk that fails single writes.
        """
        (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("the log cannot be written back: somebody reads the outbox")
        self._is_doubtful = False
