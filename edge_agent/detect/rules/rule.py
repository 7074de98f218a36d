"""What a rule is, and what it says: the shape shared by all rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule sees in this frame. `is_confirmed`: the hold time has passed, raise it.

    subject: tells incidents of one kind apart (a sensor's name); empty where there is only one.
    """

    kind: AlarmKind
    is_confirmed: bool
    evidence: tuple[Evidence, ...]
    witnesses: frozenset[Witness]
    occupied_percent: int | None = None
    subject: str = ""
    note: str = ""


class Rule(Protocol):
    """One rule for one kind of alarm. Stateful folds are allowed; clocks, I/O and randomness are not."""

    kind: AlarmKind
    outlives_inspection: bool  # True: not muted by inspection operation or a visit

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """Judge one frame; `raised`: the kinds that stand raised."""
        ...

    def is_over(self, car: CarState, subject: str) -> bool:
        """Asked each frame while an incident stands raised and nothing is found: has the condition gone?"""
        ...
