"""Recordings around alarms to the receivers that asked for them, each over a connection of its own.

In: what receipts ask for, answers, failures. Out: parts to send, at most one in flight a receiver.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge_agent.agent_ways import Errand, Way
from edge_agent.delivery_evidence import EvidenceDelivery, PartUplink, Shelf
from edge_agent.errors import UplinkError
from edge_agent.journal import Journal
from edge_agent.wire import Want


class Uploads:
    """See the module."""

    def __init__(
        self,
        deliveries: Iterable[EvidenceDelivery],
        uplinks: Mapping[str, PartUplink],
        shelf: Shelf,
        is_alarm_waiting: Callable[[str], bool],
        journal: Journal,
    ) -> None:
        """uplinks: by receiver. is_alarm_waiting: this receiver lacks an alarm."""
        self._deliveries = {delivery.destination: delivery for delivery in deliveries}
        self._uplinks = uplinks
        self._shelf = shelf
        self._is_alarm_waiting = is_alarm_waiting
        self._journal = journal

    def ways(self) -> Mapping[str, Way]:
        """One a receiver."""
        return {_way(name): Way(uplink.part, uplink.close) for name, uplink in self._uplinks.items()}

    def wanted(self, destination: str, want: Want | None) -> None:
        """What a receipt asks for."""
        self._deliveries[destination].wanted(want)

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        """Parts to send now."""
        found = (
            delivery.due(now_ns, self._shelf, is_alarm_waiting=self._is_alarm_waiting(name))
            for name, delivery in self._deliveries.items()
        )
        return [(_way(upload.destination), upload) for upload in found if upload is not None]

    def answered(self, _way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """What a courier brought back."""
        name = errand.destination
        delivery = self._deliveries[name]
        problem = (
            delivery.failed(now_ns, result) if isinstance(result, UplinkError) else delivery.answered(now_ns, result)
        )
        if problem:
            self._journal.change(now_ns, logging.WARNING, f"upload {name}", f"A recording for {name} waits: {problem}")
        else:
            self._journal.change(now_ns, logging.INFO, f"upload {name}", f"A recording goes to {name}, as it asked")


def _way(destination: str) -> str:
    return f"{destination} parts"
