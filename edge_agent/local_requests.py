"""Requests of a person at the box to the running agent: small files in a folder that only this user may write.

The asking side writes NAME.ask whole (beside, then renamed) and waits for NAME.answer. The agent looks once a second,
so there is no port and no socket that somebody else could speak to.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from edge_agent.errors import EdgeAgentError
from edge_agent.request_drop import RequestDrop

FOLDER = "requests"
REQUESTS_MAX = 16
REQUEST_BYTES_MAX = 4_096
WHO_CHARACTERS_MAX = 40
REMARK_CHARACTERS_MAX = 80
MINUTES_MIN, MINUTES_MAX = 5, 240
LOOKER_CHARACTERS = 16
LOOK_S = 0.05
"""Ours: more requests than that are looked at a second later; a person's name and a number are short. The longest visit
is what the core takes for one (detect/visit.py)."""

DONE, REFUSED = "done", "refused"
"""The first line of the answer to a visit or a commissioning."""

_T = TypeVar("_T", int, str)


@dataclass(frozen=True, slots=True)
class EndRequest:
    """End one incident, or (None) every alarm whose condition is gone. who: as they call themselves, or ""."""

    name: str
    incident: int | None
    who: str


@dataclass(frozen=True, slots=True)
class VisitRequest:
    """Begin or finish a maintenance visit. verb: "start" or "finish"; done and faulty: item numbers, from 1.

    checklist, digest (hex), count: of its items. person "": for the end of a visit, who began it.
    """

    name: str
    verb: str
    person: str
    minutes: int
    checklist: str
    digest: str
    count: int
    done: tuple[int, ...] = ()
    faulty: tuple[int, ...] = ()
    remark: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class CommissioningRequest:
    """Record that the lift was commissioned. digest: of the sealed report, as hex; counts: of its steps by verdict."""

    name: str
    digest: str
    passed: int
    doubtful: int
    failed: int
    skipped: int
    person: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """Send live points to the socket `NAME.live` in this folder for a few seconds. looker: its NAME."""

    name: str
    looker: str


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Record that a person has changed something on the box (record 68). who: as they call themselves, or ""."""

    name: str
    what: str
    who: str


@dataclass(frozen=True, slots=True)
class AsideRequest:
    """Give the devices to a calibration, and watch again as soon as it has ended."""

    name: str
    who: str


Request = EndRequest | VisitRequest | CommissioningRequest
PageRequest = LiveRequest | ChangeRequest | AsideRequest
"""What the installer's page asks for; the shell answers it, the core never sees it."""


class RequestFolder:
    """Both sides of the folder."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / FOLDER

    def take(self) -> tuple[Request | PageRequest, ...]:
        """What was asked since the last call; files that are no request are removed. Never raises."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._path) if entry.name.endswith(".ask"))
        except OSError:
            return ()
        found = []
        for file_name in names[:REQUESTS_MAX]:
            path = self._path / file_name
            request = _request_in(path)
            if request is not None:
                found.append(request)
            try:
                path.unlink()
            except OSError:
                return ()  # a folder that cannot be emptied would ask the same for ever
        return tuple(found)

    def answer(self, request: Request | PageRequest, sentences: tuple[str, ...]) -> None:
        """Tell the person. Never raises: nobody may be waiting."""
        try:
            _write_whole(self._path / f"{request.name}.answer", "\n".join(sentences))
        except OSError:
            return

    @property
    def path(self) -> Path:
        """Of the folder."""
        return self._path

    def leave(self, tree: Mapping[str, object]) -> str:
        """Ask without waiting; returns the name for `fetched`. Raises OSError."""
        name = secrets.token_hex(8)
        with RequestDrop(self._path.parent, self._path.name) as drop:
            drop.leave(f"{name}.ask", json.dumps(tree))
        return name

    def fetched(self, name: str) -> str | None:
        """The answer, once; None: there is none yet. Raises OSError."""
        with RequestDrop(self._path.parent, self._path.name) as drop:
            return drop.fetch(f"{name}.answer")

    def withdraw(self, name: str) -> None:
        """Ask no longer, and leave nothing behind. Raises OSError."""
        with RequestDrop(self._path.parent, self._path.name) as drop:
            drop.remove(f"{name}.ask")
            drop.remove(f"{name}.answer")

    def ask_end(self, incident: int | None, who: str, wait_s: float) -> str:
        """Ask, and give back the agent's words. Raises `EdgeAgentError` where none come."""
        return self._ask({"incident": incident, "who": who[:WHO_CHARACTERS_MAX]}, wait_s)

    def ask_visit(self, request: VisitRequest, wait_s: float) -> tuple[bool, str]:
        """Ask for a visit to begin or end (`request.name` is drawn here): was it done, and the agent's words."""
        return self._ask_for("visit", asdict(request), wait_s)

    def ask_commissioning(self, request: CommissioningRequest, wait_s: float) -> tuple[bool, str]:
        """Ask for a record of the commissioning (`request.name` is drawn here): was it made, and the agent's words."""
        return self._ask_for("commissioning", asdict(request), wait_s)

    def _ask_for(self, what: str, tree: Mapping[str, object], wait_s: float) -> tuple[bool, str]:
        first, _, words = self._ask({what: tree}, wait_s).partition("\n")
        return first == DONE, words or first

    def _ask(self, tree: Mapping[str, object], wait_s: float) -> str:
        name = secrets.token_hex(8)
        try:
            with RequestDrop(self._path.parent, self._path.name) as drop:
                drop.leave(f"{name}.ask", json.dumps(tree))
                until_s = time.monotonic() + wait_s
                while time.monotonic() < until_s:
                    words = drop.fetch(f"{name}.answer")
                    if words is not None:
                        return words
                    time.sleep(LOOK_S)
                drop.remove(f"{name}.ask")
        except OSError as error:
            raise EdgeAgentError(
                f"the request cannot be left there: {error.strerror}",
                subject=str(self._path),
                hint="Run this as root or as the user of the agent, and look whether the disk can be written",
            ) from error
        raise EdgeAgentError(
            f"the agent has not answered within {wait_s:g} s",
            subject=str(self._path),
            hint="Is it running with this state folder? See `edge-agent status`",
        )


def _request_in(path: Path) -> Request | PageRequest | None:
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(REQUEST_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    name = path.name.removesuffix(".ask")
    try:
        if "visit" in said:
            return _visit_in(name, said["visit"])
        if "commissioning" in said:
            return _commissioning_in(name, said["commissioning"])
        if "live" in said:
            looker = _of(str, said["live"])
            return LiveRequest(name, bytes.fromhex(looker).hex()) if len(looker) == LOOKER_CHARACTERS else None
        if "change" in said:
            what = _one_line(said["change"], REMARK_CHARACTERS_MAX)
            return ChangeRequest(name, what, _one_line(said["who"], WHO_CHARACTERS_MAX)) if what else None
        if "aside" in said:
            return AsideRequest(name, _one_line(said["aside"], WHO_CHARACTERS_MAX))
    except (KeyError, TypeError, ValueError):
        return None
    incident, who = said.get("incident"), said.get("who")
    if not (incident is None or type(incident) is int) or not isinstance(who, str):
        return None
    return EndRequest(name, incident, _one_line(who, WHO_CHARACTERS_MAX))


def _visit_in(name: str, said: Mapping[str, object]) -> VisitRequest:
    verb, minutes, count = _of(str, said["verb"]), _of(int, said["minutes"]), _of(int, said["count"])
    digest = _hex(said["digest"], 8)
    if verb not in ("start", "finish") or not MINUTES_MIN <= minutes <= MINUTES_MAX or not 1 <= count <= 128:
        raise ValueError("no visit")
    return VisitRequest(
        name,
        verb,
        _one_line(said["person"], WHO_CHARACTERS_MAX),
        minutes,
        _of(str, said["checklist"]),
        digest,
        count,
        _items(said["done"], count),
        _items(said["faulty"], count),
        _one_line(said["remark"], REMARK_CHARACTERS_MAX),
        _of(str, said["language"]),
    )


def _commissioning_in(name: str, said: Mapping[str, object]) -> CommissioningRequest:
    passed, doubtful, failed, skipped = (_of(int, said[key]) for key in ("passed", "doubtful", "failed", "skipped"))
    if not all(0 <= count <= 99 for count in (passed, doubtful, failed, skipped)):
        raise ValueError("no commissioning")
    person, language = _one_line(said["person"], WHO_CHARACTERS_MAX), _of(str, said["language"])
    return CommissioningRequest(name, _hex(said["digest"], 32), passed, doubtful, failed, skipped, person, language)


def _of(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise TypeError(f"no {kind.__name__}")
    return value


def _items(value: object, count: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(item) is int and 1 <= item <= count for item in value):
        raise TypeError("no items of the list")
    return tuple(sorted(set(value)))


def _hex(value: object, size: int) -> str:
    text = _of(str, value)
    if len(bytes.fromhex(text)) != size:
        raise ValueError("no digest")
    return text


def _one_line(value: object, characters_max: int) -> str:
    return " ".join(_of(str, value).split())[:characters_max]


def _write_whole(path: Path, words: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(words, encoding="utf-8")
    beside.replace(path)
