"""The installer's guide word for word at a simulated box: every block that is typed at a desk, in its order."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sim.live_control import SOCKET_NAME
from tests.calibration.installer import (
    Lift,
    Terminal,
    do_controller,
    do_doors,
    do_presence,
    do_trips,
    done,
    ride,
    until,
)
from tests.guides.pages import BOX, ROOT, Block, blocks_of, installer, quoted_in, rows_of, section_of

LANDINGS = 4
GOES_ON = {"lift-receiver run": "listening on", "lift-sim serve": "Ctrl-C ends it", "edge-agent run": "Armed"}
"""Commands of a terminal of their own, and what they say when they are ready."""
WHOLE = "edge-agent calibrate --config $BOX --lang $SAY\n"
FIRST_LOOK = "edge-agent doctor"
EXIT_CODES = {FIRST_LOOK: (0, 1)}
"""Before the agent runs the doctor ends with 1, as the guide says."""


class Shell:
    """The installer's terminal: one bash, in which variables hold from block to block."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def type(self, text: str, within_s: float = 90.0) -> tuple[int, str]:
        """Exit code of the last command, and everything that was said."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{text}\necho said-by-the-test $?\n".encode())
        said, end_s = "", time.monotonic() + within_s
        while (found := re.search(r"said-by-the-test (\d+)\n", said)) is None:
            assert time.monotonic() < end_s, f"{text}\n{said}"
            if select.select([stdout], [], [], 0.2)[0]:
                piece = os.read(stdout.fileno(), 65_536)
                assert piece, f"the terminal ended\n{text}\n{said}"
                said += piece.decode("utf-8", errors="replace")
        return int(found.group(1)), said[: found.start()]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20.0)


class ServedLift(Lift):
    """The lift that the guide has started, with a note of everything that was pressed."""

    def __init__(self, folder: Path) -> None:
        self._socket, self.pressed = folder / SOCKET_NAME, list[str]()

    def tell(self, line: str) -> str:
        if line != "state":
            self.pressed.append(line)
        return super().tell(line)


@contextmanager
def a_terminal_of_its_own(block: Block, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A command that goes on, from when it is ready until Ctrl-C."""
    log = folder / f"{shlex.split(block.text)[0]}-{block.text.split()[1]}.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {block.text}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    ready = next(words for command, words in GOES_ON.items() if block.text.startswith(command))
    try:
        until(lambda: ready in log.read_text(encoding="utf-8"), f"{block.text}: {ready}")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30.0)


class Walk:
    """One installer on the way through the guide of one language."""

    def __init__(self, folder: Path, stack: ExitStack, language: str) -> None:
        scripts = str(Path(sys.executable).parent)
        self.environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        (folder / "docs").symlink_to(ROOT / "docs")
        self.folder, self._stack, self.language = folder, stack, language
        self.shell = Shell(folder, self.environment)
        self.rows = {quoted_in(row[0])[0]: row for row in rows_of(section_of(installer(language), 9))}

    def type(self, block: Block) -> str:
        """A block of the guide; returns what was said."""
        if any(block.text.startswith(command) for command in GOES_ON):
            self._stack.enter_context(a_terminal_of_its_own(block, self.folder, self.environment))
            return ""
        code, said = self.shell.type(block.text)
        allowed = next((codes for start, codes in EXIT_CODES.items() if block.text.startswith(start)), (0,))
        assert code in allowed, f"{block.text}\n{said}"
        return said

    def terminal(self, block: Block) -> Terminal:
        """`edge-agent calibrate` of the guide, at a terminal."""
        _, words = self.shell.type("printf '%s\\n' " + block.text.strip())
        assert words.split()[:2] == ["edge-agent", "calibrate"]
        os.chdir(self.folder)
        return Terminal(*words.split()[2:])


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Walk]:
    monkeypatch.chdir(tmp_path)  # the terminal starts in the folder of the test and pytest goes back afterwards
    with ExitStack() as stack:
        walk = Walk(tmp_path, stack, getattr(request, "param", "en"))
        yield walk
        walk.shell.close()


def wrong_in(said: str) -> list[str]:
    """What the doctor calls wrong, but for an agent that does not run yet."""
    return re.findall(r"^(?:WRONG  |故障 ) *(?!Agent|监测程序)(.*)", said, re.M)


def calibrate(walk: Walk, terminal: Terminal, lift: ServedLift) -> None:
    """The table of section 9, step by step; what is pressed for a step must stand in its row."""

    def step(name: str, said: str, act: Callable[[], None]) -> None:
        lift.pressed.clear()
        done(terminal, said, act)
        in_the_row = {command.split()[0] for command in quoted_in(walk.rows[name][2])}
        assert {command.split()[0] for command in lift.pressed} == in_the_row, name

    def stand_at_each_landing() -> None:
        for landing in range(1, LANDINGS):
            ride(lift, terminal, landing)
            terminal.shows("never said", 11.0)  # ten seconds at each landing, while the bar goes on
        terminal.type()

    def battery_alone() -> None:
        lift.tell("box_supply gives=nothing")
        terminal.until("give the mains back", 180.0)
        lift.tell("box_supply gives=enough")
        terminal.until(r"current out of it \[[#.]*\] (-|0 A)", 60.0)
        terminal.type()

    terminal.until("Wiring: passed")
    step("mount", "Mounting", lambda: None)
    step("noise", "Noise and sample rate", lambda: None)
    step("doors", "Doors", lambda: do_doors(lift, terminal))
    step("presence", "Presence sensor", lambda: do_presence(lift, terminal))
    ride(lift, terminal, 0)
    step("trips", "Learning trips", lambda: do_trips(lift, terminal, LANDINGS))
    step("controller", "Controller link", lambda: do_controller(lift, terminal))
    if not terminal.shows("Mobile signal: left out"):
        step("signal", "Mobile signal", stand_at_each_landing)
    step("supply", "Backup supply", battery_alone)
    terminal.until("Test alarm: passed", 120.0)
    terminal.until(r"Write this into .*\[y/n\]")
    terminal.type("y")
    terminal.until("The lift is ready")
    assert terminal.ended() == 0


def ride_until_ready(walk: Walk, block: Block, lift: ServedLift) -> None:
    """As section 11 says: the status, and a ride, until it is ready."""
    for number in range(12):
        if "Detection: ready" in walk.type(block):
            return
        landing = 1 - number % 2
        lift.tell(f"ride to={landing}")
        until(lambda: lift.is_at(f"floor {landing + 1},.*door open,"), f"landing {landing}")  # noqa: B023
    raise AssertionError(walk.type(block))


def button_is_told(walk: Walk) -> bool:
    """Whether the receiver has the alarm of the button."""
    return "alarm button" in walk.shell.type("lift-receiver incidents --data far")[1].lower()


@pytest.mark.system
@pytest.mark.timeout(240)
def test_everything_but_the_long_calibration_works_word_for_word(walk: Walk) -> None:
    """Also left out: the doctor before the agent runs, because it listens to each thing for three seconds."""
    looked = 0
    for block in blocks_of(installer(walk.language)):
        if block.where == BOX or block.text == WHOLE:
            continue
        if block.text.startswith(FIRST_LOOK):
            looked += 1
            if looked == 1:
                continue
        if block.text.startswith("edge-agent calibrate"):
            terminal = walk.terminal(block)
            terminal.until("Test alarm: passed", 60.0)
            assert terminal.ended() == 1  # nine steps are not done
            continue
        said = walk.type(block)
        assert wrong_in(said) == [], said
        if "alarm_button for_s" in block.text:
            until(lambda: button_is_told(walk), "the alarm of the button")
    assert looked == 2


@pytest.mark.campaign
@pytest.mark.timeout(1_500)
def test_a_new_user_who_follows_the_guide_word_for_word_arrives(walk: Walk) -> None:
    """From nothing to ready: the whole calibration by the buttons of its table, a real alarm, report and visit."""
    lift: ServedLift | None = None
    has_arrived = False
    for block in blocks_of(installer(walk.language)):
        if block.where == BOX:
            continue
        if block.text.startswith("edge-agent calibrate"):
            terminal = walk.terminal(block)
            if block.text == WHOLE:
                lift = ServedLift(walk.folder / "served")
                calibrate(walk, terminal, lift)
            else:
                terminal.until("Test alarm: passed", 60.0)
                assert terminal.ended() == 0
        elif block.text.startswith("edge-agent status") and lift is not None:
            ride_until_ready(walk, block, lift)
            has_arrived = True
        else:
            said = walk.type(block)
            assert wrong_in(said) == [], said
            if "alarm_button for_s" in block.text:
                until(lambda: button_is_told(walk), "the alarm of the button")
    assert has_arrived
