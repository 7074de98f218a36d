"""Counts the running agent under emulation, against a simulated lift and a receiver that run beside it unemulated.

`agent.py FOLDER SECONDS -- COMMAND...`: the command starts the agent with the counter; @BINDS@ in it is replaced by
what makes the folder of the lift visible to it. Whether the slow agent kept up is said by the samples it lost.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from counted import Look, between, looks

from benchmarks.material import TRAFFIC
from benchmarks.rig import ARMED, Rig

ARMED_WITHIN_S = 240.0
SETTLE_S = 15.0
MAIN = "main loop"


def main() -> int:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    command = sys.argv[4:]
    with Rig(400, TRAFFIC.format(for_s=1800)) as rig, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(rig.folder / "ear"))
        ear.settimeout(ARMED_WITHIN_S)
        binds = ["--bind", f"{rig.folder}:{rig.folder}", "--bind", f"{folder}:/out", "--cwd", str(rig.folder)]
        binds += ["--env", "COUNT_OUT=/out/agent", "--env", "NAMES=/out/names"]
        binds += ["--env", f"NOTIFY_SOCKET={rig.folder}/ear"]
        at = command.index("@BINDS@")
        log = (folder / "agent.log").open("w", encoding="utf-8")
        full = [*command[:at], *binds, *command[at + 1 :], "run", "--config", str(rig.config)]
        agent = subprocess.Popen(full, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while ear.recv(4096) != ARMED:
                pass
            time.sleep(SETTLE_S + seconds)
            status = json.loads((rig.state_folder / "status.json").read_text(encoding="utf-8"))
        except TimeoutError:
            print("FAIL  the agent was not armed in time:", (folder / "agent.log").read_text(encoding="utf-8")[-2000:])
            return 1
        finally:
            agent.terminate()
            agent.wait()
            log.close()
    found = looks((folder / "agent").read_text(encoding="ascii").splitlines(keepends=True))
    ticks = [look for look in found if look.name == "tick"]
    last = ticks[-2]
    first = min(ticks, key=lambda look: abs(last.ms - look.ms - seconds * 1000))
    _tell(first, last, _names(folder / "names"))
    print("sources:", json.dumps(status.get("sources"))[:2000])
    return 0


def _names(path: Path) -> dict[int, str]:
    rows = (line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {int(tid): name for tid, name in rows}


def _tell(first: Look, last: Look, names: dict[int, str]) -> None:
    span_s = (last.ms - first.ms) / 1000
    done = between(first, last)
    total = sum(count.instructions for count in done.values()) / 1e6 / span_s
    calls = sum(count.calls for count in done.values()) / span_s
    print(f"agent, {span_s:.0f} s: {total:.1f} million instructions and {calls:.0f} system calls a second; by threads:")
    for tid, count in sorted(done.items(), key=lambda item: -item[1].instructions):
        millions = count.instructions / 1e6 / span_s
        if millions >= 0.01:
            print(f"  {names.get(tid, MAIN):24} {millions:8.2f} {count.calls / span_s:8.0f}")


if __name__ == "__main__":
    sys.exit(main())
