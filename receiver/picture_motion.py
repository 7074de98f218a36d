"""Acceleration along gravity and the speed of the car, out of raw samples: for a drawing that people look at.

Pure, whole arrays in, whole arrays out. Nothing here decides about an alarm: the box has its own stage for that
(`edge_agent/detect/motion.py`), which sees one frame at a time; a drawing sees both ends of a trip and can use them.
Gravity is the median of each axis, because a car is pushed for the smaller part of two minutes. Speed is the integral
of what is felt; wherever the car stands it is zero, and the error found at the end of a trip is taken back evenly over
the trip. A quiet car either stands or runs evenly: it stands at the speed at which it is quiet for longest, quiet with
the door open counting most, and wherever what was felt in between adds up to nothing. An open door alone never makes
the speed zero: a car that moves with its door open is what some alarms are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]

GRAVITY_MPS2_MIN = 1.0  # a median shorter than this is no gravity: the sensor says nothing
GAP_S = 0.5  # a longer silence ends an integration
WINDOW_S = 0.5
QUIET_MPS2 = 0.06  # below the softest push of a lift, 0.08 m/s2 (`edge_agent/detect/motion.py`), at the mean of 0.5 s
QUIET_S_MIN = 1.0
MARGIN_S = 0.3  # the soft beginning of a push belongs to the push
STANDS_MPS, STANDS_MPS_PER_S, STANDS_MPS_MAX = 0.10, 0.02, 0.30
"""What an integral over some seconds may be off and still mean "stands": ours, above 0.02 m/s2 of bias."""

OPEN_DOOR_WEIGHT = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Arrays of one length. along_mps2: up is positive, gravity taken off; speed_mps: up is positive, NaN: not known.

    is_sure: between two standstills, so that both ends of the integral are known. gravity_mps2: what was taken off.
    """

    along_mps2: Floats
    speed_mps: Floats
    is_sure: Bools
    gravity_mps2: float


def motion_of(times_ns: Times, samples_mps2: Floats, open_ns: Sequence[tuple[int, int]] = ()) -> Motion | None:
    """times_ns: ascending, shape (n,); samples_mps2: finite, shape (n, 3); open_ns: when the car door was fully open.

    None: there is no gravity in it.
    """
    middle = np.median(samples_mps2, axis=0)
    gravity = float(np.linalg.norm(middle))
    if gravity < GRAVITY_MPS2_MIN:
        return None
    along = samples_mps2 @ (middle / gravity) - gravity
    speed = np.full(along.size, np.nan)
    is_sure = np.zeros(along.size, dtype=np.bool_)
    is_open = _within(times_ns, open_ns)
    times_s = (times_ns - times_ns[0]) / 1e9
    ends = np.flatnonzero(np.diff(times_s) > GAP_S) + 1
    for first, last in zip((0, *ends), (*ends, along.size), strict=True):
        run = slice(int(first), int(last))
        speed[run], is_sure[run] = _speed(times_s[run], along[run], is_open[run])
    return Motion(along, speed, is_sure, gravity)


@dataclass(frozen=True, slots=True)
class _Quiet:
    """Samples first..last (not included) push the car nowhere."""

    first: int
    last: int


def _speed(times_s: Floats, along: Floats, is_open: Bools) -> tuple[Floats, Bools]:
    """Speed over one stretch without a gap."""
    none = np.full(along.size, np.nan), np.zeros(along.size, dtype=np.bool_)
    quiet = _quiet(times_s, along)
    if not quiet:
        return none
    pushed = along - _baseline(times_s, along, quiet)
    steps = 0.5 * (pushed[1:] + pushed[:-1]) * np.diff(times_s)
    total = np.concatenate(([0.0], np.cumsum(steps)))
    standing = _standing(times_s, total, quiet, is_open)
    speed, is_sure = none
    before = standing[0]
    speed[: before.first] = total[: before.first] - total[before.first]
    for here, after in zip(standing, (*standing[1:], None), strict=True):
        inside = slice(here.first, here.last)
        speed[inside], is_sure[inside] = 0.0, True
        between = slice(here.last, along.size if after is None else after.first)
        way = total[between] - total[here.last - 1]
        if after is not None:
            began_s, ended_s = times_s[here.last - 1], times_s[after.first]
            error = total[after.first] - total[here.last - 1]
            way = way - error * (times_s[between] - began_s) / max(1e-9, ended_s - began_s)
            is_sure[between] = True
        speed[between] = way
    return speed, is_sure


def _quiet(times_s: Floats, along: Floats) -> list[_Quiet]:
    """Stretches whose mean over half a second stays near nothing, without their margins."""
    if along.size < 2:
        return []
    step_s = float(np.median(np.diff(times_s)))
    width = max(1, min(along.size, round(WINDOW_S / max(step_s, 1e-6))))
    padded = np.pad(along, (width // 2, width - 1 - width // 2), mode="edge")
    sums = np.concatenate(([0.0], np.cumsum(padded)))
    mean = (sums[width:] - sums[:-width]) / width
    marks = np.diff(np.concatenate(([0], (np.abs(mean) < QUIET_MPS2).astype(np.int8), [0])))
    found: list[_Quiet] = []
    for first, last in zip(np.flatnonzero(marks == 1), np.flatnonzero(marks == -1), strict=True):
        if times_s[last - 1] - times_s[first] < QUIET_S_MIN:
            continue
        from_s = times_s[first] + (MARGIN_S if first > 0 else 0.0)
        to_s = times_s[last - 1] - (MARGIN_S if last < along.size else 0.0)
        inner = np.searchsorted(times_s, (from_s, to_s))
        found.append(_Quiet(int(inner[0]), int(inner[1]) + 1))
    return found


def _baseline(times_s: Floats, along: Floats, quiet: Sequence[_Quiet]) -> Floats:
    """What is felt where nothing pushes, drawn through the quiet stretches: bias and warmth of the sensor."""
    at_s = [0.5 * (times_s[each.first] + times_s[each.last - 1]) for each in quiet]
    felt = [float(np.mean(along[each.first : each.last])) for each in quiet]
    return np.interp(times_s, at_s, felt)


def _standing(times_s: Floats, total: Floats, quiet: Sequence[_Quiet], is_open: Bools) -> list[_Quiet]:
    """The quiet stretches in which the car stands; at least one."""
    levels = [float(np.mean(total[each.first : each.last])) for each in quiet]
    opened = [bool(is_open[each.first : each.last].any()) for each in quiet]
    seconds = [float(times_s[each.last - 1] - times_s[each.first]) for each in quiet]
    weights = [s * (OPEN_DOOR_WEIGHT if door else 1.0) for s, door in zip(seconds, opened, strict=True)]
    shares = [
        sum(weight for level, weight in zip(levels, weights, strict=True) if abs(level - own) < STANDS_MPS)
        for own in levels
    ]
    anchor = shares.index(max(shares))
    found = [anchor]
    for indexes in (range(anchor + 1, len(quiet)), range(anchor - 1, -1, -1)):
        last = anchor
        for index in indexes:
            between = sorted((quiet[last], quiet[index]), key=lambda each: each.first)
            apart_s = float(times_s[between[1].first] - times_s[between[0].last - 1])
            allowed = min(STANDS_MPS_MAX, STANDS_MPS + STANDS_MPS_PER_S * apart_s)
            if abs(levels[index] - levels[last]) < allowed:
                found.append(index)
                last = index
    return [quiet[index] for index in sorted(found)]


def _within(times_ns: Times, spans_ns: Sequence[tuple[int, int]]) -> Bools:
    found = np.zeros(times_ns.size, dtype=np.bool_)
    for first_ns, last_ns in spans_ns:
        found[np.searchsorted(times_ns, first_ns) : np.searchsorted(times_ns, last_ns)] = True
    return found
