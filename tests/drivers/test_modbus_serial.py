"""The controller source on links with RTU frames, where an answer carries no number."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.modbus import SerialLink
from drivers.modbus_controller import ModbusController
from drivers.serial_line import Parity
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import ControllerReport, Direction, FaultReason
from tests.drivers.modbus_bench import DRIVING, NICE, Start, faults, has_faults, has_reports, reports, words_of
from tests.drivers.modbus_servers import Request, Say, crc, rtu_reply


def test_a_late_answer_on_a_bus_without_numbers_never_becomes_a_wrong_value(start: Start) -> None:
    # The shift of peers' reports: one answer is late, and every later question gets the answer to the one before.
    # Two reads of this map have the same length, so that the late answer looks right.
    other = NICE.encode(replace(DRIVING, fault=77, direction=Direction.DOWN))

    def script(request: Request) -> list[Say]:
        if request.index in (5, 20):
            return [Say(rtu_reply(request, words_of(request, other)), after_s=0.090)]
        return [Say(rtu_reply(request, words_of(request)))]

    bench = start(script, is_rtu=True)
    readings = bench.read_until(has_reports(12))
    assert faults(readings)
    for report in reports(readings):
        assert report == replace(DRIVING, t_ns=report.t_ns, is_suspect=report.is_suspect)
    first_after = readings[readings.index(faults(readings)[0]) + 1]
    assert isinstance(first_after, ControllerReport)
    assert first_after.is_suspect


@pytest.mark.parametrize(
    "lie",
    [
        lambda request: rtu_reply(request, words_of(request), function=4),
        lambda request: rtu_reply(request, [*words_of(request), 1]),
        lambda request: rtu_reply(request, words_of(request))[:-1] + b"\x00",
        lambda request: b"\x00\xff\x55" * 3,
    ],
    ids=["function", "count", "checksum", "noise"],
)
def test_damage_on_a_bus_without_numbers_never_becomes_a_report(start: Start, lie: Callable[[Request], bytes]) -> None:
    bench = start(lambda request: [Say(lie(request))], is_rtu=True)
    readings = bench.read_until(has_faults(1))
    assert reports(readings) == []
    assert faults(readings)[0].reason in (FaultReason.BAD_REPLY, FaultReason.DESYNC)


def test_a_serial_port_is_polled_with_the_same_code(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def unit() -> None:
        try:
            while raw := os.read(ours, 8):
                request = Request(
                    0, 0, raw[0], raw[1], int.from_bytes(raw[2:4], "big"), int.from_bytes(raw[4:6], "big")
                )
                assert crc(raw[:6]) == raw[6:]
                os.write(ours, rtu_reply(request, words_of(request)))
        except OSError:
            return

    threading.Thread(target=unit, daemon=True).start()
    controller = ModbusController(
        NICE, SerialLink(os.ttyname(theirs), 38400), now_ns=time.monotonic_ns, poll_hz=10.0, deadline_s=0.5
    )
    controller.open()
    report = controller.read(1.0)[0]
    assert report == replace(DRIVING, t_ns=report.t_ns)
    controller.close()
    os.close(ours)
    os.close(theirs)


def test_a_serial_port_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    controller = ModbusController(NICE, SerialLink(f"{tmp_path}/ttyUSB9"), now_ns=time.monotonic_ns)
    with pytest.raises(SourceUnavailable) as caught:
        controller.open()
    assert "RS-485" in caught.value.hint


def test_a_port_that_refuses_a_parity_is_no_connection_and_is_free_again_at_once() -> None:
    ours, theirs = pty.openpty()  # a pseudo-terminal takes no parity
    tty.setraw(theirs)
    opened: list[Parity] = []
    refused: list[str] = []
    try:
        for parity in (Parity.EVEN, Parity.NONE):
            controller = ModbusController(
                NICE, SerialLink(os.ttyname(theirs), 9600, parity), now_ns=time.monotonic_ns, poll_hz=2.0
            )
            try:
                controller.open()
                opened.append(parity)
            except SourceUnavailable as error:
                refused.append(error.hint)
            controller.close()
    finally:
        os.close(theirs)
        os.close(ours)
    assert opened == [Parity.NONE]
    assert ["parity" in hint for hint in refused] == [True]
