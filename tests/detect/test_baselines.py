"""What was learned outlives a restart, is believed when the box sits as before, and is forgotten when it was moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import Alarm, AlarmKind, AlarmState
from edge_agent.catalogue_readiness import LESSONS, STATES, Lesson, ReadyState
from edge_agent.detect.baselines import (
    ENTRIES_MAX,
    Baselines,
    BaselinesProblem,
    LearnedHabit,
    baselines_from,
    rounded,
    tree_of,
)
from edge_agent.detect.course import Ride
from edge_agent.detect.detector import Detector
from edge_agent.detect.learning import AGREE_NS
from edge_agent.detect.limits import Limits
from edge_agent.detect.position import LearnedLanding
from edge_agent.detect.rules.door_wear import LearnedPace
from edge_agent.installation import Installation
from edge_agent.readings import Reading, Signal
from tests.detect.boxes import Box
from tests.detect.scenes import DOORS, Scene, at_ns
from tests.detect.states import LIMITS

PLAIN_BOX = Box(rate_hz=25.0)
AGREE_S = AGREE_NS / 1e9
FULL = Baselines(
    gravity_mps2=(0.1, -0.2, 9.8),
    decels_mps2=(0.81, 0.79),
    speeds_mps=(1.01, 0.99),
    run_s_longest=12.5,
    jerks_mps3=(0.7,),
    vibrations_mps2=(0.051,),
    landings=(LearnedLanding(-3.01, 4, 0.02), LearnedLanding(0.0, 9, 0.0)),
    accel_scale=1.013,
    trip_errors_m=(0.01, -0.02),
    door_paces=(LearnedPace("door_open_s_mean", False, -1, (2.4,), (2.4, 2.5)),),
    habits=(LearnedHabit("AFTER_CALL", 12.0, 0.5),),
    stirring=(3.1e-07, 200.0, 4.0),
    presence=(40.0, 3.0),
)


def tilted(degrees: float) -> Box:
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return replace(PLAIN_BOX, mount=PLAIN_BOX.mount @ turn)


def scene(box: Box = PLAIN_BOX) -> Scene:
    """A lift of which the box is told nothing."""
    return Scene(signals=DOORS | {Signal.PRESENCE}, box=box, knows_heights=False)


def lived(installation: Installation, readings: Sequence[Reading], baselines: Baselines | None) -> Detector:
    detector = Detector(installation, Limits(), baselines=baselines)
    for reading in readings:
        detector.step(reading)
    return detector


def kinds_of(detector: Detector, readings: Sequence[Reading]) -> set[AlarmKind]:
    said = [conclusion for reading in readings for conclusion in detector.step(reading)]
    return {each.kind for each in said if isinstance(each, Alarm) and each.state is AlarmState.RAISED}


def states(detector: Detector, readings: list[Reading]) -> Iterator[tuple[float, ReadyState]]:
    """Each change of the state, with its time."""
    last = None
    for reading in readings:
        detector.step(reading)
        state = detector.readiness().state
        if state is not last:
            yield reading.t_ns / 1e9, state
            last = state


def untold(day: Scene) -> Installation:
    """The installation of a scene whose rated speed nobody knows."""
    return replace(day.installation, lift=replace(day.installation.lift, rated_speed_mps=None))


@cache
def first_day() -> Baselines:
    """Twenty-two trips over three landings after half a minute of standing."""
    day = scene().stand(32.0).open().stand(3.0).close().stand(1.5)
    for _ in range(6):
        for to in (1, 2, 1, 0):
            day.serve(to, dwell_s=2.5, wait_s=1.2)
    learned = lived(untold(day), day.readings(), None).baselines()
    if learned is None:
        raise ValueError("the day was too short")
    return learned


# ---- the value


def test_a_tree_gives_the_value_back() -> None:
    assert baselines_from(tree_of(FULL)) == FULL
    assert baselines_from(tree_of(Baselines())) == Baselines()


numbers = st.floats(min_value=1e-9, max_value=1e5)


@settings(max_examples=50, deadline=None)
@given(st.lists(numbers, max_size=50), st.tuples(numbers, numbers, numbers), st.none() | st.tuples(*[numbers] * 3))
def test_what_was_rounded_once_does_not_change_any_more(
    values: list[float], stirring: tuple[float, float, float], gravity: tuple[float, float, float] | None
) -> None:
    once = rounded(Baselines(gravity_mps2=gravity, decels_mps2=tuple(values), stirring=stirring))
    assert rounded(once) == once
    assert once.decels_mps2 == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize(
    "damage",
    [
        {"unheard_of": 1},
        {"gravity_mps2": [1.0, 2.0]},
        {"gravity_mps2": [0.0, float("nan"), 9.8]},
        {"gravity_mps2": "up"},
        {"decels_mps2": [1e9]},
        {"decels_mps2": [True]},
        {"decels_mps2": [0.8] * (ENTRIES_MAX + 1)},
        {"run_s_longest": -1.0},
        {"landings": [[0.0, 2, 0.0], [0.0, 2, 0.0]]},
        {"landings": [[0.0, 0, 0.0]]},
        {"landings": [[0.0, 2, -0.1]]},
        {"landings": [[0.0, 2.5, 0.0]]},
        {"landings": [[0.0, 2]]},
        {"accel_scale": 0.0},
        {"door_paces": [["door_open_s_mean", False, 0, [0.0], []]]},
        {"door_paces": [["door_open_s_mean", False, 0, [], []]]},
        {"door_paces": [["x" * 50, False, 0, [2.0], []]]},
        {"habits": [["AFTER_LUNCH", 1.0, 1.0]]},
        {"presence": [1.0, -1.0]},
        {"stirring": {}},
    ],
    ids=str,
)
def test_a_tree_that_no_run_can_have_written_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(BaselinesProblem, match=next(iter(damage))):
        baselines_from({**tree_of(FULL), **damage})


# ---- what a day teaches


def test_a_day_teaches_landings_braking_speed_doors_and_direction() -> None:
    learned = first_day()
    assert learned.gravity_mps2 is not None
    assert np.linalg.norm(learned.gravity_mps2) == pytest.approx(9.81, abs=0.05)
    assert [each.height_m for each in learned.landings] == pytest.approx([0.0, 3.0, 6.0], abs=0.15)
    assert len(learned.decels_mps2) == 24
    assert 20 <= len(learned.speeds_mps) <= 24  # of trips between neighbours some run evenly for too short
    assert {(pace.name, pace.is_rear) for pace in learned.door_paces} == {
        ("door_open_s_mean", False),
        ("door_close_s_mean", False),
    }
    assert sum(habit.opened for habit in learned.habits) > 0.0
    assert learned.presence[0] > 0.0


def test_before_the_direction_is_known_there_is_nothing_to_keep() -> None:
    day = scene().stand(20.0)
    assert lived(day.installation, day.readings(), None).baselines() is None


def test_a_box_without_an_accelerometer_keeps_what_its_contacts_taught() -> None:
    day = scene()
    installation = replace(day.installation, wiring=replace(day.installation.wiring, has_accelerometer=False))
    assert Detector(installation, LIMITS, baselines=FULL).baselines() == FULL


def test_a_number_that_is_none_is_not_kept_and_stops_nothing() -> None:
    """Whatever a broken chip has done to the course of a trip."""
    day = scene().stand(34.0)
    detector = Detector(untold(day), Limits())
    learning = detector._learning
    for reading in day.readings():
        detector.step(reading)
    assert detector.baselines() is not None
    learning.add(Ride(0, 1, 3.0, float("nan"), 0.8, float("nan"), 1.0, True))
    assert detector.baselines() is None


# ---- the next day


def test_after_five_seconds_of_standing_all_is_known_again() -> None:
    learned = first_day()
    for stood_s, is_known in ((AGREE_S - 1.0, False), (AGREE_S + 3.0, True)):
        day = scene().stand(stood_s)
        detector = lived(untold(day), day.readings(), learned)
        assert detector.car is not None
        assert (detector.car.learned_decel_mps2 is not None) is is_known
        assert (detector.car.rated_speed_mps is not None) is is_known
        assert detector.baselines() == learned or is_known


def test_a_car_that_stops_between_landings_of_yesterday_is_outside() -> None:
    day = scene().stand(8.0).open().stand(3.0).close().stand(1.5).serve(2)
    day.heights_m = (0.0, 4.0)
    day.trip(1)
    day.stand(10.0)
    knowing, new = (lived(untold(day), day.readings(), each).car for each in (first_day(), None))
    assert knowing is not None
    assert new is not None
    assert (knowing.position.is_outside_zone, new.position.is_outside_zone) == (True, None)


def test_what_was_taken_up_is_given_on_as_it_was() -> None:
    day = scene().stand(AGREE_S + 3.0)
    learned = lived(untold(day), day.readings(), first_day()).baselines()
    assert learned is not None
    assert replace(learned, stirring=first_day().stirring) == first_day()


def test_the_door_that_was_open_when_it_was_taken_up_tells_that_the_car_is_at_a_landing() -> None:
    day = scene().open().stand(AGREE_S + 4.0).close().stand(1.0)
    car = lived(untold(day), day.readings(), first_day()).car
    assert car is not None
    assert car.position.is_outside_zone is False


# ---- a box that was moved


@pytest.mark.parametrize("share", [0.8, 1.2])
def test_a_box_that_sits_otherwise_than_before_learns_anew(share: float) -> None:
    day = scene(tilted(share * LIMITS.box_tilt_deg_max)).stand(LIMITS.box_tilt_s_min + 5.0)
    readings = day.readings()
    detector = Detector(untold(day), Limits(), baselines=first_day())
    assert (AlarmKind.BOX_MOVED in kinds_of(detector, readings)) is (share > 1.0)
    assert detector.car is not None
    assert (detector.car.learned_decel_mps2 is None) is (share > 1.0)
    assert (detector.readiness().state is ReadyState.RELEARNING) is (share > 1.0)


def test_what_was_learned_at_another_attitude_is_never_used() -> None:
    """The box was put onto a faster lift: its speed is no overspeed there."""
    day = scene(tilted(20.0)).stand(3.0)
    slow = replace(first_day(), speeds_mps=(0.3,) * 24)
    for to in (2, 0, 2, 0):
        day.serve(to)
    detector = Detector(untold(day), Limits(), baselines=slow)
    assert AlarmKind.OVERSPEED not in kinds_of(detector, day.readings())
    same = scene().stand(8.0)
    for to in (2, 0):
        same.serve(to)
    detector = Detector(untold(same), Limits(), baselines=slow)
    assert AlarmKind.OVERSPEED in kinds_of(detector, same.readings())


def test_until_the_direction_has_been_compared_the_old_baselines_are_kept() -> None:
    day = scene(tilted(20.0)).stand(LIMITS.box_tilt_s_min - 5.0)
    assert lived(untold(day), day.readings(), first_day()).baselines() == first_day()


def test_a_box_that_is_moved_while_it_runs_forgets_and_learns_the_new_direction() -> None:
    before = scene().stand(35.0)
    after = scene(tilted(10.0)).stand(35.0 + LIMITS.box_tilt_s_min + 50.0)
    readings = [each for each in before.readings() if each.t_ns < at_ns(35.0)]
    readings += [each for each in after.readings() if each.t_ns >= at_ns(35.0)]
    detector = Detector(untold(after), Limits(), baselines=None)
    seen = [(state, t_s) for t_s, state in states(detector, readings)]
    assert seen[-1][0] is ReadyState.RELEARNING
    assert seen[-1][1] == pytest.approx(35.0 + LIMITS.box_tilt_s_min, abs=8.0)
    learned = detector.baselines()
    assert learned is not None
    assert learned.gravity_mps2 is not None
    assert detector.car is not None
    assert detector.car.mount.tilt_deg == pytest.approx(0.0, abs=0.5)


# ---- how ready it is


def test_a_new_box_says_what_it_still_has_to_see_and_then_that_it_is_ready() -> None:
    day = scene().stand(34.0)
    detector = lived(day.installation, day.readings(), None)
    missing = {each.lesson: (each.have, each.need) for each in detector.readiness().missing}
    assert missing == {
        Lesson.TRIPS: (0, 5),
        Lesson.LANDINGS: (0, 2),
        Lesson.PLACE: (0, 1),
        Lesson.DOOR: (1, 2),
    }
    day.open().stand(3.0).close().stand(1.5)
    for to in (1, 2, 1, 0, 1):
        day.serve(to, dwell_s=2.5, wait_s=1.2)
    detector = Detector(day.installation, Limits())
    seen = [state for _, state in states(detector, day.readings())]
    assert seen == [ReadyState.NOT_READY, ReadyState.LEARNING, ReadyState.READY]


def test_with_baselines_the_first_open_door_makes_it_ready() -> None:
    day = scene().stand(8.0).open().stand(2.0)
    detector = Detector(untold(day), Limits(), baselines=first_day())
    seen = [state for _, state in states(detector, day.readings())]
    assert seen == [ReadyState.NOT_READY, ReadyState.LEARNING, ReadyState.READY]


def test_a_box_whose_accelerometer_says_nothing_is_not_ready() -> None:
    day = scene().stand(20.0)
    readings = [each for each in day.readings() if not hasattr(each, "samples_mps2")]
    detector = lived(day.installation, readings, first_day())
    assert detector.readiness().state is ReadyState.NOT_READY
    assert detector.readiness().missing[0].lesson is Lesson.MOTION


def test_every_state_and_lesson_has_words_in_both_languages() -> None:
    assert set(STATES) == set(ReadyState)
    assert set(LESSONS) == set(Lesson)
    for words in (*STATES.values(), *LESSONS.values()):
        assert all(words)
        assert words[1].isascii() is False
