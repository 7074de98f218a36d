"""Frames: an absolute grid of 50 ms, features by hand, and the same bits for any split of the input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.detect.signal import FRAME_NS, Frame, FrameCutter
from edge_agent.readings import AccelFrame
from tests.detect.boxes import Box, pieces_of, turned
from tests.detect.physics import Path

MS = 1_000_000


def block(times_ms: list[float], samples: list[tuple[float, float, float]]) -> AccelFrame:
    return AccelFrame(np.array([round(t * MS) for t in times_ms], dtype=np.int64), np.array(samples, dtype=np.float64))


def cut(blocks: list[AccelFrame]) -> list[Frame]:
    """All frames of the blocks; the last one is closed by time alone."""
    cutter = FrameCutter()
    frames = [frame for one in blocks for frame in cutter.push(one)]
    return [*frames, *cutter.complete(1 << 62)]


def bits(frames: list[Frame]) -> list[tuple[object, ...]]:
    """Frames in a form that differs if a single bit differs."""
    return [tuple(v.hex() if isinstance(v, float) else v for v in astuple(frame)) for frame in frames]


def noisy(rate_hz: float, seconds: float, start_s: float = 0.0, seed: int = 1, jitter: float = 0.0) -> AccelFrame:
    box = Box(rate_hz=rate_hz, noise_mps2=0.03, seed=seed, jitter=jitter)
    times_ns = box.times_ns(start_s, start_s + seconds)
    return AccelFrame(times_ns, box.samples(times_ns / 1e9, np.zeros(len(times_ns))))


def test_features_of_a_frame_by_hand() -> None:
    # Lengths of (3, 4, 0), (0, 0, 7), (6, 0, 8) are 5, 7, 10: mean 22/3, squared deviations 49/9, 1/9, 64/9.
    (frame,) = cut([block([10, 20, 30], [(3, 4, 0), (0, 0, 7), (6, 0, 8)])])
    assert frame.index == 0
    assert frame.end_ns == 50 * MS
    assert frame.sample_count == 3
    assert (frame.x_mps2, frame.y_mps2, frame.z_mps2) == pytest.approx((3.0, 4.0 / 3.0, 5.0))
    assert frame.accel_mps2 == pytest.approx(math.sqrt(9.0 + 16.0 / 9.0 + 25.0))
    assert frame.roughness_mps2 == pytest.approx(math.sqrt(114.0 / 9.0 / 3.0))
    assert (frame.low_mps2, frame.high_mps2) == (5.0, 10.0)
    assert frame.spread_mps2 == 8.0  # z goes from 0 to 8, x from 0 to 6, y from 0 to 4


def test_a_single_sample_makes_a_frame_without_spread() -> None:
    (frame,) = cut([block([49.999], [(0.0, -2.0, 0.0)])])
    assert (frame.accel_mps2, frame.y_mps2) == (2.0, -2.0)
    assert (frame.roughness_mps2, frame.spread_mps2) == (0.0, 0.0)
    assert (frame.low_mps2, frame.high_mps2) == (2.0, 2.0)


def test_frames_lie_on_the_absolute_grid_not_on_the_first_sample() -> None:
    frames = cut([block([1049.9, 1050.0, 1099.9, 1100.0], [(0, 0, 1), (0, 0, 2), (0, 0, 4), (0, 0, 8)])])
    assert [(frame.index, frame.sample_count, frame.z_mps2) for frame in frames] == [(20, 1, 1), (21, 2, 3), (22, 1, 8)]
    assert [frame.end_ns for frame in frames] == [1050 * MS, 1100 * MS, 1150 * MS]


def test_a_sample_that_is_not_newer_than_the_one_before_is_left_out() -> None:
    first, overlapping = noisy(400.0, 0.2), noisy(400.0, 0.3, start_s=0.15, seed=2)
    at = int(np.searchsorted(overlapping.times_ns, first.times_ns[-1], side="right"))
    rest = AccelFrame(overlapping.times_ns[at:], overlapping.samples_mps2[at:])
    older = noisy(400.0, 0.1)
    assert bits(cut([first, overlapping, older])) == bits(cut([first, rest]))
    assert [frame.index for frame in cut([first, overlapping])] == list(range(9))


def test_a_frame_is_given_out_only_when_nothing_of_it_can_follow() -> None:
    cutter = FrameCutter()
    assert cutter.push(block([0, 49.9], [(0, 0, 1), (0, 0, 3)])) == []
    assert cutter.complete(50 * MS - 1) == []
    (frame,) = cutter.complete(50 * MS)
    assert (frame.sample_count, frame.z_mps2) == (2, 2.0)
    assert cutter.complete(1 << 62) == []


def test_a_later_sample_closes_the_frame_and_opens_its_own() -> None:
    cutter = FrameCutter()
    cutter.push(block([0], [(0, 0, 1)]))
    (first,) = cutter.push(block([50], [(0, 0, 5)]))
    assert (first.index, first.z_mps2) == (0, 1.0)
    (second,) = cutter.complete(100 * MS)
    assert (second.index, second.z_mps2) == (1, 5.0)


def test_frames_without_samples_are_missing_not_invented() -> None:
    frames = cut([block([10, 20], [(0, 0, 1)] * 2), block([730], [(0, 0, 2)])])
    assert [(frame.index, frame.sample_count) for frame in frames] == [(0, 2), (14, 1)]


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 104.0, 400.0, 1600.0])
def test_every_sample_is_in_one_frame_at_any_rate(rate_hz: float) -> None:
    whole = noisy(rate_hz, 3.0, start_s=0.007, jitter=0.05)
    frames = cut([whole])
    expected: dict[int, list[float]] = {}
    for t_ns, sample in zip(whole.times_ns.tolist(), whole.samples_mps2.tolist(), strict=True):
        expected.setdefault(t_ns // (50 * MS), []).append(sample[2])
    assert [frame.index for frame in frames] == list(expected)
    assert [frame.sample_count for frame in frames] == [len(values) for values in expected.values()]
    means = [math.fsum(values) / len(values) for values in expected.values()]
    assert [frame.z_mps2 for frame in frames] == pytest.approx(means, abs=1e-12)


def test_the_mean_vector_has_the_same_length_in_any_mounting() -> None:
    path = Path()
    path.stand(2.0)
    straight = cut([Box(noise_mps2=0.0).block(path)])
    for seed in range(5):
        askew = cut([Box(mount=turned(seed), noise_mps2=0.0).block(path)])
        assert [frame.accel_mps2 for frame in askew] == pytest.approx([frame.accel_mps2 for frame in straight])


def splits(rate_hz: float) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, max(2, int(rate_hz / 4))), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([25.0, 60.0, 100.0, 400.0, 1600.0]), st.integers(0, 9))
def test_any_split_gives_the_same_bits(data: st.DataObject, rate_hz: float, seed: int) -> None:
    whole = noisy(rate_hz, 1.3, seed=seed, jitter=0.04)
    expected = bits(cut([whole]))
    assert bits(cut(pieces_of(whole, data.draw(splits(rate_hz))))) == expected


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([25.0, 100.0, 800.0]))
def test_completing_at_any_time_that_has_come_gives_the_same_bits(data: st.DataObject, rate_hz: float) -> None:
    whole = noisy(rate_hz, 1.0)
    cutter = FrameCutter()
    frames: list[Frame] = []
    for piece in pieces_of(whole, data.draw(splits(rate_hz))):
        frames += cutter.complete(piece.t_ns - data.draw(st.integers(0, 60 * MS)))
        frames += cutter.push(piece)
    frames += cutter.complete(1 << 62)
    assert bits(frames) == bits(cut([whole]))


def layouts(whole: AccelFrame) -> Iterator[AccelFrame]:
    """The same numbers as other parts of the agent may keep them in memory."""
    yield AccelFrame(whole.times_ns, np.asfortranarray(whole.samples_mps2))
    wide = np.zeros((len(whole.times_ns), 4))
    wide[:, 1:] = whole.samples_mps2
    yield AccelFrame(whole.times_ns, wide[:, 1:])
    doubled = np.repeat(whole.samples_mps2, 2, axis=0)
    yield AccelFrame(np.repeat(whole.times_ns, 2)[::2], doubled[::2])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_how_the_samples_lie_in_memory_does_not_matter(which: int) -> None:
    whole = noisy(400.0, 3.0)
    other = list(layouts(whole))[which]
    assert np.array_equal(other.samples_mps2, whole.samples_mps2)
    assert bits(cut([other])) == bits(cut([whole]))
    assert bits(cut(pieces_of(other, [7, 1, 30]))) == bits(cut([whole]))


def test_the_input_may_change_after_it_was_taken() -> None:
    """A driver may reuse its buffer."""
    cutter = FrameCutter()
    one = block([0, 10], [(0, 0, 1), (0, 0, 3)])
    cutter.push(one)
    one.samples_mps2[:] = 99.0
    one.times_ns[:] += 10**9
    (frame,) = cutter.complete(FRAME_NS)
    assert (frame.index, frame.z_mps2) == (0, 2.0)


def test_times_far_from_zero_are_exact() -> None:
    """A box that has been up for a year; float seconds would have lost the nanoseconds."""
    year_ns = 365 * 86_400 * 1_000_000_000
    base_ns = year_ns // FRAME_NS * FRAME_NS
    frames = cut([AccelFrame(np.array([base_ns - 1, base_ns], dtype=np.int64), np.array([[0, 0, 1.0], [0, 0, 2.0]]))])
    assert [(frame.index, frame.z_mps2) for frame in frames] == [
        (base_ns // FRAME_NS - 1, 1.0),
        (base_ns // FRAME_NS, 2.0),
    ]
