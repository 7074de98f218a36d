"""Door state from contacts: debounce, one or two contacts, front and rear, tries that fail, short breaks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.alarms import DoorState
from edge_agent.detect.doors import Contradiction, DoorStage, DoorView
from edge_agent.detect.limits import Limits, limits_with
from edge_agent.detect.signal import FRAME_NS
from edge_agent.readings import Signal, SignalEdge

MS = 1_000_000
OPEN, CLOSED = Signal.DOOR_OPEN, Signal.DOOR_CLOSED
OPEN_REAR, CLOSED_REAR = Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR
FRONT = frozenset({OPEN, CLOSED})
BOTH_DOORS = FRONT | {OPEN_REAR, CLOSED_REAR}
LIMITS = Limits()
DEBOUNCE_MS = LIMITS.door_debounce_ms
NORMAL_MS = LIMITS.door_open_s_normal * 1000.0

Edge = tuple[float, Signal, bool]


class Door:
    """A door stage that is asked at the end of each frame, as in the detector."""

    def __init__(self, wired: Iterable[Signal] = FRONT, limits: Limits = LIMITS) -> None:
        self._wired = frozenset(wired)
        self.stage = DoorStage(limits, self._wired)
        self.views: list[tuple[int, DoorView]] = []
        self._next_ns = FRAME_NS
        for signal in sorted(self._wired, key=lambda s: s.value):
            self.edges((0.0, signal, signal in (CLOSED, CLOSED_REAR)))

    def edges(self, *edges: Edge) -> Door:
        for t_ms, signal, is_active in edges:
            self._until(int(t_ms * MS))
            self.stage.take_edge(SignalEdge(int(t_ms * MS), signal, is_active))
        return self

    def at(self, t_ms: float) -> DoorView:
        """The view at the first frame end at or after this time."""
        self._until(int(t_ms * MS) + FRAME_NS - 1)
        return self.views[-1][1]

    def now(self, t_ms: float) -> DoorView:
        """The view at exactly this time."""
        return self.stage.settle(int(t_ms * MS))

    def _until(self, t_ns: int) -> None:
        while self._next_ns <= t_ns:
            self.views.append((self._next_ns, self.stage.settle(self._next_ns)))
            self._next_ns += FRAME_NS


def opened(door: Door, begin_ms: float, end_ms: float) -> Door:
    return door.edges((begin_ms, CLOSED, False), (end_ms, OPEN, True))


def test_a_whole_cycle_passes_through_all_states_with_the_times_of_the_edges() -> None:
    door = opened(Door(), 1013, 3507)
    door.edges((8021, OPEN, False), (10_333, CLOSED, True)).at(12_000)
    changes: list[tuple[DoorState, float]] = []
    for _, view in door.views:
        if not changes or changes[-1][0] is not view.state:
            changes.append((view.state, view.since_ns / MS))
    assert changes == [
        (DoorState.CLOSED, 0),
        (DoorState.OPENING, 1013),
        (DoorState.OPEN, 3507),
        (DoorState.CLOSING, 8021),
        (DoorState.CLOSED, 10_333),
    ]


def test_the_state_is_told_within_the_debounce_and_a_frame() -> None:
    for phase_ms in range(0, 50, 3):
        door = Door().edges((1000 + phase_ms, CLOSED, False))
        door.at(2000)
        told_ms = next(t_ns / MS for t_ns, view in door.views if view.state is DoorState.OPENING)
        assert told_ms - (1000 + phase_ms) <= DEBOUNCE_MS + 50.0


@pytest.mark.parametrize("debounce_ms", [10.0, DEBOUNCE_MS, 80.0])
def test_a_change_counts_once_it_has_stood_for_the_debounce_time(debounce_ms: float) -> None:
    door = Door(limits=limits_with([("door_debounce_ms", debounce_ms)])).edges((1000, CLOSED, False))
    assert door.now(1000 + debounce_ms - 1).state is DoorState.CLOSED
    assert door.now(1000 + debounce_ms + 1).state is DoorState.OPENING


def test_a_break_shorter_than_the_debounce_time_changes_no_state() -> None:
    door = Door().edges((1000, CLOSED, False), (1000 + DEBOUNCE_MS - 2, CLOSED, True))
    assert door.at(1500).state is DoorState.CLOSED
    assert door.at(1500).opening_since_ns == 0


def test_ten_thousand_pulses_faster_than_the_debounce_are_no_movement_of_the_door() -> None:
    door, step_ms = Door(), 0.7 * DEBOUNCE_MS
    for k in range(10_000):
        door.edges((1000 + step_ms * k, CLOSED, k % 2 == 1))
    view = door.at(1000 + step_ms * 10_000 + 200)
    assert {v.state for _, v in door.views} == {DoorState.CLOSED}
    assert (view.failed_openings, view.failed_closings, view.reversals) == (0, 0, 0)


def test_a_flickering_open_contact_is_no_reversal() -> None:
    door = opened(Door(), 1000, 3000)
    for k in range(200):
        door.edges((5000 + 0.5 * DEBOUNCE_MS * k, OPEN, k % 2 == 1))
    assert door.at(9000).state is DoorState.OPEN
    assert door.at(9000).failed_closings == 0


def test_levels_that_are_only_repeated_change_nothing() -> None:
    """A periodic read tells the level again and again."""
    door = opened(Door(), 1000, 3000)
    before = door.at(3500)
    for k in range(50):
        door.edges((4000 + 100 * k, OPEN, True), (4001 + 100 * k, CLOSED, False))
    after = door.at(9500)
    assert (after.state, after.since_ns) == (before.state, before.since_ns)


def test_before_the_first_level_nothing_is_known() -> None:
    stage = DoorStage(LIMITS, FRONT)
    view = stage.settle(10_000 * MS)
    assert view.state is DoorState.UNKNOWN
    assert not view.is_witnessed


def test_with_two_contacts_one_alone_does_not_decide() -> None:
    stage = DoorStage(LIMITS, FRONT)
    stage.take_edge(SignalEdge(0, CLOSED, True))
    assert stage.settle(1000 * MS).state is DoorState.UNKNOWN
    stage.take_edge(SignalEdge(1000 * MS, OPEN, False))
    assert stage.settle(1100 * MS).state is DoorState.CLOSED


def test_without_contacts_the_door_is_unknown() -> None:
    stage = DoorStage(LIMITS, frozenset({Signal.PRESENCE}))
    stage.take_edge(SignalEdge(0, CLOSED, True))
    view = stage.settle(1000 * MS)
    assert (view.state, view.is_witnessed) == (DoorState.UNKNOWN, False)


def test_both_contacts_made_at_once_do_not_move_the_door() -> None:
    door = Door().edges((1000, OPEN, True))
    assert door.at(2000).state is DoorState.CLOSED
    door = opened(Door(), 1000, 3000).edges((5000, CLOSED, True))
    assert door.at(6000).state is DoorState.OPEN


def contradictions(door: Door) -> list[tuple[Contradiction, float]]:
    """What the contacts contradicted each other in, and since when, as it changed."""
    found: list[tuple[Contradiction, float]] = []
    for _, view in door.views:
        now = (view.contradiction, view.contradiction_since_ns / MS)
        if not found or found[-1] != now:
            found.append(now)
    return found


def test_contacts_that_are_both_made_contradict_each_other_and_neither_is_a_door_between() -> None:
    door = Door().edges((1000, OPEN, True), (3000, OPEN, False), (5000, CLOSED, False), (7000, OPEN, True))
    door.at(8000)
    whats = [what for what, _ in contradictions(door)]
    assert whats == [
        Contradiction.NONE,
        Contradiction.BOTH_MADE,
        Contradiction.NONE,
        Contradiction.NEITHER_MADE,
        Contradiction.NONE,
    ]
    sinces_ms = [since_ms for _, since_ms in contradictions(door)]
    assert sinces_ms[1:] == pytest.approx([1000, 3000, 5000, 7000], abs=DEBOUNCE_MS + 50.0)


def test_complete_movements_are_counted_and_timed() -> None:
    door = opened(Door(), 1013, 3507)
    (front,) = door.at(4000).cycles
    assert (front.openings, front.opening_ns, front.closings) == (1, (3507 - 1013) * MS, 0)
    (front,) = door.edges((8021, OPEN, False), (10_333, CLOSED, True)).at(11_000).cycles
    assert (front.closings, front.closing_ns, front.openings) == (1, (10_333 - 8021) * MS, 1)


def test_a_movement_that_does_not_come_to_its_end_is_not_counted() -> None:
    door = reversed_once(opened(Door(), 1000, 3000), 5000)
    (front,) = door.at(7000).cycles
    assert (front.openings, front.closings) == (1, 0)
    (front,) = Door().edges((1000, CLOSED, False), (2000, CLOSED, True)).at(3000).cycles
    assert (front.openings, front.closings) == (0, 0)


def test_a_closing_after_a_reversal_is_timed_from_its_own_begin() -> None:
    door = reversed_once(opened(Door(), 1000, 3000), 5000)
    (front,) = door.edges((9000, OPEN, False), (11_500, CLOSED, True)).at(12_000).cycles
    assert (front.closings, front.closing_ns) == (1, 2500 * MS)


def test_trips_without_a_change_are_counted_for_the_contact_that_changed_least() -> None:
    door = opened(Door(), 1000, 3000).edges((5000, OPEN, False), (7000, CLOSED, True))
    for k in range(5):
        door.at(8000 + 1000 * k)
        door.stage.trip_began()
    assert door.at(13_000).unchanged_trips == 4  # the first only takes note
    door.edges((14_000, CLOSED, False), (15_000, CLOSED, True)).at(15_500)
    door.stage.trip_began()
    assert door.at(16_000).unchanged_trips == 5  # the open contact still
    door.edges((17_000, OPEN, True), (18_000, OPEN, False), (18_100, CLOSED, False), (19_000, CLOSED, True)).at(19_500)
    door.stage.trip_began()
    assert door.at(20_000).unchanged_trips == 0


# ---- one contact


def test_with_the_closed_contact_alone_open_is_assumed_after_the_normal_time() -> None:
    door = Door({CLOSED}).edges((1000, CLOSED, False))
    assert door.at(1000 + NORMAL_MS - 200).state is DoorState.OPENING
    view = door.at(1000 + NORMAL_MS + 100)
    assert view.state is DoorState.OPEN
    assert door.edges((9000, CLOSED, True)).at(9100).state is DoorState.CLOSED


def test_with_the_open_contact_alone_closed_is_assumed_after_the_normal_time() -> None:
    door = Door({OPEN}).edges((1000, OPEN, True), (5000, OPEN, False))
    assert door.at(4000).state is DoorState.OPEN
    door = Door({OPEN}).edges((1000, OPEN, True), (5000, OPEN, False))
    assert door.at(5000 + NORMAL_MS - 200).state is DoorState.CLOSING
    assert door.at(5000 + NORMAL_MS + 100).state is DoorState.CLOSED


# ---- two doors


def test_the_car_is_open_if_the_rear_door_is_open() -> None:
    door = Door(BOTH_DOORS).edges((1000, CLOSED_REAR, False), (3000, OPEN_REAR, True))
    assert door.at(2000).state is DoorState.OPENING
    assert door.at(4000).state is DoorState.OPEN


def test_the_car_is_closed_only_if_both_doors_are() -> None:
    door = Door(BOTH_DOORS).edges((1000, CLOSED, False), (1000, CLOSED_REAR, False))
    door.edges((3000, OPEN, True), (3000, OPEN_REAR, True), (7000, OPEN, False), (9000, CLOSED, True))
    assert door.at(9500).state is DoorState.OPEN
    door.edges((10_000, OPEN_REAR, False), (12_000, CLOSED_REAR, True))
    assert door.at(11_000).state is DoorState.CLOSING
    view = door.at(12_500)
    assert (view.state, view.closed_at_ns) == (DoorState.CLOSED, 12_000 * MS)


def test_the_car_is_open_while_one_door_is_open_and_the_other_closes() -> None:
    door = Door(BOTH_DOORS).edges((1000, CLOSED, False), (1000, CLOSED_REAR, False))
    door.edges((3000, OPEN, True), (3000, OPEN_REAR, True), (7000, OPEN, False))
    assert door.at(8000).state is DoorState.OPEN


def test_a_break_of_either_closed_contact_is_seen() -> None:
    for signal in (CLOSED, CLOSED_REAR):
        door = Door(BOTH_DOORS).edges((1000, signal, False), (1040, signal, True))
        door.at(1200)
        assert max(view.break_ns for _, view in door.views) == 40 * MS


# ---- tries that fail


def reversed_once(door: Door, t_ms: float) -> Door:
    """From open: begins to close, and goes back."""
    return door.edges((t_ms, OPEN, False), (t_ms + 1200, OPEN, True))


def test_each_closing_that_goes_back_is_a_failed_one() -> None:
    door = opened(Door(), 1000, 3000)
    for k in range(3):
        assert door.at(4000 + 5000 * k).failed_closings == k
        reversed_once(door, 5000 + 5000 * k)
    view = door.at(19_000)
    assert (view.state, view.failed_closings) == (DoorState.OPEN, 3)
    assert view.closing_since_ns == 5000 * MS  # of the first that did not come to an end


def test_a_closing_that_succeeds_ends_the_count() -> None:
    door = reversed_once(opened(Door(), 1000, 3000), 5000)
    view = door.edges((9000, OPEN, False), (11_000, CLOSED, True)).at(11_500)
    assert (view.failed_closings, view.closing_since_ns) == (0, 0)


def test_each_opening_that_falls_back_is_a_failed_one() -> None:
    door = Door()
    for k in range(2):
        door.edges((1000 + 6000 * k, CLOSED, False))
        assert door.at(1500 + 6000 * k).opening_since_ns == (1000 + 6000 * k) * MS
        door.edges((3000 + 6000 * k, CLOSED, True))
        view = door.at(4000 + 6000 * k)
        assert (view.state, view.failed_openings, view.opening_since_ns) == (DoorState.CLOSED, k + 1, 0)


def test_an_opening_that_succeeds_ends_the_count() -> None:
    door = Door().edges((1000, CLOSED, False), (3000, CLOSED, True))
    assert opened(door, 7000, 9000).at(9500).failed_openings == 0


def test_failed_openings_belong_to_one_stop() -> None:
    door = Door().edges((1000, CLOSED, False), (3000, CLOSED, True))
    assert door.at(4000).failed_openings == 1
    door.stage.trip_began()
    assert door.at(4100).failed_openings == 0


def test_a_contact_that_breaks_for_a_moment_is_no_try_of_the_door() -> None:
    door = Door()
    for k in range(5):
        door.edges((1000 + 1000 * k, CLOSED, False), (1000 + 1000 * k + 2 * DEBOUNCE_MS, CLOSED, True))
    assert door.at(9000).failed_openings == 0


# ---- short breaks


@settings(max_examples=200, deadline=None, derandomize=True)
@given(start_ms=st.floats(1000.0, 1050.0), length_ms=st.floats(1.0, 45.0))
def test_a_short_break_is_seen_with_its_length_whenever_it_comes(start_ms: float, length_ms: float) -> None:
    door = Door().edges((start_ms, CLOSED, False), (start_ms + length_ms, CLOSED, True))
    door.at(1300)
    seen_ns = max(view.break_ns for _, view in door.views)
    assert seen_ns == pytest.approx(length_ms * MS, abs=2)
    assert door.views[-1][1].break_ns == 0


def test_a_break_that_goes_on_grows() -> None:
    door = Door().edges((1000, CLOSED, False))
    assert [door.now(t).break_ns / MS for t in (1000, 1010, 1500)] == [0, 10, 500]


def test_a_break_that_bounces_is_one_break() -> None:
    door = Door().edges((1000, CLOSED, False), (1008, CLOSED, True), (1012, CLOSED, False), (1030, CLOSED, True))
    door.at(1200)
    assert max(view.break_ns for _, view in door.views) == 30 * MS


def test_two_breaks_far_apart_are_two() -> None:
    door = Door().edges((1000, CLOSED, False), (1010, CLOSED, True), (1510, CLOSED, False), (1515, CLOSED, True))
    door.at(1700)
    assert max(view.break_ns for _, view in door.views) == 10 * MS


def test_a_contact_that_was_never_made_is_broken_since_its_first_level() -> None:
    stage = DoorStage(LIMITS, FRONT)
    stage.take_edge(SignalEdge(1000 * MS, CLOSED, False))
    assert stage.settle(1030 * MS).break_ns == 30 * MS


# ---- whatever comes


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from(sorted(BOTH_DOORS, key=str)), st.booleans()), max_size=60),
    st.sampled_from([frozenset({OPEN}), frozenset({CLOSED}), FRONT, BOTH_DOORS]),
)
def test_no_edges_break_the_view(steps: list[tuple[int, Signal, bool]], wired: frozenset[Signal]) -> None:
    door, t_ms = Door(wired), 0
    for step_ms, signal, is_active in steps:
        t_ms += step_ms
        door.edges((t_ms, signal, is_active))
    view = door.at(t_ms + 10_000)
    for t_ns, one in door.views:
        assert 0 <= one.since_ns <= t_ns
        assert 0 <= one.break_ns <= t_ns
        assert one.opening_since_ns <= t_ns
        assert one.closing_since_ns <= t_ns
        assert one.is_witnessed
    last = {signal: level for _, signal, level in steps if signal in wired}
    if wired == FRONT and last.get(CLOSED, True) is not last.get(OPEN, False):
        assert view.state is (DoorState.CLOSED if last.get(CLOSED, True) else DoorState.OPEN)
