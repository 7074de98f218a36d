"""What the lift controller reports over its link: fields polled or on change, a little late, silent when told so."""

from __future__ import annotations

import numpy as np

from .motion import Array
from .story import DoorLeg, Story

Row = tuple[float, str, str]
STRINGS = {"direction": "none", "mode": "normal", "safety_circuit": "closed", "fault": "0"}


def _held(t: Array, changes: list[tuple[float, str]], first: str) -> list[str]:
    times = np.array([c[0] for c in changes])
    values = [first, *[c[1] for c in changes]]
    return [values[i] for i in np.searchsorted(times, t, side="right")]


def _door(t: Array, legs: list[DoorLeg], facts: list[tuple[float, str]]) -> list[str]:
    changes = list(facts)
    for leg in legs:
        changes.append((leg.t0, "opening" if leg.p1 > leg.p0 else "closing"))
        if leg.p1 >= 0.97:
            changes.append((leg.t1, "open"))
        elif leg.p1 <= 0.02:
            changes.append((leg.t1, "closed"))
    return _held(t, sorted(changes, key=lambda c: c[0]), "closed")


def _column(story: Story, name: str, t: Array, v: Array, z: Array) -> list[str]:
    facts = sorted([(at, value) for at, field, value in story.facts if field == name], key=lambda c: c[0])
    heights = np.array(story.lift.heights)
    if name == "floor":
        if facts:
            return _held(t, facts, str(story.floor))
        return [str(i) for i in np.argmin(np.abs(z[:, None] - heights), axis=1)]
    if name == "door":
        return _door(t, story.legs, facts)
    if name == "door_zone":
        return [str(int(d < story.lift.zone_m)) for d in np.min(np.abs(z[:, None] - heights), axis=1)]
    if name == "speed_mps":
        return [f"{x:.2f}" for x in np.abs(v)]
    if name in ("passenger", "load_percent"):
        times = np.array([at for at, _ in story.head_count])
        count = np.array([n for _, n in story.head_count])[np.searchsorted(times, t, side="right") - 1]
        return [str(int(n > 0)) if name == "passenger" else str(min(int(n) * 12, 110)) for n in count]
    return _held(t, facts, STRINGS[name])


def controller(story: Story, length_s: float) -> list[Row]:
    """All rows in order of time."""
    rng, equip = story.rng, story.equip
    if not equip.controller:
        return []
    period = equip.poll_s if length_s < 1800 else max(equip.poll_s, 2.0)
    t = np.arange(rng.uniform(0, period), length_s, period)
    for a, b in story.dead:
        t = t[(t < a) | (t > b)]
    late = rng.uniform(0.03, 0.25)
    _, v, z = story.motion.sample(t - late)
    rows: list[Row] = []
    for name in equip.controller:
        column = _column(story, name, t - late, v, z)
        last, told = None, -1e9
        for at, value in zip(t, column, strict=True):
            stale = equip.refresh_s > 0 and at - told >= equip.refresh_s
            if equip.polled or value != last or stale:
                rows.append((float(at), name, value))
                last, told = value, at
    rows.sort(key=lambda r: r[0])
    return rows
