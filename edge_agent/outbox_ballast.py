"""A megabyte that is thrown off when the disk is full, so that alarms can still be committed.

Source: design/wire.md section 3.1.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BALLAST_BYTES = 1 << 20
ROOM_BYTES = 8 << 20  # ballast is taken on again when this much is free beside it: ours
_PIECE_BYTES = 1 << 16


class Ballast:
    """A file beside the outbox. Never raises: a disk without ballast is still a disk."""

    def __init__(self, outbox: Path) -> None:
        self._path = outbox.with_name(outbox.name + ".ballast")

    @property
    def is_aboard(self) -> bool:
        """There is something to throw off."""
        return self._path.exists()

    def take_on(self) -> bool:
        """Fill the file where there is room enough. True: it is aboard."""
        try:
            if self.is_aboard:
                return True
            free_bytes = os.statvfs(self._path.parent)
            if free_bytes.f_bavail * free_bytes.f_frsize < ROOM_BYTES + BALLAST_BYTES:
                return False
            beside = self._path.with_name(f".{self._path.name}.new")
            with beside.open("wb") as file:
                for _ in range(BALLAST_BYTES // _PIECE_BYTES):
                    file.write(os.urandom(_PIECE_BYTES))  # a file system that packs or skips zeros would keep no room
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError:
            with suppress(OSError):
                self._path.with_name(f".{self._path.name}.new").unlink(missing_ok=True)
            return False
        return True

    def throw_off(self) -> bool:
        """True: there is a megabyte more than before."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
