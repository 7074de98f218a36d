"""The addresses of revocation: hear a box no more, hear it again, who is not heard, the list for what speaks TLS."""

from __future__ import annotations

import json

from aiohttp import web

from receiver import revocation
from receiver.access import actor_of
from receiver.bodies import Refusal, device_in, fields_in, read_body
from receiver.connections import Patience
from receiver.database import Turn
from receiver.enrolment import Enrolment
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.keyring import Keyring
from receiver.people_api import json_answer
from receiver.revocation import Revoked
from receiver.service import Service

BODY_BYTES_MAX = 4_096
LIST_TYPE = "application/x-pem-file"
_HINT = 'Send {"why": "stolen"}, or {}'


def revocation_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """/v1/boxes/{device}/revocation, /v1/revocations, /v1/revoked.crl."""

    async def post_revocation(request: web.Request) -> web.Response:
        device, actor = device_in(request), actor_of(request)
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        why = str(fields_in(body, {"why": str}, _HINT).get("why", ""))
        try:
            found = await service.change(
                lambda db: revocation.revoke(db, device, why, actor, service.now_ms()), Turn.ENROLMENT
            )
        except StoreUnavailable:
            raise
        except ReceiverError as error:
            status = 400 if error.subject == "why" else 404
            raise Refusal(status, error.problem, error.hint) from error
        await service.tell_boxes()
        return json_answer(json.dumps(_tree(found), ensure_ascii=False))

    async def delete_revocation(request: web.Request) -> web.Response:
        device, actor = device_in(request), actor_of(request)
        was_revoked = await service.change(
            lambda db: revocation.reinstate(db, device, actor, service.now_ms()), Turn.ENROLMENT
        )
        if not was_revoked:
            raise Refusal(404, "this box is not revoked", "See GET /v1/revocations")
        await service.tell_boxes()
        return json_answer('{"status": "is heard again"}')

    async def get_revocations(_: web.Request) -> web.Response:
        found = await service.read(revocation.revocations)
        return json_answer(json.dumps({"revoked": [_tree(one) for one in found]}, ensure_ascii=False))

    async def get_list(_: web.Request) -> web.Response:
        signed = await service.change(
            lambda db: Enrolment(db, Keyring(db)).revocation_list(service.now_ms()), Turn.ENROLMENT
        )
        return web.Response(body=signed, content_type=LIST_TYPE, headers={"Cache-Control": "no-store"})

    return [
        web.post("/v1/boxes/{device}/revocation", post_revocation),
        web.delete("/v1/boxes/{device}/revocation", delete_revocation),
        web.get("/v1/revocations", get_revocations),
        web.get("/v1/revoked.crl", get_list),
    ]


def _tree(one: Revoked) -> dict[str, object]:
    return {
        "device": one.device.hex(),
        "lift": one.lift_no,
        "at_ms": one.at_ms,
        "by": one.by,
        "why": one.why,
    }
