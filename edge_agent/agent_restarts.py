"""A box that dies again and again: told as `repeated_reboot`, watched over in safe mode, let out after a good hour.

In: what the ledger says of earlier runs, and time. Out: stages of the fault; marks in the ledger; the wish to end this
run, so that the next one is a whole one. State: which mark is next, whether the fault stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.start_ledger import HOUR_S, MARKS_S, Start, StartLedger

NS_PER_S = 1_000_000_000
RESTARTS_MIN = 3
"""Source: chosen: alarm catalogue row 62 says "several times within an hour"."""
LOOK_NS = NS_PER_S


class RestartWatch:
    """See the module."""

    def __init__(
        self,
        ledger: StartLedger,
        start: Start,
        started_ns: int,
        incident: int,
        resumed: Sequence[OpenIncident],
        end_run: Callable[[], bool],
    ) -> None:
        """incident: a number that the core will not use. end_run: ends this run in order, unless an alarm is open:
        then False, and it is asked again."""
        self._ledger = ledger
        self._start = start
        self._started_ns = started_ns
        known = [each.incident for each in resumed if each.kind is AlarmKind.REPEATED_REBOOT]
        self._incident = known[0] if known else incident
        self._is_raised = bool(known)
        self._has_told = False
        self._end_run = end_run
        self._marks = list(MARKS_S)
        self._look_ns = 0

    def work(self, now_ns: int) -> tuple[Alarm, ...]:
        """Stages that begin or end now; looks once a second."""
        if now_ns < self._look_ns:
            return ()
        self._look_ns = now_ns + LOOK_NS
        age_s = (now_ns - self._started_ns) / NS_PER_S
        while self._marks and age_s >= self._marks[0]:
            self._ledger.reached(self._marks.pop(0))
        if age_s < HOUR_S:
            return self._news(now_ns)
        if self._start.is_safe and self._end_run():
            self._look_ns = now_ns + HOUR_S * NS_PER_S
        if not self._is_raised:
            return ()
        self._is_raised = False
        return (self._stage(now_ns, AlarmState.CLEARED, ""),)

    def _news(self, now_ns: int) -> tuple[Alarm, ...]:
        if self._has_told:
            return ()
        self._has_told = True
        is_many = self._start.restarts_count >= RESTARTS_MIN or self._start.is_safe
        if not is_many or (self._is_raised and not self._start.is_safe):
            return ()
        state = AlarmState.UPDATED if self._is_raised else AlarmState.RAISED
        self._is_raised = True
        return (self._stage(now_ns, state, "safe mode" if self._start.is_safe else ""),)

    def _stage(self, now_ns: int, state: AlarmState, note: str) -> Alarm:
        kind = AlarmKind.REPEATED_REBOOT
        count = 0 if state is AlarmState.CLEARED else self._start.restarts_count
        evidence = (Evidence("restarts_count", count),)
        return Alarm(now_ns, kind, state, CATALOGUE[kind].severity, self._incident, evidence, note=note)
