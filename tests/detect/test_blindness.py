"""What the core cannot see: gaps in the samples, restarts, a way that was lost; and two words about one thing."""

from __future__ import annotations

import pytest

from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.readings import AccelFrame, Signal, SignalEdge
from tests.detect.boxes import MG, Box
from tests.detect.physics import ORDINARY, cut_short
from tests.detect.scenes import DOORS, Outcome, Scene, concluded
from tests.detect.states import LIMITS

OUTSIDE, ENTRAPMENT = AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE, AlarmKind.ENTRAPMENT


def stuck() -> tuple[Scene, float]:
    """People ride and are stopped between landings; returns when."""
    scene = Scene(box=Box(noise_mps2=1.0 * MG)).stand(5.0).open().stand(3.0).close().stand(1.5)
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    return scene, scene.t_s


@pytest.mark.parametrize("gap_s", [0.5, 8.0])
def test_a_gap_in_the_samples_ends_no_alarm_of_a_standing_car(gap_s: float) -> None:
    scene, at_s = stuck()
    scene.stand(150.0).silences_s.append((at_s + 100.0, at_s + 100.0 + gap_s))
    outcome = scene.run()
    assert (len(outcome.of(OUTSIDE)), len(outcome.of(ENTRAPMENT))) == (1, 1)
    assert outcome.of(OUTSIDE, AlarmState.CLEARED) == outcome.of(ENTRAPMENT, AlarmState.CLEARED) == []


@pytest.mark.parametrize("gap_s", [0.5, 8.0])
def test_a_gap_in_the_samples_ends_no_entrapment(gap_s: float) -> None:
    scene, at_s = stuck()
    scene.stand(150.0).silences_s.append((at_s + 100.0, at_s + 100.0 + gap_s))
    outcome = scene.run()
    assert len(outcome.of(ENTRAPMENT)) == 1
    assert outcome.of(ENTRAPMENT, AlarmState.CLEARED) == []


def test_people_are_found_although_the_samples_broke_off_while_they_waited() -> None:
    scene, at_s = stuck()
    scene.stand(200.0).silences_s.append((at_s + 20.0, at_s + 22.0))
    (raised_s,) = scene.run().times_s(ENTRAPMENT)
    assert raised_s - (at_s + 22.0) <= LIMITS.entrapment_hold_s_place_unknown + 10.0


def restarted(seconds: float, *, opens: bool = False) -> Outcome:
    """The agent dies a minute and a half after the stop and is started again; two incidents were open."""
    scene, _ = stuck()
    scene.stand(90.0)
    back_s = scene.t_s
    scene.stand(seconds)
    if opens:
        scene.trip(1)
        scene.stand(1.0).open().stand(6.0)
    scene.start = None
    later = [reading for reading in scene.readings() if reading.t_ns >= back_s * 1e9]
    first = next(reading.t_ns for reading in later if isinstance(reading, AccelFrame))
    levels = [SignalEdge(first, signal, signal is Signal.DOOR_CLOSED) for signal in scene.signals]
    resumed = (OpenIncident(ENTRAPMENT, 4), OpenIncident(OUTSIDE, 5))
    return concluded(scene.installation, [*levels, *later], first_incident=9, resumed=resumed)


def test_after_a_restart_an_entrapment_stands_until_the_door_opens() -> None:
    outcome = restarted(120.0)
    assert outcome.of(ENTRAPMENT, AlarmState.CLEARED) == []
    assert outcome.of(ENTRAPMENT) == []


def test_after_a_restart_the_opening_door_ends_the_entrapment_under_its_number() -> None:
    (cleared,) = restarted(30.0, opens=True).of(ENTRAPMENT, AlarmState.CLEARED)
    assert cleared.incident == 4


def test_after_a_restart_a_car_outside_the_zone_has_not_arrived() -> None:
    assert restarted(120.0).of(OUTSIDE, AlarmState.CLEARED) == []


def test_a_way_lost_once_is_lost_once() -> None:
    """The samples begin while the car runs: where it is comes out by trips of which only one place is the end."""
    scene = Scene().stand(3.0)
    begin_s, end_s = scene.trip(3)
    scene.silences_s.append((0.0, (begin_s + end_s) / 2.0))
    scene.stand(1.0).open().stand(4.0)
    lost_s = scene.t_s
    scene.close().stand(2.0).serve(4).serve(0)
    lost, found = scene.cars(lost_s, scene.t_s)
    assert (lost.position.height_m, lost.position.is_outside_zone) == (None, False)
    assert found.position.height_m == 0.0


def test_a_zone_contact_decides_where_the_controller_says_otherwise() -> None:
    """The controller's word about the zone counts only where no contact is wired."""
    for wired, expected in ((frozenset[Signal](), True), (frozenset({Signal.DOOR_ZONE}), False)):
        scene = Scene(signals=DOORS | wired, has_controller=True).stand(5.0)
        scene.edge(Signal.DOOR_ZONE, True)
        for _ in range(10):
            scene.stand(1.0)
            scene.report(door_zone=False)
        assert scene.stand(2.0).car().position.is_outside_zone is expected
