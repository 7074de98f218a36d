"""An accelerometer that cannot be right: saturated, noisy, at another rate; and what is no fault of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.detect.plausible import BLOCK_FRAMES, LEVEL_OFF_MPS2, NOISE_MPS2, QUIET_BLOCKS, RATE_FRAMES
from edge_agent.detect.signal import FRAME_S
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import AccelFrame, Reading
from edge_agent.recording import with_ticks
from tests.detect.boxes import G_MPS2, POOR, Box
from tests.detect.physics import Path
from tests.detect.scenes import Outcome, Scene, concluded

SENSOR = AlarmKind.SENSOR_FAULT
RATES_HZ = (25.0, 100.0, 400.0)
NOISE_S = BLOCK_FRAMES * QUIET_BLOCKS * FRAME_S
RATE_S = RATE_FRAMES * FRAME_S


def told(rate_hz: float) -> Installation:
    return Installation(Lift("x"), Wiring(accel_rate_hz=rate_hz))


def standing(box: Box, until_s: float, *, is_off_from_s: float | None = None, off_mps2: float = 0.0) -> AccelFrame:
    """A car at rest; from some time on a level is added along gravity."""
    path = Path()
    path.stand(until_s)
    block = box.block(path)
    if is_off_from_s is None:
        return block
    samples = block.samples_mps2.copy()
    samples[block.times_ns >= is_off_from_s * 1e9, 2] += off_mps2
    return AccelFrame(block.times_ns, samples)


def joined(*blocks: AccelFrame) -> AccelFrame:
    """One after the other in time: each takes over where the one before it ends."""
    kept, last = [], -1
    for block in blocks:
        is_later = block.times_ns > last
        kept.append(AccelFrame(block.times_ns[is_later], block.samples_mps2[is_later]))
        last = int(block.times_ns[-1])
    return AccelFrame(
        np.concatenate([each.times_ns for each in kept]), np.concatenate([each.samples_mps2 for each in kept])
    )


def run(block: AccelFrame, rate_hz: float) -> Outcome:
    size = max(1, int(rate_hz / 10))
    count = len(block.times_ns)
    pieces: list[Reading] = [
        AccelFrame(block.times_ns[k : k + size], block.samples_mps2[k : k + size]) for k in range(0, count, size)
    ]
    return concluded(told(rate_hz), with_ticks(iter(pieces), "x"))


def reasons(outcome: Outcome) -> list[str]:
    return [str({item.name: item.value for item in alarm.evidence}["reason"]) for alarm in outcome.of(SENSOR)]


# ---- the level


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("share", [0.9, 1.15])
def test_a_level_that_is_not_gravity_is_a_fault(share: float, sign: float) -> None:
    block = standing(Box(rate_hz=25.0), 60.0, is_off_from_s=20.0, off_mps2=sign * share * LEVEL_OFF_MPS2)
    outcome = run(block, 25.0)
    assert reasons(outcome) == (["bad_reply"] if share > 1.0 else [])


def test_it_ends_when_the_level_is_gravity_again() -> None:
    bad = standing(Box(rate_hz=25.0), 40.0, is_off_from_s=20.0, off_mps2=10.0)
    outcome = run(joined(bad, standing(Box(rate_hz=25.0), 130.0)), 25.0)
    assert len(outcome.of(SENSOR)) == len(outcome.of(SENSOR, AlarmState.CLEARED)) == 1


def test_a_chip_at_the_end_of_its_range_is_a_fault_and_no_moved_box() -> None:
    """All axes read +-2 g with the last digits flickering; the box has not moved."""
    good, full = standing(Box(rate_hz=25.0), 40.0), standing(Box(rate_hz=25.0), 150.0)
    rng = np.random.default_rng(3)
    flicker = rng.choice([0.0, -0.04], size=full.samples_mps2.shape)
    outcome = run(joined(good, AccelFrame(full.times_ns, 2.0 * G_MPS2 + flicker)), 25.0)
    assert outcome.raised == ["sensor_fault"]


def test_the_worst_chip_that_is_allowed_is_none() -> None:
    for rate_hz in RATES_HZ:
        assert run(standing(replace(POOR, rate_hz=rate_hz), 70.0), rate_hz).of(SENSOR) == []


# ---- noise


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("share", [0.9, 1.8])
def test_noise_that_never_rests_is_a_fault(share: float, rate_hz: float) -> None:
    noisy = Box(rate_hz=rate_hz, noise_mps2=share * NOISE_MPS2)
    outcome = run(standing(noisy, NOISE_S + 10.0), rate_hz)
    assert reasons(outcome) == (["bad_reply"] if share > 1.0 else [])
    if share > 1.0:
        assert outcome.times_s(SENSOR) == pytest.approx([NOISE_S + 2.0], abs=2.5)


def test_noise_with_a_quiet_moment_in_each_minute_is_none() -> None:
    """Children jump in the car for a quarter of an hour; now and then they have to laugh."""
    blocks, end_s = [], 0.0
    for _ in range(8):
        blocks.append(standing(Box(rate_hz=25.0, noise_mps2=2.0), end_s + 50.0))
        blocks.append(standing(Box(rate_hz=25.0), end_s + 55.0))
        end_s += 55.0
    assert run(joined(*blocks), 25.0).of(SENSOR) == []


# ---- the rate


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("factor", "count"), [(0.5, 1), (0.7, 1), (0.85, 0), (1.2, 0), (1.5, 1), (2.0, 1)])
def test_another_rate_than_was_set_is_a_fault(factor: float, count: int, rate_hz: float) -> None:
    outcome = run(standing(Box(rate_hz=factor * rate_hz), 3 * RATE_S + 5.0), rate_hz)
    assert reasons(outcome) == ["wrong_rate"] * count


def test_where_no_rate_was_set_none_is_wrong() -> None:
    scene = Scene(box=Box(rate_hz=13.0)).stand(50.0)
    installation = replace(scene.installation, wiring=replace(scene.installation.wiring, accel_rate_hz=None))
    assert concluded(installation, scene.readings()).of(SENSOR) == []


def test_a_gap_now_and_then_is_no_wrong_rate() -> None:
    scene = Scene(box=Box(rate_hz=25.0)).stand(200.0)
    scene.silences_s = [(20.0 * k, 20.0 * k + 4.0) for k in range(1, 9)]
    assert concluded(scene.installation, scene.readings()).of(SENSOR) == []


# ---- all of it


def test_any_split_of_bad_samples_tells_the_same() -> None:
    block = joined(
        standing(Box(rate_hz=50.0), 20.0, is_off_from_s=10.0, off_mps2=5.0), standing(Box(rate_hz=25.0), 60.0)
    )
    whole = concluded(told(50.0), with_ticks(iter([block]), "x")).conclusions
    for size in (1, 7, 50):
        parts: list[Reading] = [
            AccelFrame(block.times_ns[k : k + size], block.samples_mps2[k : k + size])
            for k in range(0, len(block.times_ns), size)
        ]
        assert concluded(told(50.0), with_ticks(iter(parts), "x")).conclusions == whole
    assert whole
