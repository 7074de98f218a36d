"""A Modbus RTU slave on a pseudo-terminal, written by hand: it answers in the order of the questions, as late as a
script says, twice, damaged or never. What it says tells which register was asked for, and when.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.drivers.modbus_servers import Request, Say, crc

Script = Callable[[Request], Iterable[Say]]


class RtuSlave:
    """One unit on a line of its own. `requests` are those it saw, with the time of each."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.times_s: list[float] = []
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._is_over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_over = True
        self._thread.join(5)
        os.close(self._ours)
        os.close(self._theirs)

    def _serve(self) -> None:
        raw = b""
        while not self._is_over:
            ready, _, _ = select.select([self._ours], [], [], 0.02)
            if ready:
                raw += os.read(self._ours, 64)
            while len(raw) >= 8:
                if crc(raw[:6]) != raw[6:8]:
                    raw = raw[1:]
                    continue
                request = Request(
                    len(self.requests),
                    0,
                    raw[0],
                    raw[1],
                    int.from_bytes(raw[2:4], "big"),
                    int.from_bytes(raw[4:6], "big"),
                )
                raw = raw[8:]
                self.requests.append(request)
                self.times_s.append(time.monotonic())
                for say in self.script(request):
                    if say.after_s > 0:
                        time.sleep(say.after_s)
                    if not self._is_over:
                        os.write(self._ours, say.raw)


@dataclass(frozen=True)
class Telling:
    """Words that tell their register and the question they answer: `base of the register + index of the question`."""

    bases: dict[int, int]
    fixed: dict[int, int]

    def words(self, request: Request) -> list[int]:
        asked = range(request.address, request.address + request.count)
        return [self.fixed.get(a, self.bases.get(a, 50_000) + request.index % 1000) for a in asked]
