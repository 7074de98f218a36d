"""`edge-agent calibrate`: guides an installer through the calibration of one lift, on a terminal.

Each step says what to do, shows what moves, gives a verdict with its reasons and says what to do next. Everything
is kept after each step: it can be interrupted and taken up again (--resume), and each step can be repeated (--step
NAME). At the end the settings that were found are shown as a change of the settings file, and written if you say
so.

The agent must be stopped meanwhile, because one program at a time has the devices.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.guided import Guided, Proposal, proposal_for, write_installation
from calibration.session_steps import AT_ONCE, BY_ITSELF, LIFT_STEPS, REPAIRABLE
from calibration.session_wording import Wording
from calibration.words import Said, StepName, StepResult, Verdict, said
from edge_agent.cli import SUMMARIES
from edge_agent.cli.calibrate_find import Lines, found_map, may_be_asked, offer, settings_with
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.calibrate_wire import wired_by
from edge_agent.cli.calibration_setup import Setup, check_settings, open_calibration
from edge_agent.cli.state_folder import FolderTaken
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.settings import Settings

if TYPE_CHECKING:
    from argparse import _SubParsersAction

TURN_S = 0.1
LEAVE, SKIP, DONE, FIND, WIRE = "q", "s", "", "f", "w"


class Left(Exception):
    """The person leaves; what is done is kept."""


class SettingsWritten(Exception):
    """The settings were changed in the middle: sources have to be opened anew, and the step repeated."""

    def __init__(self, step: StepName) -> None:
        super().__init__(step.value)
        self.step = step


class DevicesWanted(Exception):
    """The person wants registers to be read, or a line to be told and tried: the devices have to be free for that."""


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("calibrate", help=SUMMARIES["calibrate"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file of the agent")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of what it says")
    parser.add_argument("--step", choices=[step.value for step in StepName], help="do this step only, again if done")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="go on where an earlier calibration stopped")
    how.add_argument("--fresh", action="store_true", help="forget what an earlier calibration found")
    parser.add_argument("--yes", action="store_true", help="write the proposed settings without asking")
    parser.add_argument(
        "--from-recording",
        metavar="PATH",
        type=Path,
        help="judge recordings instead of live sources: a folder of STEP.liftrec, or one recording for all steps",
    )
    parser.add_argument(
        "--into", metavar="FOLDER", type=Path, help="with --from-recording: where the results go (default: beside it)"
    )


def run(args: argparse.Namespace) -> int:
    """0: ready; 1: something failed or is not done; 3: the agent has the devices."""
    screen = Screen(Wording(args.lang))
    if args.from_recording is not None:
        from edge_agent.cli.calibrate_recording import run_recording

        return run_recording(args, screen)
    if args.into is not None:
        raise SettingsError("--into goes with --from-recording", subject="calibrate", hint="Leave it out")
    only = None if args.step is None else StepName(args.step)
    is_fresh = args.fresh
    typed = Typed()
    is_begun = args.resume or args.fresh or only is not None
    anew: StepName | None = None
    while True:
        try:
            setup = open_calibration(args.config, is_fresh=is_fresh)
        except FolderTaken as error:
            print(screen.wording.text("agent_runs", problem=error.problem), file=sys.stderr)
            return 3
        wanted: DevicesWanted | None = None
        try:
            return _Talk(setup, screen, typed, is_yes=args.yes).go(only, is_begun=is_begun, anew=anew)
        except SettingsWritten as written:
            anew = written.step
        except DevicesWanted as found:
            wanted, anew = found, StepName.CONTROLLER
        except (Left, KeyboardInterrupt):
            return _left(setup, screen)
        finally:
            setup.close()
        is_fresh, is_begun = False, True
        if wanted is not None:
            try:
                _with_free_devices(args.config, setup.settings, screen, typed)
            except EdgeAgentError as error:  # the calibration goes on where it was
                screen.say(f"   {error}")
            except KeyboardInterrupt:
                return _left(setup, screen)


def _left(setup: Setup, screen: Screen) -> int:
    screen.say()
    screen.say(screen.wording.text("results", path=str(setup.folder.results_file)))
    screen.say(screen.wording.text("start_agent"))
    return 1


def _with_free_devices(config: str, settings: Settings, screen: Screen, typed: Typed) -> None:
    """Line and detective, and what they found into the settings where the person says yes. Raises EdgeAgentError."""
    changes: Lines = ()
    if settings.controller is None:
        wired = wired_by(settings, screen, typed)
        if wired is None:
            return
        if wired.is_known:
            wrote(proposal_for(Path(config), wired.changes, check_settings), screen, typed, is_yes=False)
            return
        settings, changes = wired.settings, wired.changes
    found = found_map(settings, screen, typed)
    if found is not None:
        wrote(settings_with(config, settings, found, changes), screen, typed, is_yes=False)


class _Talk:
    """One run with a person at the keyboard."""

    def __init__(self, setup: Setup, screen: Screen, typed: Typed, *, is_yes: bool) -> None:
        self._setup, self._screen, self._typed, self._is_yes = setup, screen, typed, is_yes
        self._guided: Guided = setup.guided
        self._session = setup.guided.session
        self._lift_s = 0.0

    def go(self, only: StepName | None, *, is_begun: bool, anew: StepName | None = None) -> int:
        """anew: a step that is done again whatever came of it. Raises Left, SettingsWritten, DevicesWanted."""
        screen, wording = self._screen, self._screen.wording
        done = len(self._session.results())
        if done and not is_begun:
            screen.say(wording.text("is_there", lift=self._setup.settings.lift.lift_id, done=done))
            return 1
        screen.say(wording.text("head", lift=self._setup.settings.lift.lift_id, count=len(StepName)))
        for step in self._steps(only, anew):
            begun_s = time.monotonic()
            self._one_step(step)
            if step in LIFT_STEPS:
                self._lift_s += time.monotonic() - begun_s
        return self._end()

    def _steps(self, only: StepName | None, anew: StepName | None) -> Iterator[StepName]:
        if only is not None:
            yield only
            return
        kept = {result.step for result in self._session.results() if result.verdict is not Verdict.FAILED}
        for step in StepName:
            if step is anew or (step not in kept and not self._was_done_beside(step)):
                yield step

    def _was_done_beside(self, step: StepName) -> bool:
        """The signal may have been heard well enough during the learning trips."""
        return any(each.step is step and each.verdict is Verdict.PASSED for each in self._session.results())

    # ---- one step

    def _one_step(self, step: StepName) -> None:
        screen, wording = self._screen, self._screen.wording
        if step is StepName.SIGNAL and self._was_done_beside(step):
            return
        place = list(StepName).index(step) + 1
        screen.say()
        screen.say(wording.text("step_head", number=place, count=len(StepName), step=f"step.{step.value}"))
        reason = self._session.reason_to_skip(step)
        if reason is not None:
            if step is StepName.CONTROLLER and self._setup.settings.accelerometer is not None:
                screen.ask(wording.text("wire.offer"))
                if self._waited() == WIRE:
                    raise DevicesWanted
            screen.result(self._guided.skip(step, reason), 0.0)
            return
        is_repeated = False
        while True:
            result = self._tried(step, is_repeated=is_repeated)
            is_repeated = True
            if result is None:
                screen.result(self._guided.skip(step, said("skip.asked")), 0.0)
                return
            if result.verdict is Verdict.PASSED:
                return
            if step in REPAIRABLE and result.settings:
                self._offer_repair(step, result)
            is_offered = step is StepName.CONTROLLER and may_be_asked(self._setup.settings)
            if is_offered:
                screen.say(offer(wording))
            if not self._again(is_offered=is_offered):
                return

    def _tried(self, step: StepName, *, is_repeated: bool) -> StepResult | None:
        """Do it once; None: it is to be left out."""
        screen, wording = self._screen, self._screen.wording
        if step not in AT_ONCE:
            screen.say(f"   {wording.sentence(said(f'{step.value}.do'))}")
        if step not in AT_ONCE and not is_repeated:
            screen.ask(f"   {wording.text('begin')}")
            if self._waited() == SKIP:
                return None
        self._guided.begin(step)
        begun_s = time.monotonic()
        if not self._watched(step):
            return None
        result = self._guided.finish()
        if self._session.dropped_count:
            screen.say(wording.text("dropped", count=self._session.dropped_count))
        screen.result(result, time.monotonic() - begun_s)
        return result

    def _watched(self, step: StepName) -> bool:
        """Until it has what it needs, or the person says that it is done; False: it is to be left out."""
        screen, wording = self._screen, self._screen.wording
        shown: Said | None = None
        asked: str | None = None
        while True:
            self._guided.turn()
            instruction = self._session.instruction()
            if instruction != shown and (shown is not None or step in AT_ONCE):
                screen.say(f"   {wording.sentence(instruction)}")
            shown = instruction
            questions = self._session.questions()
            question = questions[0] if questions else None
            if question is not None and question.key != asked:
                screen.say(f"   ? {wording.sentence(question.said)} {wording.text('answer')}")
            asked = None if question is None else question.key
            live = self._session.live()
            screen.move(live, wording.text("keys"), time.monotonic())
            if live.lacks is None and live.share >= 1.0 and step in BY_ITSELF:
                return True
            line = self._typed.line(TURN_S)
            if line is None and self._typed.is_over:
                raise Left
            if line is None:
                continue
            word = line.lower()[:1]
            if word == LEAVE:
                raise Left
            if word == SKIP:
                return False
            if word in ("y", "n") and question is not None:
                self._guided.answer(question.key, "yes" if word == "y" else "no")
                asked = None
            elif word == DONE and step not in BY_ITSELF:
                return True

    def _again(self, *, is_offered: bool) -> bool:
        """Whether it is to be done again. Raises DevicesWanted where that was offered and is wanted."""
        self._screen.ask(self._screen.wording.text("again"))
        word = self._waited()
        if is_offered and word == FIND:
            raise DevicesWanted
        return word != SKIP

    def _waited(self) -> str:
        """First letter of the next line, while the sources go on being read. Raises Left."""
        while True:
            self._guided.turn()
            line = self._typed.line(TURN_S)
            if line is None and self._typed.is_over:
                raise Left
            if line is not None:
                if line.lower()[:1] == LEAVE:
                    raise Left
                return line.lower()[:1]

    # ---- settings

    def _offer_repair(self, step: StepName, result: StepResult) -> None:
        """A step that knows which setting of the wiring is wrong. Raises SettingsWritten where it was put right."""
        if self._wrote(self._guided.proposal(result.settings)):
            raise SettingsWritten(step)

    def _end(self) -> int:
        screen, wording = self._screen, self._screen.wording
        results = self._session.results()
        counts = {verdict: sum(1 for each in results if each.verdict is verdict) for verdict in Verdict}
        left = len(StepName) - len(results)
        screen.say()
        self._wrote(self._guided.proposal())
        screen.say(wording.text("results", path=str(self._setup.folder.results_file)))
        screen.say(wording.text("lift_time", minutes=self._lift_s / 60.0))
        if counts[Verdict.FAILED] or left:
            screen.say(wording.text("not_ready", failed=counts[Verdict.FAILED], open=left))
        else:
            passed, doubtful, skipped = (
                counts[verdict] for verdict in (Verdict.PASSED, Verdict.DOUBTFUL, Verdict.SKIPPED)
            )
            screen.say(wording.text("ready", passed=passed, doubtful=doubtful, skipped=skipped))
        screen.say(wording.text("start_agent"))
        return 1 if counts[Verdict.FAILED] or left else 0

    def _wrote(self, proposal: Proposal) -> bool:
        return wrote(proposal, self._screen, self._typed, is_yes=self._is_yes)


def wrote(proposal: Proposal, screen: Screen, typed: Typed, *, is_yes: bool) -> bool:
    """Show the change of the settings file, ask, write. Raises CalibrationError where it cannot be written."""
    wording = screen.wording
    if not proposal.diff:
        screen.say(wording.text("no_change"))
        return False
    for line in proposal.diff:
        screen.say(f"   {line}")
    if not is_yes:
        screen.ask(wording.text("ask_write", path=str(proposal.path)))
        if (typed.waited() or "").lower()[:1] != "y":
            screen.say(wording.text("not_written", path=str(proposal.path)))
            return False
    write_installation(proposal)
    screen.say(wording.text("written", path=str(proposal.path)))
    return True
