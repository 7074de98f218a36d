"""A trip that is given out late, because some speed was left: the open door still places the car at the landing."""

from __future__ import annotations

import pytest

from edge_agent.alarms import AlarmKind
from tests.detect.physics import ORDINARY, Drive, braked, change, pause, trip
from tests.detect.scenes import Scene

TALL_M = (0.0, 20.0, 23.0)
LEFT_MPS2, LEFT_S = 0.05, 2.0  # one 200th of gravity for two seconds while it brakes: 0.1 m/s are left at the end


def arrived_late(dwell_s: float) -> Scene:
    """20 m up; the samples leave a speed that may be a creep, so that the trip is given out after some seconds."""
    scene = Scene(heights_m=TALL_M).stand(6.0)
    _, end_s = scene.trip(1)
    scene.shakes.append((end_s - LEFT_S, (LEFT_MPS2,) * round(100 * LEFT_S)))
    return scene.stand(0.5).open().stand(dwell_s).close()


@pytest.mark.parametrize("dwell_s", [2.0, 3.0, 10.0])
def test_the_car_is_placed_at_the_landing_although_the_trip_is_given_out_after_the_door_is_open(dwell_s: float) -> None:
    here = arrived_late(dwell_s).stand(3.0).car().position
    assert (here.landing_index, here.height_m, here.sigma_m) == (1, 20.0, 0.0)


def test_a_stop_short_of_the_next_landing_is_told_after_it() -> None:
    """1.5 m on the brake bites: between 20 and 23 m there is no door."""
    scene = arrived_late(3.0).stand(2.0)
    _, rest_s = scene.go([*change(1.0, ORDINARY), *pause(0.2), *braked(1.0, 4.0)])
    (raised_s,) = scene.stand(25.0).run().times_s(AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE)
    assert raised_s == pytest.approx(rest_s + 15.0, abs=1.0)


def test_a_car_that_slips_away_with_its_door_open_is_not_placed_at_the_landing_again() -> None:
    scene = Scene(heights_m=TALL_M).stand(6.0).open().stand(4.0)
    scene.go(trip(0.5, Drive(0.4, 0.5, 1.0)))
    here = scene.stand(12.0).car().position
    assert here.height_m == pytest.approx(scene.path.height_m, abs=0.1)
