"""Faults as transforms of a stream: what they change, what they leave, and the order they keep."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    FaultReason,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from sim.box import CONTROLLER_FIELDS
from sim.faults import (
    ChatteringContact,
    Dropouts,
    Fault,
    Frozen,
    Gone,
    LyingController,
    Noisy,
    Saturated,
    StuckContact,
    Thinned,
    Window,
    with_fault,
    with_faults,
)
from sim.sensors import readings
from sim.steps import RideStep, perform
from tests.sim.lifts import a_box, plain_lift

S = 1_000_000_000
WINDOW = Window(5 * S, 12 * S)
EVERY_FAULT: tuple[Fault, ...] = (
    Frozen(WINDOW),
    Saturated(WINDOW, 39.24),
    Noisy(WINDOW, 0.5),
    Thinned(WINDOW, 2),
    Gone(WINDOW, "accelerometer"),
    Gone(WINDOW, "controller", FaultReason.SILENT),
    Dropouts(WINDOW, "accelerometer", 0.3),
    StuckContact(WINDOW, Signal.DOOR_CLOSED, False),
    ChatteringContact(WINDOW, Signal.DOOR_CLOSED, 5.0),
    LyingController(WINDOW, door=ControllerDoor.OPEN),
)


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.fixture(scope="module")
def clean() -> list[Reading]:
    lift = plain_lift()
    perform(lift, RideStep(3))
    box = a_box(controller_fields=CONTROLLER_FIELDS)
    return list(readings(lift, box, rng(), lift.now_s))


def samples(stream: list[Reading]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    frames = [reading for reading in stream if isinstance(reading, AccelFrame)]
    return np.concatenate([f.times_ns for f in frames]), np.concatenate([f.samples_mps2 for f in frames])


def outside(stream: list[Reading]) -> list[tuple[str, int, bool | None]]:
    """Everything but samples that lies outside the window."""
    return [
        (type(reading).__name__, reading.t_ns, reading.is_active if isinstance(reading, SignalEdge) else None)
        for reading in stream
        if not isinstance(reading, AccelFrame) and not WINDOW.start_ns <= reading.t_ns <= WINDOW.end_ns
    ]


def samples_outside(stream: list[Reading]) -> npt.NDArray[np.float64]:
    times_ns, values = samples(stream)
    return values[(times_ns < WINDOW.start_ns) | (times_ns >= WINDOW.end_ns)]


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=lambda fault: type(fault).__name__)
def test_every_fault_keeps_order_and_ticks_and_leaves_what_is_outside_its_window(
    clean: list[Reading], fault: Fault
) -> None:
    faulty = list(with_fault(clean, fault, rng()))
    times_ns = [reading.t_ns for reading in faulty]
    assert times_ns == sorted(times_ns)
    assert [r.t_ns for r in faulty if isinstance(r, Tick)] == [r.t_ns for r in clean if isinstance(r, Tick)]
    assert outside(faulty) == outside(clean)
    frame_at_edge = isinstance(fault, Gone | Dropouts)  # these take whole blocks
    if not frame_at_edge:
        assert np.array_equal(samples_outside(faulty), samples_outside(clean))


def test_frozen_accelerometer_repeats_its_last_sample_to_the_bit(clean: list[Reading]) -> None:
    times_ns, values = samples(list(with_fault(clean, Frozen(WINDOW), rng())))
    inside = (times_ns >= WINDOW.start_ns) & (times_ns < WINDOW.end_ns)
    last = values[times_ns < WINDOW.start_ns][-1]
    assert (values[inside] == last).all()
    assert not (values[times_ns >= WINDOW.end_ns] == last).all()


def test_saturated_accelerometer_sits_at_full_scale_on_every_axis(clean: list[Reading]) -> None:
    times_ns, values = samples(list(with_fault(clean, Saturated(WINDOW, 19.6), rng())))
    inside = (times_ns >= WINDOW.start_ns) & (times_ns < WINDOW.end_ns)
    assert (values[inside] == 19.6).all()


def test_noise_is_as_large_as_said(clean: list[Reading]) -> None:
    before, noisy = samples(clean), samples(list(with_fault(clean, Noisy(WINDOW, 0.5), rng())))
    inside = (before[0] >= WINDOW.start_ns) & (before[0] < WINDOW.end_ns)
    assert (noisy[1] - before[1])[inside].std() == pytest.approx(0.5, rel=0.1)


def test_thinned_stream_has_half_the_samples(clean: list[Reading]) -> None:
    def count(stream: list[Reading]) -> int:
        times_ns = samples(stream)[0]
        return int(((times_ns >= WINDOW.start_ns) & (times_ns < WINDOW.end_ns)).sum())

    assert count(list(with_fault(clean, Thinned(WINDOW, 2), rng()))) == pytest.approx(count(clean) / 2, abs=1)


def test_silent_controller_says_nothing_and_its_driver_says_so_again_and_again(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, Gone(WINDOW, "controller", FaultReason.SILENT, repeat_s=3.0), rng()))
    assert not [r for r in faulty if isinstance(r, ControllerReport) and WINDOW.holds(r.t_ns)]
    said = [r for r in faulty if isinstance(r, SourceFault)]
    assert [r.t_ns // S for r in said] == [5, 8, 11]
    assert {(r.source, r.reason) for r in said} == {("controller", FaultReason.SILENT)}


def test_gap_without_a_word_leaves_no_reading_of_that_source(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, Gone(WINDOW, "accelerometer"), rng()))
    assert not [r for r in faulty if isinstance(r, AccelFrame) and WINDOW.holds(r.t_ns)]
    assert not [r for r in faulty if isinstance(r, SourceFault)]
    assert [r for r in faulty if isinstance(r, ControllerReport) and WINDOW.holds(r.t_ns)]


def test_dropouts_are_counted_sample_by_sample(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, Dropouts(WINDOW, "accelerometer", 0.3), rng()))
    lost = sum(r.count for r in faulty if isinstance(r, SamplesLost))
    assert lost > 0
    assert lost + len(samples(faulty)[0]) == len(samples(clean)[0])


def test_stuck_contact_shows_one_level_and_tells_the_truth_again_afterwards(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, StuckContact(WINDOW, Signal.DOOR_CLOSED, False), rng()))
    edges = [r for r in faulty if isinstance(r, SignalEdge) and r.signal is Signal.DOOR_CLOSED]
    inside = [edge for edge in edges if WINDOW.holds(edge.t_ns)]
    assert inside[0].t_ns == WINDOW.start_ns
    assert not any(edge.is_active for edge in inside)
    after = next(edge for edge in edges if edge.t_ns >= WINDOW.end_ns)
    assert (after.t_ns, after.is_active) == (WINDOW.end_ns, True)


def test_chattering_contact_always_comes_back_to_its_true_level(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, ChatteringContact(WINDOW, Signal.DOOR_CLOSED, 5.0), rng()))
    inside = [
        r for r in faulty if isinstance(r, SignalEdge) and r.signal is Signal.DOOR_CLOSED and WINDOW.holds(r.t_ns)
    ]
    away = [edge for edge in inside if not edge.is_active]
    assert len(away) > 10
    assert inside[-1].is_active
    gaps_ms = [(b.t_ns - a.t_ns) / 1e6 for a, b in pairwise(inside) if not a.is_active]
    assert np.median(gaps_ms) < 8.0


def test_lying_controller_changes_only_what_it_lies_about(clean: list[Reading]) -> None:
    faulty = list(with_fault(clean, LyingController(WINDOW, door=ControllerDoor.OPEN, passenger=True), rng()))
    true = [r for r in clean if isinstance(r, ControllerReport) and WINDOW.holds(r.t_ns)]
    told = [r for r in faulty if isinstance(r, ControllerReport) and WINDOW.holds(r.t_ns)]
    assert {(r.door, r.passenger) for r in told} == {(ControllerDoor.OPEN, True)}
    assert [(r.floor, r.speed_mps, r.mode) for r in told] == [(r.floor, r.speed_mps, r.mode) for r in true]


def test_faults_are_the_same_for_the_same_seed(clean: list[Reading]) -> None:
    faults = (Noisy(WINDOW, 0.2), Dropouts(WINDOW, "accelerometer", 0.5))
    first, second = (samples(list(with_faults(clean, faults, rng()))) for _ in range(2))
    assert np.array_equal(first[1], second[1])
