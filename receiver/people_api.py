"""The addresses that people and their programs speak to: incidents, what people did, live events."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from edge_agent.errors import WireError
from edge_agent.schema import text, whole
from edge_agent.wire import ETA_MIN_MAX, WHO_BYTES_MAX
from edge_agent.wire_values import Act
from receiver.access import actor_of, presented, session_of
from receiver.bodies import Refusal, read_body
from receiver.connections import Patience
from receiver.door import Door
from receiver.errors import NoticeRefused, StoreUnavailable
from receiver.hub import PageEvent
from receiver.incidents import IncidentKey
from receiver.json_view import incident_text
from receiver.service import Service

NOTICE_BYTES_MAX = 4_096
WRITE_S_MAX = 10.0
SESSION_AGAIN_MS = 10_000
"""A notice is a few words; a page that takes no event for this long is cut off; how often an
open page's session is looked at again. Our choices."""

_ACTS = {act.name.lower(): act for act in Act}
_ACT_NUMBERS = {int(act): act for act in Act}
_NO_INCIDENT = ("there is no such incident", "Take an id from /v1/incidents")


def people_routes(service: Service, door: Door, patience: Patience) -> list[web.RouteDef]:
    """/v1/incidents, /v1/incidents/{id}, POST .../notice, /v1/events, /healthz."""

    async def get_incidents(request: web.Request) -> web.Response:
        return json_answer((await service.board_event(actor_of(request).firm)).text)

    async def get_incident(request: web.Request) -> web.Response:
        view = await service.incident(key_in(request))
        if view is None:
            raise Refusal(404, *_NO_INCIDENT)
        return json_answer(incident_text(view, service.now_ms()))

    async def post_notice(request: web.Request) -> web.Response:
        key = key_in(request)
        actor, is_named = actor_of(request), session_of(request) is not None
        body = await read_body(request, "application/json", NOTICE_BYTES_MAX, patience.body_s)
        act, who, eta_min = _notice(body, actor.shown if is_named else None)
        try:
            view = await service.notice(key, act, who, eta_min, actor)
        except NoticeRefused as error:
            raise Refusal(409, error.problem, error.hint) from error
        except StoreUnavailable as error:
            raise Refusal(503, error.problem, error.hint, retry_after_s=1) from error
        if view is None:
            raise Refusal(404, *_NO_INCIDENT)
        return json_answer(incident_text(view, service.now_ms()))

    async def get_events(request: web.Request) -> web.StreamResponse:
        listener = service.hub.listen(actor_of(request).firm)
        if listener is None:
            raise Refusal(503, "too many pages are open", "Close some", retry_after_s=5)
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
            seen_ms = service.now_ms()
            await response.prepare(request)
            event: PageEvent | None = await service.board_event(actor_of(request).firm)
            while event is not None:
                async with asyncio.timeout(WRITE_S_MAX):
                    await response.write(event.wire)
                event = await listener.next()
                if service.now_ms() - seen_ms >= SESSION_AGAIN_MS:
                    seen_ms = service.now_ms()
                    if not await may_still_see(request):
                        break
        except (TimeoutError, ConnectionError):
            response.force_close()
        finally:
            service.hub.leave(listener)
        return response

    async def may_still_see(request: web.Request) -> bool:
        """A page that stays open all night must not outlive its session."""
        came = presented(request)
        if session_of(request) is None:
            return await door.is_unattended()
        return came is not None and await door.session(came.token) is not None

    async def get_health(_: web.Request) -> web.Response:
        return json_answer('{"status":"ok"}')

    return [
        web.get("/v1/incidents", get_incidents),
        web.get("/v1/incidents/{id}", get_incident),
        web.post("/v1/incidents/{id}/notice", post_notice),
        web.get("/v1/events", get_events),
        web.get("/healthz", get_health),
    ]


def json_answer(words: str) -> web.Response:
    return web.Response(text=words, content_type="application/json", headers={"Cache-Control": "no-store"})


def key_in(request: web.Request) -> IncidentKey:
    key = IncidentKey.parse(request.match_info["id"])
    if key is None:
        raise Refusal(404, *_NO_INCIDENT)
    return key


def _notice(body: bytes, signed_in: str | None) -> tuple[Act, str | None, int | None]:
    """act by name or number, who, eta_min. Raises `Refusal` 400.

    signed_in: whoever is, counts; nobody speaks for another.
    """
    hint = 'Send {"act": "taken_over", "who": "a name", "eta_min": 15}'
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is no JSON", hint) from error
    if not isinstance(said, dict):
        raise Refusal(400, "the body is no JSON object", hint)
    for name in said.keys() - {"act", "who", "eta_min"}:
        raise Refusal(400, f"the field {name[:40]!r} is unknown", hint)
    act = _act(said.get("act"))
    who, eta_min = said.get("who"), said.get("eta_min")
    if signed_in is not None:
        who = signed_in
    try:
        if who is not None:
            who = text(who.strip() if isinstance(who, str) else who, 1, WHO_BYTES_MAX, "who")
        if eta_min is not None:
            eta_min = whole(eta_min, 0, ETA_MIN_MAX, "eta_min")
    except WireError as error:
        raise Refusal(400, f"{error.subject}: {error.problem}", hint) from error
    if who is None and act is not Act.SHOWN:
        raise Refusal(400, "who: a name is missing", hint)
    return act, who, eta_min


def _act(said: object) -> Act:
    if isinstance(said, str) and said in _ACTS:
        return _ACTS[said]
    if type(said) is int and said in _ACT_NUMBERS:
        return _ACT_NUMBERS[said]
    raise Refusal(400, "act is none of those known", f"Give one of {', '.join(_ACTS)}, or its number")
