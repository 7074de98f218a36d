"""The programs that are compared: each starts against a rig and keeps what it keeps in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.material import PARKED, ROOT, story_text
from benchmarks.peers.every_change import COMMITS
from benchmarks.peers.rig import Rig, end
from benchmarks.processes import BenchmarkTrouble, Child

VENV = ROOT / "build" / "peers" / "venv"
PROGRAM = ROOT / "build" / "peers" / "loop"
RATE_HZ, STORY_S, START_S = 400, 900.0, 30.0
MAP = """\
[map]
name = "one_register"
maker = "benchmark"
model = "one register with a new value now and then"
firmware = "none"
evidence = "measured"
source = "controller.py beside this file"
polling_is_safe = true
polling_note = "It exists in this process only."

[[field]]
name = "value"
table = "holding"
address = 0
kind = "uint16"
feeds = "fault"
"""


class Contender(ABC):
    """One program. `start` may be called again after a kill: the folder stays."""

    name: str

    def __init__(self, rig: Rig, hz: float) -> None:
        self.rig, self.hz = rig, hz
        self.folder = rig.folder / "state"
        self.folder.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = rig.folder / "log"
        self.prepare()

    def start(self) -> int:
        """The number of the process."""
        command, environment = self.command()
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            command, cwd=self.folder, env={**os.environ, **environment}, stdout=log, stderr=log
        )
        log.close()
        self.rig.stack.callback(end, self.process)
        return self.process.pid

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def prepare(self) -> None:
        """What must be there before the first start. Raises BenchmarkTrouble where it cannot be had."""
        return

    def commits_ns(self) -> dict[int, int] | None:
        """When each value was safe on its disk; None: it does not say."""
        return None

    @abstractmethod
    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """Words and environment."""


class Agent(Contender):
    """`edge-agent run`: accelerometer at 400 Hz, contacts, recording, every value committed and sealed."""

    name = "edge-agent: 400 Hz accelerometer, durable, sealed"

    def prepare(self) -> None:
        """Lift, receiver and bridge: what a box in a car has around it."""
        stack, folder = self.rig.stack, self.rig.folder
        receiver = ["-m", "receiver", "run", "--port", "0", "--data", str(folder / "firm")]
        listening = stack.enter_context(Child(receiver, folder)).line_with("listening on", START_S).text
        url = listening.split("listening on ", 1)[1].strip()
        shown = [sys.executable, "-m", "receiver", "key", "--data", str(folder / "firm")]
        key = subprocess.run(shown, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
        broker = f"127.0.0.1:{self.rig.broker_port}"
        bridge = stack.enter_context(Child(["-m", "receiver", "mqtt", "--broker", broker, "--receiver", url], folder))
        bridge.line_with("bridging", START_S)
        story = folder / "story.toml"
        story.write_text(story_text(RATE_HZ, PARKED.format(for_s=STORY_S)), encoding="utf-8")
        served = ["-m", "sim", "serve", "--story", str(story), "--seed", "1", "--folder", str(folder / "lift")]
        lift = stack.enter_context(Child([*served, "--receiver", url], folder))
        said = lift.line_with("edge-agent run --config", START_S).text
        written = Path(said.split("--config ", 1)[1].strip()).read_text(encoding="utf-8")
        (self.folder / "map.toml").write_text(MAP, encoding="utf-8")
        (self.folder / "agent.toml").write_text(self._settings(written, key), encoding="utf-8")

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """See the class."""
        words = [sys.executable, "-m", "benchmarks.peers.every_change", "run", "--config"]
        return [*words, str(self.folder / "agent.toml")], {"PYTHONPATH": str(ROOT)}

    def commits_ns(self) -> dict[int, int]:
        """What the witness saw."""
        lines = (self.folder / COMMITS).read_text(encoding="ascii").splitlines()
        pairs = [line.split() for line in lines]
        return {int(pair[1]): int(pair[0]) for pair in pairs if len(pair) == 2}

    def _settings(self, written: str, key: str) -> str:
        """The settings of the simulated box with our controller and broker in place of its own."""
        controller = f"""[controller]
kind = "modbus_tcp"
host = "127.0.0.1"
port = {self.rig.modbus_port}
map = {json.dumps(str(self.folder / "map.toml"))}
poll_hz = {self.hz:g}
"""
        url = f"mqtt://127.0.0.1:{self.rig.mqtt_port}"
        delivery = f'[delivery]\nreceivers = [ {{ name = "firm", url = "{url}", receiver_key = "{key}" }} ]\n'
        for title, text in (("controller", controller), ("delivery", delivery)):
            parts = re.split(rf"(?m)^\[{title}\]\n(?:[^\[\n][^\n]*\n)*", written)
            if len(parts) != 2:
                raise BenchmarkTrouble(f"the settings of the simulated box have {len(parts) - 1} sections [{title}]")
            written = text.join(parts)
        return re.sub(r"(\[state\]\nfolder = )[^\n]*", rf"\1{json.dumps(str(self.folder / 'box'))}", written)


class Gateway(Contender):
    """thingsboard-gateway as it ships, but for address, poll, storage, ON_CHANGE and no remote configuration."""

    storage: ClassVar[Mapping[str, object]]

    def prepare(self) -> None:
        """Its settings. Source: the files that the package ships."""
        python = VENV / "bin" / "python"
        if not python.exists():
            raise BenchmarkTrouble("thingsboard-gateway is not installed: make bench-peers")
        asked = "import thingsboard_gateway as t, os; print(os.path.dirname(t.__file__))"
        shown = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout
        package = Path(shown.split()[-1])
        for name in ("config", "logs", "data"):
            (self.folder / name).mkdir()
        shutil.copy(package / "config" / "logs.json", self.folder / "config" / "logs.json")
        (self.folder / "config" / "tb_gateway.json").write_text(json.dumps(self._gateway()), encoding="utf-8")
        (self.folder / "config" / "modbus.json").write_text(json.dumps(self._modbus()), encoding="utf-8")

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """See the class."""
        words = [str(VENV / "bin" / "python"), "-c", "from thingsboard_gateway.tb_gateway import main; main()"]
        return words, {"TB_GW_CONFIG_DIR": f"{self.folder / 'config'}/", "TB_GW_LOGS_PATH": str(self.folder / "logs")}

    def _gateway(self) -> dict[str, object]:
        platform = {
            "host": "127.0.0.1",
            "port": self.rig.mqtt_port,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": True, "statsSendPeriodInSeconds": 60, "customStatsSendPeriodInSeconds": 3600},
            "deviceFiltering": {"enable": False, "filterFile": "list.json"},
            "maxPayloadSizeBytes": 8196,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 60,
            "handleDeviceRenaming": True,
            "security": {"type": "accessToken", "accessToken": "T"},
            "qos": 1,
            "reportStrategy": {"type": "ON_CHANGE"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
        }
        return {
            "thingsboard": platform,
            "storage": dict(self.storage),
            "grpc": {"enabled": False},
            "connectors": [{"type": "modbus", "name": "mb", "configuration": "modbus.json"}],
        }

    def _modbus(self) -> dict[str, object]:
        series = {"tag": "r0", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": 0}
        slave = {
            "host": "127.0.0.1",
            "port": self.rig.modbus_port,
            "type": "tcp",
            "method": "socket",
            "unitId": 1,
            "deviceName": "lift",
            "deviceType": "default",
            "timeout": 3,
            "byteOrder": "BIG",
            "wordOrder": "BIG",
            "retries": True,
            "retryOnEmpty": True,
            "retryOnInvalid": True,
            "pollPeriod": round(1000 / self.hz),
            "connectAttemptTimeMs": 500,
            "connectAttemptCount": 5,
            "waitAfterFailedAttemptsMs": 30000,
            "attributes": [],
            "timeseries": [series],
            "attributeUpdates": [],
            "rpc": [],
        }
        return {"master": {"slaves": [slave]}}


class GatewayInMemory(Gateway):
    """Its default store."""

    name = "thingsboard-gateway, memory"
    storage: ClassVar[Mapping[str, object]] = {
        "type": "memory",
        "read_records_count": 100,
        "max_records_count": 100_000,
    }


class GatewayInFiles(Gateway):
    """Its store of files."""

    name = "thingsboard-gateway, files"
    storage: ClassVar[Mapping[str, object]] = {
        "type": "file",
        "data_folder_path": "./data/",
        "max_file_count": 10,
        "max_read_records_count": 10,
        "max_records_per_file": 10_000,
    }


class GatewayInSqlite(Gateway):
    """Its store of SQLite files."""

    name = "thingsboard-gateway, SQLite"
    storage: ClassVar[Mapping[str, object]] = {
        "type": "sqlite",
        "data_file_path": "./data/",
        "messages_ttl_check_in_hours": 1,
        "messages_ttl_in_days": 7,
    }


class PythonLoop(Contender):
    """pymodbus and paho, nothing else."""

    name = "Python loop: pymodbus, paho"

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """See the class."""
        words = [sys.executable, "-m", "benchmarks.peers.loop_python"]
        return [*words, str(self.rig.modbus_port), str(self.rig.mqtt_port), f"{self.hz:g}"], {"PYTHONPATH": str(ROOT)}


class CLoop(Contender):
    """libmodbus and libmosquitto, nothing else."""

    name = "C loop: libmodbus, libmosquitto"

    def prepare(self) -> None:
        """Compile it."""
        headers = [Path("/usr/include/modbus/modbus.h"), Path("/usr/include/mosquitto.h")]
        compiler = shutil.which("cc")
        if compiler is None or not all(header.exists() for header in headers):
            raise BenchmarkTrouble("no C loop: apt install gcc libc6-dev libmodbus-dev libmosquitto-dev")
        PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        source = str(Path(__file__).with_name("loop.c"))
        words = [compiler, "-O2", "-Wall", "-I/usr/include/modbus", "-o", str(PROGRAM), source]
        subprocess.run([*words, "-lmodbus", "-lmosquitto"], check=True)

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """See the class."""
        return [str(PROGRAM), str(self.rig.modbus_port), str(self.rig.mqtt_port), f"{self.hz:g}"], {}


CONTENDERS: Mapping[str, type[Contender]] = {
    "agent": Agent,
    "memory": GatewayInMemory,
    "files": GatewayInFiles,
    "sqlite": GatewayInSqlite,
    "python": PythonLoop,
    "c": CLoop,
}
