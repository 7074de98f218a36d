"""Doors: how the contacts are wired is found by itself, times are those of the contacts, dead lines are named."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from calibration.doors import DoorsFit, Stop, doors_result, fit_doors
from calibration.doors_presence import Stood, fit_presence, presence_result
from calibration.words import Verdict
from edge_agent.detect.limits import Limits
from edge_agent.readings import AccelFrame, Reading, Signal, SignalEdge, Tick
from sim.faults import ChatteringContact, StuckContact, Window, with_fault
from tests.calibration.learning_lifts import DOORS, START_NS, Learned, cycle_door, drawn

LIMITS = Limits()
OTHER = {Signal.DOOR_OPEN: Signal.DOOR_CLOSED, Signal.DOOR_CLOSED: Signal.DOOR_OPEN}
LATE = Window(START_NS, START_NS + 10**15)


def cycled(seed: int, cycles: int = 3) -> Learned:
    """A car that stands with its door shut, and opens and closes it."""
    found = drawn(seed)
    found.lift.wait(8.0)
    for _ in range(cycles):
        cycle_door(found.lift)
    found.lift.wait(8.0)
    return found


def ridden(seed: int) -> Learned:
    """Doors at three landings."""
    found = drawn(seed, landings=3)
    found.lift.wait(6.0)
    cycle_door(found.lift)
    for landing in (1, 2, 0):
        found.lift.travel(landing)
        cycle_door(found.lift)
    return found


def contact_times(found: Learned) -> list[float]:
    """From contact to contact, as the door really moved."""
    times = np.arange(0.0, found.lift.now_s, 0.001)
    opening = found.lift.door.sample(times)
    contact = found.box.contact
    place = np.where(opening < contact.closed_below, 0, np.where(opening > contact.open_above, 2, 1))
    at = np.flatnonzero(np.diff(place)) + 1
    return [float(times[b] - times[a]) for a, b in pairwise(at) if place[a] == 1]


def miswired(readings: list[Reading], is_swapped: bool, inverted: tuple[Signal, ...]) -> list[Reading]:
    """The same door, the lines wired otherwise."""
    out: list[Reading] = []
    for each in readings:
        if isinstance(each, SignalEdge):
            line = OTHER[each.signal] if is_swapped else each.signal
            each = replace(each, signal=line, is_active=each.is_active is not (line in inverted))
        out.append(each)
    return out


def keys(fit: DoorsFit) -> list[str]:
    """Of all reasons."""
    return [each.key for each in (*fit.problems, *fit.doubts)]


@pytest.mark.parametrize(
    ("is_swapped", "inverted"),
    list(product((False, True), ((), (Signal.DOOR_OPEN,), (Signal.DOOR_CLOSED,), tuple(DOORS)))),
)
@pytest.mark.parametrize("has_trips", [False, True])
def test_every_way_to_wire_two_contacts_is_recognised(
    is_swapped: bool, inverted: tuple[Signal, ...], has_trips: bool
) -> None:
    found = ridden(2) if has_trips else cycled(2)
    wired = miswired(found.readings(), is_swapped, inverted)
    readings = wired if has_trips else [each for each in wired if not isinstance(each, AccelFrame)]
    (leaf,) = fit_doors(readings, LIMITS, DOORS).leaves
    assert leaf.is_swapped is is_swapped
    assert set(leaf.inverted) == set(inverted)
    assert leaf.is_end_proven is has_trips
    assert [move.seconds for move in leaf.moves] == pytest.approx(contact_times(found), abs=0.025)


@pytest.mark.parametrize("seed", range(8))
def test_door_times_are_right_within_fifty_milliseconds(seed: int) -> None:
    found = cycled(seed)
    (leaf,) = fit_doors(found.readings(), LIMITS, DOORS).leaves
    assert not leaf.problems
    assert [move.seconds for move in leaf.moves] == pytest.approx(contact_times(found), abs=0.05)


def test_a_wiring_mistake_with_proposed_lines_is_a_doubt_and_without_them_a_failure() -> None:
    fit = fit_doors(miswired(cycled(1).readings(), True, ()), LIMITS, DOORS)
    lines = (("contacts.door_open", "{ pin = 27 }"),)
    assert doors_result(fit).verdict is Verdict.FAILED
    assert doors_result(fit, lines).verdict is Verdict.DOUBTFUL
    assert doors_result(fit, lines).settings == lines


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (StuckContact(LATE, Signal.DOOR_OPEN, False), "doors.open_line"),
        (StuckContact(LATE, Signal.DOOR_CLOSED, True), "doors.stuck_made"),
        (ChatteringContact(LATE, Signal.DOOR_CLOSED, 0.5), "doors.chatter"),
    ],
)
def test_dead_and_chattering_lines_are_named(fault: StuckContact | ChatteringContact, key: str) -> None:
    readings = list(with_fault(cycled(3).readings(), fault, np.random.default_rng(4)))
    result = doors_result(fit_doors(readings, LIMITS, DOORS))
    assert result.verdict is Verdict.FAILED
    assert result.reasons[0].key == key
    assert dict(result.reasons[0].values)["line"] == fault.signal.value


def test_nothing_moved_and_too_little_moved_are_told() -> None:
    assert "doors.no_movement" in keys(fit_doors(cycled(1, 0).readings(), LIMITS, DOORS))
    assert "doors.too_few" in keys(fit_doors(cycled(1, 2).readings(), LIMITS, DOORS))


def test_times_are_told_by_landing() -> None:
    found = ridden(4)
    stops = (Stop(START_NS, START_NS + 10**10, 0), Stop(START_NS + 10**10, START_NS + 10**13, 2))
    table = doors_result(fit_doors(found.readings(), LIMITS, DOORS, stops=stops)).tables[0]
    assert [row[1] for row in table.rows] == [0, 2]


def edges(*pairs: tuple[float, bool]) -> list[Reading]:
    """Of the presence sensor."""
    found: list[Reading] = [Tick(0)]
    return found + [SignalEdge(round(t_s * 1e9), Signal.PRESENCE, is_on) for t_s, is_on in pairs]


def test_a_place_that_the_presence_sensor_does_not_see_is_named() -> None:
    stood = [Stood(place, n * 20 * 10**9) for n, place in enumerate(("back_left", "middle", "outside"), start=1)]
    seen = edges((2.0, True), (12.0, False), (15.0, True), (22.0, False), (33.0, True), (47.0, False))
    fit = fit_presence(seen, stood)
    assert fit.places == (("back_left", True), ("middle", True))
    assert fit.is_quiet_outside is True
    assert fit.hold_s == pytest.approx(7.0)
    half = fit_presence(edges((2.0, True), (25.0, False)), stood[:2])
    assert presence_result(half).verdict is Verdict.DOUBTFUL
    assert half.doubts[0].values == (("places", "middle"),)
    assert [each.key for each in fit_presence(edges((1.0, False)), stood).problems] == ["presence.never"]
