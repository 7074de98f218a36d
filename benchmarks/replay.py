"""How fast a recording goes through the detection core, beside the bare arithmetic in C and in scipy.

Each contender gets the same readings in memory and runs on one core; CPU time of the process counts, not the clock on
the wall. The core does everything: frames, motion, doors, position, occupancy, rules, episodes. C and scipy do only
filters and features; "ratio" is the CPU of the whole core over theirs, round by round. Reading a `.liftrec` file is
measured by itself, and together with the core, as `edge-agent replay` does it. Blocks are as an ADXL345 is drained (13
samples at 400 Hz, 4 at 100 Hz), or of one second. The core works by frames of 50 ms: a faster chip costs little more.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.material import Material, in_blocks_of, parked, real_recording, traffic
from benchmarks.pipelines import CPipeline, ScipyPipeline
from benchmarks.processes import BenchmarkTrouble
from benchmarks.report import Report, Row, Scale, Table, interleaved, ratios
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.detect.signal import FRAME_NS
from edge_agent.readings import Reading
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter

CORE = "whole core"
WHOLE_S = 10.0
SAME_MAX = 1e-9


def run(scale: Scale) -> Report:
    """See the module."""
    seconds = scale.of(100.0, 15.0)
    real = real_recording(is_longest=scale is Scale.FULL)
    materials = [traffic(1600, seconds), traffic(400, seconds), traffic(100, seconds), parked(100, 2 * seconds)]
    materials += [] if real is None else [real]
    skipped = [] if real is not None else ["real recordings: none beside the project (shared/data/real)"]
    tables = []
    with tempfile.TemporaryDirectory(prefix="lift-bench-") as folder:
        pipeline, scipy = _built(Path(folder), skipped), _scipy(skipped)
        for material in materials:
            tables.append(_table(material, Path(folder), pipeline, scipy, scale.of(4, 1)))
    return Report(tuple(tables), tuple(skipped))


def _built(folder: Path, skipped: list[str]) -> CPipeline | None:
    try:
        return CPipeline(folder)
    except RuntimeError as error:
        skipped.append(f"C through ctypes: {error}")
        return None


def _scipy(skipped: list[str]) -> ScipyPipeline | None:
    try:
        return ScipyPipeline()
    except RuntimeError as error:
        skipped.append(f"scipy sosfilt: {error}")
        return None


def _table(
    material: Material, folder: Path, pipeline: CPipeline | None, scipy: ScipyPipeline | None, rounds: int
) -> Table:
    rate_hz = round(material.sample_count / material.seconds)
    coarse = in_blocks_of(material, rate_hz)
    file = folder / f"{len(material.readings)}-{rate_hz}.liftrec"
    _write(material, file)
    contenders: dict[str, Callable[[], object]] = {
        CORE: lambda: replayed(material),
        "whole core, blocks of 1 s": lambda: replayed(coarse),
        "edge-agent replay: .liftrec file and core": lambda: _concluded(material, Recording.open(file).joined()),
        "reading the .liftrec file as it is": lambda: sum(1 for _ in Recording.open(file)),
        "reading it in frames of 1 s": lambda: sum(1 for _ in Recording.open(file).joined()),
    }
    notes = [f"{material.seconds:.0f} s, {material.sample_count} samples at {rate_hz} Hz; CPU time"]
    if pipeline is not None:
        fine, whole = pipeline.prepared(material.blocks, rate_hz), pipeline.prepared(coarse.blocks, rate_hz)
        difference = _difference(fine.frames(), material)
        notes.append(f"the features of the C program differ from the same in numpy by {difference:.0e} at most")
        if difference > SAME_MAX:
            raise BenchmarkTrouble("the C program computes something else")
        contenders["C through ctypes"] = fine.run
        contenders["C through ctypes, blocks of 1 s"] = whole.run
    if scipy is not None:
        long = in_blocks_of(material, round(WHOLE_S * rate_hz))
        contenders["scipy sosfilt"] = lambda: scipy.run(material.blocks, rate_hz)
        contenders["scipy sosfilt, blocks of 10 s"] = lambda: scipy.run(long.blocks, rate_hz)
    measured = interleaved(rounds, {name: _timed(work) for name, work in contenders.items()})
    rows = [_row(name, spent_s, measured[CORE], material) for name, spent_s in measured.items()]
    return Table(
        material.name,
        ("samples/s", "us per 50 ms frame", "times real time", "core's CPU over it (ratio)"),
        tuple(rows),
        tuple(notes),
    )


def _row(name: str, spent_s: list[float], core_s: list[float], material: Material) -> Row:
    return Row(
        name,
        (
            [material.sample_count / s for s in spent_s],
            [s * 1e6 / material.frame_count for s in spent_s],
            [material.seconds / s for s in spent_s],
            ratios(core_s, spent_s),
        ),
    )


def replayed(material: Material) -> int:
    """Run the core over it; the number of conclusions."""
    return _concluded(material, material.readings)


def _concluded(material: Material, readings: Iterable[Reading]) -> int:
    step = Detector(material.installation, Limits()).step
    return sum(len(step(reading)) for reading in readings)


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        begun_s = time.process_time()
        work()
        return max(time.process_time() - begun_s, 1e-9)

    return timed


def _write(material: Material, file: Path) -> None:
    writer = RecordingWriter(file, material.installation, None)
    for reading in material.readings:
        writer.write(reading)
    writer.close()


def _difference(frames: list[tuple[float, ...]], material: Material) -> float:
    """Largest difference between the features of the C program and the same in numpy, in m/s2."""
    times_ns = np.concatenate([block.times_ns for block in material.blocks])
    samples = np.concatenate([block.samples_mps2 for block in material.blocks])
    indices = times_ns // FRAME_NS
    starts = np.flatnonzero(np.diff(indices, prepend=-1))  # of the last frame too, which is still open
    worst = 0.0
    for start, end, theirs in zip(starts[:-1], starts[1:], frames, strict=True):
        part = samples[start:end]
        lengths = np.sqrt((part * part).sum(axis=1))
        mean = part.mean(axis=0)
        spread = float((part.max(axis=0) - part.min(axis=0)).max())
        shape = (lengths.std(), lengths.min(), lengths.max(), spread)
        own = (indices[start], len(part), np.sqrt((mean * mean).sum()), *mean, *shape)
        worst = max(worst, *(abs(float(a) - b) for a, b in zip(own, theirs, strict=True)))
    return worst
