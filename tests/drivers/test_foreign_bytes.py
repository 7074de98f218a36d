"""Bytes from outside, by the thousand: whatever comes, no exception leaves a driver, no read lasts too long, what was
thrown away is counted or told, and good bytes are understood again afterwards.

The parsers alone are fuzzed beside their other tests (`test_serial_protocol`, `test_modem`, `test_register_map`,
`test_shipped_maps`, `test_modbus`); here the whole drivers are, and files that are nearly right.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.adxl345 import Adxl345
from drivers.bmp280 import Bmp280
from drivers.bmp390 import Bmp390
from drivers.door_contacts import DoorContacts
from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus
from drivers.ina219 import Ina219
from drivers.map_files import known_map_names
from drivers.modem import Modem
from drivers.protocol_files import known_protocol_names, load_serial_protocol
from drivers.register_map_toml import RegisterMapProblems, register_map_from
from drivers.serial_controller import SerialController
from drivers.serial_line import SerialLine
from drivers.serial_port import PortLost
from drivers.serial_protocol_toml import SerialProtocolProblems, serial_protocol_from
from edge_agent.errors import SourceError
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    FaultReason,
    ModemReport,
    PressureSample,
    Reading,
    Registration,
    SamplesLost,
    SimState,
    SourceFault,
    SupplySample,
)
from edge_agent.source import Source
from tests.drivers.fake_adxl345 import FakeBus
from tests.drivers.fake_modem import WELL
from tests.drivers.fifo_bench import KINDS
from tests.drivers.modbus_bench import DRIVING, Bench, words_of
from tests.drivers.modbus_servers import Request, Say, reply, rtu_reply
from tests.drivers.source_rigs import LINE
from tests.drivers.test_serial_protocol import GOOD
from tests.drivers.virtual_clock import VirtualClock

SLOW = settings(max_examples=25, deadline=None)
MANY = settings(max_examples=200, deadline=None)


class FakePort:
    """A serial port under a virtual clock: what is put in comes out, a little each time."""

    def __init__(self, clock: VirtualClock, answer: Callable[[bytes], bytes] = lambda _sent: b"") -> None:
        self._clock, self.answer = clock, answer
        self.waiting: deque[bytes] = deque()
        self.is_gone = False

    def read(self, timeout_s: float) -> bytes:
        if self.is_gone:
            raise PortLost(5, "gone")
        if self.waiting:
            self._clock.advance_ns(1_000_000)
            return self.waiting.popleft()
        self._clock.wait(timeout_s)
        return b""

    def write(self, data: bytes) -> None:
        answer = self.answer(data)
        if answer:
            self.waiting.append(answer)

    def close(self) -> None:
        self.waiting.clear()


def run(source: Source, clock: VirtualClock, seconds: float) -> list[Reading]:
    readings: list[Reading] = []
    end_ns = clock.now_ns() + round(seconds * 1e9)
    while (begun_ns := clock.now_ns()) < end_ns:
        readings.extend(source.read(0.2))
        assert clock.now_ns() - begun_ns < 0.35e9, "a read lasted too long"
    return readings


# ---- serial lines

ANSWERS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([text.encode() for text in WELL.values()]).map(lambda text: b"\r\n" + text + b"\r\n"),
    st.sampled_from([b"\r\nERROR\r\n", b"\r\n+CME ERROR: 10\r\n", b"\r\nRING\r\n", b"\r\nOK\r\n", b""]),
)


@given(st.lists(ANSWERS, min_size=1, max_size=20))
@MANY
def test_a_modem_that_says_anything_is_asked_on_and_understood_again(answers: list[bytes]) -> None:
    clock = VirtualClock()
    said = deque(answers)
    port = FakePort(clock, lambda _sent: said.popleft() if said else b"")
    source = Modem(SerialLine("m"), now_ns=clock.now_ns, wait=clock.wait, open_port=lambda _line: port, period_s=1.0)
    source.open()
    for reading in run(source, clock, 15.0):
        assert isinstance(reading, ModemReport | SourceFault)
        if isinstance(reading, ModemReport):
            assert reading.rssi_dbm is None or -113 <= reading.rssi_dbm <= -51
            assert reading.rsrp_dbm is None or -141 <= reading.rsrp_dbm <= -44
    port.answer = lambda sent: b"\r\n" + WELL[sent.decode().strip()].encode() + b"\r\n"
    last = run(source, clock, 12.0)[-1]
    assert last == ModemReport(last.t_ns, SimState.READY, Registration.HOME, -79, -96)


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(GOOD)), max_size=20))
@MANY
def test_a_line_that_carries_anything_gives_reports_or_counted_drops_and_is_understood_again(
    chunks: list[bytes],
) -> None:
    clock = VirtualClock()
    port = FakePort(clock)
    source = SerialController(
        load_serial_protocol("liftsentence"),
        SerialLine("l"),
        now_ns=clock.now_ns,
        wait=clock.wait,
        open_port=lambda _line: port,
    )
    source.open()
    port.waiting.extend(chunk for chunk in chunks if chunk)
    readings = run(source, clock, 6.0)
    assert all(isinstance(reading, ControllerReport | SourceFault) for reading in readings)
    used = len(GOOD) * len([reading for reading in readings if isinstance(reading, ControllerReport)])
    if sum(map(len, chunks)) > used:
        told = [reading.reason for reading in readings if isinstance(reading, SourceFault)]
        assert source.dropped or told, "bytes vanished without a word"
    port.waiting.extend([GOOD] * 3)
    assert [reading for reading in run(source, clock, 1.0) if isinstance(reading, ControllerReport)]


# ---- Modbus


def damaged(raw: bytes, way: str, at: int, more: bytes) -> bytes:
    match way:
        case "flip":
            place = at % (8 * len(raw))
            return bytes(byte ^ (1 << place % 8 if index == place // 8 else 0) for index, byte in enumerate(raw))
        case "cut":
            return raw[: at % len(raw)]
        case "before":
            return more + raw
        case "behind":
            return raw + more
        case "twice":
            return raw + raw
        case "never":
            return b""
        case _:
            return raw


REAL_SERVER = settings(max_examples=10, deadline=None)
DAMAGES_MAX = 6  # after so many failed reads the driver waits 4 s in all; after eight it would be 14 s
DAMAGE = st.tuples(
    st.sampled_from(["flip", "cut", "before", "behind", "twice", "never", "well", "well"]),
    st.integers(0, 400),
    st.binary(max_size=12),
)


@given(st.lists(DAMAGE, min_size=1, max_size=DAMAGES_MAX))
@REAL_SERVER
def test_damaged_answers_in_rtu_frames_never_give_a_wrong_value(damages: list[tuple[str, int, bytes]]) -> None:
    def script(request: Request) -> list[Say]:
        if request.index >= len(damages):
            return [Say(rtu_reply(request, words_of(request)))]
        return [Say(damaged(rtu_reply(request, words_of(request)), *damages[request.index]))]

    bench = Bench(script, is_rtu=True, poll_hz=40.0)
    readings = bench.read_until(lambda found: any(_is_sure(reading) for reading in found), most_s=8.0)
    bench.close()
    sure = [reading for reading in readings if _is_sure(reading)]
    assert all(reading == _driving_at(reading) for reading in sure)


def _is_sure(reading: Reading) -> bool:
    return isinstance(reading, ControllerReport) and not reading.is_suspect


def _driving_at(reading: Reading) -> ControllerReport:
    return replace(DRIVING, t_ns=reading.t_ns)


@given(st.lists(DAMAGE, min_size=1, max_size=DAMAGES_MAX))
@REAL_SERVER
def test_damaged_answers_over_tcp_break_nothing_and_the_controller_is_read_again(
    damages: list[tuple[str, int, bytes]],
) -> None:
    def script(request: Request) -> list[Say]:
        raw = reply(request, words_of(request))
        return [Say(damaged(raw, *damages[request.index]) if request.index < len(damages) else raw)]

    bench = Bench(script, poll_hz=40.0)
    bench.read_until(lambda found: any(_is_sure(r) and r == _driving_at(r) for r in found), most_s=8.0)
    bench.close()


# ---- chips and served buses


class AnyChip:
    """A chip whose registers hold anything, and which forgets what is written to it."""

    data_register = 0x00

    def __init__(self, seed: int, ids: dict[int, int]) -> None:
        self._chance = np.random.default_rng(seed)
        self._ids = ids

    def read(self, register: int, count: int) -> bytes:
        return bytes(self._ids.get(register + at, int(self._chance.integers(256))) for at in range(count))

    def write(self, register: int, data: bytes) -> None:
        """Forgotten, unless it asks for the same again: then it is held, so that starting gets further."""
        if self._chance.random() < 0.9:
            self._ids |= {register + at: value for at, value in enumerate(data)}


CHIPS: dict[str, tuple[int, dict[int, int], Callable[[VirtualClock, Callable[[str], I2cBus]], Source]]] = {
    "adxl345": (0x53, {0: 0xE5}, lambda c, b: Adxl345("1", now_ns=c.now_ns, wait=c.wait, open_bus=b)),
    "bmp280": (0x76, {0xD0: 0x58}, lambda c, b: Bmp280("1", now_ns=c.now_ns, wait=c.wait, open_bus=b)),
    "bmp390": (0x77, {0x00: 0x60, 0x02: 0}, lambda c, b: Bmp390("1", now_ns=c.now_ns, wait=c.wait, open_bus=b)),
    "ina219": (0x40, {0x00: 0x39, 0x01: 0x9F}, lambda c, b: Ina219("1", now_ns=c.now_ns, wait=c.wait, open_bus=b)),
    **{
        kind.name: (kind.address, {}, lambda c, b, kind=kind: kind.make(c, b, kind.rate_hz))  # type: ignore[misc]
        for kind in KINDS
    },
}


@pytest.mark.parametrize("name", CHIPS)
@given(seed=st.integers(0, 1 << 30), knows_its_id=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_chip_that_says_anything_gives_readings_that_can_be_or_a_fault(
    name: str, seed: int, knows_its_id: bool
) -> None:
    address, ids, make = CHIPS[name]
    clock = VirtualClock()
    bus = FakeBus(AnyChip(seed, dict(ids) if knows_its_id else {}), clock.advance_ns, address=address)
    source = make(clock, bus.open)
    for reading in run(source, clock, 3.0):
        match reading:
            case AccelFrame():
                assert np.all(np.diff(reading.times_ns) > 0)
                assert np.isfinite(reading.samples_mps2).all()
            case PressureSample():
                assert 300.0 <= reading.pressure_hpa <= 1250.0
            case SupplySample():
                assert 0.0 <= reading.voltage_v <= 26.0
            case _:
                assert isinstance(reading, SourceFault | SamplesLost)


def served(path: Path, said: list[bytes]) -> socket.socket:
    """A server of a bus or of lines that says these bytes to each client and then hangs up."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        try:
            while True:
                client, _ = listener.accept()
                for chunk in said:
                    client.sendall(chunk)
                client.shutdown(socket.SHUT_WR)
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    return listener


BUS_LINES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"ok e5\n", b"ok\n", b"err 121\n", b"err x\n", b"ok 1\n"])
)


@given(st.lists(BUS_LINES, min_size=1, max_size=6))
@SLOW
def test_a_served_bus_that_says_anything_is_trouble_or_the_bytes_that_were_asked_for(said: list[bytes]) -> None:
    with TemporaryDirectory() as folder, served(Path(folder) / "bus", said):
        chip = I2cChip(f"unix:{folder}/bus", 0x53, open_i2c_bus)
        try:
            chip.open()
            for _ in range(4):
                assert len(chip.get(0x00, 1)) == 1
        except (ChipTrouble, SourceError):
            pass
        chip.close()


GPIO_LINES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"17 0 5\n", b"17 1 6\n", b"17 7 7\n", b"99 1 8\n", b"17 1\n"])
)


@given(st.lists(GPIO_LINES, min_size=1, max_size=6))
@SLOW
def test_served_lines_that_say_anything_are_levels_or_a_fault(said: list[bytes]) -> None:
    with TemporaryDirectory() as folder, served(Path(folder) / "gpio", said):
        source = DoorContacts(f"unix:{folder}/gpio", [LINE], now_ns=lambda: 10)
        readings = [reading for _ in range(6) for reading in source.read(0.01)]
        source.close()
    reasons = {reading.reason for reading in readings if isinstance(reading, SourceFault)}
    assert reasons, "a server that hung up is not told"
    assert reasons <= {FaultReason.ABSENT, FaultReason.BUS_ERROR}


# ---- files that are nearly right

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "replace"]),
        st.integers(0, 500),
        st.sampled_from(["-1", "1e99", '"x"', "[]", "{}", "true", "65536", "nan", '"' + "9" * 300 + '"', "[[5, 1]]"]),
    ),
    max_size=6,
)


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    lines = text.splitlines()
    for way, at, value in edits:
        index = at % len(lines)
        match way:
            case "drop":
                del lines[index]
            case "double":
                lines.insert(index, lines[index])
            case "swap":
                lines[index], lines[index - 1] = lines[index - 1], lines[index]
            case "replace" if "=" in lines[index]:
                lines[index] = lines[index].partition("=")[0] + "= " + value
    return "\n".join(lines)


@pytest.mark.parametrize("name", known_map_names())
@given(edits=EDITS)
@settings(max_examples=60, deadline=None)
def test_a_register_map_with_mistakes_is_a_map_or_its_problems_with_lines(
    name: str, edits: list[tuple[str, int, str]]
) -> None:
    text = files("drivers").joinpath("maps", f"{name}.toml").read_text(encoding="utf-8")
    problems = ""
    try:
        found = register_map_from(edited(text, edits), "mine.toml")
        assert all(0 < read.count <= 125 for read in found.reads)
    except RegisterMapProblems as error:
        problems = str(error)
    assert all(line.startswith("mine.toml:") for line in problems.splitlines())


@pytest.mark.parametrize("name", known_protocol_names())
@given(edits=EDITS, frame=st.binary(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_serial_protocol_with_mistakes_decodes_anything_or_names_its_problems(
    name: str, edits: list[tuple[str, int, str]], frame: bytes
) -> None:
    text = files("drivers").joinpath("serial_protocols", f"{name}.toml").read_text(encoding="utf-8")
    problems = ""
    try:
        serial_protocol_from(edited(text, edits), "mine.toml").decode(frame, 0)
    except SerialProtocolProblems as error:
        problems = str(error)
    assert all(line.startswith("mine.toml:") for line in problems.splitlines())
