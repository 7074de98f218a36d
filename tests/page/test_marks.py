"""Marks on a picture by hand: stages at their times, peaks where they are drawn, what lasted from when it began."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_agent.wire import Measure, Measured, Phase, Record, Stamp
from receiver.picture_marks import marks_of
from receiver.pictures import Picture
from tests.receiver.making import alarm

S_NS = 1_000_000_000
PICTURE = Picture(
    from_ns=100 * S_NS,
    to_ns=110 * S_NS,
    accel_low_mps2=(-0.1, -0.1, None, -4.0, -0.1, -0.1, -0.1, -0.1, -0.1, -9.0),
    accel_high_mps2=(0.1, 0.1, None, 0.1, 3.0, 0.1, 0.1, 0.1, 0.1, 0.1),
)
"""A second a column: the hardest push down in the fourth, and a harder one after the alarm."""


def at(t_s: float, record: Record, *measures: Measured) -> Record:
    return replace(record, stamp=Stamp(3, round(t_s * 1000)), measures=measures or None)


def test_a_peak_is_marked_in_the_middle_of_its_column_and_not_at_a_harder_one_after_the_alarm() -> None:
    (mark,) = marks_of([at(106.0, alarm(1), Measured(Measure.ACC_Z, 4_000))], PICTURE)
    assert (mark["t_s"], mark["phase"]) == (0.0, "raised")
    signs: Any = mark["signs"]
    peak, between = signs
    assert (peak["name"], peak["value"], peak["unit"], peak["peak_s"]) == ("acc_z", 4.0, "m/s²", -2.5)
    assert (between["name"], between["value"]) == ("between_landings", "yes")
    assert "peak_s" not in between


def test_a_sign_that_says_for_how_long_begins_so_long_before() -> None:
    (mark,) = marks_of([at(106.0, alarm(1, note=None), Measured(Measure.STILL_S, 5))], PICTURE)
    assert mark["signs"] == [{"name": "still", "value": 5, "unit": "s", "is_measure": True, "since_s": -5.0}]


def test_only_stages_within_the_picture_and_of_its_boot_are_marked() -> None:
    opener = at(104.0, alarm(1))
    early, late = at(99.9, alarm(2, incident=1)), at(110.1, alarm(3, incident=1))
    other_boot = replace(at(105.0, alarm(4, incident=1)), stamp=Stamp(4, 105_000))
    gone = at(108.5, alarm(5, phase=Phase.CONDITION_GONE, incident=1))
    marks = marks_of([opener, early, late, other_boot, gone], PICTURE)
    assert [(mark["t_s"], mark["phase"]) for mark in marks] == [(0.0, "raised"), (4.5, "condition_gone")]
    assert marks[1]["signs"] == []


def test_that_a_recording_is_kept_is_no_stage() -> None:
    kept = at(105.0, alarm(2, incident=1, note="evidence_sha256=" + "0" * 32 + " evidence_bytes=5"))
    assert len(marks_of([at(104.0, alarm(1)), kept], PICTURE)) == 1
