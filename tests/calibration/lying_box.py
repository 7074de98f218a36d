"""A drawn box that is laid on its sides before it is mounted, and what its chip really has wrong."""

from __future__ import annotations

from collections.abc import Sequence

from calibration.sides import SidesFit, fit_sides
from sim.box import Chip
from sim.lying import lay_box
from sim.words import BoxUp
from tests.calibration.learning_lifts import Learned, drawn

ALL_SIDES = tuple(up for up in BoxUp if up is not BoxUp.MOUNTED)
LIES_S = 5.0


def laid(seed: int, sides: Sequence[BoxUp] = ALL_SIDES, *, chip: Chip | None = None, lies_s: float = LIES_S) -> Learned:
    """A box that lay on these sides, one after the other."""
    found = drawn(seed, chip=chip)
    for up in sides:
        lay_box(found.lift, up)
        found.lift.wait(lies_s)
    return found


def fit_of(found: Learned) -> SidesFit:
    """As the settings of that chip have it judged."""
    accel = found.box.accel
    assert accel is not None
    return fit_sides(found.readings(), chip=found.chip.value, range_mps2=accel.range_mps2)
