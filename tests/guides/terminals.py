"""Terminals in which a guide is typed: one bash for what ends, one of its own for what goes on."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.calibration.installer import until
from tests.guides.pages import Block

WAIT_S = 240.0  # on a machine that is busy with other work
GOES_ON = {"lift-receiver run": "listening on", "lift-sim serve": "Ctrl-C ends it", "edge-agent run": "Armed"}
"""Commands of a terminal of their own, and what they say when they are ready."""


def environment() -> dict[str, str]:
    """With our commands in the path, as the guides want it."""
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


@cache
def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return int(line.getsockname()[1])


def here(text: str) -> str:
    """As it is typed on this machine, where somebody else may have the port of the guides."""
    return text.replace("8080", str(_free_port()))


def goes_on(block: Block) -> bool:
    """Whether it wants a terminal of its own."""
    return any(block.text.startswith(command) for command in GOES_ON)


class Shell:
    """The installer's terminal: one bash, in which variables hold from block to block."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def type(self, text: str, within_s: float = WAIT_S) -> tuple[int, str]:
        """Exit code of the last command, and everything that was said."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{here(text)}\necho said-by-the-test $?\n".encode())
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


@contextmanager
def a_terminal_of_its_own(block: Block, folder: Path) -> Iterator[None]:
    """A command that goes on, from when it is ready until Ctrl-C."""
    log = folder / "-".join([*block.text.split()[:2], "said.log"])
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {here(block.text)}"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    ready = next(words for command, words in GOES_ON.items() if block.text.startswith(command))
    try:
        until(lambda: ready in log.read_text(encoding="utf-8"), f"{block.text}: {ready}", WAIT_S)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30.0)
