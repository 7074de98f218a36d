"""What is said of an outage, and when it is tried to end it."""

from __future__ import annotations

import itertools

from drivers.outage import STABLE_NS, Outage
from edge_agent.readings import FaultReason

S = 1_000_000_000


def wait_s(outage: Outage, t_ns: int) -> float:
    return (outage.next_attempt_ns - t_ns) / S


def test_the_first_attempt_is_at_once_and_the_last_ones_five_seconds_apart() -> None:
    outage = Outage("controller")
    waits = []
    for t_ns in range(0, 10 * S, S):
        outage.failed(t_ns, FaultReason.SILENT, "x")
        waits.append(wait_s(outage, t_ns))
    assert waits[0] == 0.0
    assert all(later > earlier for earlier, later in itertools.pairwise(waits[:7]))
    assert all(3.75 <= wait <= 5.0 for wait in waits[6:])


def test_a_device_that_answers_once_and_falls_silent_does_not_start_quick_attempts_again() -> None:
    outage = Outage("controller")
    for t_ns in range(0, 10 * S, S):
        outage.failed(t_ns, FaultReason.SILENT, "x")
    outage.flowing(10 * S)
    outage.flowing(11 * S)
    outage.failed(10 * S + STABLE_NS - 1, FaultReason.SILENT, "x")
    assert wait_s(outage, 10 * S + STABLE_NS - 1) > 3.0


def test_after_stable_readings_the_next_outage_starts_anew() -> None:
    outage = Outage("controller")
    for t_ns in range(0, 10 * S, S):
        outage.failed(t_ns, FaultReason.SILENT, "x")
    outage.flowing(10 * S)
    outage.failed(10 * S + STABLE_NS, FaultReason.SILENT, "x")
    assert wait_s(outage, 10 * S + STABLE_NS) == 0.0


def test_a_fault_is_said_once_and_again_with_another_reason_and_after_readings() -> None:
    outage = Outage("controller")
    said = [
        len(outage.failed(0, reason, "x")) for reason in (FaultReason.SILENT, FaultReason.SILENT, FaultReason.ABSENT)
    ]
    assert said == [1, 0, 1]
    outage.flowing(1)
    assert len(outage.failed(2, FaultReason.ABSENT, "x")) == 1


def test_two_devices_do_not_come_back_in_step() -> None:
    waits = []
    for key in ("10.0.0.1:502 1", "10.0.0.2:502 1"):
        outage = Outage("controller", spread_key=key)
        for _ in range(8):
            outage.failed(0, FaultReason.ABSENT, "x")
        waits.append(outage.next_attempt_ns)
    assert waits[0] != waits[1]
