"""Time: nanoseconds since boot for the core, and an honest guess of the wall clock for records.

Source: wire and delivery design, section 4: a Pi has no battery clock, so the wall clock counts only where its source
is known, and always with its uncertainty.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

NS_PER_MS = 1_000_000
DRIFT_PPM = 100  # of a crystal over temperature. Source: wire and delivery design, section 4
BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")

_STA_UNSYNC = 0x0040  # Source: adjtimex(2), status bits
_TIME_ERROR = 5  # Source: adjtimex(2), return values


class WallSource(IntEnum):
    """Who said what time it is. The value is the wire code `clock-src`."""

    NONE = 0
    NTP = 1
    RECEIVER = 2
    CELLULAR = 3
    RTC = 4
    GNSS = 5


@dataclass(frozen=True, slots=True)
class WallTime:
    """An estimate of UTC: milliseconds since 1970, half width of its uncertainty (about 95 %), and who said so."""

    unix_ms: int
    uncertainty_ms: int
    source: WallSource


class Clock(Protocol):
    """The two times of the agent."""

    def now_ns(self) -> int:
        """Monotonic time since boot; the only time the core sees."""
        ...

    def wall_estimate(self) -> WallTime | None:
        """UTC now, or None where nobody trustworthy has said."""
        ...

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        """A receiver's clock showed `unix_ms` when `now_ns` was `t_ns`, give or take `uncertainty_ms`."""
        ...


@dataclass(frozen=True, slots=True)
class _Fix:
    """The receiver's clock showed `unix_ms` at `at_ns`, give or take `uncertainty_ms`."""

    at_ns: int
    unix_ms: int
    uncertainty_ms: float


class WallKeeper:
    """The best wall time known, from receipts; between them it widens with the drift of the crystal."""

    def __init__(self) -> None:
        self._fix: _Fix | None = None

    def learn(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        """Take a reading of a receiver's clock, unless what is known is still better."""
        if self._fix is None or uncertainty_ms <= _widened_ms(self._fix, t_ns):
            self._fix = _Fix(t_ns, unix_ms, float(uncertainty_ms))

    def estimate(self, now_ns: int) -> WallTime | None:
        """UTC at `now_ns`, None before the first receipt."""
        if self._fix is None:
            return None
        elapsed_ms = (now_ns - self._fix.at_ns) / NS_PER_MS
        uncertainty_ms = int(_widened_ms(self._fix, now_ns)) + 1
        return WallTime(self._fix.unix_ms + round(elapsed_ms), uncertainty_ms, WallSource.RECEIVER)


def _widened_ms(fix: _Fix, now_ns: int) -> float:
    return fix.uncertainty_ms + abs(now_ns - fix.at_ns) / NS_PER_MS * DRIFT_PPM / 1e6


class SystemClock:
    """The clocks of this machine. `kernel_error_ms` gives the kernel's own uncertainty, None while unsynchronised."""

    def __init__(self, kernel_error_ms: Callable[[], int | None] | None = None) -> None:
        self._kernel_error_ms = kernel_error_ms if kernel_error_ms is not None else kernel_clock_error_ms
        self._keeper = WallKeeper()
        self._clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now_ns(self) -> int:
        """CLOCK_BOOTTIME, which runs on while the machine is suspended; CLOCK_MONOTONIC where it is unknown."""
        return time.clock_gettime_ns(self._clock_id)

    def wall_estimate(self) -> WallTime | None:
        """The kernel's clock while the kernel calls it synchronised, else what the last receipts said."""
        error_ms = self._kernel_error_ms()
        if error_ms is not None:
            return WallTime(time.time_ns() // NS_PER_MS, error_ms, WallSource.NTP)
        return self._keeper.estimate(self.now_ns())

    def is_kernel_clock_set(self) -> bool:
        """The clock that libraries read is right: the kernel calls it synchronised."""
        return self._kernel_error_ms() is not None

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        """See `Clock`."""
        self._keeper.learn(t_ns, unix_ms, uncertainty_ms)


def boot_id() -> str:
    """The kernel's name of this boot; tells a restart of the agent from a reboot. "" where the kernel has none."""
    try:
        return BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class _Timex(ctypes.Structure):
    """`struct timex`, up to the fields read here and padded behind them. Source: adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


def kernel_clock_error_ms() -> int | None:
    """Largest error of the kernel's wall clock, or None while the kernel does not call it synchronised."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    return int(timex.maxerror) // 1000 + 1
