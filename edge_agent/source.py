"""The `Source` protocol that drivers, simulator and recordings all fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.readings import Reading


class Source(Protocol):
    """One supplier of readings.

    Out: readings ordered by capture time, from one thread.
    Expected trouble is data: a missing chip, a lost bus, an overflow come back from `read` as `SourceFault` or
    `SamplesLost`; `read` raises only programmer errors. A live source recovers by itself inside `read`.
    """

    @property
    def name(self) -> str:
        """The name used in settings, status and `SourceFault.source`."""
        ...

    @property
    def has_ended(self) -> bool:
        """True when nothing will ever come again (end of a recording); always False for a live source."""
        ...

    def open(self) -> None:
        """Make ready. Raises `SourceUnavailable` or `WrongDevice`; calling it again later is allowed."""
        ...

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait at most `timeout_s` (<= 1 s) and return what has arrived, possibly nothing."""
        ...

    def close(self) -> None:
        """Release the device. Never raises; calling it twice is allowed."""
        ...
