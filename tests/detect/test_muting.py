"""Inspection operation mutes what a technician does to the car, for as long as it lasts and no longer."""

from __future__ import annotations

import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.detect.limits import LIMITS as TABLE
from edge_agent.readings import FaultReason, Mode, Signal, SourceFault
from tests.detect.boxes import MG, Box
from tests.detect.physics import ORDINARY, braked, change, cut_short, pause
from tests.detect.scenes import DOORS, Scene, at_ns
from tests.detect.states import LIMITS, limited

OUTSIDE = AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE
WIRED = DOORS | {Signal.INSPECTION, Signal.ALARM_BUTTON}
HALFWAY_M = 4.5
RENEWAL_S = 80.0


def begun(how: str) -> Scene:
    scene = Scene(signals=WIRED, has_controller=True, box=Box(noise_mps2=1.0 * MG))
    scene.stand(5.0).open().stand(3.0).close().stand(2.0)
    switch(scene, how, True)
    return scene.stand(2.0)


def switch(scene: Scene, how: str, on: bool) -> None:
    if how in ("contact", "both"):
        scene.edge(Signal.INSPECTION, on)
    if how in ("mode", "both"):
        scene.report(mode=Mode.INSPECTION if on else Mode.NORMAL)


def work(scene: Scene) -> None:
    """A technician drives from his box on the car roof, stops by the brake, works for minutes, and opens a contact."""
    begin_s, _ = scene.go([*change(0.6, ORDINARY), *pause(6.0), *braked(0.6, 4.0)])
    scene.edge(Signal.DOOR_CLOSED, False, begin_s + 4.0)
    scene.edge(Signal.DOOR_CLOSED, True, begin_s + 4.5)
    scene.stand(130.0)


@pytest.mark.parametrize("how", ["contact", "mode", "both"])
def test_what_a_technician_does_raises_nothing(how: str) -> None:
    scene = begun(how)
    work(scene)
    assert scene.run().raised == []


def test_the_same_without_inspection_operation_raises_all_of_it() -> None:
    scene = Scene(signals=WIRED, box=Box(noise_mps2=1.0 * MG)).stand(5.0).open().stand(3.0).close().stand(2.0)
    work(scene)
    raised = set(scene.run().raised)
    assert {"emergency_stop", "stopped_outside_door_zone", "door_open_in_motion", "entrapment"} <= raised


@pytest.mark.parametrize("how", ["contact", "mode", "both"])
def test_muting_ends_with_the_mode(how: str) -> None:
    scene = begun(how)
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(60.0)
    switch(scene, how, False)
    end_s = scene.t_s
    (raised_s,) = scene.stand(40.0).run().times_s(OUTSIDE)
    assert end_s <= raised_s <= end_s + LIMITS.outside_zone_hold_s + 1.0


def test_one_of_two_signs_is_enough_to_go_on() -> None:
    """The controller already says normal; the switch on the car roof does not."""
    scene = begun("both")
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.report(mode=Mode.NORMAL)
    assert scene.stand(40.0).run().raised == []


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.INSPECTION], ids=lambda mode: mode.value)
def test_no_other_mode_mutes(mode: Mode) -> None:
    scene = Scene(has_controller=True).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.report(mode=mode)
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    assert OUTSIDE.public_name in scene.stand(20.0).run().raised


def test_it_never_outlives_its_time_without_a_renewed_sign() -> None:
    """A switch that was forgotten; source: alarms.md, 8 h by default."""
    assert next(spec.default for spec in TABLE if spec.name == "inspection_renewal_s_max") == 8 * 3600
    scene = begun("contact")
    switched_s = scene.t_s - 2.0
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    (raised_s,) = scene.stand(RENEWAL_S + 30.0).run(limited("inspection_renewal_s_max", RENEWAL_S)).times_s(OUTSIDE)
    assert switched_s + RENEWAL_S <= raised_s <= switched_s + RENEWAL_S + LIMITS.outside_zone_hold_s + 1.0


def test_a_renewed_sign_prolongs_it() -> None:
    scene = begun("contact")
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(RENEWAL_S - 20.0)
    scene.edge(Signal.INSPECTION, True)
    assert scene.stand(RENEWAL_S - 20.0).run(limited("inspection_renewal_s_max", RENEWAL_S)).raised == []


def test_a_suspicion_ends_when_the_technician_takes_over() -> None:
    scene = Scene(signals=WIRED).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(8.0)
    switch(scene, "contact", True)
    outcome = scene.stand(30.0).run()
    assert len(outcome.of(OUTSIDE, AlarmState.SUSPECTED)) == len(outcome.of(OUTSIDE, AlarmState.CLEARED)) == 1
    assert outcome.raised == []


def test_what_was_raised_before_stays_until_its_own_end() -> None:
    scene = Scene(signals=WIRED).stand(5.0).open().stand(3.0).close().stand(2.0)
    scene.go(cut_short(12.0, ORDINARY, 0.7, 3.0))
    scene.stand(100.0)
    switch(scene, "contact", True)
    muted_s = scene.t_s
    scene.stand(20.0)
    scene.trip(1)
    open_s = scene.stand(1.0).t_s
    outcome = scene.open().stand(6.0).run()
    entrapment = AlarmKind.ENTRAPMENT
    assert len(outcome.of(entrapment)) == 1
    assert outcome.times_s(entrapment)[0] < muted_s
    (cleared_s,) = outcome.times_s(entrapment, AlarmState.CLEARED)
    assert cleared_s >= open_s + LIMITS.entrapment_clear_open_s


def test_an_alarm_button_is_heard_in_inspection_operation() -> None:
    scene = begun("contact")
    scene.edge(Signal.ALARM_BUTTON, True)
    scene.stand(LIMITS.alarm_button_s_min + 1.0)
    scene.edge(Signal.ALARM_BUTTON, False)
    assert scene.stand(2.0).run().raised == [AlarmKind.ALARM_BUTTON.public_name]


def test_a_dead_sensor_is_told_in_inspection_operation() -> None:
    """Muting is about the car, not about the box."""
    scene = begun("contact")
    scene.others.append(SourceFault(at_ns(scene.t_s + 1.0), "pressure", FaultReason.ABSENT, "nothing answers"))
    assert scene.stand(10.0).run().raised == [AlarmKind.SENSOR_FAULT.public_name]
