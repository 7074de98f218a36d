"""Where a person at the box leaves a request for the agent: also root, in a folder that belongs to the agent's user.

What root makes is given to the owner of the state folder before the agent can see it; without that the agent could not
read it. No link is followed on the way: whoever holds the agent's user could else lead root anywhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

BYTES_MAX = 64 * 1024


class RequestDrop:
    """The folder, open. Use it in a `with`. Its calls raise OSError."""

    def __init__(self, state_folder: Path, name: str) -> None:
        self._owner: tuple[int, int] | None = None
        state = os.open(state_folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            held = os.fstat(state)
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=state)
            if os.geteuid() == 0:
                self._owner = (held.st_uid, held.st_gid)
                os.chown(name, *self._owner, dir_fd=state, follow_symlinks=False)
            self._folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=state)
        finally:
            os.close(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._folder)

    def leave(self, name: str, text: str) -> None:
        """A file, whole from the moment at which it has its name."""
        beside = f".{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(beside, flags, 0o600, dir_fd=self._folder), "w", encoding="utf-8") as file:
            file.write(text)
            if self._owner is not None:
                os.fchown(file.fileno(), *self._owner)
        os.rename(beside, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def fetch(self, name: str) -> str | None:
        """The content of a file, which is then gone; None: there is none yet."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._folder)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(BYTES_MAX)
        self.remove(name)
        return content.decode("utf-8", "replace")

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def give_to_owner(folder: Path) -> None:
    """What root has written below a folder of another user becomes that user's; without effect for others.

    Raises OSError.
    """
    if os.geteuid() != 0:
        return
    held = os.stat(folder)
    # Of a service with a user of its own /var/lib/NAME is a link, made by root, which fwalk does not follow.
    for _, names, files, descriptor in os.fwalk(folder.resolve()):
        for name in (*names, *files):
            if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid == 0:
                os.chown(name, held.st_uid, held.st_gid, dir_fd=descriptor, follow_symlinks=False)
