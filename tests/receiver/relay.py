"""Stands between a receiver and its PostgreSQL server, and strikes when the server says that a commit is done."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""CommandComplete of a COMMIT. Source: PostgreSQL 15 manual, section 55.7, Message Formats."""


class Relay:
    """Passes bytes both ways. `strike` is called once armed, with the commit durable and nobody told of it."""

    def __init__(self, folder: Path, server: Path, strike: Callable[[], None]) -> None:
        self._server = server
        self._strike = strike
        self._is_armed = threading.Event()
        self.has_struck = threading.Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / server.name))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self) -> None:
        """Strike at the next commit."""
        self._is_armed.set()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(str(self._server))
                except OSError:
                    near.close()
                    continue
                threading.Thread(target=self._pass_on, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(65_536):
                if is_answer and COMMITTED in said and self._is_armed.is_set():
                    self._is_armed.clear()
                    self._strike()
                    self.has_struck.set()
                    break
                target.sendall(said)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
