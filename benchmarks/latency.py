"""How long an alarm takes: from the deciding sample to the record on disk, and to the receipt of a receiver.

The real processes on loopback; in the story the car door comes open during each trip, so that every trip gives one
alarm and later its end. The deciding sample is not later than the end of the 50 ms frame in which the core decides;
the agent's own recording, replayed, tells that moment to the nanosecond. Committed and stored are the moments at which
the agent's log says so, read from its pipe. Rounds are alarms. A third figure is from the door itself (what the
simulated lift did) to the alarm on disk: it has the limits of the rule, debounce and frames in it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from benchmarks.material import played_story
from benchmarks.processes import Line
from benchmarks.report import Report, Row, Scale, Table
from benchmarks.rig import Rig, RunningAgent
from edge_agent.alarms import Alarm, AlarmKind, AlarmState
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import limits_with
from edge_agent.readings import Signal, SignalEdge
from edge_agent.recording import Recording

RATE_HZ = 400
KIND = AlarmKind.DOOR_OPEN_IN_MOTION
TRIP = """
[[step]]
do = "travel"
to = {to}
door_opens = 0.4
door_opens_after_s = 2.5
door_opens_for_s = 0.6

[[step]]
do = "wait"
for_s = 3
"""
WAIT = """
[[step]]
do = "wait"
for_s = {for_s}
"""
_RECORD = re.compile(r"Record (\d+/\d+) \(door_open_in_motion\) (committed|stored)")
LEAD_S = 5.0  # of `lift-sim serve`


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
    trips = scale.of(5, 1)
    steps = WAIT.format(for_s=scale.of(6, 4)) + "".join(TRIP.format(to=2 if n % 2 else 0) for n in range(1, trips + 1))
    duration_s = played_story(RATE_HZ, steps).duration_s
    with Rig(RATE_HZ, steps + WAIT.format(for_s=60)) as rig:
        with RunningAgent(rig) as agent:
            time.sleep(LEAD_S + duration_s + 4.0)
        lines = agent.child.lines()
        alarms, breaks_ns = _replayed(Recording.open(rig.state_folder / "ring.liftrec"))
    ways = _ways(lines, alarms, breaks_ns)
    if not ways:
        said = " / ".join(line.text for line in lines[-5:])
        raise AssertionError(f"no alarm came through; the agent said: {said}")
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


def _ms(ways: list[Way], begin: str, end: str) -> list[float]:
    return [(getattr(way, end) - getattr(way, begin)) / 1e6 for way in ways if getattr(way, begin) is not None]


def _replayed(recording: Recording) -> tuple[list[Alarm], list[int]]:
    """The alarms that are sent, and the moments at which the closed contact broke."""
    meta = recording.meta
    detector = Detector(
        meta.installation, limits_with(meta.limits), first_incident=meta.first_incident, resumed=meta.resumed
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
    """Records in the order of the log belong to the alarms in the order of the replay: it gives the same alarms."""
    moments: dict[str, dict[str, int]] = {}
    for line in lines:
        found = _RECORD.search(line.text)
        if found is not None:
            moments.setdefault(found[1], {}).setdefault(found[2], line.t_ns)
    ways = []
    for alarm, moment in zip(alarms, moments.values(), strict=False):
        if "committed" in moment and "stored" in moment:
            causes = [t_ns for t_ns in breaks_ns if t_ns <= alarm.t_ns]
            # a bouncing contact breaks several times: the first of the last tenth of a second
            cause = min((t_ns for t_ns in causes if causes[-1] - t_ns < 100_000_000), default=None)
            ways.append(Way(alarm.state, alarm.t_ns, moment["committed"], moment["stored"], cause))
    return ways
