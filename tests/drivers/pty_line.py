"""A serial line on a pseudo-terminal under a name that stays, like an adapter's link in /dev/serial/by-id."""

from __future__ import annotations

import os
import pty
import select
import tty
from pathlib import Path


class PtyLine:
    """Plugged in from the start. What the far end writes the driver reads."""

    def __init__(self, folder: Path, name: str = "adapter") -> None:
        self.path = folder / name
        self._ours = self._theirs = -1
        self.plug_in()

    @property
    def is_plugged_in(self) -> bool:
        return self._ours >= 0

    def plug_in(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.path.symlink_to(os.ttyname(self._theirs))

    def pull_out(self) -> None:
        if self._ours >= 0:
            self.path.unlink()
            os.close(self._theirs)
            os.close(self._ours)
        self._ours = self._theirs = -1

    def write(self, data: bytes) -> None:
        os.write(self._ours, data)

    def sent(self, timeout_s: float = 0.0) -> bytes:
        """What the driver has sent."""
        ready, _, _ = select.select([self._ours], [], [], timeout_s)
        return os.read(self._ours, 4096) if ready else b""

    def close(self) -> None:
        self.pull_out()
