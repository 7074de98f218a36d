"""One modem port, two users: the source that asks for the signal owns it, and lends it between two questions.

In: the owner's port as it opens and closes; somebody who wants to send a message. Out: the port, for one at a time.
The owner is never kept waiting: while the port is lent it goes on reading nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_agent.errors import SourceUnavailable

if TYPE_CHECKING:
    from drivers.serial_port import SerialPort  # not loaded for it: a box without a modem needs no pyserial


class ModemTurns:
    """See the module. Safe to use from both threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._port: SerialPort | None = None
        self._is_wanted = False
        self._is_lent = False

    def holds(self, port: SerialPort | None) -> None:
        """The owner has this port now; None: none."""
        with self._changed:
            self._port = port

    def is_lent(self) -> bool:
        """Asked by the owner between two questions: True while somebody else speaks to the modem."""
        with self._changed:
            if self._is_wanted and self._port is not None and not self._is_lent:
                self._is_lent = True
                self._changed.notify_all()
            return self._is_lent

    @contextmanager
    def borrowed(self, wait_s: float) -> Iterator[SerialPort]:
        """The port, for one user at a time. Raises SourceUnavailable where the owner does not lend it in time."""
        with self._changed:
            self._is_wanted = True
            self._changed.wait_for(lambda: self._is_lent, wait_s)
            port = self._port
            if not self._is_lent or port is None:
                self._is_wanted = self._is_lent = False
                hint = "Check the modem: `edge-agent status` says what it last gave"
                raise SourceUnavailable("the modem's port is not open", subject="modem", hint=hint)
        try:
            yield port
        finally:
            with self._changed:
                self._is_wanted = self._is_lent = False
