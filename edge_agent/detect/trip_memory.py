"""What this lift's own trips have taught: how hard it brakes, and its rated speed where nobody told it.

In: finished rides. Out: usual deceleration, rated speed. State: the last 50 of both. Decision: the median braking after
5 trips; the second largest speed of 20 trips that ran evenly for a while, because the largest may be the fault and a
short trip turns round before it is fast. After a gap: nothing is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

from edge_agent.detect.course import Ride

LEARN_TRIPS = 5
LEARN_SPEED_TRIPS = 20
TRIPS_KEPT = 50
EVEN_S_MIN = 0.5
"""A trip of T seconds over d metres at a peak speed v that starts and brakes alike ran evenly for 2 d / v - T seconds;
one that only starts and brakes for none. Half a second is well above the errors of d, v and T."""


class TripMemory:
    """Fold over rides; see the file's first lines."""

    def __init__(self, told_speed_mps: float | None) -> None:
        """told_speed_mps: the rated speed as the installer knows it."""
        self._told_speed_mps = told_speed_mps
        self._decels: deque[float] = deque(maxlen=TRIPS_KEPT)
        self._speeds: deque[float] = deque(maxlen=TRIPS_KEPT)
        self.usual_decel_mps2: float | None = None
        self.rated_speed_mps = told_speed_mps

    @property
    def trip_count(self) -> int:
        """Trips remembered, at most 50."""
        return len(self._decels)

    @property
    def even_trip_count(self) -> int:
        """Those among them that reached an even speed."""
        return len(self._speeds)

    def add(self, ride: Ride) -> None:
        """One more trip, not of inspection operation."""
        self._decels.append(ride.decel_mps2)
        if _even_s(ride) >= EVEN_S_MIN:
            self._speeds.append(ride.speed_mps)
        self._judge()

    def learned(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Decelerations in m/s2 and speeds in m/s, oldest first."""
        return tuple(self._decels), tuple(self._speeds)

    def recall(self, decels_mps2: Sequence[float], speeds_mps: Sequence[float]) -> None:
        """Replace all by what an earlier run has learned; empty: forget."""
        self._decels = deque(decels_mps2, maxlen=TRIPS_KEPT)
        self._speeds = deque(speeds_mps, maxlen=TRIPS_KEPT)
        self._judge()

    def _judge(self) -> None:
        self.usual_decel_mps2 = median(self._decels) if len(self._decels) >= LEARN_TRIPS else None
        if self._told_speed_mps is None:
            is_known = len(self._speeds) >= LEARN_SPEED_TRIPS
            self.rated_speed_mps = sorted(self._speeds)[-2] if is_known else None


def _even_s(ride: Ride) -> float:
    return 2.0 * abs(ride.distance_m) / max(ride.speed_mps, 1e-6) - (ride.end_ns - ride.start_ns) / 1e9
