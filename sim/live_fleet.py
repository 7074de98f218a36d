"""Several served lifts on shared lines, and what a command does to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from edge_agent.errors import EdgeAgentError
from sim.controllers import ModbusLine
from sim.faults import Window
from sim.live import LiveLift
from sim.live_chips import FULL_SCALE_MPS2
from sim.live_commands import Command, FaultCommand, Plain, Plug, UnplugCommand, command_from, help_text
from sim.live_faults import fault_words, live_fault
from sim.one_word_stories import Story, steps_of
from sim.steps import Step
from sim.tell_live import Told
from sim.words import StoryError

_OK, _ERR = "ok", "err"


class Pluggable(Protocol):
    """What can be pulled out and put back."""

    def unplug(self) -> None:
        """Pull it out."""
        ...

    def plug_in(self) -> None:
        """Put it back. Raises OSError."""
        ...


class Fleet:
    """All lifts by number and all Modbus lines by kind. `tend` is to be called about ten times a second."""

    def __init__(
        self, lifts: Mapping[int, LiveLift], lines: Mapping[Plug, ModbusLine], now_ns: Callable[[], int], speed: float
    ) -> None:
        self.lifts, self.lines = lifts, lines
        self._now_ns, self._speed = now_ns, speed
        self._pulled: dict[tuple[Plug, int], tuple[int, Pluggable]] = {}  # until when
        self._lock = threading.Lock()

    def tend(self) -> None:
        """Put back what is due."""
        with self._lock:
            for key, (until_ns, pluggable) in list(self._pulled.items()):
                if self._now_ns() >= until_ns:
                    try:
                        pluggable.plug_in()
                    except OSError:  # somebody took its place; it is tried again
                        continue
                    del self._pulled[key]

    def obey(self, line: str) -> str:
        """Do what a line of text says. The last line of the answer begins with "ok " or "err "."""
        try:
            command = command_from(line, {number: lift.landings for number, lift in self.lifts.items()})
            rows = self._general(command) or [self._obeyed(number, command) for number in command.lifts]
        except EdgeAgentError as error:
            return f"{_ERR} {error.problem}. {error.hint}"
        return "\n".join([*rows[:-1], f"{_OK} {rows[-1]}"])

    def _general(self, command: Command) -> list[str]:
        match command.order:
            case Plain.HELP:
                return [help_text(), "this was all"]
            case UnplugCommand(plug, for_s) if plug.is_shared:
                return [self._unplug(plug, 0, self.lines.get(plug), for_s)]
            case _:
                return []

    def _obeyed(self, number: int, command: Command) -> str:
        lift, order = self.lifts[number], command.order
        name = f"lift {number}"
        match order:
            case UnplugCommand(plug, for_s):
                return f"{name}: {self._unplug(plug, number, _plugged(lift, plug), for_s)}"
            case FaultCommand():
                return f"{name}: {self._spoil(lift, order)}"
            case Plain():
                return f"{name}: {self._plain(number, lift, order)}"
            case _:
                return f"{name}: {self._carried_out(name, lift, order)}"

    def _unplug(self, plug: Plug, number: int, thing: Pluggable | None, for_s: float) -> str:
        if thing is None:
            raise EdgeAgentError(f"{plug.value} is not served here", subject="command", hint="Unplug something else")
        with self._lock:
            thing.unplug()
            self._pulled[plug, number] = (self._now_ns() + round(for_s / self._speed * 1e9), thing)
        return f"{plug.value} is out for {for_s:g} s"

    def _spoil(self, lift: LiveLift, order: FaultCommand) -> str:
        if problem := lift.reason_against(order.of):
            raise EdgeAgentError(problem, subject="command", hint="See `lift-sim describe` for what a story has fitted")
        now_ns = round(lift.story_s * 1e9)
        window = Window(now_ns, now_ns + round(order.for_s * 1e9))
        lift.spoil(live_fault(order.of, order.kind, window, order.amount, FULL_SCALE_MPS2))
        return f"{order.of} is {order.kind.value} for {order.for_s:g} s"

    def _plain(self, number: int, lift: LiveLift, order: Plain) -> str:
        match order:
            case Plain.STATE:
                return _state(lift)
            case Plain.FAULTS:
                pulled = [plug.value for plug, of in self._pulled if of in (0, number)]
                wrong = [fault_words(fault) for fault in lift.what_is_wrong()]
                return "; ".join([*wrong, *(f"{plug} is out" for plug in pulled)]) or "nothing is wrong"
            case Plain.HEAL:
                lift.heal()
                with self._lock:
                    for key, (_, thing) in list(self._pulled.items()):
                        self._pulled[key] = (0, thing)
                return "everything is put right"
            case Plain.HOLD:
                lift.hold()
                return "stands from the next moment on when car and doors stand still, until go"
            case _:
                return "normal traffic goes on" if lift.go() else "not fit for traffic as it stands: free it"

    def _carried_out(self, name: str, lift: LiveLift, order: Step | Story) -> str:
        try:
            done = lift.carry_out(lambda truth: steps_of(truth, order) if isinstance(order, Story) else iter((order,)))
        except StoryError as error:
            raise EdgeAgentError(f"{name}: {error}", subject="command", hint="See state") from error
        return _told(done, lift.story_s)


def _plugged(lift: LiveLift, plug: Plug) -> Pluggable | None:
    """What of one lift hangs on a plug."""
    match plug:
        case Plug.I2C:
            return lift.i2c
        case Plug.GPIO:
            return lift.gpio
        case Plug.MODEM:
            return lift.modem
        case _:
            return lift.serial


def _told(done: tuple[Told, ...], now_s: float) -> str:
    if not done:
        return "nothing is to be done"
    return f"in {max(0.0, done[0].t_s - now_s):.1f} s " + ", then ".join(each.sentence for each in done)


def _state(lift: LiveLift) -> str:
    said = replace(lift.truth(), t_ns=0)
    parts = [f"{lift.story_s:.1f} s", f"height {lift.height_m():.2f} m", f"floor {said.floor}"]
    parts += [f"{said.speed_mps:g} m/s", f"door {said.door.value if said.door else '?'}"]
    parts += [f"mode {said.mode.value if said.mode else '?'}", f"fault {said.fault}", f"load {said.load_percent:g} %"]
    return ", ".join(parts)
