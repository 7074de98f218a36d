"""Hard events of the machine, the supply and the box: drifting with open door, overspeed, power dips, sensor faults."""

from __future__ import annotations

import math

import numpy as np

from .daily import new_story, other_floor, serve, traffic
from .equip import make_equip
from .lifts import Rng
from .motion import Motion, Piece, Profile, brake_stop, ride
from .shakes import burst, ring, shock
from .story import Story
from .trouble import behave, load_up, shut_in, tell_fault


def unintended_movement(name: str, rng: Rng) -> Story:
    """The brake does not hold: the car leaves the landing with its door open until something stops it."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 220.0))
    story.trip(other_floor(story))
    story.wait(1.0)
    story.open()
    people = int(rng.integers(0, 5))
    story.walk(people, entering=True)
    story.wait(rng.uniform(1.0, 8.0))
    heavy = people > 1 or story.lift.drive == "hydraulic"
    pull, fall = float(rng.uniform(0.2, 1.2)), float(rng.uniform(0.4, 1.2))
    top = math.sqrt(2 * pull * fall)
    decel = float(rng.uniform(2.0, 5.0))
    sign = -1.0 if heavy else 1.0
    away: list[Piece] = [(0.08, 0.0, sign * pull / 0.08), (top / pull, sign * pull, 0.0)]
    trial = story.motion.fork()
    trial.rest_until(story.t)
    trial.run(away)
    t0 = story.t
    story.move(away + brake_stop(trial.v, trial.a, decel, 0.05))
    story.hard_ring(decel, sign)
    grid = np.arange(t0, story.t, 0.001)
    _, v, z = story.motion.sample(grid)
    decided = t0 + 0.001 * int(np.argmax((np.abs(z - z[0]) > 0.2) | (np.abs(v) > 0.3)))
    story.must("unintended_movement", t0, decided + 0.5)
    for kind in ("unintended_movement", "emergency_stop", "door_open_in_motion", "stopped_outside_door_zone"):
        story.may(kind, t0)
    for kind in ("position_lost", "mislevelling", "safety_circuit_open"):
        story.may(kind, t0)
    if story.equip.controller:
        tell_fault(story, t0 + 0.2, safety=True)
    story.fidget(story.t, story.t + 20.0, 2.0, 1.0)
    story.wait(rng.uniform(20.0, 140.0))
    return story


def _runaway(story: Story, pieces: list[Piece]) -> tuple[float, list[Piece], float] | None:
    """When the drive lets go, the way from there to standstill, and the deceleration of the gear."""
    rng, lift = story.rng, story.lift
    rated, pull = lift.profile.speed, float(rng.uniform(0.6, 1.6))
    sign = math.copysign(1.0, pieces[0][2])
    top = max(rated * rng.uniform(1.3, 1.5), 1.15 * rated + 0.1 + 0.6 * pull)
    gear = float(rng.uniform(4.0, 9.0) if sign < 0 else rng.uniform(3.0, 6.0))
    for _ in range(60):
        cut = sum(p[0] for p in pieces[:3]) + float(rng.uniform(0.1, 0.9)) * pieces[3][0]
        m = story.motion.fork()
        m.run(pieces, cut)
        if abs(m.v) < 0.98 * rated:
            return None
        rise: list[Piece] = [(0.2, 0.0, sign * pull / 0.2), ((top - abs(m.v)) / pull - 0.1, sign * pull, 0.0)]
        m.run(rise)
        tail = brake_stop(m.v, m.a, gear, 0.015)
        m.run(tail)
        inside = lift.heights[0] + 0.3 < m.z < lift.heights[-1] - 0.3
        if inside and story.nearest(m.z) > 0.5:
            return cut, rise + tail, gear
    return None


def overspeed(name: str, rng: Rng) -> Story:
    """The car runs away during a ride until the safety gear or the rope brake grips."""
    for _ in range(200):
        equip = make_equip(rng)
        equip.knows_rated = True
        story = new_story(name, rng, str(rng.choice(["two_speed", "vvvf", "fast_vvvf", "highrise"])), equip)
        story.lift.profile = _rounded(story.lift.profile)
        traffic(story, rng.uniform(60.0, 180.0))
        if story.floor != (far := int(rng.choice([0, len(story.lift.heights) - 1]))):
            story.trip(far)
            serve(story, 0, 1)
        else:
            load_up(story)
        pieces = story.set_off(len(story.lift.heights) - 1 - far)
        plan = _runaway(story, pieces)
        if plan is None:
            continue
        _run_away(story, pieces, plan)
        return story
    raise ValueError("no lift with room enough to run away")


def _rounded(p: Profile) -> Profile:
    return Profile(round(p.speed, 2), p.accel, p.decel, p.jerk, p.creep, p.creep_s, p.brake)


def _run_away(story: Story, pieces: list[Piece], plan: tuple[float, list[Piece], float]) -> None:
    rng, rated = story.rng, story.lift.profile.speed
    cut, rest, gear = plan
    start, z0 = story.t, story.motion.z
    sign = math.copysign(1.0, pieces[0][2])
    story.motion.run(pieces, cut)
    begun = story.motion.t
    story.motion.run(rest)
    story.arrive(start, z0)
    story.hard_ring(gear, sign)
    grid = np.arange(begun, story.t, 0.001)
    _, v, _ = story.motion.sample(grid)
    over = np.flatnonzero(np.abs(v) > 1.15 * rated + 0.1)
    crossed = begun + 0.001 * int(over[0])
    grips = begun + 0.001 * int(np.argmax(np.abs(v)))
    grind = story.t - grips
    seed = int(rng.integers(2**31))
    story.shakes.append(burst(grips, max(grind, 0.1), (0.5, 0.5, rng.uniform(0.3, 1.5)), 15.0, 60.0, seed))
    story.must("overspeed", crossed, crossed + 0.7)
    if grind < 1.2:
        story.must("emergency_stop", grips, story.t + 0.5)
    for kind in ("overspeed", "emergency_stop", "impact", "stopped_outside_door_zone", "position_lost"):
        story.may(kind, begun)
    for kind in ("excessive_acceleration", "excessive_jerk"):
        story.may(kind, begun)
    if story.equip.sensor.full_scale < 20.0:
        story.may("sensor_fault", begun, story.t + 70.0)  # the gear may drive a +-2 g sensor to its stop
    shut_in(story, story.t, between=True)
    story.fact("direction", "none", story.t + 0.2)
    if story.equip.controller:
        tell_fault(story, grips, safety=True)
    behave(story, story.t + rng.uniform(140.0, 220.0))


def _outage(story: Story, t: float, span: float) -> None:
    story.signal("mains", 0, t)
    story.signal("mains", 1, t + span)
    story.dead.append((t, t + span + 1.0))
    if "mains" in story.equip.signals and span > 1.9:  # from 2 s on it is one, and 2.4 s is too short to demand it
        if span > 2.5:
            story.must("mains_lost", t, t + 2.5, t + span + 10.0)
        story.may("mains_lost", t, t + span + 12.0)


def power_dip_idle(name: str, rng: Rng) -> Story:
    """The supply is gone for a moment, or for half a minute, while the car stands empty."""
    extra = ("mains",) if rng.random() < 0.8 else ()
    story = new_story(name, rng, equip=make_equip(rng, extra=extra))
    traffic(story, rng.uniform(60.0, 160.0))
    for _ in range(int(rng.integers(1, 4))):
        span = float(rng.uniform(0.05, 1.5) if rng.random() < 0.6 else rng.uniform(4.0, 25.0))
        story.wait(rng.uniform(5.0, 20.0))
        _outage(story, story.t, span)
        story.brake_click(story.t, 2.0)
        story.wait(span + rng.uniform(5.0, 40.0))
    traffic(story, story.t + 90.0)
    return story


def power_dip_ride(name: str, rng: Rng) -> Story:
    """The supply dips during a ride: the brake stops the car, soon it creeps on to a landing and opens."""
    extra = ("mains",) if rng.random() < 0.8 else ()
    story = new_story(name, rng, equip=make_equip(rng, extra=extra))
    traffic(story, rng.uniform(60.0, 160.0))
    load_up(story)
    decel = float(rng.uniform(0.8, 4.5))

    def stop(m: Motion) -> list[Piece]:
        return brake_stop(m.v, m.a, decel, 0.1)

    target = other_floor(story)
    sign = math.copysign(1.0, target - story.floor)
    begun = story.cut_trip(target, stop)
    story.hard_ring(decel, sign)
    _outage(story, begun, float(rng.uniform(0.3, 6.0)))
    story.may("emergency_stop", begun)
    story.may("stopped_outside_door_zone", begun)
    story.may("position_lost", begun)
    story.fact("direction", "none", story.t + 0.2)
    story.stay(rng.uniform(9.0, 20.0))
    heights = story.lift.heights
    story.floor = min(range(len(heights)), key=lambda i: abs(heights[i] - story.motion.z))
    p = story.lift.profile
    slow = Profile(min(p.speed, rng.uniform(0.1, 0.3)), 0.3, 0.3, 0.6)
    story.move(ride(heights[story.floor] - story.motion.z, slow))
    serve(story, story.people, 0)
    traffic(story, story.t + 60.0)
    return story


def sensor_frozen(name: str, rng: Rng) -> Story:
    """The accelerometer repeats one value for minutes while the car stands."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 200.0))
    story.wait(5.0)
    span = float(rng.uniform(100.0, 260.0))
    story.stuck.append((story.t, story.t + span, "frozen"))
    story.must("sensor_fault", story.t, story.t + 75.0, story.t + span + 90.0)
    story.may("sensor_fault", story.t, story.t + span + 90.0)
    story.wait(span + rng.uniform(100.0, 130.0))
    traffic(story, story.t + 60.0)
    return story


def sensor_absent(name: str, rng: Rng) -> Story:
    """The accelerometer delivers nothing for a while, once or twice."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 200.0))
    for _ in range(int(rng.integers(1, 3))):
        story.wait(5.0)
        span = float(rng.uniform(0.5, 90.0))
        story.stuck.append((story.t, story.t + span, "absent"))
        story.may("sensor_fault", story.t, story.t + span + 90.0)
        story.wait(span + rng.uniform(5.0, 30.0))
        traffic(story, story.t + 60.0)
    return story


def box_knocked(name: str, rng: Rng) -> Story:
    """Somebody knocks on the box or bumps into it."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(200.0, 400.0))
    for _ in range(int(rng.integers(1, 7))):
        t = float(rng.uniform(5.0, story.t - 2.0))
        axis = rng.standard_normal(3)
        x, y, z = (float(a) for a in axis / np.linalg.norm(axis))
        story.box_shakes.append(shock(t, rng.uniform(2.0, 40.0), rng.uniform(0.003, 0.01), (x, y, z)))
        story.box_shakes.append(ring(t, rng.uniform(0.5, 4.0), rng.uniform(15.0, 40.0), 0.1, (y, z, x)))
        story.may("impact", t - 0.5, t + 65.0)
    return story


def box_turned(name: str, rng: Rng) -> Story:
    """The box comes loose and hangs askew from then on."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(150.0, 300.0))
    story.wait(8.0)
    t, axis = story.t, (0.6, 0.5, 0.6)
    story.turns.append((t, float(rng.uniform(6.0, 30.0))))
    story.box_shakes.append(shock(t, rng.uniform(3.0, 30.0), 0.008, axis))
    story.must("box_moved", t, t + 150.0)
    story.may("box_moved", t)
    story.may("impact", t - 0.5, t + 65.0)
    story.wait(rng.uniform(100.0, 140.0))
    traffic(story, story.t + 90.0)
    return story
