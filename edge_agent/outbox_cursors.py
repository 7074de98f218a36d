"""What each receiver has confirmed, what it refuses, and which of its notices were taken in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from edge_agent.delivery_steps import RecordKey
from edge_agent.outbox_log import Log
from edge_agent.wire import Gap, Mark, Notice, Stream


class Cursors:
    """Reads and writes `cur`, `refused` and `noticed`. Every writing call is part of the transaction of its caller."""

    def __init__(self, connection: sqlite3.Connection, log: Log, destinations: tuple[str, ...]) -> None:
        self._connection = connection
        self._log = log
        self.destinations = destinations
        self._declared: set[tuple[Stream, int, int]] = set()

    def begin(self) -> None:
        """Nothing is confirmed to anybody: a new log."""
        self._connection.execute("DELETE FROM cur")
        self._connection.execute("DELETE FROM refused")
        self._declared.clear()
        for destination in self.destinations:
            self._add(destination)

    def join(self, earlier: frozenset[str]) -> list[tuple[Stream, int, int]]:
        """Bring in destinations that were not there before. Returns what they will never get: it is gone already."""
        # A cursor beyond the head can only be damage: rather send again.
        self._connection.execute(
            "UPDATE cur SET upto = 0 WHERE upto > (SELECT seq FROM head WHERE head.stream = cur.stream)"
        )
        gone = []
        for destination in self.destinations:
            self._add(destination)
            if destination not in earlier:
                for stream in Stream:
                    first, last = self.upto(destination, stream) + 1, self._log.last(stream)
                    gone += [(stream, *lost) for lost in self._log.missing(stream, first, last)]
        return sorted(set(gone))

    def known(self, destination: str) -> str:
        """The destination itself. Raises `KeyError` for one that was not named when the outbox was opened."""
        if destination not in self.destinations:
            raise KeyError(destination)
        return destination

    def upto(self, destination: str, stream: Stream) -> int:
        """The number up to which a destination has a stream."""
        row = self._connection.execute(
            "SELECT upto FROM cur WHERE dest = ? AND stream = ?", (self.known(destination), int(stream))
        ).fetchone()
        return int(row[0])

    def acknowledged(self, stream: Stream) -> int:
        """The number up to which every destination has a stream; 0 where there is no destination."""
        return min((self.upto(destination, stream) for destination in self.destinations), default=0)

    def waiting_count(self, destination: str) -> int:
        """How many records a destination has not confirmed."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM rec JOIN cur ON cur.dest = ? AND cur.stream = rec.stream AND rec.seq > cur.upto",
            (self.known(destination),),
        ).fetchone()
        return int(count)

    def unconfirmed(self, destination: str, stream: Stream, count_max: int) -> list[tuple[int, int, bytes, bytes]]:
        """(number, kind, first bytes of the digest, body) of the next records, those set aside left out."""
        return self._connection.execute(
            "SELECT seq, kind, digest8, body FROM rec WHERE stream = :stream "
            "AND seq > (SELECT upto FROM cur WHERE dest = :dest AND stream = :stream) "
            "AND NOT EXISTS (SELECT 1 FROM refused r WHERE r.dest = :dest AND r.stream = :stream AND r.seq = rec.seq) "
            "ORDER BY seq LIMIT :count",
            {"dest": self.known(destination), "stream": int(stream), "count": max(0, count_max)},
        ).fetchall()

    def advance(self, destination: str, marks: Iterable[Mark]) -> None:
        """Follow the marks forward; one beyond what exists is ignored."""
        for mark in marks:
            if self.upto(destination, mark.stream) < mark.upto <= self._log.last(mark.stream):
                self._set(destination, mark.stream, mark.upto)
                self._connection.execute(
                    "DELETE FROM refused WHERE dest = ? AND stream = ? AND seq <= ?",
                    (destination, int(mark.stream), mark.upto),
                )

    def go_back(self, destination: str, gaps: Iterable[Gap]) -> list[tuple[Stream, int, int]]:
        """Send again what a receiver misses though it had confirmed it. Returns what is no longer there to send.

        Each such range is returned once in the life of this object: a receiver that asks for ever fills no disk.
        """
        gone = []
        for gap in gaps:
            upto = self.upto(destination, gap.stream)
            if not 0 < gap.first <= upto:
                continue  # not confirmed yet: it is on its way anyhow
            self._set(destination, gap.stream, gap.first - 1)
            for first, last in self._log.missing(gap.stream, gap.first, min(gap.last, upto)):
                if (gap.stream, first, last) not in self._declared:
                    self._declared.add((gap.stream, first, last))
                    gone.append((gap.stream, first, last))
        return gone

    def put_aside(self, destination: str, keys: Sequence[RecordKey]) -> None:
        """Never send these to this destination again; they stay in the log for support."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO refused (dest, stream, seq) VALUES (?, ?, ?)",
            [(self.known(destination), int(key.stream), key.seqno) for key in keys],
        )

    def acted_notice(self, destination: str) -> int:
        """The highest notice taken in from a destination."""
        row = self._connection.execute("SELECT upto FROM noticed WHERE dest = ?", (self.known(destination),)).fetchone()
        return 0 if row is None else int(row[0])

    def new_notices(self, destination: str, notices: Iterable[Notice]) -> list[Notice]:
        """Those not taken in before, in order; from now on they are."""
        acted = self.acted_notice(destination)
        new = sorted((notice for notice in notices if notice.number > acted), key=lambda notice: notice.number)
        if new:
            self._connection.execute(
                "INSERT OR REPLACE INTO noticed (dest, upto) VALUES (?, ?)", (destination, new[-1].number)
            )
        return new

    def _add(self, destination: str) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO cur (dest, stream, upto) VALUES (?, ?, 0)",
            [(destination, int(stream)) for stream in Stream],
        )

    def _set(self, destination: str, stream: Stream, upto: int) -> None:
        self._connection.execute(
            "UPDATE cur SET upto = ? WHERE dest = ? AND stream = ?", (upto, destination, int(stream))
        )
