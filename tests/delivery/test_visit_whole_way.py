"""A visit from the command line to the page of the lift: real agent, killed in between, simulated lift, real firm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from calibration.words import Commissioning
from calibration.words_json import to_json
from drivers.map_files import load_register_map
from edge_agent.checklist import DEFAULT, load_checklist
from edge_agent.clock import SystemClock
from edge_agent.key_file import key_in
from sim.cli_agent_config import AgentLink, agent_config
from sim.controllers import ModbusTcpLine
from sim.demo_parts import Child
from sim.library import load_scenario
from sim.live import LiveLift
from sim.scenario import play

pytestmark = [pytest.mark.system, pytest.mark.campaign, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
STORY, MAP = "stuck-between-landings", "nice3000plus"
PATIENCE_S, S = 30.0, 1_000_000_000
LEAD_S, MUTED_UNTIL_S = 12.0, 56.0  # without a visit the entrapment is raised 51 s into the story, over at 72 s


def module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return ran(module("edge_agent", *words))


def ran(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def got(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5.0) as answer:
        return json.load(answer)


def test_a_visit_mutes_survives_a_kill_is_finished_and_shown_with_a_commissioning(tmp_path: Path) -> None:
    with ExitStack() as stack:
        receiver = Child("the receiver", module("receiver", "run", "--port", "0", "--data", "firm"), tmp_path)
        stack.callback(receiver.stop)
        url = receiver.line_with("listening on", PATIENCE_S).split("listening on ", 1)[1].strip()
        played = play(load_scenario(STORY), seed=1)
        begun_ns = SystemClock().now_ns()
        lift = LiveLift(
            played, tmp_path, load_register_map(MAP), SystemClock().now_ns, lead_s=LEAD_S, keeps_running=True
        )
        stack.callback(lift.close)
        lift.start()
        line = ModbusTcpLine({1: lift.served})
        stack.callback(line.close)
        config = tmp_path / "agent.toml"
        state = tmp_path / "state"
        link = AgentLink("modbus_tcp", line.place, name=MAP)
        config.write_text(agent_config(lift, url, state, link), encoding="utf-8")
        agent = Child("the agent", module("edge_agent", "run", "--config", str(config)), tmp_path)
        stack.callback(agent.stop)
        agent.line_with("Armed after", PATIENCE_S)

        assert command("visit", "status", "--config", str(config)).returncode == 1
        started = command("visit", "start", "--config", str(config), "--person", "王建国", "--lang", "zh")
        assert (started.returncode, "第 1 次维保（王建国）已开始" in started.stdout) == (0, True), started
        agent.line_with("(maintenance_visit) committed", PATIENCE_S)
        os.kill(agent.pid, signal.SIGKILL)
        agent.stop()
        agent = Child("the agent again", module("edge_agent", "run", "--config", str(config)), tmp_path)
        stack.callback(agent.stop)
        agent.line_with("Visit 1 of 王建国 is under way", PATIENCE_S)
        shown = command("visit", "status", "--state", str(state))
        assert shown.returncode == 0
        assert load_checklist(DEFAULT).items[0][0] in shown.stdout

        device = key_in(state / "record.key")[0].public.fingerprint.hex()
        while SystemClock().now_ns() < begun_ns + round((LEAD_S + MUTED_UNTIL_S) * S):
            raised = [each["name"] for each in got(f"{url}/v1/incidents")["incidents"]]
            assert "entrapment" not in raised
            assert "emergency_stop" not in raised
        finished = command(
            "visit", "finish", "--config", str(config), "--done", "1-31", "--faulty", "20", "--remark", "光幕已更换"
        )
        assert finished.returncode == 0, finished
        agent.line_with("(maintenance_visit) stored by", PATIENCE_S)
        made = Commissioning(device, "a", "0.1.0", None, ())
        (tmp_path / "made.json").write_text(to_json(made), encoding="utf-8")
        out = str(tmp_path / "report")
        words = ("--config", str(config), "--out", out, "--no-pdf", "--send", "--person", "李娜")
        sent = command("report", "commissioning", str(tmp_path / "made.json"), *words)
        assert sent.returncode == 0, sent
        agent.line_with("(commissioning) stored by", PATIENCE_S)

        seen = got(f"{url}/v1/boxes/{device}")
        (visit,) = seen["visits"]
        assert (visit["person"], visit["state"], len(visit["done"])) == ("王建国", "finished", 31)
        assert [item["number"] for item in visit["faulty"]] == [20]
        assert visit["remark"] == "光幕已更换"
        assert [made["skipped"] for made in seen["commissionings"]] == [10]
        data = str(tmp_path / "firm")
        check = ran(module("receiver", "report", f"{out}.html", "--data", data))
        assert check.returncode == 0, check
        assert seen["commissionings"][0]["digest"] in check.stdout
