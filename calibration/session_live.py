"""What moves on the screen while a step is under way: gauges, time, what is still missing, what is to be confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from calibration.session_tells import Finding
from calibration.words import Said
from edge_agent.readings import Reading


@dataclass(frozen=True, slots=True)
class Gauge:
    """One value that moves. low, high: ends of its bar, None: a bare number or word. is_good: None is not known yet."""

    name: str
    value: float | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    is_good: bool | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """What is seen now. share: of what the step needs, 0 to 1. lacks: what is still missing; None: it is enough."""

    gauges: tuple[Gauge, ...] = ()
    seconds: float = 0.0
    share: float = 0.0
    lacks: Said | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only the person sees. key: for the `Answer`. said: the question, answered by yes or no."""

    key: str
    said: Said


class Watcher(Protocol):
    """Follows one step while it is under way; judges nothing."""

    def push(self, reading: Reading) -> None:
        """Take a reading."""
        ...

    def tell(self, finding: Finding) -> None:
        """Take what is no reading."""
        ...

    def instruction(self) -> Said:
        """What to do now."""
        ...

    def live(self) -> Live:
        """What is seen."""
        ...

    def questions(self) -> tuple[Question, ...]:
        """What is to be confirmed."""
        ...
