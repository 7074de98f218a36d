"""Real smbus2 and real system calls on a bus that umockdev answers; see labs/i2c-mock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs" / "i2c-mock"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one for which the distribution packages gi
PACKAGES = "umockdev gir1.2-umockdev-1.0 python3-gi"


def missing() -> str | None:
    """What of the distribution's packages is not there."""
    if shutil.which("umockdev-wrapper") is None:
        return "umockdev-wrapper"
    probe = "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"
    if subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, check=False).returncode != 0:
        return "UMockdev for Python"
    return None


@pytest.mark.system
def test_the_drivers_work_on_a_mocked_bus_with_real_smbus2() -> None:
    lacking = missing()
    if lacking is not None:
        pytest.skip(f"umockdev lab: {lacking} is missing; apt install {PACKAGES}")
    done = subprocess.run(
        ["umockdev-wrapper", SYSTEM_PYTHON, str(LAB / "mock.py"), "--", sys.executable, str(LAB / "check.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, 0 failed" in done.stdout
