"""An installer at a served lift: types at `edge-agent calibrate` on a terminal, and drives the lift by its buttons."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from calibration.session_riding import FEW_LANDINGS
from calibration.sides_still import SIDES
from sim.live_control import SOCKET_NAME, told_over

WAIT_S = 90.0
COLUMNS = "400"
TRIES = 3
ENOUGH = r"100 %"


class Lift:
    """`lift-sim serve` with one lift that stands until it is told otherwise."""

    def __init__(self, folder: Path, story: str, *arguments: str, receiver: str = "http://127.0.0.1:9") -> None:
        self._socket = folder / SOCKET_NAME
        self.config = folder / "1" / "agent.toml"
        folder.mkdir(parents=True)
        file = folder / "waits.toml"
        file.write_text(story, encoding="utf-8")
        command = [sys.executable, "-m", "sim", "serve", "--folder", str(folder), "--story", str(file)]
        with (folder / "serve.log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, "--receiver", receiver, *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        until(self.config.is_file, "the simulator to serve")
        self.tell("hold")

    def tell(self, line: str) -> str:
        """Give a command; returns the answer."""
        answer, is_done = told_over(self._socket, line)
        assert is_done, f"{line}: {answer}"
        return answer

    def is_at(self, words: str) -> bool:
        """Whether the car stands, and its state holds these words."""
        state = self.tell("state")
        return ", 0 m/s," in state and re.search(words, state) is not None

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20.0)


class Terminal:
    """`edge-agent calibrate` on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self._pid, self._ours = pty.fork()
        if self._pid == 0:
            os.environ |= {"COLUMNS": COLUMNS, "LINES": "50"}
            os.execv(sys.executable, [sys.executable, "-m", "edge_agent", "calibrate", *arguments])
        self.shown = ""
        self._seen = 0

    def drain(self, wait_s: float = 0.05) -> None:
        """Take what is shown."""
        while select.select([self._ours], [], [], wait_s)[0]:
            try:
                self.shown += os.read(self._ours, 65_536).decode("utf-8", errors="replace")
            except OSError:  # it has ended
                return

    def until(self, pattern: str, within_s: float = WAIT_S) -> re.Match[str]:
        """Wait for words that were not waited for before."""
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            found = re.search(pattern, self.shown[self._seen :])
            if found is not None:
                self._seen += found.end()
                return found
            self.drain()
        raise AssertionError(f"{pattern!r} was not shown within {within_s:g} s; at the end:\n{self.last()}")

    def shows(self, pattern: str, within_s: float = 8.0) -> bool:
        """Whether words come within a short time."""
        try:
            self.until(pattern, within_s)
        except AssertionError:
            return False
        return True

    def type(self, line: str = "") -> None:
        """A line and the enter key; what was shown before is not waited for any more."""
        self.drain()
        self._seen = len(self.shown)
        os.write(self._ours, f"{line}\n".encode())

    def press(self, key: str) -> None:
        """One key without the enter key, as Ctrl-C."""
        self.drain()
        self._seen = len(self.shown)
        os.write(self._ours, key.encode())

    def ended(self, within_s: float = WAIT_S) -> int:
        """Wait for its end; returns the exit code."""
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            self.drain()
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.drain()
                os.close(self._ours)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it has not ended; at the end:\n{self.last()}")

    def kill(self) -> None:
        """End it whatever it does."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._ours)

    def last(self) -> str:
        """The last lines, without those that were overwritten."""
        lines = [line.rpartition("\r\x1b[K")[2].rstrip() for line in self.shown.split("\n")]
        return "\n".join(lines[-40:])


def until(is_so: Callable[[], bool], what: str, within_s: float = WAIT_S, terminal: Terminal | None = None) -> None:
    """Look again and again, and keep the terminal's output flowing."""
    end_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end_s, f"waited {within_s:g} s for {what}"
        if terminal is None:
            select.select([], [], [], 0.05)
        else:
            terminal.drain()


def ride(lift: Lift, terminal: Terminal, landing: int) -> None:
    """To a landing, and the door opens there."""
    lift.tell(f"ride to={landing}")
    until(lambda: lift.is_at(f"floor {landing + 1},.*door open,"), f"landing {landing}", terminal=terminal)


def ride_until_enough(lift: Lift, terminal: Terminal) -> None:
    """Between the two lowest landings until the bar is full: a busy machine may have missed the beginning of a trip."""
    for _ in range(TRIES):
        ride(lift, terminal, 0 if lift.is_at("floor 2,") else 1)
        if terminal.shows(ENOUGH):
            return
    raise AssertionError(f"the bar was never full; at the end:\n{terminal.last()}")


def do_sides(lift: Lift, terminal: Terminal) -> None:
    """Lay the box on one side after the other, then screw it on; a busy machine may want a side longer."""
    for side in SIDES:
        lift.tell(f"lay_box up={side}")
        terminal.until(rf"{re.escape(side)} up done", 40.0)
    lift.tell("lay_box up=mounted")


def leave_out(terminal: Terminal, step: str) -> None:
    """Go on without this step."""
    terminal.until(r"begin .*leave: ")
    terminal.type("s")
    terminal.until(f"{step}: left out")


def do_doors(lift: Lift, terminal: Terminal) -> None:
    """Open and close three times, ride one landing."""
    for number in range(3):
        if number or lift.is_at("door closed,"):
            lift.tell("open_door")
            until(lambda: lift.is_at("door open,"), "an open door", terminal=terminal)
        lift.tell("close_door")
        until(lambda: lift.is_at("door closed,"), "a shut door", terminal=terminal)
    ride_until_enough(lift, terminal)
    terminal.type()


def do_presence(lift: Lift, terminal: Terminal) -> None:
    """Somebody goes in and walks about, and out again."""
    lift.tell("enter people=1")
    until(lambda: not lift.is_at("load 0 %"), "somebody in the car", terminal=terminal)
    lift.tell("behave how=restless")
    for _ in range(5):
        terminal.until(r"\? Stood in")
        terminal.until("presence sensor on", 60.0)
        terminal.type("y")
    lift.tell("leave")
    until(lambda: lift.is_at("load 0 %"), "an empty car", terminal=terminal)
    terminal.until("Everybody out, and the sensor off")
    terminal.until("presence sensor off", 120.0)
    terminal.type("y")
    terminal.until(r"100 %")
    terminal.type()


def do_trips(lift: Lift, terminal: Terminal, landings: int) -> None:
    """Up and down with a stop everywhere, then the whole way both ways; few landings: twice."""
    top = landings - 1
    for _ in range(2 if landings <= FEW_LANDINGS else 1):
        for landing in [*range(1, top + 1), *range(top - 1, -1, -1), top, 0]:
            ride(lift, terminal, landing)
    if not terminal.shows(ENOUGH):
        ride_until_enough(lift, terminal)
    terminal.type()


def do_controller(lift: Lift, terminal: Terminal) -> None:
    """One landing up and down, then a yes to each value."""
    ride(lift, terminal, 1)
    ride(lift, terminal, 0)
    while True:
        found = terminal.until(r"\? The box reads|100 %")
        if "100" in found.group():
            break
        terminal.type("y")
    terminal.type()


def done(terminal: Terminal, step: str, act: Callable[[], None]) -> None:
    """Begin a step, do it, and repeat it where a busy machine has lost samples; what stays doubtful is left so."""
    terminal.until(r"begin .*leave: ")
    for number in range(TRIES):
        terminal.type()
        act()
        verdict = terminal.until(rf"{step}: (passed|doubtful|FAILED)", 150.0).group(1)
        if verdict == "passed":
            return
        terminal.until(r"repeat .*leave: ")
        if verdict == "doubtful" and (number == TRIES - 1 or "samples were lost" not in terminal.last()):
            terminal.type("s")
            return
    raise AssertionError(f"{step} failed {TRIES} times; at the end:\n{terminal.last()}")
