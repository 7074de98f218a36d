"""Judges of `make lab-arm64`: conclusions of two processors are compared in every byte, counts are read by thread."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.test_package import ROOT

LAB = ROOT / "labs/arm64"
ALARM = {
    "t_s": 51.0,
    "kind": "entrapment",
    "state": "raised",
    "severity": "critical",
    "evidence": {"standstill_s": 30.2},
}
TRIP = {"t_s": 60.6, "record": "trip", "distance_m": 0.5951}


def judged(tmp_path: Path, one: list[object], two: list[object]) -> tuple[int, str]:
    """Exit status and words."""
    for name, told in (("one", one), ("two", two)):
        lines = [told if isinstance(told, str) else json.dumps(told) for told in told]
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [sys.executable, str(LAB / "same.py"), str(tmp_path / "one"), str(tmp_path / "two")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_the_same_lines_are_the_same(tmp_path: Path) -> None:
    status, said = judged(tmp_path, [ALARM, TRIP], [ALARM, TRIP])
    assert status == 0
    assert "1 lines of alarm: 0 differ" in said


@pytest.mark.parametrize(
    "other",
    [
        [{**ALARM, "t_s": 51.05}, TRIP],
        [{**ALARM, "evidence": {"standstill_s": 30.3}}, TRIP],
        [TRIP, ALARM],
        [TRIP],
        [ALARM, TRIP, ALARM],
        [ALARM, "Traceback (most recent call last):"],
    ],
    ids=["later", "another number", "another order", "one less", "one more", "a crash"],
)
def test_alarms_that_differ_in_anything_are_not_the_same(tmp_path: Path, other: list[object]) -> None:
    status, said = judged(tmp_path, [ALARM, TRIP], other)
    assert status == 1
    assert "THE ALARMS DIFFER" in said


def test_a_last_digit_of_a_trip_is_told_by_name_and_is_no_other_alarm(tmp_path: Path) -> None:
    status, said = judged(tmp_path, [ALARM, TRIP], [ALARM, {**TRIP, "distance_m": 0.5952}])
    assert status == 0
    assert "distance_m: 1 times, by at most 0.0001" in said


def test_recordings_without_any_alarm_prove_nothing(tmp_path: Path) -> None:
    status, _ = judged(tmp_path, [TRIP], [TRIP])
    assert status == 1


def counted(tmp_path: Path, lines: str, told: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "counts").write_text(lines, encoding="ascii")
    command = [sys.executable, str(LAB / "counted.py"), "core", str(tmp_path / "counts")]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False)


def test_what_lies_between_two_marks_is_counted_over_all_threads(tmp_path: Path) -> None:
    before = "mark-10 1000 0 7 5000000 3\nmark-10 1000 1 8 1000000 1\n"
    after = (
        "tick 1500 0 7 6000000 4\nmark-11 2000 0 7 45000000 9\nmark-11 2000 1 8 1000000 1\nmark-11 2000 2 9 2000000 1\n"
    )
    run = counted(tmp_path, before + after, "seconds 10 2.000\n")
    assert "21.0 million instructions a second, 1050 thousand a frame" in run.stdout


def test_a_mark_that_is_missing_ends_in_an_error_and_in_no_figure(tmp_path: Path) -> None:
    run = counted(tmp_path, "mark-10 1000 0 7 5000000 3\n", "seconds 10 2.000\n")
    assert run.returncode != 0
    assert "million" not in run.stdout
