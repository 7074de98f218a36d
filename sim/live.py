"""A lift that lives through its story in real time or faster, behind byte-level buses: for `serve` and the demo."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.register_map import RegisterMap
from drivers.serial_protocol import SerialProtocol
from edge_agent.readings import ControllerReport, ModemReport, Signal, SignalEdge
from sim.box import CONTROLLER_FIELDS, PressureSpec
from sim.box_sensors import ModemTruth
from sim.buses import GpioServer, I2cServer
from sim.buses_modem import ModemPort
from sim.buses_pty import PtyPort
from sim.controllers import ServedUnit
from sim.fittings import PLAIN, Fittings
from sim.lift import Lift
from sim.live_chips import LiveChips, LiveModem, box_with
from sim.live_faults import ACCELEROMETER, CONTROLLER, MODEM, PRESSURE, SUPPLY, TALKER, LiveFault, LiveFaults
from sim.modbus_unit import ModbusUnit
from sim.one_word_stories import FreeStory, steps_of
from sim.replan import copy_of, drop_plan, forget_past, is_fit_for_traffic, quiet_from
from sim.report import report_at
from sim.scenario import Played
from sim.sensors import Sensors
from sim.steps import Step, perform
from sim.talker import Talker, spoiled_frame
from sim.tell import sentence
from sim.tell_live import Told, told
from sim.traffic import run_traffic

PINS: dict[Signal, int] = {
    Signal.DOOR_OPEN: 17,
    Signal.DOOR_CLOSED: 27,
    Signal.PRESENCE: 22,
    Signal.DOOR_ZONE: 23,
    Signal.ALARM_BUTTON: 24,
    Signal.INSPECTION: 25,
    Signal.MAINS: 5,
    Signal.DOOR_OPEN_REAR: 6,
    Signal.DOOR_CLOSED_REAR: 13,
}
"""BCM number of each line; a high level is the state that the signal names."""

PLAIN_AIR = PressureSpec(base_hpa=1013.25, noise_hpa=0.01, drift_hpa=0.5)
_PARTS = {ACCELEROMETER: "accelerometer", PRESSURE: "barometer", SUPPLY: "supply monitor", MODEM: "modem"}
_STEP_S = 0.01
_AT_ONCE_S = 0.001
_AHEAD_S = 5.0
_MORE_TRAFFIC_S = 600.0
_TRIPS_PER_HOUR = 60.0
_KEPT_S = 60.0  # of the past
_SLOW_TRANSFER_S = 0.4  # a FIFO of 32 samples lasts 0.32 s at 100 Hz; the driver waits 0.5 s for an answer

Choose = Callable[[Lift], Iterator[Step]]
"""Steps, chosen one after the other: the lift has carried out one before the next is asked for."""


class LiveLift:
    """One lift: sockets and a serial port in `folder`, and `served`, its unit on the Modbus lines.

    now_ns: the agent's clock. The story begins `lead_s` from now; until then the lift stands as it will at the start.
    speed: how many seconds the lift lives in one. An accelerometer is served at 1 only: its samples would make no
    sense of a lift that moves in another time than they are taken in.
    fittings: chips and modem beyond what the story has; none of them at another speed than 1.
    keeps_running: after the story what it left is put right and ordinary traffic goes on, else the lift stands.
    """

    def __init__(
        self,
        played: Played,
        folder: Path,
        register_map: RegisterMap,
        now_ns: Callable[[], int],
        *,
        lead_s: float = 0.0,
        speed: float = 1.0,
        keeps_running: bool = False,
        protocol: SerialProtocol | None = None,
        fittings: Fittings = PLAIN,
    ) -> None:
        self.played = played
        self._lift = played.lift
        self._now_ns, self._speed = now_ns, speed
        self.start_ns = now_ns() + round(lead_s * 1e9)
        self._keeps_running = keeps_running
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pending: deque[SignalEdge] = deque()
        self._rng = np.random.default_rng(played.seed)
        self._faults = LiveFaults(played.faults(), self._rng)
        box = box_with(played.box, fittings, played.lift, self._rng)
        if speed != 1.0:
            box = replace(box, accel=None, pressure=None, supply=None, modem=None)
        elif fittings.barometer and box.pressure is None:
            box = replace(box, pressure=PLAIN_AIR)
        self._sensors = Sensors(
            played.lift, replace(box, accel=None, controller=None, supply=None, modem=None), self._rng
        )
        self._made_s = 0.0
        self._told = deque(told(played))
        self._obeyed_s = 0.0  # until then commands that take no time have been laid
        self._is_held = False  # no traffic until somebody says so
        self._is_story_over = False
        self.chips = LiveChips(
            self._lift, self._sensors, box, fittings, self._faults, self._rng, self._as_story_s, self._make_until
        )
        self.chips.fit(0)
        self.i2c = I2cServer(folder / "i2c.sock", self.chips.answering, lambda: self._now_ns() / 1e9, self._lock)
        self._modem = None if box.modem is None else LiveModem(folder, ModemTruth(self._lift, box.modem), self._found)
        self._make_until(0.0)
        levels = {PINS[edge.signal]: edge.is_active for edge in self._pending if edge.t_ns <= 0}
        self.gpio = GpioServer(folder / "gpio.sock", levels, now_ns)
        settings = {"rated_speed": played.lift.spec.rated_mps}
        self.served = ServedUnit(ModbusUnit(register_map, self._report, settings))
        self._talker = Talker(protocol) if protocol is not None else None
        self.serial = PtyPort(folder / "serial") if protocol is not None else None
        self._thread = threading.Thread(target=self._run, name="lift", daemon=True)

    @property
    def landings(self) -> int:
        """How many landings it has."""
        return len(self._lift.spec.landing_heights_m)

    @property
    def modem(self) -> ModemPort | None:
        """The modem's serial port, where one is fitted."""
        return None if self._modem is None else self._modem.port

    @property
    def story_s(self) -> float:
        """Seconds of the lift since its story began."""
        return (self._now_ns() - self.start_ns) / 1e9 * self._speed

    def start(self) -> None:
        """Let it live."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)
        self.i2c.close()
        self.gpio.close()
        if self.modem is not None:
            self.modem.close()
        if self.serial is not None:
            self.serial.close()

    # ---- commands

    def carry_out(self, choose: Choose) -> tuple[Told, ...]:
        """Do this from the next moment on when car and doors stand still, instead of what was planned.

        Returns what will be done and when. Raises StoryError where the lift cannot; then the plan stays.
        """
        with self._lock:
            begin_s = quiet_from(self._lift, max(self._made_s, self.story_s, self._obeyed_s))
            _live_through(copy_of(self._lift), choose, begin_s)
            done = _live_through(self._lift, choose, begin_s)
            if done and self._lift.now_s - done[0].t_s < _AT_ONCE_S:
                self._obeyed_s = self._lift.now_s  # a command given at the same moment comes after it, not instead
            self._is_story_over = True
            self._told = deque([*(each for each in self._told if each.t_s < begin_s), *done])
            return done

    def hold(self) -> None:
        """Stand from the next moment on when car and doors stand still; only commands move the lift then."""
        self._is_held = True
        self.carry_out(lambda _lift: iter(()))

    def go(self) -> bool:
        """Normal traffic again; False if the lift must be freed before."""
        with self._lock:
            self._is_held = False
            return is_fit_for_traffic(self._lift)

    def reason_against(self, of: str) -> str | None:
        """Why nothing can be wrong with a source here: it is not fitted or not served."""
        match of:
            case "accelerometer" | "pressure" | "supply" | "modem":
                parts = (self.chips.accelerometer, self.chips.barometer, self.chips.supply, self.modem)
                part = dict(zip((ACCELEROMETER, PRESSURE, SUPPLY, MODEM), parts, strict=True))[of]
                return None if part is not None else f"no {_PARTS[of]} is served: the story has none, or the speed"
            case "talker":
                return None if self.serial is not None else "no talker is served"
            case "controller":
                return None
            case _:
                return None if Signal(of) in self.played.box.signals else f"{of} is not wired in this story"

    def spoil(self, fault: LiveFault) -> None:
        """From now on this is wrong, within the window of the fault."""
        with self._lock:
            self._faults.add(fault)

    def heal(self) -> None:
        """Everything that is wrong with sensors and answers ends."""
        with self._lock:
            self._faults.heal()

    def what_is_wrong(self) -> list[LiveFault]:
        """The faults that hold now."""
        with self._lock:
            return self._faults.active(self._story_ns())

    def take_told(self) -> list[Told]:
        """What has begun since the last call."""
        due: list[Told] = []
        with self._lock:
            while self._told and self._told[0].t_s <= self.story_s:
                due.append(self._told.popleft())
        return due

    def truth(self) -> ControllerReport:
        """Everything that a controller could say now, without faults."""
        with self._lock:
            return report_at(self._lift, max(0.0, self.story_s), self._now_ns(), CONTROLLER_FIELDS)

    def height_m(self) -> float:
        """Height of the car above the lowest landing."""
        with self._lock:
            return self._lift.motion.state(max(0.0, self.story_s))[0]

    # ---- the flow of time

    def _as_story_s(self, time_s: float) -> float:
        return time_s - self.start_ns / 1e9

    def _found(self, truth: ModemTruth) -> ModemReport:
        with self._lock:
            return truth.report(max(0.0, self.story_s), self._now_ns())

    def _story_ns(self) -> int:
        return round(self.story_s * 1e9)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(_STEP_S)

    def look(self) -> None:
        """Tell what is due: changes of the contacts, outages, what the controller says by itself."""
        now_ns = self._story_ns()
        with self._lock:
            self._make_until(now_ns / 1e9)
            due: list[SignalEdge] = []
            while self._pending and self._pending[0].t_ns <= now_ns:
                due.append(self._pending.popleft())
            due = self._faults.edges(due, now_ns)
            self._apply_outages(now_ns)
        for edge in due:
            self.gpio.change(PINS[edge.signal], edge.is_active, self.start_ns + round(edge.t_ns / self._speed))
        self._talk(now_ns)

    def _make_until(self, story_s: float) -> None:
        """Draw stretches until `story_s` is covered. The lock is held."""
        lift = self._lift
        while self._keeps_running and lift.now_s < story_s + _AHEAD_S:
            if not self._is_story_over:
                self._is_story_over = True
                _live_through(lift, lambda truth: steps_of(truth, FreeStory()), lift.now_s)
            if self._is_held or not is_fit_for_traffic(lift):
                lift.now_s = story_s + _AHEAD_S
                break
            run_traffic(lift, _MORE_TRAFFIC_S, _TRIPS_PER_HOUR)
            forget_past(lift, story_s - _KEPT_S)
        while self._made_s <= story_s:
            start_s = self._made_s
            self._made_s, moves = self._sensors.advance()
            edges = self._sensors.switches.edges(start_s, self._made_s, moves)
            self._pending = deque(sorted([*self._pending, *edges], key=lambda edge: edge.t_ns))

    def _apply_outages(self, now_ns: int) -> None:
        self.chips.fit(now_ns)
        if self._modem is not None:
            self._modem.spoil(self._faults, now_ns)
        self.i2c.late_s = _SLOW_TRANSFER_S if self._faults.is_bus_slow(now_ns) else 0.0
        self.served.spoiled = self._faults.spoiled(CONTROLLER, now_ns)

    def _talk(self, now_ns: int) -> None:
        if self._talker is None or self.serial is None:
            return
        with self._lock:
            spoiled = self._faults.spoiled(TALKER, now_ns)
        for frame in self._talker.due(self._report(), self._now_ns() / 1e9):
            if sent := spoiled_frame(frame, self._talker.protocol, spoiled):
                self.serial.write(sent)

    # ---- controller

    def _report(self) -> ControllerReport | None:
        spec = self.played.box.controller
        with self._lock:
            story_ns = self._story_ns()
            known_s = max(0.0, story_ns / 1e9 - (0.0 if spec is None else spec.delay_s))
            if not self._lift.controller_is_on.at(known_s):
                return None
            return self._faults.report(report_at(self._lift, known_s, story_ns, CONTROLLER_FIELDS), story_ns)


def _live_through(lift: Lift, choose: Choose, begin_s: float) -> tuple[Told, ...]:
    drop_plan(lift, begin_s)
    done: list[Told] = []
    for step in choose(lift):
        done.append(Told(lift.now_s, sentence(step)))
        perform(lift, step)
    return tuple(done)
