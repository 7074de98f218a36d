"""Which incident a record belongs to: the core's numbers mapped to opening records, across restarts and new logs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from enum import IntEnum

from edge_agent.alarms import AlarmKind, OpenIncident
from edge_agent.lamps import AlarmInHand
from edge_agent.outbox_file import IncidentRow
from edge_agent.records import RecordDraft
from edge_agent.wire import Act, Notice, Phase, Stream

CLOSED_KEPT_COUNT = 1_000

_KINDS = frozenset(int(kind) for kind in AlarmKind)


class IncidentState(IntEnum):
    """What the box knows about an incident."""

    OPEN = 1
    GONE = 2  # the condition is gone; people may still be at work
    SUPERSEDED = 3  # the core lost it over a restart and goes on with a new number
    ENDED = 4  # by a person, at the lift or from afar: for good


@dataclass(frozen=True, slots=True)
class LocalNotice:
    """A notice that is new here. kind, incident: which of ours it is about; None: of an earlier log, or forgotten."""

    notice: Notice
    kind: int | None
    incident: int | None


@dataclass(frozen=True, slots=True)
class UnendedIncident:
    """An incident that nobody has ended. is_present: its condition is still there."""

    number: int
    kind: int
    stream: Stream
    is_present: bool


_OVER_ACTS = (int(Act.CLOSED), int(Act.FALSE_ALARM), int(Act.REMOTE_RESET))


class Incidents:
    """The incident table. Every call is part of the transaction of its caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.life = 0  # how often the outbox was opened: an incident of an earlier life may have been forgotten

    def opened(self) -> tuple[OpenIncident, ...]:
        """Alarms that were raised and not cleared."""
        rows = self._rows("state = ?", IncidentState.OPEN)
        return tuple(OpenIncident(AlarmKind(row.kind), row.number) for row in rows if row.kind in _KINDS)

    def has_open(self, stream: Stream) -> bool:
        """An incident of this stream is raised and not cleared."""
        return bool(self._rows("stream = ? AND state = ?", int(stream), IncidentState.OPEN))

    def has_unfinished(self) -> bool:
        """A person may still say something: an alarm that nobody ended or closed, or a fault that lasts."""
        rows = self._rows(
            "state = ? OR (state = ? AND stream = ? AND (act IS NULL OR act NOT IN (?, ?, ?)))",
            IncidentState.OPEN,
            IncidentState.GONE,
            int(Stream.ALARM),
            *_OVER_ACTS,
        )
        return bool(rows)

    def untaken(self) -> tuple[int, ...]:
        """The opening records of present alarms for which no person has answered yet."""
        rows = self._rows(
            "stream = ? AND state = ? AND opening NOTNULL AND (act IS NULL OR act = ?)",
            int(Stream.ALARM),
            IncidentState.OPEN,
            int(Act.SHOWN),
        )
        return tuple(row.opening for row in rows if row.opening is not None)

    def unended(self) -> tuple[UnendedIncident, ...]:
        """Alarms and faults that nobody ended, oldest first; a fault whose condition is gone has ended by itself."""
        rows = self._rows(
            "state = ? OR (state = ? AND stream = ?)", IncidentState.OPEN, IncidentState.GONE, int(Stream.ALARM)
        )
        return tuple(
            UnendedIncident(row.number, row.kind, Stream(row.stream), row.state == IncidentState.OPEN) for row in rows
        )

    def in_hand(self) -> tuple[AlarmInHand, ...]:
        """Alarms that were committed and that nobody has ended, each with the last act of a person."""
        rows = self._connection.execute(
            "SELECT state, act FROM incident WHERE stream = ? AND state IN (?, ?) AND opening NOTNULL",
            (int(Stream.ALARM), IncidentState.OPEN, IncidentState.GONE),
        )
        return tuple(AlarmInHand(state == IncidentState.OPEN, None if act is None else Act(act)) for state, act in rows)

    def next_number(self) -> int:
        """A number that the core never used in this outbox."""
        (highest,) = self._connection.execute("SELECT max(number) FROM incident").fetchone()
        return (highest or 0) + 1

    def settle(self, draft: RecordDraft, seqno: int) -> RecordDraft | None:
        """The draft with the phase it goes out with, and with the opening record's number in place of the core's.

        None: it ends a suspicion that was never raised, so there is nothing to tell.
        """
        if draft.incident is None or draft.phase in (None, Phase.TEST):
            return replace(draft, incident=None)
        row = self._row(draft.incident)
        if draft.phase in (Phase.CONDITION_GONE, Phase.ENDED):
            return None if row is None else self._ended(draft, row)
        if row is None:
            row = self._begun(draft, draft.incident, seqno)
        elif row.opening is None:
            row = replace(row, opening=seqno)
        if row.state != IncidentState.ENDED:
            self._write(replace(row, state=IncidentState.OPEN, life=self.life))
        if row.opening == seqno:
            return replace(draft, phase=Phase.RAISED, incident=None)
        return replace(draft, phase=Phase.UPDATED, incident=row.opening)

    def _begun(self, draft: RecordDraft, number: int, seqno: int) -> IncidentRow:
        """A number met for the first time: its own incident, or one of its kind that the core lost over a restart."""
        forgotten = self._rows(
            "kind = ? AND state = ? AND life < ? AND opening NOTNULL", draft.kind, IncidentState.OPEN, self.life
        )
        opening = seqno
        if forgotten:
            opening = forgotten[-1].opening or seqno
            self._write(replace(forgotten[-1], state=IncidentState.SUPERSEDED))
        self._forget_old()
        return IncidentRow(number, draft.kind, int(draft.stream), opening, IncidentState.OPEN, self.life)

    def _ended(self, draft: RecordDraft, row: IncidentRow) -> RecordDraft:
        is_over = draft.phase is Phase.ENDED or row.state == IncidentState.ENDED
        state = IncidentState.ENDED if is_over else IncidentState.GONE
        self._write(replace(row, state=state, life=self.life))
        return replace(draft, incident=row.opening)

    def note(self, notice: Notice, log: int) -> LocalNotice:
        """Remember what a person did about one of our incidents."""
        about = notice.incident
        if about.log != log:
            return LocalNotice(notice, None, None)
        self._connection.execute(
            "UPDATE incident SET act = ?, who = ?, eta_min = ? WHERE stream = ? AND opening = ?",
            (int(notice.act), notice.who, notice.eta_min, int(about.stream), about.seqno),
        )
        rows = self._rows("stream = ? AND opening = ?", int(about.stream), about.seqno)
        return LocalNotice(notice, rows[-1].kind, rows[-1].number) if rows else LocalNotice(notice, None, None)

    def all_rows(self) -> tuple[IncidentRow, ...]:
        """Everything, for the next log."""
        return tuple(self._rows("1"))

    def adopt(self, rows: tuple[IncidentRow, ...], openings: dict[tuple[int, int], int]) -> None:
        """Take over the incidents of an earlier log. openings: (stream, old number) to number in this log."""
        self._connection.execute("DELETE FROM incident")
        for row in rows:
            old = None if row.opening is None else (row.stream, row.opening)
            self._write(replace(row, opening=None if old is None else openings.get(old)))

    def merge(self, rows: tuple[IncidentRow, ...], openings: dict[tuple[int, int], int]) -> None:
        """Take over what another outbox, used after this one, knows of incidents."""
        for row in rows:
            known = self._row(row.number)
            opening = None if row.opening is None else openings.get((row.stream, row.opening))
            if opening is None and known is not None:
                opening = known.opening
            self._write(replace(row, opening=opening, life=self.life - 1))

    def _row(self, number: int) -> IncidentRow | None:
        rows = self._rows("number = ?", number)
        return rows[0] if rows else None

    def _rows(self, condition: str, *values: int) -> list[IncidentRow]:
        query = f"SELECT number, kind, stream, opening, state, life FROM incident WHERE {condition} ORDER BY number"
        return [IncidentRow(*row) for row in self._connection.execute(query, values)]

    def _write(self, row: IncidentRow) -> None:
        self._connection.execute(
            "INSERT INTO incident (number, kind, stream, opening, state, life) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (number) DO UPDATE "
            "SET opening = excluded.opening, state = excluded.state, life = excluded.life",
            (row.number, row.kind, row.stream, row.opening, int(row.state), row.life),
        )

    def _forget_old(self) -> None:
        self._connection.execute(
            "DELETE FROM incident WHERE state != ? AND number <= (SELECT max(number) FROM incident) - ?",
            (IncidentState.OPEN, CLOSED_KEPT_COUNT),
        )
