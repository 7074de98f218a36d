"""The incident fold: order does not matter, and each state is reached by what the table says."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire import Act, IncidentRef, Notice, Phase, Record, Stream
from receiver.incidents import Incident, IncidentKey, IncidentState
from tests.receiver.making import DEVICE, LOG, NOW_MS, SENSOR_FAULT, alarm, identity

KEY = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)
FAULT_KEY = IncidentKey(DEVICE, LOG, Stream.FAULT, 1)


def said(number: int, act: Act, who: str = "Li", eta_min: int | None = None) -> Notice:
    return Notice(number, act, IncidentRef(LOG, Stream.ALARM, 1), NOW_MS + 1000 * number, who, eta_min)


def fold(key: IncidentKey, *parts: Record | Notice) -> Incident:
    incident = Incident(key)
    for part in parts:
        incident = incident.with_record(part) if isinstance(part, Record) else incident.with_notice(part)
    return incident


phases = st.sampled_from([Phase.UPDATED, Phase.CONDITION_GONE, Phase.ENDED])
records = st.lists(phases, max_size=8).map(
    lambda found: [
        alarm(1),
        *(alarm(2 + i, phase=phase, incident=1, percent=50 + i) for i, phase in enumerate(found)),
    ]
)
notices = st.lists(st.tuples(st.sampled_from(list(Act)), st.sampled_from(["Li", "Wang"])), max_size=6).map(
    lambda found: [said(1 + i, act, who) for i, (act, who) in enumerate(found)]
)


@given(records, notices, st.randoms(use_true_random=False))
def test_any_order_and_any_duplication_give_the_same_incident(
    found: list[Record], told: list[Notice], chance: random.Random
) -> None:
    parts: list[Record | Notice] = [*found, *told]
    in_order = fold(KEY, *parts)
    mixed = parts + chance.choices(parts, k=4)
    chance.shuffle(mixed)
    again = fold(KEY, *mixed)
    assert again == in_order
    assert again.state is in_order.state
    assert again.takeover == in_order.takeover
    assert again.is_open == in_order.is_open


@given(records, notices)
def test_the_lowest_and_highest_record_of_each_phase_decide(found: list[Record], told: list[Notice]) -> None:
    kept = []
    for phase in Phase:
        of_phase = [record for record in found if record.phase is phase]
        kept += [of_phase[0], of_phase[-1]] if of_phase else []
    assert fold(KEY, *kept, *told) == fold(KEY, *found, *told)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ([alarm(2, phase=Phase.UPDATED, incident=1)], IncidentState.RAISED),
        ([alarm(1)], IncidentState.STORED),
        ([alarm(1), said(1, Act.SHOWN)], IncidentState.SHOWN),
        ([alarm(1), said(1, Act.SHOWN), said(2, Act.TAKEN_OVER)], IncidentState.TAKEN_OVER),
        ([alarm(1), said(1, Act.HELP_SENT)], IncidentState.TAKEN_OVER),
        ([alarm(1), said(1, Act.TAKEN_OVER), said(2, Act.ON_SITE)], IncidentState.ON_SITE),
        ([alarm(1), said(1, Act.ON_SITE), alarm(2, phase=Phase.CONDITION_GONE, incident=1)],
         IncidentState.CONDITION_GONE),
        ([alarm(1), alarm(2, phase=Phase.ENDED, incident=1)], IncidentState.ENDED),
        ([alarm(1), said(1, Act.CLOSED)], IncidentState.ENDED),
        ([alarm(1), alarm(2, phase=Phase.ENDED, incident=1), said(1, Act.FALSE_ALARM)], IncidentState.FALSE_ALARM),
        ([alarm(1), said(1, Act.REMOTE_RESET)], IncidentState.STORED),
    ],
)  # fmt: skip
def test_each_state_is_reached_in_whatever_order(parts: list[Record | Notice], state: IncidentState) -> None:
    for order in itertools.permutations(parts):
        assert fold(KEY, *order).state is state


def test_an_alarm_stays_open_when_its_condition_is_gone() -> None:
    gone = fold(KEY, alarm(1), alarm(2, phase=Phase.CONDITION_GONE, incident=1))
    assert gone.is_open
    assert not gone.needs_taking_over


def test_a_fault_is_over_when_its_condition_is_gone() -> None:
    opener = alarm(1, kind=SENSOR_FAULT)
    assert fold(FAULT_KEY, opener).is_open
    assert not fold(FAULT_KEY, opener, alarm(2, kind=SENSOR_FAULT, phase=Phase.CONDITION_GONE, incident=1)).is_open


def test_a_condition_that_comes_back_is_there_again() -> None:
    parts = [
        alarm(1),
        alarm(2, phase=Phase.CONDITION_GONE, incident=1),
        alarm(3, phase=Phase.UPDATED, incident=1),
    ]
    assert fold(KEY, *parts).state is IncidentState.STORED
    assert fold(KEY, *parts, alarm(4, phase=Phase.CONDITION_GONE, incident=1)).state is IncidentState.CONDITION_GONE


def test_only_an_alarm_that_nobody_took_over_needs_taking_over() -> None:
    assert fold(KEY, alarm(1)).needs_taking_over
    assert fold(KEY, alarm(1), said(1, Act.SHOWN)).needs_taking_over
    assert not fold(KEY, alarm(1), said(1, Act.TAKEN_OVER)).needs_taking_over
    assert not fold(FAULT_KEY, alarm(1, kind=SENSOR_FAULT)).needs_taking_over


def test_the_latest_taking_over_counts_and_says_when_they_are_due() -> None:
    takeover = fold(KEY, alarm(1), said(2, Act.TAKEN_OVER, "Wang", 10), said(1, Act.TAKEN_OVER, "Li", 30)).takeover
    assert takeover is not None
    assert takeover.who == "Wang"
    assert takeover.due_ms == NOW_MS + 2000 + 10 * 60_000


def test_a_key_survives_the_way_through_text() -> None:
    assert str(KEY) == "faa34e693dafa441-2654435769-0-1"
    assert IncidentKey.parse(str(KEY)) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "faa34e693dafa441-1-0",
        "A1B2C3D4E5F60718-1-0-1",
        "faa34e693dafa441-1-4-1",
        "faa34e693dafa441-1-0-0",
        "faa34e693dafa441-01-0-1",
        "faa34e693dafa441-1-0-4294967296",
        "faa34e693dafa441-1-0-1\n",
        "faa34e693dafa441-1-0-١",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    assert IncidentKey.parse(text) is None


def test_tests_and_system_records_belong_to_no_incident() -> None:
    assert IncidentKey.of(alarm(1)) == KEY
    assert IncidentKey.of(alarm(7, phase=Phase.UPDATED, incident=1)) == KEY
    assert IncidentKey.of(alarm(1, phase=Phase.TEST)) is None
    assert IncidentKey.of(identity(1)) is None
