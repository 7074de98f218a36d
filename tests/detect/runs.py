"""Runs frames through the motion stage, and keeps what it said."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.detect.course import Ride
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion import MotionStage
from edge_agent.detect.motion_state import MotionState
from edge_agent.detect.signal import FrameCutter
from edge_agent.readings import AccelFrame
from tests.detect.boxes import Box
from tests.detect.physics import Path, Piece


@dataclass(frozen=True)
class Seen:
    """What the motion stage said: one state a frame end, and the rides."""

    states: dict[int, MotionState]
    rides: list[Ride]

    def state_at(self, t_s: float) -> MotionState:
        """The newest state whose frame has ended by then."""
        return self.states[max(t_ns for t_ns in self.states if t_ns <= t_s * 1e9)]


def seen(*blocks: AccelFrame) -> Seen:
    """What a motion stage says about the samples of these blocks."""
    cutter, stage = FrameCutter(), MotionStage(Limits())
    states: dict[int, MotionState] = {}
    rides = []
    frames = [frame for block in blocks for frame in cutter.push(block)]
    for frame in [*frames, *cutter.complete(1 << 62)]:
        for state, ride in stage.step(frame):
            states[frame.end_ns] = state
            if ride is not None:
                rides.append(ride)
    return Seen(states, rides)


def travelled(pieces: list[Piece], box: Box) -> tuple[Path, float, float, Seen]:
    """A standstill, the pieces, a standstill; with the true begin and end of the pieces."""
    path = Path()
    path.stand(5.0)
    begin_s, end_s = path.run(pieces)
    path.stand(10.0)
    return path, begin_s, end_s, seen(box.block(path))
