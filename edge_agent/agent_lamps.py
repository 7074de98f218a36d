"""Shows the state of the alarms on the two indicator lamps of the box; a lamp that cannot be driven is a sensor fault.

In: the outbox, twice a second. Out: the lamps, and the stages of the fault. State: what the lamps were told last, since
when they are well, whether the fault was raised. Trouble with a lamp stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence
from edge_agent.catalogue import CATALOGUE
from edge_agent.errors import OutboxError, SourceError
from edge_agent.lamps import AlarmInHand, LampState, lamps_for
from edge_agent.readings import FaultReason

NS_PER_S = 1_000_000_000
LOOK_NS = NS_PER_S // 2
AGAIN_NS = 5 * NS_PER_S  # as drivers do after they were open
WELL_NS = 60 * NS_PER_S  # Source: alarm catalogue row 56, "60 s plausible"
NAME = "lamps"


class Lamps(Protocol):
    """The lines of the lamps."""

    def show(self, state: LampState) -> None:
        """Light them so; opens the lines where need be. Raises SourceError. Takes microseconds once open."""
        ...

    def close(self) -> None:
        """Both dark, lines released. Never raises."""
        ...


class LampKeeper:
    """See the module."""

    def __init__(self, lamps: Lamps, incident: int, alarms: Callable[[], tuple[AlarmInHand, ...]]) -> None:
        """incident: a number that the core will not use. alarms: those that nobody has ended; raises OutboxError."""
        self._lamps = lamps
        self._incident = incident
        self._alarms = alarms
        self._look_ns = 0
        self._state = LampState()
        self._well_since_ns: int | None = None
        self._is_fault_raised = False

    def work(self, now_ns: int) -> Alarm | None:
        """Show what is to be shown; returns a stage of the fault that begins or ends."""
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + LOOK_NS
        with suppress(OutboxError):  # told elsewhere; the lamps go on saying what they said
            self._state = lamps_for(self._alarms())
        try:
            self._lamps.show(self._state)
        except SourceError as error:
            return self._failed(now_ns, error)
        return self._shown(now_ns)

    def close(self) -> None:
        """Both dark."""
        self._lamps.close()

    def _failed(self, now_ns: int, error: SourceError) -> Alarm | None:
        self._look_ns = now_ns + AGAIN_NS
        self._well_since_ns = None
        if self._is_fault_raised:
            return None
        self._is_fault_raised = True
        evidence = (Evidence("source", NAME), Evidence("reason", FaultReason.BUS_ERROR.value))
        return self._stage(now_ns, AlarmState.RAISED, evidence, str(error))

    def _shown(self, now_ns: int) -> Alarm | None:
        if self._well_since_ns is None:
            self._well_since_ns = now_ns
        if not self._is_fault_raised or now_ns - self._well_since_ns < WELL_NS:
            return None
        self._is_fault_raised = False
        return self._stage(now_ns, AlarmState.CLEARED, (Evidence("source", NAME),))

    def _stage(self, now_ns: int, state: AlarmState, evidence: tuple[Evidence, ...], note: str = "") -> Alarm:
        kind = AlarmKind.SENSOR_FAULT
        return Alarm(now_ns, kind, state, CATALOGUE[kind].severity, self._incident, evidence, note=note[:80])
