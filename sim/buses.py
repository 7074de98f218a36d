"""I2C chips and GPIO lines served on UNIX sockets, in the line protocols of `drivers.i2c` and `drivers.gpio`.

An agent started against them runs its real driver code; only the bus names in its settings differ.
"""

from __future__ import annotations

import errno
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_LINE_BYTES_MAX = 4096
_COUNT_MAX = 256
_CLIENTS_MAX = 8


class I2cChip(Protocol):
    """A chip with 8-bit registers; every access carries the time."""

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer."""
        ...

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer."""
        ...


class _SocketServer(ABC):
    """Listens on a UNIX socket; one thread accepts, one thread a client. `close` ends them all."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(_CLIENTS_MAX)
        self._is_open = True
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and remove the socket. Calling it twice is allowed."""
        self._is_open = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_clients()
        self._thread.join(timeout=1.0)
        self.path.unlink(missing_ok=True)

    def drop_clients(self) -> None:
        """Close every connection, as if the device had been pulled out."""
        with self._lock:
            clients, self._clients = set(self._clients), set()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def _accept(self) -> None:
        while self._is_open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                is_full = len(self._clients) >= _CLIENTS_MAX
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
    def _serve(self, client: socket.socket) -> None:
        """Talk to one client until it leaves; OSError ends it too."""


class I2cServer(_SocketServer):
    """A bus with chips by address. `lock` guards the chips; `broken_errno` makes every transfer fail with it."""

    def __init__(
        self, path: Path, chips: Mapping[int, I2cChip], now_s: Callable[[], float], lock: threading.Lock
    ) -> None:
        self._chips = chips
        self._now_s = now_s
        self._chip_lock = lock
        self.broken_errno: int | None = None
        self.transfer_count = 0
        super().__init__(path, f"i2c {path.name}")

    def _serve(self, client: socket.socket) -> None:
        received = b""
        while True:
            chunk = client.recv(_LINE_BYTES_MAX)
            if not chunk:
                return
            received += chunk
            while b"\n" in received:
                line, _, received = received.partition(b"\n")
                client.sendall(self._answer(line.decode("ascii", errors="replace")).encode("ascii") + b"\n")
            if len(received) > _LINE_BYTES_MAX:
                return

    def _answer(self, line: str) -> str:
        self.transfer_count += 1
        if self.broken_errno is not None:
            return f"err {self.broken_errno}"
        try:
            word, address, register, rest = line.split(" ", 3)
            chip = self._chips.get(int(address, 16))
            if chip is None:
                return f"err {errno.EREMOTEIO}"
            with self._chip_lock:
                match word:
                    case "r":
                        count = int(rest, 16)
                        if not 0 < count <= _COUNT_MAX:
                            return f"err {errno.EINVAL}"
                        return f"ok {chip.read(int(register, 16), count, self._now_s()).hex()}"
                    case "w":
                        chip.write(int(register, 16), bytes.fromhex(rest), self._now_s())
                        return "ok "
                    case _:
                        return f"err {errno.EINVAL}"
        except ValueError:
            return f"err {errno.EINVAL}"


class GpioServer(_SocketServer):
    """Lines by BCM number; tells every client all levels on connecting and each change after that."""

    def __init__(self, path: Path, levels: Mapping[int, bool], now_ns: Callable[[], int]) -> None:
        self._levels = {pin: (level, now_ns()) for pin, level in levels.items()}
        self._level_lock = threading.Lock()
        super().__init__(path, f"gpio {path.name}")

    def change(self, pin: int, is_high: bool, t_ns: int) -> None:
        """Tell a level; the same level again is no change and is not told."""
        with self._level_lock:
            if self._levels.get(pin, (None, 0))[0] is is_high:
                return
            self._levels[pin] = (is_high, t_ns)
            line = _line(pin, is_high, t_ns)
            with self._lock:
                clients = list(self._clients)
            for client in clients:
                try:
                    client.sendall(line, socket.MSG_DONTWAIT)
                except OSError:  # gone, or it has read nothing for thousands of changes
                    with suppress(OSError):
                        client.shutdown(socket.SHUT_RDWR)

    def _serve(self, client: socket.socket) -> None:
        with self._level_lock:
            for pin, (level, t_ns) in self._levels.items():
                client.sendall(_line(pin, level, t_ns))
        while client.recv(_LINE_BYTES_MAX):  # a client has nothing to say; its end is the end of the stream
            pass


def _line(pin: int, is_high: bool, t_ns: int) -> bytes:
    return f"{pin} {int(is_high)} {t_ns}\n".encode("ascii")
