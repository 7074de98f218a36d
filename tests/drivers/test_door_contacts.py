"""Contacts through real gpiozero (its mock factory) and a real socket; time is virtual."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from drivers.door_contacts import ContactLine, DoorContacts
from drivers.gpio import EDGES_MAX, LineRequest, Pull, in_agent_time, open_lines
from edge_agent.errors import SettingsError, SourceUnavailable
from edge_agent.readings import FaultReason, Reading, SamplesLost, Signal, SignalEdge, SourceFault
from tests.drivers.fake_lgpio import FakeLgpio, install
from tests.drivers.gpio_server import GpioServer
from tests.drivers.virtual_clock import VirtualClock

CLOSED = ContactLine(Signal.DOOR_CLOSED, 17)  # low means closed
PRESENCE = ContactLine(Signal.PRESENCE, 27, is_active_low=False, pull=Pull.DOWN)
S = 1_000_000_000


class Bench:
    """A served chip with two contacts, and the driver that reads it."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.server = GpioServer(folder / "gpio", {17: 1, 27: 0, 5: 0})
        self.contacts = DoorContacts(
            self.server.chip, [CLOSED, PRESENCE], now_ns=self.clock.now_ns, wait=self.clock.wait
        )

    def read_until(self, count: int) -> list[Reading]:
        """At least `count` readings; the socket's thread may need several reads."""
        readings: list[Reading] = []
        end_s = time.monotonic() + 2.0
        while len(readings) < count:
            assert time.monotonic() < end_s, f"only {readings}"
            readings.extend(self.contacts.read(0.05))
        return readings

    def change(self, pin: int, level: int) -> None:
        self.server.set(pin, level, self.clock.now_ns())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.contacts.close()
    bench.server.close()


def test_the_level_of_every_line_comes_first(bench: Bench) -> None:
    bench.contacts.open()
    now_ns = bench.clock.now_ns()
    assert bench.read_until(2) == [
        SignalEdge(now_ns, Signal.DOOR_CLOSED, False),
        SignalEdge(now_ns, Signal.PRESENCE, False),
    ]


def test_an_edge_carries_the_time_of_the_change_and_the_polarity_of_the_settings(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    bench.clock.advance_ns(S // 10)
    changed_ns = bench.clock.now_ns() - 12_345
    bench.server.set(17, 0, changed_ns)
    bench.server.set(27, 1, changed_ns + 5)
    assert bench.read_until(2) == [
        SignalEdge(changed_ns, Signal.DOOR_CLOSED, True),
        SignalEdge(changed_ns + 5, Signal.PRESENCE, True),
    ]


def test_a_bouncing_contact_is_reported_bounce_by_bounce(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    bench.clock.advance_ns(S // 10)
    for i in range(20):
        bench.server.set(17, i % 2, bench.clock.now_ns() - 20 + i)
    edges = bench.read_until(20)
    assert [edge.is_active for edge in edges if isinstance(edge, SignalEdge)] == [i % 2 == 0 for i in range(20)]


def test_a_line_that_nobody_asked_for_is_ignored(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    bench.change(5, 1)
    bench.change(17, 0)
    assert [edge.signal for edge in bench.read_until(1) if isinstance(edge, SignalEdge)] == [Signal.DOOR_CLOSED]


def test_levels_are_repeated_every_ten_seconds_and_not_sooner(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    for _ in range(9):
        bench.clock.advance_ns(S)
        assert bench.contacts.read(0.0) == []
    bench.clock.advance_ns(S)
    repeated = bench.contacts.read(0.0)
    assert [reading.t_ns for reading in repeated] == [bench.clock.now_ns()] * 2


def test_a_level_that_contradicts_the_last_edge_is_told_within_a_second(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    # The library loses this edge, as lgpio was seen to do; the level of the pin is the truth.
    bench.contacts._lines._pins[17]._change_state(False)  # type: ignore[union-attr]
    bench.clock.advance_ns(S // 2)
    assert bench.contacts.read(0.0) == []
    bench.clock.advance_ns(S // 2)
    assert bench.contacts.read(0.0) == [SignalEdge(bench.clock.now_ns(), Signal.DOOR_CLOSED, True)]
    bench.clock.advance_ns(S)
    assert bench.contacts.read(0.0) == []


def test_edges_nobody_reads_are_bounded_and_counted(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    for i in range(EDGES_MAX + 100):
        bench.server.set(17, i % 2, bench.clock.now_ns())
    queue = bench.contacts._lines._queue  # type: ignore[union-attr]
    end_s = time.monotonic() + 2
    while queue._lost_count < 100:
        assert time.monotonic() < end_s
    readings = bench.contacts.read(0.0)
    assert isinstance(readings[0], SamplesLost)
    assert readings[0].count == 100
    assert len(readings) == 1 + EDGES_MAX


def test_a_chip_that_goes_away_is_said_once_and_found_again(bench: Bench) -> None:
    bench.contacts.open()
    bench.read_until(2)
    bench.server.close()
    readings = bench.read_until(1)
    for _ in range(300):
        readings.extend(bench.contacts.read(0.1))
    reasons = [reading.reason for reading in readings if isinstance(reading, SourceFault)]
    assert reasons == [FaultReason.BUS_ERROR, FaultReason.ABSENT]
    bench.server = GpioServer(bench.server.path, {17: 0, 27: 0})
    bench.clock.advance_ns(5 * S)
    signals = bench.read_until(2)
    assert [(edge.signal, edge.is_active) for edge in signals if isinstance(edge, SignalEdge)] == [
        (Signal.DOOR_CLOSED, True),
        (Signal.PRESENCE, False),
    ]


@pytest.mark.parametrize("raw", [b"seventeen 1 5\n", b"17 1\n", b"x" * 600, b"\xff\xfe\n"])
def test_a_far_end_out_of_protocol_is_given_up(bench: Bench, raw: bytes) -> None:
    bench.contacts.open()
    bench.read_until(2)
    bench.server.say(raw)
    fault = bench.read_until(1)[0]
    assert isinstance(fault, SourceFault)
    assert fault.reason is FaultReason.BUS_ERROR


def test_a_line_that_is_not_served_is_named(bench: Bench) -> None:
    contacts = DoorContacts(
        bench.server.chip, [CLOSED, ContactLine(Signal.MAINS, 22)], now_ns=bench.clock.now_ns, wait=bench.clock.wait
    )
    with pytest.raises(SourceUnavailable) as caught:
        contacts.open()
    assert "22" in caught.value.problem


def test_a_pin_with_a_fixed_pull_cannot_be_pulled_the_other_way(bench: Bench) -> None:
    bench.server.levels[2] = 1
    with pytest.raises(SourceUnavailable) as caught:
        open_lines(bench.server.chip, [LineRequest(2, Pull.DOWN)], bench.clock.now_ns)
    assert "GPIO 2 and 3" in caught.value.hint


def test_two_contacts_on_one_pin_are_refused() -> None:
    with pytest.raises(SettingsError):
        DoorContacts("lgpio", [CLOSED, ContactLine(Signal.MAINS, 17)], now_ns=lambda: 0)


def test_stamps_of_every_kernel_clock_become_the_agents_time() -> None:
    now_ns = 1_000 * S  # an agent clock of its own
    age_ns = 3_000_000
    for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_REALTIME):
        stamp_ns = time.clock_gettime_ns(clock) - age_ns
        assert now_ns - in_agent_time(stamp_ns, now_ns) == pytest.approx(age_ns, abs=2_000_000)
    assert in_agent_time(now_ns - age_ns, now_ns) == now_ns - age_ns
    assert in_agent_time(now_ns + 20_000_000, now_ns) == now_ns  # a hair in the future: now
    assert in_agent_time(3, now_ns) == now_ns  # no clock shows that: now


@pytest.fixture
def kernel(mocker: MockerFixture, tmp_path: Path) -> FakeLgpio:
    return install(mocker, tmp_path, FakeLgpio())


def kernel_contacts() -> DoorContacts:
    return DoorContacts("lgpio:0", [CLOSED, PRESENCE], now_ns=time.monotonic_ns)


def test_kernel_lines_are_claimed_with_their_pull_and_without_debouncing(kernel: FakeLgpio) -> None:
    kernel.levels = {17: 1, 27: 1}
    contacts = kernel_contacts()
    contacts.open()
    assert [edge.is_active for edge in contacts.read(0.0) if isinstance(edge, SignalEdge)] == [False, True]
    assert kernel.pulls == {17: 32, 27: 64}
    assert set(kernel.debounce_us.values()) == {0}
    contacts.close()


def test_kernel_edges_carry_the_kernels_time(kernel: FakeLgpio) -> None:
    contacts = kernel_contacts()
    contacts.open()
    contacts.read(0.0)
    before_ns = time.monotonic_ns() - 40_000_000
    kernel.change(17, 1, age_ns=40_000_000)
    after_ns = time.monotonic_ns() - 40_000_000
    edge = contacts.read(0.1)[0]
    assert edge == SignalEdge(edge.t_ns, Signal.DOOR_CLOSED, False)
    assert before_ns - 5_000_000 <= edge.t_ns <= after_ns + 5_000_000
    contacts.close()


def test_an_edge_during_the_level_read_is_not_contradicted_by_it(kernel: FakeLgpio) -> None:
    contacts = kernel_contacts()
    contacts.open()

    def move_once(pin: int) -> None:
        if pin == 17:
            kernel.after_read = None
            kernel.change(17, 1)

    kernel.after_read = move_once
    edges = [edge for edge in contacts.read(0.0) if isinstance(edge, SignalEdge)]
    assert [(edge.signal, edge.is_active) for edge in edges if edge.signal is Signal.DOOR_CLOSED] == [
        (Signal.DOOR_CLOSED, False)
    ]
    contacts.close()


def test_a_kernel_chip_that_vanishes_is_a_fault_and_comes_back(kernel: FakeLgpio) -> None:
    contacts = kernel_contacts()
    contacts.open()
    contacts.read(0.0)
    kernel.is_gone = True
    kernel.change(17, 1)
    readings = list(contacts.read(0.1))
    for _ in range(3):
        readings.extend(contacts.read(0.05))
    reasons = [reading.reason for reading in readings if isinstance(reading, SourceFault)]
    assert reasons == [FaultReason.BUS_ERROR, FaultReason.ABSENT]
    kernel.is_gone = False
    end_s = time.monotonic() + 2
    back: list[Reading] = []
    while not back:
        assert time.monotonic() < end_s
        back.extend(contacts.read(0.3))
    assert {edge.signal for edge in back if isinstance(edge, SignalEdge)} == {Signal.DOOR_CLOSED, Signal.PRESENCE}
    contacts.close()


def test_lgpio_without_a_writable_folder_says_so(mocker: MockerFixture) -> None:
    mocker.patch.object(os, "access", return_value=False)
    mocker.patch.dict(os.environ, {"LG_WD": "/proc/nowhere"})
    with pytest.raises(SourceUnavailable) as caught:
        open_lines("lgpio", [LineRequest(17, Pull.UP)], lambda: 0)
    assert "/proc/nowhere" in caught.value.problem
    assert "LG_WD" in caught.value.hint


def test_lgpio_that_is_not_installed_says_how_to_install_it(mocker: MockerFixture) -> None:
    mocker.patch.dict(sys.modules, {"lgpio": None})
    with pytest.raises(SourceUnavailable) as caught:
        open_lines("lgpio:0", [LineRequest(17, Pull.UP)], lambda: 0)
    assert "pip install" in caught.value.hint


def test_the_empty_lgpio_of_the_index_is_recognised(mocker: MockerFixture) -> None:
    mocker.patch.dict(sys.modules, {"lgpio": sys})
    with pytest.raises(SourceUnavailable) as caught:
        open_lines("lgpio", [LineRequest(17, Pull.UP)], lambda: 0)
    assert "empty package" in caught.value.problem


def test_lines_that_were_closed_leave_no_handler_behind_that_would_end_the_librarys_thread(kernel: FakeLgpio) -> None:
    contacts = kernel_contacts()
    for _ in range(3):
        contacts.open()
        contacts.read(0.0)
        contacts.close()
    assert kernel.callbacks == []
    contacts.open()
    contacts.read(0.0)
    kernel.change(17, 1)
    assert [edge for edge in contacts.read(0.1) if isinstance(edge, SignalEdge)]
    kernel.is_gone = True
    contacts.close()
    assert kernel.callbacks == [], "nor does a chip that vanished"
    assert kernel.close_count == kernel.open_count
