"""The shell's threads: sources that fail and recover, a full queue, a clean end, and an end by a mistake."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.agent import Agent, Parcel, SourceThread
from edge_agent.alarms import AlarmKind
from edge_agent.delivery import Lane
from edge_agent.readings import FaultReason, Reading, SourceFault
from edge_agent.records import draft_of_started
from edge_agent.source import Source
from edge_agent.status import AgentState, AgentStatus
from edge_agent.wire import Stream
from tests.shell.making import ACCELEROMETER_ONLY, DEVICE, IDENTITY, Bench, HandClock, S, ScriptedSource, bench

FAULTS: list[tuple[Reading, ...]] = [
    (SourceFault((1_001 + second) * S, "accelerometer", FaultReason.SILENT, "nothing came"),) for second in range(20)
]


@dataclass
class Ear:
    """What the service manager was told."""

    heard: list[str] = field(default_factory=list)

    def ready(self) -> None:
        self.heard.append("ready")

    def alive(self) -> None:
        self.heard.append("alive")

    def status(self, sentence: str) -> None:
        self.heard.append(f"status {sentence}")

    def stopping(self) -> None:
        self.heard.append("stopping")


@dataclass
class Assembly:
    """An agent and what it told."""

    agent: Agent
    parts: Bench
    ear: Ear
    statuses: list[AgentStatus]


def assemble(
    parts: Bench, sources: Sequence[Source], look: Callable[[AgentStatus], None] = lambda _status: None
) -> Assembly:
    ear = Ear()
    statuses: list[AgentStatus] = []

    def write_status(status: AgentStatus) -> None:
        statuses.append(status)
        look(status)

    agent = Agent(
        core=parts.core,
        sources=sources,
        uplinks={("firm", lane): parts.receivers["firm"] for lane in Lane},
        device_id=DEVICE,
        clock=parts.clock,
        notifier=ear,
        identity=IDENTITY,
        write_status=write_status,
        open_again_s=(0.0,),
    )
    return Assembly(agent, parts, ear, statuses)


def test_the_agent_ends_when_its_sources_have_ended_and_everything_is_committed(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    source = ScriptedSource("accelerometer", list(FAULTS), parts.clock)
    found = assemble(parts, [source])
    found.agent.run()
    assert source.is_closed
    assert found.parts.core.alarms_raised_count == 1
    assert found.statuses[-1].state == AgentState.STOPPED.value
    assert found.ear.heard[-1] == "stopping"
    again = bench(tmp_path, ACCELEROMETER_ONLY)
    assert [incident.kind for incident in again.outbox.open_incidents()] == [AlarmKind.SENSOR_FAULT]


def test_ready_is_said_once_and_not_before_armed(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    found = assemble(parts, [ScriptedSource("accelerometer", list(FAULTS), parts.clock)])
    found.agent.run()
    heard = [word for word in found.ear.heard if not word.startswith("status")]
    assert heard.count("ready") == 1
    armed = [status.state for status in found.statuses]
    assert armed == sorted(armed, key=["starting", "armed", "stopped"].index)


def test_a_source_that_cannot_be_opened_is_declared_faulty_once_and_opened_in_the_end(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    source = ScriptedSource("accelerometer", list(FAULTS[:1]), parts.clock, unavailable_count=3)
    found = assemble(parts, [source])
    found.agent.run()
    assert source.opened_count == 4
    last = found.statuses[-1].sources[0]
    assert last.troubles_count == 2  # once for all three attempts, once in its own words
    assert found.parts.lines.index("bus 1: nothing answers. Check the cable") >= 0


def test_stopping_ends_a_silent_agent(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    source = ScriptedSource("accelerometer", [], parts.clock, ends=False)
    found = assemble(parts, [source])
    found.agent.stop()
    found.agent.run()
    assert found.statuses[-1].state == AgentState.STOPPED.value
    assert source.is_closed or source.opened_count == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_in_a_driver_ends_the_agent(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    source = ScriptedSource("accelerometer", [], parts.clock, ends=False, breaks=True)
    found = assemble(parts, [source])
    with pytest.raises(RuntimeError, match="the thread of accelerometer has ended by an error"):
        found.agent.run()


def test_a_full_queue_drops_readings_and_counts_them() -> None:
    clock = HandClock()
    inbox: queue.Queue[Parcel] = queue.Queue(4)
    source = ScriptedSource("accelerometer", list(FAULTS), clock)
    pump = SourceThread(source, inbox, clock, threading.Event())
    pump.thread.start()
    pump.thread.join(5.0)
    assert pump.has_ended
    handed_over = [inbox.get_nowait() for _ in range(4)]
    assert handed_over[0].has_opened
    assert pump.dropped_count == len(FAULTS) - 3


def test_the_watchdog_is_fed_while_the_core_steps_and_its_conclusions_are_on_disk(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    found = assemble(parts, [ScriptedSource("accelerometer", list(FAULTS), parts.clock)])
    found.agent.run()
    assert "alive" in found.ear.heard


def test_the_watchdog_goes_hungry_while_a_record_finds_no_disk(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    found = assemble(parts, [ScriptedSource("accelerometer", list(FAULTS), parts.clock)])
    with sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        parts.core.commit(draft_of_started("1", "2", b"3"), parts.clock.now, parts.clock.now)
        found.agent.run()
    assert parts.core.ticks_count > 0
    assert "alive" not in found.ear.heard


def test_records_reach_the_receiver_over_the_couriers(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    source = ScriptedSource("accelerometer", list(FAULTS), parts.clock, ends=False)

    def stop_when_stored(status: AgentStatus) -> None:
        if status.destinations and status.destinations[0].stored_count:
            found.agent.stop()

    found = assemble(parts, [source], stop_when_stored)
    found.agent.run()
    assert [record.kind for record in parts.receivers["firm"].of_stream(Stream.FAULT)] == [AlarmKind.SENSOR_FAULT]
    assert found.statuses[-1].destinations[0].stored_count == 1
