"""The box laid on its sides by hand: gravity comes along the axis that is said, and nothing else of a story changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.readings import AccelFrame
from sim.lift import Lift
from sim.motion import FloatArray
from sim.scenario_file import parse_scenario
from sim.sensors import raw_readings
from sim.steps import Step, WaitStep, perform
from sim.tell import sentence
from sim.words import BoxUp
from tests.sim.lifts import a_box, plain_lift

HEAD = 'format = 1\ntitle = "A box in the hand"\nstory = "Somebody lays it down."\n[lift]\nlandings = 3\n[box]\n'
SIDES = [up for up in BoxUp if up is not BoxUp.MOUNTED]


def order(up: BoxUp) -> Step:
    """As it stands in a story."""
    return parse_scenario(f'{HEAD}[[step]]\ndo = "lay_box"\nup = "{up.value}"\n', "a.toml", "a").steps[0].step


def felt(lift: Lift, start_s: float, end_s: float) -> FloatArray:
    """What a chip without errors says between two times."""
    box = a_box()
    assert box.accel is not None
    perfect = replace(box.accel, gain=np.ones(3), offset_mps2=np.zeros(3))
    stream = raw_readings(lift, replace(box, accel=perfect), np.random.default_rng(1), lift.now_s)
    frames = [reading for reading in stream if isinstance(reading, AccelFrame)]
    times_s = np.concatenate([frame.times_ns for frame in frames]) / 1e9
    samples = np.concatenate([frame.samples_mps2 for frame in frames])
    return samples[(times_s >= start_s) & (times_s < end_s)]


@pytest.mark.parametrize("up", SIDES)
def test_gravity_comes_along_the_axis_that_points_up_a_few_degrees_askew(up: BoxUp) -> None:
    lift = plain_lift()
    perform(lift, order(up))
    perform(lift, WaitStep(8.0))
    mean = felt(lift, 4.0, 8.0).mean(axis=0)
    axis = "xyz".index(up.value[1])
    degrees = np.degrees(np.arccos(mean[axis] * (1.0 if up.value[0] == "+" else -1.0) / np.linalg.norm(mean)))
    assert 1.0 < degrees < 10.0
    assert np.linalg.norm(mean) == pytest.approx(9.81, abs=0.01)


def test_a_box_that_is_mounted_again_feels_what_it_would_have_felt_without_the_laying() -> None:
    laid, left = plain_lift(), plain_lift()
    perform(laid, WaitStep(5.0))
    for up in (*SIDES, BoxUp.MOUNTED):
        perform(laid, order(up))
    perform(laid, WaitStep(20.0))
    perform(left, WaitStep(laid.now_s))
    for start_s, end_s in ((0.0, 5.0), (laid.now_s - 10.0, laid.now_s)):
        assert np.array_equal(felt(laid, start_s, end_s), felt(left, start_s, end_s))
    assert not np.array_equal(felt(laid, 8.0, 12.0), felt(left, 8.0, 12.0))
    assert laid.rng.random() == left.rng.random()


def test_it_is_told_in_words() -> None:
    assert sentence(order(BoxUp.MINUS_Z)) == "the box is laid down with -z up"
    assert sentence(order(BoxUp.MOUNTED)) == "the box is mounted again"
