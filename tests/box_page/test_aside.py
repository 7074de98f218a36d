"""The agent stands aside for a calibration and comes back as soon as nobody has the state folder."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_agent.cli.aside import Aside
from edge_agent.cli.state_folder import StateFolder


class Words:
    """What the service manager would be told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self) -> None:
        self.said.append("ready")

    def alive(self) -> None:
        self.said.append("alive")

    def status(self, sentence: str) -> None:
        self.said.append(sentence)

    def stopping(self) -> None:
        self.said.append("stopping")


def test_nobody_asked_so_the_agent_ends_and_says_so(tmp_path: Path) -> None:
    words = Words()
    aside = Aside(words)
    aside.stopping()
    assert not aside.is_over(tmp_path)
    assert words.said == ["stopping"]


def test_a_stand_aside_is_no_stop_and_lasts_as_long_as_somebody_has_the_folder(tmp_path: Path) -> None:
    words = Words()
    aside = Aside(words)
    aside.begin()
    aside.stopping()
    calibration = StateFolder(tmp_path)
    over: list[bool] = []
    waiting = threading.Thread(target=lambda: over.append(aside.is_over(tmp_path, come_s=0.0)))
    waiting.start()
    waiting.join(1.0)
    assert over == []
    calibration.release()  # as the kernel does when the process ends in any way
    waiting.join(10.0)
    assert over == [True]
    assert "stopping" not in words.said
    assert "alive" in words.said  # the watchdog is fed meanwhile


def test_where_nobody_comes_the_agent_goes_on(tmp_path: Path) -> None:
    aside = Aside(Words())
    aside.begin()
    assert aside.is_over(tmp_path, come_s=0.3)


def test_a_stop_ends_the_wait_and_is_said(tmp_path: Path) -> None:
    words = Words()
    aside = Aside(words)
    aside.begin()
    aside.stop()
    aside.stopping()
    with_folder = StateFolder(tmp_path)
    assert not aside.is_over(tmp_path)
    with_folder.release()
    assert words.said[0] == "stopping"
