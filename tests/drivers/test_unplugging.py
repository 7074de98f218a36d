"""Everything pulled out of a running agent at once, for a second, ten, and ten minutes: the core keeps its pace, each
source says its fault, and all comes back by itself.

The chips alone, under a virtual clock, are unplugged in `test_adxl345`, `test_fifo_chips`, `test_pressure` and
`test_ina219`. Here real threads read real sockets and pseudo-terminals, with the real core and outbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.agent import PERIOD_S, Agent
from edge_agent.agent_core import AgentCore
from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_sources import SourceWatch
from edge_agent.alarms import AlarmKind
from edge_agent.cli.run import LATENESS_NS
from edge_agent.clock import SystemClock
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import limits_with
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.outbox import Outbox
from edge_agent.readings import FaultReason, Reading, Signal, SourceFault, Tick
from edge_agent.status import AgentStatus
from edge_agent.timeline import Timeline, source_of
from tests.drivers.chip_rigs import Rig
from tests.drivers.pace import Pace, Wake, Witnesses, now_s, pace_of, waited_s
from tests.drivers.source_rigs import ContactsRig, ModemRig, RtuRig, SerialRig, SimAccelRig, TcpRig
from tests.shell.making import DEVICE, IDENTITY, Lines, journal_into
from tests.shell.test_agent import Ear

LIMITS = limits_with((("sensor_plausible_s_min", 5.0), ("controller_silence_s_max", 5.0)))
WIRED = Installation(Lift("unplugged"), Wiring(has_controller=True, signals=frozenset({Signal.DOOR_CLOSED})))
BACK_S = 9.0  # an attempt every 5 s, and a source that repeats itself every 10 s at the latest on a new connection
BACK_S_MAX = 120.0  # the far ends of the rigs have threads here too: on a busy machine they answer late for a while
RATE_HZ, POLL_HZ = 100, 4.0  # such that a far end which gets the processor late is not taken for a broken one
OUT = {AlarmKind.SENSOR_FAULT.public_name, AlarmKind.CONTROLLER_LINK_LOST.public_name}


@dataclass
class Watcher:
    """A recorder that notes how late each tick was judged, and what came."""

    ticks: list[Wake] = field(default_factory=list)
    came: list[tuple[float, Reading]] = field(default_factory=list)
    lost_count: int = 0
    problem: RecordingError | None = None

    def write(self, reading: Reading) -> None:
        at_s = now_s()
        if isinstance(reading, Tick):
            due_s = (reading.t_ns + LATENESS_NS) / 1e9 + PERIOD_S
            self.ticks.append(Wake(due_s, at_s, waited_s(Path("/proc/thread-self"))))
        else:
            self.came.append((at_s, reading))

    def close(self) -> None:
        """Nothing is kept."""

    def faults(self) -> dict[str, set[FaultReason]]:
        found: dict[str, set[FaultReason]] = {}
        for _, reading in self.came:
            if isinstance(reading, SourceFault):
                found.setdefault(reading.source, set()).add(reading.reason)
        return found

    def last_of_each(self) -> dict[str, float]:
        return {source_of(r): at_s for at_s, r in self.came if not isinstance(r, SourceFault)}


class Box:
    """A whole agent on rigs, in a thread of its own."""

    def __init__(self, folder: Path, rigs: list[Rig]) -> None:
        self.rigs, self.watcher, self.lines = rigs, Watcher(), Lines()
        journal, clock = journal_into(self.lines), SystemClock()
        outbox = Outbox.open(folder / "outbox.sqlite", DEVICE, boot_id="b", up_ms=1, destinations=())
        core = AgentCore(
            detector=Detector(WIRED, LIMITS),
            timeline=Timeline(LATENESS_NS),
            outbox=outbox,
            dispatch=Dispatch(outbox, [], clock, journal),
            watch=SourceWatch([rig.source.name for rig in rigs], journal),
            recorder=self.watcher,
            journal=journal,
        )
        self.statuses: list[AgentStatus] = []
        self.agent = Agent(
            core=core,
            sources=[rig.source for rig in rigs],
            uplinks={},
            device_id=DEVICE,
            clock=clock,
            notifier=Ear(),
            identity=IDENTITY,
            write_status=self.statuses.append,
        )
        self._thread = threading.Thread(target=self.agent.run)
        self._thread.start()

    def end(self) -> None:
        self.agent.stop()
        self._thread.join(20)
        for rig in self.rigs:
            rig.take_apart()
        assert not self._thread.is_alive()

    def raised(self) -> set[str]:
        return {incident.kind for incident in self.statuses[-1].incidents if incident.state == "raised"}


def unplugged_for(folder: Path, controller: Callable[[Path], Rig], outage_s: float) -> tuple[Box, Pace, Pace]:
    """The box after the outage, and its pace before, and during it and the return."""
    rigs = [SimAccelRig(folder, RATE_HZ), ContactsRig(folder), controller(folder), ModemRig(folder)]
    box, witnesses = Box(folder, rigs), Witnesses()
    try:
        time.sleep(4.0)
        broken_s = now_s()
        for rig in rigs:
            rig.break_off()
        time.sleep(outage_s)
        if outage_s > LIMITS.controller_silence_s_max:
            assert box.raised() == OUT, box.statuses[-1].incidents
        mended_s = now_s()
        for rig in rigs:
            rig.mend()
        until_s = mended_s + BACK_S + LIMITS.sensor_plausible_s_min + 1.0
        while now_s() < until_s or (box.raised() and now_s() < mended_s + BACK_S_MAX):
            time.sleep(0.1)
        last = box.watcher.last_of_each()
        assert all(last[rig.source.name] > mended_s for rig in rigs), (mended_s, last)
        assert box.raised() == set(), "\n".join(box.lines.said)
        end_s = now_s()
        before = pace_of(box.watcher.ticks, witnesses, broken_s - 2.0, broken_s)
        return box, before, pace_of(box.watcher.ticks, witnesses, broken_s, end_s)
    finally:
        witnesses.stop()
        box.end()


def tcp(folder: Path) -> Rig:
    return TcpRig(folder, POLL_HZ)


def rtu(folder: Path) -> Rig:
    return RtuRig(folder, POLL_HZ)


CONTROLLERS = pytest.mark.parametrize("controller", [tcp, rtu, SerialRig])


def check(tmp_path: Path, controller: Callable[[Path], Rig], outage_s: float) -> None:
    box, before, during = unplugged_for(tmp_path, controller, outage_s)
    print(f"{outage_s:g} s out; before: {before}\n  from then on: {during}")
    assert during.is_kept, f"the core was late by more than a frame: {during}"
    faults = box.watcher.faults()
    assert faults["accelerometer"] == {FaultReason.ABSENT}
    assert faults["door_contacts"] <= {FaultReason.BUS_ERROR, FaultReason.ABSENT}
    assert faults["modem"] <= {FaultReason.BUS_ERROR, FaultReason.ABSENT}
    assert set(faults) == {rig.source.name for rig in box.rigs}
    assert faults["controller"] <= {FaultReason.SILENT, FaultReason.BUS_ERROR, FaultReason.ABSENT}


@pytest.mark.system
@pytest.mark.timeout(300)
@CONTROLLERS
@pytest.mark.parametrize("outage_s", [1.0, pytest.param(10.0, marks=pytest.mark.campaign)])
def test_all_sources_pulled_out_at_once_do_not_hold_up_the_core_and_come_back(
    tmp_path: Path, controller: Callable[[Path], Rig], outage_s: float
) -> None:
    check(tmp_path, controller, outage_s)


@pytest.mark.campaign
@pytest.mark.timeout(2400)
def test_ten_minutes_without_any_source_do_not_hold_up_the_core_either(tmp_path: Path) -> None:
    check(tmp_path, tcp, 600.0)
