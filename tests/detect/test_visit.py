"""A maintenance visit mutes what a technician does to the lift, never a person who calls, and never for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.catalogue_readiness import Lesson
from edge_agent.detect.detector import Detector
from edge_agent.detect.visit import VISIT_NS_MAX, WORD_NS_MAX, VisitStage
from edge_agent.readings import FaultReason, MaintenanceWord, Signal, SourceFault
from tests.detect.boxes import MG, Box
from tests.detect.physics import ORDINARY, braked, change, cut_short, pause
from tests.detect.scenes import DOORS, Scene, at_ns
from tests.detect.states import LIMITS

S = 1_000_000_000
OUTSIDE = AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE
WIRED = DOORS | {Signal.ALARM_BUTTON}


def say(scene: Scene, from_s: float, until_s: float, *, is_ended: bool) -> None:
    """As the agent does: at once, every 10 s, and once at the end."""
    t_s = from_s
    while t_s < until_s:
        scene.others.append(MaintenanceWord(at_ns(t_s), True))
        t_s += 10.0
    if is_ended:
        scene.others.append(MaintenanceWord(at_ns(until_s), False))


def begun() -> Scene:
    scene = Scene(signals=WIRED, box=Box(noise_mps2=1.0 * MG))
    return scene.stand(5.0).open().stand(3.0).close().stand(2.0)


def work(scene: Scene) -> None:
    """As in test_muting: drive from the car roof, stop by the brake, open a contact while moving, work for minutes."""
    begin_s, _ = scene.go([*change(0.6, ORDINARY), *pause(6.0), *braked(0.6, 4.0)])
    scene.edge(Signal.DOOR_CLOSED, False, begin_s + 4.0)
    scene.edge(Signal.DOOR_CLOSED, True, begin_s + 4.5)
    scene.stand(130.0)


def test_what_a_technician_does_raises_nothing_in_a_visit() -> None:
    scene = begun()
    from_s = scene.t_s
    work(scene)
    say(scene, from_s, scene.t_s, is_ended=False)
    assert scene.run().raised == []


def test_the_end_of_a_visit_is_the_end_of_muting() -> None:
    scene = begun()
    from_s = scene.t_s
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(60.0)
    end_s = scene.t_s
    say(scene, from_s, end_s, is_ended=True)
    (raised_s,) = scene.stand(40.0).run().times_s(OUTSIDE)
    assert end_s <= raised_s <= end_s + LIMITS.outside_zone_hold_s + 1.0


def test_a_word_that_nobody_repeats_ends_muting_by_itself() -> None:
    scene = begun()
    from_s = scene.t_s
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(10.0)
    say(scene, from_s, from_s + 1.0, is_ended=False)
    old_s = from_s + WORD_NS_MAX / S
    (raised_s,) = scene.stand(100.0).run().times_s(OUTSIDE)
    assert old_s <= raised_s <= old_s + LIMITS.outside_zone_hold_s + 1.0


def test_an_alarm_button_is_heard_in_a_visit() -> None:
    scene = begun()
    from_s = scene.t_s
    scene.edge(Signal.ALARM_BUTTON, True)
    scene.stand(LIMITS.alarm_button_s_min + 1.0)
    scene.edge(Signal.ALARM_BUTTON, False)
    scene.stand(2.0)
    say(scene, from_s, scene.t_s, is_ended=False)
    assert scene.run().raised == [AlarmKind.ALARM_BUTTON.public_name]


def test_a_dead_sensor_is_told_in_a_visit() -> None:
    scene = begun()
    from_s = scene.t_s
    scene.others.append(SourceFault(at_ns(from_s + 1.0), "pressure", FaultReason.ABSENT, "nothing answers"))
    scene.stand(10.0)
    say(scene, from_s, scene.t_s, is_ended=False)
    assert scene.run().raised == [AlarmKind.SENSOR_FAULT.public_name]


def test_what_was_raised_before_a_visit_stays_until_its_own_end() -> None:
    scene = begun()
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(100.0)
    from_s = scene.t_s
    scene.stand(30.0)
    say(scene, from_s, scene.t_s, is_ended=False)
    outcome = scene.run()
    assert len(outcome.of(AlarmKind.ENTRAPMENT)) == 1
    assert outcome.of(AlarmKind.ENTRAPMENT, AlarmState.CLEARED) == []


def trips_learned(scene: Scene) -> int:
    """Of the trips that it needs, how many the core has at the end."""
    detector = Detector(scene.installation, LIMITS)
    for reading in scene.readings():
        detector.step(reading)
    return {each.lesson: each.have for each in detector.readiness().missing}[Lesson.TRIPS]


def test_trips_in_a_visit_or_in_inspection_teach_nothing_about_the_lift() -> None:
    ordinary = begun()
    ordinary.serve(2).serve(1)
    assert trips_learned(ordinary) == 2
    visited = begun()
    from_s = visited.t_s
    visited.serve(2).serve(1)
    say(visited, from_s, visited.t_s, is_ended=False)
    assert trips_learned(visited) == 0
    inspected = Scene(signals=WIRED | {Signal.INSPECTION}, box=Box(noise_mps2=1.0 * MG)).stand(5.0)
    inspected.open().stand(3.0).close().stand(2.0).edge(Signal.INSPECTION, True)
    slow = replace(ORDINARY, speed_mps=0.5)
    for to in (1, 0):
        inspected.trip(to, slow)
        inspected.stand(5.0)
    assert trips_learned(inspected) == 0


@pytest.mark.parametrize(("after_ns", "is_active"), [(0, True), (VISIT_NS_MAX, True), (VISIT_NS_MAX + 1, False)])
def test_no_visit_mutes_longer_than_four_hours_however_often_it_is_said(after_ns: int, is_active: bool) -> None:
    stage = VisitStage()
    for t_ns in (*range(0, after_ns, 10 * S), after_ns):
        stage.take(t_ns, True)
    assert stage.is_active(after_ns) is is_active


def test_an_ended_visit_can_be_followed_by_another() -> None:
    stage = VisitStage()
    stage.take(0, True)
    stage.take(S, False)
    assert not stage.is_active(S)
    stage.take(VISIT_NS_MAX + S, True)
    assert stage.is_active(VISIT_NS_MAX + S)
