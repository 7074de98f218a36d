"""Contacts and doors: debounce, breaks, tries, times, several doors, the controller's word; by hand, from both sides.

Times in ms; debounce 30 ms. Source: alarm catalogue rows 5, 44, 45, 48 and 49; constants of `doors.py`, `contact.py`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.alarms import DoorState
from edge_agent.detect.contact import Contact
from edge_agent.detect.doors import UNWITNESSED, Contradiction, DoorCycles, DoorStage, DoorView
from edge_agent.readings import ControllerDoor, Signal, SignalEdge
from tests.detect.test_doors import BOTH_DOORS, CLOSED, CLOSED_REAR, FRONT, LIMITS, MS, OPEN, OPEN_REAR, Door, opened

NOTHING = DoorView(
    state=DoorState.UNKNOWN,
    since_ns=0,
    is_witnessed=False,
    closed_at_ns=0,
    break_ns=0,
    opening_since_ns=0,
    failed_openings=0,
    closing_since_ns=0,
    failed_closings=0,
    is_fault=False,
    reversals=0,
    cycles=(),
    contradiction=Contradiction.NONE,
    contradiction_since_ns=0,
    unchanged_trips=0,
)


# ---- one line


def line(*edges: tuple[float, bool]) -> Contact:
    contact = Contact(30 * MS)
    for t_ms, is_active in edges:
        contact.take(round(t_ms * MS), is_active)
    return contact


def test_before_its_first_level_a_line_says_nothing() -> None:
    contact = line()
    assert (contact.is_known, contact.is_active, contact.raw, contact.is_settled) == (False, False, False, False)
    assert (contact.since_ns, contact.raw_since_ns, contact.break_ns(9 * MS)) == (0, 0, 0)


def test_the_first_level_counts_at_once_and_a_change_after_thirty_milliseconds() -> None:
    contact = line((100, True), (200, False))
    assert (contact.is_active, contact.since_ns, contact.is_settled) == (True, 100 * MS, False)
    assert not contact.settle(229 * MS)
    assert contact.is_active
    assert contact.settle(230 * MS)
    assert (contact.is_active, contact.since_ns, contact.is_settled) == (False, 200 * MS, True)
    assert not contact.settle(400 * MS)


def test_a_break_is_shown_for_sixty_milliseconds_after_it_has_ended() -> None:
    contact = line((100, True), (200, False))
    assert [contact.break_ns(t_ms * MS) for t_ms in (200, 210, 500)] == [0, 10 * MS, 300 * MS]
    contact.take(510 * MS, True)
    assert [contact.break_ns(t_ms * MS) for t_ms in (510, 570, 571)] == [310 * MS, 310 * MS, 0]
    assert line((100, False)).break_ns(150 * MS) == 50 * MS
    assert line((100, True)).break_ns(150 * MS) == 0


def test_a_break_that_bounces_within_the_debounce_is_one() -> None:
    for pause_ms, length_ms in ((30, 90), (31, 29)):
        contact = line((100, True), (200, False), (230, True), (230 + pause_ms, False))
        contact.take(290 * MS, True)
        assert contact.break_ns(290 * MS) == length_ms * MS


# ---- a door


def test_without_any_word_nothing_is_known() -> None:
    assert UNWITNESSED == NOTHING
    assert DoorStage(LIMITS, frozenset()).settle(5 * MS) == NOTHING
    wired = DoorStage(LIMITS, FRONT).settle(5 * MS)
    assert replace(wired, cycles=()) == NOTHING
    assert wired.cycles == (DoorCycles(False, 0, 0, 0, 0),)
    stage = DoorStage(LIMITS, frozenset())
    stage.take_report(7 * MS, ControllerDoor.CLOSED)
    stage.believe_controller(False)
    assert stage.settle(9 * MS) == NOTHING


@pytest.mark.parametrize(("tried_ms", "counts"), [(499, 0), (500, 1)])
def test_a_try_lasts_half_a_second(tried_ms: int, counts: int) -> None:
    shut = Door().edges((1000, CLOSED, False), (1000 + tried_ms, CLOSED, True)).at(4000)
    assert (shut.state, shut.failed_openings) == (DoorState.CLOSED, counts)
    back = opened(Door(), 1000, 3000).edges((5000, OPEN, False), (5000 + tried_ms, OPEN, True)).at(7000)
    assert (back.failed_closings, back.reversals) == (counts, counts)


def test_each_state_begins_with_the_later_of_both_edges() -> None:
    door = Door().edges((1000, CLOSED, False), (3000, OPEN, True), (5000, OPEN, False), (5900, CLOSED, True))
    assert (door.at(6000).since_ns, door.at(6000).closed_at_ns) == (5900 * MS, 5900 * MS)
    late = Door().edges((1000, OPEN, True), (2000, CLOSED, False), (3000, OPEN, False))
    assert (late.at(3500).state, late.at(3500).since_ns) == (DoorState.CLOSING, 3000 * MS)


def test_a_closing_is_timed_from_its_own_begin_and_the_tries_from_the_first() -> None:
    door = opened(Door(), 1000, 3000).edges((5000, OPEN, False), (6000, OPEN, True), (8000, OPEN, False))
    view = door.at(8500)
    assert (view.closing_since_ns, view.failed_closings, view.reversals) == (5000 * MS, 1, 1)
    view = door.edges((10_500, CLOSED, True)).at(11_000)
    assert view.cycles == (DoorCycles(False, 1, 2000 * MS, 1, 2500 * MS),)
    assert (view.closing_since_ns, view.failed_closings, view.reversals) == (0, 0, 1)
    door.stage.trip_began()
    assert door.at(11_100).reversals == 0


@pytest.mark.parametrize(("opens_ms", "counts"), [(15_499, 2), (15_500, 1)])
def test_a_door_that_stood_shut_for_five_seconds_begins_another_stop(opens_ms: int, counts: int) -> None:
    door = opened(Door(), 1000, 3000).edges((5000, OPEN, False), (6000, OPEN, True), (8000, OPEN, False))
    door = opened(door.edges((10_500, CLOSED, True)), opens_ms, opens_ms + 2000)
    door = door.edges((20_000, OPEN, False), (21_000, OPEN, True))
    assert door.at(22_000).reversals == counts


def test_contacts_contradict_each_other_from_the_frame_on_in_which_it_shows() -> None:
    door = Door().edges((1000, OPEN, True))
    view = door.at(1100)
    assert (view.contradiction, view.contradiction_since_ns) == (Contradiction.BOTH_MADE, 1050 * MS)
    assert view.state is DoorState.CLOSED
    view = door.edges((2000, OPEN, False)).at(2100)
    assert (view.contradiction, view.contradiction_since_ns) == (Contradiction.NONE, 2050 * MS)
    view = door.edges((3000, CLOSED, False)).at(3100)
    assert (view.contradiction, view.contradiction_since_ns) == (Contradiction.NEITHER_MADE, 3050 * MS)


@pytest.mark.parametrize("signal", [CLOSED, OPEN])
def test_with_one_contact_the_other_end_is_assumed_after_three_and_a_half_seconds(signal: Signal) -> None:
    door = Door({signal}).edges((1000, OPEN, True), (5000, signal, False))
    moving, there = (DoorState.OPENING, DoorState.OPEN) if signal is CLOSED else (DoorState.CLOSING, DoorState.CLOSED)
    assert (door.now(8499).state, door.now(8499).since_ns) == (moving, 5000 * MS)
    assert (door.now(8500).state, door.now(8500).since_ns) == (there, 8500 * MS)
    assert door.now(9000).contradiction is Contradiction.NONE


def test_of_two_doors_the_most_open_one_speaks() -> None:
    for front, rear, state in (
        ("closed", "opening", DoorState.OPENING),
        ("closing", "opening", DoorState.OPENING),
        ("closing", "open", DoorState.OPEN),
        ("closed", "closing", DoorState.CLOSING),
        ("closed", "closed", DoorState.CLOSED),
    ):
        for first, second in ((front, rear), (rear, front)):
            door = Door(BOTH_DOORS)
            for way, (closed, is_open) in ((first, (CLOSED, OPEN)), (second, (CLOSED_REAR, OPEN_REAR))):
                if way != "closed":
                    door.stage.take_edge(SignalEdge(1000 * MS, closed, False))
                if way in ("open", "closing"):
                    door.stage.settle(2000 * MS)
                    door.stage.take_edge(SignalEdge(3000 * MS, is_open, True))
                    door.stage.settle(4000 * MS)
                if way == "closing":
                    door.stage.take_edge(SignalEdge(5000 * MS, is_open, False))
            assert door.stage.settle(6000 * MS).state is state


def test_two_doors_are_counted_each_and_the_worse_one_is_shown() -> None:
    door = Door(BOTH_DOORS)
    door.edges((1000, CLOSED_REAR, False), (2000, CLOSED_REAR, True), (3000, CLOSED_REAR, False))
    view = door.at(3500)
    assert (view.failed_openings, view.opening_since_ns, view.closed_at_ns) == (1, 3000 * MS, 2000 * MS)
    view = door.edges((5000, OPEN_REAR, True), (6000, OPEN_REAR, False), (7000, OPEN_REAR, True)).at(7500)
    assert (view.failed_closings, view.reversals, view.closing_since_ns) == (1, 1, 6000 * MS)
    assert [each.is_rear for each in view.cycles] == [False, True]
    assert (view.cycles[0].openings, view.cycles[1].openings) == (0, 1)
    rear_alone = Door({CLOSED_REAR, OPEN_REAR}).at(500)
    assert [each.is_rear for each in rear_alone.cycles] == [True]


# ---- the controller's word


def words(*said: tuple[int, ControllerDoor]) -> DoorView:
    stage = DoorStage(LIMITS, frozenset())
    for t_ms, word in said:
        stage.take_report(t_ms * MS, word)
    return stage.settle(20_000 * MS)


C = ControllerDoor


def test_the_words_of_a_whole_stop() -> None:
    closed, opening, is_open, closing = (1000, C.CLOSED), (2000, C.OPENING), (4000, C.OPEN), (8000, C.CLOSING)
    view = words(closed, opening)
    assert (view.state, view.since_ns, view.opening_since_ns, view.break_ns) == (
        DoorState.OPENING, 2000 * MS, 2000 * MS, 18_000 * MS
    )  # fmt: skip
    view = words(closed, opening, is_open)
    assert (view.opening_since_ns, view.break_ns, view.closed_at_ns) == (0, 16_000 * MS, 0)
    view = words(closed, opening, is_open, closing)
    assert (view.closing_since_ns, view.failed_closings) == (8000 * MS, 0)
    view = words(closed, opening, is_open, closing, (9000, C.OPENING), (10_000, C.OPEN), (11_000, C.CLOSING))
    assert (view.closing_since_ns, view.failed_closings) == (8000 * MS, 1)
    view = words(closed, opening, is_open, closing, (9000, C.OPEN), (11_000, C.CLOSING), (13_000, C.CLOSED))
    assert (view.closing_since_ns, view.failed_closings, view.closed_at_ns) == (0, 0, 13_000 * MS)
    assert view.break_ns == 0
    view = words(closed, opening, (3000, C.CLOSED), (5000, C.OPENING), (6000, C.CLOSED))
    assert (view.failed_openings, view.opening_since_ns) == (2, 0)
    assert words(closed, opening, (3000, C.CLOSED), opening, is_open).failed_openings == 0


def test_a_fault_stands_until_the_next_word_and_changes_no_state() -> None:
    view = words((1000, C.CLOSED), (2000, C.FAULT))
    assert (view.state, view.since_ns, view.is_fault, view.is_witnessed) == (DoorState.CLOSED, 1000 * MS, True, True)
    view = words((1000, C.CLOSED), (2000, C.FAULT), (3000, C.CLOSED))
    assert (view.since_ns, view.is_fault) == (1000 * MS, False)


# ---- trips without a change


def test_trips_since_a_contact_last_changed_are_counted() -> None:
    door = Door()
    assert door.at(500).unchanged_trips == 0
    door.edges((600, CLOSED, False), (700, OPEN, True), (800, OPEN, False), (900, CLOSED, True)).at(950)
    for count in range(4):
        door.stage.trip_began()
        assert door.at(1000 + 100 * count).unchanged_trips == count
    door.edges((2000, CLOSED, False), (2500, OPEN, True), (3000, OPEN, False), (3500, CLOSED, True)).at(4000)
    door.stage.trip_began()
    assert door.at(4100).unchanged_trips == 0
    door.stage.trip_began()
    assert door.at(4200).unchanged_trips == 1


def test_what_comes_in_is_seen_although_nothing_has_moved_for_long() -> None:
    door = Door()
    steady = door.at(60_000)
    assert door.at(60_100) is steady
    assert door.edges((61_000, CLOSED, False)).at(61_010).break_ns > 0
    assert door.at(61_100).state is DoorState.OPENING
    for word, is_fault in ((ControllerDoor.FAULT, True), (ControllerDoor.CLOSED, False)):
        door.stage.take_report(62_000 * MS, word)
        assert door.now(62_000).is_fault is is_fault


def test_a_door_fault_of_a_controller_that_is_no_longer_believed_does_not_count() -> None:
    door = Door()
    door.at(60_000)
    door.stage.take_report(61_000 * MS, ControllerDoor.FAULT)
    assert door.now(61_000).is_fault
    door.stage.believe_controller(False)
    assert not door.now(61_100).is_fault
    door.stage.believe_controller(True)
    assert door.now(61_200).is_fault


def test_a_door_fault_is_over_when_the_contacts_see_the_door_open_fully() -> None:
    door = Door()
    door.at(60_000)
    door.stage.take_report(61_000 * MS, ControllerDoor.FAULT)
    assert door.edges((62_000, CLOSED, False)).at(62_500).is_fault
    assert not door.edges((64_000, OPEN, True)).at(64_500).is_fault
