"""Cases in which somebody is shut in, or seems to be: between landings, behind a jammed door, and the empty car."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .daily import new_story, other_floor, serve, traffic
from .equip import make_equip
from .lifts import Rng
from .motion import Motion, Piece, Profile, brake_stop, ride
from .shakes import Shake, footfall
from .story import Story

STOPS = ("brake", "power", "controller")


@dataclass
class Halt:
    """How a ride was interrupted."""

    kind: str
    begun: float
    at: float
    decel: float
    speed: float


def pick_stop(rng: Rng) -> str:
    """One of the three ways to stop at the wrong place."""
    return str(rng.choice(STOPS))


def halt(story: Story, kind: str, stay_s: float = math.inf) -> Halt:
    """Set off for some floor, come to a stop on the way there, and stay for so long."""
    rng = story.rng
    hard = kind == "brake"
    decel = rng.uniform(3.0, 6.0) if hard else rng.uniform(0.5, 1.2)
    ramp = rng.uniform(0.03, 0.1) if hard else rng.uniform(0.2, 0.4)
    speeds: list[float] = []

    def stop(m: Motion) -> list[Piece]:
        speeds.append(abs(m.v))
        return story.stop_soft(m) if kind == "controller" else brake_stop(m.v, m.a, decel, ramp)

    target = other_floor(story)
    sign = math.copysign(1.0, target - story.floor)
    begun = story.cut_trip(target, stop)
    if hard:
        story.hard_ring(decel, sign)
    elif kind == "power":
        story.brake_click(story.t, 3.0)
    done = Halt(kind, begun, story.t, decel if kind != "controller" else story.lift.profile.decel, speeds[-1])
    halt_signs(story, done, stay_s)
    return done


def halt_signs(story: Story, h: Halt, stay_s: float) -> None:
    """What contacts and controller tell about the stop, and the alarms that belong to the stop itself."""
    rng, equip = story.rng, story.equip
    story.fact("direction", "none", h.at + 0.2)
    for kind in ("emergency_stop", "stopped_outside_door_zone", "position_lost"):
        story.may(kind, h.begun)
    if h.kind == "brake" and h.speed > 0.5 and h.at - h.begun < 1.3:
        story.must("emergency_stop", h.begun, h.at + 0.5)
    if "door_zone" in equip.signals and stay_s > 35.0:
        story.must("stopped_outside_door_zone", h.at + 10.0, h.at + 30.0)
    if h.kind == "power":
        _power_lost(story, h.begun)
    elif equip.controller and (h.kind == "brake" or rng.random() < 0.6):
        tell_fault(story, h.begun, safety=h.kind == "brake")


def tell_fault(story: Story, t: float, safety: bool) -> None:
    """The controller reports a fault code."""
    equip = story.equip
    story.fact("fault", int(story.rng.integers(1, 60)), t)
    story.may("controller_fault", t)
    if safety:
        story.fact("safety_circuit", "open", t)
        story.may("safety_circuit_open", t)
    if equip.polled and "fault" in equip.controller:
        story.must("controller_fault", t, t + 4.0 + 3 * equip.poll_s)


def _power_lost(story: Story, t: float, until: float = math.inf) -> None:
    story.signal("mains", 0, t)
    if "mains" in story.equip.signals:
        story.must("mains_lost", t, t + 2.5, -1.0 if math.isinf(until) else until + 10.0)
    if story.equip.controller:
        if story.rng.random() < 0.6:
            story.dead.append((t, until))
            story.may("controller_link_lost", t)
        else:
            story.fact("mode", "emergency_power", t + 0.5)


def known_place(story: Story) -> bool:
    """Can anybody tell from the recording that the car is between landings?"""
    equip = story.equip
    told = "door_zone" in equip.signals or "door_zone" in equip.controller
    return told or (equip.knows_heights and equip.knows_start)


def shut_in(story: Story, at: float, between: bool, end: float = -1.0) -> None:
    """Somebody is trapped since standstill."""
    limit = 90.0 if between and known_place(story) else 120.0
    story.must("entrapment", at, at + limit, end)
    story.may("entrapment", at, end)
    story.may("door_open_failure", at)


def behave(story: Story, until: float) -> None:
    """What trapped people do: call and knock, or stand still for minutes."""
    rng, start = story.rng, story.t
    mood = str(rng.choice(["restless", "calm", "still"], p=[0.4, 0.35, 0.25]))
    busy = {"restless": until - start, "calm": rng.uniform(15, 50), "still": rng.uniform(2, 6)}[mood]
    busy = min(busy, until - start)
    story.fidget(start + 1.0, start + busy, 4.0, 0.6)
    story.fidget(start + busy, until, {"restless": 4.0, "calm": 35.0, "still": 150.0}[mood])
    if "alarm_button" in story.equip.signals and rng.random() < 0.7 and until - start > 60.0:
        press = start + rng.uniform(6.0, 40.0)
        held = rng.uniform(3.5, 8.0)
        story.signal("alarm_button", 1, press)
        story.signal("alarm_button", 0, press + held)
        story.must("alarm_button", press, press + 3.5)
    story.t = until


def load_up(story: Story) -> None:
    """Somebody gets in at this landing."""
    serve(story, 0, int(story.rng.integers(1, 4)))


def _scene(name: str, rng: Rng, *, presence: bool | None, controller: bool | None) -> Story:
    """A lift with some ordinary traffic behind it."""
    extra = [s for s, p in (("mains", 0.3), ("alarm_button", 0.4)) if rng.random() < p]
    equip = make_equip(rng, presence=presence, controller=controller, extra=tuple(extra))
    story = new_story(name, rng, equip=equip)
    traffic(story, rng.uniform(60.0, 260.0))
    return story


def trapped_between(name: str, rng: Rng, presence: bool, controller: bool) -> Story:
    """Stopped between landings with people inside, and nobody comes."""
    story = _scene(name, rng, presence=presence, controller=controller)
    load_up(story)
    h = halt(story, pick_stop(rng))
    shut_in(story, h.at, between=True)
    behave(story, h.at + rng.uniform(140.0, 300.0))
    return story


def trapped_dead_pir(name: str, rng: Rng) -> Story:
    """The motion sensor has never seen anybody: no evidence of nobody."""
    story = trapped_between(name, rng, presence=True, controller=bool(rng.random() < 0.3))
    story.edges["presence"] = []
    return story


def trapped_landing(name: str, rng: Rng, wide: float) -> Story:
    """Arrived at a landing, but the door stays shut or opens a hand's width."""
    story = _scene(name, rng, presence=None, controller=None)
    load_up(story)
    story.trip(other_floor(story))
    at = story.trips[-1].end
    shut_in(story, at, between=False)
    end = at + rng.uniform(170.0, 320.0)
    tries = int(rng.integers(0 if wide == 0.0 else 1, 5))
    for _ in range(tries):
        story.wait(rng.uniform(0.5, 1.5))
        if wide > 0.0 and story.door == 0.0:
            story.swing(rng.uniform(0.4, 1.0) * wide, rng.uniform(0.4, 1.5))
            if rng.random() < 0.4:
                story.wait(rng.uniform(3.0, 8.0))
                story.swing(0.0, rng.uniform(0.5, 1.5))
        else:
            story.brake_click(story.t, 3.0)
        story.fidget(story.t, story.t + 8.0, 4.0)
        story.wait(rng.uniform(8.0, 15.0))
    if story.equip.controller and rng.random() < 0.5:
        tell_fault(story, story.t, safety=False)
        story.fact("door", "fault", story.t)
    behave(story, max(end, story.t + 5.0))
    return story


def trapped_recovers(name: str, rng: Rng) -> Story:
    """Stopped between landings, then the lift goes on by itself to a landing and opens."""
    story = _scene(name, rng, presence=None, controller=None)
    load_up(story)
    stuck = float(rng.choice([rng.uniform(8, 25), rng.uniform(45, 80), rng.uniform(130, 240)]))
    h = halt(story, "controller" if rng.random() < 0.6 else "brake", stuck)
    behave(story, h.at + stuck)
    story.fact("fault", 0)
    story.fact("safety_circuit", "closed")
    nearest = min(range(len(story.lift.heights)), key=lambda i: abs(story.lift.heights[i] - story.motion.z))
    story.fact("direction", "up" if story.lift.heights[nearest] > story.motion.z else "down")
    p = story.lift.profile
    slow = Profile(min(p.speed, rng.uniform(0.1, 0.4)), min(p.accel, 0.4), min(p.decel, 0.4), p.jerk)
    story.wait(0.5)
    story.move(ride(story.lift.heights[nearest] - story.motion.z, slow))
    story.fact("direction", "none")
    story.floor = nearest
    story.wait(rng.uniform(0.5, 2.0))
    story.open()
    end = story.t + 17.0
    if stuck > 125.0:
        shut_in(story, h.at, between=True, end=end)
    elif stuck > 28.0:
        story.may("entrapment", h.at + 28.0, end)
    story.walk(story.people, entering=False)
    story.wait(rng.uniform(6.0, 12.0))
    story.close()
    story.wait(rng.uniform(5.0, 20.0))
    traffic(story, story.t + 60.0)
    return story


def hand_wind(story: Story, target: float) -> None:
    """The brake is opened by hand again and again until the car is at the landing."""
    rng = story.rng
    while abs(target - story.motion.z) > 0.005:
        left = target - story.motion.z
        way = math.copysign(min(abs(left), rng.uniform(0.05, 0.45)), left)
        speed = rng.uniform(0.05, 0.15)
        story.brake_click(story.t)
        story.move(ride(way, Profile(speed, rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.5), 1.5)))
        story.brake_click(story.t)
        story.wait(rng.uniform(0.5, 6.0))


def trapped_rescued(name: str, rng: Rng) -> Story:
    """Stopped between landings, wound by hand to a landing, opened by hand."""
    story = _scene(name, rng, presence=None, controller=None)
    load_up(story)
    h = halt(story, pick_stop(rng))
    behave(story, h.at + rng.uniform(140.0, 360.0))
    nearest = min(range(len(story.lift.heights)), key=lambda i: abs(story.lift.heights[i] - story.motion.z))
    hand_wind(story, story.lift.heights[nearest])
    story.floor = nearest
    story.wait(rng.uniform(5.0, 25.0))
    story.swing(1.0, rng.uniform(3.0, 8.0))
    shut_in(story, h.at, between=True, end=story.t + 17.0)
    story.may("mislevelling", h.at)
    story.walk(story.people, entering=False)
    story.wait(rng.uniform(10.0, 40.0))
    story.swing(0.0, rng.uniform(2.0, 6.0))
    story.wait(rng.uniform(20.0, 60.0))
    return story


def empty_stop(name: str, rng: Rng) -> Story:
    """An empty car, called without anybody getting in, stops between landings."""
    story = _scene(name, rng, presence=None, controller=None)
    story.wait(rng.uniform(20.0, 120.0))
    halt(story, pick_stop(rng))
    story.wait(rng.uniform(150.0, 400.0))
    return story


def inspection(name: str, rng: Rng) -> Story:
    """A mechanic on the car roof drives to and fro between landings and works there."""
    how = str(rng.choice(["signal", "mode", "both"]))
    extra = ("inspection",) if how != "mode" else ()
    equip = make_equip(rng, controller=True if how != "signal" else bool(rng.random() < 0.3), extra=extra)
    story = new_story(name, rng, equip=equip)
    traffic(story, rng.uniform(60.0, 180.0))
    story.wait(rng.uniform(10.0, 30.0))
    story.signal("inspection", 1)
    if how != "signal":
        story.fact("mode", "inspection")
    story.wait(rng.uniform(3.0, 20.0))
    p = story.lift.profile
    top = min(p.speed, 0.63, rng.uniform(0.2, 0.63))
    slow = Profile(top, 0.5, 0.8, 2.0, brake=rng.uniform(0.6, 2.0))
    low, high = story.lift.heights[0], story.lift.heights[-1]
    for _ in range(int(rng.integers(3, 9))):
        goal = float(rng.uniform(max(low, story.motion.z - 8.0), min(high, story.motion.z + 8.0)))
        _inspection_move(story, goal, slow)
        pause = float(rng.uniform(70, 200)) if rng.random() < 0.3 else float(rng.uniform(3, 40))
        for _ in range(int(rng.poisson(pause / 12.0))):
            story.shakes += _roof_work(story, float(rng.uniform(0, pause)))
        story.wait(pause)
    story.floor = min(range(len(story.lift.heights)), key=lambda i: abs(story.lift.heights[i] - story.motion.z))
    _inspection_move(story, story.lift.heights[story.floor], slow)
    story.wait(rng.uniform(10.0, 40.0))
    story.signal("inspection", 0)
    story.fact("mode", "normal")
    story.wait(rng.uniform(5.0, 20.0))
    traffic(story, story.t + 60.0)
    return story


def _inspection_move(story: Story, goal: float, slow: Profile) -> None:
    if abs(goal - story.motion.z) < 0.02:
        return
    story.fact("direction", "up" if goal > story.motion.z else "down")
    story.brake_click(story.t)
    story.wait(0.4)
    story.move(ride(goal - story.motion.z, slow))
    story.brake_click(story.t)
    story.fact("direction", "none")
    story.wait(0.5)


def _roof_work(story: Story, after: float) -> list[Shake]:
    strength = story.lift.lively * float(story.rng.uniform(0.5, 2.0))
    return footfall(story.rng, story.t + after, strength, story.lift.bounce_hz)
