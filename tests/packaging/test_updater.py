"""An update is signed, timely and judged by a receipt; a bad one is undone, and a power cut leaves a working box."""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.alarms import AlarmKind
from edge_agent.cli import update as command
from edge_agent.records import stream_of
from edge_agent.wire import Stream
from tests.packaging.test_package import ROOT

OLD, NEW = "1.0+deb12", "1.1+deb12"


def loaded() -> ModuleType:
    """The program, which is no module of the project."""
    spec = importlib.util.spec_from_file_location("updater", ROOT / "packaging/updater.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["updater"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


updater: Any = loaded()


class PowerCut(BaseException):
    """Everything stops here."""


class Box:
    """dpkg, systemd and the agent of one box, as far as the updater asks; a package file is its version in bytes.

    good: versions with which the agent gets receipts. cut_at: the number of the call at which the power fails.
    """

    def __init__(self, good: tuple[str, ...] = (OLD, NEW)) -> None:
        self.version, self.is_whole, self.good = OLD, True, good
        self.incidents: tuple[str, ...] = ("sensor_fault",)
        self.answer_age_s: float | None = 5.0
        self.changed: tuple[str, ...] = ()
        self.time_s = 1000.0
        self.pid, self.began_s = 100, 0.0
        self.dies_every_s: float | None = None
        self.cannot_install: tuple[str, ...] = ()
        self.calls, self.cut_at = 0, -1

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.cut_at:
            raise PowerCut

    def power_up(self) -> None:
        self.cut_at = -1
        self._start()

    def _start(self) -> None:
        self.pid, self.began_s = self.pid + 1, self.time_s

    def installed(self) -> str:
        self._call()
        return self.version if self.is_whole else ""

    def described(self, file: Path) -> dict[str, str]:
        words = file.read_text(encoding="ascii").split()
        return {"Package": words[0], "Version": words[1]} if len(words) == 2 else {}

    def is_newer(self, version: str, than: str) -> bool:
        return version > than

    def altered(self) -> tuple[str, ...]:
        return self.changed

    def install(self, file: Path) -> str:
        self._call()
        version = self.described(file)["Version"]
        if version in self.cannot_install:
            return "dpkg: no space"
        self.is_whole = False
        self._call()
        self.version, self.is_whole = version, True
        self._start()
        self._call()
        return ""

    def pack_again(self, to: Path) -> None:
        to.write_text(f"lift-edge-agent {self.version}", encoding="ascii")

    def seen(self) -> Any:
        self._call()
        if not self.service_pid():
            return updater.Seen()
        is_up = self.time_s - self.began_s >= 2.0
        stored = 1 if is_up and self.version in self.good else 0
        return updater.Seen(self.pid, is_up, self.incidents, stored, self.answer_age_s)

    def service_pid(self) -> int:
        if self.dies_every_s is not None and self.version == NEW and self.time_s - self.began_s >= self.dies_every_s:
            self._start()
        return self.pid if self.is_whole else 0

    def now_s(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self._call()
        self.time_s += seconds


class Desk:
    """A box, a signed package for it, and the updater."""

    def __init__(self, folder: Path, box: Box) -> None:
        self.box, self.folder = box, folder
        self.key = Ed25519PrivateKey.generate()
        self.public = folder / "update.pub"
        self.public.write_bytes(self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.said: list[str] = []
        self.package = folder / "x.deb"
        self.sign(NEW)

    def sign(self, version: str, name: str = "lift-edge-agent") -> None:
        self.package.write_text(f"{name} {version}", encoding="ascii")
        seal = base64.b64encode(self.key.sign(self.package.read_bytes())).decode()
        (self.folder / "x.deb.sig").write_text(seal + "\n", encoding="ascii")

    @property
    def work(self) -> Any:
        return updater.Updater(self.folder / "work", (self.public,), self.box, self.said.append)

    def stage(self, **how: bool) -> None:
        self.work.stage(self.package, self.folder / "x.deb.sig", 600.0, 1800.0, **how)


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    return lambda *good: Desk(tmp_path, Box(good or (OLD, NEW)))


def test_people_in_danger_are_the_alarm_stream_of_the_catalogue() -> None:
    names = {kind.public_name for kind in AlarmKind if stream_of(kind) is Stream.ALARM}
    assert set(updater.IN_DANGER) == names


def test_a_signed_version_that_works_is_kept_after_a_receipt_and_ten_minutes(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    assert found.work.resume().step == "kept"
    assert found.box.version == NEW
    assert 600 <= found.box.time_s - found.box.began_s <= 610
    assert found.said[-1] == f"{NEW} is kept"
    assert found.box.described(found.folder / "work/present.deb")["Version"] == NEW


def test_the_program_is_laid_beside_its_journal(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    for name in updater.PROGRAM:
        assert (found.folder / "work" / name).read_bytes() == (ROOT / "packaging" / name).read_bytes()


def test_a_version_without_a_receipt_is_undone(desk: Callable[..., Desk]) -> None:
    found = desk(OLD)
    found.stage()
    assert found.work.resume().step == "went_back"
    assert found.box.version == OLD
    assert "not well: no receiver has stored a record within 1800 s" in found.said


def test_a_version_that_dies_again_and_again_is_undone(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.box.dies_every_s = 60.0
    found.stage()
    assert found.work.resume().step == "went_back"
    assert "not well: the agent died 3 times" in found.said
    assert found.box.time_s < 1000.0 + 300.0


def test_a_version_that_cannot_be_installed_is_undone(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.box.cannot_install = (NEW,)
    found.stage()
    assert found.work.resume().step == "went_back"
    assert "not installed: dpkg: no space" in found.said


def test_the_second_update_goes_back_to_the_file_of_the_first(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    found.work.resume()
    found.box.good = (NEW,)
    found.sign("1.2+deb12")
    found.stage()
    assert found.work.resume().step == "went_back"
    assert found.box.version == NEW


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda d: d.package.write_text("lift-edge-agent 9"), "not a signature of this file"),
        (lambda d: (d.folder / "x.deb.sig").write_text("!"), "not a signature"),
        (lambda d: (d.folder / "x.deb.sig").unlink(), "no signature"),
        (lambda d: d.public.write_bytes(other_key()), "not a signature"),
        (lambda d: d.public.write_text("nonsense"), "not a signature"),
        (lambda d: d.public.unlink(), "no key"),
        (lambda d: d.sign(NEW, "another"), "no package of lift-edge-agent"),
        (lambda d: d.sign("0.9"), "is older"),
        (lambda d: d.sign(OLD), "installed already"),
        (lambda d: setattr(d.box, "incidents", ("sensor_fault", "entrapment")), "entrapment is open"),
        (lambda d: setattr(d.box, "answer_age_s", None), "no receiver answers"),
        (lambda d: setattr(d.box, "answer_age_s", 901.0), "no receiver answers"),
        (lambda d: setattr(d.box, "changed", ("/opt/x",)), "not as it was delivered"),
        (lambda d: setattr(d.box, "is_whole", False), "no whole version"),
    ],
)
def test_what_speaks_against_an_update_is_said_and_nothing_changes(
    desk: Callable[..., Desk], spoil: Callable[[Desk], object], why: str
) -> None:
    found = desk()
    spoil(found)
    with pytest.raises((updater.Refused, updater.Unusable), match=why):
        found.stage()
    assert found.work.journal() is None
    assert found.box.version == OLD


def other_key() -> bytes:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_person_may_insist_but_never_on_a_bad_signature(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.box.incidents, found.box.answer_age_s = ("entrapment",), None
    found.package.write_text("lift-edge-agent 9", encoding="ascii")
    with pytest.raises(updater.Unusable):
        found.stage(is_forced=True, may_be_older=True)
    found.sign("0.9")
    found.stage(is_forced=True, may_be_older=True)
    assert found.work.journal().step == "staged"


def test_an_alarm_between_the_check_and_the_installation_is_waited_for(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    found.box.incidents = ("entrapment",)
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        seen.append(seconds)
        found.box.time_s += seconds
        if len(seen) == 3:
            found.box.incidents = ()

    found.box.sleep = sleep  # type: ignore[method-assign]
    assert found.work.resume().step == "kept"
    assert seen[:3] == [60.0] * 3
    assert found.said.count("waiting: entrapment is open") == 3


def test_no_second_update_begins_while_one_is_under_way(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    with pytest.raises(updater.Refused, match="is under way"):
        found.stage(is_forced=True)


def test_a_file_that_is_not_the_one_that_was_checked_is_not_installed(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    (found.folder / "work/new.deb").write_text("lift-edge-agent 6.6.6", encoding="ascii")
    assert found.work.resume().step == "went_back"
    assert found.box.version == OLD


def test_a_damaged_journal_is_said_and_not_guessed_at(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    (found.folder / "work/journal.json").write_text('{"step": "staged"}', encoding="utf-8")
    with pytest.raises(updater.Unusable, match="damaged"):
        found.work.resume()


@pytest.mark.parametrize(("good", "end"), [((OLD, NEW), NEW), ((OLD,), OLD)])
def test_a_power_cut_at_any_call_leaves_a_working_box(tmp_path: Path, good: tuple[str, ...], end: str) -> None:
    cut_at, was_cut = 0, True
    while was_cut:
        cut_at += 1 if cut_at < 30 else 97  # all of the beginning, then some of the long wait
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        found = Desk(folder, Box(good))
        found.stage()
        found.box.calls, found.box.cut_at = 0, cut_at
        was_cut = False
        try:
            found.work.resume()
        except PowerCut:
            was_cut = True
            found.box.power_up()
            found.work.resume()
        assert (found.box.version, found.box.is_whole) == (end, True), f"cut at call {cut_at}"
    assert cut_at > 200


def test_a_box_that_loses_power_again_and_again_while_it_is_judged_goes_back(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.stage()
    for _ in range(10):
        found.box.calls, found.box.cut_at = 0, 40
        try:
            found.work.resume()
        except PowerCut:
            found.box.power_up()
    assert found.work.journal().step == "went_back"
    assert found.box.version == OLD


def test_the_signing_tool_and_the_box_agree(tmp_path: Path) -> None:
    package, key = tmp_path / "a.deb", tmp_path / "key.pem"
    package.write_bytes(b"content")
    for _ in range(2):  # the first makes the key
        subprocess.run([sys.executable, str(ROOT / "packaging/sign.py"), str(key), str(package)], check=True)
    seal = base64.b64decode((tmp_path / "a.deb.sig").read_text(encoding="ascii"))
    public = (tmp_path / "key.pem.pub").read_bytes()
    assert updater.is_signed(b"content", seal, public)
    assert not updater.is_signed(b"Content", seal, public)
    assert key.stat().st_mode & 0o077 == 0


def test_the_command_and_the_program_know_the_same_options() -> None:
    text = (ROOT / "packaging/updater.py").read_text(encoding="utf-8")
    for name in command.FLAGS:
        assert f'"{name.replace("_", "-")}"' in text
