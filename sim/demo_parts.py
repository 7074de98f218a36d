"""What the demo starts and watches: child processes with their lines, and the receiver's incidents."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_agent.errors import SourceUnavailable

_PACKAGES = str(Path(__file__).parents[1])  # the children find the packages that this process found
_LINES_MAX = 10_000
_STOP_S = 4.0
_HTTP_S = 2.0


def _module_path() -> list[str]:
    return [_PACKAGES, *filter(None, [os.environ.get("PYTHONPATH")])]


class Child:
    """A child process in a session of its own; its lines wait in a bounded queue."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self._lines: queue.Queue[str] = queue.Queue(_LINES_MAX)
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_module_path())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the demo, which then stops its children in order
        )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def lines(self) -> list[str]:
        """Lines since the last call."""
        out: list[str] = []
        while True:
            try:
                out.append(self._lines.get_nowait())
            except queue.Empty:
                return out

    def line_with(self, words: str, timeout_s: float) -> str:
        """Wait for a line that contains `words`. Raises SourceUnavailable with what was said instead."""
        heard: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=timeout_s)
            except queue.Empty:
                line = None
            if line is not None and words in line:
                return line
            if line is None or (self.has_ended and self._lines.empty()):
                said = " / ".join(heard[-4:]) or "nothing"
                raise SourceUnavailable(f"did not start; it said: {said}", subject=self.name, hint="Run it by hand")
            heard.append(line)

    def stop(self) -> None:
        """Ask it to end, then make it end. Calling it twice is allowed."""
        if not self.has_ended:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, stream: IO[str] | None) -> None:
        for line in stream or ():
            try:
                self._lines.put(line.rstrip("\n"), timeout=_STOP_S)
            except queue.Full:
                continue


@dataclass(frozen=True, slots=True)
class SeenIncident:
    """One incident as the receiver tells it."""

    key: str
    name: str
    title: str
    place: str
    is_taken_over: bool
    is_condition_gone: bool


class ReceiverView:
    """Asks the receiver's own interface, as a dispatcher's program would."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def incidents(self) -> tuple[SeenIncident, ...]:
        """All incidents; nothing where the receiver does not answer now."""
        answer = self._ask(urllib.request.Request(f"{self.url}/v1/incidents"))
        rows = answer.get("incidents", []) if isinstance(answer, dict) else []
        return tuple(
            SeenIncident(
                key=str(row["id"]),
                name=str(row["name"]),
                title=str(row["title"]["en"]),
                place=_place_words(row["place"]),
                is_taken_over=row["taken_over_by"] is not None,
                is_condition_gone=row["condition_gone"] is not None,
            )
            for row in rows
        )

    def take_over(self, key: str, who: str, eta_min: int) -> bool:
        """Tell that a person has taken an incident over; True if the receiver took it."""
        body = json.dumps({"act": "taken_over", "who": who, "eta_min": eta_min}).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/incidents/{key}/notice", data=body, headers={"Content-Type": "application/json"}
        )
        return self._ask(request) is not None

    def _ask(self, request: urllib.request.Request) -> object:
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_S) as response:
                answer: object = json.loads(response.read())
                return answer
        except (urllib.error.URLError, OSError, ValueError):
            return None


def _place_words(place: dict[str, object]) -> str:
    landing = place.get("landing")
    if place.get("is_between_landings"):
        return "between landings" if landing is None else f"between landings, nearest {landing}"
    return "place not known" if landing is None else f"at landing {landing}"
