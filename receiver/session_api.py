"""The addresses of people as people: sign in and out, the people themselves, the audit log."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from receiver.access import COOKIE, SECURE_COOKIE, Listening, actor_of, address_of, presented, session_of
from receiver.bodies import Refusal, fields_in, read_body
from receiver.connections import Patience
from receiver.door import Door
from receiver.errors import ReceiverError
from receiver.people import SESSION_MS, Person, SignInRefused, csrf_of
from receiver.roles import Actor, Role
from receiver.service import Service

BODY_BYTES_MAX = 4_096
_AUDIT_PLACE = re.compile(r"([0-9]{1,15})-((?:[0-9a-f]{2}){1,16})")
_USER_HINT = 'Send {"name": "li", "shown": "Li", "role": "operator", "password": "..."}'


def session_routes(service: Service, door: Door, listening: Listening, patience: Patience) -> list[web.RouteDef]:
    """/v1/session and /v1/session/password."""

    async def post_session(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        hint = 'Send {"name": "li", "password": "..."}'
        said = fields_in(body, {"name": str, "password": str}, hint)
        name, password = said.get("name"), said.get("password")
        if name is None or password is None:
            raise Refusal(400, "name or password is missing", hint)
        if await door.is_unattended():
            raise Refusal(409, "no people are known here yet", "Make the first one: `lift-receiver user add`")
        try:
            token, session = await door.sign_in(name[:64], password[:1000], address_of(request, listening))
        except SignInRefused as error:
            status = 429 if error.retry_after_s else 401
            raise Refusal(status, error.problem, error.hint, retry_after_s=error.retry_after_s or None) from error
        answer = _answer({**_person_json(session.person), "csrf": csrf_of(token), "until_ms": session.until_ms})
        _set_cookie(request, answer, token)
        return answer

    async def get_session(request: web.Request) -> web.Response:
        actor, session, came = actor_of(request), session_of(request), presented(request)
        csrf = csrf_of(came.token) if session is not None and came is not None and came.is_cookie else None
        until_ms = None if session is None else session.until_ms
        return _answer({**_actor_json(actor), "csrf": csrf, "until_ms": until_ms})

    async def delete_session(request: web.Request) -> web.Response:
        came = presented(request)
        if came is not None and session_of(request) is not None:
            await door.ask(lambda people: people.sign_out(came.token))
            await door.done(actor_of(request), "sign out", actor_of(request).name)
        answer = _answer({"status": "signed out"})
        for name, is_secure in ((COOKIE, False), (SECURE_COOKIE, True)):
            answer.del_cookie(name, path="/", secure=is_secure, httponly=True, samesite="Strict")
        return answer

    async def post_password(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        said = fields_in(body, {"old": str, "new": str}, 'Send {"old": "...", "new": "..."}')
        actor, old, new = actor_of(request), str(said.get("old", "")), str(said.get("new", ""))
        if session_of(request) is None:
            raise Refusal(409, "no people are known here yet", "Make the first one: `lift-receiver user add`")
        try:
            await door.sign_in(actor.name, old[:1000], actor.address)
            await door.ask(lambda people: people.change(actor.name, actor, service.now_ms(), password=new))
        except SignInRefused as error:
            raise Refusal(403, "the old password is wrong", error.hint) from error
        except ReceiverError as error:
            raise Refusal(400, error.problem, error.hint) from error
        return _answer({"status": "changed; sign in again"})

    return [
        web.post("/v1/session", post_session),
        web.get("/v1/session", get_session),
        web.delete("/v1/session", delete_session),
        web.post("/v1/session/password", post_password),
    ]


def people_admin_routes(service: Service, door: Door, patience: Patience) -> list[web.RouteDef]:
    """/v1/users and /v1/users/{name}."""

    async def get_users(_: web.Request) -> web.Response:
        return _answer({"users": [_person_json(person) for person in await door.ask(lambda people: people.all())]})

    async def post_user(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        kinds = {"name": str, "shown": str, "role": str, "password": str, "firm": str}
        said = fields_in(body, kinds, _USER_HINT)
        role = Role.parse(str(said.get("role")))
        if role is None or "name" not in said or "password" not in said:
            raise Refusal(400, "name, password or a known role is missing", _USER_HINT)
        name, shown = str(said["name"]), str(said.get("shown", said["name"]))
        person = Person(name, shown, role, False, service.now_ms(), said.get("firm"))
        try:
            await door.ask(lambda people: people.add(person, str(said["password"]), actor_of(request)))
        except ReceiverError as error:
            raise Refusal(409, error.problem, error.hint) from error
        door.expect_people()
        return _answer(_person_json(person))

    async def patch_user(request: web.Request) -> web.Response:
        body = await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)
        kinds = {"shown": str, "role": str, "password": str, "firm": str, "is_disabled": bool}
        values: dict[str, Any] = fields_in(body, kinds, 'Send what changes, for example {"role": "viewer"}')
        if "role" in values:
            values["role"] = Role.parse(values["role"])
            if values["role"] is None:
                raise Refusal(400, "the role is none of those known", f"Give one of {', '.join(r.word for r in Role)}")
        if "firm" in values:
            values["firm"] = values["firm"] or None
        if not values:
            raise Refusal(400, "nothing would change", 'Send what changes, for example {"role": "viewer"}')
        name = request.match_info["name"]
        try:
            now_ms, by = service.now_ms(), actor_of(request)
            is_known = await door.ask(lambda people: people.change(name, by, now_ms, **values))
        except ReceiverError as error:
            raise Refusal(409, error.problem, error.hint) from error
        return await _found(door, name, is_known)

    async def delete_user(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            now_ms, by = service.now_ms(), actor_of(request)
            is_known = await door.ask(lambda people: people.remove(name, by, now_ms))
        except ReceiverError as error:
            raise Refusal(409, error.problem, error.hint) from error
        if not is_known:
            raise _nobody(name)
        return _answer({"status": "removed"})

    return [
        web.get("/v1/users", get_users),
        web.post("/v1/users", post_user),
        web.patch("/v1/users/{name}", patch_user),
        web.delete("/v1/users/{name}", delete_user),
    ]


def audit_routes(door: Door) -> list[web.RouteDef]:
    """/v1/audit."""

    async def get_audit(request: web.Request) -> web.Response:
        before = _place_in(request.query.get("before"))
        found = await door.ask(lambda people: people.audit_lines(before, 200))
        lines = [
            {
                "at_ms": line.at_ms,
                "who": line.who,
                "role": line.role,
                "address": line.address,
                "what": line.what,
                "subject": line.subject,
                "outcome": line.outcome,
                "detail": line.detail,
            }
            for line in found
        ]
        more = f"{found[-1].at_ms}-{found[-1].mark.hex()}" if len(found) == 200 else None
        return _answer({"lines": lines, "before": more})

    return [web.get("/v1/audit", get_audit)]


async def _found(door: Door, name: str, is_known: bool) -> web.Response:
    person = await door.ask(lambda people: people.find(name))
    if not is_known or person is None:
        raise _nobody(name)
    return _answer(_person_json(person))


def _nobody(name: str) -> Refusal:
    return Refusal(404, f"nobody is called {name[:40]!r}", "See GET /v1/users")


def _place_in(text: str | None) -> tuple[int, bytes] | None:
    if text is None:
        return None
    found = _AUDIT_PLACE.fullmatch(text)
    if found is None:
        raise Refusal(400, "before is no place in the audit log", "Give `before` of the page before")
    return int(found[1]), bytes.fromhex(found[2])


def _set_cookie(request: web.Request, answer: web.Response, token: str) -> None:
    """Out of reach of script and of other sites. On loopback, without TLS, browsers may refuse `Secure`."""
    host = (request.url.host or "").strip("[]")
    is_local = host in ("localhost", "127.0.0.1", "::1")
    name = COOKIE if is_local else SECURE_COOKIE
    answer.set_cookie(
        name, token, path="/", secure=not is_local, httponly=True, samesite="Strict", max_age=SESSION_MS // 1000
    )


def _answer(tree: dict[str, object]) -> web.Response:
    return web.Response(
        text=json.dumps(tree, ensure_ascii=False),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _person_json(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "shown": person.shown,
        "role": person.role.word,
        "firm": person.firm,
        "is_disabled": person.is_disabled,
        "since_ms": person.since_ms,
    }


def _actor_json(actor: Actor) -> dict[str, object]:
    return {"name": actor.name, "shown": actor.shown, "role": actor.role.word, "firm": actor.firm}
