"""The clock: what the receiver said, how fast it widens, and what systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

from edge_agent.clock import SystemClock, WallKeeper, WallSource
from edge_agent.sd_notify import ServiceNotifier

MS = 1_000_000
NOON = 1_800_000_000_000


def test_nobody_has_said_what_time_it_is() -> None:
    assert WallKeeper().estimate(10**12) is None
    assert SystemClock(kernel_error_ms=lambda: None).wall_estimate() is None


def test_a_reading_of_the_receivers_clock_dates_other_moments() -> None:
    keeper = WallKeeper()
    keeper.learn(t_ns=1_000 * MS, unix_ms=NOON, uncertainty_ms=100)
    wall = keeper.estimate(3_000 * MS)
    assert wall is not None
    assert (wall.unix_ms, wall.uncertainty_ms, wall.source) == (NOON + 2_000, 101, WallSource.RECEIVER)


def test_the_uncertainty_grows_by_100_ppm() -> None:
    keeper = WallKeeper()
    keeper.learn(t_ns=0, unix_ms=NOON, uncertainty_ms=0)
    wall = keeper.estimate(10_000_000 * MS)  # 10,000 s later: 1 s at 100 ppm
    assert wall is not None
    assert (wall.unix_ms, wall.uncertainty_ms) == (NOON + 10_000_000, 1001)


def test_a_slow_answer_does_not_replace_a_better_one() -> None:
    keeper = WallKeeper()
    keeper.learn(t_ns=0, unix_ms=NOON, uncertainty_ms=10)
    keeper.learn(t_ns=5_000 * MS, unix_ms=NOON + 9_000, uncertainty_ms=4_000)
    wall = keeper.estimate(0)
    assert wall is not None
    assert wall.unix_ms == NOON


def test_an_old_fix_is_replaced_once_it_is_worse() -> None:
    keeper = WallKeeper()
    keeper.learn(t_ns=0, unix_ms=NOON, uncertainty_ms=0)
    day_ns = 86_400_000 * MS  # 8.64 s of drift
    keeper.learn(t_ns=day_ns, unix_ms=NOON + 86_400_500, uncertainty_ms=500)
    wall = keeper.estimate(day_ns)
    assert wall is not None
    assert (wall.unix_ms, wall.uncertainty_ms) == (NOON + 86_400_500, 501)


def test_a_synchronised_kernel_is_believed_with_its_own_error() -> None:
    wall = SystemClock(kernel_error_ms=lambda: 7).wall_estimate()
    assert wall is not None
    assert (wall.uncertainty_ms, wall.source) == (7, WallSource.NTP)


def test_the_service_manager_hears_each_message(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        notifier = ServiceNotifier(path)
        notifier.ready()
        notifier.alive()
        notifier.status("armed\nREADY=0")
        notifier.stopping()
        heard = [manager.recv(256) for _ in range(4)]
        notifier.close()
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=armed READY=0", b"STOPPING=1"]


def test_a_manager_that_is_gone_does_not_stop_the_agent(tmp_path: Path) -> None:
    notifier = ServiceNotifier(str(tmp_path / "nobody"))
    notifier.ready()
    ServiceNotifier(None).alive()
    notifier.close()
    notifier.close()
