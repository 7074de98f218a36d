"""The addresses of the adapters: how far each is, what waits and what was refused for good, and to try that again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from receiver.access import actor_of
from receiver.adapters import queue
from receiver.adapters.queue import Waiting
from receiver.adapters.settings import Configured
from receiver.bodies import Refusal, fields_in, read_body
from receiver.connections import Patience
from receiver.database import Turn
from receiver.outgoing import MessageState
from receiver.people_api import json_answer
from receiver.service import Service
from receiver.tables import storable

BODY_BYTES_MAX = 1_024
_STATES = {state.name.lower(): state for state in (MessageState.WAITING, MessageState.SENT, MessageState.DEAD)}
_HINT = 'Send {"adapter": "city"} for all dead messages of an adapter, and "key" beside for one of them'


def adapter_routes(service: Service, patience: Patience, configured: Sequence[Configured]) -> list[web.RouteDef]:
    """/v1/adapters, /v1/adapters/retry."""

    async def get_adapters(request: web.Request) -> web.Response:
        word, named = request.query.get("state"), request.query.get("adapter")
        if word is not None and word not in _STATES:
            raise Refusal(400, f"the state {word[:20]!r} is unknown", f"Give one of {', '.join(_STATES)}")
        named = None if named is None else storable(named)
        state = None if word is None else _STATES[word]
        rows = await service.read(lambda db: queue.rows_of(db, named, state))
        counted = await service.read(queue.counts)
        names = dict.fromkeys([each.adapter.name for each in configured] + [name for name, _ in counted])
        adapters = []
        for name in names:
            known = next((each for each in configured if each.adapter.name == name), None)
            behind = await service.read(lambda db, name=name: queue.behind(db, name))  # type: ignore[misc]
            adapters.append(
                {
                    "name": name,
                    "kind": None if known is None else known.kind,
                    "where": None if known is None else known.where,
                    "profile": None if known is None or known.mapping is None else known.mapping.profile,
                    "is_set": known is not None,
                    "behind": None if behind is None else {lane.value: number for lane, number in behind.items()},
                    **{each: counted.get((name, state), 0) for each, state in _STATES.items()},
                }
            )
        return json_answer(_text({"adapters": adapters, "messages": [_row(row) for row in rows]}))

    async def post_retry(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        said = fields_in(body, {"adapter": str, "key": str}, _HINT)
        if "adapter" not in said:
            raise Refusal(400, "the adapter is missing", _HINT)
        adapter, key, actor = storable(str(said["adapter"])), said.get("key"), actor_of(request)
        count = await service.change(lambda db: queue.retry(db, adapter, key, actor, service.now_ms()), Turn.ADAPTERS)
        if count == 0:
            raise Refusal(404, "there is no such dead message", "See GET /v1/adapters?state=dead")
        return json_answer(_text({"again": count}))

    return [web.get("/v1/adapters", get_adapters), web.post("/v1/adapters/retry", post_retry)]


def _row(row: Waiting) -> dict[str, object]:
    return {
        "adapter": row.adapter,
        "key": row.key,
        "state": row.state.name.lower(),
        "due_ms": row.due_ms,
        "sent_ms": row.sent_ms,
        "tries": row.tries,
        "next_ms": row.next_ms if row.state is MessageState.WAITING else None,
        "error": row.error,
    }


def _text(tree: dict[str, object]) -> str:
    return json.dumps(tree, ensure_ascii=False)
