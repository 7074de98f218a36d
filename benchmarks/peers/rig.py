"""What every contender runs against, on loopback: a controller, a broker with a tap, and a relay that can be cut."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.material import ROOT
from benchmarks.peers.every_change import NAME
from benchmarks.peers.relay import Relay
from benchmarks.processes import BenchmarkTrouble
from edge_agent.cose import Seal, decode_sealed
from edge_agent.errors import WireError
from edge_agent.wire import decode_batch, decode_record

LOOK_S = 0.05
STOP_S = 10.0
_CODE = re.compile(rf"{NAME}=(\d+)")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the controller. served_ns: when the first answer with it went out; 0: nobody asked in time."""

    number: int
    set_ns: int
    served_ns: int


@dataclass(frozen=True, slots=True)
class Message:
    """What the broker handed on. numbers: the integers in it."""

    t_ns: int
    topic: str
    numbers: tuple[int, ...]


class Rig:
    """One controller, one broker. Moments are CLOCK_MONOTONIC. `with` ends everything."""

    def __init__(self, *, is_relayed: bool) -> None:
        self.stack = ExitStack()
        self.messages: list[Message] = []
        self.values: list[Value] = []
        try:
            self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-peers-")))
            self.broker_port = self._start_broker()
            self._controller, heard = self._speaker("controller", "0")
            self.modbus_port = int(heard.rsplit(maxsplit=1)[-1])
            tap, _ = self._speaker("mqtt_tap", str(self.broker_port))
            for process, take in ((self._controller, self._take_value), (tap, self._take_message)):
                threading.Thread(target=_each_line, args=(process.stdout, take), daemon=True).start()
            self.relay = Relay(self.broker_port) if is_relayed else None
            self.mqtt_port = self.broker_port if self.relay is None else self.relay.port
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def tell(self, order: str) -> None:
        """A line to the controller."""
        assert self._controller.stdin is not None
        self._controller.stdin.write(order + "\n")
        self._controller.stdin.flush()

    def wait_for(self, number: Callable[[int], bool], seconds: float) -> None:
        """Until a message holds such a number. Raises BenchmarkTrouble."""
        end_s = time.monotonic() + seconds
        while not any(number(each) for message in list(self.messages) for each in message.numbers):
            if time.monotonic() > end_s:
                topics = sorted({message.topic for message in self.messages})
                raise BenchmarkTrouble(f"nothing came through in {seconds:.0f} s; heard on {topics}")
            time.sleep(LOOK_S)

    def settle(self, number: Callable[[int], bool], quiet_s: float, most_s: float) -> None:
        """Until no message with such a number has come for so long."""
        end_s = time.monotonic() + most_s
        looked, seen_s = 0, time.monotonic()
        while time.monotonic() < min(end_s, seen_s + quiet_s):
            time.sleep(LOOK_S)
            new = self.messages[looked:]
            looked += len(new)
            if any(number(each) for message in new for each in message.numbers):
                seen_s = time.monotonic()

    def _start_broker(self) -> int:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            raise BenchmarkTrouble("no mosquitto: apt install mosquitto")
        port = free_port()
        settings = self.folder / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
            "max_queued_messages 0\nlog_type error\n",
            encoding="ascii",
        )
        broker = subprocess.Popen([program, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.stack.callback(end, broker)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(LOOK_S)
        raise BenchmarkTrouble("mosquitto does not listen")

    def _speaker(self, module: str, argument: str) -> tuple[subprocess.Popen[str], str]:
        """A process of this package and its first line."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.peers.{module}", argument],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.stack.callback(end, process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def _take_value(self, words: list[str]) -> None:
        if words[0] == "value":
            self.values.append(Value(int(words[1]), int(words[2]), int(words[3])))

    def _take_message(self, words: list[str]) -> None:
        if len(words) == 3 and words[0].isdigit():
            payload = b"" if words[2] == "-" else bytes.fromhex(words[2])
            self.messages.append(Message(int(words[0]), words[1], numbers_in(words[1], payload)))


def numbers_in(topic: str, payload: bytes) -> tuple[int, ...]:
    """The integers of a JSON message, or the codes in the records of one of our batches."""
    if topic.startswith("lift/1/"):
        return tuple(_codes_in(payload)) if topic.endswith("/up") else ()
    try:
        return tuple(_integers_in(json.loads(payload)))
    except ValueError:
        return ()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Ask, then make it."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _codes_in(batch: bytes) -> Iterator[int]:
    try:
        for item in decode_batch(batch).items:
            note = decode_record(decode_sealed(item, Seal.SIGN1).payload).note or ""
            yield from (int(code) for code in _CODE.findall(note))
    except WireError:
        return


def _integers_in(tree: object) -> Iterator[int]:
    match tree:
        case bool():
            return
        case int():
            yield tree
        case dict():
            for each in tree.values():
                yield from _integers_in(each)
        case list():
            for each in tree:
                yield from _integers_in(each)


def _each_line(stream: IO[str] | None, take: Callable[[list[str]], None]) -> None:
    for line in stream or ():
        take(line.split())
