"""Any text as a scenario file, and any order of steps: it is read and lived through, or refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind
from edge_agent.readings import Mode
from sim.scenario import FaultKind, ScenarioError, play
from sim.scenario_file import parse_scenario
from sim.steps import VERBS
from sim.words import Behaviour, Side, StopCause

HEAD = 'format = 1\ntitle = "Any story at all"\nstory = "What happens is drawn at random."\n'
LANDINGS = 4
WITH_LINE = re.compile(r"any\.toml:\d+: ")

words = st.sampled_from([*VERBS, "rid", "", "door_open", "controller", "frozen", "entrapment", "a\nb", "ü", "\\", '"'])
numbers = st.one_of(
    st.integers(-5, 20), st.integers(), st.integers(10**300, 10**310), st.floats(), st.floats(-1.0, 100.0)
)
values = st.recursive(st.one_of(words, numbers, st.booleans()), lambda inner: st.lists(inner, max_size=3), max_leaves=4)


def toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        case list():
            return "[" + ", ".join(toml(each) for each in value) + "]"
        case Enum():
            return f'"{value.value}"'
        case _:
            return repr(value)


def read(text: str) -> bool:
    """True if the text is a scenario; if it is none, every problem says where."""
    try:
        parse_scenario(text, "any.toml", "any")
    except ScenarioError as error:
        lines = str(error).splitlines()
        assert lines
        assert all(WITH_LINE.match(line) for line in lines), lines
        return False
    return True


@given(st.one_of(st.text(max_size=200), st.text(max_size=100).map(lambda tail: HEAD + tail)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_scenario_or_refused_with_file_and_line(text: str) -> None:
    read(text)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 2000 + "]" * 2000, "9" * 400, "1e400", "-inf", "nan"])
def test_value_beyond_all_bounds_is_refused_with_file_and_line(value: str) -> None:
    assert not read(HEAD + f'[[step]]\ndo = "wait"\nfor_s = {value}\n')
    assert not read(HEAD + f"[lift]\nlandings = {value}\n")


KEYS = sorted(
    {field.name for kind in VERBS.values() for field in fields(kind)}
    | {"do", "mark", "of", "is", "from_s", "after", "amount", "kind", "raise_by_s", "clear_by_s", "until_s", "drive"}
    | {"landings", "rated_speed_mps", "landing_heights_m", "installer_says_heights_m", "storey_m", "start_landing"}
    | {"accelerometer", "accel_rate_hz", "signals", "controller", "pressure", "installer_knows"}
)
rows = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)


@given(
    st.lists(
        st.tuples(st.sampled_from(["[lift]", "[box]", "[[step]]", "[[fault]]", "[[expect]]", "[[allow]]"]), rows),
        max_size=6,
    )
)
@settings(max_examples=400, deadline=None)
def test_any_keys_with_any_values_are_read_or_refused_with_file_and_line(
    tables: list[tuple[str, Mapping[str, object]]],
) -> None:
    body = "".join(f"{head}\n" + "".join(f"{k} = {toml(v)}\n" for k, v in row.items()) for head, row in tables)
    read(HEAD + body)


@st.composite
def a_step(draw: st.DrawFn) -> str:
    """A step that a file may hold, with values in their bounds and times that keep the test short."""
    number = st.floats(0.1, 5.0).map(lambda value: round(value, 3))
    share = st.floats(0.0, 1.0).map(lambda value: round(value, 3))
    landing = st.integers(0, LANDINGS - 1)
    known: dict[str, st.SearchStrategy[object]] = {
        "people": st.integers(1, 3),
        "how": st.sampled_from(Behaviour),
        "reaches": share,
        "tries": st.integers(1, 3),
        "by_hand": st.booleans(),
        "obstructed_times": st.integers(0, 3),
        "obstructed_at": share,
        "jams_at": share,
        "to": landing,
        "stops_with": st.sampled_from(StopCause),
        "stops_at": st.floats(0.0, LANDINGS - 1.0).map(lambda value: round(value, 2)),
        "door_opens": share,
        "on": st.booleans(),
        "closed": st.booleans(),
        "number": st.integers(1, 99),
        "mode": st.sampled_from(Mode),
        "side": st.sampled_from(Side),
        "tilt_deg": st.floats(-90.0, 90.0),
        "sink_mm": st.floats(0.0, 50.0),
        "offset_mm": st.floats(-100.0, 100.0),
        "by_m": st.floats(-10.0, 10.0),
        "trips_per_hour": st.floats(1.0, 400.0),
        "pace": st.floats(0.02, 3.0),
        "for_s": st.floats(0.0, 60.0),
        "speed_mps": st.floats(0.1, 5.0),
        "times_slower": st.floats(0.2, 5.0),
        "accel_mps2": st.floats(0.05, 5.0),
        "over_s": st.floats(0.5, 60.0),
    }
    verb = draw(st.sampled_from(sorted(VERBS)))
    rows = [f'do = "{verb}"']
    for field in fields(VERBS[verb]):
        if field.default is MISSING or draw(st.booleans()):
            rows.append(f"{field.name} = {toml(draw(known.get(field.name, number)))}")
    return "[[step]]\n" + "\n".join(rows) + "\n"


@given(st.lists(a_step(), min_size=1, max_size=12), st.integers(0, 50))
@settings(max_examples=400, deadline=None)
def test_any_steps_in_any_order_are_lived_through_or_refused_with_file_and_line(steps: list[str], seed: int) -> None:
    text = HEAD + f"[lift]\nlandings = {LANDINGS}\n" + "".join(steps)
    refusal = None
    try:
        played = play(parse_scenario(text, "any.toml", "any"), seed)
    except ScenarioError as error:
        refusal = str(error)
    if refusal is not None:
        assert all(WITH_LINE.match(line) for line in refusal.splitlines()), refusal
        return
    heights = played.lift.motion.sample(np.linspace(0.0, played.duration_s, 50))[0]
    assert np.all(np.isfinite(heights))


@given(st.sampled_from(FaultKind), st.sampled_from(["accelerometer", "controller", "door_open", "pressure"]))
def test_any_fault_fits_its_source_or_is_refused_with_file_and_line(kind: FaultKind, of: str) -> None:
    read(HEAD + f'[[step]]\ndo = "wait"\nfor_s = 1\n[[fault]]\nof = "{of}"\nis = "{kind.value}"\n')


@given(st.sampled_from(AlarmKind), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_any_expectation_is_read_or_refused_with_file_and_line(kind: AlarmKind, from_s: float, by_s: float) -> None:
    moment = f"from_s = {from_s!r}\nraise_by_s = {by_s!r}\nclear_by_s = {by_s!r}\n"
    read(HEAD + f'[[step]]\ndo = "wait"\nfor_s = 1\n[[expect]]\nkind = "{kind.public_name}"\n{moment}')


def test_contact_that_would_chatter_without_bounds_is_refused_with_file_and_line() -> None:
    fault = '[[fault]]\nof = "door_open"\nis = "chattering"\namount = 1000\n'
    assert not read(HEAD + f'[[step]]\ndo = "wait"\nfor_s = 1\n{fault}')
    assert read(HEAD + f'[[step]]\ndo = "wait"\nfor_s = 1\n{fault}for_s = 60\n')
