"""What is seen while registers are read and somebody rides: trips, landings, inspection, and what is still missing.

For the terminal and for the page. It judges nothing: the detective does, by the recording. What is asked for here is
what floor and direction need at least; door, mode and fault come with open doors, the switch, stops between landings.
"""

from __future__ import annotations

from calibration.session_live import Gauge, Live
from calibration.session_riding import TripsWatcher
from calibration.words import said
from edge_agent.readings import Direction, Reading, Signal, SignalEdge
from edge_agent.settings import Settings

LANDINGS_MIN = 3
WAYS_MIN = 2
"""Twice each way, three landings: with less no word proves itself. Source: calibration/controller.py."""
SWITCH_CHANGES_MIN = 4


class FindWatcher(TripsWatcher):
    """Counts; `answers` is told from outside, because registers are no readings."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.answers = 0
        contacts = () if settings.contacts is None else settings.contacts.contacts
        self._has_switch = any(contact.signal is Signal.INSPECTION for contact in contacts)
        self._switch: bool | None = None
        self._switch_changes = 0

    def take(self, reading: Reading) -> None:
        super().take(reading)
        if isinstance(reading, SignalEdge) and reading.signal is Signal.INSPECTION:
            if self._switch is not None and self._switch is not reading.is_active:
                self._switch_changes += 1
            self._switch = reading.is_active

    def live(self) -> Live:
        up = sum(trip.direction is Direction.UP for trip in self.trips)
        down = len(self.trips) - up
        stops = len(self.stops_m)
        gauges = [
            Gauge("gauge.answers", float(self.answers)),
            self.speed_gauge(),
            Gauge("gauge.trips", float(len(self.trips))),
            Gauge("gauge.stops", float(stops), "", 0.0, float(LANDINGS_MIN), stops >= LANDINGS_MIN),
        ]
        if self._has_switch:
            count = float(self._switch_changes)
            is_enough = count >= SWITCH_CHANGES_MIN
            gauges.append(Gauge("gauge.switch", count, "", 0.0, float(SWITCH_CHANGES_MIN), is_enough))
        done = min(stops, LANDINGS_MIN) + min(up, WAYS_MIN) + min(down, WAYS_MIN)
        lacks = said("find.more_landings") if stops < LANDINGS_MIN else said("find.more_trips")
        return self.seen(gauges, done / (LANDINGS_MIN + 2 * WAYS_MIN), lacks)
