"""The seam to GPIO lines: gpiozero and lgpio, and the same lines served over a socket.

These lines are inputs. What the box may drive, its own indicator lamps, is `drivers.gpio_outputs`.

A chip is named "lgpio" or "lgpio:N" (gpiozero with its lgpio factory, named explicitly: the automatic choice falls
back to factories that cannot work on every board) or "unix:PATH" (gpiozero with its mock factory, whose pins follow
what another process says). The protocol on the socket is lines of ASCII from the server; the client sends nothing:

    PIN LEVEL T_NS        BCM number, 0 or 1, monotonic time of the change in ns

one line for each known pin on connecting, then one at each change.

No debouncing: `bounce` is never set, edges arrive as the kernel saw them. lgpio serves all pins from one thread that
an error in a handler would kill without a word, so handlers only append to a bounded queue.
Errors: `open_lines` raises `SourceUnavailable`; `Lines.levels` raises `LinesLost`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from gpiozero import BadPinFactory, GPIOZeroError, PinUnknownPi
from gpiozero.pins.mock import MockFactory

from edge_agent.errors import SourceUnavailable

EDGES_MAX = 1024  # a contact that chatters at 1 kHz fills it in a second; then the oldest go and are counted
CONNECT_TIMEOUT_S = 0.5
LINE_BYTES_MAX = 256
# An edge may wait this long in a queue before it is read; an older or later time is another clock's.
# Source: chosen: lgpio's thread was seen 0.2 s late, the agent's loop may be a second late.
STAMP_AGE_NS_MAX = 10_000_000_000
STAMP_AHEAD_NS_MAX = 50_000_000


class Pull(Enum):
    """Resistor inside the board that holds an open contact at a level."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One input line: BCM number and resistor."""

    pin: int
    pull: Pull


@dataclass(frozen=True, slots=True)
class LineEdge:
    """A change of a line, in the agent's clock."""

    t_ns: int
    pin: int
    is_high: bool


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges in order of arrival, and how many more were lost because nobody read in time."""

    edges: tuple[LineEdge, ...]
    lost_count: int


class LinesLost(OSError):
    """The chip went away. The text says how."""


class Lines(Protocol):
    """Open input lines."""

    def wait(self, timeout_s: float) -> None:
        """Return when an edge waits, when the lines are lost, or after `timeout_s`."""
        ...

    def take_edges(self) -> Edges:
        """The edges since the last call."""
        ...

    def levels(self) -> Mapping[int, bool]:
        """The level of every line now: True for high. Raises LinesLost."""
        ...

    def close(self) -> None:
        """Release the lines. Never raises; calling it twice is allowed."""
        ...


def open_lines(chip: str, requests: Sequence[LineRequest], now_ns: Callable[[], int]) -> Lines:
    """Claim the lines as inputs and watch both edges. Raises SourceUnavailable."""
    if chip.startswith("unix:"):
        return _ServedLines(chip.removeprefix("unix:"), requests, now_ns)
    return _KernelLines(chip, requests, now_ns)


class _EdgeQueue:
    """Bounded, one writer and one reader. `put` is called from threads that must not die: it cannot raise."""

    def __init__(self) -> None:
        self._edges: deque[tuple[int, int, bool]] = deque(maxlen=EDGES_MAX)
        self._lost_count = 0  # written by the writer only
        self._lost_reported = 0
        self._arrived = threading.Event()

    def put(self, stamp_ns: int, pin: int, is_high: bool) -> None:
        if len(self._edges) == EDGES_MAX:
            self._lost_count += 1
        self._edges.append((stamp_ns, pin, is_high))
        self._arrived.set()

    def wake(self) -> None:
        self._arrived.set()

    def wait(self, timeout_s: float) -> None:
        self._arrived.wait(timeout_s)

    def take(self, now_ns: int) -> Edges:
        self._arrived.clear()
        taken: list[LineEdge] = []
        while self._edges:
            stamp_ns, pin, is_high = self._edges.popleft()
            taken.append(LineEdge(in_agent_time(stamp_ns, now_ns), pin, is_high))
        lost_count = self._lost_count - self._lost_reported
        self._lost_reported += lost_count
        return Edges(tuple(taken), lost_count)


class _Watch:
    """The handler of one kernel line. gpiozero holds bound methods weakly: the lines keep this object alive."""

    def __init__(self, pin: int, queue: _EdgeQueue) -> None:
        self._pin, self._queue = pin, queue

    def changed(self, ticks: float, state: int | bool) -> None:
        """`ticks`: seconds of a kernel clock, as gpiozero's lgpio pins give them."""
        self._queue.put(round(ticks * 1e9), self._pin, bool(state))


def in_agent_time(stamp_ns: int, now_ns: int) -> int:
    """The time of an edge in the agent's clock, never later than `now_ns`.

    The kernel stamps line events with CLOCK_MONOTONIC, before 5.7 with CLOCK_REALTIME, and the agent may run on
    CLOCK_BOOTTIME: that clock is right in which the edge is a moment old. If none is, the edge is stamped now.
    Source: Linux uapi/linux/gpio.h; commit 26d060e47e25.
    """
    offsets_ns = [0]
    for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_REALTIME):
        offsets_ns.append(now_ns - time.clock_gettime_ns(clock))
    for offset_ns in offsets_ns:
        age_ns = now_ns - (stamp_ns + offset_ns)
        if -STAMP_AHEAD_NS_MAX <= age_ns <= STAMP_AGE_NS_MAX:
            return min(stamp_ns + offset_ns, now_ns)
    return now_ns


class _KernelLines:
    """Lines of a GPIO chip of the kernel."""

    def __init__(self, chip: str, requests: Sequence[LineRequest], now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._queue = _EdgeQueue()
        self._watches = [_Watch(request.pin, self._queue) for request in requests]
        self._lgpio_error = lgpio_error(chip)
        self._factory: Any = None
        self._pins: dict[int, Any] = {}
        try:
            self._factory = lgpio_factory(chip)
            for request, watch in zip(requests, self._watches, strict=True):
                self._pins[request.pin] = _claim(self._factory, request)
                self._pins[request.pin].when_changed = watch.changed
        except (GPIOZeroError, OSError, self._lgpio_error) as error:
            self.close()
            raise unavailable(chip, error) from error

    def wait(self, timeout_s: float) -> None:
        self._queue.wait(timeout_s)

    def take_edges(self) -> Edges:
        return self._queue.take(self._now_ns())

    def levels(self) -> Mapping[int, bool]:
        try:
            return {pin: bool(line.state) for pin, line in self._pins.items()}
        except (GPIOZeroError, OSError, self._lgpio_error) as error:
            raise LinesLost(f"the GPIO lines can no longer be read ({error})") from error

    def close(self) -> None:
        # A factory that closes leaves its handlers in lgpio: the first edge after opening again would run the old one,
        # which raises and ends lgpio's only thread without a word. Source: seen in labs/gpio with gpiozero 2.0.1.
        for line in self._pins.values():
            with suppress(GPIOZeroError, OSError, self._lgpio_error):
                line.when_changed = None
        close_factory(self._factory, self._lgpio_error)
        self._factory = None
        self._pins = {}


class _ServedLines:
    """Lines that another process serves: a thread reads the socket and drives mock pins."""

    def __init__(self, path: str, requests: Sequence[LineRequest], now_ns: Callable[[], int]) -> None:
        self._path, self._now_ns = path, now_ns
        self._queue = _EdgeQueue()
        self._lost: str | None = None
        self._received = b""
        self._stamp_ns = 0
        self._factory: Any = MockFactory()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._pins = {request.pin: _claim(self._factory, request) for request in requests}
            self._socket.connect(path)
            self._first_levels()
        except (GPIOZeroError, OSError) as error:
            self.close()
            raise unavailable(f"unix:{path}", error) from error
        self._watches = [_ServedWatch(self, pin) for pin in self._pins]
        for pin, watch in zip(self._pins.values(), self._watches, strict=True):
            pin.when_changed = watch.changed
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._follow, name=f"gpio {path}", daemon=True)
        self._thread.start()

    def put(self, pin: int, is_high: bool) -> None:
        """An edge with the stamp of the line that is being worked on."""
        self._queue.put(self._stamp_ns, pin, is_high)

    def wait(self, timeout_s: float) -> None:
        self._queue.wait(timeout_s)

    def take_edges(self) -> Edges:
        return self._queue.take(self._now_ns())

    def levels(self) -> Mapping[int, bool]:
        if self._lost is not None:
            raise LinesLost(self._lost)
        return {pin: bool(line.state) for pin, line in self._pins.items()}

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._factory is not None:
            self._factory.close()
        self._factory = None

    def _first_levels(self) -> None:
        missing = set(self._pins)
        end_s = time.monotonic() + CONNECT_TIMEOUT_S
        while missing:
            if time.monotonic() > end_s:
                raise TimeoutError
            try:
                missing.discard(self._work_on(self._line()))
            except TimeoutError:
                pins = ", ".join(map(str, sorted(missing)))
                raise LinesLost(f"the far end does not know line {pins}") from None

    def _follow(self) -> None:
        try:
            while True:
                self._work_on(self._line())
        except OSError as error:
            self._lost = str(error)
        self._queue.wake()

    def _line(self) -> str:
        while b"\n" not in self._received:
            if len(self._received) > LINE_BYTES_MAX:
                raise LinesLost("the far end sends an endless line")
            chunk = self._socket.recv(LINE_BYTES_MAX)
            if not chunk:
                raise LinesLost("the far end closed the lines")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("ascii", errors="replace")

    def _work_on(self, line: str) -> int:
        try:
            pin, level, stamp_ns = (int(word) for word in line.split())
        except ValueError:
            raise LinesLost(f"the far end says {line[:40]!r}, which is no line of ours") from None
        self._stamp_ns = stamp_ns
        mock_pin = self._pins.get(pin)
        if mock_pin is not None:
            (mock_pin.drive_high if level else mock_pin.drive_low)()
        return pin


class _ServedWatch:
    """The handler of one served line; the time comes from the far end, not from the mock pin."""

    def __init__(self, lines: _ServedLines, pin: int) -> None:
        self._lines, self._pin = lines, pin

    def changed(self, _ticks: float, state: int | bool) -> None:
        self._lines.put(self._pin, bool(state))


def _claim(factory: Any, request: LineRequest) -> Any:
    pin = factory.pin(request.pin)
    pin.function = "input"
    pull = {Pull.UP: "up", Pull.DOWN: "down", Pull.NONE: "floating"}[request.pull]
    if pin.pull != pull:
        pin.pull = pull
    pin.bounce = None
    pin.edges = "both"
    return pin


def lgpio_error(chip: str) -> type[Exception]:
    """lgpio's own exception, which knows no base but Exception. Importing lgpio makes a FIFO in its work folder."""
    folder = os.environ.get("LG_WD") or os.getcwd()
    if not os.access(folder, os.W_OK):
        raise SourceUnavailable(
            f"lgpio needs a folder it can write to, and {folder} is not one",
            subject=chip,
            hint="Set LG_WD and the working directory to the same writable folder, such as /run/lift-edge-agent",
        )
    try:
        import lgpio
    except (ImportError, OSError) as error:
        raise SourceUnavailable(
            f"the library lgpio cannot be loaded: {error}",
            subject=chip,
            hint="Install it: pip install 'lgpio>=0.2.2', or python3-lgpio and a venv with --system-site-packages",
        ) from error
    if not hasattr(lgpio, "error"):
        raise SourceUnavailable(
            "the installed lgpio is an empty package (0.0.0.2)", subject=chip, hint="Install lgpio 0.2.2 or later"
        )
    error_type: type[Exception] = lgpio.error
    return error_type


def close_factory(factory: Any, lgpio_error: type[Exception]) -> None:
    """Close the factory, even where the lines of a chip that is gone refuse to be put back. Else lgpio's thread would
    complain a thousand times a second, and the next factory would be given these lines, which raise TypeError.
    Source: seen in labs/gpio with gpiozero 2.0.1, whose factories share one table of pins."""
    if factory is None:
        return
    with suppress(GPIOZeroError, OSError, lgpio_error):
        factory.close()
    factory.pins.clear()
    handle = getattr(factory, "_handle", None)
    if handle is not None:
        import lgpio

        with suppress(lgpio_error):
            lgpio.gpiochip_close(handle)
        factory._handle = None


def lgpio_factory(chip: str) -> Any:
    from gpiozero.pins.lgpio import LGPIOFactory

    number = chip.removeprefix("lgpio").removeprefix(":")
    return LGPIOFactory(chip=int(number)) if number else LGPIOFactory()


def unavailable(chip: str, error: Exception) -> SourceUnavailable:
    match error:
        case PinUnknownPi() | BadPinFactory():
            hint = "This is no Raspberry Pi, or its revision is hidden: name unix:PATH instead, or run on the board"
        case GPIOZeroError():
            hint = "Check pin numbers (BCM) and pulls in the settings; GPIO 2 and 3 have a fixed pull-up"
        case FileNotFoundError() | ConnectionRefusedError():
            hint = "Start the program that serves the lines, and check the path"
        case PermissionError():
            hint = "Let the agent's user use the GPIO chip: add it to the group gpio"
        case _:
            hint = "Check which program holds the lines: gpioinfo; and that the agent's user is in the group gpio"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error).strip("'") or type(error).__name__
    return SourceUnavailable(f"the GPIO lines cannot be opened: {text}", subject=chip, hint=hint)
