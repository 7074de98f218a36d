"""What a calibration keeps in the state folder: results, and of each step its recording and what people said.

    STATE/calibration/commissioning.json    all results so far (words_json.py), replaced whole after each step
    STATE/calibration/STEP.liftrec          the readings by which the step was judged
    STATE/calibration/STEP.told.json        answers, findings of the wiring check, receipts of the test alarm

Bound: one recording a step, of at most `session.STEP_S_MAX` seconds; a step that is repeated replaces it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from calibration.session_tells import Told, told_from_json, told_to_json
from calibration.words import CalibrationError, Commissioning, StepName
from calibration.words_json import from_json, to_json
from edge_agent.durable_file import replace_file, sync
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation
from edge_agent.readings import Reading
from edge_agent.recording import Recording
from edge_agent.recording_native import SUFFIX
from edge_agent.recording_writer import RecordingWriter

FOLDER = "calibration"
RESULTS_FILE = "commissioning.json"
TOLD_BYTES_MAX = 1 << 20


class CalibrationFolder:
    """The folder of one box."""

    def __init__(self, path: Path) -> None:
        """path: of the calibration itself. Raises CalibrationError where it cannot be made."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in (*path.glob(f".*{SUFFIX}"), *path.glob(".*.told.json*")):
                left.unlink()  # of a step that was cut off
        except OSError as error:
            raise _trouble(error, path) from error

    @property
    def results_file(self) -> Path:
        """Where the results are."""
        return self.path / RESULTS_FILE

    def load(self) -> Commissioning | None:
        """What was kept; None: nothing. Raises CalibrationError for a damaged file."""
        try:
            return from_json(self.results_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CalibrationError(
                f"cannot be read: {error}", subject=str(self.results_file), hint="Start again with --fresh"
            ) from error
        except CalibrationError as error:
            raise CalibrationError(
                f"{error.subject}: {error.problem}", subject=str(self.results_file), hint="Start again with --fresh"
            ) from error

    def save(self, commissioning: Commissioning) -> None:
        """Replace the results at once. Raises CalibrationError; then the old ones stand."""
        try:
            replace_file(self.results_file, to_json(commissioning) + "\n")
        except OSError as error:
            raise _trouble(error, self.results_file) from error

    def clear(self) -> None:
        """Forget everything. Raises CalibrationError."""
        try:
            for path in (self.results_file, *self.path.glob(f"*{SUFFIX}"), *self.path.glob("*.told.json")):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _trouble(error, self.path) from error

    # ---- recordings

    def writer(
        self, step: StepName, installation: Installation, limits: tuple[tuple[str, float], ...]
    ) -> RecordingWriter:
        """A recording under way, under a name that is not the kept one. Raises CalibrationError."""
        path = self._under_way(step)
        try:
            path.unlink(missing_ok=True)
            return RecordingWriter(path, installation, None, limits=limits)
        except (OSError, RecordingError) as error:
            raise _trouble(error, path) from error

    def keep(self, step: StepName, writer: RecordingWriter, told: tuple[Told, ...]) -> str | None:
        """Close the recording and give it its name; None where it is not whole. Raises CalibrationError.

        Recording and answers are two files. Both are on the disk before the old ones are touched, and whatever ends
        this between two lines, no recording is ever beside the answers of another: then it has none.
        """
        writer.close()
        if writer.problem is not None or writer.lost_count:
            self.drop(step, writer)
            return None
        name = f"{step.value}{SUFFIX}"
        try:
            beside, under_way = self._told_file(step).with_name(f".{step.value}.told.json"), self._under_way(step)
            replace_file(beside, told_to_json(told))
            sync(under_way)
            self._told_file(step).unlink(missing_ok=True)
            under_way.replace(self.path / name)
            beside.replace(self._told_file(step))
            sync(self.path)
        except OSError as error:
            raise _trouble(error, self.path / name) from error
        return name

    def drop(self, step: StepName, writer: RecordingWriter) -> None:
        """Give up a recording under way. Never raises."""
        writer.close()
        with suppress(OSError):
            self._under_way(step).unlink(missing_ok=True)

    def readings(self, step: StepName) -> tuple[Reading, ...]:
        """Of the kept recording. Raises RecordingError."""
        return tuple(Recording.open(self.path / f"{step.value}{SUFFIX}"))

    def has_recording(self, step: StepName) -> bool:
        """Whether one is kept."""
        return (self.path / f"{step.value}{SUFFIX}").is_file()

    def told(self, step: StepName) -> tuple[Told, ...]:
        """What was said in the step. Raises CalibrationError for a damaged file."""
        path = self._told_file(step)
        try:
            with path.open("rb") as file:
                return told_from_json(file.read(TOLD_BYTES_MAX).decode("utf-8"))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            raise CalibrationError(f"cannot be read: {error}", subject=str(path), hint="Do the step again") from error

    def _under_way(self, step: StepName) -> Path:
        return self.path / f".{step.value}{SUFFIX}"

    def _told_file(self, step: StepName) -> Path:
        return self.path / f"{step.value}.told.json"


def _trouble(error: OSError | RecordingError, path: Path) -> CalibrationError:
    problem = error.problem if isinstance(error, RecordingError) else error.strerror or str(error)
    return CalibrationError(
        f"cannot be written: {problem}",
        subject=str(getattr(error, "filename", None) or path),
        hint="Check that this user may write there and that the disk is not full; what was kept before still stands",
    )
