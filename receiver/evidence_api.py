"""The addresses for recordings around alarms: ask a box for one, fetch it once it is here."""

from __future__ import annotations

from aiohttp import web

from receiver.access import actor_of
from receiver.bodies import Refusal, read_body
from receiver.connections import Patience
from receiver.door import Door
from receiver.errors import NoticeRefused, StoreUnavailable
from receiver.json_view import incident_text
from receiver.people_api import NOTICE_BYTES_MAX, json_answer, key_in
from receiver.service import Service


def evidence_routes(service: Service, door: Door, patience: Patience) -> list[web.RouteDef]:
    """POST and GET of /v1/incidents/{id}/evidence."""

    async def post_evidence(request: web.Request) -> web.Response:
        key = key_in(request)
        await read_body(request, "application/json", NOTICE_BYTES_MAX, patience.body_s)
        try:
            asked = await service.ask_evidence(key)
        except NoticeRefused as error:
            raise Refusal(409, error.problem, error.hint) from error
        except StoreUnavailable as error:
            raise Refusal(503, error.problem, error.hint, retry_after_s=1) from error
        view = await service.incident(key)
        if asked is not None:
            await door.done(actor_of(request), "recording asked", str(key))
        if asked is None or view is None:
            raise Refusal(404, "the box has named no recording of this incident", "It does two minutes after an alarm")
        return json_answer(incident_text(view, service.now_ms()))

    async def get_evidence(request: web.Request) -> web.Response:
        key = key_in(request)
        content = await service.evidence(key)
        if content is None:
            raise Refusal(404, "this recording is not here", "Ask for it: POST to the same address")
        headers = {"Content-Disposition": f'attachment; filename="{key}.liftrec"', "Cache-Control": "no-store"}
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    return [
        web.post("/v1/incidents/{id}/evidence", post_evidence),
        web.get("/v1/incidents/{id}/evidence", get_evidence),
    ]
