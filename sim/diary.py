"""What really happened on a simulated day, and which alarms must or may come of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.alarms import Alarm, AlarmKind, AlarmState

TRAFFIC = "traffic"
"""Name of what is no special event."""

EARLY_S = 3.0
LATE_S = 60.0
"""An alarm this long after an event is still put down to it."""


@dataclass(frozen=True, slots=True)
class Span:
    """One special event."""

    event: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """An alarm that must come: by `raise_by_s` in time, until `until_s` late, after that missed."""

    kind: AlarmKind
    event: str
    start_s: float
    raise_by_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class May:
    """An alarm that may be raised from `start_s` to `end_s`."""

    kind: AlarmKind
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Stood:
    """One raised incident."""

    kind: AlarmKind
    raised_s: float
    cleared_s: float


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """Raised without a reason; `event` says during what."""

    kind: AlarmKind
    t_s: float
    event: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How a due alarm came: `delay_s` after its start, None if it did not; `is_late`: after its time."""

    kind: AlarmKind
    event: str
    t_s: float
    delay_s: float | None
    is_late: bool


class Diary:
    """Written while the day is lived, read when it is judged. Bounded by the day."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.dues: list[Due] = []
        self.mays: list[May] = []
        self.calls = 0
        self.parked_s = 0.0
        self.skipped_s = 0.0

    def allow(self, kinds: Iterable[AlarmKind], start_s: float, end_s: float) -> None:
        """These kinds may be raised then."""
        self.mays.extend(May(kind, start_s, end_s) for kind in kinds)

    def event_at(self, t_s: float) -> str:
        """The special event that goes on at a moment, or has just ended."""
        for span in self.spans:
            if span.start_s <= t_s <= span.end_s + LATE_S:
                return span.event
        return TRAFFIC

    def false_alarms(self, stood: Iterable[Stood]) -> tuple[FalseAlarm, ...]:
        """Incidents for which there was no reason."""
        return tuple(
            FalseAlarm(each.kind, each.raised_s, self.event_at(each.raised_s))
            for each in stood
            if not self._has_reason(each)
        )

    def answers(self, stood: Iterable[Stood]) -> tuple[Answer, ...]:
        """How each due alarm came."""
        return tuple(self._answer(due, tuple(stood)) for due in self.dues)

    def _has_reason(self, each: Stood) -> bool:
        return any(
            due.kind is each.kind and due.start_s - EARLY_S <= each.raised_s <= due.until_s for due in self.dues
        ) or any(may.kind is each.kind and may.start_s <= each.raised_s <= may.end_s for may in self.mays)

    def _answer(self, due: Due, stood: tuple[Stood, ...]) -> Answer:
        times = [
            max(0.0, each.raised_s - due.start_s)
            for each in stood
            if each.kind is due.kind and each.raised_s <= due.until_s and each.cleared_s >= due.start_s
        ]
        delay_s = min(times, default=None)
        is_late = delay_s is not None and due.start_s + delay_s > due.raise_by_s
        return Answer(due.kind, due.event, due.start_s, delay_s, is_late)


def incidents(alarms: Iterable[Alarm]) -> tuple[Stood, ...]:
    """Raised incidents in order of raising; one that is not cleared stands for ever."""
    found: dict[tuple[AlarmKind, int], Stood] = {}
    for alarm in alarms:
        key = (alarm.kind, alarm.incident)
        if alarm.state is AlarmState.RAISED:
            found[key] = Stood(alarm.kind, alarm.t_ns / 1e9, float("inf"))
        elif alarm.state is AlarmState.CLEARED and key in found:
            found[key] = Stood(alarm.kind, found[key].raised_s, alarm.t_ns / 1e9)
    return tuple(found.values())
