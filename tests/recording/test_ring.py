"""The writer while the agent runs: the byte cap, restarts, a full disk; and what then can be read."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.errors import RecordingError
from edge_agent.readings import SamplesLost, Tick
from edge_agent.recording import Recording, recordings_in
from edge_agent.recording_writer import MAX_BYTES_MIN, RecordingWriter
from tests.recording.material import BARE, S, read_native, seconds_of_noise, told, write_native


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.liftrec"))


def test_the_byte_cap_holds_at_every_moment_and_drops_the_oldest(tmp_path: Path) -> None:
    readings = seconds_of_noise(60)
    writer = RecordingWriter(tmp_path / "ring.liftrec", BARE, MAX_BYTES_MIN)
    for reading in readings:
        writer.write(reading)
        assert sum(file.stat().st_size for file in files_in(tmp_path)) <= MAX_BYTES_MIN
    writer.close()
    assert sum(file.stat().st_size for file in files_in(tmp_path)) > MAX_BYTES_MIN * 3 // 4
    recording = Recording.open(tmp_path / "ring.liftrec")
    back = list(recording)
    assert 5 < len(back) < 60
    assert told(back) == told(readings[-len(back) :])
    assert "begins in the middle" in recording.meta.warnings[0]
    assert writer.lost_count == 0


def test_a_run_in_parts_is_one_recording_and_listed_once(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write_native(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    assert len(files_in(tmp_path)) > 2
    assert recordings_in(tmp_path) == (tmp_path / "ring.liftrec",)
    recording = Recording.open(tmp_path / "ring.liftrec")
    assert told(recording) == told(readings)
    assert recording.meta.warnings == ()


def test_an_earlier_part_opens_with_what_came_before_it(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write_native(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    back = list(Recording.open(tmp_path / "ring-000002.liftrec"))
    assert 1 < len(back) < 10
    assert told(back) == told(readings[: len(back)])


def test_the_run_before_a_restart_is_kept_as_a_recording_of_its_own(tmp_path: Path) -> None:
    first, second = seconds_of_noise(3), seconds_of_noise(2, first=50)
    write_native(tmp_path / "ring.liftrec", first, 1 << 20)
    write_native(tmp_path / "ring.liftrec", second, 1 << 20)
    assert recordings_in(tmp_path) == (tmp_path / "ring-000001.liftrec", tmp_path / "ring.liftrec")
    assert told(Recording.open(tmp_path / "ring-000001.liftrec")) == told(first)
    assert told(Recording.open(tmp_path / "ring.liftrec")) == told(second)


def test_parts_before_a_missing_one_are_left_out_and_mentioned(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write_native(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    (tmp_path / "ring-000002.liftrec").unlink()
    recording = Recording.open(tmp_path / "ring.liftrec")
    back = list(recording)
    assert 1 < len(back) < 10
    assert told(back) == told(readings[-len(back) :])
    assert "the first 2 are gone" in recording.meta.warnings[0]


def test_a_part_of_another_run_does_not_fill_a_gap(tmp_path: Path) -> None:
    write_native(tmp_path / "ring.liftrec", [Tick(1)], MAX_BYTES_MIN)
    second = seconds_of_noise(2)
    write_native(tmp_path / "ring.liftrec", second, MAX_BYTES_MIN)
    (tmp_path / "ring-000002.liftrec").unlink()
    recording = Recording.open(tmp_path / "ring.liftrec")
    assert told(recording) == told(second[1:])
    assert "of 2 parts of the run the first 1 are gone" in recording.meta.warnings[0]


def test_a_hundred_restarts_leave_a_bounded_number_of_files(tmp_path: Path) -> None:
    for second in range(100):
        write_native(tmp_path / "ring.liftrec", [Tick(second * S)], MAX_BYTES_MIN)
    assert len(files_in(tmp_path)) <= 64
    assert list(Recording.open(files_in(tmp_path)[0])) == [Tick(36 * S)]


def test_damage_in_an_earlier_part_is_a_break(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write_native(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    part = tmp_path / "ring-000001.liftrec"
    part.write_bytes(part.read_bytes()[:-1])
    back, error, _ = read_native(tmp_path / "ring.liftrec")
    assert error is not None
    assert error.subject.startswith(f"{part}:byte ")
    assert told(back) == told(readings[: len(back)])


def test_without_a_cap_no_file_is_overwritten(tmp_path: Path) -> None:
    write_native(tmp_path / "a.liftrec", [Tick(S)])
    with pytest.raises(RecordingError, match="Name a file that is not there yet"):
        RecordingWriter(tmp_path / "a.liftrec", BARE, None)
    assert list(Recording.open(tmp_path / "a.liftrec")) == [Tick(S)]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written"):
        RecordingWriter(tmp_path / "nowhere" / "a.liftrec", BARE, 1 << 20)


def test_a_cap_too_small_for_anything_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        RecordingWriter(tmp_path / "a.liftrec", BARE, 1000)


@pytest.fixture
def file_limit() -> Iterator[int]:
    """Files of this process end at 20,000 bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield soft
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_stops_nothing_and_the_loss_is_counted(tmp_path: Path, file_limit: int) -> None:
    readings = seconds_of_noise(6)
    writer = write_native(tmp_path / "a.liftrec", readings)
    assert writer.lost_count == 6 - len(read_native(tmp_path / "a.liftrec")[0]) > 0
    assert writer.problem is not None
    assert "cannot be written" in writer.problem.problem
    back, error, torn = read_native(tmp_path / "a.liftrec")
    assert (error, torn) == (None, 0)
    assert told(back) == told(readings[: len(back)])
    assert len(back) >= 3


def test_writing_goes_on_when_there_is_room_again(tmp_path: Path, file_limit: int) -> None:
    writer = RecordingWriter(tmp_path / "a.liftrec", BARE, None)
    for reading in seconds_of_noise(6):
        writer.write(reading)
    writer.flush()
    lost = writer.lost_count
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    writer.write(SamplesLost(7 * S, "accelerometer", 1))
    writer.close()
    assert writer.lost_count == lost
    assert read_native(tmp_path / "a.liftrec")[0][-1] == SamplesLost(7 * S, "accelerometer", 1)
