"""From findings to alarms: suspect, raise once, update, clear; numbers; what was open before a restart; no flood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident, Severity, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.episodes import UPDATE_NS_MIN, UPDATE_PERCENT_MIN, UPDATES_MAX, Episodes
from edge_agent.detect.rules.rule import Finding
from tests.detect.states import standing

SUSPECTED, RAISED, UPDATED, CLEARED = AlarmState.SUSPECTED, AlarmState.RAISED, AlarmState.UPDATED, AlarmState.CLEARED
KIND = AlarmKind.ENTRAPMENT
UPDATE_FRAMES = UPDATE_NS_MIN // 50_000_000

Script = Callable[[int], Iterable[Finding]]


class Scripted:
    """A rule that finds what the test says, frame by frame."""

    def __init__(
        self,
        script: Script,
        *,
        kind: AlarmKind = KIND,
        is_over: Callable[[int], bool] = lambda k: True,
        outlives_inspection: bool = False,
    ) -> None:
        self.kind = kind
        self.outlives_inspection = outlives_inspection
        self._script = script
        self._is_over = is_over
        self._frame = -1

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        self._frame += 1
        return tuple(self._script(self._frame))

    def is_over(self, car: CarState, subject: str) -> bool:
        return self._is_over(self._frame)


def finding(
    confirmed: bool = True, *, kind: AlarmKind = KIND, subject: str = "", percent: int | None = None, note: str = ""
) -> Finding:
    evidence, witnesses = (Evidence("x_s", 1.5),), frozenset({Witness.PRESENCE})
    return Finding(kind, confirmed, evidence, witnesses, percent, subject, note)


def during(first: int, last: int, *found: Finding) -> Script:
    """These findings in the frames from first to last."""
    return lambda k: found if first <= k <= last else ()


def run(
    rules: Iterable[Scripted],
    count: int,
    *,
    first_incident: int = 1,
    resumed: tuple[OpenIncident, ...] = (),
    inspection: Callable[[int], bool] = lambda k: False,
) -> list[Alarm]:
    episodes = Episodes(tuple(rules), first_incident, resumed)
    still = standing(0.0)
    return [
        alarm
        for k in range(count)
        for alarm in episodes.step(replace(still, t_ns=(k + 1) * 50_000_000, is_inspection=inspection(k)))
    ]


def stages(alarms: Iterable[Alarm]) -> list[tuple[int, AlarmState]]:
    """Frame and state."""
    return [(alarm.t_ns // 50_000_000 - 1, alarm.state) for alarm in alarms]


def test_a_finding_is_suspected_then_raised_then_cleared_each_once() -> None:
    def script(k: int) -> tuple[Finding, ...]:
        return (finding(k >= 40),) if 10 <= k < 70 else ()

    alarms = run([Scripted(script)], 100)
    assert stages(alarms) == [(10, SUSPECTED), (40, RAISED), (70, CLEARED)]
    assert {alarm.incident for alarm in alarms} == {1}


def test_what_is_sure_at_once_is_not_suspected_first() -> None:
    assert stages(run([Scripted(during(5, 9, finding()))], 20)) == [(5, RAISED), (10, CLEARED)]


def test_a_suspicion_that_ends_is_cleared_and_was_never_raised() -> None:
    assert stages(run([Scripted(during(5, 9, finding(False)))], 20)) == [(5, SUSPECTED), (10, CLEARED)]


def test_what_is_raised_stands_until_its_condition_is_gone() -> None:
    rule = Scripted(during(5, 5, finding()), is_over=lambda k: k >= 50)
    assert stages(run([rule], 100)) == [(5, RAISED), (50, CLEARED)]


def test_a_finding_that_is_confirmed_no_more_does_not_fall_back() -> None:
    def script(k: int) -> tuple[Finding, ...]:
        return (finding(k == 10),) if k >= 5 else ()

    assert stages(run([Scripted(script, is_over=lambda k: False)], 60)) == [(5, SUSPECTED), (10, RAISED)]


def test_an_alarm_carries_what_the_rule_saw_and_what_the_catalogue_says() -> None:
    (alarm, _) = run([Scripted(during(0, 0, finding(percent=83, note="看 X")))], 2)
    assert alarm.evidence == (Evidence("x_s", 1.5),)
    assert alarm.witnesses == {Witness.PRESENCE}
    assert (alarm.severity, alarm.occupied_percent, alarm.note) == (Severity.CRITICAL, 83, "看 X")
    minor = run([Scripted(during(0, 0, finding(kind=AlarmKind.SENSOR_FAULT)), kind=AlarmKind.SENSOR_FAULT)], 1)
    assert minor[0].severity is Severity.MINOR


# ---- numbers


def test_each_incident_has_a_number_of_its_own() -> None:
    rules = [
        Scripted(lambda k: (finding(),) if k % 4 < 2 else ()),
        Scripted(
            lambda k: (finding(k % 6 < 3, kind=AlarmKind.SENSOR_FAULT, subject=str(k // 6)),),
            kind=AlarmKind.SENSOR_FAULT,
        ),
    ]
    alarms = run(rules, 120, first_incident=41)
    owners: dict[int, set[tuple[AlarmKind, int]]] = {}
    for alarm in alarms:
        owners.setdefault(alarm.incident, set()).add((alarm.kind, alarm.incident))
    assert min(owners) == 41
    assert all(len(kinds) == 1 for kinds in owners.values())
    begun = Counter(alarm.incident for alarm in alarms if alarm.state in (SUSPECTED, RAISED))
    ended = Counter(alarm.incident for alarm in alarms if alarm.state is CLEARED)
    assert max(begun.values()) <= 2  # suspected and raised
    assert max(ended.values()) == 1


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.booleans()), max_size=3, unique_by=lambda f: f[0]),
        max_size=60,
    ),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_whatever_is_found_each_incident_goes_through_its_stages_in_order(
    found: list[list[tuple[str, bool]]], over: list[bool]
) -> None:
    def script(k: int) -> list[Finding]:
        return [finding(sure, subject=subject) for subject, sure in found[k]] if k < len(found) else []

    alarms = run([Scripted(script, is_over=lambda k: over[k] if k < 60 else True)], 70)
    by_incident: dict[int, list[AlarmState]] = {}
    for alarm in alarms:
        by_incident.setdefault(alarm.incident, []).append(alarm.state)
    for states in by_incident.values():
        if states[-1] is not CLEARED:  # still held open, as what flickers is
            states.append(CLEARED)
        assert states in ([SUSPECTED, RAISED, CLEARED], [RAISED, CLEARED], [SUSPECTED, CLEARED])
    assert sorted(by_incident) == list(range(1, len(by_incident) + 1))


def test_subjects_of_one_kind_are_incidents_of_their_own() -> None:
    rule = Scripted(lambda k: [finding(subject=s) for s in ("front", "rear") if k >= (5 if s == "front" else 8)])
    alarms = run([rule], 20)
    assert stages(alarms) == [(5, RAISED), (8, RAISED)]
    assert [alarm.incident for alarm in alarms] == [1, 2]


# ---- updates


def test_the_picture_is_told_again_only_when_it_has_changed_and_not_too_often() -> None:
    changes = UPDATE_FRAMES // 2  # half way to the earliest moment

    def script(k: int) -> tuple[Finding, ...]:
        return (finding(percent=50 if k < changes else 50 + UPDATE_PERCENT_MIN),)

    assert stages(run([Scripted(script)], 4 * UPDATE_FRAMES)) == [(0, RAISED), (UPDATE_FRAMES, UPDATED)]


@pytest.mark.parametrize("change", [UPDATE_PERCENT_MIN - 1, -(UPDATE_PERCENT_MIN - 1), 0])
def test_a_small_change_is_not_told(change: int) -> None:
    rule = Scripted(lambda k: (finding(percent=50 if k < 10 else 50 + change),))
    assert stages(run([rule], 3 * UPDATE_FRAMES)) == [(0, RAISED)]


def test_small_changes_add_up() -> None:
    """Against what was told last, not against the frame before."""
    rule = Scripted(lambda k: (finding(percent=20 + k // 100),))
    told = [alarm.occupied_percent or 0 for alarm in run([rule], 3 * UPDATE_FRAMES)]
    assert len(told) >= 2
    assert all(after - before >= UPDATE_PERCENT_MIN for before, after in pairwise(told))


def test_updates_of_one_incident_are_bounded() -> None:
    rule = Scripted(lambda k: (finding(percent=90 if k // UPDATE_FRAMES % 2 else 10),))
    alarms = run([rule], (UPDATES_MAX + 20) * UPDATE_FRAMES)
    assert Counter(alarm.state for alarm in alarms) == {RAISED: 1, UPDATED: UPDATES_MAX}


def test_a_kind_that_does_not_speak_of_people_is_not_updated() -> None:
    assert stages(run([Scripted(lambda k: (finding(),))], 3 * UPDATE_FRAMES)) == [(0, RAISED)]


# ---- floods


def test_ten_thousand_flapping_findings_while_the_condition_stands_are_one_alarm() -> None:
    rule = Scripted(lambda k: (finding(),) if k % 2 else (), is_over=lambda k: False)
    assert stages(run([rule], 20_000)) == [(1, RAISED)]


HOUR_FRAMES = 72_000


@pytest.mark.parametrize("confirmed", [True, False], ids=["raised", "suspected"])
def test_ten_thousand_flapping_findings_are_no_flood(confirmed: bool) -> None:
    """Source: alarms.md, a flood becomes a count and a rate. A hundred an hour are more than anybody reads."""
    count = 20_000
    alarms = run([Scripted(lambda k: (finding(confirmed),) if k % 2 else ())], count)
    assert len(alarms) <= 100 + 100 * count / HOUR_FRAMES


# ---- muting


def test_inspection_operation_mutes_a_rule_unless_it_outlives_it() -> None:
    for outlives, expected in ((False, []), (True, [(3, RAISED)])):
        rule = Scripted(during(3, 8, finding()), outlives_inspection=outlives, is_over=lambda k: False)
        assert stages(run([rule], 20, inspection=lambda k: True)) == expected


def test_what_is_still_found_after_inspection_operation_is_raised_then() -> None:
    rule = Scripted(during(3, 50, finding()))
    assert stages(run([rule], 40, inspection=lambda k: k < 20)) == [(20, RAISED)]


# ---- after a restart


OPEN = (OpenIncident(KIND, 7),)


def test_an_incident_that_is_found_again_keeps_its_number_and_is_not_raised_again() -> None:
    alarms = run([Scripted(during(2, 40, finding()), is_over=lambda k: k > 40)], 60, resumed=OPEN)
    assert stages(alarms) == [(41, CLEARED)]
    assert [alarm.incident for alarm in alarms] == [7]


def test_an_incident_whose_condition_is_gone_is_cleared_with_its_number() -> None:
    alarms = run([Scripted(during(99, 99), is_over=lambda k: k >= 10)], 20, resumed=OPEN)
    assert [(frame, state, 7) for frame, state in stages(alarms)] == [(10, CLEARED, 7)]
    assert alarms[0].incident == 7


def test_new_incidents_get_numbers_beyond_the_resumed_ones() -> None:
    alarms = run([Scripted(lambda k: (finding(),) if k > 20 else (), is_over=lambda k: True)], 30, resumed=OPEN)
    assert [(alarm.state, alarm.incident) for alarm in alarms] == [(CLEARED, 7), (RAISED, 8)]


def test_the_first_incident_counts_where_it_is_beyond_the_resumed_ones() -> None:
    alarms = run([Scripted(during(5, 9, finding()))], 20, resumed=OPEN, first_incident=100)
    assert [alarm.incident for alarm in alarms if alarm.state is RAISED] == [100]


def test_a_resumed_incident_takes_the_first_subject_that_is_found() -> None:
    rule = Scripted(lambda k: [finding(subject="pressure")] if k < 10 else [], is_over=lambda k: k >= 10)
    assert [(alarm.state, alarm.incident) for alarm in run([rule], 20, resumed=OPEN)] == [(CLEARED, 7)]


def test_a_kind_that_no_rule_knows_any_more_only_keeps_its_number_from_being_used_again() -> None:
    alarms = run([Scripted(during(0, 3, finding()))], 10, resumed=(OpenIncident(AlarmKind.STORAGE_LOW, 12),))
    assert [alarm.incident for alarm in alarms] == [13, 13]
