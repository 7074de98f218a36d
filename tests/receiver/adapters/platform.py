"""An imitation of a supervision platform: signs in, answers as real ones are said to, and keeps what it takes.

It says HTTP 200 to nearly everything and puts its own code inside; tokens run out; it can be slow, broken or away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PASSWORD = "very secret"


@dataclass
class Platform:
    """says: what is answered instead, for the next requests; one is used up by each."""

    url: str = ""
    token: str = "t1"
    has_account: bool = True
    log_ins: int = 0
    says: list[Callable[[], Awaitable[web.StreamResponse]]] = field(default_factory=list)
    taken: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    seen: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def then(self, *answers: Callable[[], Awaitable[web.StreamResponse]]) -> None:
        """Answer the next requests like this."""
        self.says += answers

    async def log_in(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.log_ins += 1
        if not self.has_account or said != {"username": "firm", "password": PASSWORD}:
            return web.json_response({"code": 40100, "msg": "wrong password"})
        return web.json_response({"code": 0, "data": {"token": self.token}})

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.seen += 1
        body = json.loads(await request.read())
        if self.says:
            return await self.says.pop(0)()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 40101, "msg": "token expired"})
        key = request.headers["Idempotency-Key"]
        if key in self.keys:
            return web.json_response({"code": 40900, "msg": "exists"})
        self.keys.append(key)
        self.taken.append((request.path, body))
        self.news.set()
        return web.json_response({"code": 0, "msg": "ok"})


def code(number: int, status: int = 200) -> Callable[[], Awaitable[web.StreamResponse]]:
    """An answer with a code inside."""

    async def answer() -> web.StreamResponse:
        return web.json_response({"code": number, "msg": f"says {number}"}, status=status)

    return answer


def text(words: str, status: int = 200) -> Callable[[], Awaitable[web.StreamResponse]]:
    """An answer that is no JSON."""

    async def answer() -> web.StreamResponse:
        return web.Response(text=words, status=status)

    return answer


def never(gate: asyncio.Event) -> Callable[[], Awaitable[web.StreamResponse]]:
    """An answer that does not come before the gate is opened."""

    async def answer() -> web.StreamResponse:
        await gate.wait()
        return web.Response(status=500)

    return answer


@asynccontextmanager
async def a_platform() -> AsyncIterator[Platform]:
    """It listens on loopback."""
    platform = Platform()
    app = web.Application()
    app.router.add_post("/api/auth/login", platform.log_in)
    app.router.add_route("*", "/api/{rest:.*}", platform.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    try:
        yield platform
    finally:
        await runner.cleanup()
