"""Passes on what just happened: events to open pages, a wake-up to boxes that wait for notices. Keeps nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

LISTENERS_MAX = 64
EVENTS_WAITING_MAX = 256
POLLS_MAX = 1_024
"""Open pages; events one slow page may be behind before it is cut off (it comes back and gets the whole picture);
boxes waiting at one time, the others are answered at once. Our choices."""


BEAT = "beat"
"""A sign of life, for every page."""


@dataclass(frozen=True, slots=True)
class PageEvent:
    """One server-sent event: its name and one line of JSON."""

    name: str
    text: str

    @property
    def wire(self) -> bytes:
        """As sent."""
        return f"event: {self.name}\ndata: {self.text}\n\n".encode()


class Listener:
    """One open page."""

    def __init__(self, firm: str | None) -> None:
        self.firm = firm  # sees only the lifts of this firm; None: all
        self._events: asyncio.Queue[PageEvent | None] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._is_cut_off = False

    async def next(self) -> PageEvent | None:
        """The next event; None when there will be no more."""
        if self._is_cut_off and self._events.empty():
            return None
        return await self._events.get()

    def put(self, event: PageEvent) -> None:
        """Hand over an event, or cut the page off when it is too far behind."""
        if self._is_cut_off:
            return
        if self._events.full():
            self.cut_off()
            return
        self._events.put_nowait(event)

    def cut_off(self) -> None:
        """No more events."""
        self._is_cut_off = True
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)


class Hub:
    """Who listens now."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._polls: dict[bytes, set[asyncio.Future[None]]] = {}
        self._poll_count = 0
        self._is_stopped = False

    @property
    def listener_count(self) -> int:
        """Open pages."""
        return len(self._listeners)

    @property
    def firms(self) -> set[str | None]:
        """Whose pages are open; None among them: pages that see all lifts."""
        return {listener.firm for listener in self._listeners}

    def listen(self, firm: str | None = None) -> Listener | None:
        """Begin to listen; None when too many do. firm: only to what concerns its lifts."""
        if self._is_stopped or len(self._listeners) >= LISTENERS_MAX:
            return None
        listener = Listener(firm)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening."""
        self._listeners.discard(listener)

    def publish(self, event: PageEvent, firm: str | None = None, *, is_for_all: bool = True) -> None:
        """Tell the open pages that may know. firm: whose lift it is about, told to its pages and those that see all.

        is_for_all False: it is made for the pages of exactly this firm.
        """
        for listener in self._listeners:
            if listener.firm == firm or (is_for_all and (listener.firm is None or event.name == BEAT)):
                listener.put(event)

    def wake(self, device: bytes) -> None:
        """A notice for this box is on disk."""
        for future in self._polls.get(device, ()):
            if not future.done():
                future.set_result(None)

    async def wait_for_notice(self, device: bytes, wait_s: float) -> None:
        """Return when a notice for this box may be there, after `wait_s`, or at once when too many wait."""
        if self._is_stopped or self._poll_count >= POLLS_MAX:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._polls.setdefault(device, set()).add(future)
        self._poll_count += 1
        try:
            await asyncio.wait([future], timeout=wait_s)
        finally:
            self._poll_count -= 1
            self._polls[device].discard(future)
            if not self._polls[device]:
                del self._polls[device]

    def stop(self) -> None:
        """Let every page and every waiting box go."""
        self._is_stopped = True
        for listener in self._listeners:
            listener.cut_off()
        for device in self._polls:
            self.wake(device)
