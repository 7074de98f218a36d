"""The controller detective on the page: registers are read while somebody rides, and what was found is shown.

The reading, the judgement and the words are those of the terminal (`edge_agent/cli/calibrate_find.py`), handed in as a
`Finder`. In: a yes of the person, turns of the loop. Out: readings for the charts, lines, proposed settings that are
accepted like any others. Errors: EdgeAgentError where nothing may be read, or what was read cannot be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from calibration.guided import Proposal
from calibration.session_live import Live
from calibration.session_wording import Wording
from edge_agent.readings import Reading
from edge_agent.settings import Settings

ASKED_CHARACTERS_MAX = 200


class Found(Protocol):
    """What came out."""

    @property
    def proposal(self) -> Proposal | None:
        """Settings with the map that was found; None: nothing proved itself, or the agent could not start with it."""
        ...

    def lines(self, wording: Wording) -> Sequence[str]:
        """Each word with its confidence."""
        ...


class Search(Protocol):
    """A reading of registers under way."""

    @property
    def is_over(self) -> bool:
        """It has ended."""
        ...

    def turn(self) -> tuple[Reading, ...]:
        """What the sensors gave since."""
        ...

    def live(self) -> Live:
        """What is seen."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...

    def close(self) -> None:
        """Let go of line and sensors."""
        ...

    def judge(self) -> Found:
        """End it, keep what was read, judge it: seconds."""
        ...


class Finder(Protocol):
    """Begins searches."""

    def may(self, settings: Settings) -> bool:
        """Whether this controller may be asked."""
        ...

    def begin(self, settings: Settings, registers: Sequence[str]) -> Search:
        """registers: which are read; empty: the usual ones. Raises EdgeAgentError."""
        ...


class Finding:
    """State: the search under way, and what the last one found."""

    def __init__(self, finder: Finder | None) -> None:
        self._finder = finder
        self._search: Search | None = None
        self._found: Found | None = None
        self._lines: dict[str, Sequence[str]] = {}

    @property
    def is_running(self) -> bool:
        """Line and sensors are in use."""
        return self._search is not None

    def may(self, settings: Settings) -> bool:
        """Whether it can be offered."""
        return self._finder is not None and self._finder.may(settings)

    def begin(self, settings: Settings, asked: str) -> None:
        """Raises EdgeAgentError."""
        assert self._finder is not None, "ask `may` first"
        self._found, self._lines = None, {}
        self._search = self._finder.begin(settings, asked[:ASKED_CHARACTERS_MAX].replace(",", " ").split())

    def turn(self) -> tuple[Reading, ...]:
        """Raises EdgeAgentError."""
        return () if self._search is None else self._search.turn()

    @property
    def is_due(self) -> bool:
        """To be judged now."""
        return self._search is not None and self._search.is_over

    def stop(self) -> None:
        """The person has ridden enough."""
        if self._search is not None:
            self._search.stop()

    def judge(self) -> Proposal | None:
        """See `Search.judge`."""
        search, self._search = self._search, None
        if search is None:
            return None
        try:
            self._found = search.judge()
        finally:
            search.close()
        return self._found.proposal

    def close(self) -> None:
        """Give up, and forget what was found: the map that was written stays."""
        search, self._search, self._found, self._lines = self._search, None, None, {}
        if search is not None:
            search.close()

    def live(self) -> Live | None:
        """None: no search is under way."""
        return None if self._search is None else self._search.live()

    def lines(self, language: str) -> Sequence[str]:
        """Of the last search; made once, because a browser asks every second."""
        if self._found is not None and language not in self._lines:
            self._lines[language] = self._found.lines(Wording(language))
        return self._lines.get(language, ())
