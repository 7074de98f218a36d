"""What a lift has told its receiver: an entrapment of the simulator with its recording, trips of a month, a gap."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from edge_agent.alarms import Alarm, AlarmKind, AlarmState
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading
from edge_agent.recording_writer import RecordingWriter
from edge_agent.records import RecordDraft, draft_of_alarm, draft_of_evidence, draft_of_heartbeat
from edge_agent.wire import (
    Batch,
    Measure,
    Measured,
    Record,
    Stamp,
    Stream,
    SystemKind,
    WirePlace,
    digest,
    encode_batch,
    encode_record,
)
from sim.library import load_scenario
from sim.scenario import play
from tests.receiver.making import DEVICE, LINK, LOG, first_link, sealed

S_NS = 1_000_000_000
BOOT = 3
START_NS = 100 * 3_600 * S_NS  # the box has run for four days
STORY = "stuck-between-landings"
LIFT_NO = "31104403532019060007"
BEFORE_NS, AFTER_NS = 60 * S_NS, 60 * S_NS


@dataclass(frozen=True)
class Told:
    """The alarm of a story at its stages, and the readings of a minute around it."""

    stages: tuple[Alarm, ...]
    readings: tuple[Reading, ...]
    recording: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.recording).digest()[:16]


@cache
def told_by_simulator(folder: Path) -> Told:
    """Play the story once, let the real core judge it, and keep what it felt as the box does."""
    played = play(load_scenario(STORY), seed=1)
    readings = tuple(played.readings(START_NS))
    detector = Detector(played.installation, Limits())
    stages = tuple(
        conclusion
        for reading in readings
        for conclusion in detector.step(reading)
        if isinstance(conclusion, Alarm)
        and conclusion.kind is AlarmKind.ENTRAPMENT
        and conclusion.state is not AlarmState.SUSPECTED
    )
    raised_ns = stages[0].t_ns
    around = tuple(reading for reading in readings if raised_ns - BEFORE_NS <= reading.t_ns <= raised_ns + AFTER_NS)
    path = folder / "alarm.liftrec"
    path.unlink(missing_ok=True)
    writer = RecordingWriter(path, played.installation, None)
    for reading in around:
        writer.write(reading)
    writer.close()
    return Told(stages, around, path.read_bytes())


def alarm_records(told: Told) -> tuple[Record, ...]:
    """The stages of the alarm as the box numbers them, then that it keeps a recording."""
    drafts = [draft for stage in told.stages if (draft := draft_of_alarm(stage)) is not None]
    ups_ms = [stage.t_ns // 1_000_000 for stage in told.stages]
    is_present = told.stages[-1].state is not AlarmState.CLEARED
    size = len(told.recording)
    drafts.append(draft_of_evidence(AlarmKind.ENTRAPMENT, 1, told.digest, size, is_present=is_present))
    ups_ms.append(max(ups_ms[-1], ups_ms[0] + 60_000))
    return tuple(
        record_of(draft, number, up_ms, incident=None if number == 1 else 1)
        for number, (draft, up_ms) in enumerate(zip(drafts, ups_ms, strict=True), start=1)
    )


def record_of(draft: RecordDraft, seqno: int, up_ms: int, *, incident: int | None = None) -> Record:
    """A draft with a place in the log of the box."""
    return Record(
        device=DEVICE,
        log=LOG,
        stream=draft.stream,
        seqno=seqno,
        kind=draft.kind,
        stamp=Stamp(BOOT, up_ms),
        link=first_link(DEVICE, LOG, draft.stream) if seqno == 1 else LINK,
        phase=draft.phase,
        incident=incident,
        place=draft.place,
        measures=draft.measures or None,
        percent=draft.percent,
        evidence=draft.evidence or None,
        note=draft.note or None,
        detail=draft.detail,
    )


def trip(seqno: int, up_ms: int, *, accel_mmps2: int = 800, jerk_mmps3: int = 1_100) -> Record:
    """From landing 2 up to landing 5 at 1.6 m/s, as `draft_of_trip` has it."""
    measures = (
        Measured(Measure.ACC_Z, accel_mmps2),
        Measured(Measure.JERK, jerk_mmps3),
        Measured(Measure.SPEED, 1_600),
    )
    note = "from=2 distance_mm=9000 time_ms=9400 decel_mmps2=850"
    draft = RecordDraft(
        Stream.TELEMETRY, SystemKind.TRIP, place=WirePlace(floor=5, moving=1), measures=measures, note=note
    )
    return record_of(draft, seqno, up_ms)


def coverage(seqno: int, up_ms: int, landing: int, dbm: int) -> Record:
    """Signal strength at a landing."""
    measures = (Measured(Measure.SIGNAL_STRENGTH, dbm),)
    draft = RecordDraft(Stream.TELEMETRY, SystemKind.SIGNAL_COVERAGE, place=WirePlace(floor=landing), measures=measures)
    return record_of(draft, seqno, up_ms)


def heartbeat(seqno: int, up_ms: int) -> Record:
    """Disk and temperature."""
    measures = (Measured(Measure.DISK_FREE, 7_340_032), Measured(Measure.CPU_TEMPERATURE, 5_120))
    return record_of(draft_of_heartbeat(measures), seqno, up_ms)


def posted(*records: Record, up_ms: int) -> bytes:
    """A request body, made at this time on the clock of the box."""
    return encode_batch(Batch(DEVICE, tuple(sealed(record) for record in records), Stamp(BOOT, up_ms), None))


class Log:
    """Chains records as a box does, each stream by itself."""

    def __init__(self) -> None:
        self._links: dict[Stream, bytes] = {}

    def posted(self, *records: Record, up_ms: int) -> bytes:
        """A request body of these records, in order of number."""
        linked: list[Record] = []
        for record in records:
            chained = replace(record, link=self._links.get(record.stream, record.link))
            self._links[record.stream] = digest(encode_record(chained))[:8]
            linked.append(chained)
        return posted(*linked, up_ms=up_ms)
