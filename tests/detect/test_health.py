"""Sensors and the link to the controller: every limit from both sides, what is no fault, clearing, no flood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.detect.detector import CALM_FRAMES, Detector
from edge_agent.detect.motion_state import Phase
from edge_agent.detect.rules.health import SensorFaultRule
from edge_agent.detect.signal import FRAME_NS
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    Direction,
    FaultReason,
    PressureSample,
    Reading,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from edge_agent.recording import with_ticks
from tests.detect.boxes import MG, Box
from tests.detect.physics import Path
from tests.detect.scenes import Outcome, at_ns, concluded
from tests.detect.states import LIMITS, limited

SENSOR, LINK = AlarmKind.SENSOR_FAULT, AlarmKind.CONTROLLER_LINK_LOST
SILENCE_S, FROZEN_S = LIMITS.sensor_silence_s_max, LIMITS.sensor_frozen_s_max
PLAUSIBLE_S, LINK_S = LIMITS.sensor_plausible_s_min, LIMITS.controller_silence_s_max
HOLD_S = SensorFaultRule.HOLD_S
NEAR_S = 0.16  # a tick and a frame
CALM_S = CALM_FRAMES * FRAME_NS / 1e9  # so often a car that stands is looked at

WITH_SENSOR = Installation(Lift("x"), Wiring(accel_rate_hz=25.0))
WITH_LINK = replace(WITH_SENSOR, wiring=Wiring(has_accelerometer=False, has_controller=True))
NOTHING = replace(WITH_SENSOR, wiring=Wiring(has_accelerometer=False))


def samples(from_s: float, until_s: float, *, frozen: bool = False) -> list[AccelFrame]:
    """A sensor of 25 Hz on a standing car, in blocks of a fifth of a second."""
    box = Box(rate_hz=25.0, noise_mps2=0.0 if frozen else 2.0 * MG)
    path = Path()
    path.stand(until_s)
    times_ns = box.times_ns(from_s, until_s)
    values = box.samples(times_ns / 1e9, np.zeros(len(times_ns)))
    return [AccelFrame(times_ns[k : k + 5], values[k : k + 5]) for k in range(0, len(times_ns), 5)]


def fault(t_s: float, reason: FaultReason = FaultReason.ABSENT, source: str = "accelerometer") -> SourceFault:
    return SourceFault(at_ns(t_s), source, reason, f"the {source} does not answer")


def run(installation: Installation, readings: list[Reading], until_s: float, **limit: float) -> Outcome:
    ordered = sorted(readings, key=lambda reading: reading.t_ns)
    limits = limited(*next(iter(limit.items()))) if limit else LIMITS
    ticks: list[Reading] = [Tick(at_ns(k / 10.0)) for k in range(int(until_s * 10) + 1)]
    if not ordered:
        return concluded(installation, ticks, limits)
    end = Tick(at_ns(until_s))
    before = [tick for tick in ticks if tick.t_ns < ordered[0].t_ns]
    after = [tick for tick in ticks if tick.t_ns > ordered[-1].t_ns + 100_000_000]
    return concluded(installation, [*before, *with_ticks(iter(ordered), "x"), *after, end], limits)


# ---- a sensor that fails


@pytest.mark.parametrize("reason", list(FaultReason), ids=lambda reason: reason.value)
def test_a_fault_of_a_sensor_is_suspected_at_once_and_raised_when_it_stands(reason: FaultReason) -> None:
    readings: list[Reading] = [*samples(0.0, 10.0), fault(10.0, reason)]
    outcome = run(WITH_SENSOR, readings, 16.0)
    assert outcome.times_s(SENSOR, AlarmState.SUSPECTED) == pytest.approx([10.0], abs=NEAR_S)
    assert outcome.times_s(SENSOR) == pytest.approx([10.0 + HOLD_S], abs=NEAR_S)
    (alarm,) = outcome.of(SENSOR)
    evidence = {item.name: item.value for item in alarm.evidence}
    assert (evidence["source"], evidence["reason"]) == ("accelerometer", reason.value)
    assert alarm.note == "the accelerometer does not answer"


def test_a_hiccup_that_the_driver_cures_is_none() -> None:
    readings: list[Reading] = [*samples(0.0, 10.0), fault(10.0), *samples(10.0 + HOLD_S - 0.3, 20.0)]
    assert run(WITH_SENSOR, readings, 20.0).of(SENSOR) == []


def test_a_long_sentence_is_cut_to_what_the_wire_takes() -> None:
    words = SourceFault(at_ns(1.0), "accelerometer", FaultReason.ABSENT, "加速度计没有应答" * 20)
    (alarm,) = run(WITH_SENSOR, [words], 5.0).of(SENSOR)
    assert 70 <= len(alarm.note.encode()) <= 80
    assert words.detail.startswith(alarm.note)


@pytest.mark.parametrize("limit_s", [SILENCE_S, 12.0])
def test_silence_counts_after_its_limit(limit_s: float) -> None:
    outcome = run(WITH_SENSOR, [*samples(0.0, 10.0)], 10.0 + limit_s + 20.0, sensor_silence_s_max=limit_s)
    assert outcome.times_s(SENSOR) == pytest.approx([10.0 + max(limit_s, HOLD_S)], abs=NEAR_S)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_pause_within_the_limit_is_no_silence(share: float) -> None:
    gap_s = share * SILENCE_S
    outcome = run(WITH_SENSOR, [*samples(0.0, 10.0), *samples(10.0 + gap_s, 30.0)], 30.0)
    assert len(outcome.of(SENSOR)) == (share > 1.0)


def test_a_wired_sensor_that_never_speaks_is_a_fault_and_one_not_wired_is_not_missed() -> None:
    assert run(WITH_SENSOR, [], 20.0).times_s(SENSOR) == pytest.approx([SILENCE_S], abs=CALM_S)
    assert run(NOTHING, [], 60.0).alarms == []


@pytest.mark.parametrize("limit_s", [FROZEN_S, 15.0])
def test_a_chip_that_repeats_itself_is_a_fault(limit_s: float) -> None:
    readings: list[Reading] = [*samples(0.0, 10.0), *samples(10.0, 50.0, frozen=True)]
    outcome = run(WITH_SENSOR, readings, 50.0, sensor_frozen_s_max=limit_s)
    assert outcome.times_s(SENSOR) == pytest.approx([10.0 + limit_s + HOLD_S], abs=0.3)


@pytest.mark.parametrize("share", [0.8, 1.2])
def test_a_value_that_stands_for_a_moment_is_none(share: float) -> None:
    until_s = 10.0 + share * (FROZEN_S + HOLD_S)
    readings: list[Reading] = [*samples(0.0, 10.0), *samples(10.0, until_s, frozen=True), *samples(until_s, 40.0)]
    assert len(run(WITH_SENSOR, readings, 40.0).of(SENSOR)) == (share > 1.0)


@pytest.mark.parametrize("limit_s", [PLAUSIBLE_S, 20.0])
@pytest.mark.parametrize("how", ["silent", "frozen"])
def test_it_ends_after_so_long_of_plausible_readings(limit_s: float, how: str) -> None:
    bad = samples(10.0, 30.0, frozen=True) if how == "frozen" else []
    readings: list[Reading] = [*samples(0.0, 10.0), *bad, *samples(30.0, 31.0 + limit_s + 10.0)]
    outcome = run(WITH_SENSOR, readings, 31.0 + limit_s + 10.0, sensor_plausible_s_min=limit_s)
    assert outcome.times_s(SENSOR, AlarmState.CLEARED) == pytest.approx([30.0 + limit_s], abs=0.4)


def test_a_sensor_that_comes_and_goes_is_one_incident() -> None:
    readings: list[Reading] = []
    for k in range(10):
        readings += [*samples(30.0 * k, 30.0 * k + 15.0)]
    outcome = run(WITH_SENSOR, readings, 300.0)
    assert len(outcome.of(SENSOR)) == 1
    assert len(outcome.alarms) <= 2


def test_a_contact_that_speaks_ends_the_fault_of_its_driver_and_of_nobody_else() -> None:
    wired = replace(NOTHING, wiring=Wiring(has_accelerometer=False, signals=frozenset({Signal.DOOR_CLOSED})))
    faults: list[Reading] = [fault(1.0, source="door_contacts"), fault(1.0, source="pressure")]
    edges: list[Reading] = [SignalEdge(at_ns(10.0 + k), Signal.DOOR_CLOSED, k % 2 == 0) for k in range(80)]
    outcome = run(wired, [*faults, *edges], 90.0)
    names = {alarm.incident: {e.name: e.value for e in alarm.evidence}["source"] for alarm in outcome.of(SENSOR)}
    assert set(names.values()) == {"door_contacts", "pressure"}
    assert [names[alarm.incident] for alarm in outcome.of(SENSOR, AlarmState.CLEARED)] == ["door_contacts"]


def test_while_a_chip_repeats_itself_nothing_is_known_of_the_car() -> None:
    readings = sorted([*samples(0.0, 10.0), *samples(10.0, 40.0, frozen=True)], key=lambda reading: reading.t_ns)
    detector = Detector(WITH_SENSOR, LIMITS)
    phases = {}
    for reading in readings:
        detector.step(reading)
        if detector.car is not None:
            phases[detector.car.t_ns / 1e9] = detector.car.motion.phase
    assert phases[max(t_s for t_s in phases if t_s < 9.9)] is Phase.AT_REST
    assert {phase for t_s, phase in phases.items() if 12.0 <= t_s <= 39.0} == {Phase.BLIND}


def test_a_wired_pressure_sensor_that_falls_silent_is_a_fault() -> None:
    """Source: installation.Wiring, a source that is wired and silent is a fault."""
    wired = replace(NOTHING, wiring=Wiring(has_accelerometer=False, has_pressure=True))
    air: list[Reading] = [PressureSample(at_ns(0.2 * k), 1013.0 + 0.01 * (k % 7)) for k in range(100)]
    assert len(run(wired, air, 120.0).of(SENSOR)) == 1


def test_two_sensors_are_two_incidents() -> None:
    faults: list[Reading] = [fault(1.0), fault(5.0, source="pressure")]
    outcome = run(WITH_SENSOR, faults, 12.0)
    alarms = outcome.of(SENSOR)
    assert len({alarm.incident for alarm in alarms}) == len(alarms) == 2


def test_a_fault_of_the_controller_is_no_fault_of_a_sensor() -> None:
    assert run(WITH_LINK, [fault(1.0, source="controller")], 20.0).of(SENSOR) == []


def test_a_fault_that_is_gone_after_a_restart_ends() -> None:
    readings = [*with_ticks(iter(samples(0.0, PLAUSIBLE_S + 30.0)), "x")]
    outcome = concluded(WITH_SENSOR, readings, resumed=(OpenIncident(SENSOR, 7),))
    assert [alarm.incident for alarm in outcome.of(SENSOR, AlarmState.CLEARED)] == [7]


# ---- a controller that does not answer


def polled(from_s: float, until_s: float, *, is_suspect: bool = False) -> list[Reading]:
    count = round((until_s - from_s) / 0.5)
    return [
        ControllerReport(at_ns(from_s + 0.5 * k), direction=Direction.NONE, is_suspect=is_suspect) for k in range(count)
    ]


@pytest.mark.parametrize("limit_s", [LINK_S, 60.0])
def test_a_link_that_the_driver_calls_broken_is_lost_after_its_time(limit_s: float) -> None:
    last_s = 19.5
    outcome = run(WITH_LINK, [*polled(0.0, 20.0), fault(21.0, FaultReason.SILENT, "controller")], 21.0 + limit_s + 9.0,
                  controller_silence_s_max=limit_s)  # fmt: skip
    assert outcome.times_s(LINK) == pytest.approx([last_s + limit_s], abs=NEAR_S)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_link_that_answers_again_in_time_is_not_lost(share: float) -> None:
    back_s = 19.5 + share * LINK_S
    readings = [*polled(0.0, 20.0), fault(20.5, FaultReason.SILENT, "controller"), *polled(back_s, back_s + 5.0)]
    assert len(run(WITH_LINK, readings, back_s + 5.0).of(LINK)) == (share > 1.0)


def test_a_polled_controller_that_falls_silent_is_lost_although_no_driver_says_so() -> None:
    outcome = run(WITH_LINK, polled(0.0, 60.0), 120.0)
    assert outcome.times_s(LINK) == pytest.approx([59.5 + LINK_S], abs=NEAR_S)


def test_a_controller_that_speaks_only_of_changes_may_be_silent() -> None:
    times_s = [0.0, 3.0, 4.5, 11.0, 12.0, 40.0, 41.0, 60.0, 150.0, 151.0]
    readings: list[Reading] = [ControllerReport(at_ns(t_s), direction=Direction.UP) for t_s in times_s]
    assert run(WITH_LINK, readings, 300.0).of(LINK) == []


def test_a_line_of_which_every_reply_is_out_of_step_is_lost() -> None:
    """Source: alarm catalogue row 55, no valid reply for 30 s or a desynchronised line."""
    readings = [*polled(0.0, 60.0), *polled(60.0, 150.0, is_suspect=True)]
    assert len(run(WITH_LINK, readings, 150.0).of(LINK)) == 1


@pytest.mark.parametrize("limit_s", [LINK_S, 15.0])
def test_it_ends_after_so_long_of_valid_replies(limit_s: float) -> None:
    readings = [*polled(0.0, 20.0), fault(20.5, FaultReason.SILENT, "controller"), *polled(90.0, 90.0 + limit_s + 10.0)]
    outcome = run(WITH_LINK, readings, 90.0 + limit_s + 10.0, controller_silence_s_max=limit_s)
    assert len(outcome.of(LINK)) == 1
    assert outcome.times_s(LINK, AlarmState.CLEARED) == pytest.approx([90.0 + limit_s], abs=CALM_S)


def test_one_reply_now_and_then_does_not_end_it() -> None:
    readings = [*polled(0.0, 20.0)]
    for k in range(5):
        readings += [
            fault(20.5 + 60.0 * k, FaultReason.SILENT, "controller"),
            *polled(70.0 + 60.0 * k, 75.0 + 60.0 * k),
        ]
    outcome = run(WITH_LINK, readings, 320.0)
    assert len(outcome.of(LINK)) == 1
    assert outcome.of(LINK, AlarmState.CLEARED) == []


def test_a_lift_without_a_controller_does_not_miss_one() -> None:
    assert run(NOTHING, [], 200.0).of(LINK) == []
