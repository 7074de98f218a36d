"""A clock that stands still until somebody waits."""

from __future__ import annotations


class VirtualClock:
    """Time for drivers under test, in ns since an invented boot."""

    def __init__(self, start_ns: int = 5_000_000_000) -> None:
        self._ns = start_ns

    def now_ns(self) -> int:
        return self._ns

    def wait(self, seconds: float) -> None:
        self.advance_ns(round(seconds * 1e9))

    def advance_ns(self, ns: int) -> None:
        assert ns >= 0, "time does not run backwards"
        self._ns += ns
