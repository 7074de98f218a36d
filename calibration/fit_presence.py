"""Presence sensor: seen from every place of the car, and off when everybody is out.

In: the line, and when the person said that they had stood at each place. Out: a share of time for each place. A sensor
that holds its output after the last movement hides a place that it does not see; a place counts as seen by itself only
where the line came on there. Decision: never on, always on or the wrong way round is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from calibration.session import StepCapture
from calibration.session_tells import Answer
from calibration.session_watchers import PRESENCE_PLACES
from calibration.words import Measured, Said, StepName, StepResult, Table, Verdict, said
from edge_agent.readings import Signal, SignalEdge
from edge_agent.settings import ContactSettings, Settings

OUTSIDE = "outside"
SETTLED_NS = 2_000_000_000
"""The line must be off in the last 2 s outside: ours; sensors hold for seconds to a minute, so the person waits."""


@dataclass(frozen=True, slots=True)
class _Stay:
    place: str
    begin_ns: int
    end_ns: int
    on_share: float
    came_on: bool
    is_on_at_end: bool


def fit(capture: StepCapture) -> StepResult:
    """Judge the presence sensor."""
    edges = [each for each in capture.readings if isinstance(each, SignalEdge) and each.signal is Signal.PRESENCE]
    if not edges:
        return _refused(said("presence.silent"), said("presence.next.wire"))
    states = {edge.is_active for edge in edges}
    stays = _stays(capture, edges)
    inside = [stay for stay in stays if stay.place != OUTSIDE]
    outside = next((stay for stay in stays if stay.place == OUTSIDE), None)
    table = Table(
        "presence.places",
        ("place", "on_share", "came_on"),
        tuple((f"place.{stay.place}", round(stay.on_share, 3), "yes" if stay.came_on else "no") for stay in stays),
    )
    if states == {False}:
        return _refused(said("presence.never_on"), said("presence.next.wire"), table)
    if states == {True}:
        return _refused(said("presence.always_on"), said("presence.next.wire"), table)
    if outside is not None and outside.is_on_at_end and inside and all(stay.on_share < 0.5 for stay in inside):
        line = contact_line(_contact(capture.settings), is_flipped=True)
        lines = (("contacts.presence", line),)
        return _refused(said("presence.inverted"), said("presence.next.repeat"), table, lines)
    if outside is not None and outside.is_on_at_end:
        return _refused(said("presence.stays_on"), said("presence.next.wait"), table)
    reasons = _doubts(inside, outside)
    seen = sum(1 for stay in inside if stay.on_share > 0.0)
    return StepResult(
        StepName.PRESENCE,
        Verdict.DOUBTFUL if reasons else Verdict.PASSED,
        reasons or (said("presence.seen", count=seen),),
        said("presence.next.turn") if reasons and stays else None,
        measured=(Measured("presence.places_seen", float(seen), "", float(len(PRESENCE_PLACES) - 1)),),
        tables=(table,) if stays else (),
    )


def contact_line(contact: ContactSettings, *, is_flipped: bool) -> str:
    """The value of a contact in the settings file, with its other active level where it is flipped."""
    level = "low" if contact.is_active_low is not is_flipped else "high"
    return f'{{ pin = {contact.pin}, active = "{level}", pull = "{contact.pull.value}" }}'


def _contact(settings: Settings) -> ContactSettings:
    contacts = () if settings.contacts is None else settings.contacts.contacts
    return next(contact for contact in contacts if contact.signal is Signal.PRESENCE)


def _doubts(inside: list[_Stay], outside: _Stay | None) -> tuple[Said, ...]:
    if not inside or outside is None:
        return (said("presence.no_places"),)
    return tuple(said("presence.not_seen", place=f"place.{stay.place}") for stay in inside if stay.on_share == 0.0)


def _stays(capture: StepCapture, edges: list[SignalEdge]) -> list[_Stay]:
    begin_ns = capture.readings[0].t_ns
    stays = []
    for told in capture.told:
        if not isinstance(told.finding, Answer) or not told.finding.question.startswith("place."):
            continue
        place = told.finding.question.removeprefix("place.")
        if place in PRESENCE_PLACES and told.finding.value == "yes" and told.t_ns > begin_ns:
            stays.append(_stay(place, begin_ns, told.t_ns, edges))
        begin_ns = max(begin_ns, told.t_ns)
    return stays


def _stay(place: str, begin_ns: int, end_ns: int, edges: list[SignalEdge]) -> _Stay:
    is_on, came_on, on_ns, since_ns = False, False, 0, begin_ns
    on_in_the_end_ns = 0
    for edge in [*edges, SignalEdge(end_ns, Signal.PRESENCE, False)]:
        t_ns = min(edge.t_ns, end_ns)
        if is_on and t_ns > since_ns:
            on_ns += t_ns - since_ns
            on_in_the_end_ns += max(0, t_ns - max(since_ns, end_ns - SETTLED_NS))
        since_ns = max(since_ns, t_ns)
        if edge.t_ns >= end_ns:
            break
        came_on |= edge.is_active and not is_on and edge.t_ns > begin_ns
        is_on = edge.is_active
    return _Stay(place, begin_ns, end_ns, on_ns / (end_ns - begin_ns), came_on, on_in_the_end_ns > 0)


def _refused(
    reason: Said, action: Said, table: Table | None = None, lines: tuple[tuple[str, str], ...] = ()
) -> StepResult:
    tables = () if table is None or not table.rows else (table,)
    return StepResult(StepName.PRESENCE, Verdict.FAILED, (reason,), action, tables=tables, settings=lines)
