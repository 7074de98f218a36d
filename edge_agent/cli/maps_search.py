"""One reading of registers with a recording beside it, for `maps find`, the calibration and its page.

    search = RegisterSearch(plan, clock)      # devices must be free and the state folder locked by who calls
    while not search.is_over:
        search.turn(); search.live()          # a few times a second
    swept = search.finish()                   # log and recording are on the disk

It only reads (`drivers/register_sweep.py`), in a thread of its own; sensors have theirs (`calibration/capture.py`).
Bound: the seconds of the plan, and what `RegisterReading` and the recording hold. Errors: EdgeAgentError where the
controller does not answer at all or files cannot be kept.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from calibration.capture import LiveCapture
from calibration.session_find import FindWatcher
from calibration.session_live import Live
from drivers.modbus import ModbusLink
from drivers.register_map import ReadBlock
from drivers.register_map_log import log_lines
from drivers.register_reading import RegisterReading
from drivers.register_sweep import Swept
from edge_agent.cli.sources import sources_of
from edge_agent.clock import SystemClock
from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError
from edge_agent.readings import Reading
from edge_agent.recording import Recording
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from edge_agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Kept:
    """What a judgement is made of."""

    log: Path
    recording: Path


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is read, for how long, and where it is kept. settings: of the sensors; its controller is not used."""

    settings: Settings
    link: ModbusLink
    unit: int
    blocks: tuple[ReadBlock, ...]
    seconds: float
    kept: Kept

    @property
    def register_count(self) -> int:
        """Read in turn."""
        return sum(block.count for block in self.blocks)


class RegisterSearch:
    """State: two kinds of threads, the recording that grows, what was seen of the trips."""

    def __init__(self, plan: SearchPlan, clock: SystemClock) -> None:
        """Begins at once. Raises RecordingError where the recording cannot be begun."""
        self._plan = plan
        self._reading = RegisterReading(plan.link, plan.unit, plan.blocks, plan.seconds, clock.now_ns)
        sensors = replace(plan.settings, controller=None, modem=None, supply=None)
        self._watcher = FindWatcher(sensors)
        recording = plan.kept.recording
        if recording.is_dir():  # whoever planned this has asked before
            Recording.open(recording)  # what is no recording is not ours to remove
            shutil.rmtree(recording)
        meta = RecordingMeta(sensors.installation(), _utc_of_boot(clock), plan.settings.limit_overrides)
        self._writer = ExchangeWriter(recording, meta)
        self._capture = LiveCapture(sources_of(sensors, clock), clock.now_ns)
        self._reading.start()

    @property
    def is_over(self) -> bool:
        """The reading has ended: told to, by its time, or in trouble."""
        return not self._reading.is_alive()

    def turn(self) -> tuple[Reading, ...]:
        """Take what has come; to be called a few times a second. Raises RecordingError."""
        readings = self._capture.take()
        for reading in readings:
            self._writer.write(reading)
            self._watcher.push(reading)
        self._watcher.answers = self._reading.answer_count
        return readings

    def live(self) -> Live:
        """What is seen."""
        return self._watcher.live()

    def stop(self) -> None:
        """Ask the reading to end; may be called in a signal handler."""
        self._reading.stop()

    def wait(self, seconds: float) -> None:
        """Until it is over, at most so long."""
        self._reading.join(seconds)

    def finish(self) -> Swept:
        """End it, and write the log. Raises EdgeAgentError."""
        self.close()
        swept = self._reading.result()
        log = self._plan.kept.log
        try:
            replace_file(log, "".join(f"{line}\n" for line in log_lines(swept.reads)), 0o644)
        except OSError as error:
            raise EdgeAgentError(
                f"cannot be written: {error.strerror}", subject=str(log), hint="Look whether the disk is full"
            ) from error
        return swept

    def close(self) -> None:
        """Let go of line and sensors; what was recorded stays. Calling it twice is allowed."""
        self._reading.stop()
        self._reading.join()
        self._capture.close()
        self._writer.close()


def _utc_of_boot(clock: SystemClock) -> datetime | None:
    wall = clock.wall_estimate()
    if wall is None:
        return None
    return datetime.fromtimestamp((wall.unix_ms - clock.now_ns() // 1_000_000) // 1000, UTC)
