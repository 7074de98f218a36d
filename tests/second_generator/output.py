"""Writes one story as a folder in the CSV exchange form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import link, record
from .motion import Array
from .story import Story


def _table(path: Path, head: str, line: str, columns: list[Array]) -> None:
    data = np.column_stack(columns)
    with path.open("w") as f:
        f.write(head + "\n")
        for i in range(0, len(data), 50_000):
            part = data[i : i + 50_000]
            f.write(line * len(part) % tuple(part.ravel().tolist()))


def _meta(story: Story, name: str) -> str:
    rng, lift, equip = story.rng, story.lift, story.equip
    lines = ["format = 1", f'lift_id = "{name}"']
    if rng.random() < 0.7:
        day, hour = int(rng.integers(1, 29)), int(rng.integers(0, 24))
        lines.append(f"start_utc = 2026-0{int(rng.integers(1, 10))}-{day:02d}T{hour:02d}:10:00Z")
    lines.append("[lift]")
    if equip.knows_rated:
        lines.append(f"rated_speed_mps = {lift.profile.speed:.2f}")
        lines.append(f'drive = "{lift.drive}"')
    if equip.knows_heights:
        lines.append(f"floor_heights_m = [{', '.join(f'{h:.3f}' for h in lift.heights)}]")
        if equip.knows_start:
            lines.append(f"start_floor = {int(np.argmin([abs(story.motion.rows[0][1] - h) for h in lift.heights]))}")
    lines.append("[sensors]")
    if rng.random() < 0.85:
        lines.append(f"accel_rate_hz = {story.equip.sensor.nominal_hz:.1f}")
    wired = ", ".join(f'"{s}"' for s in equip.signals)
    lines.append(f"signals = [{wired}]")
    return "\n".join(lines) + "\n"


def _labels(story: Story, folder: Path, length_s: float) -> None:
    rows = [f"{k},{a:.3f},{b:.3f},{e if e < 0 else min(e, length_s):.3f}" for k, a, b, e in story.truth]
    (folder / "truth.csv").write_text("\n".join(["kind,t_start_s,raise_by_s,t_end_s", *rows]) + "\n")
    rows = [
        f"{k},{max(a, 0.0):.3f},{length_s if e < 0 else min(e, length_s):.3f}"
        for k, a, e in story.allowed
        if a < length_s
    ]
    (folder / "allowed.csv").write_text("\n".join(["kind,t_start_s,t_end_s", *rows]) + "\n")
    rows = [
        f"{p.start:.3f},{p.end:.3f},{'up' if p.distance > 0 else 'down'},{abs(p.distance):.3f},{p.speed:.3f}"
        for p in story.trips
    ]
    (folder / "trips.csv").write_text("\n".join(["start_s,end_s,direction,distance_m,speed_mps", *rows]) + "\n")


def _door_labels(story: Story, length_s: float) -> None:
    """Alarms about a door that truly stood open, or truly stood between its contacts, are not false."""
    legs = story.legs
    for leg, following in zip(legs, [x.t0 for x in legs[1:]] + [length_s] * min(len(legs), 1), strict=True):
        if leg.p1 >= 0.97 and following - leg.t1 > 112.0:
            story.may("door_held_open", leg.t1 + 110.0, following + 20.0)
        if 0.02 < leg.p1 < 0.97 and following - leg.t1 > 52.0:
            story.may("door_contacts_disagree", leg.t1 + 50.0)


def finish(story: Story, length_s: float) -> None:
    """Close the books before writing."""
    story.motion.rest_until(max(length_s, story.t) + 1.0)
    _door_labels(story, length_s)
    if story.equip.controller and not story.equip.polled and story.equip.refresh_s == 0.0:
        story.may("controller_link_lost", 0.0)
    if story.lift.drive != "vvvf":
        for kind in ("excessive_acceleration", "excessive_jerk", "excessive_vibration"):
            story.may(kind, 0.0)


def write(story: Story, folder: Path) -> float:
    """Write all files; returns the length of the recording in seconds."""
    length_s = story.t
    finish(story, length_s)
    folder.mkdir(parents=True, exist_ok=True)
    t, a = record.accel(story, length_s)
    _table(folder / "accel.csv", "t_s,ax,ay,az", "%.5f,%.5f,%.5f,%.5f\n", [t, a[:, 0], a[:, 1], a[:, 2]])
    air = record.pressure(story, length_s)
    if air:
        _table(folder / "pressure.csv", "t_s,p_hpa", "%.4f,%.2f\n", [air[0], air[1]])
    if story.equip.signals:
        lines = [f"{at:.5f},{name},{value}" for at, name, value in record.signals(story, length_s)]
        (folder / "signals.csv").write_text("\n".join(["t_s,name,value", *lines]) + "\n")
    if story.equip.controller:
        lines = [f"{at:.4f},{name},{value}" for at, name, value in link.controller(story, length_s)]
        (folder / "controller.csv").write_text("\n".join(["t_s,field,value", *lines]) + "\n")
    (folder / "meta.toml").write_text(_meta(story, folder.name))
    _labels(story, folder, length_s)
    return length_s
