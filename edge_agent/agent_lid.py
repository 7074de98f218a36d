"""The lid of the box: `box_opened` while it stands open.

In: the contact, twice a second. Out: stages of the fault, and of a `sensor_fault` while the contact cannot be read.
State: since when the lid has been as it is now. A contact that bounces is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.errors import SourceError
from edge_agent.readings import FaultReason

NS_PER_S = 1_000_000_000
LOOK_NS = NS_PER_S // 2
AGAIN_NS = 5 * NS_PER_S
STEADY_NS = 2 * NS_PER_S
"""So long the lid must be as it is: nobody opens a box for less, and a switch has long settled. Ours."""
WELL_NS = 60 * NS_PER_S  # Source: alarm catalogue row 56, "60 s plausible"
NAME = "lid"


class Lid(Protocol):
    """The contact."""

    def is_open(self) -> bool:
        """Now. Raises SourceError."""
        ...


class LidWatch:
    """See the module."""

    def __init__(self, lid: Lid, incidents: tuple[int, int], resumed: Sequence[OpenIncident] = ()) -> None:
        """incidents: numbers that the core will not use, of the open lid and of the contact's own fault."""
        self._lid = lid
        known = [each.incident for each in resumed if each.kind is AlarmKind.BOX_OPENED]
        self._incident = known[0] if known else incidents[0]
        self._fault_incident = incidents[1]
        self._is_raised = bool(known)
        self._is_faulty = False
        self._well_since_ns: int | None = None
        self._seen: bool | None = None
        self._since_ns = 0
        self._look_ns = 0

    def work(self, now_ns: int) -> tuple[Alarm, ...]:
        """Stages that begin or end now."""
        if now_ns < self._look_ns:
            return ()
        self._look_ns = now_ns + LOOK_NS
        try:
            is_open = self._lid.is_open()
        except SourceError as error:
            return self._failed(now_ns, error)
        stages = self._read_well(now_ns)
        if is_open is not self._seen:
            self._seen, self._since_ns = is_open, now_ns
        if is_open is self._is_raised or now_ns - self._since_ns < STEADY_NS:
            return stages
        self._is_raised = is_open
        state = AlarmState.RAISED if is_open else AlarmState.CLEARED
        evidence = (Evidence("lid_open_s", (now_ns - self._since_ns) // NS_PER_S if is_open else 0),)
        kind = AlarmKind.BOX_OPENED
        return (*stages, Alarm(now_ns, kind, state, CATALOGUE[kind].severity, self._incident, evidence))

    def _failed(self, now_ns: int, error: SourceError) -> tuple[Alarm, ...]:
        self._look_ns = now_ns + AGAIN_NS
        self._well_since_ns = None
        self._seen = None
        if self._is_faulty:
            return ()
        self._is_faulty = True
        evidence = (Evidence("source", NAME), Evidence("reason", FaultReason.BUS_ERROR.value))
        return (self._sensor(now_ns, AlarmState.RAISED, evidence, str(error)),)

    def _read_well(self, now_ns: int) -> tuple[Alarm, ...]:
        if self._well_since_ns is None:
            self._well_since_ns = now_ns
        if not self._is_faulty or now_ns - self._well_since_ns < WELL_NS:
            return ()
        self._is_faulty = False
        return (self._sensor(now_ns, AlarmState.CLEARED, (Evidence("source", NAME),), ""),)

    def _sensor(self, now_ns: int, state: AlarmState, evidence: tuple[Evidence, ...], note: str) -> Alarm:
        kind = AlarmKind.SENSOR_FAULT
        return Alarm(now_ns, kind, state, CATALOGUE[kind].severity, self._fault_incident, evidence, note=note[:80])
