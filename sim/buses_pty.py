"""A serial port on a pseudo-terminal under a name that stays, as an adapter has in /dev/serial/by-id."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import select
import termios
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path

from sim.buses_server import CHUNK_BYTES

# Bytes that nobody takes are lost on a real line, a pseudo-terminal keeps them. Chosen: an agent that listens takes
# them within milliseconds, and a late answer must still meet the next question.
_STALE_BYTES = 512
_STALE_S = 2.0
_OUT_SPEED = 5  # place in what tcgetattr gives. Source: Python, module termios
_RATES = {getattr(termios, f"B{rate}"): rate for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}


class PtyPort:
    """The far end of a serial line. `path` is a link to the terminal that a program opens; pulled out, it is gone.

    Errors: OSError where no terminal or no link can be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._ours = self._theirs = -1
        self._written_s = 0.0
        self.plug_in()

    @property
    def is_plugged_in(self) -> bool:
        """False while the link and the terminal are gone."""
        return self._ours >= 0

    @property
    def device(self) -> str:
        """The terminal itself, another one after each plugging in; empty while pulled out."""
        with self._lock:
            return os.ttyname(self._theirs) if self._theirs >= 0 else ""

    @property
    def baud_rate(self) -> int:
        """What the program has set on its side; 0 while pulled out or for a rate that is not usual."""
        with self._lock:
            if self._theirs < 0:
                return 0
            return _RATES.get(termios.tcgetattr(self._theirs)[_OUT_SPEED], 0)

    def plug_in(self) -> None:
        """Make terminal and link, if they are not there."""
        with self._lock:
            if self._ours >= 0:
                return
            ours, theirs = pty.openpty()
            try:
                tty.setraw(theirs)
                os.set_blocking(ours, False)
                self.path.unlink(missing_ok=True)
                self.path.symlink_to(os.ttyname(theirs))
            except OSError:
                os.close(theirs)
                os.close(ours)
                raise
            self._ours, self._theirs = ours, theirs

    def unplug(self) -> None:
        """Pull the adapter out: whoever has the port open gets an error."""
        with self._lock:
            if self._ours < 0:
                return
            self.path.unlink(missing_ok=True)
            os.close(self._theirs)
            os.close(self._ours)
            self._ours = self._theirs = -1

    def close(self) -> None:
        """The same for good. Calling it twice is allowed."""
        self.unplug()

    def read(self, timeout_s: float) -> bytes:
        """What a program has sent; empty if nothing comes within `timeout_s`, or while pulled out."""
        ours = self._ours
        if ours < 0:
            time.sleep(min(timeout_s, 0.05))
            return b""
        try:
            ready, _, _ = select.select([ours], [], [], timeout_s)
            with self._lock:  # the number may belong to another file by now
                return os.read(ours, CHUNK_BYTES) if ready and self._ours == ours else b""
        except (OSError, ValueError):  # pulled out meanwhile
            return b""

    def write(self, data: bytes) -> None:
        """Send; what nobody takes is lost."""
        with self._lock:
            if self._ours < 0:
                return
            now_s = time.monotonic()
            unread = self._unread()
            if unread > _STALE_BYTES or (unread > 0 and now_s - self._written_s > _STALE_S):
                termios.tcflush(self._theirs, termios.TCIFLUSH)
            self._written_s = now_s
            with suppress(BlockingIOError):
                os.write(self._ours, data)

    def _unread(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._theirs, termios.FIONREAD, count)
        return count[0]
