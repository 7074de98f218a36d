"""Looking again at what is wired: a line that stays as it is, is heard the second time as it was the first."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from calibration import capture
from calibration.session_tells import Found
from drivers.door_contacts import ContactLine, DoorContacts
from edge_agent.clock import SystemClock
from edge_agent.readings import Signal
from sim.buses import GpioServer

PIN = 17


def found_by(live: capture.LiveCapture) -> Found:
    """What the one source tells next."""
    for _ in range(400):
        live.take()
        news = live.take_found()
        if news:
            return news[0]
        select.select([], [], [], 0.02)
    raise AssertionError("nothing was told")


def go_on(live: capture.LiveCapture) -> None:
    """Half a second in which nobody asks: the line is read a few times and says nothing."""
    for _ in range(25):
        live.take()
        select.select([], [], [], 0.02)


def test_a_line_that_stays_as_it_is_is_heard_each_time_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "LISTEN_S", 0.2)
    clock = SystemClock()
    server = GpioServer(tmp_path / "gpio.sock", {PIN: True}, clock.now_ns)
    contacts = DoorContacts(
        f"unix:{tmp_path / 'gpio.sock'}",
        [ContactLine(Signal.DOOR_CLOSED, PIN, is_active_low=False)],
        now_ns=clock.now_ns,
    )
    live = capture.LiveCapture([contacts], clock.now_ns)
    try:
        told = [found_by(live)]
        for _ in range(3):
            go_on(live)
            live.look_again()
            told.append(found_by(live))
    finally:
        live.close()
        server.close()
    assert [each.problem for each in told] == [""] * 4
    assert all(each.count > 0 for each in told)
