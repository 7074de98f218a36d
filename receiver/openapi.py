"""The description of every address for people and programs, OpenAPI 3.1, made from the table of who may ask what.

Source: OpenAPI Specification 3.1.0. Addresses of boxes speak sealed CBOR, see docs/wire.md; they are named only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from receiver.access import ADDRESSES, CSRF_HEADER, SECURE_COOKIE, Needs
from receiver.register import FIELDS
from receiver.roles import Role

_Tree = dict[str, object]
_TEXT: _Tree = {"type": "string"}
_WHOLE: _Tree = {"type": "integer"}
_FORMAT: _Tree = {"enum": ["json", "senml"]}

SUMMARIES: Mapping[tuple[str, str], str] = {
    ("POST", "/v1/records"): "Box: a batch of sealed records; answered by a sealed receipt",
    ("POST", "/v1/record"): "Box: one sealed record that came as a short message",
    ("POST", "/v1/evidence"): "Box: a part of a recording that was asked for",
    ("GET", "/v1/notices"): "Box: what people did, waiting for it",
    ("GET", "/v1/hello"): "Box that joins: the receiver shows its key",
    ("POST", "/v1/join"): "Box that joins: with an invitation",
    ("POST", "/v1/renew"): "Box: another certificate",
    ("GET", "/healthz"): "The process answers",
    ("GET", "/"): "The live page",
    ("GET", "/static/{name}"): "Files of the live page",
    ("POST", "/v1/session"): "Sign in; sets the cookie and gives the token against forged requests",
    ("GET", "/v1/session"): "Who is signed in",
    ("DELETE", "/v1/session"): "Sign out",
    ("POST", "/v1/session/password"): "Another password for whoever is signed in",
    ("GET", "/v1/incidents"): "Open incidents, common causes, troubles, boxes",
    ("GET", "/v1/incidents/{id}"): "One incident",
    ("POST", "/v1/incidents/{id}/notice"): "What a person did about an incident",
    ("POST", "/v1/incidents/{id}/evidence"): "Ask the box for the recording around an alarm",
    ("GET", "/v1/incidents/{id}/evidence"): "The recording around an alarm",
    ("GET", "/v1/incidents/{id}/picture"): "What the sensors said around an alarm, once its recording is here",
    ("GET", "/v1/boxes/{device}"): "One box: its trips, trends, health and signal",
    ("POST", "/v1/boxes/{device}/revocation"): "Hear a box no more",
    ("DELETE", "/v1/boxes/{device}/revocation"): "Hear a box again",
    ("PUT", "/v1/boxes/{device}/lift"): "Say at which lift a box is that does not say so itself",
    ("GET", "/v1/revocations"): "Boxes that are heard no more",
    ("GET", "/v1/revoked.crl"): "Certificates of revoked boxes, for what speaks TLS in front (RFC 5280, PEM)",
    ("GET", "/v1/events"): "Server-sent events: board, incident, boxes, beat",
    ("GET", "/v1/lifts"): "The register of lifts, 500 at a time",
    ("GET", "/v1/lifts/{lift}"): "One lift and the firms that looked after it",
    ("PUT", "/v1/lifts/{lift}"): "Write down what is known of a lift",
    ("POST", "/v1/lifts/{lift}/handover"): "Give a lift to another firm and end the keys of the one before",
    ("GET", "/v1/firms"): "Maintenance firms",
    ("PUT", "/v1/firms/{firm}"): "Write down a firm",
    ("POST", "/v1/invitations"): "A one-time code with which a box joins",
    ("GET", "/v1/escalation"): "Messages to people outside, by state; the dead-letter view is ?state=dead",
    ("POST", "/v1/escalation/retry"): "Try a dead message again",
    ("GET", "/v1/escalation/lists/{lift}"): "Who is told of the alarms of a lift; `default` for all others",
    ("PUT", "/v1/escalation/lists/{lift}"): "Set who is told",
    ("GET", "/v1/adapters"): "How far each other program is told, and what was refused: ?state=dead",
    ("POST", "/v1/adapters/retry"): "Tell another program again what was refused",
    ("GET", "/v1/feed"): "Records and notices in the order of the commits, after a position",
    ("GET", "/v1/csv/incidents"): "Open and recent incidents as CSV",
    ("GET", "/v1/csv/lifts"): "The register as CSV",
    ("GET", "/metrics"): "Figures for Prometheus",
    ("GET", "/v1/openapi.json"): "This description",
    ("GET", "/v1/users"): "People who may sign in",
    ("POST", "/v1/users"): "Another person",
    ("PATCH", "/v1/users/{name}"): "Another role, firm, name or password of a person",
    ("DELETE", "/v1/users/{name}"): "Remove a person",
    ("GET", "/v1/audit"): "Who did what, and what was refused; 200 lines at a time",
}


def _object(must: tuple[str, ...] = (), **kinds: _Tree) -> _Tree:
    return {"type": "object", "properties": kinds, "required": list(must), "additionalProperties": False}


_STEP = _object(
    ("after_s", "channel", "target"),
    after_s=_WHOLE,
    channel={"enum": ["mail", "sms", "webhook"]},
    target=_TEXT,
    language={"enum": ["en", "zh"]},
)
_LIFT: dict[str, _Tree] = {name: _WHOLE if kind is int else _TEXT for name, kind in FIELDS.items()}
_ROLE: _Tree = {"enum": [role.word for role in Role]}
BODIES: Mapping[tuple[str, str], _Tree] = {
    ("POST", "/v1/session"): _object(("name", "password"), name=_TEXT, password=_TEXT),
    ("POST", "/v1/session/password"): _object(("old", "new"), old=_TEXT, new=_TEXT),
    ("POST", "/v1/incidents/{id}/notice"): _object(
        ("act",),
        act={"enum": ["shown", "taken_over", "help_sent", "on_site", "closed", "false_alarm", "remote_reset"]},
        who=_TEXT,
        eta_min=_WHOLE,
    ),
    ("POST", "/v1/incidents/{id}/evidence"): _object(),
    ("PUT", "/v1/lifts/{lift}"): _object((), **_LIFT),
    ("POST", "/v1/lifts/{lift}/handover"): _object(("firm", "url"), firm=_TEXT, url=_TEXT),
    ("PUT", "/v1/boxes/{device}/lift"): _object(("lift",), lift=_TEXT),
    ("POST", "/v1/boxes/{device}/revocation"): _object((), why=_TEXT),
    ("PUT", "/v1/firms/{firm}"): _object((), phone=_TEXT, mail=_TEXT),
    ("POST", "/v1/invitations"): _object(("url",), url=_TEXT),
    ("POST", "/v1/escalation/retry"): _object(("name",), name=_TEXT),
    ("POST", "/v1/adapters/retry"): _object(("adapter",), adapter=_TEXT, key=_TEXT),
    ("PUT", "/v1/escalation/lists/{lift}"): _object(("steps",), steps={"type": "array", "items": _STEP}),
    ("POST", "/v1/users"): _object(
        ("name", "role", "password"), name=_TEXT, shown=_TEXT, role=_ROLE, password=_TEXT, firm=_TEXT
    ),
    ("PATCH", "/v1/users/{name}"): _object(
        (), shown=_TEXT, role=_ROLE, password=_TEXT, firm=_TEXT, is_disabled={"type": "boolean"}
    ),
}
_TEXT_OR_NONE: _Tree = {"type": ["string", "null"]}
_WHOLE_OR_NONE: _Tree = {"type": ["integer", "null"]}
_LIST: _Tree = {"type": "array"}
_ANY: _Tree = {"type": "object"}


def _all(**kinds: _Tree) -> _Tree:
    return _object(tuple(kinds), **kinds)


def _list_of(kind: _Tree) -> _Tree:
    return {"type": "array", "items": kind}


_PERSON = _all(
    name=_TEXT, shown=_TEXT, role=_ROLE, firm=_TEXT_OR_NONE, is_disabled={"type": "boolean"}, since_ms=_WHOLE
)
_FIRM = _all(name=_TEXT, phone=_TEXT_OR_NONE, mail=_TEXT_OR_NONE)
_REVOKED = _all(device=_TEXT, lift=_TEXT_OR_NONE, at_ms=_WHOLE, by=_TEXT, why=_TEXT)
_SHOWN_LIFT: dict[str, _Tree] = {
    "lift_no": _TEXT,
    **{name: _WHOLE_OR_NONE if kind is int else _TEXT_OR_NONE for name, kind in FIELDS.items()},
    "landing_names": _list_of(_TEXT),
    "firm": _TEXT_OR_NONE,
    "changed_ms": _WHOLE,
    "changed_by": _TEXT,
    "devices": _list_of(_TEXT),
}
_BOUND = _all(firm=_TEXT, since_ms=_WHOLE, until_ms=_WHOLE_OR_NONE, by=_TEXT)
_LINE = _all(
    **dict.fromkeys(("address", "what", "subject", "outcome", "detail"), _TEXT),
    at_ms=_WHOLE,
    who=_TEXT_OR_NONE,
    role=_TEXT_OR_NONE,
)
_STEPS = _all(steps=_list_of(_STEP))
_INCIDENT = _all(now_ms=_WHOLE, incident=_ANY)
_DONE = _all(status=_TEXT)
ANSWERS: Mapping[tuple[str, str], _Tree] = {
    ("GET", "/v1/incidents"): _all(
        now_ms=_WHOLE, receiver=_TEXT, left_off=_WHOLE, incidents=_LIST, occasions=_LIST, troubles=_LIST, devices=_LIST
    ),
    ("GET", "/v1/incidents/{id}"): _INCIDENT,
    ("POST", "/v1/incidents/{id}/notice"): _INCIDENT,
    ("POST", "/v1/incidents/{id}/evidence"): _INCIDENT,
    ("GET", "/v1/lifts"): _all(lifts=_list_of(_all(**_SHOWN_LIFT)), after=_TEXT_OR_NONE),
    ("GET", "/v1/lifts/{lift}"): _all(**_SHOWN_LIFT, firms=_list_of(_BOUND)),
    ("PUT", "/v1/lifts/{lift}"): _all(**_SHOWN_LIFT),
    ("POST", "/v1/lifts/{lift}/handover"): _all(devices=_list_of(_TEXT), invitation=_TEXT, qr=_list_of(_TEXT)),
    ("GET", "/v1/firms"): _all(firms=_list_of(_FIRM)),
    ("PUT", "/v1/firms/{firm}"): _FIRM,
    ("POST", "/v1/invitations"): _all(invitation=_TEXT, qr=_list_of(_TEXT)),
    ("PUT", "/v1/boxes/{device}/lift"): _all(device=_TEXT, lift=_TEXT),
    ("POST", "/v1/boxes/{device}/revocation"): _REVOKED,
    ("DELETE", "/v1/boxes/{device}/revocation"): _DONE,
    ("GET", "/v1/revocations"): _all(revoked=_list_of(_REVOKED)),
    ("GET", "/v1/escalation"): _all(ways=_ANY, messages=_LIST),
    ("POST", "/v1/escalation/retry"): _DONE,
    ("GET", "/v1/escalation/lists/{lift}"): _STEPS,
    ("PUT", "/v1/escalation/lists/{lift}"): _STEPS,
    ("GET", "/v1/adapters"): _all(adapters=_LIST, messages=_LIST),
    ("POST", "/v1/adapters/retry"): _all(again=_WHOLE),
    ("GET", "/v1/users"): _all(users=_list_of(_PERSON)),
    ("POST", "/v1/users"): _PERSON,
    ("PATCH", "/v1/users/{name}"): _PERSON,
    ("DELETE", "/v1/users/{name}"): _DONE,
    ("GET", "/v1/audit"): _all(lines=_list_of(_LINE), before=_TEXT_OR_NONE),
    ("GET", "/healthz"): _DONE,
}
"""What comes back where all went well, where it is JSON."""

QUERIES: Mapping[tuple[str, str], Mapping[str, _Tree]] = {
    ("GET", "/v1/feed"): {"after": _WHOLE, "limit": _WHOLE, "format": _FORMAT},
    ("GET", "/v1/boxes/{device}"): {"format": _FORMAT},
    ("GET", "/v1/lifts"): {"after": _TEXT},
    ("GET", "/v1/escalation"): {"state": {"enum": ["waiting", "sent", "dead", "not_needed"]}},
    ("GET", "/v1/adapters"): {"adapter": _TEXT, "state": {"enum": ["waiting", "sent", "dead"]}},
    ("GET", "/v1/audit"): {"before": _TEXT},
}


def description() -> _Tree:
    """The whole document as a JSON tree."""
    paths: dict[str, _Tree] = {}
    for (method, path), need in ADDRESSES.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, need)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lift receiver", "version": "1", "description": "See docs/receiver.md and docs/wire.md"},
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": SECURE_COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {"Problem": _object(("problem", "hint"), problem=_TEXT, hint=_TEXT)},
        },
    }


def _operation(method: str, path: str, need: Needs | Role) -> _Tree:
    where = (method, path)
    asked: list[_Tree] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in re.findall(r"{(\w+)}", path)
    ]
    asked += [{"name": name, "in": "query", "schema": kind} for name, kind in QUERIES.get(where, {}).items()]
    if isinstance(need, Role) and method != "GET":
        asked.append({"name": CSRF_HEADER, "in": "header", "schema": _TEXT, "description": "with a cookie"})
    done: _Tree = {"description": "done"}
    if where in ANSWERS:
        done["content"] = {"application/json": {"schema": ANSWERS[where]}}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation: _Tree = {
        "summary": SUMMARIES.get(where, path),
        "parameters": asked,
        "responses": {"200": done, "default": {"description": "refused", "content": problem}},
        "security": [{"session": []}, {"token": []}] if isinstance(need, Role) else [],
    }
    if isinstance(need, Role):
        operation["x-role"] = need.word
    if where in BODIES:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": BODIES[where]}}}
    return operation
