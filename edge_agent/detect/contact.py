"""One two-state line: raw level, debounced level, and the breaks too short for the debounced one."""

from __future__ import annotations

BREAK_SHOWN_NS = 60_000_000  # a little more than a frame, so that no short break falls between two


class Contact:
    """One line: raw level and debounced level with the time of the edge that made it."""

    __slots__ = (
        "_broken_from_ns", "_broken_to_ns", "_debounce_ns", "is_active", "is_known", "raw", "raw_since_ns", "since_ns",
    )  # fmt: skip

    def __init__(self, debounce_ns: int) -> None:
        self._debounce_ns = debounce_ns
        self.is_known = False
        self.is_active = False
        self.since_ns = 0
        self.raw = False
        self.raw_since_ns = 0
        self._broken_from_ns = 0
        self._broken_to_ns = 0

    def take(self, t_ns: int, is_active: bool) -> None:
        """Take an edge or a repeated level."""
        if not self.is_known:
            self.is_known = True
            self.is_active = self.raw = is_active
            self.since_ns = self.raw_since_ns = self._broken_from_ns = t_ns
            return
        self.settle(t_ns)
        if is_active == self.raw:
            return
        self.raw = is_active
        self.raw_since_ns = t_ns
        if is_active:
            self._broken_to_ns = t_ns
        elif t_ns - self._broken_to_ns > self._debounce_ns:  # else the same break, bouncing
            self._broken_from_ns = t_ns

    @property
    def is_settled(self) -> bool:
        """No edge waits for the debounce."""
        return self.is_known and self.raw == self.is_active

    def break_ns(self, now_ns: int) -> int:
        """Length of the raw break that is under way or ended within the last `BREAK_SHOWN_NS`; 0: none."""
        if not self.is_known:
            return 0
        if not self.raw:
            return now_ns - self._broken_from_ns
        return self._broken_to_ns - self._broken_from_ns if now_ns - self._broken_to_ns <= BREAK_SHOWN_NS else 0

    def settle(self, now_ns: int) -> bool:
        """Accept a raw level that has stood long enough; True if the debounced level changed."""
        if self.raw == self.is_active or now_ns - self.raw_since_ns < self._debounce_ns:
            return False
        self.is_active = self.raw
        self.since_ns = self.raw_since_ns
        return True
