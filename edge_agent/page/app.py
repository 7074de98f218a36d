"""What the page answers: one table of addresses, who may ask each, and the work that goes on between requests.

Nothing here waits: what takes time is begun by a request and shown by the next ones. Every change is told to the agent,
which makes record 68 of it; so are switching the page on, and its lock after five wrong PINs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from calibration.session_wording import Wording
from calibration.words import Plot
from edge_agent.catalogue_calibrate import LIVE
from edge_agent.catalogue_page import PAGE_WORDS
from edge_agent.errors import EdgeAgentError
from edge_agent.local_requests import WHO_CHARACTERS_MAX, RequestFolder
from edge_agent.page.box_state import agent_word, ends_in, read_status, status_view
from edge_agent.page.calibrating import Calibrating, NotNow
from edge_agent.page.door import Door, cookie_for
from edge_agent.page.guard import Guard
from edge_agent.page.live_ear import LiveEar
from edge_agent.page.web import Answer, Request
from edge_agent.status import AgentState, AgentStatus

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
NS_PER_S = 1_000_000_000
STATUS_S = 0.5
END_WAIT_S = 6.0
CHANGES_MAX = 200
JSON = "application/json; charset=utf-8"


class Told(Protocol):
    """Who hears of changes."""

    def __call__(self, what: str, who: str) -> None:
        """Take one."""
        ...


class Changes:
    """Leaves changes for the agent, which makes records of them, also later when it runs again. Bounded and counted."""

    def __init__(self, requests: RequestFolder) -> None:
        self._requests = requests
        self._count = 0
        self.lost_count = 0

    def tell(self, what: str, who: str) -> None:
        """Never raises."""
        self._count += 1
        if self._count > CHANGES_MAX:
            self.lost_count += 1
            return
        try:
            self._requests.leave({"change": what, "who": who})
        except OSError:
            self.lost_count += 1


@dataclass(frozen=True, slots=True)
class _Ending:
    """An end that the agent was asked for."""

    name: str
    who: str
    until_s: float


class BoxPage:
    """See the module. Time: `now_ns` of one clock that runs on while the machine is suspended."""

    def __init__(
        self,
        *,
        state_folder: Path,
        lift: str,
        boot: str,
        guard: Guard,
        door: Door,
        calibrating: Calibrating,
        ear: LiveEar,
        tell: Told,
        now_ns: Callable[[], int],
        ends_ns: int,
    ) -> None:
        self._state_folder, self._lift, self._boot = state_folder, lift, boot
        self._guard, self._door, self._tell = guard, door, tell
        self._calibrating, self._ear = calibrating, ear
        self._now_ns, self._ends_ns = now_ns, ends_ns
        self._requests = RequestFolder(state_folder)
        self._static = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in KINDS}
        self._status: tuple[AgentStatus | None, float] = (None, 0.0)
        self._status_s = float("-inf")
        self._ending: _Ending | None = None
        self._ended: dict[str, object] | None = None

    @property
    def is_over(self) -> bool:
        """Its time has run out."""
        return self._now_ns() >= self._ends_ns

    def turn(self) -> None:
        """The work between requests."""
        now_s = self._now_s()
        self._calibrating.turn(now_s)
        self._ear.turn(now_s, is_agent_there=not self._calibrating.is_open and self._agent() != "stopped")
        self._look_for_end(now_s)

    def close(self) -> None:
        """Let go of everything: the agent watches again by itself."""
        self._calibrating.close()
        self._ear.close()

    # ---- requests

    def respond(self, request: Request) -> Answer:
        """Never raises what a request can cause."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        if self.is_over:
            return Answer(503, b"The time of this page has run out.\n")
        if request.method == "GET" and not request.path.startswith("/api/"):
            return self._file(request.path)
        if request.path == "/api/words" and request.method == "GET":
            return _json(words_for(_language(request.query)))
        values = _values_in(request.body) if request.method == "POST" else {}
        if values is None:
            return Answer(400, b"That is no JSON object of texts.\n")
        if request.path == "/api/enter" and request.method == "POST":
            return self._enter(values)
        cookies = request.headers.get("cookie", "")
        who = self._door.who(cookies)
        if who is None:
            return _json({"wait_s": self._door.wait_s(self._now_ns())}, 401)
        try:
            return self._inside(request, values, who, cookies)
        except NotNow as refused:
            return _json({"message": str(refused)}, 409)
        except EdgeAgentError as error:
            return _json({"trouble": str(error)}, 409)

    def _inside(self, request: Request, values: Mapping[str, str], who: str, cookies: str) -> Answer:
        language = _language(request.query)
        match request.method, request.path:
            case "GET", "/api/state":
                self._ear.looked(self._now_s())
                return _json(self._state(who, language))
            case "GET", "/api/live":
                self._ear.looked(self._now_s())
                after = request.query.get("after", "0")
                number, rows = self._ear.ring.after(int(after) if after.isdecimal() and len(after) < 12 else 0)
                return _json({"number": number, "lost": self._ear.lost_count, "agent": self._agent_shown(), **rows})
            case "GET", "/api/calibrate":
                return _json(self._calibrating.view(language))
            case "GET", "/api/plots":
                plots = self._calibrating.plots(request.query.get("step", ""))
                return _json({"plots": [_plot_view(plot, Wording(language)) for plot in plots]})
            case "POST", "/api/calibrate":
                pair = (values.get("value", ""), values.get("answer", ""))
                self._calibrating.act(values.get("do", ""), values.get("step", ""), pair, who, self._now_s())
                return _json(self._calibrating.view(language))
            case "POST", "/api/end":
                return self._end(values.get("incident", ""), who)
            case "POST", "/api/leave":
                self._door.leave(cookies)
                return Answer(204, headers=(("Set-Cookie", cookie_for("")),))
            case _:
                return Answer(404, b"There is nothing here.\n")

    def _file(self, path: str) -> Answer:
        name = "index.html" if path == "/" else path[1:]
        content = self._static.get(name)
        if content is None:
            return Answer(404, b"There is nothing here.\n")
        return Answer(200, content, KINDS[Path(name).suffix])

    def _enter(self, values: Mapping[str, str]) -> Answer:
        who = " ".join(values.get("who", "").split())[:WHO_CHARACTERS_MAX]
        entry = self._door.enter(values.get("pin", ""), who, self._now_ns())
        if entry.token:
            return Answer(204, headers=(("Set-Cookie", cookie_for(entry.token)),))
        if entry.has_just_locked:
            self._tell("page locked for 15 min after five wrong PINs", who)
        return _json({"left": entry.left, "wait_s": entry.wait_s}, 429 if entry.wait_s else 403)

    # ---- end of an alarm

    def _end(self, incident: str, who: str) -> Answer:
        if self._ending is not None:
            raise NotNow("no_step")
        if incident and not (incident.isdecimal() and len(incident) < 12):
            return Answer(400, b"An incident has a number.\n")
        signed = f"{who} (page)" if who else "page of the box"
        try:
            name = self._requests.leave({"incident": int(incident) if incident else None, "who": signed})
        except OSError as error:
            return _json({"trouble": f"the request cannot be left: {error.strerror}"}, 409)
        self._ending, self._ended = _Ending(name, who, self._now_s() + END_WAIT_S), None
        return Answer(204)

    def _look_for_end(self, now_s: float) -> None:
        ending = self._ending
        if ending is None:
            return
        try:
            words = self._requests.fetched(ending.name)
        except OSError:
            words = None
        if words is not None:
            found = ends_in(words)
            self._ended = {**found, "is_answered": True}
            self._ending = None
            self._ear.unended = tuple(each for each in self._ear.unended if each.number not in found["ended"])
            if found["ended"]:
                self._tell(f"ended on the page: {', '.join(map(str, found['ended']))}", ending.who)
        elif now_s >= ending.until_s:
            with suppress(OSError):
                self._requests.withdraw(ending.name)
            self._ended, self._ending = {"is_answered": False}, None

    # ---- state

    def _state(self, who: str, language: str) -> dict[str, object]:
        agent = self._agent_shown()
        status, _ = self._status
        view: dict[str, object] = {
            "lift": self._lift,
            "who": who,
            "left_s": max(0, (self._ends_ns - self._now_ns()) // NS_PER_S),
            "agent": agent,
            "is_ending": self._ending is not None,
            "ended": self._ended,
            "status": None,
        }
        if status is not None and agent in (AgentState.ARMED.value, AgentState.STARTING.value):
            view["status"] = status_view(status, self._ear.unended, language)
        return view

    def _agent_shown(self) -> str:
        return "calibrating" if self._calibrating.is_open else self._agent()

    def _agent(self) -> str:
        now_s = self._now_s()
        if now_s - self._status_s >= STATUS_S:
            self._status_s = now_s
            self._status = read_status(self._state_folder, self._now_ns(), self._boot)
        return agent_word(*self._status)

    def _now_s(self) -> float:
        return self._now_ns() / NS_PER_S


def words_for(language: str) -> dict[str, str]:
    """All words of the page in one language."""
    place = 1 if language == "zh" else 0
    sources = {key.replace(".", "_"): pair[place] for key, pair in LIVE.items() if key.startswith("source.")}
    calibrate = {f"said_{key}": pair[place] for key, pair in LIVE.items() if "." not in key and "{" not in pair[0]}
    return {key: pair[place] for key, pair in PAGE_WORDS.items()} | sources | calibrate


def _plot_view(plot: Plot, wording: Wording) -> dict[str, object]:
    return {
        "name": wording.name(plot.name),
        "x": ", ".join(filter(None, (wording.name(plot.x_name), plot.x_unit))),
        "y": ", ".join(filter(None, (wording.name(plot.y_name), plot.y_unit))),
        "series": [{"name": wording.name(each.name), "x": each.x, "y": each.y} for each in plot.series[:6]],
    }


def _language(query: Mapping[str, str]) -> str:
    return "zh" if query.get("lang") == "zh" else "en"


def _values_in(body: bytes) -> dict[str, str] | None:
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    return said


def _json(tree: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), JSON)
