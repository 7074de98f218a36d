"""Serves GPIO lines on a UNIX socket, as the simulator does: the far end of a `unix:PATH` chip."""

from __future__ import annotations

import socket
import threading
from pathlib import Path


class GpioServer:
    """Tells each client the level of every known pin, then each change."""

    def __init__(self, path: Path, levels: dict[int, int], *, t_ns: int = 0) -> None:
        self.path = path
        self.levels = dict(levels)
        self._t_ns = t_ns
        self._clients: list[socket.socket] = []
        self._lock = threading.Lock()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def chip(self) -> str:
        return f"unix:{self.path}"

    def set(self, pin: int, level: int, t_ns: int) -> None:
        with self._lock:
            self.levels[pin] = level
            self._tell(f"{pin} {level} {t_ns}\n".encode())

    def say(self, raw: bytes) -> None:
        with self._lock:
            self._tell(raw)

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for client in self._clients:
                client.shutdown(socket.SHUT_RDWR)
                client.close()
            self._clients.clear()
        self.path.unlink(missing_ok=True)

    def _tell(self, raw: bytes) -> None:
        for client in self._clients:
            client.sendall(raw)

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    lines = (f"{pin} {level} {self._t_ns}\n" for pin, level in self.levels.items())
                    client.sendall("".join(lines).encode())
                    self._clients.append(client)
        except OSError:
            return
