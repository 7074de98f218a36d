"""What a heartbeat tells about the board: room on the disk, temperature of the processor. Never raises."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from edge_agent.wire import Measure, Measured

THERMAL_FILE = Path("/sys/class/thermal/thermal_zone0/temp")
"""Thousandths of a degree. Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst."""


def free_bytes(folder: Path) -> int | None:
    """Room on the disk of a folder; None where it cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def bytes_of(file: Path) -> int:
    """Size of a file; 0 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def box_health(folder: Path, thermal_file: Path = THERMAL_FILE) -> tuple[Measured, ...]:
    """What can be measured; a board without a thermometer has none."""
    found = []
    with suppress(OSError):
        free_kib = shutil.disk_usage(folder).free // 1024
        found.append(Measured(Measure.DISK_FREE, min(free_kib, (1 << 31) - 1)))
    with suppress(OSError, ValueError):
        found.append(Measured(Measure.CPU_TEMPERATURE, int(thermal_file.read_text(encoding="ascii")) // 10))
    return tuple(found)
