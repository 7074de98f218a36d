"""Checks of the generator's own physics and of the files it writes; no detector is involved."""

from __future__ import annotations

import csv
import tomllib
import zlib
from pathlib import Path

import numpy as np
import pytest

from . import record
from .equip import make_equip
from .families import FAMILIES
from .lifts import KINDS, make_lift
from .motion import Motion, length, ride
from .output import finish, write
from .story import Story

HEADS = {
    "accel.csv": "t_s,ax,ay,az",
    "pressure.csv": "t_s,p_hpa",
    "signals.csv": "t_s,name,value",
    "controller.csv": "t_s,field,value",
    "truth.csv": "kind,t_start_s,raise_by_s,t_end_s",
    "allowed.csv": "kind,t_start_s,t_end_s",
    "trips.csv": "start_s,end_s,direction,distance_m,speed_mps",
}
SLOW = ("overnight", "overnight_pir_glitch")


def _story(name: str, seed: int) -> Story:
    return FAMILIES[name](name, np.random.default_rng([seed, zlib.crc32(name.encode())]))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as f:
        return list(csv.DictReader(f))


@pytest.mark.parametrize("kind", KINDS)
def test_distance_is_the_integral_of_speed(kind: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        lift = make_lift(rng, kind)
        way = float(rng.choice([-1, 1]) * (lift.heights[1] - lift.heights[0]) * rng.uniform(0.4, 1.0))
        motion = Motion(0.0)
        motion.run(ride(way, lift.profile))
        t = np.linspace(0.0, motion.t, 40_001)
        a, v, z = motion.sample(t)
        step = t[1] - t[0]
        assert abs(motion.v) < 1e-6
        assert z[-1] == pytest.approx(way, abs=1e-6)
        assert float(np.sum((v[1:] + v[:-1]) / 2) * step) == pytest.approx(way, abs=1e-3)
        assert float(np.max(np.abs(np.cumsum(a[:-1]) * step - v[1:]))) < 0.01
        assert np.max(np.abs(v)) <= lift.profile.speed + 1e-9
        assert length(ride(way, lift.profile)) == pytest.approx(motion.t)


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in SLOW])
def test_truth_lies_in_the_recording_and_doors_are_shut_in_trips(name: str) -> None:
    for seed in range(8):
        story = _story(name, seed)
        for kind, start, by, end in story.truth:
            assert 0.0 <= start < by < story.t - 2.0, kind
            assert end < 0.0 or end > by, kind
        for first, second in zip(story.legs, story.legs[1:], strict=False):
            assert second.t0 >= first.t1 - 1e-9
            assert second.p0 == first.p1
        starts = [trip.start for trip in story.trips]
        assert starts == sorted(starts)
        for trip in story.trips:
            moved = [g for g in story.legs if g.t0 < trip.end - 1e-6 and g.t1 > trip.start + 1e-6]
            assert not moved or name == "door_forced_in_motion"


@pytest.mark.parametrize("name", ["trapped_blind", "trapped_pir_ctrl", "trapped_landing_shut", "empty_stop"])
def test_who_is_inside_and_where(name: str) -> None:
    for seed in range(10):
        story = _story(name, seed)
        kinds = {kind for kind, *_ in story.truth}
        assert ("entrapment" in kinds) == (story.people > 0)
        assert (story.nearest(story.motion.z) > 0.4) == (name != "trapped_landing_shut")


def test_at_rest_the_sensor_reads_gravity() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        story = Story("rest", rng, make_lift(rng, "vvvf"), make_equip(rng))
        story.equip.sensor.full_scale = 40.0
        story.t = 60.0
        finish(story, 60.0)
        _, a = record.accel(story, 60.0)
        mean = float(np.linalg.norm(a.mean(axis=0)))
        worst = 0.02 * 9.84 + float(np.linalg.norm(story.equip.sensor.bias)) + 0.05
        assert abs(mean - 9.806) < worst
        assert 0.0005 < float(a.std(axis=0).max()) < 0.12


def test_accelerometer_and_path_agree() -> None:
    story = _story("normal_vvvf", 3)
    s = story.equip.sensor
    s.scale, s.bias, s.noise, s.gaps = np.ones(3), np.zeros(3), 0.0, 0
    s.full_scale, s.wander, s.drift = 40.0, 0.0, np.zeros(3)
    finish(story, story.t)
    t, a = record.accel(story, story.t)
    up = a @ s.mount[:, 2] - s.gravity
    for trip in story.trips:
        i, k = np.searchsorted(t, [trip.start - 0.2, trip.end + 0.2])
        dt = np.diff(t[i:k])
        v = np.concatenate([[0.0], np.cumsum((up[i : k - 1] + up[i + 1 : k]) / 2 * dt)])
        way = float(np.sum((v[1:] + v[:-1]) / 2 * dt))
        assert way == pytest.approx(trip.distance, abs=0.05 + 0.02 * abs(trip.distance))


@pytest.mark.parametrize("name", ["normal_two_speed", "trapped_pir_ctrl", "no_contacts", "door_chatter"])
def test_files_have_the_format(name: str, tmp_path: Path) -> None:
    story = _story(name, 1)
    length_s = write(story, tmp_path / name)
    files = {p.name for p in (tmp_path / name).iterdir()}
    assert files <= {*HEADS, "meta.toml"}
    assert {"accel.csv", "meta.toml", "truth.csv", "allowed.csv", "trips.csv"} <= files
    meta = tomllib.loads((tmp_path / name / "meta.toml").read_text())
    assert meta["format"] == 1
    assert meta["sensors"]["signals"] == story.equip.signals
    for file in files - {"meta.toml"}:
        with (tmp_path / name / file).open() as f:
            assert f.readline() == HEADS[file] + "\n"
        rows = _rows(tmp_path / name / file)
        if HEADS[file].startswith("t_s,"):
            t = np.array([float(r["t_s"]) for r in rows])
            assert np.all(np.diff(t) >= 0)
            assert 0 <= t[0] < 2.5
            assert t[-1] <= length_s + 0.1
    if "signals.csv" in files:
        rows = _rows(tmp_path / name / "signals.csv")
        assert {r["name"] for r in rows} == set(story.equip.signals)
        assert {r["value"] for r in rows} == {"0", "1"}


def test_the_same_seed_gives_the_same_recording(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(_story("trapped_rescued", 5), tmp_path / folder / "x")
    for file in (tmp_path / "a" / "x").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "x" / file.name).read_bytes()
