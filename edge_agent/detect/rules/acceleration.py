"""Rules about how the car is braked."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import sqrt
from statistics import median

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.course import Course
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding
from edge_agent.detect.rules.tally import Tally
from edge_agent.detect.signal import FRAME_NS, FRAME_S
from edge_agent.detect.sources import ACCELEROMETER

LEARNED_DECEL_MPS2_MIN = 1.1
"""However softly a lift brakes, less than this is no emergency: power-fail and releveling stops of soft drives reach
1 m/s2. Source: start and braking <= 1.5 m/s2 are normal (field/standards 3.2, memory, unverified)."""

REST_MPS = 0.1
JUMPED_MPS2 = 0.5
"""A trip that was shaken so says nothing of the drive. Source: jumps of children leave 0.7 and more, hard starts and
stops of 2 m/s2 below 0.4, rough rails below 0.2."""

START_FRAMES = 40
START_MPS2_MAX = 2.5
"""No lift starts harder; a box in somebody's hand does. Source: <= 1.5 m/s2 in normal use (field/standards 3.2)."""

BUILD_UP_S = 0.2  # a brake bites within. Source: 0.1 to 0.25 s (field/standards 4, inference)
SHAKEN_FRAMES = 20
SHAKEN = 4.0
"""The speed that is lost must be so many times what shaking like that of the second before makes of it in as many
frames. Source: a random walk; jumps lose up to 3 times, a brake of 3 m/s2 from 1 m/s among jumps 6 times as much."""

ONE_WAY_SHARE_MIN = 0.9
BITE_FRAMES = 2
JUMPED_UPON = 3.0
JUMPED_UPON_MPS_MIN = 0.5
"""A brake pushes one way from its bite to the standstill, also where the car springs on its ropes: a step into a damped
spring never goes below zero. Where so much of the pushing went the other way somebody jumps, and single hard moments
say nothing. Then the mean from the bite on must reach the limit, and what the lift's ordinary braking does not explain
of the lost speed must be so many times what the shaking makes of it; from a lower speed a single landing of a jumper
does the same within 0.1 s. Source: the response of a damped spring to a step (any text on vibrations); a jump begins
and ends at the same speed, so that its mean is zero."""


class EmergencyStopRule:
    """Symptom: the brake or the safety gear stops a running car.

    Signal: deceleration over two frames (0.1 s), speed falling to rest.
    Decision: deceleration of at least 2.0 m/s2, or 1.6 times what this lift uses, and from > 0.3 m/s to rest in 1.5 s,
    or as long as such a deceleration takes; raised in the frame in which the car comes to rest.
    Confused with: the brake dropping at the end of a two-speed trip (below 0.3 m/s by then), a hard normal stop
    (ratio to the learned braking), a box being handled (mounting watched), people who jump in the running car (what
    they did in the second before would change the speed as much), or during its ordinary stop (the car is pushed both
    ways, and its mean deceleration stays below the limit).
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
        is_handled = not car.motion.is_mounted and self._hard_since is None  # the stop itself may shake the box
        if course is None or is_handled or course.start_index == self._told_course:
            self._hard_since = None
            return ()
        sign = 1.0 if course.travel >= 0.0 else -1.0
        decel = -sign * accel
        threshold = self._threshold(car)
        if self._hard_since is not None and index - self._hard_since > self._frames_max(course, threshold):
            self._hard_since = None
        if decel >= threshold:
            if self._hard_since is None:
                self._hard_since, self._peak = index, 0.0
            self._peak = max(self._peak, decel)
        if self._hard_since is None or sign * course.speed > REST_MPS:
            return ()
        begin = self._begin(course, index, threshold, car.learned_decel_mps2 or 0.0)
        if begin is None or course.accel_until(min(begin, course.start_index + START_FRAMES)) > START_MPS2_MAX:
            return ()
        self._told_course = course.start_index
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(
                    Evidence("decel_mps2_peak", round(self._peak, 2)),
                    Evidence("car_speed_mps", round(abs(course.speed_at(begin)), 2)),
                    Evidence("stop_s", round((index - begin) * FRAME_S, 2)),
                ),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def _begin(self, course: Course, index: int, limit_mps2: float, ordinary_mps2: float) -> int | None:
        """The frame before the stop; None: what happened since the first hard moment is no stop by the brake."""
        first = (self._hard_since or index) - 2
        if course.one_way_between(first + 1, index) >= ONE_WAY_SHARE_MIN:
            return first if self._is_plain(course, first, index, SHAKEN) else None
        for begin in range(first, index):
            braked_s = abs(course.speed_at(begin)) / limit_mps2 + BITE_FRAMES * FRAME_S
            if (index - begin) * FRAME_S > braked_s or abs(course.speed_at(begin)) < JUMPED_UPON_MPS_MIN:
                continue
            if self._is_plain(course, begin, index, JUMPED_UPON, explained_mps2=ordinary_mps2):
                return begin
        return None

    def _is_plain(self, course: Course, begin: int, index: int, times: float, *, explained_mps2: float = 0.0) -> bool:
        """The speed that was lost is one to tell of, and more than shaking takes."""
        before, frames = abs(course.speed_at(begin)), index - begin
        lost = before - course.speed * (1.0 if course.travel >= 0.0 else -1.0) - explained_mps2 * frames * FRAME_S
        shaken = times * course.shaking_before(begin, SHAKEN_FRAMES) * FRAME_S * sqrt(frames)
        return before >= self._limits.emergency_speed_mps_min and lost >= shaken

    def _frames_max(self, course: Course, threshold_mps2: float) -> int:
        """How long the stop may last since its first hard moment: a high speed takes longer to brake."""
        begin = 0 if self._hard_since is None else self._hard_since - 2
        braking_s = abs(course.speed_at(begin)) / threshold_mps2 + BUILD_UP_S
        return round(max(self._limits.emergency_stop_s_max, braking_s) / FRAME_S)

    def _threshold(self, car: CarState) -> float:
        limit = self._limits.emergency_decel_mps2_min
        if car.learned_decel_mps2 is None:
            return limit
        own = max(self._limits.emergency_decel_ratio_min * car.learned_decel_mps2, LEARNED_DECEL_MPS2_MIN)
        return min(limit, own)

    def is_over(self, car: CarState, subject: str) -> bool:
        """The next trip that ends without being told here is a normal one."""
        return car.ride is not None and car.ride.start_ns // FRAME_NS != self._told_course


class ImpactRule:
    """Symptom: something strikes: pit or top, safety gear, vandalism.

    Signal: largest departure of the sample length from gravity within a frame, and the box's own attitude.
    Decision: more than 10 m/s2 for less than 0.5 s, told a second later if the box still sits as it did and rests.
    Confused with: a slammed door or a jump (well below), a box taken in the hand (it tilts or goes on moving), a chip
    that jumps to the end of its range (its fault is seen by then).
    Source: alarm catalogue row 34.
    """

    kind = AlarmKind.IMPACT
    outlives_inspection = True
    WAIT_NS = 1_000_000_000
    STAND_NS = 60_000_000_000

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._first_ns = 0
        self._last_ns = 0
        self._peak = 0.0
        self._was_mounted = False
        self._mounted_before = True
        self._told_ns = 0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        if car.shock_mps2 >= self._limits.impact_mps2_min:
            if self._first_ns == 0:
                self._first_ns, self._peak, self._was_mounted = car.t_ns, 0.0, self._mounted_before
            self._last_ns, self._peak = car.t_ns, max(self._peak, car.shock_mps2)
        self._mounted_before = car.motion.is_mounted
        if self._first_ns == 0 or car.t_ns - self._last_ns < self.WAIT_NS:
            return ()
        shock_ms = (self._last_ns - self._first_ns) / 1e6 + 50.0
        first, self._first_ns = self._first_ns, 0
        is_short = shock_ms <= self._limits.impact_ms_max
        still_sits = car.mount.tilt_deg is not None and car.mount.tilt_deg <= self._limits.box_tilt_deg_max
        is_faulty = any(source.name == ACCELEROMETER and source.fault is not None for source in car.sources)
        if not (is_short and self._was_mounted and still_sits) or is_faulty:
            return ()
        self._told_ns = first
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("shock_mps2_peak", round(self._peak, 1)), Evidence("shock_ms", round(shock_ms))),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """A minute has passed."""
        return car.t_ns - self._told_ns >= self.STAND_NS


class ExcessiveAccelerationRule:
    """Symptom: starts or stops are harder than passengers should feel.

    Signal: peaks of the 10 Hz-filtered vertical acceleration of each finished trip.
    Decision: more than 1.5 m/s2 in 3 trips of 20. Confused with: an emergency stop (told by itself, one trip).
    Source: alarm catalogue row 37.
    """

    kind = AlarmKind.EXCESSIVE_ACCELERATION
    outlives_inspection = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tally = Tally()

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        ride = car.ride
        if ride is None or car.is_worked_on or AlarmKind.EMERGENCY_STOP in raised:
            return ()
        peak = max(ride.accel_mps2, ride.decel_mps2)
        is_fit = ride.was_mounted and ride.shaking_mps2 <= JUMPED_MPS2
        self._tally.add(peak > self._limits.excessive_accel_mps2 and is_fit)
        if self._tally.count < self._limits.excessive_trips_min:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(Evidence("accel_mps2_peak", round(peak, 2)), Evidence("trips_count", self._tally.count)),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """20 trips within the limit."""
        return self._tally.is_clean


class ExcessiveJerkRule:
    """Symptom: acceleration sets in or ends abruptly.

    Signal: jerk over 0.5 s of each finished trip, and this lift's own median.
    Decision: more than 2.5 m/s3, or more than 1.5 times what this lift does, in 3 trips of 20.
    Confused with: two-speed machines, whose pole change is abrupt by design (their own median stands for them).
    Source: alarm catalogue row 38.
    """

    kind = AlarmKind.EXCESSIVE_JERK
    outlives_inspection = False
    LEARN_TRIPS = 20
    TRIPS_KEPT = 100
    OWN_JERK_MPS3_MIN = 1.5

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tally = Tally()
        self._jerks: deque[float] = deque(maxlen=self.TRIPS_KEPT)

    def learned(self) -> tuple[float, ...]:
        """Jerk of the last trips in m/s3."""
        return tuple(self._jerks)

    def recall(self, jerks_mps3: Sequence[float]) -> None:
        """Replace it by what an earlier run has learned; empty: forget."""
        self._jerks = deque(jerks_mps3, maxlen=self.TRIPS_KEPT)

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        ride = car.ride
        if ride is None or car.is_worked_on or AlarmKind.EMERGENCY_STOP in raised:
            return ()
        if not ride.was_mounted or ride.shaking_mps2 > JUMPED_MPS2:
            return ()
        self._jerks.append(ride.jerk_mps3)
        if len(self._jerks) < self.LEARN_TRIPS:
            return ()
        usual, limit = median(self._jerks), self._limits.excessive_jerk_mps3
        own = max(self._limits.excessive_jerk_ratio * usual, self.OWN_JERK_MPS3_MIN)
        self._tally.add(ride.jerk_mps3 > (own if usual > limit else min(limit, own)))
        if self._tally.count < self._limits.excessive_trips_min:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(
                    Evidence("jerk_mps3_peak", round(ride.jerk_mps3, 2)),
                    Evidence("trips_count", self._tally.count),
                ),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """20 trips within the limit."""
        return self._tally.is_clean


class ExcessiveVibrationRule:
    """Symptom: the ride has become rough.

    Signal: A95 of the vibration at constant speed, vertical and worst horizontal, and this lift's own median.
    Decision: 1.5 times its own median, or beyond the limit where the values are weighted, in 5 trips of 20.
    Confused with: people moving in the car (trips, not moments, are counted). A sampling rate below 320 Hz gives no
    weighted values: then only the lift's own past is a measure. Source: alarm catalogue row 39.
    """

    kind = AlarmKind.EXCESSIVE_VIBRATION
    outlives_inspection = False
    LEARN_TRIPS = 20
    TRIPS_KEPT = 200
    OWN_MPS2_MIN = 0.10

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tally = Tally()
        self._usual: deque[float] = deque(maxlen=self.TRIPS_KEPT)

    def learned(self) -> tuple[float, ...]:
        """A95 of the last trips in m/s2."""
        return tuple(self._usual)

    def recall(self, levels_mps2: Sequence[float]) -> None:
        """Replace it by what an earlier run has learned; empty: forget."""
        self._usual = deque(levels_mps2, maxlen=self.TRIPS_KEPT)

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        report = car.ride_report
        if report is None or car.is_worked_on or AlarmKind.EMERGENCY_STOP in raised:
            return ()
        axes = (report.vertical, report.horizontal_worst)
        regions = [axis.constant for axis in axes]
        level = max((region.a95_mps2 for region in regions if region is not None), default=None)
        if level is None:
            return ()
        self._usual.append(level)
        if len(self._usual) < self.LEARN_TRIPS:
            return ()
        own = max(self._limits.excessive_vibration_ratio * median(self._usual), self.OWN_MPS2_MIN)
        is_weighted = report.unweighted_because is None
        self._tally.add(level > own or (is_weighted and level > self._limits.excessive_vibration_mps2_a95))
        if self._tally.count < self._limits.excessive_vibration_trips_min:
            return ()
        return (
            Finding(
                kind=self.kind,
                is_confirmed=True,
                evidence=(
                    Evidence("vibration_mps2_a95", round(level, 3)),
                    Evidence("trips_count", self._tally.count),
                ),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """20 trips within."""
        return self._tally.is_clean
