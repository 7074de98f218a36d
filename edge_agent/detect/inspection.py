"""Inspection stage: is the car under a technician's control, and may the one who says so be believed?

In: the contact, the controller's mode, finished trips, the car door. Out: since when inspection operation lasts.
State: who says so.
Decision: the word counts for 8 h without renewal. A trip faster than inspection operation can be, at whose end the door
opens by itself, says that the witness is wrong: it is not believed until it has said otherwise, because what it mutes
would be hidden. Delay: none.
"""

from __future__ import annotations

from edge_agent.detect.car import SourceView
from edge_agent.detect.course import Ride
from edge_agent.detect.limits import Limits
from edge_agent.readings import FaultReason

CONTACT, MODE = "inspection", "controller.mode"

INSPECTION_MPS_MAX = 0.75
"""Inspection operation runs at 0.63 m/s at most; with room for measuring. Source: alarms.md, muting by inspection."""

SELF_OPENED_NS = 10_000_000_000
"""A normal stop opens its door within seconds. Source: field/products B2.4."""


class InspectionStage:
    """Fold; see the file's first lines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._says_so: dict[str, int] = {}  # witnesses that say inspection, and since when
        self._wrong: dict[str, int] = {}  # witnesses that were found wrong; 0: have been right since
        self._fast_ride: Ride | None = None  # the door has not opened since
        self._seen_ns: int | None = None
        self.since_ns = 0

    def take(self, witness: str, t_ns: int, is_active: bool) -> None:
        """The contact or the controller's mode says whether it is inspection operation; repeated words renew it."""
        if not is_active:
            self._says_so.pop(witness, None)
            if witness in self._wrong:
                self._wrong[witness] = 0
        else:
            self._says_so.setdefault(witness, t_ns)
        if not self._believed():
            self._seen_ns = None
        elif is_active and not self._wrong.get(witness):
            if self._seen_ns is None:
                self.since_ns = t_ns
            self._seen_ns = t_ns

    def take_ride(self, ride: Ride) -> None:
        """A trip was made."""
        self._fast_ride = ride if ride.speed_mps > INSPECTION_MPS_MAX else None

    def take_door(self, now_ns: int, *, is_open: bool) -> None:
        """Whether the car door is open: where it opened soon after a fast trip, the lift itself has opened it."""
        ride = self._fast_ride
        if ride is None or not is_open:
            return
        self._fast_ride = None
        if now_ns - ride.end_ns > SELF_OPENED_NS:
            return
        for witness, since_ns in self._says_so.items():
            if since_ns < ride.start_ns:
                self._wrong[witness] = self._wrong.get(witness) or ride.end_ns
        if not self._believed():
            self._seen_ns = None

    def is_active(self, now_ns: int) -> bool:
        """Inspection operation, by a word that is not too old."""
        seen = self._seen_ns
        return seen is not None and (now_ns - seen) / 1e9 <= self._limits.inspection_renewal_s_max

    @property
    def was_seen(self) -> bool:
        """Somebody who is believed says so, be it long ago."""
        return self._seen_ns is not None

    def troubles(self) -> tuple[SourceView, ...]:
        """A view of each witness that was ever found wrong."""
        if not self._wrong:
            return ()
        words = "it says inspection although the lift runs at full speed"
        return tuple(
            SourceView(witness, None, FaultReason.BAD_REPLY if since_ns else None, since_ns, f"{witness}: {words}")
            for witness, since_ns in self._wrong.items()
        )

    def _believed(self) -> bool:
        return any(not self._wrong.get(witness) for witness in self._says_so)
