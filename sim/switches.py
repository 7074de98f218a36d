"""Two-state lines of a simulated lift: door switches that bounce, door zone, button, mains, forgetful presence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from edge_agent.readings import Mode, Signal, SignalEdge
from sim.box import BoxSpec
from sim.lift import Lift
from sim.motion import FloatArray
from sim.shakes import Shake

_GRID_S = 0.001


class Switches:
    """Edges of all wired lines, stretch by stretch: first levels, changes with bounce, and the periodic level read."""

    def __init__(self, lift: Lift, box: BoxSpec, rng: np.random.Generator, start_ns: int) -> None:
        self._lift = lift
        self._box = box
        self._rng = rng
        self._start_ns = start_ns
        self._levels: dict[Signal, bool] = {}
        self._next_repeat_s = 0.0
        self._presence = _Presence(lift, box, rng)

    def edges(self, start_s: float, end_s: float, moves: Iterable[Shake]) -> list[SignalEdge]:
        """Edges in [start_s, end_s), in order of time."""
        found: list[tuple[float, Signal, bool]] = []
        for signal in sorted(self._box.signals, key=lambda each: each.value):
            for t_s, level in self._changes(signal, start_s, end_s, moves):
                found.extend(self._bounced(t_s, signal, level))
                self._levels[signal] = level
        found.extend(self._repeats(start_s, end_s, found))
        found.sort(key=lambda edge: edge[0])
        return [SignalEdge(self._start_ns + round(t_s * 1e9), signal, level) for t_s, signal, level in found]

    def _changes(
        self, signal: Signal, start_s: float, end_s: float, moves: Iterable[Shake]
    ) -> Iterator[tuple[float, bool]]:
        lift, contact = self._lift, self._box.contact
        match signal:
            case Signal.PRESENCE:
                yield from self._presence.changes(start_s, end_s, moves)
            case Signal.DOOR_CLOSED | Signal.DOOR_OPEN | Signal.DOOR_CLOSED_REAR | Signal.DOOR_OPEN_REAR:
                leaf = lift.door if signal in (Signal.DOOR_CLOSED, Signal.DOOR_OPEN) else lift.rear_door
                if signal in self._levels and not leaf.is_moving_within(start_s - _GRID_S, end_s):
                    return
                times_s = np.arange(start_s, end_s, _GRID_S)
                opening = leaf.sample(times_s)
                is_closed = signal in (Signal.DOOR_CLOSED, Signal.DOOR_CLOSED_REAR)
                levels = opening < contact.closed_below if is_closed else opening > contact.open_above
                yield from self._switched(signal, times_s, levels)
            case Signal.DOOR_ZONE:
                times_s = np.arange(start_s, end_s, 10 * _GRID_S)
                height, _, _ = lift.motion.sample(times_s)
                landings = np.asarray(lift.spec.landing_heights_m)
                levels = np.min(np.abs(height[:, None] - landings), axis=1) <= lift.spec.zone_half_m
                yield from self._switched(signal, times_s, levels)
            case Signal.ALARM_BUTTON:
                yield from self._stepped(signal, start_s, lift.alarm_button.at(start_s))
                yield from lift.alarm_button.changes(start_s, end_s)
            case Signal.MAINS:
                yield from self._stepped(signal, start_s, lift.mains.at(start_s))
                yield from lift.mains.changes(start_s, end_s)
            case Signal.INSPECTION:
                yield from self._stepped(signal, start_s, lift.mode.at(start_s) is Mode.INSPECTION)
                for t_s, mode in lift.mode.changes(start_s, end_s):
                    yield t_s, mode is Mode.INSPECTION
            case Signal.LIGHT_CURTAIN | Signal.LIGHT_CURTAIN_REAR:
                raise ValueError(f"the simulated lift has no {signal.value}")

    def _stepped(self, signal: Signal, t_s: float, level: bool) -> Iterator[tuple[float, bool]]:
        if signal not in self._levels:
            yield t_s, level

    def _switched(
        self, signal: Signal, times_s: FloatArray, levels: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[float, bool]]:
        before = self._levels.get(signal)
        if before is None:
            before = bool(levels[0])
            yield float(times_s[0]), before
        changed = np.flatnonzero(np.diff(levels.astype(np.int8), prepend=np.int8(before)))
        for index in changed:
            yield float(times_s[index]), bool(levels[index])

    def _bounced(self, t_s: float, signal: Signal, level: bool) -> Iterator[tuple[float, Signal, bool]]:
        yield t_s, signal, level
        bounce_s = self._box.contact.bounce_s
        if signal is Signal.PRESENCE or signal not in self._levels or bounce_s < 0.001:
            return
        times = sorted(float(t) for t in self._rng.uniform(0.0003, bounce_s, 2 * int(self._rng.integers(0, 4))))
        for number, after_s in enumerate(times):
            yield t_s + after_s, signal, level if number % 2 else not level

    def _repeats(
        self, start_s: float, end_s: float, found: list[tuple[float, Signal, bool]]
    ) -> list[tuple[float, Signal, bool]]:
        """The level read: what each line that was quiet in this stretch is, said again."""
        if not start_s <= self._next_repeat_s < end_s:
            return []
        t_s = self._next_repeat_s
        self._next_repeat_s += self._box.contact.repeat_s
        busy = {signal for _, signal, _ in found}
        return [(t_s, signal, level) for signal, level in self._levels.items() if signal not in busy]


class _Presence:
    """Woken by moves, walking and sometimes by the door; falls asleep `hold_s` after the last of them."""

    def __init__(self, lift: Lift, box: BoxSpec, rng: np.random.Generator) -> None:
        self._lift = lift
        self._spec = box.presence
        self._rng = rng
        self._until_s: float | None = None
        self._is_known = False

    def changes(self, start_s: float, end_s: float, moves: Iterable[Shake]) -> Iterator[tuple[float, bool]]:
        if not self._is_known:
            self._is_known = True
            yield start_s, False
        for wake_s in self._wakes(start_s, end_s, moves):
            if self._until_s is not None and self._until_s <= wake_s:
                yield self._until_s, False
                self._until_s = None
            if self._until_s is None:
                yield wake_s, True
            self._until_s = wake_s + self._spec.hold_s
        if self._until_s is not None and self._until_s < end_s:
            yield self._until_s, False
            self._until_s = None

    def _wakes(self, start_s: float, end_s: float, moves: Iterable[Shake]) -> list[float]:
        seen = [
            move.start_s
            for move in moves
            if start_s <= move.start_s < end_s
            and self._rng.random() < abs(move.peak_mps2[2]) / self._spec.sure_peak_mps2
        ]
        for t_s, _ in self._lift.occupants.changes(start_s, end_s):
            seen.append(t_s)
        if self._spec.glitches_per_h > 0.0:
            count = int(self._rng.poisson(self._spec.glitches_per_h / 3600.0 * (end_s - start_s)))
            seen.extend(float(self._rng.uniform(start_s, end_s)) for _ in range(count))
        if self._lift.door.is_moving_within(start_s, end_s) and self._rng.random() < self._spec.door_wakes * 0.3:
            seen.append(float(self._rng.uniform(start_s, end_s)))
        return sorted(seen)
