"""What each source has given and what troubles it has reported: for status, the log and the question "are we armed"."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edge_agent.agent_page import LiveTap
from edge_agent.catalogue_sources import C_CIRCUIT, C_DOOR, C_FAULT, C_ZONE
from edge_agent.journal import Journal
from edge_agent.readings import AccelFrame, ControllerReport, Reading, SamplesLost, SignalEdge, SourceFault
from edge_agent.status import SourceStatus

NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class _Watched:
    is_settled: bool = False  # opened, or known to be in trouble
    trouble: str = ""
    last_ns: int | None = None
    readings_count: int = 0
    lost_count: int = 0
    troubles_count: int = 0
    said: set[str] = field(default_factory=set)


class SourceWatch:
    """In: what the sources gave, in order of arrival. Out: their states. Knows the sources by name only."""

    def __init__(self, names: Iterable[str], journal: Journal, tap: LiveTap | None = None) -> None:
        """tap: for those who look at what comes, live."""
        self._watched = {name: _Watched() for name in names}
        self._journal = journal
        self._tap = tap

    @property
    def are_all_settled(self) -> bool:
        """Every source is open, or declared faulty."""
        return all(watched.is_settled for watched in self._watched.values())

    @property
    def senses(self) -> frozenset[str]:
        """Names of `catalogue_sources`: sources that work, the lines they read and what a controller has said."""
        working = {name: each for name, each in self._watched.items() if each.last_ns is not None and not each.trouble}
        return frozenset(working).union(*(each.said for each in working.values()))

    def in_words(self) -> str:
        """Which sources are open, and which are in trouble."""
        well = [name for name, watched in self._watched.items() if watched.is_settled and not watched.trouble]
        troubled = [name for name in self._watched if name not in well]
        words = f"watching {', '.join(well)}" if well else "watching nothing"
        return f"{words}; in trouble: {', '.join(troubled)}" if troubled else words

    def opened(self, name: str) -> None:
        """A source was opened."""
        self._watched[name].is_settled = True

    def saw(self, name: str, readings: Sequence[Reading], now_ns: int) -> None:
        """Take note of what a source gave."""
        if self._tap is not None:
            self._tap.saw(readings, now_ns)
        watched = self._watched[name]
        for reading in readings:
            match reading:
                case SourceFault():
                    watched.is_settled = True
                    watched.troubles_count += 1
                    watched.trouble = f"{reading.reason.value}: {reading.detail}"
                    self._journal.change(now_ns, logging.WARNING, name, f"{name}: {watched.trouble}")
                case SamplesLost():
                    watched.lost_count += reading.count
                    self._journal.change(
                        now_ns, logging.WARNING, f"{name} losses", f"{name}: {watched.lost_count} readings lost so far"
                    )
                case _:
                    watched.trouble = ""
                    watched.said.update(_senses_in(reading))
                    watched.last_ns = int(reading.times_ns[-1]) if isinstance(reading, AccelFrame) else reading.t_ns
                    watched.readings_count += len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
                    self._journal.change(now_ns, logging.INFO, name, f"{name} gives readings")

    def statuses(self, now_ns: int) -> tuple[SourceStatus, ...]:
        """The state of each source."""
        return tuple(
            SourceStatus(
                name=name,
                trouble=watched.trouble if watched.is_settled else "not open yet",
                reading_age_s=None if watched.last_ns is None else max(0.0, (now_ns - watched.last_ns) / NS_PER_S),
                readings_count=watched.readings_count,
                lost_count=watched.lost_count,
                troubles_count=watched.troubles_count,
            )
            for name, watched in self._watched.items()
        )


def _senses_in(reading: Reading) -> Iterator[str]:
    match reading:
        case SignalEdge():
            yield reading.signal.value
        case ControllerReport(is_suspect=False):
            said = {
                C_DOOR: reading.door,
                C_ZONE: reading.door_zone,
                C_FAULT: reading.fault,
                C_CIRCUIT: reading.safety_circuit_closed,
            }
            yield from (name for name, value in said.items() if value is not None)
