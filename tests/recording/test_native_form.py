"""The native form: every bit comes back, damage costs no more than it must, and the byte cap holds."""

from __future__ import annotations

import resource
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind, OpenIncident
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation, Lift
from edge_agent.readings import AccelFrame, Reading, SamplesLost, Signal, SignalEdge, Tick
from edge_agent.recording import Recording, recordings_in
from edge_agent.recording_blocks import READINGS_MAX, SAMPLES_MAX, BlockProblem, block_bytes, readings_in
from edge_agent.recording_native import Header, frame_bytes
from edge_agent.recording_writer import MAX_BYTES_MIN, RecordingWriter
from tests.recording.material import INSTALLATION, MS, S, frame, one_of_each_kind, told, told_without_splits

BARE = Installation(Lift("x"))


def write(path: Path, readings: list[Reading], max_bytes: int | None = None) -> RecordingWriter:
    writer = RecordingWriter(path, INSTALLATION, max_bytes)
    for reading in readings:
        writer.write(reading)
    writer.close()
    return writer


def read(path: Path) -> tuple[list[Reading], RecordingError | None, int]:
    out: list[Reading] = []
    error = None
    recording = Recording.open(path)
    try:
        for reading in recording:
            out.append(reading)
    except RecordingError as problem:
        error = problem
    return out, error, recording.torn_tail_bytes


def seconds_of_noise(count: int, first: int = 0) -> list[Reading]:
    """Readings that do not compress: about 4.8 kB a second."""
    out: list[Reading] = []
    for second in range(first, first + count):
        samples = np.random.default_rng(second).normal(0.0, 1.0, (200, 3))
        out.append(AccelFrame(second * S + np.arange(200, dtype=np.int64) * 5 * MS, samples))
    return out


def test_every_reading_comes_back_bit_by_bit(tmp_path: Path) -> None:
    readings = one_of_each_kind()
    write(tmp_path / "a.liftrec", readings)
    back, error, torn = read(tmp_path / "a.liftrec")
    assert (error, torn) == (None, 0)
    assert told(back) == told(readings)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.floats(allow_nan=True, width=64), min_size=3, max_size=60),
    st.lists(st.integers(1, 1 << 40), min_size=20, max_size=20),
)
def test_any_samples_at_any_times_come_back_bit_by_bit(values: list[float], steps_ns: list[int]) -> None:
    samples = np.array(values[: len(values) // 3 * 3]).reshape(-1, 3)
    block = AccelFrame(np.cumsum(np.array(steps_ns[: len(samples)])), samples)
    assert told(readings_in(block_bytes([Tick(0), block]))) == told([Tick(0), block])


@pytest.mark.parametrize("distinct", [1, 256, 257, 5000])
def test_few_or_many_values_of_a_chip_come_back(distinct: int) -> None:
    samples = (np.random.default_rng(5).integers(0, distinct, (4000, 3)) * 0.0382).astype(np.float64)
    block = AccelFrame(np.arange(4000, dtype=np.int64) * MS, samples)
    assert told(readings_in(block_bytes([block]))) == told([block])


def test_meta_of_the_run_comes_back(tmp_path: Path) -> None:
    resumed = (OpenIncident(AlarmKind.DOOR_CLOSE_FAILURE, 7),)
    start_utc = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    limits = (("trip_distance_m_min", 0.5),)
    RecordingWriter(
        tmp_path / "a.liftrec",
        INSTALLATION,
        None,
        limits=limits,
        first_incident=8,
        resumed=resumed,
        start_utc=start_utc,
    ).close()
    meta = Recording.open(tmp_path / "a.liftrec").meta
    assert meta.installation == INSTALLATION
    assert (meta.limits, meta.first_incident, meta.resumed, meta.start_utc) == (limits, 8, resumed, start_utc)
    assert meta.warnings == ()


def test_a_strange_lift_id_does_not_make_the_recording_unreadable(tmp_path: Path) -> None:
    for number, lift_id in enumerate(["", 'a"b\\c', "北塔 2", "tab\there", "\x7f\x01", "line\nend"]):
        path = tmp_path / f"{number}.liftrec"
        RecordingWriter(path, Installation(Lift(lift_id)), None).close()
        assert Recording.open(path).meta.installation.lift.lift_id == lift_id


def test_a_frame_longer_than_a_block_is_stored_in_pieces(tmp_path: Path) -> None:
    block = frame(0, count=SAMPLES_MAX + 10, step_ns=MS)
    write(tmp_path / "a.liftrec", [block])
    back, error, _ = read(tmp_path / "a.liftrec")
    assert error is None
    assert told_without_splits(back) == told_without_splits([block])


def test_many_readings_of_one_moment_are_stored(tmp_path: Path) -> None:
    readings: list[Reading] = [SignalEdge(5, Signal.PRESENCE, n % 2 == 0) for n in range(5 * READINGS_MAX + 3)]
    write(tmp_path / "a.liftrec", readings)
    assert read(tmp_path / "a.liftrec")[0] == readings


def test_a_killed_process_loses_at_most_the_last_second(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.liftrec", BARE, None)
    ticks = [Tick(n * 100 * MS) for n in range(55)]
    for tick in ticks:
        writer.write(tick)
    assert read(tmp_path / "a.liftrec")[0] == ticks[:50]
    writer.close()
    writer.close()
    assert read(tmp_path / "a.liftrec")[0] == ticks


def small_recording(path: Path) -> tuple[bytes, list[Reading], list[int]]:
    """Bytes, readings and where each block ends, with the number of readings until there."""
    readings: list[Reading] = []
    for second in range(3):
        readings += [frame(second * S, 6), SignalEdge(second * S + MS, Signal.MAINS, True), Tick(second * S + 2 * MS)]
    write(path, readings)
    data = path.read_bytes()
    ends, at = [], 0
    while at < len(data):
        at += 6 + int.from_bytes(data[at + 2 : at + 6], "big") + 5
        ends.append(at)
    assert len(ends) == 4
    return data, readings, ends


def test_a_cut_at_any_byte_costs_the_last_block_only(tmp_path: Path) -> None:
    data, readings, ends = small_recording(tmp_path / "a.liftrec")
    cut = tmp_path / "cut.liftrec"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        if length < ends[0]:
            with pytest.raises(RecordingError, match="byte 0"):
                Recording.open(cut)
            continue
        whole = sum(end <= length for end in ends)
        back, error, torn = read(cut)
        assert error is None
        assert told(back) == told(readings[: 3 * (whole - 1)])
        assert torn == length - ends[whole - 1]


def test_a_changed_byte_never_changes_a_reading(tmp_path: Path) -> None:
    """In the last block it is a torn tail, before that a break that is named; what came before is delivered."""
    data, readings, ends = small_recording(tmp_path / "a.liftrec")
    path = tmp_path / "b.liftrec"
    for at in range(ends[0], len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        whole = sum(end <= at for end in ends)
        back, error, torn = read(path)
        assert told(back) == told(readings[: 3 * (whole - 1)])
        if whole == len(ends) - 1:
            assert (error, torn) == (None, len(data) - ends[-2])
        else:
            assert error is not None
            assert error.subject == f"{path}:byte {ends[whole - 1]}"


def test_zeros_behind_the_last_block_are_a_torn_tail(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + bytes(4096))
    back, error, torn = read(tmp_path / "b.liftrec")
    assert (told(back), error, torn) == (told(readings), None, 4096)


def test_a_long_stretch_of_damage_is_a_break(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + bytes(5 << 20))
    back, error, _ = read(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.subject.endswith(f"byte {len(data)}")


def test_damage_that_looks_like_countless_blocks_is_judged_in_bounded_time(tmp_path: Path) -> None:
    data, _, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + b"\x82" + b"\x82\x5a\x00\xff\xff\xff" * 300_000)
    assert read(tmp_path / "b.liftrec")[1] is not None


@pytest.mark.parametrize(
    "content",
    [
        cbor2.dumps({0: 2, 1: "", 2: b"", 3: 0}),
        cbor2.dumps({0: 1, 1: 5, 2: b"", 3: 0}),
        cbor2.dumps([1]),
        b"\xff",
        Header("format = 1", b"12345678", 0).content(),
    ],
)
def test_a_header_that_is_not_understood_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.liftrec").write_bytes(frame_bytes(content))
    with pytest.raises(RecordingError, match=r"a\.liftrec"):
        Recording.open(tmp_path / "a.liftrec")


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.liftrec").write_bytes(b"GIF89a" * 100)
    with pytest.raises(RecordingError, match="no whole header"):
        Recording.open(tmp_path / "a.liftrec")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, 1 << 30), st.integers(0, 255), st.integers(0, 1 << 30), st.integers(0, 255))
def test_hostile_blocks_with_fitting_checksums_are_refused_or_read_as_readings(
    at: int, value: int, other_at: int, other_value: int
) -> None:
    plain = bytearray(zlib.decompress(block_bytes(one_of_each_kind())))
    plain[at % len(plain)] = value
    plain[other_at % len(plain)] = other_value
    try:
        readings = readings_in(zlib.compress(bytes(plain)))
    except BlockProblem:
        return
    assert told(readings)


@pytest.mark.parametrize(
    "block",
    [
        {0: 0, 1: []},
        {0: 0, 1: [[6, 5], [6, 4]]},
        {0: 1 << 63, 1: [[6, 0]]},
        {0: 0, 1: [[0, 0, 2]], 2: bytes(8), 3: bytes(48)},
        {0: 0, 1: [[0, 0, 1]], 2: bytes(4), 3: bytes(16)},
        {0: 0, 1: [[0, 5, 1]], 2: bytes(4), 3: bytes(24)},
        {0: 0, 1: [[0, 0, 1]], 2: bytes(4), 3: bytes(8), 4: b"\x00\x00\x01"},
        {0: 0, 1: [[0, 0, 1 << 40]], 2: bytes(4), 3: bytes(24)},
        {0: 0, 1: [[9, 0]]},
        {0: 0, 1: [[1, 0, "mains", 1]]},
        {0: 0, 1: [[2, 0, {4: "x"}]]},
        {0: 0, 1: [[6]]},
        {1: [[6, 0]]},
    ],
)
def test_a_block_that_contradicts_itself_is_refused(block: dict[int, object]) -> None:
    with pytest.raises(BlockProblem):
        readings_in(zlib.compress(cbor2.dumps(block, canonical=True)))


def test_a_block_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(50 << 20))
    with pytest.raises(BlockProblem, match="longer"):
        readings_in(bomb)
    with pytest.raises(BlockProblem):
        readings_in(b"no zlib")
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + frame_bytes(bomb) + frame_bytes(block_bytes([Tick(9 * S)])))
    back, error, _ = read(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.subject.endswith(f"byte {len(data)}")


def test_blocks_whose_time_goes_back_are_a_break(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + frame_bytes(block_bytes([Tick(1)])))
    back, error, _ = read(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.problem == "time goes back"


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
    write(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    assert len(files_in(tmp_path)) > 2
    assert recordings_in(tmp_path) == (tmp_path / "ring.liftrec",)
    recording = Recording.open(tmp_path / "ring.liftrec")
    assert told(recording) == told(readings)
    assert recording.meta.warnings == ()


def test_an_earlier_part_opens_with_what_came_before_it(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    back = list(Recording.open(tmp_path / "ring-000002.liftrec"))
    assert 1 < len(back) < 10
    assert told(back) == told(readings[: len(back)])


def test_the_run_before_a_restart_is_kept_as_a_recording_of_its_own(tmp_path: Path) -> None:
    first, second = seconds_of_noise(3), seconds_of_noise(2, first=50)
    write(tmp_path / "ring.liftrec", first, 1 << 20)
    write(tmp_path / "ring.liftrec", second, 1 << 20)
    assert recordings_in(tmp_path) == (tmp_path / "ring-000001.liftrec", tmp_path / "ring.liftrec")
    assert told(Recording.open(tmp_path / "ring-000001.liftrec")) == told(first)
    assert told(Recording.open(tmp_path / "ring.liftrec")) == told(second)


def test_a_hundred_restarts_leave_a_bounded_number_of_files(tmp_path: Path) -> None:
    for second in range(100):
        write(tmp_path / "ring.liftrec", [Tick(second * S)], MAX_BYTES_MIN)
    assert len(files_in(tmp_path)) <= 64
    assert list(Recording.open(files_in(tmp_path)[0])) == [Tick(36 * S)]


def test_damage_in_an_earlier_part_is_a_break(tmp_path: Path) -> None:
    readings = seconds_of_noise(10)
    write(tmp_path / "ring.liftrec", readings, MAX_BYTES_MIN)
    part = tmp_path / "ring-000001.liftrec"
    part.write_bytes(part.read_bytes()[:-1])
    back, error, _ = read(tmp_path / "ring.liftrec")
    assert error is not None
    assert error.subject.startswith(f"{part}:byte ")
    assert told(back) == told(readings[: len(back)])


def test_without_a_cap_no_file_is_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "a.liftrec", [Tick(S)])
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
    writer = write(tmp_path / "a.liftrec", readings)
    assert writer.lost_count == 6 - len(read(tmp_path / "a.liftrec")[0]) > 0
    assert writer.problem is not None
    assert "cannot be written" in writer.problem.problem
    back, error, torn = read(tmp_path / "a.liftrec")
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
    assert read(tmp_path / "a.liftrec")[0][-1] == SamplesLost(7 * S, "accelerometer", 1)
