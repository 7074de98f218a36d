"""The shell: one thread a blocking source, one a lane of an uplink, one loop for the core. The only file with threads.

Readings cross to the core through one bounded queue; the core never waits for a bus or a receiver. A thread that ends
by a programmer's error ends the agent, which the service manager starts again with everything committed.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar, assert_never

from edge_agent.agent_core import AgentCore
from edge_agent.agent_delivery import NS_PER_S
from edge_agent.agent_status import Identity, status_of
from edge_agent.agent_ways import Beside, Errand, Way
from edge_agent.clock import Clock
from edge_agent.delivery import Lane, Poll, Send, Uplink
from edge_agent.errors import SourceError, UplinkError, WrongDevice
from edge_agent.local_requests import Request
from edge_agent.readings import AccelFrame, FaultReason, Reading, SourceFault
from edge_agent.source import Source
from edge_agent.status import AgentState, AgentStatus

PERIOD_S = 0.05  # one frame of the core
READ_S = 0.5  # a source comes back this often, so that a stop is not kept waiting
INBOX_MAX = 1_024  # batches; at 30 a second more than half a minute
OPEN_AGAIN_S = (0.5, 1.0, 2.0, 5.0)  # then every 5 s, as drivers do after they were open
STOP_S = 1.5  # after this the threads are left behind; everything that matters is on disk
STATUS_NS = NS_PER_S
FEED_NS = NS_PER_S


class Notifier(Protocol):
    """The service manager's ear."""

    def ready(self) -> None:
        """Armed."""
        ...

    def alive(self) -> None:
        """There was progress."""
        ...

    def status(self, sentence: str) -> None:
        """One line for people."""
        ...

    def stopping(self) -> None:
        """The clean stop has begun."""
        ...


class Requests(Protocol):
    """What people at the box ask for."""

    def take(self) -> tuple[Request, ...]:
        """What was asked since the last call."""
        ...

    def answer(self, request: Request, sentences: tuple[str, ...]) -> None:
        """Tell who asked."""
        ...


_Result = bytes | UplinkError
_Errand = TypeVar("_Errand")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a source's thread hands over. has_opened: this is the news that the source was opened."""

    source: str
    readings: tuple[Reading, ...]
    has_opened: bool = False


class SourceThread:
    """Opens one source, again and again if need be, and hands over what it gives."""

    def __init__(
        self,
        source: Source,
        inbox: queue.Queue[Parcel],
        clock: Clock,
        stop: threading.Event,
        open_again_s: Sequence[float] = OPEN_AGAIN_S,
    ) -> None:
        self.name = source.name
        self.dropped_count = 0  # written by this thread only
        self.has_ended = False
        self._source = source
        self._inbox = inbox
        self._clock = clock
        self._stop = stop
        self._open_again_s = open_again_s
        self.thread = threading.Thread(target=self._run, name=source.name, daemon=True)

    def _run(self) -> None:
        if self._open():
            self._hand_over(Parcel(self.name, (), has_opened=True))
            while not self._stop.is_set() and not self._source.has_ended:
                readings = tuple(self._source.read(READ_S))
                if readings:
                    self._hand_over(Parcel(self.name, readings))
        self._source.close()
        self.has_ended = True

    def _open(self) -> bool:
        """True once open; False if told to stop before. The same trouble is reported once."""
        reported = ""
        attempt = 0
        while not self._stop.is_set():
            try:
                self._source.open()
            except SourceError as error:
                if str(error) != reported:
                    reported = str(error)
                    fault = SourceFault(self._clock.now_ns(), self.name, _reason_of(error), reported)
                    self._hand_over(Parcel(self.name, (fault,)))
                self._stop.wait(self._open_again_s[min(attempt, len(self._open_again_s) - 1)])
                attempt += 1
            else:
                return True
        return False

    def _hand_over(self, parcel: Parcel) -> None:
        try:
            self._inbox.put_nowait(parcel)
        except queue.Full:
            self.dropped_count += sum(_size_of(reading) for reading in parcel.readings)


class Carrier(Generic[_Errand]):
    """Carries requests to one receiver over one connection, one at a time. `ask` gives back an answer."""

    def __init__(
        self,
        name: str,
        ask: Callable[[_Errand], bytes],
        close: Callable[[], None],
        done: Callable[[_Errand, _Result], None],
    ) -> None:
        self._ask = ask
        self._close = close
        self._done = done
        self._errands: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()  # one in flight: delivery sees to it
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def carry(self, step: _Errand) -> None:
        """Take a request; its answer comes back through `done`."""
        self._errands.put(step)

    def dismiss(self) -> None:
        """No more requests."""
        self._errands.put(None)

    def _run(self) -> None:
        while (step := self._errands.get()) is not None:
            result: _Result
            try:
                result = self._ask(step)
            except UplinkError as error:
                result = error
            self._done(step, result)
        self._close()


class Courier(Carrier[Send | Poll]):
    """Carries the requests of one lane to one receiver."""

    def __init__(
        self, name: str, uplink: Uplink, device_id: bytes, done: Callable[[Send | Poll, _Result], None]
    ) -> None:
        def ask(step: Send | Poll) -> bytes:
            match step:
                case Send():
                    return uplink.post(step.body)
                case Poll():
                    return uplink.notices(device_id, step.after, 0)
                case _:
                    assert_never(step)

        super().__init__(name, ask, uplink.close, done)


class Agent:
    """See the module. `run` returns after `stop`, or when every source has ended."""

    def __init__(
        self,
        *,
        core: AgentCore,
        sources: Sequence[Source],
        uplinks: Mapping[tuple[str, Lane], Uplink],
        device_id: bytes,
        clock: Clock,
        notifier: Notifier,
        identity: Identity,
        write_status: Callable[[AgentStatus], None],
        requests: Requests | None = None,
        beside: Sequence[Beside] = (),
        open_again_s: Sequence[float] = OPEN_AGAIN_S,
    ) -> None:
        """open_again_s: waits between attempts to open a source; the last one repeats."""
        self._core = core
        self._clock = clock
        self._notifier = notifier
        self._identity = identity
        self._write_status = write_status
        self._requests = requests
        self._asked_ns = 0
        self._stop = threading.Event()
        self._is_asked_to_stop = False
        self._wake = threading.Event()
        self._inbox: queue.Queue[Parcel] = queue.Queue(INBOX_MAX)
        self._answers: queue.SimpleQueue[tuple[Send | Poll, _Result]] = queue.SimpleQueue()
        self._sources = [SourceThread(source, self._inbox, clock, self._stop, open_again_s) for source in sources]
        self._couriers = {
            (destination, lane): Courier(f"{destination} {lane.value}", uplink, device_id, self._answered)
            for (destination, lane), uplink in uplinks.items()
        }
        self._beside = beside
        self._beside_answers: queue.SimpleQueue[tuple[Beside, str, Errand, _Result]] = queue.SimpleQueue()
        self._beside_carriers = {
            name: Carrier(name, partial(_ask, way), way.close, partial(self._beside_answered, group, name))
            for group in beside
            for name, way in group.ways().items()
        }
        self._carriers: list[Courier | Carrier[Errand]] = [*self._couriers.values(), *self._beside_carriers.values()]
        self._reported_drops = dict.fromkeys((source.name for source in self._sources), 0)
        self._state = AgentState.STARTING
        self._fed_ns = 0
        self._fed_ticks = 0
        self._status_ns = 0
        self._status_key: object = None

    def stop(self) -> None:
        """End `run` within a turn. Safe to call from a signal handler and from any thread.

        Only a plain flag: an event takes a lock, which the loop may hold when the handler interrupts it.
        """
        self._is_asked_to_stop = True

    def run(self) -> None:
        """Watch until told to stop."""
        for thread in self._threads():
            thread.start()
        while not self._is_asked_to_stop and not self._are_sources_done():
            self._wake.wait(PERIOD_S)
            self._wake.clear()
            self._turn()
        self._shut()

    def _turn(self) -> None:
        self._check_threads()
        now_ns = self._clock.now_ns()
        self._empty_inbox(now_ns)
        self._empty_answers()
        self._hear_requests(now_ns)
        self._carry(self._core.turn(now_ns))
        self._turn_beside(now_ns)
        if self._state is AgentState.STARTING and self._core.is_armed:
            self._arm(now_ns)
        self._feed(now_ns)
        self._tell_status(now_ns)

    def _arm(self, now_ns: int) -> None:
        self._state = AgentState.ARMED
        seconds = (now_ns - self._identity.started_ns) / NS_PER_S
        sentence = f"Armed after {seconds:.2f} s, {self._core.watch.in_words()}"
        self._core.journal.tell(logging.INFO, sentence)
        self._notifier.status(sentence)
        self._notifier.ready()

    def _empty_inbox(self, now_ns: int) -> None:
        for _ in range(INBOX_MAX):
            try:
                parcel = self._inbox.get_nowait()
            except queue.Empty:
                break
            if parcel.has_opened:
                self._core.watch.opened(parcel.source)
            self._core.take(parcel.source, parcel.readings, now_ns)
        for source in self._sources:
            dropped = source.dropped_count - self._reported_drops[source.name]
            if dropped:
                self._reported_drops[source.name] += dropped
                self._core.take_losses(source.name, dropped, now_ns)

    def _empty_answers(self) -> None:
        while True:
            try:
                step, result = self._answers.get_nowait()
            except queue.Empty:
                return
            now_ns = self._clock.now_ns()
            if isinstance(result, UplinkError):
                self._core.dispatch.failed(step, result, now_ns)
            else:
                self._core.dispatch.answered(step, result, now_ns)

    def _hear_requests(self, now_ns: int) -> None:
        if self._requests is None or now_ns - self._asked_ns < STATUS_NS:
            return
        self._asked_ns = now_ns
        for request in self._requests.take():
            self._requests.answer(request, self._core.hear(request, now_ns))

    def _carry(self, steps: Sequence[Send | Poll]) -> None:
        for step in steps:
            self._couriers[step.destination, step.lane].carry(step)

    def _answered(self, step: Send | Poll, result: _Result) -> None:
        self._answers.put((step, result))
        self._wake.set()

    def _turn_beside(self, now_ns: int) -> None:
        while not self._beside_answers.empty():
            group, way, errand, result = self._beside_answers.get_nowait()
            group.answered(way, errand, result, now_ns)
        for group in self._beside:
            for way, errand in group.due(now_ns):
                self._beside_carriers[way].carry(errand)

    def _beside_answered(self, group: Beside, way: str, errand: Errand, result: _Result) -> None:
        self._beside_answers.put((group, way, errand, result))

    def _feed(self, now_ns: int) -> None:
        """The watchdog is fed by progress: the core has stepped, and what it concluded is on disk."""
        has_progress = self._core.ticks_count > self._fed_ticks and self._core.is_outbox_well
        if has_progress and now_ns - self._fed_ns >= FEED_NS:
            self._fed_ns, self._fed_ticks = now_ns, self._core.ticks_count
            self._notifier.alive()

    def _tell_status(self, now_ns: int) -> None:
        key = (self._state, self._core.alarms_raised_count, len(self._core.incidents(now_ns)), self._core.records_count)
        if key == self._status_key and now_ns - self._status_ns < STATUS_NS:
            return
        self._status_key, self._status_ns = key, now_ns
        self._write_status(status_of(self._core, self._identity, self._state, self._clock, now_ns))

    def _shut(self) -> None:
        self._notifier.stopping()
        self._core.journal.tell(logging.INFO, "Stopping")
        self._stop.set()
        for courier in self._carriers:
            courier.dismiss()
        until_s = time.monotonic() + STOP_S
        for source in self._sources:
            source.thread.join(max(0.0, until_s - time.monotonic()))
        now_ns = self._clock.now_ns()
        self._empty_inbox(now_ns)
        self._core.flush(now_ns)
        self._state = AgentState.STOPPED
        self._write_status(status_of(self._core, self._identity, self._state, self._clock, now_ns))
        self._core.close()
        self._core.journal.tell(logging.INFO, "Stopped; what is not sent is kept")

    def _threads(self) -> list[threading.Thread]:
        sources = [source.thread for source in self._sources]
        return sources + [courier.thread for courier in self._carriers]

    def _are_sources_done(self) -> bool:
        return all(source.has_ended for source in self._sources) and self._inbox.empty()

    def _check_threads(self) -> None:
        for source in self._sources:
            if not source.thread.is_alive() and not source.has_ended:
                raise RuntimeError(f"the thread of {source.name} has ended by an error, printed above")
        for courier in self._carriers:
            if not courier.thread.is_alive():
                raise RuntimeError(f"the thread of {courier.thread.name} has ended by an error, printed above")


def _ask(way: Way, errand: Errand) -> bytes:
    return way.ask(errand.body)


def _reason_of(error: SourceError) -> FaultReason:
    return FaultReason.WRONG_DEVICE if isinstance(error, WrongDevice) else FaultReason.ABSENT


def _size_of(reading: Reading) -> int:
    return len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
