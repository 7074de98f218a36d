"""What a calibration is told beside readings: what was found on a bus, what a person says, what a receiver answered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

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


def told_to_json(told: tuple[Told, ...]) -> str:
    """The same text for the same content."""
    rows = []
    for each in told:
        fields = asdict(each.finding)
        if isinstance(each.finding, Found):
            fields["reason"] = None if each.finding.reason is None else each.finding.reason.value
        rows.append({"t_ns": each.t_ns, "kind": type(each.finding).__name__.lower(), **fields})
    return json.dumps(rows, sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def told_from_json(text: str) -> tuple[Told, ...]:
    """The inverse. Raises ValueError."""
    try:
        return tuple(Told(int(row["t_ns"]), _finding_of(row)) for row in json.loads(text))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no list of findings ({error})") from None


def _finding_of(row: dict[str, object]) -> Finding:
    match row:
        case {"kind": "found", "source": str(source), "count": int(count), "problem": str(problem), "hint": str(hint)}:
            reason, answering = row["reason"], row["answering"]
            if not isinstance(answering, list):
                raise ValueError("answering is no list")
            kind = None if reason is None else FaultReason(reason)
            return Found(source, count, kind, problem, hint, tuple(map(str, answering)))
        case {"kind": "answer", "question": str(question), "value": str(value)}:
            return Answer(question, value)
        case {"kind": "stored", "receiver": str(receiver), "is_stored": bool(is_stored), "problem": str(problem)}:
            after_s = row["after_s"]
            if not isinstance(after_s, int | float):
                raise ValueError("after_s is no number")
            return Stored(receiver, is_stored, float(after_s), problem)
    raise ValueError(f"no finding: {str(row)[:80]}")
