"""The report of a campaign: false alarms in a lift-year by kind, entrapments missed, times to raise, by sensor set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue import CATALOGUE
from sim.campaign import DayResult
from sim.diary import TRAFFIC, Answer
from sim.poisson import Stratum, rate, rate_upper
from sim.troubles import TROUBLES

DAYS_PER_YEAR = 365.0
LISTED_MAX = 200
_SEVERE = (Severity.CRITICAL, Severity.MAJOR)


def report(days: Sequence[DayResult], seed: int, *, is_settled: bool = False) -> Iterator[str]:
    """Lines of the report. is_settled: the boxes had learned on the days before."""
    yield "Boxes on their second to seventh day:" if is_settled else "Boxes on their first day:"
    yield from _exposure(days)
    yield ""
    yield from _false_by_kind(days)
    yield ""
    yield from _due_by_kind(days)
    yield ""
    yield from _by_sensors(days)
    yield ""
    yield from _listed(days, seed, is_settled=is_settled)


def missed_entrapments(days: Sequence[DayResult]) -> int:
    """Entrapments that were not raised while they lasted."""
    return sum(1 for day in days for each in day.answers if _is_missed(each) and each.kind is AlarmKind.ENTRAPMENT)


def false_strata(days: Sequence[DayResult], kind: AlarmKind) -> list[Stratum]:
    """False alarms of a kind in ordinary traffic and in each special event, with the lift-years each stands for."""
    counts = Counter(each.event for day in days for each in day.false if each.kind is kind)
    runs = _runs(days)
    strata = [Stratum(counts[TRAFFIC], len(days) / DAYS_PER_YEAR)]
    strata.extend(Stratum(counts[each.name], runs[each.name] / each.per_year) for each in TROUBLES)
    return strata


def _runs(days: Sequence[DayResult]) -> Counter[str]:
    runs: Counter[str] = Counter()
    for day in days:
        for name, count in day.events:
            runs[name] += count
    return runs


def _is_missed(answer: Answer) -> bool:
    return answer.delay_s is None


def _exposure(days: Sequence[DayResult]) -> Iterator[str]:
    years = len(days) / DAYS_PER_YEAR
    trips = sum(day.trips for day in days)
    run_h, parked_h = sum(day.run_s for day in days) / 3600.0, sum(day.parked_run_s for day in days) / 3600.0
    skipped_h = sum(day.skipped_s for day in days) / 3600.0
    yield f"{len(days)} lift-days = {years:.2f} lift-years of traffic; {trips} trips, {trips / len(days):.0f} a day"
    yield (
        f"simulated {run_h:.0f} h ({parked_h:.0f} h of them parked); {skipped_h:.0f} parked hours beyond the first two"
        " minutes or so of each pause were not run and are not claimed"
    )
    runs = _runs(days)
    for each in TROUBLES:
        if runs[each.name]:
            lift_years = runs[each.name] / each.per_year
            yield f"  {each.name}: {runs[each.name]} run, as many as in {lift_years:.1f} lift-years"


def _false_by_kind(days: Sequence[DayResult]) -> Iterator[str]:
    yield "False alarms in a lift-year (95 % upper bound), most severe first:"
    counts = Counter(each.kind for day in days for each in day.false)
    kinds = sorted({AlarmKind.ENTRAPMENT, *counts}, key=lambda kind: kind.value)
    for kind in kinds:
        strata = false_strata(days, kind)
        where = Counter(each.event for day in days for each in day.false if each.kind is kind)
        places = ", ".join(f"{event} {count}" for event, count in where.most_common())
        yield (
            f"  {kind.public_name:<26} {CATALOGUE[kind].severity.value:<8} {rate(strata):8.2f}  "
            f"({rate_upper(strata):.2f})   seen: {places or 'none'}"
        )


def _due_by_kind(days: Sequence[DayResult]) -> Iterator[str]:
    yield "Alarms that were due:"
    for kind in (AlarmKind.ENTRAPMENT, AlarmKind.EMERGENCY_STOP, AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE):
        yield f"  {kind.public_name:<26} {_answered([a for day in days for a in day.answers if a.kind is kind])}"


def _answered(answers: Sequence[Answer]) -> str:
    if not answers:
        return "none"
    delays_s = [answer.delay_s for answer in answers if answer.delay_s is not None]
    late = sum(answer.is_late for answer in answers)
    text = f"{len(answers)} due, {len(answers) - len(delays_s)} missed, {late} late"
    if delays_s:
        text += f"; raised after {median(delays_s):.1f} s (median), {max(delays_s):.1f} s (worst)"
    return text


def _by_sensors(days: Sequence[DayResult]) -> Iterator[str]:
    yield "Entrapment by sensor set and habit: false in a lift-year (95 % upper bound); real ones:"
    yield from _parts(
        {name: [day for day in days if day.sensors == name] for name in sorted({d.sensors for d in days})}
    )
    yield from _parts(
        {name: [day for day in days if day.parking == name] for name in sorted({d.parking for d in days})}
    )


def _parts(parts: Mapping[str, Sequence[DayResult]]) -> Iterator[str]:
    for name, mine in parts.items():
        strata = false_strata(mine, AlarmKind.ENTRAPMENT)
        real = [a for day in mine for a in day.answers if a.kind is AlarmKind.ENTRAPMENT]
        yield f"  {name} ({len(mine)} days)"
        yield f"      false {rate(strata):.2f} ({rate_upper(strata):.2f}); {_answered(real)}"


def _listed(days: Sequence[DayResult], seed: int, *, is_settled: bool) -> Iterator[str]:
    """Every false critical or major alarm and every due alarm that was missed or late, with its replay command."""
    lines: list[str] = []
    for day in sorted(days, key=lambda each: each.number):
        found = _severe_false(day)
        found.extend(
            f"{'missed' if answer.delay_s is None else 'late'} {answer.kind.public_name} of {answer.t_s:.1f} s"
            f" ({answer.event})"
            for answer in day.answers
            if answer.delay_s is None or answer.is_late
        )
        if found:
            command = replay_command(seed, day.number, is_settled=is_settled)
            lines.append(f"  {command}   {day.sensors}; {day.drive}; {day.parking}")
            lines.extend(f"      {each}" for each in found)
    yield (
        "False critical and major alarms, and alarms missed or late:" if lines else "No false critical or major alarm."
    )
    yield from lines[:LISTED_MAX]
    if len(lines) > LISTED_MAX:
        yield f"  ... and {len(lines) - LISTED_MAX} lines more"


def _severe_false(day: DayResult) -> list[str]:
    """One sentence for each kind and event of a day."""
    times_s: dict[tuple[AlarmKind, str], list[float]] = {}
    for each in day.false:
        if CATALOGUE[each.kind].severity in _SEVERE:
            times_s.setdefault((each.kind, each.event), []).append(each.t_s)
    return [
        f"false {kind.public_name} at {at_s[0]:.1f} s ({event})" + (f" and {len(at_s) - 1} more" * (len(at_s) > 1))
        for (kind, event), at_s in times_s.items()
    ]


def replay_command(seed: int, number: int, *, is_settled: bool = False) -> str:
    """How to see one day again, exactly."""
    return f"lift-sim campaign --seed {seed} --day {number}{' --settled' if is_settled else ''}"
