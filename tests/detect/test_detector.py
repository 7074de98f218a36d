"""The whole fold: any split, any ticks, any epoch, and its own recording give the same conclusions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Conclusion, Trip
from edge_agent.detect.detector import CALM_FRAMES, Detector
from edge_agent.detect.limits import Limits, limits_with
from edge_agent.detect.signal import FRAME_NS
from edge_agent.installation import Installation
from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    Direction,
    FaultReason,
    Mode,
    PressureSample,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from edge_agent.recording import Recording, with_ticks
from edge_agent.recording_writer import RecordingWriter
from tests.detect.boxes import MG, POOR, Box, pieces_of
from tests.detect.physics import FAST, cut_short
from tests.detect.scenes import DOORS, Scene, concluded

QUICK = limits_with(
    [
        ("entrapment_hold_s_second_sign", 10.0),
        ("entrapment_hold_s_outside_zone", 20.0),
        ("entrapment_hold_s_place_unknown", 25.0),
        ("entrapment_hold_s_at_landing", 30.0),
        ("outside_zone_hold_s", 5.0),
    ]
)
"""Short hold times, so that a short scene raises everything."""

WIRED = DOORS | {Signal.PRESENCE, Signal.ALARM_BUTTON, Signal.MAINS}


@cache
def story() -> tuple[Installation, AccelFrame, tuple[Reading, ...]]:
    """People ride, the door contact breaks on the way, the brake drops, they are stuck, then freed: 75 s."""
    box = replace(POOR, rate_hz=104.0, noise_mps2=1.5 * MG)
    scene = Scene(signals=WIRED, drive=FAST, box=box, has_controller=True, heights_m=(0.0, 4.0, 8.0, 30.0))
    scene.stand(4.0).open().stand(3.0)
    scene.edge(Signal.PRESENCE, True)
    scene.close().stand(1.2)
    begin_s, _ = scene.trip(1)
    scene.edge(Signal.DOOR_CLOSED, False, begin_s + 2.013)
    scene.edge(Signal.DOOR_CLOSED, True, begin_s + 2.049)
    scene.edge(Signal.PRESENCE, False, begin_s + 3.0)
    scene.stand(0.8).open().stand(2.0).close().stand(1.1)
    scene.report(fault=0, safety_circuit_closed=True, mode=Mode.NORMAL)
    scene.go(cut_short(22.0, FAST, 3.5, 1.7))
    scene.report(fault=36, safety_circuit_closed=False)
    scene.stand(8.0)
    scene.edge(Signal.ALARM_BUTTON, True)
    scene.stand(4.0)
    scene.edge(Signal.ALARM_BUTTON, False)
    scene.stand(14.0)
    scene.report(fault=0, safety_circuit_closed=True)
    scene.trip(1)
    scene.stand(0.5).open().stand(4.0)
    return scene.installation, scene.block(), tuple(sorted(scene.others, key=lambda reading: reading.t_ns))


def stream(sizes: list[int], tick_ns: int | None = 100_000_000) -> list[Reading]:
    """The story with its samples split so and ticks so far apart; the end of time at last."""
    _, whole, others = story()
    end_ns = int(whole.times_ns[-1]) + 10 * FRAME_NS
    ticks = [] if tick_ns is None else [Tick(t_ns) for t_ns in range(tick_ns, end_ns, tick_ns)]
    order = {AccelFrame: 0, ControllerReport: 1, SignalEdge: 2, Tick: 3}
    readings: list[Reading] = [*pieces_of(whole, sizes), *others, *ticks]
    return [*sorted(readings, key=lambda reading: (reading.t_ns, order[type(reading)])), Tick(end_ns)]


@cache
def expected() -> tuple[Conclusion, ...]:
    return concluded(story()[0], stream([10]), QUICK).conclusions


def test_the_story_raises_what_it_should() -> None:
    """So that the properties below compare something."""
    alarms = [c for c in expected() if isinstance(c, Alarm)]
    raised = Counter(alarm.kind for alarm in alarms if alarm.state is AlarmState.RAISED)
    for kind in (
        AlarmKind.DOOR_OPEN_IN_MOTION,
        AlarmKind.EMERGENCY_STOP,
        AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE,
        AlarmKind.ENTRAPMENT,
    ):
        assert raised[kind] == 1, kind
    assert sum(isinstance(c, Trip) for c in expected()) == 3


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8),
    tick_ms=st.sampled_from([None, 10, 50, 100, 370, 1000, 5000]),
)
def test_any_split_and_any_ticks_give_the_same_conclusions(sizes: list[int], tick_ms: int | None) -> None:
    readings = stream(sizes, None if tick_ms is None else tick_ms * 1_000_000)
    assert concluded(story()[0], readings, QUICK).conclusions == expected()


def test_samples_one_by_one_give_the_same_conclusions() -> None:
    assert concluded(story()[0], stream([1]), QUICK).conclusions == expected()


def test_all_samples_in_one_block_give_the_same_conclusions() -> None:
    assert concluded(story()[0], stream([1_000_000], None), QUICK).conclusions == expected()


def test_the_runs_own_recording_gives_the_same_conclusions(tmp_path: Path) -> None:
    installation, _, _ = story()
    writer = RecordingWriter(tmp_path / "run.liftrec", installation, None)
    for reading in stream([7, 13, 40]):
        writer.write(reading)
    writer.close()
    recording = Recording.open(tmp_path / "run.liftrec")
    assert concluded(recording.meta.installation, recording, QUICK).conclusions == expected()


def shifted(reading: Reading, by_ns: int) -> Reading:
    if isinstance(reading, AccelFrame):
        return AccelFrame(reading.times_ns + by_ns, reading.samples_mps2)
    return replace(reading, t_ns=reading.t_ns + by_ns)


def told_at(conclusion: Conclusion, by_ns: int) -> Conclusion:
    if isinstance(conclusion, Trip):
        start_ns, end_ns = conclusion.start_ns + by_ns, conclusion.end_ns + by_ns
        return replace(conclusion, t_ns=conclusion.t_ns + by_ns, start_ns=start_ns, end_ns=end_ns)
    return replace(conclusion, t_ns=conclusion.t_ns + by_ns)


@pytest.mark.parametrize("days", [0.001, 1, 400])
def test_the_epoch_of_the_clock_does_not_matter(days: float) -> None:
    """No wall clock, and no time that means something by itself: only differences count."""
    by_ns = round(days * 86_400_000 / 50) * FRAME_NS
    readings = [shifted(reading, by_ns) for reading in stream([10])]
    assert concluded(story()[0], readings, QUICK).conclusions == tuple(told_at(c, by_ns) for c in expected())


def test_the_same_stream_twice_gives_the_same_conclusions() -> None:
    assert concluded(story()[0], stream([10]), QUICK).conclusions == expected()


def test_conclusions_come_in_order_of_time_each_when_its_frame_is_complete() -> None:
    detector = Detector(story()[0], QUICK)
    for reading in stream([3, 5]):
        for conclusion in detector.step(reading):
            assert conclusion.t_ns <= reading.t_ns
            assert reading.t_ns - conclusion.t_ns < FRAME_NS + 100_000_000
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(expected()))


def test_a_detector_that_starts_elsewhere_numbers_on_from_there() -> None:
    later = concluded(story()[0], stream([10]), QUICK, first_incident=501)
    first = [c.incident for c in expected() if isinstance(c, Alarm)]
    assert [alarm.incident for alarm in later.alarms] == [number + 500 for number in first]


def with_fault(sizes: list[int]) -> tuple[Conclusion, ...]:
    installation, whole, _ = story()
    readings: list[Reading] = [
        *pieces_of(whole, sizes),
        SourceFault(3_500_000_001, "accelerometer", FaultReason.BUS_ERROR, "x"),
    ]
    ordered = sorted(readings, key=lambda reading: reading.t_ns)
    return concluded(installation, with_ticks(iter(ordered), "x"), QUICK).conclusions


def test_a_fault_within_a_block_ends_with_the_next_sample_however_the_input_is_split() -> None:
    assert with_fault([1]) == with_fault([104])


def with_frozen_chip(sizes: list[int]) -> tuple[Conclusion, ...]:
    """The chip repeats one value from 20 s on."""
    installation, whole, _ = story()
    samples = whole.samples_mps2.copy()
    samples[whole.times_ns >= 20_000_000_000] = samples[0]
    readings = iter(pieces_of(AccelFrame(whole.times_ns, samples), sizes))
    return concluded(installation, with_ticks(readings, "x"), QUICK).conclusions


def test_a_frozen_chip_is_told_alike_however_the_input_is_split() -> None:
    one_by_one = with_frozen_chip([1])
    assert any(isinstance(c, Alarm) and c.kind is AlarmKind.SENSOR_FAULT for c in one_by_one)
    assert with_frozen_chip([104]) == one_by_one


# ---- whatever comes


def any_reading(t_ns: int, kind: int, a: int, b: bool) -> Reading:
    signals = sorted(Signal, key=lambda s: s.value)
    match kind:
        case 0 | 1:
            times_ns = t_ns + np.arange(1, dtype=np.int64)
            return AccelFrame(times_ns, np.array([[0.1 * a - 2.0, 9.8 * b, 9.8 + 0.3 * a - 4.0]]))
        case 2:
            return SignalEdge(t_ns, signals[a % len(signals)], b)
        case 3:
            return ControllerReport(
                t_ns,
                direction=Direction.UP if b else None,
                mode=list(Mode)[a % len(Mode)],
                door=list(ControllerDoor)[a % len(ControllerDoor)] if b else None,
                fault=a % 3,
                safety_circuit_closed=b,
                passenger=b if a % 2 else None,
                load_percent=float(a),
                is_suspect=a % 7 == 0,
            )
        case 4:
            return SourceFault(
                t_ns, ("accelerometer", "controller", "pressure", "?")[a % 4], list(FaultReason)[a % 8], "x"
            )
        case 5:
            return SamplesLost(t_ns, "accelerometer", a)
        case 6:
            return PressureSample(t_ns, 1000.0 + a)
        case _:
            return Tick(t_ns)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 20_000_000, 49_999_999, 50_000_000, 700_000_000, 9_000_000_000]),
            st.integers(0, 7),
            st.integers(0, 40),
            st.booleans(),
        ),
        max_size=80,
    ),
    st.sampled_from([frozenset(), DOORS, frozenset(Signal)]),
)
def test_no_stream_breaks_the_core(steps: list[tuple[int, int, int, bool]], wired: frozenset[Signal]) -> None:
    t_ns, readings = 0, []
    for step_ns, kind, a, b in steps:
        t_ns += step_ns
        readings.append(any_reading(t_ns, kind, a, b))
    installation = replace(story()[0], wiring=replace(story()[0].wiring, signals=wired))
    outcome = concluded(installation, [*readings, Tick(t_ns + 200_000_000)], Limits())
    states: dict[int, list[AlarmState]] = {}
    for alarm in outcome.alarms:
        states.setdefault(alarm.incident, []).append(alarm.state)
        assert len(alarm.note.encode()) <= 80
        assert alarm.occupied_percent is None or 0 <= alarm.occupied_percent <= 100
    for found in states.values():
        assert found[0] in (AlarmState.SUSPECTED, AlarmState.RAISED)
        assert found.count(AlarmState.RAISED) <= 1
        assert AlarmState.CLEARED not in found[:-1]
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(outcome.conclusions))


def test_a_block_that_overlaps_the_one_before_does_not_stop_the_core() -> None:
    """A clock that is fitted anew may step back by a few milliseconds."""
    scene = Scene().stand(10.0)
    scene.trip(2)
    scene.stand(10.0)
    blocks = pieces_of(scene.block(), [20])
    at = len(blocks) // 4
    stepped = [AccelFrame(b.times_ns - 15_000_000, b.samples_mps2) if k >= at else b for k, b in enumerate(blocks)]
    readings: list[Reading] = sorted([*stepped, *scene.others], key=lambda reading: reading.t_ns)
    (trip,) = concluded(scene.installation, [*readings, Tick(40_000_000_000)]).trips
    assert trip.distance_m == pytest.approx(6.0, abs=0.2)


# ---- floods


@pytest.mark.parametrize(("open_s", "closed_s", "minutes"), [(0.05, 0.05, 6), (0.2, 1.0, 2), (3.0, 0.3, 5)])
def test_loose_door_wires_make_no_flood(open_s: float, closed_s: float, minutes: int) -> None:
    """Both lines come and go at random, so long in the mean. An alarm of a kind a minute, and four more, are enough."""
    rng = np.random.default_rng(1)
    scene = Scene(box=Box(rate_hz=25.0)).stand(60.0 * minutes)
    for signal, mean_s in ((Signal.DOOR_OPEN, open_s), (Signal.DOOR_CLOSED, closed_s)):
        t_s, level = 5.0, False
        while t_s < scene.t_s:
            scene.edge(signal, level, t_s)
            t_s, level = t_s + float(rng.exponential(mean_s)), not level
    raised = Counter(scene.run().raised)
    assert max(raised.values(), default=0) <= minutes + 4, raised


@pytest.mark.parametrize("silence_s", [600.0, 7 * 86400.0])
def test_a_long_silence_is_passed_at_once_and_what_ran_meanwhile_has_run_out(silence_s: float) -> None:
    """A box that was asleep for a week: 12 million frames, which would take ten minutes."""
    installation, _, _ = story()
    asleep: list[Reading] = [SignalEdge(0, Signal.MAINS, True), SignalEdge(10**9, Signal.MAINS, False), Tick(2 * 10**9)]
    awake_ns = round(silence_s * 1e9)
    detector = Detector(installation, Limits())
    told = [c for reading in (*asleep, Tick(awake_ns), Tick(awake_ns + 10**8)) for c in detector.step(reading)]
    raised = {c.kind for c in told if isinstance(c, Alarm) and c.state is AlarmState.RAISED}
    assert AlarmKind.MAINS_LOST in raised
    assert detector.car is not None
    assert 0 <= awake_ns + 10**8 - detector.car.t_ns < CALM_FRAMES * FRAME_NS
