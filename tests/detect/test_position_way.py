"""How far a car is from the landing at which it stood last: as far as the way since, wherever that landing is."""

from __future__ import annotations

from math import hypot

import pytest

from edge_agent.detect.limits import Limits
from edge_agent.detect.position import PositionStage
from edge_agent.installation import Lift

HALF_M = Limits().door_zone_m_half
FAR_M = 39.0


def after_a_long_trip() -> PositionStage:
    """At a landing seen once, 39 m above the first: where that is is doubted by a metre."""
    position = PositionStage(Limits(), Lift("x"))
    position.stands_at_landing()
    position.take_ride(FAR_M, 27.0)
    position.stands_at_landing()
    assert position.height[1] > 0.8
    return position


def outside(position: PositionStage) -> bool | None:
    return position.now(0.0, 0.0).is_outside_zone


def doubted(way_m: float, time_s: float) -> float:
    return hypot(0.04, 0.012 * way_m, 0.02 * time_s)


def test_at_the_landing_itself_it_is_inside_however_doubtful_its_height() -> None:
    assert outside(after_a_long_trip()) is False


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("beyond_m", "expected"), [(-0.01, None), (0.01, True)])
def test_a_stop_beside_it_is_outside_from_twice_the_doubt_of_the_way_on(
    sign: int, beyond_m: float, expected: bool | None
) -> None:
    way_m = HALF_M + 2.0 * doubted(0.5, 3.0) + beyond_m  # half a metre or so: 1.2 % of that is next to nothing
    assert way_m == pytest.approx(0.5, abs=0.2)
    position = after_a_long_trip()
    position.take_ride(sign * way_m, 3.0)
    assert outside(position) is expected


def test_each_trip_without_an_open_door_adds_its_doubt() -> None:
    position = after_a_long_trip()
    said = []
    for _ in range(12):
        position.take_ride(3.0, 5.0)
        position.take_ride(-3.0, 5.0)
        position.take_ride(0.9, 3.0)
        said.append(outside(position))
        position.take_ride(-0.9, 3.0)
    assert (said[0], said[-1]) == (True, None)


def test_near_another_landing_the_whole_doubt_counts() -> None:
    position = after_a_long_trip()
    position.take_ride(-FAR_M + 1.3, 27.0)
    assert outside(position) is None


def test_air_that_contradicts_the_way_makes_it_doubtful() -> None:
    sure, doubtful = after_a_long_trip(), after_a_long_trip()
    for position in (sure, doubtful):
        position.take_ride(1.3, 3.0)
    shared_m = sure.height[1]
    sure.take_air(FAR_M + 1.3, shared_m, shared_m)
    doubtful.take_air(FAR_M + 6.3, shared_m, shared_m)
    assert (outside(sure), outside(doubtful)) == (True, None)


def test_after_something_unseen_no_way_is_known() -> None:
    position = after_a_long_trip()
    position.lose()
    position.take_ride(1.3, 3.0)
    assert outside(position) is None
