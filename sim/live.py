"""A lift that lives through its story in real time, behind byte-level buses: what `serve` and the demo run."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.register_map import RegisterMap
from edge_agent.readings import AccelFrame, ControllerReport, Reading, Signal, SignalEdge, Tick
from sim.adxl345 import Adxl345Model
from sim.box import CONTROLLER_FIELDS, AccelSpec
from sim.buses import GpioServer, I2cServer
from sim.controllers import ModbusController
from sim.faults import (
    ChatteringContact,
    Fault,
    Frozen,
    Gone,
    LyingController,
    Noisy,
    Saturated,
    StuckContact,
    with_fault,
    with_faults,
)
from sim.motion import FloatArray
from sim.report import report_at
from sim.scenario import Played
from sim.sensors import AccelSensor, Sensors
from sim.traffic import run_traffic

PINS: dict[Signal, int] = {
    Signal.DOOR_OPEN: 17,
    Signal.DOOR_CLOSED: 27,
    Signal.PRESENCE: 22,
    Signal.DOOR_ZONE: 23,
    Signal.ALARM_BUTTON: 24,
    Signal.INSPECTION: 25,
    Signal.MAINS: 5,
}
"""BCM number of each line; a high level is the state that the signal names."""

ACCEL_ADDRESS = 0x53
_STEP_S = 0.01
_FULL_SCALE_MPS2 = 16 * 9.80665
_MORE_TRAFFIC_S = 600.0
_TRIPS_PER_HOUR = 60.0


class LiveLift:
    """One lift served on two sockets in `folder` and one TCP port.

    now_ns: the agent's clock. The story begins `lead_s` from now; until then the lift stands as it will at the start.
    keeps_running: after the story ordinary traffic goes on, else the lift stands.
    """

    def __init__(
        self,
        played: Played,
        folder: Path,
        register_map: RegisterMap,
        now_ns: Callable[[], int],
        *,
        lead_s: float = 0.0,
        port: int = 0,
        unit: int = 1,
        keeps_running: bool = False,
    ) -> None:
        self.played = played
        self._now_ns = now_ns
        self.start_ns = now_ns() + round(lead_s * 1e9)
        self._keeps_running = keeps_running
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pending: deque[SignalEdge] = deque()
        self._faults = played.faults(self.start_ns)
        self._rng = np.random.default_rng(played.seed)
        self._sensors = Sensors(played.lift, replace(played.box, accel=None, controller=None), self._rng, self.start_ns)
        self._made_s = 0.0
        self.chip = self._make_chip(played.box.accel)
        self.i2c = I2cServer(
            folder / "i2c.sock",
            {} if self.chip is None else {ACCEL_ADDRESS: self.chip},
            lambda: self._now_ns() / 1e9,
            self._lock,
        )
        self._make_until(0.0)
        levels = {PINS[edge.signal]: edge.is_active for edge in self._pending if edge.t_ns <= self.start_ns}
        self.gpio = GpioServer(folder / "gpio.sock", levels, now_ns)
        self.controller: ModbusController | None = None
        if played.box.controller is not None:
            self.controller = ModbusController(register_map, self._report, port=port, unit=unit)
        self._thread = threading.Thread(target=self._run, name="lift", daemon=True)

    @property
    def story_s(self) -> float:
        """Seconds since the story began."""
        return (self._now_ns() - self.start_ns) / 1e9

    def start(self) -> None:
        """Begin the story now. Raises SourceUnavailable where the port cannot be had."""
        if self.controller is not None:
            self.controller.start()
        self._thread.start()

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)
        if self.controller is not None:
            self.controller.close()
        self.i2c.close()
        self.gpio.close()

    # ---- the flow of time

    def _run(self) -> None:
        contact_faults = [each for each in self._faults if isinstance(each, StuckContact | ChatteringContact)]
        for reading in with_faults(self._edges(), contact_faults, self._rng):
            if self._stop.is_set():
                return
            if isinstance(reading, SignalEdge):
                self.gpio.change(PINS[reading.signal], reading.is_active, reading.t_ns)
            elif isinstance(reading, Tick):
                self._apply_outages(reading.t_ns)
                self._stop.wait(_STEP_S)

    def _edges(self) -> Iterator[Reading]:
        """Edges when they are due, and a tick after each look."""
        while True:
            now_ns = self._now_ns()
            due: list[SignalEdge] = []
            with self._lock:
                self._make_until((now_ns - self.start_ns) / 1e9)
                while self._pending and self._pending[0].t_ns <= now_ns:
                    due.append(self._pending.popleft())
            yield from due
            yield Tick(now_ns)

    def _make_until(self, story_s: float) -> None:
        """Draw stretches until `story_s` is covered. The lock is held."""
        lift = self.played.lift
        while self._keeps_running and lift.now_s < story_s + 5.0:
            run_traffic(lift, _MORE_TRAFFIC_S, _TRIPS_PER_HOUR)
        while self._made_s <= story_s:
            start_s = self._made_s
            self._made_s, moves = self._sensors.advance()
            edges = self._sensors.switches.edges(start_s, self._made_s, moves)
            self._pending = deque(sorted([*self._pending, *edges], key=lambda edge: edge.t_ns))

    def _apply_outages(self, now_ns: int) -> None:
        gone = [each for each in self._faults if isinstance(each, Gone) and each.window.holds(now_ns)]
        of_chip = [each for each in gone if each.source == "accelerometer"]
        is_absent = any(each.reason is not None and each.reason.value == "absent" for each in of_chip)
        self.i2c.broken_errno = errno.EREMOTEIO if is_absent else None
        if self.chip is not None:
            self.chip.is_silent = bool(of_chip) and not is_absent

    # ---- accelerometer

    def _make_chip(self, spec: AccelSpec | None) -> Adxl345Model | None:
        if spec is None:
            return None
        # the register model rounds and clips as its range says
        analog = replace(spec, step_mps2=1e-6, range_mps2=_FULL_SCALE_MPS2)
        sensor = AccelSensor(self.played.lift, self._sensors.field, analog, self._rng)
        chip_faults: list[Fault] = [each for each in self._faults if isinstance(each, Frozen | Saturated | Noisy)]
        altered = _one_by_one(chip_faults, self._rng)

        def sample_at(times_s: FloatArray) -> FloatArray:
            story_s = times_s - self.start_ns / 1e9
            self._make_until(float(story_s[-1]))
            times_ns = np.round(times_s * 1e9).astype(np.int64)
            return altered(AccelFrame(times_ns, sensor.sample(story_s))).samples_mps2

        return Adxl345Model(sample_at, spec.rate_true)

    # ---- controller

    def _report(self) -> ControllerReport | None:
        now_ns = self._now_ns()
        if any(
            isinstance(each, Gone) and each.source == "controller" and each.window.holds(now_ns)
            for each in self._faults
        ):
            return None
        spec = self.played.box.controller
        known_s = max(0.0, (now_ns - self.start_ns) / 1e9 - (0.0 if spec is None else spec.delay_s))
        with self._lock:
            if not self.played.lift.controller_is_on.at(known_s):
                return None
            report: Reading = report_at(self.played.lift, known_s, now_ns, CONTROLLER_FIELDS)
        for fault in self._faults:
            if isinstance(fault, LyingController):
                report = next(iter(with_fault([report], fault, self._rng)))
        return report if isinstance(report, ControllerReport) else None


def _one_by_one(faults: list[Fault], rng: np.random.Generator) -> Callable[[AccelFrame], AccelFrame]:
    """The transforms of a stream as a function of one frame; what they remember from frame to frame is kept."""
    waiting: deque[AccelFrame] = deque()

    def supply() -> Iterator[Reading]:
        while True:
            yield waiting.popleft()

    stream = with_faults(supply(), faults, rng)

    def altered(frame: AccelFrame) -> AccelFrame:
        waiting.append(frame)
        out = next(stream)
        return out if isinstance(out, AccelFrame) else frame

    return altered
