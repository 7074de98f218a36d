"""Many drawn lifts and controllers: what share the fits recover. Figures: `python -m tests.calibration.fit_figures`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration.fit_figures import NOT_FOUND, WRONG, detective_outcome, landing_errors

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("has_pressure", [False, True])
def test_nearly_all_drawn_lifts_are_learned_as_closely_as_wanted(*, has_pressure: bool) -> None:
    every = [landing_errors(seed, has_pressure=has_pressure) for seed in range(60)]
    kept = [each for each in every if not each.is_refused]
    assert len(kept) >= 0.95 * len(every)
    assert all(each.axis_deg <= 0.5 for each in kept)
    assert np.mean([each.height_m <= 0.05 for each in kept]) >= 0.85
    assert np.mean([each.speed is None or each.speed <= 0.01 for each in kept]) >= 0.95
    assert np.mean([each.pull <= 3.0 for each in kept]) >= 0.95


def test_who_rides_everything_twice_has_the_landings_of_nearly_every_lift_within_fifty_millimetres() -> None:
    every = [landing_errors(seed, has_pressure=False, times=2) for seed in range(60)]
    kept = [each for each in every if not each.is_refused]
    assert len(kept) >= 0.95 * len(every)
    assert np.mean([each.height_m <= 0.05 for each in kept]) >= 0.95


def test_no_drawn_controller_makes_the_detective_say_something_wrong() -> None:
    for seed in range(40):
        talking, mute = detective_outcome(seed)
        assert WRONG not in talking.values(), seed
        assert list(talking.values()).count(NOT_FOUND) <= 1, seed
        assert set(mute.values()) == {NOT_FOUND}, seed
