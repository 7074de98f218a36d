"""Rules about how the car is braked."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.signal import FRAME_NS

LEARNED_DECEL_MPS2_MIN = 1.1
"""However softly a lift brakes, less than this is no emergency: power-fail and releveling stops of soft drives reach
1 m/s2. Source: start and braking <= 1.5 m/s2 are normal (field/standards 3.2, memory, unverified)."""

REST_MPS = 0.1
START_MPS2_MAX = 2.5
"""No lift starts harder; a box in somebody's hand does. Source: <= 1.5 m/s2 in normal use (field/standards 3.2)."""


class EmergencyStopRule:
    """Symptom: the brake or the safety gear stops a running car.

    Signal: deceleration over two frames (0.1 s), speed falling to rest.
    Decision: deceleration of at least 2.0 m/s2, or 1.6 times what this lift uses, and from > 0.3 m/s to rest in 1.5 s;
    raised in the frame in which the car comes to rest.
    Confused with: the brake dropping at the end of a two-speed trip (below 0.3 m/s by then), a hard normal stop
    (ratio to the learned braking), a box being handled (mounting watched).
    Source: alarm catalogue row 32.
    """

    kind = AlarmKind.EMERGENCY_STOP
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last_accel = 0.0
        self._hard_since: int | None = None
        self._peak = 0.0
        self._told_course: int | None = None

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        course, index = car.course, car.t_ns // FRAME_NS - 1
        accel, self._last_accel = (car.motion.accel_mps2 + self._last_accel) / 2.0, car.motion.accel_mps2
        if course is None or not car.motion.is_mounted or course.start_index == self._told_course:
            self._hard_since = None
            return ()
        sign = 1.0 if course.travel >= 0.0 else -1.0
        decel = -sign * accel
        if decel >= self._threshold(car):
            if self._hard_since is None:
                self._hard_since, self._peak = index, 0.0
            self._peak = max(self._peak, decel)
        if self._hard_since is None:
            return ()
        window = round(self._limits.emergency_stop_s_max * 1e9 / FRAME_NS)
        if index - self._hard_since > window:
            self._hard_since = None
            return ()
        before = abs(course.speed_at(self._hard_since - 2))
        if sign * course.speed > REST_MPS or before < self._limits.emergency_speed_mps_min:
            return ()
        if course.accel_until(self._hard_since - 2) > START_MPS2_MAX:
            return ()
        self._told_course = course.start_index
        stop_s = (index - self._hard_since + 2) * FRAME_NS / 1e9
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(
                    Evidence("decel_mps2_peak", round(self._peak, 2)),
                    Evidence("car_speed_mps", round(before, 2)),
                    Evidence("stop_s", round(stop_s, 2)),
                ),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def _threshold(self, car: CarState) -> float:
        limit = self._limits.emergency_decel_mps2_min
        if car.learned_decel_mps2 is None:
            return limit
        own = max(self._limits.emergency_decel_ratio_min * car.learned_decel_mps2, LEARNED_DECEL_MPS2_MIN)
        return min(limit, own)

    def is_over(self, car: CarState, subject: str) -> bool:
        """The next trip that ends without being told here is a normal one."""
        return car.ride is not None and car.ride.start_ns // FRAME_NS != self._told_course
