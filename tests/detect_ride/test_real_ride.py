"""A real recording made by others, beside the project: unweighted figures that a lift can have, none weighted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.detect.ride import RideStage
from edge_agent.detect.ride_report import RideReport, Unweighted
from edge_agent.readings import AccelFrame, Direction
from edge_agent.recording import Recording
from edge_agent.recording_truth import read_truth
from tests.detect_ride.making import S

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "real" / "melb_rec1_one_floor_hops"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the Melbourne recording is not beside the project")


@pytest.fixture(scope="module")
def reports() -> list[RideReport]:
    """One a trip, between the times its author states; gravity is the mean of the second before."""
    stage = RideStage(100.68)
    blocks = [reading for reading in Recording.open(FOLDER) if isinstance(reading, AccelFrame)]
    times = np.concatenate([block.times_ns for block in blocks])
    samples = np.concatenate([block.samples_mps2 for block in blocks])
    found = []
    for trip in read_truth(FOLDER).trips or ():
        assert trip.start_s is not None
        assert trip.end_s is not None
        start_ns, end_ns = round(trip.start_s * S), round(trip.end_s * S)
        at = int(np.searchsorted(times, start_ns))
        x, y, z = samples[at - 100 : at].mean(axis=0)
        while blocks and blocks[0].t_ns <= end_ns + S:
            stage.push(blocks.pop(0))
        report = stage.finish(start_ns, end_ns, (float(x), float(y), float(z)))
        assert report is not None, stage.last_refusal
        found.append(report)
        stage.forget(end_ns)
    return found


def test_all_fourteen_trips_are_reported_unweighted_with_distance_and_direction(reports: list[RideReport]) -> None:
    trips = read_truth(FOLDER).trips
    assert trips is not None
    assert len(reports) == len(trips) == 14
    for report, trip in zip(reports, trips, strict=True):
        assert report.unweighted_because is Unweighted.RATE_TOO_LOW
        assert report.direction is trip.direction
        assert report.distance_m == pytest.approx(trip.distance_m, rel=0.05)
        assert report.motion.speed_mps == pytest.approx(trip.speed_mps, rel=0.05)
        assert report.rate_hz == pytest.approx(100.7, abs=0.2)


def test_the_figures_are_those_of_an_ordinary_lift(reports: list[RideReport]) -> None:
    for report in reports:
        motion = report.motion
        assert 0.4 < motion.accel_mps2_a95 <= motion.accel_mps2 < 1.5
        assert 0.4 < motion.decel_mps2_a95 <= motion.decel_mps2 < 1.5
        assert 0.5 < motion.jerk_mps3 < 2.5
        assert report.vertical_run is not None
        assert 0.5 < report.vertical_run.max_mps2 < 1.5
        assert report.vertical.constant is None  # storeys of 3.7 m are too short
        assert report.horizontal_worst.inner is not None
        assert 0.01 < report.horizontal_worst.inner.max_mps2 < 0.6


def test_trips_of_one_lift_resemble_one_another(reports: list[RideReport]) -> None:
    for direction in (Direction.UP, Direction.DOWN):
        speeds = [report.motion.speed_mps_v95 for report in reports[1:-1] if report.direction is direction]
        assert len(speeds) >= 6
        assert max(speeds) / min(speeds) < 1.05
