"""Occupancy stage: P(someone inside the car), from door cycles, presence edges, the controller and small movements.

In: door and motion each frame, presence edges, controller flags, the alarm button. Out: `OccupancyView`.
State: odds of the present closed-door period, split by sign so that each can be shown.
Decision: prior from the pattern "door closed, how long until the car left" times a likelihood ratio for each sign. An
empty car is called after a pause or parks itself; people who have boarded leave at once. A presence sensor that says
nothing counts against occupation only as far as it has proved itself on this lift: a still passenger disappears from
it. Where nothing is known the answer stays near even odds, which errs towards rescue. Delay: one frame; small movement
needs 20 s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp

from edge_agent.alarms import DoorState
from edge_agent.detect.doors import DoorView
from edge_agent.detect.motion_state import MotionState
from edge_agent.detect.signal import FRAME_S, Frame

PRIOR_UNKNOWN = 0.5
PRIOR_BOARDED = 0.85
PRIOR_CALLED = 0.10
BOARD_S = 4.0
CALL_S = 15.0
IDLE_S = 2.5
"""People press before or while the door closes, so a trip with people starts within seconds; parking and hall-call
trips of an empty car follow a pause; the longer a car stands closed without leaving, the less likely somebody is inside
(odds 1 : 1 + t / 2.5 s: 8 % after 30 s, 3 % after 90 s, 0.1 % after half an hour). Source: engineering judgement,
tested against two independent generators."""

SETTLE_NS = 1_500_000_000
HOLD_NS = 12_000_000_000
"""A motion sensor holds its output for seconds after the last movement, so its level just after the door has closed
may still be somebody who left. Source: common PIR modules hold 2 to 8 s (memory, unverified)."""

RATIO_PRESENCE = 25.0
RATIO_PRESENCE_LATE = 2.0
RATIO_PRESENCE_EARLY = 6.0
EARLY_S = 6.0
LATE_S = 120.0
"""In the first seconds the sign may be of somebody who just left; after minutes of nothing, a first sign may be a
glitch. Source: judgement."""

RATIO_PRESENCE_AGAIN = 4.0
RATIO_PRESENCE_MAX = 2000.0
PRESENCE_AGAIN_NS = 5_000_000_000
RATIO_NO_PRESENCE = 0.25
RATIO_NO_PRESENCE_PROVEN = 0.06
RATIO_SILENCE_MIN = 0.15
"""A still passenger moves nothing and disappears from a motion sensor: both silences are one sign, not two. Source:
alarm catalogue row 1."""

RATIO_PASSENGER = 30.0
RATIO_NO_PASSENGER = 0.15
RATIO_LOAD = 12.0
RATIO_BUTTON = 200.0
RATIO_RESTLESS_MAX = 20.0
RATIO_STILL = 0.25
STIR_WEIGHT = 0.9
STIR_OFFSET = 1.5
"""Each beat with a footfall or a shift of weight raises the odds by e^0.9; one or two in a minute say nothing (a
neighbour lift passes, a landing door slams). Source: engineering judgement, tested against two independent generators
and the Melbourne recording, where the one passenger shows in about a third of all beats."""

LOAD_PERCENT_MIN = 4.0
PROOF_TRIPS = 3

BEAT_FRAMES = 40  # small movement is judged in beats of 2 s
BEATS_KEPT = 30
REST_SETTLE_S = 3.0
FLOOR_DOWN = 0.98
FLOOR_UP = 1.005
"""The floor settles where a fifth of the beats lie below it: the very quietest of many would be a chance. Source: with
steps of 2 % down and 0.5 % up the shares balance at 0.005 / 0.025 (hand calculation)."""

RESTLESS_FACTOR = 1.7


@dataclass(frozen=True, slots=True)
class OccupancyView:
    """P(someone inside) now, and the signs behind it."""

    percent: int
    presence_seen: bool  # the presence sensor fired since the doors closed
    stirs_count: int  # small movements of the standing car in the last minute
    passenger_flag: bool | None  # the controller's word
    button_pressed: bool


class OccupancyStage:
    """Fold over frames; see the file's first lines."""

    def __init__(self, *, has_presence: bool) -> None:
        self._has_presence = has_presence
        self._prior = PRIOR_UNKNOWN
        self._is_in_trip = False
        self._was_open = False
        self._trips_since_open = 0
        self._first_ns = 0
        self._presence_now = False
        self._presence_rose_ns = 0
        self._presence_fell_ns = 0
        self._presence_seen = 0
        self._presence_seen_ns = 0
        self._first_sign = 1.0
        self._boarded_trips = 0
        self._boarded_seen = 0
        self._passenger: bool | None = None
        self._load_percent: float | None = None
        self._button = False
        self._floor = 0.0
        self._beat: list[float] = []
        self._last_accel: float | None = None
        self._beats: deque[float] = deque(maxlen=BEATS_KEPT)

    # ---- what comes in

    def take_presence(self, t_ns: int, is_active: bool) -> None:
        """Take an edge or level of the presence sensor."""
        if is_active and not self._presence_now:
            self._presence_rose_ns = t_ns
        if not is_active and self._presence_now:
            self._presence_fell_ns = t_ns
        self._presence_now = is_active

    def take_controller(self, passenger: bool | None, load_percent: float | None) -> None:
        """Take the controller's passenger flag and load where it gives them."""
        if passenger is not None:
            self._passenger = passenger
        if load_percent is not None:
            self._load_percent = load_percent

    def take_button(self, is_active: bool) -> None:
        """The alarm button was pressed: somebody is inside."""
        self._button = self._button or is_active

    def take_frame(self, frame: Frame, motion: MotionState, door: DoorView) -> None:
        """Small movement of a standing car with closed doors, in beats of 2 s against this box's quietest beats."""
        change = 0.0 if self._last_accel is None else frame.accel_mps2 - self._last_accel
        self._last_accel = frame.accel_mps2
        standing_s = (frame.end_ns - motion.since_ns) / 1e9
        if motion.is_moving or door.state is DoorState.OPEN or standing_s < REST_SETTLE_S:
            self._beat.clear()
            return
        self._beat.append(change * change + 0.25 * frame.roughness_mps2 * frame.roughness_mps2)
        if len(self._beat) < BEAT_FRAMES:
            return
        energy = sum(self._beat) / BEAT_FRAMES
        self._beat.clear()
        if self._floor == 0.0:
            self._floor = max(energy, 1e-8)
        else:
            self._floor *= FLOOR_DOWN if energy < self._floor else FLOOR_UP
        self._beats.append(energy)

    def step(self, now_ns: int, motion: MotionState, door: DoorView) -> OccupancyView:
        """Follow door and motion to the end of a frame and return the view."""
        if self._first_ns == 0:
            self._first_ns = now_ns
        is_open = door.state is DoorState.OPEN
        if is_open:
            self._begin_period()
        elif self._was_open and not is_open:
            self._beats.clear()
        self._was_open = is_open
        if motion.is_moving and not self._is_in_trip:
            self._begin_trip(motion.since_ns, door)
        elif self._is_in_trip and not motion.is_moving:
            self._end_trip()
        self._is_in_trip = motion.is_moving
        self._watch_presence(now_ns, door)
        return OccupancyView(
            percent=self._percent(now_ns, motion, door),
            presence_seen=self._presence_seen > 0,
            stirs_count=self._stirs(),
            passenger_flag=self._passenger,
            button_pressed=self._button,
        )

    # ---- the closed-door period

    def _begin_period(self) -> None:
        self._prior = PRIOR_UNKNOWN
        self._presence_seen = 0
        self._button = False
        self._trips_since_open = 0

    def _begin_trip(self, start_ns: int, door: DoorView) -> None:
        self._beats.clear()
        wait_s = (start_ns - max(door.closed_at_ns, self._first_ns)) / 1e9
        if not door.is_witnessed or (door.closed_at_ns == 0 and wait_s < CALL_S):
            self._prior = PRIOR_UNKNOWN
            return
        self._trips_since_open += 1
        if self._trips_since_open > 1:
            return  # the door has not opened since the last trip: whoever was inside still is
        share = min(1.0, max(0.0, (wait_s - BOARD_S) / (CALL_S - BOARD_S)))
        self._prior = PRIOR_BOARDED + share * (PRIOR_CALLED - PRIOR_BOARDED)

    def _end_trip(self) -> None:
        if self._has_presence and self._prior >= PRIOR_BOARDED:
            self._boarded_trips += 1
            self._boarded_seen += self._presence_seen > 0

    def _watch_presence(self, now_ns: int, door: DoorView) -> None:
        """Count signs of presence since the doors closed, at most one in 5 s: a single one may be a glitch."""
        if door.state is DoorState.OPEN or door.state is DoorState.CLOSING:
            return
        if now_ns - self._presence_seen_ns < PRESENCE_AGAIN_NS:
            return
        closed = door.closed_at_ns
        has_risen = self._presence_rose_ns > max(closed + SETTLE_NS, self._presence_seen_ns)
        has_lasted = self._presence_now and now_ns - max(closed, self._presence_rose_ns) > HOLD_NS
        if has_risen or has_lasted:
            if self._presence_seen == 0:
                late_s = (now_ns - max(closed, self._first_ns)) / 1e9
                is_early = late_s < EARLY_S
                self._first_sign = RATIO_PRESENCE_EARLY if is_early else RATIO_PRESENCE / (1.0 + late_s / LATE_S)
                self._first_sign = max(RATIO_PRESENCE_LATE, self._first_sign)
            self._presence_seen += 1
            self._presence_seen_ns = now_ns

    def _stirs(self) -> int:
        """Beats of the last minute of standstill that stand out from the quietest ones."""
        limit = self._floor * RESTLESS_FACTOR * RESTLESS_FACTOR
        return sum(1 for energy in self._beats if energy > limit)

    def _percent(self, now_ns: int, motion: MotionState, door: DoorView) -> int:
        prior = self._prior
        odds = prior / (1.0 - prior)
        if not motion.is_moving and self._trips_since_open == 0 and door.is_witnessed:
            odds /= 1.0 + (now_ns - max(door.closed_at_ns, self._first_ns)) / 1e9 / IDLE_S
        ratio = self._ratio() * (1.0 if motion.is_moving else self._restless_ratio())
        if not self._is_presence_proven():
            ratio = max(ratio, RATIO_SILENCE_MIN)
        odds *= ratio
        return round(100.0 * odds / (1.0 + odds))

    def _is_presence_proven(self) -> bool:
        """The sensor fired in nearly every trip that looked boarded: its silence means something."""
        return self._boarded_trips >= PROOF_TRIPS and self._boarded_seen >= 0.9 * self._boarded_trips

    def _ratio(self) -> float:
        ratio = 1.0
        if self._has_presence:
            if self._presence_seen > 0:
                ratio *= min(self._first_sign * RATIO_PRESENCE_AGAIN ** (self._presence_seen - 1), RATIO_PRESENCE_MAX)
            else:
                ratio *= RATIO_NO_PRESENCE_PROVEN if self._is_presence_proven() else RATIO_NO_PRESENCE
        if self._passenger is not None:
            ratio *= RATIO_PASSENGER if self._passenger else RATIO_NO_PASSENGER
        if self._load_percent is not None and self._load_percent >= LOAD_PERCENT_MIN:
            ratio *= RATIO_LOAD
        if self._button:
            ratio *= RATIO_BUTTON
        return ratio

    def _restless_ratio(self) -> float:
        if len(self._beats) * BEAT_FRAMES * FRAME_S < 20.0:
            return 1.0
        return min(RATIO_RESTLESS_MAX, max(RATIO_STILL, exp(STIR_WEIGHT * (self._stirs() - STIR_OFFSET))))
