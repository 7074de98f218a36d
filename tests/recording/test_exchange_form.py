"""The exchange form: every file, every column, and a broken line that is named and costs nothing before it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, OpenIncident
from edge_agent.errors import RecordingError
from edge_agent.installation import Drive, Lift, Wiring
from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    Direction,
    FaultReason,
    Mode,
    PressureSample,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from edge_agent.recording import Recording
from tests.recording.material import (
    META,
    MINIMAL,
    MS,
    S,
    accel_text,
    folder_with,
    others,
    read_folder,
    samples_of,
    told_without_splits,
)


def test_meta_tells_the_installation(tmp_path: Path) -> None:
    meta = Recording.open(folder_with(tmp_path / "r", {"pressure.csv": "t_s,p_hpa\n"})).meta
    assert meta.installation.lift == Lift("demo-1", 1.5, Drive.VVVF, (0.0, 3.0, 6.0), 0)
    assert meta.installation.wiring == Wiring(
        True, 100.0, True, False, frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED, Signal.PRESENCE})
    )
    assert meta.start_utc == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert (meta.limits, meta.first_incident, meta.resumed, meta.warnings) == ((), 1, (), ())


def test_only_format_and_lift_id_are_needed(tmp_path: Path) -> None:
    files = {"signals.csv": "t_s,name,value\n0.5,mains,1\n", "controller.csv": "t_s,field,value\n"}
    meta = Recording.open(folder_with(tmp_path / "r", files, meta=MINIMAL)).meta
    assert meta.installation.lift == Lift("x")
    assert meta.installation.wiring == Wiring(True, None, False, True, frozenset({Signal.MAINS}))


def test_limits_and_incidents_of_a_run_are_kept_in_meta(tmp_path: Path) -> None:
    extra = (
        '[limits]\ntrip_distance_m_min = 0.5\n[incidents]\nfirst = 9\nopen = [{ kind = "entrapment", incident = 4 }]\n'
    )
    meta = Recording.open(folder_with(tmp_path / "r", {}, meta=META + extra)).meta
    assert meta.limits == (("trip_distance_m_min", 0.5),)
    assert (meta.first_incident, meta.resumed) == (9, (OpenIncident(AlarmKind.ENTRAPMENT, 4),))


def test_an_unknown_key_is_ignored_with_a_warning_that_names_the_line(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {}, meta=MINIMAL + 'colour = "blue"\n[sensors]\nrange_g = 4\n')
    assert Recording.open(folder).meta.warnings == (
        f"{folder}/meta.toml:3: colour is not known and is ignored",
        f"{folder}/meta.toml:5: sensors.range_g is not known and is ignored",
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('lift_id = "x"\n', 1, "lacks format"),
        ('format = 2\nlift_id = "x"\n', 1, "format = 2"),
        ("format = 1\nlift_id = 7\n", 2, "must be text"),
        (MINIMAL + "start_utc = 5\n", 3, "date and time"),
        (MINIMAL + "[lift]\nrated_speed_mps = -1.0\n", 4, "rated_speed_mps"),
        (MINIMAL + '[lift]\nrated_speed_mps = "fast"\n', 4, "must be a number"),
        (MINIMAL + '[lift]\ndrive = "vvvv"\n', 4, "vvvv"),
        (MINIMAL + "[lift]\nfloor_heights_m = [0.0, 3.0, 2.0]\n", 4, "does not ascend"),
        (MINIMAL + "[lift]\nfloor_heights_m = [0.0, 3.0]\nstart_floor = 2\n", 5, "start_floor"),
        (MINIMAL + '[sensors]\naccel_rate_hz = "100"\n', 4, "must be a number"),
        (MINIMAL + '[sensors]\nsignals = "mains"\n', 4, "list of names"),
        (MINIMAL + '[sensors]\nsignals = ["main"]\n', 4, '"main", which is not known'),
        (MINIMAL + "[lift\n", 3, ""),
    ],
)
def test_a_wrong_meta_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    folder = folder_with(tmp_path / "r", {}, meta=text)
    with pytest.raises(RecordingError) as caught:
        Recording.open(folder)
    assert caught.value.subject == f"{folder}/meta.toml:{line}"
    assert words in caught.value.problem


def test_meta_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / "meta.toml").write_bytes(b"format = 1\nlift_id = '\xff'\n")
    with pytest.raises(RecordingError) as caught:
        Recording.open(folder)
    assert caught.value.subject == f"{folder}/meta.toml:2"


@pytest.mark.parametrize("name", ["meta.toml", "accel.csv"])
def test_a_folder_without_a_mandatory_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / name).unlink()
    with pytest.raises(RecordingError) as caught:
        Recording.open(folder)
    assert caught.value.subject == f"{folder}/{name}"


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is not there"):
        Recording.open(tmp_path / "nothing")


def test_samples_keep_their_times_and_axes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text("t_s,ax,ay,az\n-0.5,1,2,3\n0.000000001,-4e-3,5.25,-6\n")
    readings, error = read_folder(folder)
    assert error is None
    frames = [reading for reading in readings if isinstance(reading, AccelFrame)]
    assert samples_of(readings) == [-500 * MS, 1]
    assert np.concatenate([block.samples_mps2 for block in frames]).tolist() == [[1, 2, 3], [-0.004, 5.25, -6]]


def test_blocks_are_at_most_a_second_long_and_ordered_with_ticks_between(tmp_path: Path) -> None:
    readings, _ = read_folder(folder_with(tmp_path / "r", {}, seconds=7.3))
    frames = [reading for reading in readings if isinstance(reading, AccelFrame)]
    assert all(block.times_ns[-1] - block.times_ns[0] < S for block in frames)
    assert sum(len(block.times_ns) for block in frames) == 365
    assert [reading.t_ns for reading in readings if isinstance(reading, Tick)] == [n * 100 * MS for n in range(74)]
    assert [reading.t_ns for reading in readings] == sorted(reading.t_ns for reading in readings)


@pytest.mark.parametrize("rate_hz", [25, 48.35, 210.55, 1600])
def test_any_rate_with_gaps_and_irregular_times_is_read_whole(tmp_path: Path, rate_hz: float) -> None:
    rng = np.random.default_rng(3)
    times_s = np.cumsum(rng.uniform(0.97, 1.03, int(rate_hz * 6))) / rate_hz
    times_s[len(times_s) // 2 :] += 40.0
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text(accel_text(times_s.tolist()))
    readings, error = read_folder(folder)
    assert error is None
    assert np.abs(np.array(samples_of(readings)) / 1e9 - times_s).max() < 0.51e-4


def test_samples_of_one_printed_time_are_moved_apart_by_a_nanosecond(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text(accel_text([0.0, 0.001, 0.001, 0.001, 0.002]))
    assert samples_of(read_folder(folder)[0]) == [0, MS, MS + 1, MS + 2, 2 * MS]


def test_a_file_longer_than_one_piece_is_read_as_one(tmp_path: Path) -> None:
    times_s = [index * 0.01 for index in range(90_000)]
    folder = folder_with(tmp_path / "r", {})
    text = accel_text(times_s)
    (folder / "accel.csv").write_text(text)
    assert samples_of(read_folder(folder)[0]) == [index * 10 * MS for index in range(90_000)]
    lines = text.splitlines()
    lines[80_000] += ".5"
    (folder / "accel.csv").write_text("\n".join(lines))
    readings, error = read_folder(folder)
    assert error is not None
    assert error.subject == f"{folder}/accel.csv:80001"
    assert samples_of(readings) == [index * 10 * MS for index in range(79_999)]


def rows_of_32_bytes(times_s: list[float]) -> str:
    """Rows of which a whole number fits into the 1 MiB that are read at once."""
    rows = "".join(f"{t_s:09.4f},00.000,-0.000,09.8066\n" for t_s in times_s)
    assert len(rows) == 32 * len(times_s)
    return "t_s,ax,ay,az\n" + rows


def test_times_are_compared_across_pieces_too(tmp_path: Path) -> None:
    rows_in_piece = (1 << 20) // 32
    times_s = [index * 0.01 for index in range(rows_in_piece)]
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text(rows_of_32_bytes([*times_s, times_s[-1], times_s[-1] + 0.01]))
    readings, error = read_folder(folder)
    assert error is None
    last_ns = (rows_in_piece - 1) * 10 * MS
    assert samples_of(readings)[-3:] == [last_ns, last_ns + 1, last_ns + 10 * MS]
    (folder / "accel.csv").write_text(rows_of_32_bytes([*times_s, times_s[-1] - 0.005, times_s[-1] + 0.01]))
    readings, error = read_folder(folder)
    assert error is not None
    assert error.subject == f"{folder}/accel.csv:{rows_in_piece + 2}"
    assert "time goes back" in error.problem
    assert samples_of(readings)[-1] == last_ns


def test_a_gap_of_hours_has_every_tick(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text(accel_text([0.05, 7300.05]))
    readings, error = read_folder(folder)
    assert error is None
    assert [reading.t_ns for reading in readings if isinstance(reading, Tick)] == [
        n * 100 * MS for n in range(1, 73_002)
    ]


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("t_s,", "\ufefft_s,"), ("\n", "\n\n"), (",", " , ")])
def test_files_of_other_systems_are_read_the_same(tmp_path: Path, change: tuple[str, str]) -> None:
    plain = {"signals.csv": "t_s,name,value\n1.5,mains,0\n", "pressure.csv": "t_s,p_hpa\n2.5,1012.25\n"}
    expected, _ = read_folder(folder_with(tmp_path / "a", plain))
    folder = folder_with(tmp_path / "b", {name: text.replace(*change) for name, text in plain.items()})
    (folder / "accel.csv").write_bytes((folder / "accel.csv").read_text().replace(*change).encode())
    readings, error = read_folder(folder)
    assert error is None
    assert told_without_splits(readings) == told_without_splits(expected)


def test_a_last_line_without_an_end_is_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {"signals.csv": "t_s,name,value\n1.5,mains,0"})
    (folder / "accel.csv").write_text("t_s,ax,ay,az\n0.0,0,0,9.8\n0.1,0,0,9.8")
    readings, error = read_folder(folder)
    assert error is None
    assert samples_of(readings) == [0, 100 * MS]
    assert others(readings) == [SignalEdge(1500 * MS, Signal.MAINS, False)]


def test_files_with_a_first_line_only_hold_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {"signals.csv": "t_s,name,value\n"})
    (folder / "accel.csv").write_text("t_s,ax,ay,az\n")
    assert read_folder(folder) == ([], None)


def test_signals_pressure_and_troubles_become_readings_in_order_of_time(tmp_path: Path) -> None:
    files = {
        "signals.csv": "t_s,name,value\n0.5,door_open,1\n0.5,door_closed,0\n0.7,light_curtain_rear,true\n",
        "pressure.csv": "t_s,p_hpa\n0.6,1013.25\n",
        "sources.csv": "t_s,source,event,detail\n"
        '0.1,controller,desync,"late, twice"\n0.8,accelerometer,samples_lost,32\n',
    }
    readings, error = read_folder(folder_with(tmp_path / "r", files))
    assert error is None
    assert others(readings) == [
        SourceFault(100 * MS, "controller", FaultReason.DESYNC, "late, twice"),
        SignalEdge(500 * MS, Signal.DOOR_OPEN, True),
        SignalEdge(500 * MS, Signal.DOOR_CLOSED, False),
        PressureSample(600 * MS, 1013.25),
        SignalEdge(700 * MS, Signal.LIGHT_CURTAIN_REAR, True),
        SamplesLost(800 * MS, "accelerometer", 32),
    ]


def test_controller_rows_of_one_time_are_one_report(tmp_path: Path) -> None:
    rows = [
        "1.0,floor,B1",
        "1.0,direction,up",
        "1.0,mode,fire_return",
        "1.0,door,closing",
        "1.0,fault,36",
        "1.0,safety_circuit,open",
        "1.0,door_zone,1",
        "1.0,passenger,false",
        "1.0,speed_mps,-0.25",
        "1.0,load_percent,40",
        "1.1,floor,2",
        "1.2,mode,a mode of tomorrow",
        "1.2,safety_circuit,closed",
        "1.2,mode,normal",
    ]
    files = {"controller.csv": "\n".join(["t_s,field,value", *rows]) + "\n"}
    readings, error = read_folder(folder_with(tmp_path / "r", files))
    assert error is None
    assert others(readings) == [
        ControllerReport(
            S, "B1", Direction.UP, Mode.FIRE_RETURN, ControllerDoor.CLOSING, 36, False, True, False, -0.25, 40.0
        ),
        ControllerReport(1100 * MS, floor="2"),
        ControllerReport(1200 * MS, mode=Mode.UNKNOWN, safety_circuit_closed=True),
        ControllerReport(1200 * MS, mode=Mode.NORMAL),
    ]
