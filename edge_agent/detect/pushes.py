"""What a push of a standing car means: the start of a trip, the end of the trip before it, or only shaking."""

from __future__ import annotations

from edge_agent.detect.course import Course

PLAIN_DOUBTS = 3.5
ONE_WAY_SHARE_MIN = 0.4
ONE_WAY_MPS = 0.4
"""A start is plain once its speed is so many times what its own shaking may have left (`Course.doubt_mps`). While it
is pushed it is believed at less, because passengers may jump: most of the pushing one way, or such a speed. Source:
steps, jumps and doors of standing cars reach 3.4 at most in 60 h of the campaign, starts of a car in which nobody
jumps are at 5 or more; what is gone quiet at less is no car that moves evenly on but a floor that was stepped on."""

CREEP_END_FRAMES = 160
CREEP_DOUBT_MPS = 0.05
CREEP_DOUBT_RATIO = 0.03
"""A push against a trip that has ended, within 8 s, belongs to it if it changes the speed by no more than the creep
that was left by measurement and its doubt. Source: levelling at 0.05 to 0.1 m/s over up to 0.25 m (field/standards 4);
doubt: 1 to 2 % scale error of the chip, and the soft ends of both pushes that lie below the threshold."""


def is_plain(candidate: Course, *, is_pushing: bool) -> bool:
    """The push has given the car a speed that shaking does not leave."""
    speed = abs(candidate.speed)
    is_one_way = candidate.one_way_share >= ONE_WAY_SHARE_MIN or speed >= ONE_WAY_MPS
    return speed >= PLAIN_DOUBTS * candidate.doubt_mps or (is_pushing and is_one_way)


def ends_creep(ended: Course | None, candidate: Course) -> bool:
    """The push only takes away what was left of the speed of the trip that ended before it."""
    if ended is None or ended.stop_index is None:
        return False
    if candidate.start_index - ended.stop_index > CREEP_END_FRAMES or ended.travel * candidate.speed >= 0.0:
        return False
    left_mps = max(0.0, ended.speed if ended.travel > 0.0 else -ended.speed)
    doubt_mps = CREEP_DOUBT_MPS + CREEP_DOUBT_RATIO * ended.peak_speed
    return abs(candidate.speed) <= 1.6 * left_mps + doubt_mps
