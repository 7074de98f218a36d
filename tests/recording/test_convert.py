"""`edge-agent convert`: either form to the other and back, with nothing lost that the core could see."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.cli import convert
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation, Lift
from edge_agent.readings import AccelFrame, ControllerReport, PressureSample, Reading, Signal, SignalEdge, Tick
from edge_agent.recording import Recording
from edge_agent.recording_export import ExchangeWriter, seconds_text
from edge_agent.recording_meta import RecordingMeta
from edge_agent.recording_writer import RecordingWriter
from edge_agent.timeline import Timeline
from tests.recording.material import (
    INSTALLATION,
    MINIMAL,
    MS,
    S,
    folder_with,
    frame,
    one_of_each_kind,
    told,
    told_without_splits,
)


def call(source: Path, destination: Path) -> int:
    parser = argparse.ArgumentParser()
    convert.add_parser(parser.add_subparsers())
    return convert.run(parser.parse_args(["convert", str(source), str(destination)]))


def as_the_core_gets_them(readings: list[Reading]) -> list[Reading]:
    timeline = Timeline(0)
    for reading in readings:
        if not isinstance(reading, Tick):
            timeline.push(reading)
    return list(timeline.flush())


def native(path: Path, readings: list[Reading]) -> Path:
    writer = RecordingWriter(path, INSTALLATION, None, limits=(("trip_distance_m_min", 0.5),), first_incident=4)
    for reading in readings:
        writer.write(reading)
    writer.close()
    return path


def test_native_to_folder_to_native_is_the_same_run(tmp_path: Path) -> None:
    readings = as_the_core_gets_them(one_of_each_kind())
    source = native(tmp_path / "a.liftrec", readings)
    assert call(source, tmp_path / "b") == 0
    assert call(tmp_path / "b", tmp_path / "c.liftrec") == 0
    back = Recording.open(tmp_path / "c.liftrec")
    assert told_without_splits(back) == told_without_splits(readings)
    assert back.meta == Recording.open(source).meta


@pytest.mark.parametrize("readings", [[], [SignalEdge(90 * S, Signal.MAINS, False)]])
def test_ticks_of_a_silent_box_survive_the_folder(tmp_path: Path, readings: list[Reading]) -> None:
    timeline = Timeline(0)
    run = list(timeline.release(30 * S))
    for reading in readings:
        timeline.push(reading)
    run += [*timeline.release(1000 * S), *timeline.release(2000 * S)]
    assert call(native(tmp_path / "a.liftrec", run), tmp_path / "b") == 0
    assert list(Recording.open(tmp_path / "b")) == run


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 3 * S), min_size=8, max_size=8),
    st.lists(st.floats(-9999, 9999, allow_subnormal=True), min_size=24, max_size=24),
    st.integers(-S, 2_000_000 * S),
)
def test_every_bit_of_time_and_value_survives_the_text(
    tmp_path_factory: pytest.TempPathFactory, steps_ns: list[int], values: list[float], start_ns: int
) -> None:
    block = AccelFrame(start_ns + np.cumsum(np.array(steps_ns)), np.array(values).reshape(8, 3))
    folder = tmp_path_factory.mktemp("export") / "r"
    writer = ExchangeWriter(folder, RecordingMeta(Installation(Lift("x"))))
    writer.write(block)
    writer.close()
    back = [reading for reading in Recording.open(folder) if isinstance(reading, AccelFrame)]
    assert told_without_splits(back) == told_without_splits([block])


def test_folder_to_native_gives_the_core_the_same(tmp_path: Path) -> None:
    files = {
        "signals.csv": "t_s,name,value\n0.5,door_open,1\n2.5,door_open,0\n",
        "controller.csv": "t_s,field,value\n0.0,floor,3\n1.0,mode,normal\n",
        "pressure.csv": "t_s,p_hpa\n3.125,1013.2\n",
    }
    folder = folder_with(tmp_path / "r", files)
    assert call(folder, tmp_path / "r.liftrec") == 0
    assert told(Recording.open(tmp_path / "r.liftrec")) == told(Recording.open(folder))
    meta, original = Recording.open(tmp_path / "r.liftrec").meta, Recording.open(folder).meta
    assert meta == original


def test_truth_travels_between_folders_and_is_mentioned_where_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path / "r", {"truth.csv": "kind,t_start_s,raise_by_s,t_end_s\n"})
    assert call(folder, tmp_path / "copy") == 0
    assert (tmp_path / "copy" / "truth.csv").read_text() == (folder / "truth.csv").read_text()
    assert capsys.readouterr().err == ""
    assert call(folder, tmp_path / "r.liftrec") == 0
    assert "truth.csv: not carried over" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["there", "there.liftrec"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path / "r", {})
    (tmp_path / name).mkdir() if name == "there" else (tmp_path / name).write_text("mine")
    assert call(folder, tmp_path / name) == 2
    assert "not there yet" in capsys.readouterr().err


def test_ticks_that_would_go_on_for_years_are_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {}, meta=MINIMAL + "[ticks]\nfirst_s = 0.1\nlast_s = 1e9\n")
    with pytest.raises(RecordingError, match="nothing between"):
        list(Recording.open(folder))


def test_of_a_broken_recording_everything_before_the_break_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path / "r", {"signals.csv": "t_s,name,value\n1.0,mains,1\n4.0,mains,maybe\n"})
    assert call(folder, tmp_path / "r.liftrec") == 2
    assert "signals.csv:3" in capsys.readouterr().err
    times_ns = [reading.t_ns for reading in Recording.open(tmp_path / "r.liftrec") if isinstance(reading, AccelFrame)]
    assert times_ns == [0, S, 2 * S, 3 * S, 4 * S]


def test_a_torn_tail_is_mentioned_and_no_break(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = native(tmp_path / "a.liftrec", [frame(0), Tick(5 * S), Tick(9 * S)])
    source.write_bytes(source.read_bytes()[:-1])
    assert call(source, tmp_path / "b") == 0
    assert "bytes are torn" in capsys.readouterr().err


def test_values_that_are_no_numbers_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nan, inf = float("nan"), float("inf")
    bad = AccelFrame(np.array([S, S + 1], dtype=np.int64), np.array([[0.0, nan, 9.8], [0.0, 0.0, 9.8]]))
    readings: list[Reading] = [
        bad,
        PressureSample(S + 2, nan),
        ControllerReport(S + 3, speed_mps=inf, load_percent=3.0),
    ]
    source = native(tmp_path / "a.liftrec", readings)
    assert call(source, tmp_path / "b") == 0
    assert "3 values that are no numbers were left out" in capsys.readouterr().err
    back = [reading for reading in Recording.open(tmp_path / "b") if not isinstance(reading, Tick)]
    kept, report = back
    assert isinstance(kept, AccelFrame)
    assert kept.times_ns.tolist() == [S + 1]
    assert report == ControllerReport(S + 3, load_percent=3.0)


@pytest.mark.parametrize(
    ("t_ns", "text"),
    [
        (0, "0.0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (1500 * MS, "1.5"),
        (-2 * S, "-2.0"),
        (7 * S + 10, "7.00000001"),
    ],
)
def test_times_are_printed_exactly(t_ns: int, text: str) -> None:
    assert seconds_text(t_ns) == text
