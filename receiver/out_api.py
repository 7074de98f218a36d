"""The addresses for other programs: the feed, tables as CSV, figures for Prometheus, what addresses there are."""

from __future__ import annotations

import json

from aiohttp import web

from receiver import feed, journal, register
from receiver.access import actor_of
from receiver.adapters import senml
from receiver.bodies import Refusal, whole_query
from receiver.metrics import metrics_text
from receiver.openapi import description
from receiver.people_api import json_answer
from receiver.service import Service

CBOR_SEQUENCE = "application/cbor-seq"
JSON_LINES = "application/x-ndjson"
POSITION_MAX = (1 << 33) - 1
NEXT_HEADER = "Lift-Next"


def out_routes(service: Service) -> list[web.RouteDef]:
    """/v1/feed, /v1/csv/incidents, /v1/csv/lifts, /metrics, /v1/openapi.json."""

    async def get_feed(request: web.Request) -> web.Response:
        after = whole_query(request, "after", 0, POSITION_MAX, 0)
        count = whole_query(request, "limit", 1, journal.ENTRIES_MAX, journal.ENTRIES_MAX)
        is_senml = wants_senml(request)
        page = await service.read(lambda db: journal.page_after(db, after, count))
        if is_senml:
            pack = senml.senml_text(senml.pack_of_entries(page.entries)).encode()
            headers = {NEXT_HEADER: str(page.upto), "Cache-Control": "no-store"}
            return web.Response(body=pack, content_type=senml.SENML, headers=headers)
        is_cbor = CBOR_SEQUENCE in request.headers.get("Accept", "")
        written = b"".join(feed.cbor_item(e) if is_cbor else feed.json_line(e) for e in page.entries)
        headers = {NEXT_HEADER: str(page.upto), "Cache-Control": "no-store"}
        return web.Response(body=written, content_type=CBOR_SEQUENCE if is_cbor else JSON_LINES, headers=headers)

    async def get_incidents_csv(request: web.Request) -> web.Response:
        views = await service.incidents(actor_of(request).firm)
        return _csv(feed.incidents_csv(views), "incidents")

    async def get_lifts_csv(request: web.Request) -> web.Response:
        firm, after = actor_of(request).firm, ""
        found: list[register.Registered] = []
        while page := await service.read(lambda db, after=after: register.lifts(db, firm, after)):  # type: ignore[misc]
            found += page
            after = page[-1].record.lift_no
        return _csv(feed.lifts_csv(found), "lifts")

    async def get_metrics(_: web.Request) -> web.Response:
        words = await service.read(lambda db: metrics_text(db, service.now_ms(), service.refusals.counts))
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}
        return web.Response(body=words.encode(), headers=headers)

    async def get_description(_: web.Request) -> web.Response:
        return json_answer(json.dumps(description(), ensure_ascii=False))

    return [
        web.get("/v1/feed", get_feed),
        web.get("/v1/csv/incidents", get_incidents_csv),
        web.get("/v1/csv/lifts", get_lifts_csv),
        web.get("/metrics", get_metrics),
        web.get("/v1/openapi.json", get_description),
    ]


def wants_senml(request: web.Request) -> bool:
    """`?format=senml`, or the type in Accept. Raises `Refusal` 400 for another format."""
    word = request.query.get("format")
    if word not in (None, "json", "senml"):
        raise Refusal(400, f"the format {word[:20]!r} is unknown", "Give senml, or json, which is the default")
    return word == "senml" or (word is None and senml.SENML in request.headers.get("Accept", ""))


def _csv(words: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return web.Response(text=words, content_type="text/csv", charset="utf-8", headers=headers)
