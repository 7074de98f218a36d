"""What one poll costs over Modbus TCP and RTU, beside libmodbus in C: python -m benchmarks.modbus_peers

The agent's whole source (checks, canary, map, report) and a C program on libmodbus that asks for the same registers and
throws them away, ten polls a second, in turns, against the same kind of server in a process of its own. RTU runs over a
pseudo-terminal, which takes no time for the bytes: CPU is compared, not speed. On RTU the source asks one question more
a poll, the check that tells late answers from right ones. Needs: apt install libmodbus-dev gcc libc6-dev
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

from benchmarks.processes import BenchmarkTrouble, Child
from benchmarks.report import Row, Table, machine_line, ratios, rendered
from drivers.map_files import load_register_map
from drivers.modbus import SerialLink, TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import RegisterMap
from edge_agent.clock import SystemClock
from edge_agent.readings import ControllerReport

MAP, POLL_HZ, POLLS, ROUNDS, START_S = "nice3000plus", 10.0, 100, 5, 10.0
SOURCE = Path(__file__).parent / "libmodbus_poll.c"


def crc(frame: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def serve_rtu() -> None:
    """A unit on a pseudo-terminal that answers every read with zeros; prints the line's name."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    print(f"listening on {os.ttyname(theirs)}", flush=True)
    raw = b""
    while True:
        if not select.select([ours], [], [], 0.05)[0]:
            raw = b""
            continue
        raw += os.read(ours, 64)
        while len(raw) >= 8:
            question, raw = raw[:8], raw[8:]
            data = bytes(2 * int.from_bytes(question[4:6], "big"))
            answer = question[:2] + bytes([len(data)]) + data
            os.write(ours, answer + crc(answer))


def by_source(link: TcpLink | SerialLink, register_map: RegisterMap) -> float:
    """CPU microseconds a poll of the agent's source."""
    controller = ModbusController(register_map, link, now_ns=SystemClock().now_ns, poll_hz=POLL_HZ)
    controller.open()
    controller.read(1.0)
    begun_s, came, end_s = time.thread_time(), 0, time.monotonic() + 4 * POLLS / POLL_HZ
    while came < POLLS:
        # A busy machine may hold the far end up for more than the deadline: the next attempt comes at once.
        came += sum(isinstance(reading, ControllerReport) for reading in controller.read(1.0))
        if time.monotonic() > end_s:
            raise BenchmarkTrouble(f"{came} polls came through in four times their time")
    spent_us = (time.thread_time() - begun_s) / came * 1e6
    controller.close()
    return spent_us


def by_libmodbus(program: Path, kind: str, place: str, register_map: RegisterMap) -> float:
    """The same of libmodbus."""
    blocks = [f"{read.table.value}:{read.address}:{read.count}" for read in register_map.reads]
    words = [str(program), kind, place, f"{POLL_HZ:g}", str(POLLS), *blocks]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        raise BenchmarkTrouble(f"libmodbus: {found.stderr.strip()}")
    return float(found.stdout)


def main() -> None:
    """Both kinds of line, in turns."""
    if sys.argv[1:] == ["serve_rtu"]:
        serve_rtu()
    compiler, register_map = shutil.which("cc"), load_register_map(MAP)
    if compiler is None or not Path("/usr/include/modbus/modbus.h").exists():
        sys.exit("no C compiler or no libmodbus: apt install libmodbus-dev gcc libc6-dev")
    print(machine_line())
    with tempfile.TemporaryDirectory(prefix="lift-bench-") as name:
        folder = Path(name)
        program = folder / "poll"
        words = [compiler, "-O2", "-Wall", "-I/usr/include/modbus", "-o", str(program), str(SOURCE), "-lmodbus"]
        subprocess.run(words, check=True)
        rows = []
        for kind, module in (("tcp", ["benchmarks.modbus_far_end"]), ("rtu", ["benchmarks.modbus_peers", "serve_rtu"])):
            with Child(["-m", *module], folder) as server:
                place = server.line_with("listening on", START_S).text.split()[-1]
                link = TcpLink("127.0.0.1", int(place)) if kind == "tcp" else SerialLink(place, 38400)
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    theirs.append(by_libmodbus(program, kind, place, register_map))
                    ours.append(by_source(link, register_map))
            percent = [spent_us * POLL_HZ / 1e4 for spent_us in ours]
            rows.append(Row(f"the agent's source, {kind}", (ours, percent, ratios(ours, theirs))))
            percent = [spent_us * POLL_HZ / 1e4 for spent_us in theirs]
            rows.append(Row(f"libmodbus in C, {kind}", (theirs, percent, ratios(theirs, theirs))))
    columns = ("CPU us a poll", f"% of a core at {POLL_HZ:g} Hz", "times libmodbus")
    note = f"map {MAP}: {len(register_map.reads)} reads a poll; {POLLS} polls a round, {ROUNDS} rounds in turns"
    print(rendered(Table(f"{POLL_HZ:g} polls a second", columns, tuple(rows), (note,))))


if __name__ == "__main__":
    main()
