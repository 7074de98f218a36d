"""A page for tests: real sockets, a clock set by hand, an agent that is a status file or none."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.local_requests import RequestFolder
from edge_agent.page.address import listening
from edge_agent.page.app import BoxPage, Changes
from edge_agent.page.calibrating import Calibrating, Opener
from edge_agent.page.door import Door
from edge_agent.page.finding import Finder
from edge_agent.page.guard import HEADERS, Guard
from edge_agent.page.live_ear import LiveEar
from edge_agent.page.web import WebServer

S = 1_000_000_000
PIN = "12345678"
BOOT = "boot-1"


@dataclass
class HandTime:
    """Nanoseconds, moved by hand."""

    now: int = 1_000 * S

    def now_ns(self) -> int:
        return self.now

    def now_s(self) -> float:
        return self.now / S

    def pass_s(self, seconds: float) -> None:
        self.now += round(seconds * S)


@dataclass
class Said:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class Served:
    """A page behind its server, turned by hand."""

    folder: Path
    opener: Opener = lambda _is_fresh: None
    finder: Finder | None = None
    minutes: int = 30
    time: HandTime = field(default_factory=HandTime)

    def __post_init__(self) -> None:
        listener = listening("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self.ear = LiveEar(self.folder)
        self.changes = Changes(RequestFolder(self.folder))
        self.calibrating = Calibrating(self.opener, self.folder, self.ear, self.changes.tell, self.finder)
        self.page = BoxPage(
            state_folder=self.folder,
            lift="north-1",
            boot=BOOT,
            guard=Guard("127.0.0.1", self.port),
            door=Door(self.folder, PIN, BOOT),
            calibrating=self.calibrating,
            ear=self.ear,
            tell=self.changes.tell,
            now_ns=self.time.now_ns,
            ends_ns=self.time.now + self.minutes * 60 * S,
        )
        self.server = WebServer(listener, self.page.respond, self.time.now_s)
        self.server.always_with(HEADERS)
        self.cookie = ""

    def close(self) -> None:
        self.page.close()
        self.server.close()

    def connect(self) -> socket.socket:
        """A connection that the server has taken."""
        client = socket.create_connection(("127.0.0.1", self.port), 5.0)
        client.settimeout(5.0)
        self.turn()
        return client

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.server.turn(0.01)
            self.page.turn()

    def raw(self, data: bytes) -> Said | None:
        """What comes back for these bytes on a connection of their own; None: it was closed without a word."""
        client = self.connect()
        try:
            client.sendall(data)
            self.turn(6)
            return read(client, self.turn)
        finally:
            client.close()

    def ask(self, method: str, path: str, values: object = None, *, without: str = "", **headers: str) -> Said:
        """A request as a browser sends it. headers: others, with _ for -. without: one that is left out."""
        body = b"" if values is None else json.dumps(values).encode("utf-8")
        host = f"127.0.0.1:{self.port}"
        said = {"Host": host, "Content-Length": str(len(body))}
        if method == "POST":
            said |= {"Origin": f"http://{host}", "Content-Type": "application/json"}
        if self.cookie:
            said["Cookie"] = self.cookie
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        said.pop(without, None)
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        answer = self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        assert answer is not None
        return answer

    def enter(self, pin: str = PIN, who: str = "Li") -> Said:
        answer = self.ask("POST", "/api/enter", {"pin": pin, "who": who})
        if answer.status == 204:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


def read(client: socket.socket, turn: Callable[[], None]) -> Said | None:
    """One whole answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        turn()
        try:
            got = client.recv(65_536)
        except ConnectionError:
            return None
        if not got:
            return None
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        turn()
        body += client.recv(65_536)
    return Said(int(first.split(" ")[1]), headers, body)
