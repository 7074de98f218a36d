"""A door contact that opens during a trip: limits from both sides, how soon it is told, near misses at the landing."""

from __future__ import annotations

from functools import partial

import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.detect.course import Course
from edge_agent.detect.rules.door import DoorOpenInMotionRule
from edge_agent.readings import ControllerDoor, Signal
from tests.detect.physics import FAST, ORDINARY, SLOW, Drive, change, pause, two_speed
from tests.detect.scenes import DOORS, Scene, concluded
from tests.detect.states import ARRIVED_S, LIMITS, frames, limited, running, told

KIND = AlarmKind.DOOR_OPEN_IN_MOTION


def riding(scene: Scene | None = None, to: int = 4) -> tuple[Scene, float, float]:
    """A trip over 12 m; returns when it begins and ends."""
    scene = (Scene() if scene is None else scene).stand(5.0).open().stand(3.0).close().stand(1.5)
    begin_s, end_s = scene.trip(to)
    return scene, begin_s, end_s


def break_contact(scene: Scene, at_s: float, seconds: float, signal: Signal = Signal.DOOR_CLOSED) -> None:
    scene.edge(signal, False, at_s)
    scene.edge(signal, True, at_s + seconds)


# ---- limits


@pytest.mark.parametrize("limit_ms", [LIMITS.door_motion_ms_min, 60.0])
def test_the_contact_must_be_open_for_so_long(limit_ms: float) -> None:
    for length_ms, count in ((limit_ms - 2.0, 0), (limit_ms + 2.0, 1)):
        for phase_ms in (0.0, 41.0):
            scene, begin_s, _ = riding()
            break_contact(scene, begin_s + 5.0 + phase_ms / 1000.0, length_ms / 1000.0)
            outcome = scene.stand(5.0).run(limited("door_motion_ms_min", limit_ms))
            assert len(outcome.of(KIND)) == count


@pytest.mark.parametrize("limit_mps", [LIMITS.door_motion_speed_mps_min, 0.3])
def test_the_car_must_move_faster_than_so_much(limit_mps: float) -> None:
    """A slow trip, out of the zone by a contact's word, a little below and above the limit."""
    for factor, count in ((0.8, 0), (1.2, 1)):
        slow = Drive(factor * limit_mps, 0.3, 1.0)
        scene = Scene(signals=DOORS | {Signal.DOOR_ZONE}, drive=slow)
        scene.edge(Signal.DOOR_ZONE, True)
        scene.stand(5.0).open().stand(3.0).close().stand(2.0)
        scene.edge(Signal.DOOR_ZONE, False, scene.t_s + 5.0)
        begin_s, _ = scene.go([*change(slow.speed_mps, slow), *pause(20.0), *change(-slow.speed_mps, slow)])
        break_contact(scene, begin_s + 12.0, 0.1)
        outcome = scene.stand(5.0).run(limited("door_motion_speed_mps_min", limit_mps))
        assert len(outcome.of(KIND)) == count


# ---- when


@pytest.mark.parametrize("rear", [False, True])
def test_it_is_told_within_a_fifth_of_a_second_of_the_break(rear: bool) -> None:
    """Source: alarms.md, hard events within 0.2 s of the deciding sample."""
    signals = DOORS | {Signal.DOOR_CLOSED_REAR, Signal.DOOR_OPEN_REAR} if rear else DOORS
    for phase_s in (0.0, 0.023, 0.049):
        scene, begin_s, _ = riding(Scene(signals=signals))
        at_s = begin_s + 5.0 + phase_s
        break_contact(scene, at_s, 0.4, Signal.DOOR_CLOSED_REAR if rear else Signal.DOOR_CLOSED)
        (raised_s,) = scene.stand(5.0).run().times_s(KIND)
        assert at_s + LIMITS.door_motion_ms_min / 1000.0 <= raised_s <= at_s + 0.2


def test_it_shows_speed_and_duration_and_whether_somebody_is_inside() -> None:
    scene, begin_s, _ = riding()
    break_contact(scene, begin_s + 5.0, 0.045)
    (alarm,) = scene.stand(5.0).run().of(KIND)
    evidence = {item.name: item.value for item in alarm.evidence}
    assert evidence["car_speed_mps"] == pytest.approx(1.0, abs=0.1)
    assert 20 <= float(evidence["door_open_ms"]) <= 45
    assert alarm.occupied_percent is not None


def test_a_bouncing_contact_is_one_alarm() -> None:
    scene, begin_s, _ = riding()
    for k in range(40):
        break_contact(scene, begin_s + 3.0 + 0.1 * k, 0.05)
    assert len(scene.stand(5.0).run().of(KIND)) == 1


@pytest.mark.parametrize("knows", [True, False], ids=["heights-known", "heights-unknown"])
@pytest.mark.parametrize("drive", [SLOW, ORDINARY, FAST], ids=lambda drive: str(drive.speed_mps))
def test_it_is_seen_on_every_lift(drive: Drive, knows: bool) -> None:
    scene, begin_s, end_s = riding(Scene(drive=drive, knows_heights=knows))
    break_contact(scene, (begin_s + end_s) / 2.0, 0.1)
    assert len(scene.stand(5.0).run().of(KIND)) == 1


@pytest.mark.parametrize(("speed_mps", "count"), [(0.9, 0), (1.0, 1)])
@pytest.mark.parametrize("witness", [True, None], ids=["zone-contact", "by-height"])
def test_a_landing_is_passed_and_not_reached_at_more_than_0_85_mps(
    speed_mps: float, count: int, witness: bool | None
) -> None:
    """The speed less twice its doubt of 0.05 m/s decides; levelling is slower."""
    make = partial(
        running,
        speed_mps=speed_mps,
        course=Course(0),
        motion__is_sure=True,
        motion__doubt_mps=0.05,
        door__break_ns=50_000_000,
        position__is_outside_zone=False,
        position__zone_witness=witness,
    )
    assert len(told(DoorOpenInMotionRule(LIMITS), frames(ARRIVED_S, ARRIVED_S + 1.0, make)).raised_s) == count


def test_a_door_that_stays_open_after_the_stop_keeps_it_standing() -> None:
    scene, begin_s, _ = riding()
    scene.edge(Signal.DOOR_CLOSED, False, begin_s + 5.0)
    scene.stand(30.0)
    scene.edge(Signal.DOOR_CLOSED, True)
    closed_s = scene.t_s
    outcome = scene.stand(5.0).run()
    assert len(outcome.of(KIND)) == 1
    (cleared_s,) = outcome.times_s(KIND, AlarmState.CLEARED)
    assert closed_s <= cleared_s <= closed_s + 0.3


def test_closed_again_on_the_way_it_ends_with_the_trip() -> None:
    scene, begin_s, end_s = riding()
    break_contact(scene, begin_s + 5.0, 0.1)
    (cleared_s,) = scene.stand(8.0).run().times_s(KIND, AlarmState.CLEARED)
    assert end_s - 0.2 <= cleared_s <= end_s + 2.0


def test_where_no_contact_is_wired_the_controllers_word_counts() -> None:
    scene = Scene(signals=frozenset(), has_controller=True)
    for word in (ControllerDoor.CLOSED, ControllerDoor.OPENING, ControllerDoor.OPEN, ControllerDoor.CLOSED):
        scene.report(door=word)
        scene.stand(4.0)
    begin_s, _ = scene.trip(4)
    scene.report(begin_s + 5.0, door=ControllerDoor.OPENING)
    scene.report(begin_s + 5.5, door=ControllerDoor.CLOSED)
    assert len(scene.stand(5.0).run().of(KIND)) == 1


# ---- near misses


@pytest.mark.parametrize("knows", [True, False], ids=["heights-known", "heights-unknown"])
@pytest.mark.parametrize("drive", [SLOW, ORDINARY, FAST], ids=lambda drive: str(drive.speed_mps))
def test_opening_ahead_of_the_landing_is_none(drive: Drive, knows: bool) -> None:
    """Advance door opening: the door begins to open below 0.3 m/s, within the last centimetres."""
    scene, _, end_s = riding(Scene(drive=drive, knows_heights=knows))
    scene.edge(Signal.DOOR_CLOSED, False, end_s - 0.55)
    scene.edge(Signal.DOOR_OPEN, True, end_s + 1.5)
    scene.stand(5.0).close().stand(2.0)
    scene.trip(0)
    scene.edge(Signal.DOOR_CLOSED, False, scene.t_s - 0.55)
    assert scene.stand(5.0).run().of(KIND) == []


CREEP = Drive(1.0, 0.8, 2.0)


def test_a_two_speed_lift_that_opens_while_it_creeps_is_none() -> None:
    scene = Scene(drive=CREEP).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.go(two_speed(12.0, CREEP, creep_mps=0.25, creep_s=2.0, drop_mps2=1.0))
    scene.edge(Signal.DOOR_CLOSED, False, scene.t_s - 0.8)
    scene.edge(Signal.DOOR_OPEN, True, scene.t_s + 1.5)
    assert scene.stand(5.0).run().of(KIND) == []


def test_a_door_that_opens_while_the_car_creeps_between_landings_is_told() -> None:
    scene = Scene(signals=DOORS | {Signal.DOOR_ZONE}, drive=CREEP)
    scene.edge(Signal.DOOR_ZONE, True)
    scene.stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.edge(Signal.DOOR_ZONE, False, scene.t_s + 1.5)
    scene.go(two_speed(10.5, CREEP, creep_mps=0.25, creep_s=4.0, drop_mps2=1.0))
    break_contact(scene, scene.t_s - 2.0, 0.5)
    assert len(scene.stand(5.0).run().of(KIND)) == 1


def test_re_levelling_with_the_door_open_is_none() -> None:
    scene = Scene().stand(5.0).open().stand(2.0)
    for sign in (1.0, -1.0, -1.0, 1.0):
        scene.go(
            [*change(sign * 0.06, Drive(0.06, 0.1, 0.3)), *pause(0.05), *change(-sign * 0.06, Drive(0.06, 0.1, 0.3))]
        )
        scene.stand(3.0)
    assert scene.run().of(KIND) == []


def test_a_break_at_rest_is_none() -> None:
    scene, _, end_s = riding()
    break_contact(scene, end_s + 3.0, 0.1)
    break_contact(scene, 11.5, 0.1)
    assert scene.stand(6.0).run().of(KIND) == []


def test_a_break_of_the_open_contact_is_none() -> None:
    scene, begin_s, _ = riding()
    scene.edge(Signal.DOOR_OPEN, True, begin_s + 5.0)
    scene.edge(Signal.DOOR_OPEN, False, begin_s + 5.1)
    assert scene.stand(5.0).run().of(KIND) == []


@pytest.mark.parametrize("gap_s", [0.25, 0.4, 2.0])
def test_a_gap_in_the_samples_during_a_trip_raises_nothing(gap_s: float) -> None:
    scene = Scene().ordinary_traffic()
    begin_s, _ = scene.trip(4)
    scene.silences_s.append((begin_s + 4.0, begin_s + 4.0 + gap_s))
    scene.stand(1.0).open().stand(5.0).close().stand(2.0)
    scene.trip(1)
    assert scene.stand(1.0).open().stand(5.0).run().raised == []


def test_a_start_of_the_agent_during_a_trip_raises_nothing() -> None:
    scene, begin_s, _ = riding()
    scene.stand(1.0).open().stand(5.0).close().stand(2.0)
    scene.trip(1)
    scene.stand(1.0).open().stand(10.0)
    for signal in (Signal.DOOR_CLOSED, Signal.DOOR_OPEN):
        scene.edge(signal, signal is Signal.DOOR_CLOSED, begin_s + 4.0)
    scene.start = None  # a live box is not told where the car is
    late = [reading for reading in scene.readings() if reading.t_ns >= (begin_s + 4.0) * 1e9]
    assert concluded(scene.installation, late).raised == []
