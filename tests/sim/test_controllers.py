"""The served controllers: registers by any map, three kinds of line, several units, wrong answers, plugs."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from drivers.map_files import known_map_names, load_register_map
from drivers.register_map import RegisterImage
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from sim.controllers import ModbusLine, ModbusTcpLine, RtuLine, RtuTcpLine, ServedUnit
from sim.modbus_frames import Mishap, Question, RtuFraming, Spoiled, TcpFraming, answered, crc
from sim.modbus_unit import ModbusUnit

Client = ModbusTcpClient | ModbusSerialClient
NICE = load_register_map("nice3000plus")
REPORT = ControllerReport(
    t_ns=7,
    floor="5",
    direction=Direction.DOWN,
    mode=Mode.INSPECTION,
    door=ControllerDoor.OPENING,
    fault=41,
    safety_circuit_closed=False,
    speed_mps=1.234,
    load_percent=37.5,
)
LINES = ("tcp", "rtu_tcp", "rtu")


class Bench:
    """Two units on one line, and what they say."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.said: dict[int, ControllerReport | None] = {1: REPORT, 2: replace(REPORT, speed_mps=0.5)}
        self.units = {
            number: ServedUnit(ModbusUnit(NICE, self._said(number), {"rated_speed": 1.6})) for number in self.said
        }
        self.line: ModbusLine
        match kind:
            case "tcp":
                self.line = ModbusTcpLine(self.units)
            case "rtu_tcp":
                self.line = RtuTcpLine(self.units)
            case _:
                self.line = RtuLine(self.units, folder / "rtu")
        self.kind = kind

    def client(self) -> Client:
        if self.kind == "rtu":
            return ModbusSerialClient(self.line.place, timeout=0.5, retries=0)
        port = int(self.line.place.rpartition(":")[2])
        framer = FramerType.SOCKET if self.kind == "tcp" else FramerType.RTU
        return ModbusTcpClient("127.0.0.1", port=port, framer=framer, timeout=0.5, retries=0)

    def _said(self, number: int) -> Callable[[], ControllerReport | None]:
        return lambda: self.said[number]


@pytest.fixture(params=LINES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(request.param, tmp_path)
    yield bench
    bench.line.close()


@pytest.fixture
def client(bench: Bench) -> Iterator[Client]:
    client = bench.client()
    assert client.connect()
    yield client
    client.close()  # type: ignore[no-untyped-call]


def read_all(client: Client, unit: int) -> ControllerReport:
    image = RegisterImage()
    for block in NICE.reads:
        answer = client.read_holding_registers(block.address, count=block.count, device_id=unit)
        assert not answer.isError()
        image.store(block, answer.registers)
    return NICE.decode(image, 7)


def test_each_unit_says_in_registers_what_the_map_reads_back(client: Client) -> None:
    assert read_all(client, 1) == REPORT
    assert read_all(client, 2) == replace(REPORT, speed_mps=0.5)


def test_registers_follow_the_lift_and_settings_stand_in_theirs(bench: Bench, client: Client) -> None:
    bench.said[1] = ControllerReport(8, speed_mps=0.75)
    assert client.read_holding_registers(0x1010, count=2, device_id=1).registers == [750, 1600]


def test_writing_is_refused_counted_and_changes_nothing(bench: Bench, client: Client) -> None:
    answer = client.write_register(0x1010, 9, device_id=1)
    assert (answer.isError(), answer.exception_code) == (True, 1)
    answer = client.write_registers(0x1010, [9, 9], device_id=1)
    assert (answer.isError(), answer.exception_code) == (True, 1)
    assert bench.units[1].unit.write_count == 2
    assert client.read_holding_registers(0x1010, count=1, device_id=1).registers == [1234]


def test_reading_beside_the_map_and_with_another_function_is_refused(client: Client) -> None:
    assert client.read_holding_registers(0x1500, count=1, device_id=1).exception_code == 2
    assert client.read_holding_registers(0x6000, count=1, device_id=1).exception_code == 2
    assert client.read_input_registers(0x1010, count=1, device_id=1).exception_code == 1


@pytest.mark.parametrize("unit", [1, 9], ids=["dark controller", "unit that is not there"])
def test_who_says_nothing_is_waited_for_in_vain_and_the_others_go_on(bench: Bench, client: Client, unit: int) -> None:
    bench.said[1] = None
    with pytest.raises(ModbusException):
        client.read_holding_registers(0x1010, count=1, device_id=unit)
    client.connect()
    assert client.read_holding_registers(0x1010, count=1, device_id=2).registers == [500]


@pytest.mark.parametrize("mishap", [mishap for mishap in Mishap if mishap is not Mishap.LATE])
def test_spoiled_answers_are_not_taken_by_a_careful_client_and_end_when_they_end(
    bench: Bench, client: Client, mishap: Mishap
) -> None:
    bench.units[1].spoiled = Spoiled(mishap)
    try:
        answer = client.read_holding_registers(0x1010, count=3, device_id=1)
        # pymodbus takes an answer of another function or length for the answer (see drivers/modbus.py)
        assert answer.function_code != 3 or len(answer.registers) != 3
    except ModbusException:
        pass
    bench.units[1].spoiled = None
    client.close()  # type: ignore[no-untyped-call]
    client.connect()
    assert client.read_holding_registers(0x1010, count=1, device_id=1).registers == [1234]


def test_late_answer_comes_as_late_as_told(bench: Bench, client: Client) -> None:
    bench.units[1].spoiled = Spoiled(Mishap.LATE, 0.2)
    begin_s = time.monotonic()
    assert client.read_holding_registers(0x1010, count=1, device_id=1).registers == [1234]
    assert time.monotonic() - begin_s >= 0.2


def test_unplugged_line_is_gone_and_comes_back_at_the_same_place(bench: Bench, client: Client) -> None:
    place = bench.line.place
    bench.line.unplug()
    with pytest.raises((ModbusException, OSError)):
        client.read_holding_registers(0x1010, count=1, device_id=1)
    assert not bench.client().connect()
    bench.line.plug_in()
    assert bench.line.place == place
    again = bench.client()
    assert again.connect()
    assert again.read_holding_registers(0x1010, count=1, device_id=1).registers == [1234]
    again.close()  # type: ignore[no-untyped-call]


def test_port_that_is_taken_is_named() -> None:
    units = {1: ServedUnit(ModbusUnit(NICE, lambda: REPORT))}
    first = ModbusTcpLine(units)
    with pytest.raises(SourceUnavailable, match=str(first.port)):
        ModbusTcpLine(units, port=first.port)
    first.close()


@pytest.mark.parametrize("name", known_map_names())
def test_every_map_can_be_served_and_read_whole(name: str) -> None:
    register_map = load_register_map(name)
    unit = ModbusUnit(register_map, lambda: REPORT)
    image = RegisterImage()
    for block in register_map.reads:
        said = unit.answer(struct.pack(">BHH", block.table.value, block.address, block.count))
        assert said is not None
        assert said[0] == block.table.value
        image.store(block, struct.unpack(f">{block.count}H", said[2:]))
    for field in register_map.fields:  # those too that feed nothing
        said = unit.answer(struct.pack(">BHH", field.table.value, field.address, 1))
        assert said is not None
        assert not said[0] & 0x80, field.name
    assert register_map.decode(image, 7) == register_map.decode(register_map.encode(REPORT), 7)


def test_bits_come_packed_lowest_first() -> None:
    unit = ModbusUnit(
        load_register_map("arkel_arcode"), lambda: REPORT, {"arrival_gong": 1, "well_entry_reset_switch": 1}
    )
    assert unit.answer(struct.pack(">BHH", 1, 655, 6)) == bytes([1, 1, 0b100010])
    assert unit.answer(struct.pack(">BHH", 1, 655, 2001)) == bytes([0x81, 3])


@pytest.mark.parametrize("kind", ["tcp", "rtu_tcp"])
def test_noise_ends_no_server(kind: str, tmp_path: Path) -> None:
    bench = Bench(kind, tmp_path)
    port = int(bench.line.place.rpartition(":")[2])
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000, bytes(range(256)) * 8):
        with socket.create_connection(("127.0.0.1", port)) as hose:
            hose.sendall(noise)
    client = bench.client()
    assert client.connect()
    assert client.read_holding_registers(0x1010, count=1, device_id=1).registers == [1234]
    client.close()  # type: ignore[no-untyped-call]
    bench.line.close()


def test_question_after_noise_is_found_and_a_half_one_is_dropped_after_a_pause() -> None:
    framing = RtuFraming()
    body = struct.pack(">BBHH", 1, 3, 0x1010, 2)
    frame = body + crc(body)
    assert framing.questions(b"\xff\x03" + frame) == [Question(1, body[1:])]
    assert framing.questions(frame[:4]) == []
    framing.pause()
    assert framing.questions(frame + frame) == [Question(1, body[1:])] * 2


@given(
    st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([TcpFraming, RtuFraming]), st.sampled_from(Mishap)
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_answered_or_not_but_raise_nothing_else(
    pieces: list[bytes], kind: type[TcpFraming] | type[RtuFraming], mishap: Mishap
) -> None:
    framing, unit = kind(), ModbusUnit(NICE, lambda: REPORT)
    for piece in pieces:
        try:
            questions = framing.questions(piece)
        except ValueError:
            return
        for question in questions:
            body = unit.answer(question.body)
            if body is not None:
                assert isinstance(answered(framing, question, body, Spoiled(mishap)), bytes)


@given(st.binary(min_size=1, max_size=20), st.sampled_from(known_map_names()))
@settings(max_examples=300, deadline=None)
def test_any_question_is_answered_with_its_function(question: bytes, name: str) -> None:
    answer = ModbusUnit(load_register_map(name), lambda: REPORT).answer(question)
    assert answer is not None
    assert answer[0] & 0x7F == question[0] & 0x7F


def test_a_serial_line_with_a_rate_hears_only_that_one(tmp_path: Path) -> None:
    line = RtuLine({1: ServedUnit(ModbusUnit(NICE, lambda: REPORT, {}))}, tmp_path / "rtu", 38400)
    try:
        heard = []
        for rate in (9600, 38400):
            with ModbusSerialClient(line.place, baudrate=rate, timeout=0.5, retries=0) as client:
                try:
                    heard.append(not client.read_holding_registers(0x1010, count=1, device_id=1).isError())
                except ModbusException:
                    heard.append(False)
        assert heard == [False, True]
    finally:
        line.close()
