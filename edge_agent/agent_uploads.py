"""Recordings around alarms to the receivers that asked for them, each over a connection of its own.

In: what receipts ask for, answers, failures. Out: parts to send, at most one in flight a receiver.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from edge_agent.delivery_evidence import EvidenceDelivery, Shelf, Upload
from edge_agent.errors import UplinkError
from edge_agent.journal import Journal
from edge_agent.wire import Want


class Uploads:
    """See the module. Not made where no recordings are kept."""

    def __init__(
        self,
        deliveries: Iterable[EvidenceDelivery],
        shelf: Shelf,
        is_alarm_waiting: Callable[[str], bool],
        journal: Journal,
    ) -> None:
        """is_alarm_waiting: this receiver lacks an alarm."""
        self._deliveries = {delivery.destination: delivery for delivery in deliveries}
        self._shelf = shelf
        self._is_alarm_waiting = is_alarm_waiting
        self._journal = journal

    def wanted(self, destination: str, want: Want | None) -> None:
        """What a receipt asks for."""
        self._deliveries[destination].wanted(want)

    def due(self, now_ns: int) -> tuple[Upload, ...]:
        """Parts to send now. Each must come back through `answered`."""
        found = (
            delivery.due(now_ns, self._shelf, is_alarm_waiting=self._is_alarm_waiting(name))
            for name, delivery in self._deliveries.items()
        )
        return tuple(upload for upload in found if upload is not None)

    def answered(self, upload: Upload, result: bytes | UplinkError, now_ns: int) -> None:
        """What a courier brought back."""
        delivery = self._deliveries[upload.destination]
        if isinstance(result, UplinkError):
            problem = delivery.failed(now_ns, result)
        else:
            problem = delivery.answered(now_ns, result)
        if problem:
            sentence = f"A recording for {upload.destination} waits: {problem}"
            self._journal.change(now_ns, logging.WARNING, f"upload {upload.destination}", sentence)
        else:
            sentence = f"A recording goes to {upload.destination}, as it asked"
            self._journal.change(now_ns, logging.INFO, f"upload {upload.destination}", sentence)
