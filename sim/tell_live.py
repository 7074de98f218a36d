"""The story of a run as sentences with their times, for whoever watches it live."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.scenario import Played
from sim.steps import TravelStep, WaitStep
from sim.tell import sentence, stop_sentence

_SHORTEST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the lift does from `t_s` of the story on."""

    t_s: float
    sentence: str


def told(played: Played) -> tuple[Told, ...]:
    """Each step when it begins; an early stop when the car stands; short pauses are left out."""
    out: list[Told] = []
    ends_s = (*played.step_starts_s[1:], played.duration_s)
    for planned, start_s, end_s in zip(played.scenario.steps, played.step_starts_s, ends_s, strict=True):
        step = planned.step
        if isinstance(step, WaitStep) and step.for_s < _SHORTEST_WAIT_S:
            continue
        if isinstance(step, TravelStep) and step.stops_with is not None:
            out.append(Told(start_s, sentence(replace(step, stops_with=None, stops_at=None))))
            out.append(Told(end_s, stop_sentence(step)))
        else:
            out.append(Told(start_s, sentence(step)))
    return tuple(out)
