"""Merges the readings of all sources into one stream ordered by capture time, and puts the ticks in."""

from __future__ import annotations

import heapq
from typing import assert_never

from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    MaintenanceWord,
    ModemReport,
    PressureSample,
    Reading,
    SamplesLost,
    SignalEdge,
    SourceFault,
    SupplySample,
    Tick,
)

TICK_NS = 100_000_000
HELD_MAX = 4096  # readings; at 30 a second (400 Hz in blocks of 20, 10 Hz controller) more than two minutes
TICKS_MAX = 36_000  # in one release: an hour of ticks; only a box that was suspended needs more


class Timeline:
    """Orders readings by capture time inside a fixed lateness window.

    In: readings in any order (`push`), and how far time has come (`release`).
    Out: readings in order of `t_ns`, ties in a fixed order of kinds and within a kind in order of arrival, with a
    `Tick` behind the readings of every multiple of `tick_ns`. The same readings give the same output whatever
    their order of arrival, as long as each arrives within `lateness_ns`.
    Delay: `lateness_ns`.
    Bound: `held_max` readings; one that finds no room is dropped. What is dropped, and samples at or before the
    time already released, are counted and reported as `SamplesLost` of their source. A `SourceFault` that comes
    late says something about now: it is kept and stamped again.
    After a gap of more than `TICKS_MAX` ticks in one release only the last of them are given.
    """

    def __init__(self, lateness_ns: int, tick_ns: int = TICK_NS, held_max: int = HELD_MAX) -> None:
        if lateness_ns < 0 or tick_ns <= 0 or held_max <= 0:
            raise ValueError(f"lateness_ns {lateness_ns}, tick_ns {tick_ns}, held_max {held_max}")
        self._lateness_ns = lateness_ns
        self._tick_ns = tick_ns
        self._held_max = held_max
        self._held: list[tuple[int, int, int, Reading]] = []  # time, order of its kind, order of arrival
        self._arrivals = 0
        self._released_ns: int | None = None  # everything up to and including this time has been given out
        self._end_ns: int | None = None  # of the newest sample seen
        self._lost: dict[str, int] = {}  # source -> count since the last report
        self._lost_total = 0

    @property
    def held_count(self) -> int:
        """Readings waiting for their time; at most `held_max`, and one report of losses a source."""
        return len(self._held)

    @property
    def lost_count(self) -> int:
        """Samples dropped since the start, late or without room."""
        return self._lost_total

    def push(self, reading: Reading) -> None:
        """Take one reading. A `Tick` is refused: ticks are made here."""
        if isinstance(reading, Tick):
            raise ValueError("a timeline makes its own ticks")
        in_time = self._in_time(reading)
        if in_time is None:
            return
        if len(self._held) >= self._held_max:
            self._lose(in_time)
            return
        self._hold(in_time)

    def release(self, now_ns: int) -> tuple[Reading, ...]:
        """All readings up to `now_ns` minus the lateness, in order. Time that goes back gives nothing."""
        return self._release_until(now_ns - self._lateness_ns)

    def flush(self) -> tuple[Reading, ...]:
        """Everything still held, and ticks until the newest sample has passed. For the end of a run."""
        if self._end_ns is None:
            return ()
        whole_ticks = -(-self._end_ns // self._tick_ns)
        return self._release_until(whole_ticks * self._tick_ns)

    def _in_time(self, reading: Reading) -> Reading | None:
        """What of the reading is not older than what was given out; the rest is counted."""
        released_ns = self._released_ns
        if released_ns is None or reading.t_ns > released_ns:
            return reading
        if isinstance(reading, SourceFault):
            return SourceFault(released_ns + 1, reading.source, reading.reason, reading.detail)
        if isinstance(reading, SamplesLost):
            return SamplesLost(released_ns + 1, reading.source, reading.count)
        if isinstance(reading, AccelFrame):
            late = int(reading.times_ns.searchsorted(released_ns, side="right"))
            self._count_lost(source_of(reading), late)
            if late == len(reading.times_ns):
                return None
            return AccelFrame(reading.times_ns[late:], reading.samples_mps2[late:])
        self._lose(reading)
        return None

    def _hold(self, reading: Reading) -> None:
        self._arrivals += 1
        heapq.heappush(self._held, (reading.t_ns, _order_of_kind(reading), self._arrivals, reading))
        end_ns = int(reading.times_ns[-1]) if isinstance(reading, AccelFrame) else reading.t_ns
        if self._end_ns is None or end_ns > self._end_ns:
            self._end_ns = end_ns

    def _lose(self, reading: Reading) -> None:
        match reading:
            case AccelFrame():
                count = len(reading.times_ns)
            case SamplesLost():
                count = reading.count
            case _:
                count = 1
        self._count_lost(source_of(reading), count)

    def _count_lost(self, source: str, count: int) -> None:
        self._lost[source] = self._lost.get(source, 0) + count
        self._lost_total += count

    def _release_until(self, until_ns: int) -> tuple[Reading, ...]:
        if self._released_ns is None:
            first_ns = self._held[0][0] if self._held else until_ns
            self._released_ns = min(first_ns, until_ns) - 1
        if until_ns <= self._released_ns:
            return ()
        for source, count in sorted(self._lost.items()):
            self._hold(SamplesLost(self._released_ns + 1, source, count))
        self._lost.clear()
        out: list[Reading] = []
        last_tick = until_ns // self._tick_ns
        first_tick = max(self._released_ns // self._tick_ns + 1, last_tick - TICKS_MAX + 1)
        for number in range(first_tick, last_tick + 1):
            tick_ns = number * self._tick_ns
            self._take_until(tick_ns, out)
            out.append(Tick(tick_ns))
        self._take_until(until_ns, out)
        self._released_ns = until_ns
        return tuple(out)

    def _take_until(self, until_ns: int, out: list[Reading]) -> None:
        held = self._held
        while held and held[0][0] <= until_ns:
            out.append(heapq.heappop(held)[3])


def source_of(reading: Reading) -> str:
    """The name under which losses and faults of this reading's source are reported. Raises ValueError for a tick."""
    match reading:
        case AccelFrame():
            return "accelerometer"
        case SignalEdge():
            return "door_contacts"
        case ControllerReport():
            return "controller"
        case PressureSample():
            return "pressure"
        case SupplySample():
            return "supply"
        case ModemReport():
            return "modem"
        case MaintenanceWord():
            return "visit"
        case SourceFault() | SamplesLost():
            return reading.source
        case Tick():
            raise ValueError("a tick has no source")
        case _:
            assert_never(reading)


def _order_of_kind(reading: Reading) -> int:
    """Troubles of a source before its readings, samples before what explains them."""
    match reading:
        case SourceFault():
            return 0
        case SamplesLost():
            return 1
        case AccelFrame():
            return 2
        case PressureSample():
            return 3
        case ControllerReport():
            return 4
        case SignalEdge():
            return 5
        case SupplySample():
            return 6
        case ModemReport():
            return 7
        case MaintenanceWord():
            return 8
        case Tick():
            return 9
        case _:
            assert_never(reading)
