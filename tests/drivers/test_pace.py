"""The judgement of lateness can tell the machine's part from the core's, and a driver that holds the interpreter."""

from __future__ import annotations

import ctypes
import threading
import time

import pytest

from tests.drivers.pace import FRAME_S, Wake, Witnesses, excess_s, now_s, pace_of


def wakes(late_s: dict[int, float], waited_s: dict[int, float] | None = None) -> list[Wake]:
    """Due each 100 ms; late by so much at these numbers; kept waiting by the kernel so much before these."""
    total = 0.0
    out = []
    for number in range(20):
        total += (waited_s or {}).get(number, 0.0)
        out.append(Wake(number * 0.1, number * 0.1 + late_s.get(number, 0.001), total))
    return out


def worst_s(core: list[Wake], witness: list[Wake]) -> float:
    return max(own for _, own in excess_s(core, witness))


def test_what_is_late_alone_is_late_by_itself() -> None:
    assert worst_s(wakes({7: 0.3}), wakes({})) == pytest.approx(0.299)


def test_what_is_late_together_with_the_witness_is_the_machine() -> None:
    assert worst_s(wakes({7: 0.3}), wakes({7: 0.29})) == pytest.approx(0.01)
    assert worst_s(wakes({7: 0.3}), wakes({8: 0.19})) == pytest.approx(0.11)  # due in between, up at the same time


def test_a_witness_that_was_late_at_another_time_excuses_nothing() -> None:
    assert worst_s(wakes({7: 0.3}), wakes({3: 0.3, 14: 0.3})) == pytest.approx(0.299)


def test_time_that_the_kernel_kept_it_waiting_is_the_machine_and_earlier_time_is_not() -> None:
    assert worst_s(wakes({7: 0.3}, {7: 0.28}), wakes({})) == pytest.approx(0.02)
    assert worst_s(wakes({7: 0.3}, {3: 0.28}), wakes({})) == pytest.approx(0.299)


@pytest.mark.system
def test_a_thread_that_holds_the_interpreter_is_noticed_and_one_that_only_sleeps_is_not() -> None:
    witnesses = Witnesses()
    try:
        time.sleep(1.0)
        quiet_s = now_s()
        sleeper = threading.Thread(target=time.sleep, args=(0.4,))
        sleeper.start()
        sleeper.join()
        held_s = now_s()
        holding = threading.Thread(target=ctypes.PyDLL(None).usleep, args=(400_000,))  # PyDLL: without letting go
        holding.start()
        holding.join()
        time.sleep(0.5)
        end_s = now_s()
    finally:
        witnesses.stop()
    core = list(witnesses.thread)
    assert pace_of(core, witnesses, quiet_s, held_s - 0.1).interpreter_own_s <= FRAME_S
    assert pace_of(core, witnesses, held_s - 0.1, end_s).interpreter_own_s > FRAME_S
