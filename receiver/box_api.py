"""The addresses that boxes speak to: records in, receipts and notices out."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from aiohttp import web

from edge_agent.errors import WireError
from edge_agent.wire import BATCH_BYTES_MAX, BATCH_TYPE, ITEM_BYTES_MAX, KEY_HEADER, PART_TYPE
from edge_agent.wire_sealing import PublicKey, SealRefused
from edge_agent.wire_values import SEQNO_MAX, Receipt
from receiver.bodies import Refusal, read_body, whole_query
from receiver.connections import Patience
from receiver.errors import StoreUnavailable
from receiver.service import Service, TooMany

RECEIPT_TYPE = "application/vnd.lift-receipt+cbor"
RECORD_TYPE = "application/vnd.lift-record+cbor"
WAIT_S_MAX = 50
"""Longest wait for a notice. Source: design/wire.md section 2.2."""

UNAVAILABLE_S = 5
"""Retry-After when nothing could be stored. Our choice; the agent waits at most 15 s with an alarm."""


def box_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """POST /v1/records, /v1/record (one, from a short message), /v1/evidence, and GET /v1/notices."""

    async def post_records(request: web.Request) -> web.Response:
        body = await read_body(request, BATCH_TYPE, BATCH_BYTES_MAX, patience.body_s)
        return await answer(service.take(body, _key_in(request)))

    async def post_evidence(request: web.Request) -> web.Response:
        body = await read_body(request, PART_TYPE, BATCH_BYTES_MAX, patience.body_s)
        return await answer(service.take_part(body))

    async def post_record(request: web.Request) -> web.Response:
        body = await read_body(request, RECORD_TYPE, ITEM_BYTES_MAX, patience.body_s)
        return await answer(service.take_record(body))

    async def answer(taking: Awaitable[Receipt | TooMany]) -> web.Response:
        try:
            taken = await taking
        except SealRefused as error:
            raise Refusal(403, f"{error.subject}: {error.problem}", error.hint) from error
        except WireError as error:
            raise Refusal(400, f"{error.subject}: {error.problem}", error.hint) from error
        except StoreUnavailable as error:
            raise Refusal(503, error.problem, error.hint, retry_after_s=UNAVAILABLE_S) from error
        match taken:
            case TooMany():
                hint = "Wait, then send the same bytes again"
                raise Refusal(429, "this box sends too often", hint, retry_after_s=taken.retry_after_s)
            case Receipt():
                return web.Response(body=service.sealed(taken), content_type=RECEIPT_TYPE)

    async def get_notices(request: web.Request) -> web.Response:
        device = _device(request)
        after = whole_query(request, "after", 0, SEQNO_MAX, 0)
        wait_s = whole_query(request, "wait", 0, WAIT_S_MAX, 0)
        try:
            receipt = await service.notices(device, after, wait_s)
        except SealRefused as error:
            raise Refusal(403, f"{error.subject}: {error.problem}", error.hint) from error
        except StoreUnavailable as error:
            raise Refusal(503, error.problem, error.hint, retry_after_s=UNAVAILABLE_S) from error
        if receipt is None:
            raise Refusal(404, "this box has never sent a record here", "Send records first")
        return web.Response(body=service.sealed(receipt), content_type=RECEIPT_TYPE)

    return [
        web.post("/v1/records", post_records),
        web.post("/v1/record", post_record),
        web.post("/v1/evidence", post_evidence),
        web.get("/v1/notices", get_notices),
    ]


def _key_in(request: web.Request) -> PublicKey | None:
    """The key that a box says is its own; None: none, or no key at all."""
    text = request.headers.get(KEY_HEADER)
    try:
        return None if text is None else PublicKey.from_text(text)
    except WireError:
        return None


def _device(request: web.Request) -> bytes:
    text = request.query.get("dev", "")
    if re.fullmatch(r"[0-9a-fA-F]{16}", text) is None:
        raise Refusal(400, "dev is not 16 hexadecimal digits", "Give the device id as dev=0123456789abcdef")
    return bytes.fromhex(text)
