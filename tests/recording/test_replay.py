"""`edge-agent replay` as a person or a program calls it: output, exit status, broken files, folders, settings."""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, Severity, Trip
from edge_agent.cli import replay
from edge_agent.cli.conclusion_lines import json_line, text_line
from edge_agent.readings import Direction
from tests.recording.material import MINIMAL, S, a_trip, accel_text, folder_with

TRIPS_HEAD = "start_s,end_s,direction,distance_m,speed_mps\n"
TRUTH_HEAD = "kind,t_start_s,raise_by_s,t_end_s\n"
SETTINGS = "[lift]\nrated_speed_mps = 1.75\n[limits]\ntrip_distance_m_min = {value}\n"


def call(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    replay.add_parser(parser.add_subparsers())
    return replay.run(parser.parse_args(["replay", *map(str, words)]))


@pytest.fixture
def trip_folder(tmp_path: Path) -> Path:
    """3 m/s x 1 s of travel: up from 8 s to 14 s."""
    folder = folder_with(tmp_path / "trip", {}, meta=MINIMAL)
    (folder / "accel.csv").write_text(accel_text(*a_trip()))
    return folder


@pytest.fixture
def rest_folder(tmp_path: Path) -> Path:
    return folder_with(tmp_path / "rest", {}, meta=MINIMAL)


def test_a_trip_is_one_json_object_with_the_keys_of_the_contract(
    trip_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(trip_folder, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert list(told) == [
        "t_s",
        "record",
        "start_s",
        "end_s",
        "direction",
        "distance_m",
        "speed_mps",
        "accel_mps2",
        "decel_mps2",
        "jerk_mps3",
        "from_landing",
        "to_landing",
    ]
    assert (told["record"], told["direction"]) == ("trip", "up")
    assert told["start_s"] == pytest.approx(8.0, abs=0.3)
    assert told["end_s"] == pytest.approx(14.0, abs=0.3)
    assert told["distance_m"] == pytest.approx(4.5, abs=0.2)


def test_an_alarm_is_one_json_object_with_the_keys_of_the_contract() -> None:
    signs = (Evidence("standstill_s", 61.23456), Evidence("is_mains_lost", True), Evidence("ratio", float("nan")))
    alarm = Alarm(123_400_000_000, AlarmKind.ENTRAPMENT, AlarmState.RAISED, Severity.CRITICAL, 3, signs)
    assert json_line(alarm) == (
        '{"t_s": 123.4, "kind": "entrapment", "state": "raised", "severity": "critical", "incident": 3, '
        '"evidence": {"standstill_s": 61.2346, "is_mains_lost": true, "ratio": null}}'
    )
    assert "entrapment (critical), incident 3" in text_line(alarm)


def test_a_person_reads_where_a_trip_went() -> None:
    trip = Trip(20 * S, 8 * S, 14 * S, Direction.DOWN, 4.5, 1.0, 0.9, 0.8, 1.5, 3, None)
    assert "trip       down 4.50 m from 8.00 s to 14.00 s" in text_line(trip)
    assert text_line(trip).endswith("landing 3 to ?")


def test_a_clean_comparison_with_truth_exits_0(trip_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trip_folder / "trips.csv").write_text(TRIPS_HEAD + "8.0,14.0,up,4.5,1.0\n")
    assert call(trip_folder, "--truth") == 0
    out = capsys.readouterr().out
    assert "trips: 1 of 1 found, 0 false, 0 in the wrong direction" in out
    assert "error of distance: median 0.0" in out


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("truth.csv", TRUTH_HEAD + "entrapment,1,5,-1\n", "missed: entrapment from 1.00 s, by 5.00 s: not raised"),
        ("trips.csv", TRIPS_HEAD, "false: trip"),
        ("trips.csv", TRIPS_HEAD + "8,14,down,,\n", "1 in the wrong direction"),
        ("trips.csv", TRIPS_HEAD + "8,14,up,,\n1,3,up,,\n", "missed: trip 1.00 s to 3.00 s up"),
    ],
)
def test_anything_missed_or_false_exits_1(
    trip_folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, words: str
) -> None:
    (trip_folder / name).write_text(text)
    assert call(trip_folder) == 0
    assert call(trip_folder, "--truth") == 1
    assert words in capsys.readouterr().out


def test_the_comparison_is_a_json_object_too(trip_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trip_folder / "truth.csv").write_text(TRUTH_HEAD + "entrapment,1,5,-1\n")
    assert call(trip_folder, "--truth", "--json") == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["record"], told["expected"], told["found"], told["recall"]) == ("truth", 1, 0, 0.0)
    assert told["false_per_hour"] == 0.0
    assert told["is_clean"] is False


def test_a_broken_file_is_named_and_what_came_before_is_reported(
    trip_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (trip_folder / "accel.csv").read_text().splitlines()
    lines[2400] = "23.99,0.0,oops,9.8"
    (trip_folder / "accel.csv").write_text("\n".join(lines))
    (trip_folder / "trips.csv").write_text(TRIPS_HEAD + "8.0,14.0,up,4.5,1.0\n")
    assert call(trip_folder, "--json", "--truth") == 2
    captured = capsys.readouterr()
    assert f"{trip_folder}/accel.csv:2401: " in captured.err
    trip, truth = map(json.loads, captured.out.splitlines())
    assert (trip["record"], truth["trips_found"]) == ("trip", 1)


@pytest.mark.parametrize("name", ["meta.toml", "truth.csv"])
def test_other_broken_files_exit_2_as_well(rest_folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (rest_folder / name).write_text("formal = 1\n")
    assert call(rest_folder, "--truth") == 2
    assert f"{rest_folder}/{name}:1: " in capsys.readouterr().err


def test_what_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path / "nothing") == 2
    assert call(tmp_path) == 2
    err = capsys.readouterr().err.splitlines()
    assert "is not there" in err[0]
    assert "holds no recording" in err[1]


def test_a_folder_of_recordings_is_named_one_by_one_and_summed(
    tmp_path: Path, trip_folder: Path, rest_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trip_folder / "trips.csv").write_text(TRIPS_HEAD + "8.0,14.0,up,4.5,1.0\n")
    (rest_folder / "truth.csv").write_text(TRUTH_HEAD + "impact,1,5,-1\n")
    assert call(tmp_path, "--truth") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{rest_folder}:", f"{trip_folder}:"]
    assert "2 recordings: 0 of 1 expected alarms found, recall 0 %; 0 false in" in "\n".join(lines)
    assert "  missed: rest: impact from 1.00 s, by 5.00 s: not raised" in lines
    assert call(tmp_path, "--json") == 0
    named = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [told["path"] for told in named if told["record"] == "recording"] == [str(rest_folder), str(trip_folder)]


def test_one_broken_recording_does_not_hide_the_others(
    tmp_path: Path, trip_folder: Path, rest_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rest_folder / "meta.toml").write_text("format = 2\n")
    assert call(tmp_path, "--json") == 2
    captured = capsys.readouterr()
    assert "rest/meta.toml:1" in captured.err
    assert '"record": "trip"' in captured.out


def test_settings_change_limits_and_what_is_known_of_the_lift(
    tmp_path: Path, trip_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(SETTINGS.format(value=2.0) + '[accelerometer]\nchip = "adxl345"\n')
    overrides = replay.read_overrides(settings)
    assert (overrides.limits, overrides.rated_speed_mps) == ((("trip_distance_m_min", 2.0),), 1.75)
    assert call(trip_folder, "--settings", settings) == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SETTINGS.format(value=99), 4),
        (SETTINGS.format(value='"far"'), 4),
        ("[limits]\ntrip_distance_m_mini = 0.5\n", 2),
        ("[lift]\nrated_speed_mps = 1600\n", 2),
        ("[lift\n", 1),
    ],
)
def test_settings_that_cannot_be_used_are_named_with_their_line(
    tmp_path: Path, trip_folder: Path, capsys: pytest.CaptureFixture[str], text: str, line: int
) -> None:
    (tmp_path / "agent.toml").write_text(text)
    assert call(trip_folder, "--settings", tmp_path / "agent.toml") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{tmp_path}/agent.toml:{line}: ")


def test_missing_settings_are_named(tmp_path: Path, trip_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(trip_folder, "--settings", tmp_path / "no.toml") == 2
    assert "no.toml: cannot be read" in capsys.readouterr().err


def test_a_recorded_limit_that_is_unknown_today_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path / "r", {}, meta='format = 1\nlift_id = "x"\n[limits]\nforgotten_s = 1.0\n')
    assert call(folder) == 2
    assert "forgotten_s" in capsys.readouterr().err


def test_the_trace_shows_what_changes_and_nothing_twice(trip_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(trip_folder, "--trace") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "  state  " in line]
    phases = [line.split("phase ")[1].split(",")[0] for line in lines if "phase " in line]
    assert len(phases) >= 4
    assert all(before != after for before, after in pairwise(phases))
    assert call(trip_folder, "--trace", "--json") == 0
    states = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [told["phase"] for told in states if "phase" in told] == phases


def test_a_warning_about_the_recording_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path / "r", {}, meta='format = 1\nlift_id = "x"\ncolour = 3\n')
    assert call(folder) == 0
    assert "meta.toml:3: colour is not known" in capsys.readouterr().err
