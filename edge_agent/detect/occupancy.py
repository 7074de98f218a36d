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

from math import exp

from edge_agent.alarms import DoorState
from edge_agent.detect.doors import DoorView
from edge_agent.detect.habit import BOARD_S, CALL_S, Habit, Leaving
from edge_agent.detect.motion_state import MotionState
from edge_agent.detect.signal import Frame
from edge_agent.detect.snapshot import snapshot
from edge_agent.detect.stirring import Stirring

ODDS_UNKNOWN = 1.0
IDLE_S = 2.5
"""The longer a car stands closed without leaving, the less likely somebody is inside (odds 1 : 1 + t / 2.5 s: 8 % after
30 s, 3 % after 90 s, 0.1 % after half an hour). Source: engineering judgement, tested against two independent
generators."""

SETTLE_NS = 1_500_000_000
HOLD_NS = 12_000_000_000
"""A motion sensor holds its output for seconds after the last movement, so its level just after the door has closed
may still be somebody who left. Source: common PIR modules hold 2 to 8 s (memory, unverified)."""

RATIO_PRESENCE = 6.0
RATIO_PRESENCE_LATE = 0.5
RATIO_PRESENCE_AGAIN = 8.0
LATE_S = 120.0
"""A single sign may be a glitch, or of somebody who just left; the later it comes, the rather: after a quarter of an
hour of silence the first says less than nothing, and one that comes twenty minutes after another adds nothing. People
who are shut in give more than one within a minute. Source: judgement, tested against two independent generators."""

RATIO_PRESENCE_MAX = 2000.0
PRESENCE_AGAIN_NS = 5_000_000_000
SILENCE_MIN = 0.06
SILENT_TRIPS = 1.0
SEEN_TRIPS = 3.0
"""What the silence of a presence sensor counts: the share of trips with people in which this one stayed silent, as if
it had been silent in one of four before anything was known. A dead sensor's silence counts nothing soon."""

RATIO_SILENCE_MIN = 0.15
RATIO_SILENCE_MIN_PROVEN = 0.08
"""A still passenger moves nothing and disappears from a motion sensor: both silences are one sign, not two. Source:
alarm catalogue row 1."""

RATIO_PASSENGER = 30.0
RATIO_NO_PASSENGER = 0.15
RATIO_LOAD = 12.0
RATIO_BUTTON = 200.0
LOAD_PERCENT_MIN = 4.0
PROOF_SHARE = 0.15
PROOF_TRIPS_KEPT = 400.0
REST_SETTLE_S = 4.0
"""A car rings after its stop, and a door that moves, or tries to, shakes it. Source: engineering judgement."""

IDLE_OPENING_NS = 10_000_000_000
"""A door that opens so long after the car came to rest opens for somebody new, not for those who came with it."""

SHUT_STAND_S = 30.0
RATIO_STOOD_SHUT = 1.0 / 3.0
"""A car that may have gone home empty, stood shut and silent for `SHUT_STAND_S` and left again as if all were well was
on its way to somebody. Those who boarded at a call are still believed inside: a controller may try elsewhere when a
door is jammed. Source: judgement; an empty car that is called and stops between landings (second generator,
`empty_stop` 423)."""

EMPTY_PERCENT_MAX = 10
EMPTY_STAND_S = 60.0


@snapshot
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
        self._leaving: dict[Leaving, float] | None = None  # how the car left, in shares; None: not seen
        self.habit = Habit()
        self.stirring = Stirring()
        self._has_brought_people = False
        self._is_no_parking = False
        self._has_stood_shut = False
        self._shut_stands: list[Leaving] = []  # of this period: they become a habit when it has ended well
        self._left_open_ns = 0
        self._arrived_ns = 0
        self._is_in_trip = False
        self._was_open = False
        self._trips_since_open = 0
        self._first_ns = 0
        self._presence_now = False
        self._presence_rose_ns = 0
        self._presence_seen = 0
        self._presence_seen_ns = 0
        self._signs = 1.0
        self._boarded_trips = 0.0
        self._boarded_silent = 0.0
        self._passenger: bool | None = None
        self._load_percent: float | None = None
        self._button = False
        self._percent_last = 50
        self._last_accel: float | None = None

    # ---- what is learned

    def proof(self) -> tuple[float, float]:
        """Trips with people in which the presence sensor could prove itself, and those in which it stayed silent."""
        return self._boarded_trips, self._boarded_silent

    def recall_proof(self, boarded_trips: float, boarded_silent: float) -> None:
        """Take up what an earlier run has learned; zeros: forget."""
        self._boarded_trips, self._boarded_silent = boarded_trips, boarded_silent

    # ---- what comes in

    def take_presence(self, t_ns: int, is_active: bool) -> None:
        """Take an edge or level of the presence sensor."""
        if is_active and not self._presence_now:
            self._presence_rose_ns = t_ns
        self._presence_now = is_active

    def take_controller(self, passenger: bool | None, load_percent: float | None) -> None:
        """Take the controller's passenger flag and load; None: it gives none, or is not believed."""
        self._passenger, self._load_percent = passenger, load_percent

    def take_button(self, is_active: bool) -> None:
        """The alarm button was pressed: somebody is inside."""
        self._button = self._button or is_active

    def take_frame(self, frame: Frame, motion: MotionState, door: DoorView) -> None:
        """Small movement of a standing car with closed doors."""
        change = 0.0 if self._last_accel is None else frame.accel_mps2 - self._last_accel
        self._last_accel = frame.accel_mps2
        standing_s = (frame.end_ns - max(motion.since_ns, door.since_ns)) / 1e9
        if motion.is_moving or door.state is DoorState.OPEN or standing_s < REST_SETTLE_S:
            self.stirring.pause()
            return
        is_surely_empty = self._percent_last < EMPTY_PERCENT_MAX and standing_s > EMPTY_STAND_S
        self.stirring.take(change, frame.roughness_mps2, is_surely_empty=is_surely_empty)

    def step(
        self, now_ns: int, motion: MotionState, door: DoorView, *, is_abnormal: bool, has_door_failed: bool = False
    ) -> OccupancyView:
        """Follow door and motion to the end of a frame and return the view.

        is_abnormal: the car stands where or as no empty car stops by itself (outside every door zone, by the brake);
        what the lift is used to do with its empty car explains nothing then. has_door_failed: its door has tried to
        open and could not; this is not how an empty car goes home either, so others have boarded where people left.
        """
        is_abnormal = is_abnormal or has_door_failed
        self._is_no_parking = has_door_failed
        if self._first_ns == 0:
            self._first_ns = now_ns
        is_open = door.state is DoorState.OPEN
        if is_open and not self._was_open:
            self._end_stand(now_ns, is_abnormal=is_abnormal, has_opened=True)
            self._begin_period(now_ns)
        elif self._was_open and not is_open:
            self.stirring.restart()
            self._left_open_ns = now_ns
        self._was_open = is_open
        if motion.is_moving and not self._is_in_trip:
            self._end_stand(motion.since_ns, is_abnormal=is_abnormal, has_opened=False)
            self._begin_trip(motion.since_ns, door)
        elif self._is_in_trip and not motion.is_moving:
            self._arrived_ns = motion.since_ns
        self._is_in_trip = motion.is_moving
        if not is_open:
            self._watch_presence(now_ns, door)
        self._percent_last = self._percent(now_ns, motion, door, is_abnormal=is_abnormal)
        return OccupancyView(
            percent=self._percent_last,
            presence_seen=self._presence_seen > 0,
            stirs_count=self.stirring.count,
            passenger_flag=self._passenger,
            button_pressed=self._button,
        )

    # ---- the closed-door period

    def _begin_period(self, now_ns: int) -> None:
        if self._trips_since_open > 0:
            left_at_once = self._leaving is None or self._leaving[Leaving.AFTER_PAUSE] < 0.5
            is_upon_arrival = now_ns - self._arrived_ns < IDLE_OPENING_NS
            self._has_brought_people = left_at_once and is_upon_arrival and not self._has_stood_shut
        elif now_ns - self._left_open_ns > IDLE_OPENING_NS:
            self._has_brought_people = False
        for leaving in self._shut_stands:
            self.habit.stayed_shut(leaving)
        self._shut_stands.clear()
        self._leaving = None
        self._has_stood_shut = False
        self._presence_seen = 0
        self._button = False
        self._trips_since_open = 0

    def _begin_trip(self, start_ns: int, door: DoorView) -> None:
        self.stirring.restart()
        self._trips_since_open += 1
        wait_s = (start_ns - max(door.closed_at_ns, self._first_ns)) / 1e9
        if not door.is_witnessed or (door.closed_at_ns == 0 and wait_s < CALL_S):
            self._leaving = None
            return
        if self._trips_since_open > 1:
            return  # the door has not opened since the last trip: whoever was inside still is
        share = min(1.0, max(0.0, (wait_s - BOARD_S) / (CALL_S - BOARD_S)))
        at_once = Leaving.AFTER_RIDE if self._has_brought_people else Leaving.AFTER_CALL
        self._leaving = {at_once: 1.0 - share, Leaving.AFTER_PAUSE: share}

    def _prove_presence(self) -> None:
        """People were carried as usual: did the sensor see them?"""
        if self._boarded_trips >= PROOF_TRIPS_KEPT:
            self._boarded_trips *= 0.5
            self._boarded_silent *= 0.5
        self._boarded_trips += 1.0
        self._boarded_silent += self._presence_seen == 0

    def _end_stand(self, now_ns: int, *, is_abnormal: bool, has_opened: bool) -> None:
        """A standstill with shut door after a trip ends: is it a habit of this lift?"""
        if self._leaving is None or self._trips_since_open == 0 or self._is_in_trip or is_abnormal:
            return
        leaving, _ = max(self._leaving.items(), key=lambda each: each[1])
        stood_s = (now_ns - self._arrived_ns) / 1e9
        is_first = self._trips_since_open == 1
        if stood_s < SHUT_STAND_S:
            if has_opened and is_first:
                self.habit.arrival_opened(leaving)
                if self._has_presence and self._leaving.get(Leaving.AFTER_CALL) == 1.0:
                    self._prove_presence()
        elif not self._has_signs():
            self._has_stood_shut = True
            if is_first:
                self._shut_stands.append(leaving)

    def _has_signs(self) -> bool:
        """Something says that people are inside."""
        return self._presence_seen > 1 or self._button or self._passenger is True or self.stirring.ratio > 3.0

    def _watch_presence(self, now_ns: int, door: DoorView) -> None:
        """Count signs of presence since the doors closed, at most one in 5 s: a single one may be a glitch."""
        if door.state is DoorState.CLOSING:
            return
        if now_ns - self._presence_seen_ns < PRESENCE_AGAIN_NS:
            return
        closed = door.closed_at_ns
        has_risen = self._presence_rose_ns > max(closed + SETTLE_NS, self._presence_seen_ns)
        has_lasted = self._presence_now and now_ns - max(closed, self._presence_rose_ns) > HOLD_NS
        if has_risen or has_lasted:
            if self._presence_seen == 0:
                late_s = (now_ns - max(closed, self._first_ns)) / 1e9
                self._signs = max(RATIO_PRESENCE_LATE, RATIO_PRESENCE / (1.0 + late_s / LATE_S))
            else:
                late_s = (now_ns - self._presence_seen_ns) / 1e9
                self._signs *= max(1.0, RATIO_PRESENCE_AGAIN / (1.0 + late_s / LATE_S))
            self._signs = min(self._signs, RATIO_PRESENCE_MAX)
            self._presence_seen += 1
            self._presence_seen_ns = now_ns

    def _percent(self, now_ns: int, motion: MotionState, door: DoorView, *, is_abnormal: bool) -> int:
        odds = self._odds_of_leaving(is_abnormal=is_abnormal)
        if self._has_stood_shut and self._leaving is not None:
            odds *= float(RATIO_STOOD_SHUT ** self._leaving.get(Leaving.AFTER_RIDE, 0.0))
        if not motion.is_moving and self._trips_since_open == 0 and door.is_witnessed:
            odds /= 1.0 + (now_ns - max(door.closed_at_ns, self._first_ns)) / 1e9 / IDLE_S
        is_proven = self._silence() <= PROOF_SHARE and not is_abnormal
        silence_min = RATIO_SILENCE_MIN_PROVEN if is_proven else RATIO_SILENCE_MIN
        odds *= max(silence_min, self._ratio() * (1.0 if motion.is_moving else self.stirring.ratio))
        return round(100.0 * odds / (1.0 + odds))

    def _odds_of_leaving(self, *, is_abnormal: bool) -> float:
        if self._leaving is None:
            return ODDS_UNKNOWN
        if is_abnormal:
            after_ride = Leaving.AFTER_CALL if self._is_no_parking else Leaving.AFTER_RIDE
            prior = sum(
                share * (after_ride if leaving is Leaving.AFTER_RIDE else leaving).value
                for leaving, share in self._leaving.items()
            )
            return prior / (1.0 - prior)
        return exp(sum(share * self.habit.log_odds[leaving] for leaving, share in self._leaving.items()))

    def _silence(self) -> float:
        """What the silence of the presence sensor counts on this lift."""
        share = (self._boarded_silent + SILENT_TRIPS) / (self._boarded_trips + SILENT_TRIPS + SEEN_TRIPS)
        return max(SILENCE_MIN, share)

    def _ratio(self) -> float:
        ratio = 1.0
        if self._has_presence:
            ratio *= self._signs if self._presence_seen > 0 else self._silence()
        if self._passenger is not None:
            ratio *= RATIO_PASSENGER if self._passenger else RATIO_NO_PASSENGER
        if self._load_percent is not None and self._load_percent >= LOAD_PERCENT_MIN:
            ratio *= RATIO_LOAD
        if self._button:
            ratio *= RATIO_BUTTON
        return ratio
