"""The sample clock, on counts made by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sample_clock import Anchor, Fit, RateMeter, SampleClock

MS = 1_000_000


@dataclass(frozen=True)
class Look:
    """One look at a FIFO: how long after the last one, how long it took, and when within it the FIFO answered."""

    wait_ns: int
    lasts_ns: int
    part: float


LOOKS = st.lists(
    st.builds(Look, st.integers(5 * MS, 70 * MS), st.integers(50_000, 3 * MS), st.floats(0, 1)),
    min_size=5,
    max_size=250,
)


def anchors(looks: list[Look], *, true_rate_hz: float, phase: float) -> list[tuple[Anchor, float, int]]:
    """For each look: the anchor, the true time of its newest sample, and when the look ended."""
    clock = SampleClock(400.0)
    period_ns = 1e9 / true_rate_hz
    t_ns = 3_000_000_000
    first_ns = t_ns + phase * period_ns
    seen = 0
    out = []
    for look in looks:
        before_ns = t_ns + look.wait_ns
        t_ns = before_ns + look.lasts_ns
        produced = int((before_ns + look.part * look.lasts_ns - first_ns) / period_ns) + 1
        if produced > seen:
            out.append((clock.look(produced - seen, before_ns, t_ns), first_ns + (produced - 1) * period_ns, t_ns))
            seen = produced
    return out


@given(LOOKS, st.floats(380, 420), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_times_ascend_are_not_in_the_future_and_nothing_is_believed_lost(
    looks: list[Look], true_rate_hz: float, phase: float
) -> None:
    last_ns = 0
    for anchor, _, ended_ns in anchors(looks, true_rate_hz=true_rate_hz, phase=phase):
        assert last_ns < anchor.t_ns <= ended_ns
        assert anchor.fit is Fit.STEADY
        last_ns = anchor.t_ns


@given(LOOKS, st.floats(380, 420), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_time_is_never_wrong_by_more_than_two_samples_and_a_slow_look(
    looks: list[Look], true_rate_hz: float, phase: float
) -> None:
    for anchor, true_ns, _ in anchors(looks, true_rate_hz=true_rate_hz, phase=phase):
        assert abs(anchor.t_ns - true_ns) < 2 * 1e9 / 400 + 3 * MS


def test_late_looks_say_as_much_as_punctual_ones() -> None:
    looks = [Look(wait_ns=(70 if i % 3 == 0 else 21) * MS, lasts_ns=200_000, part=0.5) for i in range(200)]
    errors = [a.t_ns - true_ns for a, true_ns, _ in anchors(looks, true_rate_hz=411.0, phase=0.3)[50:]]
    assert max(abs(error) for error in errors) < 0.4 * 1e9 / 411
    assert abs(sum(errors) / len(errors)) < 0.15 * 1e9 / 411


def test_missing_samples_are_counted_and_the_line_starts_anew() -> None:
    clock = SampleClock(400.0)
    t_ns = 1_000_000_000
    for _ in range(100):
        t_ns += 25 * MS
        assert clock.look(10, t_ns, t_ns + 200_000).fit is Fit.STEADY
    t_ns += 125 * MS  # 50 samples' time, 10 arrive
    anchor = clock.look(10, t_ns, t_ns + 200_000)
    assert anchor.fit is Fit.LOST
    assert anchor.lost_count == pytest.approx(40, abs=1)
    assert t_ns - 2.5 * MS <= anchor.t_ns <= t_ns + 200_000


@pytest.mark.parametrize(("missing", "fit"), [(2, Fit.STEADY), (6, Fit.LOST)])
def test_a_slip_of_a_few_samples_is_noticed_only_beyond_the_noise(missing: int, fit: Fit) -> None:
    clock = SampleClock(400.0)
    t_ns = 1_000_000_000
    for _ in range(200):
        t_ns += 25 * MS
        clock.look(10, t_ns, t_ns)
    t_ns += 25 * MS
    assert clock.look(10 - missing, t_ns, t_ns).fit is fit


def test_too_many_samples_for_the_time_are_an_excess() -> None:
    clock = SampleClock(400.0)
    t_ns = 1_000_000_000
    for _ in range(50):
        t_ns += 25 * MS
        clock.look(10, t_ns, t_ns)
    t_ns += 25 * MS
    assert clock.look(40, t_ns, t_ns).fit is Fit.EXCESS


def test_the_rate_survives_a_gap() -> None:
    clock = SampleClock(400.0)
    t_ns = 1_000_000_000
    for _ in range(200):
        t_ns += 24 * MS
        clock.look(10, t_ns, t_ns)
    rate_hz = clock.rate_hz
    clock.restart()
    assert clock.rate_hz == rate_hz == pytest.approx(416.7, abs=0.1)


def test_the_rate_meter_judges_whole_windows() -> None:
    meter = RateMeter(400.0)
    t_ns = 1_000_000_000
    assert meter.look(99, t_ns) is None  # the first look only begins the window
    rates = [meter.look(16, t_ns + i * 40 * MS) for i in range(1, 14)]
    assert rates[:12] == [None] * 12
    assert rates[12] == pytest.approx(400.0)
    assert meter.is_right(361.0)
    assert not meter.is_right(359.0)
    assert meter.is_right(439.0)
    assert not meter.is_right(441.0)
