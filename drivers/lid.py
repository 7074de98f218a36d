"""The contact at the lid of the box: one line, read now and then.

Device: a switch that opens with the lid. Bus: `drivers.gpio`.
Fault behaviour: a line that cannot be claimed or read raises `SourceUnavailable`, and the next call claims it anew.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.gpio import LineRequest, Lines, LinesLost, Pull, open_lines
from edge_agent.errors import SourceUnavailable


class LidContact:
    """See the module. `is_active_low`: the open lid pulls the line to ground."""

    def __init__(self, chip: str, pin: int, pull: Pull, now_ns: Callable[[], int], *, is_active_low: bool) -> None:
        self._chip, self._request, self._is_active_low = chip, LineRequest(pin, pull), is_active_low
        self._now_ns = now_ns
        self._lines: Lines | None = None

    def is_open(self) -> bool:
        """The lid is open now. Raises SourceUnavailable. Takes microseconds once the line is claimed."""
        try:
            if self._lines is None:
                self._lines = open_lines(self._chip, [self._request], self._now_ns)
            self._lines.take_edges()  # nobody else empties the queue
            return self._lines.levels()[self._request.pin] != self._is_active_low
        except LinesLost as error:
            self.close()
            raise SourceUnavailable(str(error), subject=self._chip, hint="Check that the GPIO chip is there") from error

    def close(self) -> None:
        """Release the line. Never raises; calling it twice is allowed."""
        if self._lines is not None:
            self._lines.close()
        self._lines = None
