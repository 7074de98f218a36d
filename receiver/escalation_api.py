"""The addresses of escalation: who is told of the alarms of a lift, what was sent, what could not be."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from receiver import escalation, register
from receiver.access import actor_of
from receiver.bodies import Refusal, fields_in, read_body
from receiver.connections import Patience
from receiver.database import Turn
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.escalation import Channel, Message, MessageKind, MessageState, Step
from receiver.incidents import IncidentKey
from receiver.people_api import json_answer
from receiver.service import Service

BODY_BYTES_MAX = 16_384
DEFAULT_WORD = "default"
_HINT = 'Send {"steps": [{"after_s": 0, "channel": "mail", "target": "duty@firm.example", "language": "en"}]}'
_NAME = re.compile(r"(.+)-([0-9]{1,2})-(raised|recovered)")


def escalation_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """/v1/escalation, /v1/escalation/retry, /v1/escalation/lists/{lift}."""

    async def get_messages(request: web.Request) -> web.Response:
        word = request.query.get("state")
        states = {state.name.lower(): state for state in MessageState}
        if word is not None and word not in states:
            raise Refusal(400, f"the state {word[:20]!r} is unknown", f"Give one of {', '.join(states)}")
        state = None if word is None else states[word]
        found = await service.read(lambda db: (escalation.messages(db, state), escalation.counts(db)))
        ways = {
            channel.value: {name: found[1].get((channel, each), 0) for name, each in states.items()}
            for channel in Channel
        }
        return _answer({"ways": ways, "messages": [_message(message) for message in found[0]]})

    async def post_retry(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        said = fields_in(body, {"name": str}, 'Send {"name": "..."} of a dead message')
        parts = _NAME.fullmatch(str(said.get("name", "")))
        key = None if parts is None else IncidentKey.parse(parts[1])
        if parts is None or key is None:
            raise Refusal(400, "this names no message", "Take a name from GET /v1/escalation?state=dead")
        actor, step, kind = actor_of(request), int(parts[2]), MessageKind(parts[3])
        is_there = await service.change(
            lambda db: escalation.retry(db, key, step, kind, actor, service.now_ms()), Turn.ESCALATION
        )
        if not is_there:
            raise Refusal(404, "there is no such dead message", "See GET /v1/escalation?state=dead")
        return _answer({"status": "is tried again"})

    async def get_list(request: web.Request) -> web.Response:
        lift_no = _lift_in(request)
        steps = await service.read(lambda db: escalation.list_of(db, lift_no))
        return _answer({"steps": [_step(step) for step in steps]})

    async def put_list(request: web.Request) -> web.Response:
        lift_no, actor = _lift_in(request), actor_of(request)
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        steps = _steps_in(body)
        try:
            if lift_no != escalation.DEFAULT_LIST:
                register.check_lift_no(lift_no)
            await service.change(
                lambda db: escalation.put_list(db, lift_no, steps, actor, service.now_ms()), Turn.ESCALATION
            )
        except StoreUnavailable:
            raise
        except ReceiverError as error:
            raise Refusal(400, error.problem, error.hint) from error
        return _answer({"steps": [_step(step) for step in steps]})

    return [
        web.get("/v1/escalation", get_messages),
        web.post("/v1/escalation/retry", post_retry),
        web.get("/v1/escalation/lists/{lift}", get_list),
        web.put("/v1/escalation/lists/{lift}", put_list),
    ]


def _lift_in(request: web.Request) -> str:
    lift_no = request.match_info["lift"]
    return escalation.DEFAULT_LIST if lift_no == DEFAULT_WORD else lift_no


def _steps_in(body: bytes) -> list[Step]:
    said = fields_in(body, {"steps": list}, _HINT)
    steps = []
    for each in said.get("steps", []):
        kinds = {"after_s": int, "channel": str, "target": str, "language": str}
        values: dict[str, Any] = fields_in(json.dumps(each).encode(), kinds, _HINT)
        if not {"after_s", "channel", "target"} <= values.keys():
            raise Refusal(400, "after_s, channel or target is missing", _HINT)
        try:
            channel = Channel(values["channel"])
        except ValueError as error:
            words = ", ".join(channel.value for channel in Channel)
            raise Refusal(400, "the channel is unknown", f"Give one of {words}") from error
        steps.append(Step(values["after_s"], channel, values["target"], values.get("language", "en")))
    return steps


def _step(step: Step) -> dict[str, object]:
    return {
        "after_s": step.after_s,
        "channel": step.channel.value,
        "target": step.target,
        "language": step.language,
    }


def _message(message: Message) -> dict[str, object]:
    return {
        "name": message.name,
        "incident": str(message.key),
        "step": message.step,
        "kind": message.kind.value,
        "channel": message.channel.value,
        "target": message.target,
        "state": message.state.name.lower(),
        "due_ms": message.due_ms,
        "sent_ms": message.sent_ms,
        "tries": message.tries,
        "next_ms": message.next_ms if message.state is MessageState.WAITING else None,
        "error": message.error,
    }


def _answer(tree: dict[str, object]) -> web.Response:
    return json_answer(json.dumps(tree, ensure_ascii=False))
