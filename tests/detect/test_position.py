"""Where the car is: given or learned landings, the sensor's scale, a zone contact, and None where it is not known."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from edge_agent.detect.limits import Limits, limits_with
from edge_agent.detect.position import LearnedLanding, Position, PositionStage
from edge_agent.installation import Lift

LIMITS = Limits()
HALF_M = LIMITS.door_zone_m_half
EVEN_M = (0.0, 3.0, 6.0, 9.0)
ODD_M = (0.0, 4.0, 9.0, 15.0)  # each pair of landings is another distance apart
SPEED_MPS = 1.0


def stage(heights_m: Iterable[float] = EVEN_M, start: int | None = 0, limits: Limits = LIMITS) -> PositionStage:
    return PositionStage(limits, Lift("x", landing_heights_m=tuple(heights_m), start_landing_index=start))


def ride(position: PositionStage, distance_m: float, *, opens: bool = True) -> Position:
    """A trip as measured, then a stop with or without an open door."""
    position.take_ride(distance_m, abs(distance_m) / SPEED_MPS + 2.0)
    if opens:
        position.stands_at_landing()
    return position.now(0.0, 0.0)


# ---- given heights


def test_with_a_start_landing_the_place_is_known_at_once() -> None:
    here = stage(start=2).now(0.0, 0.0)
    assert (here.height_m, here.landing_index, here.offset_m, here.is_outside_zone) == (6.0, 2, 0.0, False)


@pytest.mark.parametrize(("measured_m", "landing"), [(3.1, 1), (5.9, 2), (9.15, 3)])
def test_a_trip_leads_to_the_landing_at_its_distance(measured_m: float, landing: int) -> None:
    position = stage()
    assert position.take_ride(measured_m, 8.0) == landing
    here = position.now(0.0, 0.0)
    assert here.height_m == pytest.approx(measured_m)
    assert here.offset_m == pytest.approx(measured_m - EVEN_M[landing])


def test_an_open_door_takes_the_error_of_the_trip_out() -> None:
    position = stage()
    for _ in range(10):
        up, down = ride(position, 6.08), ride(position, -5.93)
        assert (up.height_m, up.offset_m) == (6.0, 0.0)
        assert (down.height_m, down.landing_index) == (0.0, 0)


def test_without_an_open_door_errors_add_up_and_are_not_hidden() -> None:
    position = stage()
    first = ride(position, 3.05, opens=False)
    second = ride(position, 3.05, opens=False)
    assert second.height_m == pytest.approx(6.1)
    assert second.sigma_m > first.sigma_m > 0.0


def test_on_the_way_height_and_doubt_grow() -> None:
    position = stage()
    begun, later = position.now(0.5, 1.5), position.now(4.5, 6.0)
    assert (begun.height_m, later.height_m) == (0.5, 4.5)
    assert later.sigma_m > begun.sigma_m > 0.0
    assert later.landing_index in (1, 2)


# ---- in and out of the door zone


@pytest.mark.parametrize("half_m", [0.2, HALF_M])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_door_zone_ends_where_the_limit_says(half_m: float, sign: float) -> None:
    position = stage(start=1, limits=limits_with([("door_zone_m_half", half_m)]))
    assert position.now(sign * (half_m - 0.01), 0.0).is_outside_zone is False
    assert position.now(sign * (half_m + 0.01), 0.0).is_outside_zone is True


def test_a_stop_in_the_middle_between_landings_is_outside() -> None:
    assert ride(stage(), 1.5, opens=False).is_outside_zone is True
    assert ride(stage(start=3), -4.5, opens=False).is_outside_zone is True


def test_where_doubt_reaches_over_the_edge_of_the_zone_the_answer_is_none() -> None:
    position = stage((0.0, 30.0, 60.0))
    beside = ride(position, 30.5, opens=False)  # half a metre off after 30 m: 1.7 %, as good as the sensor
    assert beside.is_outside_zone is None


def test_the_doubts_of_one_long_trip_add_up_by_squares() -> None:
    """17 m in 12.5 s, before anything was learned of the sensor: 0.04, 0.2 and 0.25 m make 0.33 m, not half a metre;
    1.1 m from a landing no door can be opened, 0.8 m cannot be told from one."""
    heights_m = tuple(3.1 * k for k in range(10))
    for off_m, outside in ((1.1, True), (0.8, None), (0.0, None)):
        position = stage(heights_m)
        position.take_ride(5 * 3.1 + off_m, 12.5)
        here = position.now(0.0, 0.0)
        assert here.is_outside_zone is outside
        assert here.sigma_m == pytest.approx(0.33, abs=0.02)


@pytest.mark.parametrize(("error_m", "outside"), [(0.05, True), (0.5, True), (1.2, None)])
def test_the_first_trips_already_tell_whether_the_doubt_is_as_large_as_feared(
    error_m: float, outside: bool | None
) -> None:
    """0.15 m/s: 26 s a storey of 3.9 m, a doubt of 0.52 m each; then 5.8 m in 39 s, 1.9 m from any landing."""
    position = stage(tuple(3.9 * k for k in range(6)))
    position.take_ride(3.9 + 1.9, 39.0)
    assert position.now(0.0, 0.0).is_outside_zone is None  # 0.78 m of doubt: it cannot be told
    position = stage(tuple(3.9 * k for k in range(6)))
    for _ in range(2):
        position.take_ride(3.9 + error_m, 26.0)
        position.stands_at_landing()
    position.take_ride(3.9 + 1.9, 39.0)
    assert position.now(0.0, 0.0).is_outside_zone is outside


def test_above_the_highest_landing_is_outside() -> None:
    assert ride(stage(start=3), 1.5, opens=False).is_outside_zone is True


@pytest.mark.parametrize(("way_m", "outside"), [(1.9, True), (2.1, None)])
def test_a_car_that_would_be_in_the_roof_is_in_an_unknown_place(way_m: float, outside: bool | None) -> None:
    assert ride(stage(start=3), way_m, opens=False).is_outside_zone is outside
    assert ride(stage(start=0), -way_m, opens=False).is_outside_zone is outside


def test_a_zone_contact_wins_over_the_height() -> None:
    position = stage()
    position.take_zone(False)
    assert position.now(0.0, 0.0).is_outside_zone is True
    position.take_zone(True)
    between = ride(position, 1.5, opens=False)
    assert (between.is_outside_zone, between.height_m) == (False, 1.5)


def test_a_zone_contact_speaks_where_no_height_is_known() -> None:
    position = stage(start=None)
    assert position.now(0.0, 0.0).is_outside_zone is None
    position.take_zone(False)
    assert position.now(0.0, 0.0).is_outside_zone is True


# ---- start unknown


def test_without_a_start_nothing_is_known_at_first() -> None:
    here = stage(start=None).now(0.0, 0.0)
    assert (here.height_m, here.landing_index, here.is_outside_zone) == (None, None, None)


def test_one_trip_between_landings_of_its_own_distance_tells_where_the_car_is() -> None:
    position = stage(ODD_M, None)
    here = ride(position, 5.05)  # only from 4 to 9
    assert (here.height_m, here.landing_index) == (9.0, 2)


def test_even_storeys_need_the_end_of_the_well() -> None:
    position = stage(EVEN_M, None)
    assert ride(position, 3.0).height_m is None
    assert ride(position, 3.0).height_m is None
    assert ride(position, 3.0).height_m == 9.0


def test_a_start_index_that_does_not_exist_is_no_start() -> None:
    assert stage(EVEN_M, 4).now(0.0, 0.0).height_m is None
    assert stage(EVEN_M, -1).now(0.0, 0.0).height_m is None


def test_distances_that_fit_no_landing_do_not_settle_the_place() -> None:
    position = stage(ODD_M, None)
    assert ride(position, 2.0).height_m is None
    assert ride(position, 5.0).landing_index == 2  # and it can still be found


# ---- losing it


def test_after_something_unseen_the_place_is_unknown_until_it_is_found_again() -> None:
    position = stage(ODD_M, 0)
    position.lose()
    lost = position.now(0.0, 0.0)
    assert (lost.height_m, lost.landing_index, lost.is_outside_zone) == (None, None, None)
    assert ride(position, -6.0).landing_index == 2
    assert ride(position, 6.0).landing_index == 3


def test_an_open_door_where_no_landing_can_be_makes_the_place_unknown() -> None:
    position = stage(EVEN_M, 0)
    here = ride(position, 1.5)
    assert (here.height_m, here.is_outside_zone) == (None, None)


@pytest.mark.parametrize(("way_m", "error_m"), [(10.4, None), (10.6, 1.6), (-1.6, -1.6), (-1.4, None)])
def test_an_open_door_more_than_half_a_storey_from_every_landing_is_an_error(
    way_m: float, error_m: float | None
) -> None:
    here = ride(stage(EVEN_M, 0), way_m)
    assert here.error_m == (None if error_m is None else pytest.approx(error_m))


def test_the_error_is_gone_when_the_place_is_known_again() -> None:
    position = stage(EVEN_M, 0)
    assert ride(position, -1.6).error_m is not None
    assert ride(position, 3.0).error_m is not None  # from one of three landings: not known yet
    again = ride(position, 6.0)  # three landings up must lead to the highest
    assert (again.height_m, again.error_m) == (9.0, None)


# ---- learned landings


def learned(*trips_m: float) -> PositionStage:
    position = stage((), None)
    position.stands_at_landing()
    for distance_m in trips_m:
        ride(position, distance_m)
    return position


def test_before_any_stop_with_an_open_door_nothing_is_known() -> None:
    here = stage((), None).now(0.0, 0.0)
    assert (here.height_m, here.is_outside_zone) == (None, None)


def test_stops_with_an_open_door_become_landings() -> None:
    position = learned(3.05, 2.95, -5.9)
    here = position.now(0.0, 0.0)
    assert here.height_m == pytest.approx(0.0, abs=0.1)
    assert here.is_outside_zone is False
    assert ride(position, 3.0).is_outside_zone is False


def test_between_learned_landings_that_leave_no_room_for_another_is_outside() -> None:
    position = learned(3.0, -3.0)
    assert ride(position, 1.5, opens=False).is_outside_zone is True


def test_beyond_the_learned_landings_there_may_be_more() -> None:
    position = learned(3.0)
    assert ride(position, 3.0, opens=False).is_outside_zone is None
    position = learned(6.0)  # the landing between was passed
    assert ride(position, -3.0, opens=False).is_outside_zone is None


def test_learned_landings_have_no_numbers_yet() -> None:
    """The lowest one may still come: a number given now could change."""
    position = learned(3.0, 3.0)
    assert position.landing() is None
    assert position.now(0.0, 0.0).landing_index is None


def test_a_single_given_height_is_no_table_of_landings() -> None:
    """With one entry of a table nothing can be outside; the landings are learned as if none were given."""
    position = stage((0.0,), 0)
    assert position.now(0.0, 0.0).height_m is None
    position.stands_at_landing()
    here = ride(position, 3.0)
    assert (here.height_m, here.landing_index) == (3.0, None)
    assert here.is_outside_zone is not True


def test_learned_landings_are_forgotten_when_something_moved_unseen() -> None:
    position = learned(3.0, -3.0)
    position.lose()
    assert position.now(0.0, 0.0).height_m is None
    position.stands_at_landing()
    assert position.now(3.0, 5.0).is_outside_zone is None  # there is one landing again, and room for others


def test_many_stops_at_odd_heights_stay_bounded() -> None:
    """A sensor gone mad must not eat the memory: each stop 2.5 m higher, a thousand times."""
    position = learned()
    for _ in range(1000):
        here = ride(position, 2.5)
    assert here.height_m is None or here.height_m < 2.5 * 1001
    assert position.now(0.0, 0.0).landing_index is None


# ---- the sensor's scale


def test_stops_at_given_landings_teach_the_sensors_scale() -> None:
    """A sensor that reads 3 % too little: 27 m are measured as 26.2 m, one learned it is right within 0.2 m."""
    heights_m = tuple(3.0 * k for k in range(11))
    fresh, taught = stage(heights_m), stage(heights_m)
    for _ in range(6):
        ride(taught, 0.97 * 3.0)
        ride(taught, -0.97 * 3.0)
    fresh.take_ride(0.97 * 27.0, 29.0)
    taught.take_ride(0.97 * 27.0, 29.0)
    wrong, right = fresh.now(0.0, 0.0), taught.now(0.0, 0.0)
    assert wrong.height_m is not None
    assert right.height_m is not None
    assert abs(wrong.height_m - 27.0) > 0.5
    assert right.height_m == pytest.approx(27.0, abs=0.2)
    assert right.landing_index == 9


def test_one_wild_trip_does_not_spoil_the_scale() -> None:
    position = stage(tuple(3.0 * k for k in range(11)))
    for _ in range(6):
        ride(position, 3.0)
        ride(position, -3.0)
    ride(position, 2.5)  # half a metre off, then found at the landing
    ride(position, -3.0)
    position.take_ride(27.0, 29.0)
    here = position.now(0.0, 0.0)
    assert here.height_m == pytest.approx(27.0, abs=0.2)


def test_good_trips_make_the_place_more_certain() -> None:
    position = stage(EVEN_M)
    before = position.now(3.0, 5.0).sigma_m
    for _ in range(6):
        ride(position, 3.0)
        ride(position, -3.0)
    assert position.now(3.0, 5.0).sigma_m < before


def test_bad_trips_make_it_less_certain() -> None:
    """Errors of 0.3 m, up and down in turn, teach no scale, but doubt."""
    good, bad = stage(EVEN_M), stage(EVEN_M)
    for k in range(6):
        ride(good, 3.0 if k % 2 == 0 else -3.0)
        ride(bad, 2.7 if k % 2 == 0 else -3.3)
    assert bad.now(3.0, 5.0).sigma_m > good.now(3.0, 5.0).sigma_m + 0.1


def test_full_travel_is_known_where_heights_are_given() -> None:
    assert stage(ODD_M).travel_max_m() == 15.0
    assert learned(3.0).travel_max_m() is None


# ---- landings that outlive a gap or a restart


def known(*heights_m: float) -> PositionStage:
    """A later run on a lift whose landings an earlier run has learned."""
    position = stage((), None)
    position.recall([LearnedLanding(height_m, 9, 0.02) for height_m in heights_m], 1.0, ())
    return position


def test_what_was_learned_is_given_out_and_taken_up_again() -> None:
    first, second = learned(3.0, -3.0, 3.0, 3.2, -3.2), stage((), None)
    second.recall(first.learned(), *first.measuring())
    assert [round(each.height_m, 1) for each in first.learned()] == [0.0, 3.0, 6.2]
    assert second.learned() == tuple(each for each in first.learned() if each.visits >= 2)
    assert second.measuring() == first.measuring()


def test_given_landings_are_not_replaced_by_learned_ones() -> None:
    position = stage(EVEN_M, 1)
    position.recall([LearnedLanding(0.0, 9, 0.0), LearnedLanding(2.5, 9, 0.0)], 1.0, ())
    assert position.learned() == ()
    assert position.now(0.0, 0.0).height_m == 3.0


def test_a_car_that_has_not_stood_at_a_landing_yet_may_be_anywhere() -> None:
    """The box starts again while the car is stuck."""
    for position in (known(*EVEN_M), stage(EVEN_M, None)):
        assert position.now(0.0, 0.0).is_outside_zone is None
        assert ride(position, 1.5, opens=False).is_outside_zone is None


def test_between_even_landings_is_outside_whichever_they_are() -> None:
    for position in (known(*EVEN_M), stage(EVEN_M, None)):
        position.stands_at_landing()
        here = position.now(0.0, 0.0)
        assert (here.height_m, here.is_outside_zone) == (None, False)
        assert ride(position, 1.5, opens=False).is_outside_zone is True


def test_where_the_landings_do_not_agree_nothing_is_claimed() -> None:
    position = known(*ODD_M)
    position.stands_at_landing()
    assert ride(position, 2.5, opens=False).is_outside_zone is None  # the middle of 4 and 9, or near another


def test_two_trips_that_fit_one_landing_only_find_the_car_among_learned_ones() -> None:
    position = known(*ODD_M)
    position.stands_at_landing()
    assert ride(position, 5.05).height_m is None  # from 4 to 9, or from a landing that was never visited
    assert ride(position, 6.0).height_m == 15.0


def test_trips_that_fit_no_learned_landing_begin_the_learning_anew() -> None:
    """The box was put onto another lift that has the same direction of gravity."""
    position = known(*EVEN_M)
    position.stands_at_landing()
    here = ride(position, 4.6)
    assert here.height_m == 0.0
    assert position.landing_count == 1


def test_a_landing_seen_once_is_not_kept_over_a_gap() -> None:
    position = learned(3.0, -3.0, 3.0, 3.0, -3.0)
    assert position.landing_count == 3
    position.lose()
    assert position.landing_count == 2
    assert not position.is_placed
    position.stands_at_landing()
    assert position.is_placed
