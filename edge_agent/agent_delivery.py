"""The deliveries of all receivers together: what to send now, what the answers mean, and the story of each record."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.delivery import Delivery, Lane, Outcome, Poll, Queue, RecordKey, Send
from edge_agent.delivery_escalation import Escalation
from edge_agent.errors import OutboxError, UplinkError
from edge_agent.journal import Journal
from edge_agent.outbox_incidents import LocalNotice, UnendedIncident
from edge_agent.records import RecordDraft, StoredRecord
from edge_agent.status import DestinationStatus
from edge_agent.story import notice_sentence, record_words
from edge_agent.wire import Act, Notice, Stamp, Stream, Want

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
AWAITED_MAX = 256  # records whose way is told; older ones are delivered without a story
OUTBOX_PAUSE_NS = NS_PER_S


class Outbox(Queue, Protocol):
    """What the agent needs of the durable queue."""

    @property
    def boot(self) -> int:
        """The boot counter, for stamps."""
        ...

    def append(self, draft: RecordDraft, stamp: Stamp) -> StoredRecord | None:
        """Commit one record. None: there is nothing to tell. Raises OutboxError."""
        ...

    def append_many(self, entries: Iterable[tuple[RecordDraft, Stamp]]) -> tuple[StoredRecord, ...]:
        """Commit several records at once. Raises OutboxError."""
        ...

    def settle(self, destination: str, outcome: Outcome, stamp: Stamp) -> tuple[LocalNotice, ...]:
        """Do what an answer means; returns the notices that are new. Raises OutboxError."""
        ...

    def untaken(self) -> tuple[int, ...]:
        """The opening records of present alarms for which no person has answered yet."""
        ...

    def unended(self) -> tuple[UnendedIncident, ...]:
        """Incidents that nobody has ended, oldest first."""
        ...

    def waiting_count(self, destination: str) -> int:
        """How many records this destination has not confirmed."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Watcher(Protocol):
    """Hears what becomes of alarms."""

    def appended(self, now_ns: int, stored: StoredRecord) -> None:
        """A record was committed."""
        ...

    def resumed(self, now_ns: int, seqno: int) -> None:
        """An alarm from before a restart that nobody has answered for, by its opening record."""
        ...

    def stored(self, destination: str, seqno: int) -> None:
        """A receiver has an alarm on its disk."""
        ...

    def told(self, notice: Notice) -> None:
        """A person did something."""
        ...

    def begin_anew(self) -> None:
        """Another log gives out its numbers anew."""
        ...


@dataclass(slots=True)
class _Lane:
    delivery: Delivery
    wake_ns: int = 0  # ask it again at this time; 0: now
    is_resting: bool = False  # nothing to do until something is appended or answered


@dataclass(slots=True)
class _Destination:
    stored_count: int = 0
    sent_bytes: int = 0
    answered_ns: int | None = None
    latency_s: float | None = None
    troubles: dict[Lane, str] = field(default_factory=dict)  # of the lanes whose last request came to nothing

    @property
    def trouble(self) -> str:
        return next(iter(self.troubles.values()), "")


@dataclass(frozen=True, slots=True)
class RemoteReset:
    """Somebody at a receiver ended an incident. incident: the core's number; who: as the notice names them, or ""."""

    incident: int
    who: str
    destination: str


@dataclass(frozen=True, slots=True)
class _Awaited:
    committed_ns: int
    kind: int
    told: frozenset[str]  # destinations whose receipt has been told


class Dispatch:
    """In: records as they are committed, answers and failures. Out: steps for the uplinks, one in flight a lane."""

    def __init__(
        self,
        outbox: Outbox,
        deliveries: Sequence[Delivery],
        clock: Clock,
        journal: Journal,
        standby: Sequence[str] = (),
        wanted: Callable[[str, Want | None], None] | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """standby: receivers that get alarms only when the others do not answer for them.

        wanted: hears which recording a receiver asks for, or that it asks for none.
        """
        self._outbox = outbox
        self._clock = clock
        self._journal = journal
        self._lanes = {(delivery.destination, delivery.lane): _Lane(delivery) for delivery in deliveries}
        self._destinations = {delivery.destination: _Destination() for delivery in deliveries}
        self._awaited: OrderedDict[RecordKey, _Awaited] = OrderedDict()
        self._escalation = Escalation(standby)
        self._watchers: tuple[Watcher, ...] = (self._escalation, *watchers)
        self._has_resumed = False
        self._resets: list[RemoteReset] = []
        self._wanted = wanted

    def take_resets(self) -> tuple[RemoteReset, ...]:
        """Incidents that people ended from afar since the last call."""
        resets, self._resets = tuple(self._resets), []
        return resets

    def stamp_at(self, t_ns: int, now_ns: int) -> Stamp:
        """The stamp of what happened at `t_ns`, as well as is known `now_ns`."""
        up_ms = max(0, t_ns // NS_PER_MS)
        wall = self._clock.wall_estimate()
        if wall is None:
            return Stamp(self._outbox.boot, up_ms)
        return Stamp(self._outbox.boot, up_ms, wall.unix_ms - (now_ns - t_ns) // NS_PER_MS, wall.uncertainty_ms)

    def appended(self, now_ns: int, stored: Iterable[StoredRecord]) -> None:
        """Records were committed: wake the lanes, and remember what to tell about."""
        for record in stored:
            for watcher in self._watchers:
                watcher.appended(now_ns, record)
            if record.stream in (Stream.ALARM, Stream.FAULT):
                self._awaited[RecordKey(record.stream, record.seqno)] = _Awaited(now_ns, record.kind, frozenset())
        while len(self._awaited) > AWAITED_MAX:
            self._awaited.popitem(last=False)
        self._wake_all()

    def _resume(self, now_ns: int) -> None:
        """Alarms from before a restart are watched like new ones: nobody may have answered for them."""
        if self._has_resumed:
            return
        self._has_resumed = True
        for seqno in self._outbox.untaken():
            holders = [name for name in self._destinations if self._outbox.confirmed(name, Stream.ALARM) >= seqno]
            for watcher in self._watchers:
                watcher.resumed(now_ns, seqno)
                for destination in holders:
                    watcher.stored(destination, seqno)

    def _is_held(self, delivery: Delivery, now_ns: int) -> bool:
        return delivery.lane is Lane.ALARMS and self._escalation.is_held(delivery.destination, now_ns)

    def _wake_all(self) -> None:
        """Something was appended or settled: any lane may have something to send. One in flight waits all the same."""
        for lane in self._lanes.values():
            lane.is_resting, lane.wake_ns = False, 0

    def steps(self, now_ns: int) -> tuple[Send | Poll, ...]:
        """What is to be sent or asked now. Each must come back through `answered` or `failed`."""
        found: list[Send | Poll] = []
        self._resume(now_ns)
        for lane in self._lanes.values():
            if lane.is_resting or now_ns < lane.wake_ns:
                continue
            if self._is_held(lane.delivery, now_ns):
                continue
            try:
                step = lane.delivery.due(now_ns, self.stamp_at(now_ns, now_ns), self._outbox)
            except OutboxError as error:
                self._journal.change(now_ns, logging.ERROR, "outbox reading", f"The outbox cannot be read: {error}")
                lane.wake_ns = now_ns + OUTBOX_PAUSE_NS
                continue
            if isinstance(step, Send | Poll):
                lane.is_resting = True
                found.append(step)
                if isinstance(step, Send):
                    self._destinations[step.destination].sent_bytes += len(step.body)
            elif step.until_ns is None:
                lane.is_resting = True
            else:
                lane.wake_ns = step.until_ns
        return tuple(found)

    def answered(self, step: Send | Poll, answer: bytes, now_ns: int) -> None:
        """An uplink brought an answer."""
        destination = self._destinations[step.destination]
        destination.answered_ns = now_ns
        self._conclude(step, self._lane_of(step).delivery.answered(now_ns, answer, self._outbox), now_ns)

    def failed(self, step: Send | Poll, error: UplinkError, now_ns: int) -> None:
        """An uplink brought nothing."""
        self._conclude(step, self._lane_of(step).delivery.failed(now_ns, error), now_ns)

    def statuses(self, now_ns: int) -> tuple[DestinationStatus, ...]:
        """The state of each receiver. Raises OutboxError."""
        return tuple(
            DestinationStatus(
                name=name,
                pending_count=self._outbox.waiting_count(name),
                stored_count=state.stored_count,
                sent_bytes=state.sent_bytes,
                answer_age_s=None if state.answered_ns is None else (now_ns - state.answered_ns) / NS_PER_S,
                latency_s=state.latency_s,
                trouble=state.trouble,
            )
            for name, state in self._destinations.items()
        )

    def _lane_of(self, step: Send | Poll) -> _Lane:
        lane = self._lanes[step.destination, step.lane]
        lane.is_resting, lane.wake_ns = False, 0
        return lane

    def _conclude(self, step: Send | Poll, outcome: Outcome, now_ns: int) -> None:
        self._tell_state(step, outcome, now_ns)
        if outcome.clock is not None:
            self._clock.learn_from_receiver(outcome.clock.t_ns, outcome.clock.wall_ms, outcome.clock.unc_ms)
            if self._wanted is not None:
                self._wanted(step.destination, outcome.want)
        if outcome.needs_new_log:
            for watcher in self._watchers:
                watcher.begin_anew()
            self._awaited.clear()  # their numbers are given out anew
        self.take_in(step.destination, outcome, now_ns)

    def take_in(self, name: str, outcome: Outcome, now_ns: int) -> None:
        """Do what a receipt of a receiver means, whichever way it came."""
        self._tell_stored(name, outcome.stored, now_ns)
        try:
            notices = self._outbox.settle(name, outcome, self.stamp_at(now_ns, now_ns))
        except OutboxError as error:
            # The marks come again with the next receipt, and so do the notices.
            self._journal.change(now_ns, logging.ERROR, "outbox reading", f"An answer could not be kept: {error}")
            return
        self._wake_all()  # a `records_lost` or a new log concerns the other lanes, and every receiver
        for notice in notices:
            for watcher in self._watchers:
                watcher.told(notice.notice)
            is_reset = notice.notice.act is Act.REMOTE_RESET and notice.incident is not None
            if is_reset and not self._lanes[name, Lane.ALARMS].delivery.is_pinned:
                sentence = "not ended: the key of this receiver is not pinned (receiver_key), anybody could say so"
                self._journal.tell(logging.WARNING, f"Remote reset by {name} {sentence}")
            elif is_reset and notice.incident is not None:
                self._resets.append(RemoteReset(notice.incident, notice.notice.who or "", name))
            sentence = notice_sentence(notice.notice, notice.kind, notice.incident, name)
            self._journal.tell(logging.INFO, sentence)

    def _tell_state(self, step: Send | Poll, outcome: Outcome, now_ns: int) -> None:
        name = step.destination
        state = self._destinations[name]
        if outcome.problem:
            state.troubles[step.lane] = outcome.problem
            level = logging.ERROR if outcome.needs_attention else logging.WARNING
        else:
            state.troubles.pop(step.lane, None)
            level = logging.WARNING if state.troubles else logging.INFO
        sentence = f"Receiver {name}: {state.trouble}" if state.troubles else f"Receiver {name} answers"
        self._journal.change(now_ns, level, f"receiver {name}", sentence)

    def _tell_stored(self, destination: str, stored: Iterable[RecordKey], now_ns: int) -> None:
        state = self._destinations[destination]
        for key in stored:
            state.stored_count += 1
            if key.stream is Stream.ALARM:
                for watcher in self._watchers:
                    watcher.stored(destination, key.seqno)
            awaited = self._awaited.get(key)
            if awaited is None or destination in awaited.told:
                continue
            latency_s = (now_ns - awaited.committed_ns) / NS_PER_S
            if key.stream is Stream.ALARM:
                state.latency_s = latency_s
            self._journal.tell(
                logging.INFO,
                f"{record_words(awaited.kind, key.stream, key.seqno)} stored by {destination}, "
                f"{latency_s:.2f} s after it was committed",
            )
            told = awaited.told | {destination}
            if len(told) == len(self._destinations):
                del self._awaited[key]
            else:
                self._awaited[key] = _Awaited(awaited.committed_ns, awaited.kind, told)
