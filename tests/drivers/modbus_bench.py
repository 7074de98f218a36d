"""A Modbus server that lies on purpose, the controller source that polls it, and what to look for in the readings."""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.map_files import load_register_map
from drivers.modbus import TcpLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import ReadBlock, RegisterImage, Table
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode, Reading, SourceFault
from tests.drivers.modbus_servers import LyingServer, Request, Say, Script, reply

NICE = load_register_map("nice3000plus")
DRIVING = ControllerReport(
    t_ns=0,
    floor="5",
    direction=Direction.UP,
    mode=Mode.NORMAL,
    door=ControllerDoor.CLOSED,
    fault=0,
    safety_circuit_closed=True,
    speed_mps=1.5,
    load_percent=40.0,
)
IMAGE = NICE.encode(DRIVING)
POLL_HZ = 16.0  # deadlines of 50 ms: a busy machine may hold a thread up for 20


def words_of(request: Request, image: RegisterImage = IMAGE) -> list[int]:
    return list(image.words(ReadBlock(Table(request.function), request.address, request.count)))


def honest(request: Request) -> list[Say]:
    return [Say(reply(request, words_of(request)))]


class Bench:
    """A lying server and the driver that polls it."""

    def __init__(self, script: Script, *, is_rtu: bool = False, poll_hz: float = POLL_HZ) -> None:
        self.server = LyingServer(script, is_rtu=is_rtu)
        self.controller = ModbusController(
            NICE, TcpLink("127.0.0.1", self.server.port, is_rtu), now_ns=time.monotonic_ns, poll_hz=poll_hz
        )

    def read_until(self, is_enough: Callable[[list[Reading]], bool], *, most_s: float = 3.0) -> list[Reading]:
        readings: list[Reading] = []
        end_s = time.monotonic() + most_s
        while not is_enough(readings):
            assert time.monotonic() < end_s, f"only {readings}"
            readings.extend(self.controller.read(0.2))
        return readings

    def close(self) -> None:
        self.controller.close()
        self.server.close()


Start = Callable[..., Bench]


def reports(readings: list[Reading]) -> list[ControllerReport]:
    return [reading for reading in readings if isinstance(reading, ControllerReport)]


def faults(readings: list[Reading]) -> list[SourceFault]:
    return [reading for reading in readings if isinstance(reading, SourceFault)]


def has_reports(count: int) -> Callable[[list[Reading]], bool]:
    return lambda readings: len(reports(readings)) >= count


def has_faults(count: int) -> Callable[[list[Reading]], bool]:
    return lambda readings: len(faults(readings)) >= count
