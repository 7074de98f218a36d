"""The box off its screws: laid by hand on one of its sides, as an installer does before it is mounted.

No chance is drawn here: the same command always gives the same handling and the same few degrees askew.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sim.box import rotation
from sim.lift import Lift
from sim.motion import FloatArray
from sim.words import BoxUp

_HANDLING_S, _SETTLING_S = 1.6, 0.4
_ASKEW_AXIS = np.array([0.4, 1.0, 0.2])
_SMALLEST_DEG, _MORE_DEG = 1.5, 1.3
"""Each side lies this much more askew than the one before: cables, feet and screws. Guesses."""


def lay_box(lift: Lift, up: BoxUp) -> None:
    """Take the box into the hand, turn it and put it down with a knock; or screw it on again."""
    lift.shake(lift.now_s, (2.0, 1.5, 2.5), 2.5, 4.0)
    lift.shake(lift.now_s + 0.5, (1.5, 2.5, 1.0), 4.0, 6.0)
    lift.now_s += _HANDLING_S
    lift.box_lies.set(lift.now_s, up)
    lift.shake(lift.now_s, (1.0, 1.0, 6.0), 30.0, 40.0)
    lift.now_s += _SETTLING_S


@cache
def lying(up: BoxUp) -> FloatArray:
    """Turns car axes into sensor axes while the box lies so; `up` is not MOUNTED."""
    number = list(BoxUp).index(up)
    axis, sign = number // 2, 1.0 if up.value[0] == "+" else -1.0
    rows = np.zeros((3, 3))
    rows[axis, 2] = sign  # car z, up, is this axis of the sensor
    rows[(axis + 1) % 3, 0] = 1.0
    rows[(axis + 2) % 3, 1] = sign
    return np.asarray(rows @ rotation(_ASKEW_AXIS, _SMALLEST_DEG + _MORE_DEG * number))
