"""Real lifts, recorded by others: nobody was trapped, so every alarm is false; trips are found where they can be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from edge_agent.recording import Recording, recordings_in
from edge_agent.recording_truth import Verdict, judge, read_truth, standings
from tests.detect.scenes import Outcome, concluded

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "real"
BEST = "melb_rec1_one_floor_hops"
STILL = "neg_ub_"


def folders(*, still: bool) -> list[Path]:
    found = recordings_in(REAL) if REAL.is_dir() else ()
    return [folder for folder in found if folder.name.startswith(STILL) is still]


def skip_if_absent(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"{folder.name} is not beside the project")


@cache
def replayed(folder: Path) -> tuple[Outcome, Verdict]:
    recording = Recording.open(folder)
    readings = list(recording)
    outcome = concluded(recording.meta.installation, readings)
    span_s = readings[0].t_ns / 1e9, readings[-1].t_ns / 1e9
    return outcome, judge(read_truth(folder), standings(outcome.alarms), tuple(outcome.trips), *span_s)


def test_one_floor_hops_in_melbourne_are_all_found() -> None:
    """14 trips of 3.7 m and 4.1 m at 1.5 m/s, heights stated by the author. Source: the folder's source.json."""
    skip_if_absent(REAL / BEST)
    outcome, verdict = replayed(REAL / BEST)
    assert verdict.trips_missed == ()
    assert verdict.trips_false == ()
    assert len(verdict.trip_errors) == 14
    assert not any(errors.is_direction_wrong for errors in verdict.trip_errors)
    near = [errors for errors in verdict.trip_errors if errors.distance_m is not None and abs(errors.distance_m) <= 0.3]
    assert len(near) >= 12
    assert outcome.raised == []


def test_one_floor_hops_in_melbourne_have_the_speed_and_times_that_were_written_down() -> None:
    skip_if_absent(REAL / BEST)
    _, verdict = replayed(REAL / BEST)
    for errors in verdict.trip_errors:
        assert abs(errors.speed_mps or 0.0) <= 0.1
        assert abs(errors.start_s or 0.0) <= 1.0
        assert abs(errors.end_s or 0.0) <= 1.0


@pytest.mark.parametrize("folder", folders(still=True), ids=lambda folder: folder.name)
def test_where_no_lift_moved_there_is_no_trip_and_no_alarm(folder: Path) -> None:
    """Lying still, on the stairs, shaken in the hand."""
    outcome, _ = replayed(folder)
    assert outcome.trips == []
    assert outcome.raised == []


@pytest.mark.parametrize("folder", folders(still=False), ids=lambda folder: folder.name)
def test_no_real_ride_raises_an_alarm(folder: Path) -> None:
    outcome, _ = replayed(folder)
    assert outcome.raised == []


def test_the_set_is_the_one_that_the_tests_name() -> None:
    """Five without a trip and at least ten with one; a folder that was renamed must not go unnoticed."""
    if not REAL.is_dir():
        pytest.skip("the recordings of others are not beside the project")
    assert (REAL / BEST).is_dir()
    assert len(folders(still=True)) == 5
    assert len(folders(still=False)) >= 10
