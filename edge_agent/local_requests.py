"""Requests of a person at the box to the running agent: small files in a folder that only this user may write.

The asking side writes NAME.ask whole (beside, then renamed) and waits for NAME.answer. The agent looks once a second,
so there is no port and no socket that somebody else could speak to.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import EdgeAgentError

FOLDER = "requests"
REQUESTS_MAX = 16
REQUEST_BYTES_MAX = 4_096
WHO_CHARACTERS_MAX = 40
LOOK_S = 0.05
"""Ours: more requests than that are looked at a second later; a person's name and a number are short."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """End one incident, or (None) every alarm whose condition is gone. who: as they call themselves, or ""."""

    name: str
    incident: int | None
    who: str


class RequestFolder:
    """Both sides of the folder."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / FOLDER

    def take(self) -> tuple[EndRequest, ...]:
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

    def answer(self, request: EndRequest, sentences: tuple[str, ...]) -> None:
        """Tell the person. Never raises: nobody may be waiting."""
        try:
            _write_whole(self._path / f"{request.name}.answer", "\n".join(sentences))
        except OSError:
            return

    def ask_end(self, incident: int | None, who: str, wait_s: float) -> str:
        """Ask, and give back the agent's words. Raises `EdgeAgentError` where none come."""
        name = secrets.token_hex(8)
        asked, answer = self._path / f"{name}.ask", self._path / f"{name}.answer"
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            _write_whole(asked, json.dumps({"incident": incident, "who": who[:WHO_CHARACTERS_MAX]}))
            until_s = time.monotonic() + wait_s
            while time.monotonic() < until_s:
                if answer.exists():
                    words = answer.read_text(encoding="utf-8")
                    answer.unlink()
                    return words
                time.sleep(LOOK_S)
            asked.unlink(missing_ok=True)
        except OSError as error:
            raise EdgeAgentError(
                f"the request cannot be left there: {error.strerror}",
                subject=str(self._path),
                hint="Run this as the user of the agent",
            ) from error
        raise EdgeAgentError(
            f"the agent has not answered within {wait_s:g} s",
            subject=str(self._path),
            hint="Is it running with this state folder? See `edge-agent status`",
        )


def _request_in(path: Path) -> EndRequest | None:
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(REQUEST_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    incident, who = said.get("incident"), said.get("who")
    if not (incident is None or type(incident) is int) or not isinstance(who, str):
        return None
    return EndRequest(path.name.removesuffix(".ask"), incident, " ".join(who.split())[:WHO_CHARACTERS_MAX])


def _write_whole(path: Path, words: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(words, encoding="utf-8")
    beside.replace(path)
