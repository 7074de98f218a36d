"""What people look at: incidents, troubles and boxes, read from the last commit."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from edge_agent.wire_values import Stream
from receiver.database import open_for_reading
from receiver.incident_rows import IncidentView, load_view
from receiver.incidents import IncidentKey

OPEN_MAX = 2_000
OVER_MAX = 100
TROUBLES_MAX = 50
BOXES_MAX = 500
"""What one board may hold; `left_off` counts the rest. Our choices: a district without power is 1 500 alarms."""

GAP_ALARM_MS = 60_000
"""A gap in the alarm stream is shown from this age. Source: design/wire.md section 3.2."""


class TroubleKind(Enum):
    """What is wrong with the records of a box. The value is its name in the JSON."""

    GAP = "gap"
    CONFLICT = "conflict"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Numbers first..last of one stream: missing, there twice with different contents, or not following each other."""

    kind: TroubleKind
    device: bytes
    lift_no: str | None
    stream: Stream
    first: int
    last: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Box:
    """A box that has sent something."""

    device: bytes
    lift_no: str | None
    firmware: str | None
    last_contact_ms: int
    test_ms: int | None


@dataclass(frozen=True, slots=True)
class Boxes:
    """What there is to say about boxes rather than incidents."""

    troubles: tuple[Trouble, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One picture. incidents: all open ones (oldest alarms first), then those over, newest first."""

    receiver_id: bytes
    incidents: tuple[IncidentView, ...]
    left_off: int
    boxes: Boxes


class BoardReader:
    """Reads a receiver's folder, also while a receiver writes it. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        """Raises `ReceiverError` when there is no database."""
        self._db = open_for_reading(folder)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def incident(self, key: IncidentKey) -> IncidentView | None:
        """One incident; None where there is none."""
        return load_view(self._db, key)

    def board(self, now_ms: int) -> Board:
        """The whole picture, from one commit."""
        db = self._db
        db.execute("BEGIN")
        try:
            keys, left_off = _keys(db)
            views = [load_view(db, key) for key in keys]
            return Board(
                receiver_id=db.execute("SELECT value FROM meta WHERE name='receiver'").fetchone()[0],
                incidents=tuple(view for view in views if view is not None),
                left_off=left_off,
                boxes=self.boxes(now_ms),
            )
        finally:
            db.execute("ROLLBACK")

    def boxes(self, now_ms: int) -> Boxes:
        """Troubles and boxes only."""
        troubles = (*_conflicts(self._db), *_breaks(self._db), *_gaps(self._db, now_ms))[:TROUBLES_MAX]
        return Boxes(troubles, _boxes(self._db))


def _keys(db: sqlite3.Connection) -> tuple[list[IncidentKey], int]:
    columns = "SELECT dev, log, stream, seqno FROM incident"
    rows = db.execute(f"{columns} WHERE is_open=1 ORDER BY is_alarm DESC, stored_ms LIMIT ?", (OPEN_MAX,)).fetchall()
    (open_count,) = db.execute("SELECT count(*) FROM incident WHERE is_open=1").fetchone()
    for is_alarm in (1, 0):
        rows += db.execute(
            f"{columns} WHERE is_open=0 AND is_alarm=? ORDER BY stored_ms DESC LIMIT ?", (is_alarm, OVER_MAX // 2)
        ).fetchall()
    keys = [IncidentKey(dev, log, Stream(stream), seqno) for dev, log, stream, seqno in rows]
    return keys, max(0, open_count - OPEN_MAX)


def _conflicts(db: sqlite3.Connection) -> list[Trouble]:
    rows = db.execute(
        "SELECT c.dev, d.lift_no, c.stream, min(c.seqno), max(c.seqno), min(c.arrived_ms) FROM conflict c "
        "JOIN device d USING (dev) GROUP BY c.dev, c.log, c.stream ORDER BY min(c.arrived_ms) DESC LIMIT ?",
        (TROUBLES_MAX,),
    )
    return [_trouble(TroubleKind.CONFLICT, row) for row in rows]


def _breaks(db: sqlite3.Connection) -> list[Trouble]:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name='chain_break'").fetchone() is None:
        return []  # an earlier receiver wrote this database, and none has opened it since
    rows = db.execute(
        "SELECT b.dev, d.lift_no, b.stream, min(b.seqno), max(b.seqno), min(b.found_ms) FROM chain_break b "
        "JOIN device d USING (dev) GROUP BY b.dev, b.log, b.stream ORDER BY min(b.found_ms) DESC LIMIT ?",
        (TROUBLES_MAX,),
    )
    return [_trouble(TroubleKind.BREAK, row) for row in rows]


def _gaps(db: sqlite3.Connection, now_ms: int) -> list[Trouble]:
    """Gaps in the alarm stream of the log that each box writes now."""
    rows = db.execute(
        "SELECT dev, lift_no, stream, before + 1, first - 1, since_ms FROM ("
        "SELECT s.dev, d.lift_no, s.stream, s.first, s.since_ms, "
        "coalesce(lag(s.last) OVER (PARTITION BY s.dev ORDER BY s.first), 0) AS before "
        "FROM span s JOIN device d ON d.dev=s.dev AND d.log=s.log WHERE s.stream=0) "
        "WHERE first > before + 1 AND since_ms <= ? ORDER BY since_ms LIMIT ?",
        (now_ms - GAP_ALARM_MS, TROUBLES_MAX),
    )
    return [_trouble(TroubleKind.GAP, row) for row in rows]


def _trouble(kind: TroubleKind, row: tuple[bytes, str | None, int, int, int, int]) -> Trouble:
    device, lift_no, stream, first, last, since_ms = row
    return Trouble(kind, device, lift_no, Stream(stream), first, last, since_ms)


def _boxes(db: sqlite3.Connection) -> tuple[Box, ...]:
    rows = db.execute(
        "SELECT dev, lift_no, firmware, last_contact_ms, test_ms FROM device ORDER BY last_contact_ms DESC LIMIT ?",
        (BOXES_MAX,),
    )
    return tuple(Box(*row) for row in rows)
