"""What trips teach: braking from all of them, the rated speed from those that ran evenly."""

from __future__ import annotations

import pytest

from edge_agent.detect.course import Ride
from edge_agent.detect.trip_memory import LEARN_SPEED_TRIPS, TripMemory
from tests.detect.physics import FAST, Drive, trip


def ride(distance_m: float, drive: Drive) -> Ride:
    """As measured, without error."""
    pieces = trip(distance_m, drive)
    speed = peak = 0.0
    for piece in pieces:
        speed += piece.accel_mps2 * piece.duration_s + piece.jerk_mps3 * piece.duration_s**2 / 2.0
        peak = max(peak, abs(speed))
    end_ns = round(sum(piece.duration_s for piece in pieces) * 1e9)
    return Ride(0, end_ns, distance_m, peak, 1.0, 1.0, 1.0, True)


def taught(*distances_m: float, told: float | None = None) -> TripMemory:
    memory = TripMemory(told)
    for _ in range(LEARN_SPEED_TRIPS):
        for distance_m in distances_m:
            memory.add(ride(distance_m, FAST))
    return memory


def test_trips_that_only_start_and_brake_teach_no_rated_speed() -> None:
    """3 m at 2.5 m/s: it turns round at 1.2 m/s."""
    memory = taught(3.0, -3.0)
    assert memory.rated_speed_mps is None
    assert memory.even_trip_count == 0
    assert memory.usual_decel_mps2 == pytest.approx(1.0)


def test_trips_that_run_evenly_do() -> None:
    assert taught(14.0).rated_speed_mps == pytest.approx(2.5, rel=0.01)


def test_short_trips_between_them_change_nothing() -> None:
    assert taught(3.0, 14.0, -6.0).rated_speed_mps == pytest.approx(2.5, rel=0.01)


def test_too_few_even_trips_teach_nothing() -> None:
    memory = TripMemory(None)
    for _ in range(LEARN_SPEED_TRIPS - 1):
        memory.add(ride(14.0, FAST))
    assert memory.rated_speed_mps is None
    memory.add(ride(14.0, FAST))
    assert memory.rated_speed_mps is not None


def test_what_the_installer_told_stays() -> None:
    assert taught(14.0, told=1.0).rated_speed_mps == 1.0
