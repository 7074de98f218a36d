"""Token buckets, one a box, so that a broken box cannot drown the others; alarms have a bucket of their own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second in the long run, and how many may come at once."""

    per_s: float
    burst: int


ORDINARY = Rate(per_s=10.0, burst=50)
"""Batches of streams 1 to 3 from one box. Source: design/wire.md section 7.2."""

ALARM = Rate(per_s=10.0, burst=200)
"""Batches that hold an alarm: never below 1 per s (design/wire.md section 7.1); a flood guard only."""

BOXES_MAX = 16_384
"""Boxes remembered; the one longest silent is forgotten and starts with a full bucket. Our choice."""


class Buckets:
    """How many requests each box has left. Time is passed in."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def take(self, dev: bytes, now_ms: int) -> int:
        """Take one token: 0 when there was one, else the whole seconds (>= 1) after which to ask again."""
        left, at_ms = self._left.pop(dev, (float(self._rate.burst), now_ms))
        passed_s = max(0, now_ms - at_ms) / 1000
        left = min(float(self._rate.burst), left + passed_s * self._rate.per_s)
        wait_s = 0
        if left >= 1.0:
            left -= 1.0
        else:
            wait_s = max(1, round((1.0 - left) / self._rate.per_s))
        self._left[dev] = (left, now_ms)
        if len(self._left) > BOXES_MAX:
            self._left.popitem(last=False)
        return wait_s
