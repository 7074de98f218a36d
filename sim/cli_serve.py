"""`lift-sim serve`: lifts, live, for an agent (or anybody's Modbus client or serial program) started against them."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from edge_agent.clock import SystemClock
from edge_agent.errors import EdgeAgentError
from sim.buses_server import CHUNK_BYTES
from sim.cli_agent_config import AgentLink, agent_config
from sim.controllers import ModbusLine, ModbusTcpLine, RtuLine, RtuTcpLine
from sim.fittings import CHIP_NAMES, Fittings, fittings_from
from sim.library import load_scenario
from sim.live import LiveLift
from sim.live_commands import Plug
from sim.live_control import SOCKET_NAME, ControlServer, told_over
from sim.live_fleet import Fleet
from sim.scenario import play

MAP_NAME = "nice3000plus"
PROTOCOL_NAME = "liftsentence"
LIFTS_MAX = 100
SPEED_MAX = 100.0
_LEAD_S = 5.0
_POLL_S = 0.1
_DONE, _REFUSED = 0, 1


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What is to be served. Maps, protocols and stories go to the lifts by turns."""

    stories: tuple[str, ...]
    seed: int
    lifts: int
    speed: float
    maps: tuple[str, ...]
    protocols: tuple[str, ...]
    host: str
    port: int
    rtu_tcp_port: int
    folder: Path | None
    receiver_url: str
    agent_link: str
    fittings: Fittings
    rtu_baud: int | None = None


def add_arguments(serve: argparse.ArgumentParser) -> None:
    """Arguments of `lift-sim serve`."""
    serve.add_argument("--story", metavar="NAME", action="append", help="default: normal-traffic; again: by turns")
    serve.add_argument("--seed", type=int, default=1, help="of the first lift; each has one of its own")
    serve.add_argument("--lifts", metavar="N", type=int, default=1, help=f"how many (default 1, at most {LIFTS_MAX})")
    serve.add_argument(
        "--speed", metavar="X", type=float, default=1.0, help="how fast they live, 1 to 100; above 1 no accelerometer"
    )
    serve.add_argument(
        "--map", metavar="NAME", action="append", help=f"register map (default {MAP_NAME}); again: by turns"
    )
    serve.add_argument(
        "--protocol", metavar="NAME", action="append", help=f"of the talkers (default {PROTOCOL_NAME}); again: by turns"
    )
    serve.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="where the TCP ports listen")
    serve.add_argument("--port", type=int, default=0, help="TCP port of Modbus TCP (default: a free one)")
    serve.add_argument("--rtu-tcp-port", metavar="PORT", type=int, default=0, help="TCP port of RTU frames over TCP")
    serve.add_argument(
        "--rtu-baud", metavar="RATE", type=int, help="rate of the RTU port: another is not understood (default: any)"
    )
    serve.add_argument(
        "--folder", metavar="DIR", type=Path, help="where sockets and ports are made (default: a temporary one)"
    )
    serve.add_argument(
        "--chip",
        metavar="NAME",
        action="append",
        choices=CHIP_NAMES,
        help=f"{', '.join(CHIP_NAMES)}; again: one of each kind (default adxl345, and bmp280 where the story has one)",
    )
    serve.add_argument("--modem", action="store_true", help="a mobile modem, also where the story has none")
    serve.add_argument("--receiver", metavar="URL", default="http://127.0.0.1:8080", help="for the agent's settings")
    serve.add_argument(
        "--agent-link",
        choices=("tcp", "rtu", "rtu_tcp", "talker"),
        default="tcp",
        help="how the agent's settings reach the controller",
    )


def plan_from(args: argparse.Namespace) -> ServePlan:
    """The arguments as a plan. Raises EdgeAgentError."""
    if not 1 <= args.lifts <= LIFTS_MAX:
        raise EdgeAgentError(f"{args.lifts} lifts", subject="--lifts", hint=f"1 to {LIFTS_MAX} can be served")
    if not 1.0 <= args.speed <= SPEED_MAX:
        raise EdgeAgentError(f"{args.speed:g} times as fast", subject="--speed", hint=f"Allowed: 1 to {SPEED_MAX:g}")
    return ServePlan(
        stories=tuple(args.story or ("normal-traffic",)),
        seed=args.seed,
        lifts=args.lifts,
        speed=args.speed,
        maps=tuple(args.map or (MAP_NAME,)),
        protocols=tuple(args.protocol or (PROTOCOL_NAME,)),
        host=args.host,
        port=args.port,
        rtu_tcp_port=args.rtu_tcp_port,
        folder=args.folder,
        receiver_url=args.receiver,
        agent_link=args.agent_link,
        fittings=fittings_from(args.chip or (), has_modem=args.modem),
        rtu_baud=args.rtu_baud,
    )


def serve(plan: ServePlan) -> int:
    """Serve until SIGINT or SIGTERM; after their stories the lifts go on in normal traffic. Raises EdgeAgentError."""
    asked_to_stop: list[int] = []  # not an event: its lock may be held when the handler interrupts the loop

    def stop(number: int, _frame: FrameType | None) -> None:
        asked_to_stop.append(number)

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, stop)
    with ExitStack() as stack:
        place = plan.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-sim-")))
        with _refused_places(place):
            place.mkdir(parents=True, exist_ok=True)
            fleet = _fleet(plan, place, stack)
            control = ControlServer(place / SOCKET_NAME, fleet.obey)
            stack.callback(control.close)
            _write_configs(plan, place, fleet, stack)
        _say_where(plan, place, fleet)
        prompt = _Prompt()
        while not asked_to_stop:
            time.sleep(_POLL_S)
            fleet.tend()
            for number, lift in fleet.lifts.items():
                for told in lift.take_told():
                    print(f"{told.t_s:8.1f} s  lift {number}: {told.sentence}", flush=True)
            for line in prompt.lines():
                print(fleet.obey(line), flush=True)
    print("Stopped.")
    return _DONE


def command(folder: Path, words: list[str]) -> int:
    """Tell a served fleet something. Raises EdgeAgentError where none is served."""
    answer, is_done = told_over(folder / SOCKET_NAME, " ".join(words))
    print(answer)
    return _DONE if is_done else _REFUSED


@contextmanager
def _refused_places(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EdgeAgentError(
            f"cannot serve here: {error.strerror or error}",
            subject=str(place),
            hint="Name another folder with --folder, with a short path; is another simulator serving there?",
        ) from error


def _fleet(plan: ServePlan, place: Path, stack: ExitStack) -> Fleet:
    now_ns = SystemClock().now_ns
    maps = [load_register_map(name) for name in plan.maps]
    protocols = [load_serial_protocol(name) for name in plan.protocols]
    stories = [load_scenario(name) for name in plan.stories]
    lifts: dict[int, LiveLift] = {}
    for index in range(plan.lifts):
        played = play(stories[index % len(stories)], plan.seed + index)
        home = _home(place, index + 1)
        home.mkdir(exist_ok=True)
        lift = LiveLift(
            played,
            home,
            maps[index % len(maps)],
            now_ns,
            lead_s=_LEAD_S,
            speed=plan.speed,
            keeps_running=True,
            protocol=protocols[index % len(protocols)],
            fittings=plan.fittings,
        )
        stack.callback(_remove_if_empty, home)
        stack.callback(lift.close)
        lifts[index + 1] = lift
    units = {number: lift.served for number, lift in lifts.items()}
    lines: dict[Plug, ModbusLine] = {
        Plug.TCP: ModbusTcpLine(units, host=plan.host, port=plan.port),
        Plug.RTU_TCP: RtuTcpLine(units, host=plan.host, port=plan.rtu_tcp_port),
        Plug.RTU: RtuLine(units, place / "rtu", plan.rtu_baud),
    }
    for line in lines.values():
        stack.callback(line.close)
    for lift in lifts.values():
        lift.start()
    return Fleet(lifts, lines, now_ns, plan.speed)


def _home(place: Path, number: int) -> Path:
    return place / str(number)


def _write_configs(plan: ServePlan, place: Path, fleet: Fleet, stack: ExitStack) -> None:
    """Settings of an agent for each lift; at another speed than that of real time no agent makes sense."""
    if plan.speed != 1.0:
        return
    for number, lift in fleet.lifts.items():
        home = _home(place, number)
        config = home / "agent.toml"
        link = _link(plan, fleet, number) if lift.played.box.controller is not None else None
        config.write_text(agent_config(lift, plan.receiver_url, home / "state", link), encoding="utf-8")
        stack.callback(config.unlink, missing_ok=True)


def _link(plan: ServePlan, fleet: Fleet, number: int) -> AgentLink:
    map_name = plan.maps[(number - 1) % len(plan.maps)]
    serial = fleet.lifts[number].serial
    if plan.agent_link == "talker" and serial is not None:
        return AgentLink("serial", str(serial.path), name=plan.protocols[(number - 1) % len(plan.protocols)])
    plug = Plug(plan.agent_link)
    return AgentLink(f"modbus_{plug.value}", fleet.lines[plug].place, number, map_name)


def _say_where(plan: ServePlan, place: Path, fleet: Fleet) -> None:
    units = "unit 1" if plan.lifts == 1 else f"units 1 to {plan.lifts}"
    print(f"Modbus TCP       {fleet.lines[Plug.TCP].place}  {units}")
    print(f"RTU over TCP     {fleet.lines[Plug.RTU_TCP].place}  {units}")
    print(f"Modbus RTU       {fleet.lines[Plug.RTU].place}  {units}")
    print(f"Commands         lift-sim command {place} help   (or type them here)")
    for number, lift in fleet.lifts.items():
        print(f"Lift {number}: {lift.played.scenario.title} (seed {lift.played.seed}), map {lift.served.unit.map.name}")
        if lift.chips.answering:
            addresses = ", ".join(f"{address:#04x}" for address in sorted(lift.chips.answering))
            print(f"  I2C bus        unix:{lift.i2c.path}  chips at {addresses}")
        print(f"  GPIO           unix:{lift.gpio.path}")
        if lift.modem is not None:
            print(f"  Modem          {lift.modem.path}")
        if lift.serial is not None:
            protocol = plan.protocols[(number - 1) % len(plan.protocols)]
            print(f"  Serial talker  {lift.serial.path}  {protocol}")
        if plan.speed == 1.0:
            print(f"  Agent          edge-agent run --config {_home(place, number) / 'agent.toml'}")
    print("After the story normal traffic goes on. Ctrl-C ends it.", flush=True)


class _Prompt:
    """Lines from standard input as they come. A job in the background must not touch its terminal."""

    def __init__(self) -> None:
        stdin = sys.stdin
        self._is_open = stdin is not None and (not stdin.isatty() or os.tcgetpgrp(0) == os.getpgrp())
        self._held = b""

    def lines(self) -> list[str]:
        """What was typed since the last call; never waits."""
        if self._is_open and select.select([0], [], [], 0.0)[0]:
            chunk = os.read(0, CHUNK_BYTES)
            self._is_open = bool(chunk)
            self._held += chunk or b"\n"
        *whole, self._held = self._held.split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in whole if line.strip()]


def _remove_if_empty(home: Path) -> None:
    with suppress(OSError):  # an agent may have left its state there
        home.rmdir()
