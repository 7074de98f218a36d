"""The addresses for a box that joins: the receiver shows its key, then takes the box in."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from aiohttp import web

from edge_agent.enrol import JOIN_TYPE, JOINED_TYPE, NONCE_BYTES
from edge_agent.errors import WireError
from edge_agent.wire_sealing import SealRefused
from receiver.bodies import Refusal, read_body
from receiver.connections import Patience
from receiver.errors import StoreUnavailable
from receiver.service import Service

JOIN_BYTES_MAX = 4_096
UNAVAILABLE_S = 5


def enrol_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """GET /v1/hello, POST /v1/join and /v1/renew."""

    async def get_hello(request: web.Request) -> web.Response:
        nonce = request.query.get("nonce", "")
        if re.fullmatch(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}", nonce) is None:
            raise Refusal(400, "nonce is not 32 hexadecimal digits", "Draw a new random number for each request")
        return web.Response(body=service.hello(bytes.fromhex(nonce)), content_type=JOINED_TYPE)

    async def post_join(request: web.Request) -> web.Response:
        return await answer(service.join(await read_body(request, JOIN_TYPE, JOIN_BYTES_MAX, patience.body_s)))

    async def post_renew(request: web.Request) -> web.Response:
        return await answer(service.renew(await read_body(request, JOIN_TYPE, JOIN_BYTES_MAX, patience.body_s)))

    async def answer(asking: Awaitable[bytes]) -> web.Response:
        try:
            joined = await asking
        except SealRefused as error:
            raise Refusal(403, f"{error.subject}: {error.problem}", error.hint) from error
        except WireError as error:
            raise Refusal(400, f"{error.subject}: {error.problem}", error.hint) from error
        except StoreUnavailable as error:
            raise Refusal(503, error.problem, error.hint, retry_after_s=UNAVAILABLE_S) from error
        return web.Response(body=joined, content_type=JOINED_TYPE)

    return [
        web.get("/v1/hello", get_hello),
        web.post("/v1/join", post_join),
        web.post("/v1/renew", post_renew),
    ]
