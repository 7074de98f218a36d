"""A calibration that is killed, or finds the disk full, while it saves: each file is the old one or the new one, whole.

One process of its own does both, so that hundreds of kills cost no hundreds of starts. What a power cut takes beyond
that, bytes that were never synced, is tried in `labs/power`; the order of the syncs in `tests/shell/test_durable_file`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("saving.py")
KILLS = 150

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def told(folder: Path, what: str) -> dict[str, int]:
    """How often each thing was seen."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.calibration.saving", str(folder), what, str(KILLS)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_whenever_a_calibration_is_killed_results_settings_answers_and_baselines_are_whole(tmp_path: Path) -> None:
    seen = told(tmp_path, "kill")
    assert seen["kills"] == KILLS
    assert seen["versions"] > 3, seen  # the kills fell between many different savings, not always before the first
    assert seen["broken"] == 0, seen


def test_on_a_full_disk_saving_says_so_and_what_was_kept_stands(tmp_path: Path) -> None:
    seen = told(tmp_path, "full")
    assert seen["refused"] > 3, seen
    assert seen["broken"] == 0, seen
