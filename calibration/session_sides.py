"""The watcher of the step in which the box is laid on its six sides, before it is screwed on. Judges nothing."""

from __future__ import annotations

from calibration.session_live import Gauge, Live
from calibration.session_watchers import BaseWatcher
from calibration.sides_still import SIDES, StillFinder, Stretch
from calibration.words import Said, StepName, said
from edge_agent.detect.signal import Frame, FrameCutter
from edge_agent.readings import AccelFrame, Reading, Tick
from edge_agent.settings import Settings

HELD_S = 3.0
"""So long a side lies still until it counts: a little more than the fit asks for."""
SEEN_S = 0.75
"""So long it lies still until the screen says so: hands on the way stop for less."""


class SidesWatcher(BaseWatcher):
    """Which sides have lain still for long enough, by the same finder as the fit."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.SIDES, settings)
        self._cutter, self._finder = FrameCutter(), StillFinder()
        self._done: set[str] = set()
        self._has_samples = False

    def take(self, reading: Reading) -> None:
        if isinstance(reading, AccelFrame):
            self._has_samples = True
            self._follow(self._cutter.push(reading))
        elif isinstance(reading, Tick):
            self._follow(self._cutter.complete(reading.t_ns))

    def _follow(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._finder.push(frame)
            lies = self._lies()
            if lies is not None and lies.side and lies.seconds >= HELD_S:
                self._done.add(lies.side)

    def _lies(self) -> Stretch | None:
        lies = self._finder.under_way()
        return lies if lies is not None and lies.seconds >= SEEN_S else None

    def _left(self) -> tuple[str, ...]:
        return tuple(side for side in SIDES if side not in self._done)

    def instruction(self) -> Said:
        left, lies = self._left(), self._lies()
        if not left:
            return said("sides.done")
        if lies is not None and not lies.side:
            return said("sides.do.askew")
        if lies is not None and lies.side in left:
            return said("sides.do.hold", side=f"side.{lies.side}")
        return said("sides.do.next", left=", ".join(left)) if self._done else said("sides.do")

    def live(self) -> Live:
        lies, left = self._lies(), self._left()
        up = "" if lies is None else lies.side
        held_s = 0.0 if lies is None else lies.seconds
        gauges = [Gauge("gauge.still", held_s, "s", 0.0, HELD_S, True if held_s >= HELD_S else None)]
        for side in SIDES:
            is_done = side in self._done
            word = "side_done" if is_done else "side_up" if side == up else "side_open"
            gauges.append(Gauge(f"side.{side}", word, is_good=True if is_done else None))
        part = min(1.0, held_s / HELD_S) if up in left else 0.0
        lacks = said("sides.more", left=len(left)) if self._has_samples else said("sides.no_samples")
        if up in left:
            lacks = said("wait.seconds", seconds=max(1, round(HELD_S - held_s)))
        return self.seen(gauges, (len(SIDES) - len(left) + 0.99 * part) / len(SIDES), lacks)
