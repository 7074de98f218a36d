"""The agent as a process of its own: how fast it is armed, how it stops, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.cli.settings_file import load_settings
from edge_agent.outbox_reading import OutboxReader
from edge_agent.wire import Stream, SystemKind

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0

pytestmark = pytest.mark.system

CONFIG = """\
[lift]
id = "a"
[accelerometer]
chip = "adxl345"
bus = "unix:{folder}/no-bus"
[contacts]
chip = "unix:{folder}/no-gpio"
door_closed = {{ pin = 5 }}
[controller]
kind = "modbus_tcp"
host = "127.0.0.1"
port = {port}
map = "nice3000plus"
[delivery]
receivers = [{{ name = "firm", url = "http://127.0.0.1:{port}" }}]
[recording]
max_mib = 1
[state]
folder = "state"
"""


def free_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(CONFIG.format(folder=tmp_path, port=free_port()), encoding="utf-8")
    return path


class Running:
    """One `edge-agent run`, with the service manager's socket in the test's hand."""

    def __init__(self, config: Path, runtime: Path | None = None) -> None:
        self.state = config.parent / "state"
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ear_path = config.parent / f"notify-{time.monotonic_ns()}"
        self.ear.bind(str(ear_path))
        self.ear.settimeout(PATIENCE_S)
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(ear_path), "RUNTIME_DIRECTORY": str(runtime or "")},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, message: bytes) -> float:
        """Seconds from start to this message of the service manager's protocol."""
        while self.ear.recv(4096) != message:
            pass
        return time.monotonic() - self.started_s

    def stop(self, number: int) -> tuple[int, float, str]:
        """Exit code, seconds it took, and everything it said."""
        asked_s = time.monotonic()
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, time.monotonic() - asked_s, said

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.ear.close()


@pytest.fixture
def start(config: Path) -> Iterator[Callable[..., Running]]:
    """Starts agents and ends them, whatever happens."""
    running: list[Running] = []

    def begin(runtime: Path | None = None) -> Running:
        running.append(Running(config, runtime))
        return running[-1]

    yield begin
    for each in running:
        each.end()


def test_a_cold_start_without_any_device_is_armed_and_stops_cleanly(start: Callable[[], Running]) -> None:
    agent = start()
    agent.wait_for(b"READY=1")  # how soon is measured by the benchmarks
    agent.wait_for(b"WATCHDOG=1")
    code, _, said = agent.stop(signal.SIGTERM)
    assert code == 0
    assert "in trouble: accelerometer, door_contacts, controller" in said
    status = json.loads((agent.state / "status.json").read_text(encoding="utf-8"))
    assert status["state"] == "stopped"
    assert status["records_count"] >= 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_stops_it(start: Callable[[], Running], number: int) -> None:
    agent = start()
    agent.wait_for(b"READY=1")
    assert agent.stop(number)[0] == 0


def test_a_second_agent_says_who_is_there_and_leaves(start: Callable[[], Running]) -> None:
    first = start()
    first.wait_for(b"READY=1")
    second = start()
    _, said = second.process.communicate(timeout=PATIENCE_S)
    assert second.process.returncode == 3
    assert f"another agent (process {first.process.pid})" in said


def test_after_a_kill_the_next_start_goes_on_in_the_same_outbox(start: Callable[[], Running]) -> None:
    first = start()
    first.wait_for(b"WATCHDOG=1")
    assert first.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    second = start()
    second.wait_for(b"WATCHDOG=1")
    _, _, said = second.stop(signal.SIGTERM)
    numbers = re.findall(r"Record 1/(\d+) \(started\) committed", said)
    assert [int(number) > 1 for number in numbers] == [True]


def test_damaged_baselines_are_set_aside_and_the_box_learns_anew(start: Callable[[], Running], config: Path) -> None:
    state = Path(load_settings(str(config)).state_folder)
    state.mkdir(parents=True, exist_ok=True)
    (state / "baselines.json").write_text('{"format": 1', encoding="utf-8")
    agent = start()
    agent.wait_for(b"READY=1")
    code, _, said = agent.stop(signal.SIGTERM)
    assert code == 0
    assert "The box learns its lift anew" in said
    assert (state / "baselines.json.set-aside").exists()


def test_a_box_that_cannot_keep_records_on_its_disk_watches_all_the_same_and_says_so(
    start: Callable[..., Running], config: Path
) -> None:
    outbox = config.parent / "card" / "outbox.sqlite"
    config.write_text(
        config.read_text(encoding="utf-8").replace("[delivery]", f'[delivery]\noutbox = "{outbox}"'), encoding="utf-8"
    )
    runtime = config.parent / "run"
    runtime.mkdir()
    first = start(runtime)
    first.wait_for(b"READY=1")
    assert first.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    second = start(runtime)
    second.wait_for(b"WATCHDOG=1")
    status = json.loads((second.state / "status.json").read_text(encoding="utf-8"))
    assert "folder must exist" in status["storage_trouble"]
    assert any(each["kind"] == "storage_low" for each in status["incidents"])
    assert "RECORDS ARE IN MEMORY ONLY" in second.stop(signal.SIGTERM)[2]
    outbox.parent.mkdir()
    third = start(runtime)
    third.wait_for(b"WATCHDOG=1")
    assert "records that waited in memory are on the disk again" in third.stop(signal.SIGTERM)[2]
    with OutboxReader(outbox) as reader:
        kinds = [row.kind for row in reader.records(Stream.FAULT)]
        assert kinds.count(SystemKind.STARTED) == 3
        assert reader.problems() == ()


def test_after_five_short_runs_on_end_it_runs_with_less_and_says_so(start: Callable[..., Running]) -> None:
    for _ in range(5):
        agent = start()
        agent.wait_for(b"READY=1")
        agent.stop(signal.SIGKILL)
    safe = start()
    safe.wait_for(b"WATCHDOG=1")
    status = json.loads((safe.state / "status.json").read_text(encoding="utf-8"))
    assert status["safe_without"] == ["controller", "recording"]
    assert [each["name"] for each in status["sources"]] == ["accelerometer", "door_contacts"]
    assert any(each["kind"] == "repeated_reboot" for each in status["incidents"])
    assert "Safe mode: 5 short runs on end" in safe.stop(signal.SIGTERM)[2]
