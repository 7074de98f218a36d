"""Motion stage: at rest, starting, running, stopping; speed, travel and trips from vertical acceleration alone.

In: frames. Out: a `MotionState` a frame, and each finished trip as a `Ride`.
State: a baseline (gravity with the sensor's bias) learned while nothing pushes, and the course of the current trip.
Decision: a trip is a sequence of pushes (stretches of acceleration above the noise) whose speed returns to zero;
between pushes speed is held, because a car that is neither pushed nor braked keeps its speed. A stop is believed
when speed has fallen to a small part of its peak and all is quiet; at creep speed the stage waits longer, and a late
push that takes the rest of the speed away belongs to the same trip. Distance has zero speed at both ends.
Delay: one frame for speed, 0.7 s for a stop, 4 s for a `Ride` unless the door opens. Warm-up: 1 s of stillness or 5 s.
After a gap: starts anew and is blind until warm.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from edge_agent.detect.course import Course, Ride
from edge_agent.detect.grip import Grip
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion_state import MotionState, Phase
from edge_agent.detect.pushes import ONE_WAY_MPS, PLAIN_DOUBTS, ends_creep, is_plain
from edge_agent.detect.signal import FRAME_NS, FRAME_S, Frame

WINDOW_FRAMES = 6
"""Sliding mean that finds pushes, 0.3 s. Source: shorter than the softest jerk phase (0.5 s), longer than one cycle of
a car bouncing on its ropes (3 to 6 Hz, from memory, unverified)."""

HISTORY_FRAMES = 40
WARM_UP_FRAMES = 100
STILL_FRAMES = 20
STILL_RANGE_MPS2 = 0.06
QUIET_STOP_FRAMES = 14
QUIET_CREEP_FRAMES = 160
CREEP_MPS_MAX = 0.4
CREEP_RATIO_MAX = 0.45
"""Creep speed over rated speed: pole-change machines 1:4 or 1:3, with room. Source: from memory, unverified."""

STOP_RATIO_MAX = 0.12
STOP_MPS_MAX = 0.07
CONFIRM_M = 0.10
"""Travel that makes a push a trip: a bouncing or re-levelling car stays within 0.02 m. Source: catalogue row 3."""

CONFIRM_MPS = 0.05
CANDIDATE_S_MAX = 4.0
"""A start that takes longer than this to move 0.1 m is none: people jumping make pushes that lead nowhere. Source: the
softest start of the slowest lift, 0.08 m/s2 to 0.15 m/s, is 0.1 m away after 1.6 s (hand calculation). What remains
of it is the push since it last stood: a car may start while they jump."""

CANCEL_FRAMES = 12
PENDING_FRAMES = 80
SETTLED_FRAMES = 20
OPEN_DOUBTS = 5.0  # as `UnintendedMovementRule.DOUBTS`: what that rule would not believe is no ride with the door open
RANG_DOUBTS = 2.0
RANG_MPS = 0.05
HOLD_FRAMES = 20
HOLD_MPS2_MAX = 0.02
"""A mean over 1 s below this pushes no car. Source: the softest braking, 0.1 m/s2 (`limits.motion_push_mps2_min`)."""

LEARN_LAG_FRAMES = 8
ROUGH_FRAMES = 60
SETTLED_MPS = 0.03
SETTLED_RATIO = 0.04
BASELINE_S = 4.0
PUSH_FRAMES_MAX = 240
SPEED_MPS_MAX = 12.0
GAP_FRAMES_MAX = 6
UNSURE_FRAMES_MAX = 600  # 30 s of even speed after a start that may have been a braking: give it up


class MotionStage:
    """Fold over frames; see the file's first lines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last_index = -1
        self.has_lost_way = False  # a movement was dropped unmeasured; the detector takes note and clears it
        self._noise = 0.02
        self._restart(0)

    def _restart(self, index: int) -> None:
        self._warm_up: list[Frame] | None = []
        self._baseline = 9.80665
        self._grip = Grip()
        self._is_rough = False  # the warm-up ended without stillness: the baseline may be that of a moving car
        self._window: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._history: deque[tuple[int, float]] = deque(maxlen=HISTORY_FRAMES)
        self._is_pushing = False
        self._pushed_frames = 0
        self._quiet_frames = 0
        self._course: Course | None = None  # the trip under way, or stopped and not yet given out
        self._candidate: Course | None = None  # a push after standstill that may become a trip
        self._ended: Course | None = None  # the last trip that stopped, given out or not
        self._rest_since = index
        self._settled_m = 0.0  # distance of a trip that has stopped and is not yet given out
        self._is_sure = False

    def step(self, frame: Frame) -> list[tuple[MotionState, Ride | None]]:
        """Take one frame; return the states it decides (several when the warm-up ends) with finished trips."""
        ride = None
        if frame.index - self._last_index > GAP_FRAMES_MAX:
            ride = self._finished()
            self._restart(frame.index)
        self._last_index = frame.index
        if self._warm_up is None:
            return [self._advance(frame)]
        self._warm_up.append(frame)
        if len(self._warm_up) < WARM_UP_FRAMES and not _is_still(self._warm_up):
            return [(self._blind(frame), ride)]
        frames, self._warm_up = self._warm_up, None
        self._is_rough = not _is_still(frames)
        if not self._is_rough:
            frames = frames[-STILL_FRAMES:]  # what came before may have been part of a trip, and cannot be measured
        self._grip = Grip(frames)
        self._baseline = median(self._grip.vertical(f) for f in frames)
        self._rest_since = frames[0].index
        states = [self._advance(f) for f in frames]
        rides = [ride for _, ride in states if ride is not None]
        return [*((states[-1][0], ride) for ride in rides), (states[-1][0], None)]

    @property
    def open_since_ns(self) -> int | None:
        """Start of the oldest trip or push that is not decided or not given out; None while the car just stands."""
        if self._course is None and self._candidate is None:
            return None
        return min(each.start_index for each in (self._course, self._candidate) if each is not None) * FRAME_NS

    def door_is_opening(self) -> Ride | None:
        """The car door begins to open: a car that has braked to a small part of its speed counts as standing."""
        course = self._course
        if course is None or self._candidate is not None:
            return None
        if course.stop_index is None:
            has_slowed = abs(course.speed) <= min(CREEP_MPS_MAX, max(CREEP_RATIO_MAX * course.peak_speed, STOP_MPS_MAX))
            if not has_slowed or not course.has_braked or self._is_pushing:
                if not self._is_sure and not course.has_braked:
                    self._stand_still()
                return None
            self._stop(course, self._last_index)
        is_settled = abs(course.speed) <= max(SETTLED_MPS, SETTLED_RATIO * course.peak_speed)
        return self._give_out() if is_settled else None  # the brake may still take the rest of the creep

    def blind(self, frame: Frame) -> tuple[MotionState, Ride | None]:
        """The frame says nothing (the sensor repeats itself): start anew with the next one that does."""
        ride = self._finished()
        self._restart(frame.index)
        self._last_index = frame.index
        return self._blind(frame), ride

    def door_is_open(self, open_since_ns: int) -> Ride | None:
        """The car door has stood fully open for a while: whatever was believed, the car stands, unless it is pushed."""
        if self._is_rough:
            self._begin_still()
        course = self._course
        is_running = course is not None and course.stop_index is None
        began_open = is_running and course is not None and course.start_index * FRAME_NS > open_since_ns
        is_shaking = is_running and course is not None and abs(course.speed) < OPEN_DOUBTS * course.doubt_mps
        if not is_shaking and self._quiet_frames < (QUIET_CREEP_FRAMES if began_open else QUIET_STOP_FRAMES):
            return None
        ride = None
        if is_running and course is not None and course.has_braked:
            self._stop(course, course.last_push_index)
            ride = self._give_out()
        elif course is not None and not is_running and course.stop_index is not None and self._candidate is None:
            ride = self._give_out()  # whoever opens the door does not creep on
        if is_running or not self._is_sure:
            self._stand_still()
        self._candidate = None
        return ride

    def _stand_still(self) -> None:
        """What was taken for a trip was none, or is over: the car stands now, at a height that may not be known."""
        self.has_lost_way = self.has_lost_way or (self._course is not None and not self._is_sure)
        self._course = self._candidate = None
        self._rest_since = self._last_index
        self._is_sure = not self._is_rough

    def _begin_still(self) -> None:
        """The door stands open: what is felt now is gravity, whatever the warm-up took for it on the way."""
        felt = [accel for _, accel in self._history]
        self._baseline += sum(felt) / max(1, len(felt))
        self._is_rough = False
        self._history.clear()
        self._window.clear()
        self._stand_still()

    def ride_so_far(self) -> Course | None:
        """The course of the trip under way, for rules that judge a stop while it happens."""
        return self._course if self._course is not None and self._course.stop_index is None else None

    # ---- one frame

    def _advance(self, frame: Frame) -> tuple[MotionState, Ride | None]:
        accel = self._grip.vertical(frame) - self._baseline
        self._window.append(accel)
        self._history.append((frame.index, accel))
        push = sum(self._window) / len(self._window)
        threshold = max(self._limits.motion_push_mps2_min, min(0.25, 5.0 * self._noise))
        self._is_pushing = abs(push) > (0.6 * threshold if self._is_pushing else threshold)
        self._pushed_frames = self._pushed_frames + 1 if self._is_pushing else 0
        self._quiet_frames = 0 if self._is_pushing else self._quiet_frames + 1
        self._grip.watch(frame)
        ride = None
        if self._course is not None and self._course.stop_index is None:
            self._run(self._course, frame, accel, push)
            ride = self._turn(self._course)
        else:
            ride = self._rest(frame, accel, push)
        needed = LEARN_LAG_FRAMES if self.ride_so_far() is None else HOLD_FRAMES + LEARN_LAG_FRAMES
        if self._quiet_frames > ROUGH_FRAMES:
            self._is_rough = False
        if self._quiet_frames > needed and len(self._history) >= LEARN_LAG_FRAMES:
            self._learn(self._history[-LEARN_LAG_FRAMES][1])
        is_stale = not self._is_sure and self._course is not None and self._quiet_frames > UNSURE_FRAMES_MAX
        is_put_down = self._grip.was_turned and self._grip.is_firm and self.ride_so_far() is None
        if is_stale or is_put_down or self._pushed_frames > PUSH_FRAMES_MAX or self._is_impossible():
            ride = ride or self._finished()
            self._restart(frame.index)
            return self._blind(frame), ride
        return self._state(accel), ride

    def _run(self, course: Course, frame: Frame, accel: float, push: float) -> None:
        course.add(frame.index, accel, is_mounted=self._grip.is_firm)
        if self._is_pushing:
            course.mark_push(push, threshold=0.6 * self._limits.motion_push_mps2_min)
        elif self._quiet_frames >= HOLD_FRAMES + LEARN_LAG_FRAMES and self._is_even():
            course.hold(HOLD_FRAMES)
        speed = abs(course.speed)
        rest = max(STOP_MPS_MAX, STOP_RATIO_MAX * course.peak_speed)
        if course.has_braked and self._is_pushing and speed <= rest:
            course.mark_rest()
        if self._quiet_frames < QUIET_STOP_FRAMES or not course.has_braked:
            return
        if course.rang_since_rest(RANG_DOUBTS, at_least_mps=RANG_MPS):
            self._stop(course, course.rest_index)
        elif speed <= rest or (
            speed <= CREEP_RATIO_MAX * course.peak_speed and self._quiet_frames >= QUIET_CREEP_FRAMES
        ):
            self._stop(course, course.last_push_index)

    def _turn(self, course: Course) -> Ride | None:
        """A trip that was hardly at rest before the next one began the other way is two trips."""
        is_clear = self._is_sure and course.stop_index is None
        later = course.turned(ONE_WAY_MPS, OPEN_DOUBTS) if is_clear else None
        if later is None:
            return None
        self._stop(course, course.rest_index)
        ride = self._give_out()
        self._course, self._ended = later, None
        return ride

    def _is_even(self) -> bool:
        """The last second says that nothing pushes; what it adds to the speed is drift of the baseline."""
        last = [accel for _, accel in self._history][-HOLD_FRAMES:]
        return abs(sum(last)) < HOLD_MPS2_MAX * HOLD_FRAMES

    def _rest(self, frame: Frame, accel: float, push: float) -> Ride | None:
        """At a standstill: watch for a new push; give out the last trip when nothing more belongs to it."""
        candidate = self._candidate
        if candidate is None:
            if self._is_pushing and not self._grip.is_firm:
                self._is_sure = False  # shaken: whether the car moves off now cannot be told
            elif self._is_pushing:
                self._candidate = self._new_course(push)
            elif self._course is not None and frame.index - self._rest_since >= self._pending_frames(self._course):
                return self._give_out()
            return None
        if not self._grip.is_firm:
            self._candidate = None
            return None
        candidate.add(frame.index, accel, is_mounted=True)
        if self._is_pushing:
            candidate.mark_push(push, threshold=0.6 * self._limits.motion_push_mps2_min)
        if ends_creep(self._ended, candidate):
            if self._quiet_frames >= CANCEL_FRAMES:
                self._end_creep(candidate)
            return None
        age_s = (frame.index - candidate.start_index + 1) * FRAME_S
        is_going = (
            is_plain(candidate, is_pushing=self._is_pushing)
            and abs(candidate.speed) >= self._limits.motion_speed_mps_min
        )
        if abs(candidate.travel) >= CONFIRM_M and is_going and abs(candidate.travel) >= CONFIRM_MPS * age_s:
            ride = self._give_out()
            self._course, self._candidate, self._ended = candidate.since_standing() or candidate, None, None
            return ride
        if self._quiet_frames >= CANCEL_FRAMES and not is_going:
            self._candidate = None
        elif age_s > CANDIDATE_S_MAX:
            self._candidate = candidate.since_standing()
        return None

    def _pending_frames(self, course: Course) -> int:
        """A trip whose speed went all the way to zero is over; one with speed left may still be creeping."""
        is_settled = abs(course.speed) <= max(SETTLED_MPS, SETTLED_RATIO * course.peak_speed)
        return SETTLED_FRAMES if is_settled else PENDING_FRAMES

    def _end_creep(self, candidate: Course) -> None:
        """The push was the end of the trip before it, which may have been given out by now."""
        if self._course is not None:
            self._course.extend(candidate)
            self._settled_m = self._course.measure().distance_m
            self._rest_since = candidate.last_push_index + 1
        self._candidate = None

    def _new_course(self, push: float) -> Course:
        """Begin where the frames before the push already lean the same way: soft starts rise slowly."""
        frames = [item for item in self._history if item[0] >= self._rest_since] or [self._history[-1]]
        begin = len(frames) - 1
        while begin >= 3 and sum(a for _, a in frames[begin - 3 : begin]) * push > 0.0:
            begin -= 1
        course = Course(frames[begin][0])
        for index, accel in frames[begin:]:
            course.add(index, accel, is_mounted=self._grip.is_firm)
        course.mark_push(push, threshold=0.6 * self._limits.motion_push_mps2_min)
        return course

    def _stop(self, course: Course, index: int) -> None:
        course.stop_index = index
        self._ended = course
        self._settled_m = course.measure().distance_m
        self._rest_since = index + 1

    def _finished(self) -> Ride | None:
        """Give out a trip that has stopped, whatever follows; one still under way is not believed."""
        return self._give_out() if self._course is not None and self._course.stop_index is not None else None

    def _give_out(self) -> Ride | None:
        course, self._course = self._course, None
        if course is None:
            return None
        ride = course.measure()
        self._is_sure = True
        return ride if abs(ride.distance_m) >= self._limits.trip_distance_m_min else None

    # ---- what is learned while quiet

    def _learn(self, accel: float) -> None:
        """From a frame that was followed by quiet: the soft beginning of a start must not be taken for gravity."""
        self._baseline += accel * (FRAME_S / BASELINE_S)
        if self._course is None or self._course.stop_index is not None:
            size = abs(accel)
            self._noise += (min(size, 0.1) - self._noise) * (0.02 if size < self._noise else 0.002)

    def _is_impossible(self) -> bool:
        course = self._candidate or self._course
        return course is not None and (abs(course.speed) > SPEED_MPS_MAX or course.is_full)

    # ---- what is told

    def _blind(self, frame: Frame) -> MotionState:
        return MotionState(Phase.BLIND, frame.index * FRAME_NS, 0.0, 0.0, 0.0, self._grip.is_firm, False)

    def _state(self, accel: float) -> MotionState:
        course = self._course
        if course is not None and course.stop_index is None:
            phase = Phase.RUNNING
            if self._is_pushing:
                phase = Phase.STARTING if course.speed * accel > 0.0 else Phase.STOPPING
            return MotionState(
                phase,
                course.start_index * FRAME_NS,
                accel,
                course.speed,
                course.travel,
                self._grip.is_firm,
                self._is_sure,
                course.doubt_mps,
            )
        travel = 0.0 if course is None else self._settled_m
        speed = doubt = 0.0
        if self._candidate is not None:
            doubt = self._candidate.doubt_mps
            if abs(self._candidate.speed) >= PLAIN_DOUBTS * doubt:
                travel, speed = travel + self._candidate.travel, self._candidate.speed
        since_ns = self._rest_since * FRAME_NS
        return MotionState(Phase.AT_REST, since_ns, accel, speed, travel, self._grip.is_firm, self._is_sure, doubt)


def _is_still(frames: list[Frame]) -> bool:
    if len(frames) < STILL_FRAMES:
        return False
    lengths = [f.accel_mps2 for f in frames[-STILL_FRAMES:]]
    return max(lengths) - min(lengths) < STILL_RANGE_MPS2
