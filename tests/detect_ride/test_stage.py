"""The stage refuses what it cannot judge and says why; memory and work are bounded, and what is lost is counted."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from edge_agent.detect.ride import RideStage
from edge_agent.detect.ride_memory import (
    SAMPLES_MAX,
    WORK_SAMPLES_MAX,
    WORK_SAMPLES_PER_S,
    SampleMemory,
    WorkBudget,
)
from edge_agent.detect.ride_report import Refusal, RideReport, Unweighted
from edge_agent.readings import AccelFrame
from tests.detect_ride.making import G, Ride, S, judged, sine

Keep = npt.NDArray[np.bool_]

RIDE = Ride(vertical=sine(0.1, 8.0), across=sine(0.05, 5.0))


def pushed(ride: Ride, keep: Keep | None = None, until_s: float = 1e9) -> RideStage:
    stage = RideStage()
    for block in ride.blocks(keep=keep):
        if block.t_ns < until_s * S:
            stage.push(block)
    return stage


def finished(stage: RideStage, ride: Ride = RIDE) -> RideReport | None:
    return stage.finish(ride.start_ns, ride.end_ns, ride.gravity)


def without(*spans_s: tuple[float, float], ride: Ride = RIDE) -> Keep:
    """Which samples arrive when those in the spans are lost."""
    t = ride.times_s()
    keep = np.ones(len(t), dtype=bool)
    for first, last in spans_s:
        keep &= (t < first) | (t >= last)
    return keep


def refused(stage: RideStage, why: Refusal, ride: Ride = RIDE) -> None:
    before = stage.refused_count(why)
    assert finished(stage, ride) is None
    assert stage.last_refusal is why
    assert stage.refused_count(why) == before + 1


# ---- gaps and irregular sampling


@pytest.mark.parametrize("missing_s", [0.006, 0.05, 0.19])
def test_a_short_gap_in_the_trip_takes_the_weighting_away_and_leaves_the_motion(missing_s: float) -> None:
    report = finished(pushed(RIDE, without((18.0, 18.0 + missing_s))))
    assert report is not None
    assert report.unweighted_because is Unweighted.SAMPLES_MISSING
    assert report.sample_count < judged(RIDE).sample_count
    assert report.motion.speed_mps == pytest.approx(1.6, rel=0.02)
    assert report.distance_m == pytest.approx(24.0, rel=0.02)
    assert report.rate_hz == pytest.approx(400.0, rel=1e-6)


def test_a_gap_of_more_than_a_fifth_of_a_second_in_the_trip_is_refused() -> None:
    refused(pushed(RIDE, without((18.0, 18.21))), Refusal.GAP)


def test_a_gap_just_before_the_start_counts_as_one_in_the_trip() -> None:
    refused(pushed(RIDE, without((11.4, 11.7))), Refusal.GAP)


def test_a_gap_in_the_standstill_before_the_trip_only_shortens_the_standstill() -> None:
    report = finished(pushed(RIDE, without((5.0, 8.0))))
    whole = judged(RIDE)
    assert report is not None
    assert report.is_weighted
    assert report.sample_count == whole.sample_count - round(6.0 * 400)  # 2 s and the 4 s after them are left
    assert report.vertical.constant is not None
    assert whole.vertical.constant is not None
    assert report.vertical.constant.max_mps2 == pytest.approx(whole.vertical.constant.max_mps2, rel=1e-6)


def test_many_small_losses_are_refused_when_they_come_to_a_twentieth() -> None:
    numbers = np.arange(len(RIDE.times_s()))
    is_riding = RIDE.times_s() > RIDE.rest_s - 0.5
    few = finished(pushed(RIDE, (numbers % 21 != 7) | ~is_riding))  # 4.8 % of the trip
    assert few is not None
    assert few.unweighted_because is Unweighted.SAMPLES_MISSING
    refused(pushed(RIDE, (numbers % 18 != 7) | ~is_riding), Refusal.GAP)  # 5.6 %


def jittered(ratio: float) -> RideStage:
    """Every fifth sample is taken, and truly stamped, late by this share of a step."""
    stage = RideStage()
    t = RIDE.times_s()
    t[::5] += ratio / RIDE.rate_hz
    stage.push(AccelFrame(np.round(t * S).astype(np.int64), RIDE.samples(t)))
    return stage


def test_stamps_that_wander_by_less_than_a_quarter_step_keep_the_weighting() -> None:
    report = finished(jittered(0.24))
    assert report is not None
    assert report.is_weighted


def test_irregular_stamps_take_the_weighting_away() -> None:
    report = finished(jittered(0.26))
    assert report is not None
    assert report.unweighted_because is Unweighted.IRREGULAR
    assert report.vertical.constant is not None
    assert report.vertical.constant.a95_mps2 == pytest.approx(0.2, rel=0.06)
    assert report.motion.speed_mps == pytest.approx(1.6, rel=0.01)


def test_a_rate_that_drifts_slowly_is_regular() -> None:
    stage = RideStage()
    t = RIDE.times_s() * (1.0 + 2e-5 * RIDE.times_s())
    stage.push(AccelFrame(np.round(t * S).astype(np.int64), RIDE.samples(t)))
    report = finished(stage)
    assert report is not None
    assert report.is_weighted


def test_fewer_than_25_samples_a_second_are_refused() -> None:
    slow = dataclasses.replace(RIDE, rate_hz=24.0)
    refused(pushed(slow), Refusal.RATE_TOO_LOW, slow)
    enough = dataclasses.replace(RIDE, rate_hz=25.0)
    report = finished(pushed(enough), enough)
    assert report is not None
    assert report.motion.speed_mps == pytest.approx(1.6, rel=0.03)


# ---- trips that cannot be judged


def test_a_trip_whose_beginning_or_end_is_not_there_is_refused() -> None:
    refused(RideStage(), Refusal.NOT_COVERED)
    refused(pushed(RIDE, without((0.0, 12.2))), Refusal.NOT_COVERED)
    refused(pushed(RIDE, until_s=RIDE.end_ns / S - 0.2), Refusal.NOT_COVERED)
    assert finished(pushed(RIDE, without((0.0, 11.9)))) is not None


def test_a_tenth_of_a_second_may_be_missing_at_either_end() -> None:
    end_s = RIDE.end_ns / S
    assert finished(pushed(RIDE, without((0.0, 12.09)))) is not None
    refused(pushed(RIDE, without((0.0, 12.11))), Refusal.NOT_COVERED)
    assert finished(pushed(RIDE, without((end_s - 0.09, 1e9)))) is not None
    refused(pushed(RIDE, without((end_s - 0.11, 1e9))), Refusal.NOT_COVERED)


def test_a_standstill_is_no_trip() -> None:
    stage = pushed(RIDE)
    assert stage.finish(2 * S, 10 * S, RIDE.gravity) is None
    assert stage.last_refusal is Refusal.NO_TRAVEL


@pytest.mark.parametrize(("distance_m", "is_trip"), [(0.28, False), (0.32, True)])
def test_less_than_0_3_m_is_no_trip(distance_m: float, is_trip: bool) -> None:
    ride = Ride(speed_mps=0.3, accel_mps2=0.5, brake_mps2=0.5, jerk_mps3=2.0, distance_m=distance_m)
    stage = pushed(ride)
    assert (finished(stage, ride) is not None) is is_trip
    assert (stage.last_refusal is Refusal.NO_TRAVEL) is not is_trip


def test_a_gravity_of_less_than_half_of_g_is_none() -> None:
    stage = pushed(RIDE)
    assert stage.finish(RIDE.start_ns, RIDE.end_ns, (0.0, 0.0, 4.8)) is None
    assert stage.finish(RIDE.start_ns, RIDE.end_ns, (0.0, 0.0, 5.0)) is not None


def test_without_gravity_there_is_no_vertical() -> None:
    stage = pushed(RIDE)
    assert stage.finish(RIDE.start_ns, RIDE.end_ns, (0.0, 0.0, 0.0)) is None
    assert stage.last_refusal is Refusal.NO_GRAVITY
    assert finished(stage) is not None
    assert stage.last_refusal is None
    assert stage.refused_count(Refusal.NO_GRAVITY) == 1


def test_samples_after_the_end_change_nothing() -> None:
    exact = pushed(RIDE, until_s=RIDE.end_ns / S + 0.05)
    assert finished(exact) == finished(pushed(RIDE))


# ---- bounds


def test_at_rest_only_the_last_fifteen_seconds_are_kept() -> None:
    stage = RideStage()
    parked = Ride(rest_s=300.0, rate_hz=100.0)
    most = 0
    for block in parked.blocks():
        if block.t_ns >= 290 * S:
            break
        stage.push(block)
        stage.forget(block.t_ns)
        most = max(most, stage.kept_count)
    assert 1500 <= stage.kept_count <= most <= 2016
    assert stage.dropped_count == 0


def test_forgetting_at_rest_and_while_the_trip_is_open_changes_no_report() -> None:
    stage = RideStage()
    for block in RIDE.blocks():
        stage.push(block)
        stage.forget(min(block.t_ns, RIDE.start_ns))
    assert finished(stage) == finished(pushed(RIDE))


def test_forgetting_a_trip_that_was_not_given_out_refuses_it() -> None:
    stage = pushed(RIDE)
    stage.forget(RIDE.start_ns + 16 * S)
    refused(stage, Refusal.NOT_COVERED)


def test_memory_is_bounded_and_what_it_drops_is_counted_and_refused() -> None:
    stage = RideStage()
    times = np.arange(2 * SAMPLES_MAX, dtype=np.int64) * 625_000  # 360 s at 1600 samples a second
    samples = np.tile((0.0, 0.0, G), (len(times), 1))
    for begin in range(0, len(times), 100_000):
        stage.push(AccelFrame(times[begin : begin + 100_000], samples[begin : begin + 100_000]))
        assert stage.kept_count <= SAMPLES_MAX
    assert stage.kept_count + stage.dropped_count == len(times)
    assert stage.kept_count > 0.9 * SAMPLES_MAX
    assert stage.finish(100 * S, 350 * S, (0.0, 0.0, G)) is None
    assert stage.last_refusal is Refusal.TOO_LONG


def test_a_block_of_any_length_keeps_the_newest_samples() -> None:
    memory = SampleMemory()
    times = np.arange(SAMPLES_MAX + 5_000, dtype=np.int64)
    memory.push(AccelFrame(times, np.zeros((len(times), 3))))
    assert len(memory) <= SAMPLES_MAX
    assert len(memory) + memory.dropped_count == len(times)
    kept, samples = memory.between(0, len(times))
    assert kept[-1] == len(times) - 1
    assert len(samples) == 3 * len(kept)


def test_time_that_goes_back_starts_the_memory_anew() -> None:
    stage = pushed(RIDE)
    count = stage.kept_count
    for block in RIDE.blocks():
        stage.push(block)
    assert stage.kept_count == count
    assert stage.dropped_count == count
    assert finished(stage) == finished(pushed(RIDE))


def test_both_ends_of_a_span_are_in_it() -> None:
    memory = SampleMemory()
    memory.push(AccelFrame(np.array([10, 20, 30, 31], dtype=np.int64), np.arange(12.0).reshape(4, 3)))
    times, samples = memory.between(20, 30)
    assert list(times) == [20, 30]
    assert list(samples) == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_a_flood_of_trips_is_cut_off_by_the_work_budget() -> None:
    stage = pushed(RIDE)
    outcomes = [finished(stage) is not None for _ in range(60)]
    worked = sum(outcomes)
    assert outcomes == [True] * worked + [False] * (60 - worked)
    assert stage.refused_count(Refusal.OVER_BUDGET) == 60 - worked
    per_trip = judged(RIDE).sample_count
    assert worked == WORK_SAMPLES_MAX // per_trip


def test_the_work_budget_fills_up_with_capture_time() -> None:
    assert (WORK_SAMPLES_MAX, WORK_SAMPLES_PER_S) == (1600 * (180 + 10), 4 * 1600)
    budget = WorkBudget()
    assert budget.allows(0, WORK_SAMPLES_MAX)
    assert not budget.allows(0, 1)
    assert not budget.allows(2 * S, 2 * WORK_SAMPLES_PER_S + 1)
    assert budget.allows(2 * S, 2 * WORK_SAMPLES_PER_S)
    assert not budget.allows(S, 1)  # time that goes back fills nothing
    assert not budget.allows(10_000 * S, WORK_SAMPLES_MAX + 1)
    assert budget.allows(10_000 * S, WORK_SAMPLES_MAX)


def test_trips_in_close_succession_are_judged_each() -> None:
    """The second starts 3 s after the first has ended, so its standstill holds the end of the first."""
    first = Ride(vertical=sine(0.1, 8.0), noise_mps2=0.001)
    stage = RideStage()
    for block in first.blocks():
        stage.push(block)
    assert finished(stage, first) is not None
    offset = round(first.times_s()[-1] * S) + 2_500_000
    second = Ride(vertical=sine(0.1, 8.0), noise_mps2=0.001, rest_s=1.5, sign=-1.0)
    for block in second.blocks():
        stage.push(AccelFrame(block.times_ns + offset, block.samples_mps2))
    report = stage.finish(second.start_ns + offset, second.end_ns + offset, second.gravity)
    assert report is not None
    assert report.vertical.constant is not None
    assert report.vertical.constant.a95_mps2 == pytest.approx(2 * 0.1 * 1.037, rel=0.03)
    assert report.vertical.noise_mps2 is not None
    assert report.vertical.noise_mps2 < 0.05
