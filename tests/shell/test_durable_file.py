"""Small files beside the outbox (keys, enrolment, what was learned) under a disk that fails or a process that dies.

What the power takes is tried in `labs/power`, which replaces such a file among its commits.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STRACE = shutil.which("strace")
OLD, NEW = "old " * 5_000, "new " * 6_000
SCRIPT = """
import sys
from pathlib import Path
from edge_agent.durable_file import replace_file
replace_file(Path(sys.argv[1]), "new " * 6_000)
"""

pytestmark = [pytest.mark.system, pytest.mark.skipif(STRACE is None, reason="strace is not installed")]


def replaced(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Replace the file in a process of its own under strace."""
    return subprocess.run(
        [STRACE or "", "-f", "-qq", "-y", *options, sys.executable, "-c", SCRIPT, str(path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_bytes_are_synced_before_they_get_their_name_and_the_folder_after(tmp_path: Path) -> None:
    path, log = tmp_path / "file", tmp_path / "log"
    path.write_text(OLD)
    done = replaced(path, "-o", str(log), "-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2")
    assert done.returncode == 0, done.stderr
    calls = [
        re.sub(r"^\d+ +(\w+)\(.*", r"\1", line) + (" folder" if f"<{tmp_path}>" in line else "")
        for line in log.read_text().splitlines()
        if str(tmp_path) in line
    ]
    assert set(calls[:-3]) == {"write"}
    assert calls[-3:] == ["fsync", "rename", "fsync folder"]
    assert path.read_text() == NEW


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ("write:error=ENOSPC:when=1", OLD),
        ("write:signal=KILL:when=1", OLD),
        ("fsync:error=EIO:when=1", OLD),
        ("fsync:signal=KILL:when=1", OLD),
        ("rename:error=EIO:when=1", OLD),
        ("rename:signal=KILL:when=1", OLD),
        ("fsync:error=EIO:when=2", NEW),
        ("fsync:signal=KILL:when=2", NEW),
    ],
)
def test_whatever_fails_the_old_file_or_the_new_one_stands_whole_and_the_next_try_works(
    tmp_path: Path, fault: str, left: str
) -> None:
    path = tmp_path / "file"
    path.write_text(OLD)
    done = replaced(path, "-o", "/dev/null", "-e", f"trace={fault.split(':')[0]}", "-e", f"inject={fault}")
    assert done.returncode != 0
    assert path.read_text() == left
    assert replaced(path, "-o", "/dev/null", "-e", "trace=fsync").returncode == 0
    assert path.read_text() == NEW
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
