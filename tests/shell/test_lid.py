"""The lid of the box: told when open, over when shut; a contact that cannot be read is a sensor fault."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drivers.gpio import Pull
from drivers.lid import LidContact
from edge_agent.agent_lid import LidWatch
from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.errors import SourceUnavailable
from tests.drivers.gpio_server import GpioServer
from tests.shell.making import S

OPENED, SENSOR = AlarmKind.BOX_OPENED, AlarmKind.SENSOR_FAULT
RAISED, CLEARED = AlarmState.RAISED, AlarmState.CLEARED


class Hand:
    """A lid in the test's hand. is_open None: the contact cannot be read."""

    def __init__(self, *resumed: OpenIncident) -> None:
        self.lid: bool | None = False
        self.watch = LidWatch(self, (8, 9), resumed)

    def is_open(self) -> bool:
        if self.lid is None:
            raise SourceUnavailable("the chip is gone", subject="lgpio", hint="Look for it")
        return self.lid

    def over(self, seconds: int, start_s: int) -> list[tuple[int, AlarmKind, AlarmState, int]]:
        """Stages as (second, kind, state, incident)."""
        found = []
        for half in range(start_s * 2, (start_s + seconds) * 2):
            stages = self.watch.work(half * S // 2)
            found += [(half // 2, stage.kind, stage.state, stage.incident) for stage in stages]
        return found


def test_a_lid_that_is_opened_is_told_after_two_seconds_and_over_when_it_is_shut() -> None:
    hand = Hand()
    assert hand.over(10, 0) == []
    hand.lid = True
    assert hand.over(10, 10) == [(12, OPENED, RAISED, 8)]
    hand.lid = False
    assert hand.over(10, 20) == [(22, OPENED, CLEARED, 8)]


def test_a_contact_that_bounces_is_waited_for() -> None:
    hand = Hand()
    for second in range(20):
        hand.lid = second % 2 == 0
        assert hand.over(1, second) == []


def test_a_lid_that_was_open_before_a_restart_is_the_same_incident() -> None:
    hand = Hand(OpenIncident(OPENED, 3))
    hand.lid = True
    assert hand.over(5, 0) == []
    hand.lid = False
    assert hand.over(5, 5) == [(7, OPENED, CLEARED, 3)]


def test_a_contact_that_cannot_be_read_is_a_sensor_fault_and_says_nothing_of_the_lid() -> None:
    hand = Hand()
    hand.over(2, 0)
    hand.lid = None
    assert hand.over(20, 2) == [(2, SENSOR, RAISED, 9)]
    hand.lid = False
    stages = hand.over(90, 22)
    assert [stage[1:] for stage in stages] == [(SENSOR, CLEARED, 9)]
    assert 80 <= stages[0][0] <= 90


@pytest.mark.parametrize(("is_active_low", "level"), [(False, 1), (True, 0)])
def test_the_contact_is_read_through_the_seam_of_lines(tmp_path: Path, is_active_low: bool, level: int) -> None:
    server = GpioServer(tmp_path / "gpio", {6: 1 - level})
    lid = LidContact(server.chip, 6, Pull.UP, time.monotonic_ns, is_active_low=is_active_low)
    try:
        assert not lid.is_open()
        server.set(6, level, time.monotonic_ns())
        until_s = time.monotonic() + 10.0
        while not lid.is_open():
            assert time.monotonic() < until_s
    finally:
        lid.close()
        server.close()


def test_a_chip_that_is_not_there_is_said(tmp_path: Path) -> None:
    lid = LidContact(f"unix:{tmp_path}/none", 6, Pull.UP, time.monotonic_ns, is_active_low=False)
    with pytest.raises(SourceUnavailable):
        lid.is_open()
    lid.close()
