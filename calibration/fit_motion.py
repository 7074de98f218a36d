"""When the car moved in a recording, as the detection core's own motion stage tells it from the accelerometer alone.

What contacts say has no part in it: how they are wired is found with the help of these trips, not the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.detect.grip import Grip
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion import MotionStage
from edge_agent.detect.signal import Frame, FrameCutter
from edge_agent.readings import AccelFrame, Direction, Reading

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
    """All trips that the motion stage finds by acceleration alone, in order; never overlapping."""
    return movements_in(frames_of(readings), limits)


def movements_in(frames: Iterable[Frame], limits: Limits) -> tuple[Moved, ...]:
    """The same from frames."""
    stage = MotionStage(limits)
    found: list[Moved] = []
    end_ns = 0
    for frame in frames:
        for _, ride in stage.step(frame):
            if ride is not None:
                start_ns, end_ns = max(ride.start_ns, end_ns), ride.end_ns
                direction = Direction.UP if ride.distance_m > 0.0 else Direction.DOWN
                found.append(Moved(start_ns, end_ns, direction, abs(ride.distance_m), ride.speed_mps))
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
