"""How the box sits: direction learned, tilt, hands and blows, what a push means; by hand, each from both sides.

Source: the constants' sources in `mount.py`, `grip.py` and `pushes.py`; alarm catalogue row 60.
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any

import pytest

from edge_agent.detect.course import Course
from edge_agent.detect.grip import Grip
from edge_agent.detect.mount import MountStage, towards
from edge_agent.detect.pushes import ends_creep, is_plain
from edge_agent.detect.signal import Frame
from tests.detect.test_course import course

G = 9.80665


def near(value: float, off: float = 1e-9) -> Any:
    return pytest.approx(value, abs=off)


def felt(x: float = 0.0, y: float = 0.0, z: float = G, *, spread: float = 0.0) -> Frame:
    length = (x * x + y * y + z * z) ** 0.5
    return Frame(0, 5, length, x, y, z, 0.0, length, length, spread)


# ---- the direction


def test_the_direction_is_learned_in_thirty_seconds_of_standing() -> None:
    stage = MountStage()
    assert (stage.reference, stage.learned_s, stage.view().tilt_deg) == (None, 0.0, None)
    for count in range(1, 601):
        stage.take(felt())
        assert stage.learned_s == near(count * 0.05)
        assert (stage.reference is None) is (count < 600)
    assert stage.reference == (near(0.0), near(0.0), near(G))
    assert stage.view().tilt_deg == near(0.0, 1e-5)


def test_the_direction_is_the_mean_of_all_that_was_felt() -> None:
    stage = MountStage()
    for k in range(600):
        stage.take(felt(0.3 if k < 200 else 0.0, 0.6 if k < 200 else 0.0, 9.0 if k < 200 else 9.6))
    assert stage.reference == (near(0.1), near(0.2), near(9.4))


def test_a_frame_that_shows_more_than_gravity_says_nothing_of_its_direction() -> None:
    for off_mps2, counts in ((1.2, True), (2.6, False), (-1.2, True), (-2.6, False)):
        stage = MountStage()
        stage.take(felt(z=G + off_mps2))
        assert (stage.learned_s > 0.0) is counts


def test_the_present_direction_follows_over_two_seconds() -> None:
    stage = MountStage()
    stage.take(felt(1.0))
    assert stage.view().gravity == (near(1.0), near(0.0), near(G))
    stage.take(felt(0.0))
    assert stage.view().gravity[0] == near(1.0 - 0.05 / 2.0)


@pytest.mark.parametrize("degrees", [0.5, 3.0, 45.0, 90.0, 180.0])
def test_the_tilt_is_the_angle_between_both(degrees: float) -> None:
    turn = radians(degrees)
    for axis in ((sin(turn) * G, 0.0, cos(turn) * G), (0.0, sin(turn) * G, cos(turn) * G)):
        stage = MountStage()
        stage.recall((0.0, 0.0, 2.0 * G))
        assert stage.learned_s == 30.0
        assert stage.view().tilt_deg is None
        stage.take(felt(*axis))
        assert stage.view().tilt_deg == near(degrees, 1e-5)


def test_a_direction_that_is_forgotten_is_learned_anew() -> None:
    stage = MountStage()
    for _ in range(300):
        stage.take(felt(1.0))
    stage.recall(None)
    assert stage.learned_s == 0.0
    for _ in range(600):
        stage.take(felt())
    assert stage.reference == (near(0.0), near(0.0), near(G))


def test_a_share_of_the_way_is_gone_in_each_direction() -> None:
    assert towards((1.0, 2.0, 3.0), (2.0, 4.0, 7.0), 0.25) == (1.25, 2.5, 4.0)


# ---- hands and blows


def test_acceleration_is_taken_along_gravity() -> None:
    grip = Grip([felt(0.0, 0.6 * G, 0.8 * G)] * 3)
    assert grip.vertical(felt(5.0, 0.6 * (G + 1.0), 0.8 * (G + 1.0))) == near(G + 1.0)
    assert grip.vertical(felt(0.0, 0.8, -0.6)) == near(0.0)
    assert Grip().vertical(felt()) == 0.0


def loose_after(frames: int, **how: float) -> Grip:
    grip = Grip([felt()] * 20)
    for _ in range(frames):
        grip.watch(felt(**how))
    return grip


def test_half_a_metre_a_second_squared_sideways_is_a_hand() -> None:
    assert loose_after(100, x=0.49).is_firm
    assert not loose_after(30, x=0.70).is_firm
    assert not loose_after(30, y=0.70).is_firm
    assert loose_after(100, z=G + 3.0).is_firm  # along gravity a lift may do that
    # over 0.7 s: of 1 m/s2, more than half has come after ten frames, 1 - (13/14) ** 10 = 0.52
    assert loose_after(9, x=1.0).is_firm
    assert not loose_after(11, x=1.0).is_firm


def test_after_a_hand_the_box_is_firm_again_in_three_seconds_and_after_a_blow_in_one() -> None:
    blow = Grip([felt()] * 20)
    blow.watch(felt(spread=12.0))
    assert blow.is_firm
    blow.watch(felt(spread=12.1))
    assert (blow.is_firm, blow.was_turned) == (False, False)
    for count in range(1, 21):
        blow.watch(felt())
        assert blow.is_firm is (count >= 20)
    hand = loose_after(12, x=1.0)
    assert hand.was_turned
    count = 0
    while not hand.is_firm:
        hand.watch(felt())
        count += 1
    assert 60 <= count <= 75


def test_of_a_loose_box_the_length_counts() -> None:
    grip = loose_after(12, x=1.0)
    assert grip.vertical(felt(3.0, 4.0, 0.0)) == near(5.0)


def test_gravity_is_followed_over_twenty_seconds_and_in_a_hand_over_one() -> None:
    """0.3 m/s2 to the side for 20 s: two thirds of it are followed."""
    firm = loose_after(400, x=0.3)
    assert firm.vertical(felt(1.0, 0.0, 0.0)) == near(0.3 * (1.0 - 0.9975**400) / G, 5e-4)
    hand = Grip([felt()] * 20)
    hand.watch(felt(spread=13.0))
    hand.watch(felt(x=1.0, spread=13.0))
    for _ in range(25):
        hand.watch(felt())
    assert hand.is_firm
    assert hand.vertical(felt(1.0, 0.0, 0.0)) == near(0.05 * 0.9975**20 / G, 1e-3)


# ---- what a push means


def pushed(speed_mps: float, doubt_mps: float = 0.0, pushed_mps: float = 0.0) -> Course:
    one = Course(100)
    one.speed, one._pushed_mps = speed_mps, pushed_mps
    one._scatter = (doubt_mps / 0.05) ** 2
    return one


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_start_is_plain_from_three_and_a_half_doubts(sign: float) -> None:
    for is_pushing in (False, True):
        assert is_plain(pushed(sign * 0.351, 0.1, 9.0), is_pushing=is_pushing)
        assert not is_plain(pushed(sign * 0.349, 0.1, 9.0), is_pushing=is_pushing)


def test_while_it_is_pushed_one_way_or_fast_it_is_plain_at_less() -> None:
    assert is_plain(pushed(0.2, 0.1, 0.49), is_pushing=True)  # 41 % one way
    assert not is_plain(pushed(0.2, 0.1, 0.51), is_pushing=True)  # 39 %
    assert is_plain(pushed(0.4, 0.2, 9.0), is_pushing=True)
    assert not is_plain(pushed(0.39, 0.2, 9.0), is_pushing=True)
    assert not is_plain(pushed(0.2, 0.1, 0.49), is_pushing=False)
    assert not is_plain(pushed(0.4, 0.2, 9.0), is_pushing=False)


def ended(left_mps: float, peak_mps: float = 1.0, sign: float = 1.0) -> Course:
    one = course([sign] * 4)
    one.speed, one.travel, one.peak_speed, one.stop_index = sign * left_mps, sign * 2.0, peak_mps, 200
    return one


def late(speed_mps: float, start: int = 240) -> Course:
    one = Course(start)
    one.speed = speed_mps
    return one


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_push_against_a_trip_ends_its_creep_if_it_takes_no_more_than_that_and_its_doubt(sign: float) -> None:
    """1.6 times what was left, 5 cm/s, and 3 % of the peak: 0.1 m/s left of 1 m/s is 0.24 m/s."""
    for taken_mps, expected in ((0.239, True), (0.241, False)):
        assert ends_creep(ended(0.1, sign=sign), late(-sign * taken_mps)) is expected
    for taken_mps, expected in ((0.109, True), (0.111, False)):
        assert ends_creep(ended(0.0, 2.0, sign), late(-sign * taken_mps)) is expected
        assert ends_creep(ended(-0.1, 2.0, sign), late(-sign * taken_mps)) is expected


def test_a_push_along_the_trip_or_after_eight_seconds_or_without_a_trip_ends_no_creep() -> None:
    assert not ends_creep(ended(0.1), late(0.1))
    assert not ends_creep(ended(0.1), late(0.0))
    assert ends_creep(ended(0.1), late(-0.1, start=360))
    assert not ends_creep(ended(0.1), late(-0.1, start=361))
    assert not ends_creep(None, late(-0.1))
    running = ended(0.1)
    running.stop_index = None
    assert not ends_creep(running, late(-0.1))
