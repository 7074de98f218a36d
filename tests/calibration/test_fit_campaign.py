"""Many drawn lifts and controllers: what share the fits recover. Figures: `python -m tests.calibration.fit_figures`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration.fit_figures import NOT_FOUND, WRONG, detective_outcome, landing_errors

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(("has_pressure", "share_50_mm"), [(False, 0.6), (True, 0.65)])
def test_most_drawn_lifts_are_learned_within_fifty_millimetres_and_one_per_cent(
    has_pressure: bool, share_50_mm: float
) -> None:
    every = [landing_errors(seed, has_pressure=has_pressure) for seed in range(60)]
    kept = [each for each in every if not each.is_refused]
    speeds = [each.speed for each in kept if each.speed is not None]
    assert len(kept) >= 0.95 * len(every)
    assert np.mean([each.height_m <= 0.05 for each in kept]) >= share_50_mm
    assert np.mean([speed <= 0.01 for speed in speeds]) >= 0.8


def test_no_drawn_controller_makes_the_detective_say_something_wrong() -> None:
    for seed in range(40):
        talking, mute = detective_outcome(seed)
        assert WRONG not in talking.values(), seed
        assert list(talking.values()).count(NOT_FOUND) <= 1, seed
        assert set(mute.values()) == {NOT_FOUND}, seed
