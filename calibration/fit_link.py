"""Controller link: whether what the controller says is what the person sees, and what the box itself measures.

In: controller reports, the trips that the detection core makes of the acceleration, door contacts, and what the
person answered for each value. Out: how often direction and door agree. Decision: a value that the person denies, or
a direction that is the other way round on most trips, is refused; what nobody confirmed is doubtful.
"""

from __future__ import annotations

from collections.abc import Sequence

from calibration.session import StepCapture
from calibration.session_riding import CONTROLLER_VALUES, blank_installation, values_of
from calibration.session_tells import Answer
from calibration.words import Measured, Said, StepName, StepResult, Table, Verdict, said
from edge_agent.alarms import Trip
from edge_agent.detect.detector import Detector
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Signal, SignalEdge, SourceFault

NS_PER_S = 1_000_000_000
REPORTS_MIN = 10
AGREE_PERCENT_MIN = 70.0
"""Ours: reports are up to a second late, and a trip has a start and an end."""
SETTLED_NS = 1_500_000_000


def fit(capture: StepCapture) -> StepResult:
    """Judge the link."""
    reports = [each for each in capture.readings if isinstance(each, ControllerReport)]
    sure = [each for each in reports if not each.is_suspect]
    if len(sure) < REPORTS_MIN:
        faults = [each for each in capture.readings if isinstance(each, SourceFault) and each.source == "controller"]
        problem = faults[-1].detail if faults else "-"
        return StepResult(
            StepName.CONTROLLER, Verdict.FAILED, (said("link.silent", problem=problem),), said("link.next.wiring")
        )
    answers = {each.finding.question: each.finding.value for each in capture.told if isinstance(each.finding, Answer)}
    values = {name: value for report in sure for name, value in values_of(report).items()}
    trips = _trips(capture)
    measured, reasons, is_opposite = _agreement(capture, sure, trips)
    reasons += [said("link.denied", value=f"controller.{name}") for name in values if answers.get(name) == "no"]
    is_failed = is_opposite or any(answers.get(name) == "no" for name in values)
    open_names = [name for name in values if answers.get(name) != "yes"]
    reasons += [
        said("link.unconfirmed", value=f"controller.{name}") for name in open_names if answers.get(name) != "no"
    ]
    if not trips:
        reasons.append(said("link.no_trip"))
    span_s = (sure[-1].t_ns - sure[0].t_ns) / NS_PER_S
    rate_hz = (len(sure) - 1) / span_s if span_s > 0 else 0.0
    suspect_percent = 100.0 * (1.0 - len(sure) / len(reports))
    measured += [Measured("link.rate", rate_hz, "Hz"), Measured("link.suspect", suspect_percent, "%", None, 5.0)]
    rows = tuple(
        (f"controller.{name}", values.get(name), _answer_word(answers.get(name)) if name in values else "not_said")
        for name in CONTROLLER_VALUES
    )
    verdict = Verdict.FAILED if is_failed else Verdict.DOUBTFUL if reasons else Verdict.PASSED
    return StepResult(
        StepName.CONTROLLER,
        verdict,
        tuple(reasons) or (said("link.confirmed", count=len(values)),),
        said("link.next.map") if is_failed else said("link.next.confirm") if reasons else None,
        tuple(measured),
        (Table("link.values", ("value", "controller_says", "person_says"), rows),),
    )


def _answer_word(answer: str | None) -> str:
    return answer if answer in ("yes", "no") else "not_asked"


def _trips(capture: StepCapture) -> list[Trip]:
    detector = Detector(blank_installation(capture.settings), capture.settings.limits)
    return [each for reading in capture.readings for each in detector.step(reading) if isinstance(each, Trip)]


def _agreement(
    capture: StepCapture, reports: Sequence[ControllerReport], trips: Sequence[Trip]
) -> tuple[list[Measured], list[Said], bool]:
    """What was compared, what is doubtful, and whether the direction is the other way round."""
    measured: list[Measured] = []
    reasons: list[Said] = []
    same = opposite = told = 0
    for trip in trips:
        during = [each for each in reports if trip.start_ns + SETTLED_NS <= each.t_ns <= trip.end_ns - SETTLED_NS]
        for report in during:
            if report.direction is None:
                continue
            told += 1
            same += report.direction is trip.direction
            opposite += report.direction is not trip.direction and report.direction is not Direction.NONE
    is_opposite = told > 0 and opposite > told / 2
    if told:
        percent = 100.0 * same / told
        measured.append(Measured("link.direction_agrees", percent, "%", AGREE_PERCENT_MIN))
        if is_opposite:
            reasons.append(said("link.opposite"))
        elif percent < AGREE_PERCENT_MIN:
            reasons.append(said("link.direction_differs", percent=round(percent)))
    door = _door_agrees(capture, reports)
    if door is not None:
        measured.append(Measured("link.door_agrees", door, "%", AGREE_PERCENT_MIN))
        if door < AGREE_PERCENT_MIN:
            reasons.append(said("link.door_differs", percent=round(door)))
    return measured, reasons, is_opposite


def _door_agrees(capture: StepCapture, reports: Sequence[ControllerReport]) -> float | None:
    """Percent of the reports that call the door closed when its contact does, some time after its last change."""
    edges = [each for each in capture.readings if isinstance(each, SignalEdge) and each.signal is Signal.DOOR_CLOSED]
    said_door = [each for each in reports if each.door is not None]
    place, changed_ns = 0, 0
    is_closed: bool | None = None
    told = same = 0
    for report in said_door:
        while place < len(edges) and edges[place].t_ns <= report.t_ns:
            if edges[place].is_active is not is_closed:
                is_closed, changed_ns = edges[place].is_active, edges[place].t_ns
            place += 1
        if is_closed is None or report.t_ns - changed_ns < SETTLED_NS:
            continue
        told += 1
        same += (report.door is ControllerDoor.CLOSED) is is_closed
    return 100.0 * same / told if told else None
