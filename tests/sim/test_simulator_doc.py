"""docs/simulator.md: what a newcomer pastes works, in the order of the page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sim.live_commands import Plain, Plug
from sim.live_faults import ACCELEROMETER, CONTROLLER, TALKER, kinds_of
from sim.one_word_stories import STORIES
from sim.steps import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
READY = {"lift-sim serve": "Ctrl-C ends it", "edge-agent run": "Armed"}
"""Commands that go on until they are stopped, and what they say when they are ready."""


def blocks(language: str) -> Iterator[str]:
    for found in re.finditer(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S):
        yield found.group(1)


def goes_on(block: str) -> str | None:
    """What a block says when it is ready, if it is one that goes on."""
    return next((ready for words, ready in READY.items() if block.startswith(words)), None)


def started(block: str, ready: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["bash", "-ec", "exec " + block],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if ready in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
            return process
    raise AssertionError("".join(said))


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.mark.system
@pytest.mark.timeout(240)
def test_everything_that_can_be_pasted_works_in_the_order_of_the_page(tmp_path: Path) -> None:
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    (tmp_path / "my-story.toml").write_text(next(blocks("toml")), encoding="utf-8")
    pasted = list(blocks("sh"))
    assert len(pasted) >= 5
    with ExitStack() as stack:
        for block in pasted:
            if shutil.which("mbpoll") is None:
                block = "".join(line for line in block.splitlines(keepends=True) if not line.startswith("mbpoll"))
            if (ready := goes_on(block)) is not None:
                stack.callback(ended, started(block, ready, tmp_path, environment))
                continue
            done = subprocess.run(["bash", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def test_page_names_every_verb_every_command_every_plug_and_every_fault() -> None:
    words = {*VERBS, *STORIES, *(plain.value for plain in Plain), *(plug.value for plug in Plug)}
    for of in (CONTROLLER, TALKER, ACCELEROMETER, "door_closed"):
        words |= set(kinds_of(of))
    assert [word for word in sorted(words) if f"`{word}`" not in PAGE and f"`{word} " not in PAGE] == []
