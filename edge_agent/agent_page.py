"""What the agent does for the installer's page: live points while somebody looks, records of changes, standing aside.

The page is a process of its own. It asks by files in the folder of requests, as every person at the box does; live
points go back as datagrams to a socket that the page has made there, so that the agent listens to nothing. While nobody
looks it costs one comparison a batch of readings.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.errors import OutboxError
from edge_agent.journal import Journal
from edge_agent.live_points import TEXT_BYTES_MAX, UNENDED_MAX, LivePoints, Unended, rows_text, unended_text
from edge_agent.local_requests import (
    DONE,
    FOLDER,
    REFUSED,
    AsideRequest,
    ChangeRequest,
    LiveRequest,
    PageRequest,
    Request,
)
from edge_agent.outbox_incidents import UnendedIncident
from edge_agent.readings import Reading
from edge_agent.records import RecordDraft, draft_of_change
from edge_agent.story import kind_name
from edge_agent.wire_values import Stream

NS_PER_S = 1_000_000_000
LOOK_NS = 6 * NS_PER_S
"""A looker asks again every three seconds; twice that, so that one request may be late."""
SEND_NS = NS_PER_S // 10
LOOKERS_MAX = 2
SUFFIX = ".live"


class LiveTap:
    """Sends live points to those who look. state_folder: where the folder of requests is."""

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / FOLDER
        self._until_ns: dict[str, int] = {}
        self._points = LivePoints()
        self._sent_ns = 0
        self._socket: socket.socket | None = None
        self.lost_count = 0

    @property
    def is_looked_at(self) -> bool:
        """Whether anybody looks."""
        return bool(self._until_ns)

    def look(self, looker: str, now_ns: int) -> None:
        """Somebody looks, or goes on looking."""
        if looker in self._until_ns or len(self._until_ns) < LOOKERS_MAX:
            self._until_ns[looker] = now_ns + LOOK_NS

    def tell(self, looker: str, text: bytes) -> None:
        """Something else for one who looks. Never raises, never waits."""
        if looker in self._until_ns:
            self._sent(looker, text)

    def saw(self, readings: Iterable[Reading], now_ns: int) -> None:
        """What a source gave. Never raises, never waits."""
        if not self._until_ns:
            return
        for reading in readings:
            self._points.push(reading)
        if now_ns - self._sent_ns < SEND_NS:
            return
        self._sent_ns = now_ns
        text = rows_text(self._points.take(), self.lost_count + self._points.lost_count)
        for looker, until_ns in tuple(self._until_ns.items()):
            if now_ns >= until_ns or (text and not self._sent(looker, text)):
                del self._until_ns[looker]
        if not self._until_ns:
            self._points = LivePoints()
            self._close()

    def _sent(self, looker: str, text: bytes) -> bool:
        """False: there is nobody any more."""
        if len(text) > TEXT_BYTES_MAX:
            self.lost_count += 1
            return True
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            # By the descriptor: the path of a socket holds 107 bytes, that of a state folder may be longer.
            self._socket.sendto(text, f"/proc/self/fd/{descriptor}/{looker}{SUFFIX}")
        except (BlockingIOError, InterruptedError):
            self.lost_count += 1
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Folder(Protocol):
    """The folder of requests."""

    def take(self) -> tuple[Request | PageRequest, ...]:
        """What was asked since the last call."""
        ...

    def answer(self, request: Request | PageRequest, sentences: tuple[str, ...]) -> None:
        """Tell who asked."""
        ...


class PageRequests:
    """Answers what the page asks for, and passes on what is for the core."""

    def __init__(
        self,
        folder: Folder,
        tap: LiveTap,
        clock: Clock,
        journal: Journal,
        commit: Callable[[RecordDraft, int, int], None],
        stand_aside: Callable[[], None],
        unended: Callable[[], Sequence[UnendedIncident]] = tuple,
    ) -> None:
        """stand_aside: the agent gives its devices up. unended: incidents that wait for their end."""
        self._folder, self._tap = folder, tap
        self._clock, self._journal = clock, journal
        self._commit, self._stand_aside = commit, stand_aside
        self._unended = unended

    def take(self) -> tuple[Request, ...]:
        """What is for the core."""
        others: list[Request] = []
        for request in self._folder.take():
            match request:
                case LiveRequest():
                    self._tap.look(request.looker, self._clock.now_ns())
                    self._tell_unended(request.looker)
                case ChangeRequest():
                    self._record(request.what, request.who)
                case AsideRequest():
                    self._lend(request)
                case _:
                    others.append(request)
        return tuple(others)

    def answer(self, request: Request, sentences: tuple[str, ...]) -> None:
        """Tell who asked."""
        self._folder.answer(request, sentences)

    def _lend(self, request: AsideRequest) -> None:
        """Not while an alarm is open: somebody may be in the car, and this box must see what becomes of it."""
        try:
            is_alarm_open = any(each.stream is Stream.ALARM for each in self._unended())
        except OutboxError:
            is_alarm_open = False  # whoever comes to mend the box is not kept out by its broken outbox
        if is_alarm_open:
            self._folder.answer(request, (REFUSED,))
            return
        self._record("calibration begun, the box does not watch", request.who)
        self._folder.answer(request, (DONE,))
        self._stand_aside()

    def _tell_unended(self, looker: str) -> None:
        try:
            unended = self._unended()
        except OutboxError:
            return  # the status and the log tell of it
        rows = [Unended(each.number, kind_name(each.kind), each.is_present) for each in unended[:UNENDED_MAX]]
        self._tap.tell(looker, unended_text(rows))

    def _record(self, what: str, who: str) -> None:
        now_ns = self._clock.now_ns()
        self._journal.tell(logging.WARNING, f"Changed at the box: {what}" + (f", by {who}" if who else ""))
        self._commit(draft_of_change(what, who), now_ns, now_ns)
