"""The addresses of the register: lifts, firms, hand-over, invitations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from aiohttp import web
from sqlalchemy import Connection

from edge_agent.enrol import Invitation
from edge_agent.errors import WireError
from receiver import audit, register
from receiver.access import actor_of
from receiver.bodies import Refusal, device_in, fields_in, read_body
from receiver.connections import Patience
from receiver.database import Turn
from receiver.enrolment import Enrolment
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.keyring import Keyring
from receiver.people_api import json_answer
from receiver.qr import modules_of
from receiver.register import Firm, Registered
from receiver.roles import Actor
from receiver.service import Service

BODY_BYTES_MAX = 16_384
_T = TypeVar("_T")
_HAND_OVER_HINT = 'Send {"firm": "...", "url": "https://HOST:PORT"}; the url is where boxes reach this receiver'


def register_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """/v1/lifts, /v1/lifts/{lift} and /v1/lifts/{lift}/handover."""

    async def body_of(request: web.Request) -> bytes:
        return await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)

    async def get_lifts(request: web.Request) -> web.Response:
        firm, after = actor_of(request).firm, request.query.get("after", "")
        found = await service.read(lambda db: register.lifts(db, firm, after))
        more = found[-1].record.lift_no if len(found) == register.PAGE_MAX else None
        return _answer({"lifts": [_lift(each) for each in found], "after": more})

    async def get_lift(request: web.Request) -> web.Response:
        lift_no = request.match_info["lift"]
        found = await service.read(lambda db: (register.lift(db, lift_no), register.bindings(db, lift_no)))
        lift, history = found
        if lift is None or not _sees(actor_of(request), lift):
            raise Refusal(404, "there is no such lift", "See GET /v1/lifts")
        return _answer({**_lift(lift), "firms": [asdict(bound) for bound in history]})

    async def put_lift(request: web.Request) -> web.Response:
        lift_no, actor = request.match_info["lift"], actor_of(request)
        values = fields_in(await body_of(request), register.FIELDS, f"Send any of {', '.join(register.FIELDS)}")

        def put(db: Connection) -> Registered | None:
            before = register.lift(db, lift_no)
            if before is not None and not _sees(actor, before):
                return None
            return register.put_lift(db, lift_no, values, actor, service.now_ms())

        found = await _changed(service, put)
        if found is None:
            raise Refusal(404, "there is no such lift", "See GET /v1/lifts")
        return _answer(_lift(found))

    async def post_hand_over(request: web.Request) -> web.Response:
        lift_no, actor = request.match_info["lift"], actor_of(request)
        said = fields_in(await body_of(request), {"firm": str, "url": str}, _HAND_OVER_HINT)
        if "firm" not in said or "url" not in said:
            raise Refusal(400, "firm or url is missing", _HAND_OVER_HINT)

        def give(db: Connection) -> tuple[tuple[bytes, ...], bytes]:
            devices = register.hand_over(db, lift_no, said["firm"], actor, service.now_ms())
            return devices, Enrolment(db, Keyring(db)).invite(service.now_ms())

        _usable(service, said["url"], bytes(16))
        devices, code = await _changed(service, give)
        text = _usable(service, said["url"], code)
        return _answer({"devices": [device.hex() for device in devices], "invitation": text, "qr": modules_of(text)})

    return [
        web.get("/v1/lifts", get_lifts),
        web.get("/v1/lifts/{lift}", get_lift),
        web.put("/v1/lifts/{lift}", put_lift),
        web.post("/v1/lifts/{lift}/handover", post_hand_over),
    ]


def firm_routes(service: Service, patience: Patience) -> list[web.RouteDef]:
    """/v1/firms, /v1/firms/{firm}, /v1/invitations and /v1/boxes/{device}/lift."""

    async def body_of(request: web.Request) -> bytes:
        return await read_body(request, "application/json", BODY_BYTES_MAX, patience.body_s)

    async def get_firms(_: web.Request) -> web.Response:
        return _answer({"firms": [asdict(firm) for firm in await service.read(register.firms)]})

    async def put_firm(request: web.Request) -> web.Response:
        said = fields_in(await body_of(request), {"phone": str, "mail": str}, 'Send {"phone": ..., "mail": ...}')
        firm = Firm(request.match_info["firm"], said.get("phone"), said.get("mail"))
        await _changed(service, lambda db: register.put_firm(db, firm, actor_of(request), service.now_ms()))
        return _answer(asdict(firm))

    async def post_invitation(request: web.Request) -> web.Response:
        said = fields_in(await body_of(request), {"url": str}, 'Send {"url": "https://HOST:PORT"}')
        actor, url = actor_of(request), said.get("url", "")
        _usable(service, url, bytes(16))

        def invite(db: Connection) -> bytes:
            audit.write(db, actor, "invitation made", url, service.now_ms())
            return Enrolment(db, Keyring(db)).invite(service.now_ms())

        text = _usable(service, url, await _changed(service, invite))
        return _answer({"invitation": text, "qr": modules_of(text)})

    async def put_box(request: web.Request) -> web.Response:
        said = fields_in(await body_of(request), {"lift": str}, 'Send {"lift": "31104403532019060007"}')
        device, lift_no, actor = device_in(request), str(said.get("lift", "")).strip(), actor_of(request)

        def bind(db: Connection) -> str | None:
            found = register.lift(db, lift_no)
            if actor.firm is not None and (found is None or not _sees(actor, found)):
                return None
            return register.bind_box(db, device, lift_no, actor, service.now_ms())

        bound = await _changed(service, bind)
        if bound is None:
            raise Refusal(404, "there is no such lift", "See GET /v1/lifts")
        await service.tell_board()
        return _answer({"device": device.hex(), "lift": bound})

    return [
        web.get("/v1/firms", get_firms),
        web.put("/v1/firms/{firm}", put_firm),
        web.post("/v1/invitations", post_invitation),
        web.put("/v1/boxes/{device}/lift", put_box),
    ]


async def _changed(service: Service, act: Callable[[Connection], _T]) -> _T:
    """Change the register in one transaction. Raises `Refusal` 409."""
    try:
        return await service.change(act, Turn.ENROLMENT)
    except ReceiverError as error:
        if isinstance(error, StoreUnavailable):
            raise
        raise Refusal(409, f"{error.subject}: {error.problem}", error.hint) from error


def _usable(service: Service, url: str, code: bytes) -> str:
    """The text of an invitation. Raises `Refusal` for an address that boxes cannot use."""
    invitation = Invitation(url.rstrip("/"), service.key, code)
    try:
        Invitation.parse(str(invitation))
    except WireError as error:
        raise Refusal(400, "not a usable url", "Write it like https://host:8443") from error
    return str(invitation)


def _sees(actor: Actor, lift: Registered) -> bool:
    return actor.firm is None or lift.firm == actor.firm


def _lift(lift: Registered) -> dict[str, object]:
    names = lift.record.landing_names
    return {
        **asdict(lift.record),
        "landing_names": [] if names is None else [name.strip() for name in names.split(",")],
        "firm": lift.firm,
        "changed_ms": lift.changed_ms,
        "changed_by": lift.changed_by,
        "devices": [device.hex() for device in lift.devices],
    }


def _answer(tree: dict[str, object]) -> web.Response:
    return json_answer(json.dumps(tree, ensure_ascii=False))
