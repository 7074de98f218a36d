"""When the car moved in a recording, as the detection core's own motion and door stages tell it.

The core is run over the recording with a blank installation: what is to be learned is not told. Where it was told wrong
polarities of the door contacts, its trips are still those of the accelerometer; doors are judged in `doors.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.alarms import Trip
from edge_agent.detect.detector import Detector
from edge_agent.detect.grip import Grip
from edge_agent.detect.limits import Limits
from edge_agent.detect.signal import Frame, FrameCutter
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import AccelFrame, Direction, Reading, Tick

STILL_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement. direction as the core saw it."""

    start_ns: int
    end_ns: int
    direction: Direction
    distance_m: float
    speed_mps: float


def movements(readings: Iterable[Reading], limits: Limits) -> tuple[Moved, ...]:
    """All trips that the detection core finds by acceleration alone, in order; never overlapping."""
    detector = Detector(Installation(Lift("fit"), Wiring()), limits)
    found: list[Moved] = []
    for reading in readings:
        if not isinstance(reading, AccelFrame | Tick):
            continue
        for conclusion in detector.step(reading):
            if isinstance(conclusion, Trip):
                trip = conclusion
                start_ns = max(trip.start_ns, found[-1].end_ns if found else trip.start_ns)
                found.append(Moved(start_ns, trip.end_ns, trip.direction, trip.distance_m, trip.speed_mps))
    return tuple(found)


def frames_of(readings: Iterable[Reading]) -> list[Frame]:
    """The 50 ms frames of the detection core."""
    cutter, frames, last_ns = FrameCutter(), [], 0
    for reading in readings:
        if isinstance(reading, AccelFrame):
            frames += cutter.push(reading)
            last_ns = int(reading.times_ns[-1])
    return frames + cutter.complete(last_ns + 1_000_000_000)


def handled_s(frames: list[Frame]) -> float:
    """How long the core's own judge of firmness says that the box is carried, turned or hit."""
    grip = Grip(frames[:STILL_FRAMES])
    loose = 0
    for frame in frames:
        grip.watch(frame)
        loose += not grip.is_firm
    return 0.05 * loose
