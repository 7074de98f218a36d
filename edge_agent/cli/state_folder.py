"""The state folder: whose box this is, what the last run left, the status file, and one agent at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError
from edge_agent.key_file import key_in
from edge_agent.status import AgentState, AgentStatus, status_from_json, status_to_json
from edge_agent.wire_sealing import SigningKey

STATUS_FILE = "status.json"
KEY_FILE = "record.key"
LOCK_FILE = "agent.lock"


class FolderTaken(EdgeAgentError):
    """Another process uses this state folder: an agent, or a calibration."""


class StateFolder:
    """Files that the agent keeps. Opening it keeps a second agent out until the process ends."""

    def __init__(self, path: Path, volatile: Path | None = None) -> None:
        """Make the folder and lock it. Raises EdgeAgentError.

        volatile: a folder in memory (RuntimeDirectory of systemd) where the status is written instead, every second,
        so that it does not wear the card; a link in the state folder leads to it. There the agent also keeps what it
        must where the state folder cannot be written; `trouble` then says why.
        """
        self.path = path
        self.volatile = volatile
        self.trouble = ""
        self._status_path = path / STATUS_FILE
        self.previous = _status_in(self._status_path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path / LOCK_FILE)
            if volatile is not None:
                self._link_status(volatile / STATUS_FILE)
        except OSError as error:
            unusable = EdgeAgentError(
                f"the state folder cannot be used: {error.strerror}",
                subject=str(error.filename or path),
                hint="Check that this user may write there and that the disk is not full",
            )
            if volatile is None:
                raise unusable from error
            self.trouble = str(unusable)
            self._lock = _locked(volatile / LOCK_FILE)
            self._status_path = volatile / STATUS_FILE

    def record_key(self) -> tuple[SigningKey, Path | None]:
        """The key that seals records and names this box; and where a damaged one went. Raises EdgeAgentError.

        A key that could only be made in memory is the box's own as soon as the disk takes it.
        """
        path = self.path / KEY_FILE
        if self.volatile is None:
            return key_in(path)
        made = self.volatile / KEY_FILE
        try:
            if made.exists() and not path.exists():
                replace_file(path, made.read_text(encoding="ascii"))
            return key_in(path)
        except (OSError, EdgeAgentError) as error:
            self.trouble = self.trouble or str(error)
            return key_in(made)

    def release(self) -> None:
        """Let another process have the folder. Calling it twice is allowed."""
        self._lock.close()

    def start_cause(self, this_boot: str) -> str:
        """Why the agent starts, as far as the last status tells: one short sentence for the `started` record."""
        if self.previous is None:
            return "first start, or the last status is gone"
        if self.previous.boot_id != this_boot:
            return "power-up of the box"
        if self.previous.state == AgentState.STOPPED.value:
            return "started again after a clean stop"
        return "started again after a crash"

    def write_status(self, status: AgentStatus) -> None:
        """Replace the status file at once. Raises nothing: status must not stop the watch."""
        try:
            _replace(self._status_path, status_to_json(status) + "\n", is_durable=False)
        except OSError:
            return

    def _link_status(self, target: Path) -> None:
        link = self._status_path
        if link.is_symlink() and os.readlink(link) == str(target):
            self._status_path = target
            return
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        self._status_path = target


def _locked(path: Path) -> IO[str]:
    lock = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise FolderTaken(
            f"another agent{f' (process {owner})' if owner else ''} uses this state folder",
            subject=str(path.parent),
            hint="Stop it, or give this one another [state] folder",
        ) from None
    with suppress(OSError):  # a full disk: the lock is held all the same
        os.truncate(lock.fileno(), 0)
        os.write(lock.fileno(), str(os.getpid()).encode("ascii"))
    return lock


def _status_in(path: Path) -> AgentStatus | None:
    try:
        return status_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _replace(path: Path, text: str, *, is_durable: bool) -> None:
    """Write beside, then rename, so that a reader or a power cut never sees half a file."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
