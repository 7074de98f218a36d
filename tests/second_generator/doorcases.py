"""Cases about doors: held, obstructed, stiff, chattering, open where they must not be."""

from __future__ import annotations

import math

import numpy as np

from .daily import hall_call, new_story, other_floor, serve, traffic
from .equip import make_equip
from .lifts import Rng
from .motion import Motion, Piece, brake_stop
from .shakes import jump, ring, shock
from .story import DoorLeg, Story
from .trouble import behave, load_up, shut_in, tell_fault


def _bang_about(story: Story, span: float) -> None:
    """Furniture: steps, bumps against the walls, loads set down or dropped."""
    rng, lift = story.rng, story.lift
    story.fidget(story.t, story.t + span, 2.5, 1.0)
    for _ in range(int(rng.poisson(span / 15.0))):
        at = story.t + rng.uniform(0.0, span)
        axis = (float(rng.normal(0, 1)), float(rng.normal(0, 1)), float(rng.normal(0, 0.5)))
        story.shakes.append(shock(at, rng.uniform(0.2, 2.0), rng.uniform(0.01, 0.04), axis))
    for _ in range(int(rng.integers(0, 4))):
        at = story.t + rng.uniform(0.0, span)
        story.shakes.append(ring(at, -rng.uniform(0.3, 3.0), lift.bounce_hz, 0.12))
        story.shakes.append(shock(at, rng.uniform(1.0, 14.0), 0.015, (0.2, 0.2, 1.0)))


def furniture(name: str, rng: Rng) -> Story:
    """Moving house: the door is held open for minutes at both ends."""
    story = new_story(name, rng, str(rng.choice(["goods", "goods", "vvvf", "two_speed", "hydraulic"])))
    traffic(story, 90.0)
    for turn in range(2):
        if turn:
            story.trip(other_floor(story))
        story.wait(rng.uniform(0.3, 1.5))
        story.open()
        opened, held = story.t, float(rng.uniform(60, 300))
        story.walk(1 if turn == 0 else story.people, entering=turn == 0)
        _bang_about(story, held)
        story.may("impact", opened, opened + held + 65.0)
        story.wait(held / 2)
        if rng.random() < 0.5:
            story.relevel()
        story.wait(max(opened + held - story.t, 1.0))
        left = story.t
        story.close(int(rng.choice([0, 1, 2])))
        if left - opened > 160.0:
            story.must("door_held_open", opened + 115.0, opened + 150.0, story.t + 15.0)
        story.may("door_held_open", opened + 115.0, story.t + 15.0) if left - opened > 115.0 else None
        story.wait(rng.uniform(0.5, 4.0))
    traffic(story, story.t + 30.0)
    return story


def jumping(name: str, rng: Rng) -> Story:
    """Children jump in the standing and in the moving car."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 160.0))
    worst = rng.uniform(0.6, 5.0)
    for _ in range(2):
        load_up(story)
        _jumps(story, story.t, rng.uniform(2.0, 8.0), worst)
        story.wait(rng.uniform(2.0, 9.0))
        start = story.t
        story.trip(other_floor(story))
        _jumps(story, start, story.t - start + 2.0, worst)
        story.wait(0.5)
        serve(story, story.people, 0)
        story.wait(rng.uniform(5.0, 30.0))
    traffic(story, story.t + rng.uniform(20.0, 120.0))
    return story


def _jumps(story: Story, start: float, span: float, worst: float) -> None:
    rng, t = story.rng, start
    while t < start + span:
        for _ in range(int(rng.integers(1, 8))):
            story.shakes += jump(rng, t, worst * rng.uniform(0.4, 1.0), story.lift.bounce_hz)
            story.moves.append(t)
            t += rng.uniform(0.4, 0.75)
        t += rng.uniform(1.0, 6.0)


def door_will_not_close(name: str, rng: Rng) -> Story:
    """Something lies on the sill: the door tries again and again."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 200.0))
    story.trip(other_floor(story))
    story.wait(1.0)
    story.open()
    story.walk(int(rng.integers(0, 3)), entering=True)
    story.stay(story.lift.dwell_s)
    first, fourth, tries = story.t, math.inf, 0
    stop_at, again = float(rng.uniform(0.05, 0.5)), float(rng.uniform(2.0, 8.0))
    while tries < 6 or story.t < max(fourth, first + 60.0) + 25.0:
        story.swing(stop_at, slam=0.2)
        story.wait(rng.uniform(0.2, 0.8))
        story.swing(1.0)
        tries += 1
        fourth = story.t if tries == 4 else fourth
        story.stay(again * rng.uniform(0.8, 1.2))
    story.close()
    story.must("door_close_failure", first, max(fourth, first + 60.0) + 10.0, story.t + 15.0)
    story.may("door_close_failure", first, story.t + 20.0)
    story.may("door_reversals", first)
    story.stay(rng.uniform(1.0, 5.0))
    while story.people:
        story.trip(other_floor(story))
        serve(story, story.people, 0)
    traffic(story, story.t + 30.0)
    return story


def door_half_open(name: str, rng: Rng) -> Story:
    """The door gets stuck on its way open, wide enough to slip out."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(150.0, 300.0))
    hall_call(story, entering=int(rng.integers(1, 3)))
    story.trip(other_floor(story))
    story.wait(1.0)
    begun, stuck_at, second = story.t, float(rng.uniform(0.5, 0.85)), 0.0
    need = 2.4 * story.lift.opening_s + 15.0
    for attempt in range(int(rng.integers(2, 5))):
        second = story.t if attempt == 1 else second
        story.swing(stuck_at)
        story.walk(min(story.people, 1), entering=False)
        story.wait(rng.uniform(6.0, 14.0))
        story.swing(rng.uniform(0.1, 0.35))
        story.wait(rng.uniform(0.5, 2.0))
    story.swing(stuck_at)
    story.walk(story.people, entering=False)
    story.wait(max(second + need + 10.0 - story.t, 0.0) + rng.uniform(0.0, 60.0))
    story.open()
    freed = story.t
    story.must("door_open_failure", begun, second + need, freed + 15.0)
    story.may("door_open_failure", begun, freed + 20.0)
    for kind in ("entrapment", "door_reversals", "door_close_failure", "door_contacts_disagree"):
        story.may(kind, begun, freed + 20.0)
    story.may("door_reversals", begun)
    story.may("door_slow", begun)
    story.wait(rng.uniform(3.0, 10.0))
    story.close()
    story.wait(rng.uniform(5.0, 20.0))
    return story


def _clear_moment(story: Story, start: float, end: float, span: float) -> float | None:
    """A moment of a finished trip at which the car is fast and away from every landing for the whole span."""
    grid = np.linspace(0.0, span + 0.03, 20)
    for _ in range(300):
        t = float(story.rng.uniform(start, end))
        _, v, z = story.motion.sample(t + grid)
        if np.min(np.abs(v)) > 0.14 and min(story.nearest(float(x)) for x in z) > 0.45:
            return t
    return None


def contact_opens_in_motion(name: str, rng: Rng) -> Story:
    """The door contact opens for a moment during the ride, and the lift goes on."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 200.0))
    load_up(story)
    span = float(rng.uniform(0.06, 0.4))
    for _ in range(20):
        story.trip(other_floor(story))
        trip = story.trips[-1]
        t = _clear_moment(story, trip.start, trip.end, span)
        if t is not None:
            story.contact_glitches["door_closed"] = [(t, span)]
            story.must("door_open_in_motion", t, t + 0.52, trip.end + 10.0)
            story.may("door_open_in_motion", t, trip.end + 12.0)
            break
        serve(story, 0, 0)
    serve(story, story.people, 0)
    traffic(story, story.t + 60.0)
    return story


def door_forced_in_motion(name: str, rng: Rng) -> Story:
    """The door is pulled ajar during the ride; the lock contact stops the car between landings."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(60.0, 200.0))
    load_up(story)
    decel = rng.uniform(2.5, 5.0)

    def stop(m: Motion) -> list[Piece]:
        return brake_stop(m.v, m.a, decel, 0.06)

    begun = story.cut_trip(other_floor(story), stop)
    at, wide = story.t, float(rng.uniform(0.06, 0.12))
    _, v, _ = story.motion.sample(np.array([begun - 0.05, begun]))
    story.legs.append(DoorLeg(begun - 0.15, begun + 0.3, 0.0, wide))
    open_at = begun - 0.15 + 0.45 * 0.02 / wide
    story.door = wide
    story.fact("direction", "none", at + 0.2)
    for kind in ("emergency_stop", "stopped_outside_door_zone", "position_lost", "door_open_failure"):
        story.may(kind, begun)
    story.may("door_close_failure", begun)
    back = bool(rng.random() < 0.6)
    story.t = max(at, begun + 0.3) + rng.uniform(0.5, 3.0)
    if back:
        story.swing(0.0, 0.4)
        shut_in(story, at, between=True)
    else:
        story.may("entrapment", at)
    if float(np.min(np.abs(v))) > 0.14:
        story.must("door_open_in_motion", open_at, open_at + 0.52, story.t + 10.0 if back else -1.0)
    story.may("door_open_in_motion", begun - 0.15, story.t + 12.0 if back else -1.0)
    if story.equip.controller:
        tell_fault(story, begun, safety=True)
    behave(story, at + rng.uniform(140.0, 250.0))
    return story


def door_chatter(name: str, rng: Rng) -> Story:
    """Worn contacts: thousands of pulses of a few milliseconds, standing and moving."""
    story = new_story(name, rng)
    traffic(story, rng.uniform(200.0, 400.0))
    for contact in ("door_closed", "door_open"):
        n = int(rng.integers(20, 600))
        times = np.sort(rng.uniform(1.0, story.t - 1.0, n))
        edges = np.array([x for leg in story.legs for x in (leg.t0, leg.t1)])
        last, kept = 0.0, []
        for t in times:
            if t - last > 0.1 and np.min(np.abs(edges - t), initial=9.0) > 0.6:
                kept.append((float(t), float(rng.uniform(0.001, 0.012))))
                last = float(t)
        story.contact_glitches[contact] = kept
    story.may("door_contacts_disagree", 0.0)
    return story


def one_contact_trapped(name: str, rng: Rng) -> Story:
    """Only one door contact is wired, and somebody is trapped."""
    wired = ("door_open",) if rng.random() < 0.5 else ("door_closed",)
    story = new_story(name, rng, equip=make_equip(rng, contacts=wired))
    traffic(story, rng.uniform(60.0, 200.0))
    load_up(story)

    def stop(m: Motion) -> list[Piece]:
        return story.stop_soft(m)

    begun = story.cut_trip(other_floor(story), stop)
    story.fact("direction", "none", story.t + 0.2)
    for kind in ("emergency_stop", "stopped_outside_door_zone", "position_lost"):
        story.may(kind, begun)
    shut_in(story, story.t, between=True)
    behave(story, story.t + rng.uniform(140.0, 260.0))
    return story
