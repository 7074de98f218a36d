"""Counts what is refused at the port and says it on standard error, but a flood only in numbers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from receiver.sentences import printable

LINES_PER_MINUTE_MAX = 30
_MINUTE_MS = 60_000
WORDS_MAX = 160
"""Ours: enough to see who and what, too few to fill a disk."""

log = logging.getLogger("receiver")


class Refusals:
    """Everything since the start, by why. Time is passed in by the clock it is given."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._counts: Counter[str] = Counter()
        self._minute = -1
        self._said = 0
        self._unsaid = 0

    def note(self, why: str, address: str, what: str, *, is_said: bool = True) -> None:
        """Something was refused. why: a short word for counting; what: for a person. is_said False: others said it."""
        self._counts[why] += 1
        if not is_said:
            return
        minute = self._now_ms() // _MINUTE_MS
        if minute != self._minute:
            if self._unsaid:
                log.warning("refused: %d more in the minute before", self._unsaid)
            self._minute, self._said, self._unsaid = minute, 0, 0
        if self._said >= LINES_PER_MINUTE_MAX:
            self._unsaid += 1
            return
        self._said += 1
        log.warning("refused: %s: %s", printable(address), printable(what)[:WORDS_MAX])

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each kind."""
        return dict(self._counts)
