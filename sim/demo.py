"""`lift-sim demo`: receiver, simulated lift and agent as they would run for real, told in sentences as it happens.

Receiver and agent are processes of their own. The lift lives in this one, behind an I2C socket, a GPIO socket and a
Modbus TCP server; the demo itself plays the dispatcher through the receiver's public interface.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from drivers.map_files import load_register_map
from edge_agent.alarms import Alarm, AlarmKind, AlarmState
from edge_agent.catalogue import CATALOGUE
from edge_agent.clock import SystemClock
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import limits_with
from edge_agent.recording import Recording
from sim.cli_agent_config import AgentLink, agent_config
from sim.controllers import ModbusTcpLine
from sim.demo_parts import Child, ReceiverView, SeenIncident
from sim.library import load_scenario
from sim.live import LiveLift
from sim.scenario import Moment, Played, play
from sim.tell_live import Told, told

MAP_NAME = "nice3000plus"
_START_S = 20.0
_LEAD_S = 2.5  # the agent must be armed before the story begins
_POLL_S = 0.1
_REACTION_S = 2.0  # a dispatcher reads before acting
_AFTERMATH_S = 12.0  # how long the last records may take to arrive
_WHO = "A. Dispatcher"


@dataclass(slots=True)
class _Followed:
    """One incident on its way: when it was first seen stored, taken over, gone. Seconds of the story."""

    seen: SeenIncident
    stored_s: float
    taken_over_s: float | None = None
    gone_s: float | None = None


@dataclass(slots=True)
class _Account:
    """What has happened so far."""

    raised_s: dict[str, float] = field(default_factory=dict)  # title in the agent's log, first time
    raised: list[str] = field(default_factory=list)  # titles in the order of raising
    followed: dict[str, _Followed] = field(default_factory=dict)


def run_demo(story: str, *, seed: int, is_live: bool) -> int:
    """Tell one story with everything real but the lift. 0 only if every expected alarm made the whole way."""
    scenario = load_scenario(story)
    played = play(scenario, seed)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            demo = _Demo(stack, played, is_live=is_live)
            return demo.run()
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.")
        return 0 if is_live else 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Demo:
    """One run: starts the parts, watches them, plays the dispatcher, sums up. `stack` ends everything."""

    def __init__(self, stack: ExitStack, played: Played, *, is_live: bool) -> None:
        self._played = played
        self._is_live = is_live
        self._account = _Account()
        self._is_armed = False
        self._story_s: Callable[[], float] | None = None  # None: before there is a lift
        self._tell("demo", f"{played.scenario.title}.")
        print(textwrap.fill(played.scenario.story, 110, initial_indent=" " * 21, subsequent_indent=" " * 21))
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-demo-")))
        receiver = Child("the receiver", _module("receiver", "run", "--port", "0", "--data", "receiver"), self._folder)
        stack.callback(receiver.stop)
        url = receiver.line_with("listening on", _START_S).split("listening on ", 1)[1].strip()
        self._receiver = ReceiverView(url)
        self._tell("receiver", f"listens; its live page is {url}/")
        register_map = load_register_map(MAP_NAME)
        now_ns = SystemClock().now_ns
        self._lift = LiveLift(played, self._folder, register_map, now_ns, lead_s=_LEAD_S, keeps_running=is_live)
        stack.callback(self._lift.close)
        self._story_s = lambda: self._lift.story_s
        self._lift.start()
        link = None
        if played.box.controller is not None:
            line = ModbusTcpLine({1: self._lift.served})
            stack.callback(line.close)
            link = AgentLink("modbus_tcp", line.place, name=MAP_NAME)
        config = self._folder / "agent.toml"
        config.write_text(agent_config(self._lift, url, self._folder / "state", link), encoding="utf-8")
        self._agent = Child("the agent", _module("edge_agent", "run", "--config", str(config)), self._folder)
        stack.callback(self._agent.stop)
        parts = "accelerometer registers" + (f", Modbus TCP at {link.place}" if link is not None else "")
        self._tell("demo", f"a simulated lift serves {parts}; the agent is process {self._agent.pid}")

    def run(self) -> int:
        """Follow the story to its end and judge it."""
        waiting = list(told(self._played))
        until_s = self._played.duration_s
        while not self._is_finished(until_s):
            self._say_due(waiting)
            self._hear_agent()
            self._look_at_receiver()
            if self._agent.has_ended:
                self._hear_agent()
                self._tell("demo", "the agent has ended by itself")
                return 1
            time.sleep(_POLL_S)
        self._hear_agent()
        is_good = self._sum_up()
        if self._is_live:
            self._tell("demo", f"the lift goes on in normal traffic; watch {self._receiver.url}/ and end with Ctrl-C")
            self._stay()
        return 0 if is_good else 1

    def _stay(self) -> None:
        while not self._agent.has_ended:
            self._hear_agent()
            self._look_at_receiver()
            time.sleep(_POLL_S)

    def _is_finished(self, until_s: float) -> bool:
        now_s = self._lift.story_s
        if now_s < until_s:
            return False
        return now_s > until_s + _AFTERMATH_S or (not self._open_expectations() and now_s > until_s + 1.0)

    # ---- telling

    def _tell(self, who: str, sentence: str) -> None:
        clock = "        " if self._story_s is None else f"{self._story_s():6.1f} s"
        print(f"{clock}  {who:<10} {sentence}", flush=True)

    def _say_due(self, waiting: list[Told]) -> None:
        while waiting and waiting[0].t_s <= self._lift.story_s:
            self._tell("lift", waiting.pop(0).sentence)

    def _hear_agent(self) -> None:
        for line in self._agent.lines():
            words = line.split(None, 2)
            sentence = words[-1] if line[:2].isdigit() else line
            self._is_armed = self._is_armed or sentence.startswith("Armed")
            if not self._is_armed and words[1:2] == ["info"]:
                continue  # what it was configured with
            title = sentence.partition(" RAISED, incident ")[0]
            if title != sentence:
                self._account.raised_s.setdefault(title, self._lift.story_s)
                self._account.raised.append(title)
            self._tell("agent", sentence)

    # ---- receiver and dispatcher

    def _look_at_receiver(self) -> None:
        now_s = self._lift.story_s
        for seen in self._receiver.incidents():
            followed = self._account.followed.get(seen.key)
            if followed is None:
                followed = self._account.followed[seen.key] = _Followed(seen, now_s)
                self._tell("receiver", f"has stored: {seen.title}, {seen.place}")
            if seen.is_condition_gone and followed.gone_s is None:
                followed.gone_s = now_s
                self._tell("receiver", f"has stored: {seen.title}, condition gone")
            if seen.is_taken_over and followed.taken_over_s is None:
                followed.taken_over_s = now_s
            followed.seen = seen
            is_due = followed.taken_over_s is None and now_s - followed.stored_s > _REACTION_S
            if is_due and self._receiver.take_over(seen.key, _WHO, 12):
                self._tell("dispatcher", f"{_WHO} takes over: {seen.title}; help is 12 minutes away")

    # ---- judging

    def _open_expectations(self) -> list[str]:
        """What is still missing of the expected alarms, one phrase each."""
        missing: list[str] = []
        for each in self._played.scenario.expected:
            name = each.kind.public_name
            ways = [followed for followed in self._account.followed.values() if followed.seen.name == name]
            if not ways:
                missing.append(f"{name} was not stored")
            elif ways[0].taken_over_s is None:
                missing.append(f"{name} was not taken over")
            elif each.clear_by is not None and ways[0].gone_s is None:
                missing.append(f"{name} was not cleared")
        return missing

    def _unwanted(self) -> list[str]:
        scenario = self._played.scenario
        wanted = {each.kind.public_name for each in scenario.expected}
        wanted |= {each.kind.public_name for each in scenario.allowed}
        alarms = {kind.public_name for kind in AlarmKind}
        names = {followed.seen.name for followed in self._account.followed.values()}
        return [f"{name} was raised and is not part of the story" for name in sorted((names & alarms) - wanted)]

    def _sum_up(self) -> bool:
        problems = self._open_expectations() + self._unwanted()
        print()
        for each in self._played.scenario.expected:
            ways = [way for way in self._account.followed.values() if way.seen.name == each.kind.public_name]
            if ways:
                cause_s = self._played.time_of(Moment(each.start.mark, 0.0))
                print(f"  {ways[0].seen.title}: {self._way(ways[0], cause_s)}")
        destination = self._destination()
        if destination:
            latency = destination["latency_s"]
            when = "" if latency is None else f"; decision to stored {1000 * latency:.0f} ms for the last alarm"
            print(
                f"  On the wire: {destination['sent_bytes']} bytes sent, "
                f"{destination['stored_count']} records stored{when}"
            )
        chip = self._lift.chips.accelerometer
        if chip is not None:
            print(f"  Accelerometer: {self._lift.i2c.transfer_count} bus transfers, {chip.overrun_count} samples lost")
        controller = self._lift.served.unit
        if self._played.box.controller is not None:
            print(f"  Controller: {controller.read_count} Modbus reads, {controller.write_count} attempts to write")
            if controller.write_count:
                problems.append("the agent tried to write to the controller")
        if not self._is_live:
            problems += self._replayed()
        for problem in problems:
            print(f"  NOT AS EXPECTED: {problem}")
        print("  Everything as expected." if not problems else "  The story did not go as expected.")
        return not problems

    def _replayed(self) -> list[str]:
        """The agent's own recording through the core once more: it must raise the same alarms."""
        self._agent.stop()
        recording = Recording.open(self._folder / "state" / "ring.liftrec")
        meta = recording.meta
        detector = Detector(
            meta.installation,
            limits_with(meta.limits),
            first_incident=meta.first_incident,
            resumed=meta.resumed,
            baselines=meta.baselines,
        )
        again = [
            CATALOGUE[conclusion.kind].title_en
            for reading in recording
            for conclusion in detector.step(reading)
            if isinstance(conclusion, Alarm) and conclusion.state is AlarmState.RAISED
        ]
        if again == self._account.raised:
            print(f"  Replay of the agent's own recording: the same {len(again)} alarms")
            return []
        return [f"the replay of the recording raises {again or 'nothing'}, the run raised {self._account.raised}"]

    def _way(self, way: _Followed, from_s: float) -> str:
        raised_s = self._account.raised_s.get(way.seen.title)
        parts = [] if raised_s is None else [f"raised {raised_s - from_s:.1f} s after its cause"]
        if way.taken_over_s is not None:
            parts.append(f"taken over after {way.taken_over_s - from_s:.1f} s")
        if way.gone_s is not None:
            parts.append(f"cleared after {way.gone_s - from_s:.1f} s")
        return ", ".join(parts)

    def _destination(self) -> dict[str, float | None]:
        try:
            status = json.loads((self._folder / "state" / "status.json").read_text(encoding="utf-8"))
            found: dict[str, float | None] = status["destinations"][0]
            return found
        except (OSError, ValueError, LookupError):
            return {}


def _module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]
