"""I2C chips and GPIO lines served on UNIX sockets, in the line protocols of `drivers.i2c` and `drivers.gpio`.

An agent started against them runs its real driver code; only the bus names in its settings differ.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sim.buses_server import CHUNK_BYTES, LineServer, UnixServer

_COUNT_MAX = 256


class I2cChip(Protocol):
    """A chip with 8-bit registers; every access carries the time."""

    def read(self, register: int, count: int, now_s: float) -> bytes:
        """One read transfer."""
        ...

    def write(self, register: int, data: bytes, now_s: float) -> None:
        """One write transfer."""
        ...


class I2cServer(LineServer):
    """A bus with chips by address. `lock` guards the chips; `broken_errno` makes every transfer fail with it.

    late_s: how long each transfer takes, for a bus that something else holds up.
    """

    def __init__(
        self, path: Path, chips: Mapping[int, I2cChip], now_s: Callable[[], float], lock: threading.Lock
    ) -> None:
        self._chips = chips
        self._now_s = now_s
        self._chip_lock = lock
        self.broken_errno: int | None = None
        self.late_s = 0.0
        self.transfer_count = 0
        super().__init__(path, "i2c")

    def _answer(self, line: str) -> str:
        self.transfer_count += 1
        if self.broken_errno is not None:
            return f"err {self.broken_errno}"
        if self.late_s > 0.0:
            time.sleep(self.late_s)
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


class GpioServer(UnixServer):
    """Lines by BCM number; tells every client all levels on connecting and each change after that."""

    def __init__(self, path: Path, levels: Mapping[int, bool], now_ns: Callable[[], int]) -> None:
        self._levels = {pin: (level, now_ns()) for pin, level in levels.items()}
        self._level_lock = threading.Lock()
        super().__init__(path, "gpio")

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
        while client.recv(CHUNK_BYTES):  # a client has nothing to say; its end is the end of the stream
            pass


def _line(pin: int, is_high: bool, t_ns: int) -> bytes:
    return f"{pin} {int(is_high)} {t_ns}\n".encode("ascii")
