"""The two indicator lamps of the box, yellow "alarm sent" and green "help is coming": the only lines that we drive.

Device: a lamp or LED each, through a transistor or an opto-coupler of the box. Bus: `drivers.gpio_outputs`.
Fault behaviour: a line that cannot be claimed or driven raises `SourceUnavailable`, and the next call claims it anew.
Both lamps are dark before the first call and after `close`; when the process dies the kernel releases the lines, and
what an open line means is up to the circuit (a pull-down keeps a lamp dark).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from drivers.gpio import LinesLost
from drivers.gpio_outputs import Outputs
from edge_agent.errors import SourceUnavailable
from edge_agent.lamps import LampState


@dataclass(frozen=True, slots=True)
class LampLine:
    """One lamp. `is_active_low`: a low level lights it."""

    pin: int  # BCM number, not the place on the header
    is_active_low: bool = False


class IndicatorLamps:
    """See the module."""

    def __init__(self, chip: str, alarm_sent: LampLine, help_coming: LampLine) -> None:
        self._chip = chip
        self._alarm_sent, self._help_coming = alarm_sent, help_coming
        self._outputs: Outputs | None = None

    def show(self, state: LampState) -> None:
        """Light them so. Raises SourceUnavailable."""
        try:
            if self._outputs is None:
                dark = {line.pin: line.is_active_low for line in (self._alarm_sent, self._help_coming)}
                self._outputs = Outputs(self._chip, dark)
            self._drive(self._outputs, state)
        except LinesLost as error:
            self.close()
            hint = "Check which program holds the lines: gpioinfo"
            raise SourceUnavailable(str(error), subject=self._chip, hint=hint) from error

    def close(self) -> None:
        """Both dark, lines released. Never raises; calling it twice is allowed."""
        if self._outputs is None:
            return
        outputs, self._outputs = self._outputs, None
        with suppress(LinesLost):  # then there is nothing left to make dark
            self._drive(outputs, LampState())
        outputs.close()

    def _drive(self, outputs: Outputs, state: LampState) -> None:
        outputs.drive(self._alarm_sent.pin, state.is_alarm_sent != self._alarm_sent.is_active_low)
        outputs.drive(self._help_coming.pin, state.is_help_coming != self._help_coming.is_active_low)
