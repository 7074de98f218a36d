"""How rough the trips of a simulated lift really were: a lift that jolts may be called so, whatever its story is about.

Catalogue rows 37 and 38 speak of trips, not of stories: an old two-speed machine that stops with 1.8 m/s2 is beyond the
limit in every story. Jerk is different: a two-speed machine jerks by design, and what counts is its own past. What is
judged here is the car itself, without any sensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge_agent.alarms import AlarmKind
from sim.lift import Lift
from sim.motion import FloatArray
from sim.shakes import shaken
from sim.words import TripTruth

ACCEL_MPS2_MAX = 1.5
JERK_RATIO_MAX = 1.5
TRIPS_MIN = 3
TRIPS_KEPT = 20
"""Source: alarm catalogue rows 37 and 38."""

DOUBT = 0.9
"""A trip that comes this near to a limit may be judged either way."""

_STEP_S = 0.005
_MEAN_STEPS = 10  # 50 ms, -3 dB near 9 Hz
_JERK_STEPS = 100  # 0.5 s


@dataclass(frozen=True, slots=True)
class TripRoughness:
    """Peaks of one trip: 10 Hz-filtered vertical acceleration, and the steepest straight line over 0.5 s of it."""

    accel_mps2: float
    jerk_mps3: float


def roughness(lift: Lift, trip: TripTruth) -> TripRoughness:
    """Peaks of the car's own vertical acceleration from just before the trip to just after it."""
    times_s: FloatArray = np.arange(trip.start_s - 0.5, trip.end_s + 1.0, _STEP_S)
    _, _, accel = lift.motion.sample(times_s)
    accel = accel + shaken(times_s, lift.shakes.within(float(times_s[0]), float(times_s[-1])))[:, 2]
    smooth = np.convolve(accel, np.full(_MEAN_STEPS, 1.0 / _MEAN_STEPS), mode="same")
    arm = np.arange(_JERK_STEPS) - (_JERK_STEPS - 1) / 2.0
    slopes = np.convolve(smooth, arm[::-1] / (float(np.sum(arm * arm)) * _STEP_S), mode="valid")
    return TripRoughness(float(np.max(np.abs(smooth))), float(np.max(np.abs(slopes))))


def rough_from(lift: Lift) -> Mapping[AlarmKind, float]:
    """From which second on this lift may be called harsh, and from which on jerkier than it was; else nothing."""
    accel_marks: list[bool] = []
    jerk_marks: list[bool] = []
    jerks: list[float] = []
    out: dict[AlarmKind, float] = {}
    for trip in lift.trips:
        found = roughness(lift, trip)
        own = JERK_RATIO_MAX * median(jerks) if len(jerks) >= TRIPS_KEPT else float("inf")
        jerks.append(found.jerk_mps3)
        accel_marks.append(found.accel_mps2 > DOUBT * ACCEL_MPS2_MAX)
        jerk_marks.append(found.jerk_mps3 > DOUBT * own)
        for kind, marks in (
            (AlarmKind.EXCESSIVE_ACCELERATION, accel_marks),
            (AlarmKind.EXCESSIVE_JERK, jerk_marks),
        ):
            if sum(marks[-TRIPS_KEPT:]) >= TRIPS_MIN and kind not in out:
                out[kind] = trip.start_s
    return out
