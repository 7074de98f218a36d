"""day.py FOLDER [SEED DAY [TIMES]]: what the agent writes in FOLDER on one simulated day, as fast as it goes.

A lived day of the campaign (trips, doors, people; stretches of parking are left out of it) goes through the detection
core; what it concludes is spread over 24 hours and given to the real core of the shell with outbox, duties and
deliveries, second by second, a receiver that answers every request, and the file of what was learned every half hour.
TIMES: each conclusion so often, evenly between it and the next day, for a lift with so much more traffic.
Prints a line of JSON: trips, alarms, records, commits of the day, and bytes that this process wrote.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_agent.agent_box_watch import BoxWatch
from edge_agent.agent_core import AgentCore
from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_duties import Duties
from edge_agent.agent_sources import SourceWatch
from edge_agent.alarms import Alarm, AlarmState, Conclusion
from edge_agent.baselines_file import BaselinesFile
from edge_agent.box_health import box_health
from edge_agent.clock import WallKeeper, WallTime
from edge_agent.delivery import Delivery, Lane, Poll, Send
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.journal import Journal
from edge_agent.outbox import Outbox
from edge_agent.readings import Reading, Tick
from edge_agent.start_ledger import MARKS_S, StartLedger
from edge_agent.timeline import Timeline
from sim.campaign import LivedDay, lived
from sim.sensors import joined, ordered
from sim.world_net import FarEnd

S = 1_000_000_000
DAY_S = 24 * 3600
DEVICE = bytes(8)


class Hand:
    """A clock that the loop sets."""

    def __init__(self) -> None:
        self.now = 100 * S
        self._keeper = WallKeeper()

    def now_ns(self) -> int:
        return self.now

    def wall_estimate(self) -> WallTime | None:
        return self._keeper.estimate(self.now)

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        self._keeper.learn(t_ns, unix_ms, uncertainty_ms)


class Spread(Detector):
    """The detector, which concludes again what it concluded on the lived day, spread over 24 hours."""

    def plan(self, conclusions: Sequence[Conclusion], span_ns: int) -> None:
        scale = DAY_S * S / max(span_ns, 1)
        self._due = [(100 * S + round(each.t_ns * scale), each) for each in conclusions]

    def step(self, reading: Reading) -> tuple[Conclusion, ...]:
        found = []
        while isinstance(reading, Tick) and self._due and self._due[0][0] <= reading.t_ns:
            found.append(self._due.pop(0)[1])
        return tuple(found)


def concluded(day: LivedDay) -> tuple[list[Conclusion], Baselines | None]:
    """Of the real core, a suspicion is none; and what it learned. CACHE names a file that spares a second run of it."""
    cache = Path(os.environ.get("CACHE", ""))
    if cache.is_file():
        kept: tuple[list[Conclusion], Baselines | None] = pickle.loads(cache.read_bytes())  # our own, of a minute ago
        return kept
    detector = Detector(day.day.life.installation, Limits())
    readings = ordered(joined(day.raw_readings()))
    found = [each for reading in readings for each in detector.step(reading)]
    said = [each for each in found if not (isinstance(each, Alarm) and each.state is AlarmState.SUSPECTED)]
    if cache.name:
        cache.write_bytes(pickle.dumps((said, detector.baselines())))
    return said, detector.baselines()


def written_bytes() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise SystemExit("the kernel does not count what a process writes")


def main() -> None:
    folder = Path(sys.argv[1])
    seed, number, times = (int(word) for word in (*sys.argv[2:5], *("1", "3", "1")[len(sys.argv) - 2 :]))
    day = lived(seed, number)
    conclusions, learned = concluded(day)
    span_ns = round(day.duration_s * S)
    shifts_ns = [span_ns * turn // times for turn in range(times)]
    conclusions = [
        replace(each, t_ns=(each.t_ns + shift_ns) % span_ns) for each in conclusions for shift_ns in shifts_ns
    ]
    conclusions.sort(key=lambda each: each.t_ns)
    clock, journal = Hand(), Journal(logging.Logger("nobody"))
    before = written_bytes()
    outbox = Outbox.open(folder / "outbox.sqlite", DEVICE, boot_id="b", up_ms=1, destinations=("firm",))
    installation = day.day.life.installation
    again = Spread(installation, Limits())
    again.plan(conclusions, span_ns)
    dispatch = Dispatch(outbox, [Delivery("firm", lane, seed=1, start_spread_s=0.0) for lane in Lane], clock, journal)
    core = AgentCore(
        detector=again,
        timeline=Timeline(S // 5),
        outbox=outbox,
        dispatch=dispatch,
        watch=SourceWatch((), journal),
        recorder=None,
        journal=journal,
        duties=Duties(outbox, clock, clock.now, lambda: box_health(folder), lambda: 0),
        watches=(BoxWatch(clock, lambda: None, lambda: 0, lambda: 0, (1, 2)),),
    )
    far_end, file = FarEnd(DEVICE), BaselinesFile(folder)
    ledger = StartLedger(folder)
    ledger.begin("0")
    opened = written_bytes() - before
    for second in range(DAY_S):
        clock.now += S
        for step in core.turn(clock.now):
            answer(core, far_end, step, clock.now)
        if second in MARKS_S:
            ledger.reached(second)
        if second % 1800 == 300 and learned is not None:
            file.write(learned, installation)
    core.flush(clock.now)
    core.close()
    alarms = sum(isinstance(each, Alarm) and each.state is AlarmState.RAISED for each in conclusions)
    trips = core.trips_count
    told = {"trips": trips, "alarms": alarms, "records": core.records_count}
    print(json.dumps(told | {"opening_bytes": opened, "process_bytes": written_bytes() - before - opened}))


def answer(core: AgentCore, far_end: FarEnd, step: Send | Poll, now_ns: int) -> None:
    """The receiver has it at once."""
    core.dispatch.answered(step, far_end.answer(step, now_ns), now_ns)


main()
