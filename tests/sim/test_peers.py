"""Other people's tools and the simulator: mbpoll and libmodbus read it, our driver reads a libmodbus server.

Skipped, with the reason, where a tool is missing: apt install mbpoll libmodbus-dev gcc libc6-dev
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from drivers.modbus import ModbusLink, SerialLink, TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import ReadBlock, RegisterImage, Table
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from sim.buses_pty import PtyPort
from sim.live_control import SOCKET_NAME, told_over

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "peers"
MAPS = ("nice3000plus", "c800", "retrofit_node", "invertek_elevator_core", "arkel_arcode")
STANDING = """\
format = 1
title = "A lift that stands"
story = "An hour at landing 2, with the door closed."
[lift]
landings = 5
start_landing = 2
[[step]]
do = "wait"
for_s = 3600
"""
REPORT = ControllerReport(
    0,
    floor="7",
    direction=Direction.UP,
    mode=Mode.NORMAL,
    door=ControllerDoor.CLOSED,
    fault=33,
    speed_mps=1.5,
    load_percent=12.5,
)


@dataclass(frozen=True)
class Served:
    """A running `lift-sim serve`: one standing lift for each map, its unit being its place in `MAPS` and one more."""

    folder: Path
    tcp_port: int

    def place(self, kind: str) -> str:
        return str(self.tcp_port) if kind == "tcp" else str(self.folder / "rtu")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    story = folder / "standing.toml"
    story.write_text(STANDING)
    words = [sys.executable, "-m", "sim", "serve", "--folder", str(folder), "--story", str(story)]
    words += ["--lifts", str(len(MAPS)), *(word for name in MAPS for word in ("--map", name))]
    running = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    port = None
    for line in running.stdout:
        if found := re.match(r"Modbus TCP\s+127\.0\.0\.1:(\d+)", line):
            port = int(found.group(1))
        if "Ctrl-C" in line:
            break
    assert port is not None
    yield Served(folder, port)
    running.terminate()
    assert running.wait(20) == 0
    running.stdout.close()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the C programs."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/modbus/modbus.h").exists():
        pytest.skip("no C compiler or no libmodbus: apt install libmodbus-dev gcc libc6-dev")
    folder = tmp_path_factory.mktemp("peers")
    for name in ("libmodbus_client", "libmodbus_server"):
        words = [compiler, "-Wall", "-Werror", "-I/usr/include/modbus", "-o", str(folder / name)]
        subprocess.run([*words, str(SOURCES / f"{name}.c"), "-lmodbus"], check=True)
    return folder


def by_mbpoll(kind: str, place: str, unit: int, block: ReadBlock) -> list[int]:
    tool = shutil.which("mbpoll")
    if tool is None:
        pytest.skip("no mbpoll: apt install mbpoll")
    link = (
        ["-m", "tcp", "-p", place, "127.0.0.1"] if kind == "tcp" else ["-m", "rtu", "-b", "38400", "-P", "none", place]
    )
    table = {Table.COIL: "0", Table.DISCRETE: "1", Table.INPUT: "3", Table.HOLDING: "4"}[block.table]
    words = [tool, "-a", str(unit), "-0", "-r", str(block.address), "-c", str(block.count), "-t", table, "-1", *link]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = {int(address): int(value) for address, value in re.findall(r"\[(\d+)\]:\s+(\d+)", told)}
    return [found[address] for address in range(block.address, block.end)]


def by_libmodbus(compiled: Path, kind: str, place: str, unit: int, block: ReadBlock) -> list[int]:
    words = [str(compiled / "libmodbus_client"), kind, place, str(unit), str(block.table.value)]
    words += [str(block.address), str(block.count)]
    *values, writing = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert writing == "writing: Illegal function"
    return [int(value) for value in values]


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
@pytest.mark.parametrize("name", MAPS[:4])
def test_mbpoll_and_libmodbus_read_every_map_and_see_the_lift(
    served: Served, compiled: Path, kind: str, name: str
) -> None:
    register_map, unit = load_register_map(name), MAPS.index(name) + 1
    images = []
    for read in (by_mbpoll, lambda *asked: by_libmodbus(compiled, *asked)):
        image = RegisterImage()
        for block in register_map.reads:
            image.store(block, read(kind, served.place(kind), unit, block))
        images.append(register_map.decode(image, 0))
    assert images[0] == images[1]
    floor = re.search(r"floor (\d+)", told_over(served.folder / SOCKET_NAME, f"{unit} state")[0])
    assert floor is not None
    assert images[0].floor in (floor.group(1), None)
    assert images[0].fault in (0, None)
    assert images[0].door in (ControllerDoor.CLOSED, None)
    assert images[0] != ControllerReport(0)


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
def test_both_read_coils_too(served: Served, compiled: Path, kind: str) -> None:
    block, unit = ReadBlock(Table.COIL, 655, 6), MAPS.index("arkel_arcode") + 1
    assert by_mbpoll(kind, served.place(kind), unit, block) == [0] * 6
    assert by_libmodbus(compiled, kind, served.place(kind), unit, block) == [0] * 6


class Cable:
    """Two serial ports whose far ends are joined."""

    def __init__(self, folder: Path) -> None:
        self.ends = (PtyPort(folder / "here"), PtyPort(folder / "there"))
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._carry, args=pair, daemon=True) for pair in (self.ends, self.ends[::-1])
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(2.0)
        for end in self.ends:
            end.close()

    def _carry(self, one: PtyPort, other: PtyPort) -> None:
        while not self._is_over.is_set():
            if carried := one.read(0.05):
                other.write(carried)


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
@pytest.mark.parametrize("name", ["nice3000plus", "c800", "retrofit_node"])
def test_our_driver_reads_a_libmodbus_server(compiled: Path, tmp_path: Path, kind: str, name: str) -> None:
    register_map = load_register_map(name)
    image = register_map.encode(REPORT)
    held = [(a, image.word(b.table, a) or 0) for b in register_map.reads for a in range(b.address, b.end)]
    cable = Cable(tmp_path)
    words = [str(compiled / "libmodbus_server"), kind, "1", *([str(cable.ends[0].path)] * (kind == "rtu"))]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("".join(f"{address} {word}\n" for address, word in held))
    server.stdin.close()
    port = int(server.stdout.readline())
    link: ModbusLink = TcpLink("127.0.0.1", port) if kind == "tcp" else SerialLink(str(cable.ends[1].path), 38400)
    driver = ModbusController(
        register_map, link, now_ns=time.monotonic_ns, poll_hz=4.0, is_risk_accepted=True, deadline_s=0.2
    )
    try:
        driver.open()
        end_s = time.monotonic() + 20.0
        reports: list[ControllerReport] = []
        while len(reports) < 5 and time.monotonic() < end_s:
            reports += [each for each in driver.read(0.5) if isinstance(each, ControllerReport)]
        assert len(reports) >= 5
        wanted = register_map.decode(image, 0)
        assert all(replace(each, t_ns=0, is_suspect=False) == wanted for each in reports)
        assert not reports[-1].is_suspect
    finally:
        driver.close()
        server.kill()
        server.wait(5)
        server.stdout.close()
        cable.close()
