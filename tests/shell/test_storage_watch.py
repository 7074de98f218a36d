"""A run ends in order when the outbox refuses for long, and when the disk can be used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.agent_storage import StorageWatch, is_writable
from tests.shell.making import S

MINUTE = 60 * S


class Hand:
    """What the watch asks."""

    def __init__(self, folder: Path, *, is_in_memory: bool = False, may_go_to_memory: bool = True) -> None:
        self.is_well, self.is_alarm_open = True, False
        self.ends: list[bool] = []
        self.watch = StorageWatch(
            folder,
            lambda: self.is_well,
            self.end,
            is_in_memory=is_in_memory,
            may_go_to_memory=may_go_to_memory,
        )

    def end(self, is_urgent: bool) -> bool:
        if self.is_alarm_open and not is_urgent:
            return False
        self.ends.append(is_urgent)
        return True


def test_an_outbox_that_refuses_for_fifteen_seconds_ends_the_run_also_while_an_alarm_is_open(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    hand.is_alarm_open = True
    hand.watch.work(0)
    hand.is_well = False
    hand.watch.work(S)
    hand.watch.work(15 * S)
    assert hand.ends == []
    hand.watch.work(16 * S)
    hand.watch.work(17 * S)
    assert hand.ends == [True]


def test_one_that_takes_records_again_in_time_does_not(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    for second in range(60):
        hand.is_well = second % 10 == 0
        hand.watch.work(second * S)
    assert hand.ends == []


def test_without_a_place_in_memory_the_run_goes_on(tmp_path: Path) -> None:
    hand = Hand(tmp_path, may_go_to_memory=False)
    hand.is_well = False
    for second in range(0, 100, 5):
        hand.watch.work(second * S)
    assert hand.ends == []


def test_a_disk_that_is_well_twice_ends_a_run_in_memory_but_not_while_an_alarm_is_open(tmp_path: Path) -> None:
    hand = Hand(tmp_path, is_in_memory=True)
    hand.is_alarm_open = True
    for minute in range(0, 31, 10):
        hand.watch.work(minute * MINUTE)
    assert hand.ends == []
    hand.is_alarm_open = False
    hand.watch.work(40 * MINUTE)
    assert hand.ends == [False]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_still_away_does_not(tmp_path: Path) -> None:
    hand = Hand(tmp_path / "away", is_in_memory=True)
    for minute in range(0, 200, 10):
        hand.watch.work(minute * MINUTE)
    assert hand.ends == []


def test_a_full_disk_is_not_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_writable(tmp_path)
    monkeypatch.setattr("edge_agent.agent_storage.ROOM_BYTES", 1 << 60)
    assert not is_writable(tmp_path)
    assert not is_writable(tmp_path / "away")
