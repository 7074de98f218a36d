"""hand.py RUN_VM MACHINE SHARE: the power-cut proof of the outbox.

The machine of `labs/machine` commits alarms and telemetry with the real outbox on an ext4 disk that forgets what was
not flushed (`disk.py`), and tells each commit over its serial port after it has returned (`writer.py`). Two ways to cut
the power, each judged by `judge.py`:

- states: one run's log of writes and flushes, cut off anywhere, with any part of the unflushed writes, mounted here;
- cuts: the machine is killed while it works and started again on what its disk has kept, several times in a row.

States once more on a disk that fails the first write after each receipt: what is refused is tried again.

Then the controls: the same with PRAGMA synchronous=NORMAL and OFF behind the outbox's back must lose what was told.
Environment: SEED (drawn and printed), STATES (400), CUTS (5). Exits with 0 only if nothing was lost and every control
lost something.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from disk import Disk, Flushed, Told, Written, keep_some, take
from judge import Account, Found, examine

from edge_agent.errors import EdgeAgentError

DISK_BYTES = 48 << 20
COMMITS = 1_500  # in the run whose log is cut off; long enough for the outbox to write its log back
FAILING_COMMITS = 150
CONTROL_COMMITS = 300
CONFIRMS_BUT, CONFIRMS_BUT_FAILING = 80, 5  # so many records of each stream the receiver does not confirm
REFUSED_MAX = 20
LAST_OF_RECEIPT = "confirms 2"
CONTROL_STATES = 60
CONTROL_CUTS = 2
COMMITS_BEFORE_CUT = (40, 400)
COMMANDS_BEFORE_CUT = 12  # so many commands of the disk at most after the last commit that was heard
CODE = ("-drive", "file=code.img,format=raw,readonly=on,if=none,id=code", "-device", "virtio-blk-pci,drive=code")
PATIENCE_S = 600.0
WORDS_MAX = 5


@dataclass(slots=True)
class Verdict:
    """How many power cuts were judged, and what was wrong after which."""

    judged: int = 0
    told: int = 0
    bad: int = 0
    lost: int = 0  # records, over all that were judged

    def add(self, where: str, missing: list[str], wrong: list[str]) -> None:
        """Count one; say the first few."""
        self.judged += 1
        self.lost += len(missing)
        self.bad += bool(missing or wrong)
        if (missing or wrong) and self.bad <= WORDS_MAX:
            print(f"    {where}: {len(missing)} lost; " + "; ".join([*wrong, *missing][:3]))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried with one way of syncing. careless: see `Lab`; then it must lose."""

    name: str
    careless: str | None
    commits: int
    states: int
    cuts: int
    is_failing: bool = False


class Lab:
    """The machine, its disk and one account of what it has told."""

    def __init__(self, run_vm: Path, machine: Path, share: Path, seed: int, plan: Plan) -> None:
        self._command = [str(run_vm), str(machine), "--share", str(share), "--fast", "--limit", "3600", "--"]
        self._share = share
        self._seed = seed
        self._plan = plan
        self._life = 0
        self.disk = Disk(formatted())
        self.account = Account()

    def live(self, commits: int, cut: random.Random | None = None) -> Found:
        """One power-up: until `commits` are heard and the power is cut. Returns what it found when it started.

        cut: the power goes some commands of the disk later, not at once.
        """
        self._life += 1
        life = {"seed": self._seed, "life": self._life, "careless": self._plan.careless}
        life["confirms_but"] = CONFIRMS_BUT_FAILING if self._plan.is_failing else CONFIRMS_BUT
        (self._share / "life.json").write_text(json.dumps(life))
        for name in ("nbd.sock", "tty1.sock", "qemu.pid", "found.json"):
            (self._share / name).unlink(missing_ok=True)
        self.disk.serve(self._share / "nbd.sock")
        block = f"driver=nbd,node-name=power,server.type=unix,server.path={self._share / 'nbd.sock'}"
        run = subprocess.Popen(
            [*self._command, *CODE, "-blockdev", block, "-device", "virtio-blk-pci,drive=power,write-cache=on"],
            stderr=subprocess.DEVNULL,
        )
        later = threading.Timer(1.0, self._kill)  # where the disk has nothing to do
        try:
            with connected(self._share / "tty1.sock") as port:
                self._hear(port, commits, later, None if cut is None else cut.randint(0, COMMANDS_BEFORE_CUT))
        finally:
            later.cancel()
            self.disk.on_command = lambda: None
            self._kill()
            run.wait()
        return Found(**json.loads((self._share / "found.json").read_text()))

    def _hear(self, port: socket.socket, commits: int, later: threading.Timer, commands: int | None) -> None:
        """Answer each line. commands: of the disk, between the last commit awaited and the cut."""
        heard = refused = 0
        for line in lines(port):
            self.disk.told(line)
            self.account.hear(line)
            heard += line.startswith("committed")
            if line.startswith("refused") and not self._plan.is_failing:
                raise RuntimeError(f"the outbox of the machine says: {line}")
            refused = refused + 1 if line.startswith("refused") else 0
            if refused > REFUSED_MAX:
                return  # the disk has failed a write of the file system itself, which is read-only from now on
            if line.startswith(LAST_OF_RECEIPT) and self._plan.is_failing:
                self.disk.refuses_next = True
            if heard == commits:
                if commands is None:
                    return
                self.disk.on_command = self._countdown(commands)
                if not later.is_alive():
                    later.start()
            try:
                port.sendall(b"\n")
            except ConnectionError:
                break
        if heard < commits:
            raise RuntimeError(f"the machine stopped talking: {(self._share / 'out').read_text()[-2_000:]}")

    def _countdown(self, commands: int) -> Callable[[], None]:
        left = itertools.count(commands, -1)
        return lambda: self._kill() if next(left) == 0 else None

    def _kill(self) -> None:
        try:
            os.kill(int((self._share / "qemu.pid").read_text()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return


def make_code_disk(share: Path) -> None:
    """The agent's code and its dependencies, compiled, as a disk: file by file over the share takes minutes."""
    folder = share / "whole"
    folder.mkdir()
    for name in ("code", "deps"):
        (share / name).rename(folder / name)
    compiled = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder / "code")]
    subprocess.run([sys.executable, *compiled], check=True)
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(folder), str(share / "code.img"), "400M"]
    subprocess.run(command, check=True, capture_output=True)


def formatted() -> bytes:
    """An empty ext4 disk, blocks of 4 KiB as on a card."""
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(DISK_BYTES)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", file.name], check=True)
        return Path(file.name).read_bytes()


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    """The far end of the machine's serial port, as soon as it is there."""
    end_s = time.monotonic() + PATIENCE_S
    with socket.socket(socket.AF_UNIX) as port:
        while True:
            try:
                port.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.05)
        port.settimeout(PATIENCE_S)
        yield port


def lines(port: socket.socket) -> Iterator[str]:
    """Whole lines only: a torn one was not heard."""
    received = b""
    while True:
        try:
            piece = port.recv(4_096)
        except ConnectionError:
            return
        if not piece:
            return
        received += piece
        while b"\n" in received:
            line, _, received = received.partition(b"\n")
            yield line.decode("ascii")


@contextmanager
def mounted(content: bytes) -> Iterator[Path]:
    """A disk in that state, as the next start finds it: ext4 replays its journal."""
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder, "image"), Path(folder, "place")
        image.write_bytes(content)
        place.mkdir()
        subprocess.run(["mount", "-t", "ext4", "-o", "loop", str(image), str(place)], check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)


def judged_states(lab: Lab, states: int, chance: random.Random) -> Verdict:
    """Cut the log of one run off at so many places, and judge each."""
    log = lab.disk.log
    verdict, account = Verdict(), Account()
    content, cache = bytearray(lab.disk.before), list[Written]()
    points = sorted(chance.sample(range(1, len(log) + 1), min(states, len(log))))
    at = 0
    for point in points:
        for entry in log[at:point]:
            take(entry, content, cache)
            if isinstance(entry, Told):
                account.hear(entry.line)
        at = point
        state = bytearray(content)
        keep_some(state, cache, chance)
        where = f"entry {point} of {len(log)}, {len(cache)} writes unflushed, {len(account.records)} records told"
        try:
            with mounted(bytes(state)) as place:
                found = examine(place / "state" / "outbox.sqlite", "after")
        except (subprocess.CalledProcessError, EdgeAgentError) as error:
            found = Found(wrong=[f"{type(error).__name__}: {error}"])
        verdict.add(where, list(account.missing(found)), found.wrong)
    verdict.told = len(account.records)
    return verdict


def judged_cuts(lab: Lab, cuts: int, chance: random.Random) -> Verdict:
    """Cut the power of the machine so many times, on one disk, and let it start again after each."""
    verdict = Verdict()
    before = Account()
    for life in range(cuts + 1):
        found = lab.live(1) if life == cuts else lab.live(chance.randint(*COMMITS_BEFORE_CUT), chance)
        if life > 0:
            verdict.add(f"cut {life}", list(before.missing(found)), found.wrong)
            verdict.told = len(before.records)
        before = lab.account.copy()
        lab.disk.lose_power(chance)
    return verdict


def tried(plan: Plan, make_lab: Callable[[Plan], Lab], seed: int) -> int:
    """Both ways, as far as planned. Returns how many went wrong."""
    failed = 0
    for way in [way for way, count in (("states", plan.states), ("cuts", plan.cuts)) if count]:
        begun_s = time.monotonic()
        chance = random.Random(f"{seed} {plan.name} {way}")
        lab = make_lab(plan)
        if way == "cuts":
            verdict = judged_cuts(lab, plan.cuts, chance)
        else:
            lab.live(plan.commits)
            writes, flushes = (sum(isinstance(entry, kind) for entry in lab.disk.log) for kind in (Written, Flushed))
            print(f"  {plan.commits} commits told, {writes} writes and {flushes} flushes of the disk", flush=True)
            if plan.is_failing and lab.disk.refused == 0:
                raise RuntimeError("the disk has failed no write")
            verdict = judged_states(lab, plan.states, chance)
        is_well = verdict.judged > 0 and (verdict.bad == 0 if plan.careless is None else verdict.lost > 0)
        failed += not is_well
        print(
            f"{'ok' if is_well else 'FAILED'} {plan.name}, {way}: {verdict.judged} judged, {verdict.bad} bad, "
            f"{verdict.lost} records lost in all; {verdict.told} records told; {time.monotonic() - begun_s:.0f} s",
            flush=True,
        )
    return failed


def main(run_vm: str, machine: str, share: str) -> int:
    """The proof, then the controls."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    states, cuts = int(os.environ.get("STATES") or 400), int(os.environ.get("CUTS") or 5)
    make_code_disk(Path(share))
    print(f"SEED={seed} STATES={states} CUTS={cuts}", flush=True)
    plans = (
        Plan("outbox as it is", None, COMMITS, states, cuts),
        Plan("disk that fails writes", None, FAILING_COMMITS, states // 4, 0, is_failing=True),
        Plan("control, synchronous=NORMAL", "NORMAL", CONTROL_COMMITS, CONTROL_STATES, 0),
        Plan("control, synchronous=OFF", "OFF", CONTROL_COMMITS, CONTROL_STATES, CONTROL_CUTS),
    )

    def make_lab(plan: Plan) -> Lab:
        return Lab(Path(run_vm), Path(machine), Path(share), seed, plan)

    failed = sum(tried(plan, make_lab, seed) for plan in plans)
    print(f"{failed} FAILED" if failed else "passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
