"""What a calibration is told beside readings: what was found on a bus, what a person says, what a receiver answered."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.readings import FaultReason


@dataclass(frozen=True, slots=True)
class Found:
    """How opening and listening to one source went.

    problem: "" where it works; else what the driver says, in its own words, with `hint`: what to do.
    answering: other addresses of the same bus, or settings of the same line, at which something did answer.
    """

    source: str
    count: int
    reason: FaultReason | None = None
    problem: str = ""
    hint: str = ""
    answering: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person says to a `Question`. value: "yes", "no", "unknown" or a text of theirs."""

    question: str
    value: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The test alarm: whether a receiver's sealed receipt says that it is stored, after how long. problem: why not."""

    receiver: str
    is_stored: bool
    after_s: float
    problem: str = ""


Finding = Found | Answer | Stored


@dataclass(frozen=True, slots=True)
class Told:
    """A finding and when it came: the time of the newest reading then, or 0 before the first."""

    t_ns: int
    finding: Finding
