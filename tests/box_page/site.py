"""A simulated lift, the real agent at it, and the real page in a process of its own: what a browser meets."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.clock import SystemClock, boot_id
from edge_agent.page.box_state import agent_word, read_status
from tests.calibration.installer import Lift

WAIT_S = 60.0
STORY = """\
format = 1
title = "A lift that waits for its installer"
story = "The car stands at its lowest landing."

[lift]
landings = 3
start_landing = 0
rated_speed_mps = 1.6

[box]
signals = SIGNALS
controller = "nice3000plus"
pressure = true
accel_rate_hz = 100

[[step]]
do = "wait"
for_s = 2
"""


class BoxSite:
    """All three, and their state folder."""

    def __init__(
        self,
        folder: Path,
        *,
        lift_arguments: Sequence[str] = (),
        signals: Sequence[str] = ("door_open", "door_closed", "presence"),
    ) -> None:
        self.folder = folder
        story = STORY.replace("SIGNALS", json.dumps(signals))
        self.lift = Lift(folder / "s", story, "--chip", "adxl345", "--chip", "bmp280", *lift_arguments)
        self.config = self.lift.config
        found = re.search(r'\[state\][^\[]*?folder = "([^"]+)"', self.config.read_text(encoding="utf-8"), re.DOTALL)
        assert found is not None
        self.state = Path(found.group(1))
        self.agent: subprocess.Popen[bytes] | None = None
        self.page: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start_agent(self) -> None:
        """Until it is armed."""
        with (self.folder / "agent.log").open("ab") as log:
            command = [sys.executable, "-m", "edge_agent", "run", "--config", str(self.config)]
            self.agent = subprocess.Popen(command, stdout=log, stderr=log)
        self.until(lambda: self.agent_word() == "armed", "an armed agent")

    def agent_word(self) -> str:
        """As the page sees it."""
        return agent_word(*read_status(self.state, SystemClock().now_ns(), boot_id()))

    def switch_on(self, *arguments: str) -> None:
        """`edge-agent page`."""
        log = self.folder / "page.log"
        log.write_text("", encoding="utf-8")
        with log.open("ab") as out:
            command = [sys.executable, "-m", "edge_agent", "page", "--config", str(self.config), "--port", "0"]
            self.page = subprocess.Popen([*command, *arguments], stdout=out, stderr=out)

        def is_on() -> bool:
            found = re.search(r"http://\S+/", log.read_text(encoding="utf-8"))
            self.url = "" if found is None else found.group()
            return found is not None

        self.until(is_on, "the page")

    def pin(self) -> str:
        """As printed for the label."""
        command = [sys.executable, "-m", "edge_agent", "page", "--config", str(self.config), "--show-pin"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def until(self, is_so: Callable[[], bool], what: str, within_s: float = WAIT_S) -> None:
        end_s = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < end_s, f"waited {within_s:g} s for {what}:\n{self.logs()}"
            time.sleep(0.05)

    def logs(self) -> str:
        """Of agent and page."""
        found = [path for path in (self.folder / "agent.log", self.folder / "page.log") if path.is_file()]
        return "\n".join(f"{path.name}:\n{path.read_text(encoding='utf-8')[-3_000:]}" for path in found)

    def close(self) -> None:
        for process in (self.page, self.agent):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20.0)
        self.lift.close()
