"""Door state where the controller is the only one who speaks of it."""

from __future__ import annotations

from edge_agent.alarms import DoorState
from edge_agent.detect.doors import DoorStage, DoorView
from edge_agent.detect.limits import Limits
from edge_agent.readings import ControllerDoor, Signal, SignalEdge

S = 1_000_000_000


def told(*words: tuple[float, ControllerDoor], wired: frozenset[Signal] = frozenset()) -> DoorStage:
    stage = DoorStage(Limits(), wired)
    for t_s, word in words:
        stage.take_report(round(t_s * S), word)
    return stage


def view_of(*words: tuple[float, ControllerDoor]) -> DoorView:
    return told(*words).settle(round(words[-1][0] * S) + S)


CYCLE = (
    (1.0, ControllerDoor.CLOSED),
    (2.0, ControllerDoor.OPENING),
    (4.0, ControllerDoor.OPEN),
    (8.0, ControllerDoor.CLOSING),
    (10.0, ControllerDoor.CLOSED),
)


def test_each_word_of_the_controller_is_a_state_with_its_time() -> None:
    expected = [DoorState.CLOSED, DoorState.OPENING, DoorState.OPEN, DoorState.CLOSING, DoorState.CLOSED]
    for count, state in enumerate(expected, start=1):
        view = view_of(*CYCLE[:count])
        assert (view.state, view.is_witnessed) == (state, True)
        assert view.since_ns == round(CYCLE[count - 1][0] * S)
    assert view_of(*CYCLE).closed_at_ns == 10 * S


def test_a_word_that_is_repeated_by_every_poll_keeps_its_first_time() -> None:
    view = view_of(*CYCLE[:3], (5.0, ControllerDoor.OPEN), (6.0, ControllerDoor.OPEN))
    assert view.since_ns == 4 * S


def test_the_first_word_closed_is_no_closing_that_was_seen() -> None:
    assert view_of(CYCLE[0]).closed_at_ns == 0


def test_an_opening_that_falls_back_is_a_failed_one() -> None:
    view = view_of(
        *CYCLE[:2], (5.0, ControllerDoor.CLOSED), (6.0, ControllerDoor.OPENING), (9.0, ControllerDoor.CLOSED)
    )
    assert view.failed_openings == 2
    assert (
        view_of(*CYCLE[:2], (5.0, ControllerDoor.CLOSED), *((t + 8.0, w) for t, w in CYCLE[1:3])).failed_openings == 0
    )


def test_an_opening_keeps_its_begin() -> None:
    view = view_of(*CYCLE[:2], (3.0, ControllerDoor.OPENING))
    assert view.opening_since_ns == 2 * S
    assert view_of(*CYCLE[:3]).opening_since_ns == 0


def test_a_closing_that_goes_back_is_a_failed_one() -> None:
    tries = [
        (8.0 + 3 * k + d, word) for k in range(3) for d, word in ((0, ControllerDoor.CLOSING), (1, ControllerDoor.OPEN))
    ]
    view = view_of(*CYCLE[:3], *tries)
    assert view.failed_closings == 3
    assert view.closing_since_ns == 8 * S
    ended = view_of(*CYCLE[:3], *tries, (20.0, ControllerDoor.CLOSING), (22.0, ControllerDoor.CLOSED))
    assert (ended.failed_closings, ended.closing_since_ns) == (0, 0)


def test_a_closing_that_goes_back_by_opening_counts_once() -> None:
    back = ((8.0, ControllerDoor.CLOSING), (9.0, ControllerDoor.OPENING), (10.0, ControllerDoor.OPEN))
    assert view_of(*CYCLE[:3], *back).failed_closings == 1


def test_a_fault_keeps_the_last_state_and_ends_with_the_next_word() -> None:
    faulty = view_of(*CYCLE[:2], (3.0, ControllerDoor.FAULT))
    assert (faulty.state, faulty.is_fault) == (DoorState.OPENING, True)
    again = view_of(*CYCLE[:2], (3.0, ControllerDoor.FAULT), (4.0, ControllerDoor.OPENING))
    assert (again.state, again.is_fault) == (DoorState.OPENING, False)
    assert view_of(*CYCLE[:2], (3.0, ControllerDoor.FAULT), (4.0, ControllerDoor.OPEN)).is_fault is False


def test_a_fault_as_the_first_word_says_nothing_about_the_state() -> None:
    view = view_of((1.0, ControllerDoor.FAULT))
    assert (view.state, view.is_fault) == (DoorState.UNKNOWN, True)


def test_a_wired_contact_decides_but_a_fault_of_the_controller_counts() -> None:
    wired = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED})
    stage = told((1.0, ControllerDoor.OPEN), (2.0, ControllerDoor.FAULT), wired=wired)
    stage.take_edge(SignalEdge(0, Signal.DOOR_OPEN, False))
    stage.take_edge(SignalEdge(0, Signal.DOOR_CLOSED, True))
    view = stage.settle(3 * S)
    assert (view.state, view.is_fault) == (DoorState.CLOSED, True)


def test_a_door_that_the_controller_calls_not_closed_is_broken_for_so_long() -> None:
    stage = told(*CYCLE[:2])
    assert stage.settle(2 * S + S // 2).break_ns == S // 2
    assert told(CYCLE[0]).settle(3 * S).break_ns == 0
