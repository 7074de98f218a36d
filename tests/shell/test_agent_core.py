"""The middle of the agent: what is committed, sent, told and recorded, and in which order."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_agent.alarms import Alarm, AlarmKind, OpenIncident, Trip
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import RecordingError
from edge_agent.readings import FaultReason, Reading, SamplesLost, SourceFault
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter
from edge_agent.records import draft_of_started
from edge_agent.story import alarm_sentence, trip_sentence
from edge_agent.wire import Act, Notice, Phase, Stream, SystemKind, decode_batch, decode_record
from sim.library import load_scenario
from sim.scenario import Played, play
from tests.shell.making import ACCELEROMETER_ONLY, Bench, S, about_first_alarm, bench

NO_CHIP = SourceFault(1_001 * S, "accelerometer", FaultReason.ABSENT, "nothing answers")


class Tape:
    """A recorder that keeps everything in memory."""

    def __init__(self) -> None:
        self.lost_count = 0
        self.problem: RecordingError | None = None
        self.readings: list[Reading] = []

    def write(self, reading: Reading) -> None:
        self.readings.append(reading)

    def close(self) -> None:
        return


FIRST_INCIDENT = 2  # the number before is kept for the lamps


@pytest.fixture(scope="module")
def stuck() -> Played:
    """Two people between landings, from the simulator."""
    return play(load_scenario("stuck-between-landings"), seed=1)


@pytest.fixture(scope="module")
def stuck_readings(stuck: Played) -> list[Reading]:
    return list(stuck.raw_readings(start_ns=1_000 * S))


def stuck_bench(folder: Path, stuck: Played, **more: RecordingWriter) -> Bench:
    return bench(folder, stuck.installation, sources=("lift",), recorder=more.get("recorder"))


def test_an_entrapment_is_committed_sent_stored_and_taken_over(
    tmp_path: Path, stuck: Played, stuck_readings: list[Reading]
) -> None:
    found = stuck_bench(tmp_path, stuck)
    receiver = found.receivers["firm"]
    found.run("lift", stuck_readings)
    entrapments = [record for record in receiver.of_stream(Stream.ALARM) if record.kind == AlarmKind.ENTRAPMENT]
    assert entrapments[0].phase is Phase.RAISED
    assert entrapments[0].seqno == 1
    suspected = found.lines.index("Entrapment suspected")
    raised = found.lines.index("Entrapment RAISED")
    committed = found.lines.index("Record 0/1 (entrapment) committed")
    stored = found.lines.index("Record 0/1 (entrapment) stored by firm, 0.00 s after it was committed")
    assert suspected < raised < committed < stored


def test_what_a_person_did_is_told_once(tmp_path: Path, stuck: Played, stuck_readings: list[Reading]) -> None:
    found = stuck_bench(tmp_path, stuck)
    receiver = found.receivers["firm"]
    found.run("lift", stuck_readings)
    assert receiver.of_stream(Stream.ALARM)
    receiver.notices_due = [Notice(1, Act.TAKEN_OVER, about_first_alarm(receiver), 1_800_000_000_000, "Li Wei", 12)]
    found.run("lift", (), until_s=30.0)
    told = [line for line in found.lines.said if "taken over by Li Wei, on site in 12 min, says firm" in line]
    assert len(told) == 1
    assert "(entrapment)" in told[0]


def test_the_runs_own_recording_replays_to_the_same_alarms(
    tmp_path: Path, stuck: Played, stuck_readings: list[Reading]
) -> None:
    path = tmp_path / "ring.liftrec"
    recorder = RecordingWriter(path, stuck.installation, None, first_incident=FIRST_INCIDENT)
    found = stuck_bench(tmp_path, stuck, recorder=recorder)
    found.run("lift", stuck_readings)
    found.core.flush(found.clock.now)
    found.core.close()
    recording = Recording.open(path)
    detector = Detector(recording.meta.installation, Limits(), first_incident=recording.meta.first_incident)
    replayed = [conclusion for reading in recording for conclusion in detector.step(reading)]
    alarms = [alarm_sentence(conclusion) for conclusion in replayed if isinstance(conclusion, Alarm)]
    trips = [trip_sentence(conclusion) for conclusion in replayed if isinstance(conclusion, Trip)]
    assert any("Entrapment RAISED" in sentence for sentence in alarms)
    assert [line for line in found.lines.said if ", incident " in line] == alarms
    assert [line for line in found.lines.said if line.startswith("Trip ")] == trips


def test_a_dead_receiver_holds_up_nobody_else(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY, receivers=("firm", "city"))
    found.receivers["city"].is_reachable = False
    found.run("accelerometer", [NO_CHIP], until_s=60.0)
    assert [record.kind for record in found.receivers["firm"].of_stream(Stream.FAULT)] == [AlarmKind.SENSOR_FAULT]
    assert found.outbox.waiting_count("firm") == 0
    assert found.outbox.waiting_count("city") == 1
    found.receivers["city"].is_reachable = True
    found.run("accelerometer", (), until_s=600.0)
    assert found.outbox.waiting_count("city") == 0
    assert len(found.receivers["city"].of_stream(Stream.FAULT)) == 1
    said = found.lines.said
    assert len([line for line in said if line.startswith("Record 1/1 (sensor_fault) stored by city")]) == 1


def test_a_receiver_that_comes_and_goes_is_told_once_each(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    found.receivers["firm"].is_reachable = False
    found.run("accelerometer", [NO_CHIP], until_s=20.0)
    assert found.core.dispatch.statuses(found.clock.now)[0].trouble == "http://firm: nobody answers. Is it running?"
    found.receivers["firm"].is_reachable = True
    found.run("accelerometer", (), until_s=60.0)
    assert found.core.dispatch.statuses(found.clock.now)[0].trouble == ""
    told = [line for line in found.lines.said if line.startswith("Receiver firm")]
    assert told == ["Receiver firm: http://firm: nobody answers. Is it running?", "Receiver firm answers"]


def test_an_outbox_that_refuses_keeps_the_watchdog_hungry_and_loses_nothing(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    with sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        found.core.commit(draft_of_started("1", "2", b"3"), found.clock.now, found.clock.now)
        assert not found.core.is_outbox_well
        other.execute("ROLLBACK")
    found.turn()
    assert not found.core.is_outbox_well  # tried again after a second, not at once
    found.clock.now += S
    found.turn()
    assert found.core.is_outbox_well
    assert found.core.dropped_count == 0
    assert [record.kind for record in found.receivers["firm"].records] == [SystemKind.STARTED]
    found.clock.now += 5 * S
    found.turn()
    assert found.lines.index("The outbox does not take records") < found.lines.index("The outbox takes records")


def test_trips_are_committed_together_after_a_minute(
    tmp_path: Path, stuck: Played, stuck_readings: list[Reading]
) -> None:
    found = stuck_bench(tmp_path, stuck)
    found.run("lift", stuck_readings)
    found.run("lift", (), until_s=90.0)
    receiver = found.receivers["firm"]
    telemetry = receiver.of_stream(Stream.TELEMETRY)
    assert len(telemetry) == found.core.trips_count >= 2
    batches = [[decode_record(item).stream for item in decode_batch(body).items] for body in receiver.batches]
    assert sum(Stream.TELEMETRY in streams for streams in batches) < len(telemetry)


def test_trips_not_yet_committed_are_written_at_a_clean_stop(
    tmp_path: Path, stuck: Played, stuck_readings: list[Reading]
) -> None:
    found = stuck_bench(tmp_path, stuck)
    early = [reading for reading in stuck_readings if reading.t_ns < 1_055 * S]
    found.run("lift", early)
    found.core.flush(found.clock.now)
    assert found.outbox.last(Stream.TELEMETRY) == found.core.trips_count


def test_an_incident_that_was_open_is_resumed_with_its_number(tmp_path: Path) -> None:
    first = bench(tmp_path, ACCELEROMETER_ONLY)
    first.run("accelerometer", [NO_CHIP], until_s=10.0)
    first.core.close()
    second = bench(tmp_path, ACCELEROMETER_ONLY)
    assert second.outbox.open_incidents() == (OpenIncident(AlarmKind.SENSOR_FAULT, FIRST_INCIDENT),)
    status = second.core.incidents(second.clock.now)
    assert [(incident.kind, incident.incident, incident.state) for incident in status] == [
        ("sensor_fault", FIRST_INCIDENT, "raised before the restart")
    ]


def test_losses_on_the_way_are_counted_and_recorded(tmp_path: Path) -> None:
    tape = Tape()
    found = bench(tmp_path, ACCELEROMETER_ONLY, recorder=tape)
    found.core.take_losses("accelerometer", 7, found.clock.now)
    found.run("accelerometer", (), until_s=1.0)
    assert [reading.count for reading in tape.readings if isinstance(reading, SamplesLost)] == [7]
    assert found.core.watch.statuses(found.clock.now)[0].lost_count == 7


def test_armed_means_every_source_is_settled_and_the_core_steps(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY, sources=("accelerometer", "controller"))
    found.run("accelerometer", (), until_s=1.0)
    assert not found.core.is_armed
    found.core.watch.opened("accelerometer")
    assert not found.core.is_armed
    found.core.take(
        "controller", [SourceFault(found.clock.now, "controller", FaultReason.ABSENT, "x")], found.clock.now
    )
    assert found.core.is_armed


def test_records_carry_the_wall_time_once_a_receiver_has_told_it(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    found.core.commit(draft_of_started("1", "2", b"3"), found.clock.now, found.clock.now)
    found.turn()
    found.run("accelerometer", [NO_CHIP], until_s=10.0)
    started, fault = found.receivers["firm"].records
    assert (started.stamp.up_ms, started.stamp.wall_ms) == (1_000_000, None)
    assert fault.stamp.wall_ms is not None
    assert fault.stamp.wall_ms - 1_800_000_000_000 == fault.stamp.up_ms - 1_000_000
