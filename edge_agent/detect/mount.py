"""Mount stage: which way is down in the box's own axes, and whether the box was moved since that was learned.

In: frames while the car stands. Out: a `MountView`. State: a reference direction, learned over 30 s of standing, and
the present one. Decision: the angle between them. After a gap: the reference stays; that is what it is for.
"""

from __future__ import annotations

from math import acos, degrees

from edge_agent.detect.plausible import GRAVITY_MPS2, LEVEL_OFF_MPS2
from edge_agent.detect.signal import FRAME_S, Frame
from edge_agent.detect.snapshot import snapshot

LEARN_FRAMES = 600
"""30 s of standing. Source: long enough that people walking about average out (judgement)."""

FOLLOW_S = 2.0

Vector = tuple[float, float, float]


@snapshot
class MountView:
    """`tilt_deg`: angle between where gravity points now and where it pointed when learned; None: still learning."""

    gravity: Vector
    tilt_deg: float | None


class MountStage:
    """Fold over frames; see the file's first lines."""

    def __init__(self) -> None:
        self._now: Vector | None = None
        self._sum: Vector = (0.0, 0.0, 0.0)
        self._count = 0
        self._reference: Vector | None = None
        self._view: MountView | None = None  # until the next frame at rest

    def take(self, frame: Frame) -> None:
        """A frame of a standing car; one that shows more than gravity is no measure of its direction."""
        if abs(frame.accel_mps2 - GRAVITY_MPS2) > LEVEL_OFF_MPS2:
            return
        self._view = None
        here = (frame.x_mps2, frame.y_mps2, frame.z_mps2)
        self._now = here if self._now is None else towards(self._now, here, FRAME_S / FOLLOW_S)
        if self._reference is None:
            self._sum = (self._sum[0] + here[0], self._sum[1] + here[1], self._sum[2] + here[2])
            self._count += 1
            if self._count >= LEARN_FRAMES:
                self._reference = (self._sum[0] / self._count, self._sum[1] / self._count, self._sum[2] / self._count)

    @property
    def reference(self) -> Vector | None:
        """The direction that was learned; None: still learning."""
        return self._reference

    @property
    def learned_s(self) -> float:
        """Standing seen so far of the 30 s that it takes to learn the direction."""
        return LEARN_FRAMES * FRAME_S if self._reference is not None else self._count * FRAME_S

    def recall(self, reference: Vector | None) -> None:
        """Take up the direction of an earlier run; None: forget, and learn the present one."""
        self._reference, self._sum, self._count = reference, (0.0, 0.0, 0.0), 0
        self._view = None

    def view(self) -> MountView:
        """The direction and the angle."""
        if self._view is None:
            if self._reference is None or self._now is None:
                self._view = MountView(self._now or (0.0, 0.0, 0.0), None)
            else:
                self._view = MountView(self._now, _angle_deg(self._now, self._reference))
        return self._view


def towards(old: Vector, new: Vector, share: float) -> Vector:
    """Go `share` of the way from `old` to `new`."""
    x, y, z = old
    return x + (new[0] - x) * share, y + (new[1] - y) * share, z + (new[2] - z) * share


def _angle_deg(a: Vector, b: Vector) -> float:
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    lengths = ((a[0] ** 2 + a[1] ** 2 + a[2] ** 2) * (b[0] ** 2 + b[1] ** 2 + b[2] ** 2)) ** 0.5
    return 0.0 if lengths == 0.0 else degrees(acos(max(-1.0, min(1.0, dot / lengths))))
