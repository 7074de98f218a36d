"""The place of the car by numbers worked out by hand: doubts, landings, the sensor's scale, zones, air, lost and found.

Source of the figures: the constants' sources in `position.py`; alarm catalogue rows 33 and 36.
"""

from __future__ import annotations

from math import hypot
from typing import Any

import pytest

from edge_agent.detect.limits import Limits
from edge_agent.detect.position import LearnedLanding, PositionStage
from edge_agent.installation import Lift

EVEN_M = (0.0, 3.0, 6.0, 9.0)


def given(heights_m: tuple[float, ...] = EVEN_M, start: int | None = 0) -> PositionStage:
    return PositionStage(Limits(), Lift("x", landing_heights_m=heights_m, start_landing_index=start))


def unknown() -> PositionStage:
    return PositionStage(Limits(), Lift("x"))


def doubted(way_m: float, time_s: float) -> float:
    """What a trip is doubted by: 4 cm, 1.2 % of its way, 2 cm/s of its time; they add up by squares."""
    return hypot(0.04, 0.012 * way_m, 0.02 * time_s)


TRIP_SIGMA_M = doubted(3.0, 5.0)


def near(value: float, off: float = 1e-9) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value, abs=off)


def arrive(position: PositionStage, distance_m: float, duration_s: float = 5.0) -> None:
    position.take_ride(distance_m, duration_s)
    position.stands_at_landing()


def outside(position: PositionStage, travel_m: float = 0.0) -> bool | None:
    return position.now(travel_m, 0.0).is_outside_zone


# ---- the doubt of a trip


def test_a_trip_is_doubted_by_its_way_and_time_and_two_by_their_squares() -> None:
    position = given((0.0, 10.0, 20.0))
    position.take_ride(10.0, 15.0)
    assert position.height == (10.0, near(doubted(10.0, 15.0)))
    position.take_ride(-10.0, 15.0)
    assert position.height == (0.0, near(doubted(10.0, 15.0) * 2**0.5))


def test_on_the_way_the_doubt_of_the_trip_so_far_comes_on_top() -> None:
    position = given()
    here = position.now(3.0, 4.0)
    assert (here.height_m, here.sigma_m) == (3.0, near(doubted(3.0, 4.0)))
    position.take_ride(3.0, 4.0)
    assert position.now(1.0, 2.0).sigma_m == near(doubted(3.0, 4.0) + doubted(1.0, 2.0))
    assert position.now(0.0, 0.0).sigma_m == near(doubted(3.0, 4.0))


def test_after_four_stops_this_sensors_own_errors_count() -> None:
    """One and a half times their rms and 0.4 % of the way, never below 4 cm and that."""
    for errors_m, sigma_m in (
        ((0.1,) * 3, doubted(10.0, 15.0)),
        ((0.1,) * 4, 0.15 + 0.04),
        ((0.1, -0.1, 0.2, -0.2), 1.5 * 0.025**0.5 + 0.04),
        ((0.02,) * 4, 0.04 + 0.04),
    ):
        position = given((0.0, 10.0, 20.0))
        position.recall((), 1.0, errors_m)
        position.take_ride(10.0, 15.0)
        assert position.height[1] == near(sigma_m)


def test_errors_of_more_than_twenty_stops_ago_are_forgotten() -> None:
    position = given((0.0, 10.0, 20.0))
    position.recall((), 1.0, (2.0,) + (0.01,) * 20)
    assert position.measuring() == (1.0, (0.01,) * 20)
    arrive(position, 9.9)
    assert position.measuring()[1] == (*(0.01,) * 19, near(-0.1))


# ---- the sensor's scale


@pytest.mark.parametrize(("measured_m", "scale"), [
    (2.94, 1.0 + 0.3 * (3.0 / 2.94 - 1.0)),
    (3.06, 1.0 + 0.3 * (3.0 / 3.06 - 1.0)),
    (2.84, 1.0 + 0.3 * (3.0 / 2.84 - 1.0)),  # 5.6 % off
    (2.82, 1.0),  # 6.4 % off: no sensor is so wrong
    (3.18, 1.0 + 0.3 * (3.0 / 3.18 - 1.0)),
    (3.21, 1.0),
])  # fmt: skip
@pytest.mark.parametrize("sign", [1, -1])
def test_a_third_of_what_a_trip_between_landings_shows_is_taken_up(measured_m: float, scale: float, sign: int) -> None:
    position = given(start=1)
    arrive(position, sign * measured_m)
    learned, errors_m = position.measuring()
    assert learned == near(scale)
    assert errors_m == (near(sign * (measured_m - 3.0)),)


def test_the_scale_is_applied_to_the_way_and_to_the_trip() -> None:
    position = given()
    position.recall((), 1.02, ())
    assert position.now(1.0, 0.0).height_m == near(1.02)
    position.take_ride(5.0, 8.0)
    assert position.height[0] == near(5.1)
    lost = given(start=None)
    lost.recall((), 1.5, ())
    lost.take_ride(2.0, 5.0)
    lost.stands_at_landing()
    assert outside(lost) is False
    assert lost.is_placed


def test_short_trips_and_trips_from_an_uncertain_place_teach_no_scale() -> None:
    short = given((0.0, 1.95, 5.0))
    arrive(short, 1.9)
    assert short.measuring()[0] == 1.0
    enough = given((0.0, 2.05, 5.0))
    arrive(enough, 2.01)
    assert enough.measuring()[0] > 1.0
    exact = given((0.0, 2.05, 5.0))
    arrive(exact, 2.0)
    assert exact.measuring()[0] > 1.0
    uncertain = given()
    uncertain.take_ride(2.95, 5.0)  # its door stayed shut
    arrive(uncertain, 2.95)
    assert uncertain.measuring() == (1.0, (near(-0.1),))


def test_a_door_that_opens_again_at_the_same_landing_teaches_nothing() -> None:
    position = given()
    arrive(position, 2.94)
    position.stands_at_landing()
    assert len(position.measuring()[1]) == 1


# ---- which landing


def test_at_an_open_door_60_cm_or_twice_the_doubt_are_the_same_landing() -> None:
    for measured_m, height_m in ((2.41, 3.0), (3.59, 3.0), (2.35, None), (3.65, None)):
        position = given()
        arrive(position, measured_m, 1.0)  # its doubt is below 10 cm
        assert position.height[0] == height_m
    far = given((0.0, 40.0, 80.0))
    arrive(far, 39.2, 1.0)  # doubted by some 0.5 m
    assert far.height == (40.0, 0.0)
    farther = given((0.0, 40.0, 80.0))
    arrive(farther, 38.8, 1.0)
    assert farther.height[0] is None


def test_more_than_half_the_smallest_storey_off_is_an_error() -> None:
    heights_m = (0.0, 2.5, 6.0)
    for measured_m, error_m in ((3.8, 1.3), (3.7, None), (7.2, None), (7.3, 1.3)):
        position = given(heights_m)
        arrive(position, measured_m, 1.0)
        found = position.now(0.0, 0.0).error_m
        assert found == (None if error_m is None else near(error_m))
        assert position.height[0] is None


def test_the_nearest_landing_is_found_on_either_side() -> None:
    for travel_m, index, offset_m in ((1.4, 0, 1.4), (1.6, 1, -1.4), (-0.5, 0, -0.5), (10.0, 3, 1.0), (6.0, 2, 0.0)):
        here = given().now(travel_m, 0.0)
        assert (here.landing_index, here.offset_m) == (index, near(offset_m))


def test_a_table_of_landings_has_two_at_least_and_a_start_within() -> None:
    assert given((0.0, 3.0)).travel_max_m() == 3.0
    assert given((0.0,)).travel_max_m() is None
    assert given(start=0).height[0] == 0.0
    assert given(start=3).height[0] == 9.0
    assert given(start=4).height[0] is None
    assert given(start=-1).height[0] is None
    assert given((2.0, 5.0, 11.5)).travel_max_m() == 9.5
    assert (given().landing_count, unknown().landing_count) == (4, 0)


# ---- in or out of the door zone: half of it is 35 cm


@pytest.mark.parametrize(("off_m", "verdict"), [(0.34, False), (0.36, None), (0.44, None), (0.46, True)])
def test_twice_the_doubt_widens_the_zone_to_be_out_and_15_cm_are_granted_to_be_in(
    off_m: float, verdict: object
) -> None:
    """A doubt of 5 cm: out beyond 35 + 10 cm; in up to 35 + 15 - 10 cm."""
    position = given()
    position.take_ride(3.0, 5.0)
    position.take_air(3.0, 0.05 * TRIP_SIGMA_M / (TRIP_SIGMA_M**2 - 0.05**2) ** 0.5)  # both together 5 cm
    assert position.height[1] == near(0.05)
    for sign in (1.0, -1.0):
        expected = False if off_m < 0.40 else verdict
        assert outside(position, sign * off_m) is expected


def test_the_zone_witness_decides_and_is_shown() -> None:
    position = given()
    for witness, verdict in ((True, False), (False, True), (None, False)):
        position.take_zone(witness)
        here = position.now(0.0, 0.0)
        assert (here.is_outside_zone, here.zone_witness) == (verdict, witness)


def test_between_learned_landings_another_must_have_no_room() -> None:
    """Landings 2.2 m apart at least, less 30 cm for their doubt: nearer than 1.9 m to one there is no other."""
    position = unknown()
    position.stands_at_landing()
    assert outside(position, 1.89) is True
    assert outside(position, 1.91) is None
    assert outside(position, -1.89) is True
    assert outside(position, 0.34) is False
    assert outside(position, 0.36) is True


# ---- learned landings


def test_the_first_open_door_is_the_landing_at_height_zero() -> None:
    position = unknown()
    assert not position.is_placed
    position.stands_at_landing()
    assert position.learned() == (LearnedLanding(0.0, 1, 0.0),)
    assert position.height == (0.0, 0.0)
    assert position.is_placed
    assert position.is_at_landing
    assert position.landing() is None


def test_a_new_landing_is_doubted_30_cm_more_and_each_visit_halves_its_doubt() -> None:
    position = unknown()
    position.stands_at_landing()
    arrive(position, 3.0, 4.2)
    assert position.learned()[1] == LearnedLanding(3.0, 1, near(doubted(3.0, 4.2) + 0.3))
    arrive(position, -2.9, 4.2)
    arrive(position, 3.2, 4.2)  # 3.1 or 3.2, as the lower landing has moved: the mean of both visits
    first, second = position.learned()
    assert (first.visits, second.visits) == (2, 2)
    assert first.height_m == near(0.05)
    assert second.height_m == near((3.0 + 3.25) / 2.0)
    assert second.sigma_m == near(0.5 * (doubted(3.0, 4.2) + 0.3))
    assert position.height == (second.height_m, second.sigma_m)


@pytest.mark.parametrize(("height_m", "landings"), [(-4.95, 3), (-4.85, 4), (-3.4, 4)])
def test_a_stop_half_a_storey_from_a_learned_landing_is_another_one_however_large_the_doubt(
    height_m: float, landings: int
) -> None:
    """Landings at 0, -6 and -15 m; three ways of 9 m in 100 s are doubted by more than 2 m each."""
    position = unknown()
    position.stands_at_landing()
    arrive(position, -6.0, 100.0)
    arrive(position, -9.0, 100.0)
    arrive(position, 15.0 + height_m, 100.0)
    assert position.height[1] > 0.5
    assert len(position.learned()) == landings


def test_a_landing_seen_often_still_follows_by_a_twentieth() -> None:
    position = unknown()
    position.recall((LearnedLanding(0.0, 500, 0.0), LearnedLanding(3.0, 500, 0.0)), 1.0, ())
    position.stands_at_landing()
    arrive(position, 3.2)
    arrive(position, -3.0)
    position.stands_at_landing()
    learned = position.learned()
    assert max(abs(learned[0].height_m - 0.0), abs(learned[1].height_m - 3.0)) <= 0.2 / 20.0 + 1e-9


@pytest.mark.parametrize("known", [127, 128])
def test_landings_stay_in_order_and_are_128_at_most(known: int) -> None:
    position = unknown()
    position.recall(tuple(LearnedLanding(3.0 * k, 2, 0.0) for k in range(known)), 1.0, ())
    position.take_air(-3.0, 0.1)
    position.stands_at_landing()
    heights_m = [landing.height_m for landing in position.learned()]
    assert (heights_m, position.landing_count) == (sorted(heights_m), 128)


def test_a_landing_visited_twice_is_kept_over_a_gap_if_there_is_another() -> None:
    twice, once = LearnedLanding(3.0, 2, 0.1), LearnedLanding(6.0, 1, 0.1)
    position = unknown()
    position.recall((LearnedLanding(0.0, 2, 0.1), twice, once), 1.0, ())
    assert [landing.height_m for landing in position.learned()] == [0.0, 3.0]
    position.recall((twice, once), 1.0, ())
    assert position.learned() == ()


# ---- lost, and found again


def test_after_a_gap_the_car_may_be_at_any_landing_and_trips_narrow_it_down() -> None:
    position = given((0.0, 4.0, 9.0, 15.0))
    position.lose()
    assert (position.height[0], position.is_placed, outside(position)) == (None, False, None)
    position.stands_at_landing()
    assert (position.is_placed, outside(position), outside(position, 2.0)) == (True, False, True)
    assert outside(position, 4.0) is None  # the next landing for one guess, between two for another
    arrive(position, 5.0)
    assert position.height == (9.0, 0.0)


def test_a_guess_60_cm_off_is_still_at_a_landing() -> None:
    """Only from 4 to 9.5 m, so far away is the fourth landing."""
    for measured_m, height_m in ((6.09, 9.5), (4.91, 9.5), (6.15, None), (4.85, None)):
        position = given((0.0, 4.0, 9.5, 20.0))
        position.lose()
        position.stands_at_landing()
        arrive(position, measured_m, 1.0)
        assert position.height[0] == height_m


def test_among_learned_landings_two_trips_find_the_car() -> None:
    landings = tuple(LearnedLanding(height_m, 5, 0.0) for height_m in (0.0, 4.0, 9.0, 15.0))
    position = unknown()
    position.recall(landings, 1.0, ())
    position.stands_at_landing()
    arrive(position, 5.0)
    assert position.height[0] is None
    assert position.is_placed
    arrive(position, 6.0)
    assert position.height[0] == near(15.0)


def test_a_box_at_a_landing_that_recalls_what_it_learned_is_still_at_one() -> None:
    landings = tuple(LearnedLanding(height_m, 5, 0.0) for height_m in (0.0, 3.0, 6.0))
    position = unknown()
    position.stands_at_landing()
    position.recall(landings, 1.0, ())
    assert position.is_at_landing
    assert (outside(position), outside(position, 1.5)) == (False, True)
    away = unknown()
    away.recall(landings, 1.0, ())
    assert not away.is_at_landing
    assert outside(away) is None


# ---- air pressure


def test_air_and_the_measured_way_are_weighed_by_their_doubts() -> None:
    """3 m by the trip, 3.2 m by air with the same doubt: in the middle, and less doubted by the root of 2."""
    position = given()
    position.take_ride(3.0, 5.0)
    position.take_air(3.2, TRIP_SIGMA_M)
    assert position.height == (near(3.1), near(TRIP_SIGMA_M / 2**0.5))
    better = given()
    better.take_ride(3.0, 5.0)
    better.take_air(3.2, TRIP_SIGMA_M / 2.0)
    assert better.height == (near(3.0 + 0.2 * 4.0 / 5.0), near(TRIP_SIGMA_M / 5**0.5))


def test_what_air_and_way_both_begin_with_is_doubted_after_both_as_before() -> None:
    """3 m by the way, 3.2 m by air: alike in doubt but for what they begin with, which neither lessens."""
    position = given()
    for _ in range(9):
        position.take_ride(3.0, 5.0)
        position.take_ride(-3.0, 5.0)
    height_m, shared_m = position.height
    assert (height_m, shared_m) == (near(0.0), near(TRIP_SIGMA_M * 18**0.5))
    position.take_ride(3.0, 5.0)
    both_m = (shared_m**2 + TRIP_SIGMA_M**2) ** 0.5
    position.take_air(3.2, both_m, shared_m)
    assert position.height == (near(3.1), near((shared_m**2 + TRIP_SIGMA_M**2 / 2.0) ** 0.5))


def test_air_that_contradicts_beyond_three_doubts_makes_both_doubtful() -> None:
    """Both are doubted alike, and together by the root of 2 more. Then half of what they differ by is the doubt."""
    limit_m = 3.0 * TRIP_SIGMA_M * 2**0.5
    for off_m, sigma_m in ((0.99 * limit_m, TRIP_SIGMA_M / 2**0.5), (1.01 * limit_m, 0.505 * limit_m)):
        position = given()
        position.take_ride(3.0, 5.0)
        position.take_air(3.0 + off_m, TRIP_SIGMA_M)
        assert position.height[1] == near(sigma_m)
        below = given()
        below.take_ride(3.0, 5.0)
        below.take_air(3.0 - off_m, TRIP_SIGMA_M)
        assert below.height[1] == near(sigma_m)
    sharp = given()
    sharp.take_ride(3.0, 5.0)
    sharp.take_air(3.2, 0.01)
    assert sharp.height == (near(3.2, 0.01), near(0.01, 0.001))


def test_at_a_landing_or_without_doubt_air_changes_nothing() -> None:
    position = given()
    arrive(position, 3.0)
    position.take_air(3.2, 0.1)
    assert position.height == (3.0, 0.0)
    started = given()
    started.take_air(0.2, 0.1)
    assert started.height == (0.0, 0.0)
    learned = unknown()
    learned.stands_at_landing()
    arrive(learned, 3.0)
    before = learned.height
    learned.take_air(3.2, 0.1)
    assert learned.height == before


def test_air_finds_a_lost_car_if_it_is_sure_to_a_metre() -> None:
    for sigma_m, height_m in ((1.0, 6.1), (1.01, None)):
        position = given()
        position.lose()
        position.take_air(6.1, sigma_m)
        assert position.height[0] == height_m
        assert (position.height[1] == sigma_m) is (height_m is not None)
    at_landing = given()
    at_landing.lose()
    at_landing.stands_at_landing()
    at_landing.take_air(6.1, 0.2)
    assert at_landing.height == (6.0, 0.0)
    assert outside(at_landing) is False
