"""Small movements of a standing car, beat by beat."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log

import pytest

from edge_agent.detect.stirring import (
    BEAT_FRAMES,
    BEATS_KEPT,
    RATIO_MAX,
    RATIO_STILL,
    RESTLESS_FACTOR,
    Stirring,
)

QUIET_MPS2 = 0.01


def beats(stirring: Stirring, sizes: Iterable[float], *, is_surely_empty: bool = False) -> Stirring:
    """One beat for each size, in multiples of the box's own quiet."""
    for size in sizes:
        for _ in range(BEAT_FRAMES):
            stirring.take(size * QUIET_MPS2, 0.0, is_surely_empty=is_surely_empty)
    return stirring


def settled() -> Stirring:
    """A box that knows its own quiet."""
    stirring = beats(Stirring(), [1.0] * 60)
    stirring.restart()
    return stirring


@pytest.mark.parametrize(("size", "count"), [(0.95 * RESTLESS_FACTOR, 0), (1.1 * RESTLESS_FACTOR, 5)])
def test_a_beat_stands_out_above_the_limit(size: float, count: int) -> None:
    assert beats(settled(), [1.0, 1.0, size] * 5).count == count


def test_nothing_is_said_before_twenty_seconds() -> None:
    stirring = beats(settled(), [3.0] * 9)  # of 2 s each
    assert stirring.ratio == 1.0
    assert beats(stirring, [3.0]).ratio > 10.0


def test_more_stirring_says_more_and_stillness_only_a_little() -> None:
    ratios = [beats(settled(), [3.0] * k + [1.0] * (BEATS_KEPT - k)).ratio for k in (0, 2, 5, 10)]
    assert ratios == sorted(ratios)
    assert RATIO_STILL <= ratios[0] < 1.0
    assert ratios[-1] > 30.0


def test_the_ratio_is_bounded() -> None:
    assert beats(settled(), [5.0] * BEATS_KEPT).ratio == RATIO_MAX


def test_only_the_last_minute_counts() -> None:
    stirring = beats(settled(), [3.0] * 10)
    assert beats(stirring, [1.0] * BEATS_KEPT).count == 0


def test_a_lift_whose_empty_car_is_often_shaken_needs_more() -> None:
    """A neighbour lift passes in every tenth beat."""
    shaken = settled()
    beats(shaken, ([1.0] * 9 + [3.0]) * 60, is_surely_empty=True)
    shaken.restart()
    pattern = [3.0] * 4 + [1.0] * 16
    assert beats(shaken, pattern).ratio < 0.3 * beats(settled(), pattern).ratio


def test_an_occupied_car_teaches_nothing_about_the_empty_one() -> None:
    taught = settled()
    beats(taught, ([1.0] * 9 + [3.0]) * 60)
    taught.restart()
    pattern = [3.0] * 4 + [1.0] * 16
    assert beats(taught, pattern).ratio == pytest.approx(beats(settled(), pattern).ratio, rel=0.2)


def test_the_floor_follows_a_box_that_becomes_noisier() -> None:
    stirring = beats(settled(), [3.0] * 600)
    stirring.restart()
    assert beats(stirring, [3.0] * 15).count == 0


def test_a_pause_voids_the_present_beat_and_a_restart_all_of_them() -> None:
    stirring = beats(settled(), [3.0] * 3)
    for _ in range(BEAT_FRAMES - 1):
        stirring.take(1.0, 0.0, is_surely_empty=False)
    stirring.pause()
    stirring.take(QUIET_MPS2, 0.0, is_surely_empty=False)
    assert stirring.count == 3
    stirring.restart()
    assert (stirring.count, stirring.ratio) == (0, 1.0)


# ---- numbers by hand: what the constants say must be meant


@pytest.mark.parametrize(
    ("change", "roughness", "count"), [(1.75, 0.0, 1), (1.65, 0.0, 0), (0.0, 3.5, 1), (0.0, 3.3, 0)]
)
def test_a_beat_of_40_frames_counts_above_1_7_times_the_floor_and_roughness_half(
    change: float, roughness: float, count: int
) -> None:
    stirring = settled()
    for _ in range(40):
        stirring.take(change * QUIET_MPS2, roughness * QUIET_MPS2, is_surely_empty=False)
    assert stirring.count == count


@pytest.mark.parametrize(("stirs", "quiet"), [(1, 19), (2, 13), (3, 27)])
def test_the_ratio_is_that_of_three_kinds_of_people_against_two_in_a_hundred(stirs: int, quiet: int) -> None:
    by_hand = sum(
        exp(0.7 * (stirs * log(share / 0.02) + quiet * log((1.0 - share) / 0.98))) for share in (0.03, 0.12, 0.35)
    )
    assert beats(settled(), [3.0] * stirs + [1.0] * quiet).ratio == pytest.approx(max(0.25, by_hand / 3.0), rel=1e-6)


def test_a_floor_falls_by_2_percent_and_rises_by_half_a_percent_a_beat() -> None:
    floor = beats(Stirring(), [1.0]).floor
    assert floor == pytest.approx(1e-4)
    stirring = beats(Stirring(), [1.0, 0.1])
    assert stirring.floor == pytest.approx(0.98 * floor)
    assert beats(stirring, [5.0]).floor == pytest.approx(0.98 * 1.005 * floor)


def test_two_hundred_beats_of_an_empty_car_weigh_as_much_as_what_was_assumed() -> None:
    stirring = beats(Stirring(), [1.0] * 60)
    beats(stirring, [3.0] * 10 + [1.0] * 190, is_surely_empty=True)  # 10 of 200; assumed: 4 of 200
    stirring.restart()
    share = 14.0 / 400.0
    by_hand = sum(
        exp(0.7 * (3 * log(people / share) + 17 * log((1.0 - people) / (1.0 - share)))) for people in (0.03, 0.12, 0.35)
    )
    assert beats(stirring, [5.0] * 3 + [0.9] * 17).ratio == pytest.approx(by_hand / 3.0, rel=1e-6)
