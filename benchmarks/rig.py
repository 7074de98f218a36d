"""The real thing on loopback: a simulated lift, a receiver and `edge-agent run`, each a process."""

from __future__ import annotations

import importlib.util
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.material import story_text
from benchmarks.processes import BenchmarkTrouble, Child
from edge_agent.clock import SystemClock

START_S = 20.0
ARMED = b"READY=1"


def missing_parts() -> tuple[str, ...]:
    """Why there can be no rig on this machine, one sentence each."""
    found = []
    if importlib.util.find_spec("aiohttp") is None:
        found.append("the receiver is not installed: pip install --editable '.[receiver]'")
    if not Path("/proc/self/smaps_rollup").exists():
        found.append("the kernel does not tell what a process uses: this needs Linux 4.14 or newer")
    return tuple(found)


class Rig:
    """Lift and receiver, up and running; `agent` starts an agent against them. `with` ends everything."""

    def __init__(self, rate_hz: int, steps: str) -> None:
        self._stack = ExitStack()
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-bench-")))
            receiver = ["-m", "receiver", "run", "--port", "0", "--data", str(self.folder / "receiver")]
            self.receiver = self._stack.enter_context(Child(receiver, self.folder))
            self.url = self.receiver.line_with("listening on", START_S).text.split("listening on ", 1)[1].strip()
            story = self.folder / "story.toml"
            story.write_text(story_text(rate_hz, steps), encoding="utf-8")
            served = ["-m", "sim", "serve", "--story", str(story), "--seed", "1"]
            served += ["--folder", str(self.folder / "lift"), "--receiver", self.url]
            self.lift = self._stack.enter_context(Child(served, self.folder))
            said = self.lift.line_with("edge-agent run --config", START_S).text
            self.config = Path(said.split("--config ", 1)[1].strip())
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def state_folder(self) -> Path:
        """Where the agent keeps outbox, status and recording."""
        return self.config.parent / "state"


class RunningAgent:
    """One `edge-agent run`, with the ear of the service manager. `with` ends it."""

    def __init__(self, rig: Rig, *, has_named_threads: bool = False) -> None:
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ear_path = rig.folder / f"ear-{SystemClock().now_ns()}"
        self._ear.bind(str(ear_path))
        self._ear.settimeout(START_S)
        module = "benchmarks.named_threads" if has_named_threads else "edge_agent"
        arguments = ["-m", module, "run", "--config", str(rig.config)]
        self.child = Child(arguments, rig.folder, {"NOTIFY_SOCKET": str(ear_path)})
        self.armed_s = self._wait_until_armed()

    def __enter__(self) -> RunningAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop()
        self._ear.close()

    def _wait_until_armed(self) -> float:
        """Seconds from exec until the agent tells the service manager that it is ready."""
        try:
            while self._ear.recv(4096) != ARMED:
                pass
        except TimeoutError as error:
            said = " / ".join(line.text for line in self.child.lines()[-4:])
            self.__exit__()
            raise BenchmarkTrouble(f"the agent is not armed after {START_S:.0f} s; it said: {said}") from error
        return (SystemClock().now_ns() - self.child.started_ns) / 1e9
