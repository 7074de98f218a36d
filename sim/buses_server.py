"""What serves one place (a UNIX socket, a TCP port) to some clients, and can be unplugged and plugged in again."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

CLIENTS_MAX = 8
CHUNK_BYTES = 4096


class SocketServer(ABC):
    """One thread accepts, one thread a client. `close` ends them all; what a client says never does.

    Errors: OSError where the place cannot be had.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.plug_in()

    @property
    def is_plugged_in(self) -> bool:
        """False while nobody can reach it."""
        return self._listener is not None

    def plug_in(self) -> None:
        """Serve, or serve again. Raises OSError."""
        if self._listener is not None or self._is_closed:
            return
        listener = self._listen()
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, args=(listener,), name=self._name, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """As if the cable had been pulled out: clients lose their connection, new ones find nobody."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        self._left()
        self.drop_clients()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
        self.drop_clients()  # one that was let in meanwhile

    def close(self) -> None:
        """Stop serving for good. Calling it twice is allowed."""
        self._is_closed = True
        self.unplug()

    def drop_clients(self) -> None:
        """Close every connection."""
        with self._lock:
            clients, self._clients = set(self._clients), set()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                is_full = len(self._clients) >= CLIENTS_MAX
                if not is_full:
                    self._clients.add(client)
            if is_full:
                client.close()
                continue
            threading.Thread(target=self._serve_client, args=(client,), daemon=True).start()

    def _serve_client(self, client: socket.socket) -> None:
        try:
            self._serve(client)
        except OSError:
            pass
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()

    @abstractmethod
    def _listen(self) -> socket.socket:
        """A socket that listens. Raises OSError."""

    def _left(self) -> None:  # noqa: B027
        """The place was given up; remove its traces."""

    @abstractmethod
    def _serve(self, client: socket.socket) -> None:
        """Talk to one client until it leaves; OSError ends it too."""


class UnixServer(SocketServer):
    """A server on a UNIX socket at `path`."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        super().__init__(f"{name} {path.name}")

    def _listen(self) -> socket.socket:
        if self._is_left_over():
            self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self.path))
            listener.listen(CLIENTS_MAX)
        except OSError:
            listener.close()
            raise
        return listener

    def _left(self) -> None:
        self.path.unlink(missing_ok=True)

    def _is_left_over(self) -> bool:
        """True for a socket whose server was killed: nobody listens there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:
                return self.path.is_socket()
            except OSError:
                return False
        return False


class LineServer(UnixServer):
    """A UNIX socket to which clients send lines of text, each of which is answered."""

    def _serve(self, client: socket.socket) -> None:
        received = b""
        while chunk := client.recv(CHUNK_BYTES):
            received += chunk
            while b"\n" in received:
                line, _, received = received.partition(b"\n")
                answer = self._answer(line.decode("utf-8", errors="replace"))
                client.sendall(answer.encode("utf-8", errors="replace") + b"\n")
            if len(received) > CHUNK_BYTES:
                return

    @abstractmethod
    def _answer(self, line: str) -> str:
        """The answer to one line."""
