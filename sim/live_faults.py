"""What is wrong with the sensors and lines of a served lift at a moment: faults that are added while it runs. Pure.

Times are those of the lift, in nanoseconds from the begin of its story.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    FaultReason,
    Reading,
    Signal,
    SignalEdge,
    Tick,
)
from sim.faults import (
    ChatteringContact,
    Fault,
    Frozen,
    Gone,
    LyingController,
    Noisy,
    Saturated,
    StuckContact,
    Window,
    with_fault,
)
from sim.modbus_frames import Mishap, Spoiled

CONTROLLER, TALKER, ACCELEROMETER, PRESSURE = "controller", "talker", "accelerometer", "pressure"
SUPPLY, MODEM = "supply", "modem"
_MODEM_MISHAPS = (Mishap.SILENT, Mishap.LATE, Mishap.HALF_REPLY)
_TALKER_MISHAPS = (Mishap.SILENT, Mishap.BAD_CRC, Mishap.HALF_REPLY)


class SensorFault(Enum):
    """Faults of sensors and of what the controller says, by the words of a scenario file; and one more."""

    FROZEN = "frozen"
    SATURATED = "saturated"
    NOISY = "noisy"
    SILENT = "silent"
    ABSENT = "absent"
    FIFO_OVERFLOW = "fifo_overflow"  # the bus is so slow that the chip loses samples
    STUCK_ON = "stuck_on"
    STUCK_OFF = "stuck_off"
    CHATTERING = "chattering"
    LYING_DOOR_CLOSED = "lying_door_closed"
    LYING_EMPTY = "lying_empty"


_OF_ACCELEROMETER = (
    SensorFault.FROZEN,
    SensorFault.SATURATED,
    SensorFault.NOISY,
    SensorFault.SILENT,
    SensorFault.ABSENT,
    SensorFault.FIFO_OVERFLOW,
)
_OF_SIGNALS = (SensorFault.STUCK_ON, SensorFault.STUCK_OFF, SensorFault.CHATTERING)
_OF_CONTROLLER = (SensorFault.LYING_DOOR_CLOSED, SensorFault.LYING_EMPTY)

Kind = SensorFault | Mishap


def kinds_of(of: str) -> Mapping[str, Kind]:
    """What can be wrong with a source, by its word."""
    kinds: Iterable[Kind]
    match of:
        case "accelerometer":
            kinds = _OF_ACCELEROMETER
        case "pressure":
            kinds = (SensorFault.SILENT, SensorFault.ABSENT)
        case "controller":
            kinds = (*Mishap, *_OF_CONTROLLER)
        case "supply":
            kinds = (SensorFault.ABSENT,)
        case "modem":
            kinds = _MODEM_MISHAPS
        case "talker":
            kinds = _TALKER_MISHAPS
        case _:
            kinds = _OF_SIGNALS
    return {kind.value: kind for kind in kinds}


@dataclass(frozen=True, slots=True)
class BadAnswers:
    """The answers of the controller, or the frames of the talker, go out spoiled."""

    window: Window
    of: str
    spoiled: Spoiled


@dataclass(frozen=True, slots=True)
class SlowBus:
    """Each transfer on the I2C bus takes longer than the FIFO of the chip lasts."""

    window: Window


LiveFault = Fault | BadAnswers | SlowBus


def live_fault(of: str, kind: Kind, window: Window, amount: float, full_scale_mps2: float) -> LiveFault:
    """The fault that a command asks for. amount: m/s2 of noise, bursts a second, or seconds that answers are late."""
    match kind:
        case Mishap():
            return BadAnswers(window, of, Spoiled(kind, amount if kind is Mishap.LATE else 0.0))
        case SensorFault.FROZEN:
            return Frozen(window)
        case SensorFault.SATURATED:
            return Saturated(window, full_scale_mps2)
        case SensorFault.NOISY:
            return Noisy(window, amount)
        case SensorFault.SILENT:
            return Gone(window, of, FaultReason.SILENT)
        case SensorFault.ABSENT:
            return Gone(window, of, FaultReason.ABSENT)
        case SensorFault.FIFO_OVERFLOW:
            return SlowBus(window)
        case SensorFault.STUCK_ON | SensorFault.STUCK_OFF:
            return StuckContact(window, Signal(of), kind is SensorFault.STUCK_ON)
        case SensorFault.CHATTERING:
            return ChatteringContact(window, Signal(of), amount)
        case SensorFault.LYING_DOOR_CLOSED:
            return LyingController(window, door=ControllerDoor.CLOSED)
        case SensorFault.LYING_EMPTY:
            return LyingController(window, passenger=False)


def fault_words(fault: LiveFault) -> str:
    """A fault as a person would say it."""
    until = f"until {fault.window.end_ns / 1e9:.0f} s"
    match fault:
        case BadAnswers(_, of, spoiled):
            return f"{of} {spoiled.mishap.value} {until}"
        case Gone(_, source, reason):
            return f"{source} {reason.value if reason else 'gone'} {until}"
        case StuckContact(_, signal, level):
            return f"{signal.value} stuck {'on' if level else 'off'} {until}"
        case ChatteringContact(_, signal):
            return f"{signal.value} chattering {until}"
        case LyingController():
            return f"controller lying {until}"
        case SlowBus():
            return f"accelerometer fifo_overflow {until}"
        case _:
            return f"accelerometer {type(fault).__name__.lower()} {until}"


class LiveFaults:
    """The faults of one lift. Not safe for threads: the lift's lock is held around it."""

    def __init__(self, faults: Iterable[Fault], rng: np.random.Generator) -> None:
        self._rng = rng
        self._others: list[BadAnswers | SlowBus | Gone | LyingController] = []
        self._of_frames: list[_Stage] = []
        self._of_edges: list[_Stage] = []
        self._last_frame: AccelFrame | None = None
        self._levels: dict[Signal, SignalEdge] = {}
        self._must_restate = False  # a healed contact shows its true level at once
        for fault in faults:
            self.add(fault)

    def add(self, fault: LiveFault) -> None:
        """From now on this is wrong too, within its window."""
        match fault:
            case Frozen() | Saturated() | Noisy():
                stage = _Stage(fault, self._rng)
                if self._last_frame is not None:
                    stage.through([self._last_frame], self._last_frame.t_ns)
                self._of_frames.append(stage)
            case StuckContact() | ChatteringContact():
                stage = _Stage(fault, self._rng)
                known = [edge for edge in self._levels.values() if edge.signal is fault.signal]
                stage.through(known, fault.window.start_ns - 1)
                self._of_edges.append(stage)
            case BadAnswers() | SlowBus() | Gone() | LyingController():
                self._others.append(fault)
            case _:
                pass  # samples thinned or dropped at random: only a recording can lose them so

    def heal(self) -> None:
        """Everything that is wrong ends now."""
        self._others, self._of_frames, self._of_edges = [], [], []
        self._must_restate = True

    def active(self, now_ns: int) -> list[LiveFault]:
        """What is wrong now; what is over is forgotten."""
        self._others = [fault for fault in self._others if fault.window.end_ns > now_ns]
        self._of_frames = [stage for stage in self._of_frames if stage.fault.window.end_ns > now_ns]
        every = (*self._others, *(stage.fault for stage in (*self._of_frames, *self._of_edges)))
        return [fault for fault in every if fault.window.holds(now_ns)]

    def frame(self, frame: AccelFrame) -> AccelFrame:
        """The samples as the chip gives them."""
        self._last_frame = frame
        for stage in self._of_frames:
            for reading in stage.through([frame], frame.t_ns):
                frame = reading if isinstance(reading, AccelFrame) else frame
        return frame

    def edges(self, edges: list[SignalEdge], now_ns: int) -> list[SignalEdge]:
        """The edges up to now as the contacts give them, in order of time."""
        for edge in edges:
            self._levels[edge.signal] = edge
        readings: list[Reading] = list(edges)
        if self._must_restate:
            self._must_restate = False
            readings = [SignalEdge(now_ns, edge.signal, edge.is_active) for edge in self._levels.values()]
        for stage in self._of_edges:
            readings = stage.through(readings, now_ns)
        self._of_edges = [stage for stage in self._of_edges if stage.fault.window.end_ns > now_ns]
        return [reading for reading in readings if isinstance(reading, SignalEdge)]

    def report(self, report: ControllerReport, now_ns: int) -> ControllerReport | None:
        """What the controller says; None if it says nothing."""
        for fault in self._others:
            if isinstance(fault, Gone) and fault.source == CONTROLLER and fault.window.holds(now_ns):
                return None
            if isinstance(fault, LyingController):
                for said in with_fault([report], fault, self._rng):
                    report = said if isinstance(said, ControllerReport) else report
        return report

    def spoiled(self, of: str, now_ns: int) -> Spoiled | None:
        """What is wrong with the answers of the controller or the frames of the talker; the latest counts."""
        for fault in reversed(self._others):
            if isinstance(fault, BadAnswers) and fault.of == of and fault.window.holds(now_ns):
                return fault.spoiled
        return None

    def reason_gone(self, of: str, now_ns: int) -> FaultReason | None:
        """Why a source gives nothing now; None if it gives something."""
        for fault in self._others:
            if isinstance(fault, Gone) and fault.source == of and fault.window.holds(now_ns):
                return fault.reason or FaultReason.SILENT
        return None

    def is_bus_slow(self, now_ns: int) -> bool:
        """Whether transfers take too long now."""
        return any(isinstance(fault, SlowBus) and fault.window.holds(now_ns) for fault in self._others)


StagedFault = Frozen | Saturated | Noisy | StuckContact | ChatteringContact


class _Stage:
    """One transform of a stream, fed piece by piece; what it remembers from piece to piece is kept."""

    def __init__(self, fault: StagedFault, rng: np.random.Generator) -> None:
        self.fault = fault
        self._waiting: deque[Reading] = deque()
        self._stream = with_fault(self._supply(), fault, rng)

    def through(self, readings: Iterable[Reading], now_ns: int) -> list[Reading]:
        """What comes out for these readings, the last of which is not after `now_ns`."""
        self._waiting.extend(readings)
        end = Tick(now_ns)
        self._waiting.append(end)
        out: list[Reading] = []
        while (reading := next(self._stream)) is not end:
            out.append(reading)
        return out

    def _supply(self) -> Iterator[Reading]:
        while True:
            yield self._waiting.popleft()
