"""Live points of the agent: only while somebody looks, bounded, and never a reason to wait."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent_page import LOOK_NS, LOOKERS_MAX, SEND_NS, LiveTap, PageRequests
from edge_agent.agent_sources import SourceWatch
from edge_agent.journal import Journal
from edge_agent.live_points import ROWS_MAX, LivePoints, Unended, rows_from, rows_text
from edge_agent.local_requests import DONE, REFUSED, EndRequest, RequestFolder
from edge_agent.outbox_incidents import UnendedIncident
from edge_agent.page.live_ear import ASK_S, GIVEN_MAX, KEPT, LOOKED_S, LiveEar, LiveRing
from edge_agent.readings import AccelFrame, ControllerReport, Direction, PressureSample, Signal, SignalEdge
from edge_agent.records import RecordDraft
from edge_agent.wire_values import Stream, SystemKind
from tests.shell.making import HandClock

S = 1_000_000_000
MS = 1_000_000


def frame(at_ns: int, values: list[tuple[float, float, float]]) -> AccelFrame:
    """100 samples a second."""
    times = at_ns + np.arange(len(values), dtype=np.int64) * 10 * MS
    return AccelFrame(times, np.array(values))


def heard(tap: LiveTap, ear: LiveEar, folder: RequestFolder, now_ns: int) -> None:
    """The agent looks for requests."""
    wrapped = PageRequests(folder, tap, HandClock(now_ns), Journal(), lambda *_: None, lambda: None)
    assert wrapped.take() == ()
    assert ear is not None


def test_points_keep_the_extremes_of_each_bin_whatever_the_split_of_the_frames() -> None:
    values = [(0.0, 0.1 * number, 9.81 + (-1.0) ** number) for number in range(9)]
    whole, split = LivePoints(), LivePoints()
    whole.push(frame(40 * MS, values))
    for number in range(9):
        split.push(frame(40 * MS + number * 10 * MS, values[number : number + 1]))
    assert whole.take() == split.take()
    whole.push(frame(200 * MS, values[:1]))
    assert whole.take()["accel"] == [[120, 0.0, 0.0, 0.8, 0.8, 10.81, 10.81]]


def test_points_hold_what_a_controller_said_and_what_it_did_not_is_left_out() -> None:
    points = LivePoints()
    points.push(ControllerReport(S, floor="3", direction=Direction.UP))
    points.push(ControllerReport(S + 100 * MS, floor="4"))  # too soon for a chart
    points.push(SignalEdge(S, Signal.DOOR_OPEN, True))
    points.push(PressureSample(S, 1_003.25))
    rows = points.take()
    assert rows["controller"] == [[1_000, {"floor": "3", "direction": "up", "is_suspect": False}]]
    assert rows["lines"] == [[1_000, "door_open", 1]]
    assert rows["others"] == [[1_000, "pressure_hpa", 1_003.25]]
    assert rows_from(rows_text(rows, 3)) == (rows, 3)


def test_points_without_room_are_counted() -> None:
    points = LivePoints()
    for number in range(ROWS_MAX + 7):
        points.push(SignalEdge(number, Signal.MAINS, True))
    assert len(points.take()["lines"]) == ROWS_MAX
    assert points.lost_count == 7


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b'{"lost": 1}', b"[" * 60_000, b'{"accel":[1],"lines":[],"controller":[],"others":[],"lost":0}'],
)
def test_foreign_bytes_are_no_rows(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"live rows|Expecting|decode"):
        rows_from(text)


def test_the_agent_sends_only_while_somebody_looks_and_keeps_no_socket_afterwards(tmp_path: Path) -> None:
    tap, ear, folder = LiveTap(tmp_path), LiveEar(tmp_path), RequestFolder(tmp_path)
    watch = SourceWatch(["door_contacts"], Journal(), tap)
    before = len(os.listdir("/proc/self/fd"))
    watch.saw("door_contacts", (SignalEdge(S, Signal.DOOR_OPEN, True),), S)
    assert not tap.is_looked_at
    assert len(os.listdir("/proc/self/fd")) == before

    ear.looked(0.0)
    ear.turn(0.0, is_agent_there=True)
    heard(tap, ear, folder, S)
    assert tap.is_looked_at
    watch.saw("door_contacts", (SignalEdge(S, Signal.DOOR_OPEN, True),), S)
    watch.saw("door_contacts", (SignalEdge(S + 1, Signal.DOOR_CLOSED, False),), S + SEND_NS)
    ear.turn(0.2, is_agent_there=True)
    number, rows = ear.ring.after(0)
    assert rows["lines"] == [[1_000, "door_open", 1], [1_000, "door_closed", 0]]
    assert ear.ring.after(number)[1]["lines"] == []

    watch.saw("door_contacts", (SignalEdge(S, Signal.MAINS, True),), S + LOOK_NS)
    assert not tap.is_looked_at  # nobody has asked again
    ear.turn(LOOKED_S + 1.0, is_agent_there=True)
    assert list((tmp_path / "requests").iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_ear_asks_again_every_three_seconds_while_a_chart_asks(tmp_path: Path) -> None:
    ear, folder = LiveEar(tmp_path), RequestFolder(tmp_path)
    ear.looked(10.0)
    for now_s in (10.0, 10.1, 10.0 + ASK_S - 0.1):
        ear.turn(now_s, is_agent_there=True)
    assert len(folder.take()) == 1
    ear.turn(10.0 + ASK_S, is_agent_there=True)
    assert len(folder.take()) == 1
    ear.turn(10.0 + ASK_S, is_agent_there=False)
    assert not list((tmp_path / "requests").glob("*.live"))


def test_a_looker_that_has_gone_is_forgotten_and_one_that_does_not_read_costs_points_only(tmp_path: Path) -> None:
    tap, ear, folder = LiveTap(tmp_path), LiveEar(tmp_path), RequestFolder(tmp_path)
    ear.looked(0.0)
    ear.turn(0.0, is_agent_there=True)
    heard(tap, ear, folder, S)
    for number in range(2_000):  # nobody reads: the kernel's queue is full soon
        now_ns = S + number * 2 * MS
        tap.saw((SignalEdge(now_ns, Signal.DOOR_OPEN, True),) * 200, now_ns)
    assert tap.lost_count > 0
    ear.close()
    tap.saw((SignalEdge(S, Signal.DOOR_OPEN, True),), S + 5 * S)
    assert not tap.is_looked_at


def test_no_more_than_two_are_served(tmp_path: Path) -> None:
    tap = LiveTap(tmp_path)
    for number in range(10):
        tap.look(f"{number:016x}", S)
    assert len(tap._until_ns) == LOOKERS_MAX


def test_the_ring_is_bounded_and_gives_the_newest() -> None:
    ring = LiveRing()
    for number in range(KEPT["accel"] + 100):
        ring.add({"accel": [[number, 0.0]], "lines": [], "controller": [], "others": []})
    newest, rows = ring.after(0)
    assert newest == KEPT["accel"] + 100
    assert len(rows["accel"]) == GIVEN_MAX
    assert rows["accel"][-1][0] == newest - 1


def test_changes_and_a_stand_aside_become_records_and_the_rest_goes_to_the_core(tmp_path: Path) -> None:
    folder = RequestFolder(tmp_path)
    committed: list[RecordDraft] = []
    aside: list[bool] = []
    requests = PageRequests(
        folder,
        LiveTap(tmp_path),
        HandClock(S),
        Journal(),
        lambda draft, _t_ns, _now_ns: committed.append(draft),
        lambda: aside.append(True),
    )
    folder.leave({"change": "settings  accepted,\n3 values", "who": "李娜"})
    assert requests.take() == ()
    name = folder.leave({"aside": "Li"})
    folder.leave({"incident": 4, "who": "Li"})
    (passed_on,) = requests.take()
    assert isinstance(passed_on, EndRequest)
    assert [draft.note for draft in committed] == [
        "settings accepted, 3 values, by 李娜",
        "calibration begun, the box does not watch, by Li",
    ]
    assert {draft.kind for draft in committed} == {SystemKind.CONFIGURATION_CHANGED}
    assert aside == [True]
    assert folder.fetched(name) == DONE


@pytest.mark.parametrize(("stream", "is_lent"), [(Stream.ALARM, False), (Stream.FAULT, True)])
def test_the_devices_are_not_lent_while_an_alarm_is_open(stream: Stream, is_lent: bool, tmp_path: Path) -> None:
    folder = RequestFolder(tmp_path)
    committed: list[RecordDraft] = []
    aside: list[bool] = []
    requests = PageRequests(
        folder,
        LiveTap(tmp_path),
        HandClock(S),
        Journal(),
        lambda draft, _t_ns, _now_ns: committed.append(draft),
        lambda: aside.append(True),
        lambda: (UnendedIncident(3, 1, stream, is_present=False),),
    )
    name = folder.leave({"aside": "Li"})
    assert requests.take() == ()
    assert folder.fetched(name) == (DONE if is_lent else REFUSED)
    assert (len(aside), len(committed)) == (is_lent, is_lent)


def test_incidents_that_wait_for_their_end_are_told_to_who_looks(tmp_path: Path) -> None:
    tap, ear, folder = LiveTap(tmp_path), LiveEar(tmp_path), RequestFolder(tmp_path)
    waiting = (UnendedIncident(3, 1, Stream.ALARM, is_present=False),)
    wrapped = PageRequests(folder, tap, HandClock(S), Journal(), lambda *_: None, lambda: None, lambda: waiting)
    ear.looked(0.0)
    ear.turn(0.0, is_agent_there=True)
    wrapped.take()
    ear.turn(0.1, is_agent_there=True)
    assert ear.unended == (Unended(3, "entrapment", False),)


@pytest.mark.parametrize(
    "tree", [{"live": "../../etc/passwd"}, {"live": "zz" * 8}, {"live": 5}, {"change": "", "who": ""}, {"aside": 7}]
)
def test_requests_that_are_none_are_thrown_away(tree: dict[str, object], tmp_path: Path) -> None:
    folder = RequestFolder(tmp_path)
    folder.leave(tree)
    assert folder.take() == ()
    assert list(folder.path.iterdir()) == []
