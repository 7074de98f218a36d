"""What the benchmarks feed to the agent: recordings of simulated lifts, cut as a driver cuts them, and real ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.fifo_accelerometer import DRAIN_PERIOD_S, FIFO_PART_AT_DRAIN
from edge_agent.detect.signal import FRAME_NS
from edge_agent.installation import Installation
from edge_agent.readings import AccelFrame, Reading
from edge_agent.recording import Recording
from sim.scenario import Played, play
from sim.scenario_file import parse_scenario
from sim.sensors import ordered

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "real"
FIFO_SAMPLES = 32  # of an ADXL345
WARM_UP_S = 10.0

STORY = """\
format = 1
title = "A lift for benchmarks"
story = "People ride up and down, or the lift stands and waits."

[lift]
drive = "vvvf"
rated_speed_mps = 1.6
landing_heights_m = [0.0, 4.0, 7.2, 10.4, 13.6, 16.8, 20.0, 23.2]

[box]
accelerometer = "adxl345"
accel_rate_hz = {rate_hz}
signals = ["door_open", "door_closed", "presence"]
controller = "nice3000plus"
"""
TRAFFIC = """
[[step]]
do = "traffic"
for_s = {for_s}
trips_per_hour = 150
"""
PARKED = """
[[step]]
do = "wait"
for_s = {for_s}
"""


@dataclass(frozen=True, slots=True)
class Material:
    """One recording in memory."""

    name: str
    installation: Installation
    readings: tuple[Reading, ...]

    @property
    def blocks(self) -> tuple[AccelFrame, ...]:
        """Its accelerometer blocks."""
        return tuple(reading for reading in self.readings if isinstance(reading, AccelFrame))

    @property
    def sample_count(self) -> int:
        """3-axis samples."""
        return sum(len(block.times_ns) for block in self.blocks)

    @property
    def frame_count(self) -> float:
        """Frames of 50 ms from the first reading to the last."""
        return (self.readings[-1].t_ns - self.readings[0].t_ns) / FRAME_NS

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.readings[-1].t_ns - self.readings[0].t_ns) / 1e9


def traffic(rate_hz: int, for_s: float) -> Material:
    """A busy lift, in blocks as a driver drains them."""
    return _simulated(f"{rate_hz} Hz traffic", rate_hz, TRAFFIC.format(for_s=for_s), drained_samples(rate_hz))


def parked(rate_hz: int, for_s: float) -> Material:
    """A lift that stands closed and empty, in blocks as a driver drains them."""
    return _simulated(f"{rate_hz} Hz parked", rate_hz, PARKED.format(for_s=for_s), drained_samples(rate_hz))


def real_recording(*, is_longest: bool) -> Material | None:
    """The longest (or shortest) recording of a real lift beside the project; None where there is none."""
    files = sorted(REAL.glob("*/accel.csv"), key=lambda file: file.stat().st_size)
    if not files:
        return None
    folder = files[-1 if is_longest else 0].parent
    recording = Recording.open(folder)
    return Material(f"real lift, {folder.name}", recording.meta.installation, tuple(recording))


def drained_samples(rate_hz: int) -> int:
    """How many samples an ADXL345 is drained of at once."""
    return max(1, round(min(DRAIN_PERIOD_S * rate_hz, FIFO_PART_AT_DRAIN * FIFO_SAMPLES)))


def in_blocks_of(material: Material, samples: int) -> Material:
    """The same readings with the accelerometer blocks cut anew."""
    others = [reading for reading in material.readings if not isinstance(reading, AccelFrame)]
    readings = sorted([*_cut(material.blocks, samples), *others], key=lambda reading: reading.t_ns)
    return Material(material.name, material.installation, tuple(readings))


def played_story(rate_hz: int, steps: str) -> Played:
    """The lift of the benchmarks with these steps."""
    return play(parse_scenario(story_text(rate_hz, steps), "benchmark.toml", "benchmark"), seed=1)


def story_text(rate_hz: int, steps: str) -> str:
    """The scenario file of the lift of the benchmarks with these steps."""
    return STORY.format(rate_hz=rate_hz) + steps


def _simulated(name: str, rate_hz: int, steps: str, block_samples: int) -> Material:
    played = played_story(rate_hz, steps)
    raw = list(played.raw_readings())
    blocks = _cut((reading for reading in raw if isinstance(reading, AccelFrame)), block_samples)
    others = [reading for reading in raw if not isinstance(reading, AccelFrame)]
    readings = ordered(iter(sorted([*blocks, *others], key=lambda reading: reading.t_ns)))
    return Material(name, played.installation, tuple(readings))


def _cut(blocks: Iterable[AccelFrame], samples: int) -> list[AccelFrame]:
    blocks = list(blocks)
    if not blocks:
        return []
    times_ns = np.concatenate([block.times_ns for block in blocks])
    samples_mps2 = np.concatenate([block.samples_mps2 for block in blocks])
    return [
        AccelFrame(times_ns[start : start + samples], np.ascontiguousarray(samples_mps2[start : start + samples]))
        for start in range(0, len(times_ns), samples)
    ]
