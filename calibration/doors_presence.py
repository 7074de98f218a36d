"""How much of the car the presence sensor sees: one place after the other, as the person says that they stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibration.fit_result import result_of
from calibration.fit_samples import NS_PER_S, tidy
from calibration.words import Measured, Said, StepName, StepResult, Table, said
from edge_agent.readings import Reading, Signal, SignalEdge

OUTSIDE = "outside"
COVERAGE_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Stood:
    """The person was at a place from the answer before until end_ns."""

    place: str
    end_ns: int


@dataclass(frozen=True, slots=True)
class PresenceFit:
    """places: name and whether the sensor was on there. is_quiet_outside: off with nobody in the car; None: not tried.

    hold_s: how long it stayed on after the person had left; None: not seen.
    """

    places: tuple[tuple[str, bool], ...]
    is_quiet_outside: bool | None
    hold_s: float | None
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]

    @property
    def coverage(self) -> float:
        """Share of the places in the car at which it was on."""
        return sum(seen for _, seen in self.places) / len(self.places) if self.places else 0.0


def fit_presence(readings: Sequence[Reading], stood: Sequence[Stood]) -> PresenceFit:
    """What the sensor said while the person stood at each place. stood: in order of time."""
    edges = [
        (reading.t_ns, reading.is_active)
        for reading in readings
        if isinstance(reading, SignalEdge) and reading.signal is Signal.PRESENCE
    ]
    if not edges:
        return PresenceFit((), None, None, (said("presence.silent"),), ())
    places: list[tuple[str, bool]] = []
    quiet: bool | None = None
    hold_s: float | None = None
    begin_ns = readings[0].t_ns
    for each in stood:
        late_ns = (begin_ns + each.end_ns) // 2  # what the place before has set off is over by then
        if each.place == OUTSIDE:
            quiet = not _is_on(edges, each.end_ns, each.end_ns)
            off = [t_ns for t_ns, is_on in edges if begin_ns <= t_ns <= each.end_ns and not is_on]
            hold_s = (off[-1] - begin_ns) / NS_PER_S if off and quiet else None
        else:
            places.append((each.place, _is_on(edges, late_ns, each.end_ns)))
        begin_ns = each.end_ns
    problems: list[Said] = []
    doubts: list[Said] = []
    levels = {is_on for _, is_on in edges}
    unseen = [place for place, seen in places if not seen]
    if not places:
        problems.append(said("presence.no_places"))
    elif levels == {False}:
        problems.append(said("presence.never"))
    elif levels == {True}:
        problems.append(said("presence.always"))
    elif len(unseen) > COVERAGE_MIN * len(places):
        problems.append(said("presence.blind", seen=len(places) - len(unseen), places=len(places)))
    elif unseen:
        doubts.append(said("presence.unseen", places=", ".join(unseen)))
    if quiet is False and not problems:
        doubts.append(said("presence.sees_landing"))
    return PresenceFit(tuple(places), quiet, hold_s, tuple(problems), tuple(doubts))


def _is_on(edges: Sequence[tuple[int, bool]], start_ns: int, end_ns: int) -> bool:
    """On at any moment from start to end."""
    level = False
    for t_ns, is_on in edges:
        if t_ns > end_ns:
            break
        if t_ns > start_ns and is_on:
            return True
        if t_ns <= start_ns:
            level = is_on
    return level


def presence_result(fit: PresenceFit) -> StepResult:
    """The same in the words of a calibration."""
    if not fit.places:
        return result_of(StepName.PRESENCE, fit.problems, fit.doubts)
    measured = [Measured("measured.coverage", tidy(100.0 * fit.coverage), "%", 100.0, 100.0)]
    if fit.hold_s is not None:
        measured.append(Measured("measured.hold", tidy(fit.hold_s), "s"))
    rows = tuple((f"place.{place}", "seen" if seen else "unseen") for place, seen in fit.places)
    table = Table("table.presence", ("column.place", "column.seen"), rows)
    return result_of(StepName.PRESENCE, fit.problems, fit.doubts, measured=measured, tables=(table,))
