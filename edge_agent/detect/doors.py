"""Door stage: debounced car door state, opening and closing tries, from contacts or from the controller's word.

In: contact edges and controller door reports. Out: a `DoorView`.
State: two contacts a door (front, rear), the course of the present opening or closing.
Decision: with both contacts a state is what they say, and between them the direction follows from the last end
position. With one contact the other end is assumed after this lift's normal door time. With none, the controller is
believed. Delay: the debounce time; the moment reported is that of the edge. After a gap: the last state stands until
the next edge or periodic level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from edge_agent.alarms import DoorState
from edge_agent.detect.contact import Contact
from edge_agent.detect.limits import Limits
from edge_agent.detect.snapshot import snapshot
from edge_agent.readings import ControllerDoor, Signal, SignalEdge

TRY_NS_MIN = 500_000_000  # shorter: a chattering contact, not a door that tried
SHUT_NS_MIN = 5_000_000_000
"""A door that was shut so long may have gone on a trip that nothing saw: what it does then is of another stop. Source:
judgement; from landing to landing a car needs some 6 s."""

FRONT = (Signal.DOOR_OPEN, Signal.DOOR_CLOSED)
REAR = (Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR)

_OPENNESS = {
    DoorState.UNKNOWN: 0,
    DoorState.CLOSED: 1,
    DoorState.CLOSING: 2,
    DoorState.OPENING: 3,
    DoorState.OPEN: 4,
}
"""Of several doors the most open one speaks for the car: through it people can leave."""

_FROM_CONTROLLER = {
    ControllerDoor.OPEN: DoorState.OPEN,
    ControllerDoor.OPENING: DoorState.OPENING,
    ControllerDoor.CLOSING: DoorState.CLOSING,
    ControllerDoor.CLOSED: DoorState.CLOSED,
}


class Contradiction(Enum):
    """How the contacts of one door can disagree."""

    NONE = "none"
    BOTH_MADE = "both_made"
    NEITHER_MADE = "neither_made"


@dataclass(frozen=True, slots=True)
class DoorCycles:
    """Complete movements of one car door, ever; `opening_ns` and `closing_ns` are the times that the last ones took."""

    is_rear: bool
    openings: int
    opening_ns: int
    closings: int
    closing_ns: int


@snapshot
class DoorView:
    """The car doors together: open if one is open, closed if all are. Times are capture times, 0: never."""

    state: DoorState
    since_ns: int
    is_witnessed: bool  # by a contact or the controller; False: no door information at all
    closed_at_ns: int  # when the doors were last seen to reach closed
    break_ns: int  # raw: how long a closed contact has been broken, or was in a break that ended just now; 0: made
    opening_since_ns: int  # an opening that has not reached open; 0: none
    failed_openings: int  # openings that fell back to closed, since the door was last open
    closing_since_ns: int  # the first closing that has not reached closed; 0: none
    failed_closings: int  # closings that went back to open, since the door was last closed
    is_fault: bool  # the controller reports a door fault
    reversals: int = 0  # closings that went back to open in this stop, or since the door stood shut for 5 s
    cycles: tuple[DoorCycles, ...] = ()  # of each car door with contacts, front first
    contradiction: Contradiction = Contradiction.NONE
    contradiction_since_ns: int = 0
    unchanged_trips: int = 0  # trips since the contact that changed least recently last changed
    sees_it_leave: bool = True  # leaving closed is seen at once; False: only an open contact tells of an opening


UNWITNESSED = DoorView(DoorState.UNKNOWN, 0, False, 0, 0, 0, 0, 0, 0, False)


class _Leaf:
    """One car door with up to two contacts."""

    def __init__(self, limits: Limits, wired: frozenset[Signal], signals: tuple[Signal, Signal]) -> None:
        debounce_ns = int(limits.door_debounce_ms * 1e6)
        self._assume_ns = int(limits.door_open_s_normal * 1e9)
        self._is_rear = signals is REAR
        self.open = Contact(debounce_ns) if signals[0] in wired else None
        self.closed = Contact(debounce_ns) if signals[1] in wired else None
        self.state = DoorState.UNKNOWN
        self.since_ns = 0
        self.closed_at_ns = 0
        self.opening_since_ns = 0
        self.failed_openings = 0
        self.closing_since_ns = 0
        self.failed_closings = 0
        self.reversals = 0
        self.openings = self.opening_ns = 0
        self.closings = self.closing_ns = 0
        self._closing_begun_ns = 0
        self.contradiction = Contradiction.NONE
        self.contradiction_since_ns = 0
        self._count_cycles()

    def _count_cycles(self) -> None:
        self._cycles = (DoorCycles(self._is_rear, self.openings, self.opening_ns, self.closings, self.closing_ns),)

    @property
    def is_wired(self) -> bool:
        return self.open is not None or self.closed is not None

    def settle(self, now_ns: int) -> None:
        for contact in (self.open, self.closed):
            if contact is not None:
                contact.settle(now_ns)
        self._contradict(now_ns)
        state, since = self._judge(now_ns)
        if state is not self.state:
            self._enter(state, since)

    def _contradict(self, now_ns: int) -> None:
        what = Contradiction.NONE
        if self.open is not None and self.closed is not None and self.open.is_known and self.closed.is_known:
            if self.open.is_active and self.closed.is_active:
                what = Contradiction.BOTH_MADE
            elif not self.open.is_active and not self.closed.is_active:
                what = Contradiction.NEITHER_MADE
        if what is not self.contradiction:
            self.contradiction, self.contradiction_since_ns = what, now_ns

    def _judge(self, now_ns: int) -> tuple[DoorState, int]:
        opened, closed = self.open, self.closed
        if opened is not None and closed is not None:
            if not (opened.is_known and closed.is_known):
                return self.state, self.since_ns
            if closed.is_active:
                return (self.state, self.since_ns) if opened.is_active else (DoorState.CLOSED, closed.since_ns)
            if opened.is_active:
                return DoorState.OPEN, opened.since_ns
            return self._between(max(opened.since_ns, closed.since_ns))
        if closed is not None and closed.is_known:
            if closed.is_active:
                return DoorState.CLOSED, closed.since_ns
            assumed = closed.since_ns + self._assume_ns
            return (DoorState.OPEN, assumed) if now_ns >= assumed else (DoorState.OPENING, closed.since_ns)
        if opened is not None and opened.is_known:
            if opened.is_active:
                return DoorState.OPEN, opened.since_ns
            assumed = opened.since_ns + self._assume_ns
            return (DoorState.CLOSED, assumed) if now_ns >= assumed else (DoorState.CLOSING, opened.since_ns)
        return self.state, self.since_ns

    def _between(self, since_ns: int) -> tuple[DoorState, int]:
        if self.state is DoorState.CLOSED or self.state is DoorState.UNKNOWN:
            return DoorState.OPENING, since_ns
        if self.state is DoorState.OPEN:
            return DoorState.CLOSING, since_ns
        return self.state, self.since_ns

    def _enter(self, state: DoorState, since_ns: int) -> None:
        before, shut_ns = self.state, since_ns - self.since_ns
        self.state, self.since_ns = state, since_ns
        if before is DoorState.CLOSED and shut_ns >= SHUT_NS_MIN:
            self.reversals = 0
        if state is DoorState.CLOSED:
            if before is DoorState.OPENING and since_ns - self.opening_since_ns >= TRY_NS_MIN:
                self.failed_openings += 1
            if before is DoorState.CLOSING:
                self.closings += 1
                self.closing_ns = since_ns - self._closing_begun_ns
                self._count_cycles()
            self.closed_at_ns = since_ns if before is not DoorState.UNKNOWN else self.closed_at_ns
            self.opening_since_ns = self.closing_since_ns = self.failed_closings = 0
        elif state is DoorState.OPENING:
            self.opening_since_ns = since_ns
        elif state is DoorState.OPEN:
            if before is DoorState.CLOSING and since_ns - self._closing_begun_ns >= TRY_NS_MIN:
                self.failed_closings += 1
                self.reversals += 1
            if before is DoorState.OPENING and self.opening_since_ns > 0:
                self.openings += 1
                self.opening_ns = since_ns - self.opening_since_ns
                self._count_cycles()
            self.opening_since_ns = self.failed_openings = 0
        elif state is DoorState.CLOSING:
            self._closing_begun_ns = since_ns
            if self.closing_since_ns == 0:
                self.closing_since_ns = since_ns

    @property
    def is_still(self) -> bool:
        """Time alone changes no state here: no edge waits for the debounce, and nothing more is assumed."""
        contacts = [contact for contact in (self.open, self.closed) if contact is not None]
        is_certain = len(contacts) == 2 or self.state is DoorState.OPEN or self.state is DoorState.CLOSED
        return is_certain and all(contact.is_settled for contact in contacts)

    def view(self, now_ns: int, *, is_fault: bool, unchanged_trips: int) -> DoorView:
        """As if this were the only door."""
        return DoorView(
            self.state,
            self.since_ns,
            self.state is not DoorState.UNKNOWN,
            self.closed_at_ns,
            0 if self.closed is None else self.closed.break_ns(now_ns),
            self.opening_since_ns,
            self.failed_openings,
            self.closing_since_ns,
            self.failed_closings,
            is_fault,
            self.reversals,
            self._cycles,
            self.contradiction,
            self.contradiction_since_ns,
            unchanged_trips,
            self.closed is not None,
        )

    def begin_stop(self) -> None:
        """Failed openings and reversals belong to one stop, which the next trip ends."""
        self.failed_openings = self.reversals = 0


class DoorStage:
    """Fold over edges and reports; `view` after `settle` is what the rules read."""

    def __init__(self, limits: Limits, wired: frozenset[Signal]) -> None:
        self._leaves = [leaf for leaf in (_Leaf(limits, wired, s) for s in (FRONT, REAR)) if leaf.is_wired]
        self._unchanged: dict[Signal, tuple[int, int]] = {}
        self._unchanged_trips = 0
        self._is_still = False  # until something comes in, time changes nothing but the length of a break
        self._steady: DoorView | None = None
        self._controller = DoorView(DoorState.UNKNOWN, 0, False, 0, 0, 0, 0, 0, 0, False)
        self._is_controller_believed = True
        self._openings_at_fault = 0
        self._contacts = {
            signal: contact
            for leaf, signals in zip(self._leaves, (s for s in (FRONT, REAR) if set(s) & wired), strict=True)
            for signal, contact in zip(signals, (leaf.open, leaf.closed), strict=True)
            if contact is not None
        }

    def take_edge(self, edge: SignalEdge) -> None:
        """Take a contact edge; signals that are no door contact are ignored."""
        contact = self._contacts.get(edge.signal)
        if contact is not None:
            self._steady, self._is_still = None, False
            contact.take(edge.t_ns, edge.is_active)
            for leaf in self._leaves:
                leaf.settle(edge.t_ns)

    def take_report(self, t_ns: int, door: ControllerDoor) -> None:
        """Take the controller's word; it decides only where no contact is wired, but a fault always counts."""
        self._steady = None
        last = self._controller
        if door is ControllerDoor.FAULT:
            if not last.is_fault:
                self._openings_at_fault = self._openings()
            self._controller = replace(last, is_witnessed=True, is_fault=True)
            return
        state = _FROM_CONTROLLER[door]
        if state is last.state and not last.is_fault:
            return
        is_closed = state is DoorState.CLOSED
        closing_since = last.closing_since_ns or t_ns if state is DoorState.CLOSING else last.closing_since_ns
        self._controller = DoorView(
            state=state,
            since_ns=t_ns if state is not last.state else last.since_ns,
            is_witnessed=True,
            closed_at_ns=t_ns if is_closed and last.state is not DoorState.UNKNOWN else last.closed_at_ns,
            break_ns=0,
            opening_since_ns=(last.opening_since_ns or t_ns) if state is DoorState.OPENING else 0,
            failed_openings=0
            if state is DoorState.OPEN
            else last.failed_openings + (is_closed and last.state is DoorState.OPENING),
            closing_since_ns=0 if is_closed else closing_since,
            failed_closings=0
            if is_closed
            else last.failed_closings
            + ((state is DoorState.OPEN or state is DoorState.OPENING) and last.state is DoorState.CLOSING),
            is_fault=False,
        )

    def believe_controller(self, is_believed: bool) -> None:
        """Whether the controller's word about the door counts at present."""
        if is_believed is not self._is_controller_believed:
            self._is_controller_believed, self._steady = is_believed, None

    def _openings(self) -> int:
        return sum(leaf.openings for leaf in self._leaves)

    def _has_fault(self) -> bool:
        """The controller says that the door is faulty, and the contacts have not seen it open fully since."""
        is_told = self._is_controller_believed and self._controller.is_fault
        return is_told and self._openings() == self._openings_at_fault

    def trip_began(self) -> None:
        """What is counted for one stop starts anew; contacts that stay still are counted."""
        self._steady = None
        for leaf in self._leaves:
            leaf.begin_stop()
        for signal, contact in self._contacts.items():
            last, trips = self._unchanged.get(signal, (0, 0))
            self._unchanged[signal] = (contact.since_ns, 0 if contact.since_ns != last else trips + 1)
        self._unchanged_trips = max((trips for _, trips in self._unchanged.values()), default=0)

    def settle(self, now_ns: int) -> DoorView:
        """Bring the debounce up to `now_ns` and return the view."""
        if self._steady is not None:
            return self._steady
        if not self._leaves:
            view = self._controller if self._is_controller_believed else UNWITNESSED
            is_open = view.is_witnessed and view.state is not DoorState.CLOSED
            return replace(view, break_ns=now_ns - view.since_ns) if is_open else view
        if not self._is_still:
            for leaf in self._leaves:
                leaf.settle(now_ns)
            self._is_still = all(leaf.is_still for leaf in self._leaves)
        view = self._view(now_ns)
        if self._is_still and view.break_ns == 0:
            is_made = all(leaf.closed is None or leaf.closed.raw for leaf in self._leaves)
            self._steady = view if is_made else None
        return view

    def _view(self, now_ns: int) -> DoorView:
        views = [
            leaf.view(now_ns, is_fault=self._has_fault(), unchanged_trips=self._unchanged_trips)
            for leaf in self._leaves
        ]
        if len(views) == 1:
            return views[0]
        return replace(
            max(views, key=lambda view: (_OPENNESS[view.state], view.since_ns)),
            closed_at_ns=max(view.closed_at_ns for view in views),
            break_ns=max(view.break_ns for view in views),
            opening_since_ns=max(view.opening_since_ns for view in views),
            failed_openings=max(view.failed_openings for view in views),
            closing_since_ns=max(view.closing_since_ns for view in views),
            failed_closings=max(view.failed_closings for view in views),
            reversals=max(view.reversals for view in views),
            cycles=tuple(cycles for view in views for cycles in view.cycles),
            sees_it_leave=all(view.sees_it_leave for view in views),
        )
