"""Source stage: which sources speak, which are silent, frozen or faulty."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass

from edge_agent.detect.car import SourceView
from edge_agent.detect.limits import Limits
from edge_agent.detect.plausible import AccelWatch
from edge_agent.detect.signal import FRAME_NS, Frame
from edge_agent.installation import Wiring
from edge_agent.readings import FaultReason

ACCELEROMETER = "accelerometer"
CONTROLLER = "controller"
PRESSURE = "pressure"
SUPPLY = "supply"
MODEM = "modem"

CADENCE_REPORTS = 30
CADENCE_S_MAX = 2.5
PRESSURE_SILENCE_S = 30.0
"""Longer than three intervals of the slowest barometer setting and a sensor that is warming up. Source: judgement."""


@dataclass(slots=True)
class _Source:
    last_ns: int | None = None
    fault: FaultReason | None = None
    fault_since_ns: int = 0
    detail: str = ""
    is_own: bool = False  # the fault is a judgement of this stage, not the driver's word


class SourceStage:
    """In: who spoke and who reported a fault. Out: a view of each source. After a gap: silence counts."""

    def __init__(self, limits: Limits, wiring: Wiring) -> None:
        self._limits = limits
        self._sources: dict[str, _Source] = {}
        if wiring.has_accelerometer:
            self._sources[ACCELEROMETER] = _Source()
        if wiring.has_controller:
            self._sources[CONTROLLER] = _Source()
        if wiring.has_pressure:
            self._sources[PRESSURE] = _Source()
        self._first_ns: int | None = None
        self._intervals_s: deque[float] = deque(maxlen=CADENCE_REPORTS)
        self._speaks_regularly = False
        self._accel = AccelWatch(limits, wiring.accel_rate_hz)

    def spoke(self, name: str, t_ns: int) -> None:
        """Usable readings of `name` arrived: a fault that was reported is over."""
        source = self._sources.setdefault(name, _Source())
        if name == CONTROLLER and source.last_ns is not None and t_ns > source.last_ns:
            self._intervals_s.append((t_ns - source.last_ns) / 1e9)
            self._speaks_regularly = self._judge_cadence()
        source.last_ns = t_ns
        if source.fault is not None and source.fault is not FaultReason.CONFIGURATION:
            source.fault = None

    def contacts_spoke(self, t_ns: int) -> None:
        """A contact edge or level arrived, from whichever driver reads the lines."""
        for name in self._sources:
            if name not in (ACCELEROMETER, CONTROLLER, PRESSURE, SUPPLY, MODEM):
                self.spoke(name, t_ns)

    def failed(self, name: str, t_ns: int, reason: FaultReason, detail: str) -> None:
        """The driver of `name` reports a fault."""
        source = self._sources.setdefault(name, _Source())
        if source.fault is None:
            source.fault_since_ns = t_ns
        source.fault, source.detail, source.is_own = reason, detail, False

    def is_faulty(self, name: str) -> bool:
        """A fault of `name` stands."""
        source = self._sources.get(name)
        return source is not None and source.fault is not None

    def take_frame(self, frame: Frame) -> bool:
        """The accelerometer spoke. Returns True while nothing of the car can be told from what it says.

        Good frames end a fault that the driver reported before them, and one that was judged here.
        """
        trouble = self._accel.take(frame)
        source = self._sources.get(ACCELEROMETER) or self._sources.setdefault(ACCELEROMETER, _Source())
        source.last_ns = frame.end_ns
        if trouble is not None:
            if source.fault is None:
                source.fault_since_ns = frame.end_ns
            if source.fault is None or source.is_own:
                source.fault, source.detail, source.is_own = trouble.reason, trouble.sentence, True
        elif source.fault is not None and (source.is_own or frame.index * FRAME_NS >= source.fault_since_ns):
            source.fault = None
        return self._accel.is_useless

    def step(self, now_ns: int) -> tuple[SourceView, ...]:
        """Judge silence at `now_ns`."""
        if self._first_ns is None:
            self._first_ns = now_ns
        self._watch_silence(ACCELEROMETER, now_ns, self._limits.sensor_silence_s_max)
        self._watch_silence(PRESSURE, now_ns, PRESSURE_SILENCE_S)
        if self._speaks_regularly:
            self._watch_silence(CONTROLLER, now_ns, 4.0 * CADENCE_S_MAX)
        sources = self._sources.items()
        return tuple([SourceView(name, s.last_ns, s.fault, s.fault_since_ns, s.detail) for name, s in sources])

    def _watch_silence(self, name: str, now_ns: int, limit_s: float) -> None:
        source = self._sources.get(name)
        if source is None or source.fault is not None or self._first_ns is None:
            return
        last = source.last_ns if source.last_ns is not None else self._first_ns
        if (now_ns - last) / 1e9 >= limit_s:
            source.fault, source.fault_since_ns, source.is_own = FaultReason.SILENT, last, False
            source.detail = f"nothing has come from the {name} for {limit_s:g} s"

    def _judge_cadence(self) -> bool:
        """True for a polled controller; one that reports on change may be silent for hours."""
        if len(self._intervals_s) < CADENCE_REPORTS:
            return False
        ordered = sorted(self._intervals_s)
        middle = 0.5 * (ordered[CADENCE_REPORTS // 2 - 1] + ordered[CADENCE_REPORTS // 2])
        near = bisect_right(ordered, 1.5 * middle) - bisect_left(ordered, 0.5 * middle)
        return middle <= CADENCE_S_MAX and near >= 0.9 * CADENCE_REPORTS
