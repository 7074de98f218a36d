"""The agent stands aside for a calibration: it ends in order, waits while another process has the state folder, and
starts again from the beginning, in the same process, so that nothing on the box has to be told to start it.

The lock of the state folder is the kernel's: it is free as soon as the calibration ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Protocol

from edge_agent.cli.state_folder import LOCK_FILE

COME_S = 8.0
"""So long the calibration has to take the folder; then the agent watches again."""
LOOK_S = 0.25
SENTENCE = "Not watching: a calibration has the devices"


class ServiceWords(Protocol):
    """What is told to the service manager."""

    def ready(self) -> None:
        """Armed."""
        ...

    def alive(self) -> None:
        """There was progress."""
        ...

    def status(self, sentence: str) -> None:
        """One line for people."""
        ...

    def stopping(self) -> None:
        """The clean stop has begun."""
        ...


class Aside:
    """The agent's words to the service manager, but for the one that a stand-aside is no stop; and the wait itself."""

    def __init__(self, notifier: ServiceWords) -> None:
        self._notifier = notifier
        self.is_wanted = False
        self._is_told_to_stop = False

    def begin(self) -> None:
        """A person wants to calibrate."""
        self.is_wanted = True

    def stop(self) -> None:
        """The agent is to end for good. Safe to call from a signal handler."""
        self._is_told_to_stop = True

    def ready(self) -> None:
        """See `ServiceWords`."""
        self._notifier.ready()

    def alive(self) -> None:
        """See `ServiceWords`."""
        self._notifier.alive()

    def status(self, sentence: str) -> None:
        """See `ServiceWords`."""
        self._notifier.status(sentence)

    def stopping(self) -> None:
        """Only where it is one: systemd would kill what it believes to be ending."""
        if self._is_told_to_stop or not self.is_wanted:
            self._notifier.stopping()

    def is_over(self, state_folder: Path, come_s: float = COME_S) -> bool:
        """Wait until nobody has the folder, which must be released before. False: the agent is to end for good."""
        if not self.is_wanted:
            return False
        self._notifier.status(SENTENCE)
        until_s = time.monotonic() + come_s
        has_come = False
        while not self._is_told_to_stop:
            self._notifier.alive()
            is_free = _is_free(state_folder / LOCK_FILE)
            has_come = has_come or not is_free
            if is_free and (has_come or time.monotonic() >= until_s):
                return True
            time.sleep(LOOK_S)
        return False


def start_again() -> None:
    """This program from its beginning, in this process."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_free(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return True  # not to be opened: the start says why
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
