"""The native form: every bit comes back, damage costs no more than it must, and the byte cap holds."""

from __future__ import annotations

import zlib
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
from edge_agent.readings import AccelFrame, Reading, Signal, SignalEdge, Tick
from edge_agent.recording import Recording
from edge_agent.recording_blocks import READINGS_MAX, SAMPLES_MAX, BlockProblem, block_bytes, readings_in
from edge_agent.recording_native import Header, frame_bytes
from edge_agent.recording_writer import RecordingWriter
from tests.recording.material import (
    INSTALLATION,
    MS,
    S,
    frame,
    one_of_each_kind,
    read_native,
    told,
    told_without_splits,
    write_native,
)


def test_every_reading_comes_back_bit_by_bit(tmp_path: Path) -> None:
    readings = one_of_each_kind()
    write_native(tmp_path / "a.liftrec", readings)
    back, error, torn = read_native(tmp_path / "a.liftrec")
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


def test_frames_that_overlap_come_back() -> None:
    frames = [frame(0, 4), frame(15 * MS, 4, seed=2)]
    assert told(readings_in(block_bytes(frames))) == told(frames)


def test_joined_readings_are_the_same_without_the_splits(tmp_path: Path) -> None:
    others = [reading for reading in one_of_each_kind() if not isinstance(reading, AccelFrame)]
    readings = sorted([*others, *(frame(k * 40 * MS, 4) for k in range(60))], key=lambda each: each.t_ns)
    write_native(tmp_path / "a.liftrec", readings)
    recording = Recording.open(tmp_path / "a.liftrec")
    exact, joined = list(recording), list(recording.joined())
    assert told_without_splits(joined) == told_without_splits(exact)
    assert sum(isinstance(reading, AccelFrame) for reading in joined) <= 3  # one for each second
    times_ns = [reading.t_ns for reading in joined]
    assert times_ns == sorted(times_ns)


def test_frames_that_overlap_are_not_joined() -> None:
    frames = [frame(0, 4), frame(15 * MS, 4, seed=2)]
    assert told(readings_in(block_bytes(frames), is_joined=True)) == told(frames)


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
    write_native(tmp_path / "a.liftrec", [block])
    back, error, _ = read_native(tmp_path / "a.liftrec")
    assert error is None
    assert told_without_splits(back) == told_without_splits([block])


def test_many_readings_of_one_moment_are_stored(tmp_path: Path) -> None:
    readings: list[Reading] = [SignalEdge(5, Signal.PRESENCE, n % 2 == 0) for n in range(5 * READINGS_MAX + 3)]
    write_native(tmp_path / "a.liftrec", readings)
    assert read_native(tmp_path / "a.liftrec")[0] == readings


def test_a_killed_process_loses_at_most_the_last_second(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.liftrec", INSTALLATION, None)
    ticks = [Tick(n * 100 * MS) for n in range(55)]
    for tick in ticks:
        writer.write(tick)
    assert read_native(tmp_path / "a.liftrec")[0] == ticks[:50]
    writer.close()
    writer.close()
    assert read_native(tmp_path / "a.liftrec")[0] == ticks


def small_recording(path: Path) -> tuple[bytes, list[Reading], list[int]]:
    """Bytes, readings and where each block ends, with the number of readings until there."""
    readings: list[Reading] = []
    for second in range(3):
        readings += [frame(second * S, 6), SignalEdge(second * S + MS, Signal.MAINS, True), Tick(second * S + 2 * MS)]
    write_native(path, readings)
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
        back, error, torn = read_native(cut)
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
        back, error, torn = read_native(path)
        assert told(back) == told(readings[: 3 * (whole - 1)])
        if whole == len(ends) - 1:
            assert (error, torn) == (None, len(data) - ends[-2])
        else:
            assert error is not None
            assert error.subject == f"{path}:byte {ends[whole - 1]}"


def test_zeros_behind_the_last_block_are_a_torn_tail(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + bytes(4096))
    back, error, torn = read_native(tmp_path / "b.liftrec")
    assert (told(back), error, torn) == (told(readings), None, 4096)


def test_a_long_stretch_of_damage_is_a_break(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + bytes(5 << 20))
    back, error, _ = read_native(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.subject.endswith(f"byte {len(data)}")


def test_damage_that_looks_like_countless_blocks_is_judged_in_bounded_time(tmp_path: Path) -> None:
    data, _, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + b"\x82" + b"\x82\x5a\x00\xff\xff\xff" * 300_000)
    assert read_native(tmp_path / "b.liftrec")[1] is not None


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
    back, error, _ = read_native(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.subject.endswith(f"byte {len(data)}")


def test_blocks_whose_time_goes_back_are_a_break(tmp_path: Path) -> None:
    data, readings, _ = small_recording(tmp_path / "a.liftrec")
    (tmp_path / "b.liftrec").write_bytes(data + frame_bytes(block_bytes([Tick(1)])))
    back, error, _ = read_native(tmp_path / "b.liftrec")
    assert told(back) == told(readings)
    assert error is not None
    assert error.problem == "time goes back"
