"""The package is built from what the lock says, and a booted Debian installs, runs, upgrades and removes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "packaging/lock").glob("*.txt"))
LINE = re.compile(r"[a-z0-9.-]+==[0-9][0-9a-z.]* --hash=sha256:[0-9a-f]{64}")
NO_MACHINE = 125  # boot.sh: no systemd comes up in a container here


def ask(code: str) -> str:
    """What the packaging scripts say; they are scripts, not modules of the project."""
    path = os.pathsep.join([str(ROOT / "packaging"), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    return run.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_dependency_of_the_box_is_locked_to_one_file(lock: Path) -> None:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines)
    suite, arch = lock.stem.split("-")
    wanted = ask(f"from targets import *; print('\\n'.join(wanted(Target({suite!r}, {arch!r}))))").splitlines()
    names = {re.match(r"[A-Za-z0-9_.-]+", each)[0].lower() for each in wanted}  # type: ignore[index]
    assert names <= {line.partition("==")[0] for line in lines}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_the_box_writes_pdf_itself_and_leaves_photographs_to_the_library_of_debian(lock: Path) -> None:
    names = {line.partition("==")[0] for line in lock.read_text(encoding="utf-8").splitlines()}
    assert {"fpdf2", "fonttools", "defusedxml"} <= names
    assert "pillow" not in names


def test_there_is_a_lock_for_each_target() -> None:
    assert {path.stem for path in LOCKS} == set(ask("from targets import *; print(*(t.name for t in TARGETS))").split())


def test_manual_page_and_completion_name_every_command() -> None:
    from edge_agent.cli import SUMMARIES

    manual, completion = (ask(f"from pages import *; print({call})") for call in ("manual('0')", "completion()"))
    for name in SUMMARIES:
        assert f".SS {name}\n" in manual
        assert f"        {name}) words=" in completion


@pytest.mark.system
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("apt-get") is None, reason="needs root and apt")
def test_a_booted_debian_installs_runs_upgrades_and_removes_the_package(tmp_path: Path) -> None:
    script = ROOT / "labs/booted/run.sh"
    run = subprocess.run(
        [str(script), "bookworm", str(tmp_path), "package"], capture_output=True, text=True, check=False
    )
    if run.returncode == NO_MACHINE or "make-rootfs:" in run.stderr:
        pytest.skip(f"no booted machine here: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 failed" in run.stdout
