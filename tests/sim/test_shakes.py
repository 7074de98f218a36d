"""Shakes move nothing for good."""

from __future__ import annotations

import numpy as np
import pytest

from sim.shakes import Shake, ShakeTrack, shaken


@pytest.mark.parametrize(("hz", "decay_per_s"), [(3.0, 2.0), (9.0, 12.0), (40.0, 60.0)])
def test_shake_peaks_at_its_size_and_leaves_speed_and_place_as_they_were(hz: float, decay_per_s: float) -> None:
    times_s = np.arange(0.0, 10.0, 1e-4)
    wave = shaken(times_s, [Shake(1.0, (0.0, 0.0, 2.0), hz, decay_per_s)])[:, 2]
    speed_mps = np.cumsum(wave) * 1e-4
    assert np.abs(wave).max() == pytest.approx(2.0, rel=0.02)
    assert speed_mps[-1] == pytest.approx(0.0, abs=2e-4)
    assert np.sum(speed_mps) * 1e-4 == pytest.approx(0.0, abs=1e-3)
    assert not wave[times_s < 1.0].any()


def test_track_finds_every_shake_that_is_still_felt() -> None:
    track = ShakeTrack()
    long = Shake(1.0, (1.0, 0.0, 0.0), 3.0, 2.0)  # lasts 6 s
    short = Shake(5.0, (1.0, 0.0, 0.0), 30.0, 60.0)
    for shake in (short, long):
        track.add(shake)
    assert set(track.within(6.0, 6.5)) >= {long}
    assert set(track.within(5.0, 5.1)) == {long, short}
    assert track.within(20.0, 21.0) == []
