"""Where the CPU of the detection core goes: microseconds per 50 ms frame by stage and by function.

The core runs over a recording in memory, undisturbed, for the time per frame; then again with a timer of consumed CPU
(ITIMER_PROF) that looks every few milliseconds at the function under way. Shares of the looks times the time per frame
give microseconds. Calls into numpy and built-ins count for the function that makes them. A look costs nothing
measurable, so shares are not bent the way a tracing profiler bends them. But Python looks only where a function begins
or a loop turns: straight lines count for what is called next, so stages are right within a microsecond or two,
functions only roughly, and the rules (short, without loops) count for the loop in `episodes` that asks them.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from benchmarks.material import ROOT, Material, parked, traffic
from benchmarks.replay import replayed
from benchmarks.report import Report, Row, Scale, Table

LOOK_S = 0.001
FUNCTIONS_MAX = 22
CORE = "edge_agent/detect/detector.py"
DATACLASS = "dataclass"


def run(scale: Scale) -> Report:
    """See the module."""
    recording_s = scale.of(120.0, 15.0)
    spent_s = scale.of(2.4, 0.2)
    rounds = scale.of(3, 1)
    tables: list[Table] = []
    for material in (traffic(400, recording_s), parked(100, recording_s)):
        undisturbed_us = [_cost_us(material, spent_s / rounds / 2) for _ in range(rounds)]
        looks = _Looks()
        looks.take(material, spent_s)
        tables += _tables(material.name, undisturbed_us, looks)
    return Report(tuple(tables))


def _cost_us(material: Material, at_least_s: float) -> float:
    begun_s, passes = time.process_time(), 0
    while passes == 0 or time.process_time() - begun_s < at_least_s:
        replayed(material)
        passes += 1
    return (time.process_time() - begun_s) / passes / material.frame_count * 1e6


class _Looks:
    """What was under way at each look: the stage, and the innermost function of the project."""

    def __init__(self) -> None:
        self.count = 0
        self.stages: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()

    def take(self, material: Material, spent_s: float) -> None:
        """Run the core over and over for `spent_s` of CPU, looking at it."""
        before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, LOOK_S, LOOK_S)
        try:
            _cost_us(material, spent_s)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        own: list[tuple[str, str]] = []  # file and function, innermost first
        while frame is not None:
            path = frame.f_code.co_filename
            if path == "<string>":  # dataclasses make their __init__ from strings
                own.append((DATACLASS, frame.f_code.co_qualname))
            elif path.startswith(str(ROOT)) and "site-packages" not in path:
                own.append((Path(path).relative_to(ROOT).as_posix(), frame.f_code.co_qualname))
            frame = frame.f_back
        if not any(file == CORE for file, _ in own):
            return
        self.count += 1
        file, function = next(item for item in own if item[0] != DATACLASS)
        suffix = " (building a dataclass)" if own[0][0] == DATACLASS else ""
        self.functions[f"{_short(file)} {function}{suffix}"] += 1
        self.stages[_stage_of(own)] += 1


def _stage_of(own: list[tuple[str, str]]) -> str:
    """The file that the detector called, or the detector itself."""
    stage = "detector itself"
    for file, _ in own:
        if file == CORE:
            return stage
        if file.startswith("edge_agent/detect/"):
            stage = _short(file)
    return stage


def _short(file: str) -> str:
    return file.removeprefix("edge_agent/").removeprefix("detect/").removesuffix(".py")


def _tables(name: str, cost_us: list[float], looks: _Looks) -> list[Table]:
    middle_us = sorted(cost_us)[len(cost_us) // 2]

    def rows(counted: Counter[str], most: int) -> tuple[Row, ...]:
        return tuple(
            Row(what, ([count / max(looks.count, 1) * middle_us], [100.0 * count / max(looks.count, 1)]))
            for what, count in counted.most_common(most)
        )

    total = Row("whole core", (cost_us, [100.0]))
    columns = ("us per frame", "%")
    notes = (f"{looks.count} looks",)
    return [
        Table(f"{name}: by stage", columns, (total, *rows(looks.stages, 100)), notes),
        Table(f"{name}: by function, its own lines only", columns, rows(looks.functions, FUNCTIONS_MAX), notes),
    ]
