"""Commands for a served fleet from outside: lines of text on a UNIX socket, and the client that sends one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from edge_agent.errors import EdgeAgentError
from sim.buses_server import CHUNK_BYTES, LineServer

SOCKET_NAME = "control.sock"
_ANSWER_S = 10.0


class ControlServer(LineServer):
    """`obey` is called for one line at a time; its answer ends with a line that begins with ok or err."""

    def __init__(self, path: Path, obey: Callable[[str], str]) -> None:
        self._obey = obey
        super().__init__(path, "control")

    def _answer(self, line: str) -> str:
        return self._obey(line)


def told_over(path: Path, line: str) -> tuple[str, bool]:
    """What a fleet at `path` answers to a line, and whether it obeyed. Raises EdgeAgentError."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ANSWER_S)
            client.connect(str(path))
            client.sendall(line.replace("\n", " ").encode("utf-8") + b"\n")
            while not _is_whole(answer):
                chunk = client.recv(CHUNK_BYTES)
                if not chunk:
                    break
                answer += chunk
    except OSError as error:
        raise EdgeAgentError(
            f"no served lift can be told anything here: {error.strerror or error}",
            subject=str(path),
            hint="Start one with: lift-sim serve --folder DIR, and name the same folder",
        ) from error
    text = answer.decode("utf-8", errors="replace").rstrip("\n")
    return text, text.rpartition("\n")[2].startswith("ok ")


def _is_whole(answer: bytes) -> bool:
    last = answer.rstrip(b"\n").rpartition(b"\n")[2]
    return answer.endswith(b"\n") and last.startswith((b"ok ", b"err "))
