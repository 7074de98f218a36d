"""The guided calibration as a pure state machine: what to do now, what is seen meanwhile, and what came out of it.

One `Session` is one calibration of one lift. It is fed with readings and with what people say; it opens nothing, knows
no clock but the times of the readings, and can be written down after each step and taken up again.

    session = Session(settings, FITS)              # or Session(settings, FITS, results=kept)
    session.current                                # the first step that has no usable result yet; None: all done
    session.begin(StepName.DOORS)                  # also to repeat a step: its old result stands until it is finished
    session.instruction()                          # Said: what to do now; it may change while the step goes on
    session.push(readings)                         # ordered readings, ticks included
    session.tell(finding)                          # what is no reading: Found, Answer, Stored (session_tells.py)
    session.live()                                 # Live: gauges that move, time, share done, what is still missing
    session.questions()                            # what the person has to confirm: tell(Answer(question.key, "yes"))
    session.finish(StepName.DOORS, "doors.liftrec")    # StepResult: verdict, reasons, next action, proposed settings
    session.skip(StepName.SIGNAL, said("skip.asked"))  # with the reason
    session.leave()                                # give up the step under way
    session.results()                              # of all steps done so far, in the order of steps
    session.commissioning(device, version, utc_s)  # for the report
    session.settings_lines()                       # proposed by all usable results, for the installation file

`calibration/guided.py` puts it together with the sources, the recordings and the file in the state folder; command line
and page both use that. Sentences, gauges and questions are keys of `edge_agent/catalogue_calibrate.py`.

Bound: `READINGS_MAX` readings and `STEP_S_MAX` seconds of a step are kept; what comes later is counted and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from calibration.session_live import Live, Question, Watcher
from calibration.session_riding import WATCHERS
from calibration.session_tells import Finding, Told
from calibration.session_watchers import DOOR_LINES
from calibration.words import Commissioning, Said, StepName, StepResult, Verdict, said
from edge_agent.readings import Reading, Signal
from edge_agent.settings import Settings

STEP_S_MAX = 900.0
READINGS_MAX = 200_000
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StepCapture:
    """What a step is judged by.

    readings: in order, ticks included. told: findings and answers, in order. earlier: results of the other steps.
    """

    readings: Sequence[Reading]
    told: tuple[Told, ...]
    settings: Settings
    earlier: tuple[StepResult, ...] = ()


Fit = Callable[[StepCapture], StepResult]
"""Judges one step. Pure: the same capture gives the same result."""


class Session:
    """State: the results so far, and the readings of the step that is under way."""

    def __init__(self, settings: Settings, fits: Mapping[StepName, Fit], *, results: Iterable[StepResult] = ()) -> None:
        self._settings = settings
        self._fits = fits
        self._results = {result.step: result for result in results}
        self._running: StepName | None = None
        self._watcher: Watcher | None = None
        self._readings: list[Reading] = []
        self._findings: list[Told] = []
        self._first_ns: int | None = None
        self.dropped_count = 0

    # ---- where we are

    @property
    def steps(self) -> tuple[StepName, ...]:
        """All steps in the order in which they are done."""
        return tuple(StepName)

    @property
    def current(self) -> StepName | None:
        """The step under way, else the first that has no result or has failed; None: all are done."""
        if self._running is not None:
            return self._running
        return next((step for step in StepName if not self._is_settled(step)), None)

    @property
    def running(self) -> StepName | None:
        """The step that takes readings now."""
        return self._running

    def reason_to_skip(self, step: StepName) -> Said | None:
        """Why a step has no sense at this lift (nothing of the kind is wired); None: it has."""
        return reason_to_skip(step, self._settings)

    def _is_settled(self, step: StepName) -> bool:
        result = self._results.get(step)
        return result is not None and result.verdict is not Verdict.FAILED

    # ---- one step

    def begin(self, step: StepName) -> None:
        """Start or repeat a step. Its old result stands until the new one is there."""
        self._running = step
        self._watcher = WATCHERS[step](self._settings)
        self._readings, self._findings, self._first_ns = [], [], None
        self.dropped_count = 0

    def instruction(self) -> Said:
        """What the person is to do now."""
        if self._watcher is not None:
            return self._watcher.instruction()
        step = self.current
        return said("all_done") if step is None else said(f"{step.value}.do")

    def live(self) -> Live:
        """What is seen now; empty where no step is under way."""
        return Live() if self._watcher is None else self._watcher.live()

    def questions(self) -> tuple[Question, ...]:
        """What the person has still to confirm in this step."""
        return () if self._watcher is None else self._watcher.questions()

    def push(self, readings: Iterable[Reading]) -> None:
        """Take ordered readings; without a step under way they are let go."""
        if self._watcher is None:
            return
        for reading in readings:
            if self._first_ns is None:
                self._first_ns = reading.t_ns
            is_over = reading.t_ns - self._first_ns > STEP_S_MAX * NS_PER_S
            if is_over or len(self._readings) >= READINGS_MAX:
                self.dropped_count += 1
                continue
            self._readings.append(reading)
            self._watcher.push(reading)

    def tell(self, finding: Finding) -> None:
        """Take what is no reading."""
        self._findings.append(Told(self._readings[-1].t_ns if self._readings else 0, finding))
        if self._watcher is not None:
            self._watcher.tell(finding)

    def told(self) -> tuple[Told, ...]:
        """What was told in the step under way."""
        return tuple(self._findings)

    def finish(
        self, step: StepName, recording: str | None = None, readings: Sequence[Reading] | None = None
    ) -> StepResult:
        """Judge the step under way; keep and return the result.

        recording: name of its file; readings: those of that file, so that it can be judged alike years later.
        """
        if step is not self._running:
            raise ValueError(f"{step.value} is not under way")
        return self.judge(step, self._readings if readings is None else readings, self.told(), recording)

    def judge(
        self, step: StepName, readings: Sequence[Reading], told: tuple[Told, ...], recording: str | None
    ) -> StepResult:
        """Judge a step by a recording; keep and return the result."""
        earlier = tuple(result for result in self.results() if result.step is not step)
        taken = StepCapture(readings, told, self._settings, earlier)
        result = self._settle(replace(self._fits[step](taken), recording=recording))
        if step is StepName.TRIPS and StepName.SIGNAL not in self._results and self._settings.modem is not None:
            beside = self._fits[StepName.SIGNAL](StepCapture(readings, told, self._settings, self.results()))
            if beside.verdict is Verdict.PASSED:  # heard well enough on the way: no trip more for it
                self._settle(replace(beside, recording=recording))
        return result

    def skip(self, step: StepName, why: Said) -> StepResult:
        """Leave a step out, with the reason."""
        return self._settle(StepResult(step, Verdict.SKIPPED, (why,)))

    def leave(self) -> None:
        """Give up the step under way; its old result, if there is one, stands."""
        self._running, self._watcher = None, None
        self._readings, self._findings = [], []

    def _settle(self, result: StepResult) -> StepResult:
        self._results[result.step] = result
        if self._running is result.step:
            self.leave()
        return result

    # ---- what came out

    def results(self) -> tuple[StepResult, ...]:
        """Of all steps done so far, in the order of steps."""
        return tuple(self._results[step] for step in StepName if step in self._results)

    def commissioning(self, device_id: str, agent_version: str, made_utc_s: int | None) -> Commissioning:
        """Everything, for the report."""
        return Commissioning(device_id, self._settings.lift.lift_id, agent_version, made_utc_s, self.results())

    def settings_lines(self) -> tuple[tuple[str, str], ...]:
        """Lines proposed for the installation file by results that may be used; a later step wins."""
        lines: dict[str, str] = {}
        for result in self.results():
            if result.verdict in (Verdict.PASSED, Verdict.DOUBTFUL):
                lines |= dict(result.settings)
        return tuple(lines.items())


def reason_to_skip(step: StepName, settings: Settings) -> Said | None:
    """Why a step has no sense with these settings; None: it has."""
    contacts = () if settings.contacts is None else settings.contacts.contacts
    signals = {contact.signal for contact in contacts}
    is_there = {
        StepName.SIDES: settings.accelerometer is not None,
        StepName.MOUNT: settings.accelerometer is not None,
        StepName.NOISE: settings.accelerometer is not None,
        StepName.DOORS: not signals.isdisjoint(DOOR_LINES),
        StepName.PRESENCE: Signal.PRESENCE in signals,
        StepName.TRIPS: settings.accelerometer is not None,
        StepName.CONTROLLER: settings.controller is not None,
        StepName.SIGNAL: settings.modem is not None,
        StepName.SUPPLY: settings.supply is not None,
        StepName.TEST_ALARM: bool(settings.delivery.receivers),
    }
    return None if is_there.get(step, True) else said(f"{step.value}.not_wired")
