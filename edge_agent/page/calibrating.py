"""A calibration driven from the page: the same session, recordings and settings as `edge-agent calibrate`.

In: acts of the person, turns of the loop, time. Out: a view for the browser. An agent that watches is asked to stand
aside, and watches again by itself as soon as this has ended, however it ends (`edge_agent/cli/aside.py`).
Errors: `act` raises CalibrationError and others of the tree; the calibration goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from calibration.guided import Guided, Proposal
from calibration.session_steps import BY_ITSELF, REPAIRABLE
from calibration.session_wording import Wording
from calibration.words import Plot, StepName, Verdict, said
from edge_agent.errors import EdgeAgentError
from edge_agent.local_requests import REFUSED, WHO_CHARACTERS_MAX, RequestFolder
from edge_agent.page.calibrating_view import digest_of, live_view, proposal_view, session_view
from edge_agent.page.finding import Finder, Finding
from edge_agent.page.live_ear import LiveEar
from edge_agent.page.settings_drop import can_write, leave_settings, withdraw_settings
from edge_agent.settings import Settings

ASIDE_S = 20.0
"""The agent looks once a second, ends within two, and its threads may take a second more; on a Pi more of each."""
AGAIN_S = 0.2
PUT_S = 10.0
TURN_S = 0.1
MESSAGES = ("nobody_gives_way", "alarm_open", "is_not_open", "no_step", "proposal_changed", "not_put")

Opener = Callable[[bool], "Opened | None"]
"""Opens a calibration (True: and forgets an earlier one); None: another process has the devices."""


class Opened(Protocol):
    """What `edge_agent/cli/calibration_setup.py` makes."""

    @property
    def settings(self) -> Settings:
        """Of the lift."""
        ...

    @property
    def guided(self) -> Guided:
        """The calibration."""
        ...

    def close(self) -> None:
        """Let go of devices and state folder."""
        ...


class NotNow(Exception):
    """What was asked for does not fit. The text is one of `MESSAGES`."""


@dataclass(frozen=True, slots=True)
class _Coming:
    """Waiting for the agent to give the devices up."""

    is_fresh: bool
    until_s: float
    request: str = ""
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class _Putting:
    """Waiting for somebody else to put the settings in place."""

    proposal: Proposal
    until_s: float


class Calibrating:
    """State: the calibration that is open, or the wait for it; the proposal on the screen; the last trouble."""

    def __init__(
        self,
        opener: Opener,
        state_folder: Path,
        ear: LiveEar,
        tell: Callable[[str, str], None],
        finder: Finder | None = None,
    ) -> None:
        """tell: what was changed and by whom, for record 68. finder: of the controller detective; None: without it."""
        self._opener, self._state_folder = opener, state_folder
        self._ear, self._tell = ear, tell
        self._requests = RequestFolder(state_folder)
        self._finding = Finding(finder)
        self._may_find = False
        self._setup: Opened | None = None
        self._coming: _Coming | None = None
        self._putting: _Putting | None = None
        self._proposal: Proposal | None = None
        self._repair: StepName | None = None
        self._who = ""
        self._tried_s = self._turned_s = float("-inf")
        self._dropped_count = 0
        self.trouble = ""
        self.message = ""

    @property
    def is_open(self) -> bool:
        """The devices are here: nobody watches the lift."""
        return self._setup is not None

    # ---- time

    def turn(self, now_s: float) -> None:
        """Do what is due."""
        if self._coming is not None:
            self._try_to_open(self._coming, now_s)
        if self._putting is not None:
            self._look_for_settings(self._putting, now_s)
        if self._setup is None or now_s - self._turned_s < TURN_S:
            return
        self._turned_s = now_s
        if self._finding.is_running:
            self._find_on(now_s)
            return
        guided = self._setup.guided
        self._ear.take_own(guided.turn())
        live = guided.session.live()
        if guided.session.running in BY_ITSELF and live.lacks is None and live.share >= 1.0:
            try:
                self._finish(guided)
            except EdgeAgentError as error:
                self.trouble = str(error)
                guided.leave()

    def close(self) -> None:
        """Let go of everything; what is done is kept."""
        if self._coming is not None:
            with suppress(OSError):
                self._requests.withdraw(self._coming.request)
        self._coming = self._putting = self._proposal = self._repair = None
        self._finding.close()
        if self._setup is not None:
            self._setup.close()
            self._setup = None

    # ---- acts

    def act(self, verb: str, step: str, values: tuple[str, str], who: str, now_s: float) -> None:
        """What the person asks for. values: question and answer, or the digest of a proposal. Raises NotNow."""
        self.message = self.trouble = ""
        self._who = who
        if verb in ("open", "fresh"):
            self._begin_to_open(now_s, is_fresh=verb == "fresh")
            return
        if verb == "close":
            self.close()
            return
        guided = self._guided()
        if self._finding.is_running:
            if verb != "find_end":
                raise NotNow("no_step")
            self._finding.stop()
            return
        match verb:
            case "find":
                self._find(values[0], now_s)
            case "begin":
                self._proposal = self._repair = None
                guided.begin(_step(step))
            case "finish":
                self._finish(guided)
            case "skip":
                found = _step(step)
                guided.skip(found, guided.session.reason_to_skip(found) or said("skip.asked"))
            case "leave":
                guided.leave()
            case "answer":
                guided.answer(values[0][:40], values[1][:40])
            case "propose":
                self._repair, self._proposal = None, guided.proposal()
            case "accept":
                self._accept(values[0], now_s)
            case "decline":
                self._repair = self._proposal = None
            case _:
                raise NotNow("no_step")

    def plots(self, step: str) -> tuple[Plot, ...]:
        """Of a step that is done. Raises NotNow."""
        found = _step(step)
        results = self._guided().session.results()
        return next((result.plots for result in results if result.step is found), ())

    def _begin_to_open(self, now_s: float, *, is_fresh: bool) -> None:
        if self._setup is not None:
            if not is_fresh:
                return
            self.close()
        if self._coming is None:
            self._coming = _Coming(is_fresh, now_s + ASIDE_S)
            self._tried_s = float("-inf")

    def _try_to_open(self, coming: _Coming, now_s: float) -> None:
        if now_s - self._tried_s < AGAIN_S:
            return
        self._tried_s = now_s
        try:
            self._setup = self._opener(coming.is_fresh)
            if self._setup is None and not coming.request:
                name = self._requests.leave({"aside": self._who[:WHO_CHARACTERS_MAX]})
                self._coming = replace(coming, request=name)
                return
            if self._setup is not None:
                self._opened(self._setup.guided, coming)
                return
        except (EdgeAgentError, OSError) as error:
            self.trouble = str(error)
            self.close()
            return
        if self._is_refused(coming):
            self.message = "alarm_open"
            self.close()
        elif now_s >= coming.until_s:
            self.message = "nobody_gives_way"
            self.close()

    def _is_refused(self, coming: _Coming) -> bool:
        try:
            return bool(coming.request) and self._requests.fetched(coming.request) == REFUSED
        except OSError:
            return False

    def _opened(self, guided: Guided, coming: _Coming) -> None:
        if coming.request:
            with suppress(OSError):
                self._requests.withdraw(coming.request)  # the agent has recorded it
        elif not coming.is_again:
            self._tell("calibration begun, the box does not watch", self._who)
        self._coming = None
        self._may_find = self._setup is not None and self._finding.may(self._setup.settings)
        kept = {result.step for result in guided.session.results()}
        for step in StepName:
            reason = guided.session.reason_to_skip(step)
            if step not in kept and reason is not None:
                guided.skip(step, reason)
        if self._repair is not None:
            guided.begin(self._repair)
            self._repair = None
        if self._proposal is not None:  # of the detective: with it the controller is looked at again
            self._repair = StepName.CONTROLLER

    def _finish(self, guided: Guided) -> None:
        if guided.session.running is None:
            raise NotNow("no_step")
        self._dropped_count = guided.session.dropped_count
        result = guided.finish()
        self._proposal = self._repair = None
        if result.step in REPAIRABLE and result.settings and result.verdict is not Verdict.PASSED:
            proposal = guided.proposal(result.settings)
            if proposal.diff:
                self._proposal, self._repair = proposal, result.step

    # ---- the controller detective

    def _find(self, registers: str, now_s: float) -> None:
        """Sources are let go of, the state folder stays locked: the agent does not come between. Raises NotNow."""
        setup = self._setup
        if setup is None or not self._may_find:
            raise NotNow("no_step")
        self._proposal = self._repair = None
        setup.guided.close()
        try:
            self._finding.begin(setup.settings, registers)
        except EdgeAgentError:
            self._open_again(now_s)
            raise
        self._tell("registers of the controller are read for a map, never written", self._who)

    def _find_on(self, now_s: float) -> None:
        try:
            self._ear.take_own(self._finding.turn())
            if not self._finding.is_due:
                return
            self._proposal = self._finding.judge()
        except EdgeAgentError as error:
            self.trouble = str(error)
            self._finding.close()
        self._open_again(now_s)

    # ---- settings

    def _accept(self, digest: str, now_s: float) -> None:
        proposal = self._proposal
        if proposal is None or digest_of(proposal) != digest:
            raise NotNow("proposal_changed")
        if can_write(proposal.path):
            self._guided().accept(proposal)
            self._settings_are_there(proposal, now_s)
            return
        leave_settings(self._state_folder, proposal)
        self._putting = _Putting(proposal, now_s + PUT_S)

    def _look_for_settings(self, putting: _Putting, now_s: float) -> None:
        try:
            is_there = putting.proposal.path.read_text(encoding="utf-8") == putting.proposal.new
        except (OSError, UnicodeDecodeError):
            is_there = False
        if is_there:
            self._settings_are_there(putting.proposal, now_s)
        elif now_s >= putting.until_s:
            withdraw_settings(self._state_folder)
            self._putting = None
            self.message = "not_put"

    def _settings_are_there(self, proposal: Proposal, now_s: float) -> None:
        """Sources are opened anew with them, and a step of the wiring is done again."""
        self._putting = self._proposal = None
        digest = sha256(proposal.new.encode("utf-8")).hexdigest()[:16]
        self._tell(f"settings accepted, now {digest}", self._who)
        self._open_again(now_s)

    def _open_again(self, now_s: float) -> None:
        if self._setup is not None:
            self._setup.close()
            self._setup = None
        self._coming = _Coming(False, now_s + ASIDE_S, is_again=True)
        self._tried_s = float("-inf")

    def _guided(self) -> Guided:
        if self._setup is None:
            raise NotNow("is_not_open")
        return self._setup.guided

    # ---- view

    def view(self, language: str) -> dict[str, object]:
        """For the browser, in its language. Sentences stand as the catalogue has them."""
        wording = Wording(language)
        phase = "open" if self._setup is not None else "coming" if self._coming is not None else "closed"
        searched = self._finding.live()
        view: dict[str, object] = {
            "phase": phase,
            "trouble": self.trouble,
            "message": self.message,
            "is_putting": self._putting is not None,
            "dropped": self._dropped_count,
            "proposal": None if self._proposal is None else proposal_view(self._proposal, self._repair),
        }
        if self._setup is not None and searched is not None:
            view |= {"phase": "finding", "instruction": wording.text("find.ride"), **live_view(searched, wording)}
        elif self._setup is not None:
            view |= session_view(self._setup.guided, wording)
            view |= {"may_find": self._may_find, "found": list(self._finding.lines(language))}
        return view


def _step(name: str) -> StepName:
    try:
        return StepName(name)
    except ValueError:
        raise NotNow("no_step") from None
