"""Counting over the last trips or stops: what several trip-by-trip rules share."""

from __future__ import annotations

from collections import deque

KEPT = 20
"""Trips or stops looked back on. Source: alarm catalogue rows 37 to 40 and 47."""


class Tally:
    """How many of the last 20 were beyond the limit, and how many in a row were not."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=KEPT)
        self._clean = 0

    def add(self, is_beyond: bool) -> None:
        """One more trip or stop."""
        self._last.append(is_beyond)
        self._clean = 0 if is_beyond else self._clean + 1

    @property
    def count(self) -> int:
        """Beyond the limit among those kept."""
        return sum(self._last)

    @property
    def is_clean(self) -> bool:
        """The last 20 were all within."""
        return self._clean >= KEPT
