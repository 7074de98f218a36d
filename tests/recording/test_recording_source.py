"""A recording fits the `Source` protocol: it opens, gives its readings in order, ends, and can be closed twice."""

from __future__ import annotations

from pathlib import Path

from edge_agent.readings import AccelFrame, Reading, Tick
from edge_agent.recording import Recording, RecordingSource
from edge_agent.source import Source
from tests.recording.material import S, folder_with, told


def drained(source: Source) -> list[Reading]:
    out: list[Reading] = []
    while not source.has_ended:
        out.extend(source.read(0.1))
    return out


def test_a_recording_is_a_source_of_its_readings_without_ticks(tmp_path: Path) -> None:
    recording = Recording.open(folder_with(tmp_path / "r", {"signals.csv": "t_s,name,value\n1.5,mains,0\n"}))
    source: Source = RecordingSource(recording, batch_count=3)
    assert source.name == "recording"
    source.open()
    readings = drained(source)
    assert told(readings) == told(reading for reading in recording if not isinstance(reading, Tick))
    assert source.read(1.0) == ()


def test_it_can_be_opened_again_and_starts_from_the_beginning(tmp_path: Path) -> None:
    source = RecordingSource(Recording.open(folder_with(tmp_path / "r", {})))
    source.open()
    first = drained(source)
    source.close()
    source.close()
    assert source.has_ended
    source.open()
    assert told(drained(source)) == told(first)


def test_before_opening_and_after_closing_it_gives_nothing(tmp_path: Path) -> None:
    source = RecordingSource(Recording.open(folder_with(tmp_path / "r", {})))
    assert source.read(0.0) == ()
    source.open()
    source.close()
    assert source.read(0.0) == ()


def test_a_broken_recording_ends_and_says_where(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {"signals.csv": "t_s,name,value\n4.5,mains,maybe\n"})
    source = RecordingSource(Recording.open(folder))
    source.open()
    readings = drained(source)
    assert [reading.t_ns for reading in readings if isinstance(reading, AccelFrame)] == [0, S, 2 * S, 3 * S, 4 * S]
    assert source.problem is not None
    assert source.problem.subject == f"{folder}/signals.csv:2"
