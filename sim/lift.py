"""The truth of one lift over the time of a story: where the car is, what its door does, who is inside, what fails.

`Lift` is told one command after the other; each begins where the last ended (`now_s`) and lays its effect into tracks
that can be sampled at any moment up to then. Nothing here knows a sensor, a clock or a file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_agent.readings import ControllerDoor, Direction, Mode, Registration, SimState
from sim.motion import SHORTEST_M, Arc, MotionTrack, Style, brake_arcs, trip_arcs
from sim.shakes import Shake, ShakeTrack
from sim.spec import LiftSpec, inspection_style
from sim.tracks import DoorTrack, SlopeTrack, StepTrack
from sim.words import (
    FAULT_DOOR_CLOSE,
    FAULT_DOOR_OPEN,
    FAULT_DRIVE,
    FAULT_SAFETY_CIRCUIT,
    Behaviour,
    BoxUp,
    Side,
    StopCause,
    StoryError,
    SupplyGives,
    TripTruth,
)

_RELEVEL_FROM_M = 0.012
"""Source: re-level to +-10 mm when loading has moved the car beyond it (field/standards section 4)."""

_RELEVEL_STYLE = Style(0.05, 0.15, 1.0, 0.15, 1.0, 0.0, 0.0, 0.15, 1.0)
"""Source: NICE3000+ F3-10 0.020-0.080 m/s (field/standards section 4)."""


class Lift:
    """State machine of one lift; holds the tracks of everything that can be sensed."""

    def __init__(self, spec: LiftSpec, rng: np.random.Generator, start_landing: int = 0) -> None:
        self.spec = spec
        self.rng = rng
        self.now_s = 0.0
        self.motion = MotionTrack(spec.landing_heights_m[start_landing])
        self.door = DoorTrack()
        self.rear_door = DoorTrack()  # a car without one never opens it
        self.level_offset_m = 0.0  # how far above its landings the lift stops, beyond chance
        self.shakes = ShakeTrack()
        self.occupants: StepTrack[int] = StepTrack(0)
        self.behaviour: StepTrack[Behaviour] = StepTrack(Behaviour.CALM)
        self.mode: StepTrack[Mode] = StepTrack(Mode.NORMAL)
        self.fault: StepTrack[int] = StepTrack(0)
        self.safety_circuit_closed: StepTrack[bool] = StepTrack(True)
        self.controller_is_on: StepTrack[bool] = StepTrack(True)
        self.controller_door: StepTrack[ControllerDoor] = StepTrack(ControllerDoor.CLOSED)
        self.mains: StepTrack[bool] = StepTrack(True)
        self.alarm_button: StepTrack[bool] = StepTrack(False)
        self.box_tilt_deg: StepTrack[float] = StepTrack(0.0)
        self.box_lies: StepTrack[BoxUp] = StepTrack(BoxUp.MOUNTED)
        self.rail_roughness: StepTrack[float] = StepTrack(1.0)
        self.gust_hpa: StepTrack[float] = StepTrack(0.0)
        self.air_hpa = SlopeTrack(0.0)  # ventilation and landing doors, on top of the weather
        self.warmth_degc = SlopeTrack(0.0)  # of the box, against the day it was calibrated
        self.box_supply: StepTrack[SupplyGives] = StepTrack(SupplyGives.ENOUGH)
        self.battery_is_fitted: StepTrack[bool] = StepTrack(True)
        self.battery_lasts_s: StepTrack[float | None] = StepTrack(None)  # None: as drawn
        self.sim_card: StepTrack[SimState] = StepTrack(SimState.READY)
        self.registration: StepTrack[Registration] = StepTrack(Registration.HOME)
        self.signal_weaker_db: StepTrack[float] = StepTrack(0.0)
        self.trips: list[TripTruth] = []

    @property
    def height_m(self) -> float:
        """Height of the car now."""
        return self.motion.state(self.now_s)[0]

    @property
    def people(self) -> int:
        """People inside now."""
        return self.occupants.at(self.now_s)

    def height_of(self, landing: float) -> float:
        """Height of a landing; 4.5 lies halfway between landings 4 and 5."""
        heights_m = self.spec.landing_heights_m
        if not 0 <= landing <= len(heights_m) - 1:
            raise StoryError(f"there is no landing {landing:g}: this lift has landings 0 to {len(heights_m) - 1}")
        return float(np.interp(landing, np.arange(len(heights_m)), heights_m))

    def nearest_landing(self, height_m: float) -> int:
        """Index of the landing nearest to a height."""
        return int(np.argmin(np.abs(np.asarray(self.spec.landing_heights_m) - height_m)))

    def is_in_door_zone(self, height_m: float) -> bool:
        """Whether a car at this height stands in the door zone of a landing."""
        landing_m = self.spec.landing_heights_m[self.nearest_landing(height_m)]
        return abs(height_m - landing_m) <= self.spec.zone_half_m

    def wait(self, duration_s: float) -> None:
        """Let time pass."""
        self.now_s += duration_s

    def shake(self, t_s: float, peak_mps2: tuple[float, float, float], hz: float, decay_per_s: float) -> None:
        """Shake the car."""
        self.shakes.add(Shake(t_s, peak_mps2, hz, decay_per_s))

    # ---- travel

    def travel(
        self,
        to_landing: int,
        *,
        stop: StopCause | None = None,
        stop_landing: float | None = None,
        pace: float = 1.0,
    ) -> None:
        """Travel with the door as it is; `stop` ends the trip early at `stop_landing` (4.5: halfway from 4 to 5).

        pace: top speed of this trip over that of a normal one.
        """
        target_m = self.height_of(to_landing) + self._level_error_m() + self.level_offset_m
        style = replace(self.spec.style, speed_mps=self.spec.style.speed_mps * pace)
        start_s, start_m = self.now_s, self.height_m
        if abs(target_m - start_m) < 0.05:
            raise StoryError(f"the car is at landing {to_landing} already")
        sign = 1.0 if target_m > start_m else -1.0
        end_s = self.motion.lay(start_s, trip_arcs(abs(target_m - start_m), style), sign)
        if stop is not None:
            if stop_landing is None:
                raise StoryError("a trip that stops early needs the place where it stops")
            end_s = self._stop_early(stop, self.height_of(stop_landing), sign, start_s, end_s)
        else:
            self._jerk_shakes(start_s, end_s)
        self._note_trip(start_s, end_s, sign, start_m, ended_at_landing=stop is None)
        self.now_s = end_s

    def creep_to(self, to_landing: int | None) -> None:
        """Bring the car to a landing (default: the nearest) at rescue speed: self-recovery of the controller."""
        self._move_slowly(self.spec.landing_heights_m[self._or_nearest(to_landing)], self.spec.rescue)

    def wind_by_hand(self, to_landing: int | None) -> None:
        """A technician releases the brake in short pulls until the car is level."""
        target_m = self.spec.landing_heights_m[self._or_nearest(to_landing)]
        while abs(target_m - self.height_m) > 0.01:
            left_m = target_m - self.height_m
            pull_m = min(abs(left_m), float(self.rng.uniform(0.25, 0.7)))
            self._move_slowly(self.height_m + (pull_m if left_m > 0 else -pull_m), inspection_style(0.25))
            self.now_s += float(self.rng.uniform(0.4, 1.2))

    def inspect(self, to_landing: float, speed_mps: float) -> None:
        """Move under a technician's button to any height."""
        self._move_slowly(self.height_of(to_landing), inspection_style(speed_mps))

    def relevel(self, offset_m: float = 0.0) -> None:
        """Correct to `offset_m` above the nearest landing, at re-levelling speed."""
        target_m = self.spec.landing_heights_m[self.nearest_landing(self.height_m)] + offset_m
        if abs(target_m - self.height_m) > 0.0005:
            self._shift(target_m - self.height_m, _RELEVEL_STYLE)

    def sink(self, distance_m: float, duration_s: float) -> None:
        """Sink slowly: leakage of a hydraulic lift, ropes stretching."""
        self.now_s = self.motion.lay(self.now_s, (Arc(duration_s, 0.0, 0.0),), -1.0, distance_m / duration_s)

    def _or_nearest(self, landing: int | None) -> int:
        if landing is None:
            return self.nearest_landing(self.height_m)
        self.height_of(landing)
        return landing

    def _move_slowly(self, target_m: float, style: Style) -> None:
        start_s, start_m = self.now_s, self.height_m
        if abs(target_m - start_m) < 0.002:
            return
        sign = 1.0 if target_m > start_m else -1.0
        self.now_s = self.motion.lay(start_s, trip_arcs(abs(target_m - start_m), style), sign)
        self._jerk_shakes(start_s, self.now_s)
        at_landing = abs(target_m - self.spec.landing_heights_m[self.nearest_landing(target_m)]) < 0.02
        self._note_trip(start_s, self.now_s, sign, start_m, ended_at_landing=at_landing)

    def drift(self, by_m: float, speed_mps: float, accel_mps2: float) -> None:
        """Move from rest by so much (up positive) and stop, whatever the door does: brake slips, valve leaks."""
        self._shift(by_m, Style(speed_mps, accel_mps2, 2.0, accel_mps2, 2.0, 0.0, 0.0, accel_mps2, 2.0))

    def _shift(self, distance_m: float, style: Style) -> None:
        if abs(distance_m) < SHORTEST_M:
            return
        sign = 1.0 if distance_m > 0 else -1.0
        self.now_s = self.motion.lay(self.now_s, trip_arcs(abs(distance_m), style), sign)

    def _level_error_m(self) -> float:
        return float(np.clip(self.rng.normal(0.0, self.spec.body.level_error_m_sd), -0.012, 0.012))

    def _stop_early(self, cause: StopCause, place_m: float, sign: float, start_s: float, end_s: float) -> float:
        """Cut the trip so that it ends at `place_m`; returns when the car stands."""
        low_s, high_s = start_s, end_s
        for _ in range(40):  # halve the time at which the stop begins until the car ends where the story says
            middle_s = (low_s + high_s) / 2
            height_m, speed_mps, accel_mps2 = self.motion.state(middle_s)
            reached_m, speed = height_m, abs(speed_mps)
            for arc in self._stop_arcs(cause, speed, accel_mps2 * sign):
                reached_m += sign * arc.gained_m(speed)
                speed += arc.gained_mps()
            if (reached_m - place_m) * sign < 0.0:
                low_s = middle_s
            else:
                high_s = middle_s
        _, speed_mps, accel_mps2 = self.motion.cut(low_s)
        arcs = self._stop_arcs(cause, abs(speed_mps), accel_mps2 * sign)
        stop_s = self.motion.lay(low_s, arcs, sign, abs(speed_mps))
        if abs(self.motion.state(stop_s)[0] - place_m) > 0.1:
            raise StoryError("the car cannot stop at that place on this trip")
        self._jerk_shakes(start_s, low_s)
        self._stop_effects(cause, low_s, stop_s, sign)
        return stop_s

    def _stop_arcs(self, cause: StopCause, speed_mps: float, accel_mps2: float) -> tuple[Arc, ...]:
        spec = self.spec
        match cause:
            case StopCause.SAFETY_GEAR:
                return brake_arcs(speed_mps, accel_mps2, 0.0, spec.gear_mps2, 300.0)
            case StopCause.SOFT:
                return brake_arcs(speed_mps, accel_mps2, 0.1, spec.style.slow_mps2, min(2.0, spec.style.slow_mps3))
            case StopCause.BRAKE | StopCause.SAFETY_CIRCUIT | StopCause.POWER_CUT:
                return brake_arcs(speed_mps, accel_mps2, spec.brake_delay_s, spec.brake_mps2, spec.brake_mps3)

    def _stop_effects(self, cause: StopCause, cut_s: float, stop_s: float, sign: float) -> None:
        body = self.spec.body
        if cause is not StopCause.SOFT:
            peak_mps2 = self.spec.gear_mps2 if cause is StopCause.SAFETY_GEAR else self.spec.brake_mps2
            lateral = float(self.rng.uniform(0.05, 0.3)) * peak_mps2
            self.shake(stop_s, (lateral, lateral, sign * 0.5 * peak_mps2), body.bounce_hz, body.bounce_decay_per_s)
        if cause is StopCause.SAFETY_GEAR:
            for _ in range(4):
                at_s = float(self.rng.uniform(cut_s, stop_s))
                self.shake(at_s, (1.5, 1.5, float(self.rng.uniform(2.0, 6.0))), float(self.rng.uniform(12, 30)), 20.0)
        match cause:
            case StopCause.SAFETY_CIRCUIT | StopCause.SAFETY_GEAR:
                self.safety_circuit_closed.set(cut_s, False)
                self.fault.set(min(cut_s + 0.3, stop_s), FAULT_SAFETY_CIRCUIT)
            case StopCause.POWER_CUT:
                self.mains.set(cut_s, False)
                self.controller_is_on.set(cut_s, False)
            case StopCause.BRAKE | StopCause.SOFT:
                self.fault.set(min(cut_s + 0.3, stop_s), FAULT_DRIVE)

    def _jerk_shakes(self, start_s: float, end_s: float) -> None:
        """The car bounces on its ropes where jerk steps: about jerk step over angular frequency."""
        body, style = self.spec.body, self.spec.style
        size = float(self.rng.uniform(0.3, 1.0)) / (2 * np.pi * body.bounce_hz)
        for t_s, jerk_mps3 in ((start_s, style.start_mps3), (end_s, -style.stop_mps3)):
            peak = float(np.clip(jerk_mps3 * size, -0.6, 0.6))
            self.shake(t_s, (0.1 * peak, 0.1 * peak, peak), body.bounce_hz, body.bounce_decay_per_s)

    def _note_trip(self, start_s: float, end_s: float, sign: float, start_m: float, *, ended_at_landing: bool) -> None:
        times_s = np.linspace(start_s, end_s, 400)
        _, speeds_mps, _ = self.motion.sample(times_s)
        distance_m = abs(self.motion.state(end_s)[0] - start_m)
        direction = Direction.UP if sign > 0 else Direction.DOWN
        top_mps = float(np.max(np.abs(speeds_mps)))
        self.trips.append(TripTruth(start_s, end_s, direction, distance_m, top_mps, ended_at_landing))

    # ---- door

    def door_at(self, side: Side) -> DoorTrack:
        """The car door on one side."""
        return self.door if side is Side.FRONT else self.rear_door

    def open_door(
        self, *, reaches: float = 1.0, tries: int = 1, hand_s: float | None = None, side: Side = Side.FRONT
    ) -> None:
        """Open; with `reaches` < 1 the leaf sticks there, and after the last try the controller reports a fault."""
        door, leaf = self.spec.door, self.door_at(side)
        travel_s = door.open_s if hand_s is None else hand_s
        for attempt in range(tries):
            if hand_s is None:
                self.controller_door.set(self.now_s, ControllerDoor.OPENING)
            if reaches > 0.0:
                part_s = travel_s * float(self.rng.uniform(0.95, 1.05)) * max(0.1, reaches)
                self.now_s = leaf.move(self.now_s, part_s, reaches)
                self._door_end_shake()
            if reaches >= 0.999:
                self.controller_door.set(self.now_s, ControllerDoor.OPEN)
                return
            self.now_s += 2.0 * door.open_s
            if attempt < tries - 1 and reaches > 0.0:
                self.now_s = leaf.move(self.now_s, door.close_s * reaches, 0.0)
                self.now_s += 1.0
        self.fault.set(self.now_s, FAULT_DOOR_OPEN)
        self.controller_door.set(self.now_s, ControllerDoor.FAULT)

    def close_door(
        self,
        *,
        obstructed_times: int = 0,
        obstructed_at: float = 0.4,
        jams_at: float | None = None,
        side: Side = Side.FRONT,
    ) -> None:
        """Close; each obstruction lets it reopen, a jam leaves it standing there with a fault."""
        door, leaf = self.spec.door, self.door_at(side)
        for _ in range(obstructed_times):
            self.controller_door.set(self.now_s, ControllerDoor.CLOSING)
            at = float(np.clip(obstructed_at + self.rng.normal(0.0, 0.05), 0.06, 0.9))
            self.now_s = leaf.move(self.now_s, door.close_s * (1.0 - at), at)
            self._person_shake(self.now_s, 0.15)
            self.now_s += door.reopen_delay_s
            self.controller_door.set(self.now_s, ControllerDoor.OPENING)
            self.now_s = leaf.move(self.now_s, door.open_s * (1.0 - at), 1.0)
            self._door_end_shake()
            self.controller_door.set(self.now_s, ControllerDoor.OPEN)
            self.now_s += float(self.rng.uniform(1.0, 2.5))
        self.controller_door.set(self.now_s, ControllerDoor.CLOSING)
        end = 0.0 if jams_at is None else jams_at
        begin = leaf.opening(self.now_s)
        if begin > end:
            self.now_s = leaf.move(self.now_s, door.close_s * (begin - end), end)
            self._door_end_shake()
        if jams_at is None:
            self.controller_door.set(self.now_s, ControllerDoor.CLOSED)
        else:
            self.now_s += 5.0
            self.fault.set(self.now_s, FAULT_DOOR_CLOSE)
            self.controller_door.set(self.now_s, ControllerDoor.FAULT)

    def burst_door(self, at_s: float, to_open: float, hold_s: float) -> None:
        """The door comes open by itself at `at_s` and falls shut again, whatever the car does meanwhile."""
        end_s = self.door.move(at_s, 0.3, to_open)
        self.now_s = max(self.now_s, self.door.move(end_s + hold_s, 0.4, 0.0))

    def _door_end_shake(self) -> None:
        peak = self.spec.door.end_shake_mps2 * float(self.rng.uniform(0.6, 1.4))
        self.shake(self.now_s, (peak, 0.3 * peak, 0.2 * peak), float(self.rng.uniform(8, 20)), 15.0)

    # ---- people

    def enter(self, count: int) -> None:
        """Let people in one after the other."""
        self._need_open_door("enter")
        for _ in range(count):
            self._walk()
            self.occupants.set(self.now_s, self.people + 1)
            self._settle(-self.spec.body.sag_m_per_person)

    def leave(self, count: int | None = None) -> None:
        """Let people out (default: all)."""
        self._need_open_door("leave")
        count = self.people if count is None else count
        if count > self.people:
            raise StoryError(f"{count} people cannot leave: there are {self.people} inside")
        for _ in range(count):
            self._walk()
            self.occupants.set(self.now_s, self.people - 1)
            self._settle(self.spec.body.sag_m_per_person)

    def roll_goods(self, duration_s: float) -> None:
        """Trolleys rolled in and out: heavy knocks with the door open."""
        self._need_open_door("goods be loaded")
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            peak = float(self.rng.uniform(0.2, 1.5))
            self.shake(self.now_s, (0.5 * peak, peak, peak), float(self.rng.uniform(4, 15)), 8.0)
            self.now_s += float(self.rng.uniform(0.5, 6.0))

    def knock_box(self, tilt_deg: float) -> None:
        """Somebody hits the box itself; it may stay tilted."""
        for _ in range(int(self.rng.integers(1, 4))):
            peak = float(self.rng.uniform(4.0, 25.0))
            self.shake(self.now_s, (peak, 0.7 * peak, 0.5 * peak), float(self.rng.uniform(25, 60)), 60.0)
            self.now_s += float(self.rng.uniform(0.05, 0.4))
        self.box_tilt_deg.set(self.now_s, self.box_tilt_deg.at(self.now_s) + tilt_deg)

    def _need_open_door(self, what: str) -> None:
        if max(self.door.opening(self.now_s), self.rear_door.opening(self.now_s)) < 0.6:
            raise StoryError(f"nobody can {what}: the car door is not open")

    def _walk(self) -> None:
        for _ in range(int(self.rng.integers(2, 5))):
            self._person_shake(self.now_s, 0.12)
            self.now_s += float(self.rng.uniform(0.3, 0.6))

    def _person_shake(self, t_s: float, size_mps2: float) -> None:
        peak = size_mps2 * float(self.rng.lognormal(0.0, 0.5)) * 1000.0 / self.spec.body.mass_kg
        hz = float(self.rng.uniform(4.0, 10.0))
        self.shake(t_s, (0.4 * peak, 0.4 * peak, peak), hz, float(self.rng.uniform(6.0, 14.0)))

    def _settle(self, offset_m: float) -> None:
        """The car gives way under a load and is re-levelled when it went too far."""
        self._shift(offset_m, Style(0.02, 0.05, 0.4, 0.05, 0.4, 0.0, 0.0, 0.05, 0.4))
        landing_m = self.spec.landing_heights_m[self.nearest_landing(self.height_m)]
        if _RELEVEL_FROM_M < abs(self.height_m - landing_m) < 0.05:
            self.relevel()
