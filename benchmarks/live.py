"""What the detection core costs while it watches a lift live: CPU time in percent of one core, at 400 samples a second.

A busy lift, in blocks as an ADXL345 is drained, ten controller reports a second. Live: readings are held back until
their time has come, and the core is woken twenty times a second, as in the agent; between two wakes caches go cold and
the clock of the processor may fall. Only the CPU time of the core is counted. Beside it in the same rounds the same
readings without any waiting, which is what `replay` measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.material import Material, traffic
from benchmarks.report import Report, Row, Scale, Table, interleaved, ratios
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.readings import AccelFrame, Reading

PERIOD_S = 0.05
LATENESS_NS = 200_000_000  # as the timeline of the agent waits for slower sources


def run(scale: Scale) -> Report:
    """See the module."""
    material = traffic(400, scale.of(12.0, 0.6))
    wakes = _wakes(material)
    percent: dict[str, Callable[[], float]] = {
        "live": lambda: _percent(material, wakes, is_live=True),
        "without waiting": lambda: _percent(material, wakes, is_live=False),
    }
    measured = interleaved(scale.of(3, 1), percent, budget_s=60.0)
    rows = tuple(
        Row(name, (figures, ratios(figures, measured["without waiting"]))) for name, figures in measured.items()
    )
    note = f"{material.seconds:.0f} s, {material.sample_count} samples; target 1 %"
    return Report((Table("core at 400 Hz", ("CPU, % of one core", "times without waiting"), rows, (note,)),))


def _wakes(material: Material) -> list[list[Reading]]:
    """What is handed to the core at each wake: all readings that have become old enough, in order."""
    begun_ns = material.readings[0].t_ns
    wakes: list[list[Reading]] = [[] for _ in range(int((material.seconds + 1.0) / PERIOD_S) + 1)]
    for reading in material.readings:
        last_ns = int(reading.times_ns[-1]) if isinstance(reading, AccelFrame) else reading.t_ns
        wakes[int((last_ns + LATENESS_NS - begun_ns) / 1e9 / PERIOD_S) + 1].append(reading)
    return wakes


def _percent(material: Material, wakes: Sequence[Sequence[Reading]], *, is_live: bool) -> float:
    detector = Detector(material.installation, Limits())
    step, spent_s, due_s = detector.step, 0.0, time.monotonic()
    for readings in wakes:
        if is_live:
            due_s += PERIOD_S
            time.sleep(max(0.0, due_s - time.monotonic()))
        begun_s = time.thread_time()
        for reading in readings:
            step(reading)
        spent_s += time.thread_time() - begun_s
    return 100.0 * spent_s / material.seconds
