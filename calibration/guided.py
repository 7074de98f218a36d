"""A calibration under way: session, live sources, recordings and installation file together. For command line and page.

    guided = Guided(session, folder, capture, identity, tools)
    guided.begin(StepName.MOUNT)
    while ...:                           # a few times a second, always from the same thread
        readings = guided.turn()         # what came since, for charts; guided.session.live() and others follow it
    guided.answer("floor", "yes")        # to a question of the session
    result = guided.finish()             # judged by the recording, which is kept; results are on the disk
    guided.skip(step, said("skip.asked"))
    proposal = guided.proposal()         # what the installation file would say
    guided.accept(proposal)              # writes it
    guided.close()

`edge_agent/cli/calibration_setup.py` builds one for a settings file. Nothing here draws or asks.
Errors: CalibrationError where something cannot be kept; what was kept before still stands.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from calibration.capture import LiveCapture
from calibration.guided_store import CalibrationFolder
from calibration.session import Session
from calibration.session_riding import blank_installation
from calibration.session_tells import Answer, Stored
from calibration.words import CalibrationError, Said, StepName, StepResult
from edge_agent.durable_file import replace_file
from edge_agent.readings import Reading, Signal, SignalEdge
from edge_agent.recording_writer import RecordingWriter
from edge_agent.settings import Settings
from edge_agent.toml_edit import with_values

ERRAND_S = 3.0


class Tools(Protocol):
    """What a calibration needs of the box beside its sources."""

    def send_test_alarm(self, tell: Callable[[Stored], None], is_over: Callable[[], bool]) -> None:
        """Send one test alarm to every receiver and tell of each receipt; give up when `is_over`."""
        ...

    def check(self, text: str, file_name: str) -> None:
        """Raises EdgeAgentError where the agent could not start with these settings."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose calibration this is. utc_s: seconds since 1970 now; None while nobody trustworthy has said."""

    device_id: str
    agent_version: str
    utc_s: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the installation file says and would say."""

    path: Path
    old: str
    new: str

    @property
    def diff(self) -> tuple[str, ...]:
        """Lines as `diff -u` shows them; empty where nothing changes."""
        lines = difflib.unified_diff(self.old.splitlines(), self.new.splitlines(), "now", "proposed", lineterm="")
        return tuple(lines)


class Guided:
    """State: the recording and the errand of the step under way."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        config: Path,
        folder: CalibrationFolder,
        capture: LiveCapture,
        identity: Identity,
        tools: Tools,
    ) -> None:
        self.session = session
        self._settings, self._config = settings, config
        self._folder, self._capture = folder, capture
        self._identity, self._tools = identity, tools
        self._writer: RecordingWriter | None = None
        self._errand: _Errand | None = None
        self._levels: dict[Signal, SignalEdge] = {}  # the last word of each line: a step begins with them
        self._is_first = False

    def begin(self, step: StepName) -> None:
        """Start or repeat a step."""
        self.leave()
        self._note_levels(self._capture.take())  # what came before is not of this step
        self._writer = self._folder.writer(step, blank_installation(self._settings), self._settings.limit_overrides)
        self.session.begin(step)
        self._is_first = True
        if step is StepName.WIRING:
            self._capture.take_found()
            self._capture.look_again()
        if step is StepName.TEST_ALARM:
            self._errand = _Errand(self._tools)

    def turn(self) -> tuple[Reading, ...]:
        """Take what has come; to be called a few times a second."""
        readings = self._capture.take()
        if self._is_first and readings:
            self._is_first = False
            readings = (*levels_at(self._levels.values(), readings[0].t_ns), *readings)
        self._note_levels(readings)
        dropped = self.session.dropped_count
        self.session.push(readings)
        kept = len(readings) - (self.session.dropped_count - dropped)
        if self._writer is not None:
            for reading in readings[:kept]:
                self._writer.write(reading)
        if self.session.running is StepName.WIRING:
            for found in self._capture.take_found():
                self.session.tell(found)
        if self._errand is not None:
            for stored in self._errand.take():
                self.session.tell(stored)
        return readings

    def answer(self, question: str, value: str) -> None:
        """What the person says."""
        self.session.tell(Answer(question, value))

    def finish(self) -> StepResult:
        """Judge the step under way by its recording, and keep the results."""
        step = self.session.running
        if step is None or self._writer is None:
            raise ValueError("no step is under way")
        self._end_errand()
        name = self._folder.keep(step, self._writer, self.session.told())
        self._writer = None
        readings = None if name is None else self._folder.readings(step)
        result = self.session.finish(step, name, readings)
        self.save()
        return result

    def skip(self, step: StepName, why: Said) -> StepResult:
        """Leave a step out, and keep that."""
        self.leave()
        result = self.session.skip(step, why)
        self.save()
        return result

    def leave(self) -> None:
        """Give up the step under way; its old result stands."""
        step = self.session.running
        self._end_errand()
        if step is not None and self._writer is not None:
            self._folder.drop(step, self._writer)
        self._writer = None
        self.session.leave()

    def save(self) -> None:
        """Write all results down."""
        who = self._identity
        self._folder.save(self.session.commissioning(who.device_id, who.agent_version, who.utc_s()))

    def proposal(self, lines: tuple[tuple[str, str], ...] | None = None) -> Proposal:
        """What the installation file would say. lines: other than those of all usable results.

        Raises EdgeAgentError where the file could not be used.
        """
        chosen = self.session.settings_lines() if lines is None else lines
        return proposal_for(self._config, chosen, self._tools.check)

    def accept(self, proposal: Proposal) -> None:
        """Write the installation file, unless somebody has changed it meanwhile."""
        write_installation(proposal)

    def close(self) -> None:
        """Let go of everything. Calling it twice is allowed."""
        self.leave()
        self._capture.close()

    def _note_levels(self, readings: Iterable[Reading]) -> None:
        self._levels |= {each.signal: each for each in readings if isinstance(each, SignalEdge)}

    def _end_errand(self) -> None:
        if self._errand is not None:
            self._errand.end()
            for stored in self._errand.take():
                self.session.tell(stored)
            self._errand = None


def levels_at(edges: Iterable[SignalEdge], t_ns: int) -> tuple[SignalEdge, ...]:
    """The last known levels said again: lines speak when they change, and a recording must stand by itself."""
    return tuple(replace(edge, t_ns=t_ns) for edge in sorted(edges, key=lambda each: each.signal.value))


def proposal_for(config: Path, lines: tuple[tuple[str, str], ...], check: Callable[[str, str], None]) -> Proposal:
    """The file with the lines put in. Raises EdgeAgentError where it cannot be read or could not be used."""
    config = config.resolve()
    old = _text_of(config)
    new = with_values(old, lines, str(config))
    check(new, str(config))
    return Proposal(config, old, new)


def write_installation(proposal: Proposal) -> None:
    """Replace the file whole. Raises CalibrationError; then the old one stands."""
    if _text_of(proposal.path) != proposal.old:
        raise CalibrationError(
            "somebody has changed it meanwhile", subject=str(proposal.path), hint="Look at the proposal again"
        )
    try:
        replace_file(proposal.path, proposal.new, proposal.path.stat().st_mode & 0o777)
    except OSError as error:
        raise CalibrationError(
            f"cannot be written: {error.strerror}",
            subject=str(proposal.path),
            hint="Run this as the user who owns the file; the old one still stands",
        ) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"cannot be read: {error}", subject=str(path), hint="Check the file") from error


class _Errand:
    """The test alarm, sent from a thread of its own."""

    def __init__(self, tools: Tools) -> None:
        self._lock = threading.Lock()
        self._news: list[Stored] = []
        self._is_over = threading.Event()
        self._crash: BaseException | None = None
        self._tools = tools
        self._thread = threading.Thread(target=self._run, name="test alarm", daemon=True)
        self._thread.start()

    def take(self) -> tuple[Stored, ...]:
        """Receipts that have come since the last call."""
        if self._crash is not None:
            raise self._crash
        with self._lock:
            news, self._news = tuple(self._news), []
        return news

    def end(self) -> None:
        """Wait for it no longer."""
        self._is_over.set()
        self._thread.join(ERRAND_S)

    def _run(self) -> None:
        try:
            self._tools.send_test_alarm(self._tell, self._is_over.is_set)
        except BaseException as error:
            self._crash = error
            raise

    def _tell(self, stored: Stored) -> None:
        with self._lock:
            self._news.append(stored)
