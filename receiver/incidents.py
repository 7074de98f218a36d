"""What is known about one incident, folded from its records and notices in whatever order they came.

Pure. Records are merged by number, notices by time; ended and false alarm are sticky. Any permutation and any
duplication of the same records and notices gives the same incident. Two different records never share one number
here: the store keeps the first and calls the second a conflict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from edge_agent.wire_values import SEQNO_MAX, Act, IncidentRef, Notice, Phase, Record, Stream

ALARM_KIND_MAX = 31  # people may be in danger
FAULT_KIND_MAX = 63
"""Source of both: design/alarms.md."""

_KEY = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,9})-([0-3])-([1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True, order=True)
class IncidentKey:
    """An incident is named by its opening record."""

    device: bytes
    log: int
    stream: Stream
    seqno: int

    def __str__(self) -> str:
        return f"{self.device.hex()}-{self.log}-{int(self.stream)}-{self.seqno}"

    @property
    def ref(self) -> IncidentRef:
        """As a notice names it: without the device."""
        return IncidentRef(self.log, self.stream, self.seqno)

    @classmethod
    def parse(cls, text: str) -> IncidentKey | None:
        """The reverse of `str`; None for anything else."""
        found = _KEY.fullmatch(text)
        if found is None:
            return None
        log, seqno = int(found[2]), int(found[4])
        if log > SEQNO_MAX or seqno > SEQNO_MAX:
            return None
        return cls(bytes.fromhex(found[1]), log, Stream(int(found[3])), seqno)

    @classmethod
    def of(cls, record: Record) -> IncidentKey | None:
        """The incident that a record belongs to; None for tests, system records and telemetry."""
        if record.kind > FAULT_KIND_MAX or record.phase is Phase.TEST:
            return None
        seqno = record.seqno if record.incident is None else record.incident
        return cls(record.device, record.log, record.stream, seqno)


class IncidentState(Enum):
    """How far an incident has come; the one furthest along counts."""

    RAISED = "raised"  # known from a later record; the opening one is still missing
    STORED = "stored"
    SHOWN = "shown"
    TAKEN_OVER = "taken_over"
    ON_SITE = "on_site"
    CONDITION_GONE = "condition_gone"
    ENDED = "ended"
    FALSE_ALARM = "false_alarm"


class Stage(IntEnum):
    """What escalation must know of an incident without folding it; kept in the database."""

    UNATTENDED = 0  # its condition lasts and nobody goes
    ATTENDED = 1
    RECOVERED = 2  # its condition went away and nobody had gone
    OVER = 3


@dataclass(frozen=True, slots=True)
class Takeover:
    """Who goes. due_ms: Unix time by which they said to be there."""

    who: str | None
    at_ms: int
    eta_min: int | None
    due_ms: int | None


@dataclass(frozen=True, slots=True)
class Incident:
    """A fold: start with the key alone, then `with_record` and `with_notice` in any order, any number of times.

    first, latest: lowest and highest number of all its records. present: the highest that says the condition is
    there. gone, ended: the highest of phase 3, the lowest of phase 4.
    """

    key: IncidentKey
    first: Record | None = None
    latest: Record | None = None
    present: Record | None = None
    gone: Record | None = None
    ended: Record | None = None
    notices: frozenset[Notice] = frozenset()

    def with_record(self, record: Record) -> Incident:
        """With one record of this incident."""
        merged = replace(self, first=_lower(self.first, record), latest=_higher(self.latest, record))
        match record.phase:
            case Phase.CONDITION_GONE:
                return replace(merged, gone=_higher(self.gone, record))
            case Phase.ENDED:
                return replace(merged, ended=_lower(self.ended, record))
            case _:
                return replace(merged, present=_higher(self.present, record))

    def with_notice(self, notice: Notice) -> Incident:
        """With one thing that a person did."""
        return replace(self, notices=self.notices | {notice})

    @property
    def opener(self) -> Record | None:
        """The record that raised it, once it is here."""
        return self.first if self.first is not None and self.first.seqno == self.key.seqno else None

    @property
    def journal(self) -> tuple[Notice, ...]:
        """What people did, in order of time."""
        return tuple(sorted(self.notices, key=lambda notice: (notice.at_ms, notice.number)))

    @property
    def is_alarm(self) -> bool:
        """People may be in danger; otherwise a fault of the installation."""
        return self.first is not None and self.first.kind <= ALARM_KIND_MAX

    @property
    def condition_gone(self) -> Record | None:
        """The record that says so, unless a later one says the condition is there again."""
        if self.gone is not None and (self.present is None or self.present.seqno < self.gone.seqno):
            return self.gone
        return None

    @property
    def takeover(self) -> Takeover | None:
        """The latest taking over; help sent and on site stand for one where nobody said it before."""
        named = [n for n in self.journal if n.act is Act.TAKEN_OVER]
        if not named:
            named = [n for n in self.journal if n.act in (Act.HELP_SENT, Act.ON_SITE)][:1]
        if not named:
            return None
        notice = named[-1]
        due_ms = None if notice.eta_min is None else notice.at_ms + notice.eta_min * 60_000
        return Takeover(notice.who, notice.at_ms, notice.eta_min, due_ms)

    @property
    def state(self) -> IncidentState:
        """The furthest that any record or person brought it."""
        acts = {notice.act for notice in self.notices}
        if Act.FALSE_ALARM in acts:
            return IncidentState.FALSE_ALARM
        if self.ended is not None or Act.CLOSED in acts:
            return IncidentState.ENDED
        if self.condition_gone is not None:
            return IncidentState.CONDITION_GONE
        if Act.ON_SITE in acts:
            return IncidentState.ON_SITE
        if acts & {Act.TAKEN_OVER, Act.HELP_SENT}:
            return IncidentState.TAKEN_OVER
        if Act.SHOWN in acts:
            return IncidentState.SHOWN
        return IncidentState.RAISED if self.opener is None else IncidentState.STORED

    @property
    def is_open(self) -> bool:
        """An alarm stays open until it is ended; a fault is over when its condition is gone.

        Source: design/wire.md section 1.3, rule 5: condition gone never ends an alarm by itself.
        """
        if self.state in (IncidentState.ENDED, IncidentState.FALSE_ALARM):
            return False
        return self.is_alarm or self.condition_gone is None

    @property
    def needs_taking_over(self) -> bool:
        """An alarm whose condition lasts and to which nobody goes: the page sounds."""
        return self.is_alarm and self.is_open and self.condition_gone is None and self.takeover is None

    @property
    def stage(self) -> Stage:
        """For escalation."""
        if self.is_open and self.condition_gone is None:
            return Stage.UNATTENDED if self.takeover is None else Stage.ATTENDED
        is_gone = self.condition_gone is not None or self.ended is not None
        return Stage.RECOVERED if is_gone and self.takeover is None else Stage.OVER


def _lower(one: Record | None, other: Record) -> Record:
    return other if one is None or other.seqno < one.seqno else one


def _higher(one: Record | None, other: Record) -> Record:
    return other if one is None or other.seqno > one.seqno else one
