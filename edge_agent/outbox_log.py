"""The log inside the outbox: numbers, links and bodies of the four streams, and the sizes they have."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from edge_agent.outbox_file import Rescue, sound_records
from edge_agent.record_form import UNIX_MS_MAX, UNIX_MS_MIN, UP_MS_MAX, WORD_MAX
from edge_agent.records import RecordDraft, StoredRecord
from edge_agent.wire import (
    LINK_BYTES,
    Checkpoint,
    Head,
    Lost,
    Phase,
    Record,
    Stamp,
    Stream,
    chain_start,
    digest,
    encode_record,
)

RANGES_MAX = 64
"""How many missing ranges are named at once; the rest are named when a receiver asks again."""


@dataclass(frozen=True, slots=True)
class StreamSize:
    """What a stream occupies: records and bytes of their bodies."""

    stream: Stream
    records: int
    body_bytes: int


class Log:
    """Reads and writes `rec` and `head`. Every writing call is part of the transaction of its caller."""

    def __init__(self, connection: sqlite3.Connection, device_id: bytes, log_id: int) -> None:
        self._connection = connection
        self._device_id = device_id
        self.id = log_id

    def begin(self, log_id: int) -> None:
        """Forget every record, and start all streams anew under another log id."""
        self.id = log_id
        self._connection.execute("DELETE FROM rec")
        for stream in Stream:
            self._connection.execute(
                "INSERT OR REPLACE INTO head (stream, seq, hash, records, bytes) VALUES (?, 0, ?, 0, 0)",
                (int(stream), chain_start(self._device_id, log_id, stream)),
            )

    def last(self, stream: Stream) -> int:
        """The newest number given out; 0: none yet."""
        (seq,) = self._connection.execute("SELECT seq FROM head WHERE stream = ?", (int(stream),)).fetchone()
        return int(seq)

    def heads(self) -> tuple[Head, ...]:
        """The newest record of each stream that has any."""
        rows = self._connection.execute("SELECT stream, seq, hash FROM head WHERE seq > 0 ORDER BY stream")
        return tuple(Head(Stream(stream), seq, hashed) for stream, seq, hashed in rows)

    def newest_stamp(self, stream: Stream, kind: int) -> Stamp | None:
        """When the last record of a kind was made that is still here."""
        rows = self._connection.execute(
            "SELECT digest8, body FROM rec WHERE stream = ? AND kind = ? ORDER BY seq DESC LIMIT 1", (int(stream), kind)
        )
        return next((record.stamp for record in sound_records(rows)), None)

    def sizes(self) -> tuple[StreamSize, ...]:
        """All four streams."""
        rows = self._connection.execute("SELECT stream, records, bytes FROM head ORDER BY stream")
        return tuple(StreamSize(Stream(stream), records, body_bytes) for stream, records, body_bytes in rows)

    def count_again(self) -> None:
        """Set the sizes to what is there."""
        self._connection.execute(
            "UPDATE head SET (records, bytes) = (SELECT count(*), coalesce(sum(length(body)), 0) FROM rec "
            "WHERE rec.stream = head.stream)"
        )

    def write(self, draft: RecordDraft, stamp: Stamp) -> StoredRecord:
        """Give the draft its number and link. draft.incident: already the number of the opening record."""
        return self._write(
            Record(
                device=self._device_id,
                log=self.id,
                stream=draft.stream,
                seqno=1,
                kind=int(draft.kind),
                stamp=_honest(stamp),
                link=b"",
                phase=draft.phase,
                incident=draft.incident,
                place=draft.place,
                measures=draft.measures or None,
                percent=draft.percent,
                evidence=draft.evidence or None,
                note=draft.note or None,
                detail=draft.detail,
            )
        )

    def _write(self, record: Record) -> StoredRecord:
        stream = int(record.stream)
        seq, hashed = self._connection.execute("SELECT seq, hash FROM head WHERE stream = ?", (stream,)).fetchone()
        record = replace(record, seqno=seq + 1, link=hashed[:LINK_BYTES])
        body = encode_record(record)
        new_hash = digest(body)
        self._connection.execute(
            "INSERT INTO rec (stream, seq, kind, digest8, body) VALUES (?, ?, ?, ?, ?)",
            (stream, record.seqno, record.kind, new_hash[:LINK_BYTES], body),
        )
        self._connection.execute(
            "UPDATE head SET seq = ?, hash = ?, records = records + 1, bytes = bytes + ? WHERE stream = ?",
            (record.seqno, new_hash, len(body), stream),
        )
        return StoredRecord(record.stream, record.seqno, record.kind, body)

    def delete(self, stream: Stream, first: int, last: int) -> None:
        """Delete the records first..last of a stream, as far as they are there."""
        records, body_bytes = self._connection.execute(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM rec WHERE stream = ? AND seq BETWEEN ? AND ?",
            (int(stream), first, last),
        ).fetchone()
        self._connection.execute("DELETE FROM rec WHERE stream = ? AND seq BETWEEN ? AND ?", (int(stream), first, last))
        self._connection.execute(
            "UPDATE head SET records = records - ?, bytes = bytes - ? WHERE stream = ?",
            (records, body_bytes, int(stream)),
        )

    def missing(self, stream: Stream, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges of first..last that are not there, at most `RANGES_MAX`."""
        rows = self._connection.execute(
            "SELECT seq FROM rec WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq", (int(stream), first, last)
        )
        ranges = []
        expected = first
        for (seq,) in rows:
            if seq > expected:
                ranges.append((expected, seq - 1))
            expected = seq + 1
        if expected <= last:
            ranges.append((expected, last))
        return ranges[:RANGES_MAX]

    def whole_after(self, stream: Stream, after: int, count_max: int) -> list[Record]:
        """The newest sound records beyond `after`, oldest first; -1: all of them."""
        rows = self._connection.execute(
            "SELECT digest8, body FROM rec WHERE stream = ? AND seq > ? ORDER BY seq DESC LIMIT ?",
            (int(stream), after, count_max),
        )
        return list(sound_records(rows))[::-1]

    def whole(self, stream: Stream, seqno: int) -> Record | None:
        """One sound record."""
        rows = self._connection.execute(
            "SELECT digest8, body FROM rec WHERE stream = ? AND seq = ?", (int(stream), seqno)
        )
        return next(iter(sound_records(rows)), None)

    def adopt(self, rescue: Rescue) -> dict[tuple[int, int], int]:
        """Write records of an earlier log into this one, and tell which number each opening record has now."""
        openings: dict[tuple[int, int], int] = {}
        for record in rescue.records:
            if isinstance(record.detail, Checkpoint):
                continue  # it speaks of the earlier log only
            stream, old_opening, phase = int(record.stream), record.incident, record.phase
            opening = None if old_opening is None else openings.get((stream, old_opening))
            if opening is None and phase is Phase.UPDATED:
                phase = Phase.RAISED  # its opener went out under the earlier log
            stored = self._write(
                replace(_of_earlier_log(record), device=self._device_id, log=self.id, phase=phase, incident=opening)
            )
            if opening is None and phase is Phase.RAISED:
                openings[stream, record.seqno if old_opening is None else old_opening] = stored.seqno
        return openings


def _of_earlier_log(record: Record) -> Record:
    """Numbers of lost records mean nothing in another log: they become words."""
    lost = record.detail
    if not isinstance(lost, Lost):
        return record
    note = f"earlier log: stream {int(lost.stream)}, {lost.first} to {lost.last}, reason {int(lost.reason)}"
    return replace(record, detail=None, note=note)


def _honest(stamp: Stamp) -> Stamp:
    """A stamp within the ranges of the wire: a wall clock that cannot be right is left out."""
    up_ms = max(0, min(UP_MS_MAX, stamp.up_ms))
    if stamp.wall_ms is None or stamp.unc_ms is None or not UNIX_MS_MIN <= stamp.wall_ms <= UNIX_MS_MAX:
        return Stamp(stamp.boot, up_ms)
    return Stamp(stamp.boot, up_ms, stamp.wall_ms, max(0, min(WORD_MAX, stamp.unc_ms)))
