"""Scenario files: mistakes are named with their line, and everything shipped can be lived through."""

from __future__ import annotations

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.readings import Signal
from sim.library import load_scenario, scenario_names
from sim.scenario import Moment, ScenarioError, play
from sim.scenario_file import parse_scenario
from sim.steps import RideStep, TravelStep, WaitStep
from sim.tell import described
from sim.tell_live import told

GOOD = """\
format = 1
title = "A test of scenario files"
story = "Somebody rides up and the lift stops."

[lift]
drive = "vvvf"
landings = 5
storey_m = 3.0
rated_speed_mps = 1.0

[box]
accelerometer = "adxl345"
accel_rate_hz = 100
signals = ["door_open", "door_closed"]

[[step]]
do = "wait"
for_s = 5

[[step]]
do = "ride"
to = 1

[[step]]
do = "close_door"

[[step]]
do = "travel"
to = 4
stops_with = "brake"
stops_at = 2.5

[[step]]
mark = "stuck"
do = "wait"
for_s = 30

[[expect]]
kind = "emergency_stop"
after = "stuck"
from_s = -2
raise_by_s = 3
"""


RIDE = 'do = "ride"'
CLOSE = 'do = "close_door"'


def problems_of(body: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(body, "bad.toml", "bad")
    return str(caught.value).splitlines()


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(GOOD.splitlines(), start=1) if line.startswith(text))


def test_good_file_is_read_as_it_is_written() -> None:
    scenario = parse_scenario(GOOD, "good.toml", "good")
    assert scenario.box.signals == {Signal.DOOR_OPEN, Signal.DOOR_CLOSED}
    assert [type(planned.step) for planned in scenario.steps][:2] == [WaitStep, RideStep]
    travel = scenario.steps[3].step
    assert isinstance(travel, TravelStep)
    assert travel.stops_at == 2.5
    [expected] = scenario.expected
    assert expected.kind is AlarmKind.EMERGENCY_STOP
    assert (expected.start, expected.raise_by) == (Moment("stuck", -2.0), Moment("stuck", 3.0))


def test_marks_are_times_of_the_run() -> None:
    played = play(parse_scenario(GOOD, "good.toml", "good"), 1)
    assert played.time_of(Moment("stuck", 0.0)) == pytest.approx(played.duration_s - 30.0)
    assert played.time_of(Moment(None, 4.0)) == 4.0
    assert played.lift.motion.state(played.marks["stuck"])[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "line_start", "words"),
    [
        ('do = "ride"', 'do = "rid"', 'do = "ride"', 'Did you mean "ride"?'),
        ("for_s = 5", "for_seconds = 5", "for_s = 5", "Did you mean for_s?"),
        ("to = 1", "to = 9", "to = 1", "Allowed: 0 to 4"),
        ('after = "stuck"', 'after = "stuk"', 'after = "stuck"', 'Did you mean "stuck"?'),
        ('kind = "emergency_stop"', 'kind = "emergency"', 'kind = "emergency_stop"', "emergency_stop"),
        ('signals = ["door_open"', 'signals = ["door_opened"', "signals", "Did you mean door_open?"),
        ("rated_speed_mps = 1.0", "rated_speed_mps = 1000", "rated_speed_mps", "looks like mm/s"),
        ("storey_m = 3.0", "storey_mm = 3000", "storey_m", "Did you mean storey_m?"),
        ("raise_by_s = 3", "raise_by_s = -1", "raise_by_s", "impossible"),
        ('title = "A test of scenario files"', "titel = 3", "title", "Did you mean title?"),
    ],
)
def test_mistake_is_named_with_its_line_and_the_nearest_known_name(
    old: str, new: str, line_start: str, words: str
) -> None:
    problems = problems_of(GOOD.replace(old, new, 1))
    where = f"bad.toml:{line_of(line_start)}: "
    assert any(problem.startswith(where) and words in problem for problem in problems), problems


def test_all_mistakes_are_told_at_once_in_order_of_their_lines() -> None:
    body = (
        GOOD.replace("to = 1", "to = 9")
        .replace('drive = "vvvf"', 'drive = "steam"')
        .replace("for_s = 30", "for_s = -3")
    )
    problems = problems_of(body)
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_missing_key_is_named_at_its_step() -> None:
    [problem] = problems_of(GOOD.replace("to = 1\n", "", 1))
    header_line = line_of(RIDE) - 1
    assert problem.startswith(f"bad.toml:{header_line}: ")
    assert "lacks to" in problem


def test_text_that_is_no_toml_is_named_with_its_line() -> None:
    [problem] = problems_of(GOOD.replace('do = "ride"', 'do = "ride', 1))
    assert problem.startswith(f"bad.toml:{line_of(RIDE)}: ")


def test_step_that_the_lift_cannot_carry_out_is_named_with_its_line() -> None:
    body = GOOD.replace('do = "close_door"', 'do = "leave"\npeople = 3', 1)
    with pytest.raises(ScenarioError, match=r"good.toml:\d+: 3 people cannot leave") as caught:
        play(parse_scenario(body, "good.toml", "good"), 1)
    assert str(caught.value).startswith(f"good.toml:{line_of(CLOSE) - 1}:")


def test_fault_must_fit_its_source() -> None:
    body = GOOD + '\n[[fault]]\nof = "controller"\nis = "frozen"\n'
    [problem] = problems_of(body)
    assert '"frozen" is no fault of controller' in problem


def test_unknown_scenario_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ScenarioError, match="Did you mean stuck-between-landings"):
        load_scenario("stuck-between-landing")


def test_there_are_stories_that_raise_each_alarm_of_this_part_and_near_misses_that_raise_nothing() -> None:
    scenarios = [load_scenario(name) for name in scenario_names()]
    raised = {expected.kind for scenario in scenarios for expected in scenario.expected}
    assert raised >= {
        AlarmKind.ENTRAPMENT,
        AlarmKind.EMERGENCY_STOP,
        AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE,
        AlarmKind.DOOR_OPEN_FAILURE,
        AlarmKind.DOOR_CLOSE_FAILURE,
        AlarmKind.DOOR_OPEN_IN_MOTION,
        AlarmKind.SENSOR_FAULT,
        AlarmKind.CONTROLLER_LINK_LOST,
    }
    assert sum(1 for scenario in scenarios if not scenario.expected) >= 12


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenario_can_be_lived_through_and_told_whatever_the_seed(name: str) -> None:
    scenario = load_scenario(name)
    for seed in range(5):
        played = play(scenario, seed)
        assert played.duration_s > 20.0
        for expected in scenario.expected:
            assert 0.0 <= played.time_of(expected.raise_by) <= played.duration_s
    assert name in described(scenario)
    assert told(played)


def test_seed_decides_the_lift_and_the_box() -> None:
    scenario = load_scenario("normal-traffic")
    first, same, other = (play(scenario, seed) for seed in (1, 1, 2))
    assert first.lift.spec == same.lift.spec
    assert first.lift.spec != other.lift.spec
