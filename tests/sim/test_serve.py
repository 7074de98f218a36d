"""`lift-sim serve` as it is used: real drivers, a real agent, the prompt, and everything pulled out and put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from drivers.adxl345 import Adxl345
from drivers.bmp390 import Bmp390
from drivers.door_contacts import ContactLine, DoorContacts
from drivers.ina219 import Ina219
from drivers.map_files import load_register_map
from drivers.modbus import SerialLink, TcpLink
from drivers.modbus_controller import ModbusController
from drivers.modem import Modem
from drivers.protocol_files import load_serial_protocol
from drivers.serial_controller import SerialController
from drivers.serial_line import SerialLine
from edge_agent.cli.settings_file import load_settings
from edge_agent.clock import SystemClock
from edge_agent.readings import Signal, SourceFault
from edge_agent.settings import ModbusSettings
from edge_agent.source import Source
from sim.cli_agent_config import AgentLink, agent_config
from sim.controllers import ModbusLine, ModbusTcpLine, RtuLine, RtuTcpLine
from sim.fittings import Fittings
from sim.ina219 import SHUNT_OHM
from sim.library import load_scenario
from sim.live import PINS, LiveLift
from sim.live_commands import Plug
from sim.live_fleet import Fleet
from sim.scenario import play

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
NICE = load_register_map("nice3000plus")
TALK = load_serial_protocol("liftsentence")
BACK_S = 20.0  # a source is tried again every 5 s, and the machine may be busy


class Everything:
    """One served lift, and a real driver on each of its plugs."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.lift = LiveLift(
            play(load_scenario("storm"), 1),
            folder,
            NICE,
            clock.now_ns,
            keeps_running=True,
            protocol=TALK,
            fittings=Fittings(barometer="bmp390", has_supply=True, has_modem=True),
        )
        units = {1: self.lift.served}
        tcp, rtu_tcp, rtu = ModbusTcpLine(units), RtuTcpLine(units), RtuLine(units, folder / "rtu")
        self.lines: dict[Plug, ModbusLine] = {Plug.TCP: tcp, Plug.RTU_TCP: rtu_tcp, Plug.RTU: rtu}
        self.fleet = Fleet({1: self.lift}, self.lines, clock.now_ns, 1.0)
        self.lift.start()
        assert self.lift.serial is not None
        assert self.lift.modem is not None
        i2c = f"unix:{self.lift.i2c.path}"
        contact = ContactLine(Signal.DOOR_CLOSED, PINS[Signal.DOOR_CLOSED], is_active_low=False)
        now_ns = clock.now_ns
        self.sources: dict[str, tuple[Plug, Source]] = {
            "accelerometer": (Plug.I2C, Adxl345(i2c, now_ns=now_ns, rate_hz=100)),
            "barometer": (Plug.I2C, Bmp390(i2c, now_ns=now_ns)),
            "supply monitor": (Plug.I2C, Ina219(i2c, now_ns=now_ns, shunt_ohm=SHUNT_OHM)),
            "modem": (Plug.MODEM, Modem(SerialLine(str(self.lift.modem.path)), now_ns=now_ns, period_s=2.0)),
            "contacts": (Plug.GPIO, DoorContacts(f"unix:{self.lift.gpio.path}", [contact], now_ns=now_ns)),
            "modbus tcp": (
                Plug.TCP,
                ModbusController(NICE, TcpLink("127.0.0.1", tcp.port), now_ns=now_ns, poll_hz=5.0),
            ),
            "rtu over tcp": (
                Plug.RTU_TCP,
                ModbusController(NICE, TcpLink("127.0.0.1", rtu_tcp.port, is_rtu=True), now_ns=now_ns, poll_hz=2.0),
            ),
            "modbus rtu": (
                Plug.RTU,
                ModbusController(NICE, SerialLink(rtu.place, 38400), now_ns=now_ns, poll_hz=2.0),
            ),
            "talker": (Plug.SERIAL, SerialController(TALK, SerialLine(str(self.lift.serial.path)), now_ns=now_ns)),
        }
        for _, source in self.sources.values():
            source.open()
        self.faults: dict[str, int] = {}
        self.readings: dict[str, int] = {}

    def look(self, seconds: float) -> None:
        """Read all sources for a while; none may hold up the others for a second."""
        self.faults = dict.fromkeys(self.sources, 0)
        self.readings = dict.fromkeys(self.sources, 0)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.fleet.tend()
            for name, (_, source) in self.sources.items():
                for reading in source.read(0.02):
                    counts = self.faults if isinstance(reading, SourceFault) else self.readings
                    counts[name] += 1

    def until_all_give(self, within_s: float) -> float:
        """Seconds until each source has given a reading."""
        begin_s, missing = time.monotonic(), set(self.sources)
        while missing and time.monotonic() - begin_s < within_s:
            self.look(0.3)
            missing -= {name for name, count in self.readings.items() if count}
        assert not missing
        return time.monotonic() - begin_s

    def close(self) -> None:
        for _, source in self.sources.values():
            source.close()
        for line in self.lines.values():
            line.close()
        self.lift.close()


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[Everything]:
    everything = Everything(tmp_path)
    yield everything
    everything.close()


@pytest.mark.parametrize(
    "out_s",
    [
        pytest.param(1.0, marks=pytest.mark.timeout(120)),
        pytest.param(10.0, marks=pytest.mark.timeout(120)),
        pytest.param(600.0, marks=[pytest.mark.timeout(800), pytest.mark.campaign]),
    ],
)
def test_every_plug_pulled_out_is_told_as_a_fault_and_everything_comes_back_by_itself(
    everything: Everything, out_s: float
) -> None:
    everything.until_all_give(BACK_S)
    for plug in Plug:
        answer = everything.fleet.obey(f"unplug what={plug.value} for_s={out_s + 3.0}")
        assert answer.startswith("ok "), answer
    everything.look(out_s + 2.0)
    assert all(everything.faults.values()), everything.faults
    everything.look(1.5)  # put back meanwhile
    everything.until_all_give(BACK_S)


class Process:
    """A program of ours, and what it says."""

    def __init__(self, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.running = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.running.stdin is not None
        assert self.running.stdout is not None
        self.stdin: IO[str] = self.running.stdin
        self.stdout: IO[str] = self.running.stdout

    def line_with(self, words: str) -> str:
        said = []
        for line in self.stdout:
            said.append(line)
            if words in line:
                return line
        raise AssertionError("".join(said))

    def says_all(self, *words: str) -> None:
        """Wait until each of these was said, in whatever order."""
        missing, said = set(words), []
        while missing:
            line = self.stdout.readline()
            said.append(line)
            assert line, "".join(said)
            missing -= {each for each in missing if each in line}

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.running.poll() is None:
            self.running.send_signal(number)
        try:
            return self.running.wait(30)
        finally:
            self.running.kill()
            self.stdin.close()
            self.stdout.close()


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs of ours; those that are left are ended."""
    with ExitStack() as stack:

        def started(*words: str) -> Process:
            process = Process(*words)
            stack.callback(process.end)
            return process

        yield started


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("link", "chip"), [("tcp", "adxl345"), ("rtu", "lis3dh"), ("rtu_tcp", "adxl355"), ("talker", "mpu6050")]
)
def test_agent_started_as_the_simulator_says_hears_the_controller_on_every_link_and_every_chip(
    start: Start, tmp_path: Path, link: str, chip: str
) -> None:
    words = ["--story", "fire-return", "--agent-link", link, "--chip", chip]
    serve = start("sim", "serve", "--folder", str(tmp_path), *words)
    config = serve.line_with("edge-agent run").split("--config ")[1].strip()
    serve.line_with("Ctrl-C")
    agent = start("edge_agent", "run", "--config", config)
    agent.says_all("controller gives readings", "accelerometer gives readings", "Armed")
    assert agent.end() == 0
    status = json.loads((tmp_path / "1" / "state" / "status.json").read_text())
    counts = {source["name"]: source["readings_count"] for source in status["sources"]}
    assert counts["controller"] > 0
    assert counts["accelerometer"] > 0
    assert serve.end() == 0


@pytest.mark.timeout(120)
def test_agent_started_as_the_simulator_says_hears_barometer_supply_and_modem_too(start: Start, tmp_path: Path) -> None:
    words = ["--chip", "lis3dh", "--chip", "bmp390", "--chip", "ina219", "--modem", "--agent-link", "rtu"]
    serve = start("sim", "serve", "--folder", str(tmp_path), *words)
    assert "0x18, 0x40, 0x77" in serve.line_with("I2C bus")
    config = serve.line_with("edge-agent run").split("--config ")[1].strip()
    serve.line_with("Ctrl-C")
    agent = start("edge_agent", "run", "--config", config)
    agent.says_all("Armed", "pressure gives readings", "supply gives readings", "modem gives readings")
    serve.stdin.write("hold\nbox_supply gives=nothing\nsim_card card=absent\n")
    serve.stdin.flush()
    agent.says_all("Mains lost RAISED", "no SIM card is found")
    assert agent.end() == 0
    assert serve.end() == 0


def test_settings_from_a_folder_that_was_named_without_its_parents_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    lift = LiveLift(play(load_scenario("storm"), 1), Path("here"), NICE, SystemClock().now_ns)
    link = AgentLink("modbus_rtu", "here/rtu", name="nice3000plus")
    Path("here/agent.toml").write_text(agent_config(lift, "http://127.0.0.1:8080", Path("here/state"), link))
    settings = load_settings("here/agent.toml")
    lift.close()
    assert Path(settings.state_folder) == tmp_path / "here" / "state"
    assert isinstance(settings.controller, ModbusSettings)
    assert f"{tmp_path}/here/rtu" in repr(settings.controller)


@pytest.mark.timeout(120)
def test_commands_are_typed_at_the_prompt_and_what_happens_is_told(start: Start, tmp_path: Path) -> None:
    serve = start("sim", "serve", "--folder", str(tmp_path), "--lifts", "2", "--speed", "20")
    serve.line_with("Ctrl-C")
    serve.stdin.write("2 trap people=3\nnonsense\n")
    serve.stdin.flush()
    assert serve.line_with("lift 2: in ").startswith("ok")
    assert '"nonsense" is no command' in serve.line_with("err")
    serve.line_with("lift 2: 3 people walk in")
    serve.line_with("the drive fails and the brake drops")
    assert serve.end(signal.SIGINT) == 0
    assert not list(tmp_path.iterdir())


def test_folder_and_numbers_that_cannot_be_used_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from sim.__main__ import main

    assert main(["serve", "--lifts", "0"]) == 2
    assert main(["serve", "--speed", "1000"]) == 2
    assert main(["serve", "--map", "nice3000"]) == 2
    assert main(["serve", "--chip", "lis3dh", "--chip", "adxl345"]) == 2
    assert main(["serve", "--chip", "bmp280", "--chip", "bmp390"]) == 2
    assert main(["serve", "--protocol", "liftsentense"]) == 2
    (tmp_path / "file").write_text("")
    assert main(["serve", "--folder", str(tmp_path / "file")]) == 2
    assert main(["serve", "--folder", str(tmp_path / ("long" * 40))]) == 2
    assert main(["command", str(tmp_path), "state"]) == 2
    said = capfd.readouterr().err
    for words in (
        "1 to 100",
        "--speed",
        "of one kind",
        "Did you mean nice3000plus",
        "Did you mean liftsentence",
        "--folder",
        "serve",
    ):
        assert words in said
