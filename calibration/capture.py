"""Live readings for a calibration: every wired source in a thread of its own, as in the agent, merged into one order.

In: sources that are not open. Out: ordered readings with ticks (`take`), and once for each source how opening and
listening went (`take_found`). Bound: `QUEUE_MAX` batches; what finds no room is counted and becomes `SamplesLost`.
A source that cannot be opened is tried again every two seconds, so that a plug put in late is seen.
Errors: `take` raises what ended a thread, which is a programmer's error.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from calibration.session_tells import Found
from edge_agent.errors import SourceError, WrongDevice
from edge_agent.readings import AccelFrame, FaultReason, Reading, SamplesLost, SourceFault
from edge_agent.source import Source
from edge_agent.timeline import Timeline

READ_S = 0.2
OPEN_AGAIN_S = 2.0
LISTEN_S = 3.0
"""As long as `edge-agent doctor` listens."""
MODEM_LISTEN_S = 15.0  # a modem is asked every few seconds and answers late
QUEUE_MAX = 1_024
BATCHES_MAX = 512
LATENESS_NS = 500_000_000
CLOSE_S = 3.0

Probe = Callable[[str], Sequence[str]]
"""What else answers where this source was expected: other addresses, other rates. Runs in the source's thread."""


class LiveCapture:
    """The sources of one lift, open until `close`."""

    def __init__(self, sources: Sequence[Source], now_ns: Callable[[], int], probe: Probe = lambda _source: ()) -> None:
        self._now_ns = now_ns
        self._timeline = Timeline(LATENESS_NS)
        self._stop = threading.Event()
        self._inbox: queue.Queue[Sequence[Reading]] = queue.Queue(QUEUE_MAX)
        self._found: deque[Found] = deque()
        self._threads = [
            _SourceThread(source, now_ns, probe, self._stop, self._inbox, self._found) for source in sources
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> tuple[Reading, ...]:
        """Readings that have come since the last call, in order."""
        for thread in self._threads:
            if thread.crash is not None:
                raise thread.crash
        for _ in range(BATCHES_MAX):
            try:
                batch = self._inbox.get_nowait()
            except queue.Empty:
                break
            for reading in batch:
                self._timeline.push(reading)
        now_ns = self._now_ns()
        for thread in self._threads:
            dropped = thread.take_dropped()
            if dropped:
                self._timeline.push(SamplesLost(now_ns, thread.source_name, dropped))
        return self._timeline.release(now_ns)

    def look_again(self) -> None:
        """Tell of each source anew."""
        for thread in self._threads:
            thread.is_wanted.set()

    def take_found(self) -> tuple[Found, ...]:
        """How opening and listening went, for each source that is new since the last call."""
        news = []
        while self._found:
            news.append(self._found.popleft())
        return tuple(news)

    def close(self) -> None:
        """Let go of all devices. Calling it twice is allowed."""
        self._stop.set()
        until_s = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))


class _SourceThread(threading.Thread):
    def __init__(
        self,
        source: Source,
        now_ns: Callable[[], int],
        probe: Probe,
        stop: threading.Event,
        inbox: queue.Queue[Sequence[Reading]],
        found: deque[Found],
    ) -> None:
        super().__init__(name=source.name, daemon=True)
        self.source_name = source.name
        self.crash: BaseException | None = None
        self.is_wanted = threading.Event()
        self.is_wanted.set()
        self._source, self._now_ns, self._probe = source, now_ns, probe
        self._stop_asked, self._inbox, self._found = stop, inbox, found
        self._lock = threading.Lock()
        self._dropped = 0

    def take_dropped(self) -> int:
        """Readings that found no room since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def run(self) -> None:
        """Open, listen, go on."""
        try:
            self._live()
        except BaseException as error:
            self.crash = error
            raise
        finally:
            self._source.close()

    def _live(self) -> None:
        while not self._stop_asked.is_set():
            try:
                self._source.open()
            except SourceError as error:
                self._could_not_open(error)
                self._stop_asked.wait(OPEN_AGAIN_S)
                continue
            self._read_on()
            if self._source.has_ended:
                return
            self._source.close()
            if not self.is_wanted.is_set():
                self._stop_asked.wait(OPEN_AGAIN_S)

    def _could_not_open(self, error: SourceError) -> None:
        reason = FaultReason.WRONG_DEVICE if isinstance(error, WrongDevice) else FaultReason.ABSENT
        self._put((SourceFault(self._now_ns(), self.source_name, reason, f"{error.problem}. {error.hint}"),))
        if self.is_wanted.is_set():
            self.is_wanted.clear()
            problem = f"{error.subject}: {error.problem}"
            answering = tuple(self._probe(self.source_name))
            self._found.append(Found(self.source_name, 0, reason, problem, error.hint, answering))

    def _read_on(self) -> None:
        """Until told to stop or to look again, or until it is closed so that it can be looked at what else answers.

        To look again is to open it anew: a line that stays as it is speaks at once then, and seldom later.
        """
        listening = _Listening(self.source_name) if self.is_wanted.is_set() else None
        for batch in self._batches():
            if not self.is_wanted.is_set():
                listening = None
                continue
            if listening is None:
                return
            found = listening.found(batch)
            if found is None:
                continue
            self.is_wanted.clear()
            if found.problem:
                self._source.close()
                self._found.append(replace(found, answering=tuple(self._probe(self.source_name))))
                return
            self._found.append(found)

    def _batches(self) -> Iterator[Sequence[Reading]]:
        while not self._stop_asked.is_set() and not self._source.has_ended:
            batch = self._source.read(READ_S)
            if batch:
                self._put(batch)
            yield batch

    def _put(self, batch: Sequence[Reading]) -> None:
        try:
            self._inbox.put_nowait(batch)
        except queue.Full:
            with self._lock:
                self._dropped += sum(_size_of(reading) for reading in batch)


class _Listening:
    """What a source gives in the first seconds after it was opened."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._until_s = time.monotonic() + (MODEM_LISTEN_S if source == "modem" else LISTEN_S)
        self._count = 0
        self._fault: SourceFault | None = None

    def found(self, batch: Sequence[Reading]) -> Found | None:
        """None: not long enough yet."""
        for reading in batch:
            if isinstance(reading, SourceFault):
                self._fault = reading
            elif not isinstance(reading, SamplesLost):
                self._count += _size_of(reading)
                self._fault = None
        is_modem_heard = self._source == "modem" and self._count > 0
        if time.monotonic() < self._until_s and not is_modem_heard:
            return None
        if self._fault is not None:
            return Found(self._source, self._count, self._fault.reason, self._fault.detail)
        if self._count == 0:
            return Found(self._source, 0, FaultReason.SILENT, "nothing comes from it")
        return Found(self._source, self._count)


def _size_of(reading: Reading) -> int:
    return len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
