"""The timeline orders readings of any arrival, puts ticks in, and counts what it cannot place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    FaultReason,
    PressureSample,
    Reading,
    SamplesLost,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from edge_agent.timeline import TICKS_MAX, Timeline, source_of
from tests.recording.material import MS, S, frame

LATENESS_NS = 200 * MS


def edge(t_ns: int, *, is_active: bool = True) -> SignalEdge:
    return SignalEdge(t_ns, Signal.PRESENCE, is_active)


def make(kind: int, t_ns: int) -> Reading:
    match kind:
        case 0:
            return frame(t_ns, count=4)
        case 1:
            return PressureSample(t_ns, 1000.0)
        case 2:
            return ControllerReport(t_ns, floor="1")
        case 3:
            return SourceFault(t_ns, "controller", FaultReason.SILENT, "no reply")
        case 4:
            return SamplesLost(t_ns, "accelerometer", 3)
        case _:
            return edge(t_ns)


def run(readings: list[Reading], delays_ns: list[int], steps_ns: list[int]) -> list[Reading]:
    """Push each reading after its delay, release at fixed moments."""
    arrivals = sorted(zip(readings, delays_ns, strict=True), key=lambda pair: pair[0].t_ns + pair[1])
    timeline = Timeline(LATENESS_NS)
    out: list[Reading] = []
    now_ns = 0
    for step_ns in steps_ns:
        now_ns += step_ns
        while arrivals and arrivals[0][0].t_ns + arrivals[0][1] <= now_ns:
            timeline.push(arrivals.pop(0)[0])
        out.extend(timeline.release(now_ns))
    for reading, _ in arrivals:
        timeline.push(reading)
    out.extend(timeline.flush())
    return out


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 20).map(lambda n: n * 50 * MS), st.integers(0, LATENESS_NS)),
        unique_by=lambda row: row[:2],
        max_size=30,
    ),
    st.lists(st.integers(1, 400 * MS), min_size=1, max_size=12),
)
def test_any_order_of_arrival_within_the_lateness_gives_the_same_output(
    rows: list[tuple[int, int, int]], steps_ns: list[int]
) -> None:
    readings = [make(kind, t_ns) for kind, t_ns, _ in rows]
    punctual = run(readings, [0] * len(rows), steps_ns)
    delayed = run(readings, [delay_ns for *_, delay_ns in rows], steps_ns)
    assert delayed == punctual
    assert [reading.t_ns for reading in delayed] == sorted(reading.t_ns for reading in delayed)
    assert {id(reading) for reading in delayed if not isinstance(reading, Tick)} == {id(r) for r in readings}


def test_a_reading_comes_out_when_the_lateness_has_passed_and_not_before() -> None:
    timeline = Timeline(LATENESS_NS)
    timeline.push(edge(S + 1))
    assert timeline.release(S + LATENESS_NS) == (Tick(S),)
    assert timeline.release(S + LATENESS_NS + 1) == (edge(S + 1),)


def test_a_tick_stands_behind_the_readings_of_its_moment() -> None:
    timeline = Timeline(0)
    timeline.push(edge(S))
    timeline.push(edge(S + 1))
    assert timeline.release(S + 1) == (edge(S), Tick(S), edge(S + 1))


def test_every_multiple_of_the_tick_is_given_once_however_time_is_stepped() -> None:
    timeline = Timeline(0, tick_ns=100)
    timeline.push(edge(250))
    out = [*timeline.release(260), *timeline.release(299), *timeline.release(300), *timeline.release(710)]
    assert [reading.t_ns for reading in out if isinstance(reading, Tick)] == [300, 400, 500, 600, 700]


def test_ticks_come_without_any_reading() -> None:
    timeline = Timeline(0, tick_ns=100)
    assert timeline.release(1000) == (Tick(1000),)
    assert timeline.release(1200) == (Tick(1100), Tick(1200))


def test_time_that_goes_back_gives_nothing() -> None:
    timeline = Timeline(0, tick_ns=100)
    timeline.release(1000)
    assert timeline.release(999) == ()
    assert timeline.release(1000) == ()


def test_a_late_reading_is_dropped_counted_and_reported_once() -> None:
    timeline = Timeline(0)
    timeline.release(S)
    timeline.push(edge(S))
    timeline.push(edge(S - 5))
    timeline.push(ControllerReport(S - 1))
    out = timeline.release(S + 10)
    assert out == (SamplesLost(S + 1, "controller", 1), SamplesLost(S + 1, "door_contacts", 2))
    assert timeline.lost_count == 3
    assert timeline.release(S + 20) == ()


def test_only_the_late_part_of_a_frame_is_lost() -> None:
    timeline = Timeline(0)
    timeline.release(S)
    block = frame(S - 20 * MS, count=5, step_ns=10 * MS)
    timeline.push(block)
    lost, kept = timeline.release(S + 60 * MS)
    assert lost == SamplesLost(S + 1, "accelerometer", 3)
    assert isinstance(kept, AccelFrame)
    assert kept.times_ns.tolist() == [S + 10 * MS, S + 20 * MS]
    assert (kept.samples_mps2 == block.samples_mps2[3:]).all()


def test_a_frame_that_is_late_as_a_whole_is_counted_in_samples() -> None:
    timeline = Timeline(0)
    timeline.release(S)
    timeline.push(frame(S - 40 * MS, count=5))
    assert timeline.release(S + 1) == (SamplesLost(S + 1, "accelerometer", 5),)


def test_a_late_fault_or_loss_is_kept_and_stamped_again() -> None:
    timeline = Timeline(0)
    timeline.release(S)
    timeline.push(SourceFault(5, "controller", FaultReason.SILENT, "no reply"))
    timeline.push(SamplesLost(6, "accelerometer", 9))
    assert timeline.release(S + 1) == (
        SourceFault(S + 1, "controller", FaultReason.SILENT, "no reply"),
        SamplesLost(S + 1, "accelerometer", 9),
    )
    assert timeline.lost_count == 0


def test_without_room_the_newcomer_is_dropped_and_counted() -> None:
    timeline = Timeline(0, held_max=2)
    timeline.push(edge(10))
    timeline.push(edge(20))
    timeline.push(edge(30))
    timeline.push(frame(40, count=6))
    timeline.push(SamplesLost(41, "accelerometer", 4))
    assert timeline.held_count == 2
    out = timeline.release(50)
    assert SamplesLost(10, "door_contacts", 1) in out
    assert SamplesLost(10, "accelerometer", 10) in out
    assert [reading for reading in out if isinstance(reading, SignalEdge)] == [edge(10), edge(20)]
    timeline.push(edge(60))
    assert timeline.release(60) == (edge(60),)


def test_flush_gives_everything_and_ticks_until_the_last_sample_has_passed() -> None:
    timeline = Timeline(LATENESS_NS)
    timeline.push(edge(30 * MS))
    block = frame(50 * MS, count=8)
    timeline.push(block)
    assert timeline.flush() == (edge(30 * MS), block, Tick(100 * MS), Tick(200 * MS))
    assert timeline.flush() == ()


def test_flush_of_nothing_gives_nothing() -> None:
    assert Timeline(0).flush() == ()


def test_a_box_that_slept_for_days_gets_the_last_hour_of_ticks() -> None:
    timeline = Timeline(0)
    timeline.release(S)
    ticks = timeline.release(3 * 24 * 3600 * S)
    assert len(ticks) == TICKS_MAX
    assert ticks[-1] == Tick(3 * 24 * 3600 * S)
    assert ticks[0].t_ns == ticks[-1].t_ns - (TICKS_MAX - 1) * 100 * MS


def test_a_tick_from_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="makes its own ticks"):
        Timeline(0).push(Tick(5))
    with pytest.raises(ValueError, match="no source"):
        source_of(Tick(5))


@pytest.mark.parametrize(("lateness_ns", "tick_ns", "held_max"), [(-1, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_impossible_settings_are_refused(lateness_ns: int, tick_ns: int, held_max: int) -> None:
    with pytest.raises(ValueError, match="lateness_ns"):
        Timeline(lateness_ns, tick_ns, held_max)
