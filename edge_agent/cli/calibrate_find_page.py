"""The detective for the page: the same plan, reading, judgement and words as in `edge-agent calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration.guided import Proposal
from calibration.session_live import Live
from calibration.session_wording import Wording
from drivers.register_sweep import Swept
from edge_agent.cli.calibrate_find import judgement, may_be_asked, plan_for, settings_with, told
from edge_agent.cli.maps_find import Proposed, write_map
from edge_agent.cli.maps_search import RegisterSearch, SearchPlan
from edge_agent.cli.maps_sweep import swept_lines
from edge_agent.clock import SystemClock
from edge_agent.errors import EdgeAgentError
from edge_agent.readings import Reading
from edge_agent.settings import Settings


class PageFinder:
    """See `edge_agent.page.finding.Finder`. The page has the state folder locked, and its own sources closed."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def may(self, settings: Settings) -> bool:
        """As in the terminal."""
        return may_be_asked(settings)

    def begin(self, settings: Settings, registers: Sequence[str]) -> PageSearch:
        """Raises EdgeAgentError."""
        return PageSearch(self._config, settings, plan_for(settings, registers))


class PageSearch:
    """See `edge_agent.page.finding.Search`."""

    def __init__(self, config: Path, settings: Settings, plan: SearchPlan) -> None:
        self._config, self._settings, self._plan = config, settings, plan
        self._search = RegisterSearch(plan, SystemClock())

    @property
    def is_over(self) -> bool:
        """See `RegisterSearch`."""
        return self._search.is_over

    def turn(self) -> tuple[Reading, ...]:
        """See `RegisterSearch`."""
        return self._search.turn()

    def live(self) -> Live:
        """See `RegisterSearch`."""
        return self._search.live()

    def stop(self) -> None:
        """See `RegisterSearch`."""
        self._search.stop()

    def close(self) -> None:
        """See `RegisterSearch`."""
        self._search.close()

    def judge(self) -> PageFound:
        """Write log and map, propose settings. Raises EdgeAgentError."""
        swept = self._search.finish()
        out, found = judgement(self._plan.kept)
        proposal, problem = None, ""
        if found.text is not None:
            write_map(out, found.text, is_forced=False)
            try:
                proposal = settings_with(str(self._config), self._settings, out)
            except EdgeAgentError as error:
                problem = str(error)
        return PageFound(self._plan, swept, out, found, proposal, problem)


@dataclass(frozen=True, slots=True)
class PageFound:
    """See `edge_agent.page.finding.Found`. problem: why the map that was found cannot be used."""

    plan: SearchPlan
    swept: Swept
    out: Path
    found: Proposed
    proposal: Proposal | None
    problem: str

    def lines(self, wording: Wording) -> Sequence[str]:
        """How the reading went, each word with its confidence, the map."""
        shown = [*swept_lines(self.swept, self.plan.kept, wording), *told(self.found, self.out, wording)]
        return [*shown, self.problem] if self.problem else shown
