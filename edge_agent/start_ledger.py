"""How the last runs of the agent ended: counted in a small file, so that a box that dies again and again is known.

In: a start, marks of a run that goes on, an orderly stop. Out: how many restarts an hour of running has seen, and
whether this run is to be a safe one. Time without power is not known and counts as none. Written at most five times a
run. A file that cannot be read counts as empty; one that cannot be written is kept in memory, where there is a place.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_agent.durable_file import replace_file

NAME = "starts.json"
FORMAT = 1
RUNS_MAX = 24
BYTES_MAX = 16 * 1024
HOUR_S = 3600
MARKS_S = (60, 600, HOUR_S)
"""A run is written down again when it is so old: what it was worth is told by the last mark it reached."""
SHORT_S = 600  # a run that dies younger than this is a short one: ours
SAFE_AFTER = 5  # so many short runs on end, and the next one is a safe one: ours


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the agent. ran_s: the last mark that it reached. is_stopped: it ended as it was told to."""

    version: str
    ran_s: int = 0
    is_stopped: bool = False
    is_safe: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What the earlier runs mean for this one. restarts_count: runs that died within the last hour of running."""

    restarts_count: int
    short_count: int
    is_safe: bool


class StartLedger:
    """See the module."""

    def __init__(self, state_folder: Path, volatile: Path | None = None) -> None:
        """volatile: a folder in memory, for a disk that cannot be written."""
        self._path = state_folder / NAME
        self._volatile = None if volatile is None else volatile / NAME
        self._runs: tuple[Run, ...] = ()

    def begin(self, version: str) -> Start:
        """A run begins. A run of another version says nothing about this one. Never raises."""
        earlier = self._read()
        start = judged(earlier, version)
        self._runs = (*earlier, Run(version, is_safe=start.is_safe))[-RUNS_MAX:]
        self._write()
        return start

    def reached(self, ran_s: int) -> None:
        """This run is so old. Never raises."""
        self._change(replace(self._runs[-1], ran_s=ran_s))

    def stopped(self) -> None:
        """This run ends as it was told to. Never raises."""
        self._change(replace(self._runs[-1], is_stopped=True))

    def _change(self, run: Run) -> None:
        self._runs = (*self._runs[:-1], run)
        self._write()

    def _read(self) -> tuple[Run, ...]:
        for path in (self._volatile, self._path):
            with suppress(OSError, ValueError, TypeError, KeyError):
                if path is not None:
                    return _runs_in(path)
        return ()

    def _write(self) -> None:
        text = json.dumps({"format": FORMAT, "runs": [asdict(run) for run in self._runs]}) + "\n"
        try:
            replace_file(self._path, text)
        except OSError:
            with suppress(OSError):
                if self._volatile is not None:
                    replace_file(self._volatile, text)
            return
        if self._volatile is not None:
            with suppress(OSError):
                self._volatile.unlink(missing_ok=True)


def judged(earlier: tuple[Run, ...], version: str) -> Start:
    """What the runs before this one mean for it, newest last."""
    elapsed_s = restarts_count = 0
    for run in reversed(earlier):
        elapsed_s += run.ran_s
        if elapsed_s >= HOUR_S:
            break
        restarts_count += not run.is_stopped
    short_count = 0
    for run in reversed(earlier):
        if run.ran_s >= SHORT_S or run.version != version:
            break
        short_count += not run.is_stopped
    before = earlier[-1] if earlier else None
    goes_on = before is not None and before.is_safe and before.version == version and before.ran_s < HOUR_S
    return Start(restarts_count, short_count, goes_on or short_count >= SAFE_AFTER)


def _runs_in(path: Path) -> tuple[Run, ...]:
    """Raises OSError, ValueError, TypeError, KeyError for anything but what was written."""
    with path.open("rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise ValueError("too long")
    said = json.loads(content)
    if said["format"] != FORMAT:
        raise ValueError("of another format")
    runs = tuple(Run(**each) for each in said["runs"])
    for run in runs:
        kinds = tuple(map(type, (run.version, run.ran_s, run.is_stopped, run.is_safe)))
        if kinds != (str, int, bool, bool):
            raise ValueError("no run")
    return runs[-RUNS_MAX:]
