"""A platform over HTTP and JSON, as its mapping file says: sign in, send, understand the answer.

In: a `Telling`. Out: nothing once the platform has it, or `HandoverError`. The token is kept in memory, fetched when it
is missing, old, or refused (by the status or by a code inside a 200), and by one of many at a time. What is sent twice
carries the same key. Nothing follows a redirect.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from receiver.adapters.codes import kind_of
from receiver.adapters.mapping import Call, PlatformMapping
from receiver.adapters.template import filled, written
from receiver.adapters.words import BY_THE_CLOCK, Facts, HandoverError, Telling, Value, What
from receiver.sentences import printable

ANSWER_BYTES_MAX = 65_536
LOGIN_PAUSE_S = 60.0
"""What is read of an answer; how soon a refused sign-in is tried again, so that no account gets locked. Ours."""

_PATIENCE = (408, 425, 429)


class _TokenOver(Exception):
    """The platform wants another token."""


class PlatformAdapter:
    """See the module. now_s: a clock that never goes back."""

    def __init__(
        self,
        name: str,
        url: str,
        mapping: PlatformMapping,
        secrets: Mapping[str, str],
        now_s: Callable[[], float],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._mapping = mapping
        self._secrets: dict[str, Value] = {f"secret.{key}": value for key, value in secrets.items()}
        self._now_s = now_s
        self._tls = tls
        self._client: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_until_s = 0.0
        self._signing_in = asyncio.Lock()

    @property
    def name(self) -> str:
        """As in the settings."""
        return self._name

    @property
    def at_once(self) -> int:
        """How many requests may be open."""
        return self._mapping.at_once

    @property
    def language(self) -> str:
        """Of titles and texts."""
        return self._mapping.language

    @property
    def snapshot_s(self) -> int | None:
        """How often every lift is told as it is."""
        return self._mapping.snapshot_s

    @property
    def online_s(self) -> int | None:
        """How often the platform hears that this receiver lives."""
        return self._mapping.online_s

    @property
    def wants_telemetry(self) -> bool:
        """Never: platforms ask for snapshots."""
        return False

    def wants(self, what: What, kind: int | None) -> bool:
        """It is mapped, and its kind has a code."""
        if what not in self._mapping.messages:
            return False
        return what is What.TEST or what in BY_THE_CLOCK or kind is None or self.code_of(kind) is not None

    def code_of(self, kind: int) -> Value:
        """What the file says of a kind; None: it is not told."""
        known = kind_of(kind)
        return self._mapping.other if known is None else self._mapping.codes[known]

    async def hand_over(self, telling: Telling) -> None:
        """See `Adapter`."""
        if not self.wants(telling.what, telling.kind):
            return
        facts = {**telling.facts, "code": None if telling.kind is None else self.code_of(telling.kind)}
        call = self._mapping.messages[telling.what]
        used = await self._valid_token()
        try:
            await self._carry(call, facts, used, telling.key)
        except _TokenOver:
            fresh = await self._valid_token(instead_of=used)
            try:
                await self._carry(call, facts, fresh, telling.key)
            except _TokenOver as error:
                raise HandoverError("the platform does not take the token that it just gave", is_later=True) from error

    def shown(self, telling: Telling) -> tuple[str, str, Mapping[str, str], object]:
        """Method, address, headers and body of a message, for people to look at; nothing is sent."""
        facts = {**telling.facts, "code": None if telling.kind is None else self.code_of(telling.kind)}
        hidden: dict[str, Value] = dict.fromkeys(self._secrets, "***")
        return self._made(self._mapping.messages[telling.what], {**facts, **hidden, "token": "***"})

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _valid_token(self, instead_of: str | None = None) -> str | None:
        if self._mapping.token is None:
            return None
        async with self._signing_in:
            is_good = self._token is not None and self._token != instead_of and self._now_s() < self._token_until_s
            if not is_good:
                self._token = await self._sign_in()
                self._token_until_s = self._now_s() + self._mapping.token.valid_s
            return self._token

    async def _sign_in(self) -> str:
        call = self._mapping.token
        assert call is not None
        try:
            tree = await self._ask(call.call, self._secrets, None)
        except (HandoverError, _TokenOver) as error:
            if isinstance(error, HandoverError) and error.is_away:
                raise
            problem = f"signing in failed: {error if isinstance(error, _TokenOver) else error.problem}"
            raise HandoverError(problem, is_away=True, pause_s=LOGIN_PAUSE_S) from error
        token = inside(tree, call.field)
        if not isinstance(token, str) or not token or not token.isprintable():
            problem = f"signing in failed: the answer has no {'.'.join(call.field)}"
            raise HandoverError(problem, is_away=True, pause_s=LOGIN_PAUSE_S)
        return token

    async def _carry(self, call: Call, facts: Facts, token: str | None, key: str) -> None:
        await self._ask(call, {**facts, **self._secrets, "token": token}, key)

    def _made(self, call: Call, facts: Facts) -> tuple[str, str, dict[str, str], object]:
        headers = {name: printable(template.text(facts)) for name, template in call.headers}
        leaves_out = self._mapping.leaves_out_null
        body = None if call.body is None else filled(call.body, facts, leaves_out_null=leaves_out)
        return call.method, self._url + call.path.text(facts, lambda word: quote(word, safe="")), headers, body

    async def _ask(self, call: Call, facts: Facts, key: str | None) -> object:
        """The answer as a tree. Raises `HandoverError`, `_TokenOver`."""
        method, url, headers, body = self._made(call, facts)
        if key is not None and self._mapping.idempotency_header:
            headers[self._mapping.idempotency_header] = key
        data = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        timeout = aiohttp.ClientTimeout(total=self._mapping.timeout_s)
        tls: ssl.SSLContext | bool = True if self._tls is None else self._tls
        try:
            async with self._session().request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False, ssl=tls
            ) as answer:
                raw = await _whole(answer)
                return self._understood(answer.status, raw)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise HandoverError(f"cannot be reached ({error})", is_away=True) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HandoverError(f"no whole answer ({type(error).__name__})", is_later=True) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._mapping.at_once + 1))
        return self._client

    def _understood(self, status: int, raw: bytes) -> object:
        rules = self._mapping.answer
        said = printable(raw.decode("utf-8", "replace"))[:200]
        if status in rules.status_token_over and self._mapping.token is not None:
            raise _TokenOver(f"{status}: {said}")
        if status not in rules.status_ok:
            is_later = status >= 500 or status in _PATIENCE
            is_final = 400 <= status < 500 and not is_later
            raise HandoverError(f"{status}: {said}", is_final=is_final, is_later=is_later)
        if not rules.code_field and not raw.strip():
            return None
        try:
            tree = json.loads(raw)
        except (ValueError, RecursionError) as error:
            if not rules.code_field:
                return None
            raise HandoverError(f"the answer is no JSON: {said}", is_later=True) from error
        if not rules.code_field:
            return tree
        return self._judged(tree, said)

    def _judged(self, tree: object, said: str) -> object:
        """What the code inside an answer says."""
        rules = self._mapping.answer
        found = inside(tree, rules.code_field)
        code = written(found) if isinstance(found, str | int | float | bool) else None
        text = inside(tree, rules.text_field) if rules.text_field else None
        problem = f"code {code}: {printable(str(text))[:200] if text is not None else said}"
        if code is None:
            raise HandoverError(f"the answer has no {'.'.join(rules.code_field)}: {said}")
        if code in rules.ok or code in rules.had_it:
            return tree
        if code in rules.token_over:
            raise _TokenOver(problem)
        raise HandoverError(problem, is_final=code in rules.refused, is_later=code in rules.later)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """At most `ANSWER_BYTES_MAX`; what is longer is cut and will be no JSON."""
    raw = bytearray()
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES_MAX:
            break
    return bytes(raw[:ANSWER_BYTES_MAX])


def inside(tree: Any, path: tuple[str, ...]) -> object:
    """What stands at a place of an answer; None: nothing."""
    for key in path:
        if isinstance(tree, dict):
            tree = tree.get(key)
        elif isinstance(tree, list) and key.isdecimal() and int(key) < len(tree):
            tree = tree[int(key)]
        else:
            return None
    return tree
