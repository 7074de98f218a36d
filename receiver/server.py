"""Puts the receiver on a port: routes, guards in front of every answer, start and clean stop."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from receiver.access import ACTOR, Needs, Sees, address_of, admitted, needs_of
from receiver.adapters.api import adapter_routes
from receiver.adapters.runner import AdapterLoop, run_all
from receiver.adapters.settings import Configured
from receiver.bodies import Refusal
from receiver.box_api import UNAVAILABLE_S, box_routes
from receiver.connections import PATIENCE, ConnectionCounts, GuardedConnection, Patience, guarded
from receiver.door import Door
from receiver.enrol_api import enrol_routes
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.escalation_api import escalation_routes
from receiver.escalator import Escalator
from receiver.evidence_api import evidence_routes
from receiver.lift_api import lift_routes
from receiver.out_api import out_routes
from receiver.page import HEADERS, page_routes
from receiver.people import People
from receiver.people_api import people_routes
from receiver.picture_api import picture_routes
from receiver.refusals import Refusals
from receiver.register_api import firm_routes, register_routes
from receiver.revocation import SUBJECT_HEADER, named_in
from receiver.revocation_api import revocation_routes
from receiver.roles import Role
from receiver.service import Service
from receiver.session_api import audit_routes, people_admin_routes, session_routes

BACKLOG = 1_024
KEEPALIVE_S = 75.0
STOP_S = 2.0
"""Backlog: design/wire.md section 6.1. Keep-alive longer than a poll for notices; a stop that nobody notices. Ours."""

_SAID_ELSEWHERE = (401, 403, 503)  # at the door, and by whoever could not store
_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. names: further host names under which people open the page, for example behind a proxy."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        return _is_loopback(self.host)


class Running:
    """A server that listens."""

    def __init__(
        self,
        service: Service,
        door: Door,
        escalator: Escalator | None,
        adapters: Sequence[Configured],
        runner: web.AppRunner,
        server: asyncio.Server,
        url: str,
    ) -> None:
        self.url = url
        self._door = door
        self._service = service
        self._runner = runner
        self._server = server
        self.routes = tuple(
            (route.method, route.resource.canonical)
            for route in runner.app.router.routes()
            if route.resource is not None and route.method != "HEAD"
        )
        self._tasks = [asyncio.create_task(service.run())]
        if escalator is not None:
            self._tasks.append(asyncio.create_task(escalator.run()))
        if adapters:
            self._tasks.append(asyncio.create_task(run_all([AdapterLoop(service, each.adapter) for each in adapters])))

    async def stop(self) -> None:
        """Answer what has arrived, then close."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._service.hub.stop()
        await self._runner.cleanup()
        await self._service.stop()
        self._door.stop()


async def start(
    service: Service,
    people: People,
    address: Address,
    patience: Patience = PATIENCE,
    escalator: Escalator | None = None,
    adapters: Sequence[Configured] = (),
) -> Running:
    """Listen. escalator: tells people outside; adapters: tell other programs.

    Raises `ReceiverError` when the port cannot be had.
    """
    door = Door(people, service.now_ms)
    app = web.Application(middlewares=[_guard(address, door, service)])
    app.on_response_prepare.append(_add_headers)
    app.add_routes(_routes(service, door, address, patience, adapters))
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=STOP_S,
        lingering_time=patience.linger_s,
        logger=_http_logger(service.refusals),
        auto_decompress=False,  # a compressed body is refused by its type of bytes, never inflated
    )
    await runner.setup()
    assert runner.server is not None
    try:
        server = await asyncio.get_running_loop().create_server(
            guarded(runner.server, ConnectionCounts(refusals=service.refusals), patience.head_s),
            address.host,
            address.port,
            backlog=BACKLOG,
        )
    except OSError as error:
        await runner.cleanup()
        door.stop()
        raise _cannot_listen(address, error) from error
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = server.sockets[0].getsockname()[1]
    return Running(service, door, escalator, adapters, runner, server, f"http://{host}:{port}")


def _routes(
    service: Service, door: Door, address: Address, patience: Patience, adapters: Sequence[Configured]
) -> list[web.RouteDef]:
    return [
        *box_routes(service, patience),
        *enrol_routes(service, patience),
        *session_routes(service, door, address, patience),
        *people_admin_routes(service, door, patience),
        *audit_routes(door),
        *register_routes(service, patience),
        *escalation_routes(service, patience),
        *adapter_routes(service, patience, adapters),
        *out_routes(service),
        *firm_routes(service, patience),
        *revocation_routes(service, patience),
        *people_routes(service, door, patience),
        *evidence_routes(service, door, patience),
        *picture_routes(service),
        *lift_routes(service),
        *page_routes(),
    ]


def _http_logger(refusals: Refusals) -> logging.Logger:
    """Bytes that are no HTTP are counted like any refusal: a stranger must not fill the log with tracebacks."""

    def is_error_of_ours(entry: logging.LogRecord) -> bool:
        error = entry.exc_info[1] if entry.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        refusals.note("no_http", "somebody", f"no HTTP: {type(error).__name__}")
        return False

    logger = logging.Logger("receiver.http")
    logger.parent = logging.getLogger("receiver")
    logger.addFilter(is_error_of_ours)
    return logger


def _cannot_listen(address: Address, error: OSError) -> ReceiverError:
    subject = f"port {address.port} on {address.host}"
    if error.errno == errno.EADDRINUSE:
        hint = "Stop that program, choose another port with --port N, or take any free one with --port 0"
        return ReceiverError("in use by another program", subject=subject, hint=hint)
    if error.errno == errno.EACCES:
        return ReceiverError("not allowed to this user", subject=subject, hint="Choose a port above 1023 with --port N")
    hint = "Give --host an address of this machine, for example 127.0.0.1"
    return ReceiverError(f"cannot be listened on ({error.strerror or error})", subject=subject, hint=hint)


def _guard(address: Address, door: Door, service: Service) -> Middleware:
    sees: Sees = service.sees
    refusals = service.refusals

    @web.middleware
    async def guard(request: web.Request, handler: _Answer) -> web.StreamResponse:
        connection = None if request.transport is None else request.transport.get_protocol()
        if isinstance(connection, GuardedConnection):
            connection.head_complete()
        needs: Needs | Role | None = None
        try:
            needs = needs_of(request)
            if needs is not Needs.BOX:
                _check_where_from(request, address)
            else:
                await _check_certificate(request, service)
            if isinstance(needs, Role):
                request[ACTOR] = await admitted(request, door, needs, address, sees)
            return await handler(request)
        except Refusal as refusal:
            what = f"{request.method} {request.path[:80]}: {refusal.status} {refusal.problem}"
            is_said = refusal.status not in _SAID_ELSEWHERE
            if needs is Needs.BOX and refusal.status == 403:  # a box that is revoked, or a seal that is not its own
                await door.refused(None, address_of(request, address), request.method, request.path, refusal.problem)
            refusals.note(str(refusal.status), address_of(request, address), what, is_said=is_said)
            return refusal.response()
        except StoreUnavailable as error:
            return Refusal(503, error.problem, error.hint, retry_after_s=UNAVAILABLE_S).response()
        except web.HTTPException as refusal:
            return Refusal(refusal.status, refusal.reason.lower(), "See docs/receiver.md for the addresses").response()
        finally:
            if isinstance(connection, GuardedConnection):
                connection.answered()

    return guard


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _check_where_from(request: web.Request, address: Address) -> None:
    """No other site may speak through a browser that can reach this port. Raises `Refusal` 403.

    A page of another site carries its own Origin; a name of another site that was pointed at this machine (DNS
    rebinding) carries its own Host.
    """
    host = _host_name(request.host)
    if address.is_loopback and not _is_loopback(host) and host not in address.names:
        hint = "Open it as http://127.0.0.1, or start the receiver with --name and the name you use"
        raise Refusal(403, f"this receiver is not known as {host[:60]!r}", hint)
    if "\x00" in request.path or any("\x00" in value for value in request.query.values()):
        raise Refusal(400, "U+0000 in the address", "No name holds it")
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Refusal(403, "asked by a page of another site", "Open the receiver's own page")


async def _check_certificate(request: web.Request, service: Service) -> None:
    """The certificate that a box showed to what speaks TLS in front, where that passes it on. Raises `Refusal` 403."""
    device = named_in(request.headers.get(SUBJECT_HEADER, ""))
    if device is not None and await service.is_revoked(device):
        hint = "An administrator can take it back: lift-receiver enrol reinstate"
        raise Refusal(403, f"the certificate is that of box {device.hex()}, which is revoked", hint)


def _host_name(host: str) -> str:
    """Without port and brackets, in small letters."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_if_reachable(address: Address, has_people: bool) -> Sequence[str]:
    """What must be said before people rely on it."""
    if address.is_loopback and not address.names:
        return ()
    if not has_people:
        return (
            f"WARNING: {address.host} can be reached by others, and no people are known here: boxes are served, but "
            "nobody can see or take over an incident until `lift-receiver user add NAME --role admin`.",
        )
    if address.is_loopback:
        return ()
    return (f"WARNING: {address.host} speaks plain HTTP: put something that speaks TLS in front of it.",)
