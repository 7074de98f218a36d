"""The air stage without noise: what it says, with which doubt, and when, by hand.

Times in seconds, a sample each half second: blocks end 4.0, 7.5, 11.0 .. s after the standstill began. The noise is
0.25 m2 at first, and pairs of blocks that do not differ make it 0.25 * 4 / (pairs + 4). Source: constants of `air.py`.
"""

from __future__ import annotations

from math import exp
from typing import Any

import pytest

from edge_agent.detect.air import AirHeight, AirStage


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-6)


class Box:
    """A barometer in still air: `air_m` is the height that the pressure shows."""

    def __init__(self) -> None:
        self.stage = AirStage()
        self.said: list[tuple[float, AirHeight]] = []

    def stand(
        self,
        since_s: float,
        until_s: float,
        air_m: float,
        height_m: float | None,
        sigma_m: float = 0.0,
        *,
        at_landing: bool = False,
        every_s: float = 0.5,
        rise_mps: float = 0.0,
        first_s: float = 0.0,
    ) -> Box:
        t_s = since_s + first_s
        while t_s <= until_s:
            here_m = air_m + rise_mps * (t_s - since_s)
            self.stage.take(round(t_s * 1e9), 1000.0 * exp(-here_m / 8434.0))
            found = self.stage.step(round(since_s * 1e9), height_m, sigma_m, is_at_landing=at_landing)
            if found is not None:
                self.said.append((t_s, found))
            t_s += every_s
        return self


def heard(until_s: float = 32.0, **parts: Any) -> Box:
    """A standstill at height 0; until 32 s there are nine blocks, and five pairs of every fifth."""
    return Box().stand(0.0, until_s, 0.0, 0.0, **parts)


def sigma_m(noise_m2: float, way_m: float, scale_sigma: float = 0.06, base_m: float = 0.0) -> Any:
    return near((base_m**2 + noise_m2 + (scale_sigma * way_m) ** 2) ** 0.5)


def test_four_seconds_after_the_stop_it_says_once_where_the_car_stands() -> None:
    box = heard().stand(40.0, 60.0, 3.0, 3.0)
    ((at_s, found),) = box.said
    assert (at_s, found.height_m) == (44.0, near(3.0))
    assert found.sigma_m == sigma_m(0.25 * 4.0 / 9.0, 3.0)


def test_five_pairs_must_have_been_heard() -> None:
    assert heard(28.5).stand(40.0, 60.0, 3.0, 3.0).said == []
    assert len(heard(32.0).stand(40.0, 60.0, 3.0, 3.0).said) == 1


def test_the_doubt_grows_with_each_twelve_seconds_between_and_after_four_of_them_faster() -> None:
    for since_s, pairs in ((34.0, 1.0), (40.0, 1.0), (52.0, 2.0), (76.0, 4.0), (100.0, 9.0), (124.0, 16.0)):
        ((_, found),) = heard().stand(since_s, since_s + 5.0, 3.0, 3.0).said
        assert found.sigma_m == sigma_m(pairs * 0.25 * 4.0 / 9.0, 3.0)


def test_still_air_is_doubted_by_ten_centimetres_at_least() -> None:
    ((_, found),) = heard(500.0).stand(504.0, 510.0, 3.0, 3.0).said
    assert found.sigma_m == sigma_m(0.01, 3.0)


def test_noise_is_what_every_fifth_block_differs_by() -> None:
    """Air that rises by 10 cm a block: 0.16 m2 in each of five pairs."""
    ((_, found),) = heard(rise_mps=0.1 / 3.5).stand(40.0, 45.0, 3.0, 3.0).said
    assert found.sigma_m**2 - (0.06 * (3.0 - 0.1 / 3.5 * 30.5)) ** 2 == pytest.approx((1.0 + 5 * 0.16) / 9.0, rel=0.01)


def test_the_first_second_of_a_standstill_does_not_count() -> None:
    box = heard()
    box.stand(40.0, 40.95, 99.0, 3.0, every_s=0.19).stand(40.0, 45.0, 3.0, 3.0, first_s=1.0)
    ((at_s, found),) = box.said
    assert (at_s, found.height_m) == (44.0, near(3.0))


def test_a_block_has_two_samples_and_lasts_three_seconds() -> None:
    ((at_s, _),) = heard().stand(40.0, 60.0, 3.0, 3.0, every_s=5.0, first_s=1.0).said
    assert at_s == 46.0
    ((at_s, _),) = heard().stand(40.0, 60.0, 3.0, 3.0, every_s=2.9, first_s=1.0).said
    assert at_s == pytest.approx(46.8)


def test_a_standstill_that_breaks_off_leaves_no_part_of_a_block() -> None:
    box = heard().stand(40.0, 43.5, 9.0, 9.0)
    box.stand(50.0, 55.0, 3.0, 3.0)
    ((at_s, found),) = box.said
    assert (at_s, found.height_m) == (54.0, near(3.0))
    while_moving = heard()
    while_moving.stage.take(round(50.0 * 1e9), 900.0)
    assert while_moving.stage.step(None, None, 0.0, is_at_landing=False) is None


def test_after_ten_minutes_the_height_before_is_forgotten() -> None:
    assert len(heard().stand(628.0, 640.0, 3.0, 3.0).said) == 1  # 600 s after the last block
    assert heard().stand(628.5, 640.0, 3.0, 3.0).said == []


def test_from_a_height_doubted_by_more_than_half_a_metre_nothing_is_measured() -> None:
    ((_, found),) = heard(sigma_m=0.5).stand(40.0, 45.0, 3.0, 3.0).said
    assert found.sigma_m == sigma_m(0.25 * 4.0 / 9.0, 3.0, base_m=0.5)
    assert heard(sigma_m=0.51).stand(40.0, 45.0, 3.0, 3.0).said == []


def test_a_lost_car_is_told_where_it_stands_and_measured_from_there_only_once_that_is_taken_up() -> None:
    box = heard().stand(40.0, 45.0, 3.0, None)
    ((_, found),) = box.said
    assert found.height_m == near(3.0)
    box.stand(50.0, 55.0, 4.0, 4.0)
    assert box.said[-1][1].height_m == near(4.0)


# ---- the scale of the air


def shuttled(air_m: float, way_m: float, trips: int = 1, sigma_at_m: float = 0.0, *, at_landing: bool = True) -> Box:
    """Up and down between two landings, the air showing `air_m` for a way of `way_m`."""
    box = heard(600.0)
    for k in range(trips):
        height_m = way_m * ((k + 1) % 2)
        shown_m = air_m * ((k + 1) % 2)
        box.stand(610.0 + 20.0 * k, 624.0 + 20.0 * k, shown_m, height_m, sigma_at_m, at_landing=at_landing)
    return box


def scale_after(*args: Any, **parts: Any) -> Any:
    """What 10 m of air are taken for after that."""
    box = shuttled(*args, **parts)
    box.said.clear()
    trips = parts.get("trips", 1)
    from_m, height_m = args[0] * (trips % 2), args[1] * (trips % 2)
    box.stand(900.0, 905.0, from_m + 10.0, None)
    return (box.said[0][1].height_m - height_m) / 10.0


@pytest.mark.parametrize(
    ("air_m", "way_m", "scale"),
    [
        (5.0, 5.0, 1.0),
        (4.7, 5.0, 5.0 / 4.7),
        (4.6, 4.9, 1.0),  # too short a trip
        (-4.7, -5.0, 5.0 / 4.7),
        (5.95, 5.0, 5.0 / 5.95),
        (6.05, 5.0, 1.0),  # 21 % off: no air is
        (4.05, 5.0, 5.0 / 4.05),
        (3.95, 5.0, 1.0),
    ],
)
def test_a_trip_of_five_metres_between_landings_shows_the_scale(air_m: float, way_m: float, scale: float) -> None:
    assert scale_after(air_m, way_m) == near(scale)


def test_only_between_landings_and_from_heights_that_are_sure_to_ten_centimetres() -> None:
    assert scale_after(4.7, 5.0, at_landing=False) == near(1.0)
    assert scale_after(4.7, 5.0, sigma_at_m=0.1) == near(5.0 / 4.7)
    assert scale_after(4.7, 5.0, sigma_at_m=0.11) == near(1.0)


def test_the_scale_is_the_mean_of_the_trips_and_three_make_it_sure() -> None:
    for trips, scale_sigma in ((2, 0.06), (3, 0.015)):
        box = shuttled(9.4, 10.0, trips)
        box.said.clear()
        height_m = 10.0 * (trips % 2)
        since_s = 650.0 + 20.0 * trips
        box.stand(since_s, since_s + 5.0, 9.4 * (trips % 2) + 94.0, None)
        found = box.said[0][1]
        assert found.height_m == near(height_m + 100.0)
        assert found.sigma_m == pytest.approx(scale_sigma * 100.0, rel=0.03)
    first, second = 10.0 / 9.4, 10.0 / 9.8
    box = shuttled(9.4, 10.0)
    box.stand(640.0, 654.0, 9.4 - 9.8, 0.0, at_landing=True)
    box.said.clear()
    box.stand(660.0, 665.0, 9.4 - 9.8 + 10.0, None)
    assert box.said[0][1].height_m == near(10.0 * (first + second) / 2.0)
