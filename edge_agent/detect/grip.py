"""How firmly the box sits: which way gravity lies in its axes, and whether it is being carried or shaken by hand.

In: frames. Out: acceleration along gravity, and whether the box is firm. State: gravity over 20 s, the last 0.7 s.
Decision: horizontal acceleration that no lift makes, or blows. After a gap: begun anew with the warm-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from edge_agent.detect.mount import towards
from edge_agent.detect.signal import FRAME_S, Frame

TURNED_FRAMES = 60
KNOCKED_FRAMES = 20
HANDLED_MPS2 = 0.5
"""Horizontal acceleration over 1 s that says the box is handled, not riding. Source: ride comfort keeps horizontal
motion of a car far below 0.5 m/s2 (field/standards 3.2)."""

BLOW_MPS2 = 12.0


class Grip:
    """Fold over frames; see the file's first lines."""

    def __init__(self, frames: Sequence[Frame] = ()) -> None:
        """frames: those of the warm-up; their mean is gravity."""
        count = max(1, len(frames))
        self._gravity = self._recent = (
            sum(f.x_mps2 for f in frames) / count,
            sum(f.y_mps2 for f in frames) / count,
            sum(f.z_mps2 for f in frames) / count,
        )
        self._loose_frames = 0
        self.was_turned = False

    @property
    def is_firm(self) -> bool:
        """Nothing says that the box is being carried or shaken."""
        return self._loose_frames == 0

    def vertical(self, frame: Frame) -> float:
        """Acceleration along gravity; of a box in somebody's hand, whose axes turn, the length of the vector.

        Sideways shaking adds to the length (a^2 / 2g) and would integrate to a speed; along gravity it does not.
        """
        if self._loose_frames > 0:
            return frame.accel_mps2
        gx, gy, gz = self._gravity
        length = sqrt(gx * gx + gy * gy + gz * gz) or 1.0
        return (frame.x_mps2 * gx + frame.y_mps2 * gy + frame.z_mps2 * gz) / length

    def watch(self, frame: Frame) -> None:
        """Follow gravity, and notice hands and blows."""
        now = (frame.x_mps2, frame.y_mps2, frame.z_mps2)
        self._recent = rx, ry, rz = towards(self._recent, now, FRAME_S / 0.7)
        gx, gy, gz = self._gravity
        length = (gx * gx + gy * gy + gz * gz) ** 0.5 or 1.0
        along = (rx * gx + ry * gy + rz * gz) / length
        sideways = rx * rx + ry * ry + rz * rz - along * along
        is_turned = sideways > HANDLED_MPS2 * HANDLED_MPS2
        if is_turned or frame.spread_mps2 > BLOW_MPS2:
            self.was_turned = self.was_turned or is_turned
            self._loose_frames = max(self._loose_frames, TURNED_FRAMES if is_turned else KNOCKED_FRAMES)
            self._gravity = towards(self._gravity, now, FRAME_S / 1.0)
        else:
            self._loose_frames = max(0, self._loose_frames - 1)
            self._gravity = towards(self._gravity, now, FRAME_S / 20.0)
