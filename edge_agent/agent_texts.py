"""Alarms as short messages to receivers that do not answer otherwise, one message under way at a time.

In: alarms as they are committed, stored, taken over; answers and failures. Out: messages; what a receipt means goes to
the outbox like that of any other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge_agent.agent_ways import Errand, Way
from edge_agent.delivery import Outcome
from edge_agent.delivery_sms import SmsDelivery
from edge_agent.errors import OutboxError, UplinkError
from edge_agent.journal import Journal
from edge_agent.records import StoredRecord
from edge_agent.wire import Notice, Stream


class Texts:
    """See the module. A watcher of `Dispatch`, and beside its lanes."""

    def __init__(
        self,
        deliveries: Iterable[SmsDelivery],
        ways: Mapping[str, Way],
        record: Callable[[Stream, int], StoredRecord | None],
        journal: Journal,
    ) -> None:
        """ways: by receiver. record: one that was committed; raises `OutboxError`."""
        self._deliveries = {delivery.destination: delivery for delivery in deliveries}
        self._ways = ways
        self._record = record
        self._journal = journal
        self._settle: Callable[[str, Outcome, int], None] | None = None

    def settles_with(self, settle: Callable[[str, Outcome, int], None]) -> None:
        """Who does what a receipt means: (receiver, outcome, time)."""
        self._settle = settle

    def ways(self) -> Mapping[str, Way]:
        """One a receiver that has numbers."""
        return {_way(name): way for name, way in self._ways.items()}

    def appended(self, now_ns: int, stored: StoredRecord) -> None:
        """A record was committed."""
        for delivery in self._deliveries.values():
            delivery.appended(now_ns, stored)

    def resumed(self, now_ns: int, seqno: int) -> None:
        """An alarm from before a restart, by its opening record."""
        try:
            stored = self._record(Stream.ALARM, seqno)
        except OutboxError:
            return  # told elsewhere
        if stored is not None:
            for delivery in self._deliveries.values():
                delivery.watch(now_ns, stored)

    def stored(self, _destination: str, seqno: int) -> None:
        """A receiver has an alarm on its disk."""
        for delivery in self._deliveries.values():
            delivery.stored(seqno)

    def told(self, notice: Notice) -> None:
        """A person did something."""
        for delivery in self._deliveries.values():
            delivery.told(notice)

    def begin_anew(self) -> None:
        """Another log gives out its numbers anew."""
        for delivery in self._deliveries.values():
            delivery.begin_anew()

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        """Messages to send now."""
        found = [(name, delivery.due(now_ns)) for name, delivery in self._deliveries.items()]
        for name, send in found:
            if send is not None:
                self._journal.tell(logging.WARNING, f"Nobody answers otherwise: an alarm goes to {name} by SMS")
        return [(_way(name), send) for name, send in found if send is not None]

    def answered(self, _way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """What came of a message."""
        name = errand.destination
        delivery = self._deliveries[name]
        outcome = (
            delivery.failed(now_ns, result) if isinstance(result, UplinkError) else delivery.answered(now_ns, result)
        )
        sentence = f"SMS to {name}: {outcome.problem}" if outcome.problem else f"{name} answers by SMS"
        self._journal.change(now_ns, logging.WARNING, f"sms {name}", sentence)
        if self._settle is not None and not outcome.problem:
            self._settle(name, outcome, now_ns)


def _way(destination: str) -> str:
    return f"{destination} sms"
