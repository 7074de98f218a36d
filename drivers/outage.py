"""An outage of one source: says it once, and spaces the attempts to come back. Pure, time passed in."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.errors import SourceUnavailable
from edge_agent.readings import FaultReason, SourceFault

# Seconds before attempt 1, 2, 3 ...; the last stands for all further ones.
# Source: chosen: a plug put back is noticed at once, a dead device costs one attempt in 5 s.
BACKOFF_S = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
# Readings must flow this long before the next outage starts with quick attempts again, so that a device which
# answers once and falls silent cannot keep the bus busy.
STABLE_NS = 10_000_000_000
# The wait is shortened by up to this part, another part for each device and attempt, so that devices that failed
# together do not all come back in step.
SPREAD = 0.25
_GOLDEN = 0.6180339887498949


def is_due(due_ns: int, end_ns: int, now_ns: Callable[[], int], wait: Callable[[float], None]) -> bool:
    """Wait until `due_ns`, at most until `end_ns`. True if it is due then."""
    left_ns = min(due_ns, end_ns) - now_ns()
    if left_ns > 0:
        wait(left_ns / 1e9)
    return due_ns <= end_ns


class Outage:
    """Whether a source is out, what was said about it, and when to try again.

    One `SourceFault` an outage, and one more for each change of reason. It is over when readings flow (`flowing`).
    """

    def __init__(self, source: str, *, spread_key: str = "") -> None:
        self._source = source
        self._phase = sum(spread_key.encode()) * _GOLDEN % 1.0
        self._reported: FaultReason | None = None
        self._attempts = 0
        self._flowing_since_ns: int | None = None
        self._next_attempt_ns = 0

    @property
    def next_attempt_ns(self) -> int:
        """When to try next."""
        return self._next_attempt_ns

    def failed(self, t_ns: int, reason: FaultReason, detail: str) -> tuple[SourceFault, ...]:
        """The source failed, or an attempt did. Gives the fault if it is news, and sets the time of the next try."""
        if self._flowing_since_ns is not None and t_ns - self._flowing_since_ns >= STABLE_NS:
            self._attempts = 0
        self._flowing_since_ns = None
        self._next_attempt_ns = t_ns + self._wait_ns()
        self._attempts += 1
        if reason is self._reported:
            return ()
        self._reported = reason
        return (SourceFault(t_ns, self._source, reason, detail),)

    def open_again(
        self, open_source: Callable[[], None], end_ns: int, now_ns: Callable[[], int], wait: Callable[[float], None]
    ) -> tuple[SourceFault, ...]:
        """Wait for the next attempt, at most until `end_ns`, and make it; gives the fault if it failed and is news."""
        if is_due(self._next_attempt_ns, end_ns, now_ns, wait):
            try:
                open_source()
            except SourceUnavailable as error:
                return self.failed(now_ns(), FaultReason.ABSENT, f"{error.problem}. {error.hint}")
        return ()

    def flowing(self, t_ns: int) -> None:
        """A reading was given: whatever was said is over."""
        self._reported = None
        if self._flowing_since_ns is None:
            self._flowing_since_ns = t_ns

    def _wait_ns(self) -> int:
        base_s = BACKOFF_S[min(self._attempts, len(BACKOFF_S) - 1)]
        part = (self._phase + self._attempts * _GOLDEN) % 1.0
        return round(base_s * (1.0 - SPREAD * part) * 1e9)
