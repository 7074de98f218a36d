"""The controller source against a real Modbus server and against one that lies. Real sockets, short deadlines."""

from __future__ import annotations

import ast
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from drivers.modbus import TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import RegisterMap
from drivers.register_map_toml import register_map_from
from edge_agent.errors import SettingsError, SourceUnavailable
from edge_agent.readings import ControllerReport, Direction, FaultReason, Reading, SourceFault
from tests.drivers.modbus_bench import (
    DRIVING,
    IMAGE,
    NICE,
    POLL_HZ,
    Bench,
    Start,
    faults,
    has_faults,
    has_reports,
    honest,
    reports,
    words_of,
)
from tests.drivers.modbus_servers import (
    LyingServer,
    PymodbusServer,
    Request,
    Say,
    Script,
    framed,
    free_port,
    refusal,
    reply,
)


def test_a_real_modbus_server_is_read_by_the_map() -> None:
    server = PymodbusServer(NICE, IMAGE)
    controller = ModbusController(
        NICE, TcpLink("127.0.0.1", server.port), now_ns=time.monotonic_ns, poll_hz=POLL_HZ, deadline_s=0.5
    )
    controller.open()
    first = controller.read(1.0)[0]
    assert first == replace(DRIVING, t_ns=first.t_ns)
    assert 0 <= time.monotonic_ns() - first.t_ns < 1_000_000_000
    server.put(0x8000, [41])
    latest: Reading = first
    end_s = time.monotonic() + 2
    while not (isinstance(latest, ControllerReport) and latest.fault == 41):
        assert time.monotonic() < end_s
        latest = ([latest, *controller.read(0.5)])[-1]
    assert latest.safety_circuit_closed is False
    controller.close()
    server.close()


def test_reports_come_at_the_poll_rate_without_drift(start: Start) -> None:
    bench = start(honest)
    times = [report.t_ns for report in reports(bench.read_until(has_reports(12)))]
    mean_s = (times[11] - times[0]) / 11e9
    assert mean_s == pytest.approx(1 / POLL_HZ, rel=0.05)
    assert times == sorted(times)


def test_only_reading_functions_are_ever_sent(start: Start) -> None:
    bench = start(honest)
    bench.read_until(has_reports(5))
    assert bench.server.functions == {3}
    assert {request.unit for request in bench.server.requests} == {1}


def test_every_table_is_read_by_its_own_function(start: Start) -> None:
    head = '[map]\nname = "all"\nmaker = "x"\nmodel = "x"\nfirmware = "x"\nevidence = "inferred"\nsource = "x"\n'
    head += 'polling_is_safe = true\npolling_note = "x"\n'
    rows = [("coil", "bit", "door_zone"), ("discrete", "bit", "passenger"), ("input", "uint16", "fault")]
    for table, kind, feeds in rows:
        head += f'[[field]]\nname = "{feeds}"\ntable = "{table}"\naddress = 7\nkind = "{kind}"\nfeeds = "{feeds}"\n'
    register_map = register_map_from(head, "all.toml")
    answers = {1: b"\x01\x01\x01", 2: b"\x02\x01\x00", 4: b"\x04\x02\x00\x24"}
    server = LyingServer(lambda request: [Say(framed(request, answers[request.function]))])
    controller = ModbusController(register_map, TcpLink("127.0.0.1", server.port), now_ns=lambda: 0, poll_hz=POLL_HZ)
    report = controller.read(0.5)[0]
    controller.close()
    server.close()
    assert report == ControllerReport(t_ns=0, door_zone=True, passenger=False, fault=36)
    assert server.functions == {1, 2, 4}


def test_nobody_listening_is_unavailable_and_read_keeps_trying() -> None:
    port = free_port()
    controller = ModbusController(NICE, TcpLink("127.0.0.1", port), now_ns=time.monotonic_ns, poll_hz=POLL_HZ)
    with pytest.raises(SourceUnavailable) as caught:
        controller.open()
    assert caught.value.subject == f"127.0.0.1:{port}"
    fault = controller.read(0.5)[0]
    assert isinstance(fault, SourceFault)
    assert fault.reason is FaultReason.ABSENT
    assert controller.read(0.3) == ()  # said once
    controller.close()


def test_a_controller_that_appears_later_is_found() -> None:
    port = free_port()
    controller = ModbusController(NICE, TcpLink("127.0.0.1", port), now_ns=time.monotonic_ns, poll_hz=POLL_HZ)
    assert isinstance(controller.read(0.5)[0], SourceFault)
    later = LyingServer(honest, port=port)
    end_s = time.monotonic() + 3
    readings: list[Reading] = []
    while not reports(readings):
        assert time.monotonic() < end_s
        readings.extend(controller.read(0.3))
    assert faults(readings) == []
    controller.close()
    later.close()


def test_silence_is_said_once_per_outage(start: Start) -> None:
    is_silent = threading.Event()
    bench = start(lambda request: [] if is_silent.is_set() else honest(request))
    bench.read_until(has_reports(3))
    is_silent.set()
    assert [fault.reason for fault in faults(bench.read_until(has_faults(1)))] == [FaultReason.SILENT]
    assert bench.controller.read(0.4) == ()
    is_silent.clear()
    assert faults(bench.read_until(has_reports(2))) == []
    is_silent.set()
    assert [fault.reason for fault in faults(bench.read_until(has_faults(1)))] == [FaultReason.SILENT]


def test_a_late_answer_is_not_taken_for_the_next_over_tcp(start: Start) -> None:
    other = NICE.encode(replace(DRIVING, fault=77, speed_mps=0.5, direction=Direction.DOWN))

    def script(request: Request) -> list[Say]:
        if request.index == 4:  # its answer comes when the next question is already out
            return [Say(reply(request, words_of(request, other)), after_s=0.055)]
        return [Say(reply(request, words_of(request)), after_s=0.010 if request.index == 5 else 0.0)]

    bench = start(script)
    for report in reports(bench.read_until(has_reports(8))):
        assert report == replace(DRIVING, t_ns=report.t_ns, is_suspect=report.is_suspect)


LIES: dict[str, tuple[Callable[[Request], bytes], FaultReason]] = {
    "one register too few": (lambda r: reply(r, words_of(r)[:-1] or [1, 2]), FaultReason.BAD_REPLY),
    "one register too many": (lambda r: reply(r, [*words_of(r), 9]), FaultReason.BAD_REPLY),
    "another reading function": (lambda r: reply(r, words_of(r), function=4), FaultReason.BAD_REPLY),
    "a function of bits": (lambda r: framed(r, b"\x01\x02\xff\xff"), FaultReason.BAD_REPLY),
    "a writing function": (lambda r: framed(r, b"\x06\x10\x10\x00\x01"), FaultReason.BAD_REPLY),
    "another function's exception": (lambda r: refusal(r, 2, function=1), FaultReason.BAD_REPLY),
    "another transaction": (lambda r: reply(r, words_of(r), number=r.number + 100), FaultReason.DESYNC),
    "no transaction number": (lambda r: reply(r, words_of(r), number=0), FaultReason.DESYNC),
    "another unit": (lambda r: reply(r, words_of(r), unit=9), FaultReason.BAD_REPLY),
    "half an answer": (lambda r: reply(r, words_of(r))[:9], FaultReason.BAD_REPLY),
    "another protocol": (lambda r: b"HTTP/1.1 400 Bad Request\r\n\r\n", FaultReason.DESYNC),
    "an odd number of bytes": (lambda r: framed(r, b"\x03\x03\x00\x01\x02"), FaultReason.BAD_REPLY),
    "a count beyond the frame": (lambda r: framed(r, b"\x03\x40\x00\x01"), FaultReason.BAD_REPLY),
    "nothing but a head": (lambda r: framed(r, b""), FaultReason.BAD_REPLY),
    "a device that failed": (lambda r: refusal(r, 4), FaultReason.BAD_REPLY),
    "a gateway without its target": (lambda r: refusal(r, 11), FaultReason.SILENT),
}


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES.keys())
def test_a_lie_never_becomes_a_report_and_is_called_by_its_name(
    start: Start, lie: Callable[[Request], bytes], reason: FaultReason
) -> None:
    is_lying = threading.Event()
    bench = start(lambda request: [Say(lie(request))] if is_lying.is_set() else honest(request))
    bench.read_until(has_reports(1))
    is_lying.set()
    readings = bench.read_until(has_faults(1))
    assert faults(readings)[0].reason is reason
    # The cycle that was under way may still have been true; nothing after the fault is a report.
    assert reports(list(bench.controller.read(0.1))) == []
    is_lying.clear()
    readings = bench.read_until(has_reports(1))
    assert faults(readings) == []
    for report in reports(readings):
        assert report == replace(DRIVING, t_ns=report.t_ns, is_suspect=report.is_suspect)


def test_the_first_report_after_a_bad_reply_is_suspect_and_the_second_is_not(start: Start) -> None:
    lies = iter([True])
    is_lying = threading.Event()

    def script(request: Request) -> list[Say]:
        if is_lying.is_set() and next(lies, False):
            return [Say(reply(request, [1, 2, 3]))]
        return honest(request)

    bench = start(script)
    assert [report.is_suspect for report in reports(bench.read_until(has_reports(2)))] == [False] * 2
    is_lying.set()
    readings = bench.read_until(lambda all_: bool(faults(all_)) and len(reports(all_)) >= 3)
    after = readings[readings.index(faults(readings)[0]) + 1 :]
    assert [report.is_suspect for report in reports(after)][:2] == [True, False]


def test_a_read_that_is_refused_leaves_its_values_unsaid(start: Start) -> None:
    bench = start(lambda request: [Say(refusal(request, 2))] if request.address == 0x3000 else honest(request))
    readings = bench.read_until(has_reports(3))
    assert faults(readings) == []
    assert reports(readings)[0].direction is None
    assert reports(readings)[0].floor == "5"


def test_a_controller_that_refuses_every_read_has_the_wrong_map(start: Start) -> None:
    bench = start(lambda request: [Say(refusal(request, 2))])
    fault = faults(bench.read_until(has_faults(1)))[0]
    assert fault.reason is FaultReason.BAD_REPLY
    assert "right map" in fault.detail


def test_an_answer_that_drips_in_time_is_taken_and_one_that_drips_too_long_is_not(start: Start) -> None:
    def drip(pause_s: float) -> Script:
        def script(request: Request) -> list[Say]:
            answer = reply(request, words_of(request))
            return [Say(answer[i : i + 3], after_s=pause_s) for i in range(0, len(answer), 3)]

        return script

    quick = start(drip(0.0001))
    assert reports(quick.read_until(has_reports(2)))[0].floor == "5"
    slow = start(drip(0.040))
    assert faults(slow.read_until(has_faults(1)))[0].reason is FaultReason.BAD_REPLY


def test_a_connection_that_is_cut_comes_back_over_a_new_one(start: Start) -> None:
    def script(request: Request) -> list[Say]:
        return [Say(reply(request, words_of(request))[:7], then_close=True)] if request.index == 7 else honest(request)

    bench = start(script)
    readings = bench.read_until(has_reports(8))
    assert [fault.reason for fault in faults(readings)] == [FaultReason.ABSENT]
    assert bench.server.connections == 2


def test_a_silent_controller_gets_a_new_connection_after_three_cycles(start: Start) -> None:
    bench = start(lambda request: [])
    bench.read_until(has_faults(1))
    end_s = time.monotonic() + 3
    while bench.server.connections < 2:
        assert time.monotonic() < end_s
        bench.controller.read(0.1)
    assert len(bench.server.requests) <= 4  # pymodbus by itself would stay with a dead connection longer


def test_no_read_blocks_longer_than_its_time(start: Start) -> None:
    bench = start(lambda request: [])
    for _ in range(6):
        begun_s = time.monotonic()
        bench.controller.read(0.05)
        assert time.monotonic() - begun_s < 0.15


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_no_bytes_at_all_can_break_the_source(noise: list[bytes]) -> None:
    bench = Bench(lambda request: [Say(noise[request.index % len(noise)])], poll_hz=100.0)
    readings = bench.read_until(has_faults(1))
    assert reports(readings) == []
    bench.close()


def unsafe_map() -> RegisterMap:
    return replace(NICE, polling_is_safe=False, polling_note="The drive trips when polling stops")


def test_a_map_that_calls_polling_unsafe_is_not_polled_by_accident() -> None:
    with pytest.raises(SettingsError) as caught:
        ModbusController(unsafe_map(), TcpLink("127.0.0.1"), now_ns=lambda: 0)
    assert caught.value.hint == "The drive trips when polling stops"
    ModbusController(unsafe_map(), TcpLink("127.0.0.1"), now_ns=lambda: 0, is_risk_accepted=True)


def test_no_driver_names_a_modbus_function_that_writes() -> None:
    writing = {"write_coil", "write_coils", "write_registers", "mask_write_register", "readwrite_registers"}
    for path in Path(drivers.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & writing, path
        imports = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imports |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        if path.name != "modbus.py":
            assert not any(name.startswith("pymodbus") for name in imports), path
        if path.name == "modbus.py":
            assert "write_register" not in names  # I2C registers are written in i2c.py and chip files only
