"""Puts a calibration together for one settings file: lock, sources, folder, fits. For the command and for the page.

setup = open_calibration("box.toml", is_fresh=False)     # raises FolderTaken while an agent watches
setup.guided.begin(StepName.WIRING) ...                  # calibration/guided.py
setup.close()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from calibration.capture import LiveCapture
from calibration.fits import FITS
from calibration.guided import Guided, Identity
from calibration.guided_store import FOLDER, CalibrationFolder
from calibration.session import Session
from calibration.session_tells import Stored
from calibration.words import CalibrationError, StepResult
from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.sources import sources_of
from edge_agent.cli.state_folder import StateFolder
from edge_agent.cli.test_alarm import send_test_alarm
from edge_agent.cli.wiring_probe import what_answers
from edge_agent.clock import SystemClock
from edge_agent.enrolment_folder import enrolled
from edge_agent.request_drop import give_to_owner
from edge_agent.settings import Settings
from edge_agent.settings_toml import settings_from

MODEM_PERIOD_S = 2.0
"""A modem is asked more often than by the agent, so that ten seconds at a landing are enough."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A calibration that is ready to begin. The state folder is locked until the process ends or `close`."""

    settings: Settings
    config: Path
    folder: CalibrationFolder
    guided: Guided
    state: StateFolder

    def close(self) -> None:
        """Let go of devices and state folder."""
        self.guided.close()
        give_to_owner(self.state.path)  # what root has written the agent's user must be able to read
        self.state.release()


def open_calibration(config: str, *, is_fresh: bool) -> Setup:
    """Raises FolderTaken while an agent or a calibration uses the state folder; SettingsError, CalibrationError."""
    settings = load_settings(config)
    state = StateFolder(Path(settings.state_folder))
    try:
        return _opened(settings, Path(config), state, is_fresh=is_fresh)
    except BaseException:
        state.release()
        raise


def _opened(settings: Settings, config: Path, state: StateFolder, *, is_fresh: bool) -> Setup:
    clock = SystemClock()
    folder = CalibrationFolder(Path(settings.state_folder) / FOLDER)
    if is_fresh:
        folder.clear()
    session = Session(settings, FITS, results=kept_results(folder, settings))
    identity = identity_of(state, clock)
    live = (
        settings
        if settings.modem is None
        else replace(settings, modem=replace(settings.modem, period_s=MODEM_PERIOD_S))
    )
    capture = LiveCapture(sources_of(live, clock), clock.now_ns, lambda source: what_answers(settings, source))
    guided = Guided(session, settings, config, folder, capture, identity, _Tools(settings, state, clock))
    return Setup(settings, config, folder, guided, state)


def kept_results(folder: CalibrationFolder, settings: Settings) -> tuple[StepResult, ...]:
    """Results of an earlier run at this lift. Raises CalibrationError for those of another lift."""
    kept = folder.load()
    if kept is None:
        return ()
    if kept.lift != settings.lift.lift_id:
        raise CalibrationError(
            f"it is of lift {kept.lift}, these settings are of {settings.lift.lift_id}",
            subject=str(folder.results_file),
            hint="Begin anew with --fresh",
        )
    return kept.results


def identity_of(state: StateFolder, clock: SystemClock) -> Identity:
    """Of this box. Raises EdgeAgentError where its key cannot be kept."""
    key, _ = state.record_key()

    def utc_s() -> int | None:
        wall = clock.wall_estimate()
        return None if wall is None else wall.unix_ms // 1000

    return Identity(key.public.fingerprint.hex(), agent_version(), utc_s)


def agent_version() -> str:
    """Of the installed package."""
    try:
        return version("lift-edge-agent")
    except PackageNotFoundError:
        return "0"


def check_settings(text: str, file_name: str) -> None:
    """Raises SettingsProblems where the agent could not start with this text."""
    settings_from(text, file_name, load_register_map, load_serial_protocol, enrolled)


class _Tools:
    """What the calibration needs of the box."""

    def __init__(self, settings: Settings, state: StateFolder, clock: SystemClock) -> None:
        self._settings, self._state, self._clock = settings, state, clock

    def send_test_alarm(self, tell: Callable[[Stored], None], is_over: Callable[[], bool]) -> None:
        """See `edge_agent.cli.test_alarm`."""
        send_test_alarm(self._settings, self._state, self._clock, tell, is_over)

    def check(self, text: str, file_name: str) -> None:
        """Raises SettingsProblems."""
        check_settings(text, file_name)
