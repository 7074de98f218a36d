"""Puts a signed package of the agent in place, and takes the one before again where the box is not well with it.

A file of its own that needs nothing of the package while it works: the package is replaced under it. A journal on the
disk says which step is under way; a power cut leaves the box with one version or the other, and the next start goes on
from there. Good is: a receiver has stored a record since the update, and the agent has run on for ten minutes, armed
and watched. Exit codes: 0 done, 1 refused, 2 the input cannot be used, 3 the machine is unable.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

NAME = "lift-edge-agent"
PROGRAM = ("updater.py", "updater_machine.py")  # copied beside the journal: they must outlive the package
IN_DANGER = ("entrapment", "alarm_button", "unintended_movement", "overspeed", "door_open_in_motion")
"""Incidents of the alarm stream, suspected or raised: no update while one is open. A test holds it to the catalogue."""
FRESH_S = 10.0
ANSWER_S = 900.0  # a receiver that has answered within so long can judge the new version by a receipt: ours
WATCH_S, RECEIPT_S = 600.0, 1800.0
DEATHS_MAX = 2  # more of them during the check, and the version is no good: ours
INSTALL_TRIES, CHECK_TRIES, BACK_TRIES = 3, 5, 10
ROOM_FACTOR = 8  # bytes that must be free for one of a package: two packages, their content, what dpkg lays beside
STAGED, INSTALLING, CHECKING, GOING_BACK = "staged", "installing", "checking", "going_back"
KEPT, WENT_BACK, STUCK = "kept", "went_back", "stuck"
ENDS = (KEPT, WENT_BACK, STUCK)


class Refused(Exception):
    """Not now, or not this package; the message says why and what to do."""


class Unusable(Exception):
    """The file or its signature is not what it must be."""


@dataclass(frozen=True)
class Package:
    """A package file: its version and digest."""

    version: str
    sha256: str


@dataclass(frozen=True)
class Journal:
    """What is under way. tries: of this step. told: what was said so far."""

    step: str
    new: Package
    old: Package
    watch_s: float
    receipt_s: float
    is_forced: bool = False
    tries: int = 0
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """The agent as it says itself, just now. pid 0: nothing fresh is known of it."""

    pid: int = 0
    is_armed: bool = False
    incidents: tuple[str, ...] = ()
    stored_count: int = 0  # since it was started, over all receivers
    answer_age_s: float | None = None


class Machine(Protocol):
    """What is asked of dpkg, systemd and the running agent."""

    def installed(self) -> str:
        """Version that is installed and whole; "" for none."""

    def described(self, file: Path) -> dict[str, str]:
        """Package, Version, Architecture of a file; empty where it is no package."""

    def is_newer(self, version: str, than: str) -> bool:
        """As dpkg orders them."""

    def altered(self) -> tuple[str, ...]:
        """Installed files that are not as they were delivered."""

    def install(self, file: Path) -> str:
        """ "" when it is installed and configured; else what dpkg said."""

    def pack_again(self, to: Path) -> None:
        """A package of what is installed."""

    def seen(self) -> Seen:
        """The agent now."""

    def service_pid(self) -> int:
        """Of the service while it is active; 0: it is not."""

    def now_s(self) -> float:
        """Seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Updater:
    """See the module. folder: its own, on the disk, root's only."""

    def __init__(self, folder: Path, keys: tuple[Path, ...], machine: Machine, say: Callable[[str], None]) -> None:
        """keys: files of public keys, PEM; a signature of any of them counts."""
        self._folder, self._keys, self._machine, self._say = folder, keys, machine, say
        self._journal_path = folder / "journal.json"

    def journal(self) -> Journal | None:
        """What is under way or was the last; None: nothing. Raises Unusable for a damaged one."""
        try:
            said = json.loads(self._journal_path.read_text(encoding="utf-8"))
            packages = {name: Package(**said.pop(name)) for name in ("new", "old")}
            return Journal(**packages, **{**said, "told": tuple(said["told"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Unusable(f"{self._journal_path}: damaged ({error}). Delete it and update again") from error

    def stage(
        self,
        file: Path,
        signature: Path,
        watch_s: float = WATCH_S,
        receipt_s: float = RECEIPT_S,
        *,
        is_forced: bool = False,
        may_be_older: bool = False,
    ) -> Journal:
        """Look at everything, lay the package aside, and begin. Raises Refused, Unusable, OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        under_way = self.journal()
        if under_way is not None and under_way.step not in ENDS:
            raise Refused(f"an update to {under_way.new.version} is under way ({under_way.step}); wait for its end")
        if shutil.disk_usage(self._folder).free < ROOM_FACTOR * file.stat().st_size:
            raise Refused(f"too little room under {self._folder}: free {ROOM_FACTOR} times the size of the package")
        staged = self._folder / "new.deb"
        shutil.copyfile(file, staged)
        self._check_signature(staged, signature)
        new = self._described(staged, may_be_older)
        if not is_forced:
            self._refuse_at_a_bad_time()
        old = self._keep_present()
        _sync(staged)
        for name in PROGRAM:
            shutil.copyfile(Path(__file__).with_name(name), self._folder / name)
            _sync(self._folder / name)
        journal = Journal(STAGED, new, old, watch_s, receipt_s, is_forced)
        return self._turn(journal, STAGED, f"{new.version} is laid aside, {old.version} is kept to go back to")

    def resume(self) -> Journal | None:
        """Go on until the end; None: nothing is under way. Called again after a power cut it goes on from there."""
        journal = self.journal()
        steps = {
            STAGED: self._wait,
            INSTALLING: self._install,
            CHECKING: self._check,
            GOING_BACK: self._go_back,
        }
        while journal is not None and journal.step not in ENDS:
            journal = steps[journal.step](self._write(replace(journal, tries=journal.tries + 1)))
        return journal

    def is_well(self, watch_s: float, receipt_s: float) -> str:
        """ "" once the agent has got a receipt and run on for so long; else why it is not well."""
        machine = self._machine
        began_s = machine.now_s()
        pid, deaths = 0, -1
        well_since_s: float | None = None
        has_receipt = False
        while True:
            now_s, seen, active = machine.now_s(), machine.seen(), machine.service_pid()
            if active and active != pid:
                pid, deaths, well_since_s, has_receipt = active, deaths + 1, None, False
            is_up = bool(active) and seen.pid == active and seen.is_armed
            well_since_s = (now_s if well_since_s is None else well_since_s) if is_up else None
            has_receipt = has_receipt or (is_up and seen.stored_count > 0)
            if deaths > DEATHS_MAX:
                return f"the agent died {deaths} times"
            if has_receipt and well_since_s is not None and now_s - well_since_s >= watch_s:
                return ""
            if not has_receipt and now_s - began_s >= receipt_s:
                return f"no receiver has stored a record within {receipt_s:.0f} s"
            if now_s - began_s >= receipt_s + 2 * watch_s:
                return f"the agent did not run on for {watch_s:.0f} s"
            machine.sleep(1.0)

    def _wait(self, journal: Journal) -> Journal:
        while not journal.is_forced and (open_now := _in_danger(self._machine.seen())):
            self._say(f"waiting: {open_now} is open")
            self._machine.sleep(60.0)
        return self._turn(journal, INSTALLING, f"installing {journal.new.version}")

    def _install(self, journal: Journal) -> Journal:
        if journal.tries > INSTALL_TRIES:
            return self._turn(journal, GOING_BACK, "the power failed again and again while installing")
        problem = self._put_in_place(self._folder / "new.deb", journal.new)
        if problem:
            return self._turn(journal, GOING_BACK, f"not installed: {problem}")
        return self._turn(journal, CHECKING, "installed; waiting for a receipt and a steady run")

    def _check(self, journal: Journal) -> Journal:
        if journal.tries > CHECK_TRIES:
            return self._turn(journal, GOING_BACK, "the box was started again and again before the check was over")
        problem = self.is_well(journal.watch_s, journal.receipt_s)
        if problem:
            return self._turn(journal, GOING_BACK, f"not well: {problem}")
        os.replace(self._folder / "new.deb", self._folder / "present.deb")
        return self._turn(journal, KEPT, f"{journal.new.version} is kept")

    def _go_back(self, journal: Journal) -> Journal:
        if journal.tries > BACK_TRIES:
            return self._turn(journal, STUCK, f"cannot go back: install {self._folder / 'old.deb'} by hand")
        problem = self._put_in_place(self._folder / "old.deb", journal.old)
        if problem:
            self._say(f"going back failed, try {journal.tries}: {problem}")
            self._machine.sleep(10.0)
            return journal
        os.replace(self._folder / "old.deb", self._folder / "present.deb")
        return self._turn(journal, WENT_BACK, f"{journal.old.version} runs again")

    def _put_in_place(self, file: Path, package: Package) -> str:
        if self._machine.installed() == package.version and not self._machine.altered():
            return ""  # the power failed after dpkg had done its work
        if not file.exists() or _digest(file) != package.sha256:
            return f"{file} is not the package that was checked"
        return self._machine.install(file)

    def _described(self, staged: Path, may_be_older: bool) -> Package:
        found = self._machine.described(staged)
        version, present = found.get("Version", ""), self._machine.installed()
        if found.get("Package") != NAME:
            raise Unusable(f"the file is no package of {NAME}")
        if not present:
            raise Refused("no whole version is installed to go back to: install this one with apt")
        if version == present:
            raise Refused(f"{version} is installed already")
        if not may_be_older and not self._machine.is_newer(version, present):
            raise Refused(f"{version} is older than {present}: an old version may have holes (--allow-older)")
        return Package(version, _digest(staged))

    def _refuse_at_a_bad_time(self) -> None:
        seen = self._machine.seen()
        if not seen.pid:
            raise Refused("the agent does not say how it is; look at it first (--force)")
        if open_now := _in_danger(seen):
            raise Refused(f"{open_now} is open: nobody updates a box while people may need it (--force)")
        if seen.answer_age_s is None or seen.answer_age_s > ANSWER_S:
            raise Refused("no receiver answers now, so that nobody could tell whether the new version works (--force)")
        if altered := self._machine.altered():
            raise Refused(f"{altered[0]} is not as it was delivered: install the present version anew first (--force)")

    def _keep_present(self) -> Package:
        """The installed package as a file: the one that was updated to, or else packed again from what is there."""
        old, present = self._folder / "old.deb", self._folder / "present.deb"
        version = self._machine.installed()
        if present.exists() and self._machine.described(present).get("Version") == version:
            shutil.copyfile(present, old)
        else:
            self._machine.pack_again(old)
        _sync(old)
        return Package(version, _digest(old))

    def _check_signature(self, staged: Path, signature: Path) -> None:
        keys = [path for path in self._keys if path.exists()]
        if not keys:
            raise Refused(f"no key to check signatures with: put it at {self._keys[0]}")
        try:
            seal = base64.b64decode(signature.read_text(encoding="ascii"), validate=False)
        except (OSError, ValueError) as error:
            raise Unusable(f"{signature}: no signature ({error})") from error
        content = staged.read_bytes()
        if not any(is_signed(content, seal, path.read_bytes()) for path in keys):
            raise Unusable(f"{signature}: not a signature of this file by {' or '.join(map(str, keys))}")

    def _turn(self, journal: Journal, step: str, sentence: str) -> Journal:
        self._say(sentence)
        return self._write(replace(journal, step=step, tries=0, told=(*journal.told, sentence)[-20:]))

    def _write(self, journal: Journal) -> Journal:
        beside = self._journal_path.with_name(".journal.new")
        beside.write_text(json.dumps(asdict(journal), indent=1) + "\n", encoding="utf-8")
        _sync(beside)
        os.replace(beside, self._journal_path)
        _sync(self._folder)
        return journal


def is_signed(content: bytes, seal: bytes, key_pem: bytes) -> bool:
    """Ed25519 over all bytes of the file."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(key_pem)
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(seal, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _in_danger(seen: Seen) -> str:
    return ", ".join(name for name in seen.incidents if name in IN_DANGER)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(folder: Path, keys: tuple[Path, ...], machine: Machine, begin: Callable[[], None], words: list[str]) -> int:
    """begin: lets another process do the work that `stage` began."""
    parser = argparse.ArgumentParser(prog="edge-agent update")
    parser.add_argument("package", type=Path, nargs="?")
    parser.add_argument("--signature", type=Path)
    parser.add_argument("--watch-s", type=float, default=WATCH_S)
    parser.add_argument("--receipt-s", type=float, default=RECEIPT_S)
    for name in ("force", "allow-older", "status", "health", "resume"):
        parser.add_argument(f"--{name}", action="store_true")
    args = parser.parse_args(words)
    updater = Updater(folder, keys, machine, lambda sentence: print(sentence, flush=True))
    try:
        if args.status:
            journal = updater.journal()
            told = ("no update yet",) if journal is None else (*journal.told, f"-> {journal.step}")
            print("\n".join(told))
            return 0 if journal is None or journal.step == KEPT else 1
        if args.health:
            problem = updater.is_well(args.watch_s, args.receipt_s)
            print(problem or "well")
            return 1 if problem else 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if args.resume:
                journal = updater.resume()
                return 0 if journal is None or journal.step == KEPT else 1
            if args.package is None:
                parser.error("name a package")
            signature = args.signature or Path(f"{args.package}.sig")
            forced, older = args.force, args.allow_older
            updater.stage(args.package, signature, args.watch_s, args.receipt_s, is_forced=forced, may_be_older=older)
        begin()
    except BlockingIOError:
        print("an update is under way: edge-agent update --status", file=sys.stderr)
        return 1
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except (Unusable, FileNotFoundError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error}. Look at the disk and try again", file=sys.stderr)
        return 3
    print("it goes on by itself: edge-agent update --status")
    return 0
