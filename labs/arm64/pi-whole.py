"""On the emulated Pi 3B: what the whole agent costs, the kernel's work for it included.

The board's time goes by instructions (pi.sh), so the CPU time that its kernel has counted for a thread is a count of
instructions. As in `python -m benchmarks daemon`: a simulated lift in traffic behind byte-level buses, 400 Hz, ten
Modbus polls a second, doors, recording. No receiver: it would have to be started here too.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import rig
from benchmarks.daemon import MAIN, Window, watched
from benchmarks.material import TRAFFIC, story_text
from benchmarks.processes import Child
from benchmarks.rig import RunningAgent

INSTRUCTIONS_PER_S = 1e9  # pi.sh: one in 1 ns for this part
NOBODY = "http://127.0.0.1:9"
START_S = 120.0
SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Lift:
    """A simulated lift that runs, as `RunningAgent` wants it. folder: sockets; config: settings of its box."""

    folder: Path
    config: Path


def main() -> None:
    seconds, steps = float(sys.argv[1]), TRAFFIC.format(for_s=300)
    vars(rig)["START_S"] = START_S
    with tempfile.TemporaryDirectory(prefix="lift-") as name:
        folder = Path(name)
        (folder / "story.toml").write_text(story_text(400, steps), encoding="utf-8")
        served = ["-m", "sim", "serve", "--story", str(folder / "story.toml"), "--seed", "1"]
        with Child([*served, "--folder", str(folder / "lift"), "--receiver", NOBODY], folder) as lift:
            said = lift.line_with("edge-agent run --config", START_S).text
            config = Path(said.split("--config ", 1)[1].strip())
            print("the lift runs", flush=True)
            with RunningAgent(Lift(folder, config), has_named_threads=True) as agent:
                print(f"armed {agent.armed_s:.1f} s after its start", flush=True)
                time.sleep(SETTLE_S)
                before = watched(lift.pid, 0.0).use_before
                tell(watched(agent.child.pid, seconds))
                spent_s = watched(lift.pid, 0.0).use_after.cpu_s - before.cpu_s
                print(f"the simulated lift beside it: {millions(100 * spent_s / seconds):.0f} million a second")
                status = json.loads((config.parent / "state" / "status.json").read_text(encoding="utf-8"))
    for source in status["sources"]:
        print("source", json.dumps(source)[:300])


def millions(percent: float) -> float:
    """Instructions a second, from CPU time in percent of the core."""
    return percent / 100 * INSTRUCTIONS_PER_S / 1e6


def tell(window: Window) -> None:
    whole = millions(window.cpu_percent)
    print(f"agent, {window.seconds:.0f} s: {whole:.1f} million instructions a second, the kernel's for it included;")
    print(f"resident {window.memory.rss_mib:.1f} MiB; by threads, with their switches a second:")
    for name, (percent, switches) in sorted(window.by_thread().items(), key=lambda item: -item[1][0]):
        print(f"  {MAIN if name.startswith('python') else name:24} {millions(percent):8.2f} {switches:8.1f}")


if __name__ == "__main__":
    main()
