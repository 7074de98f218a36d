"""An outbox looked at from outside, also while the agent writes it: what is in it, and whether its chain is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.errors import OutboxError, WireError
from edge_agent.outbox_file import outbox_error
from edge_agent.wire import LINK_BYTES, Checkpoint, Record, Stream, chain_start, decode_record, digest


@dataclass(frozen=True, slots=True)
class Row:
    """One stored record. record None: its bytes are no record or do not fit their digest."""

    stream: Stream
    seqno: int
    kind: int
    body: bytes
    record: Record | None


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream. confirmed: (destination, number up to which it has said that it has the stream)."""

    stream: Stream
    first: int | None
    last: int
    count: int
    body_bytes: int
    confirmed: tuple[tuple[str, int], ...]


class OutboxReader:
    """Reads only. Use it in a `with`. Its calls raise `OutboxError`."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            hint = "Give the outbox of an agent that has run, or its settings file"
            raise OutboxError("there is no outbox", subject=str(path), hint=hint)
        self._path = path
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            self._connection.execute("BEGIN")  # one picture, whatever the agent writes meanwhile
            meta = dict(self._connection.execute("SELECT name, value FROM meta").fetchall())
        except sqlite3.Error as error:
            raise outbox_error(path, error) from error
        self.device_id: bytes = meta.get("device", b"")
        self.log_id: int = meta.get("log", 0)
        self.boot: int = meta.get("boot", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def streams(self) -> tuple[StreamState, ...]:
        """All four."""
        found = []
        for stream in Stream:
            ((count, first, body_bytes),) = self._rows(
                "SELECT count(*), min(seq), coalesce(sum(length(body)), 0) FROM rec WHERE stream = ?", int(stream)
            )
            ((last,),) = self._rows("SELECT seq FROM head WHERE stream = ?", int(stream))
            cursors = self._rows("SELECT dest, upto FROM cur WHERE stream = ? ORDER BY dest", int(stream))
            found.append(StreamState(stream, first, last, count, body_bytes, tuple(cursors)))
        return tuple(found)

    def records(self, stream: Stream, first: int = 1, last: int | None = None) -> Iterator[Row]:
        """The records of a stream, in order."""
        rows = self._rows(
            "SELECT stream, seq, kind, digest8, body FROM rec WHERE stream = ? AND seq >= ? AND seq <= ? ORDER BY seq",
            int(stream),
            first,
            (1 << 32) if last is None else last,
        )
        for number, seq, kind, digest8, body in rows:
            yield Row(Stream(number), seq, kind, body, _sound(digest8, body))

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the chain: every link, digest, head and checkpoint that disagrees with what is there."""
        found: list[str] = []
        digests: dict[tuple[Stream, int], bytes] = {}
        checkpoints: list[tuple[int, Checkpoint]] = []
        for stream in Stream:
            before = 0
            link: bytes | None = chain_start(self.device_id, self.log_id, stream)[:LINK_BYTES]
            for row in self.records(stream):
                place = f"stream {int(stream)} number {row.seqno}"
                if row.record is None:
                    found.append(f"{place}: its bytes are damaged")
                    before, link = row.seqno, None
                    continue
                if row.record.seqno != row.seqno or row.record.stream is not stream:
                    found.append(f"{place}: holds a record of another place")
                if row.seqno == before + 1 and link is not None and row.record.link != link:
                    found.append(f"{place}: does not follow the record before it")
                before, link = row.seqno, digest(row.body)[:LINK_BYTES]
                digests[stream, row.seqno] = digest(row.body)
                if isinstance(row.record.detail, Checkpoint):
                    checkpoints.append((row.seqno, row.record.detail))
        found += self._wrong_heads(digests)
        for seqno, checkpoint in checkpoints:
            found += [
                f"checkpoint {seqno}: names another record as stream {int(head.stream)} number {head.last}"
                for head in checkpoint.heads
                if digests.get((head.stream, head.last), head.digest) != head.digest
            ]
        return tuple(found)

    def _wrong_heads(self, digests: dict[tuple[Stream, int], bytes]) -> Iterator[str]:
        for number, seq, hashed in self._rows("SELECT stream, seq, hash FROM head WHERE seq > 0 ORDER BY stream"):
            if digests.get((Stream(number), seq)) != hashed:
                yield f"stream {number}: its newest record is not the one that its head names"

    def _rows(self, query: str, *values: int) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise outbox_error(self._path, error) from error


def _sound(digest8: object, body: object) -> Record | None:
    if type(body) is not bytes or digest(body)[:LINK_BYTES] != digest8:
        return None
    try:
        return decode_record(body)
    except WireError:
        return None
