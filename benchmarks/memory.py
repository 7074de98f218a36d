"""Whether the detection core's memory stays flat while a lift lives on: parked hours and traffic, over and over.

One stretch of a simulated lift (20 minutes of traffic, 10 parked, 25 samples a second) is fed again and again, each
time later, with a second missing between, as fast as the core takes it. Looked at after each quarter: resident memory
of the process, blocks that Python's allocator has given out, and all that is kept in containers of the core, counted by
walking through it. Two hours of the lift's life here; `python -m benchmarks.memory DAYS` lives longer.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count
from pathlib import Path
from types import FunctionType, MethodType

import numpy as np

from benchmarks.material import PARKED, TRAFFIC, Material, in_blocks_of, played_story
from benchmarks.report import Report, Row, Scale, Table, machine_line, rendered
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.readings import AccelFrame, Reading, Tick
from sim.sensors import ordered

RATE_HZ = 25
BLOCK_S = 10
TICK_NS = 1_000_000_000
SEAM_NS = 1_000_000_000
LOOKS = 4
DAY_NS = 86_400_000_000_000
_LEAVES = (int, float, str, bytes, bool, Enum, type, FunctionType, MethodType)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen after `days` of the lift's life."""

    days: float
    rss_mib: float
    blocks: int
    kept: int  # elements of all containers of the core
    cpu_s: float


def run(scale: Scale) -> Report:
    """See the module."""
    return Report((_table(list(lived(scale.of(2.0, 0.1) / 24.0))),))


def lived(days: float, looks: int = LOOKS) -> Iterator[Look]:
    """Let a lift live so long and look at it after each share of the time."""
    material = stretch(1200.0, 600.0)
    detector = Detector(material.installation, Limits())
    begun_ns, number, begun_s = material.readings[0].t_ns, 1, time.process_time()
    for reading in for_ever(material):
        passed = (reading.t_ns - begun_ns) / DAY_NS
        if passed >= number / looks * days:
            spent_s, kept = time.process_time() - begun_s, sum(kept_in(detector).values())
            yield Look(passed, _rss_mib(), sys.getallocatedblocks(), kept, spent_s)
            number += 1
            if number > looks:
                return
        detector.step(reading)


def stretch(traffic_s: float, parked_s: float) -> Material:
    """Traffic, then a parked lift, in long blocks."""
    played = played_story(RATE_HZ, TRAFFIC.format(for_s=traffic_s) + PARKED.format(for_s=parked_s))
    readings = [reading for reading in ordered(played.raw_readings()) if not isinstance(reading, Tick)]
    whole = in_blocks_of(Material("a lift's life", played.installation, tuple(readings)), RATE_HZ * BLOCK_S)
    first_ns, last_ns = readings[0].t_ns, readings[-1].t_ns
    ticks = [Tick(t_ns) for t_ns in range(first_ns, last_ns, TICK_NS)]
    in_order = sorted([*whole.readings, *ticks], key=lambda reading: reading.t_ns)
    return Material(whole.name, whole.installation, tuple(in_order))


def for_ever(material: Material) -> Iterator[Reading]:
    """The recording again and again."""
    length_ns = material.readings[-1].t_ns - material.readings[0].t_ns + BLOCK_S * 1_000_000_000 + SEAM_NS
    for number in count():
        for reading in material.readings:
            yield later(reading, number * length_ns)


def later(reading: Reading, by_ns: int) -> Reading:
    """The same at another time."""
    if isinstance(reading, AccelFrame):
        return AccelFrame(reading.times_ns + by_ns, reading.samples_mps2)
    return replace(reading, t_ns=reading.t_ns + by_ns)


def kept_in(root: object) -> dict[str, int]:
    """How many elements each container holds that can be reached from `root`, by the way that leads there."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        way, thing = waiting.pop()
        if thing is None or isinstance(thing, _LEAVES) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (list, deque, dict, set, frozenset, tuple, array, np.ndarray)):
            found[way] = found.get(way, 0) + len(thing)
            inner = [*thing.keys(), *thing.values()] if isinstance(thing, dict) else thing
            if not isinstance(thing, (array, np.ndarray)):
                waiting.extend((f"{way}[]", each) for each in inner)
            continue
        waiting.extend((f"{way}.{name}", value) for name, value in _attributes(thing))
    return found


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    yield from getattr(thing, "__dict__", {}).items()
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(thing, name):
                yield name, getattr(thing, name)


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _table(looks: list[Look]) -> Table:
    rows = tuple(
        Row(f"after {look.days:.2f} days", ([look.rss_mib], [look.blocks], [look.kept], [look.cpu_s])) for look in looks
    )
    columns = ("RSS MiB", "blocks allocated", "elements kept in the core", "CPU s")
    return Table("a lift's life", columns, rows, ("RSS holds Python, numpy and the recording that is repeated",))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("days", metavar="DAYS", type=float, help="how long the lift lives")
    asked = parser.parse_args()
    print(f"$ python -m benchmarks.memory {asked.days:g}\n{machine_line()}")
    for look in lived(asked.days, max(LOOKS, round(asked.days))):  # told as it goes: a month takes hours
        print(rendered(_table([look])), flush=True)
