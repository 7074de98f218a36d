"""What polling a lift controller over Modbus TCP costs, beside a bare socket that asks the same.

The real source (driver, pymodbus, checks, register map, report) polls ten times a second, as in a lift; the bare client
sends the same requests over a blocking socket, reads the answers and throws them away: nobody can do with less in
Python. The server is a process of its own. CPU time of the polling thread; at ten polls a second everything is cold,
which costs several times what polling without a pause does. The map's number of reads a poll is in the note.
"""

from __future__ import annotations

import socket
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkTrouble, Child, use_of
from benchmarks.report import Report, Row, Scale, Table, interleaved, ratios
from drivers.map_files import load_register_map
from drivers.modbus import TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import ReadBlock
from edge_agent.clock import SystemClock
from edge_agent.readings import ControllerReport

POLL_HZ = 10.0
MAP = "nice3000plus"
START_S = 10.0


@dataclass(frozen=True, slots=True)
class Spent:
    """For one poll: CPU and switches of the thread; and how many polls came through."""

    cpu_us: float
    switches: float
    polls: int


def run(scale: Scale) -> Report:
    """See the module."""
    polls = scale.of(20, 3)
    blocks = load_register_map(MAP).reads
    with (
        tempfile.TemporaryDirectory(prefix="lift-bench-") as folder,
        Child(["-m", "benchmarks.modbus_far_end"], Path(folder)) as server,
        Child(["-m", "benchmarks.modbus_far_end"], Path(folder)) as other,
    ):
        ports = [int(each.line_with("listening on", START_S).text.split()[-1]) for each in (server, other)]
        controller = ModbusController(
            load_register_map(MAP), TcpLink("127.0.0.1", ports[0]), now_ns=SystemClock().now_ns, poll_hz=POLL_HZ
        )
        controller.open()
        bare = _Bare(ports[1], blocks)
        work = {"the agent's source": lambda: _source(controller, polls), "bare socket": lambda: _bare(bare, polls)}
        measured = interleaved(scale.of(4, 1), work, budget_s=30.0)
        controller.close()
        bare.close()
    floor = [each.cpu_us for each in measured["bare socket"]]
    rows = tuple(
        Row(
            name,
            (
                [each.cpu_us for each in spent],
                [each.cpu_us * POLL_HZ / 1e4 for each in spent],
                [each.switches for each in spent],
                ratios([each.cpu_us for each in spent], floor),
            ),
        )
        for name, spent in measured.items()
    )
    columns = ("CPU us a poll", f"% of a core at {POLL_HZ:g} Hz", "switches a poll", "times bare socket")
    words = sum(block.count for block in blocks)
    note = f"map {MAP}: {len(blocks)} reads a poll, {words} registers"
    return Report((Table(f"{POLL_HZ:g} polls a second", columns, rows, (note,)),))


def _source(controller: ModbusController, polls: int) -> Spent:
    before, came = _now(), 0
    while came < polls:
        readings = controller.read(1.0)
        came += sum(isinstance(reading, ControllerReport) for reading in readings)
        if any(not isinstance(reading, ControllerReport) for reading in readings):
            raise BenchmarkTrouble(f"the far end does not answer: {readings}")
    return _since(before, came)


class _Bare:
    """The least that gets the registers."""

    def __init__(self, port: int, blocks: Sequence[ReadBlock]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=1.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asks = [(block.table.value, block.address, block.count) for block in blocks]
        self._transaction = 0

    def poll(self) -> None:
        for function, address, count in self._asks:
            self._transaction = (self._transaction + 1) & 0xFFFF
            self._socket.sendall(struct.pack(">HHHBBHH", self._transaction, 0, 6, 1, function, address, count))
            answer = self._socket.recv(9 + 2 * count)
            while len(answer) < 9 + 2 * count:
                answer += self._socket.recv(9 + 2 * count - len(answer))
            if struct.unpack_from(">H", answer)[0] != self._transaction:
                raise BenchmarkTrouble("an answer to another question")

    def close(self) -> None:
        self._socket.close()


def _bare(client: _Bare, polls: int) -> Spent:
    before, due_s = _now(), time.monotonic()
    for _ in range(polls):
        due_s += 1.0 / POLL_HZ
        time.sleep(max(0.0, due_s - time.monotonic()))
        client.poll()
    return _since(before, polls)


def _now() -> tuple[float, int]:
    use = use_of(_own_pid())
    return time.thread_time(), use.threads[_own_pid()].switches


def _since(before: tuple[float, int], polls: int) -> Spent:
    cpu_s, switches = _now()
    return Spent((cpu_s - before[0]) / polls * 1e6, (switches - before[1]) / polls, polls)


def _own_pid() -> int:
    """The main thread of this process has its number."""
    return int(Path("/proc/self").resolve().name)
