"""What the machine under the agent tells about itself: supply, heat, disk, card, clock. Reads only; never raises.

Every check is a `Check`: a sentence of the catalogue with its values. What a board cannot tell is "unknown", not good.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.catalogue_doctor import SENTENCES, Verdict

THROTTLED_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""Hexadecimal bits. Source: the Raspberry Pi kernel's firmware driver (path from memory, unverified)."""
LOW_NOW, SLOW_NOW, LOW_BEFORE = 1 << 0, 1 << 2, 1 << 16
"""Source: Raspberry Pi documentation, vcgencmd get_throttled: under-voltage, throttled, under-voltage has occurred."""
THERMAL_FILE = "sys/class/thermal/thermal_zone0/temp"
HOT_DEGC, WARM_DEGC = 80.0, 70.0
"""Source: Raspberry Pi documentation: the processor is slowed down from 80 degrees on."""

DISK_LOW_BYTES, DISK_FULL_BYTES, INODES_MIN = 200 << 20, 16 << 20, 100
SECTOR_BYTES = 512
SECTORS_WRITTEN = 6  # place in the file. Source: Linux, Documentation/block/stat.rst
WORN_PERCENT = 80
MIB = 1 << 20
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. name: of its sentence in the catalogue."""

    name: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """How it stands."""
        return SENTENCES[self.name].verdict

    def text(self, *, is_chinese: bool) -> str:
        """What is found."""
        sentence = SENTENCES[self.name]
        return (sentence.zh if is_chinese else sentence.en).format(**self.values)

    def advice(self, *, is_chinese: bool) -> str:
        """What to do; "" where there is nothing."""
        sentence = SENTENCES[self.name]
        return (sentence.do_zh if is_chinese else sentence.do_en).format(**self.values)


def machine_checks(state_folder: Path, clock_error_ms: int | None, root: Path = Path("/")) -> Iterator[Check]:
    """Supply, heat, disk, card and clock. root: where /sys and /proc are."""
    yield from supply_checks(root)
    yield heat_check(root)
    yield from disk_checks(state_folder, root)
    yield card_check(state_folder, root)
    yield Check("clock.unset") if clock_error_ms is None else Check("clock.good", {"ms": clock_error_ms})


def supply_checks(root: Path) -> Iterator[Check]:
    """Under-voltage and throttling, as the firmware of a Raspberry Pi tells."""
    bits = _throttled_bits(root)
    if bits is None:
        yield Check("supply.unknown")
        return
    if bits & LOW_NOW:
        yield Check("supply.low_now")
    elif bits & LOW_BEFORE:
        yield Check("supply.low_before")
    else:
        yield Check("supply.good")
    if bits & SLOW_NOW:
        yield Check("supply.throttled")


def _throttled_bits(root: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int((root / THROTTLED_FILE).read_text(encoding="ascii"), 16)
    for monitor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        # Source: Linux, Documentation/hwmon/raspberrypi-hwmon.rst: in0_lcrit_alarm is 1 at under-voltage.
        with suppress(OSError, ValueError):
            if (monitor / "name").read_text(encoding="ascii").strip() == "rpi_volt":
                return int((monitor / "in0_lcrit_alarm").read_text(encoding="ascii")) * LOW_NOW
    return None


def heat_check(root: Path) -> Check:
    """Temperature of the processor."""
    try:
        degc = int((root / THERMAL_FILE).read_text(encoding="ascii")) / 1000.0
    except (OSError, ValueError):
        return Check("heat.unknown")
    name = "heat.hot" if degc >= HOT_DEGC else "heat.warm" if degc >= WARM_DEGC else "heat.good"
    return Check(name, {"degc": degc})


def disk_checks(state_folder: Path, root: Path) -> Iterator[Check]:
    """Room where the state folder is, and how that is mounted."""
    there = _existing(state_folder)
    try:
        room = os.statvfs(there)
    except OSError:
        return
    free_bytes, inodes = room.f_bavail * room.f_frsize, room.f_favail
    values = {"free_mib": free_bytes // MIB, "inodes": inodes}
    has_no_inodes = room.f_files > 0 and inodes < INODES_MIN
    if free_bytes < DISK_FULL_BYTES or has_no_inodes:
        yield Check("disk.full", values)
    else:
        yield Check("disk.low" if free_bytes < DISK_LOW_BYTES else "disk.good", values)
    options = _mount_options(there, root)
    if "ro" in options:
        yield Check("disk.read_only", {"path": str(there)})
    elif "strictatime" in options or (options and not options & {"noatime", "relatime"}):
        yield Check("disk.atime", {"path": str(there)})


def card_check(state_folder: Path, root: Path) -> Check:
    """Errors, wear and writing of the disk that holds the state folder."""
    try:
        number = os.stat(_existing(state_folder)).st_dev
        place = (root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    except OSError:
        return Check("card.unknown")
    disk = place.parent if (place / "partition").exists() else place
    errors = _number(root / "sys/fs/ext4" / place.name / "errors_count")
    if errors:
        return Check("card.errors", {"name": disk.name, "count": errors})
    percent = _life_used_percent(disk)
    if percent is not None and percent >= WORN_PERCENT:
        return Check("card.worn", {"name": disk.name, "percent": percent})
    try:
        sectors = int((disk / "stat").read_text(encoding="ascii").split()[SECTORS_WRITTEN])
        up_s = float((root / "proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return Check("card.unknown")
    rate = sectors * SECTOR_BYTES / MIB / max(up_s, 1.0) * DAY_S
    return Check("card.good", {"name": disk.name, "mib_per_day": rate})


def _life_used_percent(disk: Path) -> int | None:
    """Only eMMC tells: tenths of its life, for two kinds of cells. Source: Linux, Documentation/driver-api/mmc."""
    with suppress(OSError, ValueError):
        return 10 * max(int(word, 16) for word in (disk / "device/life_time").read_text(encoding="ascii").split())
    return None


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _existing(path: Path) -> Path:
    """The nearest folder that exists."""
    path = path.resolve()
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _mount_options(path: Path, root: Path) -> frozenset[str]:
    """Of the mount that holds the path; empty where it cannot be told. Source: proc(5), /proc/self/mounts."""
    best, options = "", frozenset[str]()
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/mounts").read_text(encoding="utf-8").splitlines():
            parts = line.split()
            if len(parts) < 4:
                continue
            place = parts[1].replace("\\040", " ")
            is_inside = path == Path(place) or Path(place) in path.parents
            if is_inside and len(place) >= len(best):
                best, options = place, frozenset(parts[3].split(","))
    return options
