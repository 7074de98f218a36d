"""Cases in which nobody is in trouble: everyday traffic, long nights, parking."""

from __future__ import annotations

from .equip import Equip, make_equip
from .lifts import KINDS, Lift, Rng, make_lift
from .story import Story


def new_story(name: str, rng: Rng, kind: str | None = None, equip: Equip | None = None) -> Story:
    """A lift standing closed at some landing."""
    lift: Lift = make_lift(rng, kind or str(rng.choice(KINDS)))
    story = Story(name, rng, lift, equip or make_equip(rng), floor=int(rng.integers(len(lift.heights))))
    story.wait(rng.uniform(4.0, 15.0))
    return story


def other_floor(story: Story) -> int:
    """Any floor but this one, not so far that the ride would take longer than a run-time limiter allows."""
    lift, here = story.lift, story.floor
    reach = lift.profile.speed * 32.0
    near = [i for i, h in enumerate(lift.heights) if i != here and abs(h - lift.heights[here]) <= reach]
    if not near or story.rng.random() < 0.03:
        near = [i for i in (here - 1, here + 1) if 0 <= i < len(lift.heights)]
    return int(story.rng.choice(near))


def serve(story: Story, leaving: int, entering: int, hold_s: float = 0.0) -> None:
    """One stop: open, out, in, close."""
    rng = story.rng
    story.wait(rng.uniform(0.3, 1.5))
    story.open()
    story.wait(rng.uniform(0.4, 1.5))
    opened = story.t
    story.walk(leaving, entering=False)
    if entering:
        story.wait(rng.uniform(0.0, 1.0))
        story.walk(entering, entering=True)
    if rng.random() < 0.1:
        story.relevel()
    story.stay(max(story.lift.dwell_s + hold_s - (story.t - opened), 0.5))
    story.close(int(rng.choice([0, 0, 0, 0, 0, 1, 2])))
    story.stay(rng.uniform(0.3, 2.0))


def hall_call(story: Story, entering: int | None = None) -> None:
    """The car comes to a caller; sometimes he has gone away."""
    rng = story.rng
    if rng.random() < 0.7:
        story.trip(other_floor(story))
    if entering is None:
        entering = int(rng.choice([0, 1, 1, 1, 2, 3, 4], p=[0.12, 0.3, 0.2, 0.13, 0.15, 0.06, 0.04]))
    hold = rng.uniform(10, 60) if rng.random() < 0.06 else 0.0
    serve(story, 0, entering, hold)


def deliver(story: Story) -> None:
    """Take everybody where they want to go."""
    rng = story.rng
    while story.people:
        story.trip(other_floor(story))
        leaving = int(rng.integers(1, story.people + 1))
        joining = int(rng.random() < 0.12)
        serve(story, leaving, joining)


def park(story: Story) -> None:
    """An empty car goes elsewhere, doors shut."""
    story.trip(other_floor(story))


def traffic(story: Story, until: float) -> None:
    """Calls and pauses until the clock reads so much."""
    rng = story.rng
    while story.t < until:
        hall_call(story)
        answered = story.people > 0
        deliver(story)
        pause = rng.exponential(12.0) if rng.random() < 0.85 else rng.uniform(60.0, 240.0)
        story.wait(min(pause, max(until - story.t, 5.0)))
        if rng.random() < (0.25 if answered else 0.1):
            park(story)
            story.wait(rng.uniform(5.0, 60.0))
    story.wait(rng.uniform(3.0, 20.0))


def _short(story: Story) -> float:
    """A length that keeps fast recordings small."""
    fast = story.equip.sensor.nominal_hz
    return float(story.rng.uniform(200, 320) if fast >= 800 else story.rng.uniform(200, 840))


def normal(name: str, rng: Rng, kind: str) -> Story:
    """Everyday traffic on one kind of lift."""
    story = new_story(name, rng, kind)
    traffic(story, _short(story))
    return story


def empty_call_then_park(name: str, rng: Rng) -> Story:
    """Nobody got in at the hall call, then the car parks elsewhere and stays closed for minutes."""
    story = new_story(name, rng)
    traffic(story, 120.0)
    hall_call(story, entering=0)
    story.wait(rng.uniform(5.0, 40.0))
    park(story)
    story.wait(rng.uniform(150.0, 400.0))
    return story


def _night(name: str, rng: Rng, equip: Equip) -> Story:
    story = new_story(name, rng, equip=equip)
    story.hvac = rng.uniform(0.5, 5.0)
    traffic(story, 240.0)
    hours = rng.uniform(1.5, 4.0)
    end = story.t + hours * 3600.0
    while story.t < end:
        story.wait(rng.uniform(1200.0, 6000.0))
        if rng.random() < 0.4:
            park(story)
        elif rng.random() < 0.5:
            hall_call(story)
            deliver(story)
    story.wait(600.0)
    traffic(story, story.t + 180.0)
    return story


def overnight(name: str, rng: Rng) -> Story:
    """Hours of standing still with the doors shut."""
    return _night(name, rng, make_equip(rng, rates=(25.0, 31.25, 50.0)))


def overnight_pir_glitch(name: str, rng: Rng) -> Story:
    """The same, and the motion sensor fires by itself a few times (warm air, a fan)."""
    story = _night(name, rng, make_equip(rng, rates=(25.0, 50.0), presence=True))
    story.moves += [float(rng.uniform(400.0, story.t - 900.0)) for _ in range(int(rng.integers(1, 4)))]
    return story


def no_contacts(name: str, rng: Rng) -> Story:
    """Nothing is wired: the accelerometer alone."""
    story = new_story(name, rng, equip=make_equip(rng, contacts=(), presence=False, controller=False))
    traffic(story, _short(story))
    return story


def one_contact(name: str, rng: Rng) -> Story:
    """Only one of the two door contacts is wired; ordinary traffic."""
    wired = ("door_open",) if rng.random() < 0.5 else ("door_closed",)
    story = new_story(name, rng, equip=make_equip(rng, contacts=wired))
    traffic(story, _short(story))
    return story
