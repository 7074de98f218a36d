"""Two-state contacts on GPIO lines as a source: doors, presence, door zone, alarm button, inspection, mains, curtains.

Device: dry contacts or opto-couplers, one line each; polarity and pull come from the settings. Bus: `drivers.gpio`.
Out: a `SignalEdge` for every change the kernel saw, undebounced, at its own time; the level of each line on opening
and every 10 s; and at once when a level read, made every second, contradicts the last edge (edges can get lost, the
level is the truth).
Fault behaviour: `DoorContacts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.gpio import LineRequest, Lines, LinesLost, Pull, open_lines
from drivers.outage import Outage
from edge_agent.errors import SettingsError
from edge_agent.readings import FaultReason, Reading, SamplesLost, Signal, SignalEdge

# Source: chosen, after reports of lost edges (gpiozero issues 1039 and 550, lg issue 18): a lost edge is made good
# within a second, faster than any hold time of a door rule.
LEVEL_READ_NS = 1_000_000_000
REPEAT_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class ContactLine:
    """Which signal is on which line. `is_active_low`: the named state pulls the line to ground."""

    signal: Signal
    pin: int  # BCM number, not the place on the header
    is_active_low: bool = True
    pull: Pull = Pull.UP


class DoorContacts:
    """All contacts of one GPIO chip as a source.

    Edges nobody read in time (more than 1024 waiting): the oldest go, counted in `SamplesLost`; the level read says
    where the lines stand. Chip gone: one `SourceFault`, ABSENT when it cannot be opened, BUS_ERROR when it can no
    longer be read; it is opened again after growing waits of at most 5 s, inside `read`.
    """

    def __init__(
        self,
        chip: str,
        contacts: Sequence[ContactLine],
        *,
        now_ns: Callable[[], int],
        wait: Callable[[float], None] = time.sleep,
        name: str = "door_contacts",
    ) -> None:
        pins = [contact.pin for contact in contacts]
        signals = [contact.signal for contact in contacts]
        if len(set(pins)) < len(pins) or len(set(signals)) < len(signals):
            raise SettingsError("a pin or a signal is used twice", subject=chip, hint="Give each contact its own pin")
        self._chip, self._name, self._now_ns, self._wait = chip, name, now_ns, wait
        self._contact_of_pin = {contact.pin: contact for contact in contacts}
        self._lines: Lines | None = None
        self._outage = Outage(name, spread_key=chip)
        self._is_high: dict[int, bool] = {}  # last level given, by pin
        self._next_level_read_ns = 0
        self._next_repeat_ns = 0

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: contacts are live."""
        return False

    def open(self) -> None:
        """Claim the lines. Raises SourceUnavailable."""
        self.close()
        requests = [LineRequest(contact.pin, contact.pull) for contact in self._contact_of_pin.values()]
        self._lines = open_lines(self._chip, requests, self._now_ns)
        self._is_high.clear()
        self._next_level_read_ns = self._next_repeat_ns = self._now_ns()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait for an edge or the next level read, at most `timeout_s`; or try to bring the chip back."""
        end_ns = self._now_ns() + round(timeout_s * 1e9)
        if self._lines is None:
            return self._outage.open_again(self.open, end_ns, self._now_ns, self._wait)
        self._lines.wait(max(0.0, (min(end_ns, self._next_level_read_ns) - self._now_ns()) / 1e9))
        try:
            return self._readings(self._lines)
        except LinesLost as error:
            self.close()
            detail = f"{error}. Check that the GPIO chip is still there and no other program took the lines"
            return self._outage.failed(self._now_ns(), FaultReason.BUS_ERROR, detail)

    def close(self) -> None:
        """Release the lines."""
        if self._lines is not None:
            self._lines.close()
        self._lines = None

    def _readings(self, lines: Lines) -> Sequence[Reading]:
        readings = self._edges(lines)
        now_ns = self._now_ns()
        if now_ns >= self._next_level_read_ns:
            self._next_level_read_ns = now_ns + LEVEL_READ_NS
            readings += self._levels(lines, now_ns)
        else:
            lines.levels()  # notices a chip that is gone at the next edge or time-out, not a second later
        if any(isinstance(reading, SignalEdge) for reading in readings):
            self._outage.flowing(now_ns)
        return sorted(readings, key=lambda reading: reading.t_ns)

    def _edges(self, lines: Lines) -> list[Reading]:
        taken = lines.take_edges()
        readings: list[Reading] = []
        for edge in taken.edges:
            self._is_high[edge.pin] = edge.is_high
            readings.append(self._signal(edge.t_ns, edge.pin, edge.is_high))
        if taken.lost_count > 0:
            t_ns = readings[0].t_ns if readings else self._now_ns()
            readings.insert(0, SamplesLost(t_ns, self._name, taken.lost_count))
        return readings

    def _levels(self, lines: Lines, now_ns: int) -> list[Reading]:
        levels = lines.levels()
        # An edge that came in meanwhile is newer than the levels: its pin is left to the next level read.
        readings = self._edges(lines)
        moved_pins = {pin for pin in levels if self._has_edge(readings, pin)}
        is_repeat = now_ns >= self._next_repeat_ns
        if is_repeat:
            self._next_repeat_ns = now_ns + REPEAT_NS
        for pin, is_high in levels.items():
            if pin not in moved_pins and (is_repeat or self._is_high.get(pin) is not is_high):
                self._is_high[pin] = is_high
                readings.append(self._signal(now_ns, pin, is_high))
        return readings

    def _has_edge(self, readings: Sequence[Reading], pin: int) -> bool:
        signal = self._contact_of_pin[pin].signal
        return any(isinstance(reading, SignalEdge) and reading.signal is signal for reading in readings)

    def _signal(self, t_ns: int, pin: int, is_high: bool) -> SignalEdge:
        contact = self._contact_of_pin[pin]
        return SignalEdge(t_ns, contact.signal, is_high is not contact.is_active_low)
