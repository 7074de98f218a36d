"""How long an alarm takes: from the deciding sample to the record on disk, and to the receipt of a receiver.

The real processes on loopback; in the story the car door comes open during each trip but the first, so that every one
gives an alarm and later its end. The deciding sample is not later than the end of the 50 ms frame in which the core
decides; the agent's own recording, replayed, tells that moment to the nanosecond. Committed and stored are the moments
at which the agent's log says so, read from its pipe. Rounds are records. The last figure is from the break of the door
contact to the alarm on disk: the limits of the rule and the wait for the end of a frame are in it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from benchmarks.material import played_story
from benchmarks.processes import BenchmarkTrouble, Line
from benchmarks.report import Report, Row, Scale, Table
from benchmarks.rig import Rig, RunningAgent, missing_parts
from edge_agent.alarms import Alarm, AlarmKind, AlarmState
from edge_agent.catalogue import CATALOGUE
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import limits_with
from edge_agent.readings import Signal, SignalEdge
from edge_agent.recording import Recording

RATE_HZ = 200  # more would not make it faster, and a busy machine loses fewer samples
TRIPS = 3
KIND = AlarmKind.DOOR_OPEN_IN_MOTION
TRIP = """
[[step]]
do = "travel"
to = {to}
{door}

[[step]]
do = "wait"
for_s = 3
"""
DOOR = "door_opens = 0.4\ndoor_opens_after_s = 2.8\ndoor_opens_for_s = 0.6"
WAIT = """
[[step]]
do = "wait"
for_s = {for_s}
"""
_STAGE = re.compile(rf"{CATALOGUE[KIND].title_en} (RAISED|condition gone), incident (\d+)")
_STATES = {"RAISED": AlarmState.RAISED, "condition gone": AlarmState.CLEARED}
_RECORD = re.compile(r"Record (\d+/\d+) \(door_open_in_motion\) (committed|stored)")
LEAD_S = 5.0  # of `lift-sim serve`
AFTER_S = 2.0
LOOK_S = 0.3


@dataclass(frozen=True, slots=True)
class Way:
    """One record: what it was, when the core decided, when it was on disk, when a receiver had it."""

    state: AlarmState
    decided_ns: int
    committed_ns: int
    stored_ns: int
    cause_ns: int | None


def run(scale: Scale) -> Report:
    """See the module."""
    if missing := missing_parts():
        return Report((), missing)
    steps = WAIT.format(for_s=scale.of(6, 4)) + TRIP.format(to=2, door="")  # the core must know the lift first
    steps += "".join(TRIP.format(to=2 * (number % 2), door=DOOR) for number in range(TRIPS))
    duration_s = played_story(RATE_HZ, steps).duration_s
    with Rig(RATE_HZ, steps + WAIT.format(for_s=60)) as rig:
        with RunningAgent(rig) as agent:
            lines = _heard(agent, LEAD_S + duration_s + AFTER_S, records_enough=scale.of(2 * TRIPS, 2))
        lines += agent.child.lines()
        alarms, breaks_ns = _replayed(Recording.open(rig.state_folder / "ring.liftrec"))
    ways = _ways(lines, alarms, breaks_ns)
    if not ways:
        said = " / ".join(line.text for line in lines[-5:])
        raise BenchmarkTrouble(f"no alarm came through; the agent said: {said}")
    raised = [way for way in ways if way.state is AlarmState.RAISED]
    rows = (
        Row("decision to record on disk", (_ms(ways, "decided_ns", "committed_ns"),)),
        Row("record on disk to receipt", (_ms(ways, "committed_ns", "stored_ns"),)),
        Row("decision to receipt", (_ms(ways, "decided_ns", "stored_ns"),)),
        Row("door opens to record on disk", (_ms(raised, "cause_ns", "committed_ns"),)),
    )
    notes = (
        f"{len(ways)} records of {len(raised)} alarms; the deciding sample is up to 50 ms older than the decision",
        "a reading waits 200 ms for slower sources before it is judged (LATENESS_NS of cli/run.py)",
    )
    return Report((Table(f"{KIND.public_name} over real processes", ("ms",), rows, notes),))


def _heard(agent: RunningAgent, most_s: float, records_enough: int) -> list[Line]:
    """What the agent says until enough of the records are stored, or the story is over."""
    lines: list[Line] = []
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        time.sleep(LOOK_S)
        lines += agent.child.lines()
        found = [_RECORD.search(line.text) for line in lines]
        if sum(each is not None and each[2] == "stored" for each in found) >= records_enough:
            break
    return lines


def _ms(ways: list[Way], begin: str, end: str) -> list[float]:
    return [(getattr(way, end) - getattr(way, begin)) / 1e6 for way in ways if getattr(way, begin) is not None]


def _replayed(recording: Recording) -> tuple[list[Alarm], list[int]]:
    """The alarms that are sent, and the moments at which the closed contact broke."""
    meta = recording.meta
    detector = Detector(
        meta.installation,
        limits_with(meta.limits),
        first_incident=meta.first_incident,
        resumed=meta.resumed,
        baselines=meta.baselines,
    )
    alarms: list[Alarm] = []
    breaks_ns: list[int] = []
    was_closed = False
    for reading in recording:
        for conclusion in detector.step(reading):
            if isinstance(conclusion, Alarm) and conclusion.kind is KIND:
                alarms.append(conclusion)
        if isinstance(reading, SignalEdge) and reading.signal is Signal.DOOR_CLOSED:
            if was_closed and not reading.is_active:
                breaks_ns.append(reading.t_ns)
            was_closed = reading.is_active
    return [alarm for alarm in alarms if alarm.state is not AlarmState.SUSPECTED], breaks_ns


def _ways(lines: list[Line], alarms: list[Alarm], breaks_ns: list[int]) -> list[Way]:
    """What the log says of a record, put to the alarm of the same incident and stage in the replay."""
    decided = {(alarm.incident, alarm.state): alarm.t_ns for alarm in alarms}
    committed: dict[str, tuple[tuple[int, AlarmState], int]] = {}  # by record: incident and stage, moment
    stored_ns: dict[str, int] = {}
    stage: tuple[int, AlarmState] | None = None
    for line in lines:
        if (about := _STAGE.search(line.text)) is not None:
            stage = int(about[2]), _STATES[about[1]]
        if (found := _RECORD.search(line.text)) is None:
            continue
        if found[2] == "committed" and stage is not None:
            committed[found[1]] = stage, line.t_ns
        elif found[2] == "stored":
            stored_ns[found[1]] = line.t_ns
    if {key for key, _ in committed.values()} != set(decided):
        told = sorted((incident, state.value) for (incident, state), _ in committed.values())
        again = sorted((incident, state.value) for incident, state in decided)
        raise BenchmarkTrouble(f"the run committed {told}, the replay of its own recording gives {again}")
    return [
        Way(key[1], decided[key], committed_ns, stored_ns[record], _cause_ns(breaks_ns, decided[key]))
        for record, (key, committed_ns) in committed.items()
        if record in stored_ns
    ]


def _cause_ns(breaks_ns: list[int], decided_ns: int) -> int | None:
    """The break of the contact before the decision; a bouncing one breaks several times within a tenth of a second."""
    causes = [t_ns for t_ns in breaks_ns if t_ns <= decided_ns]
    return min((t_ns for t_ns in causes if causes[-1] - t_ns < 100_000_000), default=None)
