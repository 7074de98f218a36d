"""What each address needs: nothing, the seal of a box, or a person of some role; and where the person is read from.

Fails closed: an address that is not in the table is refused to everybody; a test compares the table with the routes.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aiohttp import web

from receiver.bodies import Refusal
from receiver.door import Door, local_actor
from receiver.people import Session, csrf_of
from receiver.roles import Actor, Role

COOKIE = "lift_session"
SECURE_COOKIE = "__Host-lift_session"
CSRF_HEADER = "X-CSRF-Token"
ACTOR = web.RequestKey("actor", Actor)
_SESSION = web.RequestKey("session", Session)
_SAFE = ("GET", "HEAD")
_UNATTENDED_HINT = "Make the first administrator with `lift-receiver user add NAME --role admin`"


Sees = Callable[[bytes, str], Awaitable[bool]]
"""Whether a firm looks after the lift of a box."""


class Needs(Enum):
    """What is asked for where no person is."""

    NOTHING = 0  # anybody
    BOX = 1  # what comes is sealed by a box


ADDRESSES: Mapping[tuple[str, str], Needs | Role] = {
    ("POST", "/v1/records"): Needs.BOX,
    ("POST", "/v1/record"): Needs.BOX,
    ("POST", "/v1/evidence"): Needs.BOX,
    ("GET", "/v1/notices"): Needs.BOX,
    ("GET", "/v1/hello"): Needs.BOX,
    ("POST", "/v1/join"): Needs.BOX,
    ("POST", "/v1/renew"): Needs.BOX,
    ("GET", "/healthz"): Needs.BOX,  # watched by programs, under whatever name
    ("GET", "/"): Needs.NOTHING,
    ("GET", "/static/{name}"): Needs.NOTHING,
    ("POST", "/v1/session"): Needs.NOTHING,
    ("GET", "/v1/session"): Role.VIEWER,
    ("DELETE", "/v1/session"): Role.VIEWER,
    ("POST", "/v1/session/password"): Role.VIEWER,
    ("GET", "/v1/incidents"): Role.VIEWER,
    ("GET", "/v1/incidents/{id}"): Role.VIEWER,
    ("POST", "/v1/incidents/{id}/notice"): Role.OPERATOR,
    ("POST", "/v1/incidents/{id}/evidence"): Role.OPERATOR,
    ("GET", "/v1/incidents/{id}/evidence"): Role.VIEWER,
    ("GET", "/v1/incidents/{id}/picture"): Role.VIEWER,
    ("GET", "/v1/boxes/{device}"): Role.VIEWER,
    ("POST", "/v1/boxes/{device}/revocation"): Role.ADMIN,
    ("DELETE", "/v1/boxes/{device}/revocation"): Role.ADMIN,
    ("PUT", "/v1/boxes/{device}/lift"): Role.INSTALLER,
    ("GET", "/v1/revocations"): Role.VIEWER,
    ("GET", "/v1/revoked.crl"): Role.VIEWER,
    ("GET", "/v1/events"): Role.VIEWER,
    ("GET", "/v1/lifts"): Role.VIEWER,
    ("GET", "/v1/lifts/{lift}"): Role.VIEWER,
    ("PUT", "/v1/lifts/{lift}"): Role.INSTALLER,
    ("POST", "/v1/lifts/{lift}/handover"): Role.ADMIN,
    ("GET", "/v1/firms"): Role.VIEWER,
    ("PUT", "/v1/firms/{firm}"): Role.ADMIN,
    ("POST", "/v1/invitations"): Role.INSTALLER,
    ("GET", "/v1/escalation"): Role.VIEWER,
    ("POST", "/v1/escalation/retry"): Role.OPERATOR,
    ("GET", "/v1/escalation/lists/{lift}"): Role.VIEWER,
    ("PUT", "/v1/escalation/lists/{lift}"): Role.ADMIN,
    ("GET", "/v1/adapters"): Role.VIEWER,
    ("POST", "/v1/adapters/retry"): Role.OPERATOR,
    ("GET", "/v1/feed"): Role.VIEWER,
    ("GET", "/v1/csv/incidents"): Role.VIEWER,
    ("GET", "/v1/csv/lifts"): Role.VIEWER,
    ("GET", "/metrics"): Role.VIEWER,
    ("GET", "/v1/openapi.json"): Needs.NOTHING,
    ("GET", "/v1/users"): Role.ADMIN,
    ("POST", "/v1/users"): Role.ADMIN,
    ("PATCH", "/v1/users/{name}"): Role.ADMIN,
    ("DELETE", "/v1/users/{name}"): Role.ADMIN,
    ("GET", "/v1/audit"): Role.ADMIN,
}


FIRM_AWARE = frozenset(
    (
        "/v1/session",
        "/v1/session/password",
        "/v1/incidents",
        "/v1/events",
        "/v1/lifts",
        "/v1/lifts/{lift}",
        "/v1/firms",
        "/v1/invitations",
        "/v1/csv/incidents",
        "/v1/csv/lifts",
    )
)
"""Addresses that show a person of one firm no more than its lifts. What names a box or an incident is checked in one
place; anything else is refused to such a person."""


class Listening(Protocol):
    """Where the receiver listens, as far as access depends on it."""

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which people open it through a proxy."""
        ...


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as it came with a request."""

    token: str
    is_cookie: bool


def needs_of(request: web.Request) -> Needs | Role:
    """What this address needs. Raises `Refusal` 404 for one that does not exist, 405, 403 for one not in the table."""
    problem = request.match_info.http_exception
    if problem is not None:
        raise problem
    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    found = ADDRESSES.get(("GET" if request.method == "HEAD" else request.method, path))
    if found is None:
        raise Refusal(403, "nobody may ask this", "See docs/receiver.md for the addresses")
    return found


def address_of(request: web.Request, listening: Listening) -> str:
    """Where a request comes from; behind a proxy on this machine, what the proxy says."""
    peer = request.remote or "local"
    forwarded = request.headers.get("X-Forwarded-For", "")
    if listening.names and peer in ("127.0.0.1", "::1", "local") and forwarded:
        return forwarded.rpartition(",")[2].strip()[:64]
    return peer


def presented(request: web.Request) -> Presented | None:
    """The token of a request: a program's in `Authorization: Bearer`, a page's in its cookie."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return Presented(rest.strip()[:200], is_cookie=False)
    token = request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)
    return None if token is None else Presented(token[:200], is_cookie=True)


async def admitted(request: web.Request, door: Door, role: Role, listening: Listening, sees: Sees) -> Actor:
    """The person who asks. Raises `Refusal` 401 or 403, and writes it down."""
    address = address_of(request, listening)
    what, subject = request.method, request.path[:120]
    if await door.is_unattended():
        if listening.is_loopback and not listening.names:
            return local_actor(address)
        await door.refused(None, address, what, subject, "no people are known yet")
        raise Refusal(403, "no people are known here yet, and other machines can reach this port", _UNATTENDED_HINT)
    came = presented(request)
    if came is None:
        raise Refusal(401, "nobody is signed in", "Sign in: POST /v1/session")
    session = await door.session(came.token)
    if session is None:
        await door.refused(None, address, what, subject, "a session that is forged or over")
        raise Refusal(401, "this session is over", "Sign in again: POST /v1/session")
    person = session.person
    actor = Actor(person.name, person.shown, person.role, address, person.firm)
    if request.method not in _SAFE and came.is_cookie:
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_of(came.token).encode()):
            await door.refused(actor, address, what, subject, "without the token against forged requests")
            raise Refusal(403, f"the header {CSRF_HEADER} is missing or wrong", "Send `csrf` of GET /v1/session")
    if actor.role < role:
        await door.refused(actor, address, what, subject, f"the role {actor.role.word} is not enough")
        raise Refusal(403, f"a {actor.role.word} may not do this", f"It takes the role {role.word}")
    if actor.firm is not None:
        await _stay_inside(request, actor, actor.firm, sees)
    request[_SESSION] = session
    return actor


async def _stay_inside(request: web.Request, actor: Actor, firm: str, sees: Sees) -> None:
    """A person of one firm asks about its lifts only. Raises `Refusal` 404 for the lift of another, 403."""
    resource = request.match_info.route.resource
    named = request.match_info.get("id") or request.match_info.get("device")
    if named is not None:
        try:
            device = bytes.fromhex(named[:16])
        except ValueError:
            device = b""
        if not await sees(device, firm):
            raise Refusal(404, "there is no such incident or box among your lifts", "See GET /v1/incidents")
    elif resource is None or resource.canonical not in FIRM_AWARE:
        raise Refusal(403, "this shows the lifts of all firms", f"Ask somebody who is not bound to {actor.firm}")


def actor_of(request: web.Request) -> Actor:
    """The person whom the guard has admitted."""
    return request[ACTOR]


def session_of(request: web.Request) -> Session | None:
    """The session of that person; None: no people are known yet."""
    return request.get(_SESSION)
