"""The durable queue: a record gets its number, its link and its place on the disk in one commit; only marks free it.

In: drafts with their stamps. Out: stored records, in order, per destination.
State: one SQLite file (WAL, synchronous FULL); one caller at a time, no locks.
Bounds: bytes a class; what is dropped unsent is named by a `records_lost` record in the same commit.
After a power cut: everything that `append` returned is there; a cursor may be older than it was, so that records go
out again, which the receiver answers with "had it".
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.alarms import OpenIncident
from edge_agent.cose import SEAL_BYTES_MAX
from edge_agent.delivery_steps import Outcome, RecordKey
from edge_agent.errors import OutboxError
from edge_agent.lamps import AlarmInHand
from edge_agent.outbox_ballast import Ballast
from edge_agent.outbox_commits import Commits
from edge_agent.outbox_cursors import Cursors
from edge_agent.outbox_file import RESCUED_COUNT_MAX, Rescue, is_for_want_of_room, open_file, outbox_error, rescue_from
from edge_agent.outbox_incidents import Incidents, LocalNotice, UnendedIncident
from edge_agent.outbox_log import Log, StreamSize
from edge_agent.outbox_room import Bounds, Room
from edge_agent.records import RecordDraft, StoredRecord, draft_of_damage, draft_of_lost
from edge_agent.wire import LINK_BYTES, Head, LostReason, Mark, Stamp, Stream, digest, encode_record

__all__ = ["Bounds", "LocalNotice", "Outbox", "OutboxCounts", "StreamSize", "UnendedIncident", "random_log_id"]

ITEM_HEAD_BYTES = 3 + SEAL_BYTES_MAX
"""What a record costs in a batch beyond its own bytes: the head of its byte string, and the longer seal."""

AGE_LOOK_MS = 3_600_000
"""Records too old are looked for once an hour. Ours."""


@dataclass(slots=True)
class OutboxCounts:
    """Since this outbox was opened."""

    appended_count: int = 0
    dropped_count: int = 0  # unsent, for want of room
    damaged_count: int = 0  # found damaged on the disk
    refused_count: int = 0  # set aside because a receiver refuses them


def random_log_id() -> int:
    """A new log id: no two lives of an outbox may share one."""
    return int.from_bytes(os.urandom(4), "big")


class Outbox:
    """See the module. Made by `Outbox.open`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        device_id: bytes,
        destinations: tuple[str, ...],
        bounds: Bounds,
        draw_log: Callable[[], int],
    ) -> None:
        self._path = path
        self._is_full = False
        self._connection = connection
        self._transaction = Commits(path, connection).transaction
        self._device_id = device_id
        self._draw_log = draw_log
        self._boot = 1
        self._stamp = Stamp(1, 0)
        self._log = Log(connection, device_id, 0)
        self._cursors = Cursors(connection, self._log, destinations)
        self._incidents = Incidents(connection)
        self._room = Room(connection, self._log, bounds)
        self._ballast = Ballast(path)
        self._aged_ms = 0
        self.counts = OutboxCounts()
        self.set_aside: Path | None = None  # where a damaged outbox went when this one was opened

    @classmethod
    def open(
        cls,
        path: Path,
        device_id: bytes,
        *,
        boot_id: str,
        up_ms: int,
        destinations: Sequence[str] = (),
        bounds: Bounds | None = None,
        draw_log: Callable[[], int] = random_log_id,
        rescue: Rescue | None = None,
    ) -> Outbox:
        """Open or create. A damaged file is set aside, and what can be read of it is taken over into a new log.

        On a full disk the ballast goes, so that it opens. boot_id: the kernel's; a new one counts the boot counter up.
        up_ms: now, on the clock of the stamps.
        destinations: the receivers that must have a record before it may go. rescue: what a new file begins with.
        Raises `OutboxError`.
        """

        def opened() -> Outbox:
            outbox = cls(path, open_file(path), device_id, tuple(destinations), bounds or Bounds(), draw_log)
            try:
                outbox._begin(boot_id, up_ms, rescue)
            except BaseException:
                outbox.close()
                raise
            return outbox

        try:
            outbox = opened()
        except OutboxError as error:
            if not is_for_want_of_room(error) or not Ballast(path).throw_off():
                raise
            outbox = opened()
            outbox._is_full = True
        outbox._ballast.take_on()
        return outbox

    @property
    def device_id(self) -> bytes:
        """This box."""
        return self._device_id

    @property
    def destinations(self) -> tuple[str, ...]:
        """The receivers that must have a record before it may go."""
        return self._cursors.destinations

    @property
    def log_id(self) -> int:
        """The present log."""
        return self._log.id

    @property
    def boot(self) -> int:
        """The boot counter, for stamps: counts power-ups, not restarts of the agent."""
        return self._boot

    def close(self) -> None:
        """Close the file. Calling it twice is allowed."""
        self._connection.close()

    def append(self, draft: RecordDraft, stamp: Stamp) -> StoredRecord | None:
        """Commit one record; when this returns, it survives a power cut.

        None: the end of a suspicion that was never raised; there is nothing to tell. Raises `OutboxError`.
        """
        stored = self.append_many([(draft, stamp)])
        return stored[0] if stored else None

    def append_many(self, entries: Iterable[tuple[RecordDraft, Stamp]]) -> tuple[StoredRecord, ...]:
        """Commit several records at once: for telemetry, which costs the card a commit each otherwise.

        On a full disk the ballast goes, and until there is room again only alarms and faults are taken.
        """
        entries = tuple(entries)
        is_urgent = any(draft.stream in (Stream.ALARM, Stream.FAULT) for draft, _ in entries)
        if not is_urgent and self._is_full and not self._ballast.take_on():
            raise OutboxError("the disk is full", subject=str(self._path), hint="Free some space on this disk")
        try:
            stored = self._append(entries)
        except OutboxError as error:
            if not is_for_want_of_room(error):
                raise
            self._is_full = True
            if not is_urgent or not self._ballast.throw_off():
                raise
            stored = self._append(entries)
        else:
            self._is_full = self._is_full and not self._ballast.is_aboard
        self.counts.appended_count += len(stored)
        self._make_room()
        return tuple(stored)

    def _append(self, entries: Iterable[tuple[RecordDraft, Stamp]]) -> list[StoredRecord]:
        stored = []
        with self._transaction():
            for draft, stamp in entries:
                self._stamp = stamp
                settled = self._incidents.settle(draft, self._log.last(draft.stream) + 1)
                if settled is not None:
                    stored.append(self._log.write(settled, stamp))
        return stored

    def _make_room(self) -> None:
        if self._room.is_short():
            with self._transaction():
                self.counts.dropped_count += self._room.make(self._cursors.acknowledged, self._stamp)
        if self._stamp.up_ms - self._aged_ms >= AGE_LOOK_MS or self._stamp.up_ms < self._aged_ms:
            self._aged_ms = self._stamp.up_ms
            with self._transaction():
                self.counts.dropped_count += self._room.drop_old(self._cursors.acknowledged, self._stamp)

    def last(self, stream: Stream) -> int:
        """The newest number of a stream; 0: none."""
        return self._log.last(stream)

    def heads(self) -> tuple[Head, ...]:
        """The newest record of each stream that has any, with its full digest."""
        return self._log.heads()

    def newest_stamp(self, stream: Stream, kind: int) -> Stamp | None:
        """When the last record of a kind was made that is still here. Raises `OutboxError`."""
        try:
            return self._log.newest_stamp(stream, kind)
        except sqlite3.Error as error:
            raise outbox_error(self._path, error) from error

    def sizes(self) -> tuple[StreamSize, ...]:
        """What each stream occupies."""
        return self._log.sizes()

    def confirmed(self, destination: str, stream: Stream) -> int:
        """The number up to which this destination has said that it has a stream."""
        return self._cursors.upto(destination, stream)

    def waiting_count(self, destination: str) -> int:
        """How many records this destination has not confirmed."""
        return self._cursors.waiting_count(destination)

    def pending(
        self, destination: str, streams: Sequence[Stream], max_count: int, max_bytes: int
    ) -> tuple[StoredRecord, ...]:
        """The next records to send, by stream as given and by number; at least one if there is any.

        max_bytes: of their items in a batch. A record damaged on the disk is named as lost and never given out.
        """
        while True:
            found, damaged = self._next(destination, streams, max_count, max_bytes)
            if not damaged:
                return tuple(found)
            with self._transaction():
                for known in self._cursors.destinations:
                    self._cursors.put_aside(known, damaged)
                self._write_lost(((key.stream, key.seqno, key.seqno) for key in damaged), LostReason.DAMAGED_ON_DISK)
            self.counts.damaged_count += len(damaged)

    def acknowledge(self, destination: str, marks: Iterable[Mark]) -> None:
        """Move the cursors of a destination to its marks; one beyond what exists is ignored."""
        self.settle(destination, Outcome(marks=tuple(marks)), self._stamp)

    def settle(self, destination: str, outcome: Outcome, stamp: Stamp) -> tuple[LocalNotice, ...]:
        """Do what an answer means, in one commit. Returns the notices that are new here."""
        self._stamp = stamp
        if not (outcome.marks or outcome.gaps or outcome.refused or outcome.notices or outcome.needs_new_log):
            return ()
        # A cursor or a notice lost in a power cut comes again: only what is written off must be durable.
        with self._transaction(is_durable=bool(outcome.refused or outcome.gaps)):
            self._cursors.advance(destination, outcome.marks)
            self._write_lost(self._cursors.go_back(destination, outcome.gaps), LostReason.TOO_OLD)
            self._cursors.put_aside(destination, outcome.refused)
            self._write_lost(((key.stream, key.seqno, key.seqno) for key in outcome.refused), LostReason.REFUSED)
            new = self._cursors.new_notices(destination, outcome.notices)
            local = tuple(self._incidents.note(notice, self._log.id) for notice in new)
            self._room.prune(self._cursors.acknowledged)
        self.counts.refused_count += len(outcome.refused)
        if outcome.needs_new_log:
            self.start_new_log(stamp)
        return local

    def acted_notice(self, destination: str) -> int:
        """The highest notice taken in from this destination."""
        return self._cursors.acted_notice(destination)

    def open_incidents(self) -> tuple[OpenIncident, ...]:
        """Alarms raised and not cleared: what the core resumes with after a restart."""
        return self._incidents.opened()

    def next_incident(self) -> int:
        """A number that no incident had yet."""
        return self._incidents.next_number()

    def has_open_alarm(self) -> bool:
        """An incident on the alarm stream is raised and not cleared."""
        return self._incidents.has_open(Stream.ALARM)

    def has_unfinished_incident(self) -> bool:
        """A person may still say something about an incident: notices are worth asking for."""
        return self._incidents.has_unfinished()

    def untaken(self) -> tuple[int, ...]:
        """The opening records of present alarms for which no person has answered yet."""
        return self._incidents.untaken()

    def unended(self) -> tuple[UnendedIncident, ...]:
        """Incidents that nobody has ended, oldest first."""
        return self._incidents.unended()

    def record(self, stream: Stream, seqno: int) -> StoredRecord | None:
        """One that was committed; None: it is gone, or damaged on the disk. Raises `OutboxError`."""
        try:
            found = self._log.whole(stream, seqno)
        except sqlite3.Error as error:
            raise outbox_error(self._path, error) from error
        return None if found is None else StoredRecord(stream, seqno, found.kind, encode_record(found))

    def lacks_alarm(self, destination: str) -> bool:
        """This destination has not confirmed every alarm."""
        return self._cursors.upto(destination, Stream.ALARM) < self._log.last(Stream.ALARM)

    def alarms_in_hand(self) -> tuple[AlarmInHand, ...]:
        """Alarms that nobody has ended, for the lamps. Raises `OutboxError`."""
        try:
            return self._incidents.in_hand()
        except (sqlite3.Error, ValueError) as error:
            raise outbox_error(self._path, error) from error

    def start_new_log(self, stamp: Stamp) -> None:
        """Take what is unsent over into a log with a new id: somebody else has written under the present one."""
        rescue = self.unsent()
        with self._transaction():
            self._renew(rescue)
            note = f"new log: the receiver has other records under our numbers; {len(rescue.records)} taken over"
            self._log.write(draft_of_damage(note), stamp)

    def unsent(self, count_max: int = RESCUED_COUNT_MAX) -> Rescue:
        """What another outbox would have to take over. count_max: the newest of each stream but alarms; -1: all."""
        records = []
        for stream in Stream:
            newest_count = -1 if stream is Stream.ALARM else count_max
            records += self._log.whole_after(stream, self._cursors.acknowledged(stream), newest_count)
        return Rescue(tuple(records), self._incidents.all_rows())

    def take_over(self, rescue: Rescue) -> None:
        """Records and incidents of another outbox, behind what is here. Raises `OutboxError`; then nothing is."""
        with self._transaction():
            self._incidents.merge(rescue.incidents, self._log.adopt(rescue))

    def _begin(self, boot_id: str, up_ms: int, given: Rescue | None) -> None:
        with self._transaction():
            meta = dict(self._connection.execute("SELECT name, value FROM meta").fetchall())
            # Not only of this start: power may have failed before what is in it was taken over.
            aside, rescue = (None, Rescue()) if meta else rescue_from(self._path, self._cursors.destinations)
            rescue = given if given is not None and not meta and aside is None else rescue
            self.set_aside = aside
            boot, earlier_boot_id = meta.get("boot", rescue.boot), meta.get("boot_id", rescue.boot_id)
            self._boot = max(1, boot if boot_id == earlier_boot_id else boot + 1)
            self._stamp = Stamp(self._boot, max(0, up_ms))
            self._incidents.life = meta.get("life", 0) + 1
            self._log.id = meta.get("log", 0)
            if not meta:
                self._renew(rescue)
            elif meta["device"] != self._device_id:
                self._renew(self.unsent())
            self._log.count_again()
            gone = self._cursors.join(frozenset(meta.get("destinations", "").split("\n")) if meta else frozenset())
            self._write_lost(gone, LostReason.TOO_OLD)
            if aside is not None:
                note = f"outbox damaged, kept as {aside.name}; {len(rescue.records)} unsent records taken over"
                self._log.write(draft_of_damage(note), self._stamp)
            self._remember("device", self._device_id)
            self._remember("boot", self._boot)
            self._remember("boot_id", boot_id)
            self._remember("life", self._incidents.life)
            self._remember("destinations", "\n".join(self._cursors.destinations))

    def _renew(self, rescue: Rescue) -> None:
        log_id = self._draw_log()
        while log_id == self._log.id:
            log_id = self._draw_log()
        self._log.begin(log_id)
        self._cursors.begin()
        self._incidents.adopt(rescue.incidents, self._log.adopt(rescue))
        self._remember("log", log_id)

    def _next(
        self, destination: str, streams: Sequence[Stream], max_count: int, max_bytes: int
    ) -> tuple[list[StoredRecord], list[RecordKey]]:
        found: list[StoredRecord] = []
        damaged: list[RecordKey] = []
        for stream in streams:
            for seq, kind, digest8, body in self._cursors.unconfirmed(destination, stream, max_count - len(found)):
                if type(body) is not bytes or digest(body)[:LINK_BYTES] != digest8:
                    damaged.append(RecordKey(stream, seq))
                    continue
                max_bytes -= len(body) + ITEM_HEAD_BYTES
                if found and max_bytes < 0:
                    return found, damaged
                found.append(StoredRecord(stream, seq, kind, body))
        return found, damaged

    def _write_lost(self, ranges: Iterable[tuple[Stream, int, int]], reason: LostReason) -> None:
        for stream, first, last in ranges:
            self._log.write(draft_of_lost(stream, first, last, reason), self._stamp)

    def _remember(self, name: str, value: bytes | int | str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
