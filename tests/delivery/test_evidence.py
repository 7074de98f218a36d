"""The minutes around an alarm: whole, named by the digest of the file, bounded, and never in the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.errors import RecordingError
from edge_agent.evidence import AFTER_S, BEFORE_S, FILES_MAX, JOBS_MAX, EvidenceKeeper, EvidenceShelf, KeptEvidence
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import Reading, SamplesLost, Tick
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter
from edge_agent.records import draft_of_evidence
from edge_agent.wire import Phase, decode_record
from tests.delivery.contents import NOW, append_stage, raise_alarm
from tests.delivery.making import open_outbox

S = 1_000_000_000
HERE = Installation(Lift("l"), Wiring(has_accelerometer=True, accel_rate_hz=400.0))


def keeper(folder: Path) -> EvidenceKeeper:
    return EvidenceKeeper(folder / "evidence", lambda path: RecordingWriter(path, HERE, None))


def reading(second: float) -> Reading:
    return SamplesLost(round(second * S), "accelerometer", 1)


def live(box: EvidenceKeeper, first: int, last: int) -> list[KeptEvidence]:
    """Ten readings a second, a turn after each."""
    found = []
    for tenth in range(first * 10, last * 10):
        box.write(reading(tenth / 10))
        kept = box.work()
        if kept is not None:
            found.append(kept)
    return found


def test_a_minute_before_and_after_an_alarm_is_kept_under_its_digest(tmp_path: Path) -> None:
    box = keeper(tmp_path)
    live(box, 1, 200)
    box.begin(7, 1, 199 * S)
    assert live(box, 200, 259) == []
    (kept,) = live(box, 259, 270)
    assert (kept.incident, kept.kind) == (7, 1)
    content = kept.path.read_bytes()
    assert (kept.digest, kept.byte_count) == (hashlib.sha256(content).digest(), len(content))
    times = [found.t_ns / S for found in Recording.open(kept.path) if not isinstance(found, Tick)]
    assert (times[0], times[-1]) == (199 - BEFORE_S, 199 + AFTER_S)
    assert len(times) == 1_201


def test_an_alarm_soon_after_the_start_has_what_there_is(tmp_path: Path) -> None:
    box = keeper(tmp_path)
    live(box, 1, 5)
    box.begin(1, 1, 4 * S)
    (kept,) = live(box, 5, 80)
    assert min(found.t_ns for found in Recording.open(kept.path)) <= S


def test_two_alarms_at_once_have_a_file_each_and_too_many_are_counted(tmp_path: Path) -> None:
    box = keeper(tmp_path)
    live(box, 1, 3)
    for incident in range(JOBS_MAX + 2):
        box.begin(incident, 1, 2 * S)
    assert [kept.incident for kept in live(box, 3, 90)] == list(range(JOBS_MAX))
    assert box.dropped_count == 2


def test_the_oldest_files_go(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    for number in range(1, FILES_MAX + 4):
        (tmp_path / "evidence" / f"alarm-{number:06d}-incident-1.liftrec").write_bytes(b"x")
    box = keeper(tmp_path)
    live(box, 1, 3)
    box.begin(1, 1, 2 * S)
    (kept,) = live(box, 3, 90)
    names = sorted(path.name for path in (tmp_path / "evidence").iterdir())
    assert len(names) == FILES_MAX
    assert names[-1] == kept.path.name
    assert kept.path.name.startswith(f"alarm-{FILES_MAX + 4:06d}-incident-1-")
    shelf = EvidenceShelf(tmp_path / "evidence")
    content = kept.path.read_bytes()
    assert shelf.read(kept.digest[:16], 3, 5) == (len(content), content[3:8])
    assert shelf.read(bytes(16), 0, 5) == (0, b"")


def test_a_disk_that_takes_nothing_loses_the_evidence_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    box = keeper(tmp_path)
    live(box, 1, 3)
    box.begin(1, 1, 2 * S)
    assert live(box, 3, 90) == []
    assert isinstance(box.problem, RecordingError)
    assert box.work() is None


def test_at_a_stop_what_there_is_is_written(tmp_path: Path) -> None:
    box = keeper(tmp_path)
    live(box, 1, 10)
    box.begin(1, 1, 9 * S)
    live(box, 10, 20)
    box.close()
    (path,) = (tmp_path / "evidence").iterdir()
    times = [found.t_ns for found in Recording.open(path) if not isinstance(found, Tick)]
    assert times[-1] == round(19.9 * S)


def test_the_announcement_belongs_to_the_incident_and_does_not_open_it_again(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    opener = raise_alarm(outbox, 1, AlarmKind.ENTRAPMENT)
    digest = bytes(range(32))
    there = outbox.append(draft_of_evidence(1, 1, digest, 123_456, is_present=True), NOW)
    append_stage(outbox, AlarmState.CLEARED, 1)
    gone = outbox.append(draft_of_evidence(1, 1, digest, 123_456, is_present=False), NOW)
    assert there is not None
    assert gone is not None
    records = [decode_record(stored.body) for stored in (there, gone)]
    assert [record.phase for record in records] == [Phase.UPDATED, Phase.CONDITION_GONE]
    assert {record.incident for record in records} == {opener.seqno}
    assert records[0].note == f"evidence_sha256={digest.hex()[:32]} evidence_bytes=123456"
    assert not outbox.has_open_alarm()
