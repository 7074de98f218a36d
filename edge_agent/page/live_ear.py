"""The page's side of live points: asks the agent to send them, hears them, and keeps the last minute for the charts.

The socket stands in the folder of requests, which only the agent's user can enter. It is asked for only while somebody
looks at a chart; a minute of silence and everything is let go.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections import deque
from pathlib import Path

from edge_agent.live_points import KINDS, LivePoints, Row, Rows, Unended, rows_from, unended_from
from edge_agent.local_requests import RequestFolder
from edge_agent.readings import Reading
from edge_agent.request_drop import RequestDrop

ASK_S = 3.0
LOOKED_S = 5.0
"""So long after the last question of a chart the agent is still asked."""
BYTES_MAX = 65_536
DATAGRAMS_MAX = 64
KEPT = {"accel": 1_500, "lines": 400, "controller": 300, "others": 200}
"""Rows: a minute of acceleration, of the others what is enough for a chart."""
GIVEN_MAX = 400
SUFFIX = ".live"


class LiveRing:
    """Numbered rows, the newest ones; a chart asks for those behind the last number that it has."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[int, Row]]] = {kind: deque(maxlen=KEPT[kind]) for kind in KINDS}
        self._number = 0

    def add(self, rows: Rows) -> None:
        """Rows that have come."""
        for kind in KINDS:
            for row in rows[kind]:
                self._number += 1
                self._kept[kind].append((self._number, row))

    def after(self, number: int) -> tuple[int, Rows]:
        """The number of the newest row, and of each kind the newest 400 behind `number`."""
        found = {kind: [row for at, row in self._kept[kind] if at > number][-GIVEN_MAX:] for kind in KINDS}
        return self._number, found


class LiveEar:
    """See the module. Time is passed in, in seconds of one clock."""

    def __init__(self, state_folder: Path) -> None:
        self._state_folder = state_folder
        self._requests = RequestFolder(state_folder)
        self._looker = secrets.token_hex(8)
        self._socket: socket.socket | None = None
        self._asked_s = self._looked_s = float("-inf")
        self._own = LivePoints()
        self.ring = LiveRing()
        self.lost_count = 0
        self.unended: tuple[Unended, ...] = ()

    def looked(self, now_s: float) -> None:
        """A chart has asked."""
        self._looked_s = now_s

    def take_own(self, readings: tuple[Reading, ...]) -> None:
        """Readings that this process has taken itself: it calibrates."""
        for reading in readings:
            self._own.push(reading)
        self.ring.add(self._own.take())

    def turn(self, now_s: float, *, is_agent_there: bool) -> None:
        """Ask, hear, let go. Never waits."""
        if now_s - self._looked_s > LOOKED_S or not is_agent_there:
            self.close()
            return
        if now_s - self._asked_s >= ASK_S:
            self._asked_s = now_s
            with contextlib.suppress(OSError):  # no folder yet, a full disk: asked again in three seconds
                self._ask()
        self._hear()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        self._asked_s = float("-inf")
        with contextlib.suppress(OSError), RequestDrop(self._state_folder, self._requests.path.name) as drop:
            drop.remove(self._looker + SUFFIX)

    def _ask(self) -> None:
        if self._socket is None:
            self._open()
        self._requests.leave({"live": self._looker})

    def _open(self) -> None:
        with RequestDrop(self._state_folder, self._requests.path.name) as drop:
            for left in self._requests.path.glob(f"*{SUFFIX}"):
                drop.remove(left.name)  # of a page that was killed: one page at a time
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        folder = os.open(self._requests.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            ear.setblocking(False)
            ear.bind(f"/proc/self/fd/{folder}/{self._looker}{SUFFIX}")
        except OSError:
            ear.close()
            raise
        finally:
            os.close(folder)
        self._socket = ear

    def _hear(self) -> None:
        for _ in range(DATAGRAMS_MAX):
            if self._socket is None:
                return
            try:
                text = self._socket.recv(BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                continue
            unended = unended_from(text)
            if unended is not None:
                self.unended = unended
                continue
            try:
                rows, self.lost_count = rows_from(text)
            except ValueError:
                continue
            self.ring.add(rows)
