"""The installer's guide word for word at a simulated box: every block that is typed at a desk, in its order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sim.live_control import SOCKET_NAME
from tests.calibration.installer import (
    Lift,
    Terminal,
    do_controller,
    do_doors,
    do_presence,
    do_sides,
    do_trips,
    done,
    ride,
    until,
)
from tests.guides.pages import BOX, ROOT, Block, blocks_of, installer, quoted_in, rows_of, section_of
from tests.guides.terminals import Shell, a_terminal_of_its_own, goes_on

LANDINGS = 4
WHOLE = "edge-agent calibrate --config $BOX --lang $SAY\n"
FIRST_LOOK = "edge-agent doctor"
EXIT_CODES = {FIRST_LOOK: (0, 1)}
"""Before the agent runs the doctor ends with 1, as the guide says."""


class ServedLift(Lift):
    """The lift that the guide has started, with a note of everything that was pressed."""

    def __init__(self, folder: Path) -> None:
        self._socket, self.pressed = folder / SOCKET_NAME, list[str]()

    def tell(self, line: str) -> str:
        if line != "state":
            self.pressed.append(line)
        return super().tell(line)


class Walk:
    """One installer on the way through the guide of one language."""

    def __init__(self, folder: Path, stack: ExitStack, language: str) -> None:
        (folder / "docs").symlink_to(ROOT / "docs")
        self.folder, self._stack, self.language = folder, stack, language
        self.shell = Shell(folder)
        self.rows = {quoted_in(row[0])[0]: row for row in rows_of(section_of(installer(language), 9))}

    def type(self, block: Block) -> str:
        """A block of the guide; returns what was said."""
        if goes_on(block):
            self._stack.enter_context(a_terminal_of_its_own(block, self.folder))
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
    found = re.findall(r"^(?:WRONG|故障)\s+(.*)", said, re.M)
    return [line for line in found if not line.startswith(("Agent: does not run", "监测程序：未运行"))]


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
    step("sides", "Six sides of the box", lambda: do_sides(lift, terminal))
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
def test_the_guide_leads_to_a_box_that_watches_and_whose_test_alarm_is_stored(walk: Walk) -> None:
    """Up to the doctor of section 11. Left out: the whole calibration, and the doctor before the agent runs, which
    listens to each thing for three seconds.
    """
    has_run = has_seen = False
    for block in blocks_of(installer(walk.language)):
        if block.where == BOX or block.text == WHOLE or (block.text.startswith(FIRST_LOOK) and not has_run):
            continue
        if block.text.startswith("edge-agent calibrate"):
            terminal = walk.terminal(block)
            terminal.until("Test alarm: passed", 60.0)
            assert terminal.ended() == 1  # the other steps are not done
            continue
        said = walk.type(block)
        has_run |= block.text.startswith("edge-agent run")
        if block.text.startswith(FIRST_LOOK):
            assert wrong_in(said) == [], said
            assert "Receiver enrolled: answers" in said
            has_seen = True
            break
    assert has_seen


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
