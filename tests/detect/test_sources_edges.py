"""Sensors that cannot be right, are silent or faulty, and the link to the controller: by hand, each from both sides.

Source: alarm catalogue rows 55, 56 and 60; the constants' sources in `plausible.py` and `sources.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.detect.car import CarState, SourceView
from edge_agent.detect.plausible import AccelWatch
from edge_agent.detect.rules.health import BoxMovedRule, ControllerLinkLostRule, SensorFaultRule
from edge_agent.detect.signal import Frame
from edge_agent.detect.sources import SourceStage
from edge_agent.installation import Wiring
from edge_agent.readings import FaultReason
from tests.detect.states import LIMITS, At, standing
from tests.detect.test_entrapment_edges import evidence, is_raised, last

G = 9.80665
S = 1_000_000_000


class Chip:
    """An accelerometer of 100 Hz, frame by frame; `sentence`: what is wrong with it, empty for nothing."""

    def __init__(self, rate_hz: float | None = 100.0) -> None:
        self.watch = AccelWatch(LIMITS, rate_hz)
        self.index = 99
        self.sentence = ""

    def feel(
        self, frames: int = 1, level: float = G, rough: float = 0.01, *, count: int = 5, swing: float = 0.0
    ) -> Chip:
        for _ in range(frames):
            self.index += 1
            here = level + (swing if self.index % 2 else -swing)
            trouble = self.watch.take(Frame(self.index, count, here, 0.0, 0.0, here, rough, here, here, rough))
            self.sentence = "" if trouble is None else trouble.sentence
        return self


# ---- what no chip and no lift can show


def test_a_value_that_repeats_itself_for_five_seconds_is_a_fault() -> None:
    chip = Chip().feel(1).feel(99, rough=0.0)
    assert chip.sentence == ""
    assert "repeats" in chip.feel(1, rough=0.0).sentence
    assert chip.feel(1, rough=0.001).sentence == ""
    assert Chip().feel(150, rough=0.0, swing=1e-6).sentence == ""
    assert "repeats" in Chip().feel(150, rough=0.0, swing=1e-10).sentence


def test_after_half_a_second_of_one_value_nothing_of_the_car_can_be_told() -> None:
    chip = Chip().feel(1).feel(9, rough=0.0)
    assert not chip.watch.is_useless
    assert chip.feel(1, rough=0.0).watch.is_useless
    assert not chip.feel(1).watch.is_useless


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_mean_over_five_seconds_more_than_two_and_a_half_off_gravity_is_a_fault(sign: float) -> None:
    assert Chip().feel(100, G + sign * 2.49).sentence == ""
    chip = Chip().feel(99, G + sign * 2.51)
    assert (chip.sentence, chip.watch.is_useless) == ("", False)
    assert f"reads {G + sign * 2.51:.1f} m/s2" in chip.feel(1, G + sign * 2.51).sentence
    assert chip.watch.is_useless
    assert chip.feel(1, G).sentence == ""  # the mean of the last five seconds is within again


def test_noise_without_two_quiet_seconds_in_three_minutes_is_a_fault() -> None:
    assert Chip().feel(3600, rough=0.39).sentence == ""
    assert Chip().feel(3599, rough=0.41).sentence == ""
    assert "0.4 m/s2 of noise" in Chip().feel(3600, rough=0.41).sentence
    assert Chip().feel(1780, rough=0.41).feel(80, rough=0.1).feel(1740, rough=0.41).sentence == ""


def test_a_chip_of_one_sample_a_frame_shows_its_noise_from_frame_to_frame() -> None:
    """Two frames that differ by d: d / root of 2."""
    assert Chip().feel(3600, swing=0.2828 * 0.97, rough=0.0).sentence == ""
    assert "noise" in Chip().feel(3600, swing=0.2828 * 1.03, rough=0.0).sentence


@pytest.mark.parametrize(("rate_hz", "is_right"), [(76.5, False), (77.0, True), (133.0, True), (134.0, False)])
def test_75_to_130_percent_of_the_rate_that_was_set_is_right(rate_hz: float, is_right: bool) -> None:
    """100 samples a second arrive."""
    assert ("are set" not in Chip(rate_hz).feel(601).sentence) is is_right


def test_the_rate_is_judged_after_half_a_minute_and_one_right_ten_seconds_suffice() -> None:
    assert Chip(200.0).feel(600).sentence == ""
    assert "100 samples a second, 200 are set" in Chip(200.0).feel(601).sentence
    assert Chip(200.0).feel(200).feel(200, count=10).feel(201).sentence == ""
    assert Chip(None).feel(700).sentence == ""


# ---- silence, faults, cadence


def stage(**wiring: Any) -> SourceStage:
    found = SourceStage(LIMITS, Wiring(**{"has_accelerometer": False, **wiring}))
    found.step(0)
    return found


def faults(found: SourceStage, t_s: float) -> dict[str, FaultReason | None]:
    return {view.name: view.fault for view in found.step(round(t_s * S))}


def test_a_barometer_is_silent_after_thirty_seconds_and_an_accelerometer_after_five() -> None:
    for wiring, name, silent_s in (
        ({"has_pressure": True}, "pressure", 30.0),
        ({"has_accelerometer": True}, "accelerometer", 5.0),
    ):
        found = stage(**wiring)
        assert faults(found, silent_s - 0.05) == {name: None}
        assert faults(found, silent_s) == {name: FaultReason.SILENT}
        (view,) = found.step(round(50.0 * S))
        assert (view.fault_since_ns, view.detail) == (0, f"nothing has come from the {name} for {silent_s:g} s")
        found.spoke(name, 60 * S)
        assert faults(found, 60.0 + silent_s - 0.05) == {name: None}
        assert faults(found, 60.0 + silent_s) == {name: FaultReason.SILENT}
        (view,) = found.step(200 * S)
        assert (view.last_ns, view.fault_since_ns) == (60 * S, 60 * S)


def polled(intervals_s: list[float]) -> bool:
    """Whether a controller that spoke so is missed 10 s after its last word."""
    found = stage(has_controller=True)
    t_s = 100.0
    found.spoke("controller", round(t_s * S))
    for interval_s in intervals_s:
        t_s += interval_s
        found.spoke("controller", round(t_s * S))
    assert faults(found, t_s + 9.95) == {"controller": None}
    return faults(found, t_s + 10.0)["controller"] is FaultReason.SILENT


def test_a_controller_that_is_polled_evenly_is_missed_after_ten_seconds() -> None:
    assert not polled([1.0] * 29)
    assert polled([1.0] * 30)
    assert polled([2.5] * 30)
    assert not polled([2.6] * 30)
    assert polled([1.0] * 27 + [0.4, 1.6, 9.0])
    assert not polled([1.0] * 26 + [0.4, 1.6, 9.0, 9.0])
    assert polled([1.0] * 26 + [0.55, 1.45, 0.6, 1.4])
    assert polled([9.0] * 10 + [1.0] * 30)


def test_a_fault_that_was_reported_ends_with_the_next_word_but_not_one_of_the_settings() -> None:
    found = stage()
    found.failed("gpio", 5 * S, FaultReason.BUS_ERROR, "no reply")
    found.failed("gpio", 7 * S, FaultReason.ABSENT, "nothing there")
    (view,) = found.step(8 * S)
    assert (view.fault, view.fault_since_ns, view.detail) == (FaultReason.ABSENT, 5 * S, "nothing there")
    assert found.is_faulty("gpio")
    assert not found.is_faulty("other")
    found.contacts_spoke(9 * S)
    assert not found.is_faulty("gpio")
    found.failed("gpio", 10 * S, FaultReason.CONFIGURATION, "wrong range")
    found.spoke("gpio", 11 * S)
    assert found.is_faulty("gpio")


def test_contacts_speak_for_no_sensor() -> None:
    found = stage(has_accelerometer=True, has_controller=True, has_pressure=True)
    for name in ("accelerometer", "controller", "pressure", "supply", "modem"):
        found.failed(name, 1 * S, FaultReason.ABSENT, "")
    found.contacts_spoke(2 * S)
    assert all(view.fault is FaultReason.ABSENT for view in found.step(3 * S))


def test_good_frames_end_a_fault_that_was_reported_before_them() -> None:
    found = stage(has_accelerometer=True)
    good = Frame(100, 5, G, 0.0, 0.0, G, 0.01, G, G, 0.01)  # begins at 5.0 s
    found.failed("accelerometer", 5 * S + 1, FaultReason.BUS_ERROR, "")
    assert not found.take_frame(good)
    assert found.is_faulty("accelerometer")
    early = stage(has_accelerometer=True)
    early.failed("accelerometer", 5 * S, FaultReason.BUS_ERROR, "")
    early.take_frame(good)
    assert not early.is_faulty("accelerometer")
    assert early.step(6 * S)[0].last_ns == good.end_ns


# ---- the rules


def sensor(t_s: float, fault: FaultReason | None = FaultReason.ABSENT, name: str = "pressure") -> CarState:
    view = SourceView(name, At(90.0).ns, fault, At(100.0).ns, "it does not answer")
    return standing(t_s, sources=(view,))


def test_a_fault_of_a_sensor_stands_two_seconds() -> None:
    assert not is_raised(last(SensorFaultRule(LIMITS), sensor(101.95)))
    found = last(SensorFaultRule(LIMITS), sensor(102.0))
    assert is_raised(found)
    assert evidence(found) == {"source": "pressure", "reason": "absent", "silent_s": 12.0}
    assert found is not None
    assert (found.subject, found.note) == ("pressure", "it does not answer")
    assert last(SensorFaultRule(LIMITS), sensor(110.0, name="controller")) is None
    assert last(SensorFaultRule(LIMITS), sensor(110.0, None)) is None


def test_a_sensor_is_well_after_a_minute() -> None:
    for subject in ("pressure", ""):
        rule = SensorFaultRule(LIMITS)
        last(rule, sensor(110.0), sensor(120.0, None))
        assert not rule.is_over(sensor(179.95, None), subject)
        assert rule.is_over(sensor(180.0, None), subject)
        last(rule, sensor(185.0), sensor(186.0, None))
        assert not rule.is_over(sensor(245.0, None), subject)
    assert not SensorFaultRule(LIMITS).is_over(sensor(999.0, None), "pressure")
    rule = SensorFaultRule(LIMITS)
    last(rule, sensor(120.0, None))
    assert not rule.is_over(sensor(300.0), "")


def link(t_s: float, fault: FaultReason | None, last_s: float | None = 90.0) -> CarState:
    last_ns = None if last_s is None else At(last_s).ns
    return standing(t_s, sources=(SourceView("controller", last_ns, fault, At(100.0).ns, "no reply"),))


def test_a_link_is_lost_thirty_seconds_after_its_last_word() -> None:
    rule = ControllerLinkLostRule(LIMITS)
    assert not is_raised(last(rule, link(119.95, FaultReason.SILENT)))
    found = last(rule, link(120.0, FaultReason.SILENT))
    assert is_raised(found)
    assert evidence(found) == {"silent_s": 30.0, "reason": "silent"}
    assert not is_raised(last(rule, link(129.95, FaultReason.SILENT, None)))
    assert is_raised(last(rule, link(130.0, FaultReason.SILENT, None)))
    assert last(rule, sensor(300.0)) is None


def test_a_link_is_back_after_thirty_seconds_of_valid_words() -> None:
    rule = ControllerLinkLostRule(LIMITS)
    assert not rule.is_over(link(400.0, None), "")
    last(rule, link(120.0, FaultReason.SILENT), link(200.0, None), link(210.0, None))
    assert not rule.is_over(link(229.95, None), "")
    assert rule.is_over(link(230.0, None), "")
    last(rule, link(231.0, FaultReason.SILENT))
    assert not rule.is_over(link(300.0, None), "")


def test_a_box_has_moved_that_is_more_than_three_degrees_off_for_a_minute() -> None:
    def tilted(t_s: float, deg: float | None) -> CarState:
        return standing(t_s, mount__tilt_deg=deg)

    rule = BoxMovedRule(LIMITS)
    assert last(rule, tilted(100.0, 3.0)) is None
    assert last(rule, tilted(100.0, None)) is None
    assert not is_raised(last(rule, tilted(110.0, 3.01), tilted(169.95, 3.01)))
    found = last(rule, tilted(170.0, 3.26))
    assert is_raised(found)
    assert evidence(found) == {"tilt_deg": 3.3}
    last(rule, tilted(171.0, 2.0))
    assert not is_raised(last(rule, tilted(172.0, 4.0), tilted(231.95, 4.0)))
    assert rule.is_over(tilted(300.0, 3.0), "")
    assert not rule.is_over(tilted(300.0, 3.01), "")
    assert not rule.is_over(tilted(300.0, None), "")
