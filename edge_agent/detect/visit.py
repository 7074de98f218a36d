"""Visit stage: is a maintenance visit under way, so that what a technician does to the lift is no alarm?

In: the agent's word, repeated every 10 s while the visit lasts. Out: whether a visit is under way.
State: since when it is said, and when it was last said.
Decision: a word counts for 60 s, so that muting ends by itself where nobody repeats it, and a visit for 4 h from its
first word, whatever is repeated; then it must be ended and begun anew. Delay: none. After a gap: the word is too old.
"""

from __future__ import annotations

WORD_NS_MAX = 60_000_000_000
VISIT_NS_MAX = 4 * 3_600_000_000_000
"""Ours: six missed words; longer than any visit of the half-monthly kind, shorter than a working day."""


class VisitStage:
    """Fold; see the file's first lines."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._said_ns = 0

    def take(self, t_ns: int, is_under_way: bool) -> None:
        """The agent's word."""
        if not is_under_way:
            self._since_ns = None
            return
        if self._since_ns is None:
            self._since_ns = t_ns
        self._said_ns = t_ns

    def is_active(self, now_ns: int) -> bool:
        """A visit is under way, by a word that is not too old."""
        since_ns = self._since_ns
        if since_ns is None:
            return False
        return now_ns - self._said_ns <= WORD_NS_MAX and now_ns - since_ns <= VISIT_NS_MAX
