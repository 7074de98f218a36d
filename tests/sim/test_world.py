"""Small worlds keep their invariants, and a world that does not is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.delivery import Poll, Send
from edge_agent.wire import Stream
from sim.library import load_scenario
from sim.scenario import play
from sim.world import World, WorldReport
from sim.world_net import FarEnd


def run_world(
    name: str, seed: int, folder: Path, *, is_rough: bool = True, far_end: type[FarEnd] = FarEnd
) -> WorldReport:
    return World(play(load_scenario(name), seed), seed, folder, is_rough=is_rough, far_end=far_end).run()


@pytest.mark.parametrize("seed", range(1, 7))
def test_rough_world_loses_no_alarm_and_drains_in_time(tmp_path: Path, seed: int) -> None:
    report = run_world("stuck-between-landings", seed, tmp_path)
    assert report.problems == ()
    assert report.raised_count >= 1
    assert report.drained_s is not None


def test_calm_quiet_world_raises_nothing(tmp_path: Path) -> None:
    report = run_world("waiting-inside", 1, tmp_path, is_rough=False)
    assert report.problems == ()
    assert report.raised_count == 0
    assert report.failed_count == 0


def test_same_seed_makes_the_same_world(tmp_path: Path) -> None:
    reports = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        reports.append(run_world("stuck-between-landings", 2, folder))
    assert reports[0] == reports[1]


class ForgetfulFarEnd(FarEnd):
    """Says stored, and stores nothing of the alarm stream."""

    def answer(self, step: Send | Poll, now_ns: int) -> bytes:
        answer = super().answer(step, now_ns)
        self.forget(Stream.ALARM)
        return answer


class DeafFarEnd(FarEnd):
    """Never confirms anything."""

    def answer(self, step: Send | Poll, now_ns: int) -> bytes:
        return b"nothing"


def test_receiver_that_confirms_and_forgets_is_found_out(tmp_path: Path) -> None:
    report = run_world("stuck-between-landings", 1, tmp_path, is_rough=False, far_end=ForgetfulFarEnd)
    assert any("nowhere to be found: entrapment" in problem for problem in report.problems)


def test_records_that_are_never_confirmed_are_found_out(tmp_path: Path) -> None:
    report = run_world("stuck-between-landings", 1, tmp_path, is_rough=False, far_end=DeafFarEnd)
    assert any("still wait" in problem for problem in report.problems)
    assert any("alarms were not confirmed" in problem for problem in report.problems)
    assert report.drained_s is None
