"""From the accelerometer to the operator's thumb and back: simulated lift, real agent, real receiver, real browser."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from edge_agent.clock import SystemClock
from sim.cli_agent_config import AgentLink, agent_config
from sim.controllers import ModbusTcpLine
from sim.demo_parts import Child
from sim.library import load_scenario
from sim.live import LiveLift
from sim.scenario import play
from tests.page.browser import Browser, button_with, why_no_browser

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(400),
    pytest.mark.skipif(why_no_browser() != "", reason=why_no_browser()),
]

STORY, MAP = "stuck-between-landings", "nice3000plus"
START_S, ALARM_S = 30.0, 150.0


def test_an_operator_sees_a_real_agents_entrapment_and_the_agent_hears_who_comes(tmp_path: Path) -> None:
    with ExitStack() as stack:
        receiver = Child("the receiver", module("receiver", "run", "--port", "0", "--data", "firm"), tmp_path)
        stack.callback(receiver.stop)
        url = receiver.line_with("listening on", START_S).split("listening on ", 1)[1].strip()
        browser = Browser()
        stack.callback(browser.close)
        browser.open(f"{url}/")
        browser.wait("return document.querySelector('#link.up')")
        browser.type("#my-name", "李娜")
        browser.tap(button_with("Turn sound on"))
        browser.run(
            "new MutationObserver(() => {"
            " const title = document.querySelector('.card.critical h3')?.textContent;"
            " if (title === 'Entrapment') window.cardAt ??= Date.now();"
            "}).observe(document.body, {childList: true, subtree: true})"
        )
        played = play(load_scenario(STORY), seed=1)
        lift = LiveLift(played, tmp_path, load_register_map(MAP), SystemClock().now_ns, lead_s=5.0, keeps_running=True)
        stack.callback(lift.close)
        lift.start()
        line = ModbusTcpLine({1: lift.served})
        stack.callback(line.close)
        link = AgentLink("modbus_tcp", line.place, name=MAP)
        config = tmp_path / "agent.toml"
        config.write_text(agent_config(lift, url, tmp_path / "state", link), encoding="utf-8")
        agent = Child("the agent", module("edge_agent", "run", "--config", str(config)), tmp_path)
        stack.callback(agent.stop)

        stored_ms = hears(receiver, "stored alarm: Entrapment", ALARM_S)
        shown_ms = browser.wait("return window.cardAt")
        assert shown_ms - stored_ms < 1_000
        tones = browser.run("return window.tones")
        browser.wait("return window.tones > arguments[0]", tones)
        browser.tap(button_with("I take this over"))
        hears(agent, "taken over by 李娜", START_S)
        browser.wait("return document.body.innerText.includes('the box knows')")


def hears(child: Child, words: str, timeout_s: float) -> float:
    """When a process said this, as Unix time in ms; lines in between are passed over."""
    child.line_with(words, timeout_s)
    return time.time() * 1000


def module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]
